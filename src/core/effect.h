/*
 * effect: what the core wants done in the world. The engine does it, and only
 * after the events of the same decision are acknowledged by the store.
 */
#ifndef CORE_EFFECT_H
#define CORE_EFFECT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/input.h"

enum effect_kind {
	EFFECT_CALL,        /* call an agent: stage, agent, attempt, key, lease,
			       limit_ms, text = the request as JSON */
	EFFECT_CANCEL_CALL, /* key */
	EFFECT_STAND_CALL,  /* key, agent, flag: its time stands still, for a
			       person is asked; else it goes on */
	EFFECT_POLL_OPEN,   /* stage: votes are taken from now on */
	EFFECT_POLL_FREEZE, /* stage: no votes; nothing is counted yet */
	EFFECT_POLL_COUNT,  /* stage: no votes any more; answer INPUT_TALLY
			       with the same attempt */
	EFFECT_POLL_LOOK,   /* stage: what its tally shows has changed */
	EFFECT_POLL_BURST,  /* stage, option, attempt = burst: the votes that
			       INPUT_BURST told of belong to it from now on */
	EFFECT_VOTE,        /* ballots: count those that are pending, then
			       tell whoever they are from */
	EFFECT_OBS,         /* key = request id, name = request type, text =
			       its data as JSON; answer INPUT_OBS_DONE */
	EFFECT_CHECK,       /* check: index into show.checks */
	EFFECT_CHECK_KEEP,  /* check; text: all that is known of its result */
	EFFECT_REPLY,       /* origin, ok, text (cleaned) */
	EFFECT_LIVE,        /* text: a JSON object for the `live` channel, or
			       for `meters` when that is its name */
	EFFECT_BELL,        /* a human is needed: text */
	EFFECT_ALERT,       /* tell people away from the screen: text; name =
			       an ALERT_... word */
	EFFECT_RUN_OVER,    /* ok: done, else failed or cancelled */
};

/* What an alert is about. */
#define ALERT_ALARM    "alarm"
#define ALERT_CLEAR    "clear"
#define ALERT_QUESTION "question"

struct effect {
	enum effect_kind kind;
	struct origin origin;
	int stage, agent, attempt, option, check; /* indices, -1: none */
	char *key;
	char *lease;           /* lease id, NULL: none */
	int64_t lease_tokens;
	int64_t limit_ms;      /* how long the call may take */
	char *name;
	char *text;
	bool ok, flag;
	struct ballots *ballots; /* the engine moves them out */
};

void effect_release(struct effect *effect);

#endif
