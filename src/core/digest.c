/* digest: the whole model as canonical JSON, to compare two of them. */
#include <stdlib.h>

#include "base/mem.h"
#include "core/model.h"

static json_object *scope_json(const struct scope *s)
{
	json_object *o = json_object_new_object();
	json_add_bool(o, "limited", s->limited);
	json_add_int(o, "allocated", s->allocated);
	json_add_int(o, "leased", s->leased);
	json_add_int(o, "spent", s->spent);
	json_add_int(o, "cost_micros", s->cost_micros);
	return o;
}

static json_object *scopes_json(const struct scope *s, size_t n)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < n; i++)
		json_object_array_add(a, scope_json(&s[i]));
	return a;
}

static json_object *ledger_json(const struct model *m)
{
	const struct ledger *l = &m->ledger;
	json_object *o = json_object_new_object();
	json_object *episode = scope_json(&l->episode);
	json_object *stages = scopes_json(l->stages, m->show->stage_count);
	json_object *agents = scopes_json(l->agents, m->show->agent_count);
	json_object *leases = json_object_new_object();
	for (size_t i = 0; i < l->lease_count; i++) {
		if (!l->leases[i].id)
			continue;
		json_object *x = json_object_new_object();
		json_add_int(x, "tokens", l->leases[i].tokens);
		json_add_int(x, "spent", l->leases[i].spent);
		json_add_str(x, "state", lease_state_name(l->leases[i].state));
		json_object_object_add(leases, l->leases[i].id, x);
	}
	json_add_int(o, "reserve", l->reserve);
	json_add(o, "episode", &episode);
	json_add(o, "stages", &stages);
	json_add(o, "agents", &agents);
	json_add(o, "leases", &leases);
	return o;
}

static json_object *call_json(const struct model *m, const struct call *c)
{
	json_object *o = json_object_new_object();
	json_object *result = json_clone(c->result);
	json_add_int(o, "state", c->state);
	json_add_int(o, "lease_tokens", c->lease_tokens);
	if (c->lease >= 0)
		json_add_str(o, "lease", m->ledger.leases[c->lease].id);
	json_add_int(o, "started", c->started_ms);
	json_add_int(o, "ended", c->ended_ms);
	json_add_num(o, "confidence", c->confidence);
	json_add_int(o, "tokens", c->tokens);
	json_add_str(o, "error", c->error);
	if (result)
		json_add(o, "result", &result);
	return o;
}

static json_object *poll_json(const struct poll_run *p,
			      const struct show_poll *def)
{
	json_object *o = json_object_new_object();
	json_object *counts = json_object_new_array();
	for (size_t i = 0; i < def->option_count; i++)
		json_object_array_add(counts,
				      json_object_new_int64(p->counts[i]));
	json_add_str(o, "state", poll_state_name(p->state));
	json_add_bool(o, "frozen", p->frozen);
	json_add_int(o, "opened", p->opened_ms);
	json_add_int(o, "deadline", p->deadline_ms);
	json_add_int(o, "left", p->left_ms);
	json_add_int(o, "extensions", p->extensions);
	json_add_int(o, "total", p->total);
	json_add_num(o, "margin", p->margin);
	json_add_int(o, "winner", p->winner);
	json_add_str(o, "why", p->why);
	json_add(o, "counts", &counts);
	return o;
}

static json_object *stage_json(const struct model *m, size_t i)
{
	const struct stage_run *s = &m->stages[i];
	const struct show_stage *def = &m->show->stages[i];
	json_object *o = json_object_new_object();
	json_object *calls = json_object_new_array();
	json_add_str(o, "state", stage_state_name(s->state));
	json_add_int(o, "outcome", s->outcome);
	json_add_int(o, "unmet", s->unmet);
	json_add_bool(o, "queued", s->queued);
	json_add_bool(o, "released", s->released);
	json_add_int(o, "approved", s->approved_tokens);
	json_add_int(o, "asked", s->asked_tokens);
	json_add_int(o, "attempt", s->attempt);
	json_add_int(o, "failures", s->failures);
	json_add_int(o, "first", s->first_ms);
	json_add_int(o, "started", s->started_ms);
	json_add_int(o, "ended", s->ended_ms);
	json_add_int(o, "deadline", s->deadline_ms);
	json_add_int(o, "winner", s->winner);
	json_add_str(o, "error", s->error);
	json_add_str(o, "why", s->why);
	for (size_t k = 0; k < def->agent_count; k++)
		json_object_array_add(calls, call_json(m, &s->calls[k]));
	json_add(o, "calls", &calls);
	if (s->poll) {
		json_object *poll = poll_json(s->poll, def->poll);
		json_add(o, "poll", &poll);
	}
	return o;
}

