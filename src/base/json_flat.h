/*
 * json_flat: one JSON object as its text, and where its members stand in it.
 *
 * Text from outside passes the strict door (base/json.h) as a whole: what
 * json_read() refuses is refused here, with the same words. What we write
 * ourselves comes from base/json_out.h. Scalar members are read where they
 * stand; a nested one becomes nodes or a tree when it is asked for. One
 * allocation beside those, one owner, no thread's.
 */
#ifndef BASE_JSON_FLAT_H
#define BASE_JSON_FLAT_H

#include <string.h>

#include "base/json.h"
#include "base/json_nodes.h"

struct json_flat;

/* NULL with err when the text is refused, or is no object. */
struct json_flat *json_flat_read(const char *text, size_t bytes,
				 const struct json_limits *limits,
				 struct err *err);
/* From a tree, which is put. Refused is what it would not read back. */
struct json_flat *json_flat_of(json_object **tree, struct err *err);
void json_flat_free(struct json_flat **flat);
struct json_flat *json_flat_copy(const struct json_flat *flat);

/* Its text, behind what is in `out`: compact, and as it was written. */
void json_flat_print(struct buf *out, const struct json_flat *flat);
size_t json_flat_bytes(const struct json_flat *flat); /* of its text */

/* With the bytes of their key: keys are mostly literals, and a fold asks for
 * many of them. */
const char *json_flat_str_(const struct json_flat *flat, const char *key,
			   size_t bytes, const char *fallback);
int64_t json_flat_int_(const struct json_flat *flat, const char *key,
		       size_t bytes, int64_t fallback);
double json_flat_num_(const struct json_flat *flat, const char *key,
		      size_t bytes, double fallback);
bool json_flat_bool_(const struct json_flat *flat, const char *key,
		     size_t bytes, bool fallback);

/* As json_get_str() and the like. Strings are lent by `flat`. A key that JSON
 * writes with escapes is not found: it stands in the text and in the tree. */
static inline const char *json_flat_str(const struct json_flat *flat,
					const char *key, const char *fallback)
{
	return json_flat_str_(flat, key, strlen(key), fallback);
}

static inline int64_t json_flat_int(const struct json_flat *flat,
				    const char *key, int64_t fallback)
{
	return json_flat_int_(flat, key, strlen(key), fallback);
}

static inline double json_flat_num(const struct json_flat *flat,
				   const char *key, double fallback)
{
	return json_flat_num_(flat, key, strlen(key), fallback);
}

static inline bool json_flat_bool(const struct json_flat *flat, const char *key,
				  bool fallback)
{
	return json_flat_bool_(flat, key, strlen(key), fallback);
}

/* The array or object that is this member, lent; it is made by the first who
 * asks: nodes for who reads it, a tree for who keeps some of it. NULL: it is
 * another type. */
struct json_node *json_flat_nodes(struct json_flat *flat, const char *key,
				  json_type type);
json_object *json_flat_nested(struct json_flat *flat, const char *key,
			      json_type type);
/* The next member that is an integer, from member `*at` on (0 at first), and its
 * key, which no NUL ends. False: there is none. */
bool json_flat_next_int(const struct json_flat *flat, size_t *at,
			const char **key, size_t *bytes, int64_t *value);
/* The key of a member that is an integer beyond +-`most`; lent by the next call
 * of this thread. NULL: there is none. */
const char *json_flat_beyond(const struct json_flat *flat, int64_t most);
/* A tree of that member alone, or of the whole; the caller puts, and changes
 * that of a member not: it may be the one that is lent. NULL: it is not there,
 * or null. */
json_object *json_flat_get(const struct json_flat *flat, const char *key);
json_object *json_flat_tree(const struct json_flat *flat);

#endif
