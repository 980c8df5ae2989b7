#include "store/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/keys.h"
#include "store/resp.h"
#include "store/writer_in.h"

#define COMMIT_FIXED_KEYS 4
#define COMMIT_FIXED_ARGS 9
#define EVENT_FIELDS	  6
#define LIVE_BACKLOG	  (1024 * 1024)

/* --- the pipeline ------------------------------------------------------- */

static void begin_op(struct writer *w, enum op_kind kind, uint64_t tag)
{
	GROW(w->ops, w->op_count, w->op_cap);
	w->ops[w->op_count++] = (struct op){
		.kind = kind, .tag = tag, .begin = w->base + w->out.len};
}

/* EVALSHA with `keys` keys, the first of which (the epoch) it adds; the caller
 * adds the others and `args` arguments. */
static void begin_script(struct writer *w, enum script script, size_t keys,
			 size_t args, enum op_kind kind, uint64_t tag)
{
	REQUIRE(w->epoch > 0); /* only a leader writes */
	begin_op(w, kind, tag);
	resp_begin(&w->out, 3 + keys + args);
	resp_bytes(&w->out, "EVALSHA", 7);
	resp_bytes(&w->out, w->sha[script], 40);
	resp_int(&w->out, (int64_t)keys);
	resp_str(&w->out, w->key_epoch);
}

static void add_key(struct writer *w, const char *name, const char *id)
{
	char *key = key_with(w->show, name, id);
	resp_str(&w->out, key);
	free(key);
}

static void add_epoch(struct writer *w)
{
	resp_str(&w->out, w->epoch_text);
}

/* --- commit ------------------------------------------------------------- */

/* What a commit does beside appending. */
struct commit_plan {
	json_object *touched; /* a set: names of story members to write */
	size_t sets, dels, polls;
	bool clear;
	const char *run_show;
};

static void plan_event(struct writer *w, struct commit_plan *plan,
		       const struct event *e)
{
	if (e->type == EVENT_RUN_START) {
		plan->clear = true;
		json_object_put(w->story);
		w->story = json_object_new_object();
		json_object_put(plan->touched);
		plan->touched = NULL;
		plan->run_show = event_str(e, "hash", "");
	}
	plan->polls += e->type == EVENT_POLL_CREATE;
	json_object *patch =
		event_patches_story(e->type) ? event_patch(e) : NULL;
	if (!patch || json_object_object_length(patch) == 0)
		return;
	json_merge(w->story, patch);
	if (!plan->touched)
		plan->touched = json_object_new_object();
	json_object_object_foreach(patch, key, value)
	{
		(void)value;
		json_object_object_add(plan->touched, key, NULL);
	}
}

static void count_members(struct writer *w, struct commit_plan *plan)
{
	if (!plan->touched)
		return;
	json_object_object_foreach(plan->touched, key, nothing)
	{
		(void)nothing;
		if (json_object_object_get_ex(w->story, key, NULL))
			plan->sets++;
		else
			plan->dels++;
	}
}

/* `_version` and `_hash` are ours: a member of that name, with any number of
 * underscores before it, is kept with one more. */
void writer_add_member(struct buf *out, const char *name)
{
	const char *bare = name + strspn(name, "_");
	if (bare > name &&
	    (strcmp(bare, "version") == 0 || strcmp(bare, "hash") == 0)) {
		char *safe = xasprintf("_%s", name);
		resp_str(out, safe);
		free(safe);
	} else {
		resp_str(out, name);
	}
}

static void add_members(struct writer *w, const struct commit_plan *plan,
			bool present)
{
	if (!plan->touched)
		return;
	json_object_object_foreach(plan->touched, key, nothing)
	{
		(void)nothing;
		json_object *value = NULL;
		if (json_object_object_get_ex(w->story, key, &value) != present)
			continue;
		writer_add_member(&w->out, key);
		if (present)
			resp_str(&w->out, json_text(value));
	}
}

/* `text` is room to print in. */
static void add_event(struct buf *out, struct buf *text, const struct event *e)
{
	resp_str(out, event_type_name(e->type));
	resp_str(out, e->run);
	resp_str(out, e->stage);
	resp_str(out, e->agent);
	resp_int(out, e->at_ms);
	buf_clear(text);
	event_print(text, e);
	resp_bytes(out, text->data, text->len);
}

