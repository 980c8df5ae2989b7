#include "cli/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/find.h"
#include "engine/lock.h"
#include "core/snapshot.h"
#include "show/show_read.h"
#include "store/logread.h"
#include "store/server.h"

#define CHUNK 1000

struct source {
	char *name;
	char *show;
	uint64_t first, last, next;
	char missing[320]; /* why what was before `first` is not here */

	/* Redis */
	struct client *client;
	struct redis_server *server; /* ours for now; NULL: it ran already */
	int lock_fd;
	struct event **events; /* read ahead */
	int event_at, event_count;

	struct logread *file; /* NULL: of Redis */
};

/* --- a file ------------------------------------------------------------- */

static struct source *open_file(const char *path, struct err *err)
{
	struct source *s = xcalloc(1, sizeof *s);
	s->lock_fd = -1;
	s->name = text_clean_str(path, 200);
	s->file = logread_open(path, err);
	if (!s->file) {
		err_wrap(err, "%s", s->name);
		source_close(&s);
		return NULL;
	}
	const struct logfile_reader *head = logread_state(s->file);
	s->show = xstrdup(head->show);
	s->first = head->first;
	s->last = head->last;
	return s;
}

/* --- Redis -------------------------------------------------------------- */

/* The private server of a stopped show holds its log; it runs while we read. */
static bool start_server(struct source *s, const struct cli_place *place,
			 struct err *err)
{
	char *data = xasprintf("%s/redis", place->state_dir);
	bool private = place->address && !place->remote && !place->here &&
		       address_is_private(place->address, place->state_dir) &&
		       access(data, F_OK) == 0;
	free(data);
	if (!private)
		return false;
	s->lock_fd = engine_lock_take(place->state_dir, place->show, err);
	if (s->lock_fd < 0)
		return false;
	s->server = redis_server_start(place->state_dir, NULL, err);
	return s->server != NULL;
}

static int open_redis(struct source *s, const struct cli_place *place)
{
	struct err err = {0};
	if (place->address)
		s->client = client_open(place->address, place->show, NULL);
	if (!s->client && start_server(s, place, &err))
		s->client = client_open(place->address, place->show, &err);
	if (s->client)
		return client_readable(s->client, &s->first, &s->last,
				       s->missing, sizeof s->missing, &err)
			       ? 0
			       : cli_fail(&err);
	return err.code ? cli_fail(&err) : cli_open(place, &s->client);
}

static void drop_ahead(struct source *s)
{
	while (s->event_at < s->event_count)
		event_free(&s->events[s->event_at++]);
	free(s->events);
	s->events = NULL;
	s->event_at = s->event_count = 0;
}

static int next_of_redis(struct source *s, struct event **event,
			 struct err *err)
{
	if (s->next > s->last || !s->last)
		return 0;
	if (s->event_at == s->event_count) {
		drop_ahead(s);
		int n = client_events(s->client, s->next - 1, CHUNK, 0,
				      &s->events, err);
		if (n < 0)
			return -1;
		s->event_count = n;
		if (n == 0) {
			err_set(err, ERR_NO, "event %llu is missing",
				(unsigned long long)s->next);
			return -1;
		}
	}
	*event = s->events[s->event_at++];
	s->next++;
	return 1;
}

/* --- both --------------------------------------------------------------- */

static bool ends_in(const char *word, const char *end)
{
	size_t a = strlen(word), b = strlen(end);
	return a > b && strcmp(word + a - b, end) == 0;
}

/* A file that begins as an exported log is one, whatever its name; any other
 * one is a damaged log, unless it is called as show files or shows are. */
