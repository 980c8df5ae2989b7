#include "core/budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"
#include "core/lease_table.h"

static int64_t more_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* --- prices --------------------------------------------------------------- */

/* Micros for `tokens` of whichever kind is dearer; -1: it has no price. */
static int64_t cost_of(const struct show_agent *a, int64_t tokens)
{
	return more_of(show_price_micros(a, tokens, 0),
		       show_price_micros(a, 0, tokens));
}

static bool counts_money(const struct model *m, int stage, int agent)
{
	int service = m->show->agents[agent].service;
	return m->show->budget.cost_micros != SHOW_UNSET ||
	       m->show->stages[stage].cost_cap_micros != SHOW_UNSET ||
	       (service >= 0 &&
		m->show->services[service].cost_micros != SHOW_UNSET);
}

int64_t budget_ceiling(const struct model *m, int stage, int agent,
		       int64_t tokens)
{
	const struct show_agent *a = &m->show->agents[agent];
	if (!counts_money(m, stage, agent) || a->via == VIA_NOOP)
		return 0;
	int64_t cost = cost_of(a, tokens);
	if (cost >= 0)
		return cost;
	/* The call's own lease holds the stage's ceiling whole. */
	return m->show->stages[stage].cost_cap_micros != SHOW_UNSET ? 0 : -1;
}

int64_t budget_price(const struct model *m, int agent, const struct input *in)
{
	const struct show_agent *a = &m->show->agents[agent];
	if (in->cost_micros)
		return in->cost_micros;
	if (in->tokens_used <= 0)
		return 0;
	if (in->input_tokens < 0 || in->output_tokens < 0)
		return more_of(cost_of(a, in->tokens_used), 0);
	return more_of(
		show_price_micros(a, in->input_tokens, in->output_tokens), 0);
}

/* --- what a start leases -------------------------------------------------- */

/* What of its cap the stage has left; when that is nothing, the whole cap is
 * asked for again. */
static int64_t whole_of(const struct model *m, int stage)
{
	const struct scope *scope = &m->ledger.stages[stage].tokens;
	if (!scope->limited || m->show->stages[stage].agent_count == 0)
		return 0;
	int64_t left = scope_remaining(scope);
	return left > 0 ? left : m->show->stages[stage].token_cap;
}

/* The k-th agent's part: equal ones, the rest to the first. */
static int64_t share_of(const struct model *m, int stage, int64_t total,
			size_t k)
{
	int64_t n = (int64_t)m->show->stages[stage].agent_count;
	return total / n + (k == 0 ? total % n : 0);
}

/* Of its share, what the agent usually uses, or what it asked for. It may grow
 * to the share when it needs that after all. */
static int64_t size_of(const struct model *m, int stage, size_t k)
{
	int64_t share = share_of(m, stage, whole_of(m, stage), k);
	int64_t usual = ledger_usual(&m->ledger, stage_agent(m, stage, k));
	int64_t size = more_of(usual, m->stages[stage].calls[k].least_tokens);
	return usual && size < share ? size : share;
}

static int64_t sizes_of(const struct model *m, int stage)
{
	int64_t sum = 0;
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++)
		sum += size_of(m, stage, k);
	return sum;
}

int64_t budget_wanted(const struct model *m, int stage)
{
	int64_t approved = m->stages[stage].approved_tokens;
	return approved ? approved : sizes_of(m, stage);
}

/* A stage without a cap leases no tokens, and does not start when there are
 * none: what the k-th agent usually uses, or one. */
static int64_t least_of(const struct model *m, int stage, size_t k)
{
	int agent = stage_agent(m, stage, k);
	if (m->ledger.stages[stage].tokens.limited ||
	    m->show->agents[agent].via == VIA_NOOP)
		return 0;
	return more_of(ledger_usual(&m->ledger, agent), 1);
}

static int64_t leasts_of(const struct model *m, int stage)
{
	int64_t sum = 0;
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++)
		sum += least_of(m, stage, k);
	return sum;
}

/* The money that goes with it. An agent without a price gets its part of the
 * ceiling that the stage states; -1: there is none. */
