/*
 * restore: what the files that read a snapshot share. Private to core/.
 */
#ifndef CORE_RESTORE_H
#define CORE_RESTORE_H

#include "core/model.h"

/* One snapshot being read. It came from outside: what could stop the core later
 * on is refused now, and the log is folded instead. */
struct reading {
	struct model *m;
	bool sound;
	bool *seen; /* by stage: it was read */
};

char *restore_text(json_object *o, const char *key); /* NULL: it is not there */
/* A number from `first` to `last`. */
int restore_number(struct reading *r, json_object *o, const char *key,
		   int first, int last);
void restore_copy(char *out, size_t bytes, json_object *o, const char *key);

/* restore_ledger.c */
void restore_purse(struct purse *p, json_object *o);
void restore_ledger(struct reading *r, json_object *o);
/* They stand before the stages whose calls name them. */
void restore_leases(struct reading *r, json_object *leases);
/* The slot of the lease that a call names; -1: it names none. */
int restore_lease_slot(struct reading *r, const char *id);
/* What was used today, as quotas of another definition see it. */
void restore_inherit_days(struct model *heir, json_object *o);

#endif
