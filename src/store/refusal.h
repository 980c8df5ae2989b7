/*
 * refusal: what Redis answers instead of doing it, each kind by name, with
 * what it means here. Pure. Private to store/.
 */
#ifndef STORE_REFUSAL_H
#define STORE_REFUSAL_H

#include <stdbool.h>

#include "base/err.h"

enum refusal_cure {
	REFUSAL_WAIT,	/* it will pass: keep everything and ask again */
	REFUSAL_HUMAN,	/* someone has to change something: ask again slowly */
	REFUSAL_RELOAD, /* our scripts are gone: load them, ask again at once */
	REFUSAL_FINAL,	/* asking again changes nothing */
};

struct refusal {
	const char *begins; /* what the error text begins with */
	enum refusal_cure cure;
	enum err_code code;
	const char *brief; /* two words for the first line of a screen */
	const char *says;  /* for people: what it means, what to do */
};

/* The entry for an error text of Redis; never NULL. */
const struct refusal *refusal_of(const char *redis_error);

/* `why` is a sentence of this room about a Redis that is away, made by
 * refusal_set() or from what connecting, reading or waiting failed with. The
 * same in two or three words; `why` itself when there are none for it. */
const char *refusal_brief(const char *why);

/* Fills err with "what: <meaning> (<Redis's own words>)". Returns false. */
bool refusal_set(struct err *err, const char *what, const char *redis_error);

#endif
