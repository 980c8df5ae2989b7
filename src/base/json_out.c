#include "base/json_out.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json_put.h"
#include "base/json_scan.h"
#include "base/mem.h"

#define MEMBERS_FIRST 16
/* Nearly all events are shorter, and most of what agents are asked; malloc()
 * keeps what has up to 1032 bytes at hand. */
#define TEXT_FIRST 1000

struct json_out {
	struct buf text;
	int depth;	 /* of what is open; 1: the outermost */
	uint64_t arrays; /* by depth: it is one */
	/* Those of the outermost; while something nested is open, it is the
	 * last of them, without its end. */
	struct json_member *members;
	size_t count, cap;
	struct json_member first[MEMBERS_FIRST];
};

struct json_out *json_out_new(void)
{
	struct json_out *w = xmalloc(sizeof *w); /* `first` as it is */
	w->text = (struct buf){.data = xmalloc(TEXT_FIRST), .cap = TEXT_FIRST};
	w->members = w->first;
	w->cap = MEMBERS_FIRST;
	w->count = 0;
	json_out_again(w);
	return w;
}

static void forget_members(struct json_out *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->members[i].type == json_type_object ||
		    w->members[i].type == json_type_array)
			json_object_put(w->members[i].is.tree);
	w->count = 0;
}

static void release(struct json_out **out)
{
	struct json_out *w = *out;
	*out = NULL;
	if (w->members != w->first)
		free(w->members);
	buf_release(&w->text);
	free(w);
}

void json_out_free(struct json_out **out)
{
	if (!*out)
		return;
	forget_members(*out);
	release(out);
}

void json_out_again(struct json_out *w)
{
	forget_members(w);
	buf_clear(&w->text);
	json_put_char(&w->text, '{');
	w->depth = 1;
	w->arrays = 0;
}

bool json_out_is_empty(const struct json_out *w)
{
	return w->text.len == 1;
}

size_t json_out_bytes(const struct json_out *w)
{
	return w->text.len;
}

/* --- members ------------------------------------------------------------ */

static struct json_member *new_member(struct json_out *w)
{
	if (w->count == w->cap && w->members == w->first) {
		w->cap *= 2;
		w->members = xreallocarray(NULL, w->cap, sizeof *w->members);
		memcpy(w->members, w->first, sizeof w->first);
	}
	GROW(w->members, w->count, w->cap);
	return &w->members[w->count++];
}

static void put_key(struct buf *text, const char *key, size_t n)
{
	if (!n) {
		json_put_string(text, key, strlen(key));
		json_put_char(text, ':');
		return;
	}
	char *p = json_put_begin(text, n + 3);
	*p = '"';
	memcpy(p + 1, key, n);
	p[n + 1] = '"';
	p[n + 2] = ':';
	json_put_end(text, p + n + 3);
}

/* Comma and key. */
static void begin(struct json_out *w, const char *key, size_t literal)
{
	struct buf *text = &w->text;
	char before = text->data[text->len - 1];
	if (before != '{' && before != '[')
		json_put_char(text, ',');
	bool item = w->arrays >> w->depth & 1;
	REQUIRE(item == !key);
	if (!key)
		return;
	size_t at = text->len;
	put_key(text, key, literal);
	if (w->depth > 1)
		return;
	struct json_member *m = new_member(w);
	m->key = (uint32_t)at + 1;
	m->key_bytes = (uint32_t)(text->len - at - 3);
	m->from = (uint32_t)text->len;
	m->type = json_type_null;
}

/* The member whose value stands there now; NULL: it is one of a nested one. */
static struct json_member *end(struct json_out *w, json_type type)
{
	if (w->depth > 1)
		return NULL;
	struct json_member *m = &w->members[w->count - 1];
	m->type = type;
	m->end = (uint32_t)w->text.len;
	return m;
}

static void add_text(struct json_out *w, const char *key, size_t literal,
		     const char *v, size_t n)
{
	begin(w, key, literal);
	bool plain = json_put_string(&w->text, v, n);
	struct json_member *m = end(w, json_type_string);
	if (m)
		m->plain = plain;
}

void json_out_str(struct json_out *w, const char *key, size_t literal,
		  const char *v)
{
	if (v)
		add_text(w, key, literal, v, strlen(v));
}

void json_out_int(struct json_out *w, const char *key, size_t literal,
		  int64_t v)
{
	begin(w, key, literal);
	json_put_int(&w->text, v);
	struct json_member *m = end(w, json_type_int);
	if (m)
		m->is.i = v;
}

