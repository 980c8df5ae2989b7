/*
 * json_scan: the strict door's reader, telling of the members of the outermost
 * object as it passes them. Private to base/; json_flat is what others use.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "base/json.h"

/* Offsets are into the text. */
struct json_member {
	uint32_t key, key_bytes; /* behind the quote; as it is written */
	uint32_t from, end;	 /* the value, with its quotes */
	json_type type;
	bool key_plain; /* no escapes */
	bool plain;	/* a string without escapes */
	union {
		int64_t i; /* integer, boolean */
		double d;
	} is;
};

struct json_scan {
	struct json_member *items; /* room for `max` */
	size_t max, count;	   /* count goes on beyond max */
	bool object;		   /* the outermost value is one */
};

/* json_check() that fills `scan`. */
bool json_scan(const char *text, size_t bytes, const struct json_limits *limits,
	       struct json_scan *scan, struct err *err);

#endif
