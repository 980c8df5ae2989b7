/* The crash matrix: SIGKILL for the core, its Redis, both, and a console, at
 * every event of a real show; and a core that dies, or is cut off, around a
 * commit. Each run must end exactly as one that nobody disturbed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "crash_proxy.h"
#include "crash_stand.h"
#include "tap.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define EACH	  8 /* events between two kills */
#define EACH_SLOW 16
#define ROUNDS	  1
#define ENOUGH	  40
#else
#define EACH	  1
#define EACH_SLOW 5
#define ROUNDS	  3 /* they differ by chance, in microseconds */
#define ENOUGH	  300
#endif

enum victim { NOBODY, CORE, CORE_TWICE, REDIS, BOTH, CONSOLE };

static void strike(struct stand *s, enum victim victim)
{
	switch (victim) {
	case NOBODY:
		return;
	case CORE:
	case CORE_TWICE:
		stand_kill_core(s);
		break;
	case REDIS:
		stand_kill_redis(s);
		if (s->kind != STAND_PRIVATE)
			stand_start_redis(s);
		return;
	case BOTH:
		stand_kill_core(s);
		stand_kill_redis(s);
		if (s->kind != STAND_PRIVATE)
			stand_start_redis(s);
		stand_await_redis(s);
		break;
	case CONSOLE:
		stand_kill_console(s);
		stand_attach(s);
		return;
	}
	stand_start_core(s);
}

static void compare(const char *outcome)
{
	const char *wanted = (*stand_sums)->undisturbed;
	if (strcmp(outcome, wanted) != 0)
		fprintf(stderr, "--- undisturbed:\n%s--- disturbed:\n%s",
			wanted, outcome);
	ck_assert_msg(strcmp(outcome, wanted) == 0,
		      "it did not end as an undisturbed run does");
}

/* Follows the run to its end and strikes at every `each`th look at which the
 * show itself has gone on. */
static void disturb(struct stand *s, enum victim victim, int each)
{
	char type[32];
	int looks = 0;
	bool again = false;
	while (!s->done) {
		stand_follow(s, type);
		if (s->done) /* a start would begin the next run */
			break;
		bool lead = strcmp(type, "leader:take") == 0;
		if (lead && again) {
			again = false;
			strike(s, victim);
		} else if (!lead && strncmp(type, "obs:", 4) != 0 &&
			   looks++ % each == 0) {
			again = victim == CORE_TWICE;
			strike(s, victim);
		}
	}
}

static char *run_show(enum stand_redis kind, enum victim victim, int each)
{
	struct stand s;
	stand_open(&s, kind);
	stand_start_core(&s);
	if (victim == CONSOLE) {
		char type[32];
		stand_follow(&s, type);
		stand_attach(&s);
	}
	disturb(&s, victim, each);
	if (victim == CONSOLE)
		stand_kill_console(&s);
	char *outcome = stand_outcome(&s);
	stand_close(&s);
	return outcome;
}

static void kill_often(enum stand_redis kind, enum victim victim, int each)
{
	int rounds = victim == CORE || victim == CORE_TWICE ? ROUNDS : 1;
	for (int i = 0; i < rounds; i++) {
		char *outcome = run_show(kind, victim, each);
		compare(outcome);
		free(outcome);
	}
}

START_TEST(an_undisturbed_run)
{
	char *outcome = run_show(STAND_PRIVATE, NOBODY, 1);
	char *kept = (*stand_sums)->undisturbed;
	size_t len = strlen(outcome);
	ck_assert_uint_lt(len, sizeof(*stand_sums)->undisturbed);
	memcpy(kept, outcome, len + 1);
	free(outcome);
}
END_TEST

static const struct killing {
	const char *name;
	enum stand_redis redis;
	enum victim victim;
	int each;
} killings[] = {
	{"the core", STAND_PRIVATE, CORE, EACH},
	{"the core, and as it takes over", STAND_PRIVATE, CORE_TWICE, EACH},
	{"the core, shared Redis", STAND_SHARED, CORE, EACH},
	{"the core, and as it takes over, shared Redis", STAND_SHARED,
	 CORE_TWICE, EACH},
	{"the private Redis", STAND_PRIVATE, REDIS, EACH_SLOW},
	{"the shared Redis", STAND_SHARED, REDIS, EACH_SLOW},
	{"the core and the private Redis", STAND_PRIVATE, BOTH, 2 * EACH},
	{"the core and the shared Redis", STAND_SHARED, BOTH, 2 * EACH},
	{"an attached console", STAND_PRIVATE, CONSOLE, EACH},
};

