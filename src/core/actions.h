/*
 * actions: everything an operator may do, once. Keys, key line, help, palette,
 * `showcaller do`, POST /api/v1/actions/NAME and the man page are made from
 * this table; a test keeps it so.
 */
#ifndef CORE_ACTIONS_H
#define CORE_ACTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum action_where {
	ACTION_CORE,   /* decided by the core; may come from anywhere */
	ACTION_ENGINE, /* done by the running core process (stop) */
	ACTION_VIEW,   /* of one console only: focus, zoom, help */
};

enum action_id {
	ACTION_GO,
	ACTION_PANIC,
	ACTION_APPROVE,
	ACTION_DENY,
	ACTION_ANSWER,
	ACTION_PAUSE,
	ACTION_RESUME,
	ACTION_RETRY,
	ACTION_SKIP,
	ACTION_CANCEL,
	ACTION_FAIL,
	ACTION_SUPPLY,
	ACTION_RERUN,
	ACTION_ROLLBACK,
	ACTION_CANCEL_RUN,
	ACTION_CHECK,
	ACTION_CHECK_ALL,
	ACTION_PREFLIGHT,
	ACTION_OVERRIDE,
	ACTION_SCENE,
	ACTION_PREVIEW,
	ACTION_TAKE,
	ACTION_STUDIO,
	ACTION_STREAM,
	ACTION_RECORD,
	ACTION_REPLAY,
	ACTION_HOTKEY,
	ACTION_MACRO,
	ACTION_MUTE,
	ACTION_VOLUME,
	ACTION_PROFILE,
	ACTION_COLLECTION,
	ACTION_TRANSITION,
	ACTION_SCREENSHOT,
	ACTION_OBS,
	ACTION_RULES_HOLD,
	ACTION_RULES_RELEASE,
	ACTION_RULE_OFF,
	ACTION_RULE_ON,
	ACTION_POLL,
	ACTION_POLL_PROPOSE,
	ACTION_POLL_EXTEND,
	ACTION_POLL_FREEZE,
	ACTION_POLL_UNFREEZE,
	ACTION_POLL_CLOSE,
	ACTION_POLL_RESOLVE,
	ACTION_POLL_VOID,
	ACTION_POLL_EXCLUDE,
	ACTION_POLL_INCLUDE,
	ACTION_POLL_NEXT,
	ACTION_ACK,
	ACTION_NOTE,
	ACTION_KILL,
	ACTION_REVIVE,
	ACTION_ADOPT,
	ACTION_DISCARD,
	ACTION_LEASE,
	ACTION_LEASE_EXTEND,
	ACTION_LEASE_SETTLE,
	ACTION_LEASE_RETURN,
	ACTION_STOP,
	ACTION_FOCUS_1,
	ACTION_FOCUS_2,
	ACTION_FOCUS_3,
	ACTION_FOCUS_4,
	ACTION_FOCUS_5,
	ACTION_FOCUS_NEXT,
	ACTION_ZOOM,
	ACTION_OPEN,
	ACTION_BACK,
	ACTION_UP,
	ACTION_DOWN,
	ACTION_REWIND_BACK,
	ACTION_REWIND_FORWARD,
	ACTION_REWIND_BACK_STAGE,
	ACTION_REWIND_FORWARD_STAGE,
	ACTION_LIVE,
	ACTION_LATE,
	ACTION_HISTORY,
	ACTION_LISTEN,
	ACTION_HELP,
	ACTION_PALETTE,
	ACTION_LEAVE,
	ACTIONS,
};

#define ACTION_MAX_ARGS 4

struct action {
	enum action_id id;
	enum action_where where;
	const char *name; /* "approve"; stable, public */
	const char *key;  /* default key: "a", "space", "Enter"; NULL: none */
	const char *args; /* usage: "ITEM [AMOUNT]"; "" if it takes none */
	int min_args, max_args;
	bool danger;      /* a console asks for a second, different key */
	const char *bar;  /* word in the key line; NULL: only in the help */
	const char *help; /* one sentence */
	int pane; /* its key is for that pane, by its number, while it has the
		     focus; 0: for all */
};

extern const struct action action_table[ACTIONS]; /* indexed by id */

const struct action *action_find(const char *name); /* or NULL */

#endif
