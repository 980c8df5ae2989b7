/* restore: a model from its snapshot; the other half of snapshot.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"
#include "core/poll_own.h"
#include "core/restore.h"
#include "core/snapshot.h"

char *restore_text(json_object *o, const char *key)
{
	return xstrdup(json_get_str(o, key, NULL));
}

/* A number from `first` to `last`. */
int restore_number(struct reading *r, json_object *o, const char *key,
		   int first, int last)
{
	int64_t n = json_get_int(o, key, first);
	if (n >= first && n <= last)
		return (int)n;
	r->sound = false;
	return first;
}

void restore_copy(char *out, size_t bytes, json_object *o, const char *key)
{
	text_copy(out, bytes, json_get_str(o, key, ""));
}

static void read_call(struct reading *r, int stage, size_t k, json_object *o)
{
	struct model *m = r->m;
	struct call *c = &m->stages[stage].calls[k];
	const char *agent = json_get_str(o, "agent", NULL);
	*c = (struct call){
		.agent = agent ? show_find_agent(m->show, agent) : c->agent,
		.state = (enum call_state)restore_number(
			r, o, "state", CALL_NONE, CALL_FAILED),
		.lease_tokens = json_get_int(o, "lease_tokens", 0),
		.least_tokens = json_get_int(o, "least_tokens", 0),
		.further = (int)json_get_int(o, "further", 0),
		.lease = restore_lease_slot(r, json_get_str(o, "lease", NULL)),
		.started_ms = json_get_int(o, "started", 0),
		.ended_ms = json_get_int(o, "ended", 0),
		.confidence = json_get_num(o, "confidence", 0),
		.cost_micros = json_get_int(o, "cost_micros", 0),
		.tokens = json_get_int(o, "tokens", 0),
		.error = restore_text(o, "error"),
		.retry_after_ms = json_get_int(o, "retry_after_ms", 0),
		.result = json_object_get(json_get(o, "result")),
	};
	if (c->agent < 0) {
		c->agent = m->show->stages[stage].agents[k];
		r->sound = false;
	}
	if (c->state == CALL_OUT)
		m->agent_calls[c->agent]++;
}

static void read_bursts(struct reading *r, struct poll_run *p, json_object *a,
			size_t options)
{
	size_t n = a ? json_object_array_length(a) : 0;
	if (n > POLL_BURSTS_MOST) {
		r->sound = false;
		return;
	}
	p->bursts = n ? xcalloc(n, sizeof *p->bursts) : NULL;
	p->burst_count = (int)n;
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(a, i);
		struct poll_burst *b = &p->bursts[i];
		b->option = restore_number(r, o, "option", 0, (int)options - 1);
		b->at_ms = json_get_int(o, "at", 0);
		b->excluded = json_get_bool(o, "excluded", false);
		poll_burst_read(
			b, &(struct burst_facts){
				   json_get_int(o, "votes", 0),
				   json_get_int(o, "span", 0),
				   (int)json_get_int(o, "sources", 0),
				   (int)json_get_int(o, "rest", -1)});
	}
}

static void read_poll(struct reading *r, int stage, json_object *o)
{
	struct model *m = r->m;
	const struct show_poll *def = poll_def(m, stage);
	struct poll_run *p = m->stages[stage].poll;
	json_object *counts = json_get(o, "counts");
	for (size_t i = 0; i < def->option_count; i++) {
		int64_t n = json_get_int(counts, def->options[i].id, 0);
		p->counts[i] = n < 0 || n > POLL_VOTES_MOST ? 0 : n;
	}
	poll_winner(def, p->counts, &p->total, &p->margin);
	p->from = ballots_sum_read(json_get_object(o, "from"));
	p->state = (enum poll_state)restore_number(r, o, "state", POLL_NONE,
						   POLL_VOID);
	p->frozen = json_get_bool(o, "frozen", false);
	p->opened_ms = json_get_int(o, "opened", 0);
	p->deadline_ms = json_get_int(o, "deadline", 0);
	p->left_ms = json_get_int(o, "left", 0);
	p->extensions = (int)json_get_int(o, "extensions", 0);
	p->closes = (int)json_get_int(o, "closes", 0);
	p->winner =
		restore_number(r, o, "winner", -1, (int)def->option_count - 1);
	p->by_hand = json_get_bool(o, "by_hand", false);
	p->choice =
		restore_number(r, o, "choice", -1, (int)def->option_count - 1);
	read_bursts(r, p, json_get_array(o, "bursts"), def->option_count);
	p->why = restore_text(o, "why");
	timers_set(&m->timers, TIMER_POLL, stage, p->deadline_ms);
}

