/*
 * stop: how a running job is told to stop. The one who waits polls `fd` beside
 * its own descriptors, so that it wakes at once; a caller that has only a flag
 * (fd -1) is looked at every 50 ms. Raised by any thread, read by one.
 */
#ifndef JOBS_STOP_H
#define JOBS_STOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STOP_LOOK_MS 50

struct stop {
	int fd;			 /* an eventfd, or -1 */
	const atomic_bool *flag; /* NULL: never stopped */
};

static inline bool stop_raised(const struct stop *stop)
{
	return stop && stop->flag && atomic_load(stop->flag);
}

/* How long a poll may take that must end at `deadline_ms` (clock_mono_ms) and
 * must notice the stop. Never negative. */
int stop_wait_ms(const struct stop *stop, int64_t deadline_ms);

#endif
