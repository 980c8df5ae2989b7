#include "core/logfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN	    ",\"chain\":\""
#define CHAIN_BYTES (sizeof CHAIN - 1)
#define HEX_DIGITS  (HASH_HEX_BYTES - 1)
/* ,"chain":" 64 digits "} newline */
#define TAIL_BYTES (CHAIN_BYTES + HEX_DIGITS + 3)

#define DEFINITION_HEAD	 "{\"hash\":\""
#define DEFINITION_TEXT	 "\",\"definition\":"
#define DEFINITION_BYTES /* before the text */                                 \
	(sizeof DEFINITION_HEAD - 1 + HEX_DIGITS + sizeof DEFINITION_TEXT - 1)

/* The chain after a line whose own bytes are `body`. */
static void chain_on(char chain[HASH_HEX_BYTES], const void *body, size_t bytes)
{
	struct hash_sum *sum = hash_sum_new();
	hash_sum_add(sum, chain, strlen(chain));
	hash_sum_add(sum, body, bytes);
	hash_sum_end(&sum, chain);
}

/* --- writing ------------------------------------------------------------ */

/* The line that begins there has no chain and no } yet. */
static void end_line(struct logfile_writer *w, struct buf *out, size_t begin)
{
	chain_on(w->chain, out->data + begin, out->len - begin);
	buf_addf(out, CHAIN "%s\"}\n", w->chain);
	if (w->sum)
		hash_sum_add(w->sum, out->data + begin, out->len - begin);
}

/* Takes over `*o`. */
static void add_line(struct logfile_writer *w, struct buf *out, json_object **o)
{
	size_t begin = out->len;
	json_print(out, *o);
	out->len--; /* its } */
	end_line(w, out, begin);
	json_object_put(*o);
	*o = NULL;
}

/* As text: the tree of a large show is fifteen times as long. */
static void add_definition(struct logfile_writer *w, struct buf *out,
			   const char *hash, const char *text)
{
	size_t begin = out->len;
	buf_addf(out, DEFINITION_HEAD "%s" DEFINITION_TEXT, hash);
	buf_adds(out, text);
	end_line(w, out, begin);
}

void logfile_begin(struct logfile_writer *w, struct buf *out, const char *show,
		   const char *run, uint64_t first, uint64_t last,
		   json_object *definitions)
{
	json_object *o = json_object_new_object();
	*w = (struct logfile_writer){.sum = hash_sum_new()};
	json_add_str(o, "showcaller", "log");
	json_add_int(o, "format", LOGFILE_FORMAT);
	json_add_str(o, "show", show);
	if (run)
		json_add_str(o, "run", run);
	else
		json_object_object_add(o, "run", NULL);
	json_add_int(o, "definitions", json_object_object_length(definitions));
	json_add_int(o, "first", (int64_t)first);
	json_add_int(o, "last", (int64_t)last);
	add_line(w, out, &o);
	json_object_object_foreach(definitions, hash, definition)
		add_definition(w, out, hash,
			       json_object_get_string(definition));
}

void logfile_event(struct logfile_writer *w, struct buf *out,
		   const struct event *event)
{
	json_object *o = event_json(event);
	add_line(w, out, &o);
	w->events++;
}

void logfile_end(struct logfile_writer *w, struct buf *out, uint64_t version,
		 const char *story_hash)
{
	char sum[HASH_HEX_BYTES];
	json_object *o = json_object_new_object();
	json_add_bool(o, "end", true);
	json_add_int(o, "events", (int64_t)w->events);
	json_add_int(o, "version", (int64_t)version);
	json_add_str(o, "story_hash", story_hash);
	json_add_str(o, "sha256", hash_sum_end(&w->sum, sum));
	add_line(w, out, &o);
}

/* --- reading ------------------------------------------------------------ */

/* "line 7 (event 5)": what a line is follows from where it stands. */
static bool bad(const struct logfile_reader *r, struct err *err,
		enum err_code code, const char *why)
{
	char what[64] = "";
	if (r->line == 1)
		snprintf(what, sizeof what, " (the header)");
	else if (r->definitions)
		snprintf(what, sizeof what, " (a definition)");
	else if (r->next <= r->last)
		snprintf(what, sizeof what, " (event %" PRIu64 ")", r->next);
	else
		snprintf(what, sizeof what, " (the end)");
	return err_set(err, code, "line %" PRIu64 "%s: %s", r->line, what, why);
}

