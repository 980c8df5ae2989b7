/* What is given for one call, or for one stage, is taken back when that is
 * over: however it ends, and nothing that others left there. */
#include "core/status.h"
#include "tap.h"
#include "world.h"

#define HEAD                                                                   \
	"show: t\n"                                                            \
	"budget: { tokens: 10000, warn_at: 1, settle_grace_ms: 1000,\n"        \
	"  approval_deadline_ms: 600000 }\n"                                   \
	"agents:\n"                                                            \
	"  a: { via: bus }\n"                                                  \
	"  b: { via: bus, quota: { episode: 3000 } }\n"                        \
	"stages:\n"

static const char *item(struct world *w)
{
	static char id[24];
	ck_assert_uint_eq(w->m->inbox.count, 1);
	strcpy(id, w->m->inbox.items[0].id);
	return id;
}

static struct scope *of_stage(struct world *w, const char *id)
{
	return &w->m->ledger.stages[world_stage(w, id)].tokens;
}

static int64_t episode(struct world *w)
{
	return w->m->ledger.episode.tokens.allocated;
}

/* b wants 4,000 of its 3,000; the episode has 10,000, of which s took 7,000:
 * 1,000 lack in both. */
static struct world *held(const char *rest)
{
	char *yaml = xasprintf(
		HEAD "  - { id: s, agents: [a], budget: { token_cap: 7000 } }\n"
		     "  - { id: t, agents: [b], budget: { token_cap: 4000 },\n"
		     "      retry: { max_attempts: 3, backoff_ms: 1 } }\n%s",
		rest);
	struct world *w = world_new(yaml);
	free(yaml);
	world_begin(w, true);
	ck_state(w, "t", "held");
	return w;
}

static void is_taken_back(struct world *w, int64_t tokens)
{
	const struct event *e = world_last(w, EVENT_BUDGET_RAISE);
	ck_assert_str_eq(event_str(e, "why", ""), "unused");
	ck_assert_int_eq(event_int(e, "tokens", 0), -tokens);
	ck_assert_int_eq(episode(w), 11000 - tokens);
	ck_assert_int_eq(w->m->ledger.agents[1].tokens.allocated,
			 4000 - tokens);
}

START_TEST(what_an_approved_call_does_not_use_is_taken_back)
{
	struct world *w = held("");
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_assert_int_eq(episode(w), 11000);
	const struct event *e = world_last(w, EVENT_BUDGET_APPROVE);
	ck_assert_str_eq(event_str(e, "until", ""), "call");
	ck_assert_uint_eq(w->m->raise_count, 1);
	world_answer(w, "t", NULL, "{}", 3300);
	is_taken_back(w, 700);
	ck_assert_uint_eq(w->m->raise_count, 0);
	/* What another stage gives back afterwards is its own affair. */
	world_answer(w, "s", NULL, "{}", 100);
	ck_assert_int_eq(episode(w), 10300);
	ck_run(w, "done");
	world_free(w);
}
END_TEST

START_TEST(what_it_used_stays_given)
{
	struct world *w = held("");
	ck_assert(world_do(w, "approve", item(w), NULL));
	world_answer(w, "s", NULL, "{}", 7000);
	world_answer(w, "t", NULL, "{}", 4000);
	ck_assert_int_eq(episode(w), 11000);
	ck_assert_int_eq(world_count(w, EVENT_BUDGET_RAISE, NULL), 0);
	ck_assert_uint_eq(w->m->raise_count, 0);
	world_free(w);
}
END_TEST

START_TEST(another_amount_is_taken_back_as_well)
{
	struct world *w = held("");
	ck_assert(world_do(w, "approve", item(w), "3000", NULL));
	ck_assert_int_eq(episode(w), 13000);
	ck_assert_int_eq(of_stage(w, "t")->allocated, 6000);
	world_answer(w, "t", NULL, "{}", 10);
	ck_assert_int_eq(episode(w), 10000);
	ck_assert_int_eq(of_stage(w, "t")->allocated, 4000);
	ck_assert_int_eq(w->m->ledger.agents[1].tokens.allocated, 3000);
	world_free(w);
}
END_TEST

/* Nobody may start on what was given to another. */
START_TEST(the_next_stage_gets_nothing_of_it)
{
	struct world *w = held("  - { id: u, agents: [a], inputs: [t],\n"
			       "      budget: { token_cap: 3500 } }\n");
	ck_assert(world_do(w, "approve", item(w), "9000", NULL));
	world_answer(w, "t", NULL, "{}", 100);
	ck_assert_int_eq(episode(w), 10000);
	ck_state(w, "u", "held"); /* 2,900 are left */
	world_free(w);
}
END_TEST

