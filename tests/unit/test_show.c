/* Shows that load: what is kept, what is worked out, and what comes back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "show/show_read.h"
#include "tap.h"
#include "temp.h"

static struct show *load_text(const char *text, bool json,
			      struct show_problems *problems)
{
	return (json ? show_parse_json : show_parse_yaml)(
		text, strlen(text), json ? "f.json" : "f.yaml", problems);
}

/* A show that must load. */
static struct show *good(const char *text, bool json)
{
	struct show_problems problems = {0};
	struct show *show = load_text(text, json, &problems);
	struct err err = {0};
	if (!show)
		show_problems_err(&problems, &err);
	ck_assert_msg(show != NULL, "%s\n%.2000s", err.text, text);
	show_problems_release(&problems);
	return show;
}

/* The first problem of a text that must not load. */
static void bad(const char *text, bool json, const char *wanted)
{
	struct show_problems problems = {0};
	struct show *show = load_text(text, json, &problems);
	ck_assert_ptr_null(show);
	ck_assert_uint_gt(problems.errors, 0);
	ck_assert_msg(strstr(problems.items[0].text, wanted) != NULL,
		      "wanted '%s', got '%s'", wanted, problems.items[0].text);
	show_problems_release(&problems);
}

/* What every show must hold, however it came about. */
static void check_whole(struct show *show)
{
	size_t n = show->stage_count;
	int *place = xcalloc(n + 1, sizeof *place);
	for (size_t i = 0; i < n; i++)
		place[show->order[i]] += (int)i + 1;
	for (size_t i = 0; i < n; i++) {
		const struct show_stage *s = &show->stages[i];
		int layer = 0;
		ck_assert_int_gt(place[i], 0);
		ck_assert_int_eq(show_find_stage(show, s->id), (int)i);
		for (size_t k = 0; k < s->dep_count; k++) {
			const struct show_stage *d = &show->stages[s->deps[k]];
			ck_assert_int_lt(place[s->deps[k]], place[i]);
			if (k)
				ck_assert_int_lt(s->deps[k - 1], s->deps[k]);
			if (d->layer >= layer)
				layer = d->layer + 1;
			bool back = false;
			for (size_t j = 0; j < d->dependent_count; j++)
				back |= d->dependents[j] == (int)i;
			ck_assert(back);
		}
		for (size_t j = 1; j < s->dependent_count; j++)
			ck_assert_int_lt(s->dependents[j - 1],
					 s->dependents[j]);
		ck_assert_int_eq(s->layer, layer);
	}
	free(place);
	struct err err = {0};
	json_object *o = json_read(show->definition, strlen(show->definition),
				   &json_limits_own, &err);
	ck_assert_msg(o != NULL, "%s", err.text);
	char *canonical = json_canonical(o);
	ck_assert_str_eq(canonical, show->definition);
	free(canonical);
	json_object_put(o);
	struct show *back = good(show->definition, true);
	ck_assert_str_eq(back->hash, show->hash);
	ck_assert_str_eq(back->definition, show->definition);
	ck_assert_uint_eq(back->agent_count, show->agent_count);
	for (size_t i = 0; i < show->agent_count; i++)
		ck_assert_str_eq(back->agents[i].id, show->agents[i].id);
	ck_assert_uint_eq(back->check_count, show->check_count);
	show_unref(&back);
}

static struct show *load_contract(void)
{
	const char *dir = getenv("srcdir");
	char *path =
		xasprintf("%s/tests/unit/show_contract.yaml", dir ? dir : ".");
	struct show_problems problems = {0};
	struct show *show = show_load(path, &problems);
	struct err err = {0};
	if (!show)
		show_problems_err(&problems, &err);
	ck_assert_msg(show != NULL, "%s", err.text);
	ck_assert_uint_eq(problems.errors, 0);
	for (size_t i = 0; i < problems.count; i++)
		/* Its agents have no price, and it caps money. */
		ck_assert_msg(strncmp(problems.items[i].text,
				      "not acted on yet: ", 18) == 0 ||
				      strncmp(problems.items[i].text,
					      "nobody can tell what ", 21) == 0,
			      "%s", problems.items[i].text);
	show_problems_release(&problems);
	free(path);
	return show;
}

