#include "core/budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

int64_t budget_wanted(const struct model *m, int stage)
{
	const struct stage_run *s = &m->stages[stage];
	const struct scope *scope = &m->ledger.stages[stage].tokens;
	if (s->approved_tokens)
		return s->approved_tokens;
	if (!scope->limited || m->show->stages[stage].agent_count == 0)
		return 0;
	int64_t left = scope_remaining(scope);
	/* Nothing is left of it: then the whole cap is asked for again. */
	return left > 0 ? left : m->show->stages[stage].token_cap;
}

/* The k-th agent's part: equal ones, the rest to the first. */
int64_t budget_share(const struct model *m, int stage, size_t k)
{
	int64_t total = budget_wanted(m, stage);
	int64_t n = (int64_t)m->show->stages[stage].agent_count;
	return total / n + (k == 0 ? total % n : 0);
}

/* How much `scope` lacks for `tokens`; `fence` of it may not be used. */
int64_t scope_lacks(const struct scope *scope, int64_t tokens, int64_t fence)
{
	if (!scope->limited || tokens == 0)
		return 0;
	int64_t lack = tokens + fence - scope_remaining(scope);
	return lack > 0 ? lack : 0;
}

int64_t budget_fence(const struct model *m, int stage)
{
	if (m->show->stages[stage].finale || m->stages[stage].approved_tokens)
		return 0;
	return m->ledger.reserve;
}

struct lack budget_lack(const struct model *m, int stage, int64_t total,
			int64_t fence)
{
	const struct show_stage *def = &m->show->stages[stage];
	int64_t n = (int64_t)def->agent_count;
	struct lack l = {
		.episode = scope_lacks(&m->ledger.episode.tokens, total, fence),
		.stage = scope_lacks(&m->ledger.stages[stage].tokens, total, 0),
	};
	for (size_t k = 0; k < def->agent_count; k++) {
		int64_t share = total / n + (k == 0 ? total % n : 0);
		l.agents += scope_lacks(
			&m->ledger.agents[stage_agent(m, stage, k)].tokens,
			share, 0);
	}
	l.most = l.episode > l.stage ? l.episode : l.stage;
	if (l.agents > l.most)
		l.most = l.agents;
	return l;
}

bool budget_cover(struct deciding *d, int stage)
{
	int64_t total = budget_wanted(d->m, stage);
	struct lack l =
		budget_lack(d->m, stage, total, budget_fence(d->m, stage));
	if (total == 0 || l.most == 0)
		return true;
	budget_hold(d, stage,
		    l.episode == l.most ? "episode"
		    : l.stage == l.most ? "stage"
					: "agent",
		    0);
	return false;
}

void budget_lease(struct deciding *d, int stage)
{
	const struct show_stage *def = &d->m->show->stages[stage];
	int attempt = d->m->stages[stage].attempt;
	/* Before the first lease changes what is left to share. */
	int64_t *shares = xcalloc(def->agent_count + 1, sizeof *shares);
	for (size_t k = 0; k < def->agent_count; k++)
		shares[k] = budget_share(d->m, stage, k);
	for (size_t k = 0; k < def->agent_count; k++) {
		if (shares[k] == 0)
			continue;
		int agent = stage_agent(d->m, stage, k);
		char *id = xasprintf("%s/%s/%d/%s", d->m->run.id, def->id,
				     attempt, d->m->show->agents[agent].id);
		json_object *data = json_object_new_object();
		json_add_str(data, "lease", id);
		json_add_int(data, "tokens", shares[k]);
		json_add_int(data, "attempt", attempt);
		json_add_int(data, "deadline", d->m->stages[stage].deadline_ms);
		emit(d, EVENT_TOKEN_LEASE, stage, agent, &data);
		free(id);
	}
	free(shares);
}
static json_object *lease_data(const struct model *m, int slot)
{
	json_object *data = json_object_new_object();
	if (slot >= 0)
		json_add_str(data, "lease", m->ledger.leases[slot].id);
	return data;
}

