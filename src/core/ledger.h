/*
 * ledger: what was allocated, leased and spent, folded from the log. Pure.
 *
 * At every event, for every scope: allocated = remaining + leased + spent, none
 * of them negative; a lease passes all its purses at once or none. Only what a
 * call used beyond its lease can break that: such an overrun is told by its
 * event, and as far as a scope cannot bear it, it shows as `over`:
 *
 *	allocated + over = remaining + leased + spent
 *
 * Never both remaining and over. What is allocated grows by a person's answer
 * alone (and anew when a stage runs again); a scope without a cap has allocated
 * what it used. A lease whose call ends without a usage report is written off
 * as spent at its full size; a late report within the grace corrects that once.
 */
#ifndef CORE_LEDGER_H
#define CORE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/input.h"

struct model;

/* One account, in tokens or in millionths of the currency. */
struct scope {
	bool limited;
	int64_t allocated, leased, spent;
	int64_t overrun; /* the most that it was over, as events told */
};

/* What a lease has to pass: tokens and money side by side. */
struct purse {
	struct scope tokens, cost;
};

int64_t scope_remaining(const struct scope *scope); /* never negative */
int64_t scope_over(const struct scope *scope);	    /* never negative */

enum lease_state { LEASE_HELD, LEASE_SETTLED, LEASE_EXPIRED, LEASE_REVOKED };
const char *lease_state_name(enum lease_state state);

struct lease {
	char *id; /* run/stage/attempt/agent, and /N when it was
		     asked for from outside; NULL: a free slot */
	int stage, agent, attempt;
	bool outside;
	int64_t tokens, cost_micros;   /* granted, with extensions, without
					  what was given back early */
	int64_t spent, cost_spent;     /* booked */
	int64_t metered, cost_metered; /* of that, told while it was held */
	enum lease_state state;
	int64_t deadline_ms; /* as it was when it was granted */
	int64_t closed_ms;   /* when it was settled or written off */
	int64_t share; /* tokens up to which it grows without a question */
	int32_t day;   /* yyyymmdd; 0: no daily quotas */
	/* Private to lease_table.c. */
	size_t hash;
	int prev, next;
};

struct lease_list {
	int first, last;
	size_t count;
};

/* See lease_table.h. */
struct lease_table {
	struct lease *slots;
	size_t count, cap, kept;
	int unused; /* the first free slot */
	int *index;
	size_t index_cap;
	size_t stages;
	struct lease_list *held; /* by stage */
	struct lease_list settled, written_off;
};

/* A request for a lease, or for more of one, that waits for an answer. */
struct lease_ask {
	uint64_t seq; /* of its budget:request */
	int stage, agent;
	char *lease;   /* what it extends; NULL: a new one */
	char *request; /* id of the request; NULL: none */
	int64_t tokens, cost_micros;
	struct origin origin; /* to be answered by the core of that epoch */
	int64_t epoch;
};
#define LEASE_ASKS_MAX 256

enum lease_wish {
	WISH_LEASE,
	WISH_EXTEND,
	WISH_RETURN,
	WISH_SETTLE,
	WISH_USE
};

/* A request that was done: when it comes again, it gets the same answer. */
struct lease_request {
	uint64_t hash; /* of its id; 0: a free place */
	enum lease_wish wish;
	int stage, agent;
	int64_t tokens;
	char *lease;
};
#define LEASE_REQUESTS_KEPT 1024

/* What the newest calls of an agent used, over all runs: a ring. */
#define OBSERVED_CALLS 32
struct observed {
	int64_t tokens[OBSERVED_CALLS];
	int64_t count; /* of all that were seen */
};

struct ledger {
	struct purse episode;
	int64_t reserve;	/* tokens only for stages marked finale */
	int64_t moved; /* all amounts of all events together, see numbers.c */
	struct purse *stages;	/* by stage index */
	struct purse *agents;	/* by agent index: of this episode */
	struct purse *services; /* by service index: of this episode */
	size_t service_count;
	/* Of the day, over all runs; only those with a daily quota count. */
	int32_t day;		    /* yyyymmdd; 0: none yet */
	struct purse *days;	    /* by agent index */
	struct purse *service_days; /* by service index */
	struct observed *observed;  /* by agent index */
	struct lease_table leases;
	struct lease_ask *asks; /* oldest first */
	size_t ask_count, ask_cap;
	struct lease_request *requests; /* a ring */
	size_t request_next;
};

/* True while the identity holds on every scope; else `*where` names one. For
 * tests and for the engine's own watch. */
bool ledger_holds(const struct ledger *ledger, size_t stages, size_t agents,
		  const char **where);

enum scope_kind {
	SCOPE_EPISODE,
	SCOPE_STAGE,
	SCOPE_AGENT,
	SCOPE_DAY,
	SCOPE_SERVICE,
	SCOPE_SERVICE_DAY,
	SCOPE_KINDS
};
/* As in `raises` of budget:approve: "episode", "stage", "agents", ... */
const char *scope_kind_name(enum scope_kind kind);

/* The purses that a lease of this stage and agent passes, each at the place of
 * its kind; NULL where there is none. A lease of another day than the ledger's
 * passes none of the day. */
struct path {
	struct purse *purses[SCOPE_KINDS];
};
struct path ledger_path(const struct model *m, int stage, int agent,
			int32_t day);

/* What nearly every call of the agent used, and a quarter more; 0: too few of
 * them were seen. */
int64_t ledger_usual(const struct ledger *ledger, int agent);

/* The lease in a slot, lent; and the slot of a lease by its id, or -1. */
const struct lease *ledger_lease(const struct model *m, int slot);
int ledger_find(const struct ledger *ledger, const char *id);

#endif
