/* snapshot: the whole model as lines of JSON; restore.c reads it back. What is
 * written here and what is read there go together, member by member.
 *
 * There may be ten thousands of stages, and a tree of all of them is twenty
 * times as large as its text. So each is printed by itself, and what of it is
 * nothing (0, false) is left out: it is nothing again when it is read. */
#include <stdlib.h>
#include <string.h>

#include "base/json_out.h"
#include "base/mem.h"
#include "core/lease_row.h"
#include "core/model.h"
#include "core/snapshot.h"

static void add_some(struct json_out *o, const char *key, int64_t v)
{
	if (v)
		json_add_int(o, key, v);
}

static void add_true(struct json_out *o, const char *key, bool v)
{
	if (v)
		json_add_bool(o, key, true);
}

static bool is_empty(const struct scope *s)
{
	return !s->limited && !s->allocated && !s->leased && !s->spent &&
	       !s->overrun;
}

static void put_scope(struct json_out *o, const char *key,
		      const struct scope *s)
{
	if (is_empty(s))
		return;
	json_out_object(o, key);
	add_true(o, "limited", s->limited);
	add_some(o, "allocated", s->allocated);
	add_some(o, "leased", s->leased);
	add_some(o, "spent", s->spent);
	add_some(o, "overrun", s->overrun);
	json_out_end(o);
}

static void put_purse(struct json_out *o, const char *key,
		      const struct purse *p)
{
	json_out_object(o, key);
	put_scope(o, "tokens", &p->tokens);
	put_scope(o, "cost", &p->cost);
	json_out_end(o);
}

static void put_lease(struct json_out *o, const struct lease *l)
{
	int64_t row[LEASE_ROW];
	size_t n = lease_row(l, row);
	json_out_array(o, l->id);
	for (size_t i = 0; i < n; i++)
		json_add_int(o, NULL, row[i]);
	json_out_end(o);
}

static void put_asks(struct json_out *o, const struct model *m)
{
	json_out_array(o, "asks");
	for (size_t i = 0; i < m->ledger.ask_count; i++) {
		const struct lease_ask *a = &m->ledger.asks[i];
		json_out_object(o, NULL);
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
		json_out_end(o);
	}
	json_out_end(o);
}

