/* What pane 2 tells below the options where it has room: bursts, where votes
 * come from, the chat, how fast they come, and the polls that were before. */
#include "console/poll_more.h"

#include <stdlib.h>
#include <string.h>

#include "console/fmt.h"
#include "console/poll_choice.h"

#define BURSTS_SHOWN  3
#define CHART_ROWS    4
#define CHART_LEAST   14 /* rows: then the chart has several */
#define LABEL_COLUMNS 7
#define TIME_COLUMNS  9
#define HISTORY_MOST  64

struct rows {
	const struct area *area;
	int y;
};

static bool has_room(const struct rows *r, int rows)
{
	return r->y + rows <= r->area->r.h;
}

static struct pen next_row(struct rows *r)
{
	return pen_at(r->area, 0, r->y++);
}

/* --- bursts --------------------------------------------------------------- */

static void put_burst(const struct view *v, struct rows *r, int stage, int k)
{
	const struct poll_run *poll = v->model->stages[stage].poll;
	bool out = poll->bursts[k - 1].excluded;
	/* x means another one's, which the inbox asks about. */
	bool elsewhere = poll_choice_asked(v) && view_item(v)->stage != stage;
	char *text = poll_burst_text(v->model, stage, k);
	struct pen p = next_row(r);
	pen_printf(&p, out ? STYLE_GOOD : STYLE_WAIT, "burst %d  ", k);
	pen_text(&p, out ? STYLE_STRONG : STYLE_KEY,
		 out	     ? "excluded (i: back)  "
		 : elsewhere ? "counted  "
			     : "counted (x: out)  ");
	pen_text(&p, STYLE_TEXT, text);
	free(text);
}

static void put_bursts(const struct view *v, struct rows *r, int stage)
{
	int count = v->model->stages[stage].poll->burst_count;
	int oldest = count > BURSTS_SHOWN ? count - BURSTS_SHOWN : 0;
	for (int k = count; k > oldest && has_room(r, 1); k--)
		put_burst(v, r, stage, k);
}

/* --- where votes come from -------------------------------------------------
 */

static void put_from(const struct view *v, struct rows *r, int stage)
{
	const struct view_tally *t = view_tally(v, stage);
	const struct ballots_sum *from =
		t ? &t->from : &v->model->stages[stage].poll->from;
	char text[FMT_BYTES];
	if (!ballots_sum_any(from) || !has_room(r, 1))
		return;
	struct pen p = next_row(r);
	pen_text(&p, STYLE_DIM, "from");
	for (int i = 0; i < BALLOTS_FROMS; i++)
		if (from->of[i])
			pen_printf(&p, STYLE_TEXT, "  %s %s",
				   ballots_from_name((enum ballots_from)i),
				   fmt_count(text, from->of[i]));
}

/* --- the chat ------------------------------------------------------------- */

static void put_chat(const struct view *v, struct rows *r)
{
	const struct show_chat *def = &v->show->chat;
	const struct chat_state *chat = &v->model->chat;
	char text[FMT_BYTES];
	if (!def->given || v->model->run.rehearsal || !has_room(r, 1))
		return;
	struct pen p = next_row(r);
	pen_printf(&p, STYLE_TEXT, "chat %s  ", def->channel);
	if (!chat->at_ms) {
		pen_text(&p, STYLE_DIM, "not joined yet");
		return;
	}
	if (!chat->connected) {
		pen_text(&p, STYLE_BAD, "lost: ");
		pen_text(&p, STYLE_BAD, chat->error ? chat->error : "?");
		return;
	}
	if (!v->chat.known || !v->chat.lines_per_s) {
		pen_text(&p, STYLE_DIM, "quiet");
	} else {
		pen_printf(&p, STYLE_TEXT, "%s lines/s",
			   fmt_count(text, v->chat.lines_per_s));
		pen_printf(&p, STYLE_TEXT, "  %s votes/s",
			   fmt_count(text, v->chat.votes_per_s));
	}
	pen_printf(&p, STYLE_DIM, "  vote: %s1", def->prefix);
}

/* --- votes a second ------------------------------------------------------- */

static int64_t most_votes(const struct view *v, const struct view_tally *t,
			  int columns)
{
	int64_t most = 1;
	for (int i = 0; i < columns; i++) {
		int64_t n = view_votes_in(v, t, i);
		most = n > most ? n : most;
	}
	return most;
}

/* One row of a chart that has `rows`, counted from the top. */
static void put_chart_row(const struct view *v, const struct view_tally *t,
			  struct pen *p, int columns, int64_t most, int row,
			  int rows)
{
	for (int i = columns - 1; i >= 0; i--) {
		int64_t n = view_votes_in(v, t, i);
		int64_t all = (n * 8 * rows + most - 1) / most;
		int64_t here = all - 8 * (rows - 1 - row);
		here = here < 0 ? 0 : here > 8 ? 8 : here;
		pen_repeat(p, STYLE_BAR,
			   here ? glyph_spark((int)here, p->area.canvas->ascii)
				: " ",
			   1);
	}
}

