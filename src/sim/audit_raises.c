/* What was given for a while, a call or a stage, worked out from the log: each
 * is taken back in its time, whole, and once. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "sim/books.h"

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static struct scope_book *book_of(struct audit *a,
				  const struct raise_part_book *p)
{
	struct scope_book *const tokens[] = {
		[SCOPE_EPISODE] = &a->episode,
		[SCOPE_STAGE] = a->stages_money,
		[SCOPE_AGENT] = a->agents_money,
		[SCOPE_DAY] = a->days,
		[SCOPE_SERVICE] = a->services,
		[SCOPE_SERVICE_DAY] = a->service_days,
	};
	struct scope_book *const cost[SCOPE_KINDS] = {
		[SCOPE_EPISODE] = &a->cost,
		[SCOPE_STAGE] = a->stage_costs,
		[SCOPE_SERVICE] = a->service_costs,
	};
	struct scope_book *books = (p->cost ? cost : tokens)[p->kind];
	return books ? books + p->index : NULL;
}

static int64_t left_of(struct audit *a, const struct raise_part_book *p)
{
	const struct scope_book *b = book_of(a, p);
	int64_t left = b ? b->allocated - b->leased - b->spent : 0;
	return left > 0 ? left : 0;
}

/* What an event says of that part. */
static int64_t told(const struct audit *a, struct json_node *raises,
		    const struct raise_part_book *p)
{
	static const char *const names[] = {"episode",	"stage",
					    "agents",	"days",
					    "services", "service_days"};
	struct json_node *from =
		p->cost ? json_node_object(raises, "cost") : raises;
	if (p->kind <= SCOPE_STAGE)
		return json_node_int(from, names[p->kind], 0);
	const char *id = p->kind >= SCOPE_SERVICE
				 ? a->show->services[p->index].id
				 : a->show->agents[p->index].id;
	return json_node_int(json_node_object(from, names[p->kind]), id, 0);
}

static size_t count_of(const struct audit *a, enum scope_kind kind)
{
	return kind <= SCOPE_STAGE     ? 1
	       : kind >= SCOPE_SERVICE ? a->show->service_count
				       : a->show->agent_count;
}

static void read_parts(struct audit *a, struct json_node *raises,
		       struct raise_book *r)
{
	for (int i = 0; i < 2 * SCOPE_KINDS; i++) {
		enum scope_kind kind = (enum scope_kind)(i / 2);
		for (size_t k = 0; k < count_of(a, kind); k++) {
			struct raise_part_book p = {
				.kind = kind,
				.index =
					kind == SCOPE_STAGE ? r->stage : (int)k,
				.cost = i % 2,
			};
			p.amount = p.index < 0 ? 0 : told(a, raises, &p);
			if (p.amount <= 0 ||
			    r->part_count == COUNT_OF(r->parts))
				continue;
			if (r->how != FOR_A_WHILE)
				p.idle = least(p.amount, left_of(a, &p));
			r->parts[r->part_count++] = p;
		}
	}
}

static void given(struct sim *s, const struct event *e, int stage, int agent)
{
	struct audit *a = s->audit;
	const char *until = event_str(e, "until", "");
	bool call = event_bool(e, "call", false);
	struct raise_book r = {
		.seq = e->seq,
		.how = strcmp(until, "call") == 0    ? FOR_A_CALL
		       : strcmp(until, "stage") == 0 ? FOR_A_STAGE
						     : FOR_A_WHILE,
		.expires_ms = event_int(e, "expires_at", 0),
		.stage = stage,
		.agent = call ? agent : -1,
	};
	if (r.how == FOR_A_WHILE && !r.expires_ms)
		return;
	if (r.how != FOR_A_WHILE && stage < 0) {
		sim_fail(s, "raise", "a call of no stage is given something");
		return;
	}
	if (stage >= 0)
		r.first = a->stages[stage].attempt + !call;
	r.last = r.how == FOR_A_STAGE ? INT_MAX : r.first;
	read_parts(a, event_object(e, "raises"), &r);
	GROW(a->raises, a->raise_count, a->raise_cap);
	a->raises[a->raise_count++] = r;
}