START_TEST(a_failed_attempt_gives_it_back)
{
	struct world *w = held("");
	ck_assert(world_do(w, "approve", item(w), NULL));
	world_fail(w, "t", NULL, "broke");
	is_taken_back(w, 1000);
	world_tick(w, 5);
	ck_state(w, "t", "held"); /* once was once */
	world_free(w);
}
END_TEST

START_TEST(what_was_written_off_is_taken_back_when_it_is_corrected)
{
	struct world *w = held("");
	ck_assert(world_do(w, "approve", item(w), NULL));
	struct input *late = world_answer_input(w, "t", NULL);
	late->ok = true;
	late->tokens_used = 3200;
	late->result = json_read_str("{}", &json_limits_answer, NULL);
	ck_assert(world_do(w, "skip", "t", NULL));
	ck_assert_int_eq(episode(w), 11000); /* spent, as far as is known */
	ck_assert_uint_eq(w->m->raise_count, 1);
	w->now_ms += 900;
	world_step(w, late);
	is_taken_back(w, 800);
	w->now_ms += 2000;
	ck_assert(world_do(w, "note", "later", NULL));
	ck_assert_uint_eq(w->m->raise_count, 0);
	world_free(w);
}
END_TEST

START_TEST(after_the_grace_nothing_comes_back)
{
	struct world *w = held("");
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_assert(world_do(w, "panic", "all", NULL));
	ck_assert_uint_eq(w->m->raise_count, 1);
	w->now_ms += 1002;
	ck_assert(world_do(w, "note", "later", NULL));
	ck_assert_uint_eq(w->m->raise_count, 0);
	ck_assert_int_eq(episode(w), 11000);
	world_free(w);
}
END_TEST

/* Approved, and its agent is busy: it waits with what it was given. */
START_TEST(what_never_started_gives_all_of_it_back)
{
	static const char *const ends[][2] = {
		{"skip", "t"}, {"cancel", "t"}, {"cancel-run", NULL}};
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct world *w = held("");
		ck_assert(world_do(w, "pause", NULL));
		ck_assert(world_do(w, "approve", item(w), NULL));
		ck_state(w, "t", "waiting");
		world_tick(w, 10);
		ck_assert_int_eq(episode(w), 11000);
		ck_assert(world_do(w, ends[i][0], ends[i][1], NULL));
		is_taken_back(w, 1000);
		ck_assert_uint_eq(w->m->raise_count, 0);
		world_free(w);
	}
}
END_TEST

START_TEST(what_was_given_twice_is_taken_back_twice_and_no_more)
{
	struct world *w = held("");
	ck_assert(world_do(w, "approve", item(w), NULL));
	struct input *in = world_answer_input(w, "t", NULL);
	in->error_code = xstrdup("budget");
	in->needs_tokens = 500;
	in->tokens_used = 100;
	world_step(w, in);
	/* The first 1,000 came back at once. */
	ck_state(w, "t", "held");
	ck_assert_int_eq(episode(w), 10000);
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_assert_int_eq(w->calls[0].tokens + w->calls[1].tokens, 11400);
	world_answer(w, "t", NULL, "{}", 400);
	ck_assert_int_eq(episode(w), 10000);
	ck_assert_int_eq(w->m->ledger.agents[1].tokens.allocated, 3000);
	ck_assert_int_eq(of_stage(w, "t")->allocated, 4000);
	world_free(w);
}
END_TEST

START_TEST(a_lease_from_outside_that_was_approved_too)
{
	struct world *w = world_new(
		HEAD "  - { id: s, agents: [a], budget: { token_cap: 7000 } }\n"
		     "  - { id: t, agents: [a], budget: { token_cap: 7000 },\n"
		     "      go: manual }\n");
	world_begin(w, true);
	world_do(w, "lease", "s", "a", "5000", NULL);
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_assert_int_eq(episode(w), 12000);
	ck_assert_int_eq(of_stage(w, "s")->allocated, 12000);
	ck_assert(world_do(w, "lease-settle", "r1/s/1/a/1", "300", NULL));
	ck_assert_int_eq(episode(w), 10000);
	ck_assert_int_eq(of_stage(w, "s")->allocated, 7300);
	world_answer(w, "s", NULL, "{}", 7000);
	ck_assert_int_eq(episode(w), 10000);
	ck_assert_uint_eq(w->m->raise_count, 0);
	world_free(w);
}
END_TEST

