/* correct: what was written off, and is told within its grace after all. */
#include <stdlib.h>

#include "core/overage.h"

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static struct json_out *lease_data(const struct lease *l)
{
	struct json_out *data = json_out_new();
	json_add_str(data, "lease", l->id);
	return data;
}

/* Its stage waits for a person, because a call was written off that cost less:
 * when that is told and nothing lacks any more, nobody has to answer. */
static void let_go_on(struct deciding *d, int stage)
{
	const struct stage_run *s = &d->m->stages[stage];
	const struct inbox_item *item = inbox_of_stage(d->m, stage);
	if (s->state != STAGE_HELD || s->asked_tokens || !item)
		return;
	struct lack l = overage_lack(d->m, stage, overage_total(d->m, stage));
	if (l.most || l.cost_most || l.unpriced)
		return;
	struct json_out *data = json_out_new();
	json_add_str(data, "item", item->id);
	json_add_int(data, "tokens", 0);
	json_add_int(data, "lease", s->approved_tokens);
	json_add_str(data, "why", "covered");
	json_add_str(data, "by", "core");
	emit(d, EVENT_BUDGET_APPROVE, stage, -1, &data);
}

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
	int64_t total = larger(tokens, l->metered);
	int64_t cost_total = larger(cost, l->cost_metered);
	/* Nothing was said of money, and there is no price: as written off. */
	if (cost < 0)
		cost_total = l->cost_spent;
	struct excess more = {larger(total - l->spent, 0),
			      larger(cost_total - l->cost_spent, 0)};
	struct excess less = {larger(l->spent - total, 0),
			      larger(l->cost_spent - cost_total, 0)};
	struct json_out *back = lease_data(l);
	if (more.tokens || more.cost_micros) {
		struct json_out *data = lease_data(l);
		bool all = less.tokens == 0 && less.cost_micros == 0;
		json_add_int(data, "tokens", more.tokens);
		if (more.cost_micros)
			json_add_int(data, "cost_micros", more.cost_micros);
		if (!all)
			json_add_str(data, "state", "late");
		budget_add_overrun(data, &more);
		emit(d, EVENT_TOKEN_SPEND, stage, agent, &data);
		if (all) {
			json_out_free(&back);
			return;
		}
	}
	json_add_int(back, "tokens", less.tokens);
	if (less.cost_micros)
		json_add_int(back, "cost_micros", less.cost_micros);
	json_add_bool(back, "corrects", true);
	emit(d, EVENT_TOKEN_RETURN, stage, agent, &back);
	let_go_on(d, stage);
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
