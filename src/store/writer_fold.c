#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/snapshot.h"
#include "show/show_read.h"
#include "store/entry.h"
#include "store/keys.h"
#include "store/resp.h"
#include "store/snapshot.h"
#include "store/writer_in.h"

#define FOLD_CHUNK "500"

/* The chunk behind the one that is being folded: Redis works on it meanwhile.
 */
struct ahead {
	bool asked;	   /* and not answered */
	redisReply *reply; /* the answer that came already */
};

static void put_range(struct buf *cmd, const struct writer *w, uint64_t after)
{
	char from[32];
	snprintf(from, sizeof from, "(%llu-0", (unsigned long long)after);
	writer_put(cmd, "XRANGE", w->key_events, from, "+", "COUNT", FOLD_CHUNK,
		   (char *)NULL);
}

/* Without success it is asked again when its turn comes. */
static void ask_ahead(struct writer *w, struct ahead *a, uint64_t after)
{
	if (!w->ask)
		return;
	put_range(&w->ask->out, w, after);
	a->asked = link_flush(w->ask, NULL);
	if (!a->asked)
		link_close(&w->ask);
}

/* Before anything else is asked on this link. */
static void take_ahead(struct writer *w, struct ahead *a)
{
	if (a->asked &&
	    link_take(w->ask, -1, LINK_ASK_MS, &a->reply, NULL) != LINK_REPLY)
		link_close(&w->ask);
	a->asked = false;
}

static redisReply *next_chunk(struct writer *w, struct ahead *a, uint64_t after,
			      struct err *err)
{
	struct buf cmd = {0};
	take_ahead(w, a);
	redisReply *r = a->reply;
	a->reply = NULL;
	if (r && r->type == REDIS_REPLY_ARRAY)
		return r;
	reply_free(r);
	put_range(&cmd, w, after);
	return writer_ask(w, &cmd, err);
}

/* The definition with that hash; NULL (with err when Redis is away, or what it
 * keeps is none). */
static struct show *read_show(struct writer *w, const char *hash,
			      const struct show *like, struct err *err)
{
	struct buf cmd = {0};
	struct show *show = NULL;
	char *key = key_with(w->show, "show:", hash);
	writer_put(&cmd, "GET", key, (char *)NULL);
	redisReply *r = writer_ask(w, &cmd, err);
	if (r && r->str) {
		show = show_of_definition(r->str, like->path, err);
		if (!show)
			err_wrap(err, "the stored definition %s", key);
	}
	reply_free(r);
	free(key);
	return show;
}

/* A run that began with another definition is folded with that. */
static bool change_show(struct writer *w, struct model **m, struct ahead *ahead,
			const struct event *e, struct err *err)
{
	const char *hash = event_str(e, "hash", "");
	if (e->type != EVENT_RUN_START || !*hash ||
	    strcmp(hash, (*m)->show->hash) == 0)
		return true;
	struct err why = {0};
	take_ahead(w, ahead);
	struct show *show = read_show(w, hash, (*m)->show, &why);
	if (show) {
		struct model *next = model_inherit(*m, show);
		model_free(m);
		*m = next;
		show_unref(&show);
		return true;
	}
	if (why.code == ERR_UNAVAILABLE || why.code == ERR_AGAIN) {
		*err = why;
		return false;
	}
	log_warn("store", "run %s: its definition %.12s is not kept", e->run,
		 hash);
	return true;
}

static bool fold_chunk(struct writer *w, const redisReply *r, struct model **m,
		       struct ahead *ahead, struct err *err)
{
	for (size_t i = 0; i < r->elements; i++) {
		struct event *e =
			entry_event(r->element[i], (*m)->seq + 1, err);
		bool ok = e && change_show(w, m, ahead, e, err);
		if (ok)
			model_apply(*m, e);
		event_free(&e);
		if (!ok)
			return false;
	}
	return true;
}

static bool fold_log(struct writer *w, struct model **m, struct err *err)
{
	struct ahead ahead = {0};
	size_t got = 1;
	bool ok = true;
	while (ok && got > 0) {
		redisReply *r = next_chunk(w, &ahead, (*m)->seq, err);
		got = r ? r->elements : 0;
		if (got)
			ask_ahead(w, &ahead, entry_seq(r->element[got - 1]));
		ok = r && fold_chunk(w, r, m, &ahead, err);
		reply_free(r);
	}
	take_ahead(w, &ahead);
	reply_free(ahead.reply);
	return ok || err_wrap(err, "show %s", w->show);
}

