/*
 * core: the two doors of the engine. Pure: same model, same input, same
 * decision; no clock, no chance, no file, no socket.
 *
 * core_decide() folds what it decides (by model_apply() alone), so that after
 * it the model is the one after out->events; folding those events into a copy
 * of the model from before gives the same model.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "core/effect.h"
#include "core/event.h"
#include "core/input.h"
#include "core/model.h"

struct decision {
	struct event **events; /* in order, numbered from the model's seq + 1 */
	size_t event_count, event_cap;
	struct effect *effects; /* to be done once all events are stored */
	size_t effect_count, effect_cap;
};

/* Appends to `out` (all zero at first; may hold earlier decisions). */
void core_decide(struct model *m, const struct input *input,
		 struct decision *out);

/* When the engine has to send INPUT_TICK, show time in ms; 0: never. */
int64_t core_next_deadline(const struct model *m);

void decision_clear(struct decision *d);   /* keeps the memory */
void decision_release(struct decision *d);

#endif
