/*
 * gateway: holds agents that call a model through us to their lease. Private to
 * engine/; the engine thread's own, but for the relay's thread.
 *
 * A request comes from net as INPUT_LLM with a flow for its answer. It is held
 * against the lease in the engine's model, gets a reservation within it (in
 * memory alone: the lease itself is in the log), and goes to the model's server
 * by jobs/relay. When it has ended, what was used is committed as a spending of
 * the held lease, and only then the end of the answer goes out.
 *
 * Not enough left: more is asked of the core, which gives it within the stage's
 * cap by itself and else asks a person; meanwhile the request waits.
 */
#ifndef ENGINE_GATEWAY_H
#define ENGINE_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/effect.h"
#include "core/event.h"
#include "core/input.h"

struct engine;
struct gateway;

/* NULL and no err: nothing to do in this run (no listeners, a rehearsal, or no
 * agent via llm). `token` is the operator's: the key that leases are signed
 * with. */
struct gateway *gateway_new(struct engine *e, const char *token,
			    struct err *err);
/* Cuts all answers. Before net_stop(). */
void gateway_free(struct gateway **gateway);

/* INPUT_LLM, INPUT_LLM_DONE and INPUT_LLM_LEFT. */
bool gateway_is_for(const struct input *input);
void gateway_take(struct engine *e, struct input **input);
/* The core's answer to what the gateway asked or booked, once it is stored. */
void gateway_replied(struct engine *e, const struct origin *origin, bool ok,
		     const char *text);
/* An event that is stored: a lease may have ended by it. */
void gateway_event(struct engine *e, const struct event *event);

/* The request of a call with what its agent needs to use the gateway added to
 * its lease: base_url, key. NULL: nothing to add. Caller frees. */
char *gateway_request(const struct engine *e, const struct effect *call);

#endif
