#include "core/budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"
#include "core/lease_table.h"

/* --- prices --------------------------------------------------------------- */

#define MICROS_MOST (INT64_C(1) << 60)

/* Micros for `tokens` at a price per million, rounded up; what is beyond any
 * money is MICROS_MOST. */
static int64_t cost_of(int64_t tokens, int64_t per_million)
{
	int64_t whole, part;
	if (tokens <= 0 || per_million <= 0)
		return 0;
	if (__builtin_mul_overflow(tokens, per_million / 1000000, &whole) ||
	    __builtin_mul_overflow(tokens, per_million % 1000000, &part) ||
	    whole > MICROS_MOST || part > INT64_MAX - 999999)
		return MICROS_MOST;
	return whole + (part + 999999) / 1000000;
}

static bool has_price(const struct show_agent *a)
{
	return a->price_input_micros != SHOW_UNSET ||
	       a->price_output_micros != SHOW_UNSET;
}

static int64_t dearest(const struct show_agent *a)
{
	return a->price_input_micros > a->price_output_micros
		       ? a->price_input_micros
		       : a->price_output_micros;
}

static bool counts_money(const struct model *m, int stage)
{
	return m->show->budget.cost_micros != SHOW_UNSET ||
	       m->show->stages[stage].cost_cap_micros != SHOW_UNSET;
}

int64_t budget_ceiling(const struct model *m, int stage, int agent,
		       int64_t tokens)
{
	const struct show_agent *a = &m->show->agents[agent];
	if (!counts_money(m, stage) || a->via == VIA_NOOP)
		return 0;
	if (has_price(a))
		return cost_of(tokens, dearest(a));
	/* The call's own lease holds the stage's ceiling whole. */
	return m->show->stages[stage].cost_cap_micros != SHOW_UNSET ? 0 : -1;
}

int64_t budget_price(const struct model *m, int agent, const struct input *in)
{
	const struct show_agent *a = &m->show->agents[agent];
	if (in->cost_micros)
		return in->cost_micros;
	if (!has_price(a) || in->tokens_used <= 0)
		return 0;
	if (in->input_tokens < 0 || in->output_tokens < 0)
		return cost_of(in->tokens_used, dearest(a));
	int64_t input = a->price_input_micros, output = a->price_output_micros;
	return cost_of(in->input_tokens, input == SHOW_UNSET ? 0 : input) +
	       cost_of(in->output_tokens, output == SHOW_UNSET ? 0 : output);
}

/* --- what a start leases -------------------------------------------------- */

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
static int64_t share_of(const struct model *m, int stage, int64_t total,
			size_t k)
{
	int64_t n = (int64_t)m->show->stages[stage].agent_count;
	return total / n + (k == 0 ? total % n : 0);
}

/* The money that goes with it. An agent without a price gets its part of the
 * ceiling that the stage states; -1: there is none. */
static int64_t ceiling_of(const struct model *m, int stage, size_t k,
			  int64_t tokens)
{
	const struct show_stage *def = &m->show->stages[stage];
	int agent = stage_agent(m, stage, k);
	const struct show_agent *a = &m->show->agents[agent];
	if (!counts_money(m, stage) || a->via == VIA_NOOP)
		return 0;
	if (has_price(a) && tokens)
		return cost_of(tokens, dearest(a));
	if (def->cost_cap_micros == SHOW_UNSET)
		return -1;
	const struct scope *left = &m->ledger.stages[stage].cost;
	int64_t whole = scope_remaining(left);
	if (whole == 0)
		whole = def->cost_cap_micros;
	return whole / (int64_t)def->agent_count;
}

struct part {
	int64_t tokens, cost_micros;
};

/* Frees: the caller. */
static struct part *parts_of(const struct model *m, int stage, int64_t total)
{
	size_t n = m->show->stages[stage].agent_count;
	struct part *parts = xcalloc(n + 1, sizeof *parts);
	for (size_t k = 0; k < n; k++) {
		parts[k].tokens = share_of(m, stage, total, k);
		parts[k].cost_micros = ceiling_of(m, stage, k, parts[k].tokens);
	}
	return parts;
}

/* --- what is lacking ------------------------------------------------------ */

/* How much `scope` lacks for `tokens`; `fence` of it may not be used. */
int64_t scope_lacks(const struct scope *scope, int64_t tokens, int64_t fence)
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

static int64_t more_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

