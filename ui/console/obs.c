/* Pane 5: what OBS has on air, what it could switch to, and what is wrong with
 * it. From the top: stream and record, what rules wait for, the first trouble,
 * the scenes with their letters, sources and levels, and last what was asked.
 * Levels are shown, and asked for, only while this pane has the keys or the
 * screen: bars that dance beside something else are no calm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "console/fmt.h"
#include "console/operate.h"
#include "console/panes.h"
#include "core/obs_drift.h"

#define METERS_OLD_MS 1500
#define NAME_COLUMNS  16
#define BAR_COLUMNS   60
#define LEAST_DB      (-60) /* at the left end of a bar */
#define LOUD_DB	      (-1)
#define CONGESTION    0.2 /* below, it is no word worth */
#define DISK_LOW_MB   2048

static bool is(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* --- stream and record ---------------------------------------------------- */

/* Figures that do not come any more are not those of now. */
static bool put_age(const struct view *v, struct pen *p)
{
	if (view_has_figures(v))
		return false;
	if (v->obs.known)
		pen_printf(p, STYLE_WAIT, "  figures %d s old",
			   (int)((v->mono_ms - v->obs.mono_ms) / 1000));
	return true;
}

static void put_stream(const struct view *v, struct pen *p)
{
	const struct obs_facts *f = &v->model->obs.facts;
	char text[FMT_BYTES];
	pen_glyph(p,
		  f->reconnecting ? STYLE_BAD
		  : f->streaming  ? STYLE_GOOD
				  : STYLE_DIM,
		  f->streaming && !f->reconnecting ? GLYPH_ON : GLYPH_OFF);
	if (f->reconnecting)
		pen_text(p, STYLE_ALARM, " stream reconnecting ");
	else if (!f->streaming)
		pen_text(p, STYLE_DIM, " no stream");
	else
		pen_printf(p, STYLE_STRONG, " stream %s",
			   view_has_figures(v)
				   ? fmt_clock(text, v->obs.stream_ms)
				   : "");
	if (!f->streaming || put_age(v, p))
		return;
	/* What is wrong comes first: a narrow pane has no room for all. */
	if (v->obs.congestion >= CONGESTION)
		pen_printf(p, STYLE_BAD, "  line %d%% full",
			   (int)(v->obs.congestion * 100));
	if (v->obs.dropped)
		pen_printf(p, STYLE_WAIT, "  %lld drop",
			   (long long)v->obs.dropped);
	pen_printf(p, STYLE_TEXT, "  %.1f Mb/s", (double)v->obs.kbps / 1000);
	if (!v->obs.dropped)
		pen_text(p, STYLE_TEXT, " 0 drop");
}

static void put_record(const struct view *v, struct pen *p)
{
	const struct obs_facts *f = &v->model->obs.facts;
	char text[FMT_BYTES];
	pen_glyph(p, f->recording ? STYLE_BAD : STYLE_DIM,
		  f->recording ? GLYPH_ON : GLYPH_OFF);
	if (!f->recording)
		pen_text(p, STYLE_DIM, " no recording");
	else
		pen_printf(p, STYLE_STRONG, " rec%s %s",
			   f->paused ? " paused" : "",
			   view_has_figures(v)
				   ? fmt_clock(text, v->obs.record_ms)
				   : "");
	if (!view_has_figures(v)) {
		if (!f->streaming)
			put_age(v, p);
		return;
	}
	if (v->obs.fps > 0)
		pen_printf(p, STYLE_DIM, "  %.0f fps", v->obs.fps);
	if (v->obs.free_mb >= 0)
		pen_printf(p,
			   v->obs.free_mb < DISK_LOW_MB ? STYLE_WAIT
							: STYLE_DIM,
			   "  %lld GB free", (long long)v->obs.free_mb / 1024);
	if (v->obs.late)
		pen_printf(p, STYLE_WAIT, "  %lld late",
			   (long long)v->obs.late);
}

/* --- what stands in the way ----------------------------------------------- */

static bool put_hold(const struct view *v, struct pen *p)
{
	const struct rules_hold *h = &v->model->obs.hold;
	char left[FMT_BYTES];
	if (!v->show->rule_count || !rules_are_held(v->model, v->now_ms))
		return false;
	pen_glyph(p, STYLE_WAIT, GLYPH_STANDBY);
	if (v->model->run.panic)
		pen_text(p, STYLE_WAIT, " panic: rules wait");
	else if (!h->until_ms)
		pen_text(p, STYLE_WAIT, " rules wait until released");
	else
		pen_printf(p, STYLE_WAIT, " rules wait %s: operator's choice",
			   fmt_left(left, h->until_ms - v->now_ms));
	if (h->missed_count)
		pen_printf(p, STYLE_TEXT, "  held back: %s",
			   h->missed ? h->missed : "");
	return true;
}

/* The rules that were switched off. */
static bool put_rules_off(const struct view *v, struct pen *p)
{
	const struct model *m = v->model;
	bool any = false;
	for (size_t i = 0; i < v->show->rule_count && !m->rules_off; i++) {
		if (!m->rule_off[i])
			continue;
		if (!any) {
			pen_glyph(p, STYLE_WAIT, GLYPH_OFF);
			pen_text(p, STYLE_WAIT, " rules off:");
		}
		pen_printf(p, STYLE_WAIT, "%s %s", any ? "," : "",
			   v->show->rules[i].name);
		any = true;
	}
	if (!v->show->rule_count || !m->rules_off)
		return any;
	pen_glyph(p, STYLE_WAIT, GLYPH_OFF);
	pen_text(p, STYLE_WAIT, " all rules are off");
	return true;
}

/* An alarm of OBS that nobody has acknowledged; else what is otherwise than
 * expected. */
static bool put_trouble(const struct view *v, struct pen *p)
{
	const struct model *m = v->model;
	for (size_t i = 0; i < m->alarm_count; i++) {
		const struct alarm *a = &m->alarms[i];
		if (a->acked || strncmp(a->id, "obs/", 4) != 0)
			continue;
		pen_glyph(p, STYLE_BAD, GLYPH_HELD);
		pen_printf(p, STYLE_BAD, " %s", a->text);
		return true;
	}
	struct obs_names drift = obs_drift(m);
	if (drift.count)
		pen_printf(p, STYLE_WAIT, "drift: %s", drift.items[0]);
	if (drift.count > 1)
		pen_printf(p, STYLE_WAIT, " (+%d)", drift.count - 1);
	bool any = drift.count > 0;
	obs_names_clear(&drift);
	return any;
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
	p = pen_at(a, 0, y);
	if (y < a->r.h && put_hold(v, &p))
		p = pen_at(a, 0, ++y);
	if (y < a->r.h)
		put_rules_off(v, &p);
}

/* What was asked for and is not yet confirmed; else the last that failed, or
 * the last that went well and how long it took. */
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
	if (any)
		return;
	if (obs->last_error) {
		pen_printf(p, STYLE_BAD, "%s", obs->last_error);
	} else if (obs->last_done) {
		pen_glyph(p, STYLE_DIM, GLYPH_DONE);
		pen_printf(p, STYLE_DIM, " %s in %lld ms", obs->last_done,
			   (long long)obs->last_ms);
	}
}

