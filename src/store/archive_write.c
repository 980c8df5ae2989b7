/* Writing archive files. The events are read twice, because the head of a file
 * names what its events need; then the file is read back, byte by byte and
 * story by story. It gets its name only when all of that went well. */
#include "store/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "core/logfile.h"
#include "show/show_read.h"
#include "store/logread.h"

#define CHUNK	    1000 /* events, asked for over two links (client.h) */
#define TEMP_PREFIX "half-"

/* The range as it stands in Redis, event by event. */
struct walk {
	struct client *client;
	uint64_t next, last;
	const atomic_bool *give_up;
	struct event **events;
	int at, count;
};

static void walk_end(struct walk *w)
{
	while (w->at < w->count)
		event_free(&w->events[w->at++]);
	free(w->events);
	w->events = NULL;
	w->at = w->count = 0;
}

/* 1, 0 behind the last one, -1 with err. */
static int walk_next(struct walk *w, struct event **e, struct err *err)
{
	if (w->next > w->last)
		return 0;
	if (w->at == w->count) {
		walk_end(w);
		if (*w->give_up) {
			err_set(err, ERR_AGAIN, "the core stops");
			return -1;
		}
		uint64_t left = w->last + 1 - w->next;
		w->count = client_events(w->client, w->next - 1,
					 left < CHUNK ? left : CHUNK, 0,
					 &w->events, err);
		if (w->count == 0)
			err_set(err, ERR_DATA, "event %" PRIu64 " is missing",
				w->next);
		if (w->count <= 0) {
			w->count = 0;
			return -1;
		}
	}
	*e = w->events[w->at++];
	w->next++;
	return 1;
}

/* --- writing ------------------------------------------------------------ */

struct pen {
	struct client *client;
	const char *show;	  /* its id */
	json_object *definitions; /* {hash: its text} */
	struct archive *a;
	FILE *file;
	struct logfile_writer log;
	struct buf out;
};

static void add_definition(struct pen *p, const char *hash)
{
	if (json_object_object_get_ex(p->definitions, hash, NULL))
		return;
	char *text = *hash ? client_definition_of(p->client, hash, NULL)
			   : client_definition(p->client, NULL);
	char sum[HASH_HEX_BYTES];
	if (text && json_check(text, strlen(text), &json_limits_own, NULL))
		json_object_object_add(p->definitions,
				       hash_sha256_hex(sum, text, strlen(text)),
				       json_object_new_string(text));
	free(text);
}

/* The definitions that the runs in it began with; one in any case. */
static bool look(struct pen *p, struct walk w, struct err *err)
{
	struct event *e = NULL;
	int got;
	while ((got = walk_next(&w, &e, err)) > 0) {
		if (e->type == EVENT_RUN_START)
			add_definition(p, event_str(e, "hash", ""));
		event_free(&e);
	}
	walk_end(&w);
	if (json_object_object_length(p->definitions) == 0)
		add_definition(p, "");
	return got == 0;
}

/* Only the story is folded, and for that any definition does. */
static struct show *show_of(void *whose, const char *hash)
{
	struct pen *p = whose;
	(void)hash;
	return show_bare(p->show);
}

static bool flush(struct pen *p, struct err *err)
{
	bool ok = fwrite(p->out.data, 1, p->out.len, p->file) == p->out.len;
	buf_clear(&p->out);
	return ok || err_set(err, ERR_CONFIG, "%s", strerror(errno));
}

static bool write_events(struct pen *p, struct walk *w, struct replay *r,
			 struct err *err)
{
	struct event *e = NULL;
	int got;
	while ((got = walk_next(w, &e, err)) > 0) {
		bool ok = replay_event(r, e, err);
		if (ok) {
			logfile_event(&p->log, &p->out, e);
			p->a->at_ms = e->at_ms;
			snprintf(p->a->run, sizeof p->a->run, "%s",
				 *e->run ? e->run : "-");
		}
		event_free(&e);
		if (!ok || !flush(p, err))
			return false;
	}
	return got == 0;
}

static bool write_all(struct pen *p, struct walk w, struct err *err)
{
	char sum[HASH_HEX_BYTES];
	struct replay r = {.show_of = show_of, .whose = p, .to_version = -1};
	logfile_begin(&p->log, &p->out, p->show, NULL, w.next, w.last,
		      p->definitions);
	bool ok = replay_begin(&r, w.next, err) && write_events(p, &w, &r, err);
	walk_end(&w);
	if (ok) {
		logfile_end(&p->log, &p->out, r.blind ? 0 : r.m->story.version,
			    r.blind ? r.link : story_hash(&r.m->story));
		memcpy(p->a->chain, p->log.chain, sizeof p->a->chain);
		ok = flush(p, err) &&
		     ((fflush(p->file) == 0 && fsync(fileno(p->file)) == 0) ||
		      err_set(err, ERR_CONFIG, "%s", strerror(errno)));
	} else {
		hash_sum_end(&p->log.sum, sum);
	}
	replay_end(&r);
	return ok;
}

/* --- reading back ------------------------------------------------------- */

