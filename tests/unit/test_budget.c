/* Budget: leases on three scopes, held calls and their answers, reports. */
#include "tap.h"
#include "world.h"

#define HEAD                                                                   \
	"show: t\n"                                                            \
	"budget: { tokens: 10000, reserve: 2000, approval_deadline_ms: 5000 }\n" \
	"agents:\n"                                                            \
	"  a: { via: bus }\n"                                                  \
	"  b: { via: bus, quota: { episode: 3000 } }\n"                        \
	"stages:\n"

static int64_t left(struct world *w)
{
	return scope_remaining(&w->m->ledger.episode.tokens);
}

static const char *item(struct world *w)
{
	ck_assert_uint_eq(w->m->inbox.count, 1);
	return w->m->inbox.items[0].id;
}

START_TEST(a_lease_is_taken_and_the_rest_comes_back)
{
	struct world *w = world_new(HEAD
		"  - { id: s, agents: [a], budget: { token_cap: 6000 } }\n");
	world_begin(w, true);
	ck_assert_int_eq(w->calls[0].tokens, 6000);
	ck_assert_str_eq(w->calls[0].lease, "r1/s/1/a");
	ck_assert_int_eq(w->m->ledger.episode.tokens.leased, 6000);
	ck_assert_int_eq(left(w), 4000);
	world_answer(w, "s", NULL, "{}", 1500);
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 1500);
	ck_assert_int_eq(w->m->ledger.episode.tokens.leased, 0);
	ck_assert_int_eq(left(w), 8500);
	ck_assert_int_eq(w->m->ledger.agents[0].tokens.spent, 1500);
	world_free(w);
}
END_TEST

START_TEST(what_does_not_fit_is_held_and_approved)
{
	struct world *w = world_new(HEAD
		"  - { id: s, agents: [a], budget: { token_cap: 7000 } }\n"
		"  - { id: t, agents: [a], budget: { token_cap: 4000 } }\n");
	world_begin(w, true);
	ck_state(w, "s", "running");
	ck_state(w, "t", "held");
	/* 3,000 are left, of which 2,000 are the reserve. */
	ck_assert_int_eq(w->m->inbox.items[0].tokens, 3000);
	ck_assert_str_eq(w->m->inbox.items[0].fallback, "deny");
	ck_assert(!world_do(w, "approve", item(w), "nonsense", NULL));
	ck_state(w, "t", "held");
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_state(w, "t", "running");
	ck_assert_int_eq(w->m->ledger.episode.tokens.leased, 11000);
	/* The reserve was used first, only the rest was added. */
	ck_assert_int_eq(w->m->ledger.episode.tokens.allocated, 11000);
	world_answer(w, "t", NULL, "{}", 10);
	world_answer(w, "s", NULL, "{}", 10);
	ck_run(w, "done");
	world_free(w);
}
END_TEST

START_TEST(another_amount_makes_another_lease)
{
	struct world *w = world_new(HEAD
		"  - { id: s, agents: [a], budget: { token_cap: 9000 } }\n");
	world_begin(w, true);
	ck_state(w, "s", "held");
	ck_assert_int_eq(w->m->inbox.items[0].tokens, 1000);
	ck_assert(world_do(w, "approve", item(w), "400", NULL));
	ck_state(w, "s", "running");
	ck_assert_int_eq(w->calls[0].tokens, 8400);
	world_free(w);
}
END_TEST

START_TEST(denied_by_hand_and_by_deadline)
{
	static const char show[] = HEAD
		"  - { id: s, agents: [a], budget: { token_cap: 9000 },\n"
		"      on_failure: continue, retry: { max_attempts: 5 } }\n";
	for (int by_hand = 0; by_hand < 2; by_hand++) {
		struct world *w = world_new(show);
		world_begin(w, true);
		ck_state(w, "s", "held");
		if (by_hand) {
			ck_assert(world_do(w, "deny", item(w), NULL));
		} else {
			world_tick(w, 4999);
			ck_state(w, "s", "held");
			world_tick(w, 1);
		}
		ck_state(w, "s", "failed");
		ck_assert_int_eq(world_count(w, EVENT_BUDGET_DENY, NULL), 1);
		ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 0);
		ck_run(w, "done");
		world_free(w);
	}
}
END_TEST

