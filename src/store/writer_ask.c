#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "store/fsync.h"
#include "store/keys.h"
#include "store/refusal.h"
#include "store/resp.h"
#include "store/writer_in.h"

#define MIN_MAJOR	7
#define RESIGN_DRAIN_MS 1000

/* --- asking, with one try on a new link --------------------------------- */

static bool load_scripts(struct writer *w, struct err *err)
{
	for (int i = 0; i < SCRIPTS; i++) {
		link_add(w->ask, "SCRIPT", "LOAD", script_texts[i],
			 (char *)NULL);
		redisReply *r = link_ask(w->ask, "Redis takes no scripts", err);
		bool ok = r && r->type == REDIS_REPLY_STRING && r->len == 40;
		if (ok)
			memcpy(w->sha[i], r->str, 41);
		reply_free(r);
		if (!ok)
			return false;
	}
	return true;
}

static bool reopen(struct writer *w, struct err *err)
{
	link_close(&w->ask);
	w->ask = link_open(w->address, w->name, err);
	return w->ask && load_scripts(w, err);
}

redisReply *writer_ask(struct writer *w, struct buf *cmd, struct err *err)
{
	struct err first = {0};
	redisReply *r = NULL;
	w->asked_again = false;
	if (w->ask) {
		buf_add(&w->ask->out, cmd->data, cmd->len);
		r = link_ask(w->ask, w->address->url, &first);
	}
	if (!r && first.code != ERR_CONFIG && reopen(w, err)) {
		w->asked_again = true;
		buf_add(&w->ask->out, cmd->data, cmd->len);
		r = link_ask(w->ask, w->address->url, err);
	} else if (!r && first.code == ERR_CONFIG && err) {
		*err = first;
	}
	buf_release(cmd);
	return r;
}

void writer_put(struct buf *cmd, ...)
{
	va_list ap;
	va_start(ap, cmd);
	resp_command(cmd, ap);
	va_end(ap);
}

/* --- inspection --------------------------------------------------------- */

/* "name:value" out of INFO; into `out`. */
static const char *info(const char *text, const char *name, char *out,
			size_t bytes)
{
	char *line = xasprintf("\n%s:", name);
	const char *at = strstr(text, line);
	out[0] = '\0';
	if (at) {
		at += strlen(line);
		snprintf(out, bytes, "%.*s", (int)strcspn(at, "\r\n"), at);
	}
	free(line);
	return out;
}

static void warn(struct writer *w, const char *text)
{
	if (w->warnings.len)
		buf_adds(&w->warnings, "; ");
	buf_adds(&w->warnings, text);
	log_warn("store", "%s: %s", w->address->url, text);
}

static bool judge_info(struct writer *w, const char *text, struct err *err)
{
	char v[64];
	info(text, "redis_version", v, sizeof v);
	if (atoi(v) < MIN_MAJOR)
		return err_set(err, ERR_CONFIG,
			       "Redis at %s has version %s; 7 or later is "
			       "needed",
			       w->address->url, v[0] ? v : "(unknown)");
	if (strcmp(info(text, "role", v, sizeof v), "slave") == 0)
		return err_set(err, ERR_CONFIG,
			       "Redis at %s is a replica; give the master's "
			       "address",
			       w->address->url);
	if (strcmp(info(text, "aof_enabled", v, sizeof v), "1") != 0)
		warn(w, "appendonly is off: a crash of Redis loses events");
	info(text, "maxmemory_policy", v, sizeof v);
	if (v[0] && strcmp(v, "noeviction") != 0)
		warn(w, "maxmemory-policy is not noeviction: Redis may drop "
			"keys of the show");
	if (strcmp(info(text, "aof_last_write_status", v, sizeof v), "err") ==
	    0)
		warn(w, "Redis could not write its append-only file");
	return true;
}

