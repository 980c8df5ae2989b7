/*
 * flat_same: the flat reading of a text beside its tree: the same texts are
 * refused with the same words, and each member is the same value.
 */
#ifndef TESTS_FLAT_SAME_H
#define TESTS_FLAT_SAME_H

#include <string.h>

#include "base/json_flat.h"
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
	return wrong;
}

#endif