START_TEST(test_contract_top)
{
	struct show *s = load_contract();
	ck_assert_str_eq(s->id, "adventure");
	ck_assert_str_eq(s->title, "Adventure of Adventures");
	ck_assert_int_eq(s->budget.tokens, 120000);
	ck_assert_int_eq(s->budget.cost_micros, 25000000);
	ck_assert_str_eq(s->budget.currency, "GBP");
	ck_assert_int_eq(s->budget.reserve, 10000);
	ck_assert_int_eq(s->budget.mode, MODE_ENFORCE);
	ck_assert(fabs(s->budget.warn_at - 0.8) < 1e-12);
	ck_assert_int_eq(s->budget.approval_deadline_ms, 60000);
	ck_assert_int_eq(s->budget.approval_default, ANSWER_DENY);
	ck_assert_uint_eq(s->mcp_count, 2);
	ck_assert_str_eq(s->mcp[0].id, "notes");
	ck_assert_uint_eq(s->mcp[0].argv.count, 3);
	ck_assert_str_eq(s->mcp[1].url, "http://127.0.0.1:8900/mcp");
	ck_assert_int_eq(s->polls.min_interval_ms, 60000);
	ck_assert_int_eq(s->polls.max_per_episode, 12);
	ck_assert(!s->polls.change_vote);
	ck_assert_int_eq(s->retention.events, 20000); /* not given */
	ck_assert_int_eq(s->retention.runs_days, 30);
	ck_assert_int_eq(s->retention.messages_days, 7);
	ck_assert(s->obs.given);
	ck_assert_str_eq(s->obs.url, "ws://127.0.0.1:4455");
	ck_assert_str_eq(s->obs.password_env, "OBS_PASSWORD");
	ck_assert_str_eq(s->obs.safe_scene, "Starting Soon");
	ck_assert_uint_eq(s->obs.scenes.count, 4);
	ck_assert_str_eq(s->obs.scenes.items[3], "Kokoro Test");
	ck_assert_str_eq(s->obs.sources.items[0], "Clip");
	ck_assert_uint_eq(s->obs.macro_count, 1);
	ck_assert_str_eq(s->obs.macros[0].name, "go_live");
	ck_assert_str_eq(s->obs.macros[0].batch,
			 "[{\"StartStream\":{}},{\"SetCurrentProgramScene\":"
			 "{\"sceneName\":\"Live\"}}]");
	ck_assert_uint_eq(s->rule_count, 2);
	ck_assert_str_eq(s->rules[0].name, "poll-scene");
	ck_assert_str_eq(s->rules[0].on, "poll:create");
	ck_assert_str_eq(s->rules[0].action, "obs_scene");
	ck_assert_str_eq(s->rules[0].value, "\"Poll\"");
	ck_assert(s->rules[0].enabled);
	ck_assert_str_eq(s->http.operator_addr, "127.0.0.1:7420");
	ck_assert_str_eq(s->http.audience_addr, "127.0.0.1:7421");
	check_whole(s);
	show_unref(&s);
	ck_assert_ptr_null(s);
}
END_TEST

START_TEST(test_contract_agents)
{
	struct show *s = load_contract();
	const struct show_agent *a =
		&s->agents[show_find_agent(s, "story_director")];
	ck_assert_str_eq(a->role, "Macro narrative arc");
	ck_assert_int_eq(a->via, VIA_HTTP);
	ck_assert_str_eq(a->url, "http://127.0.0.1:9101/agent");
	ck_assert_int_eq(a->timeout_ms, 30000);
	ck_assert_int_eq(a->quota_episode, 40000);
	ck_assert_int_eq(a->quota_daily, 200000);
	ck_assert_int_eq(a->max_concurrent, 2);
	ck_assert_int_eq(a->line, 14);
	a = &s->agents[show_find_agent(s, "narrator")];
	ck_assert_int_eq(a->via, VIA_LLM);
	ck_assert_int_eq(a->api, API_OPENAI);
	ck_assert_str_eq(a->model, "some-model");
	ck_assert_str_eq(a->key_env, "NARRATOR_KEY");
	ck_assert_str_eq(a->prompt, "prompts/narrator.md");
	ck_assert_int_eq(a->price_input_micros, 500000);
	ck_assert_int_eq(a->price_output_micros, 1500000);
	ck_assert_int_eq(a->max_concurrent, SHOW_UNSET);
	a = &s->agents[show_find_agent(s, "espeak")];
	ck_assert_int_eq(a->via, VIA_EXEC);
	ck_assert_uint_eq(a->argv.count, 4);
	ck_assert_str_eq(a->argv.items[3], "{{output_file}}");
	ck_assert_int_eq(show_find_agent(s, "nobody"), -1);
	show_unref(&s);
}
END_TEST

