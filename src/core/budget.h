/*
 * budget: token leases on three scopes. Pure.
 *
 * At every event, for the episode, each stage and each agent:
 * allocated = remaining + leased + spent, none of them negative. A lease passes
 * all its scopes at once or none. A scope without a cap grows as it is used.
 * A lease whose call ends without a usage report is written off as spent at its
 * full size; a late report corrects that once.
 */
#ifndef CORE_BUDGET_H
#define CORE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model;
struct event;
struct decision;

struct scope {
	bool limited;
	int64_t allocated, leased, spent; /* tokens */
	int64_t cost_micros;              /* spent, reported by agents */
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
	struct scope episode;
	int64_t reserve;        /* tokens only for stages marked finale */
	struct scope *stages;   /* by stage index */
	struct scope *agents;   /* by agent index */
	struct lease *leases;   /* held ones, and expired or revoked ones that
				   a late report may still correct */
	size_t lease_count, lease_cap;
	size_t lease_free;      /* hint: no free slot below */
};

/* True while the identity holds on every scope; else `*where` names one. For
 * tests and for the engine's own watch. */
bool ledger_holds(const struct ledger *ledger, size_t stages, size_t agents,
		  const char **where);

/* Tokens that a start of `stage` would lease now, all its agents together. */
int64_t budget_wanted(const struct model *m, int stage);

#endif
