/* json_number: one number of RFC 8259, to the letter and whatever the locale.
 * Private to base/. */
#ifndef BASE_JSON_NUMBER_H
#define BASE_JSON_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

struct json_number {
	bool whole; /* without a point and an exponent: then it is `i` */
	union {
		int64_t i;
		double d;
	} is;
};

/* The number at `*p`, a minus or a digit, which moves behind it: NULL. Or why it
 * is none, and `*p` moves to what is wrong: `end`, or a byte before it. */
const char *json_number_read(const char **p, const char *end,
			     struct json_number *out);

#endif
