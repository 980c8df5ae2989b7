/* The inbox: what waits for a human, how long, and the keys that answer. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "console/fmt.h"
#include "console/panes.h"

#define LEFT_COLUMNS 5
#define KIND_COLUMNS 8
#define HINT_MIN     60 /* narrower rows have no room for keys */

static const struct {
	enum action_id first, second;
} answers[] = {
	[INBOX_OVERAGE] = {ACTION_APPROVE, ACTION_DENY},
	[INBOX_FAILED] = {ACTION_RETRY, ACTION_SKIP},
	[INBOX_POLL] = {ACTION_OPEN, ACTION_OPEN},
};

static void hint(char *out, size_t out_bytes, enum inbox_kind kind)
{
	const struct action *one = &action_table[answers[kind].first];
	const struct action *two = &action_table[answers[kind].second];
	const char *more = action_table[ACTION_OPEN].key;
	if (one == two)
		snprintf(out, out_bytes, "  %s answer", more);
	else
		snprintf(out, out_bytes, "  %s %s  %s %s  %s more", one->key,
			 one->name, two->key, two->name, more);
}

static void put_item(const struct view *v, const struct area *a, int y,
		     const struct inbox_item *item, bool selected)
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
	else if (selected && a->r.w >= HINT_MIN)
		hint(keys, sizeof keys, item->kind);
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
	pen_text(&p, STYLE_TEXT, item->text ? item->text : "");
	if (width)
		area_right(a, a->r.w - width, y, width, STYLE_KEY, keys);
	if (selected && v->focus == PANE_INBOX && v->model->inbox.count > 1)
		area_row_style(a, y, STYLE_SELECT);
}

void inbox_draw(struct view *v, const struct area *a)
{
	const struct inbox *inbox = &v->model->inbox;
	if (a->r.h < 1)
		return;
	if (!inbox->count) {
		struct pen p = pen_at(a, 0, 0);
		pen_text(&p, STYLE_DIM, "nothing waits for you");
		return;
	}
	const struct inbox_item *item = view_item(v);
	int row = item ? (int)(item - inbox->items) : 0;
	int count = (int)inbox->count;
	int *top = &v->top[PANE_INBOX];
	view_keep_in_sight(top, row, count, a->r.h);
	for (int y = 0; y < a->r.h && *top + y < count; y++)
		put_item(v, a, y, &inbox->items[*top + y], *top + y == row);
	int hidden = count - *top - a->r.h;
	if (hidden > 0) {
		char more[32];
		snprintf(more, sizeof more, " +%d more", hidden);
		area_right(a, a->r.w - 12, a->r.h - 1, 12, STYLE_WAIT, more);
	}
}
