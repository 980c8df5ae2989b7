/* Pane 3: what the episode may spend, has spent, and how fast. */
#include <stdio.h>
#include <string.h>

#include "console/fmt.h"
#include "console/panes.h"
#include "console/spending.h"

#define SPARK_COLUMNS 40
#define NAME_COLUMNS  20
#define SPENT_COLUMNS 9
#define PROJECT_MS    60000

static void put_episode(const struct view *v, struct pen *p)
{
	const struct ledger *ledger = &v->model->ledger;
	const struct scope *s = &ledger->episode.tokens;
	char text[FMT_BYTES];
	pen_text(p, STYLE_STRONG, fmt_count(text, s->spent));
	if (s->limited)
		pen_printf(p, STYLE_TEXT, " / %s",
			   fmt_count(text, s->allocated));
	else
		pen_text(p, STYLE_TEXT, " spent");
	pen_printf(p, STYLE_TEXT, "  leased %s", fmt_count(text, s->leased));
	if (s->limited) {
		int64_t left = scope_remaining(s);
		pen_printf(p, left > ledger->reserve ? STYLE_TEXT : STYLE_WAIT,
			   "  left %s", fmt_count(text, left));
	}
	if (scope_over(s))
		pen_printf(p, STYLE_BAD, "  over %s",
			   fmt_count(text, scope_over(s)));
	if (ledger->reserve)
		pen_printf(p, STYLE_DIM, "  reserve %s",
			   fmt_count(text, ledger->reserve));
}

static void put_spark(const struct view *v, struct pen *p, int columns)
{
	const struct usage *u = &v->model->usage;
	int64_t ended = v->model->run.ended_ms;
	int64_t newest = (ended ? ended : v->now_ms) / USAGE_BUCKET_MS;
	int64_t most = 1;
	for (int64_t i = newest - columns + 1; i <= newest; i++) {
		int64_t n = usage_bucket(u, i).tokens;
		most = n > most ? n : most;
	}
	for (int64_t i = newest - columns + 1; i <= newest; i++) {
		int64_t n = usage_bucket(u, i).tokens;
		int eighths = n > 0 ? (int)((n * 8 + most - 1) / most) : 0;
		pen_repeat(p, STYLE_BAR,
			   glyph_spark(eighths, p->area.canvas->ascii), 1);
	}
}

static void put_burn(const struct view *v, struct pen *p)
{
	const struct scope *s = &v->model->ledger.episode.tokens;
	double burn = usage_rate(v->model, v->now_ms);
	char text[FMT_BYTES];
	if (burn <= 0) {
		pen_text(p, STYLE_DIM, "burn 0/min");
		return;
	}
	pen_printf(p, STYLE_TEXT, "burn %s/min ", fmt_short(text, burn));
	int columns = p->right - p->x - 22;
	columns = columns > SPARK_COLUMNS ? SPARK_COLUMNS : columns;
	if (columns >= 6)
		put_spark(v, p, columns);
	/* A first rush says nothing about an hour. */
	bool early = v->now_ms - v->model->run.started_ms < PROJECT_MS;
	if (!s->limited || early || run_is_over(v->model->run.state))
		return;
	double minutes = (double)scope_remaining(s) / burn;
	enum style style = minutes < 5 ? STYLE_WAIT : STYLE_TEXT;
	if (minutes < 1)
		pen_text(p, STYLE_WAIT, "  empty within 1 min");
	else if (minutes < 600)
		pen_printf(p, style, "  empty in %.0f min", minutes);
}

/* What the episode will have spent at its end, with its band. */
static void put_outlook(const struct view *v, struct pen *p)
{
	const struct scope *s = &v->model->ledger.episode.tokens;
	struct usage_outlook end = usage_outlook(v->model);
	char likely[FMT_BYTES], low[FMT_BYTES], high[FMT_BYTES];
	bool short_of = s->limited && end.likely > s->allocated;
	pen_printf(p, short_of ? STYLE_WAIT : STYLE_TEXT, "at the end ~%s",
		   fmt_short(likely, (double)end.likely));
	pen_printf(p, STYLE_DIM, "  %s to %s", fmt_short(low, (double)end.low),
		   fmt_short(high, (double)end.high));
	if (end.guessed)
		pen_printf(p, STYLE_DIM, "  + %zu without a cap", end.guessed);
	if (short_of)
		pen_printf(
			p, STYLE_WAIT, "  %s too few",
			fmt_short(likely, (double)(end.likely - s->allocated)));
}

