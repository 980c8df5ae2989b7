/*
 * input: all that can happen to a show. What arrives at the engine's mailbox.
 *
 * Made by any thread, moved through the mailbox, freed by the engine. Each kind
 * uses the members named at it; the others stay zero. The time is filled in by
 * the engine when it takes the input, so the core reads no clock.
 */
#ifndef CORE_INPUT_H
#define CORE_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "core/actions.h"
#include "core/ballots.h"
#include "core/obs_facts.h"

enum input_kind {
	INPUT_LEAD,    /* this core leads now: by = host, epoch, attempt = pid */
	INPUT_BEGIN,   /* start a run: id = run id, flag rehearsal, attended */
	INPUT_RESUMED, /* the model was folded from the log: ask again for all
			  that was in flight */
	INPUT_TICK,    /* a deadline of the model may have passed */
	INPUT_COMMAND, /* action, args, by, reason */
	INPUT_ANSWER,  /* an agent's answer or its failure, see below */
	INPUT_USAGE,   /* a part of a held lease was used: lease, tokens_used
			  (by this request), input_tokens, output_tokens,
			  cost_micros, model, assumed, id = request id: a
			  repeat books nothing; the reply is the lease as
			  JSON */
	INPUT_PROGRESS,/* stage, agent, text: goes to `live` only */
	INPUT_VOTE,    /* ballots: votes of one poll */
	INPUT_TALLY,   /* poll = stage, counts: the poll is closed, this is
			  it; attempt as in EFFECT_POLL_COUNT, 0: unknown */
	INPUT_BURST,   /* poll = stage, choice = option id, burst */
	INPUT_OBS,     /* obs: what OBS is now (after a change) */
	INPUT_OBS_DONE,/* id = request id, ok, text: an OBS request's outcome */
	INPUT_CHAT,    /* the chat is there (ok), or is not: text */
	INPUT_CHECK,   /* check: the result of one test */
	INPUT_CHECK_CALL, /* for the engine, never for the core: a check calls
			  an agent on the bus: agent, key, text = request */
	INPUT_ALARM,   /* id, text; ok = false raises, ok = true clears */
	INPUT_LEFT,    /* whoever asked from this origin has left: what waits
			  for a person there is withdrawn */
	INPUT_LLM,     /* for the engine's gateway, never for the core: a
			  request under `lease` at the API named by choice:
			  result = its body, flow, text = anthropic-version,
			  reason = anthropic-beta */
	INPUT_LLM_DONE,/* for the engine's gateway: see jobs/relay.h */
	INPUT_LLM_LEFT,/* for the engine's gateway: id = the origin's id of a
			  request whose client has left */
	INPUT_ALERTED, /* for the engine's alerts: an alert was sent, or not:
			  id = the alert's, ok, text */
};

/* Ids of alarms about alerts that cannot be sent begin so. */
#define ALERT_ID "alert:"

struct flow;

enum origin_kind { ORIGIN_NONE, ORIGIN_BUS, ORIGIN_WEB, ORIGIN_LOCAL };

/* To whom the outcome is told: the id of a bus command, a ticket of the web
 * thread. Copied by value. */
struct origin {
	enum origin_kind kind;
	char id[64];
};

struct check_facts {
	int check;               /* index into show.checks */
	bool running;            /* it began; the rest is not yet known */
	bool ok;
	int64_t latency_ms;
	char *text;              /* one line: what was wanted and what came */
	/* JSON texts, NULL: none. What goes into the event: phases (an object)
	 * and failed (an array of {name, wanted, got}); and all that is known,
	 * which is kept beside the log: an object, see jobs/check.h. */
	char *phases, *failed, *detail;
};

/* Votes for one option that came in a burst. */
struct burst_facts {
	int64_t votes, span_ms;
	int sources;       /* from how many addresses */
	int rest_permille; /* what share of all other votes is for that option;
			      -1: there are none */
};

struct input {
	enum input_kind kind;
	int64_t now_ms;          /* show time, set by the engine */
	int32_t day;             /* yyyymmdd in the show's time zone, set by
				    the engine; 0: days are not counted */
	struct origin origin;
	char *by;                /* "operator@host/tty", "web", "agent" */
	char *id;
	char *reason;            /* cleaned */
	char *text;              /* cleaned */
	int64_t epoch;
	bool ok, rehearsal, attended;
	/* Where it stands on the bus, to be acknowledged; NULL: not from it. */
	const char *stream;      /* "commands" or "proposals", a literal */
	char *entry;

	/* INPUT_COMMAND */
	enum action_id action;
	char *args[ACTION_MAX_ARGS]; /* NULL when not given */

	/* Of a rollback, found in the log before the core decides: `result` is
	 * the story of that version and `run` the run whose it is; or
	 * error_code and text say why there is none. */
	char *run;

	/* INPUT_ANSWER, INPUT_PROGRESS, and polls */
	char *stage, *agent;
	int attempt;
	char *lease;             /* lease id, or NULL */
	char *key;               /* of the call that it answers: run, stage and
				    attempt by name; NULL: it does not say */
	json_object *result;     /* when ok; moved in, one owner */
	char *error_code;        /* when not ok: timeout, refused, garbage,
				    too_large, exit_status, http_500, ... */
	bool reached;            /* false: the agent never got the call, so
				    nothing can have been spent */
	int64_t needs_tokens;    /* error_code "budget": what it asks for */
	int64_t tokens_used;     /* in all; -1: not reported */
	int64_t input_tokens, output_tokens; /* its parts; -1: not reported */
	int64_t cost_micros;
	char *model;             /* the model that answered, or NULL */
	bool assumed;            /* INPUT_USAGE: not reported but guessed */
	int64_t retry_after_ms;  /* when not ok: not before that; 0: no word */
	double confidence;       /* 0..1; -1: not reported */

	char *choice;
	int64_t *counts;         /* INPUT_TALLY, by option index */
	int count_count;
	int64_t *of_bursts;      /* INPUT_TALLY: how many of them are of each
				    burst, by burst and then by option */
	int burst_count;
	struct ballots_sum from; /* INPUT_TALLY */
	struct burst_facts burst;

	struct obs_facts obs;
	struct check_facts check;
	struct flow *flow;       /* INPUT_LLM: where its answer goes */
	struct ballots *ballots; /* INPUT_VOTE */
};

struct input *input_new(enum input_kind kind);
void input_free(struct input **input);
void input_drop(void *input); /* for mailbox_new() */

/* Votes; moves them in. */
struct input *input_votes(struct ballots **ballots);
/* One vote that nobody waits for. */
struct input *input_vote(const char *poll, const char *option,
			 const char *voter);

/* A command as it stands on the bus or comes over HTTP: {id, action, args[],
 * by, reason}. NULL with err (ERR_USAGE) when the action is unknown (with the
 * nearest name) or its arguments are too few or too many. */
struct input *input_command(json_object *o, struct err *err);

/* The answer of an agent (contract 3.4: {id, success, result, error{}, cost,
 * tokens_used, confidence, correlationId}) or a bus proposal ({stage_id,
 * agent_id, attempt, lease, payload, confidence, cost_estimate, tokens_used,
 * correlationId}).
 * `o` stays with the caller. For a direct answer stage, agent, attempt and
 * lease are those of the call and are given by the caller afterwards. NULL with
 * err when it has neither form. */
struct input *input_agent_answer(json_object *o, struct err *err);
struct input *input_bus_proposal(json_object *o, struct err *err);

/* An agent's failure that never became an answer. */
struct input *input_agent_error(const char *code, const char *text,
				bool reached);

#endif
