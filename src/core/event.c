#include "core/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define EVENT_CUT_BYTES 1000 /* of a string, where all is too long */

/* What each type is called in the log and what its data carries. */
static const struct {
	const char *name, *carries;
} kinds[EVENT_TYPES] = {
	[EVENT_RUN_START] = {"run:start", "show, hash, rehearsal, attended"},
	[EVENT_RUN_PAUSE] = {"run:pause", "by, reason, panic"},
	[EVENT_RUN_RESUME] = {"run:resume", "by"},
	[EVENT_RUN_COMPLETE] = {"run:complete", "state, why"},
	[EVENT_RUN_CANCEL] = {"run:cancel", "by, reason"},
	[EVENT_STAGE_START] = {"stage:start", "attempt, agents, deadline"},
	[EVENT_STAGE_PROGRESS] = {"stage:progress", "state, reason, by"},
	[EVENT_STAGE_PROPOSAL] = {"stage:proposal",
				  "attempt, lease, confidence, cost_micros, "
				  "tokens, result"},
	[EVENT_STAGE_COMPLETE] = {"stage:complete",
				  "attempt, winner, patch, pre_state_hash, "
				  "post_state_hash, version"},
	[EVENT_STAGE_ERROR] = {"stage:error",
			       "attempt, code, message; of the attempt: "
			       "retry_at or final, on_failure, least"},
	[EVENT_STAGE_SKIP] = {"stage:skip", "reason, because, by"},
	[EVENT_STAGE_GO] = {"stage:go", "by"},
	[EVENT_STAGE_RESET] = {"stage:reset",
			       "why, to, stages, patch, pre_state_hash, "
			       "post_state_hash, version, by"},
	[EVENT_POLL_PROPOSE] = {"poll:propose",
				"question, options, open_ms, deadline, by"},
	[EVENT_POLL_CREATE] = {"poll:create",
			       "question, options, open_ms, deadline, by"},
	[EVENT_POLL_EXTEND] = {"poll:extend", "deadline, why, by"},
	[EVENT_POLL_FREEZE] = {"poll:freeze", "by, reason"},
	[EVENT_POLL_UNFREEZE] = {"poll:unfreeze", "by, reason"},
	[EVENT_POLL_CLOSE] = {"poll:close", "choice, asks, counts, from, by"},
	[EVENT_POLL_RESOLVE] = {"poll:resolve",
				"winner, why, denied, counts, total, margin, "
				"margin_permille, uncertainty_permille, "
				"too_close, lacks, from, by"},
	[EVENT_POLL_VOID] = {"poll:void", "why, question, by, reason"},
	[EVENT_POLL_BURST] = {"poll:burst", "burst, option, votes, span_ms, "
					    "sources, rest_permille"},
	[EVENT_POLL_EXCLUDE] = {"poll:exclude", "burst, by, reason"},
	[EVENT_POLL_INCLUDE] = {"poll:include", "burst, by, reason"},
	[EVENT_TOKEN_LEASE] = {"token:lease",
			       "lease, tokens, cost_micros, attempt, "
			       "deadline, outside, extends, request"},
	[EVENT_TOKEN_SPEND] = {"token:spend",
			       "lease, tokens, cost_micros, assumed, overrun, "
			       "cost_overrun, state, request"},
	[EVENT_TOKEN_RETURN] = {"token:return",
				"lease, tokens, cost_micros, corrects, "
				"request"},
	[EVENT_BUDGET_REQUEST] = {"budget:request",
				  "tokens, wanted, cost_micros, asked, left, "
				  "rest, reason, offers, deadline; of the "
				  "episode: text"},
	[EVENT_BUDGET_APPROVE] =
		{"budget:approve",
		 "item, choice, tokens, cost_micros, lease, raises, "
		 "until, again, expires_at, from, agents, why, by"},
	[EVENT_BUDGET_DENY] = {"budget:deny", "item, choice, by, reason, ask"},
	[EVENT_BUDGET_DAY] = {"budget:day", "day"},
	[EVENT_BUDGET_RAISE] =
		{"budget:raise",
		 "tokens, cost_micros, lease, raises, until, standing, "
		 "raise, done, why, by"},
	[EVENT_PROPOSAL_LATE] = {"proposal:late",
				 "verdict, attempt, tokens, base, result; of a "
				 "conflict: late, text"},
	[EVENT_PROPOSAL_ADOPT] = {"proposal:adopt",
				  "late, attempt, anyway, patch, "
				  "pre_state_hash, post_state_hash, version, "
				  "by"},
	[EVENT_PROPOSAL_DISCARD] = {"proposal:discard", "late, by, reason"},
	[EVENT_AGENT_KILL] = {"agent:kill", "by, reason"},
	[EVENT_AGENT_REVIVE] = {"agent:revive", "by, reason"},
	[EVENT_OBS_STATUS] = {"obs:status",
			      "connected, error, program_scene, "
			      "preview_scene, scenes, streaming, reconnecting, "
			      "recording, paused, replay, studio, changing, "
			      "transition, transition_ms, profile, collection, "
			      "version, profiles, collections, transitions, "
			      "inputs"},
	[EVENT_OBS_COMMAND] = {"obs:command", "id, state, what, by, error"},
	[EVENT_OBS_HOLD] = {"obs:hold", "state, until, why, by"},
	[EVENT_CHAT_STATUS] = {"chat:status", "connected, channel, error"},
	[EVENT_RULE_OFF] = {"rule:off", "rule, by, reason"},
	[EVENT_RULE_ON] = {"rule:on", "rule, by, reason"},
	[EVENT_CHECK_RESULT] = {"check:result",
				"card, test, state, latency_ms, text, phases, "
				"failed"},
	[EVENT_CHECK_OVERRIDE] = {"check:override",
				  "checks, drift, by, reason"},
	[EVENT_ALARM_RAISE] = {"alarm:raise", "id, text"},
	[EVENT_ALARM_ACK] = {"alarm:ack", "id, by, reason"},
	[EVENT_ALARM_CLEAR] = {"alarm:clear", "id"},
	[EVENT_LEADER_TAKE] = {"leader:take", "epoch, host, pid"},
	[EVENT_NOTE] = {"note", "by, text"},
	[EVENT_UNKNOWN] = {"unknown", "_type"},
};

