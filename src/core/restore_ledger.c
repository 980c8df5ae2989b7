/* restore_ledger: the ledger from its snapshot. */
#include "base/mem.h"
#include "core/decide.h"
#include "core/lease_row.h"
#include "core/restore.h"

static void read_scope(struct scope *s, struct json_node *o)
{
	s->limited = json_node_bool(o, "limited", false);
	s->allocated = json_node_int(o, "allocated", 0);
	s->leased = json_node_int(o, "leased", 0);
	s->spent = json_node_int(o, "spent", 0);
	s->overrun = json_node_int(o, "overrun", 0);
}

void restore_purse(struct purse *p, struct json_node *o)
{
	read_scope(&p->tokens, json_node_get(o, "tokens"));
	read_scope(&p->cost, json_node_get(o, "cost"));
}

static bool read_whose(struct reading *r, struct json_node *o, int *stage,
		       int *agent)
{
	*stage = show_find_stage(r->m->show, json_node_str(o, "stage", ""));
	*agent = show_find_agent(r->m->show, json_node_str(o, "agent", ""));
	if (*stage < 0 || *agent < 0)
		r->sound = false;
	return *stage >= 0 && *agent >= 0;
}

static void read_lease(struct reading *r, struct json_node *list)
{
	int64_t row[LEASE_ROW] = {0};
	size_t n = 0;
	if (list->type != json_type_array || list->count > LEASE_ROW) {
		r->sound = false;
		return;
	}
	json_node_each(figure, list) row[n++] = json_node_number(figure);
	if (!lease_of_row(&r->m->ledger.leases, list->key, row, r->m->show))
		r->sound = false;
}

static void read_ask(struct reading *r, struct json_node *o)
{
	struct lease_ask a = {
		.seq = (uint64_t)json_node_int(o, "seq", 0),
		.tokens = json_node_int(o, "tokens", 0),
		.cost_micros = json_node_int(o, "cost", 0),
		.epoch = json_node_int(o, "epoch", 0),
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

static void read_request(struct reading *r, struct json_node *o)
{
	struct lease_request q = {
		.hash = (uint64_t)json_node_int(o, "hash", 0),
		.wish = (enum lease_wish)restore_number(r, o, "wish",
							WISH_LEASE, WISH_USE),
		.tokens = json_node_int(o, "tokens", 0),
	};
	if (!read_whose(r, o, &q.stage, &q.agent))
		return;
	q.lease = xstrdup(json_node_str(o, "lease", ""));
	requests_add(r->m, &q);
}

static void read_each(struct reading *r, struct json_node *list,
		      void (*read)(struct reading *r, struct json_node *o))
{
	json_node_each(o, list) read(r, o);
}

static void read_observed(struct model *m, struct json_node *all)
{
	for (size_t i = 0; i < m->show->agent_count; i++) {
		struct json_node *list =
			json_node_array(all, m->show->agents[i].id);
		struct observed *o = &m->ledger.observed[i];
		size_t n = json_node_count(list);
		struct json_node *k = json_node_first(list);
		int64_t count = n ? json_node_number(k) : 0;
		if (n < 2 || n > OBSERVED_CALLS + 1 || count < (int64_t)n - 1)
			continue;
		o->count = count - (int64_t)n + 1;
		while ((k = json_node_next(list, k)))
			o->tokens[o->count++ % OBSERVED_CALLS] =
				json_node_number(k);
	}
}

static void read_days(struct model *m, struct json_node *o)
{
	struct json_node *days = json_node_object(o, "days");
	struct json_node *services = json_node_object(o, "service_days");
	m->ledger.day = (int32_t)json_node_int(o, "day", 0);
	read_observed(m, json_node_object(o, "observed"));
	for (size_t i = 0; i < m->show->agent_count; i++)
		restore_purse(&m->ledger.days[i],
			      json_node_get(days, m->show->agents[i].id));
	for (size_t i = 0; i < m->show->service_count; i++)
		restore_purse(&m->ledger.service_days[i],
			      json_node_get(services, m->show->services[i].id));
}

void restore_inherit_days(struct model *heir, struct json_node *o)
{
	struct json_node *days = json_node_object(o, "days");
	struct json_node *services = json_node_object(o, "service_days");
	struct purse from;
	heir->ledger.day = (int32_t)json_node_int(o, "day", 0);
	read_observed(heir, json_node_object(o, "observed"));
	for (size_t i = 0; i < heir->show->agent_count; i++) {
		restore_purse(&from,
			      json_node_get(days, heir->show->agents[i].id));
		ledger_inherit_day(&heir->ledger.days[i], &from);
	}
	for (size_t i = 0; i < heir->show->service_count; i++) {
		restore_purse(&from, json_node_get(services,
						   heir->show->services[i].id));
		ledger_inherit_day(&heir->ledger.service_days[i], &from);
	}
}

void restore_ledger(struct reading *r, struct json_node *o)
{
	struct model *m = r->m;
	struct json_node *agents = json_node_object(o, "agents");
	restore_purse(&m->ledger.episode, json_node_get(o, "episode"));
	m->ledger.reserve = json_node_int(o, "reserve", 0);
	m->ledger.moved = json_node_int(o, "moved", 0);
	for (size_t i = 0; i < m->show->agent_count; i++)
		restore_purse(&m->ledger.agents[i],
			      json_node_get(agents, m->show->agents[i].id));
	read_days(m, o);
	for (size_t i = 0; i < m->show->service_count; i++)
		restore_purse(&m->ledger.services[i],
			      json_node_get(json_node_object(o, "services"),
					    m->show->services[i].id));
	read_each(r, json_node_array(o, "asks"), read_ask);
	read_each(r, json_node_array(o, "requests"), read_request);
}

int restore_lease_slot(struct reading *r, const char *id)
{
	int slot = ledger_find(&r->m->ledger, id);
	if (id && slot < 0)
		r->sound = false;
	return slot;
}

/* They stand before the stages whose calls name them. */
void restore_leases(struct reading *r, struct json_node *leases)
{
	json_node_each(list, leases) read_lease(r, list);
}
