/* Stages: the table, dependencies, when, retries, failures, GO, pause. */
#include "tap.h"
#include "world.h"

#define AGENTS                                                                 \
	"show: t\n"                                                            \
	"agents:\n"                                                            \
	"  a: { via: bus }\n"                                                  \
	"  b: { via: bus, timeout_ms: 9000 }\n"                                \
	"  one: { via: bus, max_concurrent: 1 }\n"                             \
	"  nop: { via: noop }\n"                                               \
	"stages:\n"

START_TEST(table_is_total)
{
	for (int s = 0; s < STAGE_STATES; s++) {
		for (int v = 0; v < STAGE_MOVES; v++) {
			int next = stage_next((enum stage_state)s,
					      (enum stage_move)v);
			ck_assert_int_ge(next, -1);
			ck_assert_int_lt(next, STAGE_STATES);
			bool final = s == STAGE_DONE || s == STAGE_SKIPPED ||
				     s == STAGE_CANCELLED;
			if (v == MOVE_AGAIN)
				ck_assert_int_eq(next, STAGE_WAITING);
			else if (final)
				ck_assert_int_eq(next, -1);
		}
		ck_assert_ptr_nonnull(stage_state_name((enum stage_state)s));
	}
	/* What is not final can always be ended by hand. */
	for (int s = 0; s < STAGE_STATES; s++)
		if (stage_next((enum stage_state)s, MOVE_COMPLETE) >= 0) {
			ck_assert_int_eq(stage_next((enum stage_state)s,
						    MOVE_SKIP),
					 STAGE_SKIPPED);
			ck_assert_int_eq(stage_next((enum stage_state)s,
						    MOVE_CANCEL),
					 STAGE_CANCELLED);
		}
}
END_TEST

START_TEST(runs_by_stage_and_by_output)
{
	struct world *w = world_new(AGENTS
		"  - { id: first, agents: [a], outputs: [plan] }\n"
		"  - { id: second, agents: [a], inputs: [plan] }\n"
		"  - { id: third, agents: [a], inputs: [second] }\n");
	world_begin(w, true);
	ck_state(w, "first", "running");
	ck_state(w, "second", "waiting");
	world_answer(w, "first", NULL, "{\"plan\": \"go north\"}", 0);
	ck_state(w, "first", "done");
	ck_state(w, "second", "running");
	ck_assert_str_eq(json_get_str(w->m->story.doc, "plan", ""),
			 "go north");
	world_answer(w, "second", NULL, "{\"x\": 1}", 0);
	world_answer(w, "third", NULL, "{}", 0);
	ck_run(w, "done");
	ck_assert_uint_eq(w->m->story.version, 3);
	const struct event *e = world_last(w, EVENT_STAGE_COMPLETE);
	ck_assert_str_eq(event_str(e, "post_state_hash", ""),
			 story_hash(&w->m->story));
	world_free(w);
}
END_TEST

START_TEST(missing_output_is_a_failure)
{
	struct world *w = world_new(AGENTS
		"  - { id: s, agents: [a], outputs: [x, y] }\n");
	world_begin(w, true);
	world_answer(w, "s", NULL, "{\"x\": 1}", 0);
	ck_state(w, "s", "failed");
	ck_assert_ptr_nonnull(strstr(w->m->stages[0].error, "`y`"));
	ck_assert_uint_eq(w->m->inbox.count, 1);
	world_free(w);
}
END_TEST

START_TEST(retries_at_the_exact_delays)
{
	struct world *w = world_new(AGENTS
		"  - id: s\n"
		"    agents: [a]\n"
		"    on_failure: skip_dependents\n"
		"    retry: { max_attempts: 4, backoff_ms: 2000, multiplier: 2 }\n"
		"  - { id: next, agents: [a], inputs: [s] }\n");
	static const int64_t delays[] = { 2000, 4000, 8000 };
	world_begin(w, true);
	for (size_t i = 0; i < COUNT_OF(delays); i++) {
		world_fail(w, "s", NULL, "broken");
		ck_state(w, "s", "backoff");
		ck_assert_int_eq(core_next_deadline(w->m),
				 w->now_ms + delays[i]);
		world_tick(w, delays[i] - 1);
		ck_state(w, "s", "backoff");
		world_tick(w, 1);
		ck_state(w, "s", "running");
		ck_assert_int_eq(w->m->stages[0].attempt, (int)i + 2);
	}
	world_fail(w, "s", NULL, "broken");
	ck_state(w, "s", "failed");
	ck_state(w, "next", "skipped");
	ck_run(w, "failed");
	world_free(w);
}
END_TEST

