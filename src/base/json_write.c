/*
 * Printing. One printer of our own: json-c's would follow the locale, write
 * NaN, and pass on broken UTF-8, none of which our own door would take back.
 */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_plain.h"
#include "base/json_put.h"
#include "base/mem.h"
#include "base/utf8.h"

#define FEW_ENTRIES 16

static void print(struct buf *out, json_object *o, bool sorted);

static size_t count_digits(uint64_t v)
{
	size_t n = 1;
	for (uint64_t limit = 10; v >= limit && n < 20; n++)
		limit = n < 19 ? limit * 10 : UINT64_MAX;
	return n;
}

/* From the right, two digits at a time. */
void json_put_int(struct buf *out, int64_t v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192"
				    "02122232425262728293031323334353637383940"
				    "41424344454647484950515253545556575859606"
				    "16263646566676869707172737475767778798081"
				    "828384858687888990919293949596979899";
	uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	size_t n = count_digits(rest) + (v < 0);
	char *p = json_put_begin(out, n);
	*p = '-';
	p += n;
	json_put_end(out, p);
	for (; rest >= 100; rest /= 100)
		memcpy(p -= 2, pairs + rest % 100 * 2, 2);
	if (rest >= 10)
		memcpy(p - 2, pairs + rest * 2, 2);
	else
		p[-1] = (char)('0' + rest);
}

/* Up to three digits behind the point, as shares and percents have: what
 * printf() would say, without asking it. */
static bool put_thousandths(struct buf *out, double v)
{
	double scaled = v * 1000;
	if (!(fabs(scaled) < 1e15) || (v == 0 && signbit(v)))
		return false;
	int64_t k = (int64_t)(scaled + (v < 0 ? -0.5 : 0.5));
	if ((double)k / 1000 != v)
		return false;
	if (k < 0)
		json_put_char(out, '-');
	k = k < 0 ? -k : k;
	json_put_int(out, k / 1000);
	json_put_char(out, '.');
	char digits[3] = {(char)('0' + k / 100 % 10), (char)('0' + k / 10 % 10),
			  (char)('0' + k % 10)};
	size_t n = digits[2] != '0' ? 3 : digits[1] != '0' ? 2 : 1;
	json_put_bytes(out, digits, n);
	return true;
}

/* The fewest digits, 15 to 17, that give back the same double; what looks like
 * an integer gets ".0", so that it is read as a double again. */
void json_put_double(struct buf *out, double v)
{
	if (!isfinite(v)) {
		json_put_bytes(out, "null", 4);
		return;
	}
	if (put_thousandths(out, v))
		return;
	char text[40];
	int len = 0, digits = 15;
	do
		len = snprintf(text, sizeof text, "%.*g", digits, v);
	while (strtod(text, NULL) != v && digits++ < 17);
	bool whole = true;
	for (int i = 0; i < len; i++) {
		char c = text[i];
		if (c == '-' || c == '+' || (c >= '0' && c <= '9')) {
			json_put_char(out, c);
		} else {
			/* Whatever the locale has for a point, it is one. */
			bool e = c == 'e';
			if (e || whole)
				json_put_char(out, e ? 'e' : '.');
			whole = false;
		}
	}
	if (whole)
		buf_adds(out, ".0");
}

static void print_escape(struct buf *out, unsigned char c)
{
	static const char names[] = "btn_fr"; /* 8 to 13; 11 has none */
	if (c == '"' || c == '\\')
		json_put_bytes(out, (char[]){'\\', (char)c}, 2);
	else if (c >= '\b' && c <= '\r' && c != '\v')
		json_put_bytes(out, (char[]){'\\', names[c - '\b']}, 2);
	else
		buf_addf(out, "\\u%04x", c);
}

bool json_put_string(struct buf *out, const char *s, size_t len)
{
	size_t from = 0, plain = json_plain(s, len);
	if (plain == len) {
		char *p = json_put_begin(out, len + 2);
		*p = '"';
		memcpy(p + 1, s, len);
		p[len + 1] = '"';
		json_put_end(out, p + len + 2);
		return true;
	}
	json_put_char(out, '"');
	for (size_t i = plain; i < len; i += json_plain(s + i, len - i)) {
		unsigned char c = (unsigned char)s[i];
		int32_t cp = c;
		size_t n = c < 0x80 ? 1 : utf8_decode(s + i, len - i, &cp);
		if (c >= 0x80 && cp >= 0) {
			i += n;
			continue;
		}
		json_put_bytes(out, s + from, i - from);
		if (cp < 0)
			buf_adds(out, "\xef\xbf\xbd");
		else
			print_escape(out, c);
		i += n;
		from = i;
	}
	json_put_bytes(out, s + from, len - from);
	json_put_char(out, '"');
	return from == 0;
}

