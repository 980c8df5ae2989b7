/* Looking back: the model at an event is that of a fresh fold up to it, however
 * the operator came there and whatever has to be fetched for it. */
#include "console/keys.h"
#include "console/operate.h"
#include "console/past.h"
#include "console/rewind.h"
#include "sim/dice.h"
#include "sim/random_show.h"
#include "tap.h"
#include "world.h"

#define SEEDS	 15
#define LONG_LOG 30000

static struct dice dice;

static uint64_t draw(uint64_t below)
{
	return dice_roll(&dice, below);
}

static void give(struct view *v, struct event *event)
{
	struct feed_item item = {
		.kind = FEED_EVENTS, .events = &event, .count = 1};
	view_take(v, &item);
}

static void caught_up(struct view *v)
{
	struct feed_item item = {.kind = FEED_CAUGHT_UP};
	view_take(v, &item);
	view_tick(v, 10000, 0);
	view_settle(v);
}

/* What the console's thread does, with the log at hand instead of Redis. */
static void arrive(struct view *v, struct event *const *log, uint64_t count,
		   int *fetched)
{
	while (rewind_is_loading(v)) {
		ck_assert(!v->rewind.failed);
		if (rewind_work(v) || !v->rewind.missing)
			continue;
		uint64_t after = past_page_after(v->rewind.missing);
		ck_assert_uint_lt(after, count);
		uint64_t n = count - after;
		rewind_take(v, after, log + after,
			    n < PAST_PAGE ? n : PAST_PAGE, NULL);
		++*fetched;
	}
}

static void must_equal_fresh_fold(const struct view *v,
				  struct event *const *log)
{
	struct model *fresh = model_new(v->show);
	for (uint64_t i = 0; i < v->rewind.target; i++)
		model_apply(fresh, log[i]);
	char *want = model_snapshot(fresh);
	char *got = model_snapshot(v->rewind.then->model);
	if (strcmp(want, got) != 0)
		world_differ("folded and rewound", want, got);
	free(want);
	free(got);
	model_free(&fresh);
}

static const enum action_id steps[] = {
	ACTION_REWIND_BACK,	  ACTION_REWIND_FORWARD,
	ACTION_REWIND_BACK_STAGE, ACTION_REWIND_FORWARD_STAGE,
	ACTION_REWIND_BACK_STAGE, ACTION_LIVE,
};

/* --- random shows -------------------------------------------------------- */

static void play_on(struct world *w)
{
	world_do(w, draw(3) ? "go" : "resume", NULL);
	if (w->m->inbox.count && draw(2)) {
		const struct inbox_item *item = &w->m->inbox.items[0];
		char id[24];
		memcpy(id, item->id, sizeof id);
		world_do(w, "answer", id, item->choices[0], NULL);
	}
	if (w->call_count && draw(3)) {
		size_t i = draw(w->call_count);
		const struct show *show = w->show;
		const char *stage = show->stages[w->calls[i].stage].id;
		const char *agent = show->agents[w->calls[i].agent].id;
		if (draw(5))
			world_answer(w, stage, agent, "{\"k\":1}",
				     (int64_t)draw(
					     (uint64_t)w->calls[i].tokens + 1));
		else
			world_fail(w, stage, agent, "broken");
	}
	world_tick(w, (int64_t)draw(1500));
}

static void one_seed(uint64_t seed)
{
	dice = (struct dice){seed};
	char *yaml = random_show_yaml(seed, 0);
	struct world *w = world_new(yaml);
	world_begin(w, true);
	for (int i = 0; i < 150 && w->log_count < 1000; i++)
		play_on(w);
	ck_assert_uint_eq(w->log[0]->seq, 1);
	struct view *v = view_new(w->show, 0);
	for (size_t i = 0; i < w->log_count; i++)
		give(v, w->log[i]);
	caught_up(v);
	int fetched = 0;
	for (int i = 0; i < 30; i++) {
		rewind_do(v, steps[draw(COUNT_OF(steps))]);
		if (v->rewind.then && draw(4) == 0)
			v->rewind.target = 1 + draw(w->log_count);
		arrive(v, w->log, w->log_count, &fetched);
		if (v->rewind.then)
			must_equal_fresh_fold(v, w->log);
	}
	ck_assert_int_eq(fetched, 0);
	char *a = model_snapshot(v->model), *b = model_snapshot(w->m);
	ck_assert_str_eq(a, b); /* the live show never noticed */
	free(a);
	free(b);
	view_free(&v);
	world_free(w);
	free(yaml);
}

