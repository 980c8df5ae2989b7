/*
 * golden_here: the golden show on a redis-server of the test (redis_here.h): a
 * writer that leads, and the model that its core would have; runs are played
 * from tests/golden/events.jsonl.
 */
#ifndef TESTS_GOLDEN_HERE_H
#define TESTS_GOLDEN_HERE_H

#include "base/file.h"
#include "core/snapshot.h"
#include "redis_here.h"
#include "show/show_read.h"
#include "store/kept.h"

static struct writer *w;
static int64_t epoch;
static struct show *show;
static struct model *m;	 /* what the core would have */
static int64_t later_ms; /* added to the times of what is played */
static bool lies;	 /* its hashes are wrong */

static inline struct show *load(const char *change)
{
	struct show_problems problems = {0};
	struct err err = {0};
	const char *top = getenv("top_srcdir");
	char *path = xasprintf("%s/tests/golden/show.yaml", top ? top : ".");
	struct show *s = show_load(path, &problems);
	ck_assert_msg(s != NULL || show_problems_err(&problems, &err), "%s",
		      err.text);
	if (s && change) {
		/* Another definition: its JSON with another title. */
		struct err why = {0};
		json_object *o =
			json_read_str(s->definition, &json_limits_own, &why);
		json_add_str(o, "title", change);
		char *text = json_canonical(o);
		show_unref(&s);
		s = show_parse_json(text, strlen(text), path, &problems);
		free(text);
		json_object_put(o);
	}
	ck_assert_msg(s != NULL, "%s",
		      problems.count ? problems.items[0].text : "no show");
	show_problems_release(&problems);
	free(path);
	return s;
}

static inline void drain(enum writer_how how)
{
	here_drain(w, how);
}

static inline void begin(void)
{
	struct err err = {0};
	show = load(NULL);
	m = model_new(show);
	w = writer_open(redis_server_address(here), show->id, &err);
	ck_assert_msg(w != NULL, "%s", err.text);
	ck_assert_msg(writer_lead(w, "host", getpid(), &epoch, false, &err),
		      "%s", err.text);
	ck_assert(writer_define(w, show->hash, show->definition, &err));
}

static inline void end(void)
{
	model_free(&m);
	show_unref(&show);
	writer_close(&w);
}

static inline void commit(struct event **e)
{
	(*e)->seq = m->seq + 1;
	model_apply(m, *e);
	writer_commit(w, e, 1, m->story.version, story_hash(&m->story), m->seq);
	event_free(e);
}

/* As the core would; the golden events tell only what is seen. */
static inline void add_hashes(const char *type, json_object *data)
{
	json_object *patch = json_get_object(data, "patch");
	char after[HASH_HEX_BYTES];
	if (strcmp(type, "stage:complete") != 0)
		return;
	ck_assert_ptr_nonnull(patch);
	story_hash_after(&m->story, patch, after);
	json_add_str(data, "pre_state_hash", story_hash(&m->story));
	after[0] = lies ? (after[0] == 'a' ? 'b' : 'a') : after[0];
	json_add_str(data, "post_state_hash", after);
	json_object_object_del(data, "version");
	json_add_int(data, "version", (int64_t)m->story.version + 1);
}

static inline void commit_line(const char *line, const char *run,
			       const char *hash)
{
	struct err err = {0};
	json_object *o = json_read_str(line, &json_limits_own, &err);
	ck_assert_msg(o != NULL, "%s", err.text);
	json_object *data = json_clone(json_get_object(o, "data"));
	const char *type = json_get_str(o, "type", "");
	if (strcmp(type, "run:start") == 0)
		json_add_str(data, "hash", hash);
	add_hashes(type, data);
	char at[32];
	snprintf(at, sizeof at, "%lld",
		 (long long)json_get_int(o, "at", 0) + 1 + later_ms);
	struct event *e = event_read(1, type, run, json_get_str(o, "stage", ""),
				     json_get_str(o, "agent", ""), at,
				     json_text(data), &err);
	ck_assert_msg(e != NULL, "%s", err.text);
	commit(&e);
	json_object_put(data);
	json_object_put(o);
}

static inline void try_keep(enum err_code how)
{
	struct err err = {0};
	size_t bytes;
	struct kept *kept =
		kept_begin(redis_server_address(here), m->show->id, epoch,
			   m->run.id, &err);
	ck_assert_msg(kept != NULL, "%s", err.text);
	model_snapshot_lines(m, kept_add, kept);
	bool ok = kept_end(&kept, m->seq, m->show->hash, &bytes, &err);
	ck_assert_msg(ok == !how && err.code == how, "%s", err.text);
}

static inline void keep(void)
{
	drain(WRITER_OK); /* the events before it */
	try_keep(ERR_NONE);
}

/* Plays the golden show; a snapshot is kept at the events in `at` (NULL: at
 * none). */
static inline void play(const char *run, const char *hash, const bool *at)
{
	const char *top = getenv("top_srcdir");
	char *path = xasprintf("%s/tests/golden/events.jsonl", top ? top : ".");
	char *text = file_read(path, 1 << 20, NULL, NULL);
	ck_assert_ptr_nonnull(text);
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (*line)
			commit_line(line, run, hash);
		if (at && *line && at[m->seq])
			keep();
	}
	drain(WRITER_OK);
	free(text);
	free(path);
}

#endif
