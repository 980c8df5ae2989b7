/*
 * json_nodes: JSON as one array of nodes over a copy of its text.
 *
 * For texts that are taken apart and not kept, as a snapshot is, or what is
 * nested in an event: a tree costs several allocations a member, this a few in
 * all. It comes through the strict door (base/json.h): what json_read() refuses
 * is refused here, with the same words. Nodes are lent by the whole. One owner,
 * no thread's.
 */
#ifndef BASE_JSON_NODES_H
#define BASE_JSON_NODES_H

#include <string.h>

#include "base/json.h"

struct json_nodes;

/* What is in an array or object stands behind it. */
struct json_node {
	const char *key; /* "" where it is an item, or the whole */
	uint32_t key_bytes;
	uint32_t skip;	/* so many nodes on, what comes behind it begins */
	uint32_t count; /* of its members or items */
	json_type type;
	union {
		int64_t i; /* integer, boolean */
		double d;
		const char *text;
		uint32_t next; /* object: where the next search begins */
	} is;
};

/* NULL with err. */
struct json_nodes *json_nodes_read(const char *text, size_t bytes,
				   const struct json_limits *limits,
				   struct err *err);
void json_nodes_free(struct json_nodes **nodes);	    /* NULL: nothing */
struct json_node *json_nodes_top(struct json_nodes *nodes); /* NULL -> NULL */

/* As json_get() and the like; `o` may be NULL, or no object. Members that are
 * asked for in the order in which they stand are found at once. */
struct json_node *json_node_get_(struct json_node *o, const char *key,
				 size_t bytes);

static inline struct json_node *json_node_get(struct json_node *o,
					      const char *key)
{
	return json_node_get_(o, key, strlen(key));
}

static inline struct json_node *json_node_typed(struct json_node *o,
						const char *key, json_type type)
{
	struct json_node *n = json_node_get(o, key);
	return n && n->type == type ? n : NULL;
}

static inline struct json_node *json_node_object(struct json_node *o,
						 const char *key)
{
	return json_node_typed(o, key, json_type_object);
}

static inline struct json_node *json_node_array(struct json_node *o,
						const char *key)
{
	return json_node_typed(o, key, json_type_array);
}

static inline const char *json_node_str(struct json_node *o, const char *key,
					const char *fallback)
{
	struct json_node *n = json_node_typed(o, key, json_type_string);
	return n ? n->is.text : fallback;
}

static inline int64_t json_node_int(struct json_node *o, const char *key,
				    int64_t fallback)
{
	struct json_node *n = json_node_typed(o, key, json_type_int);
	return n ? n->is.i : fallback;
}

static inline bool json_node_bool(struct json_node *o, const char *key,
				  bool fallback)
{
	struct json_node *n = json_node_typed(o, key, json_type_boolean);
	return n ? n->is.i != 0 : fallback;
}

double json_node_num(struct json_node *o, const char *key, double fallback);

/* Members or items; 0 of NULL and of scalars. */
static inline size_t json_node_count(const struct json_node *of)
{
	return of ? of->count : 0;
}

/* The members or items of `of` in turn; `of` may be NULL, and is looked at in
 * each turn. */
#define json_node_each(n, of)                                                  \
	for (struct json_node *n = json_node_first(of); n;                     \
	     n = json_node_next((of), n))

static inline struct json_node *json_node_first(struct json_node *of)
{
	return json_node_count(of) ? of + 1 : NULL;
}

static inline struct json_node *json_node_next(struct json_node *of,
					       struct json_node *n)
{
	return n + n->skip < of + of->skip ? n + n->skip : NULL;
}

/* What an item is itself: "" and 0 where it is another type. */
static inline const char *json_node_text(const struct json_node *n)
{
	return n->type == json_type_string ? n->is.text : "";
}

static inline int64_t json_node_number(const struct json_node *n)
{
	return n->type == json_type_int ? n->is.i : 0;
}

/* A tree of it; NULL -> NULL. Caller puts. */
json_object *json_node_tree(struct json_node *n);

#endif
