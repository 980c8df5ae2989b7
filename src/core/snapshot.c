/* snapshot: the whole model as lines of JSON; restore.c reads it back. What is
 * written here and what is read there go together, member by member.
 *
 * There may be ten thousands of stages, and a tree of all of them is twenty
 * times as large as its text. So each is printed by itself, and what of it is
 * nothing (0, false) is left out: it is nothing again when it is read. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/model.h"
#include "core/lease_table.h"
#include "core/snapshot.h"

static void add_some(json_object *o, const char *key, int64_t v)
{
	if (v)
		json_add_int(o, key, v);
}

static json_object *scope_json(const struct scope *s)
{
	json_object *o = json_object_new_object();
	json_add_bool(o, "limited", s->limited);
	json_add_int(o, "allocated", s->allocated);
	json_add_int(o, "leased", s->leased);
	json_add_int(o, "spent", s->spent);
	if (s->overrun)
		json_add_int(o, "overrun", s->overrun);
	return o;
}

static bool is_empty(const struct scope *s)
{
	return !s->limited && !s->allocated && !s->leased && !s->spent;
}

static json_object *purse_json(const struct purse *p)
{
	json_object *o = json_object_new_object();
	json_object *tokens = scope_json(&p->tokens);
	json_object *cost = scope_json(&p->cost);
	json_add(o, "tokens", &tokens);
	json_add(o, "cost", &cost);
	return o;
}

static json_object *lease_json(const struct model *m, const struct lease *l)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "stage", m->show->stages[l->stage].id);
	json_add_str(o, "agent", m->show->agents[l->agent].id);
	json_add_int(o, "attempt", l->attempt);
	json_add_bool(o, "outside", l->outside);
	json_add_int(o, "tokens", l->tokens);
	json_add_int(o, "spent", l->spent);
	json_add_int(o, "metered", l->metered);
	json_add_int(o, "cost", l->cost_micros);
	json_add_int(o, "cost_spent", l->cost_spent);
	json_add_int(o, "cost_metered", l->cost_metered);
	json_add_int(o, "state", l->state);
	json_add_int(o, "deadline", l->deadline_ms);
	add_some(o, "share", l->share);
	json_add_int(o, "closed", l->closed_ms);
	json_add_int(o, "day", l->day);
	return o;
}

static json_object *asks_json(const struct model *m)
{
	json_object *all = json_object_new_array();
	for (size_t i = 0; i < m->ledger.ask_count; i++) {
		const struct lease_ask *a = &m->ledger.asks[i];
		json_object *o = json_object_new_object();
		json_add_int(o, "seq", (int64_t)a->seq);
		json_add_str(o, "stage", m->show->stages[a->stage].id);
		json_add_str(o, "agent", m->show->agents[a->agent].id);
		json_add_str(o, "lease", a->lease);
		json_add_str(o, "request", a->request);
		json_add_int(o, "tokens", a->tokens);
		json_add_int(o, "cost", a->cost_micros);
		json_add_int(o, "origin", a->origin.kind);
		json_add_str(o, "to", a->origin.id);
		json_add_int(o, "epoch", a->epoch);
		json_object_array_add(all, o);
	}
	return all;
}

/* Oldest first. */
static json_object *requests_json(const struct model *m)
{
	const struct ledger *l = &m->ledger;
	json_object *all = json_object_new_array();
	for (size_t i = 0; i < LEASE_REQUESTS_KEPT; i++) {
		const struct lease_request *r =
			&l->requests[(l->request_next + i) %
				     LEASE_REQUESTS_KEPT];
		if (!r->hash)
			continue;
		json_object *o = json_object_new_object();
		json_add_int(o, "hash", (int64_t)r->hash);
		json_add_int(o, "wish", r->wish);
		json_add_str(o, "stage", m->show->stages[r->stage].id);
		json_add_str(o, "agent", m->show->agents[r->agent].id);
		json_add_int(o, "tokens", r->tokens);
		json_add_str(o, "lease", r->lease);
		json_object_array_add(all, o);
	}
	return all;
}