static void read_places(struct reading *r, json_object *a)
{
	const struct show *show = r->m->show;
	size_t n = a ? json_object_array_length(a) : 0;
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(a, i);
		int place = show_find_poll(show, json_get_str(o, "place", ""));
		struct poll_run *p =
			place < 0 ? NULL : r->m->stages[place].poll;
		if (place < (int)show->stage_count || p->own || p->closes) {
			r->sound = false;
			return;
		}
		if (json_get(o, "poll") &&
		    (p->own = poll_own_read(json_get_str(o, "question", ""),
					    json_get_array(o, "options"),
					    json_get_int(o, "open_ms", 0),
					    NULL)))
			read_poll(r, place, json_get(o, "poll"));
		p->proposed = p->own && json_get_bool(o, "proposed", false);
		p->closes = (int)json_get_int(o, "closes", 0);
	}
}

static enum stage_state state_named(const char *name)
{
	for (int i = 0; i < STAGE_STATES; i++)
		if (strcmp(stage_state_name((enum stage_state)i), name) == 0)
			return (enum stage_state)i;
	return STAGE_WAITING;
}

/* A deadline is that of an attempt or of the next try. */
static bool may_have_deadline(enum stage_state state)
{
	return state == STAGE_RUNNING || state == STAGE_BACKOFF;
}

static void read_bases(struct stage_run *s, json_object *a)
{
	size_t n = a ? json_object_array_length(a) : 0;
	for (size_t i = 0; i < n && i < COUNT_OF(s->bases); i++) {
		json_object *o = json_object_array_get_idx(a, i);
		s->bases[i].attempt = (int)json_get_int(o, "attempt", 0);
		restore_copy(s->bases[i].hash, sizeof s->bases[i].hash, o,
			     "hash");
	}
}

static void read_stage(struct reading *r, int stage, json_object *o)
{
	struct model *m = r->m;
	const struct show_stage *def = &m->show->stages[stage];
	struct stage_run *s = &m->stages[stage];
	json_object *calls = json_get_array(o, "calls");
	const char *winner = json_get_str(o, "winner", NULL);
	s->state = state_named(json_get_str(o, "state", ""));
	s->outcome = (enum stage_outcome)restore_number(
		r, o, "outcome", OUTCOME_OPEN, OUTCOME_BROKEN);
	s->unmet = (int)json_get_int(o, "unmet", 0);
	s->released = json_get_bool(o, "released", false);
	s->approved_tokens = json_get_int(o, "approved", 0);
	s->asked_tokens = json_get_int(o, "asked", 0);
	s->asked_total = json_get_int(o, "asked_total", 0);
	s->stood_ms = json_get_int(o, "stood", 0);
	s->standing_tokens = json_get_int(o, "standing_tokens", 0);
	s->standing_cost = json_get_int(o, "standing_cost", 0);
	s->standing_uses = (int)json_get_int(o, "standing_uses", 0);
	s->warn_asks = (int)json_get_int(o, "warn_asks", 0);
	read_bases(s, json_get_array(o, "bases"));
	s->attempt = restore_number(r, o, "attempt", 0, ATTEMPTS_MOST);
	s->failures = (int)json_get_int(o, "failures", 0);
	s->first_ms = json_get_int(o, "first", 0);
	s->started_ms = json_get_int(o, "started", 0);
	s->ended_ms = json_get_int(o, "ended", 0);
	s->version = (uint64_t)json_get_int(o, "version", 0);
	s->deadline_ms = json_get_int(o, "deadline", 0);
	s->winner = winner ? show_find_agent(m->show, winner) : -1;
	s->error = restore_text(o, "error");
	s->last_error = restore_text(o, "last_error");
	s->why = restore_text(o, "why");
	s->queued = false;
	restore_purse(&m->ledger.stages[stage], json_get(o, "scope"));
	for (size_t k = 0; calls && k < def->agent_count; k++)
		read_call(r, stage, k, json_object_array_get_idx(calls, k));
	if (s->poll)
		read_poll(r, stage, json_get(o, "poll"));
	if (s->outcome != OUTCOME_OPEN)
		m->open_stages--;
	if (s->deadline_ms && !may_have_deadline(s->state))
		r->sound = false;
	timers_set(&m->timers, TIMER_STAGE, stage, s->deadline_ms);
}

