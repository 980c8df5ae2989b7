#include "console/spending.h"

#include <stdio.h>
#include <stdlib.h>

#include "console/fmt.h"

#define CHART_ROWS    4
#define LABEL_COLUMNS 7
#define NAME_COLUMNS  22
#define SPENT_COLUMNS 10
#define MINUTE_MS     60000
#define TOP_STAGES    64

static int64_t minute_tokens(const struct view *v, int64_t minute)
{
	int64_t n = usage_minute(&v->model->usage, minute).tokens;
	return n > 0 ? n : 0;
}

/* A column a minute, the newest at the right. */
static void put_chart(const struct view *v, const struct area *a)
{
	int columns = a->r.w - LABEL_COLUMNS;
	int64_t ended = v->model->run.ended_ms;
	int64_t newest = (ended ? ended : v->now_ms) / MINUTE_MS;
	int64_t most = 1;
	char text[FMT_BYTES];
	int most_columns = USAGE_BUCKETS * USAGE_BUCKET_MS / MINUTE_MS;
	columns = columns < most_columns ? columns : most_columns;
	for (int i = 0; i < columns; i++) {
		int64_t n = minute_tokens(v, newest - i);
		most = n > most ? n : most;
	}
	area_right(a, 0, 0, LABEL_COLUMNS - 1, STYLE_DIM,
		   fmt_short(text, (double)most));
	area_right(a, 0, CHART_ROWS - 1, LABEL_COLUMNS - 1, STYLE_DIM, "0");
	for (int y = 0; y < CHART_ROWS; y++) {
		struct pen p = pen_at(a, LABEL_COLUMNS, y);
		for (int i = columns - 1; i >= 0; i--) {
			int64_t n = minute_tokens(v, newest - i);
			int64_t all = (n * 8 * CHART_ROWS + most - 1) / most;
			int64_t here = all - 8 * (CHART_ROWS - 1 - y);
			here = here < 0 ? 0 : here > 8 ? 8 : here;
			const char *glyph =
				glyph_spark((int)here, a->canvas->ascii);
			pen_repeat(&p, STYLE_BAR, here ? glyph : " ", 1);
		}
	}
	struct pen p = pen_at(a, LABEL_COLUMNS, CHART_ROWS);
	int64_t age = newest - v->model->run.started_ms / MINUTE_MS + 1;
	int64_t shown = age < columns ? age : columns;
	if (shown > 1)
		pen_printf(&p, STYLE_DIM,
			   "tokens a minute, the last %d minutes", (int)shown);
	else
		pen_text(&p, STYLE_DIM, "tokens in this minute");
}

struct table {
	const struct area *area;
	int y;
};

static bool full(const struct table *t)
{
	return t->y >= t->area->r.h;
}

static void put_head(struct table *t, const char *text)
{
	struct pen p = pen_at(t->area, 0, t->y++);
	pen_text(&p, STYLE_STRONG, text);
}

static struct pen put_row(struct table *t, const char *name, int64_t tokens)
{
	char text[FMT_BYTES];
	struct pen p = pen_within(t->area, 0, t->y, NAME_COLUMNS);
	pen_text(&p, STYLE_TEXT, name);
	area_right(t->area, NAME_COLUMNS, t->y, SPENT_COLUMNS, STYLE_TEXT,
		   fmt_count(text, tokens));
	return pen_at(t->area, NAME_COLUMNS + SPENT_COLUMNS, t->y++);
}

/* The stages that spent most, most first: at most `room` into `out`. */
static int top_stages(const struct view *v, int *out, int room)
{
	const struct purse *purses = v->model->ledger.stages;
	int n = 0;
	for (int i = 0; i < (int)v->show->stage_count; i++) {
		int64_t spent = purses[i].tokens.spent;
		int at = n;
		if (!spent && !purses[i].tokens.leased)
			continue;
		while (at > 0 && purses[out[at - 1]].tokens.spent < spent)
			at--;
		if (at >= room)
			continue;
		n = n < room ? n + 1 : n;
		for (int k = n - 1; k > at; k--)
			out[k] = out[k - 1];
		out[at] = i;
	}
	return n;
}

static void put_stages(const struct view *v, struct table *t, int room)
{
	int top[TOP_STAGES];
	char text[FMT_BYTES];
	int n = top_stages(v, top, room < TOP_STAGES ? room : TOP_STAGES);
	if (n == 0)
		return;
	put_head(t, "by stage");
	for (int i = 0; i < n && !full(t); i++) {
		const struct usage_stage *u = &v->model->usage.stages[top[i]];
		const struct scope *s = &v->model->ledger.stages[top[i]].tokens;
		struct pen p = put_row(t, v->show->stages[top[i]].id, s->spent);
		if (s->limited)
			pen_printf(&p, STYLE_DIM, " / %s",
				   fmt_count(text, s->allocated));
		if (s->leased)
			pen_printf(&p, STYLE_TEXT, "   leased %s",
				   fmt_count(text, s->leased));
		if (u->runs)
			pen_printf(&p, STYLE_DIM, "   before %s",
				   fmt_count(text, u->sum_tokens / u->runs));
	}
}

static void put_models(const struct view *v, struct table *t)
{
	const struct usage *u = &v->model->usage;
	char text[FMT_BYTES];
	struct pen p;
	if (u->model_count == 0 || full(t))
		return;
	put_head(t, "by model");
	for (size_t i = 0; i < u->model_count && !full(t); i++) {
		const struct usage_model *m = &u->models[i];
		if (t->y == t->area->r.h - 1 && i + 1 < u->model_count) {
			p = pen_at(t->area, 0, t->y++);
			pen_printf(&p, STYLE_DIM, "%zu more: showcaller usage",
				   u->model_count - i);
			return;
		}
		p = put_row(t, m->name, m->spent.tokens);
		if (m->spent.cost_micros)
			pen_printf(&p, STYLE_TEXT, "   %s",
				   fmt_money(text, m->spent.cost_micros));
		if (m->assumed_tokens)
			pen_printf(&p, STYLE_WAIT, "   assumed %s",
				   fmt_count(text, m->assumed_tokens));
	}
}

static void put_episodes(const struct view *v, struct table *t)
{
	const struct usage *u = &v->model->usage;
	int64_t most = 1;
	if (u->episode_count == 0 || full(t))
		return;
	put_head(t, "by episode");
	for (size_t i = 0; i < u->episode_count; i++)
		if (u->episodes[i].spent.tokens > most)
			most = u->episodes[i].spent.tokens;
	for (size_t i = u->episode_count; i-- > 0 && !full(t);) {
		const struct usage_episode *e = &u->episodes[i];
		struct pen p = put_row(t, e->run, e->spent.tokens);
		pen_text(&p, STYLE_TEXT, " ");
		pen_bar(&p, STYLE_BAR, 20,
			(double)e->spent.tokens / (double)most);
		bool ours = strcmp(e->run, v->model->run.id) == 0;
		pen_printf(&p, STYLE_DIM, " %s%s",
			   run_state_name((enum run_state)e->state),
			   ours ? ", this run" : "");
	}
}

void spending_draw(const struct view *v, const struct area *a)
{
	struct table t = {.area = a, .y = CHART_ROWS + 2};
	put_chart(v, a);
	put_stages(v, &t, (a->r.h - t.y) / 2);
	put_models(v, &t);
	put_episodes(v, &t);
}
