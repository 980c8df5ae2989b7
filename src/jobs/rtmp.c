#include "jobs/rtmp.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"

#define CHUNK_BYTES  128 /* of either side until it says otherwise */
#define CHUNK_MOST   (1024 * 1024)
#define MESSAGE_MOST (64 * 1024)
#define STREAMS_MOST 16

#define TYPE_CHUNK_SIZE 1
#define TYPE_COMMAND	20

#define AMF_NUMBER     0
#define AMF_BOOL       1
#define AMF_STRING     2
#define AMF_OBJECT     3
#define AMF_NULL       5
#define AMF_UNDEFINED  6
#define AMF_ARRAY      8
#define AMF_OBJECT_END 9

/* --- what is sent ------------------------------------------------------- */

void rtmp_hello(struct buf *out)
{
	char c1[RTMP_HANDSHAKE_BYTES + 1] = {0}; /* and a NUL */
	hash_random_hex(c1 + 8, (RTMP_HANDSHAKE_BYTES - 8) / 2);
	buf_addc(out, RTMP_VERSION);
	buf_add(out, c1, RTMP_HANDSHAKE_BYTES);
}

static void add_number(struct buf *b, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	buf_addc(b, AMF_NUMBER);
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_addc(b, (char)(bits >> shift & 0xff));
}

static void add_name(struct buf *b, const char *text)
{
	size_t bytes = strlen(text);
	if (bytes > 4096)
		bytes = 4096;
	buf_addc(b, (char)(bytes >> 8));
	buf_addc(b, (char)(bytes & 0xff));
	buf_add(b, text, bytes);
}

static void add_string(struct buf *b, const char *text)
{
	buf_addc(b, AMF_STRING);
	add_name(b, text);
}

static void add_member(struct buf *b, const char *name, const char *text)
{
	add_name(b, name);
	add_string(b, text);
}

void rtmp_connect(struct buf *out, const char *app, const char *tc_url)
{
	struct buf b = {0};
	add_string(&b, "connect");
	add_number(&b, 1);
	buf_addc(&b, AMF_OBJECT);
	add_member(&b, "app", app);
	add_member(&b, "flashVer", "FMLE/3.0 (compatible; showcaller)");
	add_member(&b, "tcUrl", tc_url);
	add_name(&b, "");
	buf_addc(&b, AMF_OBJECT_END);
	/* chunk stream 3, a full header; further chunks have the short one */
	const unsigned char head[] = {3,
				      0,
				      0,
				      0,
				      (unsigned char)(b.len >> 16),
				      (unsigned char)(b.len >> 8),
				      (unsigned char)b.len,
				      TYPE_COMMAND,
				      0,
				      0,
				      0,
				      0};
	buf_add(out, head, sizeof head);
	for (size_t at = 0; at < b.len; at += CHUNK_BYTES) {
		size_t n = b.len - at;
		if (at)
			buf_addc(out, (char)0xc3);
		buf_add(out, b.data + at, n < CHUNK_BYTES ? n : CHUNK_BYTES);
	}
	buf_release(&b);
}

/* --- AMF0 --------------------------------------------------------------- */

struct amf {
	const unsigned char *at, *end;
};

static size_t big(const unsigned char *p, int bytes)
{
	size_t n = 0;
	for (int i = 0; i < bytes; i++)
		n = n << 8 | p[i];
	return n;
}

static bool amf_name(struct amf *a, char *out, size_t room)
{
	if (a->end - a->at < 2)
		return false;
	size_t bytes = big(a->at, 2);
	if ((size_t)(a->end - a->at) < 2 + bytes)
		return false;
	if (out)
		snprintf(out, room, "%.*s", (int)bytes,
			 (const char *)a->at + 2);
	a->at += 2 + bytes;
	return true;
}

static bool amf_value(struct amf *a, int depth, struct rtmp_reply *out);

/* Members that tell what happened are kept, wherever they stand. */
static bool amf_members(struct amf *a, int depth, struct rtmp_reply *out)
{
	char name[32];
	for (;;) {
		if (a->end - a->at >= 3 && a->at[0] == 0 && a->at[1] == 0 &&
		    a->at[2] == AMF_OBJECT_END) {
			a->at += 3;
			return true;
		}
		if (!amf_name(a, name, sizeof name) || a->at >= a->end)
			return false;
		bool code = strcmp(name, "code") == 0;
		bool text = strcmp(name, "description") == 0;
		if (*a->at == AMF_STRING && (code || text)) {
			a->at++;
			if (!amf_name(a, code ? out->code : out->description,
				      code ? sizeof out->code
					   : sizeof out->description))
				return false;
		} else if (!amf_value(a, depth + 1, out)) {
			return false;
		}
	}
}

static bool amf_skip(struct amf *a, size_t bytes)
{
	if ((size_t)(a->end - a->at) < bytes)
		return false;
	a->at += bytes;
	return true;
}

static bool amf_value(struct amf *a, int depth, struct rtmp_reply *out)
{
	if (a->at >= a->end || depth > 8)
		return false;
	switch (*a->at++) {
	case AMF_NUMBER:
		return amf_skip(a, 8);
	case AMF_BOOL:
		return amf_skip(a, 1);
	case AMF_STRING:
		return amf_name(a, NULL, 0);
	case AMF_ARRAY:
		return amf_skip(a, 4) && amf_members(a, depth, out);
	case AMF_OBJECT:
		return amf_members(a, depth, out);
	case AMF_NULL:
	case AMF_UNDEFINED:
		return true;
	default:
		return false;
	}
}

