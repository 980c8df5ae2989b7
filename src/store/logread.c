#include "store/logread.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "show/show_read.h"

#define LINE_MAX_BYTES (16u << 20)

struct logread {
	FILE *file;
	char *line;
	size_t line_cap;
	struct logfile_reader reader;
	json_object *definitions; /* {hash: its text} */
};

/* Reads a line into r->line, newline included; 0 at the end, -1 with err. */
static ssize_t read_line(struct logread *r, struct err *err)
{
	errno = 0;
	ssize_t n = getline(&r->line, &r->line_cap, r->file);
	if (n >= 0 && n <= LINE_MAX_BYTES)
		return n;
	if (n < 0 && !ferror(r->file))
		return 0;
	err_set(err, ERR_DATA, "line %llu: %s",
		(unsigned long long)r->reader.line + 1,
		n > 0 ? "it is too long" : strerror(errno));
	return -1;
}

static enum logfile_line next_line(struct logread *r, bool *end,
				   struct err *err)
{
	ssize_t n = read_line(r, err);
	*end = n == 0;
	if (n <= 0)
		return LOGFILE_BAD;
	return logfile_read(&r->reader, r->line, (size_t)n, err);
}

static bool read_head(struct logread *r, struct err *err)
{
	bool end;
	r->definitions = json_object_new_object();
	enum logfile_line kind = next_line(r, &end, err);
	while (kind != LOGFILE_BAD && r->reader.definitions > 0) {
		kind = next_line(r, &end, err);
		if (kind == LOGFILE_DEFINITION)
			json_object_object_add(
				r->definitions, r->reader.hash,
				json_object_new_string(r->reader.definition));
	}
	if (kind == LOGFILE_BAD)
		return end ? logfile_complete(&r->reader, err) : false;
	return true;
}

struct logread *logread_open(const char *path, struct err *err)
{
	struct logread *r = xcalloc(1, sizeof *r);
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		r->file = fdopen(fd, "r");
		if (read_head(r, err))
			return r;
	} else {
		err_set(err, ERR_DATA, "%s",
			fd < 0 ? strerror(errno) : "it is no regular file");
		if (fd >= 0)
			close(fd);
	}
	logread_close(&r);
	return NULL;
}

void logread_close(struct logread **logread)
{
	struct logread *r = *logread;
	*logread = NULL;
	if (!r)
		return;
	if (r->file)
		fclose(r->file);
	free(r->line);
	logfile_reader_release(&r->reader);
	json_object_put(r->definitions);
	free(r);
}

int logread_next(struct logread *r, struct event **event, struct err *err)
{
	bool end;
	enum logfile_line kind = next_line(r, &end, err);
	if (kind == LOGFILE_EVENT) {
		*event = r->reader.event;
		r->reader.event = NULL;
		return 1;
	}
	/* Behind its end nothing may stand. */
	if (kind == LOGFILE_END)
		kind = next_line(r, &end, err);
	if (end)
		return logfile_complete(&r->reader, err) ? 0 : -1;
	return -1;
}

bool logread_rewind(struct logread *r, struct err *err)
{
	rewind(r->file);
	logfile_reader_release(&r->reader);
	json_object_put(r->definitions);
	r->definitions = NULL;
	return read_head(r, err);
}

const struct logfile_reader *logread_state(const struct logread *r)
{
	return &r->reader;
}

char *logread_definition(const struct logread *r, const char *hash)
{
	json_object *o = NULL;
	json_object_object_foreach(r->definitions, its_hash, definition)
	{
		if (!*hash || strcmp(its_hash, hash) == 0)
			o = definition;
	}
	return o ? xstrdup(json_object_get_string(o)) : NULL;
}

struct show *logread_show(void *whose, const char *hash)
{
	struct logread *r = whose;
	char *text = logread_definition(r, hash);
	struct show *show = show_of_definition(text, r->reader.show, NULL);
	free(text);
	return show;
}

/* The last line against what the events fold to. */
static bool same_end(const struct logfile_reader *file,
		     const struct replay *replay, struct err *err)
{
	const char *hash =
		replay->blind ? replay->link : story_hash(&replay->m->story);
	if ((replay->blind || file->version == replay->m->story.version) &&
	    (!*hash || strcmp(file->story_hash, hash) == 0))
		return true;
	return err_set(err, ERR_NO,
		       "line %" PRIu64 " (the end): the story's hash is %s, "
		       "and it says %s",
		       file->line - 1, hash, file->story_hash);
}

static struct show *no_stages(void *whose, const char *hash)
{
	struct logread *r = whose;
	(void)hash;
	return show_bare(r->reader.show);
}

static bool verify(struct logread *r, struct replay *replay, struct err *err)
{
	struct event *e = NULL;
	int got;
	if (!replay_begin(replay, r->reader.first, err))
		return false;
	while ((got = logread_next(r, &e, err)) > 0) {
		bool ok = replay_event(replay, e, err);
		event_free(&e);
		if (!ok)
			return false;
	}
	return got == 0 && same_end(&r->reader, replay, err);
}

bool logread_verify(struct logread *r, struct replay *replay, struct err *err)
{
	*replay = (struct replay){.verify = true,
				  .show_of = logread_show,
				  .whose = r,
				  .to_version = -1};
	return verify(r, replay, err);
}

bool logread_verify_story(struct logread *r, struct replay *replay,
			  struct err *err)
{
	*replay = (struct replay){.verify = true,
				  .show_of = no_stages,
				  .whose = r,
				  .to_version = -1};
	return verify(r, replay, err);
}
