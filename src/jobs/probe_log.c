/* Kind log: the tail of a log of JSON lines, the core's own or another one. */
#include "jobs/probe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

#define TAIL_BYTES  (4 * 1024 * 1024)
#define SECONDS	    60
#define LINES_SHOWN 20
#define LINE_BYTES  4096

struct search {
	const char *pattern, *level, *room;
	char since[32]; /* times of this form compare as texts */
	int64_t count;
	char *last;
	json_object *shown; /* the first of them */
};

/* The end of the file, from the first whole line on. */
static bool read_tail(struct probe *p, const char *path, struct buf *out)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return probe_fail(p,
				  "%s: there is no such log; a headless core "
				  "writes it to its standard error",
				  path);
	}
	off_t from = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
	char piece[16384];
	ssize_t n;
	while (out->len < TAIL_BYTES + sizeof piece &&
	       (n = pread(fd, piece, sizeof piece, from)) > 0) {
		buf_add(out, piece, (size_t)n);
		from += n;
	}
	close(fd);
	return true;
}

static bool is_wanted(const struct search *s, json_object *o, const char *line)
{
	const char *text = json_get_str(o, "text", line);
	const char *at = json_get_str(o, "at", NULL);
	if (at && strcmp(at, s->since) < 0)
		return false;
	if (s->level && strcmp(json_get_str(o, "level", ""), s->level) != 0)
		return false;
	if (s->room && strcmp(json_get_str(o, "room", ""), s->room) != 0)
		return false;
	return !s->pattern || expect_matches(s->pattern, text);
}

static void look(struct probe *p, struct search *s, const char *text)
{
	while (*text) {
		size_t bytes = strcspn(text, "\n");
		size_t kept = bytes < LINE_BYTES ? bytes : LINE_BYTES;
		char *line = xstrndup(text, kept);
		json_object *o =
			json_read(line, kept, &json_limits_answer, NULL);
		if (is_wanted(s, o, line)) {
			free(s->last);
			s->last = xstrdup(json_get_str(o, "text", line));
			if (s->count++ < LINES_SHOWN) {
				json_object *row = json_object_new_object();
				probe_keep_text(p, row, "line", line, kept);
				json_object_array_add(s->shown, row);
			}
		}
		json_object_put(o);
		free(line);
		text += bytes + (text[bytes] != '\0');
	}
}

static char *find_path(const struct probe *p)
{
	const char *named = p->endpoint + strlen("log:");
	if (*named)
		return file_beside(p->show->path ? p->show->path : "", named);
	char *folder = file_state_dir(p->show->id);
	char *path = xasprintf("%s/core.log", folder);
	free(folder);
	return path;
}

static void measure(struct probe *p, struct search *s, const char *path)
{
	json_object *request = json_object_new_object();
	json_object *answer = json_object_new_object();
	json_add_str(request, "log", path);
	probe_keep_tree(p, request, "payload", p->payload);
	probe_keep(p, "request", &request);
	json_add_int(answer, "count", s->count);
	json_add(answer, "lines", &s->shown);
	probe_keep(p, "answer", &answer);
	p->json = json_object_new_object();
	json_add_int(p->json, "count", s->count);
	json_add_str(p->json, "last", s->last);
	p->measured.json = p->json;
	p->measured.has_value = true;
	p->measured.value = (double)s->count;
	buf_adds(&p->body, s->last ? s->last : "");
	p->measured.body = buf_str(&p->body);
	p->measured.body_bytes = p->body.len;
	probe_fine(p, "%lld line%s in %lld ms", (long long)s->count,
		   s->count == 1 ? "" : "s", (long long)p->total_ms);
}

bool probe_log(struct probe *p)
{
	int64_t began_us = clock_mono_us();
	int64_t seconds = json_get_int(p->payload, "seconds", SECONDS);
	struct search s = {
		.pattern = json_get_str(p->payload, "pattern", NULL),
		.level = json_get_str(p->payload, "level", NULL),
		.room = json_get_str(p->payload, "room", NULL),
		.shown = json_object_new_array(),
	};
	struct buf tail = {0};
	char *path = find_path(p);
	clock_rfc3339(s.since, sizeof s.since,
		      clock_show_ms() - seconds * 1000);
	bool fine = read_tail(p, path, &tail);
	if (fine) {
		look(p, &s, buf_str(&tail));
		probe_took(p, began_us);
		measure(p, &s, path);
	}
	json_object_put(s.shown);
	free(s.last);
	buf_release(&tail);
	free(path);
	return fine;
}