static bool check_chain(struct logfile_reader *r, const char *line,
			size_t bytes, struct err *err)
{
	char wanted[HASH_HEX_BYTES], why[240];
	if (bytes < TAIL_BYTES + 2 || line[bytes - 1] != '\n' ||
	    memcmp(line + bytes - 3, "\"}", 2) != 0 ||
	    memcmp(line + bytes - TAIL_BYTES, CHAIN, CHAIN_BYTES) != 0)
		return bad(r, err, ERR_NO,
			   bytes && line[bytes - 1] != '\n'
				   ? "it is cut off"
				   : "it does not end with its chain hash");
	const char *has = line + bytes - 3 - HEX_DIGITS;
	memcpy(wanted, r->chain, sizeof wanted);
	chain_on(wanted, line, bytes - TAIL_BYTES);
	if (memcmp(wanted, has, HEX_DIGITS) == 0) {
		memcpy(r->chain, wanted, sizeof wanted);
		return true;
	}
	snprintf(why, sizeof why,
		 "it is not as it was written: its bytes have the chain hash "
		 "%s, and it says %.64s",
		 wanted, has);
	return bad(r, err, ERR_NO, why);
}

static bool read_header(struct logfile_reader *r, struct err *err)
{
	const char *run = json_get_str(r->tree, "run", NULL);
	if (strcmp(json_get_str(r->tree, "showcaller", ""), "log") != 0)
		return bad(r, err, ERR_DATA, "this is no exported log");
	if (json_get_int(r->tree, "format", 0) != LOGFILE_FORMAT)
		return bad(r, err, ERR_DATA,
			   "it has a format that this program does not know");
	r->show = xstrdup(json_get_str(r->tree, "show", ""));
	r->run = xstrdup(run);
	r->definitions = (uint64_t)json_get_int(r->tree, "definitions", 0);
	r->first = (uint64_t)json_get_int(r->tree, "first", 0);
	r->last = (uint64_t)json_get_int(r->tree, "last", 0);
	r->next = r->first;
	return r->first > 0 || bad(r, err, ERR_DATA, "this is no exported log");
}

static bool read_definition(struct logfile_reader *r, struct err *err)
{
	char hash[HASH_HEX_BYTES];
	const char *says = json_get_str(r->tree, "hash", "");
	r->definition = json_canonical(json_get_object(r->tree, "definition"));
	hash_sha256_hex(hash, r->definition, strlen(r->definition));
	memcpy(r->hash, hash, sizeof r->hash);
	return strcmp(hash, says) == 0 ||
	       bad(r, err, ERR_NO, "it has not the hash that it says");
}

/* A definition as we write it needs no tree: its bytes have the hash. Whatever
 * else may stand there is read as any line is. */
static bool is_plain_definition(struct logfile_reader *r, const char *line,
				size_t bytes)
{
	const char *says = line + sizeof DEFINITION_HEAD - 1;
	const char *text = line + DEFINITION_BYTES;
	struct err ignored = {0};
	if (r->line == 1 || !r->definitions ||
	    bytes < DEFINITION_BYTES + TAIL_BYTES ||
	    memcmp(line, DEFINITION_HEAD, sizeof DEFINITION_HEAD - 1) != 0 ||
	    memcmp(says + HEX_DIGITS, DEFINITION_TEXT,
		   sizeof DEFINITION_TEXT - 1) != 0)
		return false;
	size_t length = bytes - TAIL_BYTES - DEFINITION_BYTES;
	hash_sha256_hex(r->hash, text, length);
	if (memcmp(r->hash, says, HEX_DIGITS) != 0 || *text != '{' ||
	    !json_check(text, length, &json_limits_own, &ignored))
		return false;
	r->definition = xstrndup(text, length);
	return true;
}

