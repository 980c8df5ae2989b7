/* Leases asked for from outside: granted, extended, used in part, given back,
 * settled, repeated; held when they do not fit. */
#include "tap.h"
#include "world.h"

#define SHOW                                                                   \
	"show: t\n"                                                            \
	"budget: { tokens: 10000, reserve: 2000, approval_deadline_ms: "       \
	"5000,\n"                                                              \
	"          settle_grace_ms: 3000 }\n"                                  \
	"agents: { a: { via: bus }, b: { via: bus } }\n"                       \
	"stages:\n"                                                            \
	"  - { id: s, agents: [a, b], on_failure: continue,\n"                 \
	"      budget: { time_cap_ms: 20000 } }\n"                             \
	"  - { id: t, agents: [a], on_failure: continue,\n"                    \
	"      budget: { token_cap: 3000, time_cap_ms: 20000 } }\n"            \
	"  - { id: last, agents: [b], go: manual }\n"

static const struct scope *episode(struct world *w)
{
	return &w->m->ledger.episode.tokens;
}

static void use(struct world *w, const char *id, const char *lease,
		int64_t tokens)
{
	struct input *in = input_new(INPUT_USAGE);
	in->id = xstrdup(id);
	in->lease = xstrdup(lease);
	in->tokens_used = tokens;
	in->origin.kind = ORIGIN_LOCAL;
	w->said[0] = '\0';
	world_step(w, in);
}

static int64_t said_int(struct world *w, const char *key)
{
	json_object *o = json_read_str(w->said, &json_limits_own, NULL);
	int64_t n = json_get_int(o, key, -1);
	json_object_put(o);
	return n;
}

static const struct lease *lease(struct world *w, const char *id)
{
	return ledger_lease(w->m, ledger_find(&w->m->ledger, id));
}

/* A call of s is out, and 1,000 are leased to it as r1/s/1/a/1. */
static struct world *leased(void)
{
	struct world *w = world_live(SHOW);
	ck_assert(world_do_as(w, "q1", "lease", "s", "a", "1000"));
	return w;
}

START_TEST(a_lease_is_granted_used_and_settled)
{
	struct world *w = world_live(SHOW);
	ck_assert_int_eq(episode(w)->leased, 3000); /* of t */
	ck_assert(world_do_as(w, "q1", "lease", "s", "a", "1000"));
	ck_assert_ptr_nonnull(strstr(w->said, "\"lease\":\"r1/s/1/a/1\""));
	ck_assert_int_eq(said_int(w, "tokens"), 1000);
	ck_assert_int_eq(said_int(w, "deadline"), w->now_ms + 20000);
	ck_assert_int_eq(episode(w)->leased, 4000);
	use(w, "u1", "r1/s/1/a/1", 300);
	ck_assert_int_eq(episode(w)->leased, 3700);
	ck_assert_int_eq(episode(w)->spent, 300);
	ck_assert_int_eq(said_int(w, "spent"), 300);
	ck_assert(world_do_as(w, "q2", "lease-settle", "r1/s/1/a/1", "450",
			      NULL));
	ck_assert_int_eq(episode(w)->leased, 3000);
	ck_assert_int_eq(episode(w)->spent, 450);
	ck_assert_int_eq(scope_remaining(episode(w)), 6550);
	world_free(w);
}
END_TEST