/* --- taken back --------------------------------------------------------- */

static void take(struct sim *s, const struct event *e, struct raise_book *r)
{
	struct audit *a = s->audit;
	struct json_node *raises = event_object(e, "raises");
	for (size_t i = 0; i < r->part_count; i++) {
		struct raise_part_book *p = &r->parts[i];
		int64_t n = -told(a, raises, p);
		int64_t most = r->how == FOR_A_WHILE ? p->amount : p->idle;
		if (n < 0 || n > most)
			sim_fail(s, "taken-twice",
				 "%" PRId64 " of what event %" PRIu64
				 " gave are taken back, %" PRId64 " may be",
				 n, r->seq, most);
		p->amount -= r->how == FOR_A_WHILE ? n : p->idle;
		p->idle = 0;
		if (r->how == FOR_A_WHILE && p->amount > 0 && left_of(a, p))
			sim_fail(s, "expired",
				 "what is unused of an expired raise stays");
	}
}

static void taken(struct sim *s, const struct event *e, uint64_t of)
{
	struct audit *a = s->audit;
	size_t i = 0;
	while (i < a->raise_count && a->raises[i].seq != of)
		i++;
	if (i == a->raise_count) {
		sim_fail(s, "raise", "a raise that is gone is taken back");
		return;
	}
	struct raise_book *r = &a->raises[i];
	if (r->how == FOR_A_WHILE
		    ? e->at_ms < r->expires_ms && r->expires_ms != INT64_MAX
		    : !r->over)
		sim_fail(s, "raise", "a raise is taken back too early");
	r->expires_ms = INT64_MAX; /* what is out comes later */
	take(s, e, r);
	if (!event_bool(e, "done", false))
		return;
	a->raise_count--; /* they stay in order: move() wants the newest */
	memmove(r, r + 1, (a->raise_count - i) * sizeof *r);
}

/* Of a raise what stands above the new cap is still to be taken back. */
static void renew(struct audit *a, struct raise_book *r)
{
	for (size_t i = 0; i < r->part_count; i++) {
		struct raise_part_book *p = &r->parts[i];
		const struct show_stage *def = &a->show->stages[r->stage];
		int64_t cap = p->cost ? def->cost_cap_micros : def->token_cap;
		if (p->kind != SCOPE_STAGE)
			continue;
		p->amount = least(p->amount, left_of(a, p) - cap);
		p->amount = p->amount < 0 ? 0 : p->amount;
		p->idle = least(p->idle, p->amount);
	}
}

static void end(const struct audit *a, struct raise_book *r)
{
	int attempt = a->stages[r->stage].attempt;
	if (!r->over && r->last > attempt)
		r->last = attempt;
	r->over = true;
}

void audit_raise_renew(struct audit *a, int stage)
{
	for (size_t i = 0; i < a->raise_count; i++) {
		if (a->raises[i].stage != stage)
			continue;
		renew(a, &a->raises[i]);
		if (a->raises[i].how != FOR_A_WHILE)
			end(a, &a->raises[i]);
	}
}

static void turn_day(struct audit *a)
{
	for (size_t i = 0; i < a->raise_count; i++)
		for (size_t k = 0; k < a->raises[i].part_count; k++) {
			struct raise_part_book *p = &a->raises[i].parts[k];
			if (p->kind == SCOPE_DAY ||
			    p->kind == SCOPE_SERVICE_DAY)
				p->amount = p->idle = 0;
		}
}

/* --- what its leases hold ----------------------------------------------- */

static bool passes(const struct audit *a, const struct raise_part_book *p,
		   int agent)
{
	if (p->kind <= SCOPE_STAGE)
		return true;
	return p->index == (p->kind >= SCOPE_SERVICE
				    ? a->show->agents[agent].service
				    : agent);
}

