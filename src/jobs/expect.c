#include "jobs/expect.h"

#include <ctype.h>
#include <fnmatch.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "jobs/audio.h"

/* regcomp() and regexec() of glibc take time and memory without a bound for
 * patterns such as ((a{1,255}){1,255}){1,255}, so what they are given is
 * bounded. */
#define PATTERN_MAX_BYTES  512
#define PATTERN_MAX_REPEAT 1000
#define SUBJECT_MAX_BYTES  16384
#define SHOWN_BYTES	   200

const struct measured measured_nothing = {
	.status = -1,
	.exit_status = -1,
	.connect_ms = -1,
	.total_ms = -1,
};

struct got {
	json_object *value;
	bool found;
};

/* --- comparisons -------------------------------------------------------- */

static bool is_number(json_object *o)
{
	return json_object_is_type(o, json_type_int) ||
	       json_object_is_type(o, json_type_double);
}

static bool op_equals(json_object *wanted, struct got got)
{
	if (!got.found)
		return false;
	if (is_number(wanted) && is_number(got.value) &&
	    json_object_get_type(wanted) != json_object_get_type(got.value))
		return json_object_get_double(wanted) ==
		       json_object_get_double(got.value);
	return json_equal(wanted, got.value);
}

static int compare_numbers(json_object *a, json_object *b)
{
	if (json_object_is_type(a, json_type_int) &&
	    json_object_is_type(b, json_type_int)) {
		int64_t x = json_object_get_int64(a);
		int64_t y = json_object_get_int64(b);
		return (x > y) - (x < y);
	}
	double x = json_object_get_double(a), y = json_object_get_double(b);
	return (x > y) - (x < y);
}

static bool both_numbers(json_object *wanted, struct got got)
{
	return got.found && is_number(wanted) && is_number(got.value);
}

static bool op_lt(json_object *wanted, struct got got)
{
	return both_numbers(wanted, got) &&
	       compare_numbers(got.value, wanted) < 0;
}

static bool op_gt(json_object *wanted, struct got got)
{
	return both_numbers(wanted, got) &&
	       compare_numbers(got.value, wanted) > 0;
}

static bool op_most(json_object *wanted, struct got got)
{
	return both_numbers(wanted, got) &&
	       compare_numbers(got.value, wanted) <= 0;
}

static bool op_least(json_object *wanted, struct got got)
{
	return both_numbers(wanted, got) &&
	       compare_numbers(got.value, wanted) >= 0;
}

/* A text has a part, a list an element, an object a member of that name. */
static bool op_contains(json_object *wanted, struct got got)
{
	const char *w = json_object_is_type(wanted, json_type_string)
				? json_object_get_string(wanted)
				: NULL;
	switch (got.found ? json_object_get_type(got.value) : json_type_null) {
	case json_type_string:
		return w &&
		       memmem(json_object_get_string(got.value),
			      (size_t)json_object_get_string_len(got.value), w,
			      strlen(w));
	case json_type_object:
		return w && json_object_object_get_ex(got.value, w, NULL);
	case json_type_array:
		for (size_t i = 0; i < json_object_array_length(got.value);
		     i++) {
			struct got item = {
				json_object_array_get_idx(got.value, i), true};
			if (op_equals(wanted, item))
				return true;
		}
		return false;
	default:
		return false;
	}
}

/* The product of all repeat counts, "{m,n}" by its larger number. */
static bool pattern_is_modest(const char *pattern)
{
	long product = 1;
	if (strlen(pattern) > PATTERN_MAX_BYTES)
		return false;
	for (const char *p = strchr(pattern, '{'); p; p = strchr(p + 1, '{')) {
		long largest = 1;
		for (const char *d = p + 1; *d && *d != '}'; d++) {
			if (!isdigit((unsigned char)*d))
				continue;
			char *end;
			long n = strtol(d, &end, 10);
			if (n > largest)
				largest = n;
			d = end - 1;
		}
		if (largest > PATTERN_MAX_REPEAT / product)
			return false;
		product *= largest;
	}
	return true;
}

