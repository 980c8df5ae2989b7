#include "core/raise.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decide.h"

static const char *const until_names[] = {"time", "call", "stage"};

int raise_until_find(const char *name)
{
	for (int i = 0; name && i < (int)COUNT_OF(until_names); i++)
		if (strcmp(until_names[i], name) == 0)
			return i;
	return -1;
}

const char *raise_until_name(enum raise_until until)
{
	return until_names[until];
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* --- its parts ---------------------------------------------------------- */

static bool is_of_day(enum scope_kind kind)
{
	return kind == SCOPE_DAY || kind == SCOPE_SERVICE_DAY;
}

static bool is_of_service(enum scope_kind kind)
{
	return kind == SCOPE_SERVICE || kind == SCOPE_SERVICE_DAY;
}

static const char *part_name(const struct model *m, const struct raise_part *p)
{
	return is_of_service(p->kind) ? m->show->services[p->index].id
				      : m->show->agents[p->index].id;
}

static const struct scope *part_scope(const struct model *m,
				      const struct raise_part *p)
{
	const struct ledger *l = &m->ledger;
	const struct purse *const purses[] = {
		[SCOPE_EPISODE] = &l->episode,
		[SCOPE_STAGE] = l->stages,
		[SCOPE_AGENT] = l->agents,
		[SCOPE_DAY] = l->days,
		[SCOPE_SERVICE] = l->services,
		[SCOPE_SERVICE_DAY] = l->service_days,
	};
	const struct purse *purse = &purses[p->kind][p->index];
	return p->cost ? &purse->cost : &purse->tokens;
}

static void add_part(struct raise *r, enum scope_kind kind, int index,
		     bool cost, int64_t amount)
{
	if (amount <= 0 || index < 0)
		return;
	GROW(r->parts, r->part_count, r->part_cap);
	r->parts[r->part_count++] = (struct raise_part){
		.kind = kind, .index = index, .cost = cost, .amount = amount};
}

/* One kind of tokens or of money, as `raises` of an event tells it. */
static void read_kind(const struct model *m, struct json_node *from,
		      enum scope_kind kind, bool cost, struct raise *r)
{
	const char *name = scope_kind_name(kind);
	if (kind == SCOPE_EPISODE) {
		add_part(r, kind, 0, cost, json_node_int(from, name, 0));
		return;
	}
	if (kind == SCOPE_STAGE) {
		add_part(r, kind, r->stage, cost, json_node_int(from, name, 0));
		return;
	}
	json_node_each(n, json_node_object(from, name))
	{
		int index = is_of_service(kind)
				    ? show_find_service(m->show, n->key)
				    : show_find_agent(m->show, n->key);
		add_part(r, kind, index, cost, json_node_number(n));
	}
}

static void read_parts(const struct model *m, struct json_node *raises,
		       struct raise *r)
{
	struct json_node *cost = json_node_object(raises, "cost");
	for (int i = 0; i < SCOPE_KINDS; i++) {
		read_kind(m, raises, (enum scope_kind)i, false, r);
		read_kind(m, cost, (enum scope_kind)i, true, r);
	}
}

static json_object *member(json_object *o, const char *key)
{
	json_object *found = json_get_object(o, key);
	if (found)
		return found;
	found = json_object_new_object();
	json_object_object_add(o, key, found);
	return found;
}

static void write_part(const struct model *m, const struct raise_part *p,
		       int64_t n, json_object *raises)
{
	json_object *to = p->cost ? member(raises, "cost") : raises;
	const char *kind = scope_kind_name(p->kind);
	if (p->kind <= SCOPE_STAGE)
		json_add_int(to, kind, n);
	else
		json_add_int(member(to, kind), part_name(m, p), n);
}

/* What an object such as `raises` says of that part. */
static int64_t part_of(const struct model *m, const struct raise_part *p,
		       struct json_node *raises)
{
	struct json_node *from =
		p->cost ? json_node_object(raises, "cost") : raises;
	const char *kind = scope_kind_name(p->kind);
	if (p->kind <= SCOPE_STAGE)
		return json_node_int(from, kind, 0);
	return json_node_int(json_node_object(from, kind), part_name(m, p), 0);
}

/* --- folding ------------------------------------------------------------ */

static void raise_release(struct model *m, struct raise *r)
{
	timers_set(&m->timers, TIMER_RAISE, r->slot, 0);
	free(r->parts);
}

void raises_clear(struct model *m)
{
	for (size_t i = 0; i < m->raise_count; i++)
		raise_release(m, &m->raises[i]);
	m->raise_count = 0;
}

static int free_slot(const struct model *m)
{
	int slot = 0;
	for (size_t i = 0; i < m->raise_count; i++)
		if (m->raises[i].slot == slot) {
			slot++;
			i = (size_t)-1; /* from the first again: few they are */
		}
	return slot;
}

static void arm(struct model *m, const struct raise *r)
{
	if (r->until == UNTIL_TIME && !r->over && !run_is_over(m->run.state))
		timers_set_order(&m->timers, TIMER_RAISE, r->slot, r->seq,
				 r->expires_ms);
}

static void add_raise(struct model *m, const struct raise *r)
{
	int slot = free_slot(m);
	GROW(m->raises, m->raise_count, m->raise_cap);
	m->raises[m->raise_count] = *r;
	m->raises[m->raise_count].slot = slot;
	arm(m, &m->raises[m->raise_count++]);
}

static void remove_raise(struct model *m, struct raise *r)
{
	size_t i = (size_t)(r - m->raises);
	raise_release(m, r);
	m->raise_count--;
	memmove(r, r + 1, (m->raise_count - i) * sizeof *r);
}

static struct raise *find_raise(struct model *m, uint64_t seq)
{
	for (size_t i = 0; i < m->raise_count; i++)
		if (m->raises[i].seq == seq)
			return &m->raises[i];
	return NULL;
}

/* Of what was given, that is idle which is not spent or leased already: a
 * purse may have been over. */
static void begin_raise(struct model *m, const struct event *e, int stage,
			int agent)
{
	int until = raise_until_find(event_str(e, "until", NULL));
	bool call = event_bool(e, "call", false);
	struct raise r = {
		.seq = m->seq,
		.until = until < 0 ? UNTIL_TIME : (enum raise_until)until,
		.stage = stage,
		.agent = call ? agent : -1,
		.expires_ms = event_int(e, "expires_at", 0),
	};
	if (r.until == UNTIL_TIME ? !r.expires_ms : stage < 0)
		return;
	/* That of a start is for the attempt to come. */
	if (stage >= 0)
		r.first = m->stages[stage].attempt + !call;
	r.last = r.until == UNTIL_STAGE ? INT_MAX : r.first;
	read_parts(m, event_object(e, "raises"), &r);
	for (size_t i = 0; r.until != UNTIL_TIME && i < r.part_count; i++)
		r.parts[i].idle =
			least(r.parts[i].amount,
			      scope_remaining(part_scope(m, &r.parts[i])));
	add_raise(m, &r);
}

/* What is idle and no longer there was used by others: that is forgotten. */
static void take_back(struct model *m, const struct event *e)
{
	struct raise *r = find_raise(m, (uint64_t)event_int(e, "raise", 0));
	struct json_node *raises = event_object(e, "raises");
	if (!r)
		return;
	r->over = true;
	timers_set(&m->timers, TIMER_RAISE, r->slot, 0);
	for (size_t i = 0; i < r->part_count; i++) {
		struct raise_part *p = &r->parts[i];
		int64_t gone = -part_of(m, p, raises);
		p->amount -= r->until == UNTIL_TIME ? gone : p->idle;
		p->idle = 0;
	}
	if (event_bool(e, "done", false))
		remove_raise(m, r);
}

static void end_raise(const struct model *m, struct raise *r)
{
	int attempt = m->stages[r->stage].attempt;
	if (!r->over && r->last > attempt)
		r->last = attempt;
	r->over = true;
}

static void clamp(struct raise_part *p, int64_t most)
{
	p->amount = least(p->amount, most > 0 ? most : 0);
	p->idle = least(p->idle, p->amount);
}

/* A stage that runs again has its own cap anew: of a raise only what stands
 * above that is still to be taken back. */
static void renew_stage(struct model *m, int stage)
{
	const struct show_stage *def = &m->show->stages[stage];
	const struct purse *purse = &m->ledger.stages[stage];
	int64_t above = scope_remaining(&purse->tokens) - def->token_cap;
	int64_t above_cost =
		scope_remaining(&purse->cost) - def->cost_cap_micros;
	for (size_t i = 0; i < m->raise_count; i++) {
		struct raise *r = &m->raises[i];
		if (r->stage != stage)
			continue;
		for (size_t k = 0; k < r->part_count; k++)
			if (r->parts[k].kind == SCOPE_STAGE)
				clamp(&r->parts[k],
				      r->parts[k].cost ? above_cost : above);
		if (r->until != UNTIL_TIME)
			end_raise(m, r);
	}
}

/* A day that begins has its quotas anew: of the raise nothing is left there. */
static void turn_day(struct model *m)
{
	for (size_t i = 0; i < m->raise_count; i++) {
		struct raise *r = &m->raises[i];
		for (size_t k = 0; k < r->part_count; k++)
			if (is_of_day(r->parts[k].kind))
				clamp(&r->parts[k], 0);
	}
}

static void renewed(struct model *m, const struct event *e)
{
	struct json_node *list = event_array(e, "stages");
	json_node_each(n, list)
	{
		int stage = show_find_stage(m->show, json_node_text(n));
		if (stage >= 0)
			renew_stage(m, stage);
	}
	for (size_t i = 0; i < m->raise_count; i++)
		arm(m, &m->raises[i]); /* the run may go on again */
}

/* What it was given for may still begin, or begin again. */
static bool is_awaited(const struct model *m, const struct raise *r)
{
	const struct stage_run *s = &m->stages[r->stage];
	if (r->over || run_is_over(m->run.state) || s->outcome != OUTCOME_OPEN)
		return false;
	if (r->until == UNTIL_STAGE)
		return true;
	return s->attempt < r->first &&
	       (s->state == STAGE_WAITING || s->state == STAGE_HELD);
}

/* Nothing of it can come back any more. */
static bool is_gone(const struct model *m, const struct raise *r)
{
	const struct stage_run *s = &m->stages[r->stage];
	bool runs = s->state == STAGE_RUNNING && s->attempt >= r->first &&
		    s->attempt <= r->last;
	for (size_t i = 0; i < r->part_count; i++)
		if (r->parts[i].idle)
			return false;
	return !runs &&
	       (!r->closed_ms ||
		m->at_ms - r->closed_ms > m->show->budget.settle_grace_ms);
}

static void end_raises(struct model *m)
{
	for (size_t i = m->raise_count; i > 0; i--) {
		struct raise *r = &m->raises[i - 1];
		if (r->until == UNTIL_TIME)
			continue;
		if (!is_awaited(m, r))
			end_raise(m, r);
		if (r->over && is_gone(m, r))
			remove_raise(m, r);
	}
}

void raises_apply(struct model *m, const struct event *e, int stage, int agent)
{
	switch (e->type) {
	case EVENT_RUN_START:
		raises_clear(m);
		break;
	case EVENT_STAGE_RESET:
		renewed(m, e);
		break;
	case EVENT_BUDGET_DAY:
		turn_day(m);
		break;
	case EVENT_BUDGET_APPROVE:
		begin_raise(m, e, stage, agent);
		break;
	case EVENT_BUDGET_RAISE:
		if (event_int(e, "raise", 0))
			take_back(m, e);
		else
			begin_raise(m, e, stage, agent);
		break;
	default:
		break;
	}
	end_raises(m);
}

/* --- following the leases ----------------------------------------------- */

/* What a lease or a return moves and no raise has taken yet. A lease passes one
 * purse of a kind. */
struct moved {
	int stage, agent, attempt;
	int64_t left[2][SCOPE_KINDS]; /* tokens, money */
};

static bool is_used_by(const struct raise *r, const struct moved *by)
{
	return r->until != UNTIL_TIME && r->stage == by->stage &&
	       (r->agent < 0 || r->agent == by->agent) &&
	       by->attempt >= r->first && by->attempt <= r->last;
}

static bool passes(const struct model *m, const struct raise_part *p,
		   const struct moved *by)
{
	if (p->kind <= SCOPE_STAGE)
		return true;
	return p->index == (is_of_service(p->kind)
				    ? m->show->agents[by->agent].service
				    : by->agent);
}

/* The newest raise first: it was made for what its scopes lacked last. */
static void move_idle(struct model *m, struct moved *by, bool back)
{
	for (size_t i = m->raise_count; i > 0; i--) {
		struct raise *r = &m->raises[i - 1];
		for (size_t k = 0; is_used_by(r, by) && k < r->part_count;
		     k++) {
			struct raise_part *p = &r->parts[k];
			int64_t *left = &by->left[p->cost][p->kind];
			int64_t n = least(*left,
					  back ? p->amount - p->idle : p->idle);
			if (!passes(m, p, by))
				continue;
			p->idle += back ? n : -n;
			*left -= n;
		}
	}
}

void raises_follow(struct model *m, const struct event *e, int stage, int agent)
{
	bool leases = e->type == EVENT_TOKEN_LEASE;
	bool back = e->type == EVENT_TOKEN_RETURN;
	struct moved by = {.stage = stage, .agent = agent};
	if (!m->raise_count || stage < 0 || agent < 0 ||
	    (!leases && !back && e->type != EVENT_TOKEN_SPEND))
		return;
	const struct lease *l = ledger_lease(
		m, ledger_find(&m->ledger, event_str(e, "lease", NULL)));
	if (!leases && !l)
		return;
	by.attempt = leases ? (int)event_int(e, "attempt", 0) : l->attempt;
	int64_t tokens = event_int(e, "tokens", 0);
	int64_t cost = event_int(e, "cost_micros", 0);
	for (int i = 0; i < SCOPE_KINDS; i++) {
		by.left[0][i] = tokens;
		by.left[1][i] = cost;
	}
	if (leases || back) {
		move_idle(m, &by, back);
		return;
	}
	const char *state = event_str(e, "state", "settled");
	bool written_off =
		strcmp(state, "expired") == 0 || strcmp(state, "revoked") == 0;
	for (size_t i = 0; written_off && i < m->raise_count; i++)
		if (is_used_by(&m->raises[i], &by))
			m->raises[i].closed_ms = m->at_ms;
}

/* --- deciding ----------------------------------------------------------- */

/* What can be taken of it now; `*more`: of one for a while, leases are out that
 * may still bring some of it back. */
static int64_t can_take(const struct model *m, const struct raise *r,
			const struct raise_part *p, bool *more)
{
	const struct scope *s = part_scope(m, p);
	int64_t due = r->until == UNTIL_TIME ? p->amount : p->idle;
	int64_t n = least(scope_remaining(s), due);
	n = n < 0 ? 0 : n;
	*more = *more || (n < due && s->leased > 0);
	return n;
}

static void say_taken(struct deciding *d, struct raise *r)
{
	bool more = false, timed = r->until == UNTIL_TIME;
	int64_t most = 0, most_cost = 0;
	struct json_out *data = json_out_new();
	json_object *raises = json_object_new_object();
	for (size_t i = 0; i < r->part_count; i++) {
		const struct raise_part *p = &r->parts[i];
		int64_t n = can_take(d->m, r, p, &more);
		int64_t *of = p->cost ? &most_cost : &most;
		if (n)
			write_part(d->m, p, -n, raises);
		*of = n > *of ? n : *of;
	}
	/* Nothing came back since: nothing is said until something does. */
	if (timed && !most && !most_cost && more && r->over) {
		json_out_free(&data);
		json_object_put(raises);
		return;
	}
	json_add_int(data, "raise", (int64_t)r->seq);
	json_add_int(data, "tokens", -most);
	if (most_cost)
		json_add_int(data, "cost_micros", -most_cost);
	json_add(data, "raises", &raises);
	json_add_str(data, "why", timed ? "expired" : "unused");
	if (timed)
		json_add_bool(data, "done", !more);
	json_add_str(data, "by", "core");
	emit(d, EVENT_BUDGET_RAISE, r->stage, -1, &data);
}

void raise_timer(struct deciding *d, int slot)
{
	struct model *m = d->m;
	for (size_t i = 0; i < m->raise_count; i++) {
		if (m->raises[i].slot != slot)
			continue;
		say_taken(d, &m->raises[i]);
		return;
	}
}

/* One for a while waits for a run to go on. */
static bool is_due(const struct model *m, const struct raise *r)
{
	if (!r->over || r->until == UNTIL_TIME)
		return r->over && !run_is_over(m->run.state);
	for (size_t i = 0; i < r->part_count; i++)
		if (r->parts[i].idle)
			return true;
	return false;
}

void raises_settle(struct deciding *d)
{
	struct model *m = d->m;
	for (size_t i = 0; i < m->raise_count;) {
		uint64_t seq = m->raises[i].seq;
		if (is_due(m, &m->raises[i]))
			say_taken(d, &m->raises[i]);
		i += i < m->raise_count && m->raises[i].seq == seq;
	}
}

/* --- in a snapshot ------------------------------------------------------ */

json_object *raises_json(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->raise_count; i++) {
		const struct raise *r = &m->raises[i];
		json_object *o = json_object_new_object();
		json_object *raises = member(o, "raises");
		json_object *idle = member(o, "idle");
		for (size_t k = 0; k < r->part_count; k++) {
			const struct raise_part *p = &r->parts[k];
			if (p->amount)
				write_part(m, p, p->amount, raises);
			if (p->idle)
				write_part(m, p, p->idle, idle);
		}
		if (r->stage >= 0)
			json_add_str(o, "stage", m->show->stages[r->stage].id);
		if (r->agent >= 0)
			json_add_str(o, "agent", m->show->agents[r->agent].id);
		json_add_int(o, "seq", (int64_t)r->seq);
		json_add_str(o, "until", raise_until_name(r->until));
		json_add_int(o, "first", r->first);
		json_add_int(o, "last", r->last);
		json_add_int(o, "expires", r->expires_ms);
		json_add_int(o, "closed", r->closed_ms);
		json_add_bool(o, "expired", r->over);
		json_object_array_add(a, o);
	}
	return a;
}

