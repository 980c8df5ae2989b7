/* advance: which stages start, fail, retry, and how they end. Deciding only;
 * what their events do to the model is in stages.c. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decide.h"

/* A service that asks for more is not believed. */
#define RETRY_AFTER_MAX_MS (10 * 60 * 1000)

static const char *failure_policy(const struct deciding *d, int stage)
{
	enum show_on_failure what = d->m->show->stages[stage].on_failure;
	/* Where no one can answer, asking would hang the show. */
	if (what == ON_FAILURE_ASK && !d->m->run.attended)
		what = ON_FAILURE_SKIP_DEPENDENTS;
	return show_on_failure_name(what);
}

static struct json_out *error_data(const struct deciding *d, int stage,
				   const char *code, const char *text)
{
	struct json_out *data = json_out_new();
	json_add_int(data, "attempt", d->m->stages[stage].attempt);
	json_add_str(data, "code", code);
	json_add_str(data, "message", text);
	return data;
}

void stages_fail_final(struct deciding *d, int stage, const char *code,
		       const char *text)
{
	struct json_out *data = error_data(d, stage, code, text);
	const char *policy = failure_policy(d, stage);
	json_add_bool(data, "final", true);
	json_add_str(data, "on_failure", policy);
	stages_drop_work(d, stage);
	emit(d, EVENT_STAGE_ERROR, stage, -1, &data);
	if (strcmp(policy, "fail_run") == 0) {
		char *why = xasprintf("%s failed: %s",
				      d->m->show->stages[stage].id, code);
		run_fail(d, why);
		free(why);
	}
}

/* The stage's own delay, or what a service asked for (429 and the like) if that
 * is longer. */
static int64_t retry_delay_ms(const struct model *m, int stage)
{
	const struct show_stage *def = &m->show->stages[stage];
	const struct stage_run *s = &m->stages[stage];
	int64_t delay = show_retry_delay_ms(&def->retry, s->failures + 2);
	for (size_t k = 0; k < def->agent_count; k++) {
		int64_t asked = s->calls[k].retry_after_ms;
		if (asked > RETRY_AFTER_MAX_MS)
			asked = RETRY_AFTER_MAX_MS;
		if (asked > delay)
			delay = asked;
	}
	return delay;
}

void stages_fail(struct deciding *d, int stage, const char *code,
		 const char *text)
{
	const struct stage_run *s = &d->m->stages[stage];
	const struct show_retry *retry = &d->m->show->stages[stage].retry;
	if (s->failures + 1 >= retry->max_attempts) {
		stages_fail_final(d, stage, code, text);
		return;
	}
	struct json_out *data = error_data(d, stage, code, text);
	json_add_int(data, "retry_at",
		     d->in->now_ms + retry_delay_ms(d->m, stage));
	stages_drop_work(d, stage);
	emit(d, EVENT_STAGE_ERROR, stage, -1, &data);
}

void stages_complete(struct deciding *d, int stage, int winner,
		     json_object **patch)
{
	struct model *m = d->m;
	struct json_out *data = decide_data(d);
	char after[HASH_HEX_BYTES];
	story_hash_after(&m->story, *patch, after);
	bool changes = json_object_object_length(*patch) > 0;
	stages_drop_work(d, stage);
	json_add_int(data, "attempt", m->stages[stage].attempt);
	if (winner >= 0)
		json_add_str(data, "winner", m->show->agents[winner].id);
	json_add(data, "patch", patch);
	json_add_str(data, "pre_state_hash", story_hash(&m->story));
	json_add_str(data, "post_state_hash", after);
	json_add_int(data, "version",
		     (int64_t)m->story.version + (changes ? 1 : 0));
	emit(d, EVENT_STAGE_COMPLETE, stage, -1, &data);
}

void stages_skip(struct deciding *d, int stage, const char *reason,
		 const char *because)
{
	struct json_out *data = json_out_new();
	if (d->in->kind == INPUT_COMMAND)
		json_add_str(data, "by", decide_by(d));
	json_add_str(data, "reason", reason);
	json_add_str(data, "because", because);
	stages_drop_work(d, stage);
	emit(d, EVENT_STAGE_SKIP, stage, -1, &data);
}

