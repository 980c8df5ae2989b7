#include "store/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/archive.h"
#include "store/logread.h"

struct history {
	char *show;
	struct archives list;
	struct logread *file; /* open, before event `next`; NULL: none */
	char *path;
	uint64_t next, last;
};

struct history *history_new(const char *show)
{
	struct history *h = xcalloc(1, sizeof *h);
	h->show = xstrdup(show);
	return h;
}

static void close_file(struct history *h)
{
	logread_close(&h->file);
	free(h->path);
	h->path = NULL;
	h->next = h->last = 0;
}

void history_free(struct history **history)
{
	struct history *h = *history;
	*history = NULL;
	if (!h)
		return;
	close_file(h);
	archives_release(&h->list);
	free(h->show);
	free(h);
}

bool history_has(struct history *h, uint64_t seq)
{
	if (h->file && seq >= h->next && seq <= h->last)
		return true;
	const struct archive *a = archives_find(&h->list, seq);
	return a && archive_is_here(h->show, a);
}

/* --- what cannot be read, in words -------------------------------------- */

static bool is_this_host(const char *host)
{
	char here[ARCHIVE_HOST_BYTES] = "localhost";
	gethostname(here, sizeof here - 1);
	return strcmp(here, host) == 0;
}

static bool missing(const struct history *h, const struct archive *a,
		    uint64_t seq, struct err *err)
{
	if (!a)
		return err_set(err, ERR_DATA,
			       "event %" PRIu64 " is no longer kept: what was "
			       "trimmed goes up to event %" PRIu64
			       ", and its archive file was deleted when its "
			       "time was over (retention.runs_days)",
			       seq, h->list.trimmed);
	char *path = archive_path(h->show, a);
	if (access(path, F_OK) == 0)
		err_set(err, ERR_NO,
			"%s is not the file that was archived there: its last "
			"line should have the chain %s",
			path, a->chain);
	else if (is_this_host(a->host))
		err_set(err, ERR_DATA,
			"events %" PRIu64 " to %" PRIu64 " were archived in "
			"%s, and that file is gone; put it back to read them",
			a->first, a->last, path);
	else
		err_set(err, ERR_DATA,
			"events %" PRIu64 " to %" PRIu64
			" stand in an archive file on %.65s; copy it to %s to "
			"read them here",
			a->first, a->last, a->host, path);
	free(path);
	return false;
}

/* --- reading ------------------------------------------------------------ */

static bool open_file(struct history *h, const struct archive *a,
		      struct err *err)
{
	close_file(h);
	if (!archive_is_here(h->show, a))
		return missing(h, a, a->first, err);
	h->path = archive_path(h->show, a);
	h->file = logread_open(h->path, err);
	if (!h->file) {
		err_wrap(err, "%s", h->path);
		close_file(h);
		return false;
	}
	h->next = a->first;
	h->last = a->last;
	return true;
}

/* 1, 0 at the end of the file, -1 with err. */
static int next_event(struct history *h, struct event **e, struct err *err)
{
	int got = logread_next(h->file, e, err);
	if (got > 0) {
		h->next++;
		return 1;
	}
	if (got < 0)
		err_wrap(err, "%s", h->path);
	close_file(h);
	return got;
}

static bool go_to(struct history *h, const struct archive *a, uint64_t seq,
		  struct err *err)
{
	struct event *e = NULL;
	bool on_the_way = h->file && h->last == a->last && h->next <= seq;
	if (!on_the_way && !open_file(h, a, err))
		return false;
	while (h->next < seq) {
		int got = next_event(h, &e, err);
		event_free(&e);
		if (got <= 0)
			return got < 0 ? false
				       : err_set(err, ERR_NO,
						 "event %" PRIu64
						 " is missing in its archive",
						 seq);
	}
	return true;
}

int history_events(struct history *h, struct link *link, uint64_t after,
		   size_t max, struct event ***events, struct err *err)
{
	const struct archive *a = archives_find(&h->list, after + 1);
	struct event **got = NULL;
	size_t count = 0;
	*events = NULL;
	if (!a || !archive_is_here(h->show, a)) {
		if (!archives_read(&h->list, link, h->show, err))
			return -1;
		a = archives_find(&h->list, after + 1);
	}
	if (!a && after + 1 > h->list.trimmed)
		return 0;
	if (!a) {
		missing(h, NULL, after + 1, err);
		return -1;
	}
	if (!go_to(h, a, after + 1, err))
		return -1;
	uint64_t left = h->last - after;
	if (max > left)
		max = (size_t)left;
	got = xcalloc(max, sizeof *got);
	/* What stands before a line that is not right is right. */
	while (count < max && next_event(h, &got[count], err) > 0)
		count++;
	if (count == max && h->file && h->next > h->last) {
		/* Its last line vouches for all of them. */
		struct event *none = NULL;
		if (next_event(h, &none, err) != 0) {
			event_free(&none);
			while (count > 0)
				event_free(&got[--count]);
		}
	}
	if (count == 0) {
		free(got);
		return -1;
	}
	*events = got;
	return (int)count;
}

uint64_t history_oldest(struct history *h, struct link *link, uint64_t first,
			struct err *err)
{
	if (first <= 1)
		return first;
	if (!archives_read(&h->list, link, h->show, err))
		return 0;
	for (;;) {
		const struct archive *a = archives_find(&h->list, first - 1);
		if (!a || !archive_is_here(h->show, a))
			return first;
		first = a->first;
	}
}

void history_missing(struct history *h, uint64_t first, char *text,
		     size_t bytes)
{
	struct err err = {0};
	text[0] = '\0';
	if (first > 1 && first - 1 <= h->list.trimmed) {
		missing(h, archives_find(&h->list, first - 1), first - 1, &err);
		snprintf(text, bytes, "%s", err.text);
	}
}
