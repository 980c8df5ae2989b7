#include "core/timers.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

static int *place_of(struct timers *t, enum timer_kind kind, int index)
{
	return &t->places[kind].at[index];
}

static void make_room(struct timers *t, enum timer_kind kind, int index)
{
	struct timer_places *p = &t->places[kind];
	if ((size_t)index < p->count)
		return;
	size_t count = ((size_t)index + 1) * 2;
	p->at = xreallocarray(p->at, count, sizeof *p->at);
	while (p->count < count)
		p->at[p->count++] = -1;
}

void timers_init(struct timers *t)
{
	*t = (struct timers){0};
}

void timers_release(struct timers *t)
{
	free(t->heap);
	for (int kind = 0; kind < TIMER_KINDS; kind++)
		free(t->places[kind].at);
	*t = (struct timers){0};
}

void timers_clear(struct timers *t)
{
	for (size_t i = 0; i < t->count; i++)
		*place_of(t, t->heap[i].kind, t->heap[i].index) = -1;
	t->count = 0;
}

/* Ties go by kind and order, so that they never depend on history. */
static bool before(const struct timer *a, const struct timer *b)
{
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms;
	if (a->kind != b->kind)
		return a->kind < b->kind;
	return a->order < b->order;
}

static void put(struct timers *t, size_t place, struct timer timer)
{
	t->heap[place] = timer;
	*place_of(t, timer.kind, timer.index) = (int)place;
}

static void sift_up(struct timers *t, size_t i)
{
	struct timer moving = t->heap[i];
	while (i > 0 && before(&moving, &t->heap[(i - 1) / 2])) {
		put(t, i, t->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(t, i, moving);
}

static void sift_down(struct timers *t, size_t i)
{
	struct timer moving = t->heap[i];
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= t->count)
			break;
		if (child + 1 < t->count &&
		    before(&t->heap[child + 1], &t->heap[child]))
			child++;
		if (!before(&t->heap[child], &moving))
			break;
		put(t, i, t->heap[child]);
		i = child;
	}
	put(t, i, moving);
}

static void remove_at(struct timers *t, size_t i)
{
	*place_of(t, t->heap[i].kind, t->heap[i].index) = -1;
	t->count--;
	if (i == t->count)
		return;
	struct timer moved = t->heap[t->count];
	put(t, i, moved);
	sift_up(t, i);
	sift_down(t, (size_t)*place_of(t, moved.kind, moved.index));
}

void timers_set_order(struct timers *t, enum timer_kind kind, int index,
		      uint64_t order, int64_t at_ms)
{
	REQUIRE(index >= 0);
	make_room(t, kind, index);
	int place = *place_of(t, kind, index);
	if (place >= 0)
		remove_at(t, (size_t)place);
	if (at_ms == 0)
		return;
	GROW(t->heap, t->count, t->cap);
	t->heap[t->count] = (struct timer){at_ms, kind, index, order};
	t->count++;
	sift_up(t, t->count - 1);
}

void timers_set(struct timers *t, enum timer_kind kind, int index,
		int64_t at_ms)
{
	timers_set_order(t, kind, index, (uint64_t)index, at_ms);
}

const struct timer *timers_first(const struct timers *t)
{
	return t->count ? &t->heap[0] : NULL;
}
