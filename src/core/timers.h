/* timers: the deadlines of a model, the earliest first (a binary heap with
 * places, so that a change costs O(log n)). Pure; part of the model. */
#ifndef CORE_TIMERS_H
#define CORE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

enum timer_kind { TIMER_STAGE, TIMER_INBOX, TIMER_POLL };

struct timer {
	int64_t at_ms;
	enum timer_kind kind;
	int stage;      /* of the stage, the item's stage, the poll's stage */
};

struct timers {
	struct timer *heap;
	int *places;    /* (kind, stage) -> place in heap, -1 */
	size_t stages;
	size_t count, cap;
};

void timers_init(struct timers *t, size_t stages);
void timers_release(struct timers *t);
void timers_clear(struct timers *t);
/* Sets, moves, or (at_ms == 0) removes the deadline of (kind, stage). */
void timers_set(struct timers *t, enum timer_kind kind, int stage,
		int64_t at_ms);
const struct timer *timers_first(const struct timers *t); /* or NULL */

#endif