static void judge_fsync(struct writer *w)
{
	w->fsync = fsync_ask(w->ask);
	if (strcmp(w->fsync, "unknown") == 0)
		warn(w, "appendfsync cannot be seen: what a crash of Redis "
			"loses is not known");
	else if (strcmp(w->fsync, "everysec") == 0)
		warn(w, "appendfsync is everysec: a crash of Redis may lose "
			"the last second");
	else if (strcmp(w->fsync, "no") == 0)
		warn(w, "appendfsync is no: a crash of Redis may lose the "
			"last half minute");
}

static bool judge_types(struct writer *w, struct err *err)
{
	static const struct {
		const char *name, *type;
	} keys[] = {{"events", "stream"},    {"commands", "stream"},
		    {"proposals", "stream"}, {"votes", "stream"},
		    {"story", "hash"},
		    {"leader", "string"},    {"epoch", "string"},
		    {"schema", "string"},    {"show", "string"},
		    {"run:show", "string"},  {"snapshot:last", "string"}};
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		struct buf cmd = {0};
		char *key = key_of(w->show, keys[i].name);
		writer_put(&cmd, "TYPE", key, (char *)NULL);
		redisReply *r = writer_ask(w, &cmd, err);
		bool ok = r && (strcmp(r->str, "none") == 0 ||
				strcmp(r->str, keys[i].type) == 0);
		if (r && !ok)
			err_set(err, ERR_CONFIG,
				"Redis at %s: the key %s is a %s and should be "
				"a %s. Something else writes there; take "
				"another database or remove it",
				w->address->url, key, r->str, keys[i].type);
		reply_free(r);
		free(key);
		if (!ok)
			return false;
	}
	return true;
}

static bool inspect(struct writer *w, struct err *err)
{
	struct buf cmd = {0};
	writer_put(&cmd, "INFO", (char *)NULL);
	redisReply *r = writer_ask(w, &cmd, err);
	bool ok = r && r->str && judge_info(w, r->str, err);
	reply_free(r);
	if (ok)
		judge_fsync(w);
	return ok && judge_types(w, err);
}

/* --- open and close ----------------------------------------------------- */

/* Pumps until it is ready, or nothing waits; bounded by `timeout_ms`. */
static bool settle(struct writer *w, bool drain, int timeout_ms)
{
	int64_t end = clock_mono_ms() + timeout_ms;
	for (;;) {
		writer_pump(w, 0);
		if (w->state == WRITER_READY && (!drain || !writer_waiting(w)))
			return true;
		int64_t left = end - clock_mono_ms();
		int wait = writer_timeout_ms(w);
		if (left <= 0)
			return false;
		struct pollfd p = {writer_fd(w), writer_poll_events(w), 0};
		if (poll(&p, 1, wait > 0 && wait < left ? wait : (int)left) > 0)
			writer_pump(w, p.revents);
	}
}

struct writer *writer_open(const struct address *address, const char *show,
			   struct err *err)
{
	struct writer *w = xcalloc(1, sizeof *w);
	w->address = address_clone(address);
	w->show = xstrdup(show);
	w->name = link_name(show, "core");
	w->key_epoch = key_of(show, "epoch");
	w->key_leader = key_of(show, "leader");
	w->key_events = key_of(show, "events");
	w->key_story = key_of(show, "story");
	w->key_live = key_of(show, "live");
	w->key_meters = key_of(show, "meters");
	w->key_schema = key_of(show, "schema");
	w->key_run_show = key_of(show, "run:show");
	w->key_show = key_of(show, "show");
	w->key_last = key_of(show, "snapshot:last");
	w->key_ended = key_of(show, "ended");
	w->story = json_object_new_object();
	w->away_since_ms = clock_mono_ms();
	w->answer_ms = WRITER_ANSWER_MS;
	if (!reopen(w, err) || !inspect(w, err)) {
		writer_close(&w);
		return NULL;
	}
	writer_connect(w);
	if (!settle(w, false, LINK_ASK_MS)) {
		err_set(err, ERR_UNAVAILABLE, "Redis at %s: %s", address->url,
			w->why[0] ? w->why : "it does not answer");
		writer_close(&w);
	}
	return w;
}

