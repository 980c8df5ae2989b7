/*
 * json: the strict door (RFC 8259 to the letter), and typed reading.
 *
 * json-c 0.16 alone takes duplicate keys, NaN, raw control bytes, overlong
 * UTF-8, and clamps big integers. Text from outside therefore passes our
 * scanner first and only then becomes a json-c tree. A tree has ONE owner
 * thread at a time (json-c reference counts are not atomic, and even printing
 * writes into the tree): to hand JSON to another thread, hand its text.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct json_limits {
	size_t max_bytes; /* of the whole text */
	int max_depth;	  /* nested arrays and objects */
	size_t max_nodes; /* values in the tree */
};

extern const struct json_limits json_limits_answer; /* 1 MiB, 32, 100,000 */
extern const struct json_limits json_limits_file;   /* 4 MiB, 32, 1,000,000 */
extern const struct json_limits json_limits_own;    /* 16 MiB, 64, 4,000,000 */

/* Refuses: duplicate keys, NaN and infinities, trailing bytes or commas, bad
 * UTF-8, lone surrogates, raw control bytes, \u0000 anywhere, integers beyond
 * int64, numbers beyond double, a BOM, and whatever passes a limit. On failure
 * returns NULL and sets ERR_DATA with "byte N: why", the first byte being 1. A
 * number may have 1,024 characters. Caller puts. A top-level
 * `null` is refused too: no tree of ours is null. */
json_object *json_read(const char *text, size_t bytes,
		       const struct json_limits *limits, struct err *err);
json_object *json_read_str(const char *text, const struct json_limits *limits,
			   struct err *err);

/* The check alone, without a tree. */
bool json_check(const char *text, size_t bytes,
		const struct json_limits *limits, struct err *err);

/* Compact text, '/' not escaped, that json_read takes back: broken UTF-8 is
 * printed as U+FFFD, NaN and infinities as null. Lent: lives as long as `o`,
 * until the next print of it. NULL prints "null". */
const char *json_text(json_object *o);

/* The same text, behind what is in `out`. */
struct buf;
void json_print(struct buf *out, json_object *o);

/* Canonical text: keys sorted by bytes, no blanks, shortest escapes, doubles
 * with the fewest digits (15 to 17) that read back the same. Equal trees give
 * equal bytes. Caller frees. */
char *json_canonical(json_object *o);
void json_print_canonical(struct buf *out, json_object *o);

/* Typed reading of object members. A missing member, a null or another type
 * gives the fallback; nothing is coerced. Strings are lent by the tree. */
const char *json_get_str(json_object *o, const char *key, const char *fallback);
int64_t json_get_int(json_object *o, const char *key, int64_t fallback);
double json_get_num(json_object *o, const char *key, double fallback);
bool json_get_bool(json_object *o, const char *key, bool fallback);
json_object *json_get(json_object *o, const char *key); /* lent, or NULL */
json_object *json_get_object(json_object *o, const char *key); /* or NULL */
json_object *json_get_array(json_object *o, const char *key);  /* or NULL */
/* The i-th of an array of strings, lent; "" when it is none. */
const char *json_item_str(json_object *array, size_t i);

/* Adding to a tree, or to what is written without one (base/json_out.h); a NULL
 * string adds nothing, NaN and infinities add a null. json_add moves `*v`. A
 * key that is a string literal is not copied, and its length is reckoned by the
 * compiler: `literal` is that, 0 of any other key. */
struct json_out;
static inline size_t json_literal_bytes(const char *key)
{
	return key ? strlen(key) : 0;
}
#define JSON_ADD(what, o, key, v)                                              \
	_Generic((o), struct json_out *                                        \
		 : json_out_##what, json_object *                              \
		 : json_add_##what##_)(                                        \
		(o), (key),                                                    \
		__builtin_constant_p(key) ? json_literal_bytes(key) : 0, (v))
#define json_add_str(o, key, v)	 JSON_ADD(str, o, key, v)
#define json_add_int(o, key, v)	 JSON_ADD(int, o, key, v)
#define json_add_num(o, key, v)	 JSON_ADD(num, o, key, v)
#define json_add_bool(o, key, v) JSON_ADD(bool, o, key, v)
#define json_add(o, key, v)	 JSON_ADD(tree, o, key, v)
void json_add_str_(json_object *o, const char *key, size_t literal,
		   const char *v);
void json_add_int_(json_object *o, const char *key, size_t literal, int64_t v);
void json_add_num_(json_object *o, const char *key, size_t literal, double v);
void json_add_bool_(json_object *o, const char *key, size_t literal, bool v);
void json_add_tree_(json_object *o, const char *key, size_t literal,
		    json_object **v);
void json_out_str(struct json_out *out, const char *key, size_t literal,
		  const char *v);
void json_out_int(struct json_out *out, const char *key, size_t literal,
		  int64_t v);
void json_out_num(struct json_out *out, const char *key, size_t literal,
		  double v);
void json_out_bool(struct json_out *out, const char *key, size_t literal,
		   bool v);
void json_out_tree(struct json_out *out, const char *key, size_t literal,
		   json_object **v);

/* A deep copy of its own. NULL -> NULL. */
json_object *json_clone(json_object *o);

/* RFC 7396: applies `patch` to the object `target` in place. What it puts there
 * is shared with it from then on: what is in either tree is not changed in
 * place, but by a merge, which copies first what is not the target's alone. A
 * patch that is no object changes nothing here. */
void json_merge(json_object *target, json_object *patch);

/* RFC 6901. What `pointer` names in `o`, lent; a JSON null is there and NULL.
 * "" names the whole. False, and NULL, if nothing is there. */
bool json_point(json_object *o, const char *pointer, json_object **value);

bool json_equal(json_object *a, json_object *b); /* 1 and 1.0 differ */

/* Cleans every string value in the tree for the screen (text_clean_lines),
 * in place; keys too (of two that become the same, the first stays).
 * `max_bytes` caps each string. Objects are rebuilt: lent values are gone. */
void json_clean(json_object **o, size_t max_bytes);

#endif
