/* crash_people: who stands around a show in the crash matrix. Each is a process
 * of its own that never gives up; the caller ends it. */
#ifndef TESTS_CRASH_PEOPLE_H
#define TESTS_CRASH_PEOPLE_H

#include "crash_stand.h"

#define CRASH_VOTERS 7

/* A new connection to the show's Redis, tried until there is one. */
redisContext *people_connect(const struct stand *s);

/* The operator and the audience: approve, vote, close the poll, go. */
_Noreturn void people_live(const struct stand *s);
/* The agent on the bus. */
_Noreturn void people_work(const struct stand *s);

#endif
