/* Proposals, polls and the story. */
#include "tap.h"
#include "world.h"

#define AGENTS                                                                 \
	"show: t\n"                                                            \
	"agents: { a: { via: bus }, b: { via: bus }, c: { via: bus } }\n"      \
	"stages:\n"

static struct world *three(const char *how)
{
	char yaml[600];
	snprintf(yaml, sizeof yaml,
		 AGENTS "  - { id: s, agents: [a, b, c], outputs: [x],\n"
			"      budget: { token_cap: 900 }, adjudicate: %s }\n",
		 how);
	struct world *w = world_new(yaml);
	world_begin(w, true);
	return w;
}

static void propose(struct world *w, const char *agent, double confidence,
		    int64_t cost, int64_t tokens)
{
	struct input *in = world_answer_input(w, "s", agent);
	in->ok = true;
	in->confidence = confidence;
	in->cost_micros = cost;
	in->tokens_used = tokens;
	in->result = json_object_new_object();
	json_add_str(in->result, "x", agent);
	world_step(w, in);
}

static const char *winner(struct world *w)
{
	ck_run(w, "done");
	return json_get_str(w->m->story.doc, "x", "");
}

START_TEST(adjudicate_first)
{
	struct world *w = three("first");
	propose(w, "b", .1, 5, 10);
	ck_assert_str_eq(winner(w), "b");
	ck_assert_uint_eq(w->call_count, 0);
	/* What the others spent is not known: their leases are gone. */
	ck_assert_int_eq(w->m->ledger.episode.tokens.spent, 610);
	world_free(w);
}
END_TEST

START_TEST(an_answer_to_another_run_is_not_ours)
{
	struct world *w =
		world_new(AGENTS "  - { id: s, agents: [a], outputs: [x] }\n");
	world_begin(w, true);
	struct input *old = world_answer_input(w, "s", "a");
	old->ok = true;
	old->key = xstrdup("r1/s/1");
	old->result = json_read_str("{\"x\": 1}", &json_limits_answer, NULL);
	ck_assert_ptr_null(old->lease); /* which would tell, too */
	world_do(w, "cancel-run", NULL);
	struct input *in = input_new(INPUT_BEGIN);
	in->id = xstrdup("r2");
	in->attended = true;
	world_step(w, in);
	ck_state(w, "s", "running");
	world_step(w, old);
	ck_state(w, "s", "running");
	ck_assert_str_eq(w->m->late[0].verdict, "old_attempt");
	struct input *ours = world_answer_input(w, "s", "a");
	ours->ok = true;
	ours->key = xstrdup("r2/s/1");
	ours->result = json_read_str("{\"x\": 2}", &json_limits_answer, NULL);
	world_step(w, ours);
	ck_run(w, "done");
	world_free(w);
}
END_TEST

START_TEST(adjudicate_confidence)
{
	struct world *w = three("confidence");
	propose(w, "c", .7, 1, 10);
	propose(w, "a", .9, 9, 10);
	ck_state(w, "s", "running");
	propose(w, "b", -1, 0, 10);
	ck_assert_str_eq(winner(w), "a");
	world_free(w);
	w = three("confidence"); /* a tie goes to the one named first */
	propose(w, "c", .5, 1, 10);
	propose(w, "b", .5, 1, 10);
	world_fail(w, "s", "a", "broken");
	ck_assert_str_eq(winner(w), "b");
	world_free(w);
}
END_TEST

START_TEST(adjudicate_cheapest)
{
	struct world *w = three("cheapest");
	propose(w, "a", .9, 300, 10);
	propose(w, "b", .1, 200, 90);
	propose(w, "c", .1, 200, 80);
	ck_assert_str_eq(winner(w), "c");
	world_free(w);
}
END_TEST

START_TEST(all_fail_and_all_are_asked_again)
{
	struct world *w = world_new(
		AGENTS "  - { id: s, agents: [a, b], \n"
		       "      retry: { max_attempts: 2, backoff_ms: 50 } }\n");
	world_begin(w, true);
	world_fail(w, "s", "a", "broken");
	ck_state(w, "s", "running");
	world_fail(w, "s", "b", "broken");
	ck_state(w, "s", "backoff");
	world_tick(w, 50);
	ck_assert_uint_eq(w->call_count, 2);
	world_free(w);
}
END_TEST

static void fail_until(struct world *w, const char *agent, int64_t ms)
{
	struct input *in = world_answer_input(w, "s", agent);
	in->error_code = xstrdup("http_429");
	in->text = xstrdup("slow down");
	in->tokens_used = 0;
	in->retry_after_ms = ms;
	world_step(w, in);
}

START_TEST(a_service_says_when_to_come_again)
{
	struct world *w = world_new(
		AGENTS "  - { id: s, agents: [a, b], \n"
		       "      retry: { max_attempts: 4, backoff_ms: 500 } }\n");
	world_begin(w, true);
	fail_until(w, "a", 3000);
	world_fail(w, "s", "b", "broken"); /* it does not undo what a said */
	ck_state(w, "s", "backoff");
	world_tick(w, 2999);
	ck_state(w, "s", "backoff");
	world_tick(w, 1);
	ck_state(w, "s", "running");
	fail_until(w, "a", 20); /* less than the stage waits anyway */
	fail_until(w, "b", 0);
	world_tick(w, 499);
	ck_state(w, "s", "backoff");
	world_tick(w, 1);
	ck_state(w, "s", "running");
	fail_until(w, "a", INT64_MAX / 2);
	fail_until(w, "b", 0);
	world_tick(w, 10 * 60 * 1000 - 1);
	ck_state(w, "s", "backoff");
	world_tick(w, 1);
	ck_state(w, "s", "running");
	world_free(w);
}
END_TEST