START_TEST(test_contract_stages)
{
	struct show *s = load_contract();
	ck_assert_uint_eq(s->stage_count, 5);
	const struct show_stage *p =
		&s->stages[show_find_stage(s, "placement")];
	ck_assert_str_eq(p->description,
			 "Place approved assets into the scene");
	ck_assert_uint_eq(p->dep_count, 2);
	ck_assert_int_eq(p->deps[0], show_find_name(s, "script_summary"));
	ck_assert_int_eq(p->deps[0], show_find_stage(s, "ideation"));
	ck_assert_int_eq(p->layer, 2);
	ck_assert_int_eq(p->token_cap, 6000);
	ck_assert_int_eq(p->time_cap_ms, 4000);
	ck_assert_int_eq(p->retry.max_attempts, 2);
	ck_assert_int_eq(p->retry.backoff_ms, 500);
	ck_assert_uint_eq(p->mcp_count, 1);
	ck_assert_str_eq(s->mcp[p->mcp[0]].id, "worldbuilder");
	ck_assert_str_eq(s->agents[p->agents[0]].id, "set_designer_agent");
	const struct show_poll *q = s->stages[show_find_stage(s, "route")].poll;
	ck_assert_str_eq(q->question, "Which way?");
	ck_assert_uint_eq(q->option_count, 2);
	ck_assert_str_eq(q->options[1].label, "Along the ridge");
	ck_assert_int_eq(q->options[1].requires_extra, 8000);
	ck_assert_int_eq(q->open_ms, 45000);
	ck_assert_int_eq(q->min_votes, 20);
	ck_assert(fabs(q->min_delta - 0.05) < 1e-12);
	ck_assert_int_eq(q->undecided, UNDECIDED_EXTEND);
	ck_assert_int_eq(q->extend_ms, 15000);
	ck_assert_int_eq(q->max_extensions, 2);
	ck_assert_int_eq(q->default_option, 0);
	ck_assert_int_eq(show_find_option(q, "ridge"), 1);
	ck_assert_int_eq(show_find_option(q, "sea"), -1);
	const struct show_stage *r =
		&s->stages[show_find_stage(s, "ridge_scene")];
	ck_assert_uint_eq(r->when_count, 1);
	ck_assert_int_eq(r->when[0].stage, show_find_stage(s, "route"));
	ck_assert_str_eq(r->when[0].value, "\"ridge\"");
	ck_assert_int_eq(r->adjudicate, ADJUDICATE_CONFIDENCE);
	ck_assert_uint_eq(r->veto_count, 1);
	ck_assert_int_eq(r->on_failure, ON_FAILURE_ASK);
	ck_assert_int_eq(r->go, GO_MANUAL);
	ck_assert_str_eq(r->notes, "Wait for the applause.");
	ck_assert_int_eq(r->expect_ms, 20000);
	ck_assert(r->finale);
	ck_assert(r->rehearsal.given);
	ck_assert_int_eq(r->rehearsal.after_ms, 900);
	ck_assert_int_eq(r->rehearsal.tokens, 2100);
	ck_assert_int_eq(r->rehearsal.fail_first, 1);
	ck_assert_str_eq(r->rehearsal.result,
			 "{\"beat\":\"The ridge collapses\"}");
	show_unref(&s);
}
END_TEST

START_TEST(test_contract_checks)
{
	struct show *s = load_contract();
	ck_assert_str_eq(s->checks_path, "checks/adventure.json");
	ck_assert_uint_eq(s->check_count, 2);
	int i = show_find_check(s, "Audio Services", "Narration");
	ck_assert_int_eq(i, 0);
	ck_assert_str_eq(s->checks[i].kind, "audio");
	ck_assert_str_eq(s->checks[i].payload, "{\"input\":\"The gate opens.\","
					       "\"voice\":\"af_sky\"}");
	ck_assert_int_eq(s->checks[i].timeout_ms, 5000);
	ck_assert_int_eq(show_find_check(s, "MCP Extensions", "Builder"), 1);
	ck_assert_int_eq(show_find_check(s, "MCP Extensions", "Narration"), -1);
	show_unref(&s);

	const char *dir = getenv("srcdir");
	char *path = xasprintf("%s/tests/unit/checks/adventure.json",
			       dir ? dir : ".");
	struct show_problems problems = {0};
	s = show_load_checks(path, &problems);
	ck_assert_ptr_nonnull(s);
	ck_assert_str_eq(s->id, "checks");
	ck_assert_uint_eq(s->check_count, 2);
	ck_assert_uint_eq(s->stage_count, 0);
	show_problems_release(&problems);
	show_unref(&s);
	free(path);
}
END_TEST

/* The block as it stands in the document that the product was conceived in. */
static const char blueprint[] = "id: placement\n"
				"description: Place approved assets into the "
				"scene\n"
				"inputs:\n"
				"  - script_summary\n"
				"  - asset_concepts\n"
				"agents:\n"
				"  - set_designer_agent\n"
				"MCP:\n"
				"  - worldbuilder\n"
				"budget:\n"
				"  token_cap: 6000\n"
				"  time_cap_ms: 4000\n"
				"retry:\n"
				"  max_attempts: 2\n"
				"  backoff_ms: 500\n";

