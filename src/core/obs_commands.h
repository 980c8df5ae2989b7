/*
 * obs_commands: what OBS can be asked for, a row a request: the action of ours
 * that asks for it, what of its arguments goes where, how it is seen to have
 * happened, and whether a person is asked first. The core makes requests of it,
 * net watches for what confirms them, the console and HTTP offer it. Pure.
 */
#ifndef CORE_OBS_COMMANDS_H
#define CORE_OBS_COMMANDS_H

#include "base/json.h"
#include "core/actions.h"
#include "core/obs_facts.h"

struct show;

/* What the first argument of an action has to be. */
enum obs_arg {
	OBS_ARG_NONE,
	OBS_ARG_SCENE,
	OBS_ARG_INPUT, /* one with a volume */
	OBS_ARG_PROFILE,
	OBS_ARG_COLLECTION,
	OBS_ARG_TRANSITION,
	OBS_ARG_MACRO,
	OBS_ARG_SOURCE, /* a scene or an input; NULL: the program */
	OBS_ARG_ANY,
};

struct obs_command {
	const char *request;   /* of obs-websocket 5 */
	enum action_id action; /* ACTIONS: of none alone */
	const char *word;      /* its first argument; NULL: as `arg` says */
	enum obs_arg arg;
	const char *member;    /* of the request, that holds the argument */
	bool danger;           /* a console asks for a second key */
	bool studio;           /* nothing of it without studio mode */
	/* The event that shows it has happened. Each member that request and
	 * event both have is the same in both, and `outputState` is `want`.
	 * NULL: the answer is enough. */
	const char *event, *want;
	const char *failed;    /* an outputState that means it did not work */
	const char *failure;   /* what to tell people then, or when nothing
				  comes; NULL: nothing special */
	/* No event comes when it was so already: then `get` is asked, and `so`
	 * looks at the facts. */
	const char *get;
	bool (*so)(const struct obs_facts *f, json_object *data);
	int already;           /* the code with which OBS says that */
};

extern const struct obs_command obs_commands[];
extern const size_t obs_command_count;

const struct obs_command *obs_command_of(const char *request); /* or NULL */
/* Of an action and its first argument; NULL: that is no such word. */
const struct obs_command *obs_command_find(enum action_id action,
					   const char *arg);
/* Whether a person has to mean it; looks into macros and hotkeys. */
bool obs_command_is_danger(const struct show *show, enum action_id action,
			   const char *arg);

/* Whether it starts the stream, by itself or in a macro. */
bool obs_command_goes_live(const struct show *show, enum action_id action,
			   const char *arg);

/* Names of obs-websocket 4, and hotkeys that have a request of their own: the
 * request that is meant, its data in `*data` changed accordingly. NULL: it must
 * not be sent, and `*why` says why. */
const char *obs_request_known(const char *request, json_object **data,
			      const char **why);

#endif
