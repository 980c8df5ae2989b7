/* export: a log, or one run of it, as one file; verify: whether such a file is
 * what was written, and its log what it says. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/source.h"
#include "core/replay.h"
#include "store/logread.h"

#define EXPORT_MAX_BYTES (1u << 30)
#define EXPORT_MODE	 0600

/* What of the log is wanted, after a first look at it. */
struct range {
	const char *run; /* NULL: all */
	uint64_t first, last;
	json_object *definitions; /* {hash: its text} */
};

/* A log whose definition is gone can still be kept and verified. */
static void add_definition(struct source *s, struct range *range,
			   const char *hash)
{
	if (json_object_object_get_ex(range->definitions, hash, NULL))
		return;
	char *text = source_definition(s, hash);
	if (text && json_check(text, strlen(text), &json_limits_own, NULL))
		json_object_object_add(range->definitions, hash,
				       json_object_new_string(text));
	free(text);
}

/* A run begins with its run:start and goes to the next one. */
static void look_at(struct source *s, struct range *range,
		    const struct event *e, bool *inside)
{
	if (e->type == EVENT_RUN_START) {
		if (range->run)
			*inside = strcmp(e->run, range->run) == 0;
		if (*inside && !range->first)
			range->first = e->seq;
		if (*inside)
			add_definition(s, range, event_str(e, "hash", ""));
	}
	if (*inside)
		range->last = e->seq;
}

static bool look(struct source *s, struct range *range, struct err *err)
{
	struct event *e = NULL;
	int got;
	bool inside = !range->run;
	range->definitions = json_object_new_object();
	range->first = inside ? source_first(s) : 0;
	while ((got = source_next(s, &e, err)) > 0) {
		look_at(s, range, e, &inside);
		event_free(&e);
	}
	if (got < 0)
		return false;
	if (!range->first && range->run)
		return err_set(err, ERR_NO, "there is no run %.40s",
			       range->run);
	return range->first || err_set(err, ERR_DATA, "the log is empty");
}

/* A log without a run still belongs to a show. */
static void any_definition(struct source *s, struct range *range)
{
	if (json_object_object_length(range->definitions) > 0)
		return;
	struct show *show = source_show(s, "");
	if (show)
		json_object_object_add(
			range->definitions, show->hash,
			json_object_new_string(show->definition));
	show_unref(&show);
}

static bool write_events(struct source *s, const struct range *range,
			 struct logfile_writer *w, struct buf *out,
			 struct replay *r, struct err *err)
{
	struct event *e = NULL;
	int got = 1;
	while (r->m->seq < range->last && (got = source_next(s, &e, err)) > 0) {
		bool ok = replay_event(r, e, err);
		if (ok)
			logfile_event(w, out, e);
		event_free(&e);
		if (ok && out->len > EXPORT_MAX_BYTES)
			ok = err_set(err, ERR_DATA,
				     "it is larger than 1 GiB: export one run "
				     "of it");
		if (!ok)
			return false;
	}
	return got > 0;
}

static bool export(struct source *s, const struct range *range,
		   const char *path, struct err *err)
{
	struct logfile_writer w;
	struct buf out = {0};
	char sum[HASH_HEX_BYTES];
	struct replay r = {
		.show_of = source_show, .whose = s, .to_version = -1};
	if (range->first == source_first(s))
		r.from = source_restore(s);
	if (!source_rewind(s, range->first, err) ||
	    !replay_begin(&r, range->first, err))
		return false;
	logfile_begin(&w, &out, source_show_id(s), range->run, range->first,
		      range->last, range->definitions);
	bool ok = write_events(s, range, &w, &out, &r, err);
	if (ok)
		logfile_end(&w, &out, r.blind ? 0 : r.m->story.version,
			    r.blind ? r.link : story_hash(&r.m->story));
	else
		hash_sum_end(&w.sum, sum);
	ok = ok && file_write(path, out.data, out.len, EXPORT_MODE, err);
	if (ok)
		printf("%s: events %" PRIu64 " to %" PRIu64
		       ", story version %" PRIu64 ", %zu bytes; its last line "
		       "has the chain %s\n",
		       path, range->first, range->last, r.m->story.version,
		       out.len, w.chain);
	replay_end(&r);
	buf_release(&out);
	return ok;
}

/* Said before the log is read, which may take a while. */
static bool is_there(const char *path, struct err *err)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return false;
	err_set(err, ERR_NO, "%s: is there already; --force writes over it",
		path);
	return true;
}

int cli_export(int argc, char **argv)
{
	struct cli_args args;
	struct err err = {0};
	bool done;
	int status = cli_parse("export", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	const char *path = cli_option_value(&args, "output");
	if (args.operand_count < 1 || args.operand_count > 2)
		return cli_usage("export", "it takes a show, and a run if only "
					   "that is wanted");
	if (!path)
		return cli_usage("export", "it needs -o FILE");
	if (!cli_option_value(&args, "force") && is_there(path, &err))
		return cli_fail(&err);
	struct range range = {.run = args.operand_count > 1 ? args.operands[1]
							    : NULL};
	struct source *s = source_open(&args, &status);
	if (!s)
		return status;
	bool ok = look(s, &range, &err);
	if (ok && source_file(s))
		ok = err_set(&err, ERR_USAGE, "it is an exported file already");
	if (ok)
		any_definition(s, &range);
	if (!ok || !export(s, &range, path, &err)) {
		err_wrap(&err, "%s", source_name(s));
		status = cli_fail(&err);
	}
	json_object_put(range.definitions);
	source_close(&s);
	return status;
}

int cli_verify(int argc, char **argv)
{
	struct cli_args args;
	struct err err = {0};
	struct replay r = {0};
	bool done;
	int status = cli_parse("verify", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	if (args.operand_count != 1)
		return cli_usage("verify", "it takes one file");
	char *name = text_clean_str(args.operands[0], 200);
	struct logread *file = logread_open(args.operands[0], &err);
	if (file && logread_verify(file, &r, &err)) {
		const struct logfile_reader *end = logread_state(file);
		printf("%s: ok: show %s, events %" PRIu64 " to %" PRIu64
		       ", %" PRIu64 " hashes, story version %" PRIu64
		       " %s, chain %s\n",
		       name, end->show, end->first, end->last, r.checked,
		       r.m->story.version, story_hash(&r.m->story), end->chain);
	} else {
		err_wrap(&err, "%s", name);
		status = cli_fail(&err);
	}
	replay_end(&r);
	logread_close(&file);
	free(name);
	return status;
}
