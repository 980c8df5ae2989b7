/* The inbox: what waits for a human, how long, and the keys that answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "console/fmt.h"
#include "console/panes.h"
#include "console/poll_choice.h"

#define LEFT_COLUMNS 5
#define KIND_COLUMNS 8
#define NAME_COLUMNS 16 /* of a stage, where room is short */
#define WORDS_AT     (LEFT_COLUMNS + 3 + KIND_COLUMNS)
#define HINT_MIN     60 /* narrower rows have no room for keys */

static const struct {
	enum action_id first, second;
} answers[] = {
	[INBOX_OVERAGE] = {ACTION_APPROVE, ACTION_DENY},
	[INBOX_FAILED] = {ACTION_RETRY, ACTION_SKIP},
	[INBOX_POLL] = {ACTION_OPEN, ACTION_OPEN},
	[INBOX_WARNING] = {ACTION_OPEN, ACTION_OPEN},
	[INBOX_CONFLICT] = {ACTION_OPEN, ACTION_OPEN},
	[INBOX_PROPOSAL] = {ACTION_APPROVE, ACTION_DENY},
	[INBOX_BURST] = {ACTION_POLL_EXCLUDE, ACTION_OPEN},
};

static void hint(const struct view *v, char *out, size_t out_bytes,
		 const struct inbox_item *item)
{
	enum inbox_kind kind = item->kind;
	const struct action *one = &action_table[answers[kind].first];
	const struct action *two = &action_table[answers[kind].second];
	const char *more = action_table[ACTION_ANSWER].key;
	/* There x means what pane 2 shows. */
	bool elsewhere = kind == INBOX_BURST && !poll_choice_asked(v) &&
			 poll_choice(v) != item->stage;
	if (one == two || elsewhere)
		snprintf(out, out_bytes, "  %s answer", more);
	else
		snprintf(out, out_bytes, "  %s %s  %s %s  %s more", one->key,
			 one->name, two->key, two->name, more);
}

/* "x failed: why" behind FAILED says nothing twice, and a long name must not
 * cut the figures behind it. */
static void put_words(const struct view *v, const struct area *a, int y,
		      struct pen *p, const struct inbox_item *item,
		      const struct usage_rest *rest, int room)
{
	char *now = inbox_text(v->model, item, rest);
	const char *text = now;
	const char *id =
		item->stage >= 0 ? v->show->stages[item->stage].id : "";
	size_t n = strlen(id);
	static const char failed[] = " failed: ";
	if (item->kind == INBOX_FAILED && n && strncmp(text, id, n) == 0 &&
	    strncmp(text + n, failed, strlen(failed)) == 0) {
		pen_printf(p, STYLE_TEXT, "%s: ", id);
		text += n + strlen(failed);
	} else if (n > NAME_COLUMNS && strncmp(text, id, n) == 0 &&
		   text_width(text) > room && room > 2 * NAME_COLUMNS) {
		struct pen name = pen_within(a, WORDS_AT, y, NAME_COLUMNS);
		pen_text(&name, STYLE_TEXT, id);
		pen_skip_to(p, WORDS_AT + NAME_COLUMNS);
		text += n;
	}
	pen_text(p, STYLE_TEXT, text);
	free(now);
}

