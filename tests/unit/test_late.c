/* Answers that came too late, and agents that are killed. */
#include "tap.h"
#include "world.h"

#define HEAD                                                                   \
	"show: t\n"                                                            \
	"agents: { a: { via: bus, timeout_ms: 1000 }, b: { via: bus } }\n"     \
	"stages:\n"

static const char *late_id(struct world *w)
{
	static char id[24];
	ck_assert_uint_eq(w->m->late_count, 1);
	snprintf(id, sizeof id, "l%llu",
		 (unsigned long long)w->m->late[0].seq);
	return id;
}

/* s timed out; its answer comes now. */
static struct world *too_late(const char *stages)
{
	struct world *w = world_new(stages);
	world_begin(w, true);
	struct input *in = world_answer_input(w, "s", NULL);
	in->ok = true;
	in->tokens_used = 5;
	in->result = json_read_str("{\"x\":\"late\"}", &json_limits_answer,
				   NULL);
	world_tick(w, 1000);
	ck_state(w, "s", "failed");
	world_step(w, in);
	return w;
}

#define FAILED                                                                 \
	HEAD "  - { id: s, agents: [a], outputs: [x] }\n"                      \
	     "  - { id: t, go: manual, agents: [b], outputs: [x, y] }\n"

START_TEST(a_late_answer_is_kept_and_adopted)
{
	struct world *w = too_late(FAILED);
	const struct late_proposal *l = &w->m->late[0];
	ck_assert_str_eq(l->verdict, "deadline");
	ck_assert_int_eq(l->tokens, 5);
	ck_assert_str_eq(json_get_str(l->result, "x", ""), "late");
	ck_assert(late_fits(w->m, l));
	ck_assert_uint_eq(w->m->story.version, 0);
	ck_assert(!world_do(w, "adopt", "l999", NULL));
	ck_assert(!world_do(w, "adopt", "s", NULL));
	ck_assert(world_do(w, "adopt", late_id(w), NULL));
	ck_assert_str_eq(w->said, "adopted: s by a is version 1 of the story");
	ck_assert_str_eq(json_get_str(w->m->story.doc, "x", ""), "late");
	ck_assert_uint_eq(w->m->late_count, 0);
	ck_state(w, "s", "failed"); /* an extra: the stage is as it was */
	const struct event *e = world_last(w, EVENT_PROPOSAL_ADOPT);
	ck_assert_str_eq(event_str(e, "post_state_hash", ""),
			 story_hash(&w->m->story));
	/* It can be taken back, as any version. */
	json_object *empty = json_object_new_object();
	ck_assert(world_roll_back(w, "0", &empty));
	ck_assert_ptr_null(json_get(w->m->story.doc, "x"));
	world_free(w);
}
END_TEST

START_TEST(what_changed_meanwhile_is_a_conflict)
{
	struct world *w = too_late(FAILED);
	ck_assert(world_do(w, "go", "t", NULL));
	ck_assert_str_eq(w->said, "GO: t is released");
	world_answer(w, "t", NULL, "{\"x\":1,\"y\":2}", 1);
	ck_assert(!late_fits(w->m, &w->m->late[0]));
	ck_assert(world_do(w, "adopt", late_id(w), NULL));
	ck_assert_uint_eq(w->m->late_count, 1);
	ck_assert_int_eq(json_get_int(w->m->story.doc, "x", 0), 1);
	const struct inbox_item *i =
		&w->m->inbox.items[w->m->inbox.count - 1];
	ck_assert_int_eq(i->kind, INBOX_CONFLICT);
	ck_assert_str_eq(i->text, "s: the answer of a (attempt 1) does not "
				  "fit: inputs or outputs have changed since");
	ck_assert_str_eq(i->choices[0], "adopt-anyway");
	ck_assert_str_eq(i->choices[1], "discard");
	ck_assert_int_eq(i->deadline_ms, 0);
	char id[24];
	strcpy(id, i->id);
	ck_assert(!world_do(w, "adopt", late_id(w), NULL)); /* asked already */
	ck_assert(!world_do(w, "answer", id, "approve", NULL));
	ck_assert(world_do(w, "answer", id, "adopt-anyway", NULL));
	ck_assert_str_eq(json_get_str(w->m->story.doc, "x", ""), "late");
	ck_assert_uint_eq(w->m->late_count, 0);
	ck_assert_ptr_null(inbox_find(w->m, id));
	world_free(w);
}
END_TEST

