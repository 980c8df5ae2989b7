/*
 * keeper: a thread with a model of its own, folded from the log in Redis like
 * that of any reader. It makes what takes the whole model and has no haste: the
 * snapshots, and last.json. So the engine never stands still for either, and
 * what they say is what is stored.
 *
 * The engine says when; the thread does one thing at a time, the newest wish of
 * each kind. All functions are for the engine thread.
 */
#ifndef ENGINE_KEEPER_H
#define ENGINE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/model.h"
#include "core/status.h"
#include "store/address.h"

struct keeper;

/* `*snapshot` (moved) is where its model begins, a snapshot of the engine's.
 * last.json goes into `state_dir`. */
struct keeper *keeper_start(const struct address *address,
			    const struct show *show, int64_t epoch,
			    const char *state_dir, char **snapshot,
			    struct err *err);
/* Lets the thread end what it does, and nothing more. */
void keeper_stop(struct keeper **k);

/* Reads on to the end of the log and puts a snapshot there; or, unless it has to
 * be the end, on the way after a quarter of a second of reading: while more is written than
 * can be read, there is no other. One at a time: to be asked again when the
 * last one is done. */
void keeper_keep(struct keeper *k, bool to_the_end);

/* What came of the last one: true once for each. */
struct keeper_done {
	bool ok;      /* else err says why */
	uint64_t seq; /* the last event in it */
	char run[sizeof((struct run *)0)->id];
	size_t bytes;
	int64_t took_ms; /* to print and to put it there */
	struct err err;
};
bool keeper_done(struct keeper *k, struct keeper_done *done);
/* The same, but waits for it up to `timeout_ms`. */
bool keeper_wait(struct keeper *k, int timeout_ms, struct keeper_done *done);

/* Writes last.json as the log has it (in a flood as it was not long ago), or
 * without Redis as it had it last. The texts in `extra` are copied. */
void keeper_write_last(struct keeper *k, const struct status_extra *extra);

/* The same at once, on the caller's thread, of its model. */
void keeper_write_now(const char *state_dir, const struct model *m,
		      const struct status_extra *extra);

#endif
