#include "base/json_flat.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json_scan.h"
#include "base/mem.h"

#define MEMBERS_HERE 24 /* more of them are looked for twice */

/* For text that passed the door before; written anew it may be longer. */
static const struct json_limits again = {UINT32_MAX, 64, SIZE_MAX};

/* The text stands behind the members, with a NUL in place of the closing quote
 * of each plain string that is a member. Behind it, each with a NUL, stand the
 * strings with escapes, decoded. */
struct json_flat {
	size_t bytes; /* of all this */
	size_t text_bytes;
	size_t count;
	struct json_member items[];
};

static char *text_of(const struct json_flat *f)
{
	return (char *)(uintptr_t)(f->items + f->count);
}

static bool is_nested(const struct json_member *m)
{
	return m->type == json_type_array || m->type == json_type_object;
}

static json_object *parse(const struct json_flat *f,
			  const struct json_member *m)
{
	json_object *o =
		json_read(text_of(f) + m->from, m->end - m->from, &again, NULL);
	REQUIRE(o != NULL);
	return o;
}

/* --- making ------------------------------------------------------------- */

/* Not less than the decoded strings take. */
static size_t decoded_bytes(const struct json_member *items, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		if (items[i].type == json_type_string && !items[i].plain)
			n += items[i].end - items[i].from;
	return n;
}

static void end_strings(struct json_flat *f)
{
	char *text = text_of(f);
	size_t at = f->text_bytes + 1;
	for (size_t i = 0; i < f->count; i++) {
		struct json_member *m = &f->items[i];
		if (m->type != json_type_string)
			continue;
		if (m->plain) {
			m->is.at = m->from + 1;
			text[m->end - 1] = '\0';
			continue;
		}
		json_object *o = parse(f, m);
		size_t n = (size_t)json_object_get_string_len(o) + 1;
		memcpy(text + at, json_object_get_string(o), n);
		json_object_put(o);
		m->is.at = at;
		at += n;
	}
}

struct json_flat *json_flat_make(const char *text, size_t bytes,
				 const struct json_member *items, size_t count)
{
	size_t used = count * sizeof *items;
	size_t all = sizeof(struct json_flat) + used + bytes + 1 +
		     decoded_bytes(items, count);
	struct json_flat *f = xmalloc(all);
	f->bytes = all;
	f->text_bytes = bytes;
	f->count = count;
	memcpy(f->items, items, used);
	for (size_t i = 0; i < count; i++)
		f->items[i].nodes = NULL;
	memcpy(text_of(f), text, bytes);
	text_of(f)[bytes] = '\0';
	end_strings(f);
	return f;
}

static struct json_flat *make_many(const char *text, size_t bytes, size_t n)
{
	struct json_scan scan = {.max = n};
	scan.items = xreallocarray(NULL, n, sizeof *scan.items);
	REQUIRE(json_scan(text, bytes, &again, &scan, NULL));
	struct json_flat *f =
		json_flat_make(text, bytes, scan.items, scan.count);
	free(scan.items);
	return f;
}

/* Not as we would write it: then it is written anew, for what is printed must
 * not depend on who wrote it. */
static struct json_flat *read_odd(const char *text, size_t bytes, size_t n)
{
	struct buf anew = {0};
	json_object *o = json_read(text, bytes, &again, NULL);
	json_print(&anew, o);
	json_object_put(o);
	struct json_flat *f = make_many(anew.data, anew.len, n);
	buf_release(&anew);
	return f;
}

struct json_flat *json_flat_read(const char *text, size_t bytes,
				 const struct json_limits *limits,
				 struct err *err)
{
	struct json_member here[MEMBERS_HERE];
	struct json_scan scan = {.items = here, .max = COUNT_OF(here)};
	if (!json_scan(text, bytes, limits, &scan, err))
		return NULL;
	if (text[strspn(text, " \n\t\r")] != '{') {
		err_set(err, ERR_DATA, "it is not an object");
		return NULL;
	}
	if (scan.odd)
		return read_odd(text, bytes, scan.count);
	if (scan.count > scan.max)
		return make_many(text, bytes, scan.count);
	return json_flat_make(text, bytes, here, scan.count);
}

struct json_flat *json_flat_of(json_object **tree, struct err *err)
{
	struct buf text = {0};
	json_print(&text, *tree);
	json_object_put(*tree);
	*tree = NULL;
	struct json_flat *f =
		json_flat_read(text.data, text.len, &json_limits_own, err);
	buf_release(&text);
	return f;
}

void json_flat_free(struct json_flat **flat)
{
	struct json_flat *f = *flat;
	*flat = NULL;
	for (size_t i = 0; f && i < f->count; i++)
		if (is_nested(&f->items[i])) {
			json_object_put(f->items[i].is.tree);
			json_nodes_free(&f->items[i].nodes);
		}
	free(f);
}

/* Without its trees (their counts of references are one thread's) and nodes. */
struct json_flat *json_flat_copy(const struct json_flat *flat)
{
	struct json_flat *f = memcpy(xmalloc(flat->bytes), flat, flat->bytes);
	for (size_t i = 0; i < f->count; i++)
		if (is_nested(&f->items[i])) {
			f->items[i].is.tree = NULL;
			f->items[i].nodes = NULL;
		}
	return f;
}

