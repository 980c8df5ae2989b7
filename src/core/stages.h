/*
 * stages: the run's stages and their states. Pure.
 *
 * A stage runs when all its dependencies are settled. What a dependency left
 * behind decides: broken (failed without `continue`, cancelled, or skipped
 * because of such a one) skips the stage as broken; if every dependency was
 * skipped by `when` the stage is skipped too; else it runs.
 */
#ifndef CORE_STAGES_H
#define CORE_STAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "core/late.h"
#include "core/polls.h"

enum stage_state {
	STAGE_WAITING,
	STAGE_STANDBY,
	STAGE_HELD,
	STAGE_RUNNING,
	STAGE_BACKOFF,
	STAGE_REVIEW,
	STAGE_DONE,
	STAGE_FAILED,
	STAGE_SKIPPED,
	STAGE_CANCELLED,
	STAGE_STATES,
};

/* What can happen to a stage; the table in stages.c has an entry for every
 * state x move. */
enum stage_move {
	MOVE_STANDBY,  /* it could run, but waits for GO */
	MOVE_GO,       /* released */
	MOVE_HOLD,     /* its lease does not fit: a human is asked */
	MOVE_APPROVE,
	MOVE_START,
	MOVE_BACKOFF,  /* an attempt failed, another follows */
	MOVE_COMPLETE,
	MOVE_FAIL,
	MOVE_SKIP,
	MOVE_CANCEL,
	MOVE_RESET,    /* back to waiting: retry by hand, or after a halt */
	MOVE_AGAIN,    /* rerun or rollback: from wherever it is */
	STAGE_MOVES,
};

const char *stage_state_name(enum stage_state state);
const char *stage_move_name(enum stage_move move);
/* The state after `move`, or -1 when it is impossible there. */
int stage_next(enum stage_state state, enum stage_move move);

/* What a settled stage leaves to its dependents. */
enum stage_outcome {
	OUTCOME_OPEN,   /* not settled yet */
	OUTCOME_OK,     /* done, skipped by hand, or failed with `continue` */
	OUTCOME_VOID,   /* skipped by `when`, or nothing before it ran */
	OUTCOME_BROKEN, /* failed, cancelled, or something before it was */
};

enum call_state { CALL_NONE, CALL_OUT, CALL_ANSWERED, CALL_FAILED };

/* One agent's part in the current attempt. */
struct call {
	enum call_state state;
	int agent;             /* who is called: the show's, until a person sent
				  the call to another one */
	int64_t lease_tokens;
	int64_t least_tokens;  /* it asked for more: the next start leases so
				  many, within its share; 0: as usual */
	int lease;             /* slot in ledger.leases, -1: none */
	int further;           /* leases asked for beside it */
	int64_t started_ms, ended_ms;
	json_object *result;   /* when answered */
	double confidence;     /* -1: not reported */
	int64_t cost_micros, tokens;
	char *error;           /* when failed: "code: text" */
	int64_t retry_after_ms; /* when failed: not before that; 0: any time */
};

/* What an attempt was made on, see late.h. */
struct stage_base {
	int attempt; /* 0: none */
	char hash[LATE_BASE_BYTES];
};

struct stage_run {
	enum stage_state state;
	enum stage_outcome outcome;
	int unmet;             /* dependencies that are not settled */
	bool queued;           /* in model.ready */
	bool released;         /* GO was given */
	int64_t approved_tokens; /* an overage was approved: what the next start
				  may lease in all, the reserve included; 0: no */
	int attempt;           /* calls so far; 0: never started */
	int failures;          /* of those that count against max_attempts */
	int64_t started_ms;    /* of this attempt; 0: never */
	int64_t first_ms;      /* of the first attempt */
	int64_t ended_ms;      /* 0 while not ended */
	uint64_t version;      /* of the story when it was settled; 0 while
				  it is not */
	int64_t deadline_ms;   /* running: attempt's end; backoff: next try;
				  0: none */
	int asks;              /* requests for leases that wait */
	int64_t stood_ms;      /* while they do, what is left until the
				  deadline; 0: it does not stand still */
	int64_t asked_tokens;  /* an agent asked for that many more; 0: no */
	int64_t asked_total;   /* the next start leases that many in all, if it
				  is approved */
	struct call *calls;    /* one for each agent of the stage */
	struct stage_base bases[2]; /* of the newest attempts, newest first */
	int winner;            /* agent index whose proposal won, -1 */
	char *error;           /* the last failure, for people; NULL */
	char *last_error;      /* of the attempt before this one; NULL */
	char *why;             /* why skipped, NULL */
	struct poll_run *poll; /* NULL: the stage has no poll */
	uint64_t item_seq;     /* private: its own question in the inbox, 0: none */
	/* After an `approve-stage`: that many more starts may lack that many
	 * tokens without a question. */
	int64_t standing_tokens, standing_cost;
	int standing_uses;
	int warn_asks;         /* asked for more, and got it in warn mode */
};

struct model;

/* The k-th agent of the stage, as an index into show.agents. Whoever means the
 * agents of a call asks here and not the definition. */
int stage_agent(const struct model *m, int stage, size_t k);

/* Of one stage in one run; a log that says more is not followed. */
#define ATTEMPTS_MOST (1 << 24)

/* Why a stage that was open when its run ended did not go on. */
#define STAGE_WHY_RUN_ENDED "the run ended"

/* Why a stage that is not settled does not run, for people: "placement,
 * camera", "GO", "approval of 4,200 tokens", "2.1 s until the next try". Into
 * `out`; "" when nothing holds it. */
char *stage_waits_for(const struct model *m, int stage, char *out,
		      size_t out_bytes);

/* The stage that GO would release: the first in standby in the order of the
 * show, or -1. `stage_after` is the one behind it, or -1. */
int stage_in_standby(const struct model *m);
int stage_after(const struct model *m, int stage);

#endif
