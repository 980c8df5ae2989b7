/*
 * patience: how long a test waits. Its own figures are for a machine at rest;
 * what `make check` says in CK_TIMEOUT_MULTIPLIER, by which check multiplies its
 * time limits, goes for them, too.
 */
#ifndef TESTS_PATIENCE_H
#define TESTS_PATIENCE_H

#include <stdlib.h>

#define PATIENCE_PLAIN 3 /* the multiplier without a sanitizer */

/* For what has to come: only what hangs waits for so long. */
static inline int patience_ms(int ms)
{
	const char *times = getenv("CK_TIMEOUT_MULTIPLIER");
	int n = times ? atoi(times) : 1;
	return n > 1 ? ms * n : ms;
}

/* For what must not take longer, and what is meant to be over before something
 * else: as it says, but under a sanitizer all is slower. */
static inline int patience_at_most_ms(int ms)
{
	int all = patience_ms(ms);
	return all > PATIENCE_PLAIN * ms ? all / PATIENCE_PLAIN : ms;
}

/* For what is waited out to its end, and must not end before something else has
 * begun: each run of the tests takes so long. */
static inline int patience_waited_ms(int ms)
{
	return patience_ms(ms) > PATIENCE_PLAIN * ms ? 2 * ms : ms;
}

#endif
