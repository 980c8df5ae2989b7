#include "store/tail.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "core/input.h"
#include "store/bus.h"
#include "store/keys.h"
#include "store/link.h"
#include "store/refusal.h"

#define CHUNK	   "64"
#define BLOCK_MS   2000
#define SLACK_MS   3000 /* the client's patience must exceed BLOCK */
#define POST_MS	   100
#define POSTED_MAX 4096
#define ID_BYTES   48

/* Names are literals: inputs carry them. */
static const char *const streams[] = {"commands", "proposals", "votes"};
enum { COMMANDS, PROPOSALS, VOTES };
#define STREAMS COUNT_OF(streams)

struct entry_id {
	unsigned long long ms, n;
};

struct source {
	const char *name;
	char *key;
	/* What this process has given to the engine, the newest: entries that
	 * are pending and not among them were delivered to somebody else (the
	 * core before us, or a connection of ours that died with them). */
	struct entry_id posted[POSTED_MAX];
	size_t next;
};

struct tail {
	struct address *address;
	char *show, *name;
	struct mailbox *engine;
	struct source sources[STREAMS];
	struct link *link;
	int owed; /* answers that Redis has yet to give to dismissals */
	int stop_fd;
	pthread_t thread;
	char last_error[256];
};

static bool read_id(const char *s, struct entry_id *id)
{
	return s && sscanf(s, "%llu-%llu", &id->ms, &id->n) == 2;
}

static bool was_posted(const struct source *s, struct entry_id id)
{
	for (size_t i = 0; i < POSTED_MAX; i++)
		if (s->posted[i].ms == id.ms && s->posted[i].n == id.n)
			return true;
	return false;
}

/* --- entries to inputs -------------------------------------------------- */

/* Acknowledges an entry that never reaches the engine; an answer goes to
 * whoever asked. Leaves with all of the batch: what is good must not wait while
 * Redis syncs once for each that is not. */
static void dismiss(struct tail *t, const struct source *s, const char *entry,
		    const char *id, const char *why)
{
	if (id) {
		json_object *o = json_object_new_object();
		char *key = key_with(t->show, "reply:", id);
		json_add_bool(o, "ok", false);
		json_add_str(o, "text", why);
		link_add(t->link, "LPUSH", key, json_text(o), (char *)NULL);
		link_add(t->link, "EXPIRE", key, "60", (char *)NULL);
		t->owed += 2;
		free(key);
		json_object_put(o);
	}
	link_add(t->link, "XACK", s->key, "core", entry, (char *)NULL);
	t->owed++;
}

static bool send_dismissals(struct tail *t, struct err *err)
{
	if (t->owed && !link_flush(t->link, err))
		return false;
	for (; t->owed > 0; t->owed--) {
		redisReply *r = NULL;
		if (link_take(t->link, -1, LINK_ASK_MS, &r, err) != LINK_REPLY)
			return false;
		reply_free(r);
	}
	return true;
}

static bool is_stopping(const struct tail *t)
{
	struct pollfd p = {t->stop_fd, POLLIN, 0};
	return poll(&p, 1, 0) == 1;
}

/* False: we are stopping; the entry stays pending for the next core. */
static bool give(struct tail *t, struct source *s, const char *entry,
		 struct input **in)
{
	struct entry_id id = {0};
	(*in)->stream = s->name;
	(*in)->entry = xstrdup(entry);
	while (!mailbox_post_wait(t->engine, in, POST_MS)) {
		if (is_stopping(t) || mailbox_closed(t->engine)) {
			input_free(in);
			return false;
		}
	}
	if (read_id(entry, &id))
		s->posted[s->next++ % POSTED_MAX] = id;
	return true;
}

static struct input *make_command(json_object *o, struct err *err)
{
	struct input *in = input_command(o, err);
	if (in) {
		in->origin.kind = ORIGIN_BUS;
		snprintf(in->origin.id, sizeof in->origin.id, "%s",
			 json_get_str(o, "id", ""));
	}
	return in;
}

/* An id becomes part of a key and of answers. */
static const char *usable_id(json_object *o)
{
	const char *id = json_get_str(o, "id", NULL);
	return id && *id && strlen(id) < sizeof((struct origin *)0)->id ? id
									: NULL;
}

