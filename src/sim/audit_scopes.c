/* What the ledger counts besides the tokens of an episode, worked out from the
 * log: money, days and services. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/books.h"

void audit_scopes_init(struct audit *a)
{
	const struct show *show = a->show;
	a->stage_costs = xcalloc(show->stage_count, sizeof(struct scope_book));
	a->services =
		xcalloc(show->service_count + 1, sizeof(struct scope_book));
	a->service_costs =
		xcalloc(show->service_count + 1, sizeof(struct scope_book));
	a->days = xcalloc(show->agent_count + 1, sizeof(struct scope_book));
	a->service_days =
		xcalloc(show->service_count + 1, sizeof(struct scope_book));
	for (size_t i = 0; i < show->agent_count; i++)
		audit_start(&a->days[i], show->agents[i].quota_daily);
	for (size_t i = 0; i < show->service_count; i++)
		audit_start(&a->service_days[i], show->services[i].quota_daily);
}

void audit_scopes_free(struct audit *a)
{
	free(a->stage_costs);
	free(a->services);
	free(a->service_costs);
	free(a->days);
	free(a->service_days);
}

static void keep_day(struct scope_book *b)
{
	b->spent += b->leased;
	b->leased = 0;
}

/* A run begins: its money and services anew, the day as it was. */
void audit_scopes_reset(struct audit *a)
{
	const struct show *show = a->show;
	audit_start(&a->cost, show->budget.cost_micros);
	for (size_t i = 0; i < show->stage_count; i++)
		audit_start(&a->stage_costs[i],
			    show->stages[i].cost_cap_micros);
	for (size_t i = 0; i < show->service_count; i++) {
		audit_start(&a->services[i], show->services[i].quota_episode);
		audit_start(&a->service_costs[i],
			    show->services[i].cost_micros);
		keep_day(&a->service_days[i]);
	}
	for (size_t i = 0; i < show->agent_count; i++)
		keep_day(&a->days[i]);
}

void audit_scopes_renew(struct audit *a, int stage)
{
	audit_renew(&a->stage_costs[stage],
		    a->show->stages[stage].cost_cap_micros);
}

static void turn_day(struct sim *s, const struct event *e)
{
	struct audit *a = s->audit;
	int32_t day = (int32_t)event_int(e, "day", 0);
	if (day <= a->day)
		sim_fail(s, "day", "%d begins after %d", day, a->day);
	a->day = day;
	for (size_t i = 0; i < a->show->agent_count; i++)
		audit_start(&a->days[i], a->show->agents[i].quota_daily);
	for (size_t i = 0; i < a->show->service_count; i++)
		audit_start(&a->service_days[i],
			    a->show->services[i].quota_daily);
}

/* --- booking -------------------------------------------------------------- */

struct move {
	int64_t leased, spent, overrun;
};

static void book(struct sim *s, struct scope_book *b, const struct move *m,
		 const char *where)
{
	audit_book(s, b, m->leased, m->spent, m->overrun, where);
}

static void book_all(struct sim *s, int stage, int agent, int32_t day,
		     const struct move *tokens, const struct move *cost)
{
	struct audit *a = s->audit;
	const struct show_agent *who = &a->show->agents[agent];
	bool today = day && day == a->day;
	book(s, &a->cost, cost, "money of the episode");
	book(s, &a->stage_costs[stage], cost, "money of a stage");
	if (today && who->quota_daily != SHOW_UNSET)
		book(s, &a->days[agent], tokens, "a day");
	if (who->service < 0)
		return;
	book(s, &a->services[who->service], tokens, "a service");
	book(s, &a->service_costs[who->service], cost, "money of a service");
	if (today && a->show->services[who->service].quota_daily != SHOW_UNSET)
		book(s, &a->service_days[who->service], tokens,
		     "a day of a service");
}

/* Whether anything caps what this call costs. */
static bool counts(const struct audit *a, int stage, int agent)
{
	int service = a->show->agents[agent].service;
	return a->cost.limited || a->stage_costs[stage].limited ||
	       (service >= 0 && a->service_costs[service].limited);
}

/* Millionths for so many tokens at the dearer price; -1: no price. Prices here
 * are small. */
static int64_t ceiling(const struct show_agent *agent, int64_t tokens)
{
	int64_t price = agent->price_input_micros > agent->price_output_micros
				? agent->price_input_micros
				: agent->price_output_micros;
	return price == SHOW_UNSET ? -1 : (tokens * price + 999999) / 1000000;
}