START_TEST(a_rewound_model_is_a_fresh_fold)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		one_seed(seed);
}
END_TEST

/* --- a long log ---------------------------------------------------------- */

static const char show_text[] =
	"show: long\nbudget: { tokens: 1000000 }\nagents:\n  a: { via: noop }\n"
	"stages:\n  - { id: one, agents: [a] }\n"
	"  - { id: two, agents: [a], go: manual }\n";

static struct event *long_event(uint64_t seq)
{
	enum event_type type = seq == 1		? EVENT_RUN_START
			       : seq % 7 == 0	? EVENT_STAGE_RESET
			       : seq % 7 == 3	? EVENT_STAGE_START
			       : seq % 700 == 5 ? EVENT_STAGE_COMPLETE
						: EVENT_NOTE;
	struct json_out *data = json_out_new();
	json_add_int(data, "attempt", 1);
	json_add_str(data, "text", "a word");
	struct event *e = event_new(type, "r", seq % 2 ? "one" : "two", "a",
				    (int64_t)(1000 + seq), &data);
	e->seq = seq;
	return e;
}

static struct event **long_log(void)
{
	struct event **log = xcalloc(LONG_LOG, sizeof(struct event *));
	for (uint64_t seq = 1; seq <= LONG_LOG; seq++)
		log[seq - 1] = long_event(seq);
	return log;
}

static void free_log(struct event **log)
{
	for (uint64_t i = 0; i < LONG_LOG; i++)
		event_free(&log[i]);
	free(log);
}

static void jump(struct view *v, struct event *const *log, uint64_t to,
		 int *fetched)
{
	v->rewind.target = to;
	v->rewind.missing = 0;
	arrive(v, log, LONG_LOG, fetched);
	must_equal_fresh_fold(v, log);
}

START_TEST(every_place_of_a_long_log_is_reached)
{
	struct show *show = world_show(show_text);
	struct event **log = long_log();
	struct view *v = view_new(show, 0);
	int fetched = 0;
	for (uint64_t i = 0; i < LONG_LOG; i++)
		give(v, log[i]);
	caught_up(v);
	rewind_do(v, ACTION_REWIND_BACK);
	for (int i = 0; i < 12; i++)
		jump(v, log, 1 + draw(LONG_LOG), &fetched);
	ck_assert_int_eq(fetched, 0);
	/* A completion is where the bits say. */
	v->rewind.target = 20000;
	rewind_do(v, ACTION_REWIND_BACK_STAGE);
	ck_assert_uint_eq(v->rewind.target, 19605);
	rewind_do(v, ACTION_REWIND_FORWARD_STAGE);
	rewind_do(v, ACTION_REWIND_FORWARD_STAGE);
	ck_assert_uint_eq(v->rewind.target, 21005);
	view_free(&v);
	free_log(log);
	show_unref(&show);
}
END_TEST