static struct input *make_vote(json_object *o, struct err *err)
{
	struct ballots *b = bus_vote(o, err);
	return b ? input_votes(&b) : NULL;
}

/* How the entries of each stream become inputs. */
static const struct {
	json_object *(*read)(const redisReply *entry, struct err *err);
	struct input *(*make)(json_object *o, struct err *err);
} kinds[] = {
	[COMMANDS] = {bus_command, make_command},
	[PROPOSALS] = {bus_proposal, input_bus_proposal},
	[VOTES] = {bus_vote_entry, make_vote},
};

static bool take_entry(struct tail *t, struct source *s, const redisReply *e)
{
	const char *id = reply_str(e, 0);
	size_t kind = (size_t)(s - t->sources);
	struct err why = {0};
	if (!*id)
		return true;
	if (e->elements != 2 || e->element[1]->type != REDIS_REPLY_ARRAY) {
		dismiss(t, s, id, NULL, ""); /* it was deleted */
		return true;
	}
	json_object *o = kinds[kind].read(e, &why);
	struct input *in = NULL;
	bool asks = kind == COMMANDS || (o && json_get(o, "id"));
	if (o && asks && kind != PROPOSALS && !usable_id(o))
		err_set(&why, ERR_DATA, "its id is longer than 63 bytes");
	else if (o)
		in = kinds[kind].make(o, &why);
	bool ok = true;
	if (in) {
		ok = give(t, s, id, &in);
	} else {
		log_warn("store", "%s %s dropped: %s", s->name, id, why.text);
		dismiss(t, s, id,
			kind == PROPOSALS    ? NULL
			: o && usable_id(o)  ? usable_id(o)
			: kind == COMMANDS   ? id
					     : NULL,
			why.text);
	}
	json_object_put(o);
	return ok;
}

/* --- reading ------------------------------------------------------------ */

static struct source *source_of(struct tail *t, const char *key)
{
	for (size_t i = 0; i < STREAMS; i++)
		if (strcmp(t->sources[i].key, key) == 0)
			return &t->sources[i];
	return NULL;
}

/* [[key, [entry, ...]], ...]; `pending`: skip what the engine has. */
static bool take_streams(struct tail *t, const redisReply *r, bool pending,
			 struct err *err)
{
	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements;
	     i++) {
		const redisReply *stream = r->element[i];
		struct source *s = source_of(t, reply_str(stream, 0));
		if (!s || stream->elements != 2)
			continue;
		const redisReply *entries = stream->element[1];
		for (size_t j = 0; j < entries->elements; j++) {
			struct entry_id id = {0};
			const redisReply *e = entries->element[j];
			if (pending && read_id(reply_str(e, 0), &id) &&
			    was_posted(s, id))
				continue;
			if (!take_entry(t, s, e))
				return false;
		}
	}
	return send_dismissals(t, err);
}

/* What is pending, from the oldest on. */
static bool read_pending(struct tail *t, struct source *s, struct err *err)
{
	char after[ID_BYTES] = "0";
	bool ok = true, more = true;
	while (ok && more) {
		link_add(t->link, "XREADGROUP", "GROUP", "core", "core",
			 "COUNT", CHUNK, "STREAMS", s->key, after,
			 (char *)NULL);
		redisReply *r = link_ask(t->link, s->key, err);
		ok = r != NULL;
		more = ok && r->type == REDIS_REPLY_ARRAY && r->elements == 1 &&
		       r->element[0]->elements == 2 &&
		       r->element[0]->element[1]->elements > 0;
		if (more) {
			const redisReply *list = r->element[0]->element[1];
			snprintf(after, sizeof after, "%s",
				 reply_str(list->element[list->elements - 1],
					   0));
			ok = take_streams(t, r, true, err);
		}
		reply_free(r);
	}
	return ok;
}

static bool read_all_pending(struct tail *t, struct err *err)
{
	for (size_t i = 0; i < STREAMS; i++)
		if (!read_pending(t, &t->sources[i], err))
			return false;
	return true;
}

