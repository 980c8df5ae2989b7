/* books: what the audit keeps, shared by its files alone. */
#ifndef SIM_BOOKS_H
#define SIM_BOOKS_H

#include "sim/audit.h"

struct scope_book {
	bool limited;
	int64_t allocated, leased, spent;
	int64_t granted; /* the cap, with what was approved and overrun */
};

enum lease_book_state { LB_HELD, LB_SETTLED, LB_WRITTEN_OFF, LB_CORRECTED };

struct lease_book {
	char id[100];
	int stage, agent, attempt;
	int64_t tokens, spent;
	int64_t cost, cost_spent;
	int32_t day;
	int64_t share; /* it may grow up to that without a question */
	bool grew;     /* and did, to what its call used */
	int64_t rest;  /* of a settled one: to be given back in this commit */
	enum lease_book_state state;
};

enum stage_book_state {
	SB_WAITING,
	SB_STANDBY,
	SB_HELD,
	SB_RUNNING,
	SB_BACKOFF,
	SB_FAILED, /* and not settled: a human is asked */
	SB_SETTLED,
};

/* What a call was made on, as the audit saw it. */
struct base_book {
	int run, attempt;
	char *text;
};

struct stage_book {
	enum stage_book_state state;
	int attempt, failures;
	bool approved;		/* the next start may use the reserve */
	bool done;		/* settled by stage:complete */
	uint32_t out, answered; /* agents' places, bits */
	bool poll_open, poll_closed, asks;
	bool proposed;	  /* of a place: a person is asked */
	bool poll_frozen; /* by hand */
	uint32_t bursts_asked, bursts_out; /* by number, bits */
	bool priced;	  /* a person said yes to what its choice takes */
	bool resolved;
	int newest[8];		   /* by agent's place: its newest lease, -1 */
	int who[8];		   /* by place: the agent that is called */
	int64_t least[8];	   /* what it asked for, within its share */
	int64_t must[8];	   /* so many at least in this attempt */
	struct base_book bases[4]; /* of the newest attempts */
};

/* Of what a raise gave: how much is still there to be taken back, and of one
 * for a call or a stage, how much of that no lease of it holds. */
struct raise_part_book {
	enum scope_kind kind;
	int index;
	bool cost;
	int64_t amount, idle;
};

/* A raise for a while, for a call or for a stage. */
struct raise_book {
	uint64_t seq;
	enum { FOR_A_WHILE, FOR_A_CALL, FOR_A_STAGE } how;
	int64_t expires_ms;
	int stage, agent; /* -1: of the episode alone; of all its calls */
	int first, last;  /* attempts that use it */
	bool over;
	struct raise_part_book parts[48];
	size_t part_count;
	int decision;  /* the last one seen after it expired; 0: none yet */
	int decisions; /* so many since it expired, and it still stands */
};

struct late_book {
	uint64_t seq;
	int run, stage, attempt;
};

struct audit {
	const struct show *show;
	uint64_t seq;
	int64_t at_ms, epoch;
	int run;
	bool going, paused, attended;
	int64_t polls, poll_ms; /* opened in this run, and when the last was */
	char run_id[40];
	struct scope_book episode, *stages_money, *agents_money;
	struct scope_book cost, *stage_costs, *services, *service_costs;
	struct scope_book *days, *service_days;
	int32_t day;
	struct lease_book *leases; /* of this run */
	size_t lease_count, lease_cap;
	int64_t rests; /* leases settled whose rest was not returned yet */
	struct stage_book *stages;
	size_t open_stages;
	int *calls;		     /* out, by agent */
	size_t held, failed, asking; /* questions */
	size_t warnings;	     /* questions of the whole episode */
	bool *killed;		     /* by agent */
	uint64_t *conflicts;	     /* late answers that wait for a person */
	size_t conflict_count, conflict_cap;
	json_object *doc;	/* the story, by its patches */
	struct late_book *late; /* answers that came too late */
	size_t late_count, late_cap;
	struct raise_book *raises; /* for a while, of this run */
	size_t raise_count, raise_cap;
	uint64_t version;
	char hash[HASH_HEX_BYTES];
	char empty_hash[HASH_HEX_BYTES]; /* of no story */
	int *by; /* by command: 1 + the decision that it made; 0: none */
	size_t by_cap;
	int64_t rules_wait_ms; /* 0: they act; else until then */
	uint64_t obs_sent[64]; /* seqs of the newest requests */
	size_t obs_next;
};

int audit_place(const struct audit *a, int stage, int agent); /* or -1 */
void audit_money(struct sim *s, const struct event *e, int stage, int agent);
void audit_money_reset(struct audit *a);
bool audit_holds_lease(const struct audit *a, int stage);
void audit_money_renew(struct audit *a, int stage);
/* What is killed, and what came too late. */
void audit_people(struct sim *s, const struct event *e, int stage, int agent);
void audit_started_on(struct sim *s, int stage);
void audit_people_release(struct audit *a);
/* A raise was made, or taken back in part; and each is in its time. */
void audit_raise_renew(struct audit *a, int stage);
void audit_raised(struct sim *s, const struct event *e, int stage, int agent);
void audit_raises_taken(struct sim *s); /* at the end of a commit */
void audit_expiries(struct sim *s, const struct event *e, int decision);
/* Of the newest of that call, or any; NULL: there is none. */
struct lease_book *audit_lease(struct audit *a, int stage, int agent,
			       const char *id);
void audit_book(struct sim *s, struct scope_book *b, int64_t leased,
		int64_t spent, int64_t overrun, const char *where);
void audit_start(struct scope_book *b, int64_t cap);
void audit_renew(struct scope_book *b, int64_t cap);
void audit_same(struct sim *s, const char *where, const struct scope *have,
		const struct scope_book *want);
void audit_scopes_init(struct audit *a);
void audit_scopes_free(struct audit *a);
void audit_scopes_reset(struct audit *a);
void audit_scopes_renew(struct audit *a, int stage);
void audit_scopes(struct sim *s, const struct event *e, int stage, int agent);
void audit_scopes_same(struct sim *s, const struct model *m);
void audit_poll(struct sim *s, const struct event *e, int stage);

#endif
