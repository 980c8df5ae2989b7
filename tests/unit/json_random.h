/*
 * json_random: chance with a printed seed (TEST_SEED plays it again), and JSON
 * by chance: any depth, all types, strings and keys that need escapes.
 */
#ifndef TESTS_JSON_RANDOM_H
#define TESTS_JSON_RANDOM_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/json.h"
#include "base/mem.h"

struct chance {
	uint64_t state;
};

static inline uint64_t draw(struct chance *c)
{
	c->state ^= c->state << 13;
	c->state ^= c->state >> 7;
	c->state ^= c->state << 17;
	return c->state * 0x2545f4914f6cdd1dULL;
}

static inline uint64_t seed(void)
{
	uint64_t s = 0;
	const char *fixed = getenv("TEST_SEED");
	if (fixed)
		s = strtoull(fixed, NULL, 0);
	else
		REQUIRE(getrandom(&s, sizeof s, 0) == sizeof s);
	s |= 1;
	printf("# TEST_SEED=%llu\n", (unsigned long long)s);
	fflush(stdout);
	return s;
}

static inline char *random_text(struct chance *c)
{
	static const char *const pieces[] = {"a",
					     "Zz",
					     "\"",
					     "\\",
					     "/",
					     "\n",
					     "\001",
					     "\033[1m",
					     "\177",
					     "\302\205",
					     "\303\251",
					     "\342\200\256",
					     "\360\237\230\200",
					     " "};
	struct buf b = {0};
	for (int n = (int)(draw(c) % 8); n > 0; n--)
		buf_adds(&b, pieces[draw(c) % COUNT_OF(pieces)]);
	return buf_take(&b);
}

static inline double random_double(struct chance *c)
{
	uint64_t bits = draw(c);
	double d;
	memcpy(&d, &bits, sizeof d);
	if (draw(c) % 2)
		d = (double)(int64_t)(draw(c) % 2000000) / 1000 - 1000;
	return isfinite(d) ? d : 0.25;
}

static inline json_object *random_tree(struct chance *c, int depth)
{
	char *text;
	json_object *o;
	switch (draw(c) % (depth > 0 ? 8 : 6)) {
	case 0:
		return NULL;
	case 1:
		return json_object_new_boolean(draw(c) % 2);
	case 2:
		return json_object_new_int64((int64_t)draw(c) >> draw(c) % 64);
	case 3:
		return json_object_new_double(random_double(c));
	case 4:
	case 5:
		text = random_text(c);
		o = json_object_new_string(text);
		free(text);
		return o;
	case 6:
		o = json_object_new_array();
		for (int n = (int)(draw(c) % 6); n > 0; n--)
			json_object_array_add(o, random_tree(c, depth - 1));
		return o;
	default:
		o = json_object_new_object();
		for (int n = (int)(draw(c) % 24); n > 0; n--) {
			text = random_text(c);
			json_object_object_add(o, text,
					       random_tree(c, depth - 1));
			free(text);
		}
		return o;
	}
}

#endif