START_TEST(test_blueprint_block)
{
	struct buf b = {0};
	buf_adds(&b, "show: s\nagents: { set_designer_agent: { via: bus } }\n"
		     "stages:\n"
		     "  - { id: ideation, agents: [set_designer_agent], "
		     "outputs: [script_summary, asset_concepts] }\n");
	const char *indent = "  - ";
	for (const char *at = blueprint; *at;) {
		size_t len = strcspn(at, "\n") + 1;
		buf_adds(&b, indent);
		buf_add(&b, at, len);
		indent = "    ";
		at += len;
	}
	struct show_problems problems = {0};
	struct show *s = load_text(buf_str(&b), false, &problems);
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(problems.count, 0);
	ck_assert_str_eq(s->mcp[s->stages[1].mcp[0]].id, "worldbuilder");
	ck_assert_int_eq(s->stages[1].token_cap, 6000);
	check_whole(s);
	show_problems_release(&problems);
	show_unref(&s);
	buf_release(&b);
}
END_TEST

START_TEST(test_names_of_mcp)
{
	struct buf b = {0};
	buf_adds(&b, "show: s\nagents: { a: { via: noop } }\nstages:\n");
	for (int i = 0; i < 50; i++)
		buf_addf(&b, "- { id: s%d, agents: [a], MCP: [m%d, m%d] }\n", i,
			 i, 49 - i);
	struct show *s = good(buf_str(&b), false);
	ck_assert_uint_eq(s->mcp_count, 50);
	ck_assert_uint_eq(s->stages[49].mcp_count, 2);
	ck_assert_str_eq(s->mcp[s->stages[49].mcp[0]].id, "m49");
	ck_assert_str_eq(s->mcp[s->stages[49].mcp[1]].id, "m0");
	check_whole(s);
	show_unref(&s);
	buf_release(&b);
}
END_TEST

START_TEST(test_defaults)
{
	struct show *s = good(
		"show: s\n"
		"stages:\n"
		"  - { id: x, agents: [a] }\n"
		"  - { id: y, agents: [a], retry: { max_attempts: 7 }, "
		"on_failure: ask, budget: { token_cap: 1 } }\n"
		"  - { id: p, poll: { question: Q, options: [ { id: a }, "
		"{ id: b } ] } }\n"
		"  - { id: q, poll: { question: Q, default: b, open_ms: 777, "
		"options: [ { id: a }, { id: b } ] } }\n"
		"defaults:\n"
		"  retry: { max_attempts: 3, backoff_ms: 250 }\n"
		"  budget: { time_cap_ms: 900, token_cap: 4001 }\n"
		"  on_failure: continue\n"
		"  adjudicate: first\n"
		"  go: manual\n"
		"agents: { a: { via: noop } }\n",
		false);
	const struct show_stage *x = &s->stages[0], *y = &s->stages[1];
	ck_assert_int_eq(x->retry.max_attempts, 3);
	ck_assert_int_eq(x->retry.backoff_ms, 250);
	ck_assert_int_eq(x->time_cap_ms, 900);
	ck_assert_int_eq(x->token_cap, 4001);
	ck_assert_int_eq(x->on_failure, ON_FAILURE_CONTINUE);
	ck_assert_int_eq(x->adjudicate, ADJUDICATE_FIRST);
	ck_assert_int_eq(x->go, GO_MANUAL);
	ck_assert_int_eq(x->rehearsal.tokens, 2000);
	ck_assert(!x->rehearsal.given);
	ck_assert_int_eq(y->retry.max_attempts, 7);
	ck_assert_int_eq(y->retry.backoff_ms, 250);
	ck_assert_int_eq(y->on_failure, ON_FAILURE_ASK);
	ck_assert_int_eq(y->token_cap, 1);
	ck_assert_int_eq(y->time_cap_ms, 900);
	const struct show_poll *p = s->stages[2].poll, *q = s->stages[3].poll;
	ck_assert_int_eq(p->undecided, UNDECIDED_ASK);
	ck_assert_int_eq(p->default_option, -1);
	ck_assert_int_eq(p->open_ms, 30000);
	ck_assert_int_eq(p->extend_ms, 30000);
	ck_assert_str_eq(p->options[0].label, "a");
	ck_assert_int_eq(q->undecided, UNDECIDED_DEFAULT);
	ck_assert_int_eq(q->default_option, 1);
	ck_assert_int_eq(q->extend_ms, 777);
	ck_assert_str_eq(s->title, "s");
	ck_assert_int_eq(s->budget.tokens, SHOW_UNSET);
	ck_assert_int_eq(s->budget.approval_deadline_ms, 60000);
	ck_assert(!s->obs.given);
	ck_assert_str_eq(s->http.operator_addr, "127.0.0.1:7420");
	check_whole(s);
	show_unref(&s);
}
END_TEST

