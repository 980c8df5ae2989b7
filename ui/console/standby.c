/* The second line: what GO will do, before anyone presses it. */
#include <string.h>

#include "console/fmt.h"
#include "console/panes.h"
#include "console/rewind.h"
#include "core/preflight.h"

static void put_agents(const struct view *v, struct pen *p, int index)
{
	const struct show_stage *stage = &v->show->stages[index];
	for (size_t i = 0; i < stage->agent_count; i++)
		pen_printf(p, STYLE_TEXT, "%s%s", i ? " + " : "",
			   v->show->agents[stage_agent(v->model, index, i)].id);
	if (stage->poll)
		pen_printf(p, STYLE_TEXT, "%sopens the poll",
			   stage->agent_count ? " + " : "");
}

static void put_stage(const struct view *v, struct pen *p, int index)
{
	const struct show_stage *stage = &v->show->stages[index];
	char count[FMT_BYTES];
	bool armed = view_standby_armed(v);
	pen_text(p, STYLE_STRONG, stage->id);
	pen_text(p, STYLE_TEXT, "   ");
	if (view_is_pending(v, ACTION_GO))
		pen_text(p, STYLE_BUSY, "GO sent: ");
	else if (stage->preflight && preflight_open(v->model, v->now_ms, NULL, 0))
		pen_text(p, STYLE_WAIT, "GO waits for pre-flight: ");
	else
		pen_text(p, armed ? STYLE_KEY : STYLE_DIM, "GO: ");
	put_agents(v, p, index);
	int64_t wanted = budget_wanted(v->model, index);
	if (wanted > 0)
		pen_printf(p, STYLE_TEXT, ", up to %s tokens",
			   fmt_count(count, wanted));
	if (stage->notes)
		pen_printf(p, STYLE_WAIT, "   %s", stage->notes);
	int next = stage_after(v->model, index);
	if (next >= 0)
		pen_printf(p, STYLE_DIM, "   next: %s",
			   v->show->stages[next].id);
}

static void put_nothing(const struct view *v, struct pen *p)
{
	const struct run *run = &v->model->run;
	if (v->ahead_mono_ms && view_is_halted(v))
		pen_text(p, STYLE_STRONG,
			 "halted by PANIC; the log has it when Redis is back");
	else if (view_is_halted(v))
		pen_printf(p, STYLE_STRONG, "halted by PANIC%s",
			   v->read_only ? "" : "; R twice resumes");
	else if (run->state == RUN_PAUSED)
		pen_printf(p, STYLE_STRONG, "paused%s",
			   v->read_only ? "" : "; p resumes");
	else if (run_is_over(run->state))
		pen_printf(p, STYLE_TEXT, "the run is %s%s%s",
			   run_state_name(run->state), run->why ? ": " : "",
			   run->why ? run->why : "");
	else
		pen_text(p, STYLE_DIM, "nothing waits for GO");
}

/* Instead of what GO would do, where we look, and the way back. The show that
 * goes on is in the header. */
static void put_rewind(const struct view *v, struct pen *p)
{
	const struct view_rewind *r = &v->rewind;
	const struct model *then = r->then->model;
	char at[FMT_BYTES], of[FMT_BYTES], clock[FMT_BYTES];
	const char *back = action_table[ACTION_LIVE].key;
	bool small = p->right - p->x < 60;
	pen_text(p, STYLE_PAST, small ? "REWIND " : " REWIND  ");
	pen_printf(p, STYLE_STRONG, "%s%s of %s", small ? "" : "event ",
		   fmt_count(at, (int64_t)r->target),
		   fmt_count(of, (int64_t)v->model->seq));
	if (r->failed)
		pen_text(p, STYLE_BAD, "  cannot be read");
	else if (rewind_is_loading(v))
		pen_text(p, STYLE_BUSY, "  loading");
	else if (then->run.started_ms)
		pen_printf(
			p, STYLE_STRONG, "  %s",
			fmt_clock(clock, then->at_ms - then->run.started_ms));
	pen_text(p, STYLE_DIM, small ? "  " : "  -  ");
	pen_text(p, STYLE_KEY, back);
	pen_text(p, STYLE_TEXT, " live");
}

void standby_draw(const struct view *v, const struct area *a)
{
	struct pen p = pen_at(a, 0, 0);
	if (v->rewind.then) {
		put_rewind(v, &p);
		return;
	}
	pen_text(&p, v->standby >= 0 ? STYLE_WAIT : STYLE_DIM, " STANDBY  ");
	if (v->standby >= 0)
		put_stage(v, &p, v->standby);
	else
		put_nothing(v, &p);
}