START_TEST(what_no_retry_mends_is_final)
{
	struct world *w = world_new(
		AGENTS "  - { id: s, agents: [a, b], \n"
		       "      retry: { max_attempts: 3, backoff_ms: 10 } }\n");
	world_begin(w, true);
	world_fail(w, "s", "a", "http_401");
	world_fail(w, "s", "b", "http_500"); /* that one may be better soon */
	ck_state(w, "s", "backoff");
	world_tick(w, 10);
	world_fail(w, "s", "a", "http_401");
	world_fail(w, "s", "b", "context_overflow");
	ck_state(w, "s", "failed");
	ck_assert_int_eq(w->m->stages[0].attempt, 2);
	world_free(w);
}
END_TEST

/* What the call of the last decision carries as its parameters. Caller puts. */
static json_object *parameters(struct world *w)
{
	for (size_t i = 0; i < w->d.effect_count; i++)
		if (w->d.effects[i].kind == EFFECT_CALL) {
			json_object *o = json_read_str(w->d.effects[i].text,
						       &json_limits_own, NULL);
			json_object *p = json_clone(json_get(o, "parameters"));
			json_object_put(o);
			return p;
		}
	ck_abort_msg("no call");
	return NULL;
}

START_TEST(a_prompt_gets_what_it_names)
{
	struct world *w = world_new(
		"show: t\n"
		"agents:\n"
		"  a: { via: bus }\n"
		"  m: { via: llm, url: \"http://127.0.0.1/v1\", model: m,\n"
		"       prompt: { text: \"{{story.x}} {{story.first.y}} "
		"{{outputs.z}} {{inputs.y}}\" } }\n"
		"stages:\n"
		"  - { id: first, agents: [a], outputs: [x, y] }\n"
		"  - { id: s, inputs: [first], agents: [m], outputs: [z],\n"
		"      retry: { max_attempts: 2, backoff_ms: 1 } }\n");
	world_begin(w, true);
	world_answer(w, "first", "a", "{\"x\": [1], \"y\": \"two\"}", 1);
	json_object *p = parameters(w);
	ck_assert_str_eq(json_text(json_get(p, "story")),
			 "{\"x\":[1],\"first\":{\"x\":[1],\"y\":\"two\"},"
			 "\"z\":{}}");
	ck_assert_ptr_null(json_get(p, "last_error"));
	json_object_put(p);
	world_fail(w, "s", "m", "no_json");
	world_tick(w, 1);
	p = parameters(w);
	ck_assert_str_eq(json_get_str(p, "last_error", ""),
			 "no_json: it broke");
	json_object_put(p);
	world_free(w);
}
END_TEST

static void late(struct world *w, const char *stage, const char *agent,
		 int attempt, const char *verdict)
{
	struct input *in = input_new(INPUT_ANSWER);
	char *hash = xstrdup(story_hash(&w->m->story));
	in->stage = xstrdup(stage);
	in->agent = xstrdup(agent);
	in->attempt = attempt;
	in->ok = true;
	in->result = json_read_str("{\"x\": 99}", &json_limits_answer, NULL);
	world_step(w, in);
	ck_assert_str_eq(w->m->late[w->m->late_count - 1].verdict, verdict);
	ck_assert_str_eq(story_hash(&w->m->story), hash);
	free(hash);
}

START_TEST(each_misfit_has_its_verdict)
{
	struct world *w =
		world_new(AGENTS "  - { id: s, agents: [a, b] }\n"
				 "  - { id: go, agents: [c], go: manual }\n");
	world_begin(w, true);
	late(w, "nowhere", "a", 1, "unknown_stage");
	late(w, "s", "c", 1, "wrong_agent");
	late(w, "s", "nobody", 1, "wrong_agent");
	late(w, "s", "a", 7, "old_attempt");
	late(w, "go", "c", -1, "finished");
	propose(w, "a", .5, 0, 0);
	late(w, "s", "a", 1, "duplicate");
	propose(w, "b", .1, 0, 0);
	late(w, "s", "a", 1, "duplicate");
	for (int i = 0; i < LATE_MAX + 5; i++)
		late(w, "nowhere", "a", 1, "unknown_stage");
	ck_assert_uint_eq(w->m->late_count, LATE_MAX);
	world_free(w);
}
END_TEST

static void answer_again(struct world *w, const char *result)
{
	struct input *in = input_new(INPUT_ANSWER);
	in->stage = xstrdup("s");
	in->agent = xstrdup("a");
	in->key = xstrdup("r1/s/1");
	in->attempt = 1;
	in->ok = true;
	in->tokens_used = 7;
	in->result = json_read_str(result, &json_limits_answer, NULL);
	world_step(w, in);
}

START_TEST(the_same_answer_again_is_nothing_new)
{
	struct world *w = world_new(AGENTS "  - { id: s, agents: [a] }\n"
					   "  - { id: go, agents: [c], go: "
					   "manual }\n");
	world_begin(w, true);
	answer_again(w, "{\"x\": 1}");
	ck_state(w, "s", "done");
	uint64_t seq = w->m->seq;
	answer_again(w, "{\"x\": 1}");
	ck_assert_uint_eq(w->m->seq, seq);
	answer_again(w, "{\"x\": 2}");
	ck_assert_uint_eq(w->m->late_count, 1);
	ck_assert_str_eq(w->m->late[0].verdict, "duplicate");
	world_free(w);
}
END_TEST

START_TEST(a_result_larger_than_an_event_is_refused)
{
	struct world *w = world_new(AGENTS "  - { id: s, agents: [a] }\n");
	world_begin(w, true);
	struct input *in = world_answer_input(w, "s", NULL);
	char *big = xmalloc(EVENT_MAX_BYTES);
	memset(big, 'x', EVENT_MAX_BYTES - 1);
	big[EVENT_MAX_BYTES - 1] = '\0';
	in->ok = true;
	in->result = json_object_new_string(big);
	free(big);
	world_step(w, in);
	ck_state(w, "s", "failed");
	ck_assert_ptr_nonnull(strstr(w->m->stages[0].error, "too_large"));
	world_free(w);
}
END_TEST

