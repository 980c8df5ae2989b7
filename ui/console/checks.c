/* Pane 4: the cards in short, and every test with what it said last. */
#include <stdio.h>
#include <string.h>

#include "console/fmt.h"
#include "console/panes.h"

#define NAME_COLUMNS 26
#define TIME_COLUMNS 9
#define CARD_MIN     44

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
	int tests, states[CHECK_FAIL + 1];
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
		pen_glyph(p, looks[state].style, looks[state].mark);
		pen_printf(p, STYLE_TEXT, " %s ", name);
		if (state != CHECK_NEVER || card.states[CHECK_PASS])
			pen_printf(p, STYLE_TEXT, "%d/%d ",
				   card.states[CHECK_PASS], card.tests);
		pen_text(p, STYLE_TEXT, " ");
	}
}

static void put_test(const struct view *v, const struct area *a, int y,
		     int index)
{
	const struct show_check *def = &v->show->checks[index];
	const struct check_run *run = &v->model->checks[index];
	char text[FMT_BYTES + 4];
	/* Of what went well the time is enough where there is no room. */
	bool narrow = a->r.w < CARD_MIN;
	bool says = run->text && (!narrow || run->state == CHECK_FAIL);
	bool timed = run->state == CHECK_PASS || run->state == CHECK_FAIL;
	int name = a->r.w / 2 < NAME_COLUMNS ? a->r.w / 2 : NAME_COLUMNS;
	if (narrow && !says)
		name = a->r.w - TIME_COLUMNS;
	struct pen p = pen_within(a, 0, y, name);
	pen_glyph(&p, looks[run->state].style, looks[run->state].mark);
	/* The line of cards above says what is what where there is no room. */
	if (!narrow)
		pen_printf(&p, STYLE_TEXT, " %s/%s", def->card, def->name);
	else
		pen_printf(&p, STYLE_TEXT, " %s", def->name);
	if (timed && !(narrow && says)) {
		snprintf(text, sizeof text, "%lld ms",
			 (long long)run->latency_ms);
		area_right(a, name, y, TIME_COLUMNS, STYLE_DIM, text);
	}
	p = pen_at(a, name + (narrow ? 1 : TIME_COLUMNS + 1), y);
	if (run->state == CHECK_RUNNING)
		pen_text(&p, STYLE_BUSY, "running");
	else if (says)
		pen_text(&p, run->state == CHECK_FAIL ? STYLE_BAD : STYLE_DIM,
			 run->text);
}

void checks_draw(struct view *v, const struct area *a)
{
	int count = (int)v->show->check_count;
	struct pen p = pen_at(a, 0, 0);
	if (!count) {
		pen_text(&p, STYLE_DIM, "This show has no checks.");
		return;
	}
	put_cards(v, &p);
	int room = a->r.h - 1;
	bool focused = v->focus == PANE_CHECKS;
	int *top = &v->top[PANE_CHECKS];
	if (room < 1)
		return;
	view_keep_in_sight(top, v->selected[PANE_CHECKS], count, room);
	for (int y = 0; y < room && *top + y < count; y++) {
		put_test(v, a, 1 + y, *top + y);
		if (focused && *top + y == v->selected[PANE_CHECKS])
			area_row_style(a, 1 + y, STYLE_SELECT);
	}
	area_scroll_marks(a, 1, room, *top, count);
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