/* --- reading ------------------------------------------------------------ */

void json_flat_print(struct buf *out, const struct json_flat *f)
{
	size_t begin = out->len;
	buf_add(out, text_of(f), f->text_bytes);
	for (size_t i = 0; i < f->count; i++)
		if (f->items[i].type == json_type_string)
			out->data[begin + f->items[i].end - 1] = '"';
}

size_t json_flat_bytes(const struct json_flat *f)
{
	return f->text_bytes;
}

static const struct json_member *find(const struct json_flat *f,
				      const char *key, size_t n)
{
	const char *text = text_of(f);
	const struct json_member *m = f->items, *end = f->items + f->count;
	for (; m < end; m++)
		if (m->key_bytes == n && (!n || text[m->key] == *key) &&
		    memcmp(text + m->key, key, n) == 0)
			return m;
	return NULL;
}

static const struct json_member *
find_typed(const struct json_flat *f, const char *key, size_t n, json_type type)
{
	const struct json_member *m = find(f, key, n);
	return m && m->type == type ? m : NULL;
}

const char *json_flat_str_(const struct json_flat *f, const char *key, size_t n,
			   const char *fallback)
{
	const struct json_member *m = find_typed(f, key, n, json_type_string);
	return m ? text_of(f) + m->is.at : fallback;
}

int64_t json_flat_int_(const struct json_flat *f, const char *key, size_t n,
		       int64_t fallback)
{
	const struct json_member *m = find_typed(f, key, n, json_type_int);
	return m ? m->is.i : fallback;
}

double json_flat_num_(const struct json_flat *f, const char *key, size_t n,
		      double fallback)
{
	const struct json_member *m = find(f, key, n);
	if (m && m->type == json_type_double)
		return m->is.d;
	return m && m->type == json_type_int ? (double)m->is.i : fallback;
}

bool json_flat_bool_(const struct json_flat *f, const char *key, size_t n,
		     bool fallback)
{
	const struct json_member *m = find_typed(f, key, n, json_type_boolean);
	return m ? m->is.i != 0 : fallback;
}

static struct json_member *nested(struct json_flat *f, const char *key,
				  json_type type)
{
	struct json_member *m = (struct json_member *)(uintptr_t)find_typed(
		f, key, strlen(key), type);
	return m && is_nested(m) ? m : NULL;
}

json_object *json_flat_nested(struct json_flat *f, const char *key,
			      json_type type)
{
	struct json_member *m = nested(f, key, type);
	if (m && !m->is.tree)
		m->is.tree = parse(f, m);
	return m ? m->is.tree : NULL;
}

struct json_node *json_flat_nodes(struct json_flat *f, const char *key,
				  json_type type)
{
	struct json_member *m = nested(f, key, type);
	if (m && !m->nodes) {
		m->nodes = json_nodes_read(text_of(f) + m->from,
					   m->end - m->from, &again, NULL);
		REQUIRE(m->nodes != NULL);
	}
	return m ? json_nodes_top(m->nodes) : NULL;
}

bool json_flat_next_int(const struct json_flat *f, size_t *at, const char **key,
			size_t *bytes, int64_t *value)
{
	while (*at < f->count) {
		const struct json_member *m = &f->items[(*at)++];
		if (m->type != json_type_int)
			continue;
		*key = text_of(f) + m->key;
		*bytes = m->key_bytes;
		*value = m->is.i;
		return true;
	}
	return false;
}

const char *json_flat_beyond(const struct json_flat *f, int64_t most)
{
	static _Thread_local char key[64];
	for (size_t i = 0; i < f->count; i++) {
		const struct json_member *m = &f->items[i];
		if (m->type != json_type_int ||
		    (m->is.i <= most && m->is.i >= -most))
			continue;
		size_t n = m->key_bytes < sizeof key - 1 ? m->key_bytes
							 : sizeof key - 1;
		memcpy(key, text_of(f) + m->key, n);
		key[n] = '\0';
		return key;
	}
	return NULL;
}

json_object *json_flat_get(const struct json_flat *f, const char *key)
{
	const struct json_member *m = find(f, key, strlen(key));
	switch (m ? m->type : json_type_null) {
	case json_type_null:
		return NULL;
	case json_type_boolean:
		return json_object_new_boolean(m->is.i != 0);
	case json_type_int:
		return json_object_new_int64(m->is.i);
	case json_type_double:
		return json_object_new_double(m->is.d);
	case json_type_string:
		return json_object_new_string(text_of(f) + m->is.at);
	case json_type_array:
	case json_type_object:
		break;
	}
	return m->is.tree ? json_object_get(m->is.tree) : parse(f, m);
}

json_object *json_flat_tree(const struct json_flat *f)
{
	struct buf text = {0};
	json_flat_print(&text, f);
	json_object *o = json_read(text.data, text.len, &again, NULL);
	REQUIRE(o != NULL);
	buf_release(&text);
	return o;
}