bool event_patches_story(enum event_type type)
{
	return type == EVENT_STAGE_COMPLETE || type == EVENT_STAGE_RESET ||
	       type == EVENT_PROPOSAL_ADOPT;
}

const char *event_type_name(enum event_type type)
{
	return kinds[type].name;
}

const char *event_type_carries(enum event_type type)
{
	return kinds[type].carries;
}

enum event_type event_type_of(const char *name)
{
	for (int i = 0; i < EVENT_UNKNOWN; i++) /* mostly it is another one */
		if (kinds[i].name[0] == name[0] &&
		    strcmp(kinds[i].name, name) == 0)
			return (enum event_type)i;
	return EVENT_UNKNOWN;
}

/* With room for its strings behind it. */
static struct event *make(enum event_type type, const char *run,
			  const char *stage, const char *agent, int64_t at_ms)
{
	const char *from[] = {run, stage, agent};
	size_t bytes[3], all = 0;
	for (int i = 0; i < 3; i++)
		all += bytes[i] = from[i] ? strlen(from[i]) + 1 : 1;
	struct event *e = xmalloc(sizeof *e + all);
	*e = (struct event){.type = type, .at_ms = at_ms};
	char **const to[] = {&e->run, &e->stage, &e->agent};
	char *p = (char *)(e + 1);
	for (int i = 0; i < 3; p += bytes[i++])
		*to[i] = memcpy(p, from[i] ? from[i] : "", bytes[i]);
	return e;
}

/* Numbers first: the text is mostly short enough. */
static json_object *fitted(const struct json_flat *flat)
{
	json_object *tree = json_flat_tree(flat);
	struct lh_entry *e;
	lh_foreach(json_object_get_object(tree), e)
	{
		json_object *v = lh_entry_v(e);
		int64_t n = json_object_is_type(v, json_type_int)
				    ? json_object_get_int64(v)
				    : 0;
		if (n > NUMBER_MOST || n < -NUMBER_MOST)
			json_object_set_int64(v, n > 0 ? NUMBER_MOST
						       : -NUMBER_MOST);
	}
	if (json_flat_bytes(flat) > EVENT_MAX_BYTES && !json_get(tree, "patch"))
		json_clean(&tree, EVENT_CUT_BYTES);
	return tree;
}

static void fit(struct json_flat **flat)
{
	if (json_flat_bytes(*flat) <= EVENT_MAX_BYTES &&
	    !json_flat_beyond(*flat, NUMBER_MOST))
		return;
	json_object *tree = fitted(*flat);
	json_flat_free(flat);
	*flat = json_flat_of(&tree, NULL);
	REQUIRE(*flat != NULL);
}

struct event *event_of(enum event_type type, const char *run, const char *stage,
		       const char *agent, int64_t at_ms,
		       struct json_flat **data)
{
	struct event *e = make(type, run, stage, agent, at_ms);
	e->data = *data;
	*data = NULL;
	return e;
}

struct event *event_new(enum event_type type, const char *run,
			const char *stage, const char *agent, int64_t at_ms,
			struct json_out **data)
{
	struct json_out *nothing = data && *data ? NULL : json_out_new();
	struct json_flat *flat = json_out_flat(nothing ? &nothing : data);
	fit(&flat);
	return event_of(type, run, stage, agent, at_ms, &flat);
}

void event_free(struct event **event)
{
	struct event *e = *event;
	*event = NULL;
	if (!e)
		return;
	json_flat_free(&e->data);
	free(e);
}

