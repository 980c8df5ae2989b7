/*
 * sim: the real core in a simulated world: a store, agents, an audience, OBS,
 * an operator and their faults, all made from one seed under a virtual clock.
 *
 * A seed is one random show and one story: steps in which somebody does
 * something and time passes, until so many events are stored; then everybody
 * helps, and the run has to come to its end. What the log holds is audited
 * event by event (audit.h) and compared with the models that were folded from
 * it. The same plan gives the same story on every machine. One thread.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/* What a plan may leave out, to find out whether it matters. */
enum sim_fault {
	SIM_CRASH,   /* the core dies at any moment */
	SIM_LEADERS, /* an old leader wakes up */
	SIM_AWAY,    /* the store does not answer for a while */
	SIM_CUT,     /* the link breaks: answers lost, commits sent again */
	SIM_SLOW,    /* the store is slow at times */
	SIM_JUMP,    /* clocks jump */
	SIM_STORM,   /* commands come twice and more */
	SIM_AGENTS,  /* agents misbehave */
	SIM_MEDDLE,  /* the operator does what no one should */
	SIM_STRAY,   /* answers and votes that nobody asked for */
	SIM_FAULTS,
};

/* Defects that are put in on purpose, one at a time: each must be found. */
enum sim_plant {
	PLANT_NONE,
	PLANT_DOUBLE_SPEND,
	PLANT_LOST_RETURN,
	PLANT_OVERSPEND,
	PLANT_MONEY_FORGOTTEN,
	PLANT_DAY_FORGOTTEN,
	PLANT_EXTENDED_TWICE,
	PLANT_EARLY_START,
	PLANT_DONE_TWICE,
	PLANT_EXTRA_RETRY,
	PLANT_HASH_CHAIN,
	PLANT_DEADLOCK,
	PLANT_FOLD_DIFFERS,
	PLANT_CLOCK_BACK,
	PLANT_EARLY_EFFECT,
	PLANT_EFFECT_TWICE,
	PLANT_NEW_KEY,
	PLANT_DOUBLE_COMMAND,
	PLANT_VOTE_TWICE,
	PLANT_BURST_STAYS,
	PLANT_EPOCH_IGNORED,
	PLANT_STORED_TWICE,
	PLANT_LOST_EVENT,
	PLANT_LOST_COMMIT,
	PLANT_WRONG_TOTAL,
	PLANT_LOST_REPLY,
	PLANT_RAISE_STAYS,
	PLANT_ONCE_KEPT,
	PLANT_ONCE_TWICE,
	PLANT_KILLED_CALLED,
	PLANT_ADOPT_BLIND,
	PLANT_RULE_WINS,
	PLANT_ABORT,
	PLANTS,
};
const char *sim_plant_name(enum sim_plant plant);
enum sim_plant sim_plant_find(const char *name); /* PLANTS: none of it */

struct sim_plan {
	uint64_t seed;
	int64_t events;	     /* the storm goes on until so many are stored */
	int64_t check_every; /* whole models are compared so often; 1: always */
	enum sim_plant plant;

	/* Left out; all zero at first. A plan with `steps` does that many
	 * steps, whatever number of events that gives. */
	uint64_t without_stages;
	uint32_t without_faults; /* bit by enum sim_fault */
	size_t steps;
	unsigned char *without_steps; /* `steps` of them; NULL: none */

	int story_fd; /* lines for people are written there; 0: none */
};

struct sim_result {
	bool ok;
	char broken[32]; /* which invariant, "ledger" */
	char text[400];	 /* what was found, for people */
	size_t steps;	 /* done */
	uint64_t seq;	 /* the event at which it was found */
	int64_t events, runs, crashes, takeovers, fenced, away, cuts, jumps;
	int64_t commands, answers, votes, repeats, checks, restores;
	int64_t bursts; /* of votes, that were excluded */
};

/* Does one plan in this process. A REQUIRE that fails in the core ends it. */
void sim_do(const struct sim_plan *plan, struct sim_result *result);
/* Adds the counts of `more`. */
void sim_add(struct sim_result *sum, const struct sim_result *more);

/* The same in a child process, so that it survives our own defects: one that
 * aborts is a failed plan whose invariant is "abort". */
void sim_do_apart(const struct sim_plan *plan, struct sim_result *result);

/* The story of a plan in lines for people: the show, what came to the core,
 * what it decided, and what broke. A core that aborts leaves what was told so
 * far. Caller frees. */
char *sim_story(const struct sim_plan *plan);

/* Leaves out of a plan that fails all that it can do without, while the same
 * invariant fails. `tries` caps the number of attempts. The caller frees
 * plan->without_steps. */
void sim_shrink(struct sim_plan *plan, struct sim_result *result, int tries);

/* Does the seeds plan->seed .. + seeds - 1 in a child process. Stops at the
 * first that fails (its number in `*failed`, its result in `*why`), and adds up
 * the rest in `sum`. `each` is told of every seed; NULL: nobody. */
struct sim_watch {
	void (*each)(void *arg, uint64_t seed, const struct sim_result *r);
	void *arg;
};
bool sim_do_seeds(const struct sim_plan *plan, uint64_t seeds,
		  const struct sim_watch *watch, struct sim_result *sum,
		  uint64_t *failed, struct sim_result *why, double *cpu_s);

#endif
