/*
 * flat_same: the flat reading of a text, and its nodes, beside its tree: the
 * same texts are refused with the same words, and each member is the same
 * value.
 */
#ifndef TESTS_FLAT_SAME_H
#define TESTS_FLAT_SAME_H

#include <string.h>

#include "base/json_flat.h"
#include "base/json_nodes.h"
#include "base/mem.h"

static inline bool flat_member_same(const struct json_flat *f, json_object *o,
				    const char *key)
{
	const char *s = json_flat_str(f, key, NULL);
	const char *t = json_get_str(o, key, NULL);
	double d = json_flat_num(f, key, 7), e = json_get_num(o, key, 7);
	json_object *v = json_flat_get(f, key);
	bool same =
		(s ? t && strcmp(s, t) == 0 : !t) &&
		json_flat_int(f, key, 7) == json_get_int(o, key, 7) &&
		memcmp(&d, &e, sizeof d) == 0 &&
		json_flat_bool(f, key, true) == json_get_bool(o, key, true) &&
		json_flat_bool(f, key, false) == json_get_bool(o, key, false) &&
		json_equal(v, json_get(o, key));
	json_object_put(v);
	return same;
}

static inline bool flat_key_escaped(const char *key)
{
	for (; *key; key++)
		if ((unsigned char)*key < ' ' || *key == '"' || *key == '\\')
			return true;
	return false;
}

static inline bool flat_whole_same(const struct json_flat *f, json_object *o)
{
	json_object *whole = json_flat_tree(f);
	struct buf text = {0};
	json_flat_print(&text, f);
	bool same = json_equal(whole, o) && text.len == json_flat_bytes(f) &&
		    json_check(text.data, text.len, &json_limits_own, NULL) &&
		    flat_member_same(f, o, "no such member");
	struct lh_entry *e;
	lh_foreach(json_object_get_object(o), e) same =
		same && (flat_key_escaped(lh_entry_k(e)) ||
			 flat_member_same(f, o, lh_entry_k(e)));
	json_object_put(whole);
	buf_release(&text);
	return same;
}

static inline bool node_member_same(struct json_node *n, json_object *o,
				    const char *key)
{
	const char *s = json_node_str(n, key, NULL);
	const char *t = json_get_str(o, key, NULL);
	double d = json_node_num(n, key, 7), e = json_get_num(o, key, 7);
	return (s ? t && strcmp(s, t) == 0 : !t) &&
	       json_node_int(n, key, 7) == json_get_int(o, key, 7) &&
	       memcmp(&d, &e, sizeof d) == 0 &&
	       json_node_bool(n, key, true) == json_get_bool(o, key, true) &&
	       json_node_bool(n, key, false) == json_get_bool(o, key, false) &&
	       !json_node_array(n, key) == !json_get_array(o, key) &&
	       !json_node_object(n, key) == !json_get_object(o, key);
}

/* Members in their order, and then those of each other one back, which are
 * looked for all around. */
static inline bool node_same(struct json_node *n, json_object *o)
{
	bool is_object = json_object_is_type(o, json_type_object);
	bool is_array = json_object_is_type(o, json_type_array);
	size_t count = is_object  ? (size_t)json_object_object_length(o)
		       : is_array ? json_object_array_length(o)
				  : 0;
	bool same = json_node_count(n) == count &&
		    node_member_same(n, o, "no such member");
	size_t i = 0;
	json_node_each(item, n)
	{
		json_object *of = is_object ? json_get(o, item->key)
					    : json_object_array_get_idx(o, i++);
		same = same && node_same(item, of) &&
		       (is_object ? node_member_same(n, o, item->key)
				  : !*item->key);
	}
	for (struct json_node *m = json_node_first(n); m && is_object;) {
		same = same && node_member_same(n, o, m->key);
		m = json_node_next(n, m);
		m = m ? json_node_next(n, m) : NULL;
	}
	json_object *tree = json_node_tree(n);
	same = same && json_equal(tree, o);
	json_object_put(tree);
	return same;
}

static inline const char *nodes_same(const char *text, size_t bytes,
				     const struct json_limits *limits)
{
	struct err one = {0}, two = {0};
	json_object *o = json_read(text, bytes, limits, &one);
	struct json_nodes *n = json_nodes_read(text, bytes, limits, &two);
	const char *wrong = NULL;
	if (!o != !n)
		wrong = "refused as a tree alone, or as nodes alone";
	else if (!o && strcmp(one.text, two.text) != 0)
		wrong = "refused as nodes with other words";
	else if (o && !node_same(json_nodes_top(n), o))
		wrong = "another node";
	json_nodes_free(&n);
	json_object_put(o);
	return wrong;
}

/* NULL when it is; else in what it is not. */
static inline const char *flat_same(const char *text, size_t bytes,
				    const struct json_limits *limits)
{
	struct err one = {0}, two = {0};
	json_object *o = json_read(text, bytes, limits, &one);
	struct json_flat *f = json_flat_read(text, bytes, limits, &two);
	const char *wrong = NULL;
	if (!o && f)
		wrong = "refused as a tree alone";
	else if (!o && strcmp(one.text, two.text) != 0)
		wrong = "refused with other words";
	else if (o && !f != !json_object_is_type(o, json_type_object))
		wrong = "refused, and an object; or taken, and none";
	else if (f) {
		struct json_flat *copy = json_flat_copy(f);
		json_flat_free(&f);
		if (!flat_whole_same(copy, o))
			wrong = "another member";
		json_flat_free(&copy);
	}
	json_flat_free(&f);
	json_object_put(o);
	return wrong ? wrong : nodes_same(text, bytes, limits);
}

#endif