/* Only who asks can be answered, and only an overage answers itself. */
static bool is_asked(const struct model *m, const struct inbox_item *item)
{
	if (item->kind == INBOX_WARNING || item->kind == INBOX_CONFLICT)
		return item->stage < 0 || item->kind == INBOX_CONFLICT;
	if (item->kind == INBOX_BURST)
		return item->stage >= 0 && m->stages[item->stage].poll &&
		       item->burst >= 1 &&
		       item->burst <= m->stages[item->stage].poll->burst_count &&
		       !item->deadline_ms;
	if (item->stage < 0 || (item->stage >= (int)m->show->stage_count) !=
				       (item->kind == INBOX_PROPOSAL))
		return false;
	const struct stage_run *s = &m->stages[item->stage];
	switch (item->kind) {
	case INBOX_OVERAGE:
		return s->state == STAGE_HELD ||
		       (s->state == STAGE_RUNNING && s->asks);
	case INBOX_FAILED:
		return s->state == STAGE_FAILED && !item->deadline_ms;
	case INBOX_PROPOSAL:
		return s->poll->proposed && item->agent >= 0;
	case INBOX_POLL:
		return s->poll && s->poll->state == POLL_CLOSED &&
		       !item->deadline_ms;
	default:
		return false;
	}
}

/* An item stands behind those before it; a stage itself asks only once. */
static bool read_place(struct reading *r, struct inbox_item *item)
{
	const struct inbox *in = &r->m->inbox;
	char id[sizeof item->id];
	item->seq = strtoull(item->id + 1, NULL, 10);
	snprintf(id, sizeof id, "i%" PRIu64, item->seq);
	uint64_t last = in->count ? in->items[in->count - 1].seq : 0;
	bool own = item->kind == INBOX_FAILED || item->kind == INBOX_POLL ||
		   item->kind == INBOX_OVERAGE;
	if (strcmp(id, item->id) != 0 || item->seq <= last ||
	    (own && r->m->stages[item->stage].item_seq))
		r->sound = false;
	return r->sound;
}

static int stage_of_item(const struct show *show, const char *id)
{
	int stage = show_find_stage(show, id);
	return stage >= 0 ? stage : show_find_poll(show, id);
}

static void read_item(struct reading *r, json_object *o)
{
	const struct show *show = r->m->show;
	struct inbox_item item = {
		.kind = (enum inbox_kind)restore_number(
			r, o, "kind", INBOX_OVERAGE, INBOX_KINDS - 1),
		.stage = stage_of_item(show, json_get_str(o, "stage", "")),
		.tokens = json_get_int(o, "tokens", 0),
		.wanted = json_get_int(o, "wanted", 0),
		.left = json_get_int(o, "left", 0),
		.rest = json_get_int(o, "rest", 0),
		.agent = show_find_agent(show, json_get_str(o, "agent", "")),
		.cost_micros = json_get_int(o, "cost_micros", 0),
		.late = (uint64_t)json_get_int(o, "late", 0),
		.burst = (int)json_get_int(o, "burst", 0),
		.offers = (unsigned)restore_number(r, o, "offers", 0,
						   (1 << INBOX_CHOICES) - 1),
		.opened_ms = json_get_int(o, "opened", 0),
		.deadline_ms = json_get_int(o, "deadline", 0),
	};
	restore_copy(item.id, sizeof item.id, o, "id");
	unsigned always = inbox_always(item.kind);
	if ((item.offers & always) != always)
		r->sound = false;
	if (!r->sound || !is_asked(r->m, &item) || !read_place(r, &item)) {
		r->sound = false;
		return;
	}
	item.text = xstrdup(json_get_str(o, "text", ""));
	item.reason = restore_text(o, "reason");
	inbox_offer(r->m, &item);
}

static void read_inbox(struct reading *r, json_object *a)
{
	size_t n = a ? json_object_array_length(a) : 0;
	for (size_t i = 0; i < n; i++)
		read_item(r, json_object_array_get_idx(a, i));
}

static void read_past(struct check_run *c, json_object *o)
{
	json_object *past = json_get_array(o, "past");
	size_t n = past ? json_object_array_length(past) : 0;
	for (size_t i = 0; i < n && i < CHECK_PAST; i++)
		c->past[c->past_count++] = (int32_t)json_object_get_int64(
			json_object_array_get_idx(past, i));
	c->in_a_row = (int)json_get_int(o, "in_a_row", 0);
	c->before_ms = json_get_int(o, "before_ms", -1);
	c->before_failed = (int)json_get_int(o, "before_failed", 0);
	c->before_count = (int)json_get_int(o, "before_count", 0);
	c->overridden = json_get_bool(o, "overridden", false);
}