bool expect_matches(const char *pattern, const char *text)
{
	regex_t regex;
	if (!pattern_is_modest(pattern) ||
	    regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	char *subject = xstrndup(text, SUBJECT_MAX_BYTES);
	bool ok = regexec(&regex, subject, 0, NULL, 0) == 0;
	free(subject);
	regfree(&regex);
	return ok;
}

static bool op_matches(json_object *wanted, struct got got)
{
	return got.found && json_object_is_type(wanted, json_type_string) &&
	       json_object_is_type(got.value, json_type_string) &&
	       expect_matches(json_object_get_string(wanted),
			      json_object_get_string(got.value));
}

static bool op_type(json_object *wanted, struct got got)
{
	static const char *const names[] = {
		[json_type_null] = "null",     [json_type_boolean] = "boolean",
		[json_type_double] = "number", [json_type_int] = "integer",
		[json_type_object] = "object", [json_type_array] = "array",
		[json_type_string] = "string",
	};
	if (!got.found || !json_object_is_type(wanted, json_type_string))
		return false;
	const char *w = json_object_get_string(wanted);
	enum json_type type = json_object_get_type(got.value);
	return strcmp(w, names[type]) == 0 ||
	       (type == json_type_int && strcmp(w, "number") == 0);
}

static bool op_exists(json_object *wanted, struct got got)
{
	return json_object_is_type(wanted, json_type_boolean) &&
	       json_object_get_boolean(wanted) == got.found;
}

static bool op_in(json_object *wanted, struct got got)
{
	if (!json_object_is_type(wanted, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(wanted); i++)
		if (op_equals(json_object_array_get_idx(wanted, i), got))
			return true;
	return false;
}

/* Of a text its bytes, of anything else its canonical JSON. */
static bool op_sha256(json_object *wanted, struct got got)
{
	char hex[HASH_HEX_BYTES];
	if (!got.found || !json_object_is_type(wanted, json_type_string))
		return false;
	if (json_object_is_type(got.value, json_type_string)) {
		hash_sha256_hex(hex, json_object_get_string(got.value),
				(size_t)json_object_get_string_len(got.value));
	} else {
		char *canonical = json_canonical(got.value);
		hash_sha256_hex(hex, canonical, strlen(canonical));
		free(canonical);
	}
	return strcasecmp(hex, json_object_get_string(wanted)) == 0;
}

/* A media type against a glob: parameters ("; charset=") do not count. */
static bool op_glob(json_object *wanted, struct got got)
{
	if (!got.found || !json_object_is_type(wanted, json_type_string) ||
	    !json_object_is_type(got.value, json_type_string))
		return false;
	const char *type = json_object_get_string(got.value);
	char *bare = xstrndup(type, strcspn(type, "; \t"));
	bool ok = fnmatch(json_object_get_string(wanted), bare, FNM_CASEFOLD) ==
		  0;
	free(bare);
	return ok;
}

static bool op_not(json_object *wanted, struct got got)
{
	return !expect_holds(wanted, got.value, got.found);
}

struct comparison {
	const char *name;
	bool (*holds)(json_object *wanted, struct got got);
};

static const struct comparison comparisons[] = {
	{"equals", op_equals},
	{"not", op_not},
	{"lt", op_lt},
	{"gt", op_gt},
	{"contains", op_contains},
	{"matches", op_matches},
	{"type", op_type},
	{"exists", op_exists},
	{"in", op_in},
	{"sha256", op_sha256},
};

static const struct comparison *find_comparison(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(comparisons); i++)
		if (strcmp(comparisons[i].name, name) == 0)
			return &comparisons[i];
	return NULL;
}

/* An object whose first key names a comparison is one, all of it. */
static bool is_comparison(json_object *wanted)
{
	if (!json_object_is_type(wanted, json_type_object))
		return false;
	json_object_object_foreach(wanted, key, value)
	{
		(void)value;
		return find_comparison(key) != NULL;
	}
	return false;
}

static bool holds(json_object *wanted, struct got got,
		  bool (*plain)(json_object *, struct got))
{
	if (!is_comparison(wanted))
		return plain(wanted, got);
	json_object_object_foreach(wanted, key, value)
	{
		const struct comparison *c = find_comparison(key);
		if (!c || !c->holds(value, got))
			return false;
	}
	return true;
}

bool expect_holds(json_object *wanted, json_object *got, bool found)
{
	return holds(wanted, (struct got){got, found}, op_equals);
}

/* --- measures ----------------------------------------------------------- */

static json_object *count_value(int64_t n)
{
	return n < 0 ? NULL : json_object_new_int64(n);
}

static json_object *get_status(const struct measured *m)
{
	return count_value(m->status);
}

static json_object *get_type(const struct measured *m)
{
	return m->content_type ? json_object_new_string(m->content_type) : NULL;
}

static json_object *get_body(const struct measured *m)
{
	return m->body ? json_object_new_string_len(m->body, (int)m->body_bytes)
		       : NULL;
}

static json_object *get_bytes(const struct measured *m)
{
	return m->body ? json_object_new_int64((int64_t)m->body_bytes) : NULL;
}

static json_object *get_total(const struct measured *m)
{
	return count_value(m->total_ms);
}

static json_object *get_connect(const struct measured *m)
{
	return count_value(m->connect_ms);
}

static json_object *get_exit(const struct measured *m)
{
	return count_value(m->exit_status);
}

static json_object *get_value(const struct measured *m)
{
	return m->has_value ? json_object_new_double(m->value) : NULL;
}

/* --- of sound ----------------------------------------------------------- */

static json_object *get_duration(const struct measured *m)
{
	return m->audio ? json_object_new_int64(m->audio->duration_ms) : NULL;
}

static json_object *get_rate(const struct measured *m)
{
	return m->audio ? json_object_new_int64(m->audio->sample_rate) : NULL;
}

static json_object *get_channels(const struct measured *m)
{
	return m->audio ? json_object_new_int64(m->audio->channels) : NULL;
}

/* A level that is minus infinity is none. */
static json_object *level(double db)
{
	return isfinite(db) ? json_object_new_double(round(db * 10) / 10)
			    : NULL;
}

static json_object *get_peak(const struct measured *m)
{
	return m->audio ? level(m->audio->peak_dbfs) : NULL;
}

static json_object *get_loudness(const struct measured *m)
{
	return m->audio ? level(m->audio->loudness_lufs) : NULL;
}

static json_object *get_silence(const struct measured *m)
{
	return m->audio ? json_object_new_int64(m->audio->silence_ms) : NULL;
}

static json_object *get_sounds(const struct measured *m)
{
	return m->audio ? json_object_new_boolean(audio_sounds(m->audio))
			: NULL;
}

static json_object *get_unclipped(const struct measured *m)
{
	return m->audio ? json_object_new_boolean(m->audio->clipped == 0)
			: NULL;
}

/* A plain value is held against what was measured by `plain`. */
static const struct measure {
	const char *name;
	json_object *(*get)(const struct measured *m);
	bool (*plain)(json_object *wanted, struct got got);
	const char *says; /* before the wanted value */
} measures[] = {
	{"status", get_status, op_equals, ""},
	{"content_type", get_type, op_glob, ""},
	{"body", get_body, op_equals, ""},
	{"body_contains", get_body, op_contains, "to contain "},
	{"banner", get_body, op_contains, "to contain "},
	{"body_bytes", get_bytes, op_equals, ""},
	{"min_bytes", get_bytes, op_least, "at least "},
	{"max_bytes", get_bytes, op_most, "at most "},
	{"max_latency_ms", get_total, op_most, "at most "},
	{"max_connect_ms", get_connect, op_most, "at most "},
	{"sha256", get_body, op_sha256, ""},
	{"exit_status", get_exit, op_equals, ""},
	{"value", get_value, op_equals, ""},
	{"duration_ms", get_duration, op_equals, ""},
	{"min_duration_ms", get_duration, op_least, "at least "},
	{"max_duration_ms", get_duration, op_most, "at most "},
	{"sample_rate", get_rate, op_equals, ""},
	{"channels", get_channels, op_equals, ""},
	{"peak_dbfs", get_peak, op_equals, ""},
	{"loudness_lufs", get_loudness, op_equals, ""},
	{"max_silence_ms", get_silence, op_most, "at most "},
	{"not_silent", get_sounds, op_equals, ""},
	{"not_clipped", get_unclipped, op_equals, ""},
};

static const struct measure *find_measure(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(measures); i++)
		if (strcmp(measures[i].name, name) == 0)
			return &measures[i];
	return NULL;
}

