/*
 * trim: keeps what the show leaves behind within its retention: the log in
 * Redis, the messages of the bus, the archive files. The work is done by a
 * thread of its own with a connection of its own (store/trimmer.h), started for
 * one round at a time; the engine only looks whether a round is due. What
 * happened to files is said in the log. Engine thread only.
 */
#ifndef ENGINE_TRIM_H
#define ENGINE_TRIM_H

#include <stdint.h>

#include "base/mailbox.h"
#include "core/model.h"
#include "store/address.h"

struct trim;

/* `file`: the show whose retention counts and whose agents have inboxes: what
 * the file says now, also while an older run goes on. */
struct trim *trim_new(const struct address *address, const struct show *file,
		      int64_t epoch, struct mailbox *engine);
/* Begins a round when one is due. */
void trim_tick(struct trim *t, const struct model *m, int64_t mono_ms);
/* When it should be asked again, mono; -1: when the log has grown. */
int64_t trim_due_ms(const struct trim *t);
/* Waits for the round. Before the mailbox goes. */
void trim_free(struct trim **t);

#endif
