#include "store/bus.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "store/entry.h"
#include "store/keys.h"

#define ANSWER_MAX_BYTES 4096

static json_object *read_object(const char *text, struct err *err)
{
	json_object *o = json_read_str(text, &json_limits_answer, err);
	if (o && !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		o = NULL;
		err_set(err, ERR_DATA, "`data` is no JSON object");
	}
	return o;
}

static void copy_field(json_object *o, const redisReply *entry,
		       const char *name)
{
	const char *value = entry_field(entry, name);
	if (value && text_is_utf8(value, strlen(value)))
		json_add_str(o, name, value);
}

/* The same for JSON text; what is none is a string. */
static void copy_json(json_object *o, const redisReply *entry, const char *name)
{
	const char *value = entry_field(entry, name);
	if (!value)
		return;
	json_object *v = json_read_str(value, &json_limits_answer, NULL);
	if (v)
		json_add(o, name, &v);
	else
		copy_field(o, entry, name);
}

static void split_args(json_object *o, const char *words)
{
	json_object *list = json_object_new_array();
	while (*(words += strspn(words, " \t"))) {
		size_t len = strcspn(words, " \t");
		if (text_is_utf8(words, len))
			json_object_array_add(list, json_object_new_string_len(
							    words, (int)len));
		words += len;
	}
	json_add(o, "args", &list);
}

#define SOURCE_MOST 24
#define VOTER_MOST  96

json_object *bus_vote_entry(const redisReply *entry, struct err *err)
{
	static const char *const fields[] = {"poll", "option", "voter",
					     "source", "id"};
	const char *data = entry_field(entry, "data");
	if (data)
		return read_object(data, err);
	json_object *o = json_object_new_object();
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		copy_field(o, entry, fields[i]);
	return o;
}

static bool fits(const char *s, size_t most)
{
	return *s && strlen(s) <= most;
}

struct ballots *bus_vote(json_object *o, struct err *err)
{
	const char *poll = json_get_str(o, "poll", "");
	const char *option = json_get_str(o, "option", "");
	const char *voter = json_get_str(o, "voter", "");
	const char *source = json_get_str(o, "source", "bus");
	const char *id = json_get_str(o, "id", NULL);
	if (!fits(poll, BALLOT_POLL_MOST - 1) ||
	    !fits(option, BALLOT_POLL_MOST - 1) || !fits(voter, VOTER_MOST) ||
	    !fits(source, SOURCE_MOST) || strchr(source, '/')) {
		err_set(err, ERR_DATA,
			"a vote has poll, option, voter (at most %d bytes) and "
			"source (at most %d bytes, no slash)",
			VOTER_MOST, SOURCE_MOST);
		return NULL;
	}
	struct ballots *b = ballots_new(poll, BALLOTS_BUS);
	char *who = xasprintf("b:%s/%s", source, voter);
	b->id = xstrdup(id);
	ballots_add(b, option, who, 0, 0);
	free(who);
	return b;
}

json_object *bus_command(const redisReply *entry, struct err *err)
{
	const char *data = entry_field(entry, "data");
	json_object *o;
	if (data) {
		o = read_object(data, err);
	} else if (entry_field(entry, "action")) {
		const char *args = entry_field(entry, "args");
		o = json_object_new_object();
		copy_field(o, entry, "id");
		copy_field(o, entry, "action");
		copy_field(o, entry, "by");
		copy_field(o, entry, "reason");
		split_args(o, args ? args : "");
	} else {
		err_set(err, ERR_DATA,
			"it has neither a field `data` nor `action`");
		return NULL;
	}
	if (o && !*json_get_str(o, "id", ""))
		json_add_str(o, "id", entry->element[0]->str);
	return o;
}

json_object *bus_proposal(const redisReply *entry, struct err *err)
{
	static const char *const numbers[] = {"attempt",       "confidence",
					      "cost_estimate", "tokens_used",
					      "payload",       "error"};
	const char *data = entry_field(entry, "data");
	if (data)
		return read_object(data, err);
	if (!entry_field(entry, "stage_id")) {
		err_set(err, ERR_DATA,
			"it has neither a field `data` nor `stage_id`");
		return NULL;
	}
	json_object *o = json_object_new_object();
	copy_field(o, entry, "stage_id");
	copy_field(o, entry, "agent_id");
	copy_field(o, entry, "lease");
	copy_field(o, entry, "correlationId");
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		copy_json(o, entry, numbers[i]);
	return o;
}

char *bus_command_text(const char *action, const char *const *args,
		       int arg_count, const char *by, const char *reason,
		       char id[BUS_ID_BYTES])
{
	json_object *o = json_object_new_object();
	json_object *list = json_object_new_array();
	hash_random_hex(id, (BUS_ID_BYTES - 1) / 2);
	for (int i = 0; i < arg_count; i++)
		json_object_array_add(list, json_object_new_string(args[i]));
	json_add_str(o, "id", id);
	json_add_str(o, "action", action);
	json_add(o, "args", &list);
	json_add_str(o, "by", by);
	json_add_str(o, "reason", reason);
	char *text = xstrdup(json_text(o));
	json_object_put(o);
	return text;
}

