#include "store/feed.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/bus.h"
#include "store/feed_in.h"

#define ORDERS_MAX 256
#define POST_MS	   100

struct feed_item *feed_item_new(enum feed_kind kind, const char *text)
{
	struct feed_item *item = xcalloc(1, sizeof *item);
	item->kind = kind;
	item->text = xstrdup(text);
	item->at_ms = clock_show_ms();
	return item;
}

void feed_item_free(void *p)
{
	struct feed_item *item = p;
	if (!item)
		return;
	for (size_t i = 0; i < item->count; i++)
		event_free(&item->events[i]);
	free(item->events);
	free(item->id);
	free(item->text);
	free(item);
}

bool feed_pause(const struct feed *f, int ms)
{
	struct pollfd p = {f->stop_fd, POLLIN, 0};
	return poll(&p, 1, ms) == 1;
}

bool feed_stopping(const struct feed *f)
{
	return feed_pause(f, 0);
}

void feed_post(struct feed *f, struct feed_item **item)
{
	while (*item && !mailbox_post_wait(f->box, item, POST_MS)) {
		if (feed_stopping(f) || mailbox_closed(f->box)) {
			feed_item_free(*item);
			*item = NULL;
		}
	}
}

void feed_order_free(void *p)
{
	struct feed_order *order = p;
	free(order->command);
	free(order);
}

static struct feed *start(const struct address *address, const char *show,
			  uint64_t after, const char *show_hash,
			  struct mailbox *box, struct err *err)
{
	struct feed *f = xcalloc(1, sizeof *f);
	f->show_hash = xstrdup(show_hash);
	f->address = address_clone(address);
	f->show = xstrdup(show);
	f->box = box;
	f->after = after;
	f->commands = mailbox_new(ORDERS_MAX, feed_order_free);
	f->stop_fd = eventfd(0, EFD_CLOEXEC);
	f->wish_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	REQUIRE(f->stop_fd >= 0 && f->wish_fd >= 0);
	int error = pthread_create(&f->reader, NULL, feed_read, f);
	f->has_reader = !error;
	if (!error)
		error = pthread_create(&f->sender, NULL, feed_send, f);
	f->has_sender = !error;
	if (error) {
		err_set(err, ERR_AGAIN, "no thread for the feed: %s",
			strerror(error));
		feed_stop(&f);
	}
	return f;
}

struct feed *feed_start(const struct address *address, const char *show,
			uint64_t after, struct mailbox *box, struct err *err)
{
	return start(address, show, after, NULL, box, err);
}

struct feed *feed_start_late(const struct address *address, const char *show,
			     const char *show_hash, struct mailbox *box,
			     struct err *err)
{
	return start(address, show, 0, show_hash, box, err);
}

void feed_stop(struct feed **feed)
{
	struct feed *f = *feed;
	*feed = NULL;
	if (!f)
		return;
	eventfd_write(f->stop_fd, 1);
	mailbox_close(f->commands);
	if (f->has_reader)
		pthread_join(f->reader, NULL);
	if (f->has_sender)
		pthread_join(f->sender, NULL);
	close(f->stop_fd);
	close(f->wish_fd);
	mailbox_free(&f->commands);
	address_free(&f->address);
	free(f->show);
	free(f->show_hash);
	free(f);
}

void feed_meters(struct feed *f, bool wanted)
{
	if (atomic_exchange(&f->meters, wanted) != wanted)
		eventfd_write(f->wish_fd, 1);
}

void feed_command(struct feed *f, const char *action, const char *const *args,
		  int arg_count, const char *by, const char *reason, char *id,
		  size_t id_bytes)
{
	char unique[BUS_ID_BYTES];
	struct feed_order *order = xcalloc(1, sizeof *order);
	order->command =
		bus_command_text(action, args, arg_count, by, reason, unique);
	snprintf(order->id, sizeof order->id, "%s", unique);
	snprintf(id, id_bytes, "%s", unique);
	if (!mailbox_post(f->commands, &order)) {
		struct feed_item *item = feed_item_new(
			FEED_REPLY, "too many commands wait for an answer");
		item->id = xstrdup(unique);
		/* The caller is the receiver: it must not wait for itself. */
		if (!mailbox_post(f->box, &item))
			feed_item_free(item);
		feed_order_free(order);
	}
}
