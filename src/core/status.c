#include "core/status.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static void add_null(json_object *o, const char *key)
{
	json_object_object_add(o, key, NULL);
}

static void add_time(json_object *o, const char *key, int64_t ms)
{
	if (ms)
		json_add_int(o, key, ms);
	else
		add_null(o, key);
}

static void add_text(json_object *o, const char *key, const char *text)
{
	if (text && *text)
		json_add_str(o, key, text);
	else
		add_null(o, key);
}

static json_object *scope_status(const struct scope *s)
{
	json_object *o = json_object_new_object();
	json_add_bool(o, "limited", s->limited);
	json_add_int(o, "allocated", s->allocated);
	json_add_int(o, "remaining", scope_remaining(s));
	json_add_int(o, "leased", s->leased);
	json_add_int(o, "spent", s->spent);
	json_add_int(o, "over", scope_over(s));
	return o;
}

static json_object *stage_status(const struct model *m, int i)
{
	const struct stage_run *s = &m->stages[i];
	const struct show_stage *def = &m->show->stages[i];
	char waits[256];
	json_object *o = json_object_new_object();
	json_add_str(o, "id", def->id);
	json_add_str(o, "state", stage_state_name(s->state));
	json_add_int(o, "attempt", s->attempt);
	add_text(o, "waits_for", stage_waits_for(m, i, waits, sizeof waits));
	json_add_int(o, "spent", m->ledger.stages[i].tokens.spent);
	if (def->cost_cap_micros != SHOW_UNSET)
		json_object_object_add(o, "cost",
				       scope_status(&m->ledger.stages[i].cost));
	add_text(o, "error", s->error);
	add_text(o, "why", s->why);
	add_time(o, "started_at", s->first_ms);
	add_time(o, "ended_at", s->ended_ms);
	return o;
}

/* All but its stages. */
static json_object *run_status(const struct model *m, int64_t now_ms)
{
	const struct run *r = &m->run;
	json_object *o = json_object_new_object();
	int64_t end = r->ended_ms ? r->ended_ms : now_ms;
	json_add_str(o, "id", r->id);
	json_add_str(o, "state", run_state_name(r->state));
	json_add_bool(o, "panic", r->panic);
	add_text(o, "why", r->why);
	add_time(o, "started_at", r->started_ms);
	add_time(o, "ended_at", r->ended_ms);
	json_add_int(o, "elapsed_ms",
		     end > r->started_ms ? end - r->started_ms : 0);
	return o;
}

json_object *status_run(const struct model *m, int64_t now_ms)
{
	if (m->run.state == RUN_NONE)
		return NULL;
	json_object *o = run_status(m, now_ms);
	json_object *stages = json_object_new_array();
	for (size_t i = 0; i < m->show->stage_count; i++)
		json_object_array_add(stages, stage_status(m, (int)i));
	json_add(o, "stages", &stages);
	return o;
}

/* Who waits for the tokens. */
static json_object *item_agents(const struct model *m,
				const struct inbox_item *item)
{
	json_object *a = json_object_new_array();
	size_t n =
		item->agent >= 0 ? 1 : m->show->stages[item->stage].agent_count;
	for (size_t k = 0; k < n; k++) {
		int agent = item->agent >= 0 ? item->agent
					     : stage_agent(m, item->stage, k);
		json_object_array_add(
			a, json_object_new_string(m->show->agents[agent].id));
	}
	return a;
}

static void add_overage(json_object *o, const struct model *m,
			const struct inbox_item *item,
			const struct usage_rest *rest)
{
	json_object *agents = item_agents(m, item);
	struct inbox_figures f = inbox_figures(m, item, rest);
	json_add(o, "agents", &agents);
	json_add_str(o, "reason", f.reason);
	json_add_int(o, "tokens", f.tokens);
	json_add_int(o, "wanted", f.wanted);
	json_add_int(o, "left", f.left);
	json_add_int(o, "rest_needs", f.rest);
	if (f.cost_micros)
		json_add_int(o, "cost_micros", f.cost_micros);
	struct inbox_behind b = inbox_behind(m, item);
	if (!b.requests)
		return;
	json_object *behind = json_object_new_object();
	json_add_int(behind, "requests", b.requests);
	json_add_int(behind, "tokens", b.tokens);
	json_add(o, "behind", &behind);
}

