/* Pane 2: the polls that are open, one of them in full; or the last one. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "console/fmt.h"
#include "console/panes.h"
#include "console/poll_more.h"
#include "console/poll_choice.h"
#include "core/status.h"

#define SHARE_COLUMNS 7
#define VOTES_COLUMNS 10
#define EXTRA_COLUMNS 16

static bool is_open(const struct view *v, const struct poll_run *poll)
{
	return poll_is_open(poll) && !run_is_over(v->model->run.state);
}

static double share(int64_t votes, int64_t total)
{
	return total > 0 ? (double)votes / (double)total : 0;
}

static const char *ended_as(const struct view *v, const struct poll_run *poll)
{
	return poll_is_open(poll) && run_is_over(v->model->run.state)
		       ? "ended with the run"
		       : poll_state_name(poll->state);
}

/* Whether it goes on, and how long. */
static void put_time(const struct view *v, struct pen *p, int stage)
{
	const struct poll_run *poll = v->model->stages[stage].poll;
	char text[FMT_BYTES];
	if (poll->frozen && is_open(v, poll)) {
		pen_text(p, STYLE_ALARM,
			 poll->by_hand ? " frozen by hand " : " frozen ");
		pen_printf(p, STYLE_STRONG, " %s left",
			   fmt_left(text, poll->left_ms));
	} else if (is_open(v, poll)) {
		pen_printf(p, STYLE_STRONG, "%s left",
			   fmt_left(text, poll->deadline_ms - v->now_ms));
	} else if (poll_waits_for_price(v->model, stage)) {
		pen_text(p, STYLE_WAIT, "waits for its price");
	} else {
		pen_text(p, STYLE_STRONG, ended_as(v, poll));
		if (poll->state == POLL_VOID && poll->why)
			pen_printf(p, STYLE_STRONG, ": %s", poll->why);
	}
}

static void put_state(const struct view *v, struct pen *p, int stage,
		      const int64_t *counts)
{
	const struct poll_run *poll = v->model->stages[stage].poll;
	struct poll_count c = poll_judge(poll_def(v->model, stage), counts);
	char text[FMT_BYTES], lead[POLL_LEAD_BYTES];
	bool decided = poll->state == POLL_RESOLVED ||
		       poll_waits_for_price(v->model, stage);
	/* What is decided was called. */
	c.too_close = c.too_close && !decided;
	put_time(v, p, stage);
	/* What is void was not counted. */
	if (c.total > 0 || poll->state != POLL_VOID)
		pen_printf(p, STYLE_TEXT, "   %s", fmt_votes(text, c.total));
	if (c.total > 0 && !(decided && c.too_few))
		pen_printf(p,
			   c.too_few || c.too_close ? STYLE_WAIT : STYLE_TEXT,
			   "   %s", poll_lead_text(lead, &c));
	if (status_poll_is_hidden(v->model, stage))
		pen_text(p, STYLE_WAIT, "   hidden from the audience");
	if (poll->extensions)
		pen_printf(p, STYLE_WAIT, "   extended %d time%s",
			   poll->extensions, poll->extensions == 1 ? "" : "s");
	double rate = is_open(v, poll) && !poll->frozen
			      ? view_votes_per_s(v, stage)
			      : 0;
	if (rate >= 0.05)
		pen_printf(p, STYLE_DIM, "   %.1f votes/s", rate);
}

/* Columns of the options: label, bar, share, votes, what it costs extra. */
struct columns {
	int label, bar, extra;
};

static struct columns columns_for(const struct show_poll *def, int width)
{
	struct columns c = {.label = 4};
	bool any_extra = false;
	for (size_t i = 0; i < def->option_count; i++) {
		int w = text_width(def->options[i].label);
		c.label = w > c.label ? w : c.label;
		any_extra = any_extra || def->options[i].requires_extra;
	}
	c.label = c.label > width * 2 / 5 ? width * 2 / 5 : c.label;
	int rest = width - 2 - c.label - 1 - SHARE_COLUMNS - VOTES_COLUMNS;
	c.extra = any_extra && rest >= EXTRA_COLUMNS + 10 ? EXTRA_COLUMNS : 0;
	c.bar = rest - c.extra;
	c.bar = c.bar < 0 ? 0 : c.bar;
	return c;
}

static void put_option(const struct view *v, const struct area *a,
		       const struct columns *c, int y, int stage, int option,
		       int64_t votes, int64_t total)
{
	const struct show_option *def =
		&poll_def(v->model, stage)->options[option];
	bool won = v->model->stages[stage].poll->winner == option;
	char text[FMT_BYTES + 16];
	struct pen p = pen_within(a, 0, y, 2 + c->label);
	if (won)
		pen_glyph(&p, STYLE_GOOD, GLYPH_DONE);
	pen_skip_to(&p, 2);
	pen_text(&p, won ? STYLE_STRONG : STYLE_TEXT, def->label);
	p = pen_within(a, 3 + c->label, y, c->bar);
	pen_bar(&p, STYLE_BAR, c->bar, share(votes, total));
	int x = 3 + c->label + c->bar;
	snprintf(text, sizeof text, "%.1f%%", share(votes, total) * 100);
	area_right(a, x, y, SHARE_COLUMNS, STYLE_STRONG, text);
	x += SHARE_COLUMNS;
	area_right(a, x, y, VOTES_COLUMNS, STYLE_TEXT, fmt_count(text, votes));
	x += VOTES_COLUMNS;
	if (c->extra && def->requires_extra) {
		p = pen_within(a, x, y, c->extra);
		pen_printf(&p, STYLE_WAIT, "  +%s tokens",
			   fmt_count(text, def->requires_extra));
	}
}