START_TEST(what_is_not_here_is_fetched)
{
	struct show *show = world_show(show_text);
	struct event **log = long_log();
	struct view *v = view_new(show, 0);
	int fetched = 0;
	/* As after a snapshot of event 20,250: nothing before it is here. */
	for (uint64_t i = 0; i < 20250; i++)
		model_apply(v->model, log[i]);
	for (uint64_t i = 20250; i < LONG_LOG; i++)
		give(v, log[i]);
	caught_up(v);
	rewind_do(v, ACTION_REWIND_BACK);
	jump(v, log, 20250, &fetched);
	jump(v, log, 20251, &fetched);
	ck_assert_int_eq(fetched, 0);
	jump(v, log, 20249, &fetched);
	ck_assert_int_eq(fetched, 41);
	fetched = 0;
	jump(v, log, 20240, &fetched);
	jump(v, log, 19000, &fetched);
	ck_assert_int_eq(fetched, 0);
	rewind_do(v, ACTION_REWIND_BACK_STAGE);
	arrive(v, log, LONG_LOG, &fetched);
	must_equal_fresh_fold(v, log);
	view_free(&v);
	free_log(log);
	show_unref(&show);
}
END_TEST

START_TEST(a_console_that_began_with_a_snapshot_goes_back_before_it)
{
	struct show *show = world_show(show_text);
	struct event **log = long_log();
	struct view *v = view_new(show, 0);
	struct model *m = model_new(show);
	int fetched = 0;
	for (uint64_t i = 0; i < 2000; i++)
		model_apply(m, log[i]);
	char *text = model_snapshot(m);
	struct feed_item item = {.kind = FEED_SNAPSHOT, .text = text};
	view_take(v, &item);
	caught_up(v);
	rewind_do(v, ACTION_REWIND_BACK_STAGE); /* it is looked for */
	ck_assert(rewind_is_loading(v));
	ck_assert_uint_eq(v->rewind.missing, 2000 - 1);
	arrive(v, log, 2000, &fetched);
	ck_assert_uint_eq(v->rewind.target, 1405);
	must_equal_fresh_fold(v, log);
	ck_assert_int_eq(fetched, 4);
	rewind_do(v, ACTION_REWIND_BACK_STAGE); /* now they are known */
	ck_assert_uint_eq(v->rewind.target, 705);
	rewind_do(v, ACTION_REWIND_FORWARD_STAGE);
	ck_assert_uint_eq(v->rewind.target, 1405);
	rewind_do(v, ACTION_REWIND_FORWARD_STAGE);
	ck_assert_uint_eq(v->rewind.target, 2000);
	rewind_do(v, ACTION_REWIND_BACK);
	rewind_do(v, ACTION_REWIND_FORWARD);
	v->rewind.target = 2000; /* the snapshot itself */
	arrive(v, log, 2000, &fetched);
	must_equal_fresh_fold(v, log);
	free(text);
	model_free(&m);
	view_free(&v);
	free_log(log);
	show_unref(&show);
}
END_TEST

/* What the console's thread does where the log begins behind event `ground`. */
static void arrive_trimmed(struct view *v, struct event *const *log,
			   uint64_t count, uint64_t ground, const char *text)
{
	while (rewind_is_loading(v) && !v->rewind.failed) {
		if (rewind_work(v) || !v->rewind.missing)
			continue;
		uint64_t after = past_page_after(v->rewind.missing);
		uint64_t end =
			after + PAST_PAGE < count ? after + PAST_PAGE : count;
		uint64_t from = after > ground ? after : ground;
		if (after < ground)
			rewind_ground(v, text, "it is elsewhere");
		rewind_take(v, after, log + from, end > from ? end - from : 0,
			    after < ground ? "it is elsewhere" : NULL);
	}
}