START_TEST(what_is_approved_for_the_stage_stays_until_its_end)
{
	struct world *w = held("");
	ck_assert(world_do(w, "answer", item(w), "approve-stage", NULL));
	world_fail(w, "t", NULL, "broke");
	ck_assert_int_eq(episode(w), 11000);
	world_tick(w, 5);
	ck_state(w, "t", "running");
	ck_assert_int_eq(episode(w), 11000);
	world_answer(w, "t", NULL, "{}", 50);
	is_taken_back(w, 1000);
	world_free(w);
}
END_TEST

START_TEST(a_rerun_ends_what_was_given_for_the_stage)
{
	struct world *w = held("");
	ck_assert(world_do(w, "answer", item(w), "approve-stage", NULL));
	world_fail(w, "t", NULL, "broke");
	ck_assert(world_do(w, "rerun", "t", NULL));
	ck_assert_int_eq(episode(w), 10000);
	ck_state(w, "t", "held");
	world_free(w);
}
END_TEST

START_TEST(warn_mode_gives_for_one_call)
{
	struct world *w = world_new(
		"show: t\n"
		"budget: { tokens: 5000, mode: warn, warn_at: 1 }\n"
		"agents: { a: { via: bus } }\n"
		"stages:\n"
		"  - { id: s, agents: [a], budget: { token_cap: 7000 } }\n");
	world_begin(w, true);
	ck_assert_int_eq(episode(w), 7000);
	world_answer(w, "s", NULL, "{}", 5500);
	ck_assert_int_eq(episode(w), 5500);
	world_free(w);
}
END_TEST

START_TEST(money_is_taken_back_too)
{
	struct world *w = world_new(
		"show: t\n"
		"budget: { tokens: 100000, cost: \"1\", warn_at: 1 }\n"
		"agents: { a: { via: bus, price: { input_per_mtok: \"100\",\n"
		"  output_per_mtok: \"100\" } } }\n"
		"stages:\n"
		"  - { id: s, agents: [a], budget: { token_cap: 20000 } }\n");
	struct scope *cost = &w->m->ledger.episode.cost;
	world_begin(w, true);
	ck_state(w, "s", "held"); /* 2.00 of 1.00 */
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_assert_int_eq(cost->allocated, 2000000);
	world_answer(w, "s", NULL, "{}", 12000); /* 1.20 */
	ck_assert_int_eq(cost->allocated, 1200000);
	ck_assert_int_eq(
		event_int(world_last(w, EVENT_BUDGET_RAISE), "cost_micros", 0),
		-800000);
	world_free(w);
}
END_TEST

#define PRICED                                                                 \
	"show: t\n"                                                            \
	"budget: { tokens: 100000, cost: \"1\", currency: GBP, warn_at: "      \
	"0.5,\n"                                                               \
	"  approval_deadline_ms: 600000 }\n"                                   \
	"agents: { a: { via: bus, price: { input_per_mtok: \"100\",\n"         \
	"  output_per_mtok: \"100\" } } }\n"                                   \
	"stages:\n"

START_TEST(money_is_raised_for_a_while)
{
	struct world *w =
		world_new(PRICED "  - { id: s, agents: [a],\n"
				 "      budget: { token_cap: 20000 } }\n");
	struct scope *cost = &w->m->ledger.episode.cost;
	world_begin(w, true);
	ck_assert(world_do(w, "answer", item(w), "raise", "0.5", NULL) == 0);
	ck_assert_str_eq(w->said,
			 "0.5000 GBP is not enough: s lacks 1.0000 GBP");
	ck_assert(!world_do(w, "answer", item(w), "raise", "2,000", NULL));
	ck_assert_str_eq(w->said, "`2,000` is no amount of money (such as "
				  "1.50)");
	ck_assert(world_do(w, "answer", item(w), "raise", "1.5", "90s", NULL));
	ck_assert_str_eq(w->said, "raised s by 1.5000 GBP for 90 s; what is "
				  "unused then is taken back");
	ck_assert_int_eq(cost->allocated, 2500000);
	ck_assert_int_eq(w->m->ledger.episode.tokens.allocated, 100000);
	world_answer(w, "s", NULL, "{}", 12000);
	ck_assert_int_eq(cost->allocated, 2500000);
	world_free(w);

	w = world_new(PRICED "  - { id: s, agents: [a],\n"
			     "      budget: { token_cap: 20000 } }\n"
			     "  - { id: t, agents: [a], go: manual }\n");
	cost = &w->m->ledger.episode.cost;
	world_begin(w, true);
	ck_assert(world_do(w, "answer", item(w), "raise", "1.5", "90s", NULL));
	world_answer(w, "s", NULL, "{}", 12000);
	w->now_ms += 90000;
	world_step(w, input_new(INPUT_TICK));
	ck_assert_int_eq(cost->allocated, 1200000);
	ck_assert_int_eq(cost->spent, 1200000);
	world_free(w);
}
END_TEST

