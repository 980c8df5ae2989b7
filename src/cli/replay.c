/* replay: the log folded again, up to an event or a version of the story, and
 * every hash in it worked out anew. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/look.h"
#include "cli/source.h"
#include "core/replay.h"
#include "core/snapshot.h"
#include "core/status.h"

#define STORY_TRIES 5 /* a running show may be ahead of what we read */

struct wish {
	bool json, verify;
	uint64_t to_event;
	int64_t to_version; /* -1: not given */
	const char *run;
};

/* What --verify compared beside the hashes in the log. */
struct found {
	bool snapshot, story;
	char *snapshot_text; /* of the last run; NULL or "": none */
	uint64_t snapshot_seq;
};

static bool read_number(const char *text, uint64_t *n)
{
	char *end;
	errno = 0;
	*n = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && !errno &&
	       (*end == '\0' || strcmp(end, "-0") == 0);
}

static int read_wish(const struct cli_args *args, struct wish *wish)
{
	const char *to = cli_option_value(args, "to");
	uint64_t n = 0;
	*wish = (struct wish){
		.json = cli_option_value(args, "json") != NULL,
		.verify = cli_option_value(args, "verify") != NULL,
		.run = cli_option_value(args, "run"),
		.to_version = -1,
	};
	if (args->operand_count != 1)
		return cli_usage("replay", "it takes one show, or one file");
	if (!to)
		return 0;
	bool version = to[0] == 'v';
	if (!read_number(to + version, &n) || n > INT64_MAX ||
	    (!version && n == 0))
		return cli_usage("replay",
				 "--to %.40s: it takes an event's number, as "
				 "events prints it, or a version, as in v7",
				 to);
	if (version)
		wish->to_version = (int64_t)n;
	else
		wish->to_event = n;
	return 0;
}

/* --- folding ------------------------------------------------------------ */

static bool same_snapshot(struct replay *r, struct found *found,
			  struct err *err)
{
	char *text = model_snapshot(r->m);
	bool same = strcmp(text, found->snapshot_text) == 0;
	found->snapshot = true;
	free(text);
	return same || err_set(err, ERR_NO,
			       "event %" PRIu64
			       ": the snapshot that was taken there is not "
			       "what the log folds to",
			       r->m->seq);
}

static void load_snapshot(struct source *s, struct found *found)
{
	found->snapshot_text = source_snapshot(s);
	if (!found->snapshot_text)
		return;
	struct json_nodes *head = snapshot_head(
		found->snapshot_text, strlen(found->snapshot_text), NULL);
	found->snapshot_seq =
		(uint64_t)json_node_int(json_nodes_top(head), "seq", 0);
	json_nodes_free(&head);
}

/* True at the end, or where it should stop. */
static bool fold(struct source *s, struct replay *r, struct found *found,
		 struct err *err)
{
	struct event *e = NULL;
	int got = 0;
	while (!replay_is_there(r) && (got = source_next(s, &e, err)) > 0) {
		bool ok = replay_event(r, e, err);
		event_free(&e);
		if (ok && !r->blind && found->snapshot_seq == r->m->seq &&
		    r->m->seq > 0)
			ok = same_snapshot(r, found, err);
		if (!ok)
			return false;
	}
	return got >= 0;
}

/* The id of the last run, by a first look over the log. */
static bool last_run(struct source *s, char *run, size_t bytes, struct err *err)
{
	struct event *e = NULL;
	int got;
	run[0] = '\0';
	while ((got = source_next(s, &e, err)) > 0) {
		if (*e->run)
			snprintf(run, bytes, "%s", e->run);
		event_free(&e);
	}
	return got == 0 && source_rewind(s, source_first(s), err);
}

/* --- comparing ---------------------------------------------------------- */

static bool ledger_is_whole(const struct model *m, struct err *err)
{
	const char *where = "";
	return ledger_holds(&m->ledger, m->show->stage_count,
			    m->show->agent_count, &where) ||
	       err_set(err, ERR_NO, "the ledger does not add up: %s", where);
}

static bool compare_story(const struct model *m, json_object *doc,
			  uint64_t version, const char *hash, struct err *err)
{
	struct story has;
	story_init(&has);
	story_patch(&has, doc);
	bool fresh = version == 0 && !*hash;
	bool ok = strcmp(story_hash(&has), story_hash(&m->story)) == 0 &&
		  (fresh || (version == m->story.version &&
			     strcmp(hash, story_hash(&m->story)) == 0));
	if (!ok)
		err_set(err, ERR_NO,
			"the key story holds version %" PRIu64
			" with the hash %s (it says %s), and the log folds to "
			"version %" PRIu64 " with the hash %s",
			version, story_hash(&has), *hash ? hash : "none",
			m->story.version, story_hash(&m->story));
	story_release(&has);
	return ok;
}

/* The key `story` against the fold, which follows a running show. */
static bool story_is_same(struct source *s, struct replay *r, struct err *err)
{
	for (int i = 0; i < STORY_TRIES; i++) {
		uint64_t version;
		char hash[HASH_HEX_BYTES];
		json_object *doc =
			client_story(source_client(s), &version, hash, err);
		if (!doc)
			return false;
		uint64_t before = r->m->seq;
		struct event **events = NULL;
		int n = client_events(source_client(s), r->m->seq, 1000, 0,
				      &events, err);
		bool ok = n >= 0;
		for (int k = 0; k < n; k++) {
			ok = ok && replay_event(r, events[k], err);
			event_free(&events[k]);
		}
		free(events);
		bool moved = r->m->seq > before;
		if (ok && !moved)
			ok = compare_story(r->m, doc, version, hash, err);
		json_object_put(doc);
		if (!ok || !moved)
			return ok;
	}
	return true; /* it moves too fast to be held against a moment */
}

