#include "console/plan.h"

#include <stdlib.h>

#include "base/mem.h"

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool is_passed_over(const struct stage_run *run)
{
	return run->state == STAGE_SKIPPED ||
	       (run->state == STAGE_CANCELLED && !run->first_ms);
}

/* When the stage ends, if it could begin at `ready_ms`. */
static int64_t forecast_end(const struct show_stage *stage,
			    const struct stage_run *run, int64_t ready_ms,
			    int64_t now_ms)
{
	int64_t expect = stage->expect_ms == SHOW_UNSET ? 0 : stage->expect_ms;
	if (is_passed_over(run))
		return ready_ms;
	if (run->ended_ms)
		return run->ended_ms;
	if (run->first_ms)
		return later(now_ms, run->first_ms + expect);
	return later(ready_ms, now_ms) + expect;
}

static int64_t planned_ms(const struct show_stage *stage,
			  const struct stage_run *run, int64_t now_ms)
{
	if (is_passed_over(run))
		return 0;
	if (stage->expect_ms != SHOW_UNSET)
		return stage->expect_ms;
	if (!run->first_ms)
		return 0;
	return (run->ended_ms ? run->ended_ms : now_ms) - run->first_ms;
}

struct plan plan_make(const struct model *m, int64_t now_ms)
{
	const struct show *show = m->show;
	struct plan plan = {0};
	int64_t start = m->run.started_ms;
	if (!start)
		return plan;
	if (m->run.ended_ms)
		now_ms = m->run.ended_ms;
	int64_t *planned = xcalloc(show->stage_count + 1, sizeof *planned);
	int64_t *forecast = xcalloc(show->stage_count + 1, sizeof *forecast);
	int64_t plan_end = start;
	plan.end_ms = start;
	for (size_t n = 0; n < show->stage_count; n++) {
		int i = show->order[n];
		const struct show_stage *stage = &show->stages[i];
		const struct stage_run *run = &m->stages[i];
		int64_t ready_plan = start, ready = start;
		for (size_t d = 0; d < stage->dep_count; d++) {
			ready_plan = later(ready_plan, planned[stage->deps[d]]);
			ready = later(ready, forecast[stage->deps[d]]);
		}
		planned[i] = ready_plan + planned_ms(stage, run, now_ms);
		forecast[i] = forecast_end(stage, run, ready, now_ms);
		plan_end = later(plan_end, planned[i]);
		plan.end_ms = later(plan.end_ms, forecast[i]);
		plan.known = plan.known || stage->expect_ms != SHOW_UNSET;
	}
	plan.over_ms = plan.end_ms - plan_end;
	free(planned);
	free(forecast);
	return plan;
}