static json_object *item_status(const struct model *m,
				const struct inbox_item *item,
				const struct usage_rest *rest)
{
	json_object *o = json_object_new_object();
	char *text = inbox_text(m, item, rest);
	json_object *choices = json_object_new_array();
	for (size_t k = 0; item->choices[k]; k++)
		json_object_array_add(choices,
				      json_object_new_string(item->choices[k]));
	json_add_str(o, "id", item->id);
	json_add_str(o, "kind", inbox_kind_name(item->kind));
	add_text(o, "stage",
		 item->stage >= 0 ? m->show->stages[item->stage].id : NULL);
	json_add_str(o, "text", text);
	free(text);
	if (item->kind == INBOX_OVERAGE)
		add_overage(o, m, item, rest);
	add_time(o, "deadline_at", item->deadline_ms);
	add_text(o, "default", item->fallback);
	json_add(o, "choices", &choices);
	return o;
}

json_object *status_inbox(const struct model *m)
{
	json_object *a = json_object_new_array();
	struct usage_rest rest = usage_rest(m);
	for (size_t i = 0; i < m->inbox.count; i++)
		json_object_array_add(
			a, item_status(m, &m->inbox.items[i], &rest));
	return a;
}

#define LATE_SHOWN_BYTES 4096

static json_object *late_status(const struct model *m,
				const struct late_proposal *l)
{
	char id[TEXT_INT_BYTES];
	json_object *o = json_object_new_object();
	json_object *result =
		l->bytes <= LATE_SHOWN_BYTES ? json_object_get(l->result) : NULL;
	json_add_str(o, "id", text_int(id, "l", (long long)l->seq));
	json_add_str(o, "stage", l->stage);
	json_add_str(o, "agent", l->agent);
	json_add_int(o, "attempt", l->attempt);
	json_add_str(o, "verdict", l->verdict);
	json_add_int(o, "at", l->at_ms);
	if (l->tokens >= 0)
		json_add_int(o, "tokens", l->tokens);
	json_add_bool(o, "fits", late_fits(m, l));
	json_add_int(o, "bytes", (int64_t)l->bytes);
	json_add_int(o, "event", (int64_t)l->seq);
	if (result)
		json_add(o, "result", &result);
	return o;
}

json_object *status_late(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->late_count; i++)
		json_object_array_add(a, late_status(m, &m->late[i]));
	return a;
}

static json_object *killed_status(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->show->agent_count; i++)
		if (m->killed[i])
			json_object_array_add(
				a,
				json_object_new_string(m->show->agents[i].id));
	return a;
}

bool status_poll_counts_elsewhere(const struct model *m, int stage)
{
	const struct poll_run *p = stage < 0 ? NULL : m->stages[stage].poll;
	return p && (p->state == POLL_OPEN || p->state == POLL_EXTENDED);
}

bool status_poll_is_hidden(const struct model *m, int stage)
{
	const struct poll_run *p = stage < 0 ? NULL : m->stages[stage].poll;
	const struct show_poll *def = p ? poll_def(m, stage) : NULL;
	return def && def->hide_result && p->state != POLL_RESOLVED &&
	       p->state != POLL_VOID;
}

json_object *status_poll(const struct model *m, int stage)
{
	return status_poll_with(m, stage, NULL, NULL);
}

