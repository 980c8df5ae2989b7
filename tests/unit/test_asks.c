/* Requests for leases that wait for a person: what stands behind one another,
 * what may be answered, and who leaves. */
#include "core/status.h"
#include "tap.h"
#include "world.h"

/* s may lease 3,000, and they are all out. */
#define SHOW                                                                   \
	"show: t\n"                                                            \
	"budget: { tokens: 10000, reserve: 1000, approval_deadline_ms: "       \
	"5000 }\n"                                                             \
	"agents: { a: { via: bus, fallback_agent: c }, b: { via: bus },\n"     \
	"          c: { via: bus } }\n"                                        \
	"stages:\n"                                                            \
	"  - { id: s, agents: [a, b], on_failure: continue,\n"                 \
	"      budget: { token_cap: 3000, time_cap_ms: 20000 } }\n"            \
	"  - { id: t, agents: [a], go: manual, budget: { token_cap: 4000 } "   \
	"}\n"

static struct world *asked(void)
{
	struct world *w = world_live(SHOW);
	world_do_as(w, "q1", "lease", "s", "a", "500");
	ck_assert_str_eq(w->said, "");
	ck_assert_uint_eq(w->m->inbox.count, 1);
	return w;
}

static const struct inbox_item *item(struct world *w)
{
	ck_assert_uint_eq(w->m->inbox.count, 1);
	return &w->m->inbox.items[0];
}

static void leave(struct world *w, const char *origin)
{
	struct input *in = input_new(INPUT_LEFT);
	in->origin.kind = ORIGIN_LOCAL;
	snprintf(in->origin.id, sizeof in->origin.id, "%s", origin);
	world_step(w, in);
}

static void ck_text(struct world *w, const char *part)
{
	char *text = inbox_text(w->m, item(w), NULL);
	ck_assert_msg(strstr(text, part) != NULL, "%s", text);
	free(text);
}

static void ck_behind(struct world *w, int requests, int64_t tokens)
{
	struct inbox_behind b = inbox_behind(w->m, item(w));
	json_object *list = status_inbox(w->m);
	json_object *shown =
		json_get_object(json_object_array_get_idx(list, 0), "behind");
	ck_assert_int_eq(b.requests, requests);
	ck_assert_int_eq(b.tokens, tokens);
	ck_assert_int_eq(json_get_int(shown, "requests", 0), requests);
	ck_assert_int_eq(json_get_int(shown, "tokens", 0), tokens);
	json_object_put(list);
}

START_TEST(what_waits_behind_is_counted)
{
	struct world *w = asked();
	ck_behind(w, 0, 0);
	world_do_as(w, "q2", "lease", "s", "a", "200");
	ck_behind(w, 1, 200);
	ck_text(w, "1 more behind it: 200");
	world_do_as(w, "q3", "lease", "s", "b", "1300");
	ck_behind(w, 2, 1500);
	ck_text(w, "2 more behind it: 1,500");
	leave(w, "q2");
	ck_behind(w, 1, 1300);
	ck_text(w, "1 more behind it: 1,300");
	ck_assert(world_do(w, "approve", item(w)->id, NULL));
	ck_text(w, "b wants");
	ck_behind(w, 0, 0);
	world_free(w);
}
END_TEST

START_TEST(who_leaves_takes_the_question_along)
{
	struct world *w = asked();
	char id[24];
	snprintf(id, sizeof id, "%s", item(w)->id);
	int64_t left = w->m->stages[0].stood_ms;
	ck_assert_int_gt(left, 0);
	world_tick(w, 3000);
	leave(w, "q1");
	ck_assert_uint_eq(w->m->inbox.count, 0);
	ck_assert_uint_eq(w->m->ledger.ask_count, 0);
	const struct effect *x = world_told(w, "q1");
	ck_assert(x && !x->ok && strcmp(x->name, "gone") == 0);
	const struct event *e = world_last(w, EVENT_BUDGET_DENY);
	ck_assert_str_eq(event_str(e, "choice", ""), "withdraw");
	ck_assert_str_eq(event_str(e, "reason", ""), "the client left");
	ck_assert_str_eq(event_str(e, "item", ""), id);
	/* The call goes on, with the time that it had. */
	ck_assert_str_eq(world_state(w, "s"), "running");
	ck_assert_int_eq(w->m->stages[0].deadline_ms, w->now_ms + left);
	ck_assert(!world_do(w, "approve", id, NULL));
	ck_assert_ptr_nonnull(strstr(w->said, "gone"));
	world_free(w);
}
END_TEST