START_TEST(time_caps_end_an_attempt)
{
	struct world *w = world_new(AGENTS
		"  - { id: s, agents: [a, b], budget: { time_cap_ms: 4000 },\n"
		"      on_failure: continue }\n");
	world_begin(w, true);
	ck_assert_int_eq(core_next_deadline(w->m), w->now_ms + 4000);
	world_tick(w, 4000);
	ck_state(w, "s", "failed");
	ck_assert_ptr_nonnull(strstr(w->m->stages[0].error, "timeout"));
	ck_assert_uint_eq(w->call_count, 0);
	ck_run(w, "done");
	world_free(w);
}
END_TEST

START_TEST(when_decides_and_skips_cascade)
{
	struct world *w = world_new(AGENTS
		"  - { id: pick, agents: [a], outputs: [way] }\n"
		"  - { id: left, agents: [a], inputs: [way], when: { way: left } }\n"
		"  - { id: right, agents: [a], inputs: [way], when: { way: right } }\n"
		"  - { id: deep, agents: [a], inputs: [left] }\n"
		"  - { id: meet, agents: [a], inputs: [deep, right] }\n");
	world_begin(w, true);
	world_answer(w, "pick", NULL, "{\"way\": \"right\"}", 0);
	ck_state(w, "left", "skipped");
	ck_state(w, "deep", "skipped");
	ck_state(w, "right", "running");
	world_answer(w, "right", NULL, "{}", 0);
	ck_state(w, "meet", "running");
	world_answer(w, "meet", NULL, "{}", 0);
	ck_run(w, "done");
	world_free(w);
}
END_TEST

static struct world *failing(const char *policy)
{
	char yaml[1000];
	snprintf(yaml, sizeof yaml,
		 AGENTS "  - { id: s, agents: [a], on_failure: %s }\n"
			"  - { id: after, agents: [a], inputs: [s] }\n"
			"  - { id: other, agents: [a] }\n",
		 policy);
	struct world *w = world_new(yaml);
	world_begin(w, true);
	world_fail(w, "s", NULL, "broken");
	return w;
}

START_TEST(on_failure_in_all_four_kinds)
{
	struct world *w = failing("ask");
	ck_state(w, "after", "waiting");
	ck_state(w, "other", "running");
	ck_assert_uint_eq(w->m->inbox.count, 1);
	ck_assert(!world_do(w, "answer", "i999", "retry", NULL));
	ck_assert_ptr_nonnull(strstr(w->said, "gone"));
	ck_assert(!world_do(w, "answer", w->m->inbox.items[0].id, "approve",
			    NULL));
	ck_assert(world_do(w, "answer", w->m->inbox.items[0].id, "retry",
			   NULL));
	ck_state(w, "s", "running");
	ck_assert_uint_eq(w->m->inbox.count, 0);
	world_fail(w, "s", NULL, "broken");
	ck_assert(world_do(w, "skip", "s", NULL));
	ck_state(w, "s", "skipped");
	ck_state(w, "after", "running");
	world_free(w);

	w = failing("continue");
	ck_state(w, "after", "running");
	world_free(w);

	w = failing("skip_dependents");
	ck_state(w, "after", "skipped");
	ck_state(w, "other", "running");
	world_free(w);

	w = failing("fail_run");
	ck_state(w, "after", "cancelled");
	ck_state(w, "other", "cancelled");
	ck_assert_uint_eq(w->call_count, 0);
	ck_run(w, "failed");
	world_free(w);
}
END_TEST

START_TEST(unattended_ask_becomes_skip_dependents)
{
	struct world *w = world_new(AGENTS
		"  - { id: s, agents: [a] }\n"
		"  - { id: after, agents: [a], inputs: [s], go: manual }\n"
		"  - { id: manual, agents: [nop], go: manual }\n");
	world_begin(w, false);
	ck_state(w, "manual", "running");
	world_answer(w, "manual", NULL, "{}", 0);
	world_fail(w, "s", NULL, "broken");
	ck_state(w, "after", "skipped");
	ck_run(w, "failed");
	world_free(w);
}
END_TEST

