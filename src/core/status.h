/* status: the model as people and programs ask for it. Pure. */
#ifndef CORE_STATUS_H
#define CORE_STATUS_H

#include "base/mem.h"
#include "core/model.h"

/* What the model cannot know. */
struct status_extra {
	const char *mode;      /* live, rehearsal, stopped */
	const char *redis_url; /* without a password; NULL: none */
	int64_t redis_rtt_us;  /* -1: unknown */
	bool redis_connected;
	const char *redis_why;	 /* not connected: why, for people; or NULL */
	const char *redis_fsync; /* its appendfsync; "off" keeps nothing; NULL
				    or "unknown": not known */
	const char *obs_figures; /* the newest of live `obs`; NULL: none */
	int64_t now_ms;		 /* show time, for elapsed_ms */
};

/* What of the acknowledged a crash of a Redis with that `redis_fsync` may lose:
 * "nothing", "1 s", "30 s", "everything", "?". For people. */
const char *status_may_lose(const char *fsync);

/* `status --json` and /api/v1/status, contract 3.5. Caller puts. */
json_object *status_json(const struct model *m,
			 const struct status_extra *extra);
/* The same as text, stage by stage: the tree of a show of ten thousand takes
 * fifteen times as much. `poll` and `polls` (NULL, or NULL in it: none) are
 * taken over, and stand in the place of the model's. */
void status_print(struct buf *out, const struct model *m,
		  const struct status_extra *extra, json_object **poll,
		  json_object **polls);
json_object *status_run(const struct model *m, int64_t now_ms);
/* What came too late, oldest first; large results are left out. */
json_object *status_late(const struct model *m);
json_object *status_budget(const struct model *m);
json_object *status_inbox(const struct model *m);	    /* an array */
json_object *status_polls(const struct model *m);	    /* an array */
json_object *status_polls_on(const struct model *m);	    /* the same of those
		that go on, by when they were opened */
json_object *status_poll(const struct model *m, int stage); /* {id, question,
		state, options[{id,label,votes,share}], total, ...} or NULL */
/* The same with these votes, by option and by where they came from: those of an
 * open poll, which Redis counts and the model does not know. NULL: as
 * status_poll(). */
json_object *status_poll_with(const struct model *m, int stage,
			      const int64_t *counts,
			      const struct ballots_sum *from);
/* Is it one whose votes the model does not know yet? */
bool status_poll_counts_elsewhere(const struct model *m, int stage);
/* The audience is to see how many voted, but not for what. */
bool status_poll_is_hidden(const struct model *m, int stage);
json_object *status_checks(const struct model *m); /* an array */
/* status_obs.c: what the model and `extra` know of OBS. */
json_object *status_obs(const struct model *m,
			const struct status_extra *extra);

#endif
