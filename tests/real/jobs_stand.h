/*
 * jobs_stand: what a test of the jobs stands on: a folder of its own, a show
 * with one stage `s` and the agents that the test names, a pool and its
 * mailbox.
 */
#ifndef TESTS_JOBS_STAND_H
#define TESTS_JOBS_STAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mailbox.h"
#include "core/input.h"
#include "jobs/pool.h"
#include "show/show.h"

struct jobs_stand {
	char *folder;
	struct show *show;
	struct mailbox *engine;
	struct pool *pool; /* NULL until jobs_stand_open() */
};

/* A new folder with SHOWCALLER_STATE set to its `state`. */
void jobs_stand_init(struct jobs_stand *stand);
/* Loads the show whose agents and checks are these members as YAML flow text,
 * for example "a: {via: http, url: ...}"; either may be NULL. */
void jobs_stand_load(struct jobs_stand *stand, const char *agents,
		     const char *checks);
/* Loads the whole show of this text instead, from the stand's folder. */
void jobs_stand_load_text(struct jobs_stand *stand, const char *text);
void jobs_stand_open(struct jobs_stand *stand, int threads);
void jobs_stand_close(struct jobs_stand *stand);

/* Writes an executable file into the folder. */
void jobs_stand_script(const struct jobs_stand *stand, const char *name,
		       const char *text);

/* A limit that no call is meant to reach. */
#define PLENTY_MS 20000

/* Calls agent `id` in attempt `attempt` with the key r1/s/<attempt>. */
void jobs_stand_ask(struct jobs_stand *stand, const char *id, int attempt,
		    int64_t limit_ms, const char *request);

/* The next input of the kind; others are freed, or kept in `*lines` as text
 * lines when they are progress and `lines` is given. NULL after 10 s. */
struct input *jobs_stand_wait(struct jobs_stand *stand, enum input_kind kind,
			      struct buf *lines);

/* Asks and waits. */
struct input *jobs_stand_call(struct jobs_stand *stand, const char *id,
			      int64_t limit_ms, const char *request);

/* Waits until no job is queued or running; false after 10 s. Polls, for the
 * pool has no such event. */
bool jobs_stand_quiet(struct jobs_stand *stand);

int jobs_count_fds(void);

#endif
