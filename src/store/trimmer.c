#include "store/trimmer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/snapshot.h"
#include "show/show_read.h"
#include "store/archive.h"
#include "store/entry.h"
#include "store/keys.h"
#include "store/logread.h"
#include "store/resp.h"
#include "store/script.h"

#define BATCH	     1000 /* events trimmed by one script */
#define RUN_CHUNK    500
#define LOOK_AGAIN   8	/* parts of `keep` */
#define RUNS_AT_ONCE 50 /* whose snapshots one script removes */

struct trimmer {
	struct show *file;
	const char *show; /* its id */
	char epoch[24];
	const atomic_bool *give_up;
	struct client *client;
	struct link *link;
	struct archives list;
};

struct trimmer *trimmer_open(const struct address *address,
			     const struct show *file, int64_t epoch,
			     const atomic_bool *give_up, struct err *err)
{
	struct trimmer *t = xcalloc(1, sizeof *t);
	char *name = link_name(file->id, "trimmer");
	t->file = show_ref((struct show *)(uintptr_t)file);
	t->show = t->file->id;
	t->give_up = give_up;
	snprintf(t->epoch, sizeof t->epoch, "%" PRId64, epoch);
	t->client = client_open(address, t->show, err);
	t->link = t->client ? link_open(address, name, err) : NULL;
	if (!t->link)
		trimmer_close(&t);
	free(name);
	return t;
}

void trimmer_close(struct trimmer **trimmer)
{
	struct trimmer *t = *trimmer;
	*trimmer = NULL;
	if (!t)
		return;
	client_close(&t->client);
	link_close(&t->link);
	archives_release(&t->list);
	show_unref(&t->file);
	free(t);
}

static bool goes_on(const struct trimmer *t, struct err *err)
{
	return !*t->give_up || err_set(err, ERR_AGAIN, "the core stops");
}

/* --- scripts ------------------------------------------------------------ */

/* NULL-ended lists, the first key and argument (the epoch) left out. NULL with
 * err, also for a core that leads no longer. */
static redisReply *run(struct trimmer *t, enum script script, char *const *keys,
		       const char *const *args, struct err *err)
{
	struct buf *out = &t->link->out;
	size_t key_count = 0, arg_count = 0;
	char *epoch = key_of(t->show, "epoch");
	while (keys[key_count])
		key_count++;
	while (args[arg_count])
		arg_count++;
	resp_begin(out, 3 + 1 + key_count + 1 + arg_count);
	resp_str(out, "EVAL");
	resp_str(out, script_texts[script]);
	resp_int(out, (int64_t)key_count + 1);
	resp_str(out, epoch);
	for (size_t i = 0; i < key_count; i++)
		resp_str(out, keys[i]);
	resp_str(out, t->epoch);
	for (size_t i = 0; i < arg_count; i++)
		resp_str(out, args[i]);
	free(epoch);
	redisReply *r = link_ask(t->link, "trimming", err);
	if (r && r->type == REDIS_REPLY_ARRAY) {
		const char *word = reply_str(r, 0);
		if (strcmp(word, "FENCED") == 0 || strcmp(word, "LOST") == 0) {
			err_set(err, ERR_NO, "this core leads no longer");
			reply_free(r);
			r = NULL;
		}
	}
	return r;
}

static bool is_ok(const redisReply *r)
{
	return r && r->type == REDIS_REPLY_STATUS;
}

/* --- the ground --------------------------------------------------------- */

/* The definition with that hash, which Redis holds. NULL with err. */
static struct show *show_of(struct trimmer *t, const char *hash,
			    struct err *err)
{
	char *text = client_definition_of(t->client, hash, err);
	if (text && strcmp(text, t->file->definition) == 0) {
		free(text);
		return show_ref(t->file); /* it is not parsed again */
	}
	struct show *show = show_of_definition(text, t->show, NULL);
	if (text && !show)
		err_set(err, ERR_DATA, "its definition %.12s is not readable",
			hash);
	free(text);
	return show;
}

