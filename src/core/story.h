/*
 * story: the story so far, one JSON object with a version and a hash. Pure.
 *
 * Each stage that completes merges a patch (RFC 7396). The hash is SHA-256 over
 * "key:hash-of-member\n" of the top-level members in byte order of their keys,
 * where the hash of a member is SHA-256 over its canonical JSON. The empty
 * story's hash is that of no bytes.
 */
#ifndef CORE_STORY_H
#define CORE_STORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"

/* Where the line "key:hash-of-member\n" of one member stands. */
struct story_member {
	size_t at;
	size_t key_bytes;
};

struct story_memo;

struct story {
	json_object *doc;              /* an object, never NULL */
	uint64_t version;              /* patches applied */
	char hash[HASH_HEX_BYTES];
	struct buf lines;              /* what the hash is taken over */
	struct story_member *members;  /* in byte order of their keys */
	size_t member_count, member_cap;
	struct story_memo *memo;       /* private: the hash foretold last, so
					  that it is not worked out twice */
};

void story_init(struct story *story);
void story_release(struct story *story);
/* Merges `patch` and keeps version and hash; an empty patch changes neither. */
void story_patch(struct story *story, json_object *patch);
/* The hash that the story would have after `patch`; into `out`. */
void story_hash_after(const struct story *story, json_object *patch,
		      char out[HASH_HEX_BYTES]);

#endif