START_TEST(test_retention)
{
	struct show *s = good("show: s\n"
			      "agents: { a: { via: noop } }\n"
			      "stages: [ { id: x, agents: [a] } ]\n"
			      "retention: { events: 500, runs_days: 0 }\n",
			      false);
	ck_assert_int_eq(s->retention.events, 500);
	ck_assert_int_eq(s->retention.runs_days, 0);
	ck_assert_int_eq(s->retention.messages_days, 7);
	show_unref(&s);
}
END_TEST

START_TEST(test_plain_words_stay_text)
{
	struct show *s =
		good("show: s\ntitle: 1984\n"
		     "agents: { a: { via: noop, role: yes } }\n"
		     "stages:\n"
		     "  - { id: x, agents: [a], notes: 1:30, rehearsal: "
		     "{ result: { a: yes, b: 010, c: 1_0, d: ~, e: "
		     "true, f: -3, g: 1.50, h: \"7\", i: 0x1F } } }\n"
		     "  - { id: p, poll: { question: no, options: [ "
		     "{ id: no }, { id: 2, label: off } ] } }\n"
		     "  - { id: z, agents: [a], when: { p: 2 } }\n",
		     false);
	ck_assert_str_eq(s->title, "1984");
	ck_assert_str_eq(s->agents[0].role, "yes");
	ck_assert_str_eq(s->stages[0].notes, "1:30");
	ck_assert_str_eq(s->stages[0].rehearsal.result,
			 "{\"a\":\"yes\",\"b\":\"010\",\"c\":\"1_0\","
			 "\"d\":null,\"e\":true,\"f\":-3,\"g\":1.5,"
			 "\"h\":\"7\",\"i\":\"0x1F\"}");
	ck_assert_str_eq(s->stages[1].poll->options[1].label, "off");
	ck_assert_str_eq(s->stages[2].when[0].value, "\"2\"");
	check_whole(s);
	show_unref(&s);
}
END_TEST

START_TEST(test_yaml_and_json_are_one)
{
	struct show *y = good("show: s\n"
			      "title: \"caf\\u00e9 \\U0001F3AD\"\n"
			      "agents: { b: { via: noop }, a: { via: exec, "
			      "argv: [sh, '{{x}}'] } }\n"
			      "stages:\n- id: x\n  agents: [b, a]\n"
			      "  description: |\n    one\n    two\n",
			      false);
	struct show *j = good(
		"{\"stages\":[{\"description\":\"one\\ntwo\",\"agents\":"
		"[\"b\",\"a\"],\"id\":\"x\"}],\"agents\":{\"a\":{\"argv\":"
		"[\"sh\",\"{{x}}\"],\"via\":\"exec\"},\"b\":{\"via\":\"noop\"}"
		"},\"title\":\"caf\\u00e9 \\ud83c\\udfad\",\"show\":\"s\"}",
		true);
	ck_assert_str_eq(y->definition, j->definition);
	ck_assert_str_eq(y->hash, j->hash);
	ck_assert_str_eq(y->title, "caf\xc3\xa9 \xf0\x9f\x8e\xad");
	ck_assert_int_eq(j->stages[0].line, 1);
	ck_assert_int_eq(j->stages[0].column, 12);
	ck_assert_int_eq(y->stages[0].line, 5);
	ck_assert_int_eq(y->stages[0].column, 3);
	show_unref(&y);
	show_unref(&j);
}
END_TEST

START_TEST(test_delays_and_limits)
{
	struct show_retry r = {.max_attempts = 4,
			       .backoff_ms = 2000,
			       .multiplier = 2,
			       .max_backoff_ms = 300000};
	ck_assert_int_eq(show_retry_delay_ms(&r, 1), 0);
	ck_assert_int_eq(show_retry_delay_ms(&r, 2), 2000);
	ck_assert_int_eq(show_retry_delay_ms(&r, 3), 4000);
	ck_assert_int_eq(show_retry_delay_ms(&r, 4), 8000);
	ck_assert_int_eq(show_retry_delay_ms(&r, 100), 300000);
	r.multiplier = 1;
	ck_assert_int_eq(show_retry_delay_ms(&r, 1000000000), 2000);
	r.backoff_ms = 400000;
	ck_assert_int_eq(show_retry_delay_ms(&r, 2), 300000);
	struct show_stage s = {.time_cap_ms = SHOW_UNSET};
	struct show_agent a = {.timeout_ms = 500};
	ck_assert_int_eq(show_call_limit_ms(&s, &a), 500);
	s.time_cap_ms = 400;
	ck_assert_int_eq(show_call_limit_ms(&s, &a), 400);
	s.time_cap_ms = 600;
	ck_assert_int_eq(show_call_limit_ms(&s, &a), 500);
	ck_assert_str_eq(show_via_name(VIA_NOOP), "noop");
	ck_assert_str_eq(show_adjudicate_name(ADJUDICATE_CHEAPEST), "cheapest");
	ck_assert_str_eq(show_on_failure_name(ON_FAILURE_SKIP_DEPENDENTS),
			 "skip_dependents");
	ck_assert_str_eq(show_undecided_name(UNDECIDED_ASK), "ask");
}
END_TEST