static void add_purse(json_object *all, const char *id,
		      const struct purse *purse)
{
	if (!is_empty(&purse->tokens) || !is_empty(&purse->cost))
		json_object_object_add(all, id, purse_json(purse));
}

/* By agent: how many were seen, and the newest, oldest first. */
static json_object *observed_json(const struct model *m)
{
	json_object *all = json_object_new_object();
	for (size_t i = 0; i < m->show->agent_count; i++) {
		const struct observed *o = &m->ledger.observed[i];
		if (!o->count)
			continue;
		json_object *list = json_object_new_array();
		int64_t first = o->count > OBSERVED_CALLS
					? o->count - OBSERVED_CALLS
					: 0;
		json_object_array_add(list, json_object_new_int64(o->count));
		for (int64_t k = first; k < o->count; k++)
			json_object_array_add(
				list, json_object_new_int64(
					      o->tokens[k % OBSERVED_CALLS]));
		json_object_object_add(all, m->show->agents[i].id, list);
	}
	return all;
}

static json_object *ledger_json(const struct model *m)
{
	const struct ledger *l = &m->ledger;
	json_object *o = json_object_new_object();
	json_object *episode = purse_json(&l->episode);
	json_object *agents = json_object_new_object();
	json_object *asks = asks_json(m);
	json_object *requests = requests_json(m);
	json_object *days = json_object_new_object();
	json_object *services = json_object_new_object();
	json_object *service_days = json_object_new_object();
	for (size_t i = 0; i < m->show->agent_count; i++) {
		const char *id = m->show->agents[i].id;
		json_object_object_add(agents, id, purse_json(&l->agents[i]));
		add_purse(days, id, &l->days[i]);
	}
	for (size_t i = 0; i < m->show->service_count; i++) {
		const char *id = m->show->services[i].id;
		add_purse(services, id, &l->services[i]);
		add_purse(service_days, id, &l->service_days[i]);
	}
	json_add_int(o, "reserve", l->reserve);
	add_some(o, "day", l->day);
	json_object *observed = observed_json(m);
	json_add(o, "observed", &observed);
	json_add(o, "days", &days);
	json_add(o, "services", &services);
	json_add(o, "service_days", &service_days);
	json_add_int(o, "moved", l->moved);
	json_add(o, "episode", &episode);
	json_add(o, "agents", &agents);
	json_add(o, "asks", &asks);
	json_add(o, "requests", &requests);
	return o;
}

/* `agent`: whom the show names. */
static json_object *call_json(const struct model *m, const struct call *c,
			      int agent)
{
	json_object *o = json_object_new_object();
	json_object *result = json_clone(c->result);
	add_some(o, "state", c->state);
	if (c->agent != agent)
		json_add_str(o, "agent", m->show->agents[c->agent].id);
	add_some(o, "lease_tokens", c->lease_tokens);
	add_some(o, "least_tokens", c->least_tokens);
	add_some(o, "further", c->further);
	if (c->lease >= 0)
		json_add_str(o, "lease", ledger_lease(m, c->lease)->id);
	add_some(o, "started", c->started_ms);
	add_some(o, "ended", c->ended_ms);
	if (c->confidence < 0 || c->confidence > 0)
		json_add_num(o, "confidence", c->confidence);
	add_some(o, "cost_micros", c->cost_micros);
	add_some(o, "tokens", c->tokens);
	json_add_str(o, "error", c->error);
	if (c->retry_after_ms)
		json_add_int(o, "retry_after_ms", c->retry_after_ms);
	if (result)
		json_add(o, "result", &result);
	return o;
}

