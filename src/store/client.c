#include "store/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/bus.h"
#include "store/entry.h"
#include "store/history.h"
#include "store/fsync.h"
#include "store/keys.h"
#include "store/link.h"
#include "store/refusal.h"
#include "store/snapshot.h"

#define SLACK_MS 3000
#define CHUNK	 500 /* see REPLY_MAX_BYTES */
#define CHUNKS	 4   /* asked for at once */

struct client {
	struct address *address;
	char *show, *name;
	struct link *link; /* NULL after it was lost; opened again at need */
	struct link *more[CHUNKS - 1]; /* beside it, to read much of the log */
	struct history *history;
};

static bool reach(struct client *c, struct err *err)
{
	if (!c->link)
		c->link = link_open(c->address, c->name, err);
	return c->link != NULL;
}

static void part(struct client *c)
{
	link_close(&c->link);
	for (size_t i = 0; i < COUNT_OF(c->more); i++)
		link_close(&c->more[i]);
}

struct client *client_open(const struct address *address, const char *show,
			   struct err *err)
{
	struct client *c = xcalloc(1, sizeof *c);
	c->address = address_clone(address);
	c->show = xstrdup(show);
	c->name = link_name(show, "client");
	c->history = history_new(show);
	if (!reach(c, err))
		client_close(&c);
	return c;
}

void client_close(struct client **client)
{
	struct client *c = *client;
	*client = NULL;
	if (!c)
		return;
	part(c);
	history_free(&c->history);
	address_free(&c->address);
	free(c->show);
	free(c->name);
	free(c);
}

/* The answer to what was added; a link that is lost is closed. */
static redisReply *ask(struct client *c, struct err *err)
{
	redisReply *r = link_ask(c->link, "Redis", err);
	if (!r)
		link_close(&c->link);
	return r;
}

/* GET key. NULL with err when Redis cannot be asked; "" when it is not there.
 */
static char *get(struct client *c, char *key, struct err *err)
{
	char *value = NULL;
	if (reach(c, err)) {
		link_add(c->link, "GET", key, (char *)NULL);
		redisReply *r = ask(c, err);
		if (r)
			value = xstrdup(r->str ? r->str : "");
		reply_free(r);
	}
	free(key);
	return value;
}

char *client_definition(struct client *c, struct err *err)
{
	char *hash = get(c, key_of(c->show, "show"), err);
	char *text = NULL;
	if (hash && *hash)
		text = get(c, key_with(c->show, "show:", hash), err);
	if (hash && !(text && *text) && (!*hash || text)) {
		free(text);
		text = NULL;
		err_set(err, ERR_UNAVAILABLE,
			"show %s: Redis at %s knows no such show", c->show,
			c->address->url);
	}
	free(hash);
	return text;
}

char *client_definition_of(struct client *c, const char *hash, struct err *err)
{
	char *text = get(c, key_with(c->show, "show:", hash), err);
	if (text && !*text) {
		free(text);
		text = NULL;
		err_set(err, ERR_DATA,
			"show %s: Redis at %s has no definition %.12s of it",
			c->show, c->address->url, hash);
	}
	return text;
}

char *client_snapshot(struct client *c, const char *run, struct err *err)
{
	return get(c, key_with(c->show, "snapshot:", run), err);
}

/* The text of a snapshot that was asked for, NULL with err when Redis is away.
 * One that is not good is as none. */
static char *take_snapshot(struct client *c, enum snapshot_got got,
			   struct snapshot *s, const struct err *why,
			   struct err *err)
{
	char *text = s->text;
	s->text = NULL;
	if (got == SNAPSHOT_BAD) {
		log_warn("store", "the snapshot is not used: %s", why->text);
	} else if (got == SNAPSHOT_AWAY) {
		if (err)
			*err = *why;
		link_close(&c->link);
	}
	return text;
}

char *client_newest(struct client *c, const char *show_hash, uint64_t *seq,
		    struct err *err)
{
	struct snapshot s = {0};
	struct err why = {0};
	if (!reach(c, err))
		return NULL;
	enum snapshot_got got = snapshot_read(c->link, c->show, &s, &why);
	char *text = take_snapshot(c, got, &s, &why, err);
	*seq = s.seq;
	if (text && strcmp(s.show, show_hash) != 0) {
		free(text);
		text = NULL;
	}
	return text;
}

char *client_ground(struct client *c, uint64_t *seq,
		    char show_hash[HASH_HEX_BYTES], struct err *err)
{
	struct snapshot s = {0};
	struct err why = {0};
	if (!reach(c, err))
		return NULL;
	enum snapshot_got got =
		snapshot_read_ground(c->link, c->show, "trimmed", &s, &why);
	*seq = s.seq;
	memcpy(show_hash, s.show, HASH_HEX_BYTES);
	return take_snapshot(c, got, &s, &why, err);
}