/* A lease takes from what is idle, what comes back adds to it; the newest raise
 * first. */
static void move(struct audit *a, const struct event *e,
		 const struct lease_book *l)
{
	bool back = e->type == EVENT_TOKEN_RETURN;
	int64_t left[2][SCOPE_KINDS];
	for (int i = 0; i < SCOPE_KINDS; i++) {
		left[0][i] = event_int(e, "tokens", 0);
		left[1][i] = event_int(e, "cost_micros", 0);
	}
	for (size_t i = a->raise_count; i > 0; i--) {
		struct raise_book *r = &a->raises[i - 1];
		if (r->how == FOR_A_WHILE || r->stage != l->stage ||
		    (r->agent >= 0 && r->agent != l->agent) ||
		    l->attempt < r->first || l->attempt > r->last)
			continue;
		for (size_t k = 0; k < r->part_count; k++) {
			struct raise_part_book *p = &r->parts[k];
			int64_t *rest = &left[p->cost][p->kind];
			if (!passes(a, p, l->agent))
				continue;
			int64_t n = least(*rest,
					  back ? p->amount - p->idle : p->idle);
			p->idle += back ? n : -n;
			*rest -= n;
		}
	}
}

static bool is_awaited(const struct audit *a, const struct raise_book *r)
{
	const struct stage_book *b = &a->stages[r->stage];
	if (!a->going || b->state == SB_SETTLED)
		return false;
	return r->how == FOR_A_STAGE ||
	       (b->attempt < r->first &&
		(b->state == SB_WAITING || b->state == SB_HELD));
}

void audit_raised(struct sim *s, const struct event *e, int stage, int agent)
{
	struct audit *a = s->audit;
	bool moves =
		e->type == EVENT_TOKEN_LEASE || e->type == EVENT_TOKEN_RETURN;
	const struct lease_book *l = NULL;
	if (moves && a->raise_count && stage >= 0 && agent >= 0)
		l = audit_lease(a, stage, agent, event_str(e, "lease", ""));
	if (l)
		move(a, e, l);
	if (e->type == EVENT_BUDGET_DAY)
		turn_day(a);
	if (e->type == EVENT_BUDGET_RAISE && event_int(e, "raise", 0))
		taken(s, e, (uint64_t)event_int(e, "raise", 0));
	else if (e->type == EVENT_BUDGET_RAISE ||
		 e->type == EVENT_BUDGET_APPROVE)
		given(s, e, stage, agent);
	for (size_t i = 0; i < a->raise_count; i++)
		if (a->raises[i].how != FOR_A_WHILE &&
		    !is_awaited(a, &a->raises[i]))
			end(a, &a->raises[i]);
}

void audit_raises_taken(struct sim *s)
{
	struct audit *a = s->audit;
	for (size_t i = 0; i < a->raise_count; i++) {
		const struct raise_book *r = &a->raises[i];
		for (size_t k = 0; r->over && k < r->part_count; k++)
			if (r->parts[k].idle && left_of(a, &r->parts[k]))
				sim_fail(s, "kept",
					 "%" PRId64 " of what event %" PRIu64
					 " gave for a call that is over stay",
					 r->parts[k].idle, r->seq);
	}
}

/* A core that was away takes back as soon as it looks at its clock. */
#define EXPIRED_DECISIONS 30

void audit_expiries(struct sim *s, const struct event *e, int decision)
{
	struct audit *a = s->audit;
	for (size_t i = 0; a->going && i < a->raise_count; i++) {
		struct raise_book *r = &a->raises[i];
		if (r->how != FOR_A_WHILE || e->at_ms <= r->expires_ms ||
		    r->decision == decision + 1)
			continue;
		r->decision = decision + 1;
		if (++r->decisions == EXPIRED_DECISIONS)
			sim_fail(s, "expired",
				 "the raise of event %" PRIu64
				 " still stands %" PRId64 " ms after its time",
				 r->seq, e->at_ms - r->expires_ms);
	}
}
