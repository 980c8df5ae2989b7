/* Votes that come in a burst: told to a person, taken out of the count and put
 * back. Every step also compares what was decided with what a snapshot keeps. */
#include "tap.h"
#include "world.h"

static struct world *polling(const char *rest)
{
	char yaml[1024];
	snprintf(yaml, sizeof yaml,
		 "show: t\nagents: { a: { via: bus } }\nstages:\n"
		 "  - id: v\n    poll: { question: Q, open_ms: 10000,\n"
		 "            options: [{ id: x }, { id: y }], default: x,\n"
		 "            %s }\n"
		 "  - { id: after, inputs: [v], agents: [a] }\n",
		 rest);
	struct world *w = world_new(yaml);
	world_begin(w, true);
	return w;
}

/* As the engine tells of one. */
static void burst(struct world *w, const char *poll, const char *option,
		  int64_t votes, int sources, int rest)
{
	struct input *in = input_new(INPUT_BURST);
	in->stage = xstrdup(poll);
	in->choice = xstrdup(option);
	in->burst = (struct burst_facts){votes, 2600, sources, rest};
	world_step(w, in);
}

/* x and y in all, and what of y is of the first two bursts. */
static void tally(struct world *w, int64_t x, int64_t y, int64_t y1, int64_t y2)
{
	struct input *in = input_new(INPUT_TALLY);
	in->stage = xstrdup("v");
	in->counts = xcalloc(2, sizeof *in->counts);
	in->counts[0] = x;
	in->counts[1] = y;
	in->count_count = 2;
	in->burst_count = 2;
	in->of_bursts = xcalloc(4, sizeof *in->of_bursts);
	in->of_bursts[1] = y1;
	in->of_bursts[3] = y2;
	in->from.of[BALLOTS_WEB] = x;
	in->from.of[BALLOTS_CHAT] = y;
	world_step(w, in);
}

static const struct poll_run *poll_of(const struct world *w)
{
	return w->m->stages[0].poll;
}

START_TEST(a_burst_is_told_in_words_and_asked_about)
{
	struct world *w = polling("min_votes: 1");
	burst(w, "v", "y", 214, 4, 408);
	ck_assert_int_eq(poll_of(w)->burst_count, 1);
	ck_assert_uint_eq(w->m->inbox.count, 1);
	const struct inbox_item *item = &w->m->inbox.items[0];
	ck_assert_int_eq(item->kind, INBOX_BURST);
	ck_assert_str_eq(item->text,
			 "v: 214 votes for y in 3 s from 4 addresses; the rest "
			 "of the audience votes 41% y");
	ck_assert(inbox_offers(item, "exclude") && inbox_offers(item, "keep"));
	bool marks = false, rings = false;
	for (size_t i = 0; i < w->d.effect_count; i++) {
		const struct effect *x = &w->d.effects[i];
		rings = rings || x->kind == EFFECT_BELL;
		if (x->kind != EFFECT_POLL_BURST)
			continue;
		marks = true;
		ck_assert_int_eq(x->attempt, 1);
		ck_assert_int_eq(x->option, 1);
	}
	ck_assert(marks && rings);
	/* Keeping it is an answer; it can be excluded later all the same. */
	ck_assert(world_do(w, "answer", item->id, "keep", NULL));
	ck_assert_uint_eq(w->m->inbox.count, 0);
	ck_assert(!poll_of(w)->bursts[0].excluded);
	ck_assert(world_do(w, "poll-exclude", "v", NULL));
	ck_assert(poll_of(w)->bursts[0].excluded);
	world_free(w);
}
END_TEST