static bool read_event(struct logfile_reader *r, struct err *err)
{
	json_object *o = r->tree;
	char at[32];
	int64_t id = json_get_int(o, "id", -1);
	if (id < 0 || (uint64_t)id != r->next)
		return bad(r, err, ERR_NO, "another event stands there");
	snprintf(at, sizeof at, "%" PRId64, json_get_int(o, "at", 0));
	event_free(&r->event);
	r->event = event_read(r->next, json_get_str(o, "type", ""),
			      json_get_str(o, "run", ""),
			      json_get_str(o, "stage", ""),
			      json_get_str(o, "agent", ""), at,
			      json_text(json_get_object(o, "data")), err);
	return r->event != NULL;
}

static bool read_end(struct logfile_reader *r, struct err *err)
{
	char sum[HASH_HEX_BYTES];
	uint64_t count = r->last + 1 - r->first;
	hash_sum_end(&r->sum, sum);
	if (!json_get_bool(r->tree, "end", false) ||
	    (uint64_t)json_get_int(r->tree, "events", -1) != count)
		return bad(r, err, ERR_NO,
			   "it does not say how many events there are");
	if (strcmp(sum, json_get_str(r->tree, "sha256", "")) != 0)
		return bad(r, err, ERR_NO,
			   "all before it has not the SHA-256 that it says");
	r->version = (uint64_t)json_get_int(r->tree, "version", 0);
	snprintf(r->story_hash, sizeof r->story_hash, "%s",
		 json_get_str(r->tree, "story_hash", ""));
	r->ended = true;
	return true;
}

static enum logfile_line read_kind(struct logfile_reader *r, struct err *err)
{
	if (r->line == 1)
		return read_header(r, err) ? LOGFILE_HEADER : LOGFILE_BAD;
	if (r->definitions) {
		if (!read_definition(r, err))
			return LOGFILE_BAD;
		r->definitions--;
		return LOGFILE_DEFINITION;
	}
	if (r->next <= r->last) {
		if (!read_event(r, err))
			return LOGFILE_BAD;
		r->next++;
		return LOGFILE_EVENT;
	}
	return read_end(r, err) ? LOGFILE_END : LOGFILE_BAD;
}

enum logfile_line logfile_read(struct logfile_reader *r, const char *line,
			       size_t bytes, struct err *err)
{
	struct err why = {0};
	r->line++;
	if (r->ended) {
		err_set(err, ERR_NO,
			"line %" PRIu64 ": something stands behind the end",
			r->line);
		return LOGFILE_BAD;
	}
	if (!r->sum)
		r->sum = hash_sum_new();
	if (!check_chain(r, line, bytes, err))
		return LOGFILE_BAD;
	json_object_put(r->tree);
	r->tree = NULL;
	free(r->definition);
	r->definition = NULL;
	if (is_plain_definition(r, line, bytes)) {
		r->definitions--;
		hash_sum_add(r->sum, line, bytes);
		return LOGFILE_DEFINITION;
	}
	r->tree = json_read(line, bytes - 1, &json_limits_own, &why);
	if (!json_object_is_type(r->tree, json_type_object)) {
		bad(r, err, ERR_DATA,
		    why.code ? why.text : "it is no JSON object");
		return LOGFILE_BAD;
	}
	enum logfile_line kind = read_kind(r, err);
	if (kind != LOGFILE_BAD && kind != LOGFILE_END)
		hash_sum_add(r->sum, line, bytes);
	return kind;
}

bool logfile_complete(const struct logfile_reader *r, struct err *err)
{
	if (r->ended)
		return true;
	if (r->line == 0)
		return err_set(err, ERR_DATA, "the file is empty");
	return err_set(err, ERR_NO,
		       "it is cut off behind line %" PRIu64
		       ": the log goes to event %" PRIu64,
		       r->line, r->last);
}

void logfile_reader_release(struct logfile_reader *r)
{
	char sum[HASH_HEX_BYTES];
	if (r->sum)
		hash_sum_end(&r->sum, sum);
	json_object_put(r->tree);
	free(r->definition);
	event_free(&r->event);
	free(r->show);
	free(r->run);
	*r = (struct logfile_reader){0};
}
