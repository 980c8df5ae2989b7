/*
 * kept: puts a snapshot (core/snapshot.h) into Redis as the place where a fold
 * may begin, line by line, over a connection of its own that waits: so neither
 * the core nor Redis stands still for a large one. For a thread beside the
 * engine.
 *
 * The lines gather under a name that nobody reads; a script that compares the
 * epoch puts the whole in its place. What is left of one that was not finished
 * goes by itself after a minute.
 */
#ifndef STORE_KEPT_H
#define STORE_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/address.h"

struct kept;

/* For the snapshot of that run, by the core with that epoch. NULL with err. */
struct kept *kept_begin(const struct address *address, const char *show,
			int64_t epoch, const char *run, struct err *err);
/* Adds text; for model_snapshot_lines(), `kept` is the struct kept. False when
 * it failed or is longer than SNAPSHOT_MAX_BYTES: kept_end() says why. */
bool kept_add(void *kept, const char *text, size_t bytes);
/* All is there, and is the fold up to `seq`. False with err: ERR_AGAIN when
 * another core leads, ERR_DATA when the log is not that long or the snapshot
 * too large, or Redis is away. Frees it; `*bytes` is how long it was. */
bool kept_end(struct kept **kept, uint64_t seq, const char *show_hash,
	      size_t *bytes, struct err *err);

#endif