bool bus_answer(const char *json, char **text)
{
	json_object *o = read_object(json, NULL);
	bool ok = json_get_bool(o, "ok", false);
	const char *says =
		json_get_str(o, "text", "the core's answer was unreadable");
	*text = text_clean_str(says, ANSWER_MAX_BYTES);
	json_object_put(o);
	return ok;
}

/* KEYS commands, ARGV command until-ms: {ms} or {ms, entry}, by its clock. */
static const char send_until[] =
	"local t = redis.call('TIME')\n"
	"local ms = t[1] * 1000 + math.floor(t[2] / 1000)\n"
	"if ms > tonumber(ARGV[2]) then return {ms} end\n"
	"return {ms, redis.call('XADD', KEYS[1], '*', 'data', ARGV[1])}\n";

/* A look that costs no write; later each answer brings it up to date. */
static bool ask_clock(struct link *link, struct err *err)
{
	if (link->redis_ms)
		return true;
	link_add(link, "TIME", (char *)NULL);
	redisReply *r = link_ask(link, "Redis tells no time", err);
	bool ok = r && r->type == REDIS_REPLY_ARRAY && r->elements == 2;
	if (ok)
		link->redis_ms = strtoll(reply_str(r, 0), NULL, 10) * 1000 +
				 strtoll(reply_str(r, 1), NULL, 10) / 1000 -
				 clock_mono_ms();
	else if (r)
		err_set(err, ERR_UNAVAILABLE, "Redis tells no time");
	reply_free(r);
	return ok;
}

char *bus_send(struct link *link, const char *show, const char *command,
	       int patience_ms, struct err *err)
{
	if (!ask_clock(link, err))
		return NULL;
	char *until = xasprintf("%" PRId64,
				clock_mono_ms() + link->redis_ms + patience_ms);
	char *key = key_of(show, "commands");
	link_add(link, "EVAL", send_until, "1", key, command, until,
		 (char *)NULL);
	redisReply *r = link_ask(link, "Redis takes no command", err);
	char *entry = NULL;
	if (r && r->type == REDIS_REPLY_ARRAY && r->elements) {
		link->redis_ms = r->element[0]->integer - clock_mono_ms();
		if (r->elements > 1)
			entry = xstrdup(reply_str(r, 1));
		else
			err_set(err, ERR_AGAIN,
				"Redis stood still, and did not take it; "
				"say it again");
	} else if (r) {
		err_set(err, ERR_UNAVAILABLE, "Redis takes no command");
	}
	reply_free(r);
	free(until);
	free(key);
	return entry;
}

/* Whether entry `a` stands in front of `b`, both as "MS-N". */
static bool stands_before(const char *a, const char *b)
{
	char *a_end, *b_end;
	unsigned long long a_ms = strtoull(a, &a_end, 10);
	unsigned long long b_ms = strtoull(b, &b_end, 10);
	if (a_ms != b_ms || *a_end != '-' || *b_end != '-')
		return a_ms < b_ms;
	return strtoull(a_end + 1, NULL, 10) < strtoull(b_end + 1, NULL, 10);
}

/* Commands have one group, the core's. */
static bool was_read(struct link *link, const char *commands, const char *entry)
{
	bool read = false;
	link_add(link, "XINFO", "GROUPS", commands, (char *)NULL);
	redisReply *r = link_ask(link, "Redis", NULL);
	for (size_t i = 0; r && i < r->elements; i++) {
		const redisReply *group = r->element[i];
		for (size_t k = 0; k + 1 < group->elements; k += 2) {
			const char *name = group->element[k]->str;
			const char *last = group->element[k + 1]->str;
			if (name && last &&
			    strcmp(name, "last-delivered-id") == 0)
				read = read || !stands_before(last, entry);
		}
	}
	reply_free(r);
	return read;
}

char *bus_withdraw(struct link *link, const char *show, const char *entry,
		   const char *id, bool *taken)
{
	*taken = false;
	char *commands = key_of(show, "commands");
	char *reply = key_with(show, "reply:", id);
	link_add(link, "XDEL", commands, entry, (char *)NULL);
	redisReply *r = link_ask(link, "Redis", NULL);
	reply_free(r);
	char *answer = NULL;
	if (r) {
		link_add(link, "LPOP", reply, (char *)NULL);
		r = link_ask(link, "Redis", NULL);
		if (r && r->str)
			answer = xstrdup(r->str);
		reply_free(r);
		if (!answer)
			*taken = was_read(link, commands, entry);
	}
	free(reply);
	free(commands);
	return answer;
}
