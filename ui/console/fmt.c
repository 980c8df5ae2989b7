#include "console/fmt.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"

const char *fmt_clock(char *out, int64_t ms)
{
	long long s = ms > 0 ? ms / 1000 : 0;
	snprintf(out, FMT_BYTES, "%02lld:%02lld:%02lld", s / 3600, s / 60 % 60,
		 s % 60);
	return out;
}

const char *fmt_elapsed(char *out, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (ms >= 60000)
		return text_duration(out, FMT_BYTES, ms);
	snprintf(out, FMT_BYTES, "%d.%ds", (int)(ms / 1000),
		 (int)(ms / 100 % 10));
	return out;
}

const char *fmt_age(char *out, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}};
	*out = '\0';
	for (size_t i = 0; i < COUNT_OF(units) && !*out; i++)
		if (ms >= units[i].ms)
			snprintf(out, FMT_BYTES, "%lld%s",
				 (long long)(ms / units[i].ms), units[i].unit);
	return out;
}

const char *fmt_left(char *out, int64_t ms)
{
	return text_duration(out, FMT_BYTES, ms > 0 ? ms + 999 : 0);
}

const char *fmt_count(char *out, int64_t n)
{
	return text_thousands(out, FMT_BYTES, n);
}

const char *fmt_votes(char *out, int64_t n)
{
	return text_counted(out, FMT_BYTES, n, "vote");
}

const char *fmt_short(char *out, double n)
{
	if (n >= 1e12)
		snprintf(out, FMT_BYTES, "lots");
	else if (n >= 999500)
		snprintf(out, FMT_BYTES, "%.1fM", n / 1e6);
	else if (n >= 9950)
		snprintf(out, FMT_BYTES, "%.0fk", n / 1000);
	else if (n >= 1000)
		snprintf(out, FMT_BYTES, "%.1fk", n / 1000);
	else
		snprintf(out, FMT_BYTES, "%.0f", n > 0 ? n : 0);
	return out;
}

const char *fmt_money(char *out, int64_t micros)
{
	long long cents = (micros + 5000) / 10000;
	snprintf(out, FMT_BYTES, "%lld.%02lld", cents / 100, cents % 100);
	return out;
}