static bool is_log_file(const char *word)
{
	char head[sizeof LOGFILE_MAGIC] = "";
	struct stat st;
	if (stat(word, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	FILE *f = fopen(word, "r");
	size_t n = f ? fread(head, 1, sizeof head - 1, f) : 0;
	if (f)
		fclose(f);
	return (n && strcmp(head, LOGFILE_MAGIC) == 0) ||
	       (strpbrk(word, "./") && !ends_in(word, ".yaml") &&
		!ends_in(word, ".yml") && !ends_in(word, ".json"));
}

struct source *source_open(const struct cli_args *args, int *status)
{
	struct cli_place place;
	struct err err = {0};
	*status = 0;
	if (args->operand_count > 0 && is_log_file(args->operands[0])) {
		struct source *s = open_file(args->operands[0], &err);
		if (!s)
			*status = cli_fail(&err);
		return s;
	}
	*status = cli_find(args, &place);
	if (*status)
		return NULL;
	struct source *s = xcalloc(1, sizeof *s);
	s->lock_fd = -1;
	s->show = xstrdup(place.show);
	s->name = xstrdup(place.show);
	*status = open_redis(s, &place);
	cli_place_release(&place);
	s->next = s->first;
	if (*status)
		source_close(&s);
	return s;
}

void source_close(struct source **source)
{
	struct source *s = *source;
	*source = NULL;
	if (!s)
		return;
	drop_ahead(s);
	client_close(&s->client);
	redis_server_stop(&s->server);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	logread_close(&s->file);
	free(s->name);
	free(s->show);
	free(s);
}

int source_next(struct source *s, struct event **event, struct err *err)
{
	return s->file ? logread_next(s->file, event, err)
		       : next_of_redis(s, event, err);
}

bool source_rewind(struct source *s, uint64_t from, struct err *err)
{
	if (!s->file) {
		drop_ahead(s);
		s->next = from;
		return true;
	}
	return logread_rewind(s->file, err);
}

char *source_definition(struct source *s, const char *hash)
{
	if (s->file)
		return logread_definition(s->file, hash);
	return *hash ? client_definition_of(s->client, hash, NULL)
		     : client_definition(s->client, NULL);
}

struct show *source_show(void *whose, const char *hash)
{
	struct source *s = whose;
	char *text = source_definition(s, hash);
	struct show *show = show_of_definition(text, s->show, NULL);
	free(text);
	return show;
}

char *source_snapshot(struct source *s)
{
	struct event **events = NULL;
	char *text = NULL;
	if (s->file || !s->last)
		return NULL;
	int n = client_events(s->client, s->last - 1, 1, 0, &events, NULL);
	if (n == 1 && events[0]->run[0])
		text = client_snapshot(s->client, events[0]->run, NULL);
	for (int i = 0; i < n; i++)
		event_free(&events[i]);
	free(events);
	if (text && !*text) {
		free(text);
		text = NULL;
	}
	return text;
}

static struct model *restore(struct source *s, const char *hash,
			     const char *text)
{
	struct show *show = source_show(s, hash);
	struct model *m =
		show ? model_restore(show, text, strlen(text), NULL) : NULL;
	show_unref(&show);
	return m;
}

/* What we trimmed ourselves ends with a snapshot; where somebody else trimmed,
 * the newest may still be of use. */
struct model *source_restore(struct source *s)
{
	char hash[HASH_HEX_BYTES];
	uint64_t seq;
	if (s->file || s->first <= 1)
		return NULL;
	char *text = client_ground(s->client, &seq, hash, NULL);
	struct model *m =
		text && seq + 1 >= s->first ? restore(s, hash, text) : NULL;
	free(text);
	if (m)
		return m;
	text = source_snapshot(s);
	struct json_nodes *head =
		text ? snapshot_head(text, strlen(text), NULL) : NULL;
	if (head)
		m = restore(s,
			    json_node_str(json_nodes_top(head), "show", "none"),
			    text);
	json_nodes_free(&head);
	free(text);
	return m;
}

const char *source_missing(const struct source *s)
{
	return s->missing;
}

const char *source_show_id(const struct source *s)
{
	return s->show;
}

const char *source_name(const struct source *s)
{
	return s->name;
}

struct client *source_client(struct source *s)
{
	return s->client;
}

const struct logfile_reader *source_file(const struct source *s)
{
	return s->file ? logread_state(s->file) : NULL;
}

uint64_t source_first(const struct source *s)
{
	return s->first;
}

uint64_t source_last(const struct source *s)
{
	return s->last;
}
