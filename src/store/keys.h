/* keys: the names of a show's keys; all share one hash slot. Private to
 * store/. Pure. */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "base/mem.h"

/* "showcaller:{<show>}:<name>"; caller frees. */
static inline char *key_of(const char *show, const char *name)
{
	return xasprintf("showcaller:{%s}:%s", show, name);
}

/* "showcaller:{<show>}:<name><id>"; caller frees. */
static inline char *key_with(const char *show, const char *name, const char *id)
{
	return xasprintf("showcaller:{%s}:%s%s", show, name, id);
}

/* A field of the hash `checks`. Names are clean: no tab in them. */
static inline char *key_check(const char *card, const char *test)
{
	return xasprintf("%s\t%s", card, test);
}

#endif
