/* Held calls: what is offered and what each answer does; warn mode; warn_at;
 * raises that expire. */
#include "tap.h"
#include "world.h"

#define AGENTS                                                                 \
	"agents:\n"                                                            \
	"  a: { via: bus, fallback_agent: c }\n"                               \
	"  b: { via: bus, quota: { episode: 3000 }, fallback_agent: c }\n"     \
	"  c: { via: bus }\n"
#define HEAD                                                                   \
	"show: t\n"                                                            \
	"budget: { tokens: 10000, warn_at: 1, approval_deadline_ms: 5000 "     \
	"}\n" AGENTS "stages:\n"

static const struct inbox_item *item(struct world *w)
{
	ck_assert_uint_eq(w->m->inbox.count, 1);
	return &w->m->inbox.items[0];
}

static void offers(struct world *w, const char *words)
{
	struct buf b = {0};
	const struct inbox_item *of = item(w);
	for (size_t i = 0; of->choices[i]; i++)
		buf_addf(&b, "%s%s", i ? " " : "", of->choices[i]);
	ck_assert_str_eq(buf_str(&b), words);
	buf_release(&b);
}

static bool reply(struct world *w, const char *choice, const char *one,
		  const char *two)
{
	char id[24];
	strcpy(id, item(w)->id);
	return world_do(w, "answer", id, choice, one, one ? two : NULL, NULL);
}

static int64_t allocated(struct world *w)
{
	return w->m->ledger.episode.tokens.allocated;
}

static struct scope *stage_scope(struct world *w, const char *id)
{
	return &w->m->ledger.stages[world_stage(w, id)].tokens;
}

static void ask_more(struct world *w, const char *stage, int64_t tokens)
{
	struct input *in = world_answer_input(w, stage, NULL);
	in->error_code = xstrdup("budget");
	in->needs_tokens = tokens;
	in->tokens_used = 0;
	world_step(w, in);
}

/* s takes 7,000 of 10,000; t wants 4,000: 1,000 lack. */
static struct world *short_of_1000(void)
{
	struct world *w = world_new(
		HEAD "  - { id: s, agents: [a], budget: { token_cap: 7000 } }\n"
		     "  - { id: t, agents: [a], budget: { token_cap: 4000 },\n"
		     "      retry: { max_attempts: 3, backoff_ms: 1 } }\n");
	world_begin(w, true);
	ck_state(w, "t", "held");
	ck_assert_int_eq(item(w)->tokens, 1000);
	return w;
}

/* Without a cap nothing is leased, but nothing starts on nothing either. */
START_TEST(without_a_cap_it_needs_what_is_usual)
{
	struct world *w = world_new(
		"show: t\n"
		"budget: { tokens: 1000, reserve: 400, warn_at: 1 }\n"
		"agents: { a: { via: bus }, n: { via: noop } }\n"
		"stages:\n"
		"  - { id: s, agents: [a], budget: { token_cap: 600 } }\n"
		"  - { id: t, agents: [a] }\n"
		"  - { id: u, agents: [n] }\n"
		"  - { id: v, agents: [a], inputs: [t], go: manual }\n");
	world_begin(w, true);
	ck_state(w, "t", "held");
	ck_state(w, "u", "running"); /* it uses none */
	ck_assert_int_eq(item(w)->tokens, 1);
	ck_assert_str_eq(item(w)->reason, "episode");
	ck_assert(!reply(w, "approve", "0", NULL));
	ck_assert(reply(w, "approve", NULL, NULL));
	ck_state(w, "t", "running");
	ck_assert_int_eq(stage_scope(w, "t")->leased, 1);
	ck_assert_int_eq(allocated(w), 1000); /* the fence was opened */

	/* It grows with what there is. */
	world_answer(w, "t", NULL, "{}", 300);
	ck_state(w, "t", "done");
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 300);
	ck_assert_int_eq(w->m->ledger.episode.tokens.overrun, 0);
	world_do(w, "go", "v", NULL);
	ck_state(w, "v", "held"); /* 100 are left, all of them fenced */
	world_free(w);
}
END_TEST