static void lease(struct sim *s, const struct event *e, int stage, int agent)
{
	struct audit *a = s->audit;
	const struct show_agent *who = &a->show->agents[agent];
	struct move tokens = {.leased = event_int(e, "tokens", 0)};
	struct move cost = {.leased = event_int(e, "cost_micros", 0)};
	bool capped = a->show->stages[stage].token_cap != SHOW_UNSET;
	int64_t wanted = capped ? ceiling(who, tokens.leased) : -1;
	if (counts(a, stage, agent) && who->via != VIA_NOOP && wanted >= 0 &&
	    cost.leased != wanted)
		sim_fail(s, "price",
			 "%" PRId64 " tokens of %s are leased for %" PRId64
			 ", they may cost %" PRId64,
			 tokens.leased, who->id, cost.leased, wanted);
	if (show_counts_days(a->show) && a->day != sim_day(s, e->at_ms))
		sim_fail(s, "day", "a lease of day %d is counted on day %d",
			 sim_day(s, e->at_ms), a->day);
	struct lease_book *l =
		audit_lease(a, stage, agent, event_str(e, "lease", ""));
	book_all(s, stage, agent, l ? l->day : a->day, &tokens, &cost);
	if (l)
		l->cost += cost.leased;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void spend(struct sim *s, const struct event *e, int stage, int agent)
{
	struct audit *a = s->audit;
	const char *id = event_str(e, "lease", NULL);
	struct lease_book *l = id ? audit_lease(a, stage, agent, id) : NULL;
	struct move tokens = {.spent = event_int(e, "tokens", 0),
			      .overrun = event_int(e, "overrun", 0)};
	struct move cost = {.spent = event_int(e, "cost_micros", 0),
			    .overrun = event_int(e, "cost_overrun", 0)};
	if (l && l->state == LB_HELD) {
		int64_t over = l->cost_spent + cost.spent - l->cost;
		if (counts(a, stage, agent) &&
		    cost.overrun != (over > 0 ? over : 0))
			sim_fail(s, "overspend",
				 "%s costs %" PRId64 " of %" PRId64
				 ", overrun says %" PRId64,
				 id, l->cost_spent + cost.spent, l->cost,
				 cost.overrun);
		tokens.leased = -least(tokens.spent, l->tokens - l->spent);
		cost.leased = -least(cost.spent, l->cost - l->cost_spent);
	}
	if (l)
		l->cost_spent += cost.spent;
	book_all(s, stage, agent, l ? l->day : a->day, &tokens, &cost);
}

static void give_back(struct sim *s, const struct event *e, int stage,
		      int agent)
{
	struct audit *a = s->audit;
	struct lease_book *l =
		audit_lease(a, stage, agent, event_str(e, "lease", ""));
	int64_t tokens = event_int(e, "tokens", 0);
	int64_t cost = event_int(e, "cost_micros", 0);
	bool corrects = event_bool(e, "corrects", false);
	if (!l)
		return;
	if (!corrects &&
	    cost != (l->cost > l->cost_spent ? l->cost - l->cost_spent : 0))
		sim_fail(s, "double-return",
			 "%s: %" PRId64 " of money come back, %" PRId64
			 " were left",
			 l->id, cost, l->cost - l->cost_spent);
	l->cost = l->cost_spent -= corrects ? cost : 0;
	book_all(s, stage, agent, l->day,
		 corrects ? &(struct move){.spent = -tokens}
			  : &(struct move){.leased = -tokens},
		 corrects ? &(struct move){.spent = -cost}
			  : &(struct move){.leased = -cost});
}

static void raise_one(struct scope_book *b, int64_t more)
{
	if (!b->limited)
		return;
	b->allocated += more;
	b->granted += more;
}

static void approve(struct audit *a, const struct event *e, int stage)
{
	const struct show *show = a->show;
	struct json_node *raises = event_object(e, "raises");
	struct json_node *cost = json_node_object(raises, "cost");
	struct json_node *days = json_node_object(raises, "days");
	raise_one(&a->cost, json_node_int(cost, "episode", 0));
	if (stage >= 0)
		raise_one(&a->stage_costs[stage],
			  json_node_int(cost, "stage", 0));
	for (size_t i = 0; i < show->stage_count; i++)
		raise_one(&a->stage_costs[i],
			  json_node_int(json_node_object(cost, "stages"),
					show->stages[i].id, 0));
	for (size_t i = 0; days && i < show->agent_count; i++)
		raise_one(&a->days[i],
			  json_node_int(days, show->agents[i].id, 0));
	for (size_t i = 0; i < show->service_count; i++) {
		const char *id = show->services[i].id;
		raise_one(&a->services[i],
			  json_node_int(json_node_object(raises, "services"),
					id, 0));
		raise_one(
			&a->service_days[i],
			json_node_int(json_node_object(raises, "service_days"),
				      id, 0));
		raise_one(&a->service_costs[i],
			  json_node_int(json_node_object(cost, "services"), id,
					0));
	}
}

/* Before audit_money(): it looks at leases as they were. */
void audit_scopes(struct sim *s, const struct event *e, int stage, int agent)
{
	bool whole = stage >= 0 && agent >= 0;
	if (e->type == EVENT_BUDGET_DAY)
		turn_day(s, e);
	else if (e->type == EVENT_TOKEN_LEASE && whole)
		lease(s, e, stage, agent);
	else if (e->type == EVENT_TOKEN_SPEND && whole)
		spend(s, e, stage, agent);
	else if (e->type == EVENT_TOKEN_RETURN && whole)
		give_back(s, e, stage, agent);
	else if (e->type == EVENT_BUDGET_APPROVE ||
		 e->type == EVENT_BUDGET_RAISE)
		approve(s->audit, e, stage);
}

/* --- the model beside it -------------------------------------------------- */

void audit_scopes_same(struct sim *s, const struct model *m)
{
	const struct audit *a = s->audit;
	const struct ledger *l = &m->ledger;
	audit_same(s, "money", &l->episode.cost, &a->cost);
	for (size_t i = 0; i < a->show->stage_count; i++)
		audit_same(s, "money of a stage", &l->stages[i].cost,
			   &a->stage_costs[i]);
	for (size_t i = 0; i < a->show->agent_count; i++)
		audit_same(s, "a day", &l->days[i].tokens, &a->days[i]);
	for (size_t i = 0; i < a->show->service_count; i++) {
		audit_same(s, "a service", &l->services[i].tokens,
			   &a->services[i]);
		audit_same(s, "money of a service", &l->services[i].cost,
			   &a->service_costs[i]);
		audit_same(s, "a day of a service", &l->service_days[i].tokens,
			   &a->service_days[i]);
	}
}
