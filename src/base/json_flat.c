#include "base/json_flat.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json_scan.h"
#include "base/mem.h"

/* The text stands behind the members, with a NUL in place of the closing quote
 * of each plain string that is a member. */
struct json_flat {
	size_t bytes; /* of all this */
	size_t count;
	struct json_member items[];
};

static char *text_of(const struct json_flat *f)
{
	return (char *)(uintptr_t)(f->items + f->count);
}

/* Decodes a string with escapes, in place: it only becomes shorter. */
static void decode(char *text, struct json_member *m)
{
	json_object *o = json_read(text + m->from, m->end - m->from,
				   &json_limits_own, NULL);
	REQUIRE(o != NULL);
	size_t n = (size_t)json_object_get_string_len(o);
	memcpy(text + m->from + 1, json_object_get_string(o), n);
	m->end = m->from + (uint32_t)n + 2;
	json_object_put(o);
}

static void end_strings(struct json_flat *f)
{
	char *text = text_of(f);
	for (size_t i = 0; i < f->count; i++) {
		struct json_member *m = &f->items[i];
		if (m->type != json_type_string)
			continue;
		if (!m->plain)
			decode(text, m);
		text[m->end - 1] = '\0';
	}
}

static bool is_flat(const struct json_scan *scan, const char *text)
{
	while (*text == ' ' || *text == '\n' || *text == '\t' || *text == '\r')
		text++;
	if (*text != '{' || scan->count > scan->max)
		return false;
	for (size_t i = 0; i < scan->count; i++)
		if (!scan->items[i].key_plain)
			return false;
	return true;
}

struct json_flat *json_flat_read(const char *text, size_t bytes,
				 const struct json_limits *limits,
				 json_object **tree, struct err *err)
{
	struct json_member items[JSON_FLAT_MAX];
	struct json_scan scan = {.items = items, .max = COUNT_OF(items)};
	*tree = NULL;
	if (!json_scan(text, bytes, limits, &scan, err))
		return NULL;
	if (!is_flat(&scan, text)) {
		*tree = json_read(text, bytes, limits, err);
		return NULL;
	}
	size_t used = scan.count * sizeof *items;
	struct json_flat *f = xmalloc(sizeof *f + used + bytes + 1);
	f->bytes = sizeof *f + used + bytes + 1;
	f->count = scan.count;
	memcpy(f->items, items, used);
	memcpy(text_of(f), text, bytes);
	text_of(f)[bytes] = '\0';
	end_strings(f);
	return f;
}

void json_flat_free(struct json_flat **flat)
{
	free(*flat);
	*flat = NULL;
}

struct json_flat *json_flat_copy(const struct json_flat *flat)
{
	return memcpy(xmalloc(flat->bytes), flat, flat->bytes);
}

/* --- reading ------------------------------------------------------------ */

static const struct json_member *find(const struct json_flat *f,
				      const char *key)
{
	const char *text = text_of(f);
	for (size_t i = 0; i < f->count; i++) {
		const struct json_member *m = &f->items[i];
		const char *has = text + m->key; /* ends with a quote */
		size_t n = 0;
		while (n < m->key_bytes && has[n] == key[n])
			n++; /* mostly the first differs */
		if (n == m->key_bytes && !key[n])
			return m;
	}
	return NULL;
}

static const struct json_member *find_typed(const struct json_flat *f,
					    const char *key, json_type type)
{
	const struct json_member *m = find(f, key);
	return m && m->type == type ? m : NULL;
}

const char *json_flat_str(const struct json_flat *f, const char *key,
			  const char *fallback)
{
	const struct json_member *m = find_typed(f, key, json_type_string);
	return m ? text_of(f) + m->from + 1 : fallback;
}

int64_t json_flat_int(const struct json_flat *f, const char *key,
		      int64_t fallback)
{
	const struct json_member *m = find_typed(f, key, json_type_int);
	return m ? m->is.i : fallback;
}

double json_flat_num(const struct json_flat *f, const char *key,
		     double fallback)
{
	const struct json_member *m = find(f, key);
	if (m && m->type == json_type_double)
		return m->is.d;
	return m && m->type == json_type_int ? (double)m->is.i : fallback;
}

bool json_flat_bool(const struct json_flat *f, const char *key, bool fallback)
{
	const struct json_member *m = find_typed(f, key, json_type_boolean);
	return m ? m->is.i != 0 : fallback;
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

static json_object *member_tree(const struct json_flat *f,
				const struct json_member *m)
{
	const char *value = text_of(f) + m->from;
	json_object *o = NULL;
	switch (m->type) {
	case json_type_null:
		return NULL;
	case json_type_boolean:
		return json_object_new_boolean(m->is.i != 0);
	case json_type_int:
		return json_object_new_int64(m->is.i);
	case json_type_double:
		return json_object_new_double(m->is.d);
	case json_type_string:
		return json_object_new_string_len(value + 1,
						  (int)(m->end - m->from - 2));
	default:
		o = json_read(value, m->end - m->from, &json_limits_own, NULL);
		REQUIRE(o != NULL);
		return o;
	}
}

json_object *json_flat_get(const struct json_flat *f, const char *key)
{
	const struct json_member *m = find(f, key);
	return m ? member_tree(f, m) : NULL;
}

json_object *json_flat_tree(const struct json_flat *f)
{
	json_object *o = json_object_new_object();
	for (size_t i = 0; i < f->count; i++) {
		const struct json_member *m = &f->items[i];
		char *key = xstrndup(text_of(f) + m->key, m->key_bytes);
		json_object_object_add(o, key, member_tree(f, m));
		free(key);
	}
	return o;
}
