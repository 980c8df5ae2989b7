/* leases: what is asked for from outside: more leases and longer ones, what is
 * given back, what was used. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"
#include "core/lease_table.h"
#include "core/money.h"

/* --- requests that were done ---------------------------------------------- */

static uint64_t hash_of(const char *id)
{
	uint64_t h = hash_fnv1a(id);
	return h ? h : 1; /* 0 is a free place */
}

static const struct lease_request *find_request(const struct model *m,
						const char *id)
{
	uint64_t hash = id && *id ? hash_of(id) : 0;
	for (size_t i = 0; hash && i < LEASE_REQUESTS_KEPT; i++)
		if (m->ledger.requests[i].hash == hash)
			return &m->ledger.requests[i];
	return NULL;
}

void requests_add(struct model *m, const struct lease_request *request)
{
	struct ledger *l = &m->ledger;
	struct lease_request *r =
		&l->requests[l->request_next++ % LEASE_REQUESTS_KEPT];
	free(r->lease);
	*r = *request;
}

void leases_reset(struct model *m)
{
	size_t used = m->ledger.request_next < LEASE_REQUESTS_KEPT
			      ? m->ledger.request_next
			      : LEASE_REQUESTS_KEPT;
	for (size_t i = 0; i < used; i++)
		free(m->ledger.requests[i].lease);
	if (used)
		memset(m->ledger.requests, 0,
		       used * sizeof *m->ledger.requests);
	m->ledger.request_next = 0;
	asks_reset(m);
}

static enum lease_wish wish_of(const struct event *e)
{
	const char *state = event_str(e, "state", "settled");
	if (e->type == EVENT_TOKEN_LEASE)
		return event_bool(e, "extends", false) ? WISH_EXTEND
						       : WISH_LEASE;
	if (e->type == EVENT_TOKEN_RETURN)
		return WISH_RETURN;
	return strcmp(state, "held") == 0 || strcmp(state, "late") == 0
		       ? WISH_USE
		       : WISH_SETTLE;
}

void leases_apply(struct model *m, const struct event *e, int stage, int agent)
{
	bool token = e->type == EVENT_TOKEN_LEASE ||
		     e->type == EVENT_TOKEN_SPEND ||
		     e->type == EVENT_TOKEN_RETURN;
	const char *id = token ? event_str(e, "request", NULL) : NULL;
	if (id && stage >= 0 && agent >= 0)
		requests_add(
			m,
			&(struct lease_request){
				.hash = hash_of(id),
				.wish = wish_of(e),
				.stage = stage,
				.agent = agent,
				.tokens = event_int(e, "asked",
						    event_int(e, "tokens", 0)),
				.lease = xstrdup(event_str(e, "lease", "")),
			});
	asks_apply(m, e, stage, agent);
}

/* --- telling -------------------------------------------------------------- */

const char *leases_text(const struct model *m, int slot, char *out)
{
	const struct lease *l = ledger_lease(m, slot);
	int64_t deadline = m->stages[l->stage].deadline_ms;
	if (l->state != LEASE_HELD)
		deadline = 0;
	snprintf(out, LEASE_TEXT_BYTES,
		 "{\"lease\":\"%s\",\"tokens\":%" PRId64 ",\"spent\":%" PRId64
		 ",\"cost_micros\":%" PRId64 ",\"cost_spent\":%" PRId64
		 ",\"deadline\":%" PRId64 ",\"state\":\"%s\"}",
		 l->id, l->tokens, l->spent, l->cost_micros, l->cost_spent,
		 deadline, lease_state_name(l->state));
	return out;
}

static bool tell(struct deciding *d, int slot)
{
	leases_text(d->m, slot, d->answer);
	return true;
}

static bool tell_id(struct deciding *d, const char *id)
{
	int slot = ledger_find(&d->m->ledger, id);
	if (slot >= 0)
		return tell(d, slot);
	answer(d, "{\"lease\":\"%s\",\"state\":\"forgotten\"}", id);
	return true;
}

