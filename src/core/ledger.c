#include "core/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decide.h"
#include "core/lease_table.h"

static int64_t left_of(const struct scope *s)
{
	return s->allocated - s->leased - s->spent;
}

int64_t scope_remaining(const struct scope *s)
{
	int64_t left = left_of(s);
	return left > 0 ? left : 0;
}

int64_t scope_over(const struct scope *s)
{
	int64_t left = left_of(s);
	return left < 0 ? -left : 0;
}

const char *lease_state_name(enum lease_state state)
{
	static const char *const names[] = {"held", "settled", "expired",
					    "revoked"};
	return names[state];
}

/* --- the identity --------------------------------------------------------- */

static bool scope_holds(const struct scope *s)
{
	return s->allocated >= 0 && s->leased >= 0 && s->spent >= 0 &&
	       s->overrun >= 0 && scope_over(s) <= s->overrun;
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
	if (!add_up(l->agents, agents, &sum) || !same_use(&sum, &l->episode))
		return false;
	*where = "a day";
	if (!add_up(l->days, agents, &sum) ||
	    !add_up(l->service_days, l->service_count, &sum))
		return false;
	*where = "a service";
	return add_up(l->services, l->service_count, &sum);
}

/* --- a run's beginning ---------------------------------------------------- */

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

static void begin_days(struct model *m)
{
	struct ledger *l = &m->ledger;
	for (size_t i = 0; i < m->show->agent_count; i++)
		purse_start(&l->days[i], m->show->agents[i].quota_daily,
			    SHOW_UNSET);
	for (size_t i = 0; i < m->show->service_count; i++)
		purse_start(&l->service_days[i],
			    m->show->services[i].quota_daily, SHOW_UNSET);
}

/* A new run in the same day: what the old one left leased was never told, and
 * counts as spent. */
static void keep_day(struct scope *s)
{
	s->spent += s->leased;
	s->leased = 0;
}

void ledger_init(struct model *m)
{
	struct ledger *l = &m->ledger;
	const struct show *show = m->show;
	l->stages = xcalloc(show->stage_count + 1, sizeof *l->stages);
	l->agents = xcalloc(show->agent_count + 1, sizeof *l->agents);
	l->days = xcalloc(show->agent_count + 1, sizeof *l->days);
	l->service_count = show->service_count;
	l->services = xcalloc(show->service_count + 1, sizeof *l->services);
	l->service_days =
		xcalloc(show->service_count + 1, sizeof *l->service_days);
	begin_days(m);
	l->observed = xcalloc(show->agent_count + 1, sizeof *l->observed);
	l->requests = xcalloc(LEASE_REQUESTS_KEPT, sizeof *l->requests);
	lease_table_init(&l->leases, show->stage_count);
}

void ledger_release(struct model *m)
{
	struct ledger *l = &m->ledger;
	leases_reset(m);
	lease_table_release(&l->leases);
	free(l->asks);
	free(l->requests);
	free(l->stages);
	free(l->agents);
	free(l->days);
	free(l->observed);
	free(l->services);
	free(l->service_days);
}

void ledger_reset(struct model *m)
{
	struct ledger *l = &m->ledger;
	const struct show *show = m->show;
	leases_reset(m);
	lease_table_clear(&l->leases);
	l->reserve = show->budget.reserve;
	purse_start(&l->episode, show->budget.tokens, show->budget.cost_micros);
	for (size_t i = 0; i < show->stage_count; i++)
		purse_start(&l->stages[i], show->stages[i].token_cap,
			    show->stages[i].cost_cap_micros);
	for (size_t i = 0; i < show->agent_count; i++)
		purse_start(&l->agents[i], show->agents[i].quota_episode,
			    SHOW_UNSET);
	for (size_t i = 0; i < show->service_count; i++)
		purse_start(&l->services[i], show->services[i].quota_episode,
			    show->services[i].cost_micros);
	for (size_t i = 0; i < show->agent_count; i++)
		keep_day(&l->days[i].tokens);
	for (size_t i = 0; i < show->service_count; i++)
		keep_day(&l->service_days[i].tokens);
}

