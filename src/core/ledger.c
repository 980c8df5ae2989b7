#include "core/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
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

static bool purse_holds(const struct purse *p)
{
	return scope_holds(&p->tokens) && scope_holds(&p->cost);
}

/* What all purses of one kind hold together, leased and spent. */
static bool add_up(const struct purse *purses, size_t count, struct purse *sum)
{
	*sum = (struct purse){0};
	for (size_t i = 0; i < count; i++) {
		if (!purse_holds(&purses[i]))
			return false;
		sum->tokens.leased += purses[i].tokens.leased;
		sum->tokens.spent += purses[i].tokens.spent;
		sum->cost.leased += purses[i].cost.leased;
		sum->cost.spent += purses[i].cost.spent;
	}
	return true;
}

static bool same_use(const struct purse *a, const struct purse *b)
{
	return a->tokens.leased == b->tokens.leased &&
	       a->tokens.spent == b->tokens.spent &&
	       a->cost.leased == b->cost.leased &&
	       a->cost.spent == b->cost.spent;
}

bool ledger_holds(const struct ledger *l, size_t stages, size_t agents,
		  const char **where)
{
	struct purse sum;
	*where = "episode";
	if (!purse_holds(&l->episode))
		return false;
	*where = "a stage";
	if (!add_up(l->stages, stages, &sum) || !same_use(&sum, &l->episode))
		return false;
	*where = "an agent";
	return add_up(l->agents, agents, &sum) && same_use(&sum, &l->episode);
}

static void scope_start(struct scope *s, int64_t cap)
{
	*s = (struct scope){.limited = cap != SHOW_UNSET,
			    .allocated = cap == SHOW_UNSET ? 0 : cap};
}

static void purse_start(struct purse *p, int64_t tokens, int64_t cost_micros)
{
	scope_start(&p->tokens, tokens);
	scope_start(&p->cost, cost_micros);
}

void ledger_reset(struct model *m)
{
	struct ledger *l = &m->ledger;
	const struct show *show = m->show;
	for (size_t i = 0; i < l->lease_count; i++)
		free(l->leases[i].id);
	l->lease_count = l->lease_free = 0;
	l->reserve = show->budget.reserve;
	purse_start(&l->episode, show->budget.tokens, SHOW_UNSET);
	for (size_t i = 0; i < show->stage_count; i++)
		purse_start(&l->stages[i], show->stages[i].token_cap,
			    SHOW_UNSET);
	for (size_t i = 0; i < show->agent_count; i++)
		purse_start(&l->agents[i], show->agents[i].quota_episode,
			    SHOW_UNSET);
}

/* Spent is spent; a stage that runs again has its own cap anew. The episode and
 * the agents' quotas stay as they are. */
void ledger_renew(struct model *m, int stage)
{
	struct scope *s = &m->ledger.stages[stage].tokens;
	int64_t cap = m->show->stages[stage].token_cap;
	if (s->limited && scope_remaining(s) < cap)
		s->allocated = s->leased + s->spent + cap;
}

struct path ledger_path(struct model *m, int stage, int agent)
{
	return (struct path){{&m->ledger.episode, &m->ledger.stages[stage],
			      &m->ledger.agents[agent]}};
}

/* A scope grows when it has no cap, and when more was used than it had: what
 * is spent is spent, and the identity holds. */
static void scope_book(struct scope *s, int64_t leased, int64_t spent)
{
	s->leased += leased;
	s->spent += spent;
	if (!s->limited || scope_remaining(s) < 0)
		s->allocated = s->leased + s->spent;
}

static void path_book(struct model *m, int stage, int agent, int64_t leased,
		      int64_t spent, int64_t cost_micros)
{
	struct path p = ledger_path(m, stage, agent);
	for (size_t i = 0; i < COUNT_OF(p.purses); i++) {
		scope_book(&p.purses[i]->tokens, leased, spent);
		scope_book(&p.purses[i]->cost, 0, cost_micros);
	}
}

int ledger_find(const struct ledger *l, const char *id)
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
	int k = stage_agent_place(m, stage, agent);
	int64_t tokens = event_int(e, "tokens", 0);
	if (k < 0 || tokens <= 0)
		return;
	int slot = new_lease(&m->ledger);
	struct call *c = &m->stages[stage].calls[k];
	m->ledger.leases[slot] = (struct lease){
		.id = xstrdup(event_str(e, "lease", "")),
		.stage = stage,
		.agent = agent,
		.tokens = tokens,
		.attempt = (int)event_int(e, "attempt", 0),
		.deadline_ms = event_int(e, "deadline", 0),
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
	const char *id = event_str(e, "lease", NULL);
	int k = stage_agent_place(m, stage, agent);
	int slot = k < 0 ? -1 : m->stages[stage].calls[k].lease;
	if (id && slot >= 0 && m->ledger.leases[slot].id &&
	    strcmp(m->ledger.leases[slot].id, id) == 0)
		return slot;
	return ledger_find(&m->ledger, id);
}

static void detach(struct model *m, int slot)
{
	const struct lease *l = &m->ledger.leases[slot];
	int k = stage_agent_place(m, l->stage, l->agent);
	if (k >= 0 && m->stages[l->stage].calls[k].lease == slot)
		m->stages[l->stage].calls[k].lease = -1;
}

static void apply_spend(struct model *m, const struct event *e, int stage,
			int agent)
{
	int64_t tokens = event_int(e, "tokens", 0);
	int64_t cost = event_int(e, "cost_micros", 0);
	int slot = lease_of(m, e, stage, agent);
	if (slot < 0) { /* unmetered: no lease was asked for */
		path_book(m, stage, agent, 0, tokens, cost);
		return;
	}
	struct lease *l = &m->ledger.leases[slot];
	const char *state = event_str(e, "state", "settled");
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
	int64_t tokens = event_int(e, "tokens", 0);
	int slot = lease_of(m, e, stage, agent);
	if (slot < 0)
		return;
	if (event_bool(e, "corrects", false))
		path_book(m, stage, agent, 0, -tokens, 0);
	else
		path_book(m, stage, agent, -tokens, 0, 0);
	detach(m, slot);
	free_lease(&m->ledger, slot);
}

static void apply_raises(struct model *m, const struct event *e, int stage)
{
	json_object *raises = event_object(e, "raises");
	json_object *agents = json_get_object(raises, "agents");
	m->ledger.episode.tokens.allocated +=
		json_get_int(raises, "episode", 0);
	m->ledger.stages[stage].tokens.allocated +=
		json_get_int(raises, "stage", 0);
	if (!agents)
		return;
	json_object_object_foreach(agents, id, v)
	{
		int a = show_find_agent(m->show, id);
		if (a >= 0)
			m->ledger.agents[a].tokens.allocated +=
				json_object_get_int64(v);
	}
}

void ledger_apply(struct model *m, const struct event *e, int stage, int agent)
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