START_TEST(unattended_takes_the_default_at_once)
{
	struct world *w = world_new(HEAD
		"  - { id: s, agents: [a], budget: { token_cap: 9000 },\n"
		"      on_failure: continue }\n");
	world_begin(w, false);
	ck_state(w, "s", "failed");
	ck_run(w, "done");
	world_free(w);
}
END_TEST

START_TEST(the_finale_may_use_the_reserve)
{
	struct world *w = world_new(HEAD
		"  - { id: s, agents: [a], finale: true,\n"
		"      budget: { token_cap: 9000 } }\n");
	world_begin(w, true);
	ck_state(w, "s", "running");
	world_free(w);
}
END_TEST

START_TEST(all_scopes_pass_at_once_or_none)
{
	struct world *w = world_new(HEAD
		"  - { id: s, agents: [a, b], budget: { token_cap: 7000 } }\n");
	world_begin(w, true);
	/* Half of 7,000 is more than b's quota: not even a's part is leased. */
	ck_state(w, "s", "held");
	ck_assert_int_eq(w->m->ledger.episode.tokens.leased, 0);
	ck_assert_int_eq(w->m->inbox.items[0].tokens, 500);
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_assert_int_eq(w->m->ledger.agents[1].tokens.allocated, 3500);
	ck_assert_int_eq(w->m->ledger.episode.tokens.leased, 7000);
	world_free(w);
}
END_TEST

START_TEST(an_agent_may_ask_for_more)
{
	struct world *w = world_new(HEAD
		"  - { id: s, agents: [a], budget: { token_cap: 1000 } }\n");
	world_begin(w, true);
	struct input *in = world_answer_input(w, "s", NULL);
	in->error_code = xstrdup("budget");
	in->needs_tokens = 2500;
	in->tokens_used = 300;
	world_step(w, in);
	ck_state(w, "s", "held");
	ck_assert_int_eq(w->m->inbox.items[0].tokens, 2500);
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_state(w, "s", "running");
	ck_assert_int_eq(w->calls[0].tokens, 3200);
	ck_assert_int_eq(w->calls[0].attempt, 2);
	world_answer(w, "s", NULL, "{}", 3200);
	ck_assert_int_eq(w->m->ledger.stages[0].tokens.spent, 3500);
	ck_run(w, "done");
	world_free(w);
}
END_TEST

START_TEST(silence_after_an_answer_counts_the_whole_lease)
{
	struct world *w = world_new(HEAD
		"  - { id: s, agents: [a], budget: { token_cap: 500 } }\n");
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", -1);
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 500);
	ck_assert(event_bool(world_last(w, EVENT_TOKEN_SPEND),
				"assumed", false));
	world_free(w);
}
END_TEST

START_TEST(a_call_that_never_arrived_costs_nothing)
{
	struct world *w = world_new(HEAD
		"  - { id: s, agents: [a], budget: { token_cap: 500 },\n"
		"      retry: { max_attempts: 2, backoff_ms: 10 } }\n");
	world_begin(w, true);
	struct input *in = world_answer_input(w, "s", NULL);
	in->error_code = xstrdup("refused");
	in->reached = false;
	world_step(w, in);
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 0);
	world_tick(w, 10);
	ck_state(w, "s", "running");
	ck_assert_int_eq(w->calls[0].tokens, 500);
	world_free(w);
}
END_TEST

START_TEST(a_timeout_is_written_off_and_corrected_once)
{
	struct world *w = world_new(HEAD
		"  - { id: s, agents: [a], on_failure: continue,\n"
		"      budget: { token_cap: 500, time_cap_ms: 1000 } }\n"
		"  - { id: t, agents: [a], go: manual }\n");
	world_begin(w, true);
	struct input *late = world_answer_input(w, "s", NULL);
	struct input *again = input_new(INPUT_ANSWER);
	again->stage = xstrdup("s");
	again->agent = xstrdup("a");
	again->attempt = 1;
	again->lease = xstrdup(late->lease);
	late->ok = again->ok = true;
	late->tokens_used = again->tokens_used = 120;
	world_tick(w, 1000);
	ck_state(w, "s", "failed");
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 500);
	world_step(w, late);
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 120);
	ck_assert_uint_eq(w->m->late_count, 1);
	ck_assert_str_eq(w->m->late[0].verdict, "deadline");
	world_step(w, again);
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 120);
	ck_state(w, "s", "failed");
	world_free(w);
}
END_TEST