/* --- polls -------------------------------------------------------------- */

START_TEST(the_rule_of_the_winner)
{
	struct show *show = world_show(
		AGENTS
		"  - id: v\n"
		"    poll: { question: Q, min_votes: 20, min_delta: 0.05,\n"
		"      options: [ { id: x }, { id: y }, { id: z } ],\n"
		"      undecided: ask }\n");
	static const struct {
		int64_t votes[3];
		int winner;
	} cases[] = {
		{{0, 0, 0}, -1},   {{19, 0, 0}, -1},	{{20, 0, 0}, 0},
		{{10, 10, 0}, -1}, {{10, 11, 0}, -1}, /* a lead of 4.8 % */
		{{19, 21, 0}, 1},		      /* exactly 5 % */
		{{5, 5, 30}, 2},   {{400, 419, 0}, -1},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int64_t total;
		double margin;
		ck_assert_int_eq(poll_winner(show->stages[0].poll,
					     cases[i].votes, &total, &margin),
				 cases[i].winner);
		ck_assert_int_eq(total, cases[i].votes[0] + cases[i].votes[1] +
						cases[i].votes[2]);
	}
	show_unref(&show);
}
END_TEST

static struct world *polling(const char *rest, bool attended)
{
	char yaml[900];
	snprintf(yaml, sizeof yaml,
		 AGENTS "  - id: v\n"
			"    poll:\n"
			"      question: Which way?\n"
			"      open_ms: 10000\n"
			"      options: [ { id: x, label: Ex }, { id: y } ]\n"
			"      %s\n"
			"  - { id: after, agents: [a], inputs: [v], \n"
			"      when: { v: y } }\n",
		 rest);
	struct world *w = world_new(yaml);
	world_begin(w, attended);
	return w;
}

/* Of the `close`-th count that was asked for; 0: it does not say. */
static void tally_of(struct world *w, int close, int64_t x, int64_t y)
{
	struct input *in = input_new(INPUT_TALLY);
	in->attempt = close;
	in->stage = xstrdup("v");
	in->counts = xcalloc(2, sizeof *in->counts);
	in->counts[0] = x;
	in->counts[1] = y;
	in->count_count = 2;
	world_step(w, in);
}

static void tally(struct world *w, int64_t x, int64_t y)
{
	tally_of(w, 0, x, y);
}

static const char *poll_is(struct world *w)
{
	return poll_state_name(w->m->stages[0].poll->state);
}

static enum ballot_answer vote(struct world *w, const char *poll,
			       const char *option)
{
	world_step(w, input_vote(poll, option, "voter"));
	ck_assert_uint_eq(w->d.effect_count, 1);
	ck_assert_int_eq(w->d.effects[0].kind, EFFECT_VOTE);
	return (enum ballot_answer)w->d.effects[0].ballots->items[0].answer;
}

START_TEST(a_poll_gates_and_its_winner_goes_on)
{
	struct world *w = polling("min_votes: 2", true);
	ck_assert_str_eq(poll_is(w), "open");
	ck_assert_int_eq(vote(w, "v", "y"), BALLOT_PENDING);
	ck_assert_int_eq(vote(w, "v", "nope"), BALLOT_NO_OPTION);
	ck_assert_int_eq(vote(w, "w", "x"), BALLOT_NO_POLL);
	ck_state(w, "after", "waiting");
	tally(w, 9, 9); /* nobody asked for it yet */
	ck_assert_str_eq(poll_is(w), "open");
	world_tick(w, 10000);
	ck_assert_str_eq(poll_is(w), "closed");
	ck_assert_int_eq(vote(w, "v", "y"), BALLOT_CLOSED);
	tally(w, 1, 3);
	ck_assert_str_eq(poll_is(w), "resolved");
	ck_state(w, "v", "done");
	ck_state(w, "after", "running");
	json_object *r = json_get(w->m->story.doc, "v");
	ck_assert_str_eq(json_get_str(r, "winner", ""), "y");
	ck_assert_int_eq(json_get_int(json_get(r, "votes"), "y", 0), 3);
	tally(w, 5, 0); /* a second count changes nothing */
	ck_assert_str_eq(json_get_str(r, "winner", ""), "y");
	world_free(w);
}
END_TEST

START_TEST(an_old_count_is_not_that_of_a_poll_opened_again)
{
	struct world *w = polling("min_votes: 2", true);
	world_do(w, "poll-close", "v", NULL);
	ck_assert_int_eq(w->d.effects[0].kind, EFFECT_POLL_COUNT);
	int first = w->d.effects[0].attempt;
	world_do(w, "poll-extend", "v", NULL);
	world_do(w, "poll-close", "v", NULL);
	ck_assert_int_eq(w->d.effects[0].kind, EFFECT_POLL_COUNT);
	int second = w->d.effects[0].attempt;
	/* The store was slow; votes came in between. */
	tally_of(w, first, 2, 0);
	ck_assert_str_eq(poll_is(w), "closed");
	tally_of(w, second, 2, 5);
	ck_assert_str_eq(poll_is(w), "resolved");
	ck_assert_int_eq(w->m->stages[0].poll->winner, 1);
	world_free(w);
}
END_TEST

