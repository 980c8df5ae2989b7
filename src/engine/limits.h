/*
 * limits: how often somebody may do something in a minute: at once as often as
 * in a minute, then evenly (the generic cell rate algorithm). The table has a
 * fixed size; who has been quiet for longest is forgotten first, and would have
 * all of the allowance back by then in all but the largest floods. Engine thread.
 */
#ifndef ENGINE_LIMITS_H
#define ENGINE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

struct limits;
struct limits *limits_new(void);
void limits_free(struct limits **limits);
/* Whether `who` (never 0) may once more; if so, that is counted. */
bool limits_take(struct limits *limits, uint64_t who, int64_t per_minute,
		 int64_t now_us);

#endif