/* --- lists ---------------------------------------------------------------- */

static void put_scene(const struct view *v, const struct area *a, int y,
		      int index)
{
	const struct obs_facts *f = &v->model->obs.facts;
	const char *name = f->scenes.items[index];
	char letter = obs_letter(index);
	bool on = is(name, f->program_scene);
	struct pen p = pen_at(a, 0, y);
	if (on)
		pen_glyph(&p, STYLE_GOOD, GLYPH_RUNNING);
	else if (is(name, f->preview_scene))
		pen_glyph(&p, STYLE_TEXT, GLYPH_REVIEW);
	pen_skip_to(&p, 2);
	if (v->focus == PANE_OBS && letter && v->past)
		pen_printf(&p, STYLE_KEY, "%c", letter);
	pen_skip_to(&p, 4);
	pen_text(&p, on ? STYLE_STRONG : STYLE_TEXT, name);
	if (on)
		pen_text(&p, STYLE_GOOD, "  on air");
	else if (is(name, f->preview_scene))
		pen_text(&p, STYLE_DIM, "  preview");
	if (is(name, v->show->obs.safe_scene))
		pen_text(&p, STYLE_DIM, "  (safe)");
}

static void put_source(const struct view *v, const struct area *a, int y,
		       const char *name)
{
	const struct obs_facts *f = &v->model->obs.facts;
	const struct obs_source *s = obs_facts_input(f, name);
	bool scene = obs_names_have(&f->scenes, name);
	bool bad = (!s && !scene) || (s && s->active && s->ended);
	bool feeds = s && s->active && !s->ended;
	struct pen p = pen_at(a, 0, y);
	pen_glyph(&p,
		  bad	  ? STYLE_BAD
		  : feeds ? STYLE_GOOD
			  : STYLE_DIM,
		  bad	  ? GLYPH_FAILED
		  : feeds ? GLYPH_ON
			  : GLYPH_OFF);
	pen_printf(&p, STYLE_TEXT, " %s", name);
	pen_text(&p, bad ? STYLE_BAD : STYLE_DIM,
		 !s && !scene ? "  missing"
		 : bad	      ? "  has ended"
		 : feeds      ? "  feeding"
			      : "  off air");
}