START_TEST(undecided_extends_then_takes_the_default)
{
	struct world *w = polling("undecided: extend\n"
				  "      extend_ms: 3000\n"
				  "      max_extensions: 2\n"
				  "      default: y",
				  true);
	for (int i = 0; i < 2; i++) {
		world_tick(w, i ? 3000 : 10000);
		tally(w, 2, 2);
		ck_assert_str_eq(poll_is(w), "extended");
		ck_assert_int_eq(core_next_deadline(w->m), w->now_ms + 3000);
	}
	world_tick(w, 3000);
	tally(w, 2, 2);
	ck_assert_str_eq(poll_is(w), "resolved");
	ck_assert_str_eq(w->m->stages[0].poll->why, "default");
	ck_state(w, "after", "running");
	world_free(w);
}
END_TEST

START_TEST(a_poll_does_not_open_again_under_a_panic)
{
	struct world *w = polling("undecided: extend\n"
				  "      extend_ms: 3000\n"
				  "      default: y",
				  true);
	world_tick(w, 10000);
	ck_assert_str_eq(poll_is(w), "closed");
	ck_assert(world_do(w, "panic", NULL));
	tally(w, 2, 2); /* the count was under way */
	ck_assert_str_eq(poll_is(w), "extended");
	ck_assert(w->m->stages[0].poll->frozen);
	ck_assert_int_eq(vote(w, "v", "x"), BALLOT_PAUSED);
	world_tick(w, 60000);
	ck_assert_str_eq(poll_is(w), "extended");
	ck_assert(world_do(w, "resume", NULL));
	ck_assert_int_eq(vote(w, "v", "x"), BALLOT_PENDING);
	ck_assert_int_eq(core_next_deadline(w->m), w->now_ms + 3000);
	world_free(w);
}
END_TEST

START_TEST(undecided_asks_a_human)
{
	struct world *w = polling("undecided: ask", true);
	world_tick(w, 10000);
	tally(w, 2, 2);
	ck_assert_uint_eq(w->m->inbox.count, 1);
	const char *id = w->m->inbox.items[0].id;
	ck_assert(!world_do(w, "answer", id, "z", NULL));
	ck_assert(world_do(w, "answer", id, "extend", NULL));
	ck_assert_str_eq(poll_is(w), "extended");
	ck_assert_uint_eq(w->m->inbox.count, 0);
	world_tick(w, 10000);
	tally(w, 2, 2);
	ck_assert(world_do(w, "answer", w->m->inbox.items[0].id, "x", NULL));
	ck_assert_str_eq(
		json_get_str(json_get(w->m->story.doc, "v"), "why", ""),
		"operator");
	ck_state(w, "after", "skipped");
	world_free(w);
	w = polling("undecided: ask", true); /* nobody voted */
	world_tick(w, 10000);
	tally(w, 0, 0);
	ck_assert_str_eq(w->m->inbox.items[0].text,
			 "v is undecided (0 votes, needs 1): Which way?");
	world_free(w);
	w = polling("undecided: ask", false); /* nobody there: who leads */
	world_tick(w, 10000);
	tally(w, 0, 0);
	ck_assert_str_eq(w->m->stages[0].poll->why, "unattended");
	world_free(w);
}
END_TEST

START_TEST(how_sure_a_lead_is)
{
	struct show *show = world_show(
		AGENTS "  - id: v\n"
		       "    poll: { question: Q, options: [ { id: x }, "
		       "{ id: y }, { id: z } ] }\n");
	static const struct {
		int64_t votes[3];
		int margin, uncertainty;
		enum poll_lack lacks;
	} cases[] = {
		{{0, 0, 0}, 0, 0, POLL_LACKS_VOTES},
		/* One vote says nothing: -100 to 100 %. */
		{{1, 0, 0}, 1000, 1000, POLL_LACKS_NOTHING},
		{{5, 0, 0}, 1000, 805, POLL_LACKS_NOTHING},
		{{6, 0, 0}, 1000, 709, POLL_LACKS_NOTHING},
		/* With a vote more for both, 1.96 * sqrt((p1 + p2 - (p1 -
		 * p2)^2) / n), and how far that moved the lead, by hand */
		{{54, 46, 0}, 80, 196, POLL_LACKS_NOTHING},
		{{540, 460, 0}, 80, 63, POLL_LACKS_NOTHING},
		{{500, 300, 200}, 200, 55, POLL_LACKS_NOTHING},
		{{7, 7, 2}, 0, 436, POLL_LACKS_TIE},
		/* as many as no poll has, without an overflow */
		{{INT64_C(1) << 50, INT64_C(1) << 49, 0},
		 333,
		 3,
		 POLL_LACKS_NOTHING},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct poll_count c =
			poll_judge(show->stages[0].poll, cases[i].votes);
		ck_assert_int_eq(c.margin_permille, cases[i].margin);
		ck_assert_int_eq(c.uncertainty_permille, cases[i].uncertainty);
		ck_assert_int_eq(c.lacks, cases[i].lacks);
		ck_assert_int_eq(c.too_few, c.total < 6);
		ck_assert_int_eq(c.too_close,
				 c.total > 0 && c.margin_permille <=
							c.uncertainty_permille);
	}
	show_unref(&show);
}
END_TEST

START_TEST(a_frozen_poll_takes_no_votes_and_no_time)
{
	struct world *w = polling("default: x", true);
	const struct poll_run *p = w->m->stages[0].poll;
	world_tick(w, 4000);
	ck_assert(world_do(w, "poll-freeze", "v", NULL));
	ck_assert(p->frozen && p->by_hand);
	ck_assert(!world_do(w, "poll-freeze", "v", NULL));
	ck_assert(!world_do(w, "poll-extend", "v", NULL));
	ck_assert_int_eq(vote(w, "v", "y"), BALLOT_PAUSED);
	world_tick(w, 60000);
	ck_assert_str_eq(poll_is(w), "open");
	/* A panic freezes the others; its end leaves this one as it is. */
	ck_assert(world_do(w, "panic", NULL));
	ck_assert(!world_do(w, "poll-unfreeze", "v", NULL));
	ck_assert(world_do(w, "resume", NULL));
	ck_assert(p->frozen && p->by_hand);
	ck_assert(world_do(w, "poll-unfreeze", "v", NULL));
	ck_assert(!world_do(w, "poll-unfreeze", "v", NULL));
	ck_assert(!p->frozen && !p->by_hand);
	ck_assert_int_eq(p->deadline_ms, w->now_ms + 6000);
	ck_assert_int_eq(vote(w, "v", "y"), BALLOT_PENDING);
	/* One that is frozen may be ended all the same. */
	ck_assert(world_do(w, "poll-freeze", "v", NULL));
	ck_assert(world_do(w, "poll-close", "v", NULL));
	ck_assert(!p->frozen && !p->by_hand);
	ck_assert(!world_do(w, "poll-freeze", "v", NULL));
	world_free(w);
}
END_TEST