/* Whether a core or a reader could begin with it. */
static bool holds(struct trimmer *t, const struct snapshot *s, struct err *err)
{
	struct show *show = show_of(t, s->show, err);
	struct model *m =
		show ? model_restore(show, s->text, s->bytes, err) : NULL;
	bool ok = m && m->seq == s->seq;
	if (m && !ok)
		err_set(err, ERR_DATA,
			"it ends at event %" PRIu64 ", not at %" PRIu64, m->seq,
			s->seq);
	model_free(&m);
	show_unref(&show);
	return ok;
}

/* Reads one back as a reader would, for its facts: the text is let go. `name`
 * NULL: the newest. False with err when Redis is away or it does not hold;
 * without one when there is none. */
static bool read_ground(struct trimmer *t, const char *name, struct snapshot *s,
			struct err *err)
{
	enum snapshot_got got =
		name ? snapshot_read_ground(t->link, t->show, name, s, err)
		     : snapshot_read(t->link, t->show, s, err);
	bool good = got == SNAPSHOT_FOUND && holds(t, s, err);
	free(s->text);
	s->text = NULL;
	if (good)
		return true;
	if (got == SNAPSHOT_FOUND || got == SNAPSHOT_BAD)
		err_wrap(err, "the snapshot behind which it would be trimmed");
	snapshot_release(s);
	return false;
}

static char *last_of(const struct snapshot *s)
{
	return xasprintf("%s %" PRIu64 " %s %s", s->run, s->seq, s->sum,
			 s->show);
}

/* Puts the newest snapshot aside as the next ground, if it goes as far as
 * `least`; it may have been replaced meanwhile, then the next round does it. */
static bool choose_next(struct trimmer *t, uint64_t least, struct snapshot *s,
			struct err *err)
{
	snapshot_release(s);
	if (!read_ground(t, NULL, s, err))
		return !err->code;
	if (s->seq < least) {
		snapshot_release(s);
		return true;
	}
	char *last = last_of(s);
	char *keys[] = {key_of(t->show, "snapshot:last"),
			key_with(t->show, "snapshot:", s->run),
			key_of(t->show, "trim:next"),
			key_of(t->show, "trim:next:text"), NULL};
	const char *args[] = {last, NULL};
	redisReply *r = run(t, SCRIPT_GROUND, keys, args, err);
	bool ok = r != NULL;
	if (!is_ok(r))
		snapshot_release(s);
	reply_free(r);
	for (size_t i = 0; keys[i]; i++)
		free(keys[i]);
	free(last);
	return ok;
}

/* --- the log ------------------------------------------------------------ */

static bool trim_batch(struct trimmer *t, const struct archive *a,
		       uint64_t up_to, const char *ground, struct err *err)
{
	char *keys[] = {key_of(t->show, "events"),
			key_of(t->show, "trimmed"),
			key_of(t->show, "trimmed:text"),
			key_of(t->show, "archives"),
			key_of(t->show, "trim:next"),
			key_of(t->show, "trim:next:text"),
			NULL};
	char to[24], *field = archive_field(a), *value = archive_value(a);
	const char *args[] = {to, ground, field, value, NULL};
	snprintf(to, sizeof to, "%" PRIu64, up_to);
	redisReply *r = run(t, SCRIPT_TRIM, keys, args, err);
	bool ok = is_ok(r);
	if (r && !ok)
		err_set(err, ERR_DATA, "Redis says %.20s to event %s",
			reply_str(r, 0), to);
	reply_free(r);
	for (size_t i = 0; keys[i]; i++)
		free(keys[i]);
	free(field);
	free(value);
	return ok;
}

/* The file that begins with `first`: one that is known, one that a core wrote
 * before it died, or a new one. */