/* The first (or the last) entry of the log. */
static redisReply *ask_end(struct client *c, bool last, struct err *err)
{
	if (!reach(c, err))
		return NULL;
	char *key = key_of(c->show, "events");
	link_add(c->link, last ? "XREVRANGE" : "XRANGE", key, last ? "+" : "-",
		 last ? "-" : "+", "COUNT", "1", (char *)NULL);
	free(key);
	return ask(c, err);
}

bool client_ends(struct client *c, uint64_t *first, uint64_t *last,
		 struct err *err)
{
	uint64_t *const ends[] = {first, last};
	for (int i = 0; i < 2; i++) {
		redisReply *r = ask_end(c, i == 1, err);
		if (!r)
			return false;
		*ends[i] = r->type == REDIS_REPLY_ARRAY && r->elements
				   ? entry_seq(r->element[0])
				   : 0;
		reply_free(r);
	}
	return true;
}

/* The writer's name of a member: `_version` and `_hash` are its own, and what
 * looks like them has one underscore more (writer.h). */
static const char *member_name(const char *field)
{
	const char *bare = field + strspn(field, "_");
	bool ours = strcmp(bare, "version") == 0 || strcmp(bare, "hash") == 0;
	return ours && bare - field > 1 ? field + 1 : field;
}

static bool read_member(json_object *story, const char *field, const char *text,
			uint64_t *version, char hash[HASH_HEX_BYTES],
			struct err *err)
{
	if (strcmp(field, "_version") == 0) {
		*version = strtoull(text, NULL, 10);
		return true;
	}
	if (strcmp(field, "_hash") == 0) {
		snprintf(hash, HASH_HEX_BYTES, "%s", text);
		return true;
	}
	/* A value may be any JSON, and a reader wants an object or array. */
	char *wrapped = xasprintf("[%s]", text);
	json_object *a = json_read_str(wrapped, &json_limits_own, err);
	free(wrapped);
	if (!a)
		return err_wrap(err, "the key story, member %.60s", field);
	json_object_object_add(story, member_name(field),
			       json_clone(json_object_array_get_idx(a, 0)));
	json_object_put(a);
	return true;
}

json_object *client_story(struct client *c, uint64_t *version,
			  char hash[HASH_HEX_BYTES], struct err *err)
{
	json_object *story = NULL;
	bool ok = false;
	*version = 0;
	*hash = '\0';
	if (!reach(c, err))
		return NULL;
	char *key = key_of(c->show, "story");
	link_add(c->link, "HGETALL", key, (char *)NULL);
	redisReply *r = ask(c, err);
	free(key);
	if (!r)
		return NULL;
	story = json_object_new_object();
	ok = true;
	for (size_t i = 0; ok && i + 1 < r->elements; i += 2)
		ok = read_member(story, reply_str(r, i), reply_str(r, i + 1),
				 version, hash, err);
	reply_free(r);
	if (!ok) {
		json_object_put(story);
		story = NULL;
	}
	return story;
}

bool client_tally(struct client *c, const char *poll,
		  const char *const *options, size_t option_count,
		  int64_t *counts, int64_t *of_bursts, int burst_count,
		  struct ballots_sum *from, struct err *err)
{
	if (!reach(c, err))
		return false;
	char *name = xasprintf("tally:%s", poll);
	char *key = key_of(c->show, name);
	free(name);
	link_add(c->link, "HGETALL", key, (char *)NULL);
	redisReply *r = ask(c, err);
	free(key);
	if (!r)
		return false;
	for (size_t k = 0; k < option_count; k++)
		counts[k] = 0;
	*from = (struct ballots_sum){0};
	for (size_t i = 0; i + 1 < r->elements; i += 2) {
		const char *field = reply_str(r, i);
		char *option = NULL;
		if (ballots_sum_take(from, field,
				     strtoll(reply_str(r, i + 1), NULL, 10)))
			continue;
		long burst = *field == ':' ? strtol(field + 1, &option, 10) : 0;
		int64_t *to = counts;
		if (option && *option == ' ' && burst > 0 &&
		    burst <= burst_count) {
			to = of_bursts + (size_t)(burst - 1) * option_count;
			field = option + 1;
		}
		for (size_t k = 0; k < option_count; k++)
			if (strcmp(field, options[k]) == 0)
				to[k] = strtoll(reply_str(r, i + 1), NULL, 10);
	}
	reply_free(r);
	return true;
}

