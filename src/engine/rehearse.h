/*
 * rehearse: agents, audience and OBS, played from the show file. Pure: no
 * clock, no chance, so the same file gives the same show. Engine thread.
 *
 * What is asked of it comes back as inputs, each with the show time at which
 * it is due; at the same time, in the order in which they were asked for.
 */
#ifndef ENGINE_REHEARSE_H
#define ENGINE_REHEARSE_H

#include <stdint.h>

#include "core/effect.h"
#include "core/input.h"
#include "show/show.h"

#define REHEARSE_VOTERS_MAX 1000000

struct rehearse;

struct rehearse *rehearse_new(const struct show *show); /* show is lent */
void rehearse_free(struct rehearse **r);

/* The agent of an EFFECT_CALL answers after the stage's rehearsal.after_ms. */
void rehearse_call(struct rehearse *r, const struct effect *call,
		   int64_t now_ms);
void rehearse_cancel_call(struct rehearse *r, const char *key, int agent);

/* The audience votes, spread over the time that the poll is open. The same
 * voters vote again when a poll opens again; Redis counts each once. */
void rehearse_poll_open(struct rehearse *r, int stage,
			const struct show_poll *poll, int64_t now_ms);
void rehearse_poll_close(struct rehearse *r, int stage);

/* OBS is there, with the scenes of the show file. */
void rehearse_obs_connect(struct rehearse *r, int64_t now_ms);
void rehearse_obs(struct rehearse *r, const char *id, const char *type,
		  const char *data, int64_t now_ms);

/* When the next input is due, 0: nothing is under way. */
int64_t rehearse_next_ms(const struct rehearse *r);
/* That input; its now_ms is when it is due. The caller owns it. */
struct input *rehearse_take(struct rehearse *r);

#endif