static json_object *inbox_json(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->inbox.count; i++) {
		const struct inbox_item *item = &m->inbox.items[i];
		json_object *o = json_object_new_object();
		json_add_str(o, "id", item->id);
		json_add_int(o, "stage", item->stage);
		json_add_int(o, "tokens", item->tokens);
		json_add_int(o, "deadline", item->deadline_ms);
		json_add_str(o, "text", item->text);
		json_object_array_add(a, o);
	}
	return a;
}

static json_object *gear_json(const struct model *m)
{
	json_object *o = json_object_new_object();
	json_object *checks = json_object_new_array();
	json_object *alarms = json_object_new_object();
	json_object *pending = json_object_new_object();
	for (size_t i = 0; i < m->show->check_count; i++) {
		json_object *c = json_object_new_object();
		json_add_int(c, "state", m->checks[i].state);
		json_add_int(c, "at", m->checks[i].at_ms);
		json_add_str(c, "text", m->checks[i].text);
		json_object_array_add(checks, c);
	}
	for (size_t i = 0; i < m->alarm_count; i++)
		json_add_str(alarms, m->alarms[i].id, m->alarms[i].text);
	for (size_t i = 0; i < OBS_MAX_PENDING; i++)
		if (*m->obs.pending[i].id)
			json_add_str(pending, m->obs.pending[i].id,
				     m->obs.pending[i].text);
	json_add(o, "checks", &checks);
	json_add(o, "alarms", &alarms);
	json_add(o, "obs_pending", &pending);
	json_add_bool(o, "obs_connected", m->obs.facts.connected);
	json_add_str(o, "obs_scene", m->obs.facts.program_scene);
	json_add_int(o, "obs_scenes", m->obs.facts.scene_count);
	return o;
}

static json_object *run_json(const struct model *m)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "id", m->run.id);
	json_add_str(o, "state", run_state_name(m->run.state));
	json_add_bool(o, "rehearsal", m->run.rehearsal);
	json_add_bool(o, "attended", m->run.attended);
	json_add_bool(o, "panic", m->run.panic);
	json_add_int(o, "started", m->run.started_ms);
	json_add_int(o, "ended", m->run.ended_ms);
	json_add_str(o, "why", m->run.why);
	return o;
}

/* Deadlines by the order in which they come; the heap's own layout may differ
 * between two equal models, its first does not. */
static json_object *queue_json(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->ready_count; i++)
		json_object_array_add(
			a, json_object_new_int(m->ready[m->ready_head + i]));
	const struct timer *t = timers_first(&m->timers);
	json_object_array_add(a, json_object_new_int64(t ? t->at_ms : 0));
	json_object_array_add(a,
			      json_object_new_int64((int64_t)m->timers.count));
	return a;
}

char *model_digest(const struct model *m)
{
	json_object *o = json_object_new_object();
	json_object *stages = json_object_new_array();
	for (size_t i = 0; i < m->show->stage_count; i++)
		json_object_array_add(stages, stage_json(m, i));
	json_object *parts[] = {run_json(m),
				stages,
				ledger_json(m),
				inbox_json(m),
				gear_json(m),
				queue_json(m),
				json_clone(m->story.doc)};
	static const char *const names[] = {"run",  "stages", "ledger", "inbox",
					    "gear", "queue",  "story"};
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		json_add(o, names[i], &parts[i]);
	json_add_int(o, "seq", (int64_t)m->seq);
	json_add_int(o, "at", m->at_ms);
	json_add_int(o, "open", (int64_t)m->open_stages);
	json_add_int(o, "poll", m->poll);
	json_add_int(o, "late", (int64_t)m->late_count);
	json_add_int(o, "commands", (int64_t)m->command_next);
	json_add_int(o, "epoch", m->leader.epoch);
	json_add_int(o, "version", (int64_t)m->story.version);
	json_add_str(o, "hash", m->story.hash);
	char *text = json_canonical(o);
	json_object_put(o);
	return text;
}