struct lack budget_lack(const struct model *m, int stage, int64_t total,
			int64_t fence)
{
	const struct ledger *g = &m->ledger;
	struct part *parts = parts_of(m, stage, total);
	struct lack l = {0};
	int64_t tokens = 0, cost = 0;
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++) {
		const struct purse *p = &g->agents[stage_agent(m, stage, k)];
		l.agents += scope_lacks(&p->tokens, parts[k].tokens, 0);
		tokens += parts[k].tokens;
		cost += more_of(parts[k].cost_micros, 0);
		l.unpriced = l.unpriced || parts[k].cost_micros < 0;
	}
	l.episode = scope_lacks(&g->episode.tokens, tokens, fence);
	l.stage = scope_lacks(&g->stages[stage].tokens, tokens, 0);
	l.cost_episode = scope_lacks(&g->episode.cost, cost, 0);
	l.cost_stage = scope_lacks(&g->stages[stage].cost, cost, 0);
	l.most = more_of(more_of(l.episode, l.stage), l.agents);
	l.cost_most = more_of(l.cost_episode, l.cost_stage);
	free(parts);
	return l;
}

static const char *lacks_where(const struct lack *l)
{
	if (!l->most)
		return "cost";
	return l->episode == l->most ? "episode"
	       : l->stage == l->most ? "stage"
				     : "agent";
}

bool budget_cover(struct deciding *d, int stage)
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
	if (l.most == 0 && l.cost_most == 0)
		return true;
	return budget_hold(d, stage, lacks_where(&l), 0);
}

json_object *budget_raises(const struct model *m, int stage, int64_t total)
{
	json_object *raises = json_object_new_object();
	json_object *agents = json_object_new_object();
	json_object *cost = json_object_new_object();
	struct lack l = budget_lack(m, stage, total, 0);
	struct part *parts = parts_of(m, stage, total);
	json_add_int(raises, "episode", l.episode);
	json_add_int(raises, "stage", l.stage);
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++) {
		int agent = stage_agent(m, stage, k);
		int64_t lack = scope_lacks(&m->ledger.agents[agent].tokens,
					   parts[k].tokens, 0);
		if (lack)
			json_add_int(agents, m->show->agents[agent].id, lack);
	}
	json_add(raises, "agents", &agents);
	if (l.cost_most) {
		json_add_int(cost, "episode", l.cost_episode);
		json_add_int(cost, "stage", l.cost_stage);
		json_add(raises, "cost", &cost);
	}
	json_object_put(cost);
	free(parts);
	return raises;
}

/* --- leasing -------------------------------------------------------------- */

static void lease_one(struct deciding *d, int stage, size_t k,
		      const struct part *part)
{
	const struct model *m = d->m;
	int agent = stage_agent(m, stage, k);
	int attempt = m->stages[stage].attempt;
	char *id =
		xasprintf("%s/%s/%d/%s", m->run.id, m->show->stages[stage].id,
			  attempt, m->show->agents[agent].id);
	json_object *data = json_object_new_object();
	json_add_str(data, "lease", id);
	json_add_int(data, "tokens", part->tokens);
	if (part->cost_micros > 0)
		json_add_int(data, "cost_micros", part->cost_micros);
	json_add_int(data, "attempt", attempt);
	json_add_int(data, "deadline", m->stages[stage].deadline_ms);
	emit(d, EVENT_TOKEN_LEASE, stage, agent, &data);
	free(id);
}

void budget_lease(struct deciding *d, int stage)
{
	/* Before the first lease changes what is left to share. */
	struct part *parts = parts_of(d->m, stage, budget_wanted(d->m, stage));
	for (size_t k = 0; k < d->m->show->stages[stage].agent_count; k++)
		if (parts[k].tokens || parts[k].cost_micros > 0)
			lease_one(d, stage, k, &parts[k]);
	free(parts);
}

/* --- settling ------------------------------------------------------------- */

static json_object *lease_data(const struct model *m, int slot)
{
	json_object *data = json_object_new_object();
	if (slot >= 0)
		json_add_str(data, "lease", ledger_lease(m, slot)->id);
	return data;
}

void budget_tell_overrun(struct deciding *d, int stage, int agent, int64_t used,
			 int64_t granted)
{
	const char *id = d->m->show->stages[stage].id;
	const char *who = d->m->show->agents[agent].id;
	char *text = used > granted
			     ? xasprintf("%s used %lld tokens for %s, %lld "
					 "were leased",
					 who, (long long)used, id,
					 (long long)granted)
			     : xasprintf("%s cost more for %s than its lease "
					 "allowed",
					 who, id);
	char *alarm = xasprintf("overrun/%s", id);
	alarm_raise(d, alarm, text);
	free(alarm);
	free(text);
}

void budget_add_overrun(json_object *data, const struct excess *over)
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
	struct path p = ledger_path(m, stage, agent, 0);
	struct excess over = {0};
	for (size_t i = 0; i < p.count; i++) {
		over.tokens =
			more_of(over.tokens,
				scope_lacks(&p.purses[i]->tokens, tokens, 0));
		over.cost_micros =
			more_of(over.cost_micros,
				scope_lacks(&p.purses[i]->cost, cost, 0));
	}
	return over;
}

