/* Pane 4: the cards in short, and every test with what it said last. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "console/fmt.h"
#include "console/panes.h"
#include "core/preflight.h"

#define NAME_COLUMNS 34
#define TIME_COLUMNS 9
#define CARD_MIN     44
#define PAST_MIN     100 /* from here on the past and the age have room */
#define NAME_WIDE    36
#define PAST_COLUMNS 12
#define AGE_COLUMNS  8
#define AGE_NARROW   5	/* in minutes, hours or days */

static const struct {
	enum glyph mark;
	enum style style;
} looks[] = {
	[CHECK_NEVER] = {GLYPH_WAITING, STYLE_DIM},
	[CHECK_RUNNING] = {GLYPH_RUNNING, STYLE_BUSY},
	[CHECK_PASS] = {GLYPH_DONE, STYLE_GOOD},
	[CHECK_FAIL] = {GLYPH_FAILED, STYLE_BAD},
};

struct card {
	int tests, states[CHECK_FAIL + 1], earlier;
};

/* Tests of a card stand together: the card that begins at `first`; returns
 * where the next one does. */
static size_t count_card(const struct view *v, size_t first, struct card *card)
{
	const struct show_check *checks = v->show->checks;
	*card = (struct card){0};
	size_t i = first;
	for (; i < v->show->check_count; i++) {
		if (strcmp(checks[i].card, checks[first].card) != 0)
			break;
		card->tests++;
		card->states[v->model->checks[i].state]++;
		card->earlier += check_is_earlier(v->model, (int)i);
	}
	return i;
}

static enum check_state state_of(const struct card *card)
{
	if (card->states[CHECK_FAIL])
		return CHECK_FAIL;
	if (card->states[CHECK_RUNNING])
		return CHECK_RUNNING;
	return card->states[CHECK_PASS] == card->tests ? CHECK_PASS
						       : CHECK_NEVER;
}

static void put_cards(const struct view *v, struct pen *p)
{
	for (size_t i = 0; i < v->show->check_count;) {
		const char *name = v->show->checks[i].card;
		struct card card;
		i = count_card(v, i, &card);
		enum check_state state = state_of(&card);
		bool old = card.earlier > 0;
		enum style style = old ? STYLE_DIM : STYLE_TEXT;
		pen_glyph(p, old ? STYLE_DIM : looks[state].style,
			  looks[state].mark);
		pen_printf(p, style, " %s ", name);
		if (state != CHECK_NEVER || card.states[CHECK_PASS])
			pen_printf(p, style, "%d/%d ",
				   card.states[CHECK_PASS], card.tests);
		pen_text(p, STYLE_TEXT, " ");
	}
}

/* The newest results, the last one at the right: how long each took, and which
 * failed. */
static void put_past(const struct check_run *c, struct pen *p)
{
	int first = c->past_count > PAST_COLUMNS ? c->past_count - PAST_COLUMNS
						 : 0;
	int32_t most = 1;
	for (int i = first; i < c->past_count; i++)
		most = c->past[i] > most ? c->past[i] : most;
	pen_repeat(p, STYLE_TEXT, " ", PAST_COLUMNS - (c->past_count - first));
	for (int i = first; i < c->past_count; i++) {
		int64_t ms = c->past[i];
		if (ms < 0)
			pen_glyph(p, STYLE_BAD, GLYPH_FAILED);
		else
			pen_repeat(p, STYLE_BAR,
				   glyph_spark(ms * 8 / most > 1
						       ? (int)(ms * 8 / most)
						       : 1,
					       p->area.canvas->ascii),
				   1);
	}
}

/* What it said, and what has to be known about that. */
static void put_words(const struct view *v, struct pen *p, int index)
{
	const struct check_run *run = &v->model->checks[index];
	int parent = v->show->checks[index].parent;
	bool failed = check_has_failed(run);
	bool muted = failed && check_is_muted(v->model, index);
	bool old = check_is_earlier(v->model, index);
	const struct {
		bool on;
		enum style style;
		const char *before, *text;
	} words[] = {
		{run->state == CHECK_RUNNING, STYLE_BUSY, "", "running"},
		{old, STYLE_WAIT, "", "earlier run"},
		{check_is_flaky(run), STYLE_WAIT, "", "flaky"},
		{run->overridden, STYLE_WAIT, "", "overridden"},
		{muted, STYLE_DIM, "muted, as below ",
		 muted ? v->show->checks[parent].name : ""},
		{run->text && !muted && run->state != CHECK_RUNNING,
		 failed && !old ? STYLE_BAD : STYLE_DIM, "", run->text},
	};
	bool any = false;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (!words[i].on)
			continue;
		pen_printf(p, words[i].style, "%s%s%s", any ? "  " : "",
			   words[i].before, words[i].text);
		any = true;
	}
}

/* In a narrow pane the line of cards above says what is of which. */
static void put_name(const struct view *v, const struct area *a, int y,
		     int index, int columns, bool narrow)
{
	const struct show_check *def = &v->show->checks[index];
	const struct check_run *run = &v->model->checks[index];
	struct pen p = pen_within(a, 0, y, columns);
	pen_glyph(&p,
		  check_is_earlier(v->model, index) ? STYLE_DIM : looks[run->state].style,
		  looks[run->state].mark);
	if (!narrow)
		pen_printf(&p, STYLE_TEXT, " %s/%s", def->card, def->name);
	else
		pen_printf(&p, STYLE_TEXT, " %s", def->name);
}