static json_object *bursts_json(const struct model *m, int stage)
{
	const struct poll_run *p = m->stages[stage].poll;
	json_object *list = json_object_new_array();
	for (int i = 0; i < p->burst_count; i++) {
		const struct poll_burst *b = &p->bursts[i];
		json_object *o = json_object_new_object();
		char *text = poll_burst_text(m, stage, i + 1);
		json_add_int(o, "burst", i + 1);
		json_add_str(o, "option",
			     poll_def(m, stage)->options[b->option].id);
		json_add_int(o, "votes", b->facts.votes);
		json_add_int(o, "span_ms", b->facts.span_ms);
		json_add_int(o, "sources", b->facts.sources);
		json_add_int(o, "rest_permille", b->facts.rest_permille);
		json_add_bool(o, "excluded", b->excluded);
		add_time(o, "at", b->at_ms);
		json_add_str(o, "text", text);
		json_object_array_add(list, o);
		free(text);
	}
	return list;
}

json_object *status_poll_with(const struct model *m, int stage,
			      const int64_t *counts,
			      const struct ballots_sum *sum)
{
	const struct poll_run *p = stage < 0 ? NULL : m->stages[stage].poll;
	const struct show_poll *def = p ? poll_def(m, stage) : NULL;
	if (!def)
		return NULL;
	if (!counts)
		counts = p->counts;
	struct poll_count c = poll_judge(def, counts);
	json_object *o = json_object_new_object();
	json_object *options = json_object_new_array();
	for (size_t i = 0; i < def->option_count; i++) {
		json_object *x = json_object_new_object();
		json_add_str(x, "id", def->options[i].id);
		json_add_str(x, "label", def->options[i].label);
		json_add_int(x, "votes", counts[i]);
		json_add_num(x, "share",
			     c.total ? (double)counts[i] / (double)c.total : 0);
		json_add_int(x, "permille", poll_permille(counts[i], c.total));
		if (def->options[i].requires_extra)
			json_add_int(x, "requires_extra",
				     def->options[i].requires_extra);
		json_object_array_add(options, x);
	}
	json_add_str(o, "id", m->show->stages[stage].id);
	json_add_str(o, "question", def->question);
	json_add_str(o, "state", poll_state_name(p->state));
	json_add_bool(o, "frozen", p->frozen);
	json_add(o, "options", &options);
	json_add_int(o, "total", c.total);
	json_add_num(o, "margin", c.margin);
	json_add_int(o, "margin_permille", c.margin_permille);
	json_add_int(o, "uncertainty_permille", c.uncertainty_permille);
	json_add_bool(o, "too_close", c.too_close);
	json_add_bool(o, "too_few", c.too_few);
	add_text(o, "lacks", poll_lack_name(c.lacks));
	json_add_bool(o, "hidden", status_poll_is_hidden(m, stage));
	add_time(o, "opened_at", p->opened_ms);
	add_time(o, "deadline_at", p->deadline_ms);
	add_text(o, "winner",
		 p->winner >= 0 ? def->options[p->winner].id : NULL);
	add_text(o, "why", p->why);
	json_object *from = ballots_sum_json(sum ? sum : &p->from);
	json_add(o, "from", &from);
	json_object *bursts = bursts_json(m, stage);
	json_add(o, "bursts", &bursts);
	return o;
}

json_object *status_polls(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < show_poll_places(m->show); i++) {
		json_object *o = status_poll(m, (int)i);
		if (o)
			json_object_array_add(a, o);
	}
	return a;
}

json_object *status_polls_on(const struct model *m)
{
	json_object *a = json_object_new_array();
	size_t count;
	int *stages = polls_going_on(m, &count);
	for (size_t i = 0; i < count; i++)
		json_object_array_add(a, status_poll(m, stages[i]));
	free(stages);
	return a;
}

