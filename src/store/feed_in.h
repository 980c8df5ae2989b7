/* feed_in: what the two threads of a feed share. Private to them. */
#ifndef STORE_FEED_IN_H
#define STORE_FEED_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/feed.h"

struct feed {
	struct address *address;
	char *show;
	struct mailbox *box;	  /* the console's */
	struct mailbox *commands; /* to the sender */
	int stop_fd;
	int wish_fd; /* rung when `meters` changes */
	atomic_bool meters;
	uint64_t after;
	char *show_hash; /* NULL: no snapshot is wanted */
	pthread_t reader, sender;
	bool has_reader, has_sender;
};

struct feed_item *feed_item_new(enum feed_kind kind, const char *text);
/* Waits for room; drops the item when the feed is stopping. */
void feed_post(struct feed *f, struct feed_item **item);
bool feed_stopping(const struct feed *f);
/* Waits `ms`; true when the feed is stopping. */
bool feed_pause(const struct feed *f, int ms);

void *feed_read(void *feed); /* feed_read.c, its own thread */
void *feed_send(void *feed); /* feed_send.c, its own thread */

/* What feed_command() hands to the sender. */
struct feed_order {
	char id[40];
	char *command; /* its JSON */
};
void feed_order_free(void *order);

#endif
