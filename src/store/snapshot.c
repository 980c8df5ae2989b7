#include "store/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/snapshot.h"
#include "store/keys.h"

#define TRIES	    3
#define PIECE_BYTES (256 * 1024)

void snapshot_release(struct snapshot *s)
{
	free(s->text);
	*s = (struct snapshot){0};
}

static bool read_last(const char *text, struct snapshot *s)
{
	int end = 0;
	return sscanf(text, "%39s %" SCNu64 " %64s %64s%n", s->run, &s->seq,
		      s->sum, s->show, &end) == 4 &&
	       text[end] == '\0';
}

static redisReply *ask_for(struct link *link, char *key, struct err *err)
{
	link_add(link, "GET", key, (char *)NULL);
	redisReply *r = link_ask(link, key, err);
	free(key);
	return r;
}

/* What Redis refuses to show is not there for us; a link that is down is. */
static enum snapshot_got failed(const struct err *err)
{
	return err->code == ERR_CONFIG ? SNAPSHOT_BAD : SNAPSHOT_AWAY;
}

/* Whether that has the sum that `s` says. */
static bool is_whole(const struct buf *text, const struct snapshot *s,
		     const char *name, struct err *err)
{
	char sum[HASH_HEX_BYTES];
	if (!text->len)
		return err_set(err, ERR_DATA, "%s is gone", name);
	hash_sha256_hex(sum, text->data, text->len);
	return strcmp(sum, s->sum) == 0 ||
	       err_set(err, ERR_DATA,
		       "%s has the hash %.12s, and should have %.12s", name,
		       sum, s->sum);
}

/* Piece by piece: while Redis copies a large one for us it stands still for
 * all. One that is replaced meanwhile does not have its sum. */
static enum snapshot_got read_text(struct link *link, const char *show,
				   const char *name, struct snapshot *s,
				   struct err *err)
{
	char *key = key_of(show, name), from[24], to[24];
	struct buf text = {0};
	size_t had;
	bool ok;
	do {
		had = text.len;
		snprintf(from, sizeof from, "%zu", had);
		snprintf(to, sizeof to, "%zu", had + PIECE_BYTES - 1);
		link_add(link, "GETRANGE", key, from, to, (char *)NULL);
		redisReply *r = link_ask(link, key, err);
		ok = r != NULL;
		if (r && r->type == REDIS_REPLY_STRING)
			buf_add(&text, r->str, r->len);
		reply_free(r);
	} while (ok && text.len == had + PIECE_BYTES &&
		 text.len <= SNAPSHOT_MAX_BYTES);
	free(key);
	bool whole = ok && is_whole(&text, s, name, err);
	if (whole) {
		s->bytes = text.len;
		s->text = buf_take(&text);
	}
	buf_release(&text);
	return whole ? SNAPSHOT_FOUND : ok ? SNAPSHOT_BAD : failed(err);
}

/* `last` says what `text` holds; NULL: it is snapshot:<run>. */
static enum snapshot_got read_once(struct link *link, const char *show,
				   const char *last, const char *text,
				   struct snapshot *s, struct err *err)
{
	char name[16 + SNAPSHOT_RUN_BYTES];
	redisReply *r = ask_for(link, key_of(show, last), err);
	if (!r)
		return failed(err);
	enum snapshot_got got = r->str ? SNAPSHOT_FOUND : SNAPSHOT_NONE;
	if (r->str && !read_last(r->str, s)) {
		char *clean = text_clean_str(r->str, 80);
		err_set(err, ERR_DATA, "%s is none of ours: %s", last, clean);
		free(clean);
		got = SNAPSHOT_BAD;
	}
	reply_free(r);
	if (got != SNAPSHOT_FOUND)
		return got;
	snprintf(name, sizeof name, "snapshot:%s", s->run);
	return read_text(link, show, text ? text : name, s, err);
}

static enum snapshot_got read_pair(struct link *link, const char *show,
				   const char *last, const char *text,
				   struct snapshot *out, struct err *err)
{
	enum snapshot_got got = SNAPSHOT_BAD;
	char before[HASH_HEX_BYTES] = "";
	*out = (struct snapshot){0};
	/* A core that writes the next one between our two questions is no
	 * damage: then what it says has changed. */
	for (int i = 0; i < TRIES && got == SNAPSHOT_BAD; i++) {
		got = read_once(link, show, last, text, out, err);
		if (got == SNAPSHOT_BAD && strcmp(before, out->sum) == 0)
			break;
		memcpy(before, out->sum, sizeof before);
	}
	if (got != SNAPSHOT_FOUND)
		snapshot_release(out);
	return got;
}

enum snapshot_got snapshot_read(struct link *link, const char *show,
				struct snapshot *out, struct err *err)
{
	return read_pair(link, show, "snapshot:last", NULL, out, err);
}

enum snapshot_got snapshot_read_ground(struct link *link, const char *show,
				       const char *name, struct snapshot *out,
				       struct err *err)
{
	char *text = xasprintf("%s:text", name);
	enum snapshot_got got = read_pair(link, show, name, text, out, err);
	free(text);
	return got;
}
