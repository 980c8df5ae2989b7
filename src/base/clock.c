#include "base/clock.h"

#include <pthread.h>
#include <time.h>

#include "base/err.h"

static int64_t read_us(clockid_t id)
{
	struct timespec t;
	REQUIRE(clock_gettime(id, &t) == 0);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static pthread_once_t show_once = PTHREAD_ONCE_INIT;
static int64_t show_offset_us; /* wall clock minus time since boot, at start */

static void set_show_offset(void)
{
	show_offset_us = read_us(CLOCK_REALTIME) - read_us(CLOCK_BOOTTIME);
}

int64_t clock_show_ms(void)
{
	pthread_once(&show_once, set_show_offset);
	/* Since boot, not monotonic: a suspended laptop's deadlines pass. */
	return (read_us(CLOCK_BOOTTIME) + show_offset_us) / 1000;
}

int64_t clock_mono_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}