START_TEST(manual_go_waits_in_standby)
{
	struct world *w = world_new(AGENTS
		"  - { id: early, agents: [a] }\n"
		"  - { id: cue, agents: [a], inputs: [early], go: manual }\n"
		"  - { id: cue2, agents: [a], inputs: [early], go: manual }\n");
	world_begin(w, true);
	ck_assert(!world_do(w, "go", NULL));
	ck_assert(!world_do(w, "go", "cue", NULL));
	ck_state(w, "cue", "waiting");
	world_answer(w, "early", NULL, "{}", 0);
	ck_state(w, "cue", "standby");
	ck_assert_int_eq(stage_in_standby(w->m), world_stage(w, "cue"));
	ck_assert(world_do(w, "pause", NULL));
	ck_assert(!world_do(w, "go", NULL));
	ck_assert(world_do(w, "resume", NULL));
	ck_assert(world_do(w, "go", NULL));
	ck_state(w, "cue", "running");
	ck_state(w, "cue2", "standby");
	ck_assert(world_do(w, "go", NULL));
	ck_assert(!world_do(w, "go", NULL));
	world_free(w);
}
END_TEST

START_TEST(an_agent_takes_so_many_at_once)
{
	struct world *w = world_new(AGENTS
		"  - { id: s1, agents: [one] }\n"
		"  - { id: s2, agents: [one] }\n"
		"  - { id: s3, agents: [a] }\n");
	world_begin(w, true);
	ck_state(w, "s1", "running");
	ck_state(w, "s2", "waiting");
	ck_state(w, "s3", "running");
	world_answer(w, "s1", NULL, "{}", 0);
	ck_state(w, "s2", "running");
	world_free(w);
}
END_TEST

/* However the agent comes free, who waits for it is next, and in order. */
START_TEST(who_waits_for_an_agent_is_next)
{
	static const char *const ends[] = { "skip", "cancel", "supply" };
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct world *w = world_new(AGENTS
			"  - { id: s1, agents: [one], retry: { max_attempts: 2 } }\n"
			"  - { id: s2, agents: [one] }\n"
			"  - { id: s3, agents: [one] }\n"
			"  - { id: s4, agents: [one] }\n");
		world_begin(w, true);
		world_do(w, "note", "nothing came free", NULL);
		ck_assert(world_do(w, "skip", "s3", NULL));
		ck_state(w, "s2", "waiting");
		ck_assert(world_do(w, ends[i], "s1",
				   i == 2 ? "{}" : NULL, NULL));
		ck_state(w, "s2", "running");
		ck_state(w, "s4", "waiting");
		world_fail(w, "s2", NULL, "broken");
		ck_state(w, "s4", "running");
		ck_assert(world_do(w, "panic", "all", NULL));
		ck_assert(world_do(w, "rerun", "s2", NULL));
		ck_assert(world_do(w, "resume", NULL));
		ck_state(w, "s2", "running");
		world_free(w);
	}
}
END_TEST

START_TEST(pause_resume_and_cancel_in_every_state)
{
	static const char show[] = AGENTS
		"  - { id: s, agents: [a], go: manual,\n"
		"      retry: { max_attempts: 2, backoff_ms: 100 } }\n"
		"  - { id: other, agents: [b] }\n";
	/* How far the stage gets before the run is paused, then cancelled. */
	for (int depth = 0; depth < 5; depth++) {
		struct world *w = world_new(show);
		world_begin(w, true);
		if (depth > 0)
			world_do(w, "go", NULL);
		if (depth > 1)
			world_fail(w, "s", NULL, "broken");
		if (depth > 2)
			world_tick(w, 100);
		if (depth > 3)
			world_fail(w, "s", NULL, "broken");
		ck_assert(world_do(w, "pause", NULL));
		ck_run(w, "paused");
		ck_assert(!world_do(w, "pause", NULL));
		char *before = xstrdup(world_state(w, "s"));
		world_tick(w, 500);
		/* A retry that is due waits for the run. */
		ck_assert_str_eq(world_state(w, "s"),
				 depth == 2 ? "waiting" : before);
		ck_assert(world_do(w, "resume", NULL));
		if (depth == 2)
			ck_state(w, "s", "running");
		free(before);
		ck_assert(world_do(w, "pause", NULL));
		ck_assert(world_do(w, "cancel-run", NULL));
		ck_run(w, "cancelled");
		ck_assert_uint_eq(w->call_count, 0);
		ck_assert_uint_eq(w->m->inbox.count, 0);
		ck_assert(!world_do(w, "resume", NULL));
		ck_assert(!world_do(w, "cancel-run", NULL));
		ck_assert(!world_do(w, "go", NULL));
		ck_assert_int_eq(core_next_deadline(w->m), 0);
		world_free(w);
	}
}
END_TEST

