/* lease_asks: requests for leases that do not fit wait for a person. The call
 * goes on meanwhile; its time stands still. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/lease_table.h"
#include "core/overage.h"

/* --- folding -------------------------------------------------------------- */

static void ask_release(struct model *m, struct lease_ask *a)
{
	m->stages[a->stage].asks--;
	free(a->lease);
	free(a->request);
}

static void remove_ask(struct model *m, size_t i)
{
	struct ledger *l = &m->ledger;
	ask_release(m, &l->asks[i]);
	l->ask_count--;
	memmove(&l->asks[i], &l->asks[i + 1],
		(l->ask_count - i) * sizeof *l->asks);
}

static int find_ask(const struct model *m, uint64_t seq)
{
	for (size_t i = 0; seq && i < m->ledger.ask_count; i++)
		if (m->ledger.asks[i].seq == seq)
			return (int)i;
	return -1;
}

static void forget_ask(struct model *m, uint64_t seq)
{
	int i = find_ask(m, seq);
	if (i >= 0)
		remove_ask(m, (size_t)i);
}

/* Those of a stage, or of one agent in it. */
static void forget_asks(struct model *m, int stage, int agent)
{
	for (size_t i = m->ledger.ask_count; i > 0; i--) {
		const struct lease_ask *a = &m->ledger.asks[i - 1];
		if (a->stage == stage && (agent < 0 || a->agent == agent))
			remove_ask(m, i - 1);
	}
}

void asks_add(struct model *m, const struct lease_ask *ask)
{
	struct ledger *l = &m->ledger;
	GROW(l->asks, l->ask_count, l->ask_cap);
	l->asks[l->ask_count++] = *ask;
	m->stages[ask->stage].asks++;
}

void asks_reset(struct model *m)
{
	while (m->ledger.ask_count)
		remove_ask(m, m->ledger.ask_count - 1);
}

static void apply_ask(struct model *m, const struct event *e, int stage,
		      int agent)
{
	const char *to = event_str(e, "reply", "");
	struct lease_ask ask = {
		.seq = m->seq,
		.stage = stage,
		.agent = agent,
		.lease = xstrdup(event_str(e, "lease", NULL)),
		.request = xstrdup(event_str(e, "request", NULL)),
		.tokens = event_int(e, "asked", 0),
		.cost_micros = event_int(e, "asked_cost", 0),
		.epoch = m->leader.epoch,
	};
	if (*to >= '0' && *to <= '9' && to[1] == ':') {
		ask.origin.kind = (enum origin_kind)(*to - '0');
		snprintf(ask.origin.id, sizeof ask.origin.id, "%s", to + 2);
	}
	forget_ask(m, (uint64_t)event_int(e, "again", 0));
	asks_add(m, &ask);
}

/* While something waits, the attempt's deadline stands still. */
static void hold_time(struct model *m, const struct event *e, int stage)
{
	struct stage_run *s = &m->stages[stage];
	int64_t at_ms = 0;
	if (s->asks && !s->stood_ms && s->deadline_ms > 0) {
		int64_t left = s->deadline_ms - e->at_ms;
		s->stood_ms = left > 0 ? left : 1;
	} else if (!s->asks && s->stood_ms) {
		at_ms = e->at_ms + s->stood_ms;
		s->stood_ms = 0;
	} else {
		return;
	}
	s->deadline_ms = at_ms;
	timers_set(&m->timers, TIMER_STAGE, stage, at_ms);
}

void asks_apply(struct model *m, const struct event *e, int stage, int agent)
{
	if (e->type == EVENT_RUN_COMPLETE || e->type == EVENT_RUN_CANCEL)
		asks_reset(m);
	if (stage < 0)
		return;
	struct stage_run *s = &m->stages[stage];
	if (s->state != STAGE_RUNNING) {
		if (s->asks)
			forget_asks(m, stage, -1);
		s->stood_ms = 0;
		return;
	}
	if (e->type == EVENT_BUDGET_REQUEST && event_bool(e, "call", false) &&
	    agent >= 0)
		apply_ask(m, e, stage, agent);
	else if (e->type == EVENT_BUDGET_DENY && event_int(e, "ask", 0))
		forget_ask(m, (uint64_t)event_int(e, "ask", 0));
	else if (e->type == EVENT_BUDGET_DENY && event_bool(e, "call", false))
		forget_asks(m, stage, agent);
	else if (e->type == EVENT_TOKEN_LEASE)
		forget_ask(m, (uint64_t)event_int(e, "ask", 0));
	else
		return;
	hold_time(m, e, stage);
}

/* --- deciding ------------------------------------------------------------- */

const struct lease_ask *asks_find(const struct model *m, uint64_t seq)
{
	int i = find_ask(m, seq);
	return i < 0 ? NULL : &m->ledger.asks[i];
}