struct excess budget_top_up(struct deciding *d, int slot, int64_t tokens,
			    int64_t cost)
{
	const struct lease *l = ledger_lease(d->m, slot);
	struct excess over = {more_of(tokens - l->tokens, 0),
			      more_of(cost - l->cost_micros, 0)};
	if (!counts_money(d->m, l->stage))
		over.cost_micros = 0;
	if (l->tokens == 0) /* of money alone: tokens were not leased */
		over.tokens =
			beyond(d->m, l->stage, l->agent, tokens, 0).tokens;
	return over;
}

/* Books what the lease was used for in all, and gives back the rest. */
static void settle(struct deciding *d, int slot, const struct settlement *s)
{
	struct model *m = d->m;
	struct excess over = budget_top_up(d, slot, s->tokens, s->cost_micros);
	const struct lease *l = ledger_lease(m, slot);
	int stage = l->stage, agent = l->agent;
	int64_t granted = l->tokens;
	int64_t rest = more_of(granted - s->tokens, 0);
	int64_t cost_rest = more_of(l->cost_micros - s->cost_micros, 0);
	json_object *data = lease_data(m, slot);
	json_object *back = lease_data(m, slot);
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
	json_object_put(back);
	if (over.tokens || over.cost_micros)
		budget_tell_overrun(d, stage, agent, s->tokens, granted);
}

static void spend_unleased(struct deciding *d, int stage, int agent,
			   const struct settlement *s)
{
	if (s->tokens == 0 && s->cost_micros == 0)
		return;
	struct excess over =
		beyond(d->m, stage, agent, s->tokens, s->cost_micros);
	json_object *data = json_object_new_object();
	json_add_int(data, "tokens", s->tokens);
	if (s->cost_micros)
		json_add_int(data, "cost_micros", s->cost_micros);
	json_add_str(data, "model", s->model);
	budget_add_overrun(data, &over);
	emit(d, EVENT_TOKEN_SPEND, stage, agent, &data);
	if (over.tokens || over.cost_micros)
		budget_tell_overrun(d, stage, agent, s->tokens, 0);
}

void budget_settle(struct deciding *d, int stage, int agent,
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
		return;
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
	settle(d, slot, &s);
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
	json_object *data = lease_data(d->m, slot);
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

/* --- what comes later ----------------------------------------------------- */

bool budget_may_correct(const struct deciding *d, const struct lease *l)
{
	return (l->state == LEASE_EXPIRED || l->state == LEASE_REVOKED) &&
	       d->in->now_ms - l->closed_ms <=
		       d->m->show->budget.settle_grace_ms;
}

void budget_correct(struct deciding *d, int slot, int64_t tokens, int64_t cost)
{
	const struct lease *l = ledger_lease(d->m, slot);
	int stage = l->stage, agent = l->agent;
	int64_t total = more_of(tokens, l->metered);
	int64_t cost_total = more_of(cost, l->cost_metered);
	/* Nothing was said of money, and there is no price: as written off. */
	if (cost < 0)
		cost_total = l->cost_spent;
	struct excess more = {more_of(total - l->spent, 0),
			      more_of(cost_total - l->cost_spent, 0)};
	struct excess less = {more_of(l->spent - total, 0),
			      more_of(l->cost_spent - cost_total, 0)};
	json_object *back = lease_data(d->m, slot);
	if (more.tokens || more.cost_micros) {
		json_object *data = lease_data(d->m, slot);
		bool all = less.tokens == 0 && less.cost_micros == 0;
		json_add_int(data, "tokens", more.tokens);
		if (more.cost_micros)
			json_add_int(data, "cost_micros", more.cost_micros);
		if (!all)
			json_add_str(data, "state", "late");
		budget_add_overrun(data, &more);
		emit(d, EVENT_TOKEN_SPEND, stage, agent, &data);
		if (all) {
			json_object_put(back);
			return;
		}
	}
	json_add_int(back, "tokens", less.tokens);
	if (less.cost_micros)
		json_add_int(back, "cost_micros", less.cost_micros);
	json_add_bool(back, "corrects", true);
	emit(d, EVENT_TOKEN_RETURN, stage, agent, &back);
}

void budget_late(struct deciding *d, int stage, int agent,
		 const struct input *in)
{
	struct model *m = d->m;
	int slot = ledger_find(&m->ledger, in->lease);
	const struct lease *l = ledger_lease(m, slot);
	if (!l || in->tokens_used < 0 || l->stage != stage ||
	    l->agent != agent || l->outside || !budget_may_correct(d, l))
		return;
	int64_t cost = budget_price(m, agent, in);
	budget_correct(d, slot, in->tokens_used, cost ? cost : -1);
}
