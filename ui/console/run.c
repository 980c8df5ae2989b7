/* Pane 1: the stages, each with its state, its time, its tokens, and why it
 * waits. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "console/fmt.h"
#include "console/panes.h"

#define TIME_COLUMNS   9
#define TOKENS_COLUMNS 8

static const struct {
	enum glyph mark;
	enum style style;
} looks[STAGE_STATES] = {
	[STAGE_WAITING] = {GLYPH_WAITING, STYLE_DIM},
	[STAGE_STANDBY] = {GLYPH_STANDBY, STYLE_WAIT},
	[STAGE_HELD] = {GLYPH_HELD, STYLE_WAIT},
	[STAGE_RUNNING] = {GLYPH_RUNNING, STYLE_BUSY},
	[STAGE_BACKOFF] = {GLYPH_BACKOFF, STYLE_BUSY},
	[STAGE_REVIEW] = {GLYPH_REVIEW, STYLE_WAIT},
	[STAGE_DONE] = {GLYPH_DONE, STYLE_GOOD},
	[STAGE_FAILED] = {GLYPH_FAILED, STYLE_BAD},
	[STAGE_SKIPPED] = {GLYPH_SKIPPED, STYLE_DIM},
	[STAGE_CANCELLED] = {GLYPH_CANCELLED, STYLE_DIM},
};

/* Where the columns of this pane lie. */
struct columns {
	int name, time, tokens, text; /* time, tokens: 0 when not shown */
};

static struct columns columns_for(int width)
{
	struct columns c = {.name = width / 3};
	c.name = c.name < 10 ? 10 : c.name > 28 ? 28 : c.name;
	int x = 2 + c.name;
	if (width >= 30) {
		c.time = x;
		x += TIME_COLUMNS + 1;
	}
	if (width >= 44) {
		c.tokens = x;
		x += TOKENS_COLUMNS + 1;
	}
	c.text = x + 1;
	return c;
}

static bool is_open_poll(const struct stage_run *run)
{
	return run->poll && (run->poll->state == POLL_OPEN ||
			     run->poll->state == POLL_EXTENDED);
}

static int64_t poll_left_ms(const struct view *v, const struct poll_run *poll)
{
	return poll->frozen ? poll->left_ms : poll->deadline_ms - v->now_ms;
}

static void put_time(const struct view *v, const struct area *a,
		     const struct columns *c, int y,
		     const struct stage_run *run)
{
	char text[2 * FMT_BYTES];
	if (!c->time || !run->first_ms)
		return;
	if (is_open_poll(run)) {
		fmt_left(text, poll_left_ms(v, run->poll));
	} else if (run->state == STAGE_RUNNING) {
		/* Whole seconds: a picture a second cannot keep tenths true. */
		int64_t gone = (v->now_ms - run->started_ms) / 1000;
		int64_t limit =
			(run->deadline_ms - run->started_ms + 999) / 1000;
		if (run->deadline_ms && limit < 100)
			snprintf(text, sizeof text, "%lld/%llds",
				 (long long)(gone > 0 ? gone : 0),
				 (long long)limit);
		else
			fmt_elapsed(text, gone * 1000);
	} else if (run->ended_ms) {
		fmt_elapsed(text, run->ended_ms - run->first_ms);
	} else {
		return;
	}
	area_right(a, c->time, y, TIME_COLUMNS,
		   run->state == STAGE_DONE ? STYLE_DIM : STYLE_TEXT, text);
}

static void put_tokens(const struct view *v, const struct area *a,
		       const struct columns *c, int y, int stage)
{
	const struct scope *scope = &v->model->ledger.stages[stage].tokens;
	char text[FMT_BYTES + 1] = "~";
	if (!c->tokens)
		return;
	/* "~": leased, and so not yet known. */
	int64_t n = scope->leased + scope->spent;
	char *figure = text + (scope->leased ? 1 : 0);
	if (!n)
		return;
	fmt_count(figure, n);
	if (strlen(text) > TOKENS_COLUMNS) /* a cut number would be a lie */
		fmt_short(figure, (double)n);
	area_right(a, c->tokens, y, TOKENS_COLUMNS,
		   scope->leased ? STYLE_TEXT : STYLE_DIM, text);
}

