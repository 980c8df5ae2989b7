/*
 * history: reads events that are no longer in Redis from the archive files of
 * this machine (archive.h). Each line is checked on the way. One thread.
 * Private to store/.
 */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "store/link.h"

struct history;

struct history *history_new(const char *show);
void history_free(struct history **h);

/* Whether that event is known to stand in a file that is here; asks nobody. */
bool history_has(struct history *h, uint64_t seq);

/* Up to `max` events after `after`, which Redis does not hold; asks Redis what
 * became of them. Sets `*events` (caller frees each and the array) and returns
 * the count. 0: it was not us who trimmed them. -1 with err: they are
 * elsewhere, or no more, or not as they were written. */
int history_events(struct history *h, struct link *link, uint64_t after,
		   size_t max, struct event ***events, struct err *err);

/* The first event from which on all can be read here, when Redis holds those
 * from `first` on. 0 with err: Redis cannot be asked. */
uint64_t history_oldest(struct history *h, struct link *link, uint64_t first,
			struct err *err);

/* Why what is before `first` is not here, for people; "" when it is. */
void history_missing(struct history *h, uint64_t first, char *text,
		     size_t bytes);

#endif
