/*
 * feed: how a console follows a show: a thread with its own connections that
 * reads the log, from the newest snapshot or from the start, and then as it
 * grows (XREAD BLOCK) and subscribes to `live`, and posts what came into one mailbox. It reconnects by
 * itself and says so. Events come in order without a gap, or FEED_BROKEN.
 */
#ifndef STORE_FEED_H
#define STORE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mailbox.h"
#include "core/event.h"
#include "store/address.h"

enum feed_kind {
	FEED_EVENTS,    /* events[count], moved */
	FEED_SNAPSHOT,  /* text: for model_restore(); the events that come are
			   those behind it. At most one, the first of all */
	FEED_CAUGHT_UP, /* all that the log held at the start was posted */
	FEED_LIVE,      /* text: a JSON object, see core/live.h */
	FEED_LOST,      /* text: why, mostly in two or three words; data is now
			   as old as at_ms. Again when the reason changes */
	FEED_BACK,
	FEED_REPLY,     /* id, ok, text: the answer to a feed_command() */
	FEED_LEADER,    /* text: "<epoch> <host> <pid>"; "" when nobody leads.
			   Posted at the start and when it changes */
	FEED_BROKEN,    /* text: a gap or other data; reopen to go on */
};

struct feed_item {
	enum feed_kind kind;
	struct event **events;
	size_t count;
	char *id, *text;
	bool ok;
	int64_t at_ms;
};
void feed_item_free(void *item); /* for mailbox_new() */

struct feed;

/* `after`: the last event the caller has (0: all). */
struct feed *feed_start(const struct address *address, const char *show,
			uint64_t after, struct mailbox *box, struct err *err);
/* Begins with the newest snapshot, if it is one of this definition; else with
 * the first event. */
struct feed *feed_start_late(const struct address *address, const char *show,
			     const char *show_hash, struct mailbox *box,
			     struct err *err);
void feed_stop(struct feed **feed);

/* Whether the channel `meters` is listened to: FEED_LIVE of the topic meters.
 * That somebody does is what makes the core ask OBS for them. */
void feed_meters(struct feed *feed, bool wanted);

/* Sends a command on the bus from the feed's own sender thread and posts its
 * FEED_REPLY (ok = false and a text when no core answers within 5 s). `id`
 * (at least 64 bytes) gets the command's id. Returns at once. */
void feed_command(struct feed *feed, const char *action, const char *const *args,
		  int arg_count, const char *by, const char *reason, char *id,
		  size_t id_bytes);

#endif
