/* The ledger, worked out from the log: leases by id, scopes by addition. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/books.h"

void audit_start(struct scope_book *b, int64_t cap)
{
	bool limited = cap != SHOW_UNSET;
	*b = (struct scope_book){.limited = limited,
				 .allocated = limited ? cap : 0,
				 .granted = limited ? cap : 0};
}

void audit_money_reset(struct audit *a)
{
	const struct show *show = a->show;
	a->lease_count = 0;
	a->rests = 0;
	a->raise_count = 0;
	audit_start(&a->episode, show->budget.tokens);
	audit_scopes_reset(a);
	for (size_t i = 0; i < show->stage_count; i++) {
		audit_start(&a->stages_money[i], show->stages[i].token_cap);
		for (size_t k = 0; k < COUNT_OF(a->stages[i].newest); k++)
			a->stages[i].newest[k] = -1;
	}
	for (size_t i = 0; i < show->agent_count; i++)
		audit_start(&a->agents_money[i], show->agents[i].quota_episode);
}

bool audit_holds_lease(const struct audit *a, int stage)
{
	const int *newest = a->stages[stage].newest;
	for (size_t k = 0; k < COUNT_OF(a->stages[stage].newest); k++)
		if (newest[k] >= 0 && a->leases[newest[k]].state == LB_HELD)
			return true;
	return false;
}

/* A stage that runs again has its cap anew. */
void audit_money_renew(struct audit *a, int stage)
{
	audit_renew(&a->stages_money[stage], a->show->stages[stage].token_cap);
	audit_scopes_renew(a, stage);
}

void audit_renew(struct scope_book *b, int64_t cap)
{
	int64_t more = b->leased + b->spent + cap - b->allocated;
	if (b->limited && more > 0) {
		b->allocated += more;
		b->granted += more;
	}
}

void audit_book(struct sim *s, struct scope_book *b, int64_t leased,
		int64_t spent, int64_t overrun, const char *where)
{
	b->leased += leased;
	b->spent += spent;
	b->granted += overrun;
	if (!b->limited)
		b->allocated = b->leased + b->spent;
	if (b->leased < 0 || b->spent < 0)
		sim_fail(s, "ledger", "%s: leased %" PRId64 ", spent %" PRId64,
			 where, b->leased, b->spent);
	if (b->limited && b->leased + b->spent > b->granted)
		sim_fail(s, "overspend",
			 "%s: %" PRId64 " leased and %" PRId64
			 " spent of %" PRId64 " granted",
			 where, b->leased, b->spent, b->granted);
}

static void book(struct sim *s, int stage, int agent, int64_t leased,
		 int64_t spent, int64_t overrun)
{
	struct audit *a = s->audit;
	audit_book(s, &a->episode, leased, spent, overrun, "episode");
	audit_book(s, &a->stages_money[stage], leased, spent, overrun,
		   a->show->stages[stage].id);
	audit_book(s, &a->agents_money[agent], leased, spent, overrun,
		   a->show->agents[agent].id);
}

struct lease_book *audit_lease(struct audit *a, int stage, int agent,
			       const char *id)
{
	int k = audit_place(a, stage, agent);
	int newest = k < 0 ? -1 : a->stages[stage].newest[k];
	if (newest >= 0 && strcmp(a->leases[newest].id, id) == 0)
		return &a->leases[newest];
	for (size_t i = a->lease_count; i > 0; i--)
		if (strcmp(a->leases[i - 1].id, id) == 0)
			return &a->leases[i - 1];
	return NULL;
}

