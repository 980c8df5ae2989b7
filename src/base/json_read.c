/*
 * The strict door: RFC 8259 to the letter, one pass, no locale.
 *
 * One recursive reader both checks and builds; json_check runs it without
 * building. The tree is built with json-c's constructors, never with its
 * tokener, whose laxness this door exists to keep out.
 */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_number.h"
#include "base/json_plain.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Objects up to this size are searched for duplicate keys pair by pair. */
#define FEW_KEYS 16

/* Keys of small objects cost no allocation. */
#define KEYS_HERE 64

/* A key of an object that is still open. With escapes its decoded bytes are in
 * reader.key_bytes, followed by a NUL. */
struct key {
	size_t at, len; /* in key_bytes; COPIED_NOT: in the text, behind `from`
			 */
	const char *from;
};
#define COPIED_NOT SIZE_MAX

struct reader {
	const char *start, *p, *end;
	const struct json_limits *limits;
	struct err *err;
	bool build;
	int depth;
	size_t nodes;
	struct buf text; /* a string with escapes, decoded */

	struct json_scan *scan;	 /* NULL: nobody wants the members */
	struct json_builder *made; /* NULL: nobody wants nodes */
	struct json_member last; /* the scalar read last */

	/* A stack over all open objects. */
	struct buf key_bytes;
	struct key *keys;
	size_t key_count, key_cap;
	struct key keys_here[KEYS_HERE];
};

static bool read_value(struct reader *r, json_object **out);

static bool fail(struct reader *r, const char *at, const char *why)
{
	return err_set(r->err, ERR_DATA, "byte %zu: %s",
		       (size_t)(at - r->start) + 1, why);
}

/* Fails at the next byte, or says that the text ends too early. */
static bool fail_here(struct reader *r, const char *why)
{
	return fail(r, r->p, r->p == r->end ? "the text ends too early" : why);
}

static bool is_blank(const struct reader *r)
{
	return r->p < r->end && *r->p <= ' ' &&
	       (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' ||
		*r->p == '\r');
}

static void skip_blanks(struct reader *r)
{
	if (!is_blank(r)) /* what we write has none */
		return;
	while (is_blank(r))
		r->p++;
	if (r->scan)
		r->scan->odd = true;
}

/* ---- strings ---- */