static bool have_archive(struct trimmer *t, uint64_t first, uint64_t up_to,
			 struct archive *a, struct err *err)
{
	const struct archive *known = archives_find(&t->list, first);
	uint64_t last = first + ARCHIVE_EVENTS - 1;
	if (last > up_to)
		last = up_to;
	if (known && known->last <= up_to && archive_is_here(t->show, known)) {
		*a = *known;
		return true;
	}
	if (archive_adopt(t->client, t->show, first, up_to, t->give_up, a) ||
	    archive_write(t->client, t->show, first, last, t->give_up, a,
			  err)) {
		log_info("store",
			 "events %" PRIu64 " to %" PRIu64 " are archived",
			 a->first, a->last);
		return true;
	}
	return false;
}

/* All from `*first` up to the ground; `*first` goes with it. */
static bool trim_to(struct trimmer *t, uint64_t *first,
		    const struct snapshot *ground, struct err *err)
{
	char *last = last_of(ground);
	bool ok = true;
	while (ok && *first <= ground->seq) {
		struct archive a;
		ok = have_archive(t, *first, ground->seq, &a, err);
		while (ok && *first <= a.last) {
			uint64_t to = *first + BATCH - 1;
			if (to > a.last)
				to = a.last;
			ok = goes_on(t, err) &&
			     trim_batch(t, &a, to, last, err);
			if (ok)
				*first = to + 1;
		}
	}
	if (ok)
		log_info("store", "the log is trimmed up to event %" PRIu64,
			 ground->seq);
	free(last);
	return ok;
}

/* What another round began; then what is due. `*next` is the next ground that
 * is chosen already, if there is one. */
static bool trim_due(struct trimmer *t, uint64_t *first, uint64_t last,
		     uint64_t keep, struct snapshot *next, struct err *err)
{
	struct snapshot begun = {0};
	if (t->list.trimmed >= *first) {
		bool ok = read_ground(t, "trimmed", &begun, err) &&
			  trim_to(t, first, &begun, err);
		snapshot_release(&begun);
		if (!ok)
			return false;
	}
	if (!read_ground(t, "trim:next", next, err)) {
		if (err->code == ERR_UNAVAILABLE || err->code == ERR_AGAIN)
			return false;
		if (err->code) /* another one is chosen */
			log_warn("store", "%s", err->text);
		err->code = ERR_NONE;
		return true;
	}
	bool due = last >= next->seq + keep;
	bool ok = !due || trim_to(t, first, next, err);
	if (next->seq < *first) /* it is used */
		snapshot_release(next);
	return ok;
}

bool trimmer_trim(struct trimmer *t, uint64_t keep, uint64_t *next_look,
		  struct err *err)
{
	uint64_t first, last;
	struct snapshot next = {0};
	archive_sweep(t->show);
	if (!client_ends(t->client, &first, &last, err) ||
	    !archives_read(&t->list, t->link, t->show, err))
		return false;
	*next_look = last + keep / LOOK_AGAIN + 1;
	if (last < first + keep / 2 || !last)
		return true; /* a small log needs no ground of its own */
	bool ok = trim_due(t, &first, last, keep, &next, err);
	if (ok && !next.seq)
		ok = choose_next(t, first + keep / LOOK_AGAIN, &next, err);
	if (ok && next.seq && next.seq + keep > *next_look)
		*next_look = next.seq + keep;
	snapshot_release(&next);
	return ok;
}

/* --- the bus ------------------------------------------------------------ */

bool trimmer_sweep(struct trimmer *t, const char *stream, int64_t age_ms,
		   struct err *err)
{
	char age[24];
	char *keys[] = {key_of(t->show, stream), NULL};
	const char *args[] = {age, NULL};
	long long gone = 1;
	snprintf(age, sizeof age, "%" PRId64, age_ms);
	while (gone > 0 && goes_on(t, err)) {
		redisReply *r = run(t, SCRIPT_SWEEP, keys, args, err);
		gone = r && r->type == REDIS_REPLY_INTEGER ? r->integer : -1;
		reply_free(r);
	}
	free(keys[0]);
	return gone == 0;
}