static json_object *result_of(struct world *w)
{
	json_object *r = json_get(w->m->story.doc, "v");
	ck_assert(r != NULL);
	return r;
}

START_TEST(an_operator_decides_whatever_was_voted)
{
	struct world *w = polling("default: x", true);
	ck_assert(!world_do(w, "poll-resolve", "v", "yy", NULL));
	ck_assert_ptr_nonnull(strstr(w->said, "no option `yy`"));
	ck_assert(world_do(w, "poll-resolve", "v", "y", NULL));
	ck_assert_str_eq(poll_is(w), "closed");
	ck_assert(!world_do(w, "poll-resolve", "v", "x", NULL));
	tally_of(w, 1, 9, 1); /* the votes are told all the same */
	ck_assert_str_eq(poll_is(w), "resolved");
	json_object *r = result_of(w);
	ck_assert_str_eq(json_get_str(r, "winner", ""), "y");
	ck_assert_str_eq(json_get_str(r, "why", ""), "operator");
	ck_assert_int_eq(json_get_int(json_get(r, "votes"), "x", 0), 9);
	world_free(w);

	w = polling("undecided: ask", true); /* instead of an answer */
	world_tick(w, 10000);
	tally(w, 4, 4);
	ck_assert_uint_eq(w->m->inbox.count, 1);
	ck_assert_ptr_nonnull(strstr(w->m->inbox.items[0].text, "a tie"));
	ck_assert(world_do(w, "poll-resolve", "v", "y", NULL));
	ck_assert_uint_eq(w->m->inbox.count, 0);
	ck_state(w, "v", "done");
	world_free(w);
}
END_TEST

static const char priced_text[] =
	"show: t\n"
	"budget: { tokens: 10000, approval_deadline_ms: 5000 }\n"
	"agents: { a: { via: bus } }\n"
	"polls: { change_vote: true }\n"
	"stages:\n"
	"  - id: v\n"
	"    outputs: [way]\n"
	"    poll:\n"
	"      question: Which way?\n"
	"      open_ms: 10000\n"
	"      options:\n"
	"        - { id: x, label: Ex }\n"
	"        - { id: y, requires_extra: 3000, metadata: { mood: dark } }\n"
	"  - { id: after, agents: [a], inputs: [way], when: { way: y },\n"
	"      budget: { token_cap: 8000 } }\n";

static struct world *pricing(int64_t x, int64_t y)
{
	struct world *w = world_new(priced_text);
	world_begin(w, true);
	world_tick(w, 10000);
	tally(w, x, y);
	return w;
}

START_TEST(a_choice_waits_until_its_price_is_approved)
{
	struct world *w = pricing(1, 3);
	ck_state(w, "v", "held");
	ck_state(w, "after", "waiting");
	ck_assert_str_eq(poll_is(w), "closed");
	ck_assert(!json_get(w->m->story.doc, "v"));
	const struct inbox_item *item = &w->m->inbox.items[0];
	ck_assert_int_eq(item->kind, INBOX_OVERAGE);
	ck_assert_int_eq(item->tokens, 3000);
	ck_assert_int_eq(item->left, 10000);
	ck_assert_int_eq(item->rest, 8000);
	ck_assert_ptr_nonnull(strstr(item->text, "y (75.0%) takes 3,000 more"));
	ck_assert(!world_do(w, "poll-close", "v", NULL));
	ck_assert(!world_do(w, "poll-resolve", "v", "y", NULL));
	tally(w, 9, 9); /* asked for once more after a restart */
	ck_state(w, "v", "held");
	char id[24];
	memcpy(id, item->id, sizeof id);
	ck_assert(world_do(w, "approve", id, NULL));
	ck_state(w, "v", "done");
	ck_state(w, "after", "running");
	json_object *r = result_of(w);
	ck_assert_str_eq(json_get_str(r, "winner", ""), "y");
	ck_assert_str_eq(json_get_str(r, "why", ""), "majority");
	ck_assert_int_eq(json_get_int(r, "margin_permille", 0), 500);
	ck_assert_str_eq(json_get_str(json_get(r, "metadata"), "mood", ""),
			 "dark");
	ck_assert(json_object_equal(r, json_get(w->m->story.doc, "way")));
	/* 2,000 were there beside what the rest may need. */
	ck_assert_int_eq(w->m->ledger.episode.tokens.allocated, 11000);
	ck_assert_uint_eq(w->m->inbox.count, 0);
	world_free(w);
}
END_TEST

