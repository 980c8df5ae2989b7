#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

int stage_agent_place(const struct model *m, int stage, int agent)
{
	const struct call *calls = m->stages[stage].calls;
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++)
		if (calls[k].agent == agent)
			return (int)k;
	return -1;
}

/* --- folding ------------------------------------------------------------ */

static void end_call(struct model *m, const struct event *e, int stage,
		     int agent, enum call_state state)
{
	int k = stage_agent_place(m, stage, agent);
	if (k < 0)
		return;
	struct call *c = &m->stages[stage].calls[k];
	if (c->state == CALL_OUT) {
		m->agent_calls[agent]--;
		m->ready_tried = 0;
	}
	c->state = state;
	c->ended_ms = e->at_ms;
	if (state == CALL_ANSWERED) {
		json_object_put(c->result);
		c->result = event_ref(e, "result");
		c->confidence = event_num(e, "confidence", -1);
		c->cost_micros = event_int(e, "cost_micros", 0);
		c->tokens = event_int(e, "tokens", 0);
		return;
	}
	const char *text = event_str(e, "message", "");
	free(c->error);
	c->error = xconcat(event_str(e, "code", "failed"),
			   *text ? ": " : "", text, NULL);
	c->retry_after_ms = event_int(e, "retry_after_ms", 0);
}

void proposals_apply(struct model *m, const struct event *e, int stage,
		     int agent)
{
	if (stage < 0 || agent < 0)
		return;
	if (e->type == EVENT_STAGE_PROPOSAL)
		end_call(m, e, stage, agent, CALL_ANSWERED);
	else if (e->type == EVENT_STAGE_ERROR)
		end_call(m, e, stage, agent, CALL_FAILED);
}

/* --- calling ------------------------------------------------------------ */

/* What the story has under the names of stages and outputs. The values are the
 * story's own, and not to be changed. */
static json_object *members_of(const struct model *m,
			       const struct show_names *names)
{
	json_object *members = json_object_new_object();
	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i];
		json_object *value = NULL;
		if (json_object_object_get_ex(m->story.doc, name, &value)) {
			json_object_object_add(members, name,
					       json_object_get(value));
			continue;
		}
		/* A stage by its id: all that it put into the story. */
		int from = show_find_stage(m->show, name);
		const struct show_names *out =
			from < 0 ? NULL : &m->show->stages[from].outputs;
		json_object *all = json_object_new_object();
		for (size_t k = 0; out && k < out->count; k++)
			if (json_object_object_get_ex(m->story.doc,
						      out->items[k], &value))
				json_object_object_add(all, out->items[k],
						       json_object_get(value));
		json_object_object_add(members, name, all);
	}
	return members;
}

json_object *proposals_inputs(const struct model *m, int stage)
{
	return members_of(m, &m->show->stages[stage].inputs);
}

static void add_members(struct json_out *o, const char *key,
			const struct model *m, const struct show_names *names)
{
	json_object *members = members_of(m, names);
	json_add(o, key, &members);
}

static void add_parameters(struct json_out *o, const struct model *m, int stage,
			   int agent)
{
	const struct show_stage *def = &m->show->stages[stage];
	const struct show_names *named = &m->show->agents[agent].prompt_story;
	json_out_object(o, "parameters");
	json_add_str(o, "show", m->show->id);
	json_add_str(o, "run", m->run.id);
	json_add_str(o, "stage", def->id);
	json_add_int(o, "attempt", m->stages[stage].attempt);
	json_add_str(o, "group", def->group);
	json_add_str(o, "description", def->description);
	add_members(o, "inputs", m, &def->inputs);
	json_out_array(o, "outputs");
	for (size_t i = 0; i < def->outputs.count; i++)
		json_add_str(o, NULL, def->outputs.items[i]);
	json_out_end(o);
	if (named->count)
		add_members(o, "story", m, named);
	/* So that a model may do better than the last time. */
	json_add_str(o, "last_error", m->stages[stage].last_error);
	if (def->mcp_count) {
		json_out_array(o, "mcp");
		for (size_t i = 0; i < def->mcp_count; i++)
			json_add_str(o, NULL, m->show->mcp[def->mcp[i]].id);
		json_out_end(o);
	}
	json_out_end(o);
}

