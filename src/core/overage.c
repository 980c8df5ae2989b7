/* overage: a lease that does not fit becomes a held call. A person is asked,
 * with what may sensibly be answered (menu.c does it). */
#include "core/overage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

/* In warn mode an agent that asks for more and more is stopped by a person
 * after so many times. */
#define WARN_ASKS 5

static int64_t may_lease(const struct model *m, size_t stage)
{
	const struct scope *scope = &m->ledger.stages[stage].tokens;
	bool open = m->stages[stage].outcome == OUTCOME_OPEN;
	return open && scope->limited ? scope_remaining(scope) : 0;
}

/* Summed up once for many that are held in a row: that changes none of it. */
int64_t budget_rest_of_show(struct deciding *d, int but)
{
	const struct model *m = d->m;
	if (d->rest_seq != m->seq) {
		d->rest_tokens = 0;
		d->rest_seq = m->seq;
		for (size_t i = 0; i < m->show->stage_count; i++)
			d->rest_tokens += may_lease(m, i);
	}
	return d->rest_tokens - (but >= 0 ? may_lease(m, (size_t)but) : 0);
}

/* What the attempt that asks had and did not use, and what it asks for. */
static int64_t total_asked(const struct deciding *d, int stage, int64_t asked)
{
	const struct model *m = d->m;
	int64_t left = scope_remaining(&m->ledger.stages[stage].tokens);
	int64_t had = d->in->tokens_used > 0 ? -d->in->tokens_used : 0;
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++)
		had += m->stages[stage].calls[k].lease_tokens;
	return asked + (had > 0 ? had : left);
}

int64_t overage_total(const struct model *m, int stage)
{
	struct lack lack;
	if (m->stages[stage].asked_total)
		return m->stages[stage].asked_total;
	int64_t least = budget_least(m, stage, &lack);
	return least ? least : budget_wanted(m, stage);
}

struct lack overage_lack(const struct model *m, int stage, int64_t total)
{
	return budget_lack(m, stage, total, budget_fence(m, stage));
}

/* --- what may be answered ----------------------------------------------- */

int overage_lender(const struct model *m, int stage, bool money, int64_t amount)
{
	int best = -1;
	int64_t most = amount - 1;
	for (size_t i = 0; i < m->show->stage_count; i++) {
		const struct purse *purse = &m->ledger.stages[i];
		const struct scope *scope =
			money ? &purse->cost : &purse->tokens;
		if ((int)i == stage || !scope->limited ||
		    scope_remaining(scope) <= most)
			continue;
		most = scope_remaining(scope);
		best = (int)i;
	}
	return best;
}

int64_t overage_cap_alone(const struct lack *l, bool money)
{
	const int64_t *lacks = money ? l->cost : l->tokens;
	if (money ? l->most : l->cost_most)
		return 0;
	for (int i = 0; i < SCOPE_KINDS; i++)
		if (i != SCOPE_STAGE && lacks[i])
			return 0;
	return lacks[SCOPE_STAGE];
}

/* Who could answer the k-th call instead, or -1. */
static int fallback_of(const struct model *m, int stage, size_t k)
{
	const struct show_agent *agent =
		&m->show->agents[stage_agent(m, stage, k)];
	int other = agent->fallback_agent
			    ? show_find_agent(m->show, agent->fallback_agent)
			    : -1;
	/* One agent has one call of a stage. */
	return other >= 0 && !m->killed[other] &&
			       stage_agent_place(m, stage, other) < 0
		       ? other
		       : -1;
}

/* Whether `raises` has something for the agent alone, or for its service. */
static bool is_short(const struct model *m, json_object *raises, int agent)
{
	const struct show_agent *a = &m->show->agents[agent];
	const char *service =
		a->service < 0 ? "" : m->show->services[a->service].id;
	json_object *cost = json_get_object(raises, "cost");
	for (int i = SCOPE_AGENT; i < SCOPE_KINDS; i++) {
		const char *kind = scope_kind_name((enum scope_kind)i);
		const char *id = i >= SCOPE_SERVICE ? service : a->id;
		if (json_get_int(json_get_object(raises, kind), id, 0) ||
		    json_get_int(json_get_object(cost, kind), id, 0))
			return true;
	}
	return false;
}

static bool is_given(const int *to, size_t count, int agent)
{
	for (size_t k = 0; k < count; k++)
		if (to[k] == agent)
			return true;
	return false;
}

size_t overage_fallbacks(const struct model *m, int stage, int *to)
{
	size_t count = m->show->stages[stage].agent_count, given = 0;
	bool any = false;
	for (size_t k = 0; k < count; k++) {
		to[k] = -1;
		any = any || fallback_of(m, stage, k) >= 0;
	}
	if (!any)
		return 0;
	json_object *raises = budget_raises(m, stage, overage_total(m, stage));
	for (size_t i = 0; i < 2 * count; i++) {
		size_t k = i % count;
		int other = fallback_of(m, stage, k);
		bool first = i < count;
		if (to[k] >= 0 || other < 0 || is_given(to, count, other) ||
		    (first && !is_short(m, raises, stage_agent(m, stage, k))))
			continue;
		to[k] = other;
		given++;
	}
	json_object_put(raises);
	return given;
}

/* Whether the stage could start at once with the fallbacks of its agents. The
 * calls are lent to them while that is worked out. */