START_TEST(a_price_that_is_denied_lets_another_win)
{
	struct world *w = pricing(1, 3);
	world_tick(w, 5000); /* the answer that nobody gave */
	ck_state(w, "v", "done");
	ck_state(w, "after", "skipped");
	json_object *r = result_of(w);
	ck_assert_str_eq(json_get_str(r, "winner", ""), "x");
	ck_assert_str_eq(json_get_str(r, "why", ""), "denied");
	ck_assert_str_eq(json_get_str(r, "denied", ""), "y");
	ck_assert_int_eq(w->m->ledger.episode.tokens.allocated, 10000);
	world_free(w);

	w = pricing(1, 3); /* or an operator has another idea */
	ck_assert(world_do(w, "poll-resolve", "v", "x", NULL));
	ck_state(w, "v", "done");
	ck_assert_uint_eq(w->m->inbox.count, 0);
	world_free(w);

	w = pricing(1, 3);
	ck_assert(world_do(w, "poll-void", "v", NULL));
	ck_assert_str_eq(poll_is(w), "void");
	ck_assert_uint_eq(w->m->inbox.count, 0);
	world_free(w);

	w = pricing(1, 3);
	ck_assert(world_do(w, "cancel-run", NULL));
	ck_assert_str_eq(poll_is(w), "void");
	world_free(w);

	w = pricing(5, 3); /* what has no price asks nobody */
	ck_state(w, "v", "done");
	world_free(w);
}
END_TEST

START_TEST(polls_keep_their_distance_and_their_number)
{
	struct world *w = world_new(
		"show: t\nagents: { a: { via: bus } }\n"
		"polls: { min_interval_ms: 60000, max_per_episode: 2 }\n"
		"stages:\n"
		"  - { id: v, poll: { question: Q, options: [ { id: x }, "
		"{ id: y } ], default: y, open_ms: 10000 } }\n"
		"  - { id: u, poll: { question: Q, options: [ { id: x }, "
		"{ id: y } ], default: y, open_ms: 10000 } }\n"
		"  - { id: t, poll: { question: Q, options: [ { id: x }, "
		"{ id: y } ], default: y, open_ms: 10000 } }\n");
	world_begin(w, true);
	ck_state(w, "v", "running");
	ck_state(w, "u", "backoff");
	char waits[64];
	ck_assert_str_eq(stage_waits_for(w->m, 1, waits, sizeof waits),
			 "the distance between polls");
	world_tick(w, 10000);
	tally(w, 2, 1);
	ck_state(w, "v", "done");
	ck_state(w, "u", "backoff");
	world_tick(w, 50000);
	ck_state(w, "u", "running");
	ck_state(w, "t", "done"); /* one too many */
	json_object *r = json_get(w->m->story.doc, "t");
	ck_assert_str_eq(json_get_str(r, "winner", ""), "y");
	ck_assert_str_eq(json_get_str(r, "why", ""), "cap");
	world_free(w);
}
END_TEST

static struct input *tally_input(const char *poll, int64_t a, int64_t b)
{
	struct input *in = input_new(INPUT_TALLY);
	in->stage = xstrdup(poll);
	in->counts = xcalloc(2, sizeof *in->counts);
	in->counts[0] = a;
	in->counts[1] = b;
	in->count_count = 2;
	return in;
}

/* Which poll is meant where none is named, and which there are. */
START_TEST(several_polls_go_on)
{
	struct world *w = polling("default: x", true);
	int place = (int)w->show->stage_count;
	size_t count;
	ck_assert_int_eq(polls_now(w->m), 0);
	world_tick(w, 1000);
	ck_assert(world_do(w, "poll", "Hat?", "x|y", "20s", NULL));
	ck_assert_int_eq(polls_now(w->m), place);
	world_tick(w, 1000);
	ck_assert(world_do(w, "poll", "Coat?", "x|y", "50s", NULL));
	int *on = polls_going_on(w->m, &count);
	ck_assert_int_eq((int)count, 3);
	ck_assert(on[0] == 0 && on[1] == place && on[2] == place + 1);
	free(on);
	/* What is counted still goes on; what is decided does not. */
	ck_assert(world_do(w, "poll-close", "2", NULL));
	ck_assert_int_eq(polls_now(w->m), place + 1);
	world_step(w, tally_input("2", 3, 1));
	ck_assert_int_eq(polls_now(w->m), place);
	ck_assert(world_do(w, "poll-void", "1", NULL));
	ck_assert_int_eq(polls_now(w->m), 0);
	ck_assert(world_do(w, "cancel-run", NULL));
	on = polls_going_on(w->m, &count);
	ck_assert_ptr_null(on);
	/* None does: the one that was opened last. */
	ck_assert_int_eq(polls_now(w->m), place + 1);
	world_free(w);
}
END_TEST