/* The past of a test: the newest last, -1 where it failed. */
static void add_check_past(json_object *o, const struct model *m, int check)
{
	const struct check_run *c = &m->checks[check];
	json_object *past = json_object_new_array();
	for (int i = 0; i < c->past_count; i++)
		json_object_array_add(
			past,
			json_object_new_int64(c->past[i] < 0 ? -1
							     : c->past[i]));
	json_object_object_add(o, "past_ms", past);
	json_add_int(o, "p50_ms", check_quantile_ms(c, 50));
	json_add_int(o, "p95_ms", check_quantile_ms(c, 95));
	json_add_bool(o, "flaky", check_is_flaky(c));
	json_add_bool(o, "muted", check_is_muted(m, check));
	json_add_bool(o, "overridden", c->overridden);
	if (c->before_count) {
		json_add_int(o, "before_p50_ms", c->before_ms);
		json_add_int(o, "before_failed", c->before_failed);
		json_add_int(o, "before_count", c->before_count);
	}
}

json_object *status_checks(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->show->check_count; i++) {
		const struct check_run *c = &m->checks[i];
		json_object *o = json_object_new_object();
		json_add_str(o, "card", m->show->checks[i].card);
		json_add_str(o, "test", m->show->checks[i].name);
		json_add_str(o, "state", check_state_name(c->state));
		json_add_int(o, "latency_ms", c->latency_ms);
		add_time(o, "at", c->at_ms);
		add_text(o, "text", c->text);
		add_check_past(o, m, (int)i);
		json_object_array_add(a, o);
	}
	return a;
}

/* NULL: the show has none. */
static json_object *chat_status(const struct model *m)
{
	if (!m->show->chat.given)
		return NULL;
	json_object *o = json_object_new_object();
	json_add_bool(o, "connected", m->chat.connected);
	json_add_str(o, "channel", m->show->chat.channel);
	add_text(o, "error", m->chat.error);
	add_time(o, "at", m->chat.at_ms);
	return o;
}

static json_object *rules_status(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->show->rule_count; i++) {
		const struct show_rule *r = &m->show->rules[i];
		json_object *o = json_object_new_object();
		json_add_str(o, "name", r->name);
		json_add_str(o, "on", r->on);
		json_add_bool(o, "enabled", !m->rule_off[i] && !m->rules_off);
		json_add_bool(o, "all_off", m->rules_off);
		json_object_array_add(a, o);
	}
	return a;
}

static json_object *leader_status(const struct model *m)
{
	if (!m->leader.epoch)
		return NULL;
	json_object *o = json_object_new_object();
	json_add_int(o, "epoch", m->leader.epoch);
	json_add_str(o, "host", m->leader.host);
	json_add_int(o, "pid", m->leader.pid);
	return o;
}

const char *status_may_lose(const char *fsync)
{
	static const struct {
		const char *fsync, *loss;
	} table[] = {{"always", "nothing"},
		     {"everysec", "1 s"},
		     {"no", "30 s"},
		     {"off", "everything"}};
	for (size_t i = 0; fsync && i < sizeof table / sizeof table[0]; i++)
		if (strcmp(table[i].fsync, fsync) == 0)
			return table[i].loss;
	return "?";
}

static json_object *redis_status(const struct status_extra *extra)
{
	json_object *o = json_object_new_object();
	add_text(o, "url", extra->redis_url);
	if (extra->redis_rtt_us >= 0)
		json_add_num(o, "rtt_ms", (double)extra->redis_rtt_us / 1000);
	else
		add_null(o, "rtt_ms");
	json_add_bool(o, "connected", extra->redis_connected);
	add_text(o, "fsync", extra->redis_fsync);
	if (!extra->redis_connected && extra->redis_why)
		add_text(o, "why", extra->redis_why);
	return o;
}

json_object *status_budget(const struct model *m)
{
	const struct purse *p = &m->ledger.episode;
	json_object *o = scope_status(&p->tokens);
	json_add_int(o, "cost_micros", p->cost.spent);
	json_object_object_add(o, "cost", scope_status(&p->cost));
	return o;
}