static bool read_hex4(struct reader *r, uint32_t *value)
{
	*value = 0;
	for (int i = 0; i < 4; i++, r->p++) {
		char c = r->p < r->end ? *r->p : '\0';
		uint32_t digit;
		if (c >= '0' && c <= '9')
			digit = (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			digit = (uint32_t)((c | 32) - 'a' + 10);
		else
			return fail_here(r, "\\u needs four hex digits");
		*value = *value << 4 | digit;
	}
	return true;
}

/* After "\u". */
static bool read_unicode_escape(struct reader *r, struct buf *out)
{
	const char *at = r->p - 2;
	uint32_t cp, low;
	if (!read_hex4(r, &cp))
		return false;
	if (cp == 0)
		return fail(r, at, "\\u0000 is not allowed");
	if (cp >= 0xdc00 && cp <= 0xdfff)
		return fail(r, at, "half of a surrogate pair");
	if (cp >= 0xd800 && cp <= 0xdbff) {
		if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u')
			return fail(r, at, "half of a surrogate pair");
		r->p += 2;
		if (!read_hex4(r, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return fail(r, at, "half of a surrogate pair");
		cp = 0x10000 + ((cp - 0xd800) << 10 | (low - 0xdc00));
	}
	char bytes[4];
	buf_add(out, bytes, utf8_encode(bytes, cp));
	return true;
}

/* After the backslash. */
static bool read_escape(struct reader *r, struct buf *out)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	char c = r->p < r->end ? *r->p : '\0';
	if (c == 'u') {
		r->p++;
		return read_unicode_escape(r, out);
	}
	const char *name = c ? strchr(names, c) : NULL;
	if (!name)
		return fail_here(r, "unknown escape");
	r->p++;
	buf_addc(out, values[name - names]);
	return true;
}

/* A byte that is not plain, and neither the quote nor the end of the text. */
static bool read_special(struct reader *r, struct buf *out)
{
	unsigned char c = (unsigned char)*r->p;
	if (c == '\\') {
		r->p++;
		return read_escape(r, out);
	}
	if (c < ' ')
		return fail(r, r->p, "a control character must be escaped");
	int32_t cp;
	size_t n = utf8_decode(r->p, (size_t)(r->end - r->p), &cp);
	if (cp < 0)
		return fail(r, r->p, "not UTF-8");
	buf_add(out, r->p, n);
	r->p += n;
	return true;
}

static const char *plain_end(const struct reader *r)
{
	return r->p + json_plain(r->p, (size_t)(r->end - r->p));
}

/* At the opening quote. Appends the decoded text to `out`. */
static bool read_text(struct reader *r, struct buf *out)
{
	r->p++;
	for (;;) {
		const char *stop = plain_end(r);
		buf_add(out, r->p, (size_t)(stop - r->p));
		r->p = stop;
		if (r->p == r->end)
			return fail(r, r->p, "the text ends in a string");
		if (*r->p == '"')
			break;
		if (!read_special(r, out))
			return false;
	}
	r->p++;
	return true;
}

/* What was read from `from` on, where a node finds it. */
static void keep_text(struct reader *r, const char *from, const char *text,
		      size_t len)
{
	char *to = r->made->text + (from - r->start);
	if (text != from)
		memcpy(to, text, len); /* it has become shorter */
	to[len] = '\0';
}

static bool read_string(struct reader *r, json_object **out)
{
	/* Most strings are plain ASCII: no copy. */
	const char *from = r->p + 1;
	const char *text = from;
	size_t len;
	r->p++;
	const char *stop = plain_end(r);
	if (stop < r->end && *stop == '"') {
		len = (size_t)(stop - from);
		r->p = stop + 1;
	} else {
		r->p = from - 1;
		buf_clear(&r->text);
		if (!read_text(r, &r->text))
			return false;
		text = buf_str(&r->text);
		len = r->text.len;
	}
	/* An escape is longer than what it stands for. */
	r->last.plain = len == (size_t)(r->p - from) - 1;
	if (r->build)
		*out = json_object_new_string_len(text, (int)len);
	if (r->made) {
		r->last.is.at = (size_t)(from - r->start);
		keep_text(r, from, text, len);
	}
	return true;
}

static bool read_number(struct reader *r, json_object **out)
{
	struct json_number n;
	const char *why = json_number_read(&r->p, r->end, &n);
	if (why)
		return fail_here(r, why);
	if (n.whole) {
		r->last.type = json_type_int;
		r->last.is.i = n.is.i;
		if (r->build)
			*out = json_object_new_int64(n.is.i);
	} else {
		r->last.type = json_type_double;
		r->last.is.d = n.is.d;
		if (r->build)
			*out = json_object_new_double(n.is.d);
	}
	return true;
}

/* ---- arrays and objects ---- */

static bool enter(struct reader *r)
{
	if (r->depth == r->limits->max_depth)
		return err_set(r->err, ERR_DATA,
			       "byte %zu: nested deeper than the limit of %d",
			       (size_t)(r->p - r->start) + 1,
			       r->limits->max_depth);
	r->depth++;
	r->p++;
	skip_blanks(r);
	return true;
}

static bool leave(struct reader *r)
{
	r->depth--;
	r->p++;
	return true;
}

/* After an item: true and at the next one, or true and `*done` at `close`. */
static bool next_item(struct reader *r, char close, bool *done)
{
	skip_blanks(r);
	*done = r->p < r->end && *r->p == close;
	if (*done)
		return true;
	if (r->p == r->end || *r->p != ',')
		return fail_here(r, close == ']' ? "',' or ']' is missing"
						 : "',' or '}' is missing");
	r->p++;
	skip_blanks(r);
	if (r->p < r->end && *r->p == close)
		return fail(r, r->p, "nothing follows the comma");
	return true;
}

static bool read_array(struct reader *r, json_object **out)
{
	if (!enter(r))
		return false;
	if (r->build)
		*out = json_object_new_array();
	bool done = r->p < r->end && *r->p == ']';
	while (!done) {
		json_object *item = NULL;
		bool ok = read_value(r, &item);
		if (r->build && (ok || item))
			json_object_array_add(*out, item);
		if (!ok || !next_item(r, ']', &done))
			return false;
	}
	return leave(r);
}

static const char *key_text(const struct reader *r, const struct key *key)
{
	return key->at == COPIED_NOT ? key->from + 1
				     : r->key_bytes.data + key->at;
}

static bool same_key(const struct reader *r, const struct key *a,
		     const struct key *b)
{
	return a->len == b->len &&
	       memcmp(key_text(r, a), key_text(r, b), a->len) == 0;
}

/* Equal keys have the same bit, and others mostly another one. */
static uint64_t mark_of(const struct reader *r, const struct key *key)
{
	const unsigned char *text = (const unsigned char *)key_text(r, key);
	size_t n = key->len;
	return UINT64_C(1)
	       << ((n ? n + 7u * text[0] + 31u * text[n - 1] : 0) % 64);
}

static int compare_keys(const void *a_ptr, const void *b_ptr, void *reader)
{
	const struct key *a = a_ptr, *b = b_ptr;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	int d = memcmp(key_text(reader, a), key_text(reader, b), a->len);
	return d ? d : a->from < b->from ? -1 : 1;
}

/* The keys from `first` on are those of one object. */
static bool check_duplicates(struct reader *r, size_t first)
{
	struct key *keys = r->keys + first;
	size_t count = r->key_count - first;
	if (count <= FEW_KEYS) {
		uint64_t marks = 0;
		for (size_t i = 0; i < count; i++) {
			uint64_t mark = mark_of(r, &keys[i]);
			for (size_t j = 0; marks & mark && j < i; j++)
				if (same_key(r, &keys[i], &keys[j]))
					return fail(r, keys[i].from,
						    "the key is there twice");
			marks |= mark;
		}
		return true;
	}
	/* By comparison, not by hash: no choice of keys makes it slow. */
	qsort_r(keys, count, sizeof *keys, compare_keys, r);
	for (size_t i = 1; i < count; i++)
		if (same_key(r, &keys[i - 1], &keys[i]))
			return fail(r, keys[i].from, "the key is there twice");
	return true;
}

static void push_key(struct reader *r, const struct key *key)
{
	if (r->key_count == r->key_cap && r->keys == r->keys_here) {
		r->keys = xreallocarray(NULL, r->key_cap * 2, sizeof *key);
		memcpy(r->keys, r->keys_here, sizeof r->keys_here);
		r->key_cap *= 2;
	}
	GROW(r->keys, r->key_count, r->key_cap);
	r->keys[r->key_count++] = *key;
}

/* At the opening quote. */
static bool read_key_text(struct reader *r)
{
	struct key key = {.at = COPIED_NOT, .from = r->p++};
	const char *stop = plain_end(r);
	if (stop < r->end && *stop == '"') {
		key.len = (size_t)(stop - r->p);
		r->p = stop + 1;
		push_key(r, &key);
		return true;
	}
	r->p--;
	key.at = r->key_bytes.len;
	if (!read_text(r, &r->key_bytes))
		return false;
	key.len = r->key_bytes.len - key.at;
	buf_addc(&r->key_bytes, '\0');
	push_key(r, &key);
	return true;
}

static bool read_key(struct reader *r)
{
	if (r->p == r->end || *r->p != '"')
		return fail_here(r, "a key in double quotes is missing");
	if (!read_key_text(r))
		return false;
	skip_blanks(r);
	if (r->p == r->end || *r->p != ':')
		return fail_here(r, "':' is missing");
	r->p++;
	skip_blanks(r);
	return true;
}

static json_type type_at(const struct reader *r, const char *value)
{
	switch (*value) {
	case '{':
		return json_type_object;
	case '[':
		return json_type_array;
	case '"':
		return json_type_string;
	case 't':
	case 'f':
		return json_type_boolean;
	case 'n':
		return json_type_null;
	default:
		return r->last.type;
	}
}

/* The value from `from` on was the last thing read. */
static void tell_member(struct reader *r, const struct key *key,
			const char *from)
{
	struct json_scan *scan = r->scan;
	if (key->at != COPIED_NOT)
		scan->odd = true;
	if (scan->count++ >= scan->max)
		return;
	struct json_member *m = &scan->items[scan->count - 1];
	*m = r->last;
	m->key = (uint32_t)(key->from + 1 - r->start);
	m->key_bytes = (uint32_t)key->len;
	m->from = (uint32_t)(from - r->start);
	m->end = (uint32_t)(r->p - r->start);
	m->type = type_at(r, from);
	if (m->type == json_type_boolean)
		m->is.i = *from == 't';
	else if (m->type == json_type_array || m->type == json_type_object)
		m->is.tree = NULL;
}

static void name_node(struct reader *r, size_t node, const struct key *key)
{
	struct json_node *n = &r->made->items[node];
	keep_text(r, key->from + 1, key_text(r, key), key->len);
	n->key = r->made->text + (key->from + 1 - r->start);
	n->key_bytes = (uint32_t)key->len;
}

/* "New" also for a duplicate, which ends the whole tree. */
static void add_member(const struct reader *r, json_object *object,
		       const struct key *key, json_object *value)
{
	char here[64], *copy = here;
	const char *text = key_text(r, key);
	if (key->at == COPIED_NOT) {
		if (key->len >= sizeof here)
			copy = xmalloc(key->len + 1);
		memcpy(copy, text, key->len);
		copy[key->len] = '\0';
		text = copy;
	}
	json_object_object_add_ex(object, text, value,
				  JSON_C_OBJECT_ADD_KEY_IS_NEW);
	if (copy != here)
		free(copy);
}

static bool read_member(struct reader *r, json_object *object)
{
	if (!read_key(r))
		return false;
	struct key key = r->keys[r->key_count - 1];
	const char *from = r->p;
	json_object *value = NULL;
	size_t node = r->made ? r->made->count : 0;
	bool ok = read_value(r, &value);
	if (ok && r->scan && r->depth == 1)
		tell_member(r, &key, from);
	if (ok && r->made)
		name_node(r, node, &key);
	if (r->build && (ok || value))
		add_member(r, object, &key, value);
	return ok;
}

static bool read_object(struct reader *r, json_object **out)
{
	size_t first = r->key_count;
	size_t bytes = r->key_bytes.len;
	if (!enter(r))
		return false;
	if (r->build)
		*out = json_object_new_object();
	bool done = r->p < r->end && *r->p == '}';
	while (!done)
		if (!read_member(r, *out) || !next_item(r, '}', &done))
			return false;
	if (!check_duplicates(r, first))
		return false;
	r->key_count = first;
	r->key_bytes.len = bytes;
	return leave(r);
}

/* ---- values ---- */

static bool read_word(struct reader *r, json_object **out)
{
	static const struct {
		const char *text;
		size_t len;
	} words[] = {{"null", 4}, {"false", 5}, {"true", 4}};
	size_t left = (size_t)(r->end - r->p);
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (left < words[i].len ||
		    memcmp(r->p, words[i].text, words[i].len) != 0)
			continue;
		r->p += words[i].len;
		if (r->build && i > 0)
			*out = json_object_new_boolean(i == 2);
		return true;
	}
	return fail_here(r, "this is no JSON value");
}

static bool read_any(struct reader *r, json_object **out)
{
	if (r->nodes == r->limits->max_nodes)
		return err_set(r->err, ERR_DATA,
			       "byte %zu: more values than the limit of %zu",
			       (size_t)(r->p - r->start) + 1,
			       r->limits->max_nodes);
	r->nodes++;
	switch (r->p < r->end ? *r->p : '\0') {
	case '{':
		return read_object(r, out);
	case '[':
		return read_array(r, out);
	case '"':
		return read_string(r, out);
	case '-':
	case '0' ... '9':
		return read_number(r, out);
	default:
		return read_word(r, out);
	}
}

/* On failure `*out` may hold what was built so far: it is still to be put. */
static bool read_value(struct reader *r, json_object **out)
{
	if (!r->made)
		return read_any(r, out);
	const char *from = r->p;
	size_t at = json_builder_open(r->made);
	if (!read_any(r, out))
		return false;
	r->last.type = type_at(r, from);
	if (r->last.type == json_type_boolean)
		r->last.is.i = *from == 't';
	json_builder_close(r->made, at, &r->last);
	return true;
}

static bool read_document(struct reader *r, json_object **out)
{
	if ((size_t)(r->end - r->start) > r->limits->max_bytes)
		return err_set(r->err, ERR_DATA,
			       "byte %zu: longer than the limit of %zu bytes",
			       r->limits->max_bytes + 1, r->limits->max_bytes);
	skip_blanks(r);
	if (r->p == r->end)
		return fail(r, r->p, "the text is empty");
	if (r->end - r->p >= 3 && memcmp(r->p, "\xef\xbb\xbf", 3) == 0)
		return fail(r, r->p, "a byte order mark is not allowed");
	const char *from = r->p;
	if (!read_value(r, out))
		return false;
	if (*from == 'n')
		return fail(r, from, "null alone says nothing");
	skip_blanks(r);
	return r->p == r->end || fail(r, r->p, "something follows the value");
}

static json_object *read_all(const char *text, size_t bytes,
			     const struct json_limits *limits, bool build,
			     struct json_scan *scan, struct json_builder *made,
			     bool *ok, struct err *err)
{
	struct reader r; /* keys_here stays as it is: most of it is not used */
	memset(&r, 0, offsetof(struct reader, keys_here));
	r.start = r.p = text;
	r.end = text + bytes;
	r.limits = limits;
	r.err = err;
	r.build = build;
	r.scan = scan;
	r.made = made;
	r.keys = r.keys_here;
	r.key_cap = KEYS_HERE;
	json_object *tree = NULL;
	*ok = read_document(&r, &tree);
	if (!*ok) {
		json_object_put(tree);
		tree = NULL;
	}
	buf_release(&r.text);
	buf_release(&r.key_bytes);
	if (r.keys != r.keys_here)
		free(r.keys);
	return tree;
}

json_object *json_read(const char *text, size_t bytes,
		       const struct json_limits *limits, struct err *err)
{
	bool ok;
	return read_all(text, bytes, limits, true, NULL, NULL, &ok, err);
}

json_object *json_read_str(const char *text, const struct json_limits *limits,
			   struct err *err)
{
	return json_read(text, strlen(text), limits, err);
}

bool json_check(const char *text, size_t bytes,
		const struct json_limits *limits, struct err *err)
{
	bool ok;
	read_all(text, bytes, limits, false, NULL, NULL, &ok, err);
	return ok;
}

bool json_scan(const char *text, size_t bytes, const struct json_limits *limits,
	       struct json_scan *scan, struct err *err)
{
	bool ok;
	scan->count = 0;
	scan->odd = false;
	read_all(text, bytes, limits, false, scan, NULL, &ok, err);
	return ok;
}

bool json_scan_nodes(size_t bytes, const struct json_limits *limits,
		     struct json_builder *b, struct err *err)
{
	bool ok;
	read_all(b->text, bytes, limits, false, NULL, b, &ok, err);
	return ok;
}