static void read_checks(struct reading *r, json_object *a)
{
	struct model *m = r->m;
	size_t n = a ? json_object_array_length(a) : 0;
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(a, i);
		int at = show_find_check(m->show, json_get_str(o, "card", ""),
					 json_get_str(o, "test", ""));
		if (at < 0)
			continue;
		m->checks[at] = (struct check_run){
			.state = (enum check_state)restore_number(
				r, o, "state", CHECK_NEVER, CHECK_FAIL),
			.at_ms = json_get_int(o, "at", 0),
			.latency_ms = json_get_int(o, "latency_ms", 0),
			.text = restore_text(o, "text"),
		};
		read_past(&m->checks[at], o);
		checks_watch(m, at);
	}
}

static void read_alarms(struct model *m, json_object *a)
{
	size_t n = a ? json_object_array_length(a) : 0;
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(a, i);
		GROW(m->alarms, m->alarm_count, m->alarm_cap);
		m->alarms[m->alarm_count++] = (struct alarm){
			.id = xstrdup(json_get_str(o, "id", "")),
			.text = xstrdup(json_get_str(o, "text", "")),
			.since_ms = json_get_int(o, "since", 0),
			.acked = json_get_bool(o, "acked", false),
			.ack_reason = restore_text(o, "ack_reason"),
		};
	}
}

static void read_killed(struct model *m, json_object *a)
{
	size_t n = a ? json_object_array_length(a) : 0;
	for (size_t i = 0; i < n; i++) {
		int agent = show_find_agent(m->show, json_item_str(a, i));
		if (agent >= 0)
			m->killed[agent] = true;
	}
}

static void read_hold(struct rules_hold *h, json_object *o)
{
	h->on = json_get_bool(o, "on", false);
	h->until_ms = json_get_int(o, "until", 0);
	h->why = restore_text(o, "why");
	h->missed_count = (int)json_get_int(o, "missed_count", 0);
	h->missed = restore_text(o, "missed");
}

static void read_obs(struct model *m, json_object *o)
{
	json_object *pending = json_get_array(o, "pending");
	obs_facts_read(&m->obs.facts, o);
	m->obs.at_ms = json_get_int(o, "at", 0);
	m->obs.last_error = restore_text(o, "last_error");
	m->obs.last_done = restore_text(o, "last_done");
	m->obs.last_ms = json_get_int(o, "last_ms", 0);
	read_hold(&m->obs.hold, json_get(o, "hold"));
	size_t n = pending ? json_object_array_length(pending) : 0;
	for (size_t i = 0; i < n && i < OBS_MAX_PENDING; i++) {
		json_object *p = json_object_array_get_idx(pending, i);
		struct obs_pending *to = &m->obs.pending[i];
		restore_copy(to->id, sizeof to->id, p, "id");
		to->text = restore_text(p, "text");
		to->sent_ms = json_get_int(p, "sent", 0);
	}
}

static void read_chat(struct model *m, json_object *o)
{
	m->chat.connected = json_get_bool(o, "connected", false);
	m->chat.at_ms = json_get_int(o, "at", 0);
	m->chat.error = restore_text(o, "error");
}

static bool lists(json_object *names, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(names); i++)
		if (strcmp(json_item_str(names, i), name) == 0)
			return true;
	return false;
}

/* One of before there were switches knows none: they are as in the file. */
static void read_rules(struct model *m, json_object *o)
{
	json_object *off = json_get_array(o, "off");
	m->rules_off = json_get_bool(o, "all_off", false);
	for (size_t i = 0; off && i < m->show->rule_count; i++)
		m->rule_off[i] = lists(off, m->show->rules[i].name);
}

static void read_run(struct reading *r, json_object *o)
{
	struct model *m = r->m;
	restore_copy(m->run.id, sizeof m->run.id, o, "id");
	m->run.state = (enum run_state)restore_number(r, o, "state", RUN_NONE,
						      RUN_CANCELLED);
	m->run.rehearsal = json_get_bool(o, "rehearsal", false);
	m->run.attended = json_get_bool(o, "attended", false);
	m->run.panic = json_get_bool(o, "panic", false);
	m->run.first_seq = (uint64_t)json_get_int(o, "first", 0);
	m->run.started_ms = json_get_int(o, "started", 0);
	m->run.ended_ms = json_get_int(o, "ended", 0);
	m->run.why = restore_text(o, "why");
}

