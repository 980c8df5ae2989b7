/* The first line: what this is, whether it is on air, how late, how healthy. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "console/fmt.h"
#include "console/panes.h"
#include "console/plan.h"
#include "core/status.h"

#define SEGMENT_BYTES 256
#define SEGMENTS      13
#define GAUGE_COLUMNS 8
#define GAUGE_RANK    5
#define NAME_RANK     8	 /* our own name goes before a title is cut */
#define TITLE_COLUMNS 24 /* a title is cut rather than what follows dropped */

/* One piece of the line. Where not all fit, the highest `rank` goes first;
 * rank 0 stays. */
struct segment {
	char text[SEGMENT_BYTES];
	enum style style;
	int rank;
	int least; /* columns that do where room is scarce, 0: all of it */
	int gauge; /* columns of a bar behind the text, 0: none */
	double share;
};

struct line {
	struct segment items[SEGMENTS];
	int count;
};

static struct segment *add(struct line *l, int rank, enum style style,
			   const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static struct segment *add(struct line *l, int rank, enum style style,
			   const char *fmt, ...)
{
	struct segment *s = &l->items[l->count++];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(s->text, sizeof s->text, fmt, ap);
	va_end(ap);
	s->style = style;
	s->rank = rank;
	return s;
}

const char *header_badge(const struct view *v, enum style *style,
			 enum glyph *mark)
{
	static const struct {
		const char *live, *rehearsal;
		enum glyph mark;
		enum style style;
	} table[] = {
		[RUN_NONE] = {"NO RUN", "NO RUN", GLYPH_OFF, STYLE_STRONG},
		[RUN_CREATED] = {"READY", "REHEARSAL READY", GLYPH_OFF,
				 STYLE_STRONG},
		[RUN_RUNNING] = {"LIVE", "REHEARSAL", GLYPH_ON, STYLE_LIVE},
		[RUN_PAUSED] = {"PAUSED", "REHEARSAL PAUSED", GLYPH_STANDBY,
				STYLE_HOLD},
		[RUN_DONE] = {"DONE", "REHEARSAL DONE", GLYPH_DONE,
			      STYLE_STRONG},
		[RUN_FAILED] = {"FAILED", "REHEARSAL FAILED", GLYPH_FAILED,
				STYLE_ALARM},
		[RUN_CANCELLED] = {"CANCELLED", "REHEARSAL CANCELLED",
				   GLYPH_CANCELLED, STYLE_STRONG},
	};
	const struct run *run = &v->model->run;
	*mark = table[run->state].mark;
	*style = run->rehearsal ? STYLE_REHEARSAL : table[run->state].style;
	if (view_is_halted(v)) {
		*mark = GLYPH_STOP;
		*style = STYLE_ALARM;
		return run->rehearsal ? "REHEARSAL PANIC" : "PANIC";
	}
	return run->rehearsal ? table[run->state].rehearsal
			      : table[run->state].live;
}

static void add_badge(const struct view *v, struct line *l, bool ascii,
		      bool narrow)
{
	enum style style;
	enum glyph mark;
	const char *word = header_badge(v, &style, &mark);
	/* A core that is not heard of may be anything by now. */
	if (view_is_stale(v) && style != STYLE_REHEARSAL)
		style = STYLE_HOLD;
	const char *doubt = view_is_stale(v) ? "?" : "";
	if (narrow)
		add(l, 0, style, "%s%s", word, doubt);
	else
		add(l, 0, style, " %s %s%s ", glyph_text(mark, ascii), word,
		    doubt);
}

static void add_clock(const struct view *v, struct line *l)
{
	const struct run *run = &v->model->run;
	char clock[FMT_BYTES], over[FMT_BYTES];
	if (!run->started_ms)
		return;
	int64_t now = run->ended_ms ? run->ended_ms : v->now_ms;
	add(l, 0, STYLE_STRONG, "%s", fmt_clock(clock, now - run->started_ms));
	struct plan plan = plan_make(v->model, v->now_ms);
	if (!plan.known)
		return;
	/* Half a second is nothing to be nervous about. */
	int64_t off = plan.over_ms < 0 ? -plan.over_ms : plan.over_ms;
	if (off < 1000)
		add(l, 4, STYLE_DIM, "on time");
	else
		add(l, 4, plan.over_ms > 0 ? STYLE_WAIT : STYLE_GOOD, "%s%s %s",
		    plan.over_ms > 0 ? "+" : "-",
		    text_duration(over, sizeof over, off),
		    plan.over_ms > 0 ? "over" : "under");
}

static void add_budget(const struct view *v, struct line *l)
{
	const struct scope *s = &v->model->ledger.episode.tokens;
	char count[FMT_BYTES];
	if (!s->limited || s->allocated <= 0) {
		add(l, 3, STYLE_TEXT, "spent %s", fmt_count(count, s->spent));
		return;
	}
	if (scope_over(s))
		add(l, 2, STYLE_BAD, "over %s",
		    fmt_count(count, scope_over(s)));
	double share = (double)s->spent / (double)s->allocated;
	enum style style = share >= 1			      ? STYLE_BAD
			   : share >= v->show->budget.warn_at ? STYLE_WAIT
							      : STYLE_TEXT;
	struct segment *seg =
		add(l, 3, style, "budget %d%%", (int)(share * 100));
	seg->gauge = GAUGE_COLUMNS;
	seg->share = share;
}

static void add_obs(const struct view *v, struct line *l, bool ascii)
{
	const struct obs_state *obs = &v->model->obs;
	if (!v->show->obs.given)
		return;
	if (!obs->facts.connected) {
		add(l, 6, STYLE_WAIT, "obs %s not connected",
		    glyph_text(GLYPH_OFF, ascii));
		return;
	}
	char rate[64] = "";
	if (obs->facts.reconnecting)
		snprintf(rate, sizeof rate, "  reconnecting");
	else if (obs->facts.streaming && view_has_figures(v))
		snprintf(rate, sizeof rate, "  %.1f Mb/s %lld drop",
			 (double)v->obs.kbps / 1000, (long long)v->obs.dropped);
	add(l, 6, obs->facts.reconnecting ? STYLE_WAIT : STYLE_TEXT,
	    "obs %s %s%s", glyph_text(GLYPH_ON, ascii),
	    obs->facts.program_scene ? obs->facts.program_scene : "?", rate);
}

static void add_link(const struct view *v, struct line *l)
{
	char trouble[256];
	if (*view_trouble(v, trouble, sizeof trouble)) {
		add(l, 0, STYLE_ALARM, " %.140s ", trouble);
	} else if (v->core.shown_rtt_ms >= 1) {
		add(l, 7, STYLE_DIM, "redis %.0f ms", v->core.shown_rtt_ms);
	} else {
		/* Tenths would tremble every second and mean nothing. */
		add(l, 7, STYLE_DIM, "redis <1 ms");
	}
	if (!*trouble && *v->core.redis_fsync)
		add(l, 8, STYLE_DIM, "a crash loses %s",
		    status_may_lose(v->core.redis_fsync));
}

static void add_alarms(const struct view *v, struct line *l)
{
	size_t loud = 0;
	for (size_t i = 0; i < v->model->alarm_count; i++)
		loud += !v->model->alarms[i].acked;
	if (loud)
		add(l, 1, STYLE_ALARM, " ! %zu ", loud);
	else if (v->model->alarm_count)
		add(l, 7, STYLE_DIM, "! %zu acked", v->model->alarm_count);
}

/* While the panes show what was, this is where one sees that the show asks for
 * something now. */
static void add_inbox(const struct view *v, struct line *l)
{
	size_t count = v->model->inbox.count;
	if (!v->rewind.then)
		return;
	add(l, 1, count ? STYLE_WAIT : STYLE_DIM, "inbox %zu%s", count,
	    v->standby >= 0 ? ", GO waits" : "");
}

static int text_columns(const struct segment *s, bool scarce)
{
	int full = text_width(s->text);
	return scarce && s->least && s->least < full ? s->least : full;
}

static int columns(const struct line *l, int below, bool scarce)
{
	int sum = 0;
	for (int i = 0; i < l->count; i++) {
		const struct segment *s = &l->items[i];
		if (s->rank < below)
			sum += text_columns(s, scarce) + 2 +
			       (s->gauge && below > GAUGE_RANK ? s->gauge + 3
							       : 0);
	}
	return sum;
}

static void draw(const struct line *l, const struct area *a)
{
	int below = 10;
	while (below > 1 && columns(l, below, below <= NAME_RANK) > a->r.w)
		below--;
	int spare = a->r.w - columns(l, below, true);
	struct pen p = pen_at(a, 0, 0);
	for (int i = 0; i < l->count; i++) {
		const struct segment *s = &l->items[i];
		if (s->rank >= below)
			continue;
		struct pen word = p;
		if (s->least)
			word = pen_within(a, p.x, 0,
					  text_columns(s, true) +
						  (spare > 0 ? spare : 0));
		pen_text(&word, s->style, s->text);
		p.x = word.x;
		if (s->gauge && below > GAUGE_RANK) {
			pen_text(&p, STYLE_TEXT, " ");
			pen_glyph(&p, STYLE_DIM, GLYPH_BAR_LEFT);
			pen_bar(&p, STYLE_BAR, s->gauge, s->share);
			pen_glyph(&p, STYLE_DIM, GLYPH_BAR_RIGHT);
		}
		pen_text(&p, STYLE_TEXT, "  ");
	}
}

void header_draw(const struct view *v, const struct area *a)
{
	bool ascii = a->canvas->ascii;
	struct line l = {0};
	add(&l, NAME_RANK, STYLE_STRONG, " showcaller");
	add(&l, 2, STYLE_STRONG, "%s%s", a->r.w < 60 ? "" : " ", v->show->title)
		->least = TITLE_COLUMNS;
	add_badge(v, &l, ascii, a->r.w < 24);
	if (v->read_only)
		add(&l, 1, STYLE_HOLD, " read-only ");
	add_clock(v, &l);
	add_link(v, &l);
	add_alarms(v, &l);
	add_inbox(v, &l);
	add_budget(v, &l);
	add_obs(v, &l, ascii);
	draw(&l, a);
}