char *call_key(const struct model *m, int stage, int attempt)
{
	char n[TEXT_INT_BYTES];
	return xconcat(m->run.id, "/", m->show->stages[stage].id,
		       text_int(n, "/", attempt), NULL);
}

/* The body of contract 3.4: every transport carries the same. */
static char *request_text(const struct model *m, int stage, int agent,
			  const char *key, const struct call *c,
			  int64_t limit_ms)
{
	char at[32];
	struct json_out *o = json_out_new();
	json_add_str(o, "id", key);
	json_add_str(o, "timestamp",
		     clock_rfc3339(at, sizeof at, c->started_ms));
	json_add_str(o, "capability", m->show->stages[stage].id);
	json_add_str(o, "agent", m->show->agents[agent].id);
	add_parameters(o, m, stage, agent);
	json_add_int(o, "timeout", limit_ms);
	json_add_str(o, "correlationId", key);
	if (c->lease >= 0) {
		json_out_object(o, "lease");
		json_add_str(o, "id", ledger_lease(m, c->lease)->id);
		json_add_int(o, "tokens", c->lease_tokens);
		json_out_end(o);
	}
	char *text = buf_take(json_out_text(o));
	json_out_free(&o);
	return text;
}

static void call_one(struct deciding *d, int stage, size_t k, int64_t limit_ms)
{
	const struct model *m = d->m;
	const struct call *c = &m->stages[stage].calls[k];
	struct effect *x = effect_add(d, EFFECT_CALL);
	x->stage = stage;
	x->agent = c->agent;
	x->attempt = m->stages[stage].attempt;
	x->key = call_key(m, stage, x->attempt);
	x->limit_ms = limit_ms;
	x->lease_tokens = c->lease_tokens;
	if (c->lease >= 0)
		x->lease = xstrdup(ledger_lease(m, c->lease)->id);
	if (m->show->agents[x->agent].via != VIA_NOOP)
		x->text = request_text(m, stage, x->agent, x->key, c, limit_ms);
}

void proposals_call(struct deciding *d, int stage)
{
	const struct show_stage *def = &d->m->show->stages[stage];
	for (size_t k = 0; k < def->agent_count; k++)
		call_one(
			d, stage, k,
			show_call_limit_ms(def, &d->m->show->agents[stage_agent(
							d->m, stage, k)]));
}

void proposals_again(struct deciding *d, int stage)
{
	const struct stage_run *s = &d->m->stages[stage];
	const struct show_stage *def = &d->m->show->stages[stage];
	int64_t left =
		s->stood_ms ? s->stood_ms : s->deadline_ms - d->in->now_ms;
	for (size_t k = 0; k < def->agent_count; k++)
		if (s->calls[k].state == CALL_OUT && left > 0)
			call_one(d, stage, k, left);
	if (s->stood_ms)
		proposals_stand(d, stage);
}

void proposals_stand(struct deciding *d, int stage)
{
	const struct stage_run *s = &d->m->stages[stage];
	const struct show_stage *def = &d->m->show->stages[stage];
	for (size_t k = 0; k < def->agent_count; k++) {
		if (s->calls[k].state != CALL_OUT)
			continue;
		struct effect *x = effect_add(d, EFFECT_STAND_CALL);
		x->stage = stage;
		x->agent = s->calls[k].agent;
		x->attempt = s->attempt;
		x->key = call_key(d->m, stage, s->attempt);
		x->flag = s->stood_ms != 0;
	}
}

/* --- answering ---------------------------------------------------------- */

/* An answer to a call of another run has the same stage and attempt; only the
 * key, or a lease, tells it from ours. */
static bool has_other_key(const struct model *m, const struct input *in,
			  int stage, int attempt)
{
	char *key = in->key ? call_key(m, stage, attempt) : NULL;
	bool other = key && strcmp(key, in->key) != 0;
	free(key);
	return other;
}

