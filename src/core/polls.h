/* polls: audience polls that gate their dependents. Pure. */
#ifndef CORE_POLLS_H
#define CORE_POLLS_H

#include <stdbool.h>
#include <stdint.h>

enum poll_state {
	POLL_NONE, /* not created yet */
	POLL_OPEN,
	POLL_EXTENDED,
	POLL_CLOSED, /* votes are being counted, or a human is asked */
	POLL_RESOLVED,
	POLL_VOID,
};
const char *poll_state_name(enum poll_state state);

/* One for each stage that has a poll, at stage_run.poll. */
struct poll_run {
	enum poll_state state;
	bool frozen;           /* panic: no votes; the clock stands */
	int64_t opened_ms;
	int64_t deadline_ms;   /* while open or extended and not frozen */
	int64_t left_ms;       /* while frozen */
	int extensions;
	int closes;            /* counts asked for so far, in all runs */
	int64_t *counts;       /* by option; from the last count */
	int64_t total;
	double margin;         /* lead of the first over the second, share */
	int winner;            /* option index, -1: none yet */
	char *why;             /* "majority", "default", "operator", ... */
};

/* The rule of the contract, pure: index of the option that wins these counts,
 * or -1 when undecided (too few votes, lead below min_delta, or a tie). */
struct show_poll;
int poll_winner(const struct show_poll *poll, const int64_t *counts,
		int64_t *total, double *margin);

#endif