const struct lease_ask *asks_find_request(const struct model *m,
					  const char *request)
{
	for (size_t i = 0; request && i < m->ledger.ask_count; i++) {
		const struct lease_ask *a = &m->ledger.asks[i];
		if (a->request && strcmp(a->request, request) == 0)
			return a;
	}
	return NULL;
}

/* One of the stage's calls waits for a person, or none does any more: the
 * agents have as much time as they had then. */
static void tell_time(struct deciding *d, int stage, bool stood)
{
	const struct stage_run *s = &d->m->stages[stage];
	if (s->state == STAGE_RUNNING && (s->stood_ms != 0) != stood)
		proposals_stand(d, stage);
}

/* Whoever waits is told. A ticket of the web is good for the core that gave
 * it. */
static void reply_to(struct deciding *d, const struct lease_ask *a, bool ok,
		     const char *code, const char *text)
{
	if (a->origin.kind == ORIGIN_NONE ||
	    (a->origin.kind == ORIGIN_WEB && a->epoch != d->m->leader.epoch))
		return;
	struct effect *x = effect_add(d, EFFECT_REPLY);
	x->origin = a->origin;
	x->ok = ok;
	x->name = xstrdup(code);
	x->text = xstrdup(text);
}

static bool item_is_open(const struct model *m, int stage)
{
	return m->stages[stage].item_seq != 0;
}

static struct json_out *ask_data(struct deciding *d, const struct lease_ask *a,
				 const struct lack *lack)
{
	struct model *m = d->m;
	struct json_out *data = json_out_new();
	json_add_bool(data, "call", true);
	json_add_str(data, "reason", lack->where);
	json_add_int(data, "tokens", lack->most);
	if (lack->cost_most)
		json_add_int(data, "cost_micros", lack->cost_most);
	json_add_int(data, "asked", a->tokens);
	if (a->cost_micros)
		json_add_int(data, "asked_cost", a->cost_micros);
	json_add_str(data, "lease", a->lease);
	json_add_str(data, "request", a->request);
	/* A call that is out keeps its agent, and is no start that may be
	 * repeated. */
	overage_add_offers(data, overage_offers(m, a->stage, lack));
	json_add_int(data, "left", scope_remaining(&m->ledger.episode.tokens));
	json_add_int(data, "rest", budget_rest_of_show(d, a->stage));
	if (a->origin.kind != ORIGIN_NONE) {
		char *to =
			xasprintf("%d:%s", (int)a->origin.kind, a->origin.id);
		json_add_str(data, "reply", to);
		free(to);
	}
	return data;
}

/* `again` is the ask's own event when it opened no question then. */
static void hold(struct deciding *d, const struct lease_ask *a, uint64_t again)
{
	struct model *m = d->m;
	struct lack lack =
		leases_lack(m, a->stage, a->agent, a->tokens, a->cost_micros);
	struct json_out *data = ask_data(d, a, &lack);
	int stage = a->stage; /* with its event `a` itself may move */
	bool queued = item_is_open(m, stage);
	if (again)
		json_add_int(data, "again", (int64_t)again);
	if (queued)
		json_add_bool(data, "queued", true);
	else
		decide_add_deadline(d, data);
	emit(d, EVENT_BUDGET_REQUEST, stage, a->agent, &data);
	if (!queued && !m->run.attended)
		inbox_default(d, inbox_of_stage(m, stage));
}

bool asks_hold(struct deciding *d, const struct lease_ask *ask)
{
	if (d->m->ledger.ask_count >= LEASE_ASKS_MAX)
		return refuse(d, "busy",
			      "%d requests wait for approval already",
			      LEASE_ASKS_MAX);
	bool stood = d->m->stages[ask->stage].stood_ms != 0;
	d->replied = true;
	hold(d, ask, 0);
	tell_time(d, ask->stage, stood);
	return true;
}

/* What is granted is emitted, which takes the ask out of the model; then the
 * one that asked is told. */
static void grant(struct deciding *d, const struct lease_ask *a, int64_t tokens,
		  int64_t cost)
{
	const struct lease_ask asker = {.origin = a->origin, .epoch = a->epoch};
	int slot = leases_grant(d, a, tokens, cost);
	char text[LEASE_TEXT_BYTES];
	reply_to(d, &asker, true, "ok", leases_text(d->m, slot, text));
}

/* Those that still wait, in their order: the first that does not fit asks. */
static void try_rest(struct deciding *d, int stage)
{
	struct model *m = d->m;
	for (size_t i = 0; i < m->ledger.ask_count;) {
		const struct lease_ask *a = &m->ledger.asks[i];
		if (a->stage != stage) {
			i++;
			continue;
		}
		if (item_is_open(m, stage))
			return;
		struct lack lack = leases_lack(m, stage, a->agent, a->tokens,
					       a->cost_micros);
		if (lack.most == 0 && lack.cost_most == 0)
			grant(d, a, a->tokens, a->cost_micros);
		else
			hold(d, a, a->seq);
	}
}