START_TEST(panic_halts_and_resume_goes_on)
{
	struct world *w = world_new(AGENTS
		"  - { id: s, agents: [a], budget: { token_cap: 100 } }\n"
		"  - id: vote\n"
		"    poll: { question: Which, open_ms: 10000,\n"
		"      options: [ { id: x }, { id: y } ], default: x }\n");
	world_begin(w, true);
	world_tick(w, 4000);
	ck_assert(world_do(w, "panic", NULL));
	ck_run(w, "paused");
	ck_assert(w->m->run.panic);
	ck_state(w, "s", "running");
	ck_assert_ptr_nonnull(strstr(w->said, "no safe scene"));
	ck_assert(world_do(w, "panic", "all", NULL));
	ck_state(w, "s", "backoff");
	ck_assert_uint_eq(w->call_count, 0);
	world_tick(w, 60000);
	ck_state(w, "s", "waiting");
	ck_assert(w->m->stages[1].poll->frozen);
	ck_assert(world_do(w, "resume", NULL));
	/* What the halted call spent is not known, so its lease is gone. */
	ck_state(w, "s", "held");
	ck_assert(world_do(w, "approve", w->m->inbox.items[0].id, NULL));
	ck_state(w, "s", "running");
	ck_assert_int_eq(w->m->stages[0].failures, 0);
	ck_assert_int_eq(w->m->stages[1].poll->deadline_ms, w->now_ms + 6000);
	world_free(w);
}
END_TEST

START_TEST(panic_reaches_the_picture_when_no_run_goes_on)
{
	struct world *w = world_new(AGENTS
		"  - { id: s, agents: [a], go: manual }\n"
		"obs: { url: 'ws://127.0.0.1:4455', safe_scene: Safe }\n");
	world_begin(w, true);
	ck_assert(world_do(w, "skip", "s", NULL));
	ck_run(w, "done");
	ck_assert(!world_do(w, "panic", NULL));
	ck_assert_ptr_nonnull(strstr(w->said, "OBS is NOT connected"));
	struct input *in = input_new(INPUT_OBS);
	in->obs.connected = true;
	world_step(w, in);
	ck_assert(world_do(w, "panic", NULL));
	ck_assert_ptr_nonnull(strstr(w->said, "safe scene sent"));
	ck_assert_str_eq(w->m->obs.pending[0].text, "PANIC scene Safe");
	ck_run(w, "done");
	world_free(w);
}
END_TEST

START_TEST(what_is_done_by_hand_has_no_error)
{
	struct world *w = world_new(AGENTS "  - { id: s, agents: [a] }\n");
	world_begin(w, true);
	world_fail(w, "s", NULL, "broken");
	ck_state(w, "s", "failed");
	ck_assert_ptr_nonnull(w->m->stages[0].error);
	ck_assert(world_do(w, "supply", "s", "{}", NULL));
	ck_state(w, "s", "done");
	ck_assert_ptr_null(w->m->stages[0].error);
	world_free(w);
}
END_TEST

