/*
 * plan: how the run lies against what the show file expects (`expect_ms`).
 * Pure.
 *
 * The plan is the longest way through the stages; the forecast is the same way
 * with what really happened so far. A stage without `expect_ms` counts as
 * planned to take what it took.
 */
#ifndef CONSOLE_PLAN_H
#define CONSOLE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model.h"

struct plan {
	bool known;      /* the file expects something, and a run began */
	int64_t over_ms; /* forecast behind the plan; negative: ahead */
	int64_t end_ms;  /* forecast end, show time */
};

struct plan plan_make(const struct model *m, int64_t now_ms);

#endif