/* What the call was made on that this answers. */
static const char *base_of(const struct model *m, const struct input *in,
			   int stage)
{
	const struct stage_run *s = &m->stages[stage];
	int attempt = in->attempt > 0 ? in->attempt : s->attempt;
	if (has_other_key(m, in, stage, attempt))
		return NULL;
	for (size_t i = 0; i < COUNT_OF(s->bases); i++)
		if (s->bases[i].attempt == attempt && *s->bases[i].hash)
			return s->bases[i].hash;
	return NULL;
}

static void too_late(struct deciding *d, int stage, int agent,
		     const char *verdict)
{
	const struct input *in = d->in;
	struct json_out *data = json_out_new();
	json_object *result = json_object_get(in->result);
	json_add_str(data, "verdict", verdict);
	json_add_int(data, "attempt", in->attempt);
	if (stage < 0)
		json_add_str(data, "stage", in->stage);
	if (agent < 0)
		json_add_str(data, "agent", in->agent);
	if (in->tokens_used >= 0)
		json_add_int(data, "tokens", in->tokens_used);
	if (stage >= 0)
		json_add_str(data, "base", base_of(d->m, in, stage));
	if (result && strlen(json_text(result)) < EVENT_RESULT_BYTES)
		json_add(data, "result", &result);
	json_object_put(result);
	if (stage >= 0 && agent >= 0)
		budget_late(d, stage, agent, in);
	emit(d, EVENT_PROPOSAL_LATE, stage, agent, &data);
}

/* Why this answer is not the one that is waited for; NULL when it is. */
static const char *misfit(const struct model *m, const struct input *in,
			  int stage, int agent)
{
	if (stage < 0)
		return "unknown_stage";
	int k = agent < 0 ? -1 : stage_agent_place(m, stage, agent);
	if (k < 0)
		return "wrong_agent";
	const struct stage_run *s = &m->stages[stage];
	const struct call *c = &s->calls[k];
	if ((in->attempt > 0 && in->attempt != s->attempt) ||
	    has_other_key(m, in, stage, s->attempt))
		return "old_attempt";
	if (in->lease && c->lease >= 0 &&
	    strcmp(in->lease, ledger_lease(m, c->lease)->id) != 0)
		return "old_attempt";
	if (c->state == CALL_OUT && s->state == STAGE_RUNNING)
		return NULL;
	if (c->state == CALL_ANSWERED)
		return "duplicate";
	return c->state == CALL_FAILED ? "deadline" : "finished";
}

/* An agent that was asked twice under one key answers twice, and a core that
 * died may have left an answer unacknowledged: the very answer that stands in
 * the log is nothing new. */
static bool is_repeat(const struct model *m, const struct input *in, int stage,
		      int agent)
{
	const struct call *c =
		&m->stages[stage].calls[stage_agent_place(m, stage, agent)];
	int64_t tokens =
		in->tokens_used >= 0 ? in->tokens_used : c->lease_tokens;
	return in->ok && (in->key || in->lease) && tokens == c->tokens &&
	       json_equal(in->result, c->result);
}

static void call_failed(struct deciding *d, int stage, int agent,
			const char *code, const char *text)
{
	struct json_out *data = json_out_new();
	json_add_int(data, "attempt", d->m->stages[stage].attempt);
	json_add_str(data, "code", code);
	json_add_str(data, "message", text);
	if (!d->in->ok && d->in->retry_after_ms > 0)
		json_add_int(data, "retry_after_ms", d->in->retry_after_ms);
	emit(d, EVENT_STAGE_ERROR, stage, agent, &data);
}

