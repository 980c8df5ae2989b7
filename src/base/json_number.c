#include "base/json_number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* A number longer than this is an attack, not a number. */
#define NUMBER_MAX_BYTES 1024

static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static locale_t c_locale;

static void make_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	REQUIRE(c_locale != (locale_t)0);
}

/* The checked number from `s` to `end`. */
static double slow_double(const char *s, const char *end)
{
	char text[NUMBER_MAX_BYTES + 1];
	size_t len = (size_t)(end - s);
	memcpy(text, s, len);
	text[len] = '\0';
	pthread_once(&c_locale_once, make_c_locale);
	return strtod_l(text, NULL, c_locale);
}

/* A number while it is read. */
struct digits {
	const char *p, *end;
	bool negative, whole;
	bool exact;	 /* all digits are in `digits` */
	uint64_t digits; /* without the point */
	int point;	 /* how many of them stood behind the point */
	int exponent;
};

static const char missing[] = "a digit is missing";

static const char *read_digits(struct digits *n, bool behind_point)
{
	const char *from = n->p;
	for (; n->p < n->end && *n->p >= '0' && *n->p <= '9'; n->p++) {
		uint64_t digit = (uint64_t)(*n->p - '0');
		if (__builtin_mul_overflow(n->digits, 10, &n->digits) ||
		    __builtin_add_overflow(n->digits, digit, &n->digits))
			n->exact = false;
		n->point += behind_point;
	}
	return n->p > from ? NULL : missing;
}

static const char *read_exponent(struct digits *n)
{
	n->p++;
	bool minus = n->p < n->end && *n->p == '-';
	if (n->p < n->end && (*n->p == '-' || *n->p == '+'))
		n->p++;
	const char *from = n->p;
	for (; n->p < n->end && *n->p >= '0' && *n->p <= '9'; n->p++)
		if (n->exponent < 100000)
			n->exponent = n->exponent * 10 + (*n->p - '0');
	if (minus)
		n->exponent = -n->exponent;
	return n->p > from ? NULL : missing;
}

static const char *scan(struct digits *n)
{
	const char *why;
	if (*n->p == '-') {
		n->negative = true;
		n->p++;
	}
	const char *from = n->p;
	if ((why = read_digits(n, false)))
		return why;
	if (*from == '0' && n->p - from > 1) {
		n->p = from;
		return "a number must not begin with 0";
	}
	if (n->p < n->end && *n->p == '.') {
		n->whole = false;
		n->p++;
		if ((why = read_digits(n, true)))
			return why;
	}
	if (n->p < n->end && (*n->p | 32) == 'e') {
		n->whole = false;
		return read_exponent(n);
	}
	return NULL;
}

static double double_of(const struct digits *n, const char *from)
{
	static const double tens[] = {1e0,  1e1,  1e2,	1e3,  1e4,  1e5,
				      1e6,  1e7,  1e8,	1e9,  1e10, 1e11,
				      1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
				      1e18, 1e19, 1e20, 1e21, 1e22};
	int exponent = n->exponent - n->point;
	/* Both factors are exact then, so one operation rounds rightly. */
	if (FLT_EVAL_METHOD == 0 && n->exact && n->digits <= 1ULL << 53 &&
	    exponent >= -22 && exponent <= 22) {
		double d = (double)n->digits;
		d = exponent < 0 ? d / tens[-exponent] : d * tens[exponent];
		return n->negative ? -d : d;
	}
	return slow_double(from, n->p);
}

/* What the checked number from `from` on is worth, or why it is too much. */
static const char *value_of(const struct digits *n, const char *from,
			    struct json_number *out)
{
	if (n->p - from > NUMBER_MAX_BYTES)
		return "the number is too long";
	out->whole = n->whole;
	if (!n->whole) {
		out->is.d = double_of(n, from);
		return isfinite(out->is.d) ? NULL : "the number is too large";
	}
	if (!n->exact || n->digits > (uint64_t)INT64_MAX + n->negative)
		return "the integer is beyond 64 bits";
	out->is.i = (int64_t)(n->negative ? 0 - n->digits : n->digits);
	return NULL;
}

const char *json_number_read(const char **p, const char *end,
			     struct json_number *out)
{
	struct digits n = {.p = *p, .end = end, .whole = true, .exact = true};
	const char *why = scan(&n);
	if (!why && (why = value_of(&n, *p, out)))
		return why; /* of the whole of it */
	*p = n.p;
	return why;
}