static void read_rest(struct model *m, json_object *o)
{
	json_object *leader = json_get(o, "leader");
	json_object *commands = json_get_array(o, "commands");
	const char *poll = json_get_str(o, "poll", NULL);
	m->seq = (uint64_t)json_get_int(o, "seq", 0);
	m->at_ms = json_get_int(o, "at", 0);
	m->polls_opened = json_get_int(o, "polls_opened", 0);
	m->poll_opened_ms = json_get_int(o, "poll_opened", 0);
	m->poll = poll ? show_find_poll(m->show, poll) : -1;
	if (m->poll >= 0 && !poll_def(m, m->poll))
		m->poll = -1;
	restore_copy(m->leader.host, sizeof m->leader.host, leader, "host");
	m->leader.epoch = json_get_int(leader, "epoch", 0);
	m->leader.pid = (int)json_get_int(leader, "pid", 0);
	m->leader.at_ms = json_get_int(leader, "at", 0);
	size_t n = commands ? json_object_array_length(commands) : 0;
	m->command_next = (size_t)json_get_int(o, "commands_seen", 0);
	if (n > COMMANDS_REMEMBERED || n > m->command_next)
		return;
	for (size_t i = 0; i < n; i++) {
		size_t at = (m->command_next - n + i) % COMMANDS_REMEMBERED;
		command_remember(m, at, json_item_str(commands, i));
	}
}

/* A new model stands as before a run, with its first stages in the queue. */
static void read_ready(struct reading *r, json_object *a)
{
	struct model *m = r->m;
	size_t n = a ? json_object_array_length(a) : 0;
	for (size_t i = 0; i < n && i < m->show->stage_count; i++) {
		int stage = show_find_stage(m->show, json_item_str(a, i));
		if (stage < 0 || m->stages[stage].queued ||
		    m->stages[stage].state != STAGE_WAITING) {
			r->sound = false;
			continue;
		}
		m->stages[stage].queued = true;
		m->ready[m->ready_count++] = stage;
	}
}

static bool is_whole(const struct reading *r, json_object *o, struct err *err)
{
	const struct model *m = r->m;
	const char *hash = json_get_str(json_get(o, "story"), "hash", "");
	if (strcmp(hash, story_hash(&m->story)) != 0)
		return err_set(err, ERR_DATA,
			       "the snapshot's story has the hash %.12s, "
			       "not %.12s as it says",
			       story_hash(&m->story), hash);
	if ((int64_t)m->timers.count != json_get_int(o, "timers", -1))
		return err_set(err, ERR_DATA,
			       "the snapshot's deadlines do not add up");
	if (!r->sound)
		return err_set(err, ERR_DATA,
			       "the snapshot holds what no run leads to");
	return true;
}

/* --- lines --------------------------------------------------------------- */

static const struct json_limits line_limits = {SNAPSHOT_MAX_BYTES, 64, 8000000};

/* The line at `*text`, which goes on to the next one; NULL with err when it is
 * none, without at the end. */
static json_object *next_line(const char **text, const char *end,
			      struct err *err)
{
	if (*text == end)
		return NULL;
	const char *from = *text;
	const char *stop = memchr(from, '\n', (size_t)(end - from));
	*text = stop ? stop + 1 : end;
	if (!stop)
		stop = end;
	json_object *o =
		json_read(from, (size_t)(stop - from), &line_limits, err);
	if (o && !json_object_is_type(o, json_type_object)) {
		err_set(err, ERR_DATA, "a line of the snapshot is no object");
		json_object_put(o);
		return NULL;
	}
	return o;
}

json_object *snapshot_head(const char *text, size_t bytes, struct err *err)
{
	json_object *o = next_line(&text, text + bytes, err);
	if (!o && !bytes)
		err_set(err, ERR_DATA, "the snapshot is empty");
	return o;
}

static void read_stages(struct reading *r, json_object *stages)
{
	if (!stages)
		return;
	json_object_object_foreach(stages, id, o)
	{
		int stage = show_find_stage(r->m->show, id);
		if (stage < 0 || r->seen[stage]) {
			r->sound = false;
			continue;
		}
		r->seen[stage] = true;
		read_stage(r, stage, o);
	}
}

/* What of the stages and the story stands in each line, the first one (`head`)
 * and the others. */
