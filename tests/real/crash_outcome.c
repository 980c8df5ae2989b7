#include "crash_outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define MAX_BYTES (1 << 24)

struct lines {
	char **items;
	size_t count, cap;
};

static void add_line(struct lines *l, char *line)
{
	GROW(l->items, l->count, l->cap);
	l->items[l->count++] = line;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted; a line that is there n times is told once, as "n line" or, when how
 * often does not matter, as itself. */
static void tell(struct buf *out, struct lines *l, bool how_often)
{
	qsort(l->items, l->count, sizeof *l->items, by_text);
	for (size_t i = 0, n; i < l->count; i += n) {
		for (n = 1; i + n < l->count &&
			    strcmp(l->items[i], l->items[i + n]) == 0;)
			n++;
		if (how_often)
			buf_addf(out, "%zu ", n);
		buf_addf(out, "%s\n", l->items[i]);
	}
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct lines){0};
}

static void tell_story(struct buf *out, redisContext *c)
{
	struct lines l = {0};
	redisReply *r = redisCommand(c, "HGETALL showcaller:{crash}:story");
	for (size_t i = 0; r && i + 1 < r->elements; i += 2)
		add_line(&l, xasprintf("story %s=%s", r->element[i]->str,
				       r->element[i + 1]->str));
	freeReplyObject(r);
	tell(out, &l, false);
}

/* Who was asked, and under which keys: not how often. */
static void tell_calls(struct buf *out, const char *dir)
{
	struct lines l = {0};
	char *path = xasprintf("%s/calls", dir);
	char *text = file_read(path, MAX_BYTES, NULL, NULL), *rest = NULL;
	for (char *at = text ? strtok_r(text, "\n", &rest) : NULL; at;
	     at = strtok_r(NULL, "\n", &rest))
		add_line(&l, xasprintf("asked %s", at));
	free(text);
	free(path);
	tell(out, &l, false);
}

/* --- the log ------------------------------------------------------------ */

/* What an interruption may add, and what a core says of itself. */
static bool is_of_the_day(const char *type)
{
	static const char *const types[] = {"leader:take", "obs:status",
					    "alarm:raise", "alarm:clear",
					    "note"};
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

/* --- what the program says ---------------------------------------------- */

/* Caller frees. NULL when it does not exit with 0. */
static char *ask_program(const char *dir, const char *words)
{
	char *out = xasprintf("%s/said", dir);
	char *command = xasprintf("'%s/showcaller' %s >'%s' 2>&1",
				  getenv("top_builddir"), words, out);
	int status = system(command);
	char *text = file_read(out, MAX_BYTES, NULL, NULL);
	if (status != 0) {
		fprintf(stderr, "--- %s: %x: %s\n", words, status,
			text ? text : "");
		free(text);
		text = NULL;
	}
	free(command);
	free(out);
	return text;
}

static void add_event(struct lines *l, json_object *e)
{
	json_object *data = json_get_object(e, "data");
	struct buf b = {0};
	buf_addf(&b, "%s %s/%s", json_get_str(e, "type", ""),
		 json_get_str(e, "stage", ""), json_get_str(e, "agent", ""));
	if (json_get(data, "lease"))
		buf_addf(&b, " %s", json_get_str(data, "lease", ""));
	if (json_get(data, "tokens"))
		buf_addf(&b, " %" PRId64, json_get_int(data, "tokens", -1));
	if (json_get(data, "counts"))
		buf_addf(&b, " %s", json_text(json_get(data, "counts")));
	add_line(l, buf_take(&b));
}

/* From its first event on, though most of it is no longer in Redis. */
static bool tell_log(struct buf *out, const char *dir, bool redis_died)
{
	struct lines l = {0};
	char *text = ask_program(dir, "events crash --json"), *rest = NULL;
	int64_t seq = 0;
	for (char *at = text ? strtok_r(text, "\n", &rest) : NULL; at;
	     at = strtok_r(NULL, "\n", &rest)) {
		json_object *e = json_read_str(at, &json_limits_own, NULL);
		const char *type = json_get_str(e, "type", "");
		if (json_get_int(e, "id", 0) != ++seq)
			fprintf(stderr, "--- events: %s\n", at);
		if (!is_of_the_day(type) &&
		    !(redis_died && strcmp(type, "proposal:late") == 0))
			add_event(&l, e);
		json_object_put(e);
	}
	tell(out, &l, true);
	free(text);
	return text != NULL;
}

static void tell_stages(struct buf *out, json_object *run)
{
	json_object *stages = json_get_array(run, "stages");
	buf_addf(out, "run %s %s\n", json_get_str(run, "id", ""),
		 json_get_str(run, "state", ""));
	for (size_t i = 0; stages && i < json_object_array_length(stages);
	     i++) {
		json_object *s = json_object_array_get_idx(stages, i);
		buf_addf(out,
			 "stage %s %s attempt %" PRId64 " spent %" PRId64 "\n",
			 json_get_str(s, "id", ""),
			 json_get_str(s, "state", ""),
			 json_get_int(s, "attempt", -1),
			 json_get_int(s, "spent", -1));
	}
}

static bool is_whole(json_object *status)
{
	json_object *inbox = json_get_array(status, "inbox");
	json_object *budget = json_get_object(status, "budget");
	json_object *run = json_get_object(status, "run");
	return inbox && json_object_array_length(inbox) == 0 &&
	       strcmp(json_get_str(run, "state", ""), "done") == 0 &&
	       json_get_int(budget, "leased", -1) == 0 &&
	       json_get_int(budget, "allocated", -1) ==
		       json_get_int(budget, "remaining", 0) +
			       json_get_int(budget, "spent", 0);
}

static bool tell_status(struct buf *out, const char *dir)
{
	char *text = ask_program(dir, "status crash --json");
	json_object *status =
		text ? json_read_str(text, &json_limits_own, NULL) : NULL;
	bool whole = status && is_whole(status);
	if (whole) {
		tell_stages(out, json_get_object(status, "run"));
		buf_addf(out, "budget %s\n",
			 json_text(json_get(status, "budget")));
	} else {
		fprintf(stderr, "--- not whole: %s\n", text ? text : "");
	}
	json_object_put(status);
	free(text);
	return whole;
}

char *crash_outcome(redisContext *c, const char *dir, bool redis_died)
{
	struct buf out = {0};
	char *verified = ask_program(dir, "replay crash --verify");
	bool whole = verified && tell_status(&out, dir);
	free(verified);
	tell_story(&out, c);
	tell_calls(&out, dir);
	whole = tell_log(&out, dir, redis_died) && whole;
	if (whole)
		return buf_take(&out);
	fprintf(stderr, "%s", buf_str(&out));
	buf_release(&out);
	return NULL;
}