struct event *event_clone(const struct event *e)
{
	struct event *copy =
		make(e->type, e->run, e->stage, e->agent, e->at_ms);
	copy->seq = e->seq;
	copy->data = json_flat_copy(e->data);
	return copy;
}

static bool read_time(uint64_t seq, const char *at, int64_t *at_ms,
		      struct err *err)
{
	char *end;
	errno = 0;
	*at_ms = strtoll(at && *at ? at : "x", &end, 10);
	bool ok = !errno && !*end && *at_ms >= -TIME_MOST_MS &&
		  *at_ms <= TIME_MOST_MS;
	return ok || err_set(err, ERR_DATA,
			     "event %llu: `at` is no number that is a time",
			     (unsigned long long)seq);
}

/* An event of a later version says so in its data. */
static void add_type(struct json_flat **data, const char *type)
{
	json_object *tree = json_flat_tree(*data);
	json_add_str(tree, "_type", type);
	json_flat_free(data);
	*data = json_flat_of(&tree, NULL);
	REQUIRE(*data != NULL);
}

struct event *event_read(uint64_t seq, const char *type, const char *run,
			 const char *stage, const char *agent, const char *at,
			 const char *data, struct err *err)
{
	int64_t at_ms;
	if (!read_time(seq, at, &at_ms, err))
		return NULL;
	const char *text = data && *data ? data : "{}";
	struct json_flat *flat =
		json_flat_read(text, strlen(text), &json_limits_own, err);
	if (!flat) {
		err_wrap(err, "event %llu", (unsigned long long)seq);
		return NULL;
	}
	const char *wrong = json_flat_beyond(flat, NUMBER_MOST);
	if (wrong) {
		char *name = text_clean_str(wrong, 40);
		err_set(err, ERR_DATA,
			"event %llu: the number `%s` is larger than any of a "
			"show",
			(unsigned long long)seq, name);
		free(name);
		json_flat_free(&flat);
		return NULL;
	}
	enum event_type t = event_type_of(type ? type : "");
	if (t == EVENT_UNKNOWN)
		add_type(&flat, type ? type : "");
	struct event *e = event_of(t, run, stage, agent, at_ms, &flat);
	e->seq = seq;
	return e;
}

/* --- what it carries ----------------------------------------------------- */

/* A place to keep what was read anyway; nothing of the event changes. */
struct json_node *event_object(const struct event *e, const char *key)
{
	return json_flat_nodes(e->data, key, json_type_object);
}

struct json_node *event_array(const struct event *e, const char *key)
{
	return json_flat_nodes(e->data, key, json_type_array);
}

json_object *event_patch(const struct event *e)
{
	return json_flat_nested(e->data, "patch", json_type_object);
}

json_object *event_ref(const struct event *e, const char *key)
{
	return json_flat_get(e->data, key);
}

json_object *event_tree(const struct event *e)
{
	return json_flat_tree(e->data);
}

void event_print(struct buf *out, const struct event *e)
{
	json_flat_print(out, e->data);
}

size_t event_bytes(const struct event *e)
{
	return json_flat_bytes(e->data);
}

static const char *shown_type(const struct event *e)
{
	if (e->type == EVENT_UNKNOWN)
		return event_str(e, "_type", "unknown");
	return event_type_name(e->type);
}

json_object *event_json(const struct event *e)
{
	json_object *o = json_object_new_object();
	json_object *data = event_tree(e);
	json_add_int(o, "id", (int64_t)e->seq);
	json_add_str(o, "type", shown_type(e));
	json_add_str(o, "run", e->run);
	json_add_str(o, "stage", e->stage);
	json_add_str(o, "agent", e->agent);
	json_add_int(o, "at", e->at_ms);
	json_add(o, "data", &data);
	return o;
}

/* Members worth a word in a one-line view, in this order. */
static const char *const told[] = {
	"state",   "attempt",  "code",	  "message", "reason",
	"winner",  "why",      "verdict", "tokens",  "what",
	"card",	   "test",     "text",	  "error",   "item",
	"version", "question", "to",	  "by",
};

char *event_line(const struct event *e)
{
	struct buf b = {0};
	buf_adds(&b, shown_type(e));
	if (*e->stage)
		buf_addf(&b, " %s", e->stage);
	if (*e->agent)
		buf_addf(&b, " %s", e->agent);
	for (size_t i = 0; i < COUNT_OF(told); i++) {
		json_object *v = event_ref(e, told[i]);
		if (!v)
			continue;
		if (json_object_is_type(v, json_type_string))
			buf_addf(&b, " %s=%s", told[i],
				 json_object_get_string(v));
		else
			buf_addf(&b, " %s=%s", told[i], json_text(v));
		json_object_put(v);
	}
	char *line = text_clean(buf_str(&b), b.len, 400);
	buf_release(&b);
	return line;
}
