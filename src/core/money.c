#include "core/money.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/model.h"

int64_t money_read(const char *text)
{
	int64_t units = 0, micros = 0, place = 100000;
	int digits = 0;
	for (; *text >= '0' && *text <= '9'; text++, digits = 1) {
		units = units * 10 + (*text - '0');
		if (units > 1000000000)
			return -1;
	}
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++, digits = 1) {
			micros += place * (*text - '0');
			place /= 10;
		}
	return *text || !digits ? -1 : units * 1000000 + micros;
}

const char *money_text(const struct model *m, int64_t micros, char *out)
{
	const char *unit = m->show->budget.currency;
	int64_t parts = (micros + 99) / 100; /* of ten thousand */
	snprintf(out, MONEY_BYTES, "%" PRId64 ".%04" PRId64 "%s%s",
		 parts / 10000, parts % 10000, unit ? " " : "",
		 unit ? unit : "");
	return out;
}