START_TEST(what_makes_no_sense_is_not_offered)
{
	struct world *w = short_of_1000();
	/* The episode lacks: nothing to borrow, and c would lack as much. */
	offers(w, "approve approve-stage raise deny");
	ck_assert_str_eq(item(w)->reason, "episode");
	ck_assert_int_eq(item(w)->left, 3000);
	ck_assert_int_eq(item(w)->wanted, 4000);
	ck_assert(!reply(w, "borrow", NULL, NULL));
	ck_assert_str_eq(w->said, "i4 cannot be answered `borrow`: it takes "
				  "approve, approve-stage, raise, deny");
	ck_assert(!reply(w, "approve", "-5", NULL));
	ck_assert(!reply(w, "approve", "0", NULL));
	ck_assert(!reply(w, "raise", "999", NULL));
	ck_assert(!reply(w, "raise", "2000", "soon"));
	ck_assert(!reply(w, "raise", "2000", "0"));
	ck_state(w, "t", "held");
	world_free(w);
}
END_TEST

START_TEST(approved_for_the_stage_it_asks_no_more)
{
	struct world *w = short_of_1000();
	ck_assert(reply(w, "approve-stage", NULL, NULL));
	ck_assert_str_eq(w->said, "approved 1,000 tokens for t, and as many "
				  "again up to 2 times without asking");
	for (int i = 0; i < 2; i++) {
		ck_state(w, "t", "running");
		ask_more(w, "t", 1000);
	}
	ck_state(w, "t", "running");
	ck_assert_int_eq(stage_scope(w, "t")->leased, 6000);
	ck_assert_int_eq(world_count(w, EVENT_BUDGET_REQUEST, "t"), 1);
	ck_assert_int_eq(world_count(w, EVENT_BUDGET_RAISE, "t"), 2);
	/* It was good for two. */
	ask_more(w, "t", 1000);
	ck_state(w, "t", "held");
	world_free(w);
}
END_TEST

START_TEST(a_standing_approval_is_bounded)
{
	struct world *w = short_of_1000();
	ck_assert(reply(w, "approve-stage", NULL, NULL));
	/* More than was approved is a question again. */
	ask_more(w, "t", 1500);
	ck_state(w, "t", "held");
	ck_assert(world_do(w, "deny", item(w)->id, NULL));
	world_free(w);
}
END_TEST

START_TEST(a_raise_is_taken_back_when_it_expires)
{
	struct world *w = short_of_1000();
	ck_assert(reply(w, "raise", "5,000", "60000"));
	ck_assert_str_eq(w->said, "raised t by 5,000 tokens for 60 s; what is "
				  "unused then is taken back");
	ck_state(w, "t", "running");
	ck_assert_int_eq(allocated(w), 15000);
	ck_assert_uint_eq(w->m->raise_count, 1);
	/* t used 3,000 of its 4,000; s is still out with 7,000. */
	world_answer(w, "t", NULL, "{}", 3000);
	ck_assert_int_eq(allocated(w), 15000);
	world_tick(w, 59999); /* s timed out meanwhile */
	ck_assert_int_eq(allocated(w), 15000);
	world_tick(w, 1);
	ck_assert_int_eq(allocated(w), 10000);
	ck_assert_uint_eq(w->m->raise_count, 0);
	world_free(w);
}
END_TEST

/* A snapshot of an earlier version has a raise of tokens alone. */
START_TEST(a_raise_of_an_older_snapshot_is_read)
{
	static const char now[] = "\"raises\":{\"episode\":5000}";
	static const char then[] = "\"episode_tokens\":5000,\"stage_tokens\":0";
	struct world *w = short_of_1000();
	ck_assert(reply(w, "raise", "5,000", "60000"));
	char *text = model_snapshot(w->m);
	char *at = strstr(text, now);
	ck_assert_ptr_nonnull(at);
	*at = '\0';
	char *older = xasprintf("%s%s%s", text, then, at + strlen(now));
	struct err err;
	struct model *m =
		model_restore(w->show, older, strlen(older), &err);
	ck_assert_msg(m != NULL, "%s", err.text);
	*at = now[0];
	char *again = model_snapshot(m);
	ck_assert_str_eq(again, text);
	free(again);
	free(older);
	free(text);
	model_free(&m);
	world_free(w);
}
END_TEST