/* The number of the last event in the log, 0: none; false: it is away. */
static bool ask_tip(struct writer *w, uint64_t *tip, struct err *err)
{
	struct buf cmd = {0};
	writer_put(&cmd, "XREVRANGE", w->key_events, "+", "-", "COUNT", "1",
		   (char *)NULL);
	redisReply *r = writer_ask(w, &cmd, err);
	*tip = r && r->elements ? entry_seq(r->element[0]) : 0;
	reply_free(r);
	return r != NULL;
}

static struct model *restore(struct writer *w, const struct snapshot *s,
			     const struct show *file, struct err *err)
{
	struct show *show = NULL;
	if (strcmp(s->show, file->hash) == 0)
		show = show_ref((struct show *)(uintptr_t)file);
	else
		show = read_show(w, s->show, file, err);
	if (!show && !err->code)
		err_set(err, ERR_DATA, "its definition %.12s is gone", s->show);
	struct model *m =
		show ? model_restore(show, s->text, s->bytes, err) : NULL;
	if (m && m->seq != s->seq) {
		err_set(err, ERR_DATA, "it ends at event %llu, not at %llu",
			(unsigned long long)m->seq, (unsigned long long)s->seq);
		model_free(&m);
	}
	show_unref(&show);
	return m;
}

/* A snapshot is of events that were stored: where the log ends before it,
 * somebody took them away. To begin anew would do again what was done. */
static bool log_lost(const struct writer *w, const struct snapshot *s,
		     enum snapshot_got got, uint64_t tip, struct err *err)
{
	if (got != SNAPSHOT_FOUND || s->seq <= tip)
		return false;
	err_set(err, ERR_CONFIG,
		"show %s: Redis at %s lost events: its log ends at %llu, and a "
		"snapshot knows %llu; nothing was overwritten. Restore it from "
		"a backup, or remove the keys showcaller:{%s}:*",
		w->show, w->address->url, (unsigned long long)tip,
		(unsigned long long)s->seq, w->show);
	return true;
}

/* Replaces `*m` by that snapshot, if it holds; false: it does not. */
static bool begin_with(struct writer *w, struct model **m,
		       const struct snapshot *s, enum snapshot_got got,
		       uint64_t tip, struct err *why)
{
	struct model *found =
		got == SNAPSHOT_FOUND ? restore(w, s, (*m)->show, why) : NULL;
	if (!found)
		return false;
	log_info("store",
		 "begins with the snapshot at event %llu; %llu "
		 "more follow",
		 (unsigned long long)s->seq,
		 (unsigned long long)(tip - s->seq));
	model_free(m);
	*m = found;
	return true;
}

/* With the newest, else with the one that stands for what was trimmed, if there
 * is one that holds. False: Redis is away, or lost what they know. */
static bool begin_with_snapshot(struct writer *w, struct model **m,
				struct err *err)
{
	struct snapshot s = {0};
	struct err why = {0}, none = {0};
	uint64_t tip;
	if (!ask_tip(w, &tip, err))
		return false;
	enum snapshot_got got = snapshot_read(w->ask, w->show, &s, &why);
	bool lost = log_lost(w, &s, got, tip, err);
	bool found = !lost && begin_with(w, m, &s, got, tip, &why);
	snapshot_release(&s);
	if (found || lost)
		return found;
	if (got != SNAPSHOT_NONE)
		log_warn("store", "the snapshot is not used: %s", why.text);
	why = none;
	got = snapshot_read_ground(w->ask, w->show, "trimmed", &s, &why);
	lost = log_lost(w, &s, got, tip, err);
	found = !lost && begin_with(w, m, &s, got, tip, &why);
	if (!found && !lost && got != SNAPSHOT_NONE)
		log_warn("store",
			 "the snapshot behind which the log was trimmed is not "
			 "used: %s",
			 why.text);
	snapshot_release(&s);
	return !lost;
}