static void add_commit_keys(struct writer *w, struct event *const *events,
			    size_t count, size_t polls)
{
	resp_str(&w->out, w->key_events);
	resp_str(&w->out, w->key_story);
	resp_str(&w->out, w->key_run_show);
	for (size_t i = 0; polls && i < count; i++) {
		if (events[i]->type != EVENT_POLL_CREATE)
			continue;
		add_key(w, "votes:", events[i]->stage);
		add_key(w, "tally:", events[i]->stage);
		polls--;
	}
}

void writer_commit(struct writer *w, struct event *const *events, size_t count,
		   uint64_t story_version, const char *story_hash, uint64_t tag)
{
	struct commit_plan plan = {.run_show = ""};
	REQUIRE(count > 0 && events[0]->seq > 0);
	for (size_t i = 0; i < count; i++) {
		REQUIRE(events[i]->seq == events[0]->seq + i);
		plan_event(w, &plan, events[i]);
	}
	count_members(w, &plan);
	/* Another version may have the same content. */
	bool changed = plan.clear || w->story_version != story_version ||
		       strcmp(w->story_hash, story_hash) != 0;
	size_t args = COMMIT_FIXED_ARGS + 2 * plan.sets + plan.dels +
		      EVENT_FIELDS * count;
	begin_script(w, SCRIPT_COMMIT, COMMIT_FIXED_KEYS + 2 * plan.polls, args,
		     OP_COMMIT, tag);
	w->ops[w->op_count - 1].first = events[0]->seq;
	w->ops[w->op_count - 1].count = count;
	add_commit_keys(w, events, count, plan.polls);
	add_epoch(w);
	resp_int(&w->out, (int64_t)events[0]->seq);
	resp_int(&w->out, (int64_t)count);
	resp_bytes(&w->out, plan.clear ? "1" : "0", 1);
	resp_int(&w->out, (int64_t)plan.sets);
	resp_int(&w->out, (int64_t)plan.dels);
	resp_int(&w->out, (int64_t)story_version);
	resp_str(&w->out, changed ? story_hash : "");
	resp_str(&w->out, plan.run_show);
	add_members(w, &plan, true);
	add_members(w, &plan, false);
	for (size_t i = 0; i < count; i++)
		add_event(&w->out, &w->text, events[i]);
	if (changed)
		snprintf(w->story_hash, sizeof w->story_hash, "%s", story_hash);
	w->story_version = story_version;
	json_object_put(plan.touched);
}

/* --- the other operations ----------------------------------------------- */

void writer_reply(struct writer *w, const char *command_id, bool ok,
		  const char *text)
{
	json_object *o = json_object_new_object();
	json_add_bool(o, "ok", ok);
	json_add_str(o, "text", text ? text : "");
	begin_script(w, SCRIPT_REPLY, 2, 2, OP_QUIET, 0);
	add_key(w, "reply:", command_id);
	add_epoch(w);
	resp_str(&w->out, json_text(o));
	json_object_put(o);
}

void writer_ack(struct writer *w, const char *stream, const char *entry_id)
{
	begin_script(w, SCRIPT_ACK, 2, 2, OP_QUIET, 0);
	add_key(w, stream, "");
	add_epoch(w);
	resp_str(&w->out, entry_id);
}

void writer_bus_call(struct writer *w, const char *agent, const char *key,
		     const char *request_json)
{
	char *once = xasprintf("%s/%s", agent, key);
	begin_script(w, SCRIPT_BUS, 3, 4, OP_QUIET, 0);
	add_key(w, "inbox:", agent);
	add_key(w, "called:", once);
	add_epoch(w);
	resp_str(&w->out, agent);
	resp_str(&w->out, key);
	resp_str(&w->out, request_json);
	free(once);
}

void writer_keep_check(struct writer *w, const char *card, const char *test,
		       const char *json)
{
	char *field = key_check(card, test);
	begin_script(w, SCRIPT_CHECK, 2, 3, OP_QUIET, 0);
	add_key(w, "checks", "");
	add_epoch(w);
	resp_str(&w->out, field);
	resp_str(&w->out, json);
	free(field);
}

