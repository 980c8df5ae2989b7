/* Bursts of votes are found, limits hold: with made-up times. */
#include <stdio.h>

#include "engine/bursts.h"
#include "engine/limits.h"
#include "tap.h"

enum { CAVE, RIDGE };

static struct bursts *b;
static int votes;

static void setup(void)
{
	b = bursts_new();
	votes = 0;
}

static void teardown(void)
{
	bursts_free(&b);
}

/* `n` votes from one source, a millisecond apart. */
static void cast(uint64_t source, int option, int n, int64_t at_ms)
{
	char voter[24];
	for (int i = 0; i < n; i++) {
		snprintf(voter, sizeof voter, "c:%d", ++votes);
		bursts_voted(b, 0, option, source, voter,
			     bursts_of(b, 0, option, source), at_ms + i);
	}
}

static void rest(int64_t cave, int64_t ridge)
{
	const int64_t counts[2] = {cave, ridge};
	bursts_rest(b, 0, counts, 2);
}

static bool look(int64_t at_ms, struct burst_facts *facts)
{
	int stage, option;
	bool found = bursts_find(b, 30, at_ms, &stage, &option, facts);
	if (found) {
		ck_assert_int_eq(stage, 0);
		ck_assert_int_eq(option, RIDGE);
	}
	return found;
}

static size_t marked(int number)
{
	const char *voters[64];
	int stage, burst;
	size_t all = 0, n;
	while ((n = bursts_take(b, &stage, &burst, voters, 64))) {
		ck_assert_int_eq(burst, number);
		all += n;
	}
	return all;
}

START_TEST(a_burst_says_what_it_is)
{
	struct burst_facts f;
	for (uint64_t s = 100; s < 200; s++) /* the audience: one each */
		cast(s, s % 5 < 3 ? CAVE : RIDGE, 1, 1000);
	ck_assert(!look(1100, &f));
	for (uint64_t s = 1; s <= 4; s++)
		cast(s, RIDGE, 53, 2000 + 600 * (int64_t)s);
	rest(60, 40 + 212);
	ck_assert(look(4500, &f));
	ck_assert_int_eq(f.votes, 212);
	ck_assert_int_eq(f.sources, 4);
	ck_assert_int_eq(f.span_ms, 1852);
	ck_assert_int_eq(f.rest_permille, 400);
	ck_assert(!look(4600, &f)); /* told once */
	ck_assert_uint_eq(marked(1), 0);
	bursts_begin(b, 0, RIDGE, 1);
	ck_assert_uint_eq(marked(1), 212);
	/* What comes from there later is of it; what is for another is not. */
	ck_assert_int_eq(bursts_of(b, 0, RIDGE, 2), 1);
	ck_assert_int_eq(bursts_of(b, 0, CAVE, 2), 0);
	ck_assert_int_eq(bursts_of(b, 0, RIDGE, 150), 0);
	ck_assert_int_eq(bursts_of(b, 1, RIDGE, 2), 0);
}
END_TEST

START_TEST(who_joins_a_burst_is_of_it)
{
	struct burst_facts f;
	cast(1, RIDGE, 40, 1000);
	ck_assert(look(1100, &f));
	ck_assert_int_eq(f.rest_permille, -1);
	bursts_begin(b, 0, RIDGE, 1);
	ck_assert_uint_eq(marked(1), 40);
	cast(2, RIDGE, 40, 1200);
	ck_assert(!look(1300, &f));
	ck_assert_uint_eq(marked(1), 40);
	/* Another opening of the poll knows nothing of it. */
	bursts_forget(b, 0);
	ck_assert_int_eq(bursts_of(b, 0, RIDGE, 1), 0);
	ck_assert(!look(1400, &f));
}
END_TEST

START_TEST(an_audience_behind_one_address_is_no_burst)
{
	struct burst_facts f;
	for (int i = 0; i < 100; i++)
		cast(7, i % 3 ? RIDGE : CAVE, 1, 1000 + i);
	ck_assert(!look(1200, &f)); /* it votes this and that */
	for (uint64_t s = 10; s < 210; s++)
		cast(s, RIDGE, 2, 2000); /* many, and each of them little */
	ck_assert(!look(2100, &f));
	rest(10, 400);
	cast(8, RIDGE, 100, 2200); /* as all the others do */
	ck_assert(!look(2400, &f));
	cast(0, RIDGE, 500, 2500); /* nobody knows from where */
	ck_assert(!look(2600, &f));
	cast(9, RIDGE, 29, 9000);
	ck_assert(!look(9100, &f));
	cast(9, RIDGE, 29, 13000); /* and slowly */
	ck_assert(!look(13100, &f));
}
END_TEST

START_TEST(so_many_votes_are_kept_that_it_stays_small)
{
	struct burst_facts f;
	cast(1, RIDGE, 3 * BURSTS_KEPT, 1000);
	rest(100, 3001);
	ck_assert(look(1000 + 3 * BURSTS_KEPT, &f));
	ck_assert_int_ge(f.votes, 1000);
	bursts_begin(b, 0, RIDGE, 1);
	ck_assert_uint_ge(marked(1), 1000);
}
END_TEST

START_TEST(in_a_minute_only_so_many)
{
	struct limits *l = limits_new();
	int64_t second = 1000000;
	int taken = 0;
	for (int i = 0; i < 100; i++)
		taken += limits_take(l, 1, 60, second);
	ck_assert_int_eq(taken, 60);
	ck_assert(limits_take(l, 2, 60, second)); /* each for itself */
	ck_assert(!limits_take(l, 1, 60, second + 900000));
	ck_assert(limits_take(l, 1, 60, second + 1000000));
	ck_assert(!limits_take(l, 1, 60, second + 1000000));
	taken = 0;
	for (int i = 0; i < 100; i++)
		taken += limits_take(l, 1, 60, 200 * second);
	ck_assert_int_eq(taken, 60);
	/* A flood of others costs nobody more than a fresh start. */
	for (uint64_t who = 10; who < 100000; who++)
		ck_assert(limits_take(l, who, 60, 300 * second));
	limits_free(&l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bursts");
	TCase *t = tcase_create("bursts");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_burst_says_what_it_is);
	tcase_add_test(t, who_joins_a_burst_is_of_it);
	tcase_add_test(t, an_audience_behind_one_address_is_no_burst);
	tcase_add_test(t, so_many_votes_are_kept_that_it_stays_small);
	tcase_add_test(t, in_a_minute_only_so_many);
	suite_add_tcase(s, t);
	return tap_run(s);
}
