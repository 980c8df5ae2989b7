/*
 * json_scan: the strict door's reader, telling of the members of the outermost
 * object as it passes them. Private to base/; json_flat is what others use.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "base/json_flat.h"
#include "base/json_nodes.h"

/* Offsets are into the text. */
struct json_member {
	uint32_t key, key_bytes; /* behind the quote; as it is written */
	uint32_t from, end;	 /* the value, with its quotes */
	json_type type;
	bool plain; /* a string that stands there as it is */
	union {
		int64_t i; /* integer, boolean */
		double d;
		size_t at;	   /* a string: json_flat knows where */
		json_object *tree; /* an array or object; NULL: not made yet */
	} is;
	struct json_nodes *nodes; /* the same; json_flat makes and frees it */
};

struct json_scan {
	struct json_member *items; /* room for `max` */
	size_t max, count;	   /* count goes on beyond max */
	bool odd; /* blanks between the values, or escapes in a key of the
		     outermost object: we write neither */
};

/* From text that is an object of these members. Takes over their trees. */
struct json_flat *json_flat_make(const char *text, size_t bytes,
				 const struct json_member *items, size_t count);

/* Nodes that are being made, over text that is changed on the way: behind each
 * string and key stands a NUL, and what was escaped is decoded. */
struct json_builder {
	char *text;
	struct json_node *items;
	size_t count, cap;
};

size_t json_builder_open(struct json_builder *b); /* the place of a new node */
/* All that is in it was read, and it is that. */
void json_builder_close(struct json_builder *b, size_t at,
			const struct json_member *is);

/* Reads its text. False with err. */
bool json_scan_nodes(size_t bytes, const struct json_limits *limits,
		     struct json_builder *b, struct err *err);

/* json_check() that fills `scan`. */
bool json_scan(const char *text, size_t bytes, const struct json_limits *limits,
	       struct json_scan *scan, struct err *err);

#endif