/* --- what fits ------------------------------------------------------------ */

/* More than the start of its stage: the fence is open to the finale alone, and
 * to what a person approves. */
static int64_t fence_of(const struct model *m, int stage)
{
	return m->show->stages[stage].finale ? 0 : m->ledger.reserve;
}

struct lack leases_lack(const struct model *m, int stage, int agent,
			int64_t tokens, int64_t cost)
{
	struct need need = {agent, tokens, cost};
	return budget_needs(m, stage, &need, 1, fence_of(m, stage), NULL);
}

static bool fits(struct deciding *d, int stage, int agent, int64_t tokens,
		 int64_t cost)
{
	struct lack lack = leases_lack(d->m, stage, agent, tokens, cost);
	return lack.most == 0 && lack.cost_most == 0;
}

/* --- granting ------------------------------------------------------------- */

static char *next_id(const struct model *m, int stage, int agent)
{
	const struct show *show = m->show;
	int k = stage_agent_place(m, stage, agent);
	const struct stage_run *s = &m->stages[stage];
	char n[TEXT_INT_BYTES], attempt[TEXT_INT_BYTES];
	return xconcat(m->run.id, "/", show->stages[stage].id,
		       text_int(attempt, "/", s->attempt), "/",
		       show->agents[agent].id,
		       text_int(n, "/", s->calls[k].further + 1), NULL);
}

/* The event of a lease or an extension that was found to fit. */
int leases_grant(struct deciding *d, const struct lease_ask *a, int64_t tokens,
		 int64_t cost)
{
	struct model *m = d->m;
	const struct stage_run *s = &m->stages[a->stage];
	struct json_out *data = json_out_new();
	char *id =
		a->lease ? xstrdup(a->lease) : next_id(m, a->stage, a->agent);
	int64_t deadline = s->deadline_ms;
	if (s->stood_ms) /* what waits is moved by the time that it waited */
		deadline = d->in->now_ms + s->stood_ms;
	json_add_str(data, "lease", id);
	json_add_int(data, "tokens", tokens);
	if (cost)
		json_add_int(data, "cost_micros", cost);
	json_add_int(data, "attempt", s->attempt);
	json_add_int(data, "deadline", deadline);
	json_add_bool(data, a->lease ? "extends" : "outside", true);
	json_add_str(data, "request", a->request);
	if (a->seq)
		json_add_int(data, "ask", (int64_t)a->seq);
	if (tokens != a->tokens)
		json_add_int(data, "asked", a->tokens);
	if (cost != a->cost_micros)
		json_add_int(data, "asked_cost", a->cost_micros);
	emit(d, EVENT_TOKEN_LEASE, a->stage, a->agent, &data);
	int slot = ledger_find(&m->ledger, id);
	free(id);
	REQUIRE(slot >= 0);
	return slot;
}

static bool grant_or_ask(struct deciding *d, struct lease_ask *a)
{
	struct model *m = d->m;
	if (m->run.panic)
		return refuse(d, "refused", "nothing is leased in a panic");
	a->cost_micros = budget_ceiling(m, a->stage, a->agent, a->tokens);
	if (a->cost_micros < 0)
		return refuse(d, "unpriced",
			      "%s has no price: what %" PRId64
			      " tokens of it may cost cannot be told",
			      m->show->agents[a->agent].id, a->tokens);
	if (!fits(d, a->stage, a->agent, a->tokens, a->cost_micros)) {
		a->origin = d->in->origin;
		return asks_hold(d, a);
	}
	return tell(d, leases_grant(d, a, a->tokens, a->cost_micros));
}

/* --- what was asked ------------------------------------------------------- */