/* --- caps ---------------------------------------------------------------- */

static void add_many(struct buf *b, const char *s, int n)
{
	for (int i = 0; i < n; i++)
		buf_adds(b, s);
}

START_TEST(test_depth)
{
	struct buf b = {0};
	/* Six levels lie above the value of `n`. */
	for (int extra = 0; extra < 2; extra++) {
		buf_clear(&b);
		buf_adds(&b, "show: s\nagents: { a: { via: noop } }\nstages: "
			     "[ { id: x, agents: [a], rehearsal: { result: "
			     "{ n: ");
		add_many(&b, "[", 27 + extra);
		add_many(&b, "]", 27 + extra);
		buf_adds(&b, " } } } ]\n");
		if (extra) {
			bad(buf_str(&b), false, "nested deeper than 32 levels");
			continue;
		}
		struct show *s = good(buf_str(&b), false);
		check_whole(s);
		show_unref(&s);
	}
	/* libyaml alone would be quadratic over these. */
	buf_clear(&b);
	add_many(&b, "[", 200000);
	bad(buf_str(&b), false, "nested deeper than 32 levels");
	bad(buf_str(&b), true, "nested deeper than 40 levels");
	buf_clear(&b);
	add_many(&b, "{a: ", 200000);
	bad(buf_str(&b), false, "nested deeper than 32 levels");
	buf_clear(&b);
	add_many(&b, "- ", 200000);
	bad(buf_str(&b), false, "nested deeper than 32 levels");
	buf_release(&b);
}
END_TEST

START_TEST(test_floods)
{
	struct buf b = {0};
	buf_adds(&b, "a: [");
	for (int i = 0; i < 100000; i++)
		buf_addf(&b, "&a%d x,", i);
	bad(buf_str(&b), false, "anchors (&) are not taken");
	buf_clear(&b);
	add_many(&b, "? ", 100000);
	bad(buf_str(&b), false, "a key must be one word");
	buf_clear(&b);
	buf_adds(&b, "show: s\nstages: [");
	add_many(&b, "1,", 1100000);
	buf_adds(&b, "]");
	bad(buf_str(&b), false, "too many values");
	buf_clear(&b);
	buf_adds(&b, "show: s #");
	add_many(&b, "0123456789abcdef", 4 * 65536);
	bad(buf_str(&b), false, "too large");
	buf_release(&b);
}
END_TEST

START_TEST(test_bytes)
{
	struct show_problems problems = {0};
	static const struct {
		const char *text;
		size_t bytes;
		int line, column;
		const char *wanted;
	} cases[] = {
		{"a: b\n\xffx", 7, 2, 1, "not UTF-8"},
		{"a: \xc3\xa9\xc3", 6, 1, 5, "not UTF-8"},
		{"a: \xc0\x80", 5, 1, 4, "not UTF-8"},
		{"a: \xed\xa0\x80", 6, 1, 4, "not UTF-8"},
		{"a: x\x1b[31m", 9, 1, 5, "a control character"},
		{"a: \xc2\x9b", 5, 1, 4, "a control character"},
		{"a: x\0y", 6, 1, 5, "a control character"},
		{"\xff\xfe"
		 "a\0",
		 4, 1, 1, "UTF-16"},
		{"a\0b\0", 4, 1, 2, "UTF-16"},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct show *s = show_parse_yaml(cases[i].text, cases[i].bytes,
						 "f", &problems);
		ck_assert_ptr_null(s);
		const struct show_problem *p = &problems.items[0];
		ck_assert_msg(strncmp(p->text, cases[i].wanted,
				      strlen(cases[i].wanted)) == 0 &&
				      p->line == cases[i].line &&
				      p->column == cases[i].column,
			      "case %zu: %d:%d %s", i, p->line, p->column,
			      p->text);
		show_problems_release(&problems);
	}
	struct show *bom = good("\xef\xbb\xbfshow: s\nagents: { a: { via: noop "
				"} }\nstages: [ { id: x, agents: [a] } ]\n",
				false);
	show_unref(&bom);
	bad("\xef\xbb\xbf{}", true, "not JSON");
}
END_TEST

static char *many_stages(int n)
{
	struct buf b = {0};
	buf_adds(&b, "show: s\nagents: { a: { via: noop } }\nstages:\n");
	for (int i = 0; i < n; i++) {
		buf_addf(&b, "- { id: s%d, agents: [a]", i);
		if (i)
			buf_addf(&b, ", inputs: [s%d]", i - 1);
		buf_adds(&b, " }\n");
	}
	return buf_take(&b);
}