static void put_meter(const struct view *v, const struct area *a, int y,
		      int index)
{
	const char *name = v->meters.items[index].name;
	int db = v->meters.items[index].db;
	const struct obs_source *s =
		obs_facts_input(&v->model->obs.facts, name);
	int names = a->r.w / 3 < NAME_COLUMNS ? a->r.w / 3 : NAME_COLUMNS;
	int bar = a->r.w - names - 8;
	if (bar > BAR_COLUMNS)
		bar = BAR_COLUMNS;
	struct pen p = pen_within(a, 0, y, names);
	pen_text(&p, STYLE_TEXT, name);
	p = pen_at(a, names + 1, y);
	if (s && s->muted) {
		pen_text(&p, STYLE_WAIT, "muted");
		return;
	}
	if (bar > 4)
		pen_bar(&p, db >= LOUD_DB ? STYLE_WAIT : STYLE_BAR, bar,
			db <= LEAST_DB ? 0
				       : (double)(db - LEAST_DB) / -LEAST_DB);
	char text[16];
	snprintf(text, sizeof text, db <= -100 ? "silent" : "%d dB", db);
	area_right(a, names + 1 + bar, y, 7,
		   db >= LOUD_DB ? STYLE_WAIT : STYLE_DIM, text);
}

/* Sources, then levels, in the rows [y, y + room). */
static void put_rest(struct view *v, const struct area *a, int y, int room)
{
	const struct show_names *sources = &v->show->obs.sources;
	int end = y + room;
	for (size_t i = 0; i < sources->count && y < end; i++)
		put_source(v, a, y++, sources->items[i]);
	if (y >= end || !v->past ||
	    (v->focus != PANE_OBS && !(v->zoom && v->shown == PANE_OBS)))
		return;
	v->meters_seen = true;
	if (v->mono_ms - v->meters.mono_ms > METERS_OLD_MS)
		return;
	for (int i = 0; i < v->meters.count && y < end; i++)
		put_meter(v, a, y++, i);
}

static void put_scenes(struct view *v, const struct area *a, int y, int room)
{
	const struct obs_facts *f = &v->model->obs.facts;
	int *top = &v->top[PANE_OBS];
	view_keep_in_sight(top, v->selected[PANE_OBS], f->scenes.count, room);
	for (int i = 0; i < room && *top + i < f->scenes.count; i++) {
		put_scene(v, a, y + i, *top + i);
		if (v->focus == PANE_OBS && *top + i == v->selected[PANE_OBS])
			area_row_style(a, y + i, STYLE_SELECT);
	}
	area_scroll_marks(a, y, room, *top, f->scenes.count);
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
	int bottom = a->r.h;
	if (bottom - y > 1) { /* its own line, so that scenes never move */
		p = pen_at(a, 0, --bottom);
		put_pending(v, &p);
	}
	/* These stand at the bottom, for the same reason. */
	if (bottom - y > 3) {
		p = pen_at(a, 0, bottom - 1);
		bottom -= put_hold(v, &p);
	}
	if (bottom - y > 3) {
		p = pen_at(a, 0, bottom - 1);
		bottom -= put_rules_off(v, &p);
	}
	if (bottom - y > 3) {
		p = pen_at(a, 0, bottom - 1);
		bottom -= put_trouble(v, &p);
	}
	int room = bottom - y, scenes = f->scenes.count;
	if (scenes > room)
		scenes = room;
	if (room < 1)
		return;
	put_scenes(v, a, y, scenes);
	if (room - scenes > 1) /* a blank line between */
		put_rest(v, a, y + scenes + 1, room - scenes - 1);
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