const char *client_fsync(struct client *c)
{
	return fsync_ask(c->link);
}

char *client_check(struct client *c, const char *card, const char *test,
		   struct err *err)
{
	char *key = key_of(c->show, "checks"), *field = key_check(card, test);
	char *value = NULL;
	if (reach(c, err)) {
		link_add(c->link, "HGET", key, field, (char *)NULL);
		redisReply *r = ask(c, err);
		if (r)
			value = xstrdup(r->str ? r->str : "");
		reply_free(r);
	}
	free(field);
	free(key);
	return value;
}

char *client_leader(struct client *c, struct err *err)
{
	return get(c, key_of(c->show, "leader"), err);
}

/* --- the log ------------------------------------------------------------ */

static bool ask_events(struct client *c, struct link *link, uint64_t after,
		       size_t max, int block_ms, struct err *err)
{
	char count[24], from[32], block[16];
	char *key = key_of(c->show, "events");
	snprintf(count, sizeof count, "%zu", max);
	snprintf(from, sizeof from, "%llu-0", (unsigned long long)after);
	snprintf(block, sizeof block, "%d", block_ms);
	if (block_ms > 0)
		link_add(link, "XREAD", "COUNT", count, "BLOCK", block,
			 "STREAMS", key, from, (char *)NULL);
	else
		link_add(link, "XREAD", "COUNT", count, "STREAMS", key, from,
			 (char *)NULL);
	free(key);
	return link_flush(link, err);
}

static redisReply *take_events(struct link *link, int block_ms, struct err *err)
{
	redisReply *r = NULL;
	enum link_got got = link_take(link, -1, block_ms + SLACK_MS, &r, err);
	if (got == LINK_NOTHING)
		err_set(err, ERR_UNAVAILABLE, "Redis is away: no answer");
	if (got != LINK_REPLY || r->type != REDIS_REPLY_ERROR)
		return r;
	refusal_set(err, "reading the log", r->str);
	reply_free(r);
	return NULL;
}

/* The entries that XREAD gave, NULL: none came in time. Lent. */
static const redisReply *entries_of(const redisReply *r)
{
	return r->type == REDIS_REPLY_ARRAY && r->elements &&
			       r->element[0]->elements == 2
		       ? r->element[0]->element[1]
		       : NULL;
}

/* What was read, piece by piece. */
struct got {
	struct event **events;
	size_t count;
	bool gap;  /* the first event is not the one that was asked for */
	bool ends; /* nothing more is to be added */
};

static bool add_entries(struct got *got, const redisReply *list, uint64_t after,
			struct err *err)
{
	size_t n = list ? list->elements : 0;
	got->ends = n < CHUNK;
	got->gap = n && !got->count && entry_seq(list->element[0]) > after + 1;
	if (!n)
		return true;
	got->events =
		xreallocarray(got->events, got->count + n, sizeof *got->events);
	for (size_t i = 0; i < n; i++) {
		struct event *e = entry_event(list->element[i],
					      after + 1 + got->count, err);
		if (!e)
			return false;
		got->events[got->count++] = e;
	}
	return true;
}

/* Each chunk over a link of its own, all at once: Redis gives a link 64 KiB
 * each time it has synced what others wrote. Where it takes no more links,
 * fewer. How many were asked for; 0 with err. */
static size_t ask_chunks(struct client *c, uint64_t after, size_t max,
			 int block_ms, struct err *err)
{
	size_t asked = 0;
	for (size_t done = 0; done < max; done += CHUNK, asked++) {
		struct link **link = asked ? &c->more[asked - 1] : &c->link;
		if (!*link)
			*link = link_open(c->address, c->name,
					  asked ? NULL : err);
		if (!*link)
			break;
		if (!ask_events(c, *link, after + done,
				max - done < CHUNK ? max - done : CHUNK,
				block_ms, err))
			return 0;
	}
	return asked;
}

static bool read_log(struct client *c, uint64_t after, size_t max, int block_ms,
		     struct got *got, struct err *err)
{
	size_t asked = ask_chunks(c, after, max, block_ms, err);
	bool ok = asked > 0, there = ok;
	for (size_t i = 0; there && i < asked; i++) {
		redisReply *r = take_events(i ? c->more[i - 1] : c->link,
					    block_ms, ok ? err : NULL);
		there = r != NULL;
		if (ok && r && !got->ends)
			ok = add_entries(got, entries_of(r), after, err);
		reply_free(r);
	}
	if (!there)
		part(c);
	return ok && there;
}

