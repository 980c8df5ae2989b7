/*
 * model: the show as it is, folded from its log. Pure.
 *
 * One thread owns a model. model_apply() is the only thing that changes it: the
 * core, each console, the web thread and replay all fold with it. The show that
 * it was made for is shared and never changes.
 */
#ifndef CORE_MODEL_H
#define CORE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/budget.h"
#include "core/checks.h"
#include "core/ledger.h"
#include "core/event.h"
#include "core/inbox.h"
#include "core/input.h"
#include "core/late.h"
#include "core/polls.h"
#include "core/raise.h"
#include "core/stages.h"
#include "core/story.h"
#include "core/timers.h"
#include "core/usage.h"
#include "show/show.h"

enum run_state {
	RUN_NONE, /* no run yet */
	RUN_CREATED,
	RUN_RUNNING,
	RUN_PAUSED,
	RUN_DONE,
	RUN_FAILED,
	RUN_CANCELLED,
};
const char *run_state_name(enum run_state state);
bool run_is_over(enum run_state state); /* done, failed, cancelled */

struct run {
	char id[40];          /* "" before the first */
	enum run_state state;
	bool rehearsal;
	bool attended;        /* a human can answer */
	bool panic;           /* paused by panic */
	uint64_t first_seq;   /* of its run:start; 0: no run yet */
	int64_t started_ms, ended_ms; /* 0: not yet */
	char *why;            /* why it failed, for people; NULL */
};


/* An OBS request that was sent and is not yet confirmed. */
struct obs_pending {
	char id[24];          /* "" is a free place */
	char *text;           /* "scene Poll" */
	int64_t sent_ms;
};
#define OBS_MAX_PENDING 64

/* Rules do not switch scenes: an operator's choice holds. */
struct rules_hold {
	bool on;
	int64_t until_ms;       /* 0: until they are released */
	char *why;              /* "scene Live"; NULL */
	int missed_count;       /* rules that were held back since, and... */
	char *missed;           /* ..."rule poll-scene: scene Poll", NULL */
};

struct obs_state {
	struct obs_facts facts; /* at_ms says how old */
	int64_t at_ms;          /* 0: never heard of */
	struct obs_pending pending[OBS_MAX_PENDING];
	char *last_error;       /* of the last request that failed; NULL */
	char *last_done;        /* the last that was confirmed; NULL */
	int64_t last_ms;        /* and how long after it was sent */
	struct rules_hold hold;
};

/* The chat in which people vote. */
struct chat_state {
	bool connected;
	int64_t at_ms; /* since when; 0: never heard of */
	char *error;   /* why not; NULL */
};

struct alarm {
	char *id;
	char *text;
	int64_t since_ms;
	bool acked;
	char *ack_reason;
};

#define COMMANDS_REMEMBERED 256

struct model {
	const struct show *show; /* a reference of its own */
	uint64_t seq;            /* of the last event folded */
	int64_t at_ms;           /* its time */
	struct run run;
	struct stage_run *stages; /* by stage index */
	size_t open_stages;       /* not settled yet */
	int *agent_calls;         /* calls out, by agent index */
	bool *killed;             /* by agent index: nothing for it */
	struct ledger ledger;
	struct usage usage;
	struct story story;
	struct inbox inbox;
	struct raise *raises;     /* those that are to be taken back */
	size_t raise_count, raise_cap;
	struct checkpoint warned;
	struct check_run *checks; /* by check index */
	bool drift_allowed;       /* the operator goes on with the OBS there is,
				     in this run */
	struct obs_state obs;
	struct chat_state chat;
	bool rules_off;		  /* all of them... */
	bool *rule_off;		  /* ...or this one, by rule index */
	struct alarm *alarms;     /* those that are up, oldest first */
	size_t alarm_count, alarm_cap;
	struct late_proposal *late; /* the newest LATE_MAX */
	size_t late_count;
	struct { char host[64]; int64_t epoch; int pid; int64_t at_ms; } leader;
	int64_t polls_opened;     /* in this run */
	int64_t poll_opened_ms;   /* the last of them */
	int poll;                 /* stage of the poll shown: open, else the
				     last one; -1: none yet */

	/* Private to core/: those of all stages, one behind the other. */
	struct call *calls;
	/* Private to core/, rebuilt by the fold. */
	int *ready;               /* stages whose dependencies are settled */
	size_t ready_head, ready_count;
	size_t ready_tried;       /* the first so many of them wait for a busy
				     agent, and none came free since; for speed
				     alone, 0 is always right */
	struct timers timers;
	char (*commands)[64];     /* ids of commands seen, a ring */
	uint32_t command_hashes[COMMANDS_REMEMBERED]; /* of those ids */
	size_t command_next;
};

/* Also after a panic, until the run is resumed. rules.c. */
bool rules_are_held(const struct model *m, int64_t now_ms);

struct model *model_new(const struct show *show); /* takes a reference */
void model_free(struct model **m);

/* Folds one event. Its seq must be m->seq + 1 (or 0: not numbered, while
 * deciding, and then it gets that number). An event that does not fit the show
 * or the state (an older show file, a later version) changes nothing but seq
 * and time. */
void model_apply(struct model *m, const struct event *event);

#endif
