#include "engine/limits.h"

#include <stdlib.h>

#include "base/mem.h"

#define PLACES	  16384
#define NEAR	  8 /* places where somebody may stand */
#define MINUTE_US INT64_C(60000000)

/* Free again at `full_us`: then the whole allowance is back. */
struct limits {
	struct {
		uint64_t who;
		int64_t full_us;
	} places[PLACES];
};

struct limits *limits_new(void)
{
	return xcalloc(1, sizeof(struct limits));
}

void limits_free(struct limits **limits)
{
	free(*limits);
	*limits = NULL;
}

static size_t place_of(const struct limits *l, uint64_t who)
{
	size_t at = (size_t)(who * UINT64_C(0x9e3779b97f4a7c15) >> 50);
	size_t oldest = at % PLACES;
	for (size_t i = 0; i < NEAR; i++) {
		size_t k = (at + i) % PLACES;
		if (l->places[k].who == who)
			return k;
		if (l->places[k].full_us < l->places[oldest].full_us)
			oldest = k;
	}
	return oldest;
}

bool limits_take(struct limits *l, uint64_t who, int64_t per_minute,
		 int64_t now_us)
{
	size_t k = place_of(l, who);
	int64_t step_us = MINUTE_US / per_minute;
	int64_t full_us = l->places[k].who == who ? l->places[k].full_us : 0;
	if (full_us < now_us)
		full_us = now_us;
	if (full_us + step_us - now_us > MINUTE_US)
		return false;
	l->places[k].who = who;
	l->places[k].full_us = full_us + step_us;
	return true;
}