static void put_item(const struct view *v, const struct area *a, int y,
		     const struct inbox_item *item,
		     const struct usage_rest *rest, bool selected)
{
	char left[FMT_BYTES], keys[80] = "", kind[KIND_COLUMNS + 1] = "";
	if (item->deadline_ms) {
		int64_t ms = item->deadline_ms - v->now_ms;
		area_right(a, 0, y, LEFT_COLUMNS,
			   ms < 15000 ? STYLE_BAD : STYLE_STRONG,
			   fmt_left(left, ms));
	}
	if (selected && !view_item_armed(v))
		snprintf(keys, sizeof keys, "  new");
	else if (selected && !v->read_only && a->r.w >= HINT_MIN)
		hint(v, keys, sizeof keys, item);
	int width = text_width(keys);
	struct pen p = pen_within(a, LEFT_COLUMNS + 1, y,
				  a->r.w - LEFT_COLUMNS - 1 - width);
	if (selected)
		pen_glyph(&p, STYLE_KEY, GLYPH_PICK);
	pen_skip_to(&p, LEFT_COLUMNS + 3);
	snprintf(kind, sizeof kind, "%s", inbox_kind_name(item->kind));
	for (char *c = kind; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	pen_printf(&p, STYLE_WAIT, "%-*s", KIND_COLUMNS, kind);
	put_words(v, a, y, &p, item, rest, a->r.w - WORDS_AT - width);
	if (width)
		area_right(a, a->r.w - width, y, width, STYLE_KEY, keys);
	if (selected && v->focus == PANE_INBOX && v->model->inbox.count > 1)
		area_row_style(a, y, STYLE_SELECT);
}

/* How many there is no room for, and when the first of them answers itself. */
static void put_hidden(const struct view *v, const struct area *a, int top)
{
	const struct inbox *inbox = &v->model->inbox;
	int hidden = (int)inbox->count - top - a->r.h;
	int64_t first_ms = 0;
	for (int i = 0; i < (int)inbox->count; i++) {
		int64_t at = inbox->items[i].deadline_ms;
		if ((i < top || i >= top + a->r.h) && at &&
		    (!first_ms || at < first_ms))
			first_ms = at;
	}
	char more[32 + FMT_BYTES], left[FMT_BYTES];
	snprintf(more, sizeof more, " +%d more%s%s", hidden,
		 first_ms ? ", " : "",
		 first_ms ? fmt_left(left, first_ms - v->now_ms) : "");
	int width = text_width(more);
	width = width < 12 ? 12 : width > a->r.w ? a->r.w : width;
	area_right(a, a->r.w - width, a->r.h - 1, width,
		   first_ms ? STYLE_BAD : STYLE_WAIT, more);
}

/* A row of what asks nothing: a word in the place of the kind, and the rest. */
static struct pen begin_row(const struct area *a, int y, enum style style,
			    const char *kind, enum style hint_style,
			    const char *hint)
{
	int width = text_width(hint);
	struct pen p = pen_within(a, LEFT_COLUMNS + 1, y,
				  a->r.w - LEFT_COLUMNS - 1 - width);
	pen_skip_to(&p, LEFT_COLUMNS + 3);
	pen_printf(&p, style, "%-*s", KIND_COLUMNS, kind);
	if (width)
		area_right(a, a->r.w - width, y, width, hint_style, hint);
	return p;
}

/* What is wrong, where questions leave room: from row `y` on, those first that
 * nobody has acknowledged. Returns the next free row. */
static int put_alarms(const struct view *v, const struct area *a, int y,
		      bool acked)
{
	const struct action *ack = &action_table[ACTION_ACK];
	char hint[80] = "";
	if (!acked && !v->read_only && a->r.w >= HINT_MIN)
		snprintf(hint, sizeof hint, "  %s %s", ack->key, ack->name);
	size_t left = 0;
	for (size_t i = 0; i < v->model->alarm_count; i++)
		left += v->model->alarms[i].acked == acked;
	for (size_t i = 0; i < v->model->alarm_count && y < a->r.h; i++) {
		const struct alarm *alarm = &v->model->alarms[i];
		if (alarm->acked != acked)
			continue;
		if (--left && y == a->r.h - 1)
			snprintf(hint + strlen(hint),
				 sizeof hint - strlen(hint), "  +%zu more",
				 left);
		struct pen p =
			begin_row(a, y++, acked ? STYLE_DIM : STYLE_ALARM,
				  acked ? "acked" : "ALARM", STYLE_KEY, hint);
		pen_text(&p, acked ? STYLE_DIM : STYLE_TEXT,
			 alarm->text ? alarm->text : "");
		if (acked && alarm->ack_reason && *alarm->ack_reason)
			pen_printf(&p, STYLE_DIM, "  (%s)", alarm->ack_reason);
		hint[0] = '\0';
	}
	return y;
}

/* They run only when somebody adopts them, and nobody must. */
static int put_late(const struct view *v, const struct area *a, int y)
{
	const struct action *look = &action_table[ACTION_LATE];
	size_t n = v->model->late_count;
	char hint[80] = "";
	if (!n || y >= a->r.h)
		return y;
	if (a->r.w >= HINT_MIN)
		snprintf(hint, sizeof hint, "  %s look", look->key);
	const struct late_proposal *last = &v->model->late[n - 1];
	struct pen p = begin_row(a, y, STYLE_TEXT, "late", STYLE_KEY, hint);
	pen_printf(&p, STYLE_DIM,
		   "%zu answer%s came too late, the last of %s "
		   "for %s",
		   n, n == 1 ? "" : "s", last->agent, last->stage);
	return y + 1;
}

/* What other people did since we look, the newest first, in the rows that are
 * left. */
static void put_others(const struct view *v, const struct area *a, int y)
{
	for (int i = 0; i < v->act_count && y < a->r.h; i++) {
		const struct view_act *act = view_act(v, i);
		char clock[FMT_BYTES], at[FMT_BYTES + 8] = "";
		if (!act->heard || act->at_ms < v->model->run.started_ms)
			continue;
		if (a->r.w >= HINT_MIN) /* as in the header; it stands still */
			snprintf(at, sizeof at, "  at %s",
				 fmt_clock(clock,
					   act->at_ms -
						   v->model->run.started_ms));
		struct pen p =
			begin_row(a, y++, STYLE_DIM, "did", STYLE_DIM, at);
		pen_text(&p, STYLE_DIM, act->text);
	}
}

/* How a show comes back that nobody runs. A Redis that is away may have died
 * with its core; on another machine nobody can tell. */
static int put_way_back(const struct view *v, const struct area *a, int y)
{
	bool away = v->link.lost &&
		    v->mono_ms - v->link.lost_mono_ms >= VIEW_AWAY_MS;
	bool none = view_has_no_core(v);
	if ((!away && !none) || y >= a->r.h)
		return y;
	bool here = !none && v->link.alive == ALIVE_HERE;
	struct pen p = begin_row(a, y, here ? STYLE_TEXT : STYLE_ALARM, "CORE",
				 STYLE_KEY, "");
	pen_text(&p, STYLE_TEXT,
		 none ? "none runs: q, then `showcaller run SHOW.yaml` goes on"
		 : here ? "runs, and waits for Redis; ! reaches it all the same"
			: "dead, too? q, then `showcaller run SHOW.yaml` goes "
			  "on");
	return y + 1;
}

/* Below what waits: what is wrong, and what happened. */
static void put_rest(const struct view *v, const struct area *a, int y)
{
	int begin = y;
	y = put_way_back(v, a, y);
	y = put_alarms(v, a, y, false);
	if (!begin && !y) {
		struct pen p = pen_at(a, 0, y++);
		pen_text(&p, STYLE_DIM, "nothing waits for you");
	}
	y = put_alarms(v, a, y, true);
	put_others(v, a, put_late(v, a, y));
}

void inbox_draw(struct view *v, const struct area *a)
{
	const struct inbox *inbox = &v->model->inbox;
	if (a->r.h < 1)
		return;
	if (!inbox->count) {
		put_rest(v, a, 0);
		return;
	}
	const struct inbox_item *item = view_item(v);
	int row = item ? (int)(item - inbox->items) : 0;
	int count = (int)inbox->count;
	struct usage_rest rest = {0};
	if (count)
		rest = usage_rest(v->model);
	int *top = &v->top[PANE_INBOX];
	view_keep_in_sight(top, row, count, a->r.h);
	for (int y = 0; y < a->r.h && *top + y < count; y++)
		put_item(v, a, y, &inbox->items[*top + y], &rest,
			 *top + y == row);
	if (count - *top > a->r.h)
		put_hidden(v, a, *top);
	else if (!*top)
		put_rest(v, a, count);
}