START_TEST(what_is_out_when_a_raise_expires_is_taken_back_later)
{
	struct world *w = world_new(
		HEAD "  - { id: s, agents: [a], budget: { token_cap: 7000 } }\n"
		     "  - { id: t, agents: [a], budget: { token_cap: 4000 } }\n"
		     "  - { id: u, go: manual, agents: [a] }\n");
	world_begin(w, true);
	ck_assert(reply(w, "raise", "2000", "1000"));
	ck_assert_int_eq(allocated(w), 12000);
	world_tick(w, 1000); /* 1,000 are free, 11,000 are out */
	ck_assert_int_eq(allocated(w), 11000);
	const struct event *e = world_last(w, EVENT_BUDGET_RAISE);
	ck_assert_int_eq(event_int(e, "tokens", 0), -1000);
	ck_assert_str_eq(event_str(e, "why", ""), "expired");
	ck_assert(!event_bool(e, "done", true));
	world_answer(w, "t", NULL, "{}", 3400);
	ck_assert_int_eq(allocated(w), 10400);
	world_answer(w, "s", NULL, "{}", 7000);
	ck_assert_int_eq(allocated(w), 10400); /* 10,400 were used */
	ck_assert_uint_eq(w->m->raise_count, 0);
	world_free(w);
}
END_TEST

START_TEST(a_stage_borrows_from_another)
{
	struct world *w = world_new(
		HEAD "  - { id: s, agents: [a], budget: { token_cap: 2000 } }\n"
		     "  - { id: t, go: manual, agents: [a],\n"
		     "      budget: { token_cap: 4000 } }\n"
		     "  - { id: u, go: manual, agents: [a],\n"
		     "      budget: { token_cap: 1500 } }\n"
		     "  - { id: v, go: manual, agents: [a] }\n");
	world_begin(w, true);
	ask_more(w, "s", 1800);
	offers(w, "approve approve-stage raise borrow cheaper deny");
	ck_assert_str_eq(item(w)->reason, "asked");
	ck_assert(!reply(w, "borrow", "s", NULL));
	ck_assert(!reply(w, "borrow", "nobody", NULL));
	ck_assert(!reply(w, "borrow", "u", NULL));
	ck_assert_str_eq(w->said, "u has only 1,500 left");
	ck_assert(!reply(w, "borrow", "v", NULL));
	ck_assert(!reply(w, "borrow", "t", "1000"));
	ck_assert(!reply(w, "borrow", "t", "4001"));
	ck_assert(reply(w, "borrow", NULL, NULL)); /* who has most */
	ck_assert_str_eq(w->said, "s borrows 1,800 tokens from t");
	ck_assert_int_eq(stage_scope(w, "s")->allocated, 3800);
	ck_assert_int_eq(stage_scope(w, "t")->allocated, 2200);
	ck_assert_int_eq(allocated(w), 10000);
	ck_state(w, "s", "running");
	ck_assert_int_eq(w->m->ledger.episode.tokens.leased, 3800);
	world_free(w);
}
END_TEST

START_TEST(a_cheaper_agent_takes_the_call)
{
	struct world *w = world_new(
		HEAD "  - { id: s, agents: [b], budget: { token_cap: 4000 },\n"
		     "      retry: { max_attempts: 2, backoff_ms: 1 } }\n");
	world_begin(w, true);
	ck_assert_str_eq(item(w)->reason, "agent");
	offers(w, "approve approve-stage raise cheaper deny");
	ck_assert(reply(w, "cheaper", NULL, NULL));
	ck_assert_str_eq(w->said, "s goes to c");
	ck_state(w, "s", "running");
	ck_assert_int_ge(world_call(w, "s", "c"), 0);
	ck_assert_int_eq(world_call(w, "s", "b"), -1);
	ck_assert_str_eq(w->calls[0].lease, "r1/s/1/c");
	/* It stays with c: also after a failure, and for the winner. */
	world_fail(w, "s", "c", "broke");
	world_tick(w, 5);
	ck_assert_int_ge(world_call(w, "s", "c"), 0);
	world_answer(w, "s", "c", "{\"x\":1}", 10);
	ck_state(w, "s", "done");
	ck_assert_int_eq(w->m->stages[0].winner, show_find_agent(w->show, "c"));
	ck_assert_int_eq(w->m->ledger.agents[1].tokens.spent, 0);
	/* A rerun begins with the show's own. */
	ck_assert(world_do(w, "rerun", "s", NULL));
	ck_state(w, "s", "held");
	world_free(w);
}
END_TEST