START_TEST(repeats_change_nothing_and_get_the_same_answer)
{
	struct world *w = leased();
	ck_assert(world_do_as(w, "q1", "lease", "s", "a", "1000"));
	ck_assert_ptr_nonnull(strstr(w->said, "r1/s/1/a/1"));
	ck_assert_uint_eq(w->d.event_count, 0);
	ck_assert(!world_do_as(w, "q1", "lease", "s", "a", "1001"));
	ck_assert(!world_do_as(w, "q1", "lease", "s", "b", "1000"));
	ck_assert(world_do_as(w, "q2", "lease-extend", "r1/s/1/a/1", "500",
			      NULL));
	ck_assert(world_do_as(w, "q2", "lease-extend", "r1/s/1/a/1", "500",
			      NULL));
	ck_assert_int_eq(said_int(w, "tokens"), 1500);
	ck_assert(!world_do_as(w, "q2", "lease-extend", "r1/s/1/a/1", "501",
			       NULL));
	use(w, "u1", "r1/s/1/a/1", 300);
	use(w, "u1", "r1/s/1/a/1", 300);
	ck_assert_int_eq(said_int(w, "spent"), 300);
	use(w, "u1", "r1/s/1/a/1", 301);
	ck_assert(!w->said_ok);
	ck_assert(world_do_as(w, "q3", "lease-return", "r1/s/1/a/1", "200",
			      NULL));
	ck_assert(world_do_as(w, "q3", "lease-return", "r1/s/1/a/1", "200",
			      NULL));
	ck_assert_int_eq(said_int(w, "tokens"), 1300);
	ck_assert(!world_do_as(w, "q4", "lease-return", "r1/s/1/a/1", "1001",
			       NULL));
	ck_assert(!world_do_as(w, "q5", "lease-settle", "r1/s/1/a/1", "299",
			       NULL));
	ck_assert(world_do_as(w, "q6", "lease-settle", "r1/s/1/a/1", "700",
			      NULL));
	ck_assert(world_do_as(w, "q7", "lease-settle", "r1/s/1/a/1", "700",
			      NULL));
	ck_assert_uint_eq(w->d.event_count, 0);
	ck_assert(!world_do_as(w, "q8", "lease-settle", "r1/s/1/a/1", "701",
			       NULL));
	ck_assert(
		!world_do_as(w, "q9", "lease-extend", "r1/s/1/a/1", "1", NULL));
	ck_assert_int_eq(episode(w)->spent, 700);
	ck_assert_int_eq(episode(w)->leased, 3000);
	world_free(w);
}
END_TEST

START_TEST(what_is_no_lease_is_refused_with_a_reason)
{
	struct world *w = world_live(SHOW);
	ck_assert(!world_do_as(w, "q1", "lease", "nope", "a", "10"));
	ck_assert(!world_do_as(w, "q2", "lease", "t", "b", "10"));
	ck_assert(!world_do_as(w, "q3", "lease", "last", "b", "10"));
	ck_assert(!world_do_as(w, "q4", "lease", "s", "a", "0"));
	ck_assert(!world_do_as(w, "q5", "lease", "s", "a", "-1"));
	ck_assert(
		!world_do_as(w, "q6", "lease-extend", "r1/s/1/a/1", "1", NULL));
	ck_assert_ptr_nonnull(strstr(w->said, "never granted"));
	/* The call's own lease is settled by its answer. */
	ck_assert(!world_do_as(w, "q7", "lease-settle", "r1/t/1/a", "1", NULL));
	ck_assert(
		world_do_as(w, "q8", "lease-return", "r1/t/1/a", "1000", NULL));
	ck_assert_int_eq(w->m->stages[1].calls[0].lease_tokens, 2000);
	world_answer(w, "t", "a", "{}", 1500);
	ck_assert_int_eq(episode(w)->spent, 1500);
	ck_assert_int_eq(episode(w)->leased, 0);
	ck_assert(world_do(w, "panic", NULL));
	ck_assert(!world_do_as(w, "q9", "lease", "s", "a", "10"));
	world_free(w);
}
END_TEST

START_TEST(what_the_meter_saw_counts_when_nothing_is_reported)
{
	struct world *w = world_live(SHOW);
	use(w, "u1", "r1/t/1/a", 700);
	use(w, "u2", "r1/t/1/a", 100);
	ck_assert_int_eq(w->m->ledger.stages[1].tokens.spent, 800);
	ck_assert_int_eq(w->m->ledger.stages[1].tokens.leased, 2200);
	world_answer(w, "t", "a", "{}", -1);
	ck_assert_int_eq(w->m->ledger.stages[1].tokens.spent, 800);
	ck_assert_int_eq(scope_remaining(&w->m->ledger.stages[1].tokens), 2200);
	ck_state(w, "t", "done");
	world_free(w);
}
END_TEST