static bool read_lines(struct reading *r, json_object *head, const char *text,
		       const char *end, struct err *err)
{
	struct err why = {0};
	json_object *o = json_object_get(head);
	const char *second = memchr(text, '\n', (size_t)(end - text));
	text = second ? second + 1 : end;
	while (o) {
		restore_leases(r, json_get_object(o, "leases"));
		read_stages(r, json_get_object(o, "stages"));
		story_patch(&r->m->story, json_get_object(o, "doc"));
		json_object_put(o);
		o = next_line(&text, end, &why);
	}
	r->m->story.version =
		(uint64_t)json_get_int(json_get(head, "story"), "version", 0);
	for (size_t i = 0; i < r->m->show->stage_count; i++)
		r->sound = r->sound && r->seen[i];
	if (why.code && err)
		*err = why;
	return !why.code;
}

static bool read_all(struct reading *r, json_object *head, const char *text,
		     size_t bytes, struct err *err)
{
	struct model *m = r->m;
	m->ready_head = m->ready_count = 0;
	read_run(r, json_get(head, "run"));
	restore_ledger(r, json_get(head, "ledger"));
	if (!read_lines(r, head, text, text + bytes, err))
		return false;
	usage_read(m, json_get(head, "usage"));
	read_ready(r, json_get_array(head, "ready"));
	read_places(r, json_get_array(head, "places"));
	read_inbox(r, json_get_array(head, "inbox"));
	if (!raises_read(r->m, head))
		r->sound = false;
	read_checks(r, json_get_array(head, "checks"));
	r->m->drift_allowed = json_get_bool(head, "drift_allowed", false);
	read_alarms(m, json_get_array(head, "alarms"));
	late_read(m, json_get_array(head, "late"));
	read_killed(m, json_get_array(head, "killed"));
	read_obs(m, json_get(head, "obs"));
	read_chat(m, json_get(head, "chat"));
	read_rules(m, json_get(head, "rules"));
	read_rest(m, head);
	return is_whole(r, head, err);
}

struct model *model_restore(const struct show *show, const char *text,
			    size_t bytes, struct err *err)
{
	struct reading r = {.sound = true};
	json_object *head = snapshot_head(text, bytes, err);
	if (!head)
		return NULL;
	if (json_get_int(head, "format", 0) != SNAPSHOT_FORMAT) {
		err_set(err, ERR_DATA,
			"the snapshot is of another version of showcaller: the "
			"log is folded instead");
	} else if (strcmp(json_get_str(head, "show", ""), show->hash) != 0) {
		err_set(err, ERR_DATA,
			"the snapshot is of another definition of the show");
	} else {
		r.m = model_new(show);
		r.seen = xcalloc(show->stage_count + 1, sizeof *r.seen);
		if (!read_all(&r, head, text, bytes, err))
			model_free(&r.m);
		free(r.seen);
	}
	json_object_put(head);
	return r.m;
}

bool snapshot_story(const char *text, size_t bytes, struct story *story,
		    struct err *err)
{
	const char *end = text + bytes;
	struct err why = {0};
	json_object *o = next_line(&text, end, &why);
	json_object *its = json_get_object(o, "story");
	uint64_t version = (uint64_t)json_get_int(its, "version", 0);
	char *hash = xstrdup(json_get_str(its, "hash", ""));
	while (o) {
		story_patch(story, json_get_object(o, "doc"));
		json_object_put(o);
		o = next_line(&text, end, &why);
	}
	story->version = version;
	bool ok = !why.code && strcmp(hash, story_hash(story)) == 0;
	free(hash);
	if (why.code && err)
		*err = why;
	return ok || (why.code ? false
			       : err_set(err, ERR_DATA,
					 "the snapshot's story is not what it "
					 "says"));
}

struct model *model_inherit(const struct model *m, const struct show *next)
{
	json_object *o = snapshot_facts(m);
	struct model *heir = model_new(next);
	heir->seq = m->seq;
	heir->at_ms = m->at_ms;
	struct reading r = {.m = heir, .sound = true};
	read_run(&r, json_get(o, "run"));
	read_checks(&r, json_get_array(o, "checks"));
	heir->drift_allowed = json_get_bool(o, "drift_allowed", false);
	read_alarms(heir, json_get_array(o, "alarms"));
	late_read(heir, json_get_array(o, "late"));
	read_killed(heir, json_get_array(o, "killed"));
	read_obs(heir, json_get(o, "obs"));
	read_chat(heir, json_get(o, "chat"));
	restore_inherit_days(heir, json_get(o, "ledger"));
	usage_read(heir, json_get(o, "usage"));
	read_rest(heir, o);
	heir->polls_opened = heir->poll_opened_ms = 0;
	heir->poll = -1;
	json_object_put(o);
	return heir;
}