START_TEST(looking_back_ends_where_the_log_was_trimmed)
{
	struct show *show = world_show(show_text);
	struct event **log = long_log();
	struct view *v = view_new(show, 0);
	struct model *m = model_new(show);
	for (uint64_t i = 0; i < 730; i++)
		model_apply(m, log[i]);
	char *ground = model_snapshot(m);
	for (uint64_t i = 730; i < 2000; i++)
		model_apply(m, log[i]);
	char *text = model_snapshot(m);
	struct feed_item item = {.kind = FEED_SNAPSHOT, .text = text};
	view_take(v, &item);
	caught_up(v);
	/* Behind it: all as ever, also in its own page. */
	rewind_do(v, ACTION_REWIND_BACK_STAGE);
	arrive_trimmed(v, log, 2000, 730, ground);
	ck_assert_uint_eq(v->rewind.target, 1405);
	must_equal_fresh_fold(v, log);
	rewind_do(v, ACTION_REWIND_BACK_STAGE);
	arrive_trimmed(v, log, 2000, 730, ground);
	ck_assert_uint_eq(v->rewind.target, 730);
	ck_assert_ptr_nonnull(strstr(v->flash.text, "Event 730 is the oldest"));
	v->rewind.target = 900;
	arrive_trimmed(v, log, 2000, 730, ground);
	must_equal_fresh_fold(v, log);
	/* Before it: there it ends. */
	v->rewind.target = 200;
	arrive_trimmed(v, log, 2000, 730, ground);
	ck_assert(!v->rewind.failed);
	ck_assert_uint_eq(v->rewind.target, 730);
	ck_assert_ptr_nonnull(strstr(v->flash.text, "Event 730 is the oldest"));
	ck_assert_ptr_nonnull(strstr(v->flash.text, "it is elsewhere"));
	must_equal_fresh_fold(v, log);
	rewind_do(v, ACTION_REWIND_BACK);
	ck_assert_uint_eq(v->rewind.target, 730);
	ck_assert_ptr_nonnull(strstr(v->flash.text, "the oldest event"));
	rewind_do(v, ACTION_REWIND_FORWARD);
	arrive_trimmed(v, log, 2000, 730, ground);
	ck_assert_uint_eq(v->rewind.target, 731);
	must_equal_fresh_fold(v, log);
	/* A ground of another definition is none. */
	v->rewind.target = 200;
	arrive_trimmed(v, log, 2000, 730, "{\"seq\":730}");
	ck_assert(v->rewind.failed);
	free(text);
	free(ground);
	model_free(&m);
	view_free(&v);
	free_log(log);
	show_unref(&show);
}
END_TEST

START_TEST(a_page_that_cannot_be_had_is_said)
{
	struct show *show = world_show(show_text);
	struct view *v = view_new(show, 0);
	for (uint64_t seq = 1; seq <= 700; seq++) {
		struct event *e = long_event(seq);
		if (seq <= 600)
			model_apply(v->model, e);
		else
			give(v, e);
		event_free(&e);
	}
	caught_up(v);
	rewind_do(v, ACTION_REWIND_BACK);
	while (rewind_work(v))
		;
	v->rewind.target = 10;
	while (rewind_work(v))
		;
	ck_assert_uint_eq(v->rewind.missing, 1);
	ck_assert(rewind_is_loading(v));
	rewind_take(v, 500, NULL, 0, "not this one");
	ck_assert_uint_eq(v->rewind.missing, 1);
	rewind_take(v, 0, NULL, 0, "Redis is away");
	ck_assert(v->rewind.failed);
	ck_assert(!rewind_work(v));
	ck_assert_ptr_nonnull(strstr(v->flash.text, "Redis is away"));
	operate_key(v, 'L');
	ck_assert_ptr_null(v->rewind.then);
	view_free(&v);
	show_unref(&show);
}
END_TEST

START_TEST(memory_is_bounded_and_marks_are_thinned_out)
{
	struct show *show = world_show(show_text);
	struct past *p = past_new();
	struct model *m = model_new(show);
	uint64_t end = PAST_EVENTS + 200000;
	for (uint64_t seq = 1; seq <= end; seq++) {
		struct event *e = long_event(seq);
		past_add(p, m, e);
		model_apply(m, e);
		event_free(&e);
	}
	ck_assert_ptr_null(past_event(p, 1));
	struct event *e = past_event(p, end);
	ck_assert_ptr_nonnull(e);
	ck_assert_uint_eq(e->seq, end);
	event_free(&e);
	/* Near the newest they are closer than far behind it. */
	uint64_t from = past_nearest(p, end - 5000);
	ck_assert_uint_lt(end - 5000 - from, 3000);
	ck_assert_uint_lt(200000 - past_nearest(p, 200000), 20000);
	past_free(&p);
	model_free(&m);
	show_unref(&show);
}
END_TEST