static int64_t ceiling_of(const struct model *m, int stage, size_t k,
			  int64_t tokens)
{
	const struct show_stage *def = &m->show->stages[stage];
	int agent = stage_agent(m, stage, k);
	const struct show_agent *a = &m->show->agents[agent];
	if (!counts_money(m, stage, agent) || a->via == VIA_NOOP)
		return 0;
	int64_t cost = cost_of(a, tokens);
	if (cost > 0 || (cost == 0 && (tokens || def->token_cap != SHOW_UNSET)))
		return cost;
	if (def->cost_cap_micros == SHOW_UNSET)
		return -1;
	const struct scope *left = &m->ledger.stages[stage].cost;
	int64_t whole = scope_remaining(left);
	if (whole == 0)
		whole = def->cost_cap_micros;
	return whole / (int64_t)def->agent_count;
}

/* Another total than usual is divided in the same proportions. */
static int64_t part_of(const struct model *m, int stage, int64_t total,
		       int64_t sum, size_t k)
{
	int64_t size = size_of(m, stage, k);
	if (total == sum)
		return size;
	if (sum == 0 && total == leasts_of(m, stage))
		return least_of(m, stage, k);
	if (sum == 0)
		return share_of(m, stage, total, k);
	return (int64_t)((double)total / (double)sum * (double)size);
}

/* What the agents of a start need, one after the other; what division leaves
 * goes to the first. Caller frees. */
static struct need *needs_of(const struct model *m, int stage, int64_t total)
{
	size_t n = m->show->stages[stage].agent_count;
	struct need *needs = xcalloc(n + 1, sizeof *needs);
	int64_t sum = sizes_of(m, stage), rest = total;
	for (size_t k = 0; k < n; k++) {
		needs[k].agent = stage_agent(m, stage, k);
		needs[k].tokens = part_of(m, stage, total, sum, k);
		rest -= needs[k].tokens;
	}
	needs[0].tokens += rest;
	/* Who gets no part of what there is to share gets no money for it. */
	for (size_t k = 0; k < n; k++)
		if (needs[k].tokens || !total)
			needs[k].cost_micros =
				ceiling_of(m, stage, k, needs[k].tokens);
	return needs;
}

/* --- what is lacking ------------------------------------------------------ */

/* How much `scope` lacks for `tokens`; `fence` of it may not be used. */
static int64_t scope_lacks(const struct scope *scope, int64_t tokens,
			   int64_t fence)
{
	if (!scope->limited || tokens <= 0)
		return 0;
	int64_t lack = tokens + fence + scope->leased + scope->spent -
		       scope->allocated;
	return lack > 0 ? lack : 0;
}

int64_t budget_fence(const struct model *m, int stage)
{
	if (m->show->stages[stage].finale || m->stages[stage].approved_tokens)
		return 0;
	return m->ledger.reserve;
}

/* What all of them need of one purse, counted at the first that passes it. */
static struct need sum_for(const struct model *m, int stage,
			   const struct need *needs, size_t count, size_t k,
			   enum scope_kind kind)
{
	struct need sum = {0};
	struct purse *p = ledger_path(m, stage, needs[k].agent, m->ledger.day)
				  .purses[kind];
	for (size_t i = 0; p && i < count; i++) {
		struct path path =
			ledger_path(m, stage, needs[i].agent, m->ledger.day);
		if (path.purses[kind] != p)
			continue;
		if (i < k)
			return (struct need){0};
		sum.tokens += needs[i].tokens;
		sum.cost_micros += more_of(needs[i].cost_micros, 0);
	}
	return sum;
}

static void add_raise(json_object *raises, const struct model *m, int agent,
		      enum scope_kind kind, int64_t more)
{
	const char *name = scope_kind_name(kind);
	const struct show_agent *a = &m->show->agents[agent];
	if (!raises || (!more && kind > SCOPE_STAGE))
		return;
	if (kind <= SCOPE_STAGE) {
		json_add_int(raises, name, more);
		return;
	}
	json_object *named = json_get_object(raises, name);
	if (!named) {
		named = json_object_new_object();
		json_object_object_add(raises, name, named);
	}
	json_add_int(named,
		     kind >= SCOPE_SERVICE ? m->show->services[a->service].id
					   : a->id,
		     more);
}

