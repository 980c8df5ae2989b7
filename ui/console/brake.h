/*
 * brake: PANIC when Redis does not carry it: over the operator listener of the
 * core on this machine, whose address and token are in the show's folder. The
 * answer comes back into the feed's mailbox, as one of a command.
 */
#ifndef CONSOLE_BRAKE_H
#define CONSOLE_BRAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mailbox.h"

/* Sends it within 0.2 s; false when there is no such core here. `id` gets a name
 * for its FEED_REPLY, which a thread of its own waits for (2 s at most). UI
 * thread; `box` must outlive brake_wait(). */
bool brake_press(const char *state_dir, const char *by, bool all,
		 struct mailbox *box, char *id, size_t id_bytes);

/* Until no answer is on its way any more: before the mailbox goes. */
void brake_wait(void);

#endif