START_TEST(a_late_answer_is_discarded)
{
	struct world *w = too_late(FAILED);
	ck_assert(world_do(w, "go", "t", NULL));
	world_answer(w, "t", NULL, "{\"x\":1,\"y\":2}", 1);
	ck_assert(world_do(w, "adopt", late_id(w), NULL)); /* asks */
	size_t open = w->m->inbox.count;
	ck_assert(world_do(w, "discard", late_id(w), "not our tone", NULL));
	ck_assert_uint_eq(w->m->late_count, 0);
	ck_assert_uint_eq(w->m->inbox.count, open - 1);
	ck_assert_str_eq(event_str(world_last(w, EVENT_PROPOSAL_DISCARD),
				   "reason", ""),
			 "not our tone");
	ck_assert_int_eq(json_get_int(w->m->story.doc, "x", 0), 1);
	world_free(w);
}
END_TEST

START_TEST(a_late_answer_of_another_run_never_fits)
{
	struct world *w = too_late(FAILED);
	ck_assert(world_do(w, "cancel-run", NULL));
	struct input *in = input_new(INPUT_BEGIN);
	in->id = xstrdup("r2");
	in->attended = true;
	w->call_count = 0;
	world_step(w, in);
	ck_assert(world_do(w, "adopt", late_id(w), NULL));
	ck_assert_uint_eq(w->m->story.version, 0);
	ck_assert_uint_eq(w->m->late_count, 1);
	world_free(w);
}
END_TEST

START_TEST(what_is_kept_is_capped)
{
	struct world *w = too_late(FAILED);
	json_object *big = json_object_new_object();
	char *text = xcalloc(60001, 1);
	memset(text, 'x', 60000);
	json_add_str(big, "x", text);
	free(text);
	for (int i = 0; i < 30; i++) {
		struct input *in = input_new(INPUT_ANSWER);
		in->reached = in->ok = true;
		in->stage = xstrdup("s");
		in->agent = xstrdup("a");
		in->attempt = 1;
		in->tokens_used = i;
		in->result = json_clone(big);
		world_step(w, in);
	}
	json_object_put(big);
	size_t kept = 0;
	for (size_t i = 0; i < w->m->late_count; i++)
		kept += w->m->late[i].result ? w->m->late[i].bytes : 0;
	ck_assert_uint_eq(w->m->late_count, 31);
	ck_assert_uint_le(kept, LATE_BYTES);
	ck_assert_uint_gt(kept, LATE_BYTES / 2);
	char id[24];
	snprintf(id, sizeof id, "l%llu",
		 (unsigned long long)w->m->late[1].seq);
	ck_assert_ptr_null(w->m->late[1].result);
	ck_assert(!world_do(w, "adopt", id, NULL));
	ck_assert_ptr_nonnull(strstr(w->said, "is not kept any more"));
	world_free(w);
}
END_TEST

/* --- kill ----------------------------------------------------------------- */

#define PAIR                                                                   \
	"show: t\nbudget: { tokens: 9000, warn_at: 1 }\n"                      \
	"agents: { a: { via: bus }, b: { via: bus } }\nstages:\n"              \
	"  - { id: s, agents: [a] }\n"                                          \
	"  - { id: u, agents: [a, b], budget: { token_cap: 1000 },\n"          \
	"      retry: { max_attempts: 1 } }\n"                                 \
	"  - { id: v, inputs: [u], agents: [a] }\n"

START_TEST(a_killed_agent_gets_nothing_until_it_is_revived)
{
	struct world *w = world_live(PAIR);
	ck_assert(!world_do(w, "kill", "nobody", NULL));
	ck_assert(!world_do(w, "revive", "a", NULL));
	ck_assert(world_do(w, "kill", "a", NULL));
	ck_assert_str_eq(w->said,
			 "killed a: 2 calls stopped, the leases are revoked");
	ck_assert(!world_do(w, "kill", "a", NULL));
	ck_assert_int_eq(world_call(w, "s", NULL), -1);
	ck_assert_int_ge(world_call(w, "u", "b"), 0); /* b goes on */
	ck_state(w, "u", "running");
	ck_assert_int_eq(w->m->ledger.agents[0].tokens.leased, 0);
	ck_assert_str_eq(w->m->alarms[0].text,
			 "a is killed: no tokens until `: revive`");
	world_tick(w, 10);
	ck_state(w, "s", "waiting");
	ck_assert_int_eq(w->m->stages[0].failures, 0);
	char why[80];
	ck_assert_str_eq(stage_waits_for(w->m, 0, why, sizeof why),
			 "a, which is killed");
	world_answer(w, "u", "b", "{}", 10);
	ck_state(w, "u", "done");
	ck_state(w, "v", "waiting");
	ck_assert(world_do(w, "revive", "a", NULL));
	ck_assert_uint_eq(w->m->alarm_count, 0);
	ck_state(w, "s", "running");
	ck_state(w, "v", "running");
	world_free(w);
}
END_TEST