void writer_put_story(const struct writer *w, struct buf *cmd, uint64_t version,
		      const char *hash, json_object *doc)
{
	char number[24];
	size_t members = (size_t)json_object_object_length(doc);
	snprintf(number, sizeof number, "%llu", (unsigned long long)version);
	resp_begin(cmd, 3 + 2 + 3 + 2 * members);
	const char *head[] = {
		"EVALSHA",    w->sha[SCRIPT_STORY], "2",    w->key_epoch,
		w->key_story, w->epoch_text,	    number, hash};
	for (size_t i = 0; i < COUNT_OF(head); i++)
		resp_str(cmd, head[i]);
	json_object_object_foreach(doc, key, value)
	{
		writer_add_member(cmd, key);
		resp_str(cmd, json_text(value));
	}
	log_warn("store",
		 "the key %s did not hold story version %s; written again from "
		 "the log",
		 w->key_story, number);
}

/* The `story` hash is written with each commit; if it is not what the log
 * says, someone wrote there, and the log is right. */
static bool mend_story(struct writer *w, const struct model *m, struct err *err)
{
	struct buf cmd = {0};
	char version[24];
	snprintf(version, sizeof version, "%llu",
		 (unsigned long long)m->story.version);
	writer_put(&cmd, "HMGET", w->key_story, "_version", "_hash",
		   (char *)NULL);
	redisReply *r = writer_ask(w, &cmd, err);
	if (!r)
		return false;
	bool same = strcmp(reply_str(r, 0), version) == 0 &&
		    strcmp(reply_str(r, 1), story_hash(&m->story)) == 0;
	bool fresh = !*reply_str(r, 0) && m->story.version == 0;
	reply_free(r);
	if (same || fresh || !w->epoch)
		return true;
	writer_put_story(w, &cmd, m->story.version, story_hash(&m->story),
			 m->story.doc);
	r = writer_ask(w, &cmd, err);
	reply_free(r);
	return r != NULL;
}

static bool keep_definition(struct writer *w, const char *hash,
			    const char *definition, bool current,
			    struct err *err)
{
	struct buf cmd = {0};
	char *key = key_with(w->show, "show:", hash);
	/* Under its hash it can only be the same text: needs no fence. */
	writer_put(&cmd, "SETNX", key, definition, (char *)NULL);
	redisReply *r = writer_ask(w, &cmd, err);
	bool ok = r != NULL;
	reply_free(r);
	if (ok && current) {
		writer_put(&cmd, "SET", w->key_show, hash, (char *)NULL);
		r = writer_ask(w, &cmd, err);
		ok = r != NULL;
		reply_free(r);
	}
	free(key);
	return ok;
}

bool writer_fold(struct writer *w, struct model **model, struct err *err)
{
	struct show *file = show_ref((struct show *)(uintptr_t)(*model)->show);
	bool ok = begin_with_snapshot(w, model, err) &&
		  fold_log(w, model, err) && mend_story(w, *model, err);
	if (ok) {
		const struct story *story = &(*model)->story;
		w->acked_seq = (*model)->seq;
		json_object_put(w->story);
		w->story = json_clone(story->doc);
		w->story_version = story->version;
		snprintf(w->story_hash, sizeof w->story_hash, "%s",
			 story->version ? story_hash(story) : "");
		/* Who only looks writes nothing. */
		ok = !w->epoch || keep_definition(w, file->hash,
						  file->definition, false, err);
	}
	show_unref(&file);
	return ok;
}

bool writer_define(struct writer *w, const char *hash, const char *definition,
		   struct err *err)
{
	return keep_definition(w, hash, definition, true, err);
}

char *writer_definition(struct writer *w, struct err *err)
{
	struct buf cmd = {0};
	char *text = NULL;
	writer_put(&cmd, "GET", w->key_run_show, (char *)NULL);
	redisReply *r = writer_ask(w, &cmd, err);
	if (r && r->str) {
		char *key = key_with(w->show, "show:", r->str);
		reply_free(r);
		writer_put(&cmd, "GET", key, (char *)NULL);
		r = writer_ask(w, &cmd, err);
		if (r && r->str)
			text = xstrdup(r->str);
		else if (r)
			err_set(err, ERR_DATA,
				"show %s: its definition %s is gone from Redis",
				w->show, key);
		free(key);
	}
	reply_free(r);
	return text;
}
