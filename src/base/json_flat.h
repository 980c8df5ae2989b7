/*
 * json_flat: the members of one JSON object, found without building a tree.
 *
 * The text passes the strict door (base/json.h) as a whole: what json_read()
 * refuses is refused here, with the same words. But only the places of the
 * object's own members are kept, with their scalar values; what is nested
 * becomes a tree when it is asked for. One allocation, one owner, no thread's.
 */
#ifndef BASE_JSON_FLAT_H
#define BASE_JSON_FLAT_H

#include "base/json.h"

#define JSON_FLAT_MAX                                                          \
	24 /* members; json_flat_read() refuses no more of them,               \
	      but keeps a tree instead */

struct json_flat;

/* NULL with err when the text is refused. When it is no object, or has members
 * that cannot be kept flat (more than JSON_FLAT_MAX, escapes in a key), NULL
 * without err, and `*tree` is what json_read() gives. */
struct json_flat *json_flat_read(const char *text, size_t bytes,
				 const struct json_limits *limits,
				 json_object **tree, struct err *err);
void json_flat_free(struct json_flat **flat);
struct json_flat *json_flat_copy(const struct json_flat *flat);

/* As json_get_str() and the like. Strings are lent by `flat`. */
const char *json_flat_str(const struct json_flat *flat, const char *key,
			  const char *fallback);
int64_t json_flat_int(const struct json_flat *flat, const char *key,
		      int64_t fallback);
double json_flat_num(const struct json_flat *flat, const char *key,
		     double fallback);
bool json_flat_bool(const struct json_flat *flat, const char *key,
		    bool fallback);
/* The key of a member that is an integer beyond +-`most`; lent by the next call
 * of this thread. NULL: there is none. */
const char *json_flat_beyond(const struct json_flat *flat, int64_t most);
/* A tree of that member alone, or of the whole; the caller puts. NULL: it is
 * not there, or null. */
json_object *json_flat_get(const struct json_flat *flat, const char *key);
json_object *json_flat_tree(const struct json_flat *flat);

#endif
