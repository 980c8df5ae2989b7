/* Rerun and rollback: what is thrown away, what is kept, what runs again. */
#include "core/reset.h"
#include "tap.h"
#include "world.h"

/* a -> b -> c, and beside them: side; poll -> after. */
static const char show_text[] =
	"show: t\n"
	"budget: { tokens: 10000 }\n"
	"agents:\n"
	"  x: { via: bus }\n"
	"stages:\n"
	"  - { id: a, agents: [x], outputs: [oa], budget: { token_cap: 100 } "
	"}\n"
	"  - { id: b, inputs: [oa], agents: [x], outputs: [ob],\n"
	"      budget: { token_cap: 200 } }\n"
	"  - { id: c, inputs: [ob], agents: [x], outputs: [oc] }\n"
	"  - { id: side, agents: [x], outputs: [os] }\n";

static const char poll_text[] =
	"show: t\n"
	"agents:\n"
	"  x: { via: bus }\n"
	"stages:\n"
	"  - id: way\n"
	"    poll: { question: Q, options: [ { id: l }, { id: r } ],\n"
	"      open_ms: 5000, min_votes: 1 }\n"
	"  - { id: after, inputs: [way], agents: [x], when: { way: l } }\n";

static const struct stage_run *run_of(struct world *w, const char *id)
{
	return &w->m->stages[world_stage(w, id)];
}

static void ck_story(struct world *w, const char *wanted)
{
	char *text = json_canonical(w->m->story.doc);
	ck_assert_str_eq(text, wanted);
	free(text);
}

/* Everything done once: versions 1 (a), 2 (b), 3 (side), 4 (c). */
static struct world *played(void)
{
	struct world *w = world_new(show_text);
	world_begin(w, true);
	world_answer(w, "a", NULL, "{\"oa\": 1}", 60);
	world_answer(w, "b", NULL, "{\"ob\": {\"k\": 1, \"l\": 2}}", 150);
	world_answer(w, "side", NULL, "{\"os\": 3}", 7);
	world_answer(w, "c", NULL, "{\"oc\": 4}", 9);
	ck_run(w, "done");
	return w;
}

static bool roll_back(struct world *w, const char *version)
{
	json_object *old = world_story(w, strtoull(version, NULL, 10));
	bool ok = world_roll_back(w, version, &old);
	json_object_put(old);
	return ok;
}

START_TEST(rerun_takes_all_downstream)
{
	struct world *w = played();
	ck_assert(world_do(w, "rerun", "b", NULL));
	ck_assert_str_eq(w->said, "running again: b, c: 159 tokens are thrown "
				  "away, up to 200 may be spent again, and 1 "
				  "of them has no cap");
	ck_run(w, "running");
	ck_state(w, "a", "done");
	ck_state(w, "side", "done");
	ck_state(w, "b", "running");
	ck_state(w, "c", "waiting");
	ck_assert_int_eq(run_of(w, "c")->unmet, 1);
	ck_assert_int_eq(run_of(w, "b")->attempt, 2);
	ck_assert_int_eq(run_of(w, "a")->attempt, 1);
	/* Its members stand until they are overwritten. */
	ck_story(w, "{\"oa\":1,\"ob\":{\"k\":1,\"l\":2},\"oc\":4,\"os\":3}");
	ck_assert_int_eq((int)w->m->story.version, 4);
	world_answer(w, "b", NULL, "{\"ob\": 5}", 10);
	world_answer(w, "c", NULL, "{\"oc\": 6}", 10);
	ck_run(w, "done");
	ck_story(w, "{\"oa\":1,\"ob\":5,\"oc\":6,\"os\":3}");
	ck_assert_int_eq((int)w->m->story.version, 6);
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent,
			 60 + 150 + 7 + 9 + 20);
	world_free(w);
}
END_TEST

START_TEST(a_cap_may_be_spent_again)
{
	struct world *w = played();
	struct scope *b = &w->m->ledger.stages[world_stage(w, "b")].tokens;
	ck_assert_int_eq(scope_remaining(b), 50);
	ck_assert(world_do(w, "rerun", "b", NULL));
	ck_assert_int_eq(b->leased, 200);
	ck_assert_int_eq(b->spent, 150);
	ck_assert_int_eq(b->allocated, 350);
	world_free(w);
}
END_TEST

