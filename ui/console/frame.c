#include "console/frame.h"

#include <stdio.h>

#include "base/mem.h"
#include "console/panes.h"

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
	a.stale = view_is_stale(v);
	return a;
}

/* The one that has the keys says so by a mark as well as by its colour. */
static struct area frame_of(const struct area *a, const struct view *v,
			    enum pane pane, const char *title, const char *note)
{
	bool focused = v->focus == pane;
	struct area in =
		area_frame(a, focused ? STYLE_FOCUS : STYLE_FRAME, title, note);
	if (focused && a->r.w > 4) {
		struct pen p = pen_at(a, 2, 0);
		pen_glyph(&p, STYLE_FOCUS, GLYPH_PICK);
	}
	return area_part(&in, 1, 0, in.r.w - 2, in.r.h);
}

static void draw_pane(struct canvas *c, struct view *v, enum pane pane,
		      struct rect r)
{
	if (r.w < 3 || r.h < 3)
		return;
	struct area whole = part(c, v, r);
	struct area in = frame_of(&whole, v, pane, panes[pane].title,
				  whole.stale ? " old " : NULL);
	panes[pane].draw(v, &in);
}

/* All panes in a few words each, in equal parts of the line. */
static void draw_strip(struct canvas *c, const struct view *v, struct rect r)
{
	struct area a = part(c, v, r);
	for (int i = 0; i < PANES && r.w >= PANES; i++) {
		int x = r.w * i / PANES;
		struct pen p =
			pen_within(&a, x, 0, r.w * (i + 1) / PANES - x - 1);
		bool shown = v->shown == (enum pane)i;
		pen_printf(&p, shown ? STYLE_FOCUS : STYLE_KEY, " %d", i + 1);
		pen_text(&p, STYLE_TEXT, " ");
		panes[i].brief(v, &p);
	}
}

static void draw_inbox(struct canvas *c, struct view *v, const struct layout *l)
{
	struct area a = part(c, v, l->inbox);
	if (!l->inbox_framed) {
		inbox_draw(v, &a);
		return;
	}
	char title[32];
	snprintf(title, sizeof title, " Inbox (%zu) ", v->model->inbox.count);
	struct area in = frame_of(&a, v, PANE_INBOX, title, NULL);
	inbox_draw(v, &in);
}

void frame_draw(struct canvas *c, struct view *v)
{
	struct layout l = layout_make(c->width, c->height, v->shown, v->zoom);
	canvas_clear(c);
	if (l.keybar.w < 1)
		return;
	for (int i = 0; i < PANES; i++)
		draw_pane(c, v, (enum pane)i, l.panes[i]);
	if (l.strip.h)
		draw_strip(c, v, l.strip);
	struct area a = part(c, v, l.standby);
	if (a.r.h)
		standby_draw(v, &a);
	draw_inbox(c, v, &l);
	if (l.kind == LAYOUT_TINY) { /* its last line is the brake's alone */
		a = part(c, v, l.standby.h ? l.standby : l.inbox);
		a = area_part(&a, 0, 0, a.r.w, 1);
		flash_draw(v, &a);
	}
	a = part(c, v, l.header);
	a.stale = false; /* it says itself what is old */
	if (a.r.h)
		header_draw(v, &a);
	a = part(c, v, l.middle);
	dialog_draw(&v->dialog, &a);
	a = part(c, v, l.keybar);
	a.stale = false;
	keybar_draw(v, &a, l.kind == LAYOUT_TINY);
}
