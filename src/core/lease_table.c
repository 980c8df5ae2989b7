#include "core/lease_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"

#define NONE (-1)

static size_t hash_of(const char *id)
{
	uint64_t h = hash_fnv1a(id);
	return (size_t)(h ^ (h >> 32));
}

static const struct lease_list empty = {NONE, NONE, 0};

void lease_table_init(struct lease_table *t, size_t stages)
{
	*t = (struct lease_table){.stages = stages, .unused = NONE};
	t->held = xcalloc(stages + 1, sizeof *t->held);
	lease_table_clear(t);
}

void lease_table_clear(struct lease_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->slots[i].id);
	t->count = t->kept = 0;
	t->unused = NONE;
	for (size_t i = 0; i < t->stages; i++)
		t->held[i] = empty;
	t->settled = t->written_off = empty;
	for (size_t i = 0; i < t->index_cap; i++)
		t->index[i] = NONE;
}

void lease_table_release(struct lease_table *t)
{
	lease_table_clear(t);
	free(t->slots);
	free(t->held);
	free(t->index);
	*t = (struct lease_table){0};
}

/* --- by id: open addressing, never more than half full ------------------- */

static void index_put(struct lease_table *t, int slot)
{
	size_t i = t->slots[slot].hash & (t->index_cap - 1);
	while (t->index[i] != NONE)
		i = (i + 1) & (t->index_cap - 1);
	t->index[i] = slot;
}

static void index_grow(struct lease_table *t)
{
	if (2 * (t->kept + 1) <= t->index_cap)
		return;
	t->index_cap = t->index_cap ? 2 * t->index_cap : 64;
	t->index = xreallocarray(t->index, t->index_cap, sizeof *t->index);
	for (size_t i = 0; i < t->index_cap; i++)
		t->index[i] = NONE;
	for (size_t i = 0; i < t->count; i++)
		if (t->slots[i].id)
			index_put(t, (int)i);
}

/* Those behind the hole that are nearer to their own place move up. */
static void index_take(struct lease_table *t, int slot)
{
	size_t mask = t->index_cap - 1;
	size_t hole = t->slots[slot].hash & mask;
	while (t->index[hole] != slot)
		hole = (hole + 1) & mask;
	for (size_t i = (hole + 1) & mask; t->index[i] != NONE;
	     i = (i + 1) & mask) {
		size_t own = t->slots[t->index[i]].hash & mask;
		if (((i - own) & mask) < ((i - hole) & mask))
			continue;
		t->index[hole] = t->index[i];
		hole = i;
	}
	t->index[hole] = NONE;
}

int lease_table_find(const struct lease_table *t, const char *id)
{
	if (!id || !t->kept)
		return NONE;
	size_t hash = hash_of(id);
	size_t i = hash & (t->index_cap - 1);
	for (; t->index[i] != NONE; i = (i + 1) & (t->index_cap - 1)) {
		const struct lease *l = &t->slots[t->index[i]];
		if (l->hash == hash && strcmp(l->id, id) == 0)
			return t->index[i];
	}
	return NONE;
}

/* --- lists ---------------------------------------------------------------- */

static struct lease_list *list_of(struct lease_table *t, const struct lease *l)
{
	return l->state == LEASE_HELD	   ? &t->held[l->stage]
	       : l->state == LEASE_SETTLED ? &t->settled
					   : &t->written_off;
}

static void list_append(struct lease_table *t, int slot)
{
	struct lease *l = &t->slots[slot];
	struct lease_list *list = list_of(t, l);
	l->prev = list->last;
	l->next = NONE;
	if (list->last == NONE)
		list->first = slot;
	else
		t->slots[list->last].next = slot;
	list->last = slot;
	list->count++;
}

static void list_remove(struct lease_table *t, int slot)
{
	struct lease *l = &t->slots[slot];
	struct lease_list *list = list_of(t, l);
	if (l->prev == NONE)
		list->first = l->next;
	else
		t->slots[l->prev].next = l->next;
	if (l->next == NONE)
		list->last = l->prev;
	else
		t->slots[l->next].prev = l->prev;
	list->count--;
}

int lease_table_add(struct lease_table *t, const char *id, int stage)
{
	int slot = t->unused;
	REQUIRE(stage >= 0 && (size_t)stage < t->stages);
	index_grow(t);
	if (slot == NONE) {
		GROW(t->slots, t->count, t->cap);
		slot = (int)t->count++;
	} else {
		t->unused = t->slots[slot].next;
	}
	t->slots[slot] = (struct lease){.id = xstrdup(id),
					.hash = hash_of(id),
					.stage = stage,
					.state = LEASE_HELD};
	t->kept++;
	index_put(t, slot);
	list_append(t, slot);
	return slot;
}

void lease_table_close(struct lease_table *t, int slot, enum lease_state state,
		       int64_t now_ms)
{
	struct lease *l = &t->slots[slot];
	list_remove(t, slot);
	l->state = state;
	l->closed_ms = now_ms;
	list_append(t, slot);
}

void lease_table_forget(struct lease_table *t, int slot)
{
	struct lease *l = &t->slots[slot];
	list_remove(t, slot);
	index_take(t, slot);
	free(l->id);
	l->id = NULL;
	l->next = t->unused;
	t->unused = slot;
	t->kept--;
}

static void shorten(struct lease_table *t, struct lease_list *list, size_t most,
		    int64_t before_ms)
{
	while (list->first != NONE &&
	       (list->count > most ||
		t->slots[list->first].closed_ms < before_ms))
		lease_table_forget(t, list->first);
}

void lease_table_expire(struct lease_table *t, int64_t before_ms)
{
	shorten(t, &t->settled, LEASES_SETTLED_KEPT, before_ms);
	shorten(t, &t->written_off, LEASES_WRITTEN_OFF_KEPT, before_ms);
}

int lease_table_held(const struct lease_table *t, int stage)
{
	return t->held[stage].first;
}

int lease_table_closed(const struct lease_table *t, enum lease_state state)
{
	return state == LEASE_SETTLED ? t->settled.first : t->written_off.first;
}

int lease_table_next(const struct lease_table *t, int slot)
{
	return t->slots[slot].next;
}