static void lease(struct sim *s, const struct event *e, int stage, int agent)
{
	struct audit *a = s->audit;
	struct stage_book *b = &a->stages[stage];
	const char *id = event_str(e, "lease", "");
	int64_t tokens = event_int(e, "tokens", 0);
	int k = audit_place(a, stage, agent);
	struct lease_book *l = audit_lease(a, stage, agent, id);
	bool more = event_bool(e, "extends", false);
	if (l && !more)
		sim_fail(s, "lease", "%s is leased twice", id);
	if (more &&
	    (!l || l->state != LB_HELD || tokens > l->share - l->tokens))
		sim_fail(s, "extend",
			 "%s grows by %" PRId64 ", which it may not", id,
			 tokens);
	if (tokens < 0 || k < 0 || b->state != SB_RUNNING ||
	    event_int(e, "attempt", 0) != b->attempt || (a->paused && !more))
		sim_fail(s, "lease", "%s is leased for no attempt", id);
	if (k < 0)
		return;
	if (!more && tokens < b->must[k])
		sim_fail(s, "share",
			 "%s is leased %" PRId64
			 ", its agent asked for %" PRId64,
			 id, tokens, b->must[k]);
	if (!more || !l) {
		GROW(a->leases, a->lease_count, a->lease_cap);
		l = &a->leases[a->lease_count];
		*l = (struct lease_book){
			.stage = stage,
			.agent = agent,
			.attempt = (int)event_int(e, "attempt", 0),
			.share = event_int(e, "share", tokens),
			.cost = event_int(e, "cost_micros", 0),
			.day = a->day,
		};
		strncpy(l->id, id, sizeof l->id - 1);
		b->newest[k] = (int)a->lease_count++;
	}
	l->tokens += tokens;
	l->grew = more;
	book(s, stage, agent, tokens, 0, 0);
	bool fenced = !a->show->stages[stage].finale && !b->approved;
	int64_t left =
		a->episode.allocated - a->episode.leased - a->episode.spent;
	if (a->episode.limited && fenced && left < a->show->budget.reserve)
		sim_fail(s, "reserve", "%s is leased from the reserve", id);
}

/* Nothing was leased: what was used is booked when it is told. */
static void spend_unleased(struct sim *s, const struct event *e, int stage,
			   int agent)
{
	struct audit *a = s->audit;
	int k = audit_place(a, stage, agent);
	int newest = k < 0 ? -1 : a->stages[stage].newest[k];
	if (newest >= 0 && a->leases[newest].state == LB_HELD)
		sim_fail(s, "lease", "%s of %s spends beside its lease",
			 e->agent, e->stage);
	book(s, stage, agent, 0, event_int(e, "tokens", 0),
	     event_int(e, "overrun", 0));
}

static void settle(struct sim *s, const struct event *e, struct lease_book *l,
		   int64_t tokens, int64_t overrun)
{
	const char *state = event_str(e, "state", "settled");
	int64_t over = tokens > l->tokens ? tokens - l->tokens : 0;
	if (overrun != over)
		sim_fail(s, "overspend",
			 "%s: %" PRId64 " of %" PRId64
			 " used, overrun says %" PRId64,
			 l->id, tokens, l->tokens, overrun);
	/* It grows when its call is over, by what that used beyond it. */
	if (l->grew && tokens != l->tokens)
		sim_fail(s, "extend",
			 "%s grew to %" PRId64 ", and %" PRId64 " were used",
			 l->id, l->tokens, tokens);
	l->state = strcmp(state, "settled") == 0 ? LB_SETTLED : LB_WRITTEN_OFF;
	if (l->state == LB_WRITTEN_OFF && tokens != l->tokens)
		sim_fail(s, "lease", "%s is not written off whole", l->id);
	l->spent = tokens;
	l->rest = l->tokens - (tokens - over);
	s->audit->rests += l->rest > 0;
	book(s, l->stage, l->agent, -(tokens - over), tokens, over);
}