static bool cheaper_fits(struct model *m, int stage)
{
	size_t count = m->show->stages[stage].agent_count;
	struct call *calls = m->stages[stage].calls;
	int *was = xcalloc(2 * count + 1, sizeof *was), *to = was + count;
	if (!overage_fallbacks(m, stage, to)) {
		free(was);
		return false;
	}
	for (size_t k = 0; k < count; k++) {
		was[k] = calls[k].agent;
		if (to[k] >= 0)
			calls[k].agent = to[k];
	}
	struct lack l = overage_lack(m, stage, overage_total(m, stage));
	bool fits = !l.most && !l.cost_most && !l.unpriced;
	for (size_t k = 0; k < count; k++)
		calls[k].agent = was[k];
	free(was);
	return fits;
}

bool overage_would_ask(const struct model *m, int stage)
{
	struct lack l = overage_lack(m, stage, overage_total(m, stage));
	return l.most || l.cost_most;
}

int overage_again(const struct model *m, int stage, bool asked)
{
	const struct show_retry *retry = &m->show->stages[stage].retry;
	int64_t n = retry->max_attempts - m->stages[stage].failures -
		    (asked ? 0 : 1);
	return n < 0 ? 0 : n > 100 ? 100 : (int)n;
}

unsigned overage_offers(const struct model *m, int stage, const struct lack *l)
{
	unsigned offers = inbox_always(INBOX_OVERAGE);
	if (l->most || l->cost_most)
		offers |= OFFER(CHOICE_RAISE);
	for (int i = 0; i < 2; i++) {
		int64_t lacks = overage_cap_alone(l, i);
		if (lacks && overage_lender(m, stage, i, lacks) >= 0)
			offers |= OFFER(CHOICE_BORROW);
	}
	return offers;
}

static unsigned offers_for(struct model *m, int stage, const struct lack *l,
			   bool asked)
{
	unsigned offers = overage_offers(m, stage, l);
	if (overage_again(m, stage, asked))
		offers |= OFFER(CHOICE_APPROVE_STAGE);
	if (cheaper_fits(m, stage))
		offers |= OFFER(CHOICE_CHEAPER);
	return offers;
}

void overage_add_offers(struct json_out *data, unsigned offers)
{
	json_out_array(data, "offers");
	for (int i = 0; i < INBOX_CHOICES; i++)
		if (offers & OFFER(i))
			json_add_str(data, NULL,
				     inbox_choice_name((enum inbox_choice)i));
	json_out_end(data);
}

/* --- asking ------------------------------------------------------------- */

static struct json_out *request_data(struct deciding *d, int stage,
				     const char *reason, int64_t total,
				     int64_t asked)
{
	struct model *m = d->m;
	struct lack l = overage_lack(m, stage, total);
	struct json_out *data = json_out_new();
	json_add_str(data, "reason", reason);
	json_add_int(data, "tokens", l.most > asked ? l.most : asked);
	json_add_int(data, "wanted", total);
	if (l.cost_most)
		json_add_int(data, "cost_micros", l.cost_most);
	if (asked)
		json_add_int(data, "asked", asked);
	json_add_int(data, "left", scope_remaining(&m->ledger.episode.tokens));
	json_add_int(data, "rest", budget_rest_of_show(d, stage));
	overage_add_offers(data, offers_for(m, stage, &l, asked > 0));
	decide_add_deadline(d, data);
	return data;
}

static void tell_warned(struct deciding *d, int stage, int64_t tokens)
{
	const char *id = d->m->show->stages[stage].id;
	char more[32];
	char *alarm = xasprintf("overage/%s", id);
	char *text = xasprintf(
		"%s was given %s%s more: the mode is warn", id,
		tokens ? text_thousands(more, sizeof more, tokens) : "",
		tokens ? " tokens" : "money");
	alarm_raise(d, alarm, text);
	free(alarm);
	free(text);
}

/* A start that may lack something without a question: it was approved for the
 * stage, or the show only warns. */
static bool goes_on(struct deciding *d, int stage, int64_t total, int64_t asked)
{
	const struct model *m = d->m;
	const struct stage_run *s = &m->stages[stage];
	struct lack l = budget_lack(m, stage, total, 0);
	int64_t tokens = l.most > asked ? l.most : asked;
	bool standing = s->standing_uses && tokens <= s->standing_tokens &&
			l.cost_most <= s->standing_cost;
	bool warns = m->show->budget.mode == MODE_WARN &&
		     (!asked || s->warn_asks < WARN_ASKS);
	if (!standing && !warns)
		return false;
	struct json_out *data = json_out_new();
	json_object *raises = budget_raises(m, stage, total);
	json_add_int(data, "tokens", tokens);
	json_add_int(data, "lease", total);
	if (l.cost_most)
		json_add_int(data, "cost_micros", l.cost_most);
	json_add(data, "raises", &raises);
	json_add_str(data, "until",
		     raise_until_name(standing ? UNTIL_STAGE : UNTIL_CALL));
	if (standing)
		json_add_bool(data, "standing", true);
	json_add_str(data, "by", standing ? "approve-stage" : "warn mode");
	emit(d, EVENT_BUDGET_RAISE, stage, -1, &data);
	if (!standing)
		tell_warned(d, stage, tokens);
	return true;
}

bool budget_hold(struct deciding *d, int stage, const char *reason,
		 int64_t asked)
{
	struct model *m = d->m;
	int64_t total =
		asked ? total_asked(d, stage, asked) : overage_total(m, stage);
	/* What was given to the attempt that asks is not for the next one. */
	raises_settle(d);
	if (goes_on(d, stage, total, asked))
		return true;
	struct json_out *data = request_data(d, stage, reason, total, asked);
	emit(d, EVENT_BUDGET_REQUEST, stage, -1, &data);
	d->rest_seq = m->seq;
	const struct inbox_item *item = inbox_of_stage(m, stage);
	if (!m->run.attended && item)
		inbox_default(d, item);
	return false;
}