static json_object *poll_json(const struct poll_run *p,
			      const struct show_poll *def)
{
	json_object *o = json_object_new_object();
	json_object *counts = json_object_new_object();
	for (size_t i = 0; i < def->option_count; i++)
		json_add_int(counts, def->options[i].id, p->counts[i]);
	json_add_int(o, "state", p->state);
	json_add_bool(o, "frozen", p->frozen);
	json_add_int(o, "opened", p->opened_ms);
	json_add_int(o, "deadline", p->deadline_ms);
	json_add_int(o, "left", p->left_ms);
	json_add_int(o, "extensions", p->extensions);
	json_add_int(o, "closes", p->closes);
	json_add_bool(o, "by_hand", p->by_hand);
	json_add_int(o, "winner", p->winner);
	json_add_int(o, "choice", p->choice);
	json_add_str(o, "why", p->why);
	json_add(o, "counts", &counts);
	return o;
}

static json_object *bases_json(const struct stage_run *s)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < COUNT_OF(s->bases) && s->bases[i].attempt; i++) {
		json_object *o = json_object_new_object();
		json_add_int(o, "attempt", s->bases[i].attempt);
		json_add_str(o, "hash", s->bases[i].hash);
		json_object_array_add(a, o);
	}
	return a;
}

static json_object *stage_json(const struct model *m, size_t i)
{
	const struct stage_run *s = &m->stages[i];
	const struct show_stage *def = &m->show->stages[i];
	const struct purse *purse = &m->ledger.stages[i];
	json_object *o = json_object_new_object();
	json_object *calls = json_object_new_array();
	json_add_str(o, "state", stage_state_name(s->state));
	json_add_int(o, "outcome", s->outcome);
	add_some(o, "unmet", s->unmet);
	if (s->released)
		json_add_bool(o, "released", true);
	add_some(o, "approved", s->approved_tokens);
	add_some(o, "asked", s->asked_tokens);
	add_some(o, "asked_total", s->asked_total);
	add_some(o, "stood", s->stood_ms);
	add_some(o, "standing_tokens", s->standing_tokens);
	add_some(o, "standing_cost", s->standing_cost);
	add_some(o, "standing_uses", s->standing_uses);
	add_some(o, "warn_asks", s->warn_asks);
	if (s->bases[0].attempt) {
		json_object *bases = bases_json(s);
		json_add(o, "bases", &bases);
	}
	add_some(o, "attempt", s->attempt);
	add_some(o, "failures", s->failures);
	add_some(o, "first", s->first_ms);
	add_some(o, "started", s->started_ms);
	add_some(o, "ended", s->ended_ms);
	add_some(o, "version", (int64_t)s->version);
	add_some(o, "deadline", s->deadline_ms);
	if (s->winner >= 0)
		json_add_str(o, "winner", m->show->agents[s->winner].id);
	json_add_str(o, "error", s->error);
	json_add_str(o, "last_error", s->last_error);
	json_add_str(o, "why", s->why);
	if (!is_empty(&purse->tokens) || !is_empty(&purse->cost)) {
		json_object *scope = purse_json(purse);
		json_add(o, "scope", &scope);
	}
	for (size_t k = 0; k < def->agent_count; k++)
		json_object_array_add(
			calls, call_json(m, &s->calls[k], def->agents[k]));
	json_add(o, "calls", &calls);
	if (s->poll) {
		json_object *poll = poll_json(s->poll, def->poll);
		json_add(o, "poll", &poll);
	}
	return o;
}

static json_object *inbox_json(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->inbox.count; i++) {
		const struct inbox_item *item = &m->inbox.items[i];
		json_object *o = json_object_new_object();
		json_add_str(o, "id", item->id);
		json_add_int(o, "kind", item->kind);
		if (item->stage >= 0)
			json_add_str(o, "stage",
				     m->show->stages[item->stage].id);
		json_add_int(o, "tokens", item->tokens);
		json_add_int(o, "wanted", item->wanted);
		json_add_int(o, "left", item->left);
		json_add_int(o, "rest", item->rest);
		json_add_str(o, "reason", item->reason);
		json_add_int(o, "offers", item->offers);
		json_add_int(o, "late", (int64_t)item->late);
		json_add_int(o, "cost_micros", item->cost_micros);
		if (item->agent >= 0)
			json_add_str(o, "agent",
				     m->show->agents[item->agent].id);
		json_add_int(o, "opened", item->opened_ms);
		json_add_int(o, "deadline", item->deadline_ms);
		json_add_str(o, "text", item->text);
		json_object_array_add(a, o);
	}
	return a;
}