START_TEST(killed_at_every_event)
{
	const struct killing *k = &killings[_i];
	kill_often(k->redis, k->victim, k->each);
}
END_TEST

/* --- around a commit ---------------------------------------------------- */

/* The proxy strikes at the place each time, or cuts the line there and leaves
 * the core alive. */
static void around(enum proxy_place place, bool kills)
{
	struct stand s;
	stand_open(&s, STAND_PROXY);
	struct proxy *p = proxy_start(s.port, s.via_port, s.guard_fd);
	/* Each time would let nothing pass, ever. */
	proxy_set(p, place, kills, 2);
	stand_start_core(&s);
	proxy_set_core(p, s.core);
	char type[32];
	while (!s.done) {
		if (stand_follow(&s, type))
			continue;
		stand_reap_core(&s);
		if (s.done)
			break;
		stand_start_core(&s);
		proxy_set_core(p, s.core);
	}
	/* The end of the run may stand in Redis while its answer, and with it
	 * the core's death, is still on its way. */
	if (kills && s.core > 0 && !proxy_spare_core(p))
		stand_reap_core(&s);
	proxy_set(p, PROXY_PASSES, false, 1);
	int struck = proxy_struck(p);
	(*stand_sums)->cuts += struck;
	char *outcome = stand_outcome(&s);
	stand_close(&s);
	proxy_stop(&p);
	compare(outcome);
	ck_assert_msg(struck >= 3, "it was struck only %d times", struck);
	free(outcome);
}

static const struct cut {
	const char *name;
	enum proxy_place place;
	bool kills;
} cuts[] = {
	{"before an append", PROXY_BEFORE_APPEND, true},
	{"after an append, before its answer", PROXY_BEFORE_ACK, true},
	{"after the answer, before the effect", PROXY_BEFORE_EFFECT, true},
	{"after the effect, before its record", PROXY_BEFORE_RECORD, true},
	{"the line is cut before an append", PROXY_BEFORE_APPEND, false},
	{"the line is cut before an answer", PROXY_BEFORE_ACK, false},
};

START_TEST(struck_around_a_commit)
{
	around(cuts[_i].place, cuts[_i].kills);
}
END_TEST

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

START_TEST(it_was_enough)
{
	struct stand_sums *n = *stand_sums;
	int kills = n->core_kills + n->redis_kills + n->console_kills;
	qsort(n->start_us, (size_t)n->starts, sizeof n->start_us[0], by_size);
	fprintf(stderr,
		"# %d kills: core %d, Redis %d, console %d; the line was "
		"struck %d times; %d archive files\n"
		"# %d starts until someone leads: median %.1f ms, p99 %.1f ms, "
		"most %.1f ms\n",
		kills, n->core_kills, n->redis_kills, n->console_kills, n->cuts,
		n->archives, n->starts,
		(double)n->start_us[n->starts / 2] / 1000,
		(double)n->start_us[n->starts * 99 / 100] / 1000,
		(double)n->start_us[n->starts - 1] / 1000);
	ck_assert_int_ge(kills, ENOUGH);
	ck_assert_int_ge(n->archives, ENOUGH / 100); /* some, in the midst */
}
END_TEST

int main(void)
{
	if (!stand_possible())
		return EXIT_SUCCESS;
	Suite *s = suite_create("crash");
	tap_add(s, "nobody is killed", an_undisturbed_run);
	for (int i = 0; i < (int)COUNT_OF(killings); i++)
		tap_add_row(s, killings[i].name, killed_at_every_event, i);
	for (int i = 0; i < (int)COUNT_OF(cuts); i++)
		tap_add_row(s, cuts[i].name, struck_around_a_commit, i);
	tap_add(s, "that was enough", it_was_enough);
	return tap_run(s);
}
