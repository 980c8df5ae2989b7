/* restore: a model from its snapshot; the other half of snapshot.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"
#include "core/restore.h"
#include "core/snapshot.h"

char *restore_text(struct json_node *o, const char *key)
{
	return xstrdup(json_node_str(o, key, NULL));
}

/* A number from `first` to `last`. */
int restore_number(struct reading *r, struct json_node *o, const char *key,
		   int first, int last)
{
	int64_t n = json_node_int(o, key, first);
	if (n >= first && n <= last)
		return (int)n;
	r->sound = false;
	return first;
}

void restore_copy(char *out, size_t bytes, struct json_node *o, const char *key)
{
	text_copy(out, bytes, json_node_str(o, key, ""));
}

static void read_call(struct reading *r, int stage, size_t k,
		      struct json_node *o)
{
	struct model *m = r->m;
	struct call *c = &m->stages[stage].calls[k];
	const char *agent = json_node_str(o, "agent", NULL);
	*c = (struct call){
		.agent = agent ? show_find_agent(m->show, agent) : c->agent,
		.state = (enum call_state)restore_number(
			r, o, "state", CALL_NONE, CALL_FAILED),
		.lease_tokens = json_node_int(o, "lease_tokens", 0),
		.least_tokens = json_node_int(o, "least_tokens", 0),
		.further = (int)json_node_int(o, "further", 0),
		.lease = restore_lease_slot(r, json_node_str(o, "lease", NULL)),
		.started_ms = json_node_int(o, "started", 0),
		.ended_ms = json_node_int(o, "ended", 0),
		.confidence = json_node_num(o, "confidence", 0),
		.cost_micros = json_node_int(o, "cost_micros", 0),
		.tokens = json_node_int(o, "tokens", 0),
		.error = restore_text(o, "error"),
		.retry_after_ms = json_node_int(o, "retry_after_ms", 0),
		.result = json_node_tree(json_node_get(o, "result")),
	};
	if (c->agent < 0) {
		c->agent = m->show->stages[stage].agents[k];
		r->sound = false;
	}
	if (c->state == CALL_OUT)
		m->agent_calls[c->agent]++;
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

static void read_bases(struct stage_run *s, struct json_node *a)
{
	size_t i = 0;
	json_node_each(o, a)
	{
		if (i == COUNT_OF(s->bases))
			break;
		s->bases[i].attempt = (int)json_node_int(o, "attempt", 0);
		restore_copy(s->bases[i].hash, sizeof s->bases[i].hash, o,
			     "hash");
		i++;
	}
}

static void read_stage(struct reading *r, int stage, struct json_node *o)
{
	struct model *m = r->m;
	const struct show_stage *def = &m->show->stages[stage];
	struct stage_run *s = &m->stages[stage];
	struct json_node *calls = json_node_array(o, "calls");
	const char *winner = json_node_str(o, "winner", NULL);
	s->state = state_named(json_node_str(o, "state", ""));
	s->outcome = (enum stage_outcome)restore_number(
		r, o, "outcome", OUTCOME_OPEN, OUTCOME_BROKEN);
	s->unmet = (int)json_node_int(o, "unmet", 0);
	s->released = json_node_bool(o, "released", false);
	s->approved_tokens = json_node_int(o, "approved", 0);
	s->asked_tokens = json_node_int(o, "asked", 0);
	s->asked_total = json_node_int(o, "asked_total", 0);
	s->stood_ms = json_node_int(o, "stood", 0);
	s->standing_tokens = json_node_int(o, "standing_tokens", 0);
	s->standing_cost = json_node_int(o, "standing_cost", 0);
	s->standing_uses = (int)json_node_int(o, "standing_uses", 0);
	s->warn_asks = (int)json_node_int(o, "warn_asks", 0);
	read_bases(s, json_node_array(o, "bases"));
	s->attempt = restore_number(r, o, "attempt", 0, ATTEMPTS_MOST);
	s->failures = (int)json_node_int(o, "failures", 0);
	s->first_ms = json_node_int(o, "first", 0);
	s->started_ms = json_node_int(o, "started", 0);
	s->ended_ms = json_node_int(o, "ended", 0);
	s->version = (uint64_t)json_node_int(o, "version", 0);
	s->deadline_ms = json_node_int(o, "deadline", 0);
	s->winner = winner ? show_find_agent(m->show, winner) : -1;
	s->error = restore_text(o, "error");
	s->last_error = restore_text(o, "last_error");
	s->why = restore_text(o, "why");
	s->queued = false;
	restore_purse(&m->ledger.stages[stage], json_node_get(o, "scope"));
	struct json_node *call = json_node_first(calls);
	for (size_t k = 0; calls && k < def->agent_count; k++) {
		read_call(r, stage, k, call);
		call = call ? json_node_next(calls, call) : NULL;
	}
	if (s->poll)
		restore_poll(r, stage, json_node_get(o, "poll"));
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

static void read_item(struct reading *r, struct json_node *o)
{
	const struct show *show = r->m->show;
	struct inbox_item item = {
		.kind = (enum inbox_kind)restore_number(
			r, o, "kind", INBOX_OVERAGE, INBOX_KINDS - 1),
		.stage = stage_of_item(show, json_node_str(o, "stage", "")),
		.tokens = json_node_int(o, "tokens", 0),
		.wanted = json_node_int(o, "wanted", 0),
		.left = json_node_int(o, "left", 0),
		.rest = json_node_int(o, "rest", 0),
		.agent = show_find_agent(show, json_node_str(o, "agent", "")),
		.cost_micros = json_node_int(o, "cost_micros", 0),
		.late = (uint64_t)json_node_int(o, "late", 0),
		.burst = (int)json_node_int(o, "burst", 0),
		.offers = (unsigned)restore_number(r, o, "offers", 0,
						   (1 << INBOX_CHOICES) - 1),
		.opened_ms = json_node_int(o, "opened", 0),
		.deadline_ms = json_node_int(o, "deadline", 0),
	};
	restore_copy(item.id, sizeof item.id, o, "id");
	unsigned always = inbox_always(item.kind);
	if ((item.offers & always) != always)
		r->sound = false;
	if (!r->sound || !is_asked(r->m, &item) || !read_place(r, &item)) {
		r->sound = false;
		return;
	}
	item.text = xstrdup(json_node_str(o, "text", ""));
	item.reason = restore_text(o, "reason");
	inbox_offer(r->m, &item);
}

static void read_inbox(struct reading *r, struct json_node *a)
{
	json_node_each(o, a) read_item(r, o);
}

static void read_past(struct check_run *c, struct json_node *o)
{
	struct json_node *past = json_node_array(o, "past");
	json_node_each(latency, past)
	{
		if (c->past_count == CHECK_PAST)
			break;
		c->past[c->past_count++] = (int32_t)json_node_number(latency);
	}
	c->in_a_row = (int)json_node_int(o, "in_a_row", 0);
	c->before_ms = json_node_int(o, "before_ms", -1);
	c->before_failed = (int)json_node_int(o, "before_failed", 0);
	c->before_count = (int)json_node_int(o, "before_count", 0);
	c->overridden = json_node_bool(o, "overridden", false);
}

static void read_checks(struct reading *r, struct json_node *a)
{
	struct model *m = r->m;
	json_node_each(o, a)
	{
		int at = show_find_check(m->show, json_node_str(o, "card", ""),
					 json_node_str(o, "test", ""));
		if (at < 0)
			continue;
		m->checks[at] = (struct check_run){
			.state = (enum check_state)restore_number(
				r, o, "state", CHECK_NEVER, CHECK_FAIL),
			.at_ms = json_node_int(o, "at", 0),
			.latency_ms = json_node_int(o, "latency_ms", 0),
			.text = restore_text(o, "text"),
		};
		read_past(&m->checks[at], o);
		checks_watch(m, at);
	}
}

static void read_alarms(struct model *m, struct json_node *a)
{
	json_node_each(o, a)
	{
		GROW(m->alarms, m->alarm_count, m->alarm_cap);
		m->alarms[m->alarm_count++] = (struct alarm){
			.id = xstrdup(json_node_str(o, "id", "")),
			.text = xstrdup(json_node_str(o, "text", "")),
			.since_ms = json_node_int(o, "since", 0),
			.acked = json_node_bool(o, "acked", false),
			.ack_reason = restore_text(o, "ack_reason"),
		};
	}
}

static void read_killed(struct model *m, struct json_node *a)
{
	json_node_each(name, a)
	{
		int agent = show_find_agent(m->show, json_node_text(name));
		if (agent >= 0)
			m->killed[agent] = true;
	}
}

static void read_hold(struct rules_hold *h, struct json_node *o)
{
	h->on = json_node_bool(o, "on", false);
	h->until_ms = json_node_int(o, "until", 0);
	h->why = restore_text(o, "why");
	h->missed_count = (int)json_node_int(o, "missed_count", 0);
	h->missed = restore_text(o, "missed");
}

static void read_obs(struct model *m, struct json_node *o)
{
	struct json_node *pending = json_node_array(o, "pending");
	json_object *facts = json_node_tree(o);
	obs_facts_read(&m->obs.facts, facts);
	json_object_put(facts);
	m->obs.at_ms = json_node_int(o, "at", 0);
	m->obs.last_error = restore_text(o, "last_error");
	m->obs.last_done = restore_text(o, "last_done");
	m->obs.last_ms = json_node_int(o, "last_ms", 0);
	read_hold(&m->obs.hold, json_node_get(o, "hold"));
	size_t n = 0;
	json_node_each(p, pending)
	{
		if (n == OBS_MAX_PENDING)
			break;
		struct obs_pending *to = &m->obs.pending[n++];
		restore_copy(to->id, sizeof to->id, p, "id");
		to->text = restore_text(p, "text");
		to->sent_ms = json_node_int(p, "sent", 0);
	}
}

static void read_chat(struct model *m, struct json_node *o)
{
	m->chat.connected = json_node_bool(o, "connected", false);
	m->chat.at_ms = json_node_int(o, "at", 0);
	m->chat.error = restore_text(o, "error");
}

static bool lists(struct json_node *names, const char *name)
{
	json_node_each(n, names)
	{
		if (strcmp(json_node_text(n), name) == 0)
			return true;
	}
	return false;
}

/* One of before there were switches knows none: they are as in the file. */
static void read_rules(struct model *m, struct json_node *o)
{
	struct json_node *off = json_node_array(o, "off");
	m->rules_off = json_node_bool(o, "all_off", false);
	for (size_t i = 0; off && i < m->show->rule_count; i++)
		m->rule_off[i] = lists(off, m->show->rules[i].name);
}

static void read_run(struct reading *r, struct json_node *o)
{
	struct model *m = r->m;
	restore_copy(m->run.id, sizeof m->run.id, o, "id");
	m->run.state = (enum run_state)restore_number(r, o, "state", RUN_NONE,
						      RUN_CANCELLED);
	m->run.rehearsal = json_node_bool(o, "rehearsal", false);
	m->run.attended = json_node_bool(o, "attended", false);
	m->run.panic = json_node_bool(o, "panic", false);
	m->run.first_seq = (uint64_t)json_node_int(o, "first", 0);
	m->run.started_ms = json_node_int(o, "started", 0);
	m->run.ended_ms = json_node_int(o, "ended", 0);
	m->run.why = restore_text(o, "why");
}

static void read_rest(struct model *m, struct json_node *o)
{
	struct json_node *leader = json_node_get(o, "leader");
	struct json_node *commands = json_node_array(o, "commands");
	const char *poll = json_node_str(o, "poll", NULL);
	m->seq = (uint64_t)json_node_int(o, "seq", 0);
	m->at_ms = json_node_int(o, "at", 0);
	m->polls_opened = json_node_int(o, "polls_opened", 0);
	m->poll_opened_ms = json_node_int(o, "poll_opened", 0);
	m->poll = poll ? show_find_poll(m->show, poll) : -1;
	if (m->poll >= 0 && !poll_def(m, m->poll))
		m->poll = -1;
	restore_copy(m->leader.host, sizeof m->leader.host, leader, "host");
	m->leader.epoch = json_node_int(leader, "epoch", 0);
	m->leader.pid = (int)json_node_int(leader, "pid", 0);
	m->leader.at_ms = json_node_int(leader, "at", 0);
	size_t n = json_node_count(commands);
	m->command_next = (size_t)json_node_int(o, "commands_seen", 0);
	if (n > COMMANDS_REMEMBERED || n > m->command_next)
		return;
	size_t at = m->command_next - n;
	json_node_each(id, commands) command_remember(
		m, at++ % COMMANDS_REMEMBERED, json_node_text(id));
}

/* A new model stands as before a run, with its first stages in the queue. */
static void read_ready(struct reading *r, struct json_node *a)
{
	struct model *m = r->m;
	json_node_each(id, a)
	{
		int stage = show_find_stage(m->show, json_node_text(id));
		if (stage < 0 || m->stages[stage].queued ||
		    m->stages[stage].state != STAGE_WAITING) {
			r->sound = false;
			continue;
		}
		m->stages[stage].queued = true;
		m->ready[m->ready_count++] = stage;
	}
}

static bool is_whole(const struct reading *r, struct json_node *o,
		     struct err *err)
{
	const struct model *m = r->m;
	const char *hash = json_node_str(json_node_get(o, "story"), "hash", "");
	if (strcmp(hash, story_hash(&m->story)) != 0)
		return err_set(err, ERR_DATA,
			       "the snapshot's story has the hash %.12s, "
			       "not %.12s as it says",
			       story_hash(&m->story), hash);
	if ((int64_t)m->timers.count != json_node_int(o, "timers", -1))
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
static struct json_nodes *next_line(const char **text, const char *end,
				    struct err *err)
{
	if (*text == end)
		return NULL;
	const char *from = *text;
	const char *stop = memchr(from, '\n', (size_t)(end - from));
	*text = stop ? stop + 1 : end;
	if (!stop)
		stop = end;
	struct json_nodes *line =
		json_nodes_read(from, (size_t)(stop - from), &line_limits, err);
	if (line && json_nodes_top(line)->type != json_type_object) {
		err_set(err, ERR_DATA, "a line of the snapshot is no object");
		json_nodes_free(&line);
	}
	return line;
}

struct json_nodes *snapshot_head(const char *text, size_t bytes,
				 struct err *err)
{
	struct json_nodes *line = next_line(&text, text + bytes, err);
	if (!line && !bytes)
		err_set(err, ERR_DATA, "the snapshot is empty");
	return line;
}

static void read_stages(struct reading *r, struct json_node *stages)
{
	json_node_each(o, stages)
	{
		int stage = show_find_stage(r->m->show, o->key);
		if (stage < 0 || r->seen[stage]) {
			r->sound = false;
			continue;
		}
		r->seen[stage] = true;
		read_stage(r, stage, o);
	}
}

static void patch_story(struct story *story, struct json_node *line)
{
	json_object *doc = json_node_tree(json_node_object(line, "doc"));
	story_patch(story, doc);
	json_object_put(doc);
}

static void read_line(struct reading *r, struct json_node *o)
{
	restore_leases(r, json_node_object(o, "leases"));
	read_stages(r, json_node_object(o, "stages"));
	patch_story(&r->m->story, o);
}

/* What of the stages and the story stands in each line, the first one (`head`)
 * and the others. */
static bool read_lines(struct reading *r, struct json_node *head,
		       const char *text, const char *end, struct err *err)
{
	struct err why = {0};
	struct json_nodes *line;
	const char *second = memchr(text, '\n', (size_t)(end - text));
	text = second ? second + 1 : end;
	read_line(r, head);
	while ((line = next_line(&text, end, &why))) {
		read_line(r, json_nodes_top(line));
		json_nodes_free(&line);
	}
	r->m->story.version = (uint64_t)json_node_int(
		json_node_get(head, "story"), "version", 0);
	for (size_t i = 0; i < r->m->show->stage_count; i++)
		r->sound = r->sound && r->seen[i];
	if (why.code && err)
		*err = why;
	return !why.code;
}

/* What goes on under another definition of the show, too. */
static void read_lasting(struct reading *r, struct json_node *o)
{
	struct model *m = r->m;
	read_checks(r, json_node_array(o, "checks"));
	m->drift_allowed = json_node_bool(o, "drift_allowed", false);
	read_alarms(m, json_node_array(o, "alarms"));
	late_read(m, json_node_array(o, "late"));
	read_killed(m, json_node_array(o, "killed"));
	read_obs(m, json_node_get(o, "obs"));
	read_chat(m, json_node_get(o, "chat"));
}

static bool read_all(struct reading *r, struct json_node *head,
		     const char *text, size_t bytes, struct err *err)
{
	struct model *m = r->m;
	m->ready_head = m->ready_count = 0;
	read_run(r, json_node_get(head, "run"));
	restore_ledger(r, json_node_get(head, "ledger"));
	if (!read_lines(r, head, text, text + bytes, err))
		return false;
	usage_read(m, json_node_get(head, "usage"));
	read_ready(r, json_node_array(head, "ready"));
	restore_places(r, json_node_array(head, "places"));
	read_inbox(r, json_node_array(head, "inbox"));
	if (!raises_read(r->m, head))
		r->sound = false;
	read_lasting(r, head);
	read_rules(m, json_node_get(head, "rules"));
	read_rest(m, head);
	return is_whole(r, head, err);
}

struct model *model_restore(const struct show *show, const char *text,
			    size_t bytes, struct err *err)
{
	struct reading r = {.sound = true};
	struct json_nodes *line = snapshot_head(text, bytes, err);
	struct json_node *head = json_nodes_top(line);
	if (!head)
		return NULL;
	if (json_node_int(head, "format", 0) != SNAPSHOT_FORMAT) {
		err_set(err, ERR_DATA,
			"the snapshot is of another version of showcaller: the "
			"log is folded instead");
	} else if (strcmp(json_node_str(head, "show", ""), show->hash) != 0) {
		err_set(err, ERR_DATA,
			"the snapshot is of another definition of the show");
	} else {
		r.m = model_new(show);
		r.seen = xcalloc(show->stage_count + 1, sizeof *r.seen);
		if (!read_all(&r, head, text, bytes, err))
			model_free(&r.m);
		free(r.seen);
	}
	json_nodes_free(&line);
	return r.m;
}

bool snapshot_story(const char *text, size_t bytes, struct story *story,
		    struct err *err)
{
	const char *end = text + bytes;
	struct err why = {0};
	struct json_nodes *line = next_line(&text, end, &why);
	struct json_node *its = json_node_object(json_nodes_top(line), "story");
	uint64_t version = (uint64_t)json_node_int(its, "version", 0);
	char *hash = xstrdup(json_node_str(its, "hash", ""));
	while (line) {
		patch_story(story, json_nodes_top(line));
		json_nodes_free(&line);
		line = next_line(&text, end, &why);
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
	struct json_nodes *facts = snapshot_facts(m);
	struct json_node *o = json_nodes_top(facts);
	struct model *heir = model_new(next);
	heir->seq = m->seq;
	heir->at_ms = m->at_ms;
	struct reading r = {.m = heir, .sound = true};
	read_run(&r, json_node_get(o, "run"));
	read_lasting(&r, o);
	restore_inherit_days(heir, json_node_get(o, "ledger"));
	usage_read(heir, json_node_get(o, "usage"));
	read_rest(heir, o);
	heir->polls_opened = heir->poll_opened_ms = 0;
	heir->poll = -1;
	json_nodes_free(&facts);
	return heir;
}