static json_object *checks_json(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->show->check_count; i++) {
		json_object *o = json_object_new_object();
		json_add_str(o, "card", m->show->checks[i].card);
		json_add_str(o, "test", m->show->checks[i].name);
		json_add_int(o, "state", m->checks[i].state);
		json_add_int(o, "at", m->checks[i].at_ms);
		json_add_int(o, "latency_ms", m->checks[i].latency_ms);
		json_add_str(o, "text", m->checks[i].text);
		json_object_array_add(a, o);
	}
	return a;
}

static json_object *alarms_json(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->alarm_count; i++) {
		const struct alarm *alarm = &m->alarms[i];
		json_object *o = json_object_new_object();
		json_add_str(o, "id", alarm->id);
		json_add_str(o, "text", alarm->text);
		json_add_int(o, "since", alarm->since_ms);
		json_add_bool(o, "acked", alarm->acked);
		json_add_str(o, "ack_reason", alarm->ack_reason);
		json_object_array_add(a, o);
	}
	return a;
}

static json_object *killed_json(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->show->agent_count; i++)
		if (m->killed[i])
			json_object_array_add(
				a,
				json_object_new_string(m->show->agents[i].id));
	return a;
}

static json_object *pending_json(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < OBS_MAX_PENDING; i++) {
		const struct obs_pending *p = &m->obs.pending[i];
		json_object *o = json_object_new_object();
		if (*p->id) {
			json_add_str(o, "id", p->id);
			json_add_str(o, "text", p->text);
			json_add_int(o, "sent", p->sent_ms);
		}
		json_object_array_add(a, o);
	}
	return a;
}

static json_object *obs_json(const struct model *m)
{
	const struct obs_facts *f = &m->obs.facts;
	json_object *o = json_object_new_object();
	json_object *scenes = json_object_new_array();
	json_object *pending = pending_json(m);
	for (int i = 0; i < f->scene_count; i++)
		json_object_array_add(scenes,
				      json_object_new_string(f->scenes[i]));
	json_add_bool(o, "connected", f->connected);
	json_add_str(o, "error", f->error);
	json_add_str(o, "program_scene", f->program_scene);
	json_add_str(o, "preview_scene", f->preview_scene);
	json_add_bool(o, "streaming", f->streaming);
	json_add_bool(o, "reconnecting", f->reconnecting);
	json_add_bool(o, "recording", f->recording);
	json_add_int(o, "at", m->obs.at_ms);
	json_add_str(o, "last_error", m->obs.last_error);
	json_add(o, "scenes", &scenes);
	json_add(o, "pending", &pending);
	return o;
}

static json_object *run_json(const struct model *m)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "id", m->run.id);
	json_add_int(o, "state", m->run.state);
	json_add_bool(o, "rehearsal", m->run.rehearsal);
	json_add_bool(o, "attended", m->run.attended);
	json_add_bool(o, "panic", m->run.panic);
	json_add_int(o, "first", (int64_t)m->run.first_seq);
	json_add_int(o, "started", m->run.started_ms);
	json_add_int(o, "ended", m->run.ended_ms);
	json_add_str(o, "why", m->run.why);
	return o;
}

static json_object *ready_json(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->ready_count; i++) {
		int stage = m->ready[m->ready_head + i];
		json_object_array_add(
			a, json_object_new_string(m->show->stages[stage].id));
	}
	return a;
}