void writer_close(struct writer **writer)
{
	struct writer *w = *writer;
	struct writer_done done;
	*writer = NULL;
	if (!w)
		return;
	while (writer_next(w, &done))
		writer_done_release(&done);
	link_close(&w->ask);
	lookup_drop(&w->lookup);
	if (w->c)
		redisFree(w->c);
	address_free(&w->address);
	char **strings[] = {&w->show,	    &w->name,	    &w->key_epoch,
			    &w->key_leader, &w->key_events, &w->key_story,
			    &w->key_live,   &w->key_schema, &w->key_run_show,
			    &w->key_show,   &w->key_last,   &w->numeric_host,
			    &w->key_ended,  &w->leader,	    &w->away_word,
			    &w->key_meters};
	for (size_t i = 0; i < COUNT_OF(strings); i++)
		free(*strings[i]);
	json_object_put(w->story);
	buf_release(&w->warnings);
	buf_release(&w->hello);
	buf_release(&w->out);
	buf_release(&w->text);
	writer_forget(w);
	free(w->ops);
	free(w->done);
	free(w);
}

const char *writer_fsync(const struct writer *w)
{
	return w->fsync;
}

const char *writer_warnings(const struct writer *w)
{
	return buf_str(&w->warnings);
}

/* --- leading ------------------------------------------------------------ */

static redisReply *ask_lead(struct writer *w, const char *host, const char *pid,
			    const char *how, struct err *err)
{
	struct buf cmd = {0};
	char lease[16];
	snprintf(lease, sizeof lease, "%d", SCRIPT_LEASE_MS);
	w->lease_until_ms = clock_show_ms() + SCRIPT_LEASE_MS;
	writer_put(&cmd, "EVALSHA", w->sha[SCRIPT_LEAD], "5", w->key_epoch,
		   w->key_leader, w->key_events, w->key_schema, w->key_ended,
		   how, host, pid, lease, (char *)NULL);
	return writer_ask(w, &cmd, err);
}

/* A lead that was sent twice finds its own first one. */
static bool held_by_us(const struct writer *w, const redisReply *r,
		       const char *host, const char *pid)
{
	char *us = xasprintf(" %s %s", host, pid);
	const char *leader = reply_str(r, 1), *rest = strchr(leader, ' ');
	bool ours = w->asked_again && strcmp(reply_str(r, 0), "HELD") == 0 &&
		    rest && strcmp(rest, us) == 0;
	free(us);
	return ours;
}

static bool no_lead(struct writer *w, const redisReply *r, struct err *err)
{
	const char *word = reply_str(r, 0);
	char *clean = text_clean_str(reply_str(r, 1), 100);
	if (strcmp(word, "HELD") == 0)
		err_set(err, ERR_AGAIN,
			"show %s: another core leads it (epoch, host, pid: "
			"%s). Attach to it, or stop it first",
			w->show, clean);
	else if (strcmp(word, "LOST") == 0)
		err_set(err, ERR_CONFIG,
			"show %s: Redis at %s has its log but not its epoch: "
			"part of the data is lost. Restore it from a backup, "
			"or remove the keys showcaller:{%s}:*",
			w->show, w->address->url, w->show);
	else
		err_set(err, ERR_CONFIG,
			"show %s: its data in Redis is of schema %s, this "
			"program knows " SCRIPT_SCHEMA,
			w->show, clean);
	free(clean);
	return false;
}

static redisReply *lead(struct writer *w, const char *host, int pid,
			const char *how, struct err *err)
{
	char digits[16];
	snprintf(digits, sizeof digits, "%d", pid);
	redisReply *r = ask_lead(w, host, digits, how, err);
	if (r && strcmp(how, "look") != 0 && held_by_us(w, r, host, digits)) {
		reply_free(r);
		r = ask_lead(w, host, digits, "force", err);
	}
	if (!r || r->type != REDIS_REPLY_INTEGER)
		return r;
	w->epoch = r->integer;
	snprintf(w->epoch_text, sizeof w->epoch_text, "%lld", r->integer);
	free(w->leader);
	w->leader = xasprintf("%lld %s %d", r->integer, host, pid);
	return r;
}

