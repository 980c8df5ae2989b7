/* Pane 5: what OBS has on air, and what it could switch to. */
#include <stdio.h>
#include <string.h>

#include "console/fmt.h"
#include "console/panes.h"

static bool is(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static void put_away(const struct view *v, const struct area *a)
{
	struct pen p = pen_at(a, 0, 0);
	if (!v->show->obs.given) {
		pen_text(&p, STYLE_DIM, "This show uses no OBS.");
		return;
	}
	pen_glyph(&p, STYLE_WAIT, GLYPH_OFF);
	pen_text(&p, STYLE_WAIT, " not connected");
	int y = 1;
	if (v->model->obs.facts.error)
		area_fold(a, &y, STYLE_TEXT, v->model->obs.facts.error, 0);
	if (v->show->obs.url)
		area_fold(a, &y, STYLE_DIM, v->show->obs.url, 0);
}

static void put_stream(const struct view *v, struct pen *p)
{
	const struct obs_facts *f = &v->model->obs.facts;
	char text[FMT_BYTES];
	pen_glyph(p, f->streaming ? STYLE_GOOD : STYLE_DIM,
		  f->streaming ? GLYPH_ON : GLYPH_OFF);
	if (f->reconnecting)
		pen_text(p, STYLE_ALARM, " stream reconnecting ");
	else if (f->streaming)
		pen_printf(p, STYLE_STRONG, " stream %s",
			   v->obs.known ? fmt_clock(text, v->obs.stream_ms)
					: "");
	else
		pen_text(p, STYLE_DIM, " no stream");
	if (f->streaming && v->obs.known)
		pen_printf(p, v->obs.dropped ? STYLE_WAIT : STYLE_TEXT,
			   "  %.1f Mb/s %lld drop", (double)v->obs.kbps / 1000,
			   (long long)v->obs.dropped);
}

static void put_record(const struct view *v, struct pen *p)
{
	const struct obs_facts *f = &v->model->obs.facts;
	char text[FMT_BYTES];
	pen_glyph(p, f->recording ? STYLE_BAD : STYLE_DIM,
		  f->recording ? GLYPH_ON : GLYPH_OFF);
	if (f->recording)
		pen_printf(p, STYLE_STRONG, " rec %s",
			   v->obs.known ? fmt_clock(text, v->obs.record_ms)
					: "");
	else
		pen_text(p, STYLE_DIM, " no recording");
	if (v->obs.known && v->obs.fps > 0)
		pen_printf(p, STYLE_DIM, "  %.0f fps", v->obs.fps);
	if (v->obs.known && v->obs.free_mb >= 0)
		pen_printf(p, v->obs.free_mb < 2048 ? STYLE_WAIT : STYLE_DIM,
			   "  %lld GB free", (long long)v->obs.free_mb / 1024);
}

/* What was asked for and is not yet confirmed; else the last that failed. */
static void put_pending(const struct view *v, struct pen *p)
{
	const struct obs_state *obs = &v->model->obs;
	bool any = false;
	for (int i = 0; i < OBS_MAX_PENDING; i++) {
		const struct obs_pending *sent = &obs->pending[i];
		if (!*sent->id)
			continue;
		any = true;
		pen_glyph(p, STYLE_BUSY, GLYPH_SENT);
		pen_printf(p, STYLE_BUSY, " sent: %s  ",
			   sent->text ? sent->text : "");
	}
	if (!any && obs->last_error)
		pen_printf(p, STYLE_BAD, "%s", obs->last_error);
}

static void put_scene(const struct view *v, const struct area *a, int y,
		      int index)
{
	const struct obs_facts *f = &v->model->obs.facts;
	const char *name = f->scenes.items[index];
	struct pen p = pen_at(a, 0, y);
	if (is(name, f->program_scene))
		pen_glyph(&p, STYLE_GOOD, GLYPH_RUNNING);
	else if (is(name, f->preview_scene))
		pen_glyph(&p, STYLE_TEXT, GLYPH_REVIEW);
	pen_skip_to(&p, 2);
	bool on = is(name, f->program_scene);
	pen_text(&p, on ? STYLE_STRONG : STYLE_TEXT, name);
	if (on)
		pen_text(&p, STYLE_GOOD, "  on air");
	else if (is(name, f->preview_scene))
		pen_text(&p, STYLE_DIM, "  preview");
	if (is(name, v->show->obs.safe_scene))
		pen_text(&p, STYLE_DIM, "  (safe)");
}

void obs_draw(struct view *v, const struct area *a)
{
	const struct obs_facts *f = &v->model->obs.facts;
	if (!f->connected) {
		put_away(v, a);
		return;
	}
	struct pen p = pen_at(a, 0, 0);
	int y = 1;
	put_stream(v, &p);
	if (a->r.h >= 6)
		p = pen_at(a, 0, y++);
	else
		pen_text(&p, STYLE_TEXT, "  ");
	put_record(v, &p);
	int room = a->r.h - y;
	if (room > 1) { /* its own line, so that scenes never move */
		p = pen_at(a, 0, a->r.h - 1);
		put_pending(v, &p);
		room--;
	}
	bool focused = v->focus == PANE_OBS;
	int *top = &v->top[PANE_OBS];
	if (room < 1)
		return;
	view_keep_in_sight(top, v->selected[PANE_OBS], f->scenes.count, room);
	for (int i = 0; i < room && *top + i < f->scenes.count; i++) {
		put_scene(v, a, y + i, *top + i);
		if (focused && *top + i == v->selected[PANE_OBS])
			area_row_style(a, y + i, STYLE_SELECT);
	}
	area_scroll_marks(a, y, room, *top, f->scenes.count);
}

void obs_brief(const struct view *v, struct pen *p)
{
	const struct obs_facts *f = &v->model->obs.facts;
	pen_text(p, STYLE_TEXT, "OBS ");
	if (!v->show->obs.given)
		pen_text(p, STYLE_DIM, "none");
	else if (!f->connected)
		pen_text(p, STYLE_WAIT, "away");
	else
		pen_text(p, STYLE_TEXT,
			 f->program_scene ? f->program_scene : "?");
}
