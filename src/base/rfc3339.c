/* Apart from clock.c because it is pure: core/ may call it. */
#include "base/clock.h"

#include <string.h>

#include "base/err.h"

/* Years with four digits only: 0000-01-01 to 9999-12-31. */
#define EPOCH_MS_MIN (-62167219200000)
#define EPOCH_MS_MAX 253402300799999
#define DAY_MS	     86400000

/* The civil date of a day counted from 0000-03-01: with the year starting in
 * March, the leap day is its last and months have a regular length. */
static void civil(int64_t day, int *year, int *month, int *mday)
{
	const int64_t era_days = 146097; /* 400 years */
	int64_t era = (day >= 0 ? day : day - (era_days - 1)) / era_days;
	int64_t doe = day - era * era_days;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t m = (5 * doy + 2) / 153;
	*mday = (int)(doy - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

/* Each call of an agent says its time, and printf() takes ten times as long. */
static void put_digits(char *out, int count, int n)
{
	for (; count > 0; n /= 10)
		out[--count] = (char)('0' + n % 10);
}

char *clock_rfc3339(char *out, size_t out_bytes, int64_t epoch_ms)
{
	REQUIRE(out_bytes >= 25);
	if (epoch_ms < EPOCH_MS_MIN)
		epoch_ms = EPOCH_MS_MIN;
	if (epoch_ms > EPOCH_MS_MAX)
		epoch_ms = EPOCH_MS_MAX;
	int64_t day = epoch_ms / DAY_MS;
	int64_t ms = epoch_ms % DAY_MS;
	if (ms < 0) {
		day--;
		ms += DAY_MS;
	}
	int year, month, mday;
	civil(day + 719468, &year, &month, &mday); /* 0000-03-01 to 1970 */
	int seconds = (int)(ms / 1000);
	memcpy(out, "0000-00-00T00:00:00.000Z", 25);
	put_digits(out, 4, year);
	put_digits(out + 5, 2, month);
	put_digits(out + 8, 2, mday);
	put_digits(out + 11, 2, seconds / 3600);
	put_digits(out + 14, 2, seconds / 60 % 60);
	put_digits(out + 17, 2, seconds % 60);
	put_digits(out + 20, 3, (int)(ms % 1000));
	return out;
}