static bool file_is_same(const struct logfile_reader *file,
			 const struct model *m, struct err *err)
{
	return (file->version == m->story.version &&
		strcmp(file->story_hash, story_hash(&m->story)) == 0) ||
	       err_set(err, ERR_NO,
		       "the last line says version %" PRIu64
		       " with the hash %s, and the log folds to version "
		       "%" PRIu64 " with the hash %s",
		       file->version, file->story_hash, m->story.version,
		       story_hash(&m->story));
}

static bool compare_end(struct source *s, struct replay *r, struct found *found,
			struct err *err)
{
	const struct logfile_reader *file = source_file(s);
	if (r->blind)
		return true; /* it says so */
	if (!ledger_is_whole(r->m, err))
		return false;
	if (file && file->ended)
		return file_is_same(file, r->m, err);
	if (file || replay_is_there(r) || r->m->seq < source_last(s))
		return true; /* it stopped before the end */
	found->story = true;
	return story_is_same(s, r, err);
}

/* --- telling ------------------------------------------------------------ */

static json_object *state_json(const struct replay *r)
{
	struct status_extra extra = {
		.mode = "replay", .redis_rtt_us = -1, .now_ms = r->m->at_ms};
	json_object *o = status_json(r->m, &extra);
	json_object *doc = json_clone(r->m->story.doc);
	json_object *story = json_get_object(o, "story");
	json_add_int(o, "event", (int64_t)r->m->seq);
	if (story)
		json_add(story, "document", &doc);
	json_object_put(doc);
	return o;
}

static void print_end(const struct source *s, const struct replay *r)
{
	printf("folded   %" PRIu64 " to %" PRIu64 " of %" PRIu64 " events%s\n",
	       source_first(s), r->m->seq, source_last(s),
	       r->m->seq >= source_last(s) ? "" : ", and stopped there");
	if (r->blind)
		printf("note     what was before event %" PRIu64
		       " was trimmed: how the show stood cannot be told\n",
		       source_first(s));
	if (*source_missing(s))
		printf("note     it begins with event %" PRIu64 ": %s\n",
		       source_first(s), source_missing(s));
	else
		printf("story    version %" PRIu64 ", %s\n",
		       r->m->story.version, story_hash(&r->m->story));
}

static void print_verdict(const struct source *s, const struct replay *r,
			  const struct found *found)
{
	const struct logfile_reader *file = source_file(s);
	printf("verified %" PRIu64 " hashes%s%s%s\n", r->checked,
	       found->snapshot ? ", the snapshot" : "",
	       found->story ? ", the story in Redis" : "",
	       file && file->ended ? ", every byte of the file" : "");
	if (r->unknown)
		printf("note     the definition of a run is not kept: its "
		       "stages were folded with another one\n");
}

static int show_result(struct source *s, const struct wish *wish,
		       struct replay *r, struct found *found)
{
	json_object *o = state_json(r);
	if (wish->json) {
		if (wish->verify)
			json_add_int(o, "verified", (int64_t)r->checked);
		printf("%s\n", json_text(o));
	} else {
		cli_print_status(o);
		print_end(s, r);
		if (wish->verify)
			print_verdict(s, r, found);
	}
	json_object_put(o);
	return 0;
}

static bool not_there(const struct wish *wish, const struct source *s,
		      const struct replay *r, struct err *err)
{
	if (wish->to_event)
		return err_set(err, ERR_NO, "the log ends at event %" PRIu64,
			       source_last(s));
	return err_set(err, ERR_NO,
		       "%s%s has no version %" PRId64 " of the story",
		       r->only_run[0] ? "run " : "the log", r->only_run,
		       wish->to_version);
}

static bool replay(struct source *s, const struct wish *wish, struct replay *r,
		   struct found *found, struct err *err)
{
	char run[sizeof r->only_run];
	if (source_last(s) == 0)
		return err_set(err, ERR_DATA, "the log is empty");
	if (wish->to_version >= 0) {
		if (!last_run(s, run, sizeof run, err))
			return false;
		snprintf(r->only_run, sizeof r->only_run, "%s",
			 wish->run ? wish->run : run);
	}
	if (wish->verify)
		load_snapshot(s, found);
	r->from = source_restore(s);
	if (!replay_begin(r, source_first(s), err) || !fold(s, r, found, err))
		return false;
	if ((wish->to_event || wish->to_version >= 0) && !replay_is_there(r))
		return not_there(wish, s, r, err);
	return !wish->verify || compare_end(s, r, found, err);
}

int cli_replay(int argc, char **argv)
{
	struct cli_args args;
	struct wish wish;
	struct found found = {0};
	struct err err = {0};
	bool done;
	int status = cli_parse("replay", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	status = read_wish(&args, &wish);
	if (status != 0)
		return status;
	struct source *s = source_open(&args, &status);
	if (!s)
		return status;
	struct replay r = {.verify = wish.verify,
			   .show_of = source_show,
			   .whose = s,
			   .to_event = wish.to_event,
			   .to_version = wish.to_version};
	if (replay(s, &wish, &r, &found, &err)) {
		status = show_result(s, &wish, &r, &found);
	} else {
		/* What is broken in the log is the answer that was asked for.
		 */
		if (wish.verify && err.code == ERR_DATA)
			err.code = ERR_NO;
		err_wrap(&err, "%s", source_name(s));
		status = cli_fail(&err);
	}
	replay_end(&r);
	free(found.snapshot_text);
	source_close(&s);
	return status;
}
