#include "core/budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

int64_t scope_remaining(const struct scope *s)
{
	return s->allocated - s->leased - s->spent;
}

static bool scope_holds(const struct scope *s)
{
	return s->allocated >= 0 && s->leased >= 0 && s->spent >= 0 &&
	       scope_remaining(s) >= 0;
}

bool ledger_holds(const struct ledger *l, size_t stages, size_t agents,
		  const char **where)
{
	int64_t leased = 0, spent = 0;
	*where = "episode";
	if (!scope_holds(&l->episode))
		return false;
	*where = "a stage";
	for (size_t i = 0; i < stages; i++) {
		if (!scope_holds(&l->stages[i]))
			return false;
		leased += l->stages[i].leased;
		spent += l->stages[i].spent;
	}
	if (leased != l->episode.leased || spent != l->episode.spent)
		return false;
	*where = "an agent";
	for (size_t i = 0; i < agents; i++) {
		if (!scope_holds(&l->agents[i]))
			return false;
		leased -= l->agents[i].leased;
		spent -= l->agents[i].spent;
	}
	return leased == 0 && spent == 0;
}

/* --- folding ------------------------------------------------------------ */

static void scope_start(struct scope *s, int64_t cap)
{
	*s = (struct scope){.limited = cap != SHOW_UNSET,
			    .allocated = cap == SHOW_UNSET ? 0 : cap};
}

void budget_reset(struct model *m)
{
	struct ledger *l = &m->ledger;
	for (size_t i = 0; i < l->lease_count; i++)
		free(l->leases[i].id);
	l->lease_count = l->lease_free = 0;
	l->reserve = m->show->budget.reserve;
	scope_start(&l->episode, m->show->budget.tokens);
	for (size_t i = 0; i < m->show->stage_count; i++)
		scope_start(&l->stages[i], m->show->stages[i].token_cap);
	for (size_t i = 0; i < m->show->agent_count; i++)
		scope_start(&l->agents[i], m->show->agents[i].quota_episode);
}

/* Spent is spent; a stage that runs again has its own cap anew. The episode and
 * the agents' quotas stay as they are. */
void budget_renew(struct model *m, int stage)
{
	struct scope *s = &m->ledger.stages[stage];
	int64_t cap = m->show->stages[stage].token_cap;
	if (s->limited && scope_remaining(s) < cap)
		s->allocated = s->leased + s->spent + cap;
}

/* The three scopes that a lease of this stage and agent passes. */
struct path {
	struct scope *scopes[3];
};

static struct path path_of(struct model *m, int stage, int agent)
{
	return (struct path){{&m->ledger.episode, &m->ledger.stages[stage],
			      &m->ledger.agents[agent]}};
}

/* A scope grows when it has no cap, and when more was used than it had: what
 * is spent is spent, and the identity holds. */
static void path_book(struct model *m, int stage, int agent, int64_t leased,
		      int64_t spent, int64_t cost_micros)
{
	struct path p = path_of(m, stage, agent);
	for (size_t i = 0; i < COUNT_OF(p.scopes); i++) {
		struct scope *s = p.scopes[i];
		s->leased += leased;
		s->spent += spent;
		s->cost_micros += cost_micros;
		if (!s->limited || scope_remaining(s) < 0)
			s->allocated = s->leased + s->spent;
	}
}

static int find_lease(const struct ledger *l, const char *id)
{
	for (size_t i = 0; id && i < l->lease_count; i++)
		if (l->leases[i].id && strcmp(l->leases[i].id, id) == 0)
			return (int)i;
	return -1;
}

static int new_lease(struct ledger *l)
{
	size_t i = l->lease_free;
	while (i < l->lease_count && l->leases[i].id)
		i++;
	if (i == l->lease_count) {
		GROW(l->leases, l->lease_count, l->lease_cap);
		l->lease_count++;
	}
	l->lease_free = i + 1;
	l->leases[i] = (struct lease){0};
	return (int)i;
}

static void free_lease(struct ledger *l, int slot)
{
	free(l->leases[slot].id);
	l->leases[slot].id = NULL;
	if ((size_t)slot < l->lease_free)
		l->lease_free = (size_t)slot;
}

