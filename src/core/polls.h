/* polls: audience polls that gate their dependents. Pure. */
#ifndef CORE_POLLS_H
#define CORE_POLLS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/input.h"

enum poll_state {
	POLL_NONE, /* not created yet */
	POLL_OPEN,
	POLL_EXTENDED,
	POLL_CLOSED, /* votes are being counted, or a human is asked */
	POLL_RESOLVED,
	POLL_VOID,
};
const char *poll_state_name(enum poll_state state);

struct poll_own;

/* Votes that came in a burst; the first one of a poll is number 1. Which votes
 * are of it, and how many, Redis knows. */
#define POLL_BURSTS_MOST 32
struct poll_burst {
	int option;
	int64_t at_ms;
	struct burst_facts facts; /* when it was noticed */
	bool excluded;		  /* its votes do not count */
};

/* One for each stage that has a poll and each place of one, at stage_run.poll.
 */
struct poll_run {
	enum poll_state state;
	bool frozen;  /* no votes; the clock stands */
	bool by_hand; /* not by a panic, which ends with it */
	int64_t opened_ms;
	int64_t deadline_ms; /* while open or extended and not frozen */
	int64_t left_ms;     /* while frozen */
	int extensions;
	int closes;	 /* counts asked for so far, in all runs */
	int64_t *counts; /* by option; from the last count */
	int64_t total;
	struct ballots_sum from; /* from the last count, too */
	double margin;	      /* lead of the first over the second, share */
	int winner;	      /* option index, -1: none yet */
	int choice;	      /* what will win: an operator's while votes are
				 counted, or what waits for its price; -1 */
	struct poll_own *own; /* of a place: what is asked; NULL: nothing */
	bool proposed;	      /* of a place: nobody has allowed it yet */
	struct poll_burst *bursts;
	int burst_count;
	char *why;	      /* "majority", "default", "operator", ... */
};

struct model;
struct show_poll;
/* What is asked; NULL: of a place that was never taken. */
const struct show_poll *poll_def(const struct model *m, int stage);
bool poll_is_open(const struct poll_run *poll); /* or frozen */
/* Open, or closed and not decided yet. */
bool poll_goes_on(const struct poll_run *poll);
/* The poll that is meant where none is named: of those that go on the one that
 * was opened last; none does: the last one there was; -1. */
int polls_now(const struct model *m);
/* Those that go on, by when they were opened. Caller frees; NULL: none. */
int *polls_going_on(const struct model *m, size_t *count);
/* Its winner is known, and a person is asked about its price. */
bool poll_waits_for_price(const struct model *m, int stage);

/* What a burst is, in one line. Caller frees. */
char *poll_burst_text(const struct model *m, int stage, int burst);
/* Takes out of `counts` what is of excluded bursts; `of_bursts` as in an
 * INPUT_TALLY. */
void polls_take_out(const struct model *m, int stage, int64_t *counts,
		    const int64_t *of_bursts, int burst_count);

/* Why counts decide nothing. */
enum poll_lack {
	POLL_LACKS_NOTHING,
	POLL_LACKS_VOTES, /* fewer than min_votes, or none */
	POLL_LACKS_TIE,	  /* two or more are first */
	POLL_LACKS_LEAD,  /* less than min_delta */
};
const char *poll_lack_name(enum poll_lack lack); /* NULL: nothing */

/* With one less not even a unanimous vote is more than chance: of two options
 * liked alike, 2 in 2^5 such votes are unanimous, more than 5 in 100. */
#define POLL_VOTES_TO_TELL 6
#define POLL_VOTES_MOST (INT64_C(1) << 50) /* of an option */

struct poll_count {
	int64_t total;
	int first, second;	  /* options; of those with as many the first
				     in the order of the file */
	double margin;		  /* lead of the first over the second, share */
	int margin_permille;	  /* the same, rounded down */
	int uncertainty_permille; /* of it, 95 of 100: see HACKING.md */
	bool too_close;		  /* the lead is within its uncertainty */
	bool too_few;		  /* no lead of so few votes would say anything:
				     see HACKING.md */
	enum poll_lack lacks;
	int winner; /* by the rule of the contract; -1: none */
};

/* Pure. */
struct poll_count poll_judge(const struct show_poll *poll,
			     const int64_t *counts);
/* "lead 8.3% +-5.7%", "lead 2.5% +-15.3%, too close to call", "too few votes to
 * tell", "no votes yet". Returns `out`. */
#define POLL_LEAD_BYTES 64
const char *poll_lead_text(char out[POLL_LEAD_BYTES],
			   const struct poll_count *count);
int poll_permille(int64_t votes, int64_t total); /* rounded down */

/* The same in short: index of the option that wins these counts, or -1 when
 * undecided (too few votes, lead below min_delta, or a tie). */
int poll_winner(const struct show_poll *poll, const int64_t *counts,
		int64_t *total, double *margin);

#endif
