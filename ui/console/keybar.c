/* The last line: the keys (from the action table), or what was just said. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "console/panes.h"
#include "console/poll_choice.h"

/* A key that would do nothing now is drawn weak. */
static bool is_of_use(const struct view *v, enum action_id id)
{
	const struct inbox_item *item = view_item(v);
	if (v->rewind.then)
		return id == ACTION_PANIC ||
		       action_table[id].where == ACTION_VIEW;
	switch (id) {
	case ACTION_GO:
		return view_standby_armed(v);
	case ACTION_APPROVE:
	case ACTION_DENY:
		return item && item->kind == INBOX_OVERAGE;
	case ACTION_RETRY:
	case ACTION_SKIP:
		return v->focus == PANE_RUN ||
		       (item && item->kind == INBOX_FAILED);
	case ACTION_CHECK:
		return v->focus == PANE_CHECKS;
	case ACTION_TAKE:
		return v->model->obs.facts.studio;
	case ACTION_RULES_RELEASE:
		return v->show->rule_count &&
		       rules_are_held(v->model, v->now_ms);
	default:
		return true;
	}
}

/* A console that only looks offers what looks, and a pane's own keys stand
 * there while it has the focus. */
static bool is_offered(const struct view *v, const struct action *action)
{
	if (action->pane && (int)v->focus != action->pane - 1)
		return false;
	if (action->id == ACTION_POLL_NEXT && !poll_choice_others(v))
		return false;
	return !v->read_only || action->where == ACTION_VIEW;
}

static void put_key(const struct view *v, struct pen *p,
		    const struct action *action)
{
	if (!is_offered(v, action))
		return;
	int width = text_width(action->key) + text_width(action->bar) + 3;
	if (p->x + width > p->right)
		return; /* whole entries only; help has them all */
	bool use = is_of_use(v, action->id);
	bool brake = action->id == ACTION_PANIC;
	pen_text(p, use ? STYLE_KEY : STYLE_DIM, action->key);
	pen_printf(p,
		   brake ? STYLE_STRONG
		   : use ? STYLE_TEXT
			 : STYLE_DIM,
		   " %s  ", action->bar);
}

/* "sent: approve i12", or how much is going on. */
static void right_text(const struct view *v, char *out, size_t out_bytes)
{
	*out = '\0';
	for (int i = 0; i < VIEW_PENDING_MAX; i++)
		if (*v->pending[i].id) {
			snprintf(out, out_bytes, " sent: %s ",
				 v->pending[i].text);
			return;
		}
	if (v->core.events_per_s > 0)
		snprintf(out, out_bytes, " %lld events/s ",
			 (long long)v->core.events_per_s);
}

static void put_keys(const struct view *v, struct pen *p)
{
	/* First what must never be cut and what the pane adds, then the rest
	 * in its order. */
	static const enum action_id first[] = {ACTION_HELP, ACTION_GO,
					       ACTION_PANIC, ACTION_LEAVE};
	for (size_t i = 0; i < COUNT_OF(first); i++)
		put_key(v, p, &action_table[first[i]]);
	for (size_t i = 0; i < ACTIONS; i++)
		if (action_table[i].pane && action_table[i].bar)
			put_key(v, p, &action_table[i]);
	for (size_t i = 0; i < ACTIONS; i++) {
		const struct action *action = &action_table[i];
		bool done = !action->bar || !action->key || action->pane;
		for (size_t n = 0; n < COUNT_OF(first); n++)
			done = done || first[n] == action->id;
		if (!done)
			put_key(v, p, action);
	}
}

bool flash_draw(const struct view *v, const struct area *a)
{
	if (v->flash.until_mono_ms <= v->mono_ms)
		return false;
	area_fill(a, STYLE_TEXT);
	struct pen p = pen_at(a, a->r.w < 40 ? 0 : 1, 0);
	pen_text(&p, v->flash.style, v->flash.text);
	return true;
}

/* All that a very small screen has room for. */
static void put_brake(const struct view *v, struct pen *p)
{
	const struct action *panic = &action_table[ACTION_PANIC];
	const struct action *leave = &action_table[ACTION_LEAVE];
	if (is_offered(v, panic))
		pen_printf(p, STYLE_ALARM, "%s %s", panic->key, panic->bar);
	if (v->rewind.then) {
		pen_text(p, STYLE_PAST, " REWIND");
		return;
	}
	if (p->area.r.y < 2) { /* no room for a header either */
		enum style style;
		enum glyph mark;
		pen_text(p, STYLE_TEXT, " ");
		const char *badge = header_badge(v, &style, &mark);
		pen_text(p, style, badge);
		return;
	}
	pen_printf(p, STYLE_TEXT, "  %s %s", leave->key, leave->bar);
}

void keybar_draw(const struct view *v, const struct area *a, bool brake_only)
{
	struct pen p = pen_at(a, 0, 0);
	if (brake_only) {
		put_brake(v, &p);
		return;
	}
	if (flash_draw(v, a))
		return;
	char right[96];
	right_text(v, right, sizeof right);
	int width = text_width(right);
	if (width > 0 && width < a->r.w / 2) {
		area_right(a, a->r.w - width, 0, width, STYLE_DIM, right);
		p.right = a->r.w - width;
	}
	pen_text(&p, STYLE_TEXT, " ");
	put_keys(v, &p);
}
