#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/entry.h"
#include "store/keys.h"
#include "store/resp.h"
#include "store/writer_in.h"

#define FOLD_CHUNK "200"

static bool fold_chunk(const redisReply *r, struct model *m, struct err *err)
{
	for (size_t i = 0; i < r->elements; i++) {
		struct event *e = entry_event(r->element[i], m->seq + 1, err);
		if (!e)
			return false;
		model_apply(m, e);
		event_free(&e);
	}
	return true;
}

static bool fold_log(struct writer *w, struct model *m, struct err *err)
{
	size_t got = 1;
	while (got > 0) {
		struct buf cmd = {0};
		char from[32];
		snprintf(from, sizeof from, "(%llu-0",
			 (unsigned long long)m->seq);
		writer_put(&cmd, "XRANGE", w->key_events, from, "+", "COUNT",
			   FOLD_CHUNK, (char *)NULL);
		redisReply *r = writer_ask(w, &cmd, err);
		bool ok = r && fold_chunk(r, m, err);
		got = ok ? r->elements : 0;
		freeReplyObject(r);
		if (!ok)
			return err_wrap(err, "show %s", w->show);
	}
	return true;
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
		    strcmp(reply_str(r, 1), m->story.hash) == 0;
	bool fresh = !*reply_str(r, 0) && m->story.version == 0;
	freeReplyObject(r);
	if (same || fresh || !w->epoch)
		return true;
	log_warn("store",
		 "the key %s did not hold story version %s; written "
		 "again from the log",
		 w->key_story, version);
	size_t members = (size_t)json_object_object_length(m->story.doc);
	resp_begin(&cmd, 3 + 2 + 3 + 2 * members);
	const char *head[] = {"EVALSHA",    w->sha[SCRIPT_STORY], "2",
			      w->key_epoch, w->key_story,	  w->epoch_text,
			      version,	    m->story.hash};
	for (size_t i = 0; i < COUNT_OF(head); i++)
		resp_str(&cmd, head[i]);
	json_object_object_foreach(m->story.doc, key, value)
	{
		writer_add_member(&cmd, key);
		resp_str(&cmd, json_text(value));
	}
	r = writer_ask(w, &cmd, err);
	freeReplyObject(r);
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
	freeReplyObject(r);
	if (ok && current) {
		writer_put(&cmd, "SET", w->key_show, hash, (char *)NULL);
		r = writer_ask(w, &cmd, err);
		ok = r != NULL;
		freeReplyObject(r);
	}
	free(key);
	return ok;
}

bool writer_fold(struct writer *w, struct model *m, struct err *err)
{
	if (!fold_log(w, m, err) || !mend_story(w, m, err))
		return false;
	json_object_put(w->story);
	w->story = json_clone(m->story.doc);
	snprintf(w->story_hash, sizeof w->story_hash, "%s",
		 m->story.version ? m->story.hash : "");
	return keep_definition(w, m->show->hash, m->show->definition, false,
			       err);
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
		freeReplyObject(r);
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
	freeReplyObject(r);
	return text;
}