static int64_t read_tokens(struct deciding *d, const char *text, int64_t least)
{
	int64_t n = budget_read_amount(text);
	if (n >= least)
		return n;
	char *shown = text_clean_str(text, 40);
	refuse(d, "bad_amount", "`%s` is no number of tokens", shown);
	free(shown);
	return -1;
}

static struct lease_request request_of(const struct lease_ask *a)
{
	return (struct lease_request){
		.wish = a->lease ? WISH_EXTEND : WISH_LEASE,
		.stage = a->stage,
		.agent = a->agent,
		.tokens = a->tokens,
		.lease = a->lease,
	};
}

static bool is_same(const struct lease_request *was,
		    const struct lease_request *now)
{
	if (was->wish != now->wish || was->tokens != now->tokens)
		return false;
	return now->wish == WISH_LEASE
		       ? was->stage == now->stage && was->agent == now->agent
		       : strcmp(was->lease, now->lease) == 0;
}

/* A request that was seen before: true when it is answered here. `figures` are
 * what it asks for now. */
static bool is_repeat(struct deciding *d, const struct lease_request *figures)
{
	const char *id = d->in->id;
	const struct lease_request *r = find_request(d->m, id);
	const struct lease_ask *a = asks_find_request(d->m, id);
	if (!r && !a)
		return false;
	struct lease_request was = r ? *r : request_of(a);
	if (!is_same(&was, figures)) {
		refuse(d, "repeat",
		       "this request was made already, with other figures");
	} else if (r) {
		tell_id(d, r->lease);
	} else {
		refuse(d, "waiting",
		       "this request waits for approval: i%" PRIu64, a->seq);
		/* The answer to the one that waits goes to the same place. */
		d->replied = d->in->origin.kind == ORIGIN_BUS &&
			     a->origin.kind == ORIGIN_BUS &&
			     strcmp(d->in->origin.id, a->origin.id) == 0;
	}
	return true;
}

/* The slot of a lease by its id, or -1 with the reason. */
static int need_lease(struct deciding *d, const char *id, bool held)
{
	int slot = ledger_find(&d->m->ledger, id);
	const struct lease *l = ledger_lease(d->m, slot);
	if (l && (!held || l->state == LEASE_HELD))
		return slot;
	char *shown = text_clean_str(id, 200);
	if (l)
		refuse(d, "refused", "lease %s is %s", shown,
		       lease_state_name(l->state));
	else
		refuse(d, "not_found",
		       "no lease `%s`: it was never granted, or it was "
		       "settled and is forgotten",
		       shown);
	free(shown);
	return -1;
}

bool leases_lease(struct deciding *d, int stage, const char *agent_id,
		  const char *text)
{
	struct model *m = d->m;
	int agent = show_find_agent(m->show, agent_id);
	int k = agent < 0 ? -1 : stage_agent_place(m, stage, agent);
	int64_t tokens = read_tokens(d, text, 1);
	if (tokens < 0)
		return false;
	if (k < 0) {
		char *shown = text_clean_str(agent_id, 64);
		refuse(d, "not_found", "%s has no agent `%s`",
		       m->show->stages[stage].id, shown);
		free(shown);
		return false;
	}
	if (is_repeat(d, &(struct lease_request){.wish = WISH_LEASE,
						 .stage = stage,
						 .agent = agent,
						 .tokens = tokens}))
		return !d->refused;
	if (m->stages[stage].state != STAGE_RUNNING ||
	    m->stages[stage].calls[k].state != CALL_OUT)
		return refuse(d, "refused", "no call of %s for %s is out",
			      m->show->agents[agent].id,
			      m->show->stages[stage].id);
	return grant_or_ask(d, &(struct lease_ask){.stage = stage,
						   .agent = agent,
						   .request = d->in->id,
						   .tokens = tokens});
}

/* What is wished of a lease that is held: its slot and the tokens; -1: it is
 * answered already. */
