#include "console/pager.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mailbox.h"
#include "base/mem.h"
#include "core/event.h"
#include "store/client.h"

#define QUEUE 4

struct order {
	uint64_t after;
	size_t max;
	int check; /* -1: a page */
	char *card, *test;
};

static void order_free(void *arg)
{
	struct order *order = arg;
	if (!order)
		return;
	free(order->card);
	free(order->test);
	free(order);
}

struct pager {
	struct address *address;
	char *show;
	struct mailbox *orders, *reads;
	pthread_t thread;
	bool busy; /* the asking thread's */
};

void page_read_free(void *arg)
{
	struct page_read *read = arg;
	if (!read)
		return;
	for (size_t i = 0; i < read->count; i++)
		event_free(&read->events[i]);
	free(read->events);
	free(read->why);
	free(read->result);
	free(read->ground);
	free(read);
}

/* Each archive file is an end for whoever reads the log piece by piece; a page
 * is wanted whole. The count, -1 with err when there is nothing. */
static int read_events(struct page_read *read, struct client *client,
		       uint64_t after, size_t max, struct err *err)
{
	int n = 1;
	read->events = xcalloc(max, sizeof *read->events);
	while (n > 0 && read->count < max) {
		struct event **events = NULL;
		n = client_events(client, after + read->count,
				  max - read->count, 0, &events, err);
		for (int i = 0; i < n; i++)
			read->events[read->count++] = events[i];
		free(events);
	}
	return read->count ? (int)read->count : n;
}

/* What was trimmed before it may be neither in Redis nor here. True: that is
 * so, and `read` has what there is instead. */
static bool read_trimmed(struct page_read *read, struct client *client,
			 const struct order *order)
{
	struct err err = {0};
	uint64_t first, last, seq;
	char why[320], hash[HASH_HEX_BYTES];
	if (!client_readable(client, &first, &last, why, sizeof why, &err) ||
	    !*why || first <= order->after + 1)
		return false;
	read->why = xstrdup(why);
	read->ground = client_ground(client, &seq, hash, NULL);
	if (first > order->after + order->max)
		return true;
	free(read->events);
	read_events(read, client, first - 1,
		    order->after + order->max + 1 - first, &err);
	return true;
}

static struct page_read *read_page(struct pager *p, struct client **client,
				   const struct order *order)
{
	struct page_read *read = xcalloc(1, sizeof *read);
	struct err err = {0};
	read->after = order->after;
	read->check = -1;
	if (!*client)
		*client = client_open(p->address, p->show, &err);
	int count = *client ? read_events(read, *client, order->after,
					  order->max, &err)
			    : -1;
	bool ok = count > 0 ||
		  (count < 0 && *client && read_trimmed(read, *client, order));
	if (!ok)
		read->why = xstrdup(count < 0 ? err.text : "it is not there");
	if (count < 0)
		client_close(client);
	return read;
}

static struct page_read *read_check(struct pager *p, struct client **client,
				    const struct order *order)
{
	struct page_read *read = xcalloc(1, sizeof *read);
	struct err err = {0};
	read->check = order->check;
	if (!*client)
		*client = client_open(p->address, p->show, &err);
	if (*client)
		read->result =
			client_check(*client, order->card, order->test, &err);
	if (*client && !read->result)
		client_close(client);
	return read;
}

static void *work(void *arg)
{
	struct pager *p = arg;
	struct client *client = NULL;
	struct order *order;
	while ((order = mailbox_wait(p->orders, -1)) != NULL) {
		struct page_read *read =
			order->check >= 0 ? read_check(p, &client, order)
					  : read_page(p, &client, order);
		order_free(order);
		if (!mailbox_post(p->reads, &read))
			page_read_free(read); /* closed: nobody waits */
	}
	client_close(&client);
	return NULL;
}

struct pager *pager_start(const struct address *address, const char *show)
{
	struct pager *p = xcalloc(1, sizeof *p);
	p->address = address_clone(address);
	p->show = xstrdup(show);
	p->orders = mailbox_new(QUEUE, order_free);
	p->reads = mailbox_new(QUEUE, page_read_free);
	if (pthread_create(&p->thread, NULL, work, p) == 0)
		return p;
	mailbox_free(&p->orders);
	mailbox_free(&p->reads);
	address_free(&p->address);
	free(p->show);
	free(p);
	return NULL;
}

void pager_stop(struct pager **pager)
{
	struct pager *p = *pager;
	*pager = NULL;
	if (!p)
		return;
	mailbox_close(p->orders);
	pthread_join(p->thread, NULL);
	mailbox_free(&p->orders);
	mailbox_free(&p->reads);
	address_free(&p->address);
	free(p->show);
	free(p);
}

bool pager_ask(struct pager *p, uint64_t after, size_t max)
{
	if (p->busy)
		return false;
	struct order *order = xcalloc(1, sizeof *order);
	*order = (struct order){.after = after, .max = max, .check = -1};
	p->busy = mailbox_post(p->orders, &order);
	order_free(order);
	return p->busy;
}

bool pager_ask_check(struct pager *p, int check, const char *card,
		     const char *test)
{
	struct order *order = xcalloc(1, sizeof *order);
	*order = (struct order){.check = check,
				.card = xstrdup(card),
				.test = xstrdup(test)};
	bool posted = mailbox_post(p->orders, &order);
	order_free(order);
	return posted;
}

struct page_read *pager_take(struct pager *p)
{
	struct page_read *read = mailbox_take(p->reads);
	if (read && read->check < 0)
		p->busy = false;
	return read;
}

int pager_fd(const struct pager *p)
{
	return mailbox_fd(p->reads);
}