static void put_next(const struct view *v, const struct area *a)
{
	struct pen p = pen_at(a, 0, 0);
	for (size_t i = 0; i < v->show->stage_count; i++) {
		if (!v->show->stages[i].poll)
			continue;
		pen_text(&p, STYLE_DIM, "No poll yet. The first will be: ");
		pen_text(&p, STYLE_TEXT, v->show->stages[i].poll->question);
		return;
	}
	pen_text(&p, STYLE_DIM, "This show has no polls.");
}

static void put_url(const struct view *v, const struct area *a, int y,
		    int stage)
{
	struct pen p = pen_at(a, 0, y);
	const struct poll_run *poll = v->model->stages[stage].poll;
	if (is_open(v, poll) && v->vote_base)
		pen_printf(&p, STYLE_TEXT, "vote: %s/vote/%s", v->vote_base,
			   v->show->stages[stage].id);
	else if (poll_waits_for_price(v->model, stage))
		pen_printf(
			&p, STYLE_WAIT, "once its price is approved: %s",
			poll_def(v->model, stage)->options[poll->choice].label);
	else if (poll->why && poll->state != POLL_VOID)
		pen_printf(&p, STYLE_DIM, "decided by: %s", poll->why);
}

/* Rows for the other polls that go on: some, where all do not fit. */
static int rows_of_others(int others, int height)
{
	int most = height / 4 > 1 ? height / 4 : 1;
	return others < most ? others : most;
}

/* In more than one line where there are `spare` lines for that; how many. */
static int put_question(const struct area *a, const char *question, int spare)
{
	struct area nowhere = area_part(a, 0, 0, a->r.w, 0);
	int lines = 0;
	area_fold(&nowhere, &lines, STYLE_STRONG, question, 0);
	if (lines - 1 > spare) {
		struct pen p = pen_at(a, 0, 0);
		pen_text(&p, STYLE_STRONG, question);
		return 1;
	}
	lines = 0;
	area_fold(a, &lines, STYLE_STRONG, question, 0);
	return lines;
}

void poll_draw(struct view *v, const struct area *a)
{
	int stage = poll_choice(v);
	if (stage < 0) {
		put_next(v, a);
		return;
	}
	int others = rows_of_others(poll_choice_others(v), a->r.h);
	const struct show_poll *def = poll_def(v->model, stage);
	int64_t total;
	const int64_t *counts = view_counts(v, stage, &total);
	int count = (int)def->option_count;
	/* The address goes first where options need the room. */
	bool url = a->r.h - others >= 3 + (count < 3 ? count : 3);
	int first = put_question(a, def->question,
				 a->r.h - 2 - url - count - others);
	struct pen p = pen_at(a, 0, first++);
	put_state(v, &p, stage, counts);
	int room = a->r.h - first - url - others;
	bool focused = v->focus == PANE_POLL;
	int *top = &v->top[PANE_POLL];
	view_keep_in_sight(top, v->selected[PANE_POLL] % count, count, room);
	struct columns c = columns_for(def, a->r.w);
	for (int y = 0; y < room && *top + y < count; y++) {
		int option = *top + y;
		put_option(v, a, &c, first + y, stage, option, counts[option],
			   total);
		if (focused && option == v->selected[PANE_POLL])
			area_row_style(a, first + y, STYLE_SELECT);
	}
	area_scroll_marks(a, first, room, *top, count);
	/* A blank row between, and before the address. */
	int blank = room > count;
	int y = first + (room < count ? room : count) + blank;
	struct area list = area_part(a, 0, y, a->r.w, others);
	poll_choice_draw(v, &list);
	if (room > count + 1) {
		y += others ? others + 1 : 0;
		struct area rest =
			area_part(a, 0, y, a->r.w, first + room + others - y);
		poll_more_draw(v, &rest, stage);
	}
	if (url)
		put_url(v, a, a->r.h - 1, stage);
}

void poll_brief(const struct view *v, struct pen *p)
{
	int stage = poll_choice(v), others = poll_choice_others(v);
	char text[FMT_BYTES];
	pen_text(p, STYLE_TEXT, "Poll ");
	if (stage < 0)
		return;
	if (others)
		pen_printf(p, STYLE_WAIT, "+%d ", others);
	const struct poll_run *poll = v->model->stages[stage].poll;
	int64_t total;
	view_counts(v, stage, &total);
	if (is_open(v, poll) && !poll->frozen)
		pen_printf(p, STYLE_STRONG, "%s ",
			   fmt_left(text, poll->deadline_ms - v->now_ms));
	else
		pen_printf(p, STYLE_DIM, "%s ",
			   poll->frozen ? "frozen" : ended_as(v, poll));
	pen_printf(p, STYLE_TEXT, "%s", fmt_count(text, total));
}
