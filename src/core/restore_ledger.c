/* restore_ledger: the ledger from its snapshot. */
#include "base/mem.h"
#include "core/decide.h"
#include "core/lease_row.h"
#include "core/restore.h"

static void read_scope(struct scope *s, json_object *o)
{
	s->limited = json_get_bool(o, "limited", false);
	s->allocated = json_get_int(o, "allocated", 0);
	s->leased = json_get_int(o, "leased", 0);
	s->spent = json_get_int(o, "spent", 0);
	s->overrun = json_get_int(o, "overrun", 0);
}

void restore_purse(struct purse *p, json_object *o)
{
	read_scope(&p->tokens, json_get(o, "tokens"));
	read_scope(&p->cost, json_get(o, "cost"));
}

static bool read_whose(struct reading *r, json_object *o, int *stage,
		       int *agent)
{
	*stage = show_find_stage(r->m->show, json_get_str(o, "stage", ""));
	*agent = show_find_agent(r->m->show, json_get_str(o, "agent", ""));
	if (*stage < 0 || *agent < 0)
		r->sound = false;
	return *stage >= 0 && *agent >= 0;
}

static int64_t nth(json_object *list, size_t i)
{
	return json_object_get_int64(json_object_array_get_idx(list, i));
}

static void read_lease(struct reading *r, const char *id, json_object *list)
{
	bool is_row = json_object_is_type(list, json_type_array);
	size_t n = is_row ? json_object_array_length(list) : 0;
	int64_t row[LEASE_ROW] = {0};
	for (size_t i = 0; i < n && i < LEASE_ROW; i++)
		row[i] = nth(list, i);
	if (!is_row || n > LEASE_ROW ||
	    !lease_of_row(&r->m->ledger.leases, id, row, r->m->show))
		r->sound = false;
}

static void read_ask(struct reading *r, json_object *o)
{
	struct lease_ask a = {
		.seq = (uint64_t)json_get_int(o, "seq", 0),
		.tokens = json_get_int(o, "tokens", 0),
		.cost_micros = json_get_int(o, "cost", 0),
		.epoch = json_get_int(o, "epoch", 0),
		.origin.kind = (enum origin_kind)restore_number(
			r, o, "origin", ORIGIN_NONE, ORIGIN_LOCAL),
	};
	if (!read_whose(r, o, &a.stage, &a.agent))
		return;
	restore_copy(a.origin.id, sizeof a.origin.id, o, "to");
	a.lease = restore_text(o, "lease");
	a.request = restore_text(o, "request");
	asks_add(r->m, &a);
}

static void read_request(struct reading *r, json_object *o)
{
	struct lease_request q = {
		.hash = (uint64_t)json_get_int(o, "hash", 0),
		.wish = (enum lease_wish)restore_number(r, o, "wish",
							WISH_LEASE, WISH_USE),
		.tokens = json_get_int(o, "tokens", 0),
	};
	if (!read_whose(r, o, &q.stage, &q.agent))
		return;
	q.lease = xstrdup(json_get_str(o, "lease", ""));
	requests_add(r->m, &q);
}

static void read_each(struct reading *r, json_object *list,
		      void (*read)(struct reading *r, json_object *o))
{
	size_t n = list ? json_object_array_length(list) : 0;
	for (size_t i = 0; i < n; i++)
		read(r, json_object_array_get_idx(list, i));
}

static void read_observed(struct model *m, json_object *all)
{
	for (size_t i = 0; i < m->show->agent_count; i++) {
		json_object *list = json_get_array(all, m->show->agents[i].id);
		struct observed *o = &m->ledger.observed[i];
		size_t n = list ? json_object_array_length(list) : 0;
		int64_t count = n ? nth(list, 0) : 0;
		if (n < 2 || n > OBSERVED_CALLS + 1 || count < (int64_t)n - 1)
			continue;
		o->count = count - (int64_t)n + 1;
		for (size_t k = 1; k < n; k++)
			o->tokens[o->count++ % OBSERVED_CALLS] = nth(list, k);
	}
}

static void read_days(struct model *m, json_object *o)
{
	json_object *days = json_get_object(o, "days");
	json_object *services = json_get_object(o, "service_days");
	m->ledger.day = (int32_t)json_get_int(o, "day", 0);
	read_observed(m, json_get_object(o, "observed"));
	for (size_t i = 0; i < m->show->agent_count; i++)
		restore_purse(&m->ledger.days[i],
			      json_get(days, m->show->agents[i].id));
	for (size_t i = 0; i < m->show->service_count; i++)
		restore_purse(&m->ledger.service_days[i],
			      json_get(services, m->show->services[i].id));
}

void restore_inherit_days(struct model *heir, json_object *o)
{
	json_object *days = json_get_object(o, "days");
	json_object *services = json_get_object(o, "service_days");
	struct purse from;
	heir->ledger.day = (int32_t)json_get_int(o, "day", 0);
	read_observed(heir, json_get_object(o, "observed"));
	for (size_t i = 0; i < heir->show->agent_count; i++) {
		restore_purse(&from, json_get(days, heir->show->agents[i].id));
		ledger_inherit_day(&heir->ledger.days[i], &from);
	}
	for (size_t i = 0; i < heir->show->service_count; i++) {
		restore_purse(&from,
			      json_get(services, heir->show->services[i].id));
		ledger_inherit_day(&heir->ledger.service_days[i], &from);
	}
}

void restore_ledger(struct reading *r, json_object *o)
{
	struct model *m = r->m;
	json_object *agents = json_get_object(o, "agents");
	restore_purse(&m->ledger.episode, json_get(o, "episode"));
	m->ledger.reserve = json_get_int(o, "reserve", 0);
	m->ledger.moved = json_get_int(o, "moved", 0);
	for (size_t i = 0; i < m->show->agent_count; i++)
		restore_purse(&m->ledger.agents[i],
			      json_get(agents, m->show->agents[i].id));
	read_days(m, o);
	for (size_t i = 0; i < m->show->service_count; i++)
		restore_purse(&m->ledger.services[i],
			      json_get(json_get_object(o, "services"),
				       m->show->services[i].id));
	read_each(r, json_get_array(o, "asks"), read_ask);
	read_each(r, json_get_array(o, "requests"), read_request);
}

int restore_lease_slot(struct reading *r, const char *id)
{
	int slot = ledger_find(&r->m->ledger, id);
	if (id && slot < 0)
		r->sound = false;
	return slot;
}

/* They stand before the stages whose calls name them. */
void restore_leases(struct reading *r, json_object *leases)
{
	if (!leases)
		return;
	json_object_object_foreach(leases, id, o) read_lease(r, id, o);
}