static void print_array(struct buf *out, json_object *o, bool sorted)
{
	size_t count = json_object_array_length(o);
	json_put_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			json_put_char(out, ',');
		print(out, json_object_array_get_idx(o, i), sorted);
	}
	json_put_char(out, ']');
}

static void print_member(struct buf *out, const struct lh_entry *e, bool sorted)
{
	if (out->data[out->len - 1] != '{')
		json_put_char(out, ',');
	const char *key = lh_entry_k(e);
	json_put_string(out, key, strlen(key));
	json_put_char(out, ':');
	print(out, lh_entry_v(e), sorted);
}

static int compare_entries(const void *a, const void *b)
{
	const struct lh_entry *const *x = a, *const *y = b;
	return strcmp(lh_entry_k(*x), lh_entry_k(*y));
}

/* By insertion while they are few: qsort() would ask for memory. */
static void sort_entries(struct lh_entry **entries, size_t n)
{
	if (n > FEW_ENTRIES)
		qsort(entries, n, sizeof *entries, compare_entries);
	for (size_t i = 1; n <= FEW_ENTRIES && i < n; i++) {
		struct lh_entry *e = entries[i];
		size_t k = i;
		for (; k && compare_entries(&entries[k - 1], &e) > 0; k--)
			entries[k] = entries[k - 1];
		entries[k] = e;
	}
}

static void print_sorted(struct buf *out, json_object *o)
{
	size_t count = (size_t)json_object_object_length(o), n = 0;
	struct lh_entry *few[FEW_ENTRIES], **entries = few, *e;
	if (count > FEW_ENTRIES)
		entries = xcalloc(count, sizeof *entries);
	lh_foreach(json_object_get_object(o), e) entries[n++] = e;
	sort_entries(entries, n);
	for (size_t i = 0; i < n; i++)
		print_member(out, entries[i], true);
	if (entries != few)
		free(entries);
}

static void print_object(struct buf *out, json_object *o, bool sorted)
{
	json_put_char(out, '{');
	if (sorted) {
		print_sorted(out, o);
	} else {
		struct lh_entry *e;
		lh_foreach(json_object_get_object(o), e)
			print_member(out, e, false);
	}
	json_put_char(out, '}');
}

static void print(struct buf *out, json_object *o, bool sorted)
{
	switch (json_object_get_type(o)) {
	case json_type_null:
		json_put_bytes(out, "null", 4);
		break;
	case json_type_boolean:
		buf_adds(out, json_object_get_boolean(o) ? "true" : "false");
		break;
	case json_type_int:
		json_put_int(out, json_object_get_int64(o));
		break;
	case json_type_double:
		json_put_double(out, json_object_get_double(o));
		break;
	case json_type_string:
		json_put_string(out, json_object_get_string(o),
				(size_t)json_object_get_string_len(o));
		break;
	case json_type_array:
		print_array(out, o, sorted);
		break;
	case json_type_object:
		print_object(out, o, sorted);
		break;
	}
}

/* Called by json-c, which keeps `to` with `o`: so the text lives as long. */
static int print_for_json_c(json_object *o, struct printbuf *to, int level,
			    int flags)
{
	(void)level;
	(void)flags;
	struct buf text = {0};
	print(&text, o, false);
	int rc = printbuf_memappend(to, buf_str(&text), (int)text.len);
	buf_release(&text);
	return rc;
}

const char *json_text(json_object *o)
{
	if (!o)
		return "null";
	json_object_set_serializer(o, print_for_json_c, NULL, NULL);
	const char *text = json_object_to_json_string_ext(o, 0);
	REQUIRE(text != NULL);
	return text;
}

void json_print(struct buf *out, json_object *o)
{
	print(out, o, false);
}

void json_print_canonical(struct buf *out, json_object *o)
{
	print(out, o, true);
}

char *json_canonical(json_object *o)
{
	struct buf text = {0};
	print(&text, o, true);
	return buf_take(&text);
}