static json_object *commands_json(const struct model *m)
{
	json_object *a = json_object_new_array();
	size_t n = m->command_next < COMMANDS_REMEMBERED ? m->command_next
							 : COMMANDS_REMEMBERED;
	for (size_t i = m->command_next - n; i < m->command_next; i++)
		json_object_array_add(
			a, json_object_new_string(
				   m->commands[i % COMMANDS_REMEMBERED]));
	return a;
}

static json_object *leader_json(const struct model *m)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "host", m->leader.host);
	json_add_int(o, "epoch", m->leader.epoch);
	json_add_int(o, "pid", m->leader.pid);
	json_add_int(o, "at", m->leader.at_ms);
	return o;
}

/* The document comes behind, member by member. */
static json_object *story_json(const struct model *m)
{
	json_object *o = json_object_new_object();
	json_add_int(o, "version", (int64_t)m->story.version);
	json_add_str(o, "hash", story_hash(&m->story));
	return o;
}

static json_object *question_json(const struct poll_run *p,
				  const struct show_poll *def)
{
	json_object *o = json_object_new_object();
	json_object *poll = poll_json(p, def);
	json_object *options = json_object_new_array();
	for (size_t k = 0; k < def->option_count; k++) {
		json_object *x = json_object_new_object();
		json_add_str(x, "id", def->options[k].id);
		json_add_str(x, "label", def->options[k].label);
		json_object_array_add(options, x);
	}
	json_add_str(o, "question", def->question);
	json_add_int(o, "open_ms", def->open_ms);
	json_add(o, "options", &options);
	json_add(o, "poll", &poll);
	return o;
}

/* The polls that no stage declares; of a place that was taken in another run
 * the number of its counts goes on. */
static json_object *places_json(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = m->show->stage_count; i < show_poll_places(m->show);
	     i++) {
		const struct poll_run *p = m->stages[i].poll;
		const struct show_poll *def = poll_def(m, (int)i);
		if (!def && !p->closes)
			continue;
		json_object *o =
			def ? question_json(p, def) : json_object_new_object();
		json_add_str(o, "place", m->show->stages[i].id);
		json_add_int(o, "closes", p->closes);
		json_object_array_add(a, o);
	}
	return a;
}

json_object *snapshot_facts(const struct model *m)
{
	json_object *(*const parts[])(const struct model *) = {
		run_json,    ledger_json, usage_json,  story_json,
		inbox_json,  checks_json, alarms_json, late_json,
		obs_json,    ready_json,  leader_json, commands_json,
		raises_json, warned_json, killed_json, places_json,
	};
	static const char *const names[] = {
		"run",	  "ledger", "usage",  "story",	"inbox",  "checks",
		"alarms", "late",   "obs",    "ready",	"leader", "commands",
		"raises", "warned", "killed", "places",
	};
	json_object *o = json_object_new_object();
	json_add_int(o, "format", SNAPSHOT_FORMAT);
	json_add_int(o, "seq", (int64_t)m->seq);
	json_add_str(o, "show", m->show->hash);
	json_add_int(o, "timers", (int64_t)m->timers.count);
	json_add_int(o, "at", m->at_ms);
	json_add_int(o, "commands_seen", (int64_t)m->command_next);
	json_add_int(o, "polls_opened", m->polls_opened);
	json_add_int(o, "poll_opened", m->poll_opened_ms);
	if (m->poll >= 0)
		json_add_str(o, "poll", m->show->stages[m->poll].id);
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		json_object *part = parts[i](m);
		json_add(o, names[i], &part);
	}
	return o;
}

/* --- lines --------------------------------------------------------------- */

/* A line that is being written, the object in it that is open ("stages" or
 * "doc"), and where whole lines go. */
struct lines {
	struct buf line;
	const char *open; /* NULL: none */
	bool (*put)(void *whose, const char *text, size_t bytes);
	void *whose;
	bool ok;
};