static bool call_succeeded(struct deciding *d, int stage, int agent,
			   bool covered)
{
	const struct input *in = d->in;
	char why[160];
	int k = stage_agent_place(d->m, stage, agent);
	int64_t granted = d->m->stages[stage].calls[k].lease_tokens;
	if (in->result && strlen(json_text(in->result)) > EVENT_RESULT_BYTES) {
		call_failed(d, stage, agent, "too_large",
			    "the result is larger than an event may be");
		return false;
	}
	if (!proposals_fit(d->m, stage, in->result, why, sizeof why)) {
		call_failed(d, stage, agent, "missing_output", why);
		return false;
	}
	if (!covered) {
		call_failed(d, stage, agent, "overrun",
			    "it used more than its lease");
		return false;
	}
	struct json_out *data = json_out_new();
	json_object *result = json_object_get(in->result);
	json_add_int(data, "attempt", d->m->stages[stage].attempt);
	json_add_str(data, "lease", in->lease);
	if (in->confidence >= 0)
		json_add_num(data, "confidence", in->confidence);
	if (in->cost_micros)
		json_add_int(data, "cost_micros", in->cost_micros);
	json_add_int(data, "tokens",
		     in->tokens_used >= 0 ? in->tokens_used : granted);
	if (result)
		json_add(data, "result", &result);
	emit(d, EVENT_STAGE_PROPOSAL, stage, agent, &data);
	return true;
}

/* Its lease was made smaller than its share: the call is made again with what
 * it needs, and nobody is asked. */
static bool try_larger(struct deciding *d, int stage, int agent)
{
	struct model *m = d->m;
	int64_t least = budget_share(m, stage, agent, d->in->needs_tokens);
	if (!least)
		return false;
	char n[32];
	const char *id = m->show->agents[agent].id;
	char *text = xasprintf("%s is called again with %s tokens of its share",
			       id, text_thousands(n, sizeof n, least));
	struct json_out *data = json_out_new();
	json_object *leasts = json_object_new_object();
	json_add_int(leasts, id, least);
	json_add_int(data, "attempt", m->stages[stage].attempt);
	json_add_str(data, "code", "budget");
	json_add_str(data, "message", text);
	json_add(data, "least", &leasts);
	json_add_bool(data, "halted", true);
	json_add_int(data, "retry_at", d->in->now_ms + 1);
	emit(d, EVENT_STAGE_ERROR, stage, -1, &data);
	free(text);
	return true;
}

static void ask_for_more(struct deciding *d, int stage, int agent)
{
	stages_drop_work(d, stage);
	raises_settle(d);
	if (!try_larger(d, stage, agent))
		budget_hold(d, stage, "asked", d->in->needs_tokens);
}

void proposals_answer(struct deciding *d)
{
	const struct input *in = d->in;
	struct model *m = d->m;
	int stage = in->stage ? show_find_stage(m->show, in->stage) : -1;
	int agent = in->agent ? show_find_agent(m->show, in->agent) : -1;
	const char *verdict = misfit(m, in, stage, agent);
	if (verdict) {
		if (strcmp(verdict, "duplicate") != 0 ||
		    !is_repeat(m, in, stage, agent))
			too_late(d, stage, agent, verdict);
		return;
	}
	bool covered = budget_settle(d, stage, agent, in);
	bool asks = !in->ok && in->needs_tokens > 0;
	if (in->ok)
		call_succeeded(d, stage, agent, covered);
	else
		call_failed(d, stage, agent,
			    in->error_code ? in->error_code : "failed",
			    in->text ? in->text : "");
	if (asks)
		ask_for_more(d, stage, agent);
	else
		proposals_settle(d, stage);
}

/* --- adjudicating ------------------------------------------------------- */

/* Whether call `a` beats `b` under the stage's rule; ties go to the one that
 * the show names first. */
static bool beats(enum show_adjudicate how, const struct call *a,
		  const struct call *b)
{
	if (how == ADJUDICATE_CHEAPEST) {
		if (a->cost_micros != b->cost_micros)
			return a->cost_micros < b->cost_micros;
		return a->tokens < b->tokens;
	}
	return a->confidence > b->confidence;
}