static const char *kind_in_words(enum scope_kind kind)
{
	static const char *const words[] = {"episode", "stage",	  "agent",
					    "day",     "service", "day"};
	return words[kind];
}

/* The scopes that the k-th of them passes, and nobody before it. */
static void needs_one(const struct model *m, int stage,
		      const struct need *needs, size_t count, size_t k,
		      int64_t fence, struct lack *l, json_object *raises,
		      json_object *cost)
{
	struct path p = ledger_path(m, stage, needs[k].agent, m->ledger.day);
	for (size_t i = 0; i < SCOPE_KINDS; i++) {
		enum scope_kind kind = (enum scope_kind)i;
		if (!p.purses[i] || (k && kind <= SCOPE_STAGE))
			continue;
		struct need sum = sum_for(m, stage, needs, count, k, kind);
		int64_t t = scope_lacks(&p.purses[i]->tokens, sum.tokens,
					i == SCOPE_EPISODE ? fence : 0);
		int64_t c = scope_lacks(&p.purses[i]->cost, sum.cost_micros, 0);
		l->tokens[i] += t;
		if (l->tokens[i] > l->most) {
			l->most = l->tokens[i];
			l->where = kind_in_words(kind);
		}
		l->cost[i] += c;
		l->cost_most = more_of(l->cost_most, c);
		add_raise(raises, m, needs[k].agent, kind, t);
		if (c)
			add_raise(cost, m, needs[k].agent, kind, c);
	}
}

struct lack budget_needs(const struct model *m, int stage,
			 const struct need *needs, size_t count, int64_t fence,
			 json_object *raises)
{
	struct lack l = {.where = "cost"};
	json_object *cost = raises ? json_object_new_object() : NULL;
	if (raises)
		json_object_object_add(raises, "agents",
				       json_object_new_object());
	for (size_t k = 0; k < count; k++) {
		l.unpriced = l.unpriced || needs[k].cost_micros < 0;
		needs_one(m, stage, needs, count, k, fence, &l, raises, cost);
	}
	l.episode = l.tokens[SCOPE_EPISODE];
	l.stage = l.tokens[SCOPE_STAGE];
	for (int i = SCOPE_AGENT; i < SCOPE_KINDS; i++)
		l.agents += l.tokens[i];
	if (cost && json_object_object_length(cost))
		json_add(raises, "cost", &cost);
	json_object_put(cost);
	return l;
}

struct lack budget_lack(const struct model *m, int stage, int64_t total,
			int64_t fence)
{
	struct need *needs = needs_of(m, stage, total);
	struct lack l =
		budget_needs(m, stage, needs,
			     m->show->stages[stage].agent_count, fence, NULL);
	free(needs);
	return l;
}

/* The parts of a start follow what the stage has left, and that is more when
 * the raise is made: so it is lent while they are reckoned. */
json_object *budget_raises(const struct model *m, int stage, int64_t total)
{
	struct scope *cap = &m->ledger.stages[stage].tokens;
	int64_t lent = scope_lacks(cap, total, 0);
	cap->allocated += lent;
	struct need *needs = needs_of(m, stage, total);
	cap->allocated -= lent;
	json_object *raises = json_object_new_object();
	budget_needs(m, stage, needs, m->show->stages[stage].agent_count, 0,
		     raises);
	free(needs);
	return raises;
}

int64_t budget_least(const struct model *m, int stage, struct lack *lack)
{
	size_t n = m->show->stages[stage].agent_count;
	int64_t least = budget_wanted(m, stage) ? 0 : leasts_of(m, stage);
	if (!least)
		return 0;
	struct need *needs = xcalloc(n, sizeof *needs);
	for (size_t k = 0; k < n; k++)
		needs[k] = (struct need){stage_agent(m, stage, k),
					 least_of(m, stage, k), 0};
	*lack = budget_needs(m, stage, needs, n, budget_fence(m, stage), NULL);
	free(needs);
	return lack->most ? least : 0;
}

