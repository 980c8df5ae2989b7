/*
 * restore: what the files that read a snapshot share. Private to core/.
 */
#ifndef CORE_RESTORE_H
#define CORE_RESTORE_H

#include "base/json_nodes.h"
#include "core/model.h"

/* One snapshot being read. It came from outside: what could stop the core later
 * on is refused now, and the log is folded instead. */
struct reading {
	struct model *m;
	bool sound;
	bool *seen; /* by stage: it was read */
};

char *restore_text(struct json_node *o,
		   const char *key); /* NULL: it is not there */
/* A number from `first` to `last`. */
int restore_number(struct reading *r, struct json_node *o, const char *key,
		   int first, int last);
void restore_copy(char *out, size_t bytes, struct json_node *o,
		  const char *key);

/* restore_ledger.c */
void restore_purse(struct purse *p, struct json_node *o);
void restore_ledger(struct reading *r, struct json_node *o);
/* They stand before the stages whose calls name them. */
void restore_leases(struct reading *r, struct json_node *leases);
/* The slot of the lease that a call names; -1: it names none. */
int restore_lease_slot(struct reading *r, const char *id);
/* What was used today, as quotas of another definition see it. */
void restore_inherit_days(struct model *heir, struct json_node *o);

/* restore_polls.c */
void restore_poll(struct reading *r, int stage, struct json_node *o);
/* Of polls that no stage declares. */
void restore_places(struct reading *r, struct json_node *places);

#endif
