/* Usage: what was spent by minute, model and episode, and the outlook. */
#include "core/usage.h"
#include "tap.h"
#include "world.h"

#define HEAD                                                                   \
	"show: t\n"                                                            \
	"budget: { tokens: 10000 }\n"                                          \
	"agents:\n"                                                            \
	"  a: { via: bus }\n"                                                  \
	"  b: { via: http, url: \"http://127.0.0.1:1/\" }\n"                   \
	"stages:\n"                                                            \
	"  - { id: s, agents: [a], budget: { token_cap: 1000 } }\n"            \
	"  - { id: t, agents: [b], inputs: [s], budget: { token_cap: 2000 } "  \
	"}\n"

#define MINUTE 60000

static const struct usage_model *model_row(struct world *w, const char *name)
{
	for (size_t i = 0; i < w->m->usage.model_count; i++)
		if (strcmp(w->m->usage.models[i].name, name) == 0)
			return &w->m->usage.models[i];
	ck_abort_msg("no row for %s", name);
	return NULL;
}

START_TEST(what_is_spent_stands_in_its_minute)
{
	struct world *w = world_new(HEAD);
	const struct usage *u = &w->m->usage;
	w->now_ms = 10 * MINUTE;
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", 300);
	ck_assert_int_eq(usage_minute(u, 10).tokens, 300);
	w->now_ms = 13 * MINUTE;
	world_answer(w, "t", NULL, "{}", 500);
	ck_assert_int_eq(usage_minute(u, 10).tokens, 300);
	ck_assert_int_eq(usage_minute(u, 11).tokens, 0);
	ck_assert_int_eq(usage_minute(u, 13).tokens, 500);
	ck_assert_int_eq(usage_minute(u, 14).tokens, 0);
	ck_assert_int_eq(model_row(w, "bus")->spent.tokens, 300);
	ck_assert_int_eq(model_row(w, "http")->spent.tokens, 500);
	world_free(w);
}
END_TEST

START_TEST(a_ring_that_turned_forgets)
{
	struct world *w = world_new(HEAD);
	const struct usage *u = &w->m->usage;
	w->now_ms = 10 * MINUTE;
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", 300);
	w->now_ms = (10 + 120) * MINUTE;
	world_answer(w, "t", NULL, "{}", 7);
	ck_assert_int_eq(usage_minute(u, 10).tokens, 0);
	ck_assert_int_eq(usage_minute(u, 10 + 120).tokens, 7);
	world_free(w);
}
END_TEST

START_TEST(an_episode_is_kept_and_teaches_the_next)
{
	struct world *w = world_new(HEAD);
	w->now_ms = 10 * MINUTE;
	world_begin(w, true);
	/* Nothing is known: half of the caps is likely. */
	struct usage_outlook end = usage_outlook(w->m);
	ck_assert_int_eq(end.likely, 1500);
	ck_assert_int_eq(end.high, 3000);
	world_answer(w, "s", NULL, "{}", 300);
	/* 300 of 1,000: the other will use 30 % of its 2,000 as well. */
	end = usage_outlook(w->m);
	ck_assert_int_eq(end.likely, 300 + 600);
	ck_assert_int_eq(end.low, 300);
	ck_assert_int_eq(end.high, 300 + 2000);
	world_answer(w, "t", NULL, "{}", 500);
	ck_assert_uint_eq(w->m->usage.episode_count, 1);
	ck_assert_str_eq(w->m->usage.episodes[0].run, "r1");
	ck_assert_int_eq(w->m->usage.episodes[0].spent.tokens, 800);
	ck_assert_int_eq(w->m->usage.episodes[0].state, RUN_DONE);
	end = usage_outlook(w->m);
	ck_assert_int_eq(end.likely, 800);
	ck_assert_int_eq(end.high, 800);
	/* It is not one of those before it. */
	ck_assert_int_eq(w->m->usage.stages[0].runs, 0);
	ck_assert_int_eq(w->m->usage.stages[0].last_tokens, 300);

	struct input *in = input_new(INPUT_BEGIN);
	in->id = xstrdup("r2");
	in->attended = true;
	world_step(w, in);
	ck_assert_int_eq(usage_minute(&w->m->usage, 10).tokens, 0);
	ck_assert_int_eq(w->m->usage.stages[0].runs, 1);
	ck_assert_int_eq(w->m->usage.stages[0].sum_tokens, 300);
	ck_assert_int_eq(w->m->usage.stages[0].last_tokens, 0);
	end = usage_outlook(w->m);
	ck_assert_int_eq(end.low, 800);
	ck_assert_int_eq(end.likely, 800);
	ck_assert_int_eq(end.high, 800);
	world_free(w);
}
END_TEST

START_TEST(a_corrected_assumption_is_taken_back)
{
	struct world *w = world_new(HEAD);
	w->now_ms = 10 * MINUTE;
	world_begin(w, true);
	char *lease = xstrdup(w->calls[0].lease);
	world_tick(w, 31000); /* its time is over: written off */
	ck_assert_int_eq(model_row(w, "bus")->assumed_tokens, 1000);
	struct input *in = input_new(INPUT_ANSWER);
	in->stage = xstrdup("s");
	in->agent = xstrdup("a");
	in->attempt = 1;
	in->lease = lease;
	in->ok = true;
	in->tokens_used = 40;
	in->confidence = -1;
	world_step(w, in);
	ck_assert_int_eq(model_row(w, "bus")->spent.tokens, 40);
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 40);
	world_free(w);
}
END_TEST

START_TEST(the_rate_is_over_the_minutes_there_were)
{
	struct world *w = world_new(HEAD);
	w->now_ms = 10 * MINUTE;
	world_begin(w, true);
	w->now_ms += 30000;
	world_answer(w, "s", NULL, "{}", 300);
	/* Of the first seconds: as if they had been a minute. */
	ck_assert_int_eq((int)usage_rate(w->m, w->now_ms), 300);
	ck_assert_int_eq((int)usage_rate(w->m, w->now_ms + 80000), 150);
	ck_assert_int_eq((int)usage_rate(w->m, 40 * MINUTE), 0);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("usage");
	TCase *c = tcase_create("usage");
	tcase_add_test(c, what_is_spent_stands_in_its_minute);
	tcase_add_test(c, a_ring_that_turned_forgets);
	tcase_add_test(c, an_episode_is_kept_and_teaches_the_next);
	tcase_add_test(c, a_corrected_assumption_is_taken_back);
	tcase_add_test(c, the_rate_is_over_the_minutes_there_were);
	suite_add_tcase(s, c);
	return tap_run(s);
}