static void poll_state(struct writer *w, const char *poll, const char *state,
		       enum op_kind kind, uint64_t tag)
{
	begin_script(w, SCRIPT_POLL, 2, 2, kind, tag);
	add_key(w, "tally:", poll);
	add_epoch(w);
	resp_str(&w->out, state);
}

void writer_poll_open(struct writer *w, const char *poll)
{
	poll_state(w, poll, SCRIPT_POLL_OPEN, OP_QUIET, 0);
}

void writer_poll_freeze(struct writer *w, const char *poll)
{
	poll_state(w, poll, "frozen", OP_QUIET, 0);
}

void writer_poll_count(struct writer *w, const char *poll, uint64_t tag)
{
	poll_state(w, poll, "closed", OP_COUNT, tag);
}

void writer_poll_tally(struct writer *w, const char *poll, uint64_t tag)
{
	poll_state(w, poll, "", OP_COUNT, tag);
}

void writer_votes(struct writer *w, const struct ballots *b, uint64_t tag)
{
	size_t pending = ballots_pending(b);
	char burst[8];
	begin_script(w, SCRIPT_VOTE, 3, 3 + 2 * pending, OP_VOTE, tag);
	add_key(w, "votes:", b->poll);
	add_key(w, "tally:", b->poll);
	add_epoch(w);
	resp_bytes(&w->out, b->may_change ? "1" : "0", 1);
	const char *from = ballots_from_name(b->from);
	resp_str(&w->out, from ? from : "");
	for (size_t i = 0; i < b->count; i++) {
		const struct ballot *x = &b->items[i];
		if (x->answer != BALLOT_PENDING)
			continue;
		resp_str(&w->out, ballot_voter(b, i));
		burst[0] = ' ';
		size_t len =
			x->burst ? 1 + resp_digits(burst + 1, x->burst) : 0;
		resp_pair(&w->out, ballot_choice(b, i), burst, len);
	}
}

void writer_mark(struct writer *w, const char *poll, int burst,
		 const char *const *voters, size_t count)
{
	begin_script(w, SCRIPT_MARK, 3, 2 + count, OP_QUIET, 0);
	add_key(w, "votes:", poll);
	add_key(w, "tally:", poll);
	add_epoch(w);
	resp_int(&w->out, burst);
	for (size_t i = 0; i < count; i++)
		resp_str(&w->out, voters[i]);
}

/* What is only worth something while fresh does not queue. */
static void publish(struct writer *w, enum op_kind kind, const char *channel,
		    const char *json)
{
	if (w->state != WRITER_READY || w->refused || w->out.len > LIVE_BACKLOG)
		return;
	begin_op(w, kind, 0);
	resp_begin(&w->out, 3);
	resp_bytes(&w->out, "PUBLISH", 7);
	resp_str(&w->out, channel);
	resp_str(&w->out, json);
}

void writer_publish(struct writer *w, const char *live_json)
{
	publish(w, OP_PUBLISH, w->key_live, live_json);
}

void writer_publish_meters(struct writer *w, const char *json)
{
	publish(w, OP_METERS, w->key_meters, json);
}

bool writer_meters_wanted(const struct writer *w)
{
	return w->state == WRITER_READY && w->meter_readers > 0;
}

void writer_publish_away(struct writer *w, const char *live_json)
{
	free(w->away_word);
	w->away_word = xstrdup(live_json);
}

void writer_renew(struct writer *w)
{
	if (w->renewing)
		return;
	w->renewing = true;
	if (w->story_gone) {
		begin_op(w, OP_QUIET, 0);
		writer_put_story(w, &w->out, w->story_version, w->story_hash,
				 w->story);
		w->story_gone = false;
	}
	begin_script(w, SCRIPT_RENEW, 4, 6, OP_RENEW, 0);
	resp_str(&w->out, w->key_leader);
	resp_str(&w->out, w->key_events);
	resp_str(&w->out, w->key_story);
	add_epoch(w);
	resp_str(&w->out, w->leader);
	resp_int(&w->out, SCRIPT_LEASE_MS);
	resp_int(&w->out, (int64_t)w->acked_seq);
	/* As it will be when Redis comes to this. */
	resp_str(&w->out, w->story_hash);
	resp_int(&w->out, json_object_object_length(w->story) + 2);
}