static void put_agents(const struct view *v, struct pen *p, int stage)
{
	const struct show_stage *def = &v->show->stages[stage];
	const struct stage_run *run = &v->model->stages[stage];
	if (def->agent_count == 1) {
		pen_text(p, STYLE_DIM, v->show->agents[run->calls[0].agent].id);
	} else if (def->agent_count > 1) {
		int answered = 0;
		for (size_t i = 0; i < def->agent_count; i++)
			answered += run->calls[i].state == CALL_ANSWERED;
		pen_printf(p, STYLE_DIM, "%d of %zu agents", answered,
			   def->agent_count);
	}
}

static void put_running(const struct view *v, struct pen *p, int stage)
{
	const struct stage_run *run = &v->model->stages[stage];
	int64_t most = v->show->stages[stage].retry.max_attempts;
	/* A call of a killed agent, and what ran again, is beyond the plan. */
	if (run->attempt > 1 && run->attempt > most)
		pen_printf(p, STYLE_WAIT, "try %d  ", run->attempt);
	else if (run->attempt > 1)
		pen_printf(p, STYLE_WAIT, "try %d of %lld  ", run->attempt,
			   (long long)most);
	put_agents(v, p, stage);
	if (v->progress_stage == stage && v->progress && *v->progress)
		pen_printf(p, STYLE_TEXT, "  %s", v->progress);
}

static void put_done(const struct view *v, struct pen *p, int stage)
{
	int attempt = v->model->stages[stage].attempt;
	put_agents(v, p, stage);
	if (attempt > 1)
		pen_printf(p, STYLE_DIM, ", try %d", attempt);
}

static void put_poll(const struct view *v, struct pen *p, int stage)
{
	const struct poll_run *poll = v->model->stages[stage].poll;
	const struct show_poll *def = v->show->stages[stage].poll;
	char count[FMT_BYTES];
	int64_t total;
	view_counts(v, stage, &total);
	if (poll->winner >= 0)
		pen_printf(p, STYLE_TEXT, "%s: %s",
			   poll_state_name(poll->state),
			   def->options[poll->winner].id);
	else
		pen_printf(p, STYLE_TEXT, "poll %s%s, %s",
			   poll_state_name(poll->state),
			   poll->frozen ? ", frozen" : "",
			   fmt_votes(count, total));
}

static void put_waiting(const struct view *v, struct pen *p, int stage)
{
	char text[512];
	stage_waits_for(v->model, stage, text, sizeof text);
	if (*text)
		pen_printf(p, STYLE_DIM, "waits: %s", text);
}

/* "CODE: URL: why": here the address would leave no room for the why. */
static void put_failed(const struct view *v, struct pen *p, int stage)
{
	const char *error = v->model->stages[stage].error;
	const char *why = error ? strchr(error, ' ') : NULL;
	const char *end = why ? strstr(why + 1, ": ") : NULL;
	if (end && strncmp(why + 1, "http", 4) == 0 &&
	    !memchr(why + 1, ' ', (size_t)(end - why - 1)))
		pen_printf(p, STYLE_BAD, "failed: %.*s%s", (int)(why - error),
			   error, end + 1);
	else
		pen_printf(p, STYLE_BAD, "failed: %s",
			   error ? error : "no reason given");
}

/* "needs way = flies": what `when` asked for. */
static void put_when(const struct view *v, struct pen *p, int stage)
{
	const struct show_stage *def = &v->show->stages[stage];
	for (size_t i = 0; i < def->when_count; i++)
		pen_printf(p, STYLE_DIM, "%s%s = %s",
			   i ? ", " : "skipped: needs ", def->when[i].name,
			   def->when[i].value);
}