START_TEST(the_next_one_asks_when_the_first_leaves)
{
	struct world *w = asked();
	world_do_as(w, "q2", "lease", "s", "b", "700");
	leave(w, "nobody");
	ck_behind(w, 1, 700);
	size_t events = w->log_count;
	leave(w, "q1");
	ck_assert_uint_gt(w->log_count, events);
	ck_text(w, "b wants 700 more");
	ck_assert_int_gt(w->m->stages[0].stood_ms, 0);
	ck_assert(world_do(w, "approve", item(w)->id, NULL));
	const struct effect *x = world_told(w, "q2");
	ck_assert(x && x->ok);
	world_free(w);
}
END_TEST

static const struct scope *stage_scope(struct world *w, int stage)
{
	return &w->m->ledger.stages[stage].tokens;
}

START_TEST(a_lease_is_raised_for)
{
	struct world *w = asked();
	ck_assert(inbox_offers(item(w), "raise"));
	ck_assert(!world_do(w, "answer", item(w)->id, "raise", "400", NULL));
	ck_assert_ptr_nonnull(strstr(w->said, "s lacks 500"));
	ck_assert(world_do(w, "answer", item(w)->id, "raise", "1200", "60s",
			   NULL));
	const struct effect *x = world_told(w, "q1");
	ck_assert(x && x->ok && strstr(x->text, "\"tokens\":500"));
	ck_assert_int_eq(stage_scope(w, 0)->allocated, 4200);
	ck_assert_uint_eq(w->m->inbox.count, 0);
	/* The next one fits into what is left of it. */
	ck_assert(world_do_as(w, "q2", "lease", "s", "a", "600"));
	world_tick(w, 61000);
	ck_assert_int_eq(stage_scope(w, 0)->allocated, 4100);
	world_free(w);
}
END_TEST

START_TEST(a_lease_is_borrowed_for)
{
	struct world *w = asked();
	ck_assert(inbox_offers(item(w), "borrow"));
	ck_assert(!world_do(w, "answer", item(w)->id, "borrow", "s", NULL));
	ck_assert(
		world_do(w, "answer", item(w)->id, "borrow", "t", "800", NULL));
	ck_assert_ptr_nonnull(strstr(w->said, "s borrows 800 tokens from t"));
	const struct effect *x = world_told(w, "q1");
	ck_assert(x && x->ok);
	ck_assert_int_eq(stage_scope(w, 0)->allocated, 3800);
	ck_assert_int_eq(stage_scope(w, 1)->allocated, 3200);
	ck_assert_int_eq(w->m->ledger.episode.tokens.allocated, 10000);
	world_free(w);
}
END_TEST

START_TEST(a_call_that_is_out_keeps_its_agent)
{
	struct world *w = asked();
	static const char *const starts[] = {"cheaper", "approve-stage"};
	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		ck_assert(!inbox_offers(item(w), starts[i]));
		ck_assert(!world_do(w, "answer", item(w)->id, starts[i], NULL));
		ck_assert_msg(strstr(w->said, "this call is out already") &&
				      strstr(w->said, "borrow"),
			      "%s", w->said);
	}
	world_free(w);
}
END_TEST

/* What lacks is the episode: nobody can lend that. */
START_TEST(only_a_cap_is_borrowed_for)
{
	struct world *w = asked();
	ck_assert(world_do(w, "answer", item(w)->id, "deny", NULL));
	world_do_as(w, "q2", "lease", "s", "a", "9500");
	ck_assert(!inbox_offers(item(w), "borrow"));
	ck_assert(inbox_offers(item(w), "raise"));
	ck_assert(world_do(w, "answer", item(w)->id, "raise", NULL));
	const struct effect *x = world_told(w, "q2");
	ck_assert(x && x->ok);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("asks");
	tap_add(s, "what waits behind is counted",
		what_waits_behind_is_counted);
	tap_add(s, "who leaves takes the question along",
		who_leaves_takes_the_question_along);
	tap_add(s, "the next one asks when the first leaves",
		the_next_one_asks_when_the_first_leaves);
	tap_add(s, "a lease is raised for", a_lease_is_raised_for);
	tap_add(s, "a lease is borrowed for", a_lease_is_borrowed_for);
	tap_add(s, "a call that is out keeps its agent",
		a_call_that_is_out_keeps_its_agent);
	tap_add(s, "only a cap is borrowed for", only_a_cap_is_borrowed_for);
	return tap_run(s);
}
