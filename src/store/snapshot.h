/*
 * snapshot: where the log may be picked up: the newest snapshot that a show's
 * Redis keeps. Two keys, written by one script (kept.h):
 *
 *   snapshot:<run>  the model as text (core/snapshot.h)
 *   snapshot:last   "<run> <seq> <sha256 of the text> <hash of the definition>"
 *
 * Private to store/.
 */
#ifndef STORE_SNAPSHOT_H
#define STORE_SNAPSHOT_H

#include <stdint.h>

#include "base/hash.h"
#include "store/link.h"

#define SNAPSHOT_RUN_BYTES 40

struct snapshot {
	char run[SNAPSHOT_RUN_BYTES];
	uint64_t seq; /* the last event in it */
	char sum[HASH_HEX_BYTES];
	char show[HASH_HEX_BYTES]; /* hash of the definition */
	char *text;
	size_t bytes;
};
void snapshot_release(struct snapshot *s);

enum snapshot_got {
	SNAPSHOT_FOUND,
	SNAPSHOT_NONE,
	SNAPSHOT_BAD,  /* it is not what was written; err says in what */
	SNAPSHOT_AWAY, /* Redis cannot be asked; close the link */
};

/* Asks for it and compares its sum. Waits for Redis. */
enum snapshot_got snapshot_read(struct link *link, const char *show,
				struct snapshot *out, struct err *err);

/* The same of `trimmed` or `trim:next` (archive.h). */
enum snapshot_got snapshot_read_ground(struct link *link, const char *show,
				       const char *name, struct snapshot *out,
				       struct err *err);

#endif