static void apply_lease(struct model *m, const struct event *e, int stage,
			int agent)
{
	int k = stage_agent_place(m->show, stage, agent);
	int64_t tokens = json_get_int(e->data, "tokens", 0);
	if (k < 0 || tokens <= 0)
		return;
	int slot = new_lease(&m->ledger);
	struct call *c = &m->stages[stage].calls[k];
	m->ledger.leases[slot] = (struct lease){
		.id = xstrdup(json_get_str(e->data, "lease", "")),
		.stage = stage,
		.agent = agent,
		.tokens = tokens,
		.attempt = (int)json_get_int(e->data, "attempt", 0),
		.deadline_ms = json_get_int(e->data, "deadline", 0),
		.state = LEASE_HELD,
	};
	c->lease = slot;
	c->lease_tokens = tokens;
	path_book(m, stage, agent, tokens, 0, 0);
}

/* The slot of the lease that the event names: nearly always that of the call
 * as it stands; a late one has to be looked for. */
static int lease_of(const struct model *m, const struct event *e, int stage,
		    int agent)
{
	const char *id = json_get_str(e->data, "lease", NULL);
	int k = stage_agent_place(m->show, stage, agent);
	int slot = k < 0 ? -1 : m->stages[stage].calls[k].lease;
	if (id && slot >= 0 && m->ledger.leases[slot].id &&
	    strcmp(m->ledger.leases[slot].id, id) == 0)
		return slot;
	return find_lease(&m->ledger, id);
}

static void detach(struct model *m, int slot)
{
	const struct lease *l = &m->ledger.leases[slot];
	int k = stage_agent_place(m->show, l->stage, l->agent);
	if (k >= 0 && m->stages[l->stage].calls[k].lease == slot)
		m->stages[l->stage].calls[k].lease = -1;
}

static void apply_spend(struct model *m, const struct event *e, int stage,
			int agent)
{
	int64_t tokens = json_get_int(e->data, "tokens", 0);
	int64_t cost = json_get_int(e->data, "cost_micros", 0);
	int slot = lease_of(m, e, stage, agent);
	if (slot < 0) { /* unmetered: no lease was asked for */
		path_book(m, stage, agent, 0, tokens, cost);
		return;
	}
	struct lease *l = &m->ledger.leases[slot];
	const char *state = json_get_str(e->data, "state", "settled");
	/* Of a held lease the rest stays leased until its token:return, which
	 * stands in the same commit; a late report finds nothing leased. */
	bool held = l->state == LEASE_HELD;
	int64_t back = tokens < l->tokens ? tokens : l->tokens;
	path_book(m, stage, agent, held ? -back : 0, tokens, cost);
	l->spent += tokens;
	l->state = strcmp(state, "expired") == 0   ? LEASE_EXPIRED
		   : strcmp(state, "revoked") == 0 ? LEASE_REVOKED
						   : LEASE_SETTLED;
	detach(m, slot);
	if (l->state == LEASE_SETTLED && (!held || tokens >= l->tokens))
		free_lease(&m->ledger, slot);
}

static void apply_return(struct model *m, const struct event *e, int stage,
			 int agent)
{
	int64_t tokens = json_get_int(e->data, "tokens", 0);
	int slot = lease_of(m, e, stage, agent);
	if (slot < 0)
		return;
	if (json_get_bool(e->data, "corrects", false))
		path_book(m, stage, agent, 0, -tokens, 0);
	else
		path_book(m, stage, agent, -tokens, 0, 0);
	detach(m, slot);
	free_lease(&m->ledger, slot);
}

static void apply_raises(struct model *m, const struct event *e, int stage)
{
	json_object *raises = json_get_object(e->data, "raises");
	json_object *agents = json_get_object(raises, "agents");
	m->ledger.episode.allocated += json_get_int(raises, "episode", 0);
	m->ledger.stages[stage].allocated += json_get_int(raises, "stage", 0);
	if (!agents)
		return;
	json_object_object_foreach(agents, id, v)
	{
		int a = show_find_agent(m->show, id);
		if (a >= 0)
			m->ledger.agents[a].allocated +=
				json_object_get_int64(v);
	}
}