static void put_left_out(const struct view *v, struct pen *p, int stage)
{
	const struct stage_run *run = &v->model->stages[stage];
	if (run->why && strcmp(run->why, "when") == 0) {
		put_when(v, p, stage);
		return;
	}
	pen_printf(p, STYLE_DIM, "%s%s%s", stage_state_name(run->state),
		   run->why ? ": " : "", run->why ? run->why : "");
}

/* What stands behind the figures (or, for stages that have none yet, right
 * behind the name). */
static const struct {
	void (*put)(const struct view *v, struct pen *p, int stage);
	bool at_name;
} texts[STAGE_STATES] = {
	[STAGE_WAITING] = {put_waiting, true},
	[STAGE_STANDBY] = {put_waiting, true},
	[STAGE_HELD] = {put_waiting, true},
	[STAGE_RUNNING] = {put_running, false},
	[STAGE_BACKOFF] = {put_waiting, true},
	[STAGE_REVIEW] = {put_waiting, true},
	[STAGE_DONE] = {put_done, false},
	[STAGE_FAILED] = {put_failed, true},
	[STAGE_SKIPPED] = {put_left_out, true},
	[STAGE_CANCELLED] = {put_left_out, true},
};

static void put_stage(struct view *v, const struct area *a,
		      const struct columns *c, int y, int stage)
{
	const struct stage_run *run = &v->model->stages[stage];
	enum stage_state state = run->state;
	enum style style = state == STAGE_WAITING || state == STAGE_SKIPPED
				   ? STYLE_DIM
				   : STYLE_TEXT;
	struct pen p = pen_within(a, 0, y, 2 + c->name);
	pen_glyph(&p, looks[state].style,
		  run->poll && state == STAGE_RUNNING ? GLYPH_POLL
						      : looks[state].mark);
	pen_skip_to(&p, 2);
	pen_text(&p, style, v->show->stages[stage].id);
	bool at_name = texts[state].at_name;
	if (!at_name) {
		put_time(v, a, c, y, run);
		put_tokens(v, a, c, y, stage);
	}
	bool poll = run->poll && run->poll->state != POLL_NONE && !at_name;
	int x = at_name ? 3 + c->name : c->text;
	if (poll && c->tokens) /* it never has any */
		x = c->tokens + 1;
	p = pen_at(a, x, y);
	if (poll)
		put_poll(v, &p, stage);
	else
		texts[state].put(v, &p, stage);
}

void run_draw(struct view *v, const struct area *a)
{
	int count = (int)v->show->stage_count;
	bool focused = v->focus == PANE_RUN;
	int *top = &v->top[PANE_RUN];
	int look_at = focused ? v->selected[PANE_RUN] : view_active_stage(v);
	/* Until somebody moves about in it, what happens stays in sight. */
	view_keep_in_sight(top, look_at < 0 ? count - 1 : look_at, count,
			   a->r.h);
	struct columns c = columns_for(a->r.w);
	for (int y = 0; y < a->r.h && *top + y < count; y++) {
		put_stage(v, a, &c, y, *top + y);
		if (focused && *top + y == v->selected[PANE_RUN])
			area_row_style(a, y, STYLE_SELECT);
	}
	area_scroll_marks(a, 0, a->r.h, *top, count);
}

void run_brief(const struct view *v, struct pen *p)
{
	size_t all = v->show->stage_count, failed = 0;
	for (size_t i = 0; i < all; i++)
		failed += v->model->stages[i].state == STAGE_FAILED;
	pen_printf(p, STYLE_TEXT, "Run %zu/%zu", all - v->model->open_stages,
		   all);
	if (failed) {
		pen_text(p, STYLE_BAD, " ");
		pen_glyph(p, STYLE_BAD, GLYPH_FAILED);
		pen_printf(p, STYLE_BAD, "%zu", failed);
	}
}
