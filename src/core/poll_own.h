/*
 * poll_own: polls that no stage of the show declares, made up while it runs.
 * Each has one of SHOW_POLL_PLACES places behind the stages; its name is the
 * number of the place. It gates nothing and has no part in the story; else it
 * is a poll like any other. Pure.
 */
#ifndef CORE_POLL_OWN_H
#define CORE_POLL_OWN_H

#include "base/json.h"
#include "show/show.h"

/* A question of its own, with all that it points to. */
struct poll_own {
	struct show_poll def;
	struct arena arena;
};

#define POLL_OWN_MS_LEAST 1000
#define POLL_OWN_MS_MOST  3600000
#define POLL_OWN_MS	  30000 /* when nobody says */

/* `options` is a list of {id, label}, lent. NULL with a sentence in `why`
 * (NULL: not wanted) when that is no poll. Caller frees. */
struct poll_own *poll_own_read(const char *question, json_object *options,
			       int64_t open_ms, const char **why);
void poll_own_free(struct poll_own **own);

/* The options of a line, "hers|his" or "a=Her hat|b=His hat", or of a list as
 * JSON, of texts or {id, label}, as such a list; what has no name gets its
 * number. Caller puts. */
json_object *poll_own_options(const char *line);

#endif
