/*
 * lease_table: the leases of a run, found by their ids in O(1). Private to
 * core/.
 *
 * Each stands in one list: those that are held, by stage; those that were
 * written off and may still be corrected; those asked for from outside that
 * were settled, kept so that a repeat gets the same answer. The last two are in
 * the order of their closing, and what is older than the grace is forgotten.
 * A slot stays the same as long as its lease is kept.
 */
#ifndef CORE_LEASE_TABLE_H
#define CORE_LEASE_TABLE_H

#include "core/ledger.h"

/* How many are kept at most; beyond that the oldest is forgotten. */
#define LEASES_SETTLED_KEPT	1024
#define LEASES_WRITTEN_OFF_KEPT 16384

void lease_table_init(struct lease_table *t, size_t stages);
void lease_table_release(struct lease_table *t);
void lease_table_clear(struct lease_table *t);

/* A new lease, held, at the end of its stage's list; copies `id`. */
int lease_table_add(struct lease_table *t, const char *id, int stage);
/* -1: there is none. */
int lease_table_find(const struct lease_table *t, const char *id);
/* Moves a held or written-off one to the list of its state. */
void lease_table_close(struct lease_table *t, int slot, enum lease_state state,
		       int64_t now_ms);
void lease_table_forget(struct lease_table *t, int slot);
/* Forgets what was closed before `before_ms`, and what is too much. */
void lease_table_expire(struct lease_table *t, int64_t before_ms);

/* The first of a list and the one after `slot`; -1: none. */
int lease_table_held(const struct lease_table *t, int stage);
int lease_table_closed(const struct lease_table *t, enum lease_state state);
int lease_table_next(const struct lease_table *t, int slot);

#endif
