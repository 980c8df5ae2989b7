/*
 * stop: how a running job is told to stop, or that its time was moved. The one
 * who waits polls `fd` beside its own descriptors, so that it wakes at once; a
 * caller that has only a flag (fd -1) is looked at every 50 ms. Raised by any
 * thread, read by one.
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
	/* clock_mono_ms() at which the job ends, whatever it was told when it
	 * began; NULL or 0 in it: as it was told. */
	const _Atomic int64_t *due_ms;
};

static inline bool stop_raised(const struct stop *stop)
{
	return stop && stop->flag && atomic_load(stop->flag);
}

/* When it ends by now. */
static inline int64_t stop_due_ms(const struct stop *stop, int64_t deadline_ms)
{
	int64_t due_ms = stop && stop->due_ms ? atomic_load(stop->due_ms) : 0;
	return due_ms ? due_ms : deadline_ms;
}

/* To be called when `fd` woke the caller, before it looks at the stop and the
 * time again: so that it sleeps until the next wake. */
void stop_woken(const struct stop *stop);

/* How long a poll may take that must end at `deadline_ms` (clock_mono_ms) and
 * must notice the stop. Never negative. */
int stop_wait_ms(const struct stop *stop, int64_t deadline_ms);

#endif