START_TEST(more_than_there_is_waits_for_a_person)
{
	struct world *w = world_live(SHOW);
	int64_t deadline = w->m->stages[0].deadline_ms;
	/* 10,000 less 3,000 leased, less the fence. */
	ck_assert(world_do_as(w, "q1", "lease", "s", "a", "5000"));
	world_do_as(w, "q2", "lease", "s", "a", "1500");
	ck_assert_str_eq(w->said, "");
	ck_state(w, "s", "running");
	ck_assert_uint_eq(w->m->inbox.count, 1);
	ck_assert_int_eq(w->m->inbox.items[0].tokens, 1500);
	ck_assert_ptr_nonnull(strstr(w->m->inbox.items[0].text, "a wants"));
	/* One question of a stage at a time; the next waits behind it. */
	world_do_as(w, "q3", "lease", "s", "b", "400");
	ck_assert_uint_eq(w->m->inbox.count, 1);
	ck_assert_uint_eq(w->m->ledger.ask_count, 2);
	ck_assert(!world_do_as(w, "q3", "lease", "s", "b", "400"));
	ck_assert_ptr_nonnull(strstr(w->said, "waits for approval"));
	/* What waits is another request than these. */
	ck_assert(!world_do_as(w, "q3", "lease", "s", "a", "400"));
	ck_assert_ptr_nonnull(strstr(w->said, "with other figures"));
	ck_assert(!world_do_as(w, "q3", "lease-return", "r1/s/1/a/1", "400",
			       NULL));
	ck_assert_ptr_nonnull(strstr(w->said, "with other figures"));
	world_tick(w, 4000);
	ck_assert(world_do(w, "approve", w->m->inbox.items[0].id, NULL));
	const struct effect *x = world_told(w, "q2");
	ck_assert(x && x->ok && strstr(x->text, "r1/s/1/a/2"));
	ck_assert_int_eq(lease(w, "r1/s/1/a/2")->tokens, 1500);
	/* The fence was open to it, and nothing had to be added. */
	ck_assert_int_eq(episode(w)->allocated, 10000);
	ck_assert_uint_eq(w->m->inbox.count, 1);
	ck_assert_ptr_nonnull(strstr(w->m->inbox.items[0].text, "b wants"));
	ck_assert_int_eq(w->m->stages[0].deadline_ms, 0);
	ck_assert(world_do(w, "deny", w->m->inbox.items[0].id, NULL));
	x = world_told(w, "q3");
	ck_assert(x && !x->ok && strcmp(x->name, "denied") == 0);
	ck_assert_uint_eq(w->m->inbox.count, 0);
	ck_assert_int_eq(w->m->stages[0].deadline_ms, deadline + 4000);
	world_answer(w, "s", "b", "{}", 0);
	world_answer(w, "s", "a", "{}", 0);
	ck_state(w, "s", "done");
	world_free(w);
}
END_TEST

START_TEST(another_amount_an_extension_and_a_deadline)
{
	struct world *w = world_live(SHOW);
	world_do_as(w, "q1", "lease-extend", "r1/t/1/a", "600", NULL);
	ck_assert_uint_eq(w->m->inbox.count, 1);
	ck_assert_int_eq(w->m->inbox.items[0].tokens, 600);
	ck_assert(world_do(w, "approve", w->m->inbox.items[0].id, "200", NULL));
	ck_assert(world_told(w, "q1") && world_told(w, "q1")->ok);
	ck_assert_int_eq(w->m->stages[1].calls[0].lease_tokens, 3200);
	ck_assert_int_eq(w->m->ledger.stages[1].tokens.allocated, 3200);
	world_do_as(w, "q2", "lease-extend", "r1/t/1/a", "600", NULL);
	world_tick(w, 4999);
	ck_assert_ptr_null(world_told(w, "q2"));
	world_tick(w, 1);
	ck_assert(world_told(w, "q2") && !world_told(w, "q2")->ok);
	/* The repeat of what was granted is answered, with what is. */
	ck_assert(
		world_do_as(w, "q1", "lease-extend", "r1/t/1/a", "600", NULL));
	ck_assert_int_eq(said_int(w, "tokens"), 3200);
	world_answer(w, "t", NULL, "{}", 3200);
	ck_state(w, "t", "done");
	world_free(w);
}
END_TEST