int64_t budget_share(struct model *m, int stage, int agent, int64_t asked)
{
	const struct scope *cap = &m->ledger.stages[stage].tokens;
	int k = stage_agent_place(m, stage, agent);
	struct call *c = &m->stages[stage].calls[k];
	int64_t was = c->least_tokens, wanted = c->lease_tokens + asked;
	int64_t share = share_of(m, stage, scope_remaining(cap), (size_t)k);
	if (!cap->limited || !c->lease_tokens || wanted > share)
		return 0;
	/* Who asks again gets all that it may, and asks no third time. */
	int64_t least = was ? share : wanted;
	c->least_tokens = least; /* lent, while that is worked out */
	int64_t fence = m->show->stages[stage].finale ? 0 : m->ledger.reserve;
	struct lack l = budget_lack(m, stage, sizes_of(m, stage), fence);
	c->least_tokens = was;
	return l.most || l.cost_most || l.unpriced ? 0 : least;
}

/* One look: true when the start fits, or when it was given what it lacks, which
 * `*again` says. */
static bool cover(struct deciding *d, int stage, bool *again)
{
	int64_t total = budget_wanted(d->m, stage);
	struct lack l =
		budget_lack(d->m, stage, total, budget_fence(d->m, stage));
	if (l.unpriced) {
		stages_fail_final(d, stage, "unpriced",
				  "what its agents may cost cannot be told: "
				  "give them a price, or the stage a cost_cap");
		return false;
	}
	struct lack least;
	bool none = budget_least(d->m, stage, &least) > 0;
	*again = none || l.most || l.cost_most;
	return !*again ||
	       budget_hold(d, stage, none ? least.where : l.where, 0);
}

/* What a raise without a question gives may divide the start otherwise than it
 * was before: so it is looked at again. */
#define LOOKS 4

bool budget_cover(struct deciding *d, int stage)
{
	bool again = true;
	for (int i = 0; again && i < LOOKS; i++)
		if (!cover(d, stage, &again))
			return false;
	if (again)
		stages_fail_final(d, stage, "budget",
				  "what it lacks cannot be given to it");
	return !again;
}

/* --- leasing -------------------------------------------------------------- */

static void lease_one(struct deciding *d, int stage, size_t k, int64_t share,
		      const struct need *part)
{
	const struct model *m = d->m;
	int agent = stage_agent(m, stage, k);
	int attempt = m->stages[stage].attempt;
	char n[TEXT_INT_BYTES];
	char *id = xconcat(m->run.id, "/", m->show->stages[stage].id,
			   text_int(n, "/", attempt), "/",
			   m->show->agents[agent].id, NULL);
	struct json_out *data = json_out_new();
	json_add_str(data, "lease", id);
	json_add_int(data, "tokens", part->tokens);
	if (part->cost_micros > 0)
		json_add_int(data, "cost_micros", part->cost_micros);
	if (share > part->tokens)
		json_add_int(data, "share", share);
	json_add_int(data, "attempt", attempt);
	json_add_int(data, "deadline", m->stages[stage].deadline_ms);
	emit(d, EVENT_TOKEN_LEASE, stage, agent, &data);
	free(id);
}

void budget_lease(struct deciding *d, int stage)
{
	/* Before the first lease changes what is left to share. */
	const struct model *m = d->m;
	int64_t whole =
		m->stages[stage].approved_tokens ? 0 : whole_of(m, stage);
	bool capped = m->ledger.stages[stage].tokens.limited;
	int64_t left = capped ? 0 : scope_remaining(&m->ledger.episode.tokens);
	struct need *parts = needs_of(m, stage, budget_wanted(m, stage));
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++)
		if (parts[k].tokens || parts[k].cost_micros > 0)
			lease_one(d, stage, k,
				  parts[k].tokens && left
					  ? left
					  : share_of(m, stage, whole, k),
				  &parts[k]);
	free(parts);
}

/* --- settling ------------------------------------------------------------- */

static struct json_out *lease_data(const struct model *m, int slot)
{
	struct json_out *data = json_out_new();
	if (slot >= 0)
		json_add_str(data, "lease", ledger_lease(m, slot)->id);
	return data;
}