/* At the right where there is no column for it. Returns where the words before it
 * end: they may have what a young result leaves. */
static int put_age(const struct view *v, const struct area *a, int y,
		   const struct check_run *run)
{
	char text[FMT_BYTES] = "";
	if (run->at_ms)
		fmt_age(text, v->now_ms - run->at_ms);
	int width = text_width(text);
	area_right(a, a->r.w - width, y, width, STYLE_DIM, text);
	return a->r.w - width - (width > 0);
}

static void put_time(const struct area *a, int x, int y,
		     const struct check_run *run)
{
	char text[FMT_BYTES];
	snprintf(text, sizeof text, "%lld ms", (long long)run->latency_ms);
	area_right(a, x, y, TIME_COLUMNS, STYLE_DIM, text);
}

/* Of what went well the time is enough where there is no room. */
static void put_narrow(const struct view *v, const struct area *a, int y,
		       int index)
{
	const struct check_run *run = &v->model->checks[index];
	bool says = run->state == CHECK_RUNNING ||
		    check_is_earlier(v->model, index) ||
		    (run->text && check_has_failed(run));
	int name = says ? a->r.w / 2 : a->r.w - TIME_COLUMNS - AGE_NARROW;
	put_name(v, a, y, index, name, true);
	int end = put_age(v, a, y, run);
	struct pen p = pen_within(a, name + 1, y, end - name - 1);
	if (says)
		put_words(v, &p, index);
	else if (run->past_count)
		put_time(a, name, y, run);
}

static void put_test(const struct view *v, const struct area *a, int y,
		     int index)
{
	const struct check_run *run = &v->model->checks[index];
	char text[FMT_BYTES];
	bool wide = a->r.w >= PAST_MIN;
	int half = a->r.w / 2 < NAME_COLUMNS ? a->r.w / 2 : NAME_COLUMNS;
	int x = wide ? NAME_WIDE : half;
	put_name(v, a, y, index, x, false);
	if (run->past_count)
		put_time(a, x, y, run);
	x += TIME_COLUMNS;
	if (wide) {
		struct pen past = pen_within(a, x + 2, y, PAST_COLUMNS);
		put_past(run, &past);
		x += 2 + PAST_COLUMNS;
		if (run->at_ms)
			area_right(a, x, y, AGE_COLUMNS, STYLE_DIM,
				   fmt_elapsed(text, v->now_ms - run->at_ms));
		x += AGE_COLUMNS;
	}
	int end = wide ? a->r.w : put_age(v, a, y, run);
	struct pen p = pen_within(a, x + 1, y, end - x - 1);
	put_words(v, &p, index);
}

/* Whether the doors may open. */
static void put_preflight(const struct view *v, struct pen *p)
{
	size_t open = preflight_open(v->model, v->now_ms, NULL, 0);
	if (open)
		pen_printf(p, STYLE_WAIT, "pre-flight: %zu open   ", open);
	else
		pen_text(p, STYLE_GOOD, "pre-flight ready   ");
}

/* The lines above the tests; how many. */
static int put_head(const struct view *v, const struct area *a)
{
	struct pen p = pen_at(a, 0, 0);
	bool preflight = v->show->preflight.cards.count > 0;
	bool apart = preflight && a->r.w < CARD_MIN && a->r.h > 3;
	if (preflight)
		put_preflight(v, &p);
	if (apart)
		p = pen_at(a, 0, 1);
	put_cards(v, &p);
	return apart ? 2 : 1;
}

void checks_draw(struct view *v, const struct area *a)
{
	int count = (int)v->show->check_count;
	if (!count) {
		struct pen p = pen_at(a, 0, 0);
		pen_text(&p, STYLE_DIM, "This show has no checks.");
		return;
	}
	int head = put_head(v, a);
	int room = a->r.h - head;
	bool focused = v->focus == PANE_CHECKS;
	int *top = &v->top[PANE_CHECKS];
	if (room < 1)
		return;
	view_keep_in_sight(top, v->selected[PANE_CHECKS], count, room);
	for (int y = 0; y < room && *top + y < count; y++) {
		if (a->r.w < CARD_MIN)
			put_narrow(v, a, head + y, *top + y);
		else
			put_test(v, a, head + y, *top + y);
		if (focused && *top + y == v->selected[PANE_CHECKS])
			area_row_style(a, head + y, STYLE_SELECT);
	}
	area_scroll_marks(a, head, room, *top, count);
}

void checks_brief(const struct view *v, struct pen *p)
{
	int passed = 0, failed = 0;
	for (size_t i = 0; i < v->show->check_count; i++) {
		passed += v->model->checks[i].state == CHECK_PASS;
		failed += v->model->checks[i].state == CHECK_FAIL;
	}
	pen_printf(p, STYLE_TEXT, "Checks %d/%zu", passed,
		   v->show->check_count);
	if (failed) {
		pen_text(p, STYLE_BAD, " ");
		pen_glyph(p, STYLE_BAD, GLYPH_FAILED);
		pen_printf(p, STYLE_BAD, "%d", failed);
	}
}