static void put_cost(const struct view *v, struct pen *p)
{
	const struct show_budget *budget = &v->show->budget;
	const struct scope *s = &v->model->ledger.episode.cost;
	char spent[FMT_BYTES], other[FMT_BYTES];
	const char *unit = budget->currency ? budget->currency : "";
	fmt_money(spent, s->spent);
	if (!s->limited) {
		pen_printf(p, STYLE_TEXT, "cost %s %s", spent, unit);
		return;
	}
	pen_printf(p, STYLE_TEXT, "cost %s / %s %s", spent,
		   fmt_money(other, s->allocated), unit);
	pen_printf(p, scope_remaining(s) ? STYLE_TEXT : STYLE_WAIT, "  left %s",
		   fmt_money(other, scope_remaining(s)));
	if (scope_over(s))
		pen_printf(p, STYLE_BAD, "  over %s",
			   fmt_money(other, scope_over(s)));
}

static void put_agent(const struct view *v, const struct area *a, int y,
		      int agent)
{
	const struct scope *s = &v->model->ledger.agents[agent].tokens;
	int calls = v->model->agent_calls[agent];
	char text[FMT_BYTES];
	struct pen p = pen_within(a, 0, y, NAME_COLUMNS);
	pen_text(&p, calls ? STYLE_BUSY : STYLE_TEXT,
		 v->show->agents[agent].id);
	fmt_count(text, s->spent);
	if (strlen(text) > SPENT_COLUMNS) /* a cut number would be a lie */
		fmt_short(text, (double)s->spent);
	area_right(a, NAME_COLUMNS, y, SPENT_COLUMNS, STYLE_TEXT, text);
	p = pen_at(a, NAME_COLUMNS + SPENT_COLUMNS, y);
	if (s->limited)
		pen_printf(&p, STYLE_DIM, " / %s",
			   fmt_count(text, s->allocated));
	if (s->leased)
		pen_printf(&p, STYLE_TEXT, "   leased %s",
			   fmt_count(text, s->leased));
	if (calls)
		pen_printf(&p, STYLE_BUSY, "   %d %s", calls,
			   calls == 1 ? "call" : "calls");
}

void tokens_draw(struct view *v, const struct area *a)
{
	struct pen p = pen_at(a, 0, 0);
	put_episode(v, &p);
	p = pen_at(a, 0, 1);
	put_burn(v, &p);
	int y = 2;
	bool has_cost = v->show->budget.cost_micros != SHOW_UNSET ||
			v->model->ledger.episode.cost.spent;
	if (has_cost && a->r.h > 3) {
		p = pen_at(a, 0, y++);
		put_cost(v, &p);
	}
	if (a->r.h > 4 && !run_is_over(v->model->run.state)) {
		p = pen_at(a, 0, y++);
		put_outlook(v, &p);
	}
	int count = (int)v->show->agent_count;
	int room = a->r.h - y;
	if (room >= SPENDING_LEAST_ROWS) {
		int agents = count < room / 3 ? count : room / 3;
		struct area below = area_part(a, 0, y + agents + 1, a->r.w,
					      room - agents - 1);
		spending_draw(v, &below);
		room = agents;
	}
	bool focused = v->focus == PANE_TOKENS;
	int *top = &v->top[PANE_TOKENS];
	if (room < 1)
		return;
	view_keep_in_sight(top, v->selected[PANE_TOKENS], count, room);
	for (int i = 0; i < room && *top + i < count; i++) {
		put_agent(v, a, y + i, *top + i);
		if (focused && *top + i == v->selected[PANE_TOKENS])
			area_row_style(a, y + i, STYLE_SELECT);
	}
	area_scroll_marks(a, y, room, *top, count);
}

void tokens_brief(const struct view *v, struct pen *p)
{
	const struct scope *s = &v->model->ledger.episode.tokens;
	char text[FMT_BYTES];
	if (s->limited && s->allocated > 0)
		pen_printf(p, STYLE_TEXT, "Tokens %d%%",
			   (int)(s->spent * 100 / s->allocated));
	else
		pen_printf(p, STYLE_TEXT, "Tokens %s",
			   fmt_short(text, (double)s->spent));
}