static json_object *story_status(const struct model *m)
{
	json_object *o = json_object_new_object();
	json_add_int(o, "version", (int64_t)m->story.version);
	json_add_str(o, "hash", story_hash(&m->story));
	return o;
}

static json_object *alarms_status(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->alarm_count; i++) {
		json_object *o = json_object_new_object();
		json_add_str(o, "id", m->alarms[i].id);
		json_add_str(o, "text", m->alarms[i].text);
		json_add_int(o, "since", m->alarms[i].since_ms);
		json_add_bool(o, "acked", m->alarms[i].acked);
		json_object_array_add(a, o);
	}
	return a;
}

/* What stands before the run, and what behind it. */
static void add_head(json_object *o, const struct model *m,
		     const struct status_extra *extra)
{
	json_add_str(o, "show", m->show->id);
	json_add_str(o, "title", m->show->title);
	json_add_str(o, "mode", extra->mode);
	json_add_int(o, "event", (int64_t)m->seq);
	json_object_object_add(o, "leader", leader_status(m));
	json_object_object_add(o, "redis", redis_status(extra));
}

static void add_rest(json_object *o, const struct model *m,
		     const struct status_extra *extra)
{
	json_object_object_add(o, "story", story_status(m));
	json_object_object_add(o, "budget", status_budget(m));
	json_object_object_add(o, "poll", status_poll(m, polls_now(m)));
	json_object_object_add(o, "polls", status_polls_on(m));
	json_object_object_add(o, "checks", status_checks(m));
	json_object_object_add(o, "obs", status_obs(m, extra));
	json_object_object_add(o, "chat", chat_status(m));
	json_object_object_add(o, "rules", rules_status(m));
	json_object_object_add(o, "inbox", status_inbox(m));
	json_object_object_add(o, "late", status_late(m));
	json_object_object_add(o, "killed", killed_status(m));
	json_object_object_add(o, "alarms", alarms_status(m));
}

json_object *status_json(const struct model *m,
			 const struct status_extra *extra)
{
	json_object *o = json_object_new_object();
	add_head(o, m, extra);
	json_object_object_add(o, "run", status_run(m, extra->now_ms));
	add_rest(o, m, extra);
	json_object_object_add(o, "usage", usage_report(m));
	return o;
}

/* --- as text ------------------------------------------------------------ */

/* Without its last }, so that more can follow. Takes over `*o`. */
static void print_open(struct buf *out, json_object **o)
{
	json_print(out, *o);
	out->len--;
	json_object_put(*o);
	*o = NULL;
}

static void print_run(struct buf *out, const struct model *m, int64_t now_ms)
{
	if (m->run.state == RUN_NONE) {
		buf_adds(out, "null");
		return;
	}
	json_object *o = run_status(m, now_ms);
	print_open(out, &o);
	buf_adds(out, ",\"stages\":[");
	for (size_t i = 0; i < m->show->stage_count; i++) {
		if (i)
			buf_addc(out, ',');
		o = stage_status(m, (int)i);
		print_open(out, &o);
		buf_addc(out, '}');
	}
	buf_adds(out, "]}");
}

void status_print(struct buf *out, const struct model *m,
		  const struct status_extra *extra, json_object **poll,
		  json_object **polls)
{
	json_object *head = json_object_new_object();
	json_object *rest = json_object_new_object();
	add_head(head, m, extra);
	add_rest(rest, m, extra);
	if (poll && *poll)
		json_add(rest, "poll", poll);
	if (polls && *polls)
		json_add(rest, "polls", polls);
	print_open(out, &head);
	buf_adds(out, ",\"run\":");
	print_run(out, m, extra->now_ms);
	size_t at = out->len;
	print_open(out, &rest);
	out->data[at] = ','; /* its { */
	buf_adds(out, ",\"usage\":");
	usage_print(out, m);
	buf_addc(out, '}');
}