/* Another definition of the show, the same day: the quotas are its own. */
void ledger_inherit_day(struct purse *to, const struct purse *from)
{
	struct scope *s = &to->tokens;
	s->spent = from->tokens.spent + from->tokens.leased;
	s->leased = 0;
	if (!s->limited)
		s->allocated = s->spent;
	s->overrun = scope_over(s);
}

/* Spent is spent; a stage that runs again has its own cap anew. The episode and
 * the agents' quotas stay as they are. */
static void scope_renew(struct scope *s, int64_t cap)
{
	if (s->limited && left_of(s) < cap)
		s->allocated = s->leased + s->spent + cap;
}

void ledger_renew(struct model *m, int stage)
{
	struct purse *p = &m->ledger.stages[stage];
	scope_renew(&p->tokens, m->show->stages[stage].token_cap);
	scope_renew(&p->cost, m->show->stages[stage].cost_cap_micros);
}

/* --- booking -------------------------------------------------------------- */

const char *scope_kind_name(enum scope_kind kind)
{
	static const char *const names[] = {"episode",	"stage",
					    "agents",	"days",
					    "services", "service_days"};
	return names[kind];
}

struct path ledger_path(const struct model *m, int stage, int agent,
			int32_t day)
{
	const struct ledger *l = &m->ledger;
	const struct show_agent *a = &m->show->agents[agent];
	bool today = day && day == l->day;
	struct path p = {0};
	p.purses[SCOPE_EPISODE] = (struct purse *)(uintptr_t)&l->episode;
	p.purses[SCOPE_STAGE] = &l->stages[stage];
	p.purses[SCOPE_AGENT] = &l->agents[agent];
	if (today && a->quota_daily != SHOW_UNSET)
		p.purses[SCOPE_DAY] = &l->days[agent];
	if (a->service < 0)
		return p;
	p.purses[SCOPE_SERVICE] = &l->services[a->service];
	if (today && m->show->services[a->service].quota_daily != SHOW_UNSET)
		p.purses[SCOPE_SERVICE_DAY] = &l->service_days[a->service];
	return p;
}

/* What one event adds to an account. */
struct booking {
	int64_t leased, spent;
	int64_t overrun; /* what it is allowed to be over for it */
};

static void scope_book(struct scope *s, const struct booking *b)
{
	s->leased += b->leased;
	s->spent += b->spent;
	if (!s->limited) {
		s->allocated = s->leased + s->spent;
		return;
	}
	int64_t more = scope_over(s) - s->overrun;
	if (more > 0)
		s->overrun += more < b->overrun ? more : b->overrun;
}

static void path_book(struct model *m, int stage, int agent, int32_t day,
		      const struct booking *tokens, const struct booking *cost)
{
	struct path p = ledger_path(m, stage, agent, day);
	for (size_t i = 0; i < SCOPE_KINDS; i++) {
		if (!p.purses[i])
			continue;
		scope_book(&p.purses[i]->tokens, tokens);
		scope_book(&p.purses[i]->cost, cost);
	}
}

static void lease_book(struct model *m, const struct lease *l,
		       const struct booking *tokens, const struct booking *cost)
{
	path_book(m, l->stage, l->agent, l->day, tokens, cost);
}

const struct lease *ledger_lease(const struct model *m, int slot)
{
	return slot < 0 ? NULL : &m->ledger.leases.slots[slot];
}

int ledger_find(const struct ledger *l, const char *id)
{
	return lease_table_find(&l->leases, id);
}

/* The call whose own lease this is, or NULL. */
static struct call *call_of(struct model *m, int slot)
{
	const struct lease *l = &m->ledger.leases.slots[slot];
	int k = stage_agent_place(m, l->stage, l->agent);
	struct call *c = k < 0 ? NULL : &m->stages[l->stage].calls[k];
	return c && c->lease == slot ? c : NULL;
}

/* It is held no more. Settled ones that were asked for from outside are kept,
 * for their repeats. */
