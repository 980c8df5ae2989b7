/*
 * lease_row: a lease as numbers in a row, as a snapshot has it: there may be a
 * hundred thousand of them, and most of their members are 0. Pure. Private to
 * core/.
 */
#ifndef CORE_LEASE_ROW_H
#define CORE_LEASE_ROW_H

#include "core/lease_table.h"
#include "show/show.h"

/* What each lease has comes first, what hardly one has last. Whoever changes it
 * counts SNAPSHOT_FORMAT on. */
enum lease_row_place {
	ROW_STAGE,
	ROW_AGENT,
	ROW_ATTEMPT,
	ROW_OUTSIDE,
	ROW_TOKENS,
	ROW_DEADLINE,
	ROW_DAY,
	ROW_SHARE,
	ROW_COST,
	ROW_METERED,
	ROW_COST_METERED,
	ROW_STATE,
	ROW_CLOSED,
	ROW_SPENT,
	ROW_COST_SPENT,
	LEASE_ROW
};

/* How many of them say it all: the others are 0. Its id is not among them. */
size_t lease_row(const struct lease *l, int64_t row[LEASE_ROW]);
/* Adds the lease that is in a row. False: no lease has such numbers, or there
 * is one with that id. */
bool lease_of_row(struct lease_table *t, const char *id,
		  const int64_t row[LEASE_ROW], const struct show *show);

#endif
