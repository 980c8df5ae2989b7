/* Random interleavings of all that a lease can go through. LEDGER_SEED=N walks
 * that seed again. */
#include "ledger_walk.h"
#include "tap.h"

#include <inttypes.h>

#define STEPS 50000

static void walk(bool honest)
{
	const char *given = getenv("LEDGER_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : honest ? 1 : 2;
	struct ledger_walk_result r;
	ledger_walk(seed, STEPS, honest, &r);
	ck_assert_msg(!*r.broken, "seed %" PRIu64 ": %s", seed, r.broken);
	/* It went everywhere. */
	ck_assert_int_gt(r.leases, 1000);
	ck_assert_int_gt(r.held, 20);
	ck_assert_int_gt(r.crashes, 10);
	ck_assert_int_gt(r.repeats, 1000);
}

START_TEST(nothing_is_ever_overspent)
{
	walk(true);
}
END_TEST

START_TEST(what_is_overrun_is_told)
{
	walk(false);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger");
	TCase *t = tcase_create("ledger");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, nothing_is_ever_overspent);
	tcase_add_test(t, what_is_overrun_is_told);
	suite_add_tcase(s, t);
	return tap_run(s);
}