static int take_wish(struct deciding *d, enum lease_wish wish, const char *id,
		     const char *text, int64_t *tokens)
{
	*tokens = read_tokens(d, text, 1);
	if (*tokens < 0 ||
	    is_repeat(d,
		      &(struct lease_request){.wish = wish,
					      .tokens = *tokens,
					      .lease = (char *)(uintptr_t)id}))
		return -1;
	return need_lease(d, id, true);
}

bool leases_extend(struct deciding *d, const char *id, const char *text)
{
	int64_t tokens;
	int slot = take_wish(d, WISH_EXTEND, id, text, &tokens);
	if (slot < 0)
		return !d->refused;
	const struct lease *l = ledger_lease(d->m, slot);
	return grant_or_ask(d, &(struct lease_ask){.stage = l->stage,
						   .agent = l->agent,
						   .lease = l->id,
						   .request = d->in->id,
						   .tokens = tokens});
}

static struct json_out *lease_data(struct deciding *d, const struct lease *l)
{
	struct json_out *data = json_out_new();
	json_add_str(data, "lease", l->id);
	json_add_str(data, "request", d->in->id);
	return data;
}

/* Of the ceiling that goes with `tokens` of what is not used. */
static int64_t cost_part(const struct lease *l, int64_t tokens)
{
	int64_t rest = l->tokens - l->spent;
	int64_t cost = l->cost_micros - l->cost_spent;
	if (tokens >= rest || rest <= 0)
		return cost;
	return (int64_t)((double)cost / (double)rest * (double)tokens);
}

bool leases_return(struct deciding *d, const char *id, const char *text)
{
	int64_t tokens;
	int slot = take_wish(d, WISH_RETURN, id, text, &tokens);
	if (slot < 0)
		return !d->refused;
	const struct lease *l = ledger_lease(d->m, slot);
	if (tokens > l->tokens - l->spent)
		return refuse(d, "refused",
			      "%" PRId64 " tokens are not used of it",
			      l->tokens - l->spent);
	struct json_out *data = lease_data(d, l);
	int64_t cost = cost_part(l, tokens);
	json_add_int(data, "tokens", tokens);
	if (cost)
		json_add_int(data, "cost_micros", cost);
	emit(d, EVENT_TOKEN_RETURN, l->stage, l->agent, &data);
	return tell(d, slot);
}

/* --- settling ------------------------------------------------------------- */

/* Settled already: the same figures are the same answer. */
static bool settled_before(struct deciding *d, int slot, int64_t tokens,
			   int64_t cost)
{
	const struct lease *l = ledger_lease(d->m, slot);
	if (l->spent == tokens && (cost < 0 || l->cost_spent == cost))
		return tell(d, slot);
	return refuse(d, "repeat",
		      "%s was settled already with %" PRId64 " tokens", l->id,
		      l->spent);
}

bool leases_settle(struct deciding *d, const char *id, const char *text,
		   const char *money)
{
	int64_t tokens = read_tokens(d, text, 0);
	int64_t cost = money ? money_read(money) : -1;
	if (tokens < 0)
		return false;
	if (money && cost < 0)
		return refuse(d, "bad_amount", "COST is no amount of money");
	int slot = need_lease(d, id, false);
	const struct lease *l = ledger_lease(d->m, slot);
	if (!l)
		return false;
	if (l->state == LEASE_SETTLED)
		return settled_before(d, slot, tokens, cost);
	if (!l->outside)
		return refuse(d, "refused",
			      "%s is the lease of the call itself: its answer "
			      "settles it",
			      l->id);
	if (tokens < l->metered)
		return refuse(d, "refused",
			      "%" PRId64 " tokens of it were used already",
			      l->metered);
	if (l->state != LEASE_HELD && !budget_may_correct(d, l))
		return refuse(d, "refused",
			      "%s was written off, and its grace is over",
			      l->id);
	if (l->state == LEASE_HELD)
		budget_settle_lease(d, slot, tokens, cost);
	else
		budget_correct(d, slot, tokens, cost);
	return tell_id(d, id);
}

