/*
 * tap: runs a check suite and speaks TAP, with the plan last, so that a test
 * program that leaves early is an error and never a pass.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "patience.h"

/* One test under its own name in the report, with `row` as its _i. */
static inline void tap_add_row(Suite *suite, const char *name,
			       const TTest *test, int row)
{
	TCase *tc = tcase_create(name);
	tcase_set_timeout(tc, 60); /* sanitizers on a busy machine */
	tcase_add_loop_test(tc, test, row, row + 1);
	suite_add_tcase(suite, tc);
}

static inline void tap_add(Suite *suite, const char *name, const TTest *test)
{
	tap_add_row(suite, name, test, 0);
}

static inline int tap_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_SILENT);
	int n = srunner_ntests_run(runner);
	TestResult **results = srunner_results(runner);
	for (int i = 0; i < n; i++) {
		bool ok = tr_rtype(results[i]) == CK_PASS;
		printf("%sok %d - %s\n", ok ? "" : "not ", i + 1,
		       tr_tcname(results[i]) ? tr_tcname(results[i]) : "");
		if (!ok)
			printf("# %s:%d: %s\n",
			       tr_lfile(results[i]) ? tr_lfile(results[i])
						    : "?",
			       tr_lno(results[i]), tr_msg(results[i]));
	}
	printf("1..%d\n", n);
	free(results);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed || n == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
