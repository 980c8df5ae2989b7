#include "core/timers.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

#define KINDS 3

static size_t key_of(const struct timers *t, enum timer_kind kind, int stage)
{
	return (size_t)kind * t->stages + (size_t)stage;
}

void timers_init(struct timers *t, size_t stages)
{
	*t = (struct timers){.stages = stages};
	t->places = xreallocarray(NULL, KINDS * stages + 1, sizeof *t->places);
	timers_clear(t);
}

void timers_release(struct timers *t)
{
	free(t->heap);
	free(t->places);
	*t = (struct timers){0};
}

void timers_clear(struct timers *t)
{
	t->count = 0;
	for (size_t i = 0; i < KINDS * t->stages; i++)
		t->places[i] = -1;
}

/* Ties go by kind and stage, so that the order never depends on history. */
static bool before(const struct timer *a, const struct timer *b)
{
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms;
	if (a->kind != b->kind)
		return a->kind < b->kind;
	return a->stage < b->stage;
}

static void put(struct timers *t, size_t place, struct timer timer)
{
	t->heap[place] = timer;
	t->places[key_of(t, timer.kind, timer.stage)] = (int)place;
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
	t->places[key_of(t, t->heap[i].kind, t->heap[i].stage)] = -1;
	t->count--;
	if (i == t->count)
		return;
	put(t, i, t->heap[t->count]);
	sift_up(t, i);
	sift_down(t, (size_t)t->places[key_of(t, t->heap[i].kind,
					      t->heap[i].stage)]);
}

void timers_set(struct timers *t, enum timer_kind kind, int stage,
		int64_t at_ms)
{
	REQUIRE(stage >= 0 && (size_t)stage < t->stages);
	int place = t->places[key_of(t, kind, stage)];
	if (place >= 0)
		remove_at(t, (size_t)place);
	if (at_ms == 0)
		return;
	GROW(t->heap, t->count, t->cap);
	t->heap[t->count] = (struct timer){at_ms, kind, stage};
	t->count++;
	sift_up(t, t->count - 1);
}

const struct timer *timers_first(const struct timers *t)
{
	return t->count ? &t->heap[0] : NULL;
}
