/* The simulator: honest seeds hold, and every planted defect is found, named
 * and told in a story. */
#include <string.h>

#include "base/mem.h"
#include "sim/random_show.h"
#include "sim/sim.h"
#include "tap.h"

#define HONEST_SEEDS  300
#define PLANTED_SEEDS 300

/* A failing seed is the whole report. */
static void tell(struct sim_plan *plan, uint64_t seed, struct sim_result *why)
{
	plan->seed = seed;
	sim_shrink(plan, why, 300);
	char *story = sim_story(plan);
	printf("# seed %llu breaks %s: %s\n", (unsigned long long)seed,
	       why->broken, why->text);
	for (char *line = strtok(story, "\n"); line; line = strtok(NULL, "\n"))
		printf("# %s\n", line);
	fflush(stdout);
	free(story);
	free(plan->without_steps);
	plan->without_steps = NULL;
}

static void hold(struct sim_plan plan, uint64_t seeds)
{
	struct sim_result sum, why;
	uint64_t failed;
	double cpu_s;
	bool ok = sim_do_seeds(&plan, seeds, NULL, &sum, &failed, &why, &cpu_s);
	if (!ok)
		tell(&plan, failed, &why);
	ck_assert_msg(ok, "seed %llu breaks %s: %s", (unsigned long long)failed,
		      why.broken, why.text);
	printf("# %lld events, %lld crashes, %.0f events/s\n",
	       (long long)sum.events, (long long)sum.crashes,
	       (double)sum.events / (cpu_s > 0 ? cpu_s : 1));
	/* A world without faults would prove nothing. */
	ck_assert_int_gt(sum.crashes, 0);
	ck_assert_int_gt(sum.fenced, 0);
	ck_assert_int_gt(sum.cuts, 0);
	ck_assert_int_gt(sum.away, 0);
	ck_assert_int_gt(sum.votes, 0);
	ck_assert_int_gt(sum.restores, 0);
	/* What was in flight when a core died is asked for again. */
	ck_assert_int_gt(sum.repeats, 0);
}

START_TEST(honest_seeds_hold)
{
	hold((struct sim_plan){.seed = 1, .events = 400, .check_every = 100},
	     HONEST_SEEDS);
}
END_TEST

START_TEST(honest_seeds_hold_strictly)
{
	hold((struct sim_plan){.seed = 100000, .events = 300, .check_every = 1},
	     60);
}
END_TEST

/* Seeds that once broke something: in warn mode a raise divided a start
 * otherwise than it had been reckoned. */
START_TEST(seeds_that_broke_hold)
{
	static const uint64_t seeds[] = {700727};
	for (size_t i = 0; i < COUNT_OF(seeds); i++) {
		struct sim_plan plan = {.seed = seeds[i],
					.events = 1000,
					.check_every = 1000};
		struct sim_result sum, why;
		uint64_t failed;
		double cpu_s;
		bool ok = sim_do_seeds(&plan, 1, NULL, &sum, &failed, &why,
				       &cpu_s);
		ck_assert_msg(ok, "seed %llu breaks %s: %s",
			      (unsigned long long)seeds[i], why.broken,
			      why.text);
	}
}
END_TEST