/* Nobody waits for this call any more; what it spent is not known. */
void stages_drop_call(struct deciding *d, int stage, int agent,
		      const char *lease_state)
{
	struct effect *x = effect_add(d, EFFECT_CANCEL_CALL);
	x->stage = stage;
	x->agent = agent;
	x->attempt = d->m->stages[stage].attempt;
	x->key = call_key(d->m, stage, x->attempt);
	budget_write_off(d, stage, agent, lease_state);
}

void stages_drop_work(struct deciding *d, int stage)
{
	const struct show_stage *def = &d->m->show->stages[stage];
	struct stage_run *s = &d->m->stages[stage];
	if (s->poll && poll_goes_on(s->poll))
		polls_void(d, stage, NULL);
	asks_end(d, stage, -1);
	for (size_t k = 0; k < def->agent_count; k++)
		if (s->calls[k].state == CALL_OUT)
			stages_drop_call(d, stage, s->calls[k].agent,
					 "revoked");
}

static bool value_matches(json_object *have, const char *wanted)
{
	json_object *winner = json_get(have, "winner");
	char *text = json_canonical(winner ? winner : have);
	bool same = strcmp(text, wanted) == 0;
	free(text);
	return same;
}

/* A `when` looks at the member of the story of that name (a poll keeps its
 * result under its stage's id), else at the one output of that stage. */
static bool when_holds(const struct model *m, const struct show_when *w)
{
	const struct show_stage *before = &m->show->stages[w->stage];
	json_object *have = NULL;
	if (!json_object_object_get_ex(m->story.doc, w->name, &have) &&
	    before->outputs.count == 1)
		json_object_object_get_ex(m->story.doc,
					  before->outputs.items[0], &have);
	return have && value_matches(have, w->value);
}

/* Skips the stage if what is before it leaves it no reason to run. */
static bool skip_if_pointless(struct deciding *d, int stage)
{
	const struct model *m = d->m;
	const struct show_stage *def = &m->show->stages[stage];
	size_t voids = 0;
	for (size_t i = 0; i < def->dep_count; i++) {
		const char *id = m->show->stages[def->deps[i]].id;
		enum stage_outcome o = m->stages[def->deps[i]].outcome;
		if (o == OUTCOME_BROKEN) {
			stages_skip(d, stage, "upstream_failed", id);
			return true;
		}
		voids += o == OUTCOME_VOID;
	}
	if (voids && voids == def->dep_count) {
		stages_skip(d, stage, "upstream_skipped",
			    m->show->stages[def->deps[0]].id);
		return true;
	}
	for (size_t i = 0; i < def->when_count; i++)
		if (!when_holds(m, &def->when[i])) {
			stages_skip(d, stage, "when", def->when[i].name);
			return true;
		}
	return false;
}

/* Whether a service has room for all calls of a start that run on it. */
static bool service_is_free(const struct model *m, int stage, int service)
{
	if (service < 0 ||
	    m->show->services[service].max_concurrent == SHOW_UNSET)
		return true;
	const struct show_service *s = &m->show->services[service];
	int64_t calls = 0, mine = 0;
	for (size_t i = 0; i < s->agent_count; i++)
		calls += m->agent_calls[s->agents[i]];
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++)
		mine += m->show->agents[stage_agent(m, stage, k)].service ==
			service;
	/* A start that is more than it may ever be goes alone. */
	return calls == 0 || calls + mine <= s->max_concurrent;
}

static bool agents_are_free(const struct model *m, int stage)
{
	const struct show_stage *def = &m->show->stages[stage];
	for (size_t k = 0; k < def->agent_count; k++) {
		int agent = stage_agent(m, stage, k);
		int64_t most = m->show->agents[agent].max_concurrent;
		if (most != SHOW_UNSET && m->agent_calls[agent] >= most)
			return false;
		if (!service_is_free(m, stage, m->show->agents[agent].service))
			return false;
	}
	return true;
}

