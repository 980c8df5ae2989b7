#include "console/poll_choice.h"

#include <stdlib.h>

#include "console/fmt.h"

#define KEY_COLUMNS  2
#define TIME_COLUMNS 8

int poll_choice(const struct view *v)
{
	const struct view_polls *p = &v->polls;
	const struct poll_run *chosen =
		p->chosen < 0 ? NULL : v->model->stages[p->chosen].poll;
	return chosen && chosen->opened_ms == p->chosen_opened_ms &&
			       poll_goes_on(chosen)
		       ? p->chosen
		       : polls_now(v->model);
}

static void show(struct view *v, int stage, int64_t since_mono_ms)
{
	v->polls.shown = stage;
	v->polls.shown_mono_ms = since_mono_ms;
	v->selected[PANE_POLL] = v->top[PANE_POLL] = 0;
}

void poll_choice_settle(struct view *v)
{
	int stage = poll_choice(v);
	bool first = v->polls.shown < 0;
	if (stage != v->polls.shown)
		show(v, stage, first ? 0 : v->mono_ms);
}

const char *poll_choice_of_key(struct view *v, enum action_id action)
{
	int stage = poll_choice(v);
	const char *name = action_table[action].name;
	if (stage < 0) {
		view_flash(v, STYLE_WAIT, "%s: there is no poll yet", name);
		return NULL;
	}
	const char *id = v->show->stages[stage].id;
	if (v->polls.shown_mono_ms &&
	    v->mono_ms - v->polls.shown_mono_ms < VIEW_TOO_EARLY_MS) {
		view_flash(v, STYLE_WAIT,
			   "%s: poll %s is shown only now, press again", name,
			   id);
		return NULL;
	}
	return id;
}

/* Where the shown one stands among those that go on; `count`: nowhere. */
static size_t place_of(const int *stages, size_t count, int shown)
{
	size_t i = 0;
	while (i < count && stages[i] != shown)
		i++;
	return i;
}

bool poll_choice_asked(const struct view *v)
{
	const struct inbox_item *item = view_item(v);
	return v->focus != PANE_POLL && item && item->kind == INBOX_BURST;
}

void poll_choice_pick(struct view *v, int stage)
{
	const struct poll_run *poll = v->model->stages[stage].poll;
	if (!poll || !poll_goes_on(poll))
		return;
	v->polls.chosen = stage;
	v->polls.chosen_opened_ms = poll->opened_ms;
	show(v, stage, 0); /* a key did it: nothing is too early */
}

void poll_choice_next(struct view *v, enum action_id action)
{
	size_t count;
	int *stages = polls_going_on(v->model, &count);
	size_t at = place_of(stages, count, poll_choice(v));
	if (count < 2) {
		view_flash(v, STYLE_WAIT, "%s: no other poll is open",
			   action_table[action].name);
	} else {
		poll_choice_pick(v, stages[at < count ? (at + 1) % count : 0]);
	}
	free(stages);
}

int poll_choice_others(const struct view *v)
{
	size_t count;
	int *stages = polls_going_on(v->model, &count);
	bool among = place_of(stages, count, poll_choice(v)) < count;
	free(stages);
	return (int)count - among;
}

static const char *time_of(const struct view *v, const struct poll_run *poll,
			   char out[FMT_BYTES])
{
	if (!poll_is_open(poll))
		return "closed";
	if (poll->frozen)
		return "frozen";
	return fmt_left(out, poll->deadline_ms - v->now_ms);
}

static void put_other(const struct view *v, const struct area *a, int y,
		      int stage)
{
	const struct poll_run *poll = v->model->stages[stage].poll;
	const struct show_poll *def = poll_def(v->model, stage);
	char text[FMT_BYTES], lead[POLL_LEAD_BYTES];
	int64_t total;
	struct poll_count c = poll_judge(def, view_counts(v, stage, &total));
	int x = KEY_COLUMNS + TIME_COLUMNS;
	int question = (a->r.w - x) * 2 / 5;
	struct pen p = pen_at(a, 0, y);
	if (y == 0)
		pen_text(&p, STYLE_KEY, action_table[ACTION_POLL_NEXT].key);
	p = pen_within(a, KEY_COLUMNS, y, TIME_COLUMNS - 1);
	pen_text(&p, STYLE_STRONG, time_of(v, poll, text));
	p = pen_within(a, x, y, question - 1);
	pen_text(&p, STYLE_TEXT, def->question);
	p = pen_at(a, x + question, y);
	if (c.total)
		pen_printf(&p, STYLE_TEXT, "%s  ", fmt_votes(text, c.total));
	if (c.total && !c.too_few)
		pen_printf(&p, STYLE_STRONG, "%s ", def->options[c.first].id);
	/* The figures of what says nothing are for the one in full. */
	pen_text(&p, c.total ? STYLE_TEXT : STYLE_DIM,
		 c.too_close && !c.too_few ? "ahead, too close to call"
					   : poll_lead_text(lead, &c));
}

void poll_choice_draw(const struct view *v, const struct area *a)
{
	size_t count;
	int *stages = polls_going_on(v->model, &count);
	int shown = poll_choice(v);
	size_t at = place_of(stages, count, shown);
	int others = (int)count - (at < count);
	size_t next = at < count ? at + 1 : 0;
	for (int y = 0; y < others && y < a->r.h; y++) {
		if (y + 1 == a->r.h && others > a->r.h) {
			struct pen p = pen_at(a, KEY_COLUMNS, y);
			pen_printf(&p, STYLE_DIM, "and %d more", others - y);
			break;
		}
		put_other(v, a, y, stages[(next + (size_t)y) % count]);
	}
	free(stages);
}
