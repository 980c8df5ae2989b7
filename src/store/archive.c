#include "store/archive.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "store/keys.h"

#define TAIL_BYTES 512 /* the last line is shorter */

void archives_release(struct archives *a)
{
	free(a->items);
	*a = (struct archives){0};
}

static bool read_row(const char *field, const char *value, struct archive *a)
{
	int end = 0;
	*a = (struct archive){0};
	return sscanf(field, "%" SCNu64 "-%" SCNu64, &a->first, &a->last) ==
		       2 &&
	       a->first > 0 && a->first <= a->last &&
	       sscanf(value, "%64s %" SCNd64 " %39s %65s%n", a->chain,
		      &a->at_ms, a->run, a->host, &end) == 4 &&
	       value[end] == '\0' && strlen(a->chain) == HASH_HEX_BYTES - 1 &&
	       strspn(a->chain, "0123456789abcdef") == HASH_HEX_BYTES - 1;
}

static int by_first(const void *x, const void *y)
{
	const struct archive *a = x, *b = y;
	return (a->first > b->first) - (a->first < b->first);
}

/* "<run> <seq> ..." */
static uint64_t seq_of(const char *last)
{
	uint64_t seq = 0;
	return sscanf(last, "%*39s %" SCNu64, &seq) == 1 ? seq : 0;
}

bool archives_read(struct archives *a, struct link *link, const char *show,
		   struct err *err)
{
	char *rows = key_of(show, "archives"), *base = key_of(show, "trimmed");
	archives_release(a);
	link_add(link, "GET", base, (char *)NULL);
	redisReply *r = link_ask(link, base, err);
	if (r && r->str)
		a->trimmed = seq_of(r->str);
	bool ok = r != NULL;
	reply_free(r);
	if (ok) {
		link_add(link, "HGETALL", rows, (char *)NULL);
		r = link_ask(link, rows, err);
		ok = r != NULL;
	}
	if (ok) {
		a->items = xcalloc(r->elements / 2 + 1, sizeof *a->items);
		for (size_t i = 0; i + 1 < r->elements; i += 2)
			if (read_row(reply_str(r, i), reply_str(r, i + 1),
				     &a->items[a->count]))
				a->count++;
		qsort(a->items, a->count, sizeof *a->items, by_first);
		reply_free(r);
	}
	free(rows);
	free(base);
	return ok;
}

const struct archive *archives_find(const struct archives *a, uint64_t seq)
{
	for (size_t i = a->count; i-- > 0;)
		if (a->items[i].first <= seq)
			return a->items[i].last >= seq ? &a->items[i] : NULL;
	return NULL;
}

char *archive_field(const struct archive *a)
{
	return xasprintf("%" PRIu64 "-%" PRIu64, a->first, a->last);
}

char *archive_value(const struct archive *a)
{
	return xasprintf("%s %" PRId64 " %s %s", a->chain, a->at_ms, a->run,
			 a->host);
}

char *archive_folder(const char *show)
{
	char *state = file_state_dir(show);
	char *folder = xasprintf("%s/archive", state);
	free(state);
	return folder;
}

/* A piece of the chain, so that logs of one name do not get in each other's
 * way. */
char *archive_path(const char *show, const struct archive *a)
{
	char *folder = archive_folder(show);
	char *path =
		xasprintf("%s/events-%010" PRIu64 "-%010" PRIu64 "-%.8s.log",
			  folder, a->first, a->last, a->chain);
	free(folder);
	return path;
}

bool archive_is_here(const char *show, const struct archive *a)
{
	char *path = archive_path(show, a), tail[TAIL_BYTES + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	off_t bytes = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
	off_t from = bytes > TAIL_BYTES ? bytes - TAIL_BYTES : 0;
	ssize_t n = bytes > 0 ? pread(fd, tail, TAIL_BYTES, from) : 0;
	char *end = xasprintf(",\"chain\":\"%s\"}\n", a->chain);
	size_t end_bytes = strlen(end);
	bool here = n > 0 && (size_t)n >= end_bytes &&
		    memcmp(tail + (size_t)n - end_bytes, end, end_bytes) == 0;
	if (fd >= 0)
		close(fd);
	free(end);
	free(path);
	return here;
}