START_TEST(a_poll_that_no_stage_declares)
{
	static const char *const bad[][3] = {
		{"", "x|y", "30s"},    {"Q", "x", "30s"},  {"Q", "x|x", "30s"},
		{"Q", "=|y", "30s"},   {"Q", "", "30s"},   {"Q", "x|y", "10"},
		{"Q", "x|y", "never"}, {"Q", "x|y", "2h"},
	};
	struct world *w = polling("default: x", true);
	int place = (int)w->show->stage_count;
	const struct poll_run *p = w->m->stages[place].poll;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		ck_assert(!world_do(w, "poll", bad[i][0], bad[i][1], bad[i][2],
				    NULL));
	ck_assert(world_do(w, "poll", "Whose \033[1mhat?",
			   "a=Her hat|his|Whose?", "20s", NULL));
	const struct show_poll *def = poll_def(w->m, place);
	ck_assert_ptr_null(strchr(def->question, '\033'));
	ck_assert_int_eq((int)def->option_count, 3);
	ck_assert_str_eq(def->options[0].id, "a");
	ck_assert_str_eq(def->options[0].label, "Her hat");
	ck_assert_str_eq(def->options[1].id, "his");
	ck_assert_str_eq(def->options[2].id, "3");
	ck_assert_int_eq(w->m->poll, place);
	ck_assert_int_eq(vote(w, "1", "his"), BALLOT_PENDING);
	ck_assert_int_eq(vote(w, "2", "his"), BALLOT_NO_POLL);
	ck_assert(world_do(w, "poll-freeze", "1", NULL));
	ck_assert(world_do(w, "poll-unfreeze", "1", NULL));
	world_tick(w, 20000);
	ck_assert_int_eq(p->state, POLL_CLOSED);
	uint64_t version = w->m->story.version;
	world_step(w, tally_input("1", 3, 3)); /* a tie: the first of them */
	ck_assert_int_eq(p->state, POLL_RESOLVED);
	ck_assert_int_eq(p->winner, 0);
	ck_assert_uint_eq(w->m->story.version, version);
	/* Without a vote there is no result. */
	ck_assert(world_do(w, "poll", "Again?", "x|y", NULL));
	ck_assert(world_do(w, "poll-close", "2", NULL));
	world_step(w, tally_input("2", 0, 0));
	ck_assert_int_eq(w->m->stages[place + 1].poll->state, POLL_VOID);
	ck_assert_str_eq(w->m->stages[place + 1].poll->why, "nobody voted");
	for (int i = 0; i < SHOW_POLL_PLACES; i++)
		ck_assert(world_do(w, "poll", "More?", "x|y", NULL));
	ck_assert(!world_do(w, "poll", "Too many?", "x|y", NULL));
	/* They end with the run. */
	ck_assert(world_do(w, "cancel-run", NULL));
	ck_assert_int_eq(p->state, POLL_VOID);
	ck_assert_str_eq(p->why, "the run ended");
	ck_assert_str_eq(w->m->stages[0].poll->why, "the run ended");
	ck_assert(!world_do(w, "poll", "Late?", "x|y", NULL));
	ck_assert_int_eq(core_next_deadline(w->m), 0);
	world_free(w);
}
END_TEST

static struct world *proposing(const char *polls)
{
	char yaml[400];
	snprintf(yaml, sizeof yaml,
		 "show: t\nagents: { a: { via: bus }, muse: { via: bus } }\n"
		 "budget: { approval_deadline_ms: 5000 }\n"
		 "polls: { %s }\n"
		 "stages:\n  - { id: s, agents: [a] }\n",
		 polls);
	struct world *w = world_new(yaml);
	world_begin(w, true);
	return w;
}

static void propose_poll(struct world *w, const char *json)
{
	struct err err = {0};
	json_object *o = json_read_str(json, &json_limits_own, &err);
	struct input *in = input_bus_proposal(o, &err);
	ck_assert_msg(in != NULL, "%s", err.text);
	json_object_put(o);
	world_step(w, in);
}

START_TEST(an_agent_proposes_a_poll)
{
	static const char wish[] =
		"{\"agent_id\":\"muse\",\"correlationId\":\"w1\",\"poll\":{"
		"\"question\":\"Whose hat?\",\"options\":[\"hers\","
		"{\"id\":\"b\",\"label\":\"His own|old = one\"}],"
		"\"open_ms\":9000}}";
	struct world *w = proposing("max_per_episode: 2");
	int place = (int)w->show->stage_count;
	const struct poll_run *p = w->m->stages[place].poll;
	propose_poll(w, wish);
	ck_assert_uint_eq(w->m->inbox.count, 1);
	const struct inbox_item *item = &w->m->inbox.items[0];
	ck_assert_int_eq(item->kind, INBOX_PROPOSAL);
	ck_assert_str_eq(item->text, "muse proposes a poll: Whose hat? "
				     "(hers, His own|old = one)");
	ck_assert(p->proposed && p->state == POLL_NONE);
	propose_poll(w, wish); /* delivered once more */
	ck_assert_uint_eq(w->m->inbox.count, 1);
	ck_assert(!world_do(w, "poll-propose", "muse", "Other?", "x|y", NULL));
	ck_assert(!world_do(w, "poll-close", "1", NULL));
	ck_assert_int_eq(vote(w, "1", "hers"), BALLOT_NOT_BEGUN);
	/* A poll by hand takes another place. */
	ck_assert(world_do(w, "poll", "Mine?", "x|y", NULL));
	ck_assert(p->proposed);
	char id[24];
	memcpy(id, item->id, sizeof id);
	ck_assert(world_do(w, "approve", id, NULL));
	ck_assert_int_eq(p->state, POLL_OPEN);
	ck_assert_int_eq(p->deadline_ms, w->now_ms + 9000);
	ck_assert_str_eq(poll_def(w->m, place)->options[1].id, "b");
	ck_assert_uint_eq(w->m->inbox.count, 0);
	/* Beyond the cap nobody can allow one. */
	ck_assert(world_do(w, "poll-propose", "a", "More?", "x|y", NULL));
	memcpy(id, w->m->inbox.items[0].id, sizeof id);
	ck_assert(!world_do(w, "approve", id, NULL));
	world_tick(w, 5000); /* nobody answered: it is not opened */
	ck_assert_uint_eq(w->m->inbox.count, 0);
	ck_assert(!w->m->stages[place + 2].poll->proposed);
	ck_assert(world_do(w, "poll-propose", "a", "More?", "x|y", NULL));
	ck_assert(world_do(w, "cancel-run", NULL));
	ck_assert(!w->m->stages[place + 2].poll->proposed);
	world_free(w);

	w = proposing("proposals: allow");
	propose_poll(w, wish);
	ck_assert_int_eq(w->m->stages[place].poll->state, POLL_OPEN);
	world_free(w);

	w = proposing("proposals: refuse");
	propose_poll(w, wish);
	ck_assert_int_eq(w->m->stages[place].poll->state, POLL_NONE);
	ck_assert_uint_eq(w->m->inbox.count, 0);
	world_free(w);
}
END_TEST

