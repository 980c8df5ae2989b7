/* Reading, changing and comparing trees that are there. */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

const struct json_limits json_limits_answer = {1 << 20, 32, 100000};
const struct json_limits json_limits_file = {4 << 20, 32, 1000000};
const struct json_limits json_limits_own = {16 << 20, 64, 4000000};

/* ---- typed reading ---- */

json_object *json_get(json_object *o, const char *key)
{
	json_object *v = NULL;
	if (json_object_is_type(o, json_type_object))
		json_object_object_get_ex(o, key, &v);
	return v;
}

static json_object *get_typed(json_object *o, const char *key, json_type type)
{
	json_object *v = json_get(o, key);
	return v && json_object_is_type(v, type) ? v : NULL;
}

const char *json_get_str(json_object *o, const char *key, const char *fallback)
{
	json_object *v = get_typed(o, key, json_type_string);
	return v ? json_object_get_string(v) : fallback;
}

int64_t json_get_int(json_object *o, const char *key, int64_t fallback)
{
	json_object *v = get_typed(o, key, json_type_int);
	return v ? json_object_get_int64(v) : fallback;
}

double json_get_num(json_object *o, const char *key, double fallback)
{
	json_object *v = get_typed(o, key, json_type_double);
	if (v)
		return json_object_get_double(v);
	v = get_typed(o, key, json_type_int);
	return v ? (double)json_object_get_int64(v) : fallback;
}

bool json_get_bool(json_object *o, const char *key, bool fallback)
{
	json_object *v = get_typed(o, key, json_type_boolean);
	return v ? json_object_get_boolean(v) : fallback;
}

json_object *json_get_object(json_object *o, const char *key)
{
	return get_typed(o, key, json_type_object);
}

json_object *json_get_array(json_object *o, const char *key)
{
	return get_typed(o, key, json_type_array);
}

const char *json_item_str(json_object *array, size_t i)
{
	json_object *v = json_object_array_get_idx(array, i);
	return json_object_is_type(v, json_type_string)
		       ? json_object_get_string(v)
		       : "";
}

/* ---- adding ---- */

void json_add_tree_(json_object *o, const char *key, size_t literal,
		    json_object **v)
{
	json_object *value = *v;
	unsigned flags = literal ? JSON_C_OBJECT_ADD_CONSTANT_KEY : 0;
	*v = NULL;
	REQUIRE(json_object_object_add_ex(o, key, value, flags) == 0);
}

void json_add_str_(json_object *o, const char *key, size_t literal,
		   const char *v)
{
	json_object *value = v ? json_object_new_string(v) : NULL;
	if (value)
		json_add_tree_(o, key, literal, &value);
}

void json_add_int_(json_object *o, const char *key, size_t literal, int64_t v)
{
	json_object *value = json_object_new_int64(v);
	json_add_tree_(o, key, literal, &value);
}

void json_add_num_(json_object *o, const char *key, size_t literal, double v)
{
	json_object *value = isfinite(v) ? json_object_new_double(v) : NULL;
	json_add_tree_(o, key, literal, &value);
}

void json_add_bool_(json_object *o, const char *key, size_t literal, bool v)
{
	json_object *value = json_object_new_boolean(v);
	json_add_tree_(o, key, literal, &value);
}

/* ---- whole trees ---- */

static json_object *clone_array(json_object *o)
{
	size_t count = json_object_array_length(o);
	json_object *copy = json_object_new_array_ext((int)count);
	for (size_t i = 0; i < count; i++)
		json_object_array_add(
			copy, json_clone(json_object_array_get_idx(o, i)));
	return copy;
}

static json_object *clone_object(json_object *o)
{
	json_object *copy = json_object_new_object();
	struct lh_entry *e;
	lh_foreach(json_object_get_object(o), e) json_object_object_add_ex(
		copy, lh_entry_k(e), json_clone(lh_entry_v(e)),
		JSON_C_OBJECT_ADD_KEY_IS_NEW |
			(e->k_is_constant ? JSON_C_OBJECT_ADD_CONSTANT_KEY
					  : 0));
	return copy;
}

