/* crash_outcome: a finished run of the crash matrix's show as a text in which
 * nothing depends on time, on who led, or on how often something was killed. */
#ifndef TESTS_CRASH_OUTCOME_H
#define TESTS_CRASH_OUTCOME_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

/* `redis_died`: an agent on the bus may not know that Redis has its answer, and
 * give it again. NULL when the run is not whole; why not goes to stderr. Caller
 * frees. */
char *crash_outcome(redisContext *c, const char *dir, bool redis_died);

#endif
