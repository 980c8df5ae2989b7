/*
 * raise: what was given for a while, for one call or for one stage, and is
 * taken back. Pure; part of the model.
 *
 * Given for a while (a raise that expires): what is unused of it when its time
 * is over is taken back; what is leased then and comes back later, too.
 *
 * Given for a call (`approve`) or a stage (`approve-stage`): what its leases do
 * not use. Of each part it is known how much is idle: not in a lease of what it
 * was given for. A lease takes from what is idle, a return adds to it, a late
 * correction, too; so what others left in the same purse is never touched. It is
 * taken back as soon as its call has started and it is idle, or when it will not
 * start any more; that of a stage when the stage is settled.
 */
#ifndef CORE_RAISE_H
#define CORE_RAISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_nodes.h"
#include "core/ledger.h"

enum raise_until { UNTIL_TIME, UNTIL_CALL, UNTIL_STAGE };
/* As in `until` of budget:approve; -1: none of them. */
int raise_until_find(const char *name);
const char *raise_until_name(enum raise_until until);

struct raise_part {
	enum scope_kind kind;
	int index;	/* of the stage, agent or service */
	bool cost;	/* micros, else tokens */
	int64_t amount; /* not yet taken back */
	int64_t idle;	/* of that; not of one for a while */
};

struct raise {
	uint64_t seq; /* of the event that made it */
	enum raise_until until;
	int stage; /* -1: of the episode alone */
	int agent; /* whose call alone; -1: all of the stage's */
	int first, last; /* attempts whose leases use it */
	struct raise_part *parts;
	size_t part_count, part_cap;
	int64_t expires_ms; /* of one for a while */
	bool over;	    /* it is being taken back */
	int64_t closed_ms;  /* when a lease that uses it was written off: until
			       the grace is over it may come back; 0 */
	int slot;	    /* private: of its timer */
};

/* `warn_at`: once asked, not again until a raise has moved the mark above what
 * is spent. */
struct checkpoint {
	bool tokens, cost;
};

/* Their part of a snapshot; false: it holds what no run leads to. */
struct model;
json_object *raises_json(const struct model *m);
json_object *warned_json(const struct model *m);
bool raises_read(struct model *m, struct json_node *snapshot);

#endif
