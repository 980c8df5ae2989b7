/*
 * ledger: what was allocated, leased and spent, folded from the log. Pure.
 *
 * At every event, for every scope: allocated = remaining + leased + spent, none
 * of them negative. A lease passes all its purses at once or none. A scope
 * without a cap grows as it is used. A lease whose call ends without a usage
 * report is written off as spent at its full size; a late report corrects that
 * once.
 */
#ifndef CORE_LEDGER_H
#define CORE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model;

/* One account, in tokens or in millionths of the currency. */
struct scope {
	bool limited;
	int64_t allocated, leased, spent;
};

/* What a lease has to pass: tokens and money side by side. */
struct purse {
	struct scope tokens, cost;
};

int64_t scope_remaining(const struct scope *scope);

enum lease_state { LEASE_HELD, LEASE_SETTLED, LEASE_EXPIRED, LEASE_REVOKED };

struct lease {
	char *id;           /* run/stage/attempt/agent; NULL: a free slot */
	int stage, agent, attempt;
	int64_t tokens;     /* granted */
	int64_t spent;      /* booked */
	enum lease_state state;
	int64_t deadline_ms;
};

struct ledger {
	struct purse episode;
	int64_t reserve;        /* tokens only for stages marked finale */
	struct purse *stages;   /* by stage index */
	struct purse *agents;   /* by agent index */
	struct lease *leases;   /* held ones, and expired or revoked ones that
				   a late report may still correct */
	size_t lease_count, lease_cap;
	size_t lease_free;      /* hint: no free slot below */
};

/* True while the identity holds on every scope; else `*where` names one. For
 * tests and for the engine's own watch. */
bool ledger_holds(const struct ledger *ledger, size_t stages, size_t agents,
		  const char **where);

struct path {
	struct purse *purses[3]; /* episode, stage, agent */
};
/* The purses that a lease of this stage and agent passes. */
struct path ledger_path(struct model *m, int stage, int agent);

/* The slot of a lease by its id, or -1. */
int ledger_find(const struct ledger *ledger, const char *id);

#endif
