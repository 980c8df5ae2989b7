/*
 * check: one test of a validation card against the real service, with what was
 * wanted and what came. Blocking; any thread, each with its own call.
 */
#ifndef JOBS_CHECK_H
#define JOBS_CHECK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "show/show.h"

struct check_result {
	bool ok;
	/* -1: n/a */
	int64_t dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms;
	/* One line, cleaned: "status 200 in 12 ms", or the first expectation
	 * that failed. */
	char *text;
	/* {kind, ok, text, phases, expectations: [{name, wanted, got, ok}],
	 * request, answer, audio, steps, cleanup}: what showcaller-bus(7) says
	 * under "Results of checks". Secrets blanked, CHECK_DETAIL_BYTES at
	 * most. */
	json_object *detail;
};

#define CHECK_DETAIL_BYTES (128 * 1024)

/* What a call of an agent by a check has in the place of its run, and of its
 * stage: so its answer is never taken for that of a stage. */
#define CHECK_RUN "check"

/* `cancel` may be NULL. `out` is to be released. */
void check_run(const struct show *show, int check, const atomic_bool *cancel,
	       struct check_result *out);
void check_result_release(struct check_result *result);

#endif
