/*
 * json_out: one JSON object, written as text while its members come.
 *
 * For what is written often (each event, each snapshot): a tree costs several
 * allocations a member, this next to none. json_add_str() and the like of
 * base/json.h write into it as they add to a tree; within an array their key is
 * NULL. The text is json_print()'s of the same tree, to the byte. A key may
 * come once. One owner, no thread's.
 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include "base/json.h"
#include "base/json_flat.h"
#include "base/json_nodes.h"

struct buf;
struct json_out;

struct json_out *json_out_new(void);
void json_out_free(struct json_out **out);
bool json_out_is_empty(const struct json_out *out);
size_t json_out_bytes(const struct json_out *out); /* so far */

/* The next members (or items) are those of an object or array that is `key`,
 * until its end. */
void json_out_object(struct json_out *out, const char *key);
void json_out_array(struct json_out *out, const char *key);
void json_out_end(struct json_out *out);
/* `tree` as json_canonical() prints it; lent. In the outermost object it is an
 * array or object. */
void json_out_canonical(struct json_out *out, const char *key,
			json_object *tree);

/* The whole, ended. The text is lent until the writer begins anew, and may be
 * added to. */
struct buf *json_out_text(struct json_out *out);
void json_out_again(struct json_out *out);
/* Or as what can be read, in three ways; each frees `*out`. */
struct json_flat *json_out_flat(struct json_out **out);
struct json_nodes *json_out_nodes(struct json_out **out);
json_object *json_out_read(struct json_out **out);

#endif
