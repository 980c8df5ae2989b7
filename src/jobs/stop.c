#include "jobs/stop.h"

#include <unistd.h>

#include "base/clock.h"

void stop_woken(const struct stop *stop)
{
	uint64_t wakes;
	while (stop && stop->fd >= 0 &&
	       read(stop->fd, &wakes, sizeof wakes) > 0)
		;
}

int stop_wait_ms(const struct stop *stop, int64_t deadline_ms)
{
	int64_t left = deadline_ms - clock_mono_ms();
	if (left < 0)
		left = 0;
	if (left > 60000)
		left = 60000;
	if (stop && stop->flag && stop->fd < 0 && left > STOP_LOOK_MS)
		left = STOP_LOOK_MS;
	return (int)left;
}
