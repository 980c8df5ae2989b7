/*
 * story: the story so far, one JSON object with a version and a hash. Pure.
 *
 * Each stage that completes merges a patch (RFC 7396). The hash is taken in
 * three steps, so that a stage costs what it changed, however long the story:
 *
 *   a member's hash is SHA-256 over its canonical JSON;
 *   a shelf holds the members whose key has a SHA-256 that begins with the same
 *   byte; its hash is over "key:hash-of-member\n" in byte order of the keys;
 *   the story's hash is over "xx:hash-of-shelf\n" of the shelves that are not
 *   empty, xx being that byte in hex, in ascending order.
 *
 * The empty story's hash is that of no bytes.
 */
#ifndef CORE_STORY_H
#define CORE_STORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/json.h"

#define STORY_SHELVES 256

struct story_member {
	char *key;
	char hash[HASH_HEX_BYTES];
};

struct story_shelf {
	struct story_member *members; /* in byte order of their keys */
	size_t count, cap;
	char hash[HASH_HEX_BYTES];    /* "" when it is empty */
};

struct story {
	json_object *doc;             /* an object, never NULL */
	uint64_t version;             /* patches applied */
	char hash[HASH_HEX_BYTES];
	struct story_shelf *shelves;  /* STORY_SHELVES of them */
};

void story_init(struct story *story);
void story_release(struct story *story);
/* Merges `patch` and keeps version and hash; an empty patch changes neither. */
void story_patch(struct story *story, json_object *patch);
/* The hash that the story would have after `patch`; into `out`. */
void story_hash_after(const struct story *story, json_object *patch,
		      char out[HASH_HEX_BYTES]);

#endif
