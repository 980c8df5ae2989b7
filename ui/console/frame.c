#include "console/frame.h"

#include <stdio.h>

#include "base/mem.h"
#include "console/operate.h"
#include "console/panes.h"
#include "console/rewind.h"

static const struct {
	const char *title;
	void (*draw)(struct view *v, const struct area *a);
	void (*brief)(const struct view *v, struct pen *p);
} panes[PANES] = {
	[PANE_RUN] = {" 1 Run ", run_draw, run_brief},
	[PANE_POLL] = {" 2 Poll ", poll_draw, poll_brief},
	[PANE_TOKENS] = {" 3 Tokens ", tokens_draw, tokens_brief},
	[PANE_CHECKS] = {" 4 Checks ", checks_draw, checks_brief},
	[PANE_OBS] = {" 5 OBS ", obs_draw, obs_brief},
};

static struct area part(struct canvas *c, const struct view *v, struct rect r)
{
	struct area a = canvas_area(c, r);
	a.past = !v->past;
	a.stale = !a.past && view_is_stale(v);
	return a;
}

/* The one that has the keys says so by a mark as well as by its colour. */
static struct area frame_of(const struct area *a, const struct view *v,
			    enum pane pane, const char *title, const char *note)
{
	bool focused = v->focus == pane;
	enum style style = a->past   ? STYLE_PAST
			   : focused ? STYLE_FOCUS
				     : STYLE_FRAME;
	struct area in = area_frame(a, style, title, note);
	if (focused && a->r.w > 4) {
		struct pen p = pen_at(a, 2, 0);
		pen_glyph(&p, STYLE_FOCUS, GLYPH_PICK);
	}
	return area_part(&in, 1, 0, in.r.w - 2, in.r.h);
}

/* A moment that is not there yet is not mixed up with another one. */
static void draw_loading(const struct area *a)
{
	struct pen p = pen_at(a, 0, 0);
	pen_text(&p, STYLE_DIM, "loading");
}

static void draw_pane(struct canvas *c, struct view *v, enum pane pane,
		      struct rect r, bool loading)
{
	if (r.w < 3 || r.h < 3)
		return;
	struct area whole = part(c, v, r);
	struct area in = frame_of(&whole, v, pane, panes[pane].title,
				  whole.past	? " REWIND "
				  : whole.stale ? " old "
						: NULL);
	if (loading)
		draw_loading(&in);
	else
		panes[pane].draw(v, &in);
}

/* Lines without a frame have its side at their left. */
static struct area side_of(const struct area *a)
{
	if (!a->past)
		return *a;
	for (int y = 0; y < a->r.h; y++) {
		struct pen p = pen_at(a, 0, y);
		pen_glyph(&p, STYLE_PAST, GLYPH_PAST_V);
	}
	return area_part(a, 1, 0, a->r.w - 1, a->r.h);
}

/* All panes in a few words each, in equal parts of the line. */
static void draw_strip(struct canvas *c, const struct view *v, struct rect r,
		       bool loading)
{
	struct area a = part(c, v, r);
	a = side_of(&a);
	r.w = a.r.w;
	for (int i = 0; i < PANES && r.w >= PANES; i++) {
		int x = r.w * i / PANES;
		struct pen p =
			pen_within(&a, x, 0, r.w * (i + 1) / PANES - x - 1);
		bool shown = v->shown == (enum pane)i;
		pen_printf(&p, shown ? STYLE_FOCUS : STYLE_KEY, " %d", i + 1);
		pen_text(&p, STYLE_TEXT, " ");
		if (!loading)
			panes[i].brief(v, &p);
	}
}

static void draw_inbox(struct canvas *c, struct view *v, const struct layout *l,
		       bool loading)
{
	struct area a = part(c, v, l->inbox);
	struct area in = a;
	char title[32] = " Inbox ";
	if (!loading)
		snprintf(title, sizeof title, " Inbox (%zu) ",
			 v->model->inbox.count);
	if (l->inbox_framed)
		in = frame_of(&a, v, PANE_INBOX, title,
			      a.past ? " REWIND " : NULL);
	else
		in = side_of(&a);
	if (loading)
		draw_loading(&in);
	else
		inbox_draw(v, &in);
}

void frame_draw(struct canvas *c, struct view *v)
{
	struct layout l = layout_make(c->width, c->height, v->shown, v->zoom);
	canvas_clear(c);
	if (l.keybar.w < 1)
		return;
	struct view *shown = rewind_lend(v);
	v->meters_seen = false;
	bool loading = rewind_is_loading(v);
	for (int i = 0; i < PANES; i++)
		draw_pane(c, shown, (enum pane)i, l.panes[i], loading);
	if (l.strip.h)
		draw_strip(c, shown, l.strip, loading);
	struct area a = part(c, v, l.standby);
	if (a.r.h)
		standby_draw(v, &a);
	draw_inbox(c, shown, &l, loading);
	if (l.kind == LAYOUT_TINY) { /* its last line is the brake's alone */
		a = part(c, v, l.standby.h ? l.standby : l.inbox);
		a = area_part(&a, 0, 0, a.r.w, 1);
		flash_draw(v, &a);
	}
	a = part(c, v, l.header);
	a.stale = false; /* it says itself what is old */
	if (a.r.h)
		header_draw(v, &a);
	a = part(c, shown, l.middle);
	menu_refresh(v);
	dialog_draw(&v->dialog, &a);
	a = part(c, v, l.keybar);
	a.stale = false;
	keybar_draw(v, &a, l.kind == LAYOUT_TINY);
}