START_TEST(test_stage_cap)
{
	char *text = many_stages(SHOW_MAX_STAGES);
	struct show *s = good(text, false);
	ck_assert_uint_eq(s->stage_count, SHOW_MAX_STAGES);
	ck_assert_int_eq(s->stages[SHOW_MAX_STAGES - 1].layer,
			 SHOW_MAX_STAGES - 1);
	show_unref(&s);
	free(text);
	text = many_stages(SHOW_MAX_STAGES + 1);
	bad(text, false, "stages has 20001 entries; it may have 1 to 20000");
	free(text);
}
END_TEST

START_TEST(test_long_cycle)
{
	struct buf b = {0};
	buf_adds(&b, "show: s\nagents: { a: { via: noop } }\nstages:\n");
	for (int i = 0; i < 10000; i++)
		buf_addf(&b, "- { id: s%d, agents: [a], inputs: [s%d] }\n", i,
			 (i + 9999) % 10000);
	struct show_problems problems = {0};
	ck_assert_ptr_null(load_text(buf_str(&b), false, &problems));
	ck_assert_uint_eq(problems.count, 1);
	ck_assert_str_eq(problems.items[0].text,
			 "cycle: s0 -> s1 -> s2 -> s3 -> s4 -> s5 -> s6 -> s7 "
			 "-> ... (9985 more) -> s9993 -> s9994 -> s9995 -> "
			 "s9996 -> s9997 -> s9998 -> s9999 -> s0");
	show_problems_release(&problems);
	buf_release(&b);
}
END_TEST

START_TEST(test_options)
{
	for (int n = SHOW_MAX_OPTIONS; n <= SHOW_MAX_OPTIONS + 1; n++) {
		struct buf b = {0};
		buf_adds(&b, "show: s\nstages: [ { id: p, poll: { question: Q, "
			     "options: [");
		for (int i = 0; i < n; i++)
			buf_addf(&b, "%s{ id: %d }", i ? ", " : "", i);
		buf_adds(&b, "] } } ]\n");
		if (n > SHOW_MAX_OPTIONS) {
			bad(buf_str(&b), false,
			    "stages[].poll.options has 65 entries; it may "
			    "have 2 to 64");
		} else {
			struct show *s = good(buf_str(&b), false);
			ck_assert_int_eq(
				show_find_option(s->stages[0].poll, "63"), 63);
			show_unref(&s);
		}
		buf_release(&b);
	}
}
END_TEST

START_TEST(test_many_problems)
{
	struct buf b = {0};
	buf_adds(&b, "show: s\nagents: { a: { via: noop } }\nstages:\n");
	for (int i = 0; i < 2000; i++)
		buf_addf(&b,
			 "- { id: s%d, agents: [z], retry: { backoff_ms: 9, "
			 "max_backoff_ms: 5 } }\n",
			 i);
	struct show_problems problems = {0};
	ck_assert_ptr_null(load_text(buf_str(&b), false, &problems));
	ck_assert_uint_eq(problems.errors, 2000);
	ck_assert_uint_eq(problems.warnings, 2000);
	ck_assert_uint_eq(problems.count, 1002);
	ck_assert_str_eq(problems.items[1000].text, "and 1500 more");
	struct err err = {0};
	ck_assert(!show_problems_err(&problems, &err));
	ck_assert_int_eq(err.code, ERR_DATA);
	ck_assert_str_eq(err.text,
			 "f.yaml:4:22: error: unknown agent 'z' (and 1999 "
			 "more)");
	show_problems_release(&problems);
	buf_release(&b);
}
END_TEST

/* --- files --------------------------------------------------------------- */

START_TEST(test_files)
{
	struct show_problems problems = {0};
	ck_assert_ptr_null(show_load("/no/such/show.yaml", &problems));
	ck_assert_uint_eq(problems.errors, 1);
	ck_assert_int_eq(problems.items[0].line, 0);
	char *line = show_problem_line(&problems.items[0]);
	ck_assert_msg(strncmp(line, "/no/such/show.yaml: error: ", 27) == 0,
		      "%s", line);
	free(line);
	show_problems_release(&problems);
	ck_assert_ptr_null(show_load("/", &problems));
	ck_assert_uint_eq(problems.errors, 1);
	show_problems_release(&problems);
	ck_assert_ptr_null(show_load("/dev/zero", &problems));
	ck_assert_uint_eq(problems.errors, 1);
	show_problems_release(&problems);
}
END_TEST