START_TEST(what_is_under_way_is_dropped)
{
	struct world *w = world_new(show_text);
	world_begin(w, true);
	world_answer(w, "a", NULL, "{\"oa\": 1}", 60);
	ck_state(w, "b", "running");
	int before = world_count(w, EVENT_TOKEN_SPEND, "b");
	ck_assert(world_do(w, "rerun", "a", NULL));
	ck_assert_int_eq(world_count(w, EVENT_TOKEN_SPEND, "b"), before + 1);
	ck_assert_int_eq(w->m->ledger.stages[world_stage(w, "b")].tokens.spent,
			 200);
	ck_assert_int_eq(world_call(w, "b", NULL), -1);
	ck_state(w, "b", "waiting");
	ck_state(w, "a", "running");
	ck_state(w, "side", "running");
	/* An answer to what was dropped is late, and corrects what it cost. */
	struct input *in = input_new(INPUT_ANSWER);
	in->ok = in->reached = true;
	in->stage = xstrdup("b");
	in->agent = xstrdup("x");
	in->attempt = 1;
	in->lease = xstrdup("r1/b/1/x");
	in->tokens_used = 30;
	in->result = json_read_str("{\"ob\": 9}", &json_limits_answer, NULL);
	world_step(w, in);
	ck_assert_int_eq(world_count(w, EVENT_PROPOSAL_LATE, "b"), 1);
	ck_assert_int_eq(w->m->ledger.stages[world_stage(w, "b")].tokens.spent,
			 30);
	world_answer(w, "a", NULL, "{\"oa\": 2}", 1);
	ck_state(w, "b", "running");
	ck_assert_int_eq(run_of(w, "b")->attempt, 2);
	world_free(w);
}
END_TEST

START_TEST(rollback_is_a_new_version)
{
	struct world *w = played();
	ck_assert(roll_back(w, "1"));
	ck_assert_msg(strstr(w->said, "back to version 1") != NULL, "%s",
		      w->said);
	ck_story(w, "{\"oa\":1}");
	ck_assert_int_eq((int)w->m->story.version, 5);
	const struct event *e = world_last(w, EVENT_STAGE_RESET);
	ck_assert_int_eq(event_int(e, "to", -1), 1);
	ck_assert_int_eq(event_int(e, "version", -1), 5);
	ck_assert_str_eq(event_str(e, "post_state_hash", ""),
			 story_hash(&w->m->story));
	ck_state(w, "a", "done");
	ck_state(w, "b", "running");
	ck_state(w, "side", "running");
	ck_state(w, "c", "waiting");
	world_answer(w, "b", NULL, "{\"ob\": {\"k\": 9}}", 1);
	world_answer(w, "side", NULL, "{\"os\": 8}", 1);
	world_answer(w, "c", NULL, "{\"oc\": 7}", 1);
	ck_run(w, "done");
	ck_story(w, "{\"oa\":1,\"ob\":{\"k\":9},\"oc\":7,\"os\":8}");
	/* And back to what stood before the first rollback. */
	ck_assert(roll_back(w, "4"));
	ck_story(w, "{\"oa\":1,\"ob\":{\"k\":1,\"l\":2},\"oc\":4,\"os\":3}");
	world_free(w);
}
END_TEST

START_TEST(rollback_to_nothing)
{
	struct world *w = played();
	ck_assert(roll_back(w, "v0"));
	ck_story(w, "{}");
	ck_state(w, "a", "running");
	ck_state(w, "side", "running");
	char empty[HASH_HEX_BYTES];
	ck_assert_str_eq(story_hash(&w->m->story),
			 hash_sha256_hex(empty, "", 0));
	world_free(w);
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
	struct world *w = world_new(show_text);
	ck_assert(!world_do(w, "rerun", "a", NULL));
	ck_assert_str_eq(w->said, "there is no run yet");
	world_begin(w, true);
	ck_assert(!world_do(w, "rerun", "c", NULL));
	ck_assert_str_eq(w->said, "c has not run yet");
	ck_assert(!world_do(w, "rerun", "sid", NULL));
	ck_assert_str_eq(w->said, "no stage `sid`: did you mean `side`?");
	ck_assert(!roll_back(w, "0"));
	ck_assert_str_eq(w->said, "the story is at version 0");
	world_answer(w, "a", NULL, "{\"oa\": 1}", 60);
	ck_assert(!roll_back(w, "1"));
	ck_assert(!roll_back(w, "1x"));
	ck_assert(!roll_back(w, "-1"));
	ck_assert_str_eq(w->said, "`-1` is no version of the story");
	ck_assert(!world_do(w, "rollback", "0", NULL)); /* nobody looked */
	ck_assert_int_eq(world_count(w, EVENT_STAGE_RESET, NULL), 0);
	world_free(w);
}
END_TEST