static int best_call(const struct model *m, int stage)
{
	const struct show_stage *def = &m->show->stages[stage];
	const struct call *calls = m->stages[stage].calls;
	int best = -1;
	for (size_t k = 0; k < def->agent_count; k++) {
		if (calls[k].state != CALL_ANSWERED)
			continue;
		if (best < 0 || beats(def->adjudicate, &calls[k], &calls[best]))
			best = (int)k;
	}
	return best;
}

static size_t calls_out(const struct model *m, int stage)
{
	size_t n = 0;
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++)
		n += m->stages[stage].calls[k].state == CALL_OUT;
	return n;
}

/* A failure that the same call would meet again, however often it is made. */
static bool is_hopeless(const char *error)
{
	static const char *const codes[] = {"http_401", "http_403", "no_key",
					    "context_overflow"};
	size_t n = strcspn(error, ":");
	for (size_t i = 0; i < COUNT_OF(codes); i++)
		if (strlen(codes[i]) == n && strncmp(codes[i], error, n) == 0)
			return true;
	return false;
}

static void attempt_failed(struct deciding *d, int stage)
{
	const struct show_stage *def = &d->m->show->stages[stage];
	const char *last = "failed";
	bool hopeless = true;
	for (size_t k = 0; k < def->agent_count; k++) {
		const char *error = d->m->stages[stage].calls[k].error;
		if (error)
			last = error;
		hopeless = hopeless && error && is_hopeless(error);
	}
	char *code = xstrndup(last, strcspn(last, ":"));
	const char *text = strstr(last, ": ");
	char *copy = xstrdup(text ? text + 2 : "");
	if (hopeless)
		stages_fail_final(d, stage, code, copy);
	else
		stages_fail(d, stage, code, copy);
	free(copy);
	free(code);
}

void proposals_settle(struct deciding *d, int stage)
{
	const struct show_stage *def = &d->m->show->stages[stage];
	int best = best_call(d->m, stage);
	bool first = best >= 0 && def->adjudicate == ADJUDICATE_FIRST;
	if (!first && calls_out(d->m, stage))
		return;
	if (best < 0) {
		attempt_failed(d, stage);
		return;
	}
	char why[160];
	json_object *patch = proposals_patch(
		d->m, stage, d->m->stages[stage].calls[best].result, why,
		sizeof why);
	/* It was checked when it came; the log may still hold one that was not,
	 * of another version. */
	if (patch)
		stages_complete(d, stage,
				stage_agent(d->m, stage, (size_t)best), &patch);
	else
		stages_fail(d, stage, "missing_output", why);
}

/* What `result` says of the i-th output, lent; NULL: nothing. */
static json_object *output_of(const struct show_names *outputs, size_t i,
			      json_object *result)
{
	if (json_object_is_type(result, json_type_object))
		return json_get(result, outputs->items[i]);
	/* One output, and no object that could name it: the whole is it. */
	return outputs->count == 1 ? result : NULL;
}

bool proposals_fit(const struct model *m, int stage, json_object *result,
		   char *why, size_t why_bytes)
{
	const struct show_names *outputs = &m->show->stages[stage].outputs;
	size_t i = 0;
	while (i < outputs->count && output_of(outputs, i, result))
		i++;
	if (i == outputs->count ||
	    m->show->agents[stage_agent(m, stage, 0)].via == VIA_NOOP)
		return true;
	snprintf(why, why_bytes, "the result has no member `%s`",
		 outputs->items[i]);
	return false;
}

json_object *proposals_patch(const struct model *m, int stage,
			     json_object *result, char *why, size_t why_bytes)
{
	const struct show_stage *def = &m->show->stages[stage];
	const struct show_names *outputs = &def->outputs;
	if (!proposals_fit(m, stage, result, why, why_bytes))
		return NULL;
	json_object *patch = json_object_new_object();
	if (outputs->count == 0 && result)
		json_object_object_add(patch, def->id, json_object_get(result));
	for (size_t i = 0; i < outputs->count; i++) {
		json_object *value = output_of(outputs, i, result);
		if (value)
			json_object_object_add(patch, outputs->items[i],
					       json_object_get(value));
	}
	return patch;
}