void budget_apply(struct model *m, const struct event *e, int stage, int agent)
{
	if (stage < 0)
		return;
	if (e->type == EVENT_BUDGET_APPROVE)
		apply_raises(m, e, stage);
	if (agent < 0)
		return;
	if (e->type == EVENT_TOKEN_LEASE)
		apply_lease(m, e, stage, agent);
	else if (e->type == EVENT_TOKEN_SPEND)
		apply_spend(m, e, stage, agent);
	else if (e->type == EVENT_TOKEN_RETURN)
		apply_return(m, e, stage, agent);
}

/* --- deciding ----------------------------------------------------------- */

int64_t budget_wanted(const struct model *m, int stage)
{
	const struct stage_run *s = &m->stages[stage];
	const struct scope *scope = &m->ledger.stages[stage];
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
static int64_t lacks(const struct scope *scope, int64_t tokens, int64_t fence)
{
	if (!scope->limited || tokens == 0)
		return 0;
	int64_t lack = tokens + fence - scope_remaining(scope);
	return lack > 0 ? lack : 0;
}

static int64_t fence_for(const struct model *m, int stage)
{
	if (m->show->stages[stage].finale || m->stages[stage].approved_tokens)
		return 0;
	return m->ledger.reserve;
}

/* What an approval has to add to each scope. */
struct lack {
	int64_t episode, stage, agents, most;
};

static struct lack lack_of(const struct model *m, int stage, int64_t total,
			   int64_t fence)
{
	const struct show_stage *def = &m->show->stages[stage];
	int64_t n = (int64_t)def->agent_count;
	struct lack l = {
		.episode = lacks(&m->ledger.episode, total, fence),
		.stage = lacks(&m->ledger.stages[stage], total, 0),
	};
	for (size_t k = 0; k < def->agent_count; k++) {
		int64_t share = total / n + (k == 0 ? total % n : 0);
		l.agents += lacks(&m->ledger.agents[def->agents[k]], share, 0);
	}
	l.most = l.episode > l.stage ? l.episode : l.stage;
	if (l.agents > l.most)
		l.most = l.agents;
	return l;
}

bool budget_cover(struct deciding *d, int stage)
{
	int64_t total = budget_wanted(d->m, stage);
	struct lack l = lack_of(d->m, stage, total, fence_for(d->m, stage));
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
		const char *agent = d->m->show->agents[def->agents[k]].id;
		char *id = xasprintf("%s/%s/%d/%s", d->m->run.id, def->id,
				     attempt, agent);
		json_object *data = json_object_new_object();
		json_add_str(data, "lease", id);
		json_add_int(data, "tokens", shares[k]);
		json_add_int(data, "attempt", attempt);
		json_add_int(data, "deadline", d->m->stages[stage].deadline_ms);
		emit(d, EVENT_TOKEN_LEASE, stage, def->agents[k], &data);
		free(id);
	}
	free(shares);
}

static int64_t may_lease(const struct model *m, size_t stage)
{
	const struct scope *scope = &m->ledger.stages[stage];
	bool open = m->stages[stage].outcome == OUTCOME_OPEN;
	return open && scope->limited ? scope_remaining(scope) : 0;
}

/* What the stages that are not settled yet may still lease, but for one. Summed
 * up once for many that are held in a row: that changes none of it. */
static int64_t rest_of_show(struct deciding *d, int but)
{
	const struct model *m = d->m;
	if (d->rest_seq != m->seq) {
		d->rest_tokens = 0;
		d->rest_seq = m->seq;
		for (size_t i = 0; i < m->show->stage_count; i++)
			d->rest_tokens += may_lease(m, i);
	}
	return d->rest_tokens - may_lease(m, (size_t)but);
}