void budget_tell_overrun(struct deciding *d, int stage, int agent, int64_t used,
			 int64_t granted)
{
	const char *id = d->m->show->stages[stage].id;
	const char *who = d->m->show->agents[agent].id;
	char all[32], part[32];
	text_thousands(all, sizeof all, used);
	text_thousands(part, sizeof part, granted);
	char *text = used > granted
			     ? xasprintf("%s used %s tokens for %s, %s were "
					 "leased",
					 who, all, id, part)
			     : xasprintf("%s cost more for %s than its lease "
					 "allowed",
					 who, id);
	char *alarm = xasprintf("overrun/%s", id);
	alarm_raise(d, alarm, text);
	free(alarm);
	free(text);
}

void budget_add_overrun(struct json_out *data, const struct excess *over)
{
	if (over->tokens)
		json_add_int(data, "overrun", over->tokens);
	if (over->cost_micros)
		json_add_int(data, "cost_overrun", over->cost_micros);
}

/* What a call without a lease used beyond all that its scopes have left. */
static struct excess beyond(struct model *m, int stage, int agent,
			    int64_t tokens, int64_t cost)
{
	struct path p = ledger_path(m, stage, agent, m->ledger.day);
	struct excess over = {0};
	for (size_t i = 0; i < SCOPE_KINDS; i++) {
		if (!p.purses[i])
			continue;
		over.tokens =
			more_of(over.tokens,
				scope_lacks(&p.purses[i]->tokens, tokens, 0));
		over.cost_micros =
			more_of(over.cost_micros,
				scope_lacks(&p.purses[i]->cost, cost, 0));
	}
	return over;
}

/* A lease that was made smaller than its share grows, when all scopes cover
 * that. */
static void grow(struct deciding *d, int slot, int64_t tokens)
{
	const struct lease *l = ledger_lease(d->m, slot);
	int stage = l->stage, agent = l->agent;
	struct need need = {
		agent, tokens - l->tokens,
		budget_ceiling(d->m, stage, agent, tokens - l->tokens)};
	if (need.tokens <= 0 || tokens > l->share || need.cost_micros < 0)
		return;
	struct lack lack = budget_needs(d->m, stage, &need, 1,
					budget_fence(d->m, stage), NULL);
	if (lack.most || lack.cost_most)
		return;
	struct json_out *data = lease_data(d->m, slot);
	json_add_int(data, "tokens", need.tokens);
	if (need.cost_micros)
		json_add_int(data, "cost_micros", need.cost_micros);
	json_add_int(data, "attempt", l->attempt);
	json_add_bool(data, "extends", true);
	emit(d, EVENT_TOKEN_LEASE, stage, agent, &data);
}

struct excess budget_top_up(struct deciding *d, int slot, int64_t tokens,
			    int64_t cost)
{
	grow(d, slot, tokens);
	const struct lease *l = ledger_lease(d->m, slot);
	struct excess over = {more_of(tokens - l->tokens, 0),
			      more_of(cost - l->cost_micros, 0)};
	if (!counts_money(d->m, l->stage, l->agent))
		over.cost_micros = 0;
	/* Without a cap money alone was leased. */
	if (d->m->show->stages[l->stage].token_cap == SHOW_UNSET &&
	    l->tokens == 0)
		over.tokens =
			beyond(d->m, l->stage, l->agent, tokens, 0).tokens;
	return over;
}

/* Books what the lease was used for in all, and gives back the rest. */
static bool settle(struct deciding *d, int slot, const struct settlement *s)
{
	struct model *m = d->m;
	struct excess over = budget_top_up(d, slot, s->tokens, s->cost_micros);
	const struct lease *l = ledger_lease(m, slot);
	int stage = l->stage, agent = l->agent;
	int64_t granted = l->tokens;
	int64_t rest = more_of(granted - s->tokens, 0);
	int64_t cost_rest = more_of(l->cost_micros - s->cost_micros, 0);
	struct json_out *data = lease_data(m, slot);
	struct json_out *back = lease_data(m, slot);
	json_add_int(data, "tokens", s->tokens - l->spent);
	if (s->cost_micros - l->cost_spent)
		json_add_int(data, "cost_micros",
			     s->cost_micros - l->cost_spent);
	if (s->assumed)
		json_add_bool(data, "assumed", true);
	json_add_str(data, "model", s->model);
	budget_add_overrun(data, &over);
	emit(d, EVENT_TOKEN_SPEND, stage, agent, &data);
	if (rest || cost_rest) {
		json_add_int(back, "tokens", rest);
		if (cost_rest)
			json_add_int(back, "cost_micros", cost_rest);
		emit(d, EVENT_TOKEN_RETURN, stage, agent, &back);
	}
	json_out_free(&back);
	if (!over.tokens && !over.cost_micros)
		return true;
	budget_tell_overrun(d, stage, agent, s->tokens, granted);
	return false;
}