/* Oldest first. */
static void put_requests(struct json_out *o, const struct model *m)
{
	const struct ledger *l = &m->ledger;
	json_out_array(o, "requests");
	for (size_t i = 0; i < LEASE_REQUESTS_KEPT; i++) {
		const struct lease_request *r =
			&l->requests[(l->request_next + i) %
				     LEASE_REQUESTS_KEPT];
		if (!r->hash)
			continue;
		json_out_object(o, NULL);
		json_add_int(o, "hash", (int64_t)r->hash);
		json_add_int(o, "wish", r->wish);
		json_add_str(o, "stage", m->show->stages[r->stage].id);
		json_add_str(o, "agent", m->show->agents[r->agent].id);
		json_add_int(o, "tokens", r->tokens);
		json_add_str(o, "lease", r->lease);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_some_purse(struct json_out *o, const char *key,
			   const struct purse *p)
{
	if (!is_empty(&p->tokens) || !is_empty(&p->cost))
		put_purse(o, key, p);
}

/* By agent: how many were seen, and the newest, oldest first. */
static void put_observed(struct json_out *o, const struct model *m)
{
	json_out_object(o, "observed");
	for (size_t i = 0; i < m->show->agent_count; i++) {
		const struct observed *seen = &m->ledger.observed[i];
		if (!seen->count)
			continue;
		int64_t first = seen->count > OBSERVED_CALLS
					? seen->count - OBSERVED_CALLS
					: 0;
		json_out_array(o, m->show->agents[i].id);
		json_add_int(o, NULL, seen->count);
		for (int64_t k = first; k < seen->count; k++)
			json_add_int(o, NULL, seen->tokens[k % OBSERVED_CALLS]);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_agents(struct json_out *o, const struct model *m)
{
	const struct ledger *l = &m->ledger;
	json_out_object(o, "agents");
	for (size_t i = 0; i < m->show->agent_count; i++)
		put_some_purse(o, m->show->agents[i].id, &l->agents[i]);
	json_out_end(o);
	json_out_object(o, "days");
	for (size_t i = 0; i < m->show->agent_count; i++)
		put_some_purse(o, m->show->agents[i].id, &l->days[i]);
	json_out_end(o);
}

static void put_services(struct json_out *o, const struct model *m)
{
	const struct ledger *l = &m->ledger;
	json_out_object(o, "services");
	for (size_t i = 0; i < m->show->service_count; i++)
		put_some_purse(o, m->show->services[i].id, &l->services[i]);
	json_out_end(o);
	json_out_object(o, "service_days");
	for (size_t i = 0; i < m->show->service_count; i++)
		put_some_purse(o, m->show->services[i].id, &l->service_days[i]);
	json_out_end(o);
}

static void put_ledger(struct json_out *o, const struct model *m)
{
	const struct ledger *l = &m->ledger;
	json_out_object(o, "ledger");
	json_add_int(o, "reserve", l->reserve);
	add_some(o, "day", l->day);
	json_add_int(o, "moved", l->moved);
	put_purse(o, "episode", &l->episode);
	put_agents(o, m);
	put_services(o, m);
	put_observed(o, m);
	put_asks(o, m);
	put_requests(o, m);
	json_out_end(o);
}

/* `agent`: whom the show names. */
static void put_call(struct json_out *o, const struct model *m,
		     const struct call *c, int agent)
{
	json_out_object(o, NULL);
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
	if (c->result)
		json_out_canonical(o, "result", c->result);
	json_out_end(o);
}

static void put_bursts(struct json_out *o, const struct poll_run *p)
{
	json_out_array(o, "bursts");
	for (int i = 0; i < p->burst_count; i++) {
		const struct poll_burst *b = &p->bursts[i];
		json_out_object(o, NULL);
		json_add_int(o, "option", b->option);
		json_add_int(o, "at", b->at_ms);
		json_add_int(o, "votes", b->facts.votes);
		json_add_int(o, "span", b->facts.span_ms);
		json_add_int(o, "sources", b->facts.sources);
		json_add_int(o, "rest", b->facts.rest_permille);
		json_add_bool(o, "excluded", b->excluded);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_poll(struct json_out *o, const struct poll_run *p,
		     const struct show_poll *def)
{
	json_out_object(o, "poll");
	json_out_object(o, "counts");
	for (size_t i = 0; i < def->option_count; i++)
		add_some(o, def->options[i].id, p->counts[i]);
	json_out_end(o);
	ballots_sum_put(o, &p->from);
	add_some(o, "state", p->state);
	add_true(o, "frozen", p->frozen);
	add_some(o, "opened", p->opened_ms);
	add_some(o, "deadline", p->deadline_ms);
	add_some(o, "left", p->left_ms);
	add_some(o, "extensions", p->extensions);
	add_some(o, "closes", p->closes);
	add_true(o, "by_hand", p->by_hand);
	if (p->winner >= 0)
		json_add_int(o, "winner", p->winner);
	if (p->choice >= 0)
		json_add_int(o, "choice", p->choice);
	if (p->burst_count)
		put_bursts(o, p);
	json_add_str(o, "why", p->why);
	json_out_end(o);
}

static void put_bases(struct json_out *o, const struct stage_run *s)
{
	json_out_array(o, "bases");
	for (size_t i = 0; i < COUNT_OF(s->bases) && s->bases[i].attempt; i++) {
		json_out_object(o, NULL);
		json_add_int(o, "attempt", s->bases[i].attempt);
		json_add_str(o, "hash", s->bases[i].hash);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_stage(struct json_out *o, const struct model *m, size_t i)
{
	const struct stage_run *s = &m->stages[i];
	const struct show_stage *def = &m->show->stages[i];
	json_out_object(o, def->id);
	json_add_str(o, "state", stage_state_name(s->state));
	add_some(o, "outcome", s->outcome);
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
	if (s->bases[0].attempt)
		put_bases(o, s);
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
	put_some_purse(o, "scope", &m->ledger.stages[i]);
	json_out_array(o, "calls");
	for (size_t k = 0; k < def->agent_count; k++)
		put_call(o, m, &s->calls[k], def->agents[k]);
	json_out_end(o);
	if (s->poll)
		put_poll(o, s->poll, def->poll);
	json_out_end(o);
}

static void put_inbox(struct json_out *o, const struct model *m)
{
	json_out_array(o, "inbox");
	for (size_t i = 0; i < m->inbox.count; i++) {
		const struct inbox_item *item = &m->inbox.items[i];
		json_out_object(o, NULL);
		json_add_str(o, "id", item->id);
		json_add_int(o, "kind", item->kind);
		if (item->stage >= 0)
			json_add_str(o, "stage",
				     m->show->stages[item->stage].id);
		add_some(o, "tokens", item->tokens);
		add_some(o, "wanted", item->wanted);
		add_some(o, "left", item->left);
		add_some(o, "rest", item->rest);
		json_add_str(o, "reason", item->reason);
		json_add_int(o, "offers", item->offers);
		add_some(o, "late", (int64_t)item->late);
		if (item->burst)
			json_add_int(o, "burst", item->burst);
		add_some(o, "cost_micros", item->cost_micros);
		if (item->agent >= 0)
			json_add_str(o, "agent",
				     m->show->agents[item->agent].id);
		json_add_int(o, "opened", item->opened_ms);
		add_some(o, "deadline", item->deadline_ms);
		json_add_str(o, "text", item->text);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_past(struct json_out *o, const struct check_run *c)
{
	json_out_array(o, "past");
	for (int i = 0; i < c->past_count; i++)
		json_add_int(o, NULL, c->past[i]);
	json_out_end(o);
	json_add_int(o, "in_a_row", c->in_a_row);
	json_add_int(o, "before_ms", c->before_ms);
	json_add_int(o, "before_failed", c->before_failed);
	json_add_int(o, "before_count", c->before_count);
	json_add_bool(o, "overridden", c->overridden);
}

static void put_checks(struct json_out *o, const struct model *m)
{
	json_add_bool(o, "drift_allowed", m->drift_allowed);
	json_out_array(o, "checks");
	for (size_t i = 0; i < m->show->check_count; i++) {
		json_out_object(o, NULL);
		json_add_str(o, "card", m->show->checks[i].card);
		json_add_str(o, "test", m->show->checks[i].name);
		json_add_int(o, "state", m->checks[i].state);
		json_add_int(o, "at", m->checks[i].at_ms);
		json_add_int(o, "latency_ms", m->checks[i].latency_ms);
		json_add_str(o, "text", m->checks[i].text);
		put_past(o, &m->checks[i]);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_alarms(struct json_out *o, const struct model *m)
{
	json_out_array(o, "alarms");
	for (size_t i = 0; i < m->alarm_count; i++) {
		const struct alarm *alarm = &m->alarms[i];
		json_out_object(o, NULL);
		json_add_str(o, "id", alarm->id);
		json_add_str(o, "text", alarm->text);
		json_add_int(o, "since", alarm->since_ms);
		json_add_bool(o, "acked", alarm->acked);
		json_add_str(o, "ack_reason", alarm->ack_reason);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_killed(struct json_out *o, const struct model *m)
{
	json_out_array(o, "killed");
	for (size_t i = 0; i < m->show->agent_count; i++)
		if (m->killed[i])
			json_add_str(o, NULL, m->show->agents[i].id);
	json_out_end(o);
}

static void put_pending(struct json_out *o, const struct model *m)
{
	size_t used = OBS_MAX_PENDING;
	while (used && !*m->obs.pending[used - 1].id)
		used--;
	json_out_array(o, "pending");
	for (size_t i = 0; i < used; i++) {
		const struct obs_pending *p = &m->obs.pending[i];
		json_out_object(o, NULL);
		if (*p->id) {
			json_add_str(o, "id", p->id);
			json_add_str(o, "text", p->text);
			json_add_int(o, "sent", p->sent_ms);
		}
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_hold(struct json_out *o, const struct rules_hold *h)
{
	json_out_object(o, "hold");
	json_add_bool(o, "on", h->on);
	json_add_int(o, "until", h->until_ms);
	json_add_str(o, "why", h->why);
	json_add_int(o, "missed_count", h->missed_count);
	json_add_str(o, "missed", h->missed);
	json_out_end(o);
}

static void put_obs(struct json_out *o, const struct model *m)
{
	json_out_object(o, "obs");
	obs_facts_put(o, &m->obs.facts, NULL);
	json_add_int(o, "at", m->obs.at_ms);
	json_add_str(o, "last_error", m->obs.last_error);
	json_add_str(o, "last_done", m->obs.last_done);
	json_add_int(o, "last_ms", m->obs.last_ms);
	put_pending(o, m);
	put_hold(o, &m->obs.hold);
	json_out_end(o);
}

static void put_chat(struct json_out *o, const struct model *m)
{
	json_out_object(o, "chat");
	add_true(o, "connected", m->chat.connected);
	json_add_int(o, "at", m->chat.at_ms);
	json_add_str(o, "error", m->chat.error);
	json_out_end(o);
}

static void put_rules(struct json_out *o, const struct model *m)
{
	json_out_object(o, "rules");
	add_true(o, "all_off", m->rules_off);
	json_out_array(o, "off");
	for (size_t i = 0; i < m->show->rule_count; i++)
		if (m->rule_off[i])
			json_add_str(o, NULL, m->show->rules[i].name);
	json_out_end(o);
	json_out_end(o);
}

static void put_run(struct json_out *o, const struct model *m)
{
	json_out_object(o, "run");
	json_add_str(o, "id", m->run.id);
	json_add_int(o, "state", m->run.state);
	add_true(o, "rehearsal", m->run.rehearsal);
	add_true(o, "attended", m->run.attended);
	add_true(o, "panic", m->run.panic);
	json_add_int(o, "first", (int64_t)m->run.first_seq);
	json_add_int(o, "started", m->run.started_ms);
	json_add_int(o, "ended", m->run.ended_ms);
	json_add_str(o, "why", m->run.why);
	json_out_end(o);
}

static void put_ready(struct json_out *o, const struct model *m)
{
	json_out_array(o, "ready");
	for (size_t i = 0; i < m->ready_count; i++) {
		int stage = m->ready[m->ready_head + i];
		json_add_str(o, NULL, m->show->stages[stage].id);
	}
	json_out_end(o);
}

static void put_commands(struct json_out *o, const struct model *m)
{
	json_out_array(o, "commands");
	size_t n = m->command_next < COMMANDS_REMEMBERED ? m->command_next
							 : COMMANDS_REMEMBERED;
	for (size_t i = m->command_next - n; i < m->command_next; i++)
		json_add_str(o, NULL, m->commands[i % COMMANDS_REMEMBERED]);
	json_out_end(o);
}

static void put_leader(struct json_out *o, const struct model *m)
{
	json_out_object(o, "leader");
	json_add_str(o, "host", m->leader.host);
	json_add_int(o, "epoch", m->leader.epoch);
	json_add_int(o, "pid", m->leader.pid);
	json_add_int(o, "at", m->leader.at_ms);
	json_out_end(o);
}

/* The document comes behind, member by member. */
static void put_story(struct json_out *o, const struct model *m)
{
	json_out_object(o, "story");
	json_add_int(o, "version", (int64_t)m->story.version);
	json_add_str(o, "hash", story_hash(&m->story));
	json_out_end(o);
}

static void put_question(struct json_out *o, const struct poll_run *p,
			 const struct show_poll *def)
{
	json_add_str(o, "question", def->question);
	json_add_int(o, "open_ms", def->open_ms);
	json_add_bool(o, "proposed", p->proposed);
	json_out_array(o, "options");
	for (size_t k = 0; k < def->option_count; k++) {
		json_out_object(o, NULL);
		json_add_str(o, "id", def->options[k].id);
		json_add_str(o, "label", def->options[k].label);
		json_out_end(o);
	}
	json_out_end(o);
	put_poll(o, p, def);
}

/* The polls that no stage declares; of a place that was taken in another run
 * the number of its counts goes on. */
static void put_places(struct json_out *o, const struct model *m)
{
	json_out_array(o, "places");
	for (size_t i = m->show->stage_count; i < show_poll_places(m->show);
	     i++) {
		const struct poll_run *p = m->stages[i].poll;
		const struct show_poll *def = poll_def(m, (int)i);
		if (!def && !p->closes)
			continue;
		json_out_object(o, NULL);
		if (def)
			put_question(o, p, def);
		json_add_str(o, "place", m->show->stages[i].id);
		json_add_int(o, "closes", p->closes);
		json_out_end(o);
	}
	json_out_end(o);
}

/* What another concern made; equal ones are printed alike. */
static void put_tree(struct json_out *o, const char *key, json_object *part)
{
	json_out_canonical(o, key, part);
	json_object_put(part);
}

static void put_facts(struct json_out *o, const struct model *m)
{
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
	put_run(o, m);
	put_ledger(o, m);
	put_story(o, m);
	put_inbox(o, m);
	put_checks(o, m);
	put_alarms(o, m);
	put_obs(o, m);
	put_chat(o, m);
	put_rules(o, m);
	put_ready(o, m);
	put_leader(o, m);
	put_commands(o, m);
	put_killed(o, m);
	put_places(o, m);
	late_put(o, m);
	usage_put(o, m);
	put_tree(o, "raises", raises_json(m));
	put_tree(o, "warned", warned_json(m));
}

struct json_nodes *snapshot_facts(const struct model *m)
{
	struct json_out *o = json_out_new();
	put_facts(o, m);
	return json_out_nodes(&o);
}

/* --- lines --------------------------------------------------------------- */

/* A line that is being written, the object in it that is open ("stages" or
 * "doc"), and where whole lines go. */
struct lines {
	struct json_out *line;
	const char *open; /* NULL: none */
	bool (*put)(void *whose, const char *text, size_t bytes);
	void *whose;
	bool ok;
};

static void end_line(struct lines *l, bool last)
{
	if (l->open)
		json_out_end(l->line);
	l->open = NULL;
	struct buf *text = json_out_text(l->line);
	if (!last)
		buf_addc(text, '\n');
	l->ok = l->ok && l->put(l->whose, text->data, text->len);
	json_out_again(l->line);
}

/* Where the next member of the object `section` comes. */
static struct json_out *next_in(struct lines *l, const char *section)
{
	if (json_out_bytes(l->line) > SNAPSHOT_LINE_BYTES)
		end_line(l, false);
	if (l->open && strcmp(l->open, section) == 0)
		return l->line;
	if (l->open)
		json_out_end(l->line);
	json_out_object(l->line, section);
	l->open = section;
	return l->line;
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
	for (size_t i = 0; l->ok && i < n; i++)
		json_out_canonical(next_in(l, "doc"), lh_entry_k(entries[i]),
				   lh_entry_v(entries[i]));
	free(entries);
}

static void add_leases(struct lines *l, const struct model *m, int first)
{
	const struct lease_table *t = &m->ledger.leases;
	for (int i = first; l->ok && i >= 0; i = lease_table_next(t, i))
		put_lease(next_in(l, "leases"), &t->slots[i]);
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
	struct lines l = {
		.line = json_out_new(), .put = put, .whose = whose, .ok = true};
	put_facts(l.line, m);
	add_all_leases(&l, m);
	for (size_t i = 0; l.ok && i < m->show->stage_count; i++)
		put_stage(next_in(&l, "stages"), m, i);
	add_document(&l, m->story.doc);
	end_line(&l, true);
	json_out_free(&l.line);
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