static void close_lease(struct model *m, int slot, enum lease_state state)
{
	struct lease_table *t = &m->ledger.leases;
	struct call *c = call_of(m, slot);
	if (c)
		c->lease = -1;
	if (state == LEASE_SETTLED && !t->slots[slot].outside)
		lease_table_forget(t, slot);
	else
		lease_table_close(t, slot, state, m->at_ms);
}

void ledger_turn_day(struct deciding *d)
{
	struct model *m = d->m;
	bool going = m->run.state == RUN_RUNNING || m->run.state == RUN_PAUSED;
	if (!going || d->in->day <= m->ledger.day || !show_counts_days(m->show))
		return;
	struct json_out *data = json_out_new();
	json_add_int(data, "day", d->in->day);
	/* It is not what a command asked for: its id stands in another one. */
	bool noted = d->noted;
	d->noted = true;
	emit(d, EVENT_BUDGET_DAY, -1, -1, &data);
	d->noted = noted;
}

/* --- folding -------------------------------------------------------------- */

static void apply_extension(struct model *m, int slot, int64_t tokens,
			    int64_t cost)
{
	struct lease *l = &m->ledger.leases.slots[slot];
	struct call *c = call_of(m, slot);
	l->tokens += tokens;
	l->cost_micros += cost;
	if (c)
		c->lease_tokens += tokens;
}

static int apply_new_lease(struct model *m, const struct event *e, int stage,
			   int agent, int k)
{
	struct lease_table *t = &m->ledger.leases;
	struct call *c = &m->stages[stage].calls[k];
	int slot = lease_table_add(t, event_str(e, "lease", ""), stage);
	struct lease *l = &t->slots[slot];
	l->agent = agent;
	l->attempt = (int)event_int(e, "attempt", 0);
	l->deadline_ms = event_int(e, "deadline", 0);
	l->day = m->ledger.day;
	l->outside = event_bool(e, "outside", false);
	l->tokens = event_int(e, "tokens", 0);
	l->cost_micros = event_int(e, "cost_micros", 0);
	l->share = event_int(e, "share", 0);
	if (l->outside) {
		c->further++;
	} else {
		c->lease = slot;
		c->lease_tokens = l->tokens;
	}
	return slot;
}

static void apply_lease(struct model *m, const struct event *e, int stage,
			int agent)
{
	int k = stage_agent_place(m, stage, agent);
	int64_t tokens = event_int(e, "tokens", 0);
	int64_t cost = event_int(e, "cost_micros", 0);
	int slot = ledger_find(&m->ledger, event_str(e, "lease", ""));
	if (k < 0 || tokens < 0 || cost < 0 || (!tokens && !cost))
		return;
	if (!event_bool(e, "extends", false)) {
		if (slot >= 0)
			return;
		slot = apply_new_lease(m, e, stage, agent, k);
	} else if (slot < 0 || ledger_lease(m, slot)->state != LEASE_HELD) {
		return;
	} else {
		apply_extension(m, slot, tokens, cost);
	}
	lease_book(
		m, ledger_lease(m, slot),
		&(struct booking){.leased = tokens,
				  .overrun = event_int(e, "overrun", 0)},
		&(struct booking){.leased = cost,
				  .overrun = event_int(e, "cost_overrun", 0)});
}

/* The slot of the lease that the event names: nearly always that of the call
 * as it stands. */