START_TEST(all_are_killed_and_revived_one_by_one)
{
	struct world *w = world_live(PAIR);
	ck_assert(world_do(w, "kill", NULL));
	ck_assert_uint_eq(w->call_count, 0);
	ck_assert_int_eq(w->m->ledger.episode.tokens.leased, 0);
	ck_assert_str_eq(
		w->m->alarms[0].text,
		"all agents are killed: no tokens until `: revive`");
	world_tick(w, 10);
	ck_state(w, "u", "waiting");
	ck_assert(world_do(w, "revive", "a", NULL));
	ck_state(w, "s", "running");
	ck_state(w, "u", "waiting"); /* b is still out */
	ck_assert(world_do(w, "revive", NULL));
	/* What was revoked counts as spent: more has to be approved. */
	ck_state(w, "u", "held");
	/* The switch outlives a run, and says so again. */
	ck_assert(world_do(w, "kill", "b", NULL));
	ck_assert(world_do(w, "cancel-run", NULL));
	struct input *in = input_new(INPUT_BEGIN);
	in->id = xstrdup("r2");
	in->attended = true;
	world_step(w, in);
	ck_state(w, "u", "waiting");
	ck_state(w, "s", "running");
	ck_assert_uint_eq(w->m->alarm_count, 1);
	world_free(w);
}
END_TEST

START_TEST(where_nobody_is_there_a_killed_agent_fails_its_stage)
{
	struct world *w = world_new(PAIR);
	world_begin(w, false);
	ck_assert(world_do(w, "kill", "a", NULL));
	ck_state(w, "s", "failed");
	world_fail(w, "u", "b", "broke");
	ck_run(w, "failed");
	world_free(w);
}
END_TEST

/* The whole cap was leased and is written off; its provider says it was 10. */
static struct world *killed_and_told(bool revived_first)
{
	struct world *w = world_new(
		HEAD "  - { id: s, agents: [a], budget: { token_cap: 600 } }\n");
	world_begin(w, true);
	struct input *in = world_answer_input(w, "s", NULL);
	in->error_code = xstrdup("cancelled");
	in->tokens_used = 10;
	ck_assert(world_do(w, "kill", "a", NULL));
	ck_assert_int_eq(w->m->ledger.stages[0].tokens.spent, 600);
	world_tick(w, 5);
	ck_state(w, "s", "waiting");
	if (revived_first) {
		ck_assert(world_do(w, "revive", NULL));
		ck_state(w, "s", "held");
	}
	world_step(w, in);
	ck_assert_int_eq(w->m->ledger.stages[0].tokens.spent -
				 w->m->ledger.stages[0].tokens.leased,
			 revived_first ? 10 - 590 : 10);
	return w;
}

START_TEST(what_a_killed_call_used_is_corrected)
{
	struct world *w = killed_and_told(false);
	ck_assert(world_do(w, "revive", NULL));
	ck_state(w, "s", "running");
	ck_assert_int_eq(w->calls[0].tokens, 590);
	ck_assert_int_eq(world_count(w, EVENT_BUDGET_REQUEST, NULL), 0);
	world_free(w);
}
END_TEST

START_TEST(what_is_covered_by_it_needs_no_answer)
{
	struct world *w = killed_and_told(true);
	ck_state(w, "s", "running");
	ck_assert_uint_eq(w->m->inbox.count, 0);
	const struct event *e = world_last(w, EVENT_BUDGET_APPROVE);
	ck_assert_str_eq(event_str(e, "why", ""), "covered");
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 10);
	world_free(w);
}
END_TEST

START_TEST(after_the_grace_it_is_a_question)
{
	struct world *w = world_new(
		"show: t\nbudget: { settle_grace_ms: 1000 }\n"
		"agents: { a: { via: bus } }\nstages:\n"
		"  - { id: s, agents: [a], budget: { token_cap: 600 } }\n");
	world_begin(w, true);
	struct input *in = world_answer_input(w, "s", NULL);
	in->tokens_used = 10;
	ck_assert(world_do(w, "kill", "a", NULL));
	ck_assert(world_do(w, "revive", NULL));
	world_tick(w, 1001);
	ck_state(w, "s", "held");
	world_step(w, in);
	ck_state(w, "s", "held");
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("late");
	TCase *t = tcase_create("late");
	tcase_add_test(t, a_late_answer_is_kept_and_adopted);
	tcase_add_test(t, what_changed_meanwhile_is_a_conflict);
	tcase_add_test(t, a_late_answer_is_discarded);
	tcase_add_test(t, a_late_answer_of_another_run_never_fits);
	tcase_add_test(t, what_is_kept_is_capped);
	tcase_add_test(t, a_killed_agent_gets_nothing_until_it_is_revived);
	tcase_add_test(t, what_a_killed_call_used_is_corrected);
	tcase_add_test(t, what_is_covered_by_it_needs_no_answer);
	tcase_add_test(t, after_the_grace_it_is_a_question);
	tcase_add_test(t, all_are_killed_and_revived_one_by_one);
	tcase_add_test(t, where_nobody_is_there_a_killed_agent_fails_its_stage);
	suite_add_tcase(s, t);
	return tap_run(s);
}