/* --- the whole ---------------------------------------------------------- */

/* What came, short enough for a screen and for the log. */
static json_object *shown(struct got got)
{
	if (!got.found)
		return json_object_new_string("nothing");
	const char *text = json_object_is_type(got.value, json_type_string)
				   ? json_object_get_string(got.value)
				   : json_text(got.value);
	if (!json_object_is_type(got.value, json_type_string) &&
	    strlen(text) <= SHOWN_BYTES)
		return json_clone(got.value);
	char *clean = text_clean_str(text, SHOWN_BYTES);
	json_object *o = json_object_new_string(clean);
	free(clean);
	return o;
}

static void add_row(json_object *rows, const char *name, json_object *wanted,
		    json_object *got, bool ok)
{
	json_object *row = json_object_new_object();
	json_object *copy = json_clone(wanted);
	json_add_str(row, "name", name);
	json_object_object_add(row, "wanted", copy);
	json_object_object_add(row, "got", json_object_get(got));
	json_add_bool(row, "ok", ok);
	json_object_array_add(rows, row);
}

static char *sentence(const char *name, const char *says, json_object *wanted,
		      json_object *got)
{
	char *w = text_clean_str(json_text(wanted), SHOWN_BYTES);
	char *text = xasprintf("%s: wanted %s%s, got %s", name, says, w,
			       json_text(got));
	char *clean = text_clean_str(text, 2 * SHOWN_BYTES + 100);
	free(text);
	free(w);
	return clean;
}