void json_out_num(struct json_out *w, const char *key, size_t literal, double v)
{
	begin(w, key, literal);
	json_put_double(&w->text, v);
	struct json_member *m =
		end(w, isfinite(v) ? json_type_double : json_type_null);
	if (m)
		m->is.d = v;
}

void json_out_bool(struct json_out *w, const char *key, size_t literal, bool v)
{
	begin(w, key, literal);
	json_put_bytes(&w->text, v ? "true" : "false", v ? 4 : 5);
	struct json_member *m = end(w, json_type_boolean);
	if (m)
		m->is.i = v;
}

/* --- what is nested ----------------------------------------------------- */

/* The tree stays with the member, for whoever asks for it. */
static void add_nested(struct json_out *w, const char *key, size_t literal,
		       json_object *tree)
{
	begin(w, key, literal);
	json_print(&w->text, tree);
	struct json_member *m = end(w, json_object_get_type(tree));
	if (m)
		m->is.tree = tree;
	else
		json_object_put(tree);
}

void json_out_tree(struct json_out *w, const char *key, size_t literal,
		   json_object **v)
{
	json_object *tree = *v;
	*v = NULL;
	switch (json_object_get_type(tree)) {
	case json_type_null:
		begin(w, key, literal);
		json_put_bytes(&w->text, "null", 4);
		end(w, json_type_null);
		break;
	case json_type_boolean:
		json_out_bool(w, key, literal, json_object_get_boolean(tree));
		break;
	case json_type_int:
		json_out_int(w, key, literal, json_object_get_int64(tree));
		break;
	case json_type_double:
		json_out_num(w, key, literal, json_object_get_double(tree));
		break;
	case json_type_string:
		add_text(w, key, literal, json_object_get_string(tree),
			 (size_t)json_object_get_string_len(tree));
		break;
	case json_type_array:
	case json_type_object:
		add_nested(w, key, literal, tree);
		return;
	}
	json_object_put(tree);
}

static void open_nested(struct json_out *w, const char *key, bool array)
{
	begin(w, key, 0);
	REQUIRE(++w->depth < 64);
	json_put_char(&w->text, array ? '[' : '{');
	w->arrays &= ~(UINT64_C(1) << w->depth);
	w->arrays |= (uint64_t)array << w->depth;
}

void json_out_object(struct json_out *w, const char *key)
{
	open_nested(w, key, false);
}

void json_out_array(struct json_out *w, const char *key)
{
	open_nested(w, key, true);
}

void json_out_end(struct json_out *w)
{
	REQUIRE(w->depth > 1);
	bool array = w->arrays >> w->depth-- & 1;
	json_put_char(&w->text, array ? ']' : '}');
	struct json_member *m =
		end(w, array ? json_type_array : json_type_object);
	if (m)
		m->is.tree = NULL;
}

void json_out_canonical(struct json_out *w, const char *key, json_object *tree)
{
	begin(w, key, 0);
	json_print_canonical(&w->text, tree);
	struct json_member *m = end(w, json_object_get_type(tree));
	if (m)
		m->is.tree = NULL;
}

/* --- the whole ---------------------------------------------------------- */

struct buf *json_out_text(struct json_out *w)
{
	REQUIRE(w->depth == 1);
	json_put_char(&w->text, '}');
	w->depth = 0;
	return &w->text;
}

/* Nobody could read it back. */
static bool is_twice(const struct json_out *w, size_t i)
{
	const struct json_member *m = &w->members[i];
	for (size_t k = 0; k < i; k++)
		if (w->members[k].key_bytes == m->key_bytes &&
		    w->text.data[w->members[k].key] == w->text.data[m->key] &&
		    memcmp(w->text.data + w->members[k].key,
			   w->text.data + m->key, m->key_bytes) == 0)
			return true;
	return false;
}

struct json_flat *json_out_flat(struct json_out **out)
{
	struct json_out *w = *out;
	struct buf *text = json_out_text(w);
	for (size_t i = 1; i < w->count; i++)
		REQUIRE(!is_twice(w, i));
	struct json_flat *f =
		json_flat_make(text->data, text->len, w->members, w->count);
	release(out);
	return f;
}

struct json_nodes *json_out_nodes(struct json_out **out)
{
	const struct buf *text = json_out_text(*out);
	struct json_nodes *nodes =
		json_nodes_read(text->data, text->len, &json_limits_own, NULL);
	REQUIRE(nodes != NULL);
	json_out_free(out);
	return nodes;
}

json_object *json_out_read(struct json_out **out)
{
	struct buf *text = json_out_text(*out);
	json_object *o =
		json_read(text->data, text->len, &json_limits_own, NULL);
	REQUIRE(o != NULL);
	json_out_free(out);
	return o;
}