START_TEST(polls_by_hand)
{
	struct world *w = polling("default: x", true);
	ck_assert(world_do(w, "poll-extend", "v", "5000", NULL));
	ck_assert_int_eq(core_next_deadline(w->m), w->now_ms + 15000);
	ck_assert(world_do(w, "poll-extend", "v", "1m", NULL));
	ck_assert_int_eq(core_next_deadline(w->m), w->now_ms + 75000);
	ck_assert(!world_do(w, "poll-extend", "v", "5", NULL));
	ck_assert(!world_do(w, "poll-extend", "v", "2h", NULL));
	ck_assert(!world_do(w, "poll-extend", "v", "-5s", NULL));
	ck_assert(!world_do(w, "poll-close", "after", NULL));
	ck_assert(world_do(w, "poll-close", "v", NULL));
	ck_assert(!world_do(w, "poll-close", "v", NULL));
	tally(w, 0, 1);
	ck_state(w, "v", "done");
	world_free(w);
	w = polling("default: x", true);
	ck_assert(world_do(w, "poll-void", "v", NULL));
	ck_assert_str_eq(poll_is(w), "void");
	ck_state(w, "v", "skipped");
	tally(w, 0, 1);
	ck_assert_str_eq(poll_is(w), "void");
	world_free(w);
}
END_TEST

/* --- story -------------------------------------------------------------- */

START_TEST(hash_by_members_equals_hash_of_all)
{
	struct story s;
	char before[HASH_HEX_BYTES], foretold[HASH_HEX_BYTES];
	static const char *const patches[] = {
		"{\"a\": 1, \"b\": {\"c\": [1, 2]}}",
		"{\"a\": null}",
		"{\"b\": {\"d\": true}}",
		"{\"b\": {\"d\": null}}",
		"{}",
		"{\"zz\": \"\", \"Z\": 0.5}",
	};
	story_init(&s);
	memcpy(before, story_hash(&s), sizeof before);
	for (size_t i = 0; i < COUNT_OF(patches); i++) {
		json_object *p =
			json_read_str(patches[i], &json_limits_own, NULL);
		story_hash_after(&s, p, foretold);
		story_patch(&s, p);
		ck_assert_str_eq(foretold, story_hash(&s));
		json_object_put(p);
		/* The same document made in one step has the same hash. */
		struct story fresh;
		story_init(&fresh);
		story_patch(&fresh, s.doc);
		ck_assert_str_eq(story_hash(&fresh), story_hash(&s));
		story_release(&fresh);
	}
	ck_assert_uint_eq(s.version, 5);
	ck_assert_str_ne(before, story_hash(&s));
	story_release(&s);
}
END_TEST

/* Hashes are made when they are asked for: whatever was foreseen in between,
 * and taken or not, they are those of the document. */
START_TEST(hashes_are_made_late)
{
	struct story s;
	unsigned chance = 7;
	char foretold[HASH_HEX_BYTES];
	story_init(&s);
	for (int i = 0; i < 4000; i++) {
		chance = chance * 1103515245 + 12345;
		unsigned what = chance >> 16;
		char *text = xasprintf(what % 5 ? "{\"k%u\":{\"v\":%d}}"
						: "{\"k%u\":null}",
				       what % 97, i);
		json_object *p = json_read_str(text, &json_limits_own, NULL);
		if (what % 3 == 0)
			story_hash_after(&s, p, foretold);
		if (what % 4)
			story_patch(&s, p);
		if (what % 4 && what % 3 == 0 && what % 7 == 0)
			ck_assert_str_eq(foretold, story_hash(&s));
		if (what % 11 == 0) {
			struct story fresh;
			story_init(&fresh);
			story_patch(&fresh, s.doc);
			ck_assert_str_eq(story_hash(&fresh), story_hash(&s));
			story_release(&fresh);
		}
		json_object_put(p);
		free(text);
	}
	story_release(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("proposals");
	TCase *t = tcase_create("proposals");
	tcase_add_test(t, adjudicate_first);
	tcase_add_test(t, adjudicate_confidence);
	tcase_add_test(t, an_answer_to_another_run_is_not_ours);
	tcase_add_test(t, adjudicate_cheapest);
	tcase_add_test(t, all_fail_and_all_are_asked_again);
	tcase_add_test(t, a_service_says_when_to_come_again);
	tcase_add_test(t, what_no_retry_mends_is_final);
	tcase_add_test(t, a_prompt_gets_what_it_names);
	tcase_add_test(t, each_misfit_has_its_verdict);
	tcase_add_test(t, the_same_answer_again_is_nothing_new);
	tcase_add_test(t, a_result_larger_than_an_event_is_refused);
	tcase_add_test(t, the_rule_of_the_winner);
	tcase_add_test(t, a_poll_gates_and_its_winner_goes_on);
	tcase_add_test(t, undecided_extends_then_takes_the_default);
	tcase_add_test(t, an_old_count_is_not_that_of_a_poll_opened_again);
	tcase_add_test(t, a_poll_does_not_open_again_under_a_panic);
	tcase_add_test(t, undecided_asks_a_human);
	tcase_add_test(t, polls_by_hand);
	tcase_add_test(t, several_polls_go_on);
	tcase_add_test(t, how_sure_a_lead_is);
	tcase_add_test(t, a_poll_that_no_stage_declares);
	tcase_add_test(t, an_agent_proposes_a_poll);
	tcase_add_test(t, a_frozen_poll_takes_no_votes_and_no_time);
	tcase_add_test(t, an_operator_decides_whatever_was_voted);
	tcase_add_test(t, a_choice_waits_until_its_price_is_approved);
	tcase_add_test(t, a_price_that_is_denied_lets_another_win);
	tcase_add_test(t, polls_keep_their_distance_and_their_number);
	tcase_add_test(t, hash_by_members_equals_hash_of_all);
	tcase_add_test(t, hashes_are_made_late);
	suite_add_tcase(s, t);
	return tap_run(s);
}