static bool expect_one(const char *name, json_object *wanted,
		       const struct measured *m, json_object *rows, char **text)
{
	const struct measure *measure = find_measure(name);
	struct got got = {NULL, false};
	bool ok = false, known = true;
	if (name[0] == '/' || name[0] == '\0') {
		got.found = m->json && json_point(m->json, name, &got.value);
		json_object_get(got.value);
		ok = holds(wanted, got, op_equals);
	} else if (measure) {
		got.value = measure->get(m);
		got.found = got.value != NULL;
		ok = holds(wanted, got, measure->plain);
	} else {
		known = false;
	}
	json_object *short_form = shown(got);
	add_row(rows, name, wanted, short_form, ok);
	if (!ok && !*text && !known)
		*text = xasprintf("%.60s: this version cannot measure it",
				  name);
	else if (!ok && !*text && name[0] == '/' && !m->json)
		*text = xasprintf("%.100s: the answer is not JSON", name);
	else if (!ok && !*text)
		*text = sentence(
			name,
			measure && !is_comparison(wanted) ? measure->says : "",
			wanted, short_form);
	json_object_put(short_form);
	json_object_put(got.value);
	return ok;
}

bool expect_all(json_object *expected, const struct measured *measured,
		json_object *rows, char **text)
{
	bool ok = true;
	json_object_object_foreach(expected, name, wanted)
	{
		if (!expect_one(name, wanted, measured, rows, text))
			ok = false;
	}
	return ok;
}