START_TEST(commands_are_done_once_and_refused_with_a_reason)
{
	struct world *w = world_new(AGENTS
		"  - { id: s, agents: [a], go: manual }\n"
		"  - { id: stage2, agents: [a], go: manual }\n");
	world_begin(w, true);
	ck_assert(!world_do(w, "skip", "stagge2", NULL));
	ck_assert_ptr_nonnull(strstr(w->said, "did you mean `stage2`"));
	ck_assert(!world_do(w, "retry", "s", NULL));
	ck_assert(!world_do(w, "fail", "s", NULL));
	for (int i = 0; i < 2; i++) {
		struct input *in = input_new(INPUT_COMMAND);
		in->action = ACTION_GO;
		in->id = xstrdup("same");
		in->origin.kind = ORIGIN_LOCAL;
		world_step(w, in);
	}
	ck_assert_str_eq(w->said, "done already");
	ck_assert_int_eq(world_count(w, EVENT_STAGE_GO, NULL), 1);
	ck_assert(world_do(w, "supply", "stage2", "{\"by\": \"hand\"}", NULL));
	ck_state(w, "stage2", "done");
	ck_assert(!world_do(w, "supply", "s", "{nonsense", NULL));
	ck_assert(world_do(w, "cancel", "s", NULL));
	ck_run(w, "done");
	world_free(w);
}
END_TEST

START_TEST(a_restart_asks_again_for_what_was_out)
{
	struct world *w = world_new(AGENTS
		"  - { id: s, agents: [a, b] }\n"
		"  - id: vote\n"
		"    poll: { question: Which, options: [ { id: x }, { id: y } ] }\n");
	world_begin(w, true);
	world_answer(w, "s", "a", "{}", 0);
	while (w->call_count)
		world_forget_call(w, 0);
	world_step(w, input_new(INPUT_RESUMED));
	ck_assert_uint_eq(w->call_count, 1);
	ck_assert_int_ge(world_call(w, "s", "b"), 0);
	bool opened = false;
	for (size_t i = 0; i < w->d.effect_count; i++)
		opened |= w->d.effects[i].kind == EFFECT_POLL_OPEN;
	ck_assert(opened);
	world_free(w);
}
END_TEST

START_TEST(odd_events_change_nothing)
{
	struct world *w = world_new(AGENTS "  - { id: s, agents: [a] }\n");
	static const struct { const char *type, *stage, *data; } odd[] = {
		{ "stage:complete", "nowhere", "{}" },
		{ "stage:complete", "s", "{}" },
		{ "of:tomorrow", "s", "{\"x\": 1}" },
		{ "token:return", "s", "{\"tokens\": 5, \"lease\": \"l\"}" },
		{ "check:result", "", "{\"card\": \"?\"}" },
		{ "poll:resolve", "s", "{}" },
		{ "obs:command", "", "{\"id\": \"\", \"state\": \"failed\"}" },
	};
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		struct err err;
		struct event *e =
			event_read(i + 1, odd[i].type, "r0", odd[i].stage, "a",
				   "5", odd[i].data, &err);
		ck_assert_ptr_nonnull(e);
		model_apply(w->m, e);
		event_free(&e);
	}
	ck_assert_uint_eq(w->m->seq, COUNT_OF(odd));
	ck_assert_int_eq(w->m->run.state, RUN_NONE);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("stages");
	TCase *t = tcase_create("stages");
	tcase_add_test(t, table_is_total);
	tcase_add_test(t, runs_by_stage_and_by_output);
	tcase_add_test(t, missing_output_is_a_failure);
	tcase_add_test(t, retries_at_the_exact_delays);
	tcase_add_test(t, time_caps_end_an_attempt);
	tcase_add_test(t, when_decides_and_skips_cascade);
	tcase_add_test(t, on_failure_in_all_four_kinds);
	tcase_add_test(t, unattended_ask_becomes_skip_dependents);
	tcase_add_test(t, manual_go_waits_in_standby);
	tcase_add_test(t, an_agent_takes_so_many_at_once);
	tcase_add_test(t, who_waits_for_an_agent_is_next);
	tcase_add_test(t, pause_resume_and_cancel_in_every_state);
	tcase_add_test(t, panic_halts_and_resume_goes_on);
	tcase_add_test(t, panic_reaches_the_picture_when_no_run_goes_on);
	tcase_add_test(t, what_is_done_by_hand_has_no_error);
	tcase_add_test(t, commands_are_done_once_and_refused_with_a_reason);
	tcase_add_test(t, a_restart_asks_again_for_what_was_out);
	tcase_add_test(t, odd_events_change_nothing);
	suite_add_tcase(s, t);
	return tap_run(s);
}