START_TEST(a_deadline_that_approves_says_that_it_did)
{
	struct world *w = world_new(
		"show: t\n"
		"budget: { tokens: 10000, approval_default: approve,\n"
		"          approval_deadline_ms: 5000 }\n"
		"agents: { a: { via: bus } }\n"
		"stages:\n"
		"  - { id: s, agents: [a], budget: { token_cap: 3000 } }\n");
	world_begin(w, true);
	world_do_as(w, "q1", "lease-extend", "r1/s/1/a", "600", NULL);
	ck_assert_uint_eq(w->m->inbox.count, 1);
	world_tick(w, 5000);
	ck_assert(world_told(w, "q1") && world_told(w, "q1")->ok);
	const struct event *e = w->d.events[0];
	ck_assert_int_eq(e->type, EVENT_BUDGET_APPROVE);
	ck_assert_str_eq(event_str(e, "by", ""), "deadline");
	world_free(w);
}
END_TEST

START_TEST(nobody_is_there_to_ask)
{
	struct world *w = world_new(SHOW);
	world_begin(w, false);
	world_do_as(w, "q1", "lease", "s", "a", "9000");
	ck_assert(world_told(w, "q1") && !world_told(w, "q1")->ok);
	ck_assert_uint_eq(w->m->inbox.count, 0);
	ck_assert_int_gt(w->m->stages[0].deadline_ms, 0);
	world_free(w);
}
END_TEST

START_TEST(a_call_that_ends_takes_its_leases_along)
{
	struct world *w = leased();
	ck_assert(world_do_as(w, "q2", "lease", "s", "b", "1000"));
	use(w, "u1", "r1/s/1/a/1", 100);
	world_do_as(w, "q3", "lease", "s", "a", "9000");
	world_do_as(w, "q4", "lease", "s", "b", "9000");
	world_answer(w, "s", "a", "{}", 0);
	ck_assert(world_told(w, "q3") && !world_told(w, "q3")->ok);
	ck_assert_ptr_null(world_told(w, "q4"));
	ck_assert_uint_eq(w->m->inbox.count, 1);
	/* The whole is spent until it is told better. */
	ck_assert_int_eq(episode(w)->spent, 1000);
	ck_assert_int_eq(lease(w, "r1/s/1/a/1")->state, LEASE_EXPIRED);
	ck_assert_int_eq(lease(w, "r1/s/1/b/1")->state, LEASE_HELD);
	world_tick(w, 2000);
	ck_assert(!world_do_as(w, "q5", "lease-settle", "r1/s/1/a/1", "99",
			       NULL));
	ck_assert(world_do_as(w, "q6", "lease-settle", "r1/s/1/a/1", "300",
			      NULL));
	ck_assert_int_eq(episode(w)->spent, 300);
	ck_assert(world_do_as(w, "q7", "lease-settle", "r1/s/1/a/1", "300",
			      NULL));
	ck_assert(!world_do_as(w, "q8", "lease-settle", "r1/s/1/a/1", "301",
			       NULL));
	ck_assert(world_do(w, "skip", "s", NULL));
	ck_assert(world_told(w, "q4") && !world_told(w, "q4")->ok);
	ck_assert_int_eq(lease(w, "r1/s/1/b/1")->state, LEASE_REVOKED);
	ck_assert_int_eq(episode(w)->spent, 1300);
	world_tick(w, 3001);
	ck_assert(
		!world_do_as(w, "q9", "lease-settle", "r1/s/1/b/1", "1", NULL));
	ck_assert_int_eq(episode(w)->spent, 1300);
	/* It is forgotten with the next event. */
	ck_assert(world_do(w, "note", "x", NULL));
	ck_assert(!world_do(w, "note", "", NULL));
	ck_assert(!world_do(w, "note", " \n ", NULL));
	ck_assert_str_eq(w->said, "a note needs words");
	ck_assert_ptr_null(lease(w, "r1/s/1/b/1"));
	world_free(w);
}
END_TEST

