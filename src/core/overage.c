/* overage: a lease that does not fit becomes a held call: a person is asked,
 * and the answer lets it go on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

static int64_t may_lease(const struct model *m, size_t stage)
{
	const struct scope *scope = &m->ledger.stages[stage].tokens;
	bool open = m->stages[stage].outcome == OUTCOME_OPEN;
	return open && scope->limited ? scope_remaining(scope) : 0;
}

/* What the stages that are not settled yet may still lease, but for one. Summed
 * up once for many that are held in a row: that changes none of it. */
int64_t budget_rest_of_show(struct deciding *d, int but)
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
		total = scope_remaining(&m->ledger.stages[stage].tokens) +
			asked;
	struct lack l = budget_lack(m, stage, total, budget_fence(m, stage));
	json_object *data = json_object_new_object();
	json_add_str(data, "reason", reason);
	json_add_int(data, "tokens", l.most > asked ? l.most : asked);
	json_add_int(data, "wanted", total);
	if (l.cost_most)
		json_add_int(data, "cost_micros", l.cost_most);
	if (asked)
		json_add_int(data, "asked", asked);
	json_add_int(data, "left", scope_remaining(&m->ledger.episode.tokens));
	json_add_int(data, "rest", budget_rest_of_show(d, stage));
	if (m->run.attended)
		json_add_int(data, "deadline",
			     d->in->now_ms +
				     m->show->budget.approval_deadline_ms);
	emit(d, EVENT_BUDGET_REQUEST, stage, -1, &data);
	d->rest_seq = m->seq;
	if (!m->run.attended)
		inbox_timer(d, stage);
}

/* Reads "4200" or "4,200"; -1 if it is no amount. */
int64_t budget_read_amount(const char *text)
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
	if (asks_find(m, item->seq)) {
		int64_t more = amount ? budget_read_amount(amount) : -1;
		if (amount && more < 0)
			return refuse(d, "bad_amount",
				      "`%s` is no number of tokens", amount);
		return asks_approve(d, item, more);
	}
	int64_t total = budget_wanted(m, stage);
	if (asked)
		total = scope_remaining(&m->ledger.stages[stage].tokens) +
			asked;
	int64_t tokens = item->tokens;
	if (amount) {
		tokens = budget_read_amount(amount);
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
	json_object *raises = budget_raises(m, stage, total);
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
	if (asks_find(d->m, item->seq)) {
		asks_deny(d, item, by);
		return;
	}
	json_object *data = json_object_new_object();
	json_add_str(data, "item", item->id);
	json_add_str(data, "by", by);
	json_add_str(data, "reason", d->in->reason);
	emit(d, EVENT_BUDGET_DENY, stage, -1, &data);
	stages_fail_final(d, stage, "budget", "more tokens were denied");
}