static void add_json(struct lines *l, json_object **o)
{
	char *text = json_canonical(*o);
	buf_adds(&l->line, text);
	free(text);
	json_object_put(*o);
	*o = NULL;
}

static void end_line(struct lines *l, bool last)
{
	if (l->open)
		buf_addc(&l->line, '}');
	l->open = NULL;
	buf_adds(&l->line, last ? "}" : "}\n");
	l->ok = l->ok && l->put(l->whose, buf_str(&l->line), l->line.len);
	buf_clear(&l->line);
}

/* `*value` as the member `key` of the object `section`. */
static void add_member(struct lines *l, const char *section, const char *key,
		       json_object **value)
{
	json_object *name = json_object_new_string(key);
	if (l->line.len > SNAPSHOT_LINE_BYTES)
		end_line(l, false);
	if (l->open && strcmp(l->open, section) == 0) {
		buf_addc(&l->line, ',');
	} else {
		if (l->open)
			buf_addc(&l->line, '}');
		buf_addf(&l->line, "%s\"%s\":{", l->line.len ? "," : "{",
			 section);
		l->open = section;
	}
	add_json(l, &name);
	buf_addc(&l->line, ':');
	add_json(l, value);
}

static int by_key(const void *a, const void *b)
{
	const struct lh_entry *const *x = a, *const *y = b;
	return strcmp(lh_entry_k(*x), lh_entry_k(*y));
}

static void add_document(struct lines *l, json_object *doc)
{
	size_t count = (size_t)json_object_object_length(doc), n = 0;
	struct lh_entry **entries = xcalloc(count, sizeof *entries);
	struct lh_entry *e;
	lh_foreach(json_object_get_object(doc), e) entries[n++] = e;
	qsort(entries, n, sizeof *entries, by_key);
	for (size_t i = 0; l->ok && i < n; i++) {
		json_object *value = json_object_get(lh_entry_v(entries[i]));
		add_member(l, "doc", lh_entry_k(entries[i]), &value);
	}
	free(entries);
}

static void add_leases(struct lines *l, const struct model *m, int first)
{
	const struct lease_table *t = &m->ledger.leases;
	for (int i = first; l->ok && i >= 0; i = lease_table_next(t, i)) {
		json_object *lease = lease_json(m, &t->slots[i]);
		add_member(l, "leases", t->slots[i].id, &lease);
	}
}

/* In the order of their lists, which restoring makes anew. */
static void add_all_leases(struct lines *l, const struct model *m)
{
	const struct lease_table *t = &m->ledger.leases;
	for (size_t i = 0; i < m->show->stage_count; i++)
		add_leases(l, m, lease_table_held(t, (int)i));
	add_leases(l, m, lease_table_closed(t, LEASE_SETTLED));
	add_leases(l, m, lease_table_closed(t, LEASE_EXPIRED));
}

bool model_snapshot_lines(const struct model *m,
			  bool (*put)(void *whose, const char *text,
				      size_t bytes),
			  void *whose)
{
	struct lines l = {.put = put, .whose = whose, .ok = true};
	json_object *head = snapshot_facts(m);
	add_json(&l, &head);
	l.line.data[--l.line.len] = '\0'; /* its end comes later */
	add_all_leases(&l, m);
	for (size_t i = 0; l.ok && i < m->show->stage_count; i++) {
		json_object *stage = stage_json(m, i);
		add_member(&l, "stages", m->show->stages[i].id, &stage);
	}
	add_document(&l, m->story.doc);
	end_line(&l, true);
	buf_release(&l.line);
	return l.ok;
}

static bool add_text(void *whose, const char *text, size_t bytes)
{
	buf_add(whose, text, bytes);
	return true;
}

char *model_snapshot(const struct model *m)
{
	struct buf b = {0};
	model_snapshot_lines(m, add_text, &b);
	return buf_take(&b);
}
