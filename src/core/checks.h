/*
 * checks: what each test of the validation cards said, now and before. Part of
 * the model; pure.
 *
 * A test that runs was asked for by an event, so a core that takes over asks
 * again. One with `watch_ms` runs by itself while a run that is no rehearsal is
 * on. A failure is an alarm `check:CARD/TEST` after so many in a row, but not
 * while its parent fails: then that is the news.
 */
#ifndef CORE_CHECKS_H
#define CORE_CHECKS_H

#include <stdbool.h>
#include <stdint.h>

#define CHECK_ID   "check:" /* how the ids of their alarms begin */
#define CHECK_PAST 32	    /* results that are remembered */
/* So many changes between passed and failed among them are called flaky. */
#define CHECK_FLAKY_CHANGES 3

struct model;

enum check_state { CHECK_NEVER, CHECK_RUNNING, CHECK_PASS, CHECK_FAIL };
const char *check_state_name(enum check_state state);

struct check_run {
	enum check_state state;
	int64_t at_ms, latency_ms; /* of the last result */
	char *text;		   /* its words; NULL */
	/* Oldest first: ms, or -1 - ms where it failed. */
	int32_t past[CHECK_PAST];
	int past_count;
	int in_a_row; /* like the last one: > 0 passed, < 0 failed */
	/* Of the run before, all its results in `past`: median of those that
	 * passed (-1: none), how many failed, how many there were. */
	int64_t before_ms;
	int before_failed, before_count;
	bool overridden; /* the operator goes on without it, until it passes */
};

/* The last result, also while it runs again. */
bool check_has_passed(const struct check_run *c);
bool check_has_failed(const struct check_run *c);
/* Of the results that passed, in ms; -1: none did. `percent` 0..100. */
int64_t check_quantile_ms(const struct check_run *c, int percent);
bool check_is_flaky(const struct check_run *c);
/* Its last result is of a run that is over: this one has none of it yet. */
bool check_is_earlier(const struct model *m, int check);
/* Its parent fails: its own failure is no news. */
bool check_is_muted(const struct model *m, int check);

/* For the fold and restore.c: when the watch runs it next. */
void checks_watch(struct model *m, int check);

#endif
