#include "engine/day.h"

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

void day_begin(const struct show *show)
{
	const char *zone = show->budget.time_zone;
	if (!show_counts_days(show))
		return;
	char *value = xasprintf(":%s", zone ? zone : "UTC");
	setenv("TZ", value, 1);
	tzset();
	free(value);
}

int32_t day_of(const struct show *show, int64_t now_ms)
{
	time_t at = (time_t)(now_ms / 1000);
	struct tm tm;
	if (!show_counts_days(show) || !localtime_r(&at, &tm))
		return 0;
	return (int32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 +
			 tm.tm_mday);
}