static void spend(struct sim *s, const struct event *e, int stage, int agent)
{
	const char *id = event_str(e, "lease", NULL);
	int64_t tokens = event_int(e, "tokens", -1);
	int64_t overrun = event_int(e, "overrun", 0);
	if (!id) {
		spend_unleased(s, e, stage, agent);
		return;
	}
	struct lease_book *l = audit_lease(s->audit, stage, agent, id);
	if (!l || l->stage != stage || l->agent != agent || tokens < 0) {
		sim_fail(s, "lease", "%s was never leased, and is spent", id);
	} else if (l->state == LB_HELD) {
		settle(s, e, l, tokens, overrun);
	} else if (l->state == LB_WRITTEN_OFF && overrun == tokens &&
		   strcmp(event_str(e, "state", ""), "late") == 0) {
		l->spent += tokens; /* what it cost; tokens follow */
		book(s, stage, agent, 0, tokens, overrun);
	} else if (l->state == LB_WRITTEN_OFF && overrun == tokens) {
		l->state = LB_CORRECTED; /* it had used even more */
		l->spent += tokens;
		book(s, stage, agent, 0, tokens, overrun);
	} else {
		sim_fail(s, "double-spend", "%s is spent twice", id);
	}
}

static void give_back(struct sim *s, const struct event *e, int stage,
		      int agent)
{
	const char *id = event_str(e, "lease", "");
	int64_t tokens = event_int(e, "tokens", -1);
	struct lease_book *l = audit_lease(s->audit, stage, agent, id);
	bool corrects = event_bool(e, "corrects", false);
	if (!l || l->stage != stage || l->agent != agent) {
		sim_fail(s, "lease", "%s was never leased, and comes back", id);
	} else if (corrects) {
		if (l->state != LB_WRITTEN_OFF || tokens > l->spent ||
		    tokens < 0)
			sim_fail(s, "double-return",
				 "%s is corrected by %" PRId64, id, tokens);
		l->state = LB_CORRECTED;
		l->spent -= tokens;
		book(s, stage, agent, 0, -tokens, 0);
	} else {
		if (l->state != LB_SETTLED || tokens != l->rest ||
		    (!l->rest && !event_int(e, "cost_micros", 0)))
			sim_fail(s, "double-return",
				 "%s: %" PRId64 " come back, %" PRId64
				 " were left",
				 id, tokens, l->rest);
		s->audit->rests -= l->rest > 0;
		l->rest = 0;
		book(s, stage, agent, -tokens, 0, 0);
	}
}

static void raise(struct scope_book *b, int64_t tokens)
{
	b->allocated += tokens;
	b->granted += tokens;
}

static void approve(struct audit *a, const struct event *e, int stage)
{
	struct json_node *raises = event_object(e, "raises");
	struct json_node *agents = json_node_object(raises, "agents");
	struct json_node *stages = json_node_object(raises, "stages");
	raise(&a->episode, json_node_int(raises, "episode", 0));
	if (stage >= 0)
		raise(&a->stages_money[stage],
		      json_node_int(raises, "stage", 0));
	for (size_t i = 0; stages && i < a->show->stage_count; i++)
		raise(&a->stages_money[i],
		      json_node_int(stages, a->show->stages[i].id, 0));
	for (size_t i = 0; i < a->show->agent_count; i++)
		raise(&a->agents_money[i],
		      json_node_int(agents, a->show->agents[i].id, 0));
}

void audit_money(struct sim *s, const struct event *e, int stage, int agent)
{
	bool token = e->type == EVENT_TOKEN_LEASE ||
		     e->type == EVENT_TOKEN_SPEND ||
		     e->type == EVENT_TOKEN_RETURN;
	if (token && (stage < 0 || agent < 0))
		sim_fail(s, "ledger", "tokens of nobody");
	else if (e->type == EVENT_TOKEN_LEASE)
		lease(s, e, stage, agent);
	else if (e->type == EVENT_TOKEN_SPEND)
		spend(s, e, stage, agent);
	else if (e->type == EVENT_TOKEN_RETURN)
		give_back(s, e, stage, agent);
	else if (e->type == EVENT_BUDGET_APPROVE ||
		 e->type == EVENT_BUDGET_RAISE)
		approve(s->audit, e, stage);
}