START_TEST(what_is_excluded_does_not_count)
{
	struct world *w = polling("min_votes: 1");
	burst(w, "v", "y", 30, 1, -1);
	burst(w, "v", "y", 40, 2, 900);
	ck_assert(!world_do(w, "poll-exclude", "v", "3", NULL));
	ck_assert(!world_do(w, "poll-exclude", "v", "0", NULL));
	ck_assert(!world_do(w, "poll-exclude", "v", "1x", NULL));
	ck_assert(!world_do(w, "poll-include", "v", NULL));
	ck_assert(world_do(w, "poll-exclude", "v", NULL)); /* the newest */
	ck_assert(poll_of(w)->bursts[1].excluded);
	ck_assert(!world_do(w, "poll-exclude", "v", "2", NULL));
	ck_assert(world_do(w, "poll-exclude", "v", "1", NULL));
	ck_assert(!world_do(w, "poll-exclude", "v", NULL));
	ck_assert(world_do(w, "poll-include", "v", "1", NULL)); /* undone */
	ck_assert_uint_eq(w->m->inbox.count, 0);
	world_tick(w, 10000);
	tally(w, 60, 95, 30, 40);
	ck_state(w, "v", "done");
	json_object *r = json_get(w->m->story.doc, "v");
	ck_assert_str_eq(json_get_str(r, "winner", ""), "x");
	ck_assert_int_eq(json_get_int(json_get(r, "votes"), "y", 0), 55);
	ck_assert_int_eq(json_get_int(r, "total", 0), 115);
	ck_assert(!world_do(w, "poll-exclude", "v", "1", NULL)); /* decided */
	world_free(w);
}
END_TEST

START_TEST(an_undecided_poll_is_counted_again)
{
	struct world *w = polling("min_votes: 50, undecided: ask");
	burst(w, "v", "y", 40, 1, -1);
	world_tick(w, 10000);
	ck_assert(world_do(w, "poll-exclude", "v", NULL));
	tally(w, 20, 45, 40, 0);
	ck_assert_str_eq(poll_state_name(poll_of(w)->state), "closed");
	ck_assert_int_eq(poll_of(w)->total, 25);
	/* Where they came from, as they were cast. */
	ck_assert_int_eq(poll_of(w)->from.of[BALLOTS_WEB], 20);
	ck_assert_int_eq(poll_of(w)->from.of[BALLOTS_CHAT], 45);
	ck_assert(!poll_of(w)->from.of[BALLOTS_BUS]);
	ck_assert_uint_eq(w->m->inbox.count, 1);
	ck_assert_int_eq(w->m->inbox.items[0].kind, INBOX_POLL);
	/* Put back, it is decided; Redis is asked for that. */
	ck_assert(world_do(w, "poll-include", "v", NULL));
	bool asks = false;
	for (size_t i = 0; i < w->d.effect_count; i++)
		asks = asks || w->d.effects[i].kind == EFFECT_POLL_COUNT;
	ck_assert(asks);
	tally(w, 20, 45, 40, 0);
	ck_state(w, "v", "done");
	world_free(w);
}
END_TEST

START_TEST(nobody_is_told_of_what_is_no_burst)
{
	struct world *w = polling("min_votes: 1");
	burst(w, "after", "y", 9, 1, -1);
	burst(w, "nope", "y", 9, 1, -1);
	burst(w, "v", "z", 9, 1, -1);
	ck_assert_int_eq(poll_of(w)->burst_count, 0);
	for (int i = 0; i < POLL_BURSTS_MOST + 5; i++)
		burst(w, "v", "x", 9, 1, -1);
	ck_assert_int_eq(poll_of(w)->burst_count, POLL_BURSTS_MOST);
	/* With the poll goes the question. */
	ck_assert(world_do(w, "poll-void", "v", NULL));
	ck_assert_uint_eq(w->m->inbox.count, 0);
	burst(w, "v", "x", 9, 1, -1);
	ck_assert_int_eq(poll_of(w)->burst_count, POLL_BURSTS_MOST);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("burst");
	TCase *t = tcase_create("burst");
	tcase_add_test(t, a_burst_is_told_in_words_and_asked_about);
	tcase_add_test(t, what_is_excluded_does_not_count);
	tcase_add_test(t, an_undecided_poll_is_counted_again);
	tcase_add_test(t, nobody_is_told_of_what_is_no_burst);
	suite_add_tcase(s, t);
	return tap_run(s);
}