static int lease_of(const struct model *m, const struct event *e, int stage,
		    int agent)
{
	const char *id = event_str(e, "lease", NULL);
	int k = stage_agent_place(m, stage, agent);
	int slot = k < 0 ? -1 : m->stages[stage].calls[k].lease;
	if (id && slot >= 0 && strcmp(ledger_lease(m, slot)->id, id) == 0)
		return slot;
	return ledger_find(&m->ledger, id);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void observe(struct model *m, const struct event *e, int agent,
		    int64_t tokens)
{
	struct observed *o = &m->ledger.observed[agent];
	if (event_bool(e, "assumed", false) || tokens <= 0)
		return;
	o->tokens[o->count++ % OBSERVED_CALLS] = tokens;
}

#define OBSERVED_LEAST 5
_Static_assert(OBSERVED_CALLS < 40, "more than two of them may be above");

/* The 95th percentile, by the nearest rank: of so few the largest or the
 * second. */
int64_t ledger_usual(const struct ledger *l, int agent)
{
	const struct observed *o = &l->observed[agent];
	int64_t top[2] = {INT64_MIN, INT64_MIN};
	size_t n =
		o->count < OBSERVED_CALLS ? (size_t)o->count : OBSERVED_CALLS;
	if (n < OBSERVED_LEAST)
		return 0;
	for (size_t i = 0; i < n; i++) {
		int64_t t = o->tokens[i];
		if (t > top[0]) {
			top[1] = top[0];
			top[0] = t;
		} else if (t > top[1]) {
			top[1] = t;
		}
	}
	int64_t most = top[n - (n * 95 + 99) / 100];
	return most + (most + 3) / 4;
}

/* What a spending takes from what the lease holds still leased. */
static void spend_lease(struct model *m, const struct event *e, int slot)
{
	struct lease *l = &m->ledger.leases.slots[slot];
	bool held = l->state == LEASE_HELD;
	struct booking tokens = {.spent = event_int(e, "tokens", 0),
				 .overrun = event_int(e, "overrun", 0)};
	struct booking cost = {.spent = event_int(e, "cost_micros", 0),
			       .overrun = event_int(e, "cost_overrun", 0)};
	if (held) {
		tokens.leased = -least(tokens.spent, l->tokens - l->spent);
		cost.leased =
			-least(cost.spent, l->cost_micros - l->cost_spent);
	}
	lease_book(m, l, &tokens, &cost);
	l->spent += tokens.spent;
	l->cost_spent += cost.spent;
	/* What was used beyond it was granted by nobody, and is in it now. */
	if (l->tokens < l->spent)
		l->tokens = l->spent;
	if (l->cost_micros < l->cost_spent)
		l->cost_micros = l->cost_spent;
}

static void apply_spend(struct model *m, const struct event *e, int stage,
			int agent)
{
	int slot = lease_of(m, e, stage, agent);
	if (slot < 0) { /* unmetered: no lease was asked for */
		observe(m, e, agent, event_int(e, "tokens", 0));
		path_book(m, stage, agent, m->ledger.day,
			  &(struct booking){.spent = event_int(e, "tokens", 0),
					    .overrun =
						    event_int(e, "overrun", 0)},
			  &(struct booking){
				  .spent = event_int(e, "cost_micros", 0),
				  .overrun = event_int(e, "cost_overrun", 0)});
		return;
	}
	struct lease *l = &m->ledger.leases.slots[slot];
	const char *state = event_str(e, "state", "settled");
	bool late = strcmp(state, "late") == 0;
	spend_lease(m, e, slot);
	if (late || strcmp(state, "held") == 0) {
		l->metered += event_int(e, late ? "used" : "tokens", 0);
		l->cost_metered +=
			event_int(e, late ? "cost_used" : "cost_micros", 0);
		return;
	}
	if (strcmp(state, "settled") == 0 && !l->outside &&
	    l->state == LEASE_HELD)
		observe(m, e, agent, l->spent);
	if (strcmp(state, "settled") != 0) {
		close_lease(m, slot,
			    strcmp(state, "expired") == 0 ? LEASE_EXPIRED
							  : LEASE_REVOKED);
	} else if (l->state == LEASE_HELD &&
		   (l->tokens > l->spent || l->cost_micros > l->cost_spent)) {
		/* The rest stays leased until its token:return, which stands
		 * in the same commit. */
		struct call *c = call_of(m, slot);
		if (c)
			c->lease = -1;
		lease_table_close(&m->ledger.leases, slot, LEASE_SETTLED,
				  m->at_ms);
	} else {
		close_lease(m, slot, LEASE_SETTLED);
	}
}

static void apply_return(struct model *m, const struct event *e, int stage,
			 int agent)
{
	int64_t tokens = event_int(e, "tokens", 0);
	int64_t cost = event_int(e, "cost_micros", 0);
	int slot = lease_of(m, e, stage, agent);
	if (slot < 0)
		return;
	struct lease *l = &m->ledger.leases.slots[slot];
	bool corrects = event_bool(e, "corrects", false);
	if (corrects) {
		lease_book(m, l, &(struct booking){.spent = -tokens},
			   &(struct booking){.spent = -cost});
		l->spent -= tokens;
		l->cost_spent -= cost;
	} else {
		lease_book(m, l, &(struct booking){.leased = -tokens},
			   &(struct booking){.leased = -cost});
	}
	l->tokens -= tokens;
	l->cost_micros -= cost;
	if (l->state != LEASE_HELD) {
		close_lease(m, slot, LEASE_SETTLED);
	} else if (call_of(m, slot)) {
		call_of(m, slot)->lease_tokens = l->tokens;
	}
}

static void raise_named(struct json_node *named, struct purse *purses,
			bool cost,
			int (*find)(const struct show *show, const char *id),
			const struct show *show)
{
	json_node_each(n, named)
	{
		int i = find(show, n->key);
		struct scope *s = i < 0	 ? NULL
				  : cost ? &purses[i].cost
					 : &purses[i].tokens;
		if (s && s->limited)
			s->allocated += json_node_number(n);
	}
}

static void apply_raises(struct model *m, const struct event *e, int stage)
{
	struct ledger *l = &m->ledger;
	struct json_node *raises = event_object(e, "raises");
	struct json_node *cost = json_node_object(raises, "cost");
	const struct {
		enum scope_kind kind;
		struct purse *purses;
		int (*find)(const struct show *show, const char *id);
	} named[] = {
		{SCOPE_AGENT, l->agents, show_find_agent},
		{SCOPE_DAY, l->days, show_find_agent},
		{SCOPE_SERVICE, l->services, show_find_service},
		{SCOPE_SERVICE_DAY, l->service_days, show_find_service},
	};
	struct json_node *lent = json_node_object(raises, "stages");
	l->episode.tokens.allocated += json_node_int(raises, "episode", 0);
	l->episode.cost.allocated += json_node_int(cost, "episode", 0);
	if (stage >= 0) {
		struct purse *p = &l->stages[stage];
		p->tokens.allocated += json_node_int(raises, "stage", 0);
		p->cost.allocated += json_node_int(cost, "stage", 0);
	}
	/* Of whom it is borrowed: less. */
	raise_named(lent, l->stages, false, show_find_stage, m->show);
	raise_named(json_node_object(cost, "stages"), l->stages, true,
		    show_find_stage, m->show);
	for (size_t i = 0; i < COUNT_OF(named); i++) {
		const char *name = scope_kind_name(named[i].kind);
		raise_named(json_node_object(raises, name), named[i].purses,
			    false, named[i].find, m->show);
		raise_named(json_node_object(cost, name), named[i].purses, true,
			    named[i].find, m->show);
	}
}

static void apply_day(struct model *m, const struct event *e)
{
	int32_t day = (int32_t)event_int(e, "day", 0);
	if (day <= m->ledger.day)
		return;
	m->ledger.day = day;
	begin_days(m);
}

void ledger_apply(struct model *m, const struct event *e, int stage, int agent)
{
	lease_table_expire(&m->ledger.leases,
			   e->at_ms - m->show->budget.settle_grace_ms);
	if (e->type == EVENT_BUDGET_DAY)
		apply_day(m, e);
	if (e->type == EVENT_BUDGET_APPROVE || e->type == EVENT_BUDGET_RAISE)
		apply_raises(m, e, stage);
	if (stage < 0 || agent < 0)
		return;
	if (e->type == EVENT_TOKEN_LEASE)
		apply_lease(m, e, stage, agent);
	else if (e->type == EVENT_TOKEN_SPEND)
		apply_spend(m, e, stage, agent);
	else if (e->type == EVENT_TOKEN_RETURN)
		apply_return(m, e, stage, agent);
}