START_TEST(two_agents_do_not_share_a_fallback)
{
	struct world *w = world_new(
		HEAD
		"  - { id: s, agents: [a, b], budget: { token_cap: 4000 } }\n");
	world_begin(w, true);
	struct input *in = world_answer_input(w, "s", "a");
	in->error_code = xstrdup("budget");
	in->needs_tokens = 500;
	in->tokens_used = 0;
	world_step(w, in);
	ck_assert(reply(w, "cheaper", NULL, NULL));
	ck_assert_str_eq(w->said, "s goes to c");
	ck_assert_int_ne(stage_agent(w->m, 0, 0), stage_agent(w->m, 0, 1));
	world_free(w);
}
END_TEST

START_TEST(a_shared_fallback_goes_to_whose_quota_lacks)
{
	struct world *w = world_new(
		HEAD
		"  - { id: s, agents: [a, b], budget: { token_cap: 8000 } }\n");
	world_begin(w, true);
	ck_assert_str_eq(item(w)->reason, "agent"); /* b has 3,000 */
	offers(w, "approve raise cheaper deny");
	ck_assert(reply(w, "cheaper", NULL, NULL));
	ck_state(w, "s", "running");
	ck_assert_int_ge(world_call(w, "s", "a"), 0);
	ck_assert_int_ge(world_call(w, "s", "c"), 0);
	ck_assert_int_eq(world_call(w, "s", "b"), -1);
	world_free(w);
}
END_TEST

START_TEST(nobody_is_called_twice_for_one_stage)
{
	struct world *w = world_new(
		HEAD
		"  - { id: s, agents: [b, c], budget: { token_cap: 7000 } }\n");
	world_begin(w, true);
	offers(w, "approve raise deny"); /* c answers already */
	world_free(w);
}
END_TEST

START_TEST(an_answer_at_the_deadline)
{
	struct world *w = short_of_1000();
	ck_assert_int_eq(item(w)->deadline_ms, w->now_ms + 5000);
	world_tick(w, 5000);
	ck_state(w, "t", "failed");
	ck_assert_str_eq(event_str(world_last(w, EVENT_BUDGET_DENY), "by", ""),
			 "deadline");
	world_free(w);
}
END_TEST

START_TEST(warn_mode_holds_nothing)
{
	struct world *w = world_new(
		"show: t\n"
		"budget: { tokens: 5000, mode: warn, warn_at: 1 }\n" AGENTS
		"stages:\n"
		"  - { id: s, agents: [a], budget: { token_cap: 7000 } }\n");
	world_begin(w, true);
	ck_state(w, "s", "running");
	ck_assert_uint_eq(w->m->inbox.count, 0);
	const struct event *e = world_last(w, EVENT_BUDGET_RAISE);
	ck_assert_str_eq(event_str(e, "by", ""), "warn mode");
	ck_assert_int_eq(event_int(e, "tokens", 0), 2000);
	ck_assert_int_eq(allocated(w), 7000);
	ck_assert_str_eq(w->m->alarms[0].id, "overage/s");
	/* What an agent asks for it gets, but not for ever. */
	for (int i = 0; i < 5; i++)
		ask_more(w, "s", 100);
	ck_state(w, "s", "running");
	ask_more(w, "s", 100);
	ck_state(w, "s", "held");
	world_free(w);
}
END_TEST

