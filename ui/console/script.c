#include "console/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "console/keys.h"

#define PATIENCE_MS 60000

enum verb { KEYS, WAIT_QUIET, WAIT_TEXT, WAIT_GONE, DUMP, RESIZE, QUIT };

static const struct {
	const char *words;
	enum verb verb;
	bool takes_rest;
} verbs[] = {
	{"keys ", KEYS, true},		 {"wait quiet", WAIT_QUIET, false},
	{"wait text ", WAIT_TEXT, true}, {"wait gone ", WAIT_GONE, true},
	{"dump ", DUMP, true},		 {"resize ", RESIZE, true},
	{"quit", QUIT, false},
};

struct line {
	enum verb verb;
	int number;
	const char *rest; /* in script.text */
};

struct script {
	char *text;
	struct line *lines;
	size_t count, cap;
	size_t at;
	const char *keys; /* rest of a `keys` line under way, or NULL */
	int64_t deadline;
};

static bool read_line(struct script *s, char *text, int number, struct err *err)
{
	if (!*text || *text == '#')
		return true;
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		size_t n = strlen(verbs[i].words);
		if (strncmp(text, verbs[i].words, n) != 0 ||
		    (verbs[i].takes_rest ? !text[n] : text[n]))
			continue;
		GROW(s->lines, s->count, s->cap);
		s->lines[s->count++] =
			(struct line){verbs[i].verb, number, text + n};
		return true;
	}
	return err_set(err, ERR_USAGE,
		       "script line %d: `%s` is no command (keys, wait quiet, "
		       "wait text, wait gone, dump, resize, quit)",
		       number, text);
}

struct script *script_load(const char *path, struct err *err)
{
	char *text = file_read(path, 1 << 20, NULL, err);
	if (!text) {
		err_wrap(err, "SHOWCALLER_SCRIPT");
		return NULL;
	}
	struct script *s = xcalloc(1, sizeof *s);
	s->text = text;
	char *rest = text;
	for (int number = 1; rest; number++) {
		char *line = strsep(&rest, "\n");
		if (!read_line(s, line, number, err)) {
			script_free(&s);
			return NULL;
		}
	}
	return s;
}

void script_free(struct script **script)
{
	struct script *s = *script;
	if (!s)
		return;
	*script = NULL;
	free(s->lines);
	free(s->text);
	free(s);
}

/* The next word of a `keys` line as a key, 0 at its end, -1 if it is none. */
static int next_key(struct script *s)
{
	const char *p = s->keys + strspn(s->keys, " ");
	size_t n = strcspn(p, " ");
	s->keys = p + n;
	if (!n)
		return 0;
	char *word = xstrndup(p, n);
	int key = keys_find(word);
	free(word);
	return key ? key : -1;
}

static bool fail(const struct line *line, const char *why, struct err *err)
{
	return err_set(err, ERR_NO, "script line %d: %s: %s", line->number, why,
		       line->rest);
}

static bool write_fifo(const struct line *line, const struct buf *b,
		       struct err *err)
{
	FILE *f = fopen(line->rest, "w");
	if (!f)
		return fail(line, "cannot be written", err);
	bool ok = fwrite(buf_str(b), 1, b->len, f) == b->len;
	ok = fclose(f) == 0 && ok;
	return ok || fail(line, "cannot be written", err);
}

static bool dump(const struct line *line, const struct canvas *shown,
		 struct err *err)
{
	struct stat st;
	struct buf b = {0};
	canvas_dump(shown, false, &b);
	bool ok =
		stat(line->rest, &st) == 0 && S_ISFIFO(st.st_mode)
			? write_fifo(line, &b, err)
			: file_write(line->rest, buf_str(&b), b.len, 0600, err);
	buf_release(&b);
	return ok;
}

/* True when the wait of `line` is over. */
static bool is_met(const struct line *line, const struct canvas *shown,
		   bool quiet)
{
	if (line->verb == WAIT_QUIET)
		return quiet;
	return canvas_has_text(shown, line->rest) == (line->verb == WAIT_TEXT);
}

static struct script_step step(enum script_next next)
{
	return (struct script_step){.next = next};
}

static struct script_step run_line(struct script *s, const struct line *line,
				   const struct canvas *shown, struct err *err)
{
	struct script_step out = step(SCRIPT_WAITS);
	switch (line->verb) {
	case KEYS:
		s->keys = s->keys ? s->keys : line->rest;
		out.key = next_key(s);
		if (out.key > 0) {
			out.next = SCRIPT_KEY;
			return out;
		}
		s->keys = NULL;
		if (out.key < 0) {
			fail(line, "no such key", err);
			return step(SCRIPT_FAILED);
		}
		break;
	case DUMP:
		if (!dump(line, shown, err))
			return step(SCRIPT_FAILED);
		break;
	case RESIZE:
		if (sscanf(line->rest, "%dx%d", &out.width, &out.height) != 2 ||
		    out.width < 1 || out.height < 1 || out.width > 1000 ||
		    out.height > 1000) {
			fail(line, "no such size", err);
			return step(SCRIPT_FAILED);
		}
		s->at++;
		out.next = SCRIPT_RESIZE;
		return out;
	case QUIT:
		return step(SCRIPT_QUIT);
	default:
		break;
	}
	s->at++;
	return out;
}

struct script_step script_go_on(struct script *s, const struct canvas *shown,
				bool quiet, int64_t mono_ms, struct err *err)
{
	while (s->at < s->count) {
		const struct line *line = &s->lines[s->at];
		bool waits = line->verb == WAIT_QUIET ||
			     line->verb == WAIT_TEXT || line->verb == WAIT_GONE;
		if (waits && !is_met(line, shown, quiet)) {
			if (!s->deadline)
				s->deadline = mono_ms + PATIENCE_MS;
			if (mono_ms < s->deadline)
				return step(SCRIPT_WAITS);
			fail(line, "waited in vain", err);
			return step(SCRIPT_FAILED);
		}
		s->deadline = 0;
		struct script_step out = run_line(s, line, shown, err);
		if (out.next != SCRIPT_WAITS)
			return out;
	}
	return step(SCRIPT_WAITS);
}

int64_t script_deadline(const struct script *s)
{
	return s->deadline;
}
