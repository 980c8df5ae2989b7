/* rollback: the story taken back to a version, after it was said what that
 * throws away. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/find.h"
#include "cli/source.h"
#include "core/replay.h"
#include "core/reset.h"

#define ANSWER_MS 60000 /* the core looks through the log first */
#define NAMED	  12
#define NAMES	  8 /* of members of the story */

static bool read_version(const char *text, uint64_t *version)
{
	char *end;
	const char *digits = text + (text[0] == 'v');
	errno = 0;
	*version = strtoull(digits, &end, 10);
	return digits[0] >= '0' && digits[0] <= '9' && !*end && !errno;
}

/* The story as it was. */
struct past {
	struct story story;
	uint64_t wanted; /* version */
	uint64_t after;	 /* what is in `story` already, up to this event */
	bool known;	 /* what came before is not lost */
	bool there;
};

static void past_event(struct past *p, const struct event *e)
{
	json_object *patch = event_patch(e);
	if (e->type == EVENT_RUN_START) {
		story_clear(&p->story);
		p->known = true;
		p->there = p->wanted == 0;
	} else if (patch && p->known && !p->there && e->seq > p->after &&
		   event_patches_story(e->type)) {
		story_patch(&p->story, patch);
		p->there = p->story.version == p->wanted;
	}
}

/* Where the log was trimmed, the snapshot goes on, if it is old enough. */
static void past_begin(struct past *p, const struct model *from, bool whole)
{
	story_init(&p->story);
	p->known = whole;
	if (!from || from->story.version > p->wanted)
		return;
	story_patch(&p->story, from->story.doc);
	p->story.version = from->story.version;
	p->after = from->seq;
	p->known = true;
	p->there = p->story.version == p->wanted;
}

/* The show as it is, and the story as it was. */
static bool fold(struct source *s, struct replay *now, struct past *then,
		 struct err *err)
{
	struct event *e = NULL;
	int got = 0;
	if (source_last(s) == 0)
		return err_set(err, ERR_DATA, "the log is empty");
	now->from = source_restore(s);
	past_begin(then, now->from, source_first(s) == 1);
	if (!replay_begin(now, source_first(s), err))
		return false;
	while ((got = source_next(s, &e, err)) > 0) {
		bool ok = replay_event(now, e, err);
		past_event(then, e);
		event_free(&e);
		if (!ok)
			return false;
	}
	if (got < 0)
		return false;
	if (!now->blind && then->wanted >= now->m->story.version)
		return err_set(err, ERR_NO, "the story is at version %" PRIu64,
			       now->m->story.version);
	return (!now->blind && then->there) ||
	       err_set(err, ERR_NO,
		       "version %" PRIu64 " is older than what the log still "
		       "holds: what was before event %" PRIu64
		       " was trimmed%s%s",
		       then->wanted, source_first(s),
		       *source_missing(s) ? "; " : "", source_missing(s));
}

/* Those that are set (or taken out), the first few by name. */
static void print_some(json_object *patch, bool set, const char *words)
{
	size_t count = 0;
	json_object_object_foreach(patch, key, value)
	{
		if ((value != NULL) != set || count++ >= NAMES)
			continue;
		char *name = text_clean_str(key, 40);
		printf("%s%s", count > 1 ? ", " : words, name);
		free(name);
	}
	if (count > NAMES)
		printf(" and %zu more", count - NAMES);
	if (count)
		printf("\n");
}

static void print_members(json_object *patch)
{
	print_some(patch, true, "story    set back: ");
	print_some(patch, false, "story    taken out: ");
}

static void print_preview(const struct model *m, const struct story *then,
			  uint64_t version)
{
	char left[32];
	struct reset_plan plan;
	reset_plan_rollback(m, version, &plan);
	char *text = reset_plan_text(m, &plan, NAMED);
	json_object *patch = reset_patch(m->story.doc, then->doc);
	printf("rollback from version %" PRIu64 " to %" PRIu64 " of run %s\n",
	       m->story.version, version, m->run.id);
	print_members(patch);
	printf("again    %s\n", text);
	if (m->ledger.episode.tokens.limited)
		printf("budget   %s tokens are left of the episode\n",
		       text_thousands(
			       left, sizeof left,
			       scope_remaining(&m->ledger.episode.tokens)));
	json_object_put(patch);
	free(text);
	reset_plan_release(&plan);
}

static bool look_ahead(struct source *s, uint64_t version, struct err *err)
{
	struct replay now = {
		.show_of = source_show, .whose = s, .to_version = -1};
	struct past then = {.wanted = version};
	bool ok = fold(s, &now, &then, err);
	if (ok)
		print_preview(now.m, &then.story, version);
	if (then.story.doc)
		story_release(&then.story);
	replay_end(&now);
	return ok;
}

/* Danger takes two steps. 0: yes. */
static int confirm(void)
{
	char line[16] = "";
	if (!isatty(STDIN_FILENO))
		return cli_usage("rollback", "nobody is there to ask: say "
					     "--yes, or --dry-run to look");
	printf("Do it? Type yes: ");
	fflush(stdout);
	if (fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0)
		return 0;
	struct err err;
	err_set(&err, ERR_NO, "rollback: nothing was changed");
	return cli_fail(&err);
}

static int ask_core(struct source *s, const char *version)
{
	struct err err = {0};
	char *by = cli_by(), *text = NULL;
	int status = 0;
	if (client_command(source_client(s), "rollback", &version, 1, by, NULL,
			   ANSWER_MS, &text, &err))
		printf("%s\n", text && text[0] ? text : "done");
	else
		status = cli_fail(&err);
	free(text);
	free(by);
	return status;
}

int cli_rollback(int argc, char **argv)
{
	struct cli_args args;
	struct err err = {0};
	uint64_t version;
	bool done;
	int status = cli_parse("rollback", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	const char *to = cli_option_value(&args, "to");
	if (args.operand_count != 1)
		return cli_usage("rollback", "it takes one show");
	if (!to)
		return cli_usage("rollback", "it needs --to VERSION");
	if (!read_version(to, &version))
		return cli_usage("rollback",
				 "--to %.40s is no version of the "
				 "story",
				 to);
	struct source *s = source_open(&args, &status);
	if (!s)
		return status;
	bool dry = cli_option_value(&args, "dry-run") != NULL;
	if (!look_ahead(s, version, &err)) {
		err_wrap(&err, "%s", source_name(s));
		status = cli_fail(&err);
	} else if (!dry && !source_client(s)) {
		status = cli_usage("rollback", "a file cannot be taken back; "
					       "name a show");
	} else if (!dry) {
		if (!cli_option_value(&args, "yes"))
			status = confirm();
		if (status == 0)
			status = ask_core(s, to);
	}
	source_close(&s);
	return status;
}