START_TEST(a_version_that_is_not_what_it_was)
{
	struct world *w = played();
	/* A null cannot be brought back by a patch (RFC 7396). */
	json_object *odd = json_read_str("{\"oa\": {\"n\": null}}",
					 &json_limits_answer, NULL);
	json_object *oa = json_object_new_object();
	json_object_object_add(oa, "n", NULL);
	json_object_object_add(odd, "oa", oa);
	bool ok = world_roll_back(w, "1", &odd);
	ck_assert(ok); /* the same as without the null */
	ck_story(w, "{\"oa\":{}}");
	world_free(w);
}
END_TEST

START_TEST(a_failed_run_goes_on)
{
	struct world *w = world_new(
		"show: t\n"
		"agents:\n  x: { via: bus }\n"
		"stages:\n"
		"  - { id: bad, agents: [x], on_failure: fail_run,\n"
		"      retry: { max_attempts: 1 } }\n"
		"  - { id: beside, agents: [x] }\n"
		"  - { id: both, inputs: [bad, beside], agents: [x] }\n");
	world_begin(w, true);
	world_fail(w, "bad", NULL, "broken");
	ck_run(w, "failed");
	ck_state(w, "beside", "cancelled");
	ck_assert_str_eq(run_of(w, "beside")->why, STAGE_WHY_RUN_ENDED);
	ck_assert(world_do(w, "rerun", "bad", NULL));
	ck_run(w, "running");
	ck_assert_ptr_null(w->m->run.why);
	ck_assert_int_eq(w->m->run.ended_ms, 0);
	ck_state(w, "bad", "running");
	ck_state(w, "beside", "running");
	world_answer(w, "beside", NULL, "{}", 0);
	world_answer(w, "bad", NULL, "{}", 0);
	world_answer(w, "both", NULL, "{}", 0);
	ck_run(w, "done");
	world_free(w);
}
END_TEST

/* What waits for two waits for both again, though nothing happened to it. */
START_TEST(what_never_ran_waits_for_more)
{
	struct world *w =
		world_new("show: t\n"
			  "agents:\n  x: { via: bus }\n"
			  "stages:\n"
			  "  - { id: a, agents: [x] }\n"
			  "  - { id: b, agents: [x] }\n"
			  "  - { id: both, inputs: [a, b], agents: [x] }\n");
	world_begin(w, true);
	world_answer(w, "a", NULL, "{}", 0);
	ck_assert_int_eq(run_of(w, "both")->unmet, 1);
	ck_assert(world_do(w, "rerun", "a", NULL));
	const struct event *e = world_last(w, EVENT_STAGE_RESET);
	struct json_node *stages = event_array(e, "stages");
	ck_assert_uint_eq(json_node_count(stages), 1);
	ck_assert_str_eq(json_node_text(json_node_first(stages)), "a");
	ck_assert_int_eq(run_of(w, "both")->unmet, 2);
	world_answer(w, "b", NULL, "{}", 0);
	ck_state(w, "both", "waiting");
	world_answer(w, "a", NULL, "{}", 0);
	ck_state(w, "both", "running");
	world_free(w);
}
END_TEST

START_TEST(what_waits_for_a_human_waits_no_more)
{
	struct world *w = world_new(
		"show: t\n"
		"agents:\n  x: { via: bus }\n"
		"defaults: { retry: { max_attempts: 1 } }\n"
		"stages:\n"
		"  - { id: a, agents: [x], outputs: [o] }\n"
		"  - { id: b, inputs: [o], agents: [x] }\n"
		"  - { id: c, inputs: [o], agents: [x], go: manual }\n");
	world_begin(w, true);
	world_answer(w, "a", NULL, "{\"o\": 1}", 0);
	world_fail(w, "b", NULL, "broken");
	ck_assert_int_eq((int)w->m->inbox.count, 1);
	ck_state(w, "c", "standby");
	world_do(w, "pause", NULL);
	ck_assert(world_do(w, "rerun", "a", NULL));
	ck_assert_ptr_nonnull(strstr(w->said, "; the run is paused"));
	ck_assert_int_eq((int)w->m->inbox.count, 0);
	ck_run(w, "paused");
	ck_state(w, "a", "waiting");
	ck_state(w, "c", "waiting");
	world_do(w, "resume", NULL);
	ck_state(w, "a", "running");
	world_answer(w, "a", NULL, "{\"o\": 2}", 0);
	ck_state(w, "b", "running");
	ck_state(w, "c", "standby");
	world_free(w);
}
END_TEST