/* By which invariant each of them is found, at the latest. */
static const char *const found_by[PLANTS] = {
	[PLANT_DOUBLE_SPEND] = "double-spend",
	[PLANT_LOST_RETURN] = "lost-return",
	[PLANT_OVERSPEND] = "overspend",
	[PLANT_MONEY_FORGOTTEN] = "price",
	[PLANT_DAY_FORGOTTEN] = "day",
	[PLANT_EXTENDED_TWICE] = "extend",
	[PLANT_EARLY_START] = "early",
	[PLANT_DONE_TWICE] = "twice",
	[PLANT_EXTRA_RETRY] = "retry",
	[PLANT_HASH_CHAIN] = "chain",
	[PLANT_DEADLOCK] = "deadlock",
	[PLANT_FOLD_DIFFERS] = "fold",
	[PLANT_CLOCK_BACK] = "clock",
	[PLANT_EARLY_EFFECT] = "effect",
	[PLANT_EFFECT_TWICE] = "once",
	[PLANT_NEW_KEY] = "key",
	[PLANT_DOUBLE_COMMAND] = "command",
	[PLANT_VOTE_TWICE] = "votes",
	[PLANT_BURST_STAYS] = "votes",
	[PLANT_EPOCH_IGNORED] = NULL, /* it breaks what comes first */
	[PLANT_STORED_TWICE] = NULL,
	[PLANT_LOST_EVENT] = NULL,
	[PLANT_LOST_COMMIT] = "lost",
	[PLANT_WRONG_TOTAL] = "totals",
	[PLANT_LOST_REPLY] = "reply",
	[PLANT_RAISE_STAYS] = "expired",
	[PLANT_ONCE_KEPT] = "kept",
	[PLANT_ONCE_TWICE] = "taken-twice",
	[PLANT_KILLED_CALLED] = "killed",
	[PLANT_ADOPT_BLIND] = "adopt",
	[PLANT_RULE_WINS] = "rules",
	[PLANT_ABORT] = "abort",
};

START_TEST(every_planted_defect_is_found)
{
	for (int i = PLANT_NONE + 1; i < PLANTS; i++) {
		struct sim_plan plan = {.seed = 1,
					.events = 400,
					.check_every = 100,
					.plant = (enum sim_plant)i};
		struct sim_result sum, why;
		uint64_t failed;
		double cpu_s;
		bool ok = sim_do_seeds(&plan, PLANTED_SEEDS, NULL, &sum,
				       &failed, &why, &cpu_s);
		const char *name = sim_plant_name(plan.plant);
		ck_assert_msg(!ok, "%s is not found", name);
		printf("# %s: seed %llu breaks %s: %s\n", name,
		       (unsigned long long)failed, why.broken, why.text);
		if (found_by[i])
			ck_assert_msg(strcmp(why.broken, found_by[i]) == 0,
				      "%s is found by `%s`, not by `%s`: %s",
				      name, why.broken, found_by[i], why.text);
		if (plan.plant != PLANT_ABORT)
			ck_assert_str_ne(why.broken, "abort");
	}
}
END_TEST

START_TEST(a_seed_is_the_same_story_each_time)
{
	struct sim_plan plan = {.seed = 12, .events = 300, .check_every = 50};
	char *a = sim_story(&plan), *b = sim_story(&plan);
	ck_assert_uint_gt(strlen(a), 10000);
	ck_assert_str_eq(a, b);
	free(a);
	free(b);
}
END_TEST

START_TEST(a_failing_seed_shrinks)
{
	struct sim_plan plan = {.seed = 1,
				.events = 400,
				.check_every = 100,
				.plant = PLANT_DOUBLE_COMMAND};
	struct sim_result sum, why;
	uint64_t failed;
	double cpu_s;
	ck_assert(!sim_do_seeds(&plan, PLANTED_SEEDS, NULL, &sum, &failed, &why,
				&cpu_s));
	plan.seed = failed;
	char *whole = sim_story(&plan);
	sim_shrink(&plan, &why, 400);
	char *small = sim_story(&plan);
	ck_assert_msg(strstr(small, "BROKEN command") != NULL, "%s", small);
	ck_assert_msg(strlen(small) * 2 < strlen(whole), "%zu of %zu bytes",
		      strlen(small), strlen(whole));
	free(plan.without_steps);
	free(whole);
	free(small);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim");
	tap_add(s, "honest seeds hold", honest_seeds_hold);
	tap_add(s, "honest seeds hold strictly", honest_seeds_hold_strictly);
	tap_add(s, "seeds that broke hold", seeds_that_broke_hold);
	tap_add(s, "every planted defect is found",
		every_planted_defect_is_found);
	tap_add(s, "a seed is the same story each time",
		a_seed_is_the_same_story_each_time);
	tap_add(s, "a failing seed shrinks", a_failing_seed_shrinks);
	return tap_run(s);
}
