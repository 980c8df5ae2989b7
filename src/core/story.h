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

struct story_hashes;

struct story {
	json_object *doc; /* an object, never NULL */
	uint64_t version; /* patches applied */
	/* Private: made when somebody asks for them, so that a fold does not
	 * pay for what nobody looks at. Also a const story gets them. */
	struct story_hashes *hashes;
};

void story_init(struct story *story);
void story_release(struct story *story);
void story_clear(struct story *story); /* as new; its memory is kept */
/* Merges `patch`; an empty patch changes nothing, not even the version. */
void story_patch(struct story *story, json_object *patch);
/* Its hash as it is; lent until it changes. */
const char *story_hash(const struct story *story);
/* The hash that the story would have after `patch`; into `out`. When that very
 * patch comes next, its hash is known. */
void story_hash_after(const struct story *story, json_object *patch,
		      char out[HASH_HEX_BYTES]);

#endif