#define WARNING                                                                \
	"show: t\n"                                                            \
	"budget: { tokens: 10000, warn_at: 0.5, approval_deadline_ms: 5000 "   \
	"}\n" AGENTS "stages:\n"                                               \
	"  - { id: s, agents: [a], budget: { token_cap: 6000 } }\n"            \
	"  - { id: t, inputs: [s], agents: [a], budget: { token_cap: 2000 } "  \
	"}\n"                                                                  \
	"  - { id: u, inputs: [t], agents: [a], budget: { token_cap: 1000 } "  \
	"}\n"

START_TEST(warn_at_asks_once)
{
	struct world *w = world_new(WARNING);
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", 4999);
	ck_assert_uint_eq(w->m->inbox.count, 0);
	world_answer(w, "t", NULL, "{}", 1);
	ck_assert_int_eq(item(w)->kind, INBOX_WARNING);
	ck_assert_int_eq(item(w)->stage, -1);
	ck_assert_str_eq(item(w)->text,
			 "5,000 of 10,000 tokens are spent (50%)  left 4,000  "
			 "rest of show needs ~0");
	offers(w, "continue pause raise");
	ck_state(w, "u", "running"); /* nobody waits for it */
	world_tick(w, 5000);
	ck_assert_uint_eq(w->m->inbox.count, 0);
	ck_assert_str_eq(
		event_str(world_last(w, EVENT_BUDGET_APPROVE), "choice", ""),
		"continue");
	world_answer(w, "u", NULL, "{}", 900);
	ck_assert_uint_eq(w->m->inbox.count, 0);
	world_free(w);
}
END_TEST

START_TEST(a_raise_lets_warn_at_ask_again)
{
	struct world *w = world_new(WARNING);
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", 5000);
	ck_assert(!reply(w, "raise", "none", NULL));
	ck_assert(reply(w, "raise", "2000", NULL));
	ck_assert_int_eq(allocated(w), 12000);
	world_answer(w, "t", NULL, "{}", 999);
	ck_assert_uint_eq(w->m->inbox.count, 0);
	world_answer(w, "u", NULL, "{}", 1);
	ck_run(w, "done");
	world_free(w);
	w = world_new(WARNING);
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", 5000);
	ck_assert(reply(w, "raise", "1000", NULL));
	world_answer(w, "t", NULL, "{}", 600);
	ck_assert_int_eq(item(w)->kind, INBOX_WARNING);
	ck_assert(reply(w, "pause", NULL, NULL));
	ck_run(w, "paused");
	ck_assert_uint_eq(w->m->inbox.count, 0);
	world_free(w);
}
END_TEST

START_TEST(nobody_there_is_not_asked)
{
	struct world *w = world_new(WARNING);
	world_begin(w, false);
	world_answer(w, "s", NULL, "{}", 5000);
	ck_assert_uint_eq(w->m->inbox.count, 0);
	ck_state(w, "t", "running");
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("overage");
	TCase *t = tcase_create("overage");
	tcase_add_test(t, without_a_cap_it_needs_what_is_usual);
	tcase_add_test(t, what_makes_no_sense_is_not_offered);
	tcase_add_test(t, approved_for_the_stage_it_asks_no_more);
	tcase_add_test(t, a_standing_approval_is_bounded);
	tcase_add_test(t, a_raise_is_taken_back_when_it_expires);
	tcase_add_test(t, a_raise_of_an_older_snapshot_is_read);
	tcase_add_test(t, what_is_out_when_a_raise_expires_is_taken_back_later);
	tcase_add_test(t, a_stage_borrows_from_another);
	tcase_add_test(t, a_cheaper_agent_takes_the_call);
	tcase_add_test(t, two_agents_do_not_share_a_fallback);
	tcase_add_test(t, a_shared_fallback_goes_to_whose_quota_lacks);
	tcase_add_test(t, nobody_is_called_twice_for_one_stage);
	tcase_add_test(t, an_answer_at_the_deadline);
	tcase_add_test(t, warn_mode_holds_nothing);
	tcase_add_test(t, warn_at_asks_once);
	tcase_add_test(t, a_raise_lets_warn_at_ask_again);
	tcase_add_test(t, nobody_there_is_not_asked);
	suite_add_tcase(s, t);
	return tap_run(s);
}