static void put_rate(const struct view *v, struct rows *r, int stage)
{
	int rows = r->area->r.h - r->y >= CHART_LEAST ? CHART_ROWS : 1;
	int columns = r->area->r.w - LABEL_COLUMNS;
	char text[FMT_BYTES];
	columns = columns > VIEW_VOTE_SECONDS ? VIEW_VOTE_SECONDS : columns;
	const struct view_tally *t = view_tally(v, stage);
	if (!t || columns < 10 || !has_room(r, rows + 1))
		return;
	int64_t most = most_votes(v, t, columns);
	for (int y = 0; y < rows; y++) {
		if (y == 0)
			area_right(r->area, 0, r->y, LABEL_COLUMNS - 1,
				   STYLE_DIM, fmt_short(text, (double)most));
		struct pen p = next_row(r);
		pen_skip_to(&p, LABEL_COLUMNS);
		put_chart_row(v, t, &p, columns, most, y, rows);
	}
	struct pen p = next_row(r);
	pen_skip_to(&p, LABEL_COLUMNS);
	pen_printf(&p, STYLE_DIM, "votes a second, the last %d s", columns);
}

/* --- the polls before ----------------------------------------------------- */

static bool is_history(const struct view *v, int i, int stage)
{
	const struct poll_run *p = v->model->stages[i].poll;
	return i != stage && p && poll_def(v->model, i) &&
	       (p->state == POLL_RESOLVED || p->state == POLL_VOID);
}

/* The newest first; how many. */
static int find_history(const struct view *v, int stage, int *found)
{
	int count = 0;
	for (size_t i = 0; i < show_poll_places(v->show); i++) {
		if (!is_history(v, (int)i, stage))
			continue;
		int64_t at = v->model->stages[i].poll->opened_ms;
		int k = count < HISTORY_MOST ? count++ : HISTORY_MOST - 1;
		for (; k > 0; k--) {
			int before = found[k - 1];
			if (v->model->stages[before].poll->opened_ms >= at)
				break;
			found[k] = before;
		}
		found[k] = (int)i;
	}
	return count;
}

static void put_past_poll(const struct view *v, struct rows *r, int stage)
{
	const struct poll_run *poll = v->model->stages[stage].poll;
	const struct show_poll *def = poll_def(v->model, stage);
	char text[FMT_BYTES];
	int question = (r->area->r.w - TIME_COLUMNS) * 2 / 5;
	struct pen p = next_row(r);
	bool won = poll->state == POLL_RESOLVED && poll->winner >= 0;
	if (poll->opened_ms)
		pen_printf(&p, STYLE_DIM, "%s",
			   fmt_clock(text, poll->opened_ms -
						   v->model->run.started_ms));
	p = pen_within(r->area, TIME_COLUMNS, r->y - 1, question - 1);
	pen_text(&p, STYLE_TEXT, def->question);
	p = pen_at(r->area, TIME_COLUMNS + question, r->y - 1);
	if (!won) {
		pen_text(&p, STYLE_DIM, poll_state_name(poll->state));
		if (poll->why)
			pen_printf(&p, STYLE_DIM, ": %s", poll->why);
		return;
	}
	pen_glyph(&p, STYLE_GOOD, GLYPH_DONE);
	pen_printf(&p, STYLE_STRONG, " %s", def->options[poll->winner].label);
	if (poll->total)
		pen_printf(&p, STYLE_STRONG, " %.1f%%",
			   (double)poll->counts[poll->winner] * 100 /
				   (double)poll->total);
	pen_printf(&p, STYLE_TEXT, "  of %s", fmt_count(text, poll->total));
	pen_printf(&p, STYLE_DIM, "  %s", poll->why ? poll->why : "");
}

static void put_history(const struct view *v, struct rows *r, int stage)
{
	int found[HISTORY_MOST];
	int count = find_history(v, stage, found);
	if (!count || !has_room(r, 2))
		return;
	if (has_room(r, 3))
		r->y++;
	struct pen p = next_row(r);
	pen_text(&p, STYLE_STRONG, "Before");
	for (int i = 0; i < count && has_room(r, 1); i++)
		put_past_poll(v, r, found[i]);
}

void poll_more_draw(const struct view *v, const struct area *a, int stage)
{
	struct rows r = {.area = a};
	put_bursts(v, &r, stage);
	put_from(v, &r, stage);
	put_chat(v, &r);
	put_rate(v, &r, stage);
	put_history(v, &r, stage);
}