/* As earlier versions wrote them: only for a while, and tokens alone. */
static void read_older(const struct model *m, struct json_node *o,
		       struct raise *r)
{
	add_part(r, SCOPE_EPISODE, 0, false,
		 json_node_int(o, "episode_tokens", 0));
	add_part(r, SCOPE_STAGE, r->stage, false,
		 json_node_int(o, "stage_tokens", 0));
	for (int i = SCOPE_STAGE + 1; i < SCOPE_KINDS; i++)
		read_kind(m, o, (enum scope_kind)i, false, r);
}

static bool read_raise(struct model *m, struct json_node *o)
{
	const struct show *show = m->show;
	struct json_node *raises = json_node_object(o, "raises");
	int until = raise_until_find(json_node_str(o, "until", "time"));
	struct raise to = {
		.seq = (uint64_t)json_node_int(o, "seq", 0),
		.until = until < 0 ? UNTIL_TIME : (enum raise_until)until,
		.stage = show_find_stage(show, json_node_str(o, "stage", "")),
		.agent = show_find_agent(show, json_node_str(o, "agent", "")),
		.first = (int)json_node_int(o, "first", 0),
		.last = (int)json_node_int(o, "last", 0),
		.expires_ms = json_node_int(o, "expires", 0),
		.closed_ms = json_node_int(o, "closed", 0),
		.over = json_node_bool(o, "expired", false),
	};
	bool sound = to.until == UNTIL_TIME ? to.expires_ms > 0 : to.stage >= 0;
	if (raises)
		read_parts(m, raises, &to);
	else
		read_older(m, o, &to);
	for (size_t i = 0; i < to.part_count; i++)
		to.parts[i].idle =
			part_of(m, &to.parts[i], json_node_object(o, "idle"));
	if (sound)
		add_raise(m, &to);
	else
		free(to.parts);
	return sound;
}

bool raises_read(struct model *m, struct json_node *o)
{
	struct json_node *warned = json_node_get(o, "warned");
	bool sound = true;
	json_node_each(n, json_node_array(o, "raises")) sound =
		read_raise(m, n) && sound;
	m->warned.tokens = json_node_bool(warned, "tokens", false);
	m->warned.cost = json_node_bool(warned, "cost", false);
	return sound;
}