START_TEST(an_overrun_is_booked_and_told)
{
	struct world *w = world_new(HEAD
		"  - { id: s, agents: [a], on_failure: continue,\n"
		"      budget: { token_cap: 500 } }\n");
	world_begin(w, true);
	world_answer(w, "s", NULL, "{\"x\": 1}", 700);
	ck_state(w, "s", "failed");
	ck_assert_ptr_nonnull(strstr(w->m->stages[0].error, "overrun"));
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 700);
	ck_assert_int_eq(w->m->ledger.stages[0].tokens.allocated, 500);
	ck_assert_int_eq(scope_over(&w->m->ledger.stages[0].tokens), 200);
	ck_assert_uint_eq(w->m->alarm_count, 1);
	ck_assert_uint_eq(w->m->story.version, 0);
	ck_assert(world_do(w, "ack", "overrun/s", "seen", NULL));
	ck_assert(w->m->alarms[0].acked);
	world_free(w);
}
END_TEST

START_TEST(without_caps_nothing_is_leased_but_all_is_counted)
{
	struct world *w = world_new("show: t\nagents: { a: { via: bus } }\n"
				    "stages:\n  - { id: s, agents: [a] }\n");
	world_begin(w, true);
	ck_assert_ptr_null(w->calls[0].lease);
	world_answer(w, "s", NULL, "{}", 900);
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 900);
	ck_assert_uint_eq(w->m->alarm_count, 0);
	ck_run(w, "done");
	world_free(w);
}
END_TEST

START_TEST(what_nobody_leased_and_nobody_has_is_an_overrun)
{
	struct world *w =
		world_new(HEAD "  - { id: s, agents: [b] }\n"
			       "  - { id: t, agents: [b], inputs: [s] }\n");
	world_begin(w, true);
	ck_assert_ptr_null(w->calls[0].lease);
	world_answer(w, "s", NULL, "{}", 2900);
	ck_assert_uint_eq(w->m->alarm_count, 0);
	/* Of the agent's 3,000 only 100 are left. */
	world_answer(w, "t", NULL, "{}", 400);
	ck_assert_int_eq(event_int(world_last(w, EVENT_TOKEN_SPEND),
				      "overrun", 0),
			 300);
	ck_assert_uint_eq(w->m->alarm_count, 1);
	ck_assert_int_eq(w->m->ledger.agents[1].tokens.spent, 3300);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("budget");
	TCase *t = tcase_create("budget");
	tcase_add_test(t, a_lease_is_taken_and_the_rest_comes_back);
	tcase_add_test(t, what_does_not_fit_is_held_and_approved);
	tcase_add_test(t, another_amount_makes_another_lease);
	tcase_add_test(t, denied_by_hand_and_by_deadline);
	tcase_add_test(t, unattended_takes_the_default_at_once);
	tcase_add_test(t, the_finale_may_use_the_reserve);
	tcase_add_test(t, all_scopes_pass_at_once_or_none);
	tcase_add_test(t, an_agent_may_ask_for_more);
	tcase_add_test(t, silence_after_an_answer_counts_the_whole_lease);
	tcase_add_test(t, a_call_that_never_arrived_costs_nothing);
	tcase_add_test(t, a_timeout_is_written_off_and_corrected_once);
	tcase_add_test(t, an_overrun_is_booked_and_told);
	tcase_add_test(t, without_caps_nothing_is_leased_but_all_is_counted);
	tcase_add_test(t, what_nobody_leased_and_nobody_has_is_an_overrun);
	suite_add_tcase(s, t);
	return tap_run(s);
}