json_object *json_clone(json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_boolean:
		return json_object_new_boolean(json_object_get_boolean(o));
	case json_type_int:
		return json_object_new_int64(json_object_get_int64(o));
	case json_type_double:
		return json_object_new_double(json_object_get_double(o));
	case json_type_string:
		return json_object_new_string_len(
			json_object_get_string(o),
			json_object_get_string_len(o));
	case json_type_array:
		return clone_array(o);
	case json_type_object:
		return clone_object(o);
	case json_type_null:
		break;
	}
	return NULL;
}

/* An object that a merge has made bears its mark, and stands in one tree: the
 * next one may change it where it is. All others may be shared with a patch,
 * and are copied first. */
static const char own_mark;

static bool is_own(json_object *object)
{
	return json_object_get_userdata(object) == &own_mark;
}

/* What has nulls is not what it leaves, and what is own in another tree is not
 * to be changed with this one. */
static bool may_share(json_object *object)
{
	struct lh_entry *e;
	if (is_own(object))
		return false;
	lh_foreach(json_object_get_object(object), e)
	{
		json_object *v = lh_entry_v(e);
		if (!v ||
		    (json_object_is_type(v, json_type_object) && !may_share(v)))
			return false;
	}
	return true;
}

static json_object *own_object(json_object *of)
{
	struct lh_entry *e;
	if (of && is_own(of))
		return json_object_get(of);
	json_object *own = json_object_new_object();
	json_object_set_userdata(own, (void *)(uintptr_t)&own_mark, NULL);
	if (of)
		lh_foreach(json_object_get_object(of), e)
			json_object_object_add_ex(
				own, lh_entry_k(e),
				json_object_get(lh_entry_v(e)),
				JSON_C_OBJECT_ADD_KEY_IS_NEW);
	return own;
}

/* What a member becomes under a patch of any type. */
static json_object *merged(json_object *target, json_object *patch)
{
	if (!json_object_is_type(patch, json_type_object))
		return json_object_get(patch);
	if (!json_object_is_type(target, json_type_object)) {
		if (may_share(patch))
			return json_object_get(patch);
		target = NULL;
	}
	json_object *result = own_object(target);
	json_merge(result, patch);
	return result;
}

void json_merge(json_object *target, json_object *patch)
{
	REQUIRE(json_object_is_type(target, json_type_object));
	if (!json_object_is_type(patch, json_type_object))
		return;
	struct lh_entry *e;
	lh_foreach(json_object_get_object(patch), e)
	{
		const char *key = lh_entry_k(e);
		json_object *change = lh_entry_v(e);
		json_object *value = NULL;
		if (!change) {
			json_object_object_del(target, key);
			continue;
		}
		json_object *old = NULL;
		bool there = json_object_object_get_ex(target, key, &old);
		value = merged(old, change);
		if (there && value == old)
			json_object_put(value); /* changed where it is */
		else
			json_object_object_add_ex(
				target, key, value,
				there ? 0 : JSON_C_OBJECT_ADD_KEY_IS_NEW);
	}
}

/* One token of a pointer, up to the next '/', decoded. NULL if malformed. */
static char *pointer_token(const char **p)
{
	struct buf token = {0};
	const char *s = *p;
	for (; *s && *s != '/'; s++) {
		if (*s != '~') {
			buf_addc(&token, *s);
			continue;
		}
		s++;
		if (*s != '0' && *s != '1') {
			buf_release(&token);
			return NULL;
		}
		buf_addc(&token, *s == '0' ? '~' : '/');
	}
	*p = s;
	return buf_take(&token);
}

/* Digits only, no leading zero (RFC 6901, section 4). */
static bool read_index(const char *token, size_t *index)
{
	*index = 0;
	if (!*token || (*token == '0' && token[1]))
		return false;
	for (; *token; token++) {
		if (*token < '0' || *token > '9' || *index > 100000000)
			return false;
		*index = *index * 10 + (size_t)(*token - '0');
	}
	return true;
}

/* One step into `*o`, which becomes what stands there; false if nothing does.
 */
static bool point_step(json_object **o, const char *token)
{
	size_t index;
	if (json_object_is_type(*o, json_type_object))
		return json_object_object_get_ex(*o, token, o);
	if (!json_object_is_type(*o, json_type_array) ||
	    !read_index(token, &index) || index >= json_object_array_length(*o))
		return false;
	*o = json_object_array_get_idx(*o, index);
	return true;
}