static bool read_back(const char *path, const struct archive *a,
		      struct err *err)
{
	struct replay r = {0};
	struct logread *file = logread_open(path, err);
	bool ok = file && logread_verify_story(file, &r, err);
	const struct logfile_reader *end = file ? logread_state(file) : NULL;
	if (ok && (end->first != a->first || end->last != a->last ||
		   strcmp(end->chain, a->chain) != 0))
		ok = err_set(err, ERR_NO, "it is not what was written");
	replay_end(&r);
	logread_close(&file);
	return ok;
}

static bool give_name(const char *temp, const char *show,
		      const struct archive *a, struct err *err)
{
	char *path = archive_path(show, a), *folder = archive_folder(show);
	bool ok = rename(temp, path) == 0 ||
		  err_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd); /* some file systems know no such thing */
		close(fd);
	}
	free(folder);
	free(path);
	return ok;
}

static FILE *open_temp(const char *show, char **temp, struct err *err)
{
	char *folder = archive_folder(show);
	FILE *file = NULL;
	*temp = xasprintf("%s/" TEMP_PREFIX "XXXXXX", folder);
	if (file_make_dirs(folder, err)) {
		int fd = mkostemp(*temp, O_CLOEXEC); /* 0600 */
		file = fd >= 0 ? fdopen(fd, "w") : NULL;
		if (!file)
			err_set(err, ERR_CONFIG, "%s: %s", folder,
				strerror(errno));
	}
	free(folder);
	return file;
}

bool archive_write(struct client *client, const char *show, uint64_t first,
		   uint64_t last, const atomic_bool *give_up, struct archive *a,
		   struct err *err)
{
	struct pen p = {.client = client,
			.show = show,
			.definitions = json_object_new_object(),
			.a = a};
	struct walk w = {.client = client,
			 .next = first,
			 .last = last,
			 .give_up = give_up};
	char *temp;
	*a = (struct archive){.first = first, .last = last, .run = "-"};
	snprintf(a->host, sizeof a->host, "localhost");
	gethostname(a->host, sizeof a->host - 1);
	p.file = open_temp(show, &temp, err);
	bool ok = p.file && look(&p, w, err) && write_all(&p, w, err);
	if (p.file && fclose(p.file) != 0 && ok)
		ok = err_set(err, ERR_CONFIG, "%s", strerror(errno));
	json_object_put(p.definitions);
	ok = ok && read_back(temp, a, err) && give_name(temp, show, a, err);
	if (p.file && !ok)
		unlink(temp);
	free(temp);
	buf_release(&p.out);
	return ok ||
	       err_wrap(err, "the archive of events %" PRIu64 " to %" PRIu64,
			first, last);
}

/* --- what a dead core left ---------------------------------------------- */

void archive_sweep(const char *show)
{
	char *folder = archive_folder(show);
	DIR *dir = opendir(folder);
	struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, TEMP_PREFIX, strlen(TEMP_PREFIX)) ==
		    0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	free(folder);
}

static bool same_event(const struct event *x, const struct event *y)
{
	json_object *a = event_json(x), *b = event_json(y);
	bool same = strcmp(json_text(a), json_text(b)) == 0;
	json_object_put(a);
	json_object_put(b);
	return same;
}

/* Each event of the file, to its last line, against Redis. */
static bool same_events(struct logread *file, struct walk w, struct archive *a)
{
	struct event *has = NULL, *is = NULL;
	bool same = true;
	int got = 1;
	while (same && (got = logread_next(file, &has, NULL)) > 0) {
		same = walk_next(&w, &is, NULL) > 0 && same_event(has, is);
		a->at_ms = has->at_ms;
		snprintf(a->run, sizeof a->run, "%s",
			 *has->run ? has->run : "-");
		event_free(&has);
		event_free(&is);
	}
	walk_end(&w);
	return same && got == 0;
}

static bool adopt(struct client *client, const char *path, uint64_t first,
		  uint64_t last, const atomic_bool *give_up, struct archive *a)
{
	struct logread *file = logread_open(path, NULL);
	const struct logfile_reader *head = file ? logread_state(file) : NULL;
	bool ok = file && head->first == first && head->last <= last;
	if (ok) {
		struct walk w = {.client = client,
				 .next = first,
				 .last = head->last,
				 .give_up = give_up};
		*a = (struct archive){.first = first, .last = head->last};
		snprintf(a->host, sizeof a->host, "localhost");
		gethostname(a->host, sizeof a->host - 1);
		ok = same_events(file, w, a);
		memcpy(a->chain, head->chain, sizeof a->chain);
	}
	logread_close(&file);
	return ok && read_back(path, a, NULL);
}

bool archive_adopt(struct client *client, const char *show, uint64_t first,
		   uint64_t last, const atomic_bool *give_up, struct archive *a)
{
	char *folder = archive_folder(show), begin[40];
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool found = false;
	snprintf(begin, sizeof begin, "events-%010" PRIu64 "-", first);
	while (dir && !found && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, begin, strlen(begin)) != 0)
			continue;
		char *path = xasprintf("%s/%s", folder, entry->d_name);
		found = adopt(client, path, first, last, give_up, a);
		free(path);
	}
	if (dir)
		closedir(dir);
	free(folder);
	return found;
}