START_TEST(more_than_a_lease_is_an_overrun)
{
	struct world *w = leased();
	use(w, "u1", "r1/s/1/a/1", 900);
	use(w, "u2", "r1/s/1/a/1", 300);
	ck_assert_int_eq(episode(w)->spent, 1200);
	ck_assert_int_eq(episode(w)->leased, 3000);
	ck_assert_int_eq(scope_over(episode(w)), 0);
	ck_assert_uint_eq(w->m->alarm_count, 1);
	ck_assert(world_do_as(w, "q2", "lease-settle", "r1/s/1/a/1", "9500",
			      NULL));
	ck_assert_int_eq(episode(w)->allocated, 10000);
	ck_assert_int_eq(scope_over(episode(w)), 2500);
	ck_assert_int_eq(scope_remaining(episode(w)), 0);
	world_free(w);
}
END_TEST

#define SIZED                                                                  \
	"show: t\nbudget: { tokens: 10000, reserve: 1000 }\n"                  \
	"agents: { a: { via: bus } }\n"                                        \
	"defaults: { on_failure: continue, budget: { token_cap: 1000 } }\n"    \
	"stages:\n"                                                            \
	"  - { id: s1, agents: [a] }\n"                                        \
	"  - { id: s2, agents: [a], inputs: [s1] }\n"                          \
	"  - { id: s3, agents: [a], inputs: [s2] }\n"                          \
	"  - { id: s4, agents: [a], inputs: [s3] }\n"                          \
	"  - { id: s5, agents: [a], inputs: [s4] }\n"                          \
	"  - { id: s6, agents: [a], inputs: [s5] }\n"                          \
	"  - { id: s7, agents: [a], inputs: [s6] }\n"                          \
	"  - { id: s8, agents: [a], inputs: [s7] }\n"

START_TEST(a_lease_is_as_large_as_calls_usually_are)
{
	static const char *const first[] = {"s1", "s2", "s3", "s4"};
	struct world *w = world_live(SIZED);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(w->calls[0].tokens, 1000);
		world_answer(w, first[i], NULL, "{}", 100 + 10 * i);
	}
	/* What nobody reported is no observation. */
	world_answer(w, "s5", NULL, "{}", -1);
	ck_assert_int_eq(w->calls[0].tokens, 1000);
	world_answer(w, "s6", NULL, "{}", 200);
	/* The 95th percentile of five is the largest; a quarter more. */
	ck_assert_int_eq(w->calls[0].tokens, 250);
	ck_assert_int_eq(lease(w, "r1/s7/1/a")->share, 1000);
	/* More than that, within the share: it grows, and nothing is over. */
	world_answer(w, "s7", NULL, "{}", 900);
	ck_assert_uint_eq(w->m->alarm_count, 0);
	ck_state(w, "s7", "done");
	ck_assert_int_eq(w->m->ledger.stages[6].tokens.spent, 900);
	ck_assert_int_eq(w->calls[0].tokens, 1000);
	world_answer(w, "s8", NULL, "{}", 1001);
	ck_state(w, "s8", "failed");
	world_free(w);
}
END_TEST

/* After six calls of 200 a lease is 250 of 1,000. */
static struct world *sized_at_s7(void)
{
	struct world *w = world_live(SIZED);
	char stage[] = "s1";
	for (int i = 0; i < 6; i++, stage[1]++)
		world_answer(w, stage, NULL, "{}", 200);
	ck_assert_int_eq(w->calls[0].tokens, 250);
	return w;
}