void leases_end(struct deciding *d, int stage, int agent, const char *state)
{
	struct lease_table *t = &d->m->ledger.leases;
	asks_end(d, stage, agent);
	for (int i = lease_table_held(t, stage), next; i >= 0; i = next) {
		next = lease_table_next(t, i);
		if (t->slots[i].outside && t->slots[i].agent == agent)
			budget_write_off_lease(d, i, state);
	}
}

/* --- usage ---------------------------------------------------------------- */

/* What a written-off lease held covers its late usage; beyond it is new. */
static void use_late(struct deciding *d, const struct lease *l, int64_t tokens,
		     int64_t cost)
{
	struct json_out *data = lease_data(d, l);
	int64_t more = l->metered + tokens - l->spent;
	int64_t more_cost = l->cost_metered + cost - l->cost_spent;
	more = more > 0 ? more : 0;
	more_cost = more_cost > 0 ? more_cost : 0;
	json_add_int(data, "tokens", more);
	json_add_int(data, "used", tokens);
	if (cost)
		json_add_int(data, "cost_used", cost);
	if (more_cost)
		json_add_int(data, "cost_micros", more_cost);
	json_add_int(data, "asked", tokens);
	json_add_int(data, "asked_cost", cost);
	json_add_str(data, "state", "late");
	if (more)
		json_add_int(data, "overrun", more);
	if (more_cost)
		json_add_int(data, "cost_overrun", more_cost);
	emit(d, EVENT_TOKEN_SPEND, l->stage, l->agent, &data);
}

static void put_used(struct json_out *data, const struct input *in)
{
	if (in->input_tokens > 0)
		json_add_int(data, "input_tokens", in->input_tokens);
	if (in->output_tokens > 0)
		json_add_int(data, "output_tokens", in->output_tokens);
	json_add_str(data, "model", in->model);
	if (in->assumed)
		json_add_bool(data, "assumed", true);
}

static void use_held(struct deciding *d, int slot, int64_t tokens, int64_t cost)
{
	const struct lease *l = ledger_lease(d->m, slot);
	struct excess over =
		budget_top_up(d, slot, l->spent + tokens, l->cost_spent + cost);
	l = ledger_lease(d->m, slot);
	struct json_out *data = lease_data(d, l);
	json_add_int(data, "tokens", tokens);
	if (cost)
		json_add_int(data, "cost_micros", cost);
	put_used(data, d->in);
	json_add_str(data, "state", "held");
	budget_add_overrun(data, &over);
	int stage = l->stage, agent = l->agent;
	int64_t granted = l->tokens;
	emit(d, EVENT_TOKEN_SPEND, stage, agent, &data);
	if (over.tokens || over.cost_micros)
		budget_tell_overrun(d, stage, agent, granted + over.tokens,
				    granted);
}

void leases_use(struct deciding *d)
{
	const struct input *in = d->in;
	int64_t tokens = in->tokens_used;
	const char *id = in->lease ? in->lease : "";
	if (tokens < 0) {
		refuse(d, "bad_amount", "a usage without tokens");
		return;
	}
	struct lease_request r = {.wish = WISH_USE,
				  .tokens = tokens,
				  .lease = (char *)(uintptr_t)id};
	if (is_repeat(d, &r))
		return;
	int slot = need_lease(d, id, false);
	const struct lease *l = ledger_lease(d->m, slot);
	if (!l)
		return;
	int64_t cost = in->cost_micros;
	if (!cost)
		cost = budget_price(d->m, l->agent, in);
	if (l->state == LEASE_SETTLED) {
		refuse(d, "refused", "lease %s is settled", l->id);
		return;
	}
	if (l->state == LEASE_HELD)
		use_held(d, slot, tokens, cost);
	else
		use_late(d, l, tokens, cost);
	tell_id(d, id);
}
