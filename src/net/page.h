/*
 * page: HTML made from the pages in ui/web, which the build puts into the
 * binary. Whatever is filled in is escaped, except where a page says {{&name}}
 * and the value was made by us. Pure, any thread.
 */
#ifndef NET_PAGE_H
#define NET_PAGE_H

#include <stddef.h>

#include "base/mem.h"

struct asset {
	const char *name, *type;
	const char *text;
	size_t bytes;
};

extern const struct asset assets[];		  /* ends with a NULL name */
const struct asset *asset_find(const char *name); /* or NULL */

struct page_field {
	const char *name, *value; /* a NULL value is "" */
};

/* Fills in {{name}} (escaped), {{&name}} (as it is) and {{<name}} (another
 * asset, as it is). Caller frees. */
char *page_fill(const char *page, const struct page_field *fields, size_t n);

/* Safe in text and in quoted attributes. */
void page_escape(struct buf *out, const char *s);

#endif
