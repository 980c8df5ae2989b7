/*
 * clock: the only place that reads time. core/ calls what is pure alone.
 *
 * Show time is wall-clock milliseconds since the epoch taken once at start and
 * carried on by the monotonic clock, so that a step of the wall clock (NTP,
 * DST, an operator) moves no deadline. Any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_show_ms(void);
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/* "2026-03-01T19:30:00.123Z" into `out` (at least 25 bytes). Pure. */
char *clock_rfc3339(char *out, size_t out_bytes, int64_t epoch_ms);

#endif