START_TEST(another_amount_of_money_is_approved)
{
	struct world *w =
		world_new(PRICED "  - { id: s, agents: [a],\n"
				 "      budget: { token_cap: 20000 } }\n");
	struct scope *cost = &w->m->ledger.episode.cost;
	world_begin(w, true);
	ck_assert(!world_do(w, "approve", item(w), "0.99", NULL));
	ck_assert(world_do(w, "approve", item(w), "1.25", NULL));
	ck_assert_str_eq(w->said, "approved 1.2500 GBP for s");
	ck_assert_int_eq(cost->allocated, 2250000);
	world_answer(w, "s", NULL, "{}", 100);
	ck_assert_int_eq(cost->allocated, 1000000);
	world_free(w);
}
END_TEST

START_TEST(money_is_borrowed_from_another_stage)
{
	struct world *w = world_new(
		PRICED "  - { id: s, agents: [a], retry: { max_attempts: 3,\n"
		       "      backoff_ms: 1 }, budget: { token_cap: 2000,\n"
		       "      cost_cap: \"0.15\" } }\n"
		       "  - { id: t, agents: [a], go: manual,\n"
		       "      budget: { token_cap: 10, cost_cap: \"0.4\" } }\n"
		       "  - { id: u, agents: [a], go: manual,\n"
		       "      budget: { token_cap: 10 } }\n");
	const struct purse *p = w->m->ledger.stages;
	world_begin(w, true);
	ck_state(w, "s", "held"); /* 0.20 of 0.15 */
	ck_assert(!world_do(w, "answer", item(w), "borrow", "u", NULL));
	ck_assert(!world_do(w, "answer", item(w), "borrow", "t", "0.41", NULL));
	ck_assert_str_eq(w->said, "t has only 0.4000 GBP left");
	ck_assert(world_do(w, "answer", item(w), "borrow", NULL));
	ck_assert_str_eq(w->said, "s borrows 0.0500 GBP from t");
	ck_assert_int_eq(p[0].cost.allocated, 200000);
	ck_assert_int_eq(p[1].cost.allocated, 350000);
	ck_assert_int_eq(w->m->ledger.episode.cost.allocated, 1000000);
	ck_state(w, "s", "running");
	world_free(w);
}
END_TEST

START_TEST(money_for_the_stage_needs_no_second_question)
{
	struct world *w = world_new(
		PRICED "  - { id: s, agents: [a], retry: { max_attempts: 3,\n"
		       "      backoff_ms: 1 }, budget: { token_cap: 2000,\n"
		       "      cost_cap: \"0.15\" } }\n");
	world_begin(w, true);
	ck_assert(world_do(w, "answer", item(w), "approve-stage", NULL));
	struct input *in = world_answer_input(w, "s", NULL);
	in->error_code = xstrdup("broke");
	in->tokens_used = 0;
	in->cost_micros = 30000;
	world_step(w, in);
	world_tick(w, 5);
	ck_state(w, "s", "running");
	ck_assert_int_eq(world_count(w, EVENT_BUDGET_REQUEST, NULL), 1);
	world_free(w);
}
END_TEST

START_TEST(the_mark_of_money_is_raised_in_money)
{
	struct world *w = world_new(
		PRICED
		"  - { id: s, agents: [a], budget: { token_cap: 9000 } }\n"
		"  - { id: t, agents: [a], go: manual, inputs: [s],\n"
		"      budget: { token_cap: 10 } }\n");
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", 6000);
	ck_assert(!world_do(w, "answer", item(w), "raise", "x", NULL));
	ck_assert(world_do(w, "answer", item(w), "raise", "0.75", NULL));
	ck_assert_str_eq(w->said, "raised the episode by 0.7500 GBP");
	ck_assert_int_eq(w->m->ledger.episode.cost.allocated, 1750000);
	world_free(w);
}
END_TEST

static void is_shown(struct world *w, const char *wanted)
{
	struct usage_rest rest = usage_rest(w->m);
	char *text = inbox_text(w->m, &w->m->inbox.items[0], &rest);
	ck_assert_str_eq(text, wanted);
	free(text);
}

