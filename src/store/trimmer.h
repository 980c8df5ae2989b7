/*
 * trimmer: keeps what a show leaves in Redis from growing for ever. Over a
 * connection of its own, which waits; for a thread beside the engine. Each
 * write is a script that compares the epoch, so a core that lost its lease
 * trims nothing; each step may be interrupted anywhere, and the next round goes
 * on from there.
 *
 * The log is trimmed up to a snapshot, the ground, which then stays: so a
 * reader that has only Redis folds from the ground on, and misses nothing of
 * what is left. Before that the events go into archive files (archive.h), which
 * are read back; and the ground is read back, too.
 */
#ifndef STORE_TRIMMER_H
#define STORE_TRIMMER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "show/show.h"
#include "store/address.h"

struct trimmer;

/* `give_up` is looked at between two steps. `file`: the show, as most runs have
 * it. NULL with err. */
struct trimmer *trimmer_open(const struct address *address,
			     const struct show *file, int64_t epoch,
			     const atomic_bool *give_up, struct err *err);
void trimmer_close(struct trimmer **t);

/* What is at least `keep` events behind the newest one goes, as far as the
 * ground allows. `*next_look` gets how long the log has to be before it is
 * worth to come again. Slow, and leaves Redis and the processor to others in
 * between. */
bool trimmer_trim(struct trimmer *t, uint64_t keep, uint64_t *next_look,
		  struct err *err);

/* Messages of a stream of the bus that are so old and acknowledged. */
bool trimmer_sweep(struct trimmer *t, const char *stream, int64_t age_ms,
		   struct err *err);

/* Deletes the archive files of this machine whose runs have all ended before
 * that show time, never of `run`, and calls `tell` with a sentence on each. */
bool trimmer_retire(struct trimmer *t, int64_t before_ms, const char *run,
		    void (*tell)(void *whose, const char *text), void *whose,
		    struct err *err);

#endif