/* Only whoever takes time to answer can be late with it. */
static void add_base(struct deciding *d, int stage, struct json_out *data)
{
	const struct model *m = d->m;
	size_t k = 0;
	size_t n = m->show->stages[stage].agent_count;
	while (k < n &&
	       m->show->agents[stage_agent(m, stage, k)].via == VIA_NOOP)
		k++;
	if (k == n)
		return;
	char base[LATE_BASE_BYTES];
	late_base(m, stage, base);
	json_add_str(data, "base", base);
}

static void start(struct deciding *d, int stage)
{
	const struct show_stage *def = &d->m->show->stages[stage];
	struct json_out *data = json_out_new();
	int64_t limit = 0;
	json_add_int(data, "attempt", d->m->stages[stage].attempt + 1);
	if (def->agent_count && !def->poll) {
		json_out_array(data, "agents");
		for (size_t k = 0; k < def->agent_count; k++) {
			const struct show_agent *a =
				&d->m->show
					 ->agents[stage_agent(d->m, stage, k)];
			int64_t one = show_call_limit_ms(def, a);
			limit = one > limit ? one : limit;
			json_add_str(data, NULL, a->id);
		}
		json_out_end(data);
		add_base(d, stage, data);
		json_add_int(data, "deadline", d->in->now_ms + limit);
	}
	emit(d, EVENT_STAGE_START, stage, -1, &data);
}

/* Starts a stage whose dependencies are settled, or says in an event why not.
 * Leaves it in the queue when an agent is busy. */
static void try_start(struct deciding *d, int stage)
{
	struct model *m = d->m;
	const struct show_stage *def = &m->show->stages[stage];
	if (skip_if_pointless(d, stage))
		return;
	if (def->go == GO_MANUAL && !m->stages[stage].released) {
		struct json_out *data = json_out_new();
		json_add_str(data, m->run.attended ? "state" : "by",
			     m->run.attended ? "standby" : "unattended");
		emit(d, m->run.attended ? EVENT_STAGE_PROGRESS : EVENT_STAGE_GO,
		     stage, -1, &data);
		return;
	}
	if (def->poll) {
		if (!polls_may_open(d, stage))
			return;
		start(d, stage);
		polls_open(d, stage);
		return;
	}
	if (stage_killed_agent(m, stage) >= 0) {
		if (!m->run.attended) /* nobody is there to revive it */
			stages_fail_final(d, stage, "killed",
					  "an agent of it is killed");
		return;
	}
	if (!agents_are_free(m, stage) || !budget_cover(d, stage))
		return;
	start(d, stage);
	budget_lease(d, stage);
	proposals_call(d, stage);
	if (def->agent_count == 0) {
		json_object *nothing = json_object_new_object();
		stages_complete(d, stage, -1, &nothing);
	}
}

void stages_advance(struct deciding *d)
{
	struct model *m = d->m;
	/* What was given for a call that has ended is nobody else's. */
	raises_settle(d);
	while (m->run.state == RUN_RUNNING && m->ready_tried < m->ready_count) {
		int stage = m->ready[m->ready_head + m->ready_tried];
		uint64_t seq = m->seq;
		REQUIRE(m->stages[stage].state == STAGE_WAITING);
		try_start(d, stage);
		/* Nothing was said about it: an agent is busy, and it keeps
		 * its place. Else it left the queue, and the next one stands
		 * where it stood. */
		if (m->seq == seq)
			m->ready_tried++;
		else
			raises_settle(d);
	}
	run_finish_if_over(d);
}

void stages_timer(struct deciding *d, int stage)
{
	struct stage_run *s = &d->m->stages[stage];
	const struct show_stage *def = &d->m->show->stages[stage];
	if (s->state == STAGE_BACKOFF) {
		struct json_out *data = json_out_new();
		json_add_str(data, "state", "waiting");
		emit(d, EVENT_STAGE_PROGRESS, stage, -1, &data);
		return;
	}
	REQUIRE(s->state == STAGE_RUNNING);
	for (size_t k = 0; k < def->agent_count; k++) {
		if (s->calls[k].state != CALL_OUT)
			continue;
		stages_drop_call(d, stage, s->calls[k].agent, "expired");
		struct json_out *data = error_data(
			d, stage, "timeout", "no answer before the deadline");
		emit(d, EVENT_STAGE_ERROR, stage, s->calls[k].agent, &data);
	}
	proposals_settle(d, stage);
}