START_TEST(a_lease_does_not_grow_into_the_fence)
{
	struct world *w = sized_at_s7();
	/* Others take what is before the fence. */
	struct input *in = input_new(INPUT_USAGE);
	in->id = xstrdup("u");
	in->lease = xstrdup("r1/s7/1/a");
	in->tokens_used = 250;
	world_step(w, in);
	w->m->ledger.episode.tokens.allocated =
		w->m->ledger.episode.tokens.spent + 1500;
	w->shadow->ledger.episode.tokens.allocated =
		w->m->ledger.episode.tokens.allocated;
	world_answer(w, "s7", NULL, "{}", 900);
	ck_state(w, "s7", "failed");
	ck_assert_ptr_nonnull(strstr(w->m->stages[6].error, "overrun"));
	world_free(w);
}
END_TEST

static void ask_more(struct world *w, int64_t tokens)
{
	struct input *in = world_answer_input(w, "s7", NULL);
	in->error_code = xstrdup("budget");
	in->needs_tokens = tokens;
	in->tokens_used = 50;
	world_step(w, in);
}

START_TEST(more_of_its_share_is_leased_without_a_question)
{
	struct world *w = sized_at_s7();
	ask_more(w, 300);
	ck_state(w, "s7", "backoff");
	ck_assert_int_eq(world_count(w, EVENT_BUDGET_REQUEST, NULL), 0);
	world_tick(w, 1);
	ck_state(w, "s7", "running");
	ck_assert_int_eq(w->calls[0].tokens, 550);
	ck_assert_int_eq(w->m->stages[6].failures, 0);
	ck_assert_int_eq(w->m->ledger.episode.tokens.allocated, 10000);
	/* Who asks again gets all of it, which is less by what it used. */
	ask_more(w, 1);
	world_tick(w, 1);
	ck_assert_int_eq(w->calls[0].tokens, 900);
	/* What is beyond that is a question. */
	ask_more(w, 1);
	ck_state(w, "s7", "held");
	ck_assert_int_eq(w->m->inbox.items[0].wanted, 851);
	world_free(w);
}
END_TEST

START_TEST(beyond_its_share_it_asks_at_once)
{
	struct world *w = sized_at_s7();
	ask_more(w, 701); /* 950 are left */
	ck_state(w, "s7", "held");
	ck_assert_int_eq(w->m->inbox.items[0].wanted, 901);
	world_free(w);
}
END_TEST

START_TEST(more_of_its_share_is_not_taken_from_the_fence)
{
	struct world *w = sized_at_s7();
	w->m->ledger.episode.tokens.allocated =
		w->m->ledger.episode.tokens.spent + 1500;
	w->shadow->ledger.episode.tokens.allocated =
		w->m->ledger.episode.tokens.allocated;
	ask_more(w, 300); /* 550, and 450 are before the fence */
	ck_state(w, "s7", "held");
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("leases");
	TCase *t = tcase_create("leases");
	tcase_add_test(t, a_lease_is_granted_used_and_settled);
	tcase_add_test(t, repeats_change_nothing_and_get_the_same_answer);
	tcase_add_test(t, what_is_no_lease_is_refused_with_a_reason);
	tcase_add_test(t, what_the_meter_saw_counts_when_nothing_is_reported);
	tcase_add_test(t, more_than_there_is_waits_for_a_person);
	tcase_add_test(t, another_amount_an_extension_and_a_deadline);
	tcase_add_test(t, a_deadline_that_approves_says_that_it_did);
	tcase_add_test(t, nobody_is_there_to_ask);
	tcase_add_test(t, a_call_that_ends_takes_its_leases_along);
	tcase_add_test(t, more_than_a_lease_is_an_overrun);
	tcase_add_test(t, a_lease_is_as_large_as_calls_usually_are);
	tcase_add_test(t, more_of_its_share_is_leased_without_a_question);
	tcase_add_test(t, beyond_its_share_it_asks_at_once);
	tcase_add_test(t, more_of_its_share_is_not_taken_from_the_fence);
	tcase_add_test(t, a_lease_does_not_grow_into_the_fence);
	suite_add_tcase(s, t);
	return tap_run(s);
}
