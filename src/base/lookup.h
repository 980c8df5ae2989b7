/*
 * lookup: the addresses of a host by its name, without waiting for them.
 *
 * getaddrinfo() takes as long as it likes where no DNS answers (some ten
 * seconds), and nothing ends it: so it runs in a thread of its own, which is
 * left to itself when nobody wants its answer any more. A host that is given by
 * its number is answered at once, without a thread.
 */
#ifndef BASE_LOOKUP_H
#define BASE_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

#define LOOKUP_MAX	  8
#define LOOKUP_ADDR_BYTES 64

struct lookup_found {
	char addr[LOOKUP_MAX][LOOKUP_ADDR_BYTES]; /* numbers, best first */
	size_t count;
	const char *why; /* count is 0: a few words for people, static */
};

struct lookup;

/* Never NULL. `ring` (may be NULL) is called once, on the other thread, when
 * there is an answer; it only wakes, and calls nothing of the look-up. */
struct lookup *lookup_start(const char *host, void (*ring)(void *ctx),
			    void *ctx);
/* False: not yet. True: `*found` is filled in and `*lookup` is gone. */
bool lookup_take(struct lookup **lookup, struct lookup_found *found);
/* From here on `ring` is not called any more. NULL is fine. */
void lookup_drop(struct lookup **lookup);

#endif