int client_events(struct client *c, uint64_t after, size_t max, int block_ms,
		  struct event ***events, struct err *err)
{
	struct got got = {0};
	struct err why = {0};
	*events = NULL;
	if (max > CHUNKS * CHUNK)
		max = CHUNKS * CHUNK;
	if (block_ms > 0 && max > CHUNK)
		max = CHUNK;
	if (!reach(c, err))
		return -1;
	if (history_has(c->history, after + 1))
		return history_events(c->history, c->link, after, max, events,
				      err);
	bool ok = read_log(c, after, max, block_ms, &got, &why);
	*events = got.events;
	if (got.count || ok) /* whoever reads on is told why no more came */
		return (int)got.count;
	free(got.events);
	*events = NULL;
	/* What is missing in between may have been trimmed by us. */
	int count = got.gap && c->link ? history_events(c->history, c->link,
							after, max, events, err)
				       : 0;
	if (count == 0 && err)
		*err = why;
	return count ? count : -1;
}

bool client_readable(struct client *c, uint64_t *first, uint64_t *last,
		     char *why, size_t why_bytes, struct err *err)
{
	if (!client_ends(c, first, last, err))
		return false;
	if (*first > 1)
		*first = history_oldest(c->history, c->link, *first, err);
	if (*last && !*first)
		return false;
	if (why)
		history_missing(c->history, *first, why, why_bytes);
	return true;
}

/* --- commands ----------------------------------------------------------- */

/* The JSON of the answer (caller frees); NULL: none came (no err), or err. */
static char *wait_answer(struct client *c, const char *id, int timeout_ms,
			 struct err *err)
{
	char *key = key_with(c->show, "reply:", id);
	char seconds[32];
	char *answer = NULL;
	redisReply *r = NULL;
	/* 0 would wait for ever. */
	snprintf(seconds, sizeof seconds, "%d.%03d", timeout_ms / 1000,
		 timeout_ms % 1000 ? timeout_ms % 1000
				   : (timeout_ms < 1000 ? 1 : 0));
	link_add(c->link, "BLPOP", key, seconds, (char *)NULL);
	if (link_flush(c->link, err)) {
		enum link_got got =
			link_take(c->link, -1, timeout_ms + SLACK_MS, &r, err);
		if (got == LINK_NOTHING)
			err_set(err, ERR_UNAVAILABLE,
				"Redis is away: no answer");
		else if (got == LINK_REPLY && r->type == REDIS_REPLY_ERROR)
			refusal_set(err, "waiting for the answer", r->str);
		else if (got == LINK_REPLY && r->elements == 2)
			answer = xstrdup(reply_str(r, 1));
	}
	reply_free(r);
	free(key);
	return answer;
}

static bool nobody(struct client *c, bool taken, struct err *err)
{
	if (taken)
		return err_set(err, ERR_AGAIN,
			       "show %s: the core has the command and has not "
			       "answered yet; if it waits for approval, "
			       "`showcaller inbox %s` has it",
			       c->show, c->show);
	return err_set(err, ERR_UNAVAILABLE,
		       "show %s: no core answered; the command was taken back. "
		       "Is it running? See `showcaller status %s`",
		       c->show, c->show);
}

bool client_command(struct client *c, const char *action,
		    const char *const *args, int arg_count, const char *by,
		    const char *reason, int timeout_ms, char **text,
		    struct err *err)
{
	char id[BUS_ID_BYTES];
	struct err why = {0};
	char *command =
		bus_command_text(action, args, arg_count, by, reason, id);
	char *entry = NULL, *answer = NULL;
	bool ok = false, taken = false;
	*text = NULL;
	if (reach(c, &why))
		entry = bus_send(c->link, c->show, command, LINK_ASK_MS, &why);
	if (entry)
		answer = wait_answer(c, id, timeout_ms, &why);
	if (entry && !answer && !why.code)
		answer = bus_withdraw(c->link, c->show, entry, id, &taken);
	if (answer) {
		ok = bus_answer(answer, text);
		if (!ok)
			err_set(err, ERR_NO, "%s", *text);
	} else if (why.code) {
		link_close(&c->link);
		if (err)
			*err = why;
	} else {
		nobody(c, taken, err);
	}
	free(answer);
	free(entry);
	free(command);
	return ok;
}

int64_t client_rtt_us(struct client *c)
{
	if (!reach(c, NULL))
		return -1;
	int64_t begin = clock_mono_us();
	link_add(c->link, "PING", (char *)NULL);
	redisReply *r = ask(c, NULL);
	int64_t rtt_us = r ? clock_mono_us() - begin : -1;
	reply_free(r);
	return rtt_us;
}