/* --- what may be done ---------------------------------------------------- */

static struct view *rewound(struct show *show)
{
	struct view *v = view_new(show, 0);
	for (uint64_t seq = 1; seq <= 20; seq++) {
		struct event *e = long_event(seq);
		give(v, e);
		event_free(&e);
	}
	caught_up(v);
	operate_key(v, '[');
	while (rewind_work(v))
		;
	ck_assert_uint_eq(v->rewind.then->model->seq, 19);
	return v;
}

START_TEST(only_the_brake_works_in_the_past)
{
	struct show *show = world_show(show_text);
	struct view *v = rewound(show);
	for (int id = 0; id < ACTIONS; id++) {
		if (action_table[id].where == ACTION_VIEW || id == ACTION_PANIC)
			continue;
		*v->flash.text = '\0';
		operate_action(v, (enum action_id)id);
		ck_assert_msg(v->out_count == 0 &&
				      v->dialog.kind == DIALOG_NONE &&
				      strstr(v->flash.text, "L goes back"),
			      "%s: %s", action_table[id].name, v->flash.text);
	}
	for (int pane = 0; pane < PANES_AND_INBOX; pane++) {
		v->focus = (enum pane)pane;
		operate_key(v, KEYS_ENTER); /* looks, and never asks */
		ck_assert(v->dialog.kind == DIALOG_NONE ||
			  v->dialog.kind == DIALOG_PAGE);
		dialog_close(&v->dialog);
	}
	ck_assert_uint_eq(v->out_count, 0);
	operate_key(v, '!');
	ck_assert_uint_eq(v->out_count, 1);
	ck_assert_int_eq(v->outbox[0].action, ACTION_PANIC);
	ck_assert_ptr_null(v->rewind.then);
	view_free(&v);
	show_unref(&show);
}
END_TEST

START_TEST(the_show_goes_on_and_esc_comes_back_to_it)
{
	struct show *show = world_show(show_text);
	struct view *v = rewound(show);
	struct event *e = long_event(21);
	give(v, e);
	event_free(&e);
	view_settle(v);
	ck_assert_uint_eq(v->model->seq, 21);
	ck_assert_uint_eq(v->rewind.then->model->seq, 19);
	operate_key(v, '1');
	ck_assert_int_eq(v->focus, PANE_RUN);
	v->selected[PANE_RUN] = 0;
	operate_key(v, KEYS_DOWN);
	ck_assert_int_eq(v->selected[PANE_RUN], 1);
	operate_key(v, KEYS_ESC);
	ck_assert_ptr_null(v->rewind.then);
	ck_assert_int_eq(v->focus, PANE_RUN);
	operate_key(v, ']');
	ck_assert_ptr_null(v->rewind.then);
	view_restart(v, NULL);
	operate_key(v, '['); /* the log is being read again */
	ck_assert_ptr_null(v->rewind.then);
	view_free(&v);
	show_unref(&show);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rewind");
	TCase *t = tcase_create("rewind");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_rewound_model_is_a_fresh_fold);
	tcase_add_test(t, every_place_of_a_long_log_is_reached);
	tcase_add_test(t, what_is_not_here_is_fetched);
	tcase_add_test(
		t, a_console_that_began_with_a_snapshot_goes_back_before_it);
	tcase_add_test(t, looking_back_ends_where_the_log_was_trimmed);
	tcase_add_test(t, a_page_that_cannot_be_had_is_said);
	tcase_add_test(t, memory_is_bounded_and_marks_are_thinned_out);
	tcase_add_test(t, only_the_brake_works_in_the_past);
	tcase_add_test(t, the_show_goes_on_and_esc_comes_back_to_it);
	suite_add_tcase(s, t);
	return tap_run(s);
}
