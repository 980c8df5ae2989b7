/*
 * rollback: finds the story of an old version in the log, for the core, which
 * knows no old stories. A long log takes longer to read than the leader lease
 * lasts, so a thread with a connection of its own reads it, and posts the
 * command again, now with what it found. One at a time.
 */
#ifndef ENGINE_ROLLBACK_H
#define ENGINE_ROLLBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mailbox.h"
#include "core/model.h"
#include "store/address.h"

struct rollback;

/* True when `input` is a rollback that nobody has looked for yet. */
bool rollback_is_new(const struct input *input);

/* Looks for it (moved in), and posts it into `engine`. `*r` is NULL at first,
 * and keeps the thread. */
void rollback_look(struct rollback **r, const struct address *address,
		   const struct model *m, struct mailbox *engine,
		   struct input **input);

/* Tells the thread to give up, and waits for it. Before the mailbox goes. */
void rollback_end(struct rollback **r);

#endif
