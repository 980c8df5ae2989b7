/*
 * pager: reads pages of the log again, in a thread of its own with a connection
 * of its own, so that the console never waits for one.
 */
#ifndef CONSOLE_PAGER_H
#define CONSOLE_PAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/address.h"

struct pager;

struct page_read {
	uint64_t after;
	struct event **events; /* in order from after + 1; of a log that was
				  trimmed, from the first that can be read */
	size_t count;
	char *why;    /* why there are none, or not all, for people; NULL */
	int check;    /* instead: whose result `result` is, as JSON; -1 */
	char *result; /* "": none is kept; NULL: it cannot be read */
	char *ground; /* the snapshot that stands for what cannot be read,
			 NULL: none */
};
void page_read_free(void *read);

/* NULL when there is no thread for it. */
struct pager *pager_start(const struct address *address, const char *show);
void pager_stop(struct pager **pager);

/* Asks for up to `max` events after `after`; false while one is under way. */
bool pager_ask(struct pager *p, uint64_t after, size_t max);
/* Asks for all of the last result of a check, by its index and names. */
bool pager_ask_check(struct pager *p, int check, const char *card,
		     const char *test);
/* What came, or NULL; the caller frees. */
struct page_read *pager_take(struct pager *p);
int pager_fd(const struct pager *p); /* readable while something waits */

#endif
