/* timers: the deadlines of a model, the earliest first (a binary heap with
 * places, so that a change costs O(log n)). Pure; part of the model. */
#ifndef CORE_TIMERS_H
#define CORE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

enum timer_kind {
	TIMER_STAGE, /* by stage */
	TIMER_INBOX, /* by the slot of an item */
	TIMER_POLL,  /* by stage */
	TIMER_RAISE, /* by the slot of a raise */
	TIMER_CHECK, /* by check: the watch */
	TIMER_KINDS,
};

struct timer {
	int64_t at_ms;
	enum timer_kind kind;
	int index;      /* which of its kind */
	uint64_t order; /* who is first of those that are due together */
};

struct timers {
	struct timer *heap;
	size_t count, cap;
	struct timer_places {
		int *at;       /* index -> place in heap, -1 */
		size_t count;
	} places[TIMER_KINDS]; /* grows with the largest index */
};

void timers_init(struct timers *t);
void timers_release(struct timers *t);
void timers_clear(struct timers *t);
/* Sets, moves, or (at_ms == 0) removes the deadline of (kind, index). */
void timers_set(struct timers *t, enum timer_kind kind, int index,
		int64_t at_ms);
/* The same for what has no index of its own: slots are taken and given back in
 * an order that depends on history, so something else has to break ties. */
void timers_set_order(struct timers *t, enum timer_kind kind, int index,
		      uint64_t order, int64_t at_ms);
const struct timer *timers_first(const struct timers *t); /* or NULL */

#endif
