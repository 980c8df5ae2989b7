/*
 * dial: where a client of ours connects to, and when. The host of a URL is
 * looked up without waiting, its addresses are tried one after the other, and
 * behind the last of them comes a pause that doubles. No sockets. One thread.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lookup.h"

struct dial_scheme {
	const char *name; /* "ws" */
	int port;	  /* where the URL names none */
};

struct dial {
	int scheme; /* which of those given */
	char *host, *path;
	int port;
	int64_t least_ms, most_ms; /* of the pause */
	int64_t pause_ms;
	int64_t again_ms;      /* when to call dial_next(); 0: not planned */
	int64_t looking_ms;    /* since when a name is looked up, 0 */
	struct lookup *lookup; /* under way; NULL: none */
	struct lookup_found found;
	size_t next_addr; /* of those, to be tried next */
};

/* scheme://host[:port][/path], with one of `schemes` (ended by a NULL name).
 * False: it is none; the rest is not to be used then. */
bool dial_init(struct dial *d, const char *url,
	       const struct dial_scheme *schemes, int64_t least_ms,
	       int64_t most_ms);
void dial_release(struct dial *d);

/* The number to connect to now; NULL: it is being looked up, and `ring` (called
 * on another thread) says when to ask dial_looked(). */
const char *dial_next(struct dial *d, void (*ring)(void *ctx), void *ctx);
/* As dial_next(), once there is an answer; NULL and `*why`: the host cannot be
 * found (dial_failed() comes next), NULL alone: not yet. */
const char *dial_looked(struct dial *d, const char **why);
/* That attempt came to nothing, or its connection ended: sets again_ms, not
 * sooner than `pause_ms` from now when no address is left. */
void dial_failed(struct dial *d, int64_t now_ms, int64_t pause_ms);
/* It was worth it: the next pause is a short one, and the name may mean another
 * address by then. */
void dial_worked(struct dial *d);

#endif