static void tally(struct world *w, int64_t l, int64_t r)
{
	struct input *in = input_new(INPUT_TALLY);
	in->stage = xstrdup("way");
	in->counts = xcalloc(2, sizeof *in->counts);
	in->counts[0] = l;
	in->counts[1] = r;
	in->count_count = 2;
	world_step(w, in);
}

/* What a rerun ends is told before: the tokens of its calls are spent then, and
 * who voted has not. */
START_TEST(what_is_under_way_is_in_the_plan)
{
	struct world *w = world_new(show_text);
	world_begin(w, true);
	struct reset_plan plan;
	reset_plan_rerun(w->m, world_stage(w, "a"), &plan);
	char *text = reset_plan_text(w->m, &plan, 4);
	ck_assert_int_eq(plan.held_tokens, 100);
	ck_assert_ptr_nonnull(strstr(text, "; calls with 100 are stopped"));
	free(text);
	reset_plan_release(&plan);
	world_free(w);

	w = world_new(poll_text);
	world_begin(w, true);
	reset_plan_rerun(w->m, world_stage(w, "way"), &plan);
	text = reset_plan_text(w->m, &plan, 4);
	ck_assert_uint_eq(plan.open_polls, 1);
	ck_assert_ptr_nonnull(
		strstr(text, "; 1 open poll begins from no vote"));
	free(text);
	reset_plan_release(&plan);
	world_free(w);
}
END_TEST

START_TEST(a_poll_opens_anew)
{
	struct world *w = world_new(poll_text);
	world_begin(w, true);
	world_tick(w, 5000);
	tally(w, 1, 3);
	ck_state(w, "after", "skipped");
	ck_run(w, "done");
	ck_assert_int_eq((int)run_of(w, "way")->poll->total, 4);
	ck_assert(world_do(w, "rerun", "way", NULL));
	const struct poll_run *p = run_of(w, "way")->poll;
	ck_assert_int_eq(p->state, POLL_OPEN);
	ck_assert_int_eq(p->total, 0);
	ck_assert_int_eq(p->counts[1], 0);
	ck_assert_int_eq(p->winner, -1);
	ck_assert_int_eq(w->m->poll, world_stage(w, "way"));
	ck_assert_int_eq(world_count(w, EVENT_POLL_CREATE, "way"), 2);
	/* Open, and taken back once more: it is void, and opens again. */
	ck_assert(world_do(w, "rerun", "way", NULL));
	ck_assert_int_eq(world_count(w, EVENT_POLL_VOID, "way"), 1);
	ck_assert_int_eq(p->state, POLL_OPEN);
	world_tick(w, 5000);
	tally(w, 2, 1);
	ck_state(w, "after", "running");
	world_free(w);
}
END_TEST

/* A reset is as large as it has to be, and no event larger than one may be. */
START_TEST(a_large_reset_is_many_events)
{
	enum { STAGES = 5, BYTES = 100 * 1024 };
	struct world *w =
		world_new("show: t\nagents:\n  x: { via: bus }\nstages:\n"
			  "  - { id: s0, agents: [x], outputs: [o0] }\n"
			  "  - { id: s1, agents: [x], outputs: [o1] }\n"
			  "  - { id: s2, agents: [x], outputs: [o2] }\n"
			  "  - { id: s3, agents: [x], outputs: [o3] }\n"
			  "  - { id: s4, agents: [x], outputs: [o4] }\n");
	char *text = xmalloc(BYTES + 1);
	text[BYTES] = '\0';
	world_begin(w, true);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < STAGES; i++) {
			char id[16], *json;
			snprintf(id, sizeof id, "s%d", i);
			if (round)
				world_do(w, "rerun", id, NULL);
			memset(text, 'a' + round * STAGES + i, BYTES);
			json = xasprintf("{\"o%d\": \"%s\"}", i, text);
			world_answer(w, id, NULL, json, 0);
			free(json);
		}
	}
	char *was = NULL;
	json_object *old = world_story(w, STAGES);
	was = json_canonical(old);
	int before = world_count(w, EVENT_STAGE_RESET, NULL);
	ck_assert(world_roll_back(w, "5", &old));
	ck_assert_int_ge(world_count(w, EVENT_STAGE_RESET, NULL), before + 3);
	for (size_t i = 0; i < w->log_count; i++)
		ck_assert_int_le((int)event_bytes(w->log[i]), EVENT_MAX_BYTES);
	ck_story(w, was);
	ck_assert_int_eq(world_call(w, "s4", NULL) >= 0, 1);
	free(was);
	free(text);
	world_free(w);
}
END_TEST