/* --- old archives ------------------------------------------------------- */

/* When the run ended that the file ends with; INT64_MAX: it has not, or that
 * cannot be seen from here. */
static int64_t end_of_run(struct trimmer *t, const struct archive *a)
{
	int64_t end_ms = a->at_ms;
	uint64_t after = a->last;
	for (;;) {
		struct event **events = NULL;
		bool over = false;
		int n = *t->give_up ? -1
				    : client_events(t->client, after, RUN_CHUNK,
						    0, &events, NULL);
		for (int i = 0; i < n; i++) {
			const char *its = events[i]->run;
			over = over || (*its && strcmp(its, a->run) != 0);
			if (!over)
				end_ms = events[i]->at_ms;
			after = events[i]->seq;
			event_free(&events[i]);
		}
		free(events);
		if (n <= 0)
			return INT64_MAX;
		if (over)
			return end_ms;
	}
}

static bool forget(struct trimmer *t, const struct archive *a, char **keys,
		   struct err *err)
{
	char *field = archive_field(a);
	const char *args[] = {field, NULL};
	redisReply *r = run(t, SCRIPT_RETIRE, keys, args, err);
	bool ok = is_ok(r);
	reply_free(r);
	free(field);
	for (size_t i = 1; keys[i]; i++) {
		free(keys[i]);
		keys[i] = NULL;
	}
	return ok;
}

/* The row, and the snapshots of the runs in the file. */
static bool forget_all(struct trimmer *t, const struct archive *a,
		       struct logread *file, struct err *err)
{
	char *keys[RUNS_AT_ONCE + 2] = {key_of(t->show, "archives")};
	struct event *e = NULL;
	size_t n = 1;
	bool ok = true;
	while (ok && file && logread_next(file, &e, NULL) > 0) {
		if (e->type == EVENT_RUN_START)
			keys[n++] = key_with(t->show, "snapshot:", e->run);
		event_free(&e);
		if (n > RUNS_AT_ONCE) {
			ok = forget(t, a, keys, err);
			n = 1;
		}
	}
	if (ok && a->run[0] != '-')
		keys[n] = key_with(t->show, "snapshot:", a->run);
	ok = ok && forget(t, a, keys, err);
	free(keys[0]);
	return ok;
}

static bool retire(struct trimmer *t, const struct archive *a, char *text,
		   size_t bytes, struct err *err)
{
	char *path = archive_path(t->show, a);
	struct logread *file = logread_open(path, NULL);
	bool ok = forget_all(t, a, file, err);
	logread_close(&file);
	if (ok)
		unlink(path);
	snprintf(text, bytes,
		 "the archive of events %" PRIu64 " to %" PRIu64
		 " is deleted: its time is over",
		 a->first, a->last);
	free(path);
	return ok;
}

bool trimmer_retire(struct trimmer *t, int64_t before_ms, const char *run_now,
		    void (*tell)(void *whose, const char *text), void *whose,
		    struct err *err)
{
	char text[200], run_seen[SNAPSHOT_RUN_BYTES] = "";
	int64_t end_ms = 0;
	if (!archives_read(&t->list, t->link, t->show, err))
		return false;
	for (size_t i = 0; i < t->list.count; i++) {
		const struct archive *a = &t->list.items[i];
		if (a->at_ms >= before_ms || strcmp(a->run, run_now) == 0)
			break;
		if (!archive_is_here(t->show, a))
			continue; /* on another machine */
		if (strcmp(run_seen, a->run) != 0)
			end_ms = end_of_run(t, a);
		memcpy(run_seen, a->run, sizeof run_seen);
		if (end_ms >= before_ms)
			break;
		if (!goes_on(t, err) || !retire(t, a, text, sizeof text, err))
			return false;
		tell(whose, text);
	}
	return true;
}