/* True when it is the answer to `connect`. */
static bool read_command(const unsigned char *data, size_t bytes,
			 struct rtmp_reply *out)
{
	struct amf a = {data, data + bytes};
	char name[32];
	if (bytes < 3 || *a.at++ != AMF_STRING ||
	    !amf_name(&a, name, sizeof name))
		return false;
	if (strcmp(name, "_result") != 0 && strcmp(name, "_error") != 0)
		return false;
	out->accepted = name[1] == 'r';
	while (a.at < a.end && amf_value(&a, 0, out))
		;
	char *clean =
		text_clean_str(out->description, sizeof out->description - 1);
	snprintf(out->description, sizeof out->description, "%s", clean);
	free(clean);
	clean = text_clean_str(out->code, sizeof out->code - 1);
	snprintf(out->code, sizeof out->code, "%s", clean);
	free(clean);
	return true;
}

/* --- chunks ------------------------------------------------------------- */

/* What the last header of a chunk stream said, and its message so far. */
struct chunk_stream {
	size_t id, length;
	int type;
	bool known, extended;
	struct buf message;
};

struct chunks {
	const unsigned char *at, *end;
	size_t chunk_bytes;
	struct chunk_stream streams[STREAMS_MOST];
	enum rtmp_state state;
	struct rtmp_reply *out;
};

static bool has(struct chunks *c, size_t bytes)
{
	return (size_t)(c->end - c->at) >= bytes;
}

static struct chunk_stream *find_stream(struct chunks *c, size_t id)
{
	for (size_t i = 0; i < STREAMS_MOST; i++) {
		struct chunk_stream *s = &c->streams[i];
		if (!s->known)
			*s = (struct chunk_stream){.id = id, .known = true};
		if (s->id == id)
			return s;
	}
	return NULL;
}

/* The basic header: which form, which stream. */
static bool read_basic(struct chunks *c, int *form, size_t *id)
{
	if (!has(c, 1))
		return false;
	*form = *c->at >> 6;
	*id = *c->at++ & 0x3f;
	if (*id > 1)
		return true;
	size_t bytes = *id + 1;
	if (!has(c, bytes))
		return false;
	*id = 64 + c->at[0] + (bytes == 2 ? c->at[1] * (size_t)256 : 0);
	c->at += bytes;
	return true;
}

static bool read_header(struct chunks *c, int form, struct chunk_stream *s)
{
	static const size_t sizes[] = {11, 7, 3, 0};
	size_t bytes = sizes[form];
	if (!has(c, bytes))
		return false;
	if (form < 3)
		s->extended = big(c->at, 3) == 0xffffff;
	if (form < 2) {
		s->length = big(c->at + 3, 3);
		s->type = c->at[6];
	}
	c->at += bytes;
	if (s->extended && !has(c, 4))
		return false;
	c->at += s->extended ? 4 : 0;
	return true;
}

static void end_message(struct chunks *c, struct chunk_stream *s)
{
	const unsigned char *data = (const void *)buf_str(&s->message);
	if (s->type == TYPE_CHUNK_SIZE && s->message.len >= 4) {
		c->chunk_bytes = big(data, 4) & 0x7fffffff;
		if (c->chunk_bytes < 1 || c->chunk_bytes > CHUNK_MOST)
			c->state = RTMP_GARBAGE;
	} else if (s->type == TYPE_COMMAND &&
		   read_command(data, s->message.len, c->out)) {
		c->state = RTMP_ANSWERED;
	}
	buf_clear(&s->message);
}

/* One chunk; false when it is not all here. */
static bool read_chunk(struct chunks *c)
{
	int form;
	size_t id;
	if (!read_basic(c, &form, &id))
		return false;
	struct chunk_stream *s = find_stream(c, id);
	if (!s || (form == 3 && !s->length && !s->type)) {
		c->state = RTMP_GARBAGE;
		return true;
	}
	if (!read_header(c, form, s))
		return false;
	if (s->length > MESSAGE_MOST) {
		c->state = RTMP_GARBAGE;
		return true;
	}
	size_t left = s->length - s->message.len;
	size_t bytes = left < c->chunk_bytes ? left : c->chunk_bytes;
	if (!has(c, bytes))
		return false;
	buf_add(&s->message, c->at, bytes);
	c->at += bytes;
	if (s->message.len >= s->length)
		end_message(c, s);
	return true;
}

/* From the beginning each time: it is a few hundred bytes, once a check. */
enum rtmp_state rtmp_read(const char *data, size_t bytes,
			  struct rtmp_reply *out)
{
	struct chunks c = {
		.at = (const void *)data,
		.end = (const unsigned char *)data + bytes,
		.chunk_bytes = CHUNK_BYTES,
		.out = out,
	};
	*out = (struct rtmp_reply){0};
	while (c.state == RTMP_MORE && read_chunk(&c))
		;
	for (size_t i = 0; i < STREAMS_MOST; i++)
		buf_release(&c.streams[i].message);
	return c.state;
}