/* What a person said to the question of an ask: it is granted. */
void asks_go_on(struct deciding *d, const struct inbox_item *item,
		int64_t tokens, int64_t cost, struct json_out **data)
{
	const struct lease_ask *a = asks_find(d->m, item->seq);
	json_add_bool(*data, "call", true);
	json_add_int(*data, "lease", tokens);
	emit(d, EVENT_BUDGET_APPROVE, a->stage, a->agent, data);
	grant(d, asks_find(d->m, item->seq), tokens, cost);
	try_rest(d, item->stage);
	tell_time(d, item->stage, true);
}

bool asks_approve(struct deciding *d, const struct inbox_item *item,
		  int64_t more, const char *by)
{
	struct model *m = d->m;
	const struct lease_ask *a = asks_find(m, item->seq);
	REQUIRE(a);
	int64_t tokens = a->tokens;
	int64_t cost = a->cost_micros;
	if (more >= 0) {
		tokens += more - item->tokens;
		if (tokens <= 0)
			return refuse(d, "bad_amount",
				      "%" PRId64 " tokens leave nothing to "
				      "lease",
				      more);
		if (a->cost_micros && a->tokens)
			cost = budget_ceiling(m, a->stage, a->agent, tokens);
	}
	struct json_out *data = decide_data_by(d, by);
	json_object *raises = json_object_new_object();
	struct need need = {a->agent, tokens, cost};
	budget_needs(m, a->stage, &need, 1, 0, raises);
	json_add_str(data, "item", item->id);
	json_add_int(data, "tokens", more >= 0 ? more : item->tokens);
	json_add(data, "raises", &raises);
	json_add_str(data, "until", raise_until_name(UNTIL_CALL));
	char said[32];
	text_thousands(said, sizeof said, more >= 0 ? more : item->tokens);
	answer(d, "approved %s tokens for %s", said,
	       m->show->stages[a->stage].id);
	asks_go_on(d, item, tokens, cost, &data);
	return true;
}

/* Tells all of them, and takes them out. */
static void end_asks(struct deciding *d, int stage, int agent, const char *by,
		     const char *item, const char *code, const char *text)
{
	struct model *m = d->m;
	size_t n = 0;
	for (size_t i = 0; i < m->ledger.ask_count; i++) {
		const struct lease_ask *a = &m->ledger.asks[i];
		if (a->stage != stage || (agent >= 0 && a->agent != agent))
			continue;
		reply_to(d, a, false, code, text);
		n++;
	}
	if (!n)
		return;
	struct json_out *data = json_out_new();
	json_add_bool(data, "call", true);
	json_add_str(data, "item", item);
	json_add_str(data, "by", by);
	json_add_str(data, "reason", item ? d->in->reason : text);
	json_add_int(data, "calls", (int64_t)n);
	emit(d, EVENT_BUDGET_DENY, stage, agent, &data);
	tell_time(d, stage, true);
}

void asks_deny(struct deciding *d, const struct inbox_item *item,
	       const char *by)
{
	end_asks(d, item->stage, -1, by, item->id, "denied",
		 "more tokens were denied");
}

void asks_end(struct deciding *d, int stage, int agent)
{
	if (!d->m->stages[stage].asks)
		return;
	end_asks(d, stage, agent, "core", NULL, "gone",
		 "the call that it was for has ended");
	if (agent >= 0 && d->m->stages[stage].asks)
		try_rest(d, stage);
}

static const struct lease_ask *find_origin(const struct model *m,
					   const struct origin *origin)
{
	for (size_t i = 0; i < m->ledger.ask_count; i++) {
		const struct lease_ask *a = &m->ledger.asks[i];
		if (a->origin.kind == origin->kind &&
		    a->epoch == m->leader.epoch &&
		    strcmp(a->origin.id, origin->id) == 0)
			return a;
	}
	return NULL;
}

void asks_left(struct deciding *d)
{
	struct model *m = d->m;
	const struct lease_ask *a = find_origin(m, &d->in->origin);
	d->replied = true;
	if (!a)
		return; /* it was answered while it left */
	int stage = a->stage, agent = a->agent;
	const struct inbox_item *item = inbox_of_stage(m, stage);
	struct json_out *data = json_out_new();
	json_add_bool(data, "call", true);
	json_add_int(data, "ask", (int64_t)a->seq);
	if (item && item->seq == a->seq)
		json_add_str(data, "item", item->id);
	json_add_str(data, "choice", "withdraw");
	json_add_str(data, "by", "core");
	json_add_str(data, "reason", "the client left");
	reply_to(d, a, false, "gone", "the client left");
	emit(d, EVENT_BUDGET_DENY, stage, agent, &data);
	try_rest(d, stage);
	tell_time(d, stage, true);
}