static void raise_overrun(struct deciding *d, int stage, int agent,
			  int64_t used, int64_t granted)
{
	const char *id = d->m->show->stages[stage].id;
	char *text = xasprintf("%s used %lld tokens for %s, %lld were leased",
			       d->m->show->agents[agent].id, (long long)used,
			       id, (long long)granted);
	char *alarm = xasprintf("overrun/%s", id);
	alarm_raise(d, alarm, text);
	free(alarm);
	free(text);
}

/* What a call without a lease used beyond all that its scopes have left. */
static int64_t beyond(struct model *m, int stage, int agent, int64_t used)
{
	struct path p = ledger_path(m, stage, agent);
	int64_t over = 0;
	for (size_t i = 0; i < COUNT_OF(p.purses); i++) {
		int64_t lack = scope_lacks(&p.purses[i]->tokens, used, 0);
		over = lack > over ? lack : over;
	}
	return over;
}

void budget_settle(struct deciding *d, int stage, int agent,
		   const struct input *in)
{
	struct model *m = d->m;
	int k = stage_agent_place(m, stage, agent);
	int slot = m->stages[stage].calls[k].lease;
	int64_t granted = slot >= 0 ? m->ledger.leases[slot].tokens : 0;
	int64_t used = in->tokens_used;
	bool assumed = used < 0 && in->reached;
	if (used < 0)
		used = in->reached ? granted : 0;
	if (slot < 0 && used == 0 && in->cost_micros == 0)
		return;
	json_object *data = lease_data(m, slot);
	json_add_int(data, "tokens", used);
	if (in->cost_micros)
		json_add_int(data, "cost_micros", in->cost_micros);
	if (assumed)
		json_add_bool(data, "assumed", true);
	int64_t overrun = slot < 0	   ? beyond(m, stage, agent, used)
			  : used > granted ? used - granted
					   : 0;
	if (overrun)
		json_add_int(data, "overrun", overrun);
	json_object *rest = lease_data(m, slot);
	emit(d, EVENT_TOKEN_SPEND, stage, agent, &data);
	if (used < granted) {
		json_add_int(rest, "tokens", granted - used);
		emit(d, EVENT_TOKEN_RETURN, stage, agent, &rest);
	}
	json_object_put(rest);
	if (overrun)
		raise_overrun(d, stage, agent, used, granted);
}

void budget_write_off(struct deciding *d, int stage, int agent,
		      const char *state)
{
	struct model *m = d->m;
	int k = stage_agent_place(m, stage, agent);
	int slot = m->stages[stage].calls[k].lease;
	if (slot < 0)
		return;
	json_object *data = lease_data(m, slot);
	json_add_int(data, "tokens", m->ledger.leases[slot].tokens);
	json_add_bool(data, "assumed", true);
	json_add_str(data, "state", state);
	emit(d, EVENT_TOKEN_SPEND, stage, agent, &data);
}

void budget_late(struct deciding *d, int stage, int agent,
		 const struct input *in)
{
	struct model *m = d->m;
	int slot = ledger_find(&m->ledger, in->lease);
	if (slot < 0 || in->tokens_used < 0)
		return;
	const struct lease *l = &m->ledger.leases[slot];
	if (l->state != LEASE_EXPIRED && l->state != LEASE_REVOKED)
		return;
	if (l->stage != stage || l->agent != agent)
		return;
	int64_t more = in->tokens_used - l->tokens;
	json_object *data = lease_data(m, slot);
	if (more > 0) {
		json_add_int(data, "tokens", more);
		json_add_int(data, "overrun", more);
		emit(d, EVENT_TOKEN_SPEND, stage, agent, &data);
		return;
	}
	json_add_int(data, "tokens", -more);
	json_add_bool(data, "corrects", true);
	emit(d, EVENT_TOKEN_RETURN, stage, agent, &data);
}