START_TEST(a_question_shows_what_is_there_now)
{
	struct world *w = held("  - { id: u, agents: [a], go: manual,\n"
			       "      budget: { token_cap: 500 } }\n");
	is_shown(w, "t wants 1,000 more  left 3,000  rest of show likely ~250");
	/* The others are done, and used a tenth of what they might. */
	world_answer(w, "s", NULL, "{}", 700);
	is_shown(w, "t wants 1,000 more than its agent's quota  left 9,300  "
		    "rest of show likely ~50");
	json_object *list = status_inbox(w->m);
	json_object *first = json_object_array_get_idx(list, 0);
	ck_assert_int_eq(json_get_int(first, "left", 0), 9300);
	ck_assert_int_eq(json_get_int(first, "rest_needs", 0), 50);
	json_object_put(list);
	world_free(w);

	w = world_new(
		HEAD
		"  - { id: s, agents: [a], budget: { token_cap: 7000 } }\n"
		"  - { id: t, agents: [a], budget: { token_cap: 4000 } }\n");
	world_begin(w, true);
	is_shown(w, "t wants 1,000 more  left 3,000  rest of show likely ~0");
	world_answer(w, "s", NULL, "{}", 700);
	is_shown(w, "t waits for an answer, and lacks nothing by now  left "
		    "9,300");
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_assert_int_eq(episode(w), 10000);
	ck_state(w, "t", "running");
	world_free(w);
}
END_TEST

START_TEST(what_waits_behind_a_question_is_told)
{
	struct world *w = world_new(
		HEAD
		"  - { id: s, agents: [a], budget: { token_cap: 7000 } }\n");
	world_begin(w, true);
	world_do(w, "lease", "s", "a", "5000", NULL);
	world_do(w, "lease", "s", "a", "6000", NULL);
	is_shown(w, "s: a wants 5,000 more than its cap  left 3,000  rest of "
		    "show likely ~0  1 more behind it: 6,000");
	world_free(w);
}
END_TEST

/* What is given for a moment does not make the question come twice. */
START_TEST(an_approval_moves_no_mark)
{
	struct world *w = world_new(
		"show: t\n"
		"budget: { tokens: 10000, warn_at: 0.5 }\n"
		"agents: { a: { via: bus } }\n"
		"stages:\n"
		"  - { id: s, agents: [a], budget: { token_cap: 6000 } }\n"
		"  - { id: t, agents: [a], inputs: [s], budget: {\n"
		"      token_cap: 9000 } }\n");
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", 5500);
	ck_assert_uint_eq(w->m->inbox.count, 2);
	char id[24];
	strcpy(id, w->m->inbox.items[1].id);
	ck_assert(world_do(w, "answer", id, "continue", NULL));
	ck_assert(world_do(w, "approve", item(w), NULL));
	world_answer(w, "t", NULL, "{}", 100);
	ck_assert_int_eq(episode(w), 10000);
	ck_assert_int_eq(world_count(w, EVENT_BUDGET_REQUEST, NULL), 2);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("once");
	TCase *t = tcase_create("once");
	tcase_add_test(t, what_an_approved_call_does_not_use_is_taken_back);
	tcase_add_test(t, what_it_used_stays_given);
	tcase_add_test(t, another_amount_is_taken_back_as_well);
	tcase_add_test(t, the_next_stage_gets_nothing_of_it);
	tcase_add_test(t, a_failed_attempt_gives_it_back);
	tcase_add_test(t,
		       what_was_written_off_is_taken_back_when_it_is_corrected);
	tcase_add_test(t, after_the_grace_nothing_comes_back);
	tcase_add_test(t, what_never_started_gives_all_of_it_back);
	tcase_add_test(t, what_was_given_twice_is_taken_back_twice_and_no_more);
	tcase_add_test(t, a_lease_from_outside_that_was_approved_too);
	tcase_add_test(t, what_is_approved_for_the_stage_stays_until_its_end);
	tcase_add_test(t, a_rerun_ends_what_was_given_for_the_stage);
	tcase_add_test(t, warn_mode_gives_for_one_call);
	tcase_add_test(t, money_is_taken_back_too);
	tcase_add_test(t, money_is_raised_for_a_while);
	tcase_add_test(t, another_amount_of_money_is_approved);
	tcase_add_test(t, money_is_borrowed_from_another_stage);
	tcase_add_test(t, money_for_the_stage_needs_no_second_question);
	tcase_add_test(t, the_mark_of_money_is_raised_in_money);
	tcase_add_test(t, a_question_shows_what_is_there_now);
	tcase_add_test(t, what_waits_behind_a_question_is_told);
	tcase_add_test(t, an_approval_moves_no_mark);
	suite_add_tcase(s, t);
	return tap_run(s);
}