/* In one turn: each that is made is a write, and Redis syncs a turn at once. */
static bool make_groups(struct tail *t, struct err *err)
{
	bool ok = true;
	for (size_t i = 0; i < STREAMS; i++)
		link_add(t->link, "XGROUP", "CREATE", t->sources[i].key, "core",
			 "0", "MKSTREAM", (char *)NULL);
	if (!link_flush(t->link, err))
		return false;
	for (size_t i = 0; i < STREAMS; i++) {
		redisReply *r = NULL;
		if (link_take(t->link, -1, LINK_ASK_MS, &r, err) != LINK_REPLY)
			return false;
		if (r->type == REDIS_REPLY_ERROR &&
		    !strstr(r->str, "BUSYGROUP")) {
			refusal_set(err, t->sources[i].key, r->str);
			ok = false;
		}
		reply_free(r);
	}
	return ok;
}

/* One blocking read. False: err says why, or we are stopping (no err). */
static bool read_new(struct tail *t, struct err *err)
{
	char block[16];
	redisReply *r = NULL;
	bool ok = false;
	snprintf(block, sizeof block, "%d", BLOCK_MS);
	link_add(t->link, "XREADGROUP", "GROUP", "core", "core", "COUNT", CHUNK,
		 "BLOCK", block, "STREAMS", t->sources[COMMANDS].key,
		 t->sources[PROPOSALS].key, t->sources[VOTES].key, ">", ">",
		 ">", (char *)NULL);
	if (!link_flush(t->link, err))
		return false;
	switch (link_take(t->link, t->stop_fd, BLOCK_MS + SLACK_MS, &r, err)) {
	case LINK_NOTHING:
		return err_set(err, ERR_UNAVAILABLE,
			       "Redis is away: it answers nothing");
	case LINK_STOP:
	case LINK_DOWN:
		return false;
	case LINK_REPLY:
		break;
	}
	if (r->type == REDIS_REPLY_ERROR) /* NOGROUP, UNBLOCKED: begin anew */
		refusal_set(err, "reading the bus", r->str);
	else if (r->type == REDIS_REPLY_NIL)
		/* At rest: was something delivered to a connection that is
		 * gone, or to a core that no longer leads? */
		ok = read_all_pending(t, err);
	else
		ok = take_streams(t, r, false, err);
	reply_free(r);
	return ok;
}

static void *run(void *arg)
{
	struct tail *t = arg;
	int delay_ms = 0;
	while (!is_stopping(t)) {
		struct err err = {0};
		t->owed = 0;
		t->link = link_open(t->address, t->name, &err);
		if (t->link && make_groups(t, &err) &&
		    read_all_pending(t, &err)) {
			delay_ms = 0;
			t->last_error[0] = '\0';
			while (!is_stopping(t) && read_new(t, &err))
				;
		}
		link_close(&t->link);
		if (is_stopping(t))
			break;
		if (strncmp(t->last_error, err.text,
			    sizeof t->last_error - 1) != 0)
			log_warn("store", "bus: %s", err.text);
		snprintf(t->last_error, sizeof t->last_error, "%.255s",
			 err.text);
		struct pollfd p = {t->stop_fd, POLLIN, 0};
		poll(&p, 1, link_backoff(&delay_ms));
	}
	return NULL;
}

struct tail *tail_start(const struct address *address, const char *show,
			struct mailbox *engine, struct err *err)
{
	struct tail *t = xcalloc(1, sizeof *t);
	t->address = address_clone(address);
	t->show = xstrdup(show);
	t->name = link_name(show, "tail");
	t->engine = engine;
	for (size_t i = 0; i < STREAMS; i++) {
		t->sources[i].name = streams[i];
		t->sources[i].key = key_of(show, streams[i]);
	}
	t->stop_fd = eventfd(0, EFD_CLOEXEC);
	REQUIRE(t->stop_fd >= 0);
	int error = pthread_create(&t->thread, NULL, run, t);
	if (error) {
		err_set(err, ERR_AGAIN, "no thread for the bus: %s",
			strerror(error));
		t->thread = 0;
		tail_stop(&t);
	}
	return t;
}

void tail_stop(struct tail **tail)
{
	struct tail *t = *tail;
	*tail = NULL;
	if (!t)
		return;
	if (t->thread) {
		eventfd_write(t->stop_fd, 1);
		pthread_join(t->thread, NULL);
	}
	close(t->stop_fd);
	for (size_t i = 0; i < STREAMS; i++)
		free(t->sources[i].key);
	address_free(&t->address);
	free(t->show);
	free(t->name);
	free(t);
}
