/*
 * audit: what must always hold, worked out anew from the raw log.
 *
 * It keeps books of its own (leases, scopes, states, polls, questions) and
 * shares no line with the core; whatever the log says that these books do not
 * allow is a failed plan. Private to sim/.
 */
#ifndef SIM_AUDIT_H
#define SIM_AUDIT_H

#include "sim/world.h"

struct audit *audit_new(const struct show *show);
void audit_free(struct audit **audit);

/* One event, in the order of the log, after the follower has folded it; the
 * stage and the agent of its names, or -1. */
void audit_event(struct sim *s, const struct event *e, int stage, int agent,
		 int decision);
/* After the last event of one commit of a core that leads with `epoch`. */
void audit_commit(struct sim *s, int64_t epoch);
/* The whole model against the books, and the story against its own hash. */
void audit_model(struct sim *s, const struct model *m);
/* All that /status says, as text: that it can be read. */
void audit_status(struct sim *s, const struct model *m);
/* The whole log, read again from its text. */
void audit_log(struct sim *s);
void audit_run_over(struct sim *s);

/* For those who check what reaches the world. */
bool audit_started(const struct audit *a, int run, int stage, int attempt);
bool audit_obs_sent(const struct audit *a, const char *id);
bool audit_saw(const struct audit *a, int command); /* in an event */
bool audit_over(const struct audit *a);		    /* no run goes on */
int audit_run(const struct audit *a);		    /* its number; 0: none */

#endif