bool writer_lead(struct writer *w, const char *host, int pid, int64_t *epoch,
		 bool force, struct err *err)
{
	redisReply *r = lead(w, host, pid, force ? "force" : "take", err);
	bool ok = r && r->type == REDIS_REPLY_INTEGER;
	if (ok)
		*epoch = w->epoch;
	else if (r)
		no_lead(w, r, err);
	reply_free(r);
	return ok;
}

static enum writer_stand judge_look(struct writer *w, const redisReply *r,
				    struct writer_leader *leader,
				    struct err *err)
{
	const char *word = reply_str(r, 0);
	leader->left_ms = 0;
	if (strcmp(word, "HELD") == 0) {
		char *clean = text_clean_str(reply_str(r, 1),
					     sizeof leader->text - 1);
		snprintf(leader->text, sizeof leader->text, "%s", clean);
		free(clean);
		leader->left_ms = r->element[2]->integer;
		return WRITER_STANDS_BY;
	}
	if (strcmp(word, "FREE") == 0)
		return WRITER_FREE;
	if (strcmp(word, "ENDED") == 0) {
		err_set(err, ERR_NONE, "%s", reply_str(r, 1));
		return WRITER_ENDED;
	}
	no_lead(w, r, err);
	return WRITER_CANNOT;
}

enum writer_stand writer_stand_by(struct writer *w, const char *host, int pid,
				  bool take, struct writer_leader *leader,
				  int64_t *epoch, struct err *err)
{
	redisReply *r = lead(w, host, pid, take ? "follow" : "look", err);
	enum writer_stand stand = WRITER_GONE;
	if (r && r->type == REDIS_REPLY_INTEGER) {
		*epoch = w->epoch;
		stand = WRITER_LEADS;
	} else if (r) {
		stand = judge_look(w, r, leader, err);
	} else if (err->code == ERR_CONFIG) {
		stand = WRITER_CANNOT;
	}
	reply_free(r);
	return stand;
}

bool writer_ended(struct writer *w, bool *ended, struct err *err)
{
	struct buf cmd = {0};
	writer_put(&cmd, "EXISTS", w->key_ended, (char *)NULL);
	redisReply *r = writer_ask(w, &cmd, err);
	*ended = r && r->integer == 1;
	reply_free(r);
	return r != NULL;
}

void writer_resign(struct writer *w, const char *ended)
{
	struct buf cmd = {0};
	if (!w->epoch)
		return;
	if (w->state == WRITER_READY && !settle(w, true, RESIGN_DRAIN_MS))
		log_warn("store", "%zu operations were not answered at the end",
			 writer_waiting(w));
	writer_put(&cmd, "EVALSHA", w->sha[SCRIPT_RESIGN], "3", w->key_epoch,
		   w->key_leader, w->key_ended, w->epoch_text, ended,
		   (char *)NULL);
	reply_free(writer_ask(w, &cmd, NULL));
	w->epoch = 0;
}

bool writer_secret(struct writer *w, const char *name, char *secret,
		   size_t bytes, struct err *err)
{
	struct buf cmd = {0};
	char *key = key_with(w->show, "secret:", name);
	writer_put(&cmd, "SET", key, secret, "NX", "GET", (char *)NULL);
	redisReply *r = writer_ask(w, &cmd, err);
	free(key);
	bool ok = r && (r->type == REDIS_REPLY_NIL ||
			(r->type == REDIS_REPLY_STRING && r->len + 1 == bytes));
	if (ok && r->type == REDIS_REPLY_STRING)
		memcpy(secret, r->str, bytes);
	else if (r && !ok)
		err_set(err, ERR_DATA, "secret:%s in Redis is not ours", name);
	reply_free(r);
	return ok;
}