static void spend_unleased(struct deciding *d, int stage, int agent,
			   const struct settlement *s)
{
	if (s->tokens == 0 && s->cost_micros == 0)
		return;
	struct excess over =
		beyond(d->m, stage, agent, s->tokens, s->cost_micros);
	struct json_out *data = json_out_new();
	json_add_int(data, "tokens", s->tokens);
	if (s->cost_micros)
		json_add_int(data, "cost_micros", s->cost_micros);
	json_add_str(data, "model", s->model);
	budget_add_overrun(data, &over);
	emit(d, EVENT_TOKEN_SPEND, stage, agent, &data);
	if (over.tokens || over.cost_micros)
		budget_tell_overrun(d, stage, agent, s->tokens, 0);
}

bool budget_settle(struct deciding *d, int stage, int agent,
		   const struct input *in)
{
	struct model *m = d->m;
	int k = stage_agent_place(m, stage, agent);
	int slot = m->stages[stage].calls[k].lease;
	const struct lease *l = ledger_lease(m, slot);
	struct settlement s = {.tokens = in->tokens_used,
			       .cost_micros = budget_price(m, agent, in),
			       .model = in->model};
	leases_end(d, stage, agent, "expired");
	if (!l) {
		s.tokens = more_of(s.tokens, 0);
		spend_unleased(d, stage, agent, &s);
		return true;
	}
	if (s.tokens < 0 && l->metered) { /* the meter knows better */
		s.tokens = l->metered;
	} else if (s.tokens < 0 && in->reached) {
		s.tokens = l->tokens;
		s.assumed = true;
		if (!s.cost_micros)
			s.cost_micros = l->cost_micros;
	}
	s.tokens = more_of(s.tokens, l->spent);
	s.cost_micros = more_of(s.cost_micros, l->cost_spent);
	return settle(d, slot, &s);
}

void budget_settle_lease(struct deciding *d, int slot, int64_t tokens,
			 int64_t cost)
{
	const struct lease *l = ledger_lease(d->m, slot);
	struct settlement s = {.tokens = more_of(tokens, l->spent),
			       .cost_micros = cost};
	if (cost < 0) {
		struct input in = {.tokens_used = tokens,
				   .input_tokens = -1,
				   .output_tokens = -1};
		s.cost_micros = budget_price(d->m, l->agent, &in);
	}
	s.cost_micros = more_of(s.cost_micros, l->cost_spent);
	settle(d, slot, &s);
}

void budget_write_off_lease(struct deciding *d, int slot, const char *state)
{
	const struct lease *l = ledger_lease(d->m, slot);
	struct json_out *data = lease_data(d->m, slot);
	json_add_int(data, "tokens", l->tokens - l->spent);
	if (l->cost_micros > l->cost_spent)
		json_add_int(data, "cost_micros",
			     l->cost_micros - l->cost_spent);
	json_add_bool(data, "assumed", true);
	json_add_str(data, "state", state);
	emit(d, EVENT_TOKEN_SPEND, l->stage, l->agent, &data);
}

void budget_write_off(struct deciding *d, int stage, int agent,
		      const char *state)
{
	struct model *m = d->m;
	int k = stage_agent_place(m, stage, agent);
	int slot = m->stages[stage].calls[k].lease;
	leases_end(d, stage, agent, state);
	if (slot >= 0)
		budget_write_off_lease(d, slot, state);
}
