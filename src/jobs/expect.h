/*
 * expect: what a check wants, held against what came. Pure: no I/O, no clock.
 *
 * `expected` (contract 3.7) maps a JSON Pointer or a named measure to a value
 * or a comparison: {equals, not, lt, gt, contains, matches, type, exists, in,
 * sha256}. The tables of both are in expect.c.
 */
#ifndef JOBS_EXPECT_H
#define JOBS_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

struct audio_facts;

/* What was measured. What does not apply is NULL or -1. */
struct measured {
	int64_t status;	     /* of HTTP */
	int64_t exit_status; /* of a program */
	const char *content_type;
	const char *body; /* or the banner, or what was printed; NUL-ended */
	size_t body_bytes;
	json_object *json; /* what a JSON Pointer points into, or NULL */
	int64_t connect_ms, total_ms;
	bool has_value;
	double value; /* of a query */
	const struct audio_facts *audio;
};
extern const struct measured measured_nothing;

/* Judges all of `expected`, adds a row {name, wanted, got, ok} for each to the
 * array `rows`. When one fails, `*text` (if still NULL) becomes a sentence
 * about the first, cleaned; caller frees. True when all hold. */
bool expect_all(json_object *expected, const struct measured *measured,
		json_object *rows, char **text);

/* Whether a text has what an extended regular expression describes; one that
 * would take without bounds describes nothing. */
bool expect_matches(const char *pattern, const char *text);

/* One value against a wish with the meaning "equals" unless it is a comparison.
 * `found` tells a null from nothing there. */
bool expect_holds(json_object *wanted, json_object *got, bool found);

#endif