bool json_point(json_object *o, const char *pointer, json_object **value)
{
	bool there = true;
	while (there && *pointer) {
		char *token = NULL;
		if (*pointer++ == '/')
			token = pointer_token(&pointer);
		there = token && point_step(&o, token);
		free(token);
	}
	*value = there ? o : NULL;
	return there;
}

static bool equal_arrays(json_object *a, json_object *b)
{
	size_t count = json_object_array_length(a);
	if (json_object_array_length(b) != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!json_equal(json_object_array_get_idx(a, i),
				json_object_array_get_idx(b, i)))
			return false;
	return true;
}

static bool equal_objects(json_object *a, json_object *b)
{
	if (json_object_object_length(a) != json_object_object_length(b))
		return false;
	struct lh_entry *e;
	lh_foreach(json_object_get_object(a), e)
	{
		json_object *other;
		if (!json_object_object_get_ex(b, lh_entry_k(e), &other) ||
		    !json_equal(lh_entry_v(e), other))
			return false;
	}
	return true;
}

static bool equal_doubles(double a, double b)
{
	/* By bits, as the canonical text has it: 0.0 and -0.0 differ. */
	return memcmp(&a, &b, sizeof a) == 0;
}

bool json_equal(json_object *a, json_object *b)
{
	json_type type = json_object_get_type(a);
	if (json_object_get_type(b) != type)
		return false;
	switch (type) {
	case json_type_null:
		return true;
	case json_type_boolean:
		return json_object_get_boolean(a) == json_object_get_boolean(b);
	case json_type_int:
		return json_object_get_int64(a) == json_object_get_int64(b);
	case json_type_double:
		return equal_doubles(json_object_get_double(a),
				     json_object_get_double(b));
	case json_type_string: {
		int len = json_object_get_string_len(a);
		return json_object_get_string_len(b) == len &&
		       memcmp(json_object_get_string(a),
			      json_object_get_string(b), (size_t)len) == 0;
	}
	case json_type_array:
		return equal_arrays(a, b);
	case json_type_object:
		return equal_objects(a, b);
	}
	return false;
}

/* ---- cleaning ---- */

static void clean_string(json_object *o, size_t max_bytes)
{
	const char *text = json_object_get_string(o);
	size_t len = (size_t)json_object_get_string_len(o);
	char *clean = text_clean_lines(text, len, max_bytes);
	if (strcmp(clean, text) != 0 || strlen(clean) != len)
		json_object_set_string(o, clean);
	free(clean);
}

static json_object *clean_value(json_object *o, size_t max_bytes);

/* Anew, so that the order stays. Of two keys that look alike when clean, the
 * first stays. */
static json_object *clean_object(json_object *o, size_t max_bytes)
{
	json_object *result = json_object_new_object();
	struct lh_entry *e;
	lh_foreach(json_object_get_object(o), e)
	{
		const char *key = lh_entry_k(e);
		char *clean = text_clean_str(key, max_bytes);
		json_object *v = json_object_get(lh_entry_v(e));
		v = clean_value(v, max_bytes);
		if (json_object_object_get_ex(result, clean, NULL))
			json_object_put(v);
		else
			json_add(result, clean, &v);
		free(clean);
	}
	json_object_put(o);
	return result;
}

static json_object *clean_value(json_object *o, size_t max_bytes)
{
	if (json_object_is_type(o, json_type_string)) {
		clean_string(o, max_bytes);
	} else if (json_object_is_type(o, json_type_object)) {
		return clean_object(o, max_bytes);
	} else if (json_object_is_type(o, json_type_array)) {
		size_t count = json_object_array_length(o);
		for (size_t i = 0; i < count; i++) {
			json_object *v = json_object_array_get_idx(o, i);
			json_object *clean =
				clean_value(json_object_get(v), max_bytes);
			if (clean == v)
				json_object_put(clean);
			else
				json_object_array_put_idx(o, i, clean);
		}
	}
	return o;
}

void json_clean(json_object **o, size_t max_bytes)
{
	*o = clean_value(*o, max_bytes);
}