void budget_hold(struct deciding *d, int stage, const char *reason,
		 int64_t asked)
{
	struct model *m = d->m;
	int64_t total = budget_wanted(m, stage);
	if (asked)
		total = scope_remaining(&m->ledger.stages[stage]) + asked;
	struct lack l = lack_of(m, stage, total, fence_for(m, stage));
	json_object *data = json_object_new_object();
	json_add_str(data, "reason", reason);
	json_add_int(data, "tokens", l.most > asked ? l.most : asked);
	json_add_int(data, "wanted", total);
	if (asked)
		json_add_int(data, "asked", asked);
	json_add_int(data, "left", scope_remaining(&m->ledger.episode));
	json_add_int(data, "rest", rest_of_show(d, stage));
	if (m->run.attended)
		json_add_int(data, "deadline",
			     d->in->now_ms +
				     m->show->budget.approval_deadline_ms);
	emit(d, EVENT_BUDGET_REQUEST, stage, -1, &data);
	d->rest_seq = m->seq;
	if (!m->run.attended)
		inbox_timer(d, stage);
}

static json_object *raises_of(const struct model *m, int stage, int64_t total)
{
	const struct show_stage *def = &m->show->stages[stage];
	json_object *raises = json_object_new_object();
	json_object *agents = json_object_new_object();
	struct lack l = lack_of(m, stage, total, 0);
	json_add_int(raises, "episode", l.episode);
	json_add_int(raises, "stage", l.stage);
	for (size_t k = 0; k < def->agent_count; k++) {
		int64_t n = (int64_t)def->agent_count;
		int64_t share = total / n + (k == 0 ? total % n : 0);
		int64_t lack =
			lacks(&m->ledger.agents[def->agents[k]], share, 0);
		if (lack)
			json_add_int(agents, m->show->agents[def->agents[k]].id,
				     lack);
	}
	json_add(raises, "agents", &agents);
	return raises;
}

/* Reads "4200" or "4,200"; -1 if it is no amount. */
static int64_t read_amount(const char *text)
{
	int64_t n = 0;
	if (!*text)
		return -1;
	for (; *text; text++) {
		if (*text == ',' || *text == '_')
			continue;
		if (*text < '0' || *text > '9' || n > INT64_C(1) << 50)
			return -1;
		n = n * 10 + (*text - '0');
	}
	return n;
}

bool budget_approve(struct deciding *d, const struct inbox_item *item,
		    const char *amount)
{
	struct model *m = d->m;
	int stage = item->stage;
	int64_t asked = m->stages[stage].asked_tokens;
	int64_t total = budget_wanted(m, stage);
	if (asked)
		total = scope_remaining(&m->ledger.stages[stage]) + asked;
	int64_t tokens = item->tokens;
	if (amount) {
		tokens = read_amount(amount);
		if (tokens < 0)
			return refuse(d, "bad_amount",
				      "`%s` is no number of tokens", amount);
		total += tokens - item->tokens;
		if (total <= 0)
			return refuse(d, "bad_amount",
				      "%lld tokens leave nothing to lease",
				      (long long)tokens);
	}
	json_object *data = decide_data(d);
	json_object *raises = raises_of(m, stage, total);
	json_add_str(data, "item", item->id);
	json_add_int(data, "tokens", tokens);
	json_add_int(data, "lease", total);
	json_add(data, "raises", &raises);
	answer(d, "approved %lld tokens for %s", (long long)tokens,
	       m->show->stages[stage].id);
	emit(d, EVENT_BUDGET_APPROVE, stage, -1, &data);
	return true;
}

void budget_deny(struct deciding *d, const struct inbox_item *item,
		 const char *by)
{
	int stage = item->stage;
	json_object *data = json_object_new_object();
	json_add_str(data, "item", item->id);
	json_add_str(data, "by", by);
	json_add_str(data, "reason", d->in->reason);
	emit(d, EVENT_BUDGET_DENY, stage, -1, &data);
	stages_fail_final(d, stage, "budget", "more tokens were denied");
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
	struct path p = path_of(m, stage, agent);
	int64_t over = 0;
	for (size_t i = 0; i < COUNT_OF(p.scopes); i++) {
		int64_t lack = lacks(p.scopes[i], used, 0);
		over = lack > over ? lack : over;
	}
	return over;
}

void budget_settle(struct deciding *d, int stage, int agent,
		   const struct input *in)
{
	struct model *m = d->m;
	int k = stage_agent_place(m->show, stage, agent);
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
	int k = stage_agent_place(m->show, stage, agent);
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
	int slot = find_lease(&m->ledger, in->lease);
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