static void ck_patch(const char *from, const char *to, const char *wanted)
{
	json_object *a = json_read_str(from, &json_limits_own, NULL);
	json_object *b = json_read_str(to, &json_limits_own, NULL);
	json_object *patch = reset_patch(a, b);
	char *text = json_canonical(patch);
	ck_assert_str_eq(text, wanted);
	json_merge(a, patch);
	ck_assert(json_equal(a, b));
	free(text);
	json_object_put(patch);
	json_object_put(a);
	json_object_put(b);
}

START_TEST(the_patch_is_the_difference)
{
	ck_patch("{}", "{}", "{}");
	ck_patch("{\"a\":1}", "{}", "{\"a\":null}");
	ck_patch("{}", "{\"a\":[1,null]}", "{\"a\":[1,null]}");
	ck_patch("{\"a\":{\"b\":1,\"c\":2},\"k\":0}",
		 "{\"a\":{\"b\":1,\"d\":3},\"k\":0}",
		 "{\"a\":{\"c\":null,\"d\":3}}");
	ck_patch("{\"a\":{\"b\":1}}", "{\"a\":{}}", "{\"a\":{\"b\":null}}");
	ck_patch("{\"a\":{\"b\":1}}", "{\"a\":7}", "{\"a\":7}");
	ck_patch("{\"a\":7}", "{\"a\":{}}", "{\"a\":{}}");
	ck_patch("{\"a\":[1,2]}", "{\"a\":[2]}", "{\"a\":[2]}");
}
END_TEST

/* 10,000 tokens, of which s and t spent 8,000: only one of them fits again. */
START_TEST(the_plan_says_who_will_ask_for_more)
{
	struct world *w = world_new(
		"show: t\nbudget: { tokens: 10000, reserve: 500, warn_at: 1 }\n"
		"agents: { a: { via: bus, quota: { episode: 9000 } } }\n"
		"stages:\n"
		"  - { id: s, agents: [a], budget: { token_cap: 6000 } }\n"
		"  - { id: t, agents: [a], inputs: [s],\n"
		"      budget: { token_cap: 1000 } }\n");
	struct reset_plan plan;
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", 1500);
	world_answer(w, "t", NULL, "{}", 600);
	reset_plan_rerun(w->m, 1, &plan);
	char *text = reset_plan_text(w->m, &plan, 4);
	ck_assert_str_eq(text, "t: 600 tokens are thrown away, up to 1,000 may "
			       "be spent again");
	free(text);
	reset_plan_release(&plan);
	ck_assert(world_do(w, "rerun", "s", NULL));
	world_answer(w, "s", NULL, "{}", 4000);
	world_answer(w, "t", NULL, "{}", 400);
	/* 3,500 are left: s wants 6,000. */
	reset_plan_rerun(w->m, 0, &plan);
	text = reset_plan_text(w->m, &plan, 4);
	ck_assert_str_eq(text, "s, t: 6,500 tokens are thrown away, up to 7,000 "
			       "may be spent again; s, t will ask for more");
	free(text);
	reset_plan_release(&plan);
	ck_assert(world_do(w, "rerun", "s", NULL));
	ck_state(w, "s", "held");
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("reset");
	TCase *t = tcase_create("reset");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_plan_says_who_will_ask_for_more);
	tcase_add_test(t, rerun_takes_all_downstream);
	tcase_add_test(t, a_cap_may_be_spent_again);
	tcase_add_test(t, what_is_under_way_is_dropped);
	tcase_add_test(t, rollback_is_a_new_version);
	tcase_add_test(t, rollback_to_nothing);
	tcase_add_test(t, what_cannot_be_is_refused);
	tcase_add_test(t, a_version_that_is_not_what_it_was);
	tcase_add_test(t, a_failed_run_goes_on);
	tcase_add_test(t, what_never_ran_waits_for_more);
	tcase_add_test(t, what_waits_for_a_human_waits_no_more);
	tcase_add_test(t, what_is_under_way_is_in_the_plan);
	tcase_add_test(t, a_poll_opens_anew);
	tcase_add_test(t, a_large_reset_is_many_events);
	tcase_add_test(t, the_patch_is_the_difference);
	suite_add_tcase(s, t);
	return tap_run(s);
}
