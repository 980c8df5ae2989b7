/*
 * relay: carries requests of the metering gateway to models and their answers
 * back, hundreds at a time. One thread that drives all transfers with one curl
 * multi handle; what belongs to a transfer belongs to that thread.
 *
 * An answer goes straight into the flow of its request, metered while it
 * streams (meter.h); a client that reads slowly pauses its transfer. Its end is
 * kept back: it comes to the engine with what was used, as INPUT_LLM_DONE, and
 * whoever books it writes it into the flow.
 */
#ifndef JOBS_RELAY_H
#define JOBS_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/flow.h"
#include "base/json.h"
#include "base/mailbox.h"
#include "show/show.h"

struct relay_call {
	char id[64];
	int agent;	/* the via: llm agent that is called */
	enum show_api api;
	bool stream, usage_wanted;
	int choices;
	int64_t prompt_tokens; /* estimated */
	int64_t output_tokens; /* of all choices together */
	char *lease;
	char *version, *beta;  /* Anthropic's headers, or NULL */
	json_object *body;     /* the request as it is to be sent */
	struct flow *flow;
};

/* All of it is freed or unreferenced. */
void relay_call_free(struct relay_call **call);

struct relay;

/* `engine` must be freed after the relay; it gets inputs. */
struct relay *relay_new(const struct show *show, struct mailbox *engine,
			struct err *err);
/* Ends all transfers without a word, cuts their flows, joins the thread. */
void relay_free(struct relay **relay);

/* Moved in. False when there are too many. Then comes one INPUT_LLM_DONE, with
 *   id, ok (all of the answer came), text = what ends it (may be NULL),
 *   error_code: why it ended otherwise: "cap", "gone", "revoked", "cut", ...
 *   tokens_used: 0 when nothing can have been used; -1: not known
 *   input_tokens, output_tokens: as counted or reported
 *   reached: false when the counts are not the model's own. */
bool relay_start(struct relay *relay, struct relay_call **call);
/* Ends a transfer, with `code` as its error_code. */
void relay_end(struct relay *relay, const char *id, const char *code);

#endif