START_TEST(test_broken_checks_file)
{
	char *dir = temp_new();
	char *show_path = xasprintf("%s/s.yaml", dir);
	char *checks_path = xasprintf("%s/c.json", dir);
	static const char show_text[] =
		"show: s\nagents: { a: { via: noop } }\n"
		"stages: [ { id: x, agents: [a] } ]\n"
		"checks: c.json\ntitel: T\n";
	static const char checks_text[] =
		"{ \"cards\": [\n"
		"  { \"card\": \"A\", \"test\": [] } ] }";
	struct err err = {0};
	ck_assert(file_write(show_path, show_text, sizeof show_text - 1, 0600,
			     &err));
	ck_assert(file_write(checks_path, checks_text, sizeof checks_text - 1,
			     0600, &err));
	struct show_problems problems = {0};
	ck_assert_ptr_null(show_load(show_path, &problems));
	ck_assert_uint_eq(problems.count, 3);
	ck_assert_str_eq(problems.items[0].file, checks_path);
	ck_assert_int_eq(problems.items[0].line, 2);
	ck_assert_str_eq(problems.items[0].text,
			 "a card needs the key 'tests'");
	ck_assert_str_eq(problems.items[1].text,
			 "unknown key 'test' in a card (did you mean "
			 "'tests'?)");
	ck_assert_str_eq(problems.items[2].file, show_path);
	ck_assert_int_eq(problems.items[2].line, 5);
	show_problems_release(&problems);
	temp_remove(&dir);
	free(show_path);
	free(checks_path);
}
END_TEST

/* --- random shows -------------------------------------------------------- */

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static char *random_show(uint64_t *seed)
{
	struct buf b = {0};
	int n = 1 + (int)(next_random(seed) % 30);
	buf_adds(&b, "show: r\nagents: { b: { via: noop }, a: { via: bus } }\n"
		     "stages:\n");
	for (int i = 0; i < n; i++) {
		uint64_t r = next_random(seed);
		buf_addf(&b, "- id: s%d\n", (i * 7) % n == i ? i : i);
		if (i && r % 3)
			buf_addf(&b, "  inputs: [s%d, %s%d]\n",
				 (int)(next_random(seed) % (uint64_t)i),
				 r % 2 ? "o" : "s",
				 (int)(next_random(seed) % (uint64_t)i));
		buf_addf(&b, "  outputs: [o%d]\n", i);
		if (r % 5 == 0)
			buf_addf(&b,
				 "  poll: { question: Q%d, options: [ { id: "
				 "%d }, { id: no, label: \"\\u00e9%d\" } ], "
				 "min_delta: 0.%d }\n",
				 i, i, i, (int)(r % 97));
		else
			buf_adds(&b, r % 2 ? "  agents: [a, b]\n"
					   : "  agents: [b]\n");
		if (r % 7 == 0)
			buf_addf(&b,
				 "  rehearsal: { result: { o%d: [ %d.5e%d,"
				 " -0, \"\\b\\e\\x7f\\\\/\", {} ] } }\n",
				 i, (int)(r % 1000), (int)(r % 40) - 20);
	}
	return buf_take(&b);
}

START_TEST(test_random)
{
	uint64_t seed = (uint64_t)time(NULL);
	const char *given = getenv("SHOW_SEED");
	if (given)
		seed = strtoull(given, NULL, 10);
	printf("# SHOW_SEED=%llu\n", (unsigned long long)seed);
	for (int i = 0; i < 150; i++) {
		char *text = random_show(&seed);
		struct show *s = good(text, false);
		check_whole(s);
		show_unref(&s);
		free(text);
	}
}
END_TEST

START_TEST(test_refs)
{
	struct show *a = good("show: s\nagents: { a: { via: noop } }\n"
			      "stages: [ { id: x, agents: [a] } ]\n",
			      false);
	struct show *b = show_ref(a);
	show_unref(&a);
	ck_assert_ptr_null(a);
	ck_assert_str_eq(b->id, "s");
	show_unref(&b);
	show_unref(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("show");
	TCase *tc = tcase_create("show");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_contract_top);
	tcase_add_test(tc, test_contract_agents);
	tcase_add_test(tc, test_contract_stages);
	tcase_add_test(tc, test_contract_checks);
	tcase_add_test(tc, test_blueprint_block);
	tcase_add_test(tc, test_names_of_mcp);
	tcase_add_test(tc, test_defaults);
	tcase_add_test(tc, test_retention);
	tcase_add_test(tc, test_plain_words_stay_text);
	tcase_add_test(tc, test_yaml_and_json_are_one);
	tcase_add_test(tc, test_delays_and_limits);
	tcase_add_test(tc, test_depth);
	tcase_add_test(tc, test_floods);
	tcase_add_test(tc, test_bytes);
	tcase_add_test(tc, test_stage_cap);
	tcase_add_test(tc, test_long_cycle);
	tcase_add_test(tc, test_options);
	tcase_add_test(tc, test_many_problems);
	tcase_add_test(tc, test_files);
	tcase_add_test(tc, test_broken_checks_file);
	tcase_add_test(tc, test_random);
	tcase_add_test(tc, test_refs);
	suite_add_tcase(suite, tc);
	return tap_run(suite);
}
