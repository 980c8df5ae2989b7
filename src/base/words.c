/* The part of text.h that makes words and figures for people. */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define WORD_MAX 64

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) from `a` to `b`, both
 * at most WORD_MAX long; upper and lower case are one. */
static int distance(const char *a, const char *b)
{
	int rows[3][WORD_MAX + 1];
	int *before = rows[0], *row = rows[1], *next = rows[2];
	int len_a = (int)strlen(a), len_b = (int)strlen(b);
	for (int j = 0; j <= len_b; j++)
		row[j] = j;
	for (int i = 1; i <= len_a; i++) {
		next[0] = i;
		for (int j = 1; j <= len_b; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);
			next[j] = least(row[j - 1] + !same,
					least(row[j], next[j - 1]) + 1);
			if (i > 1 && j > 1 &&
			    lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				next[j] = least(next[j], before[j - 2] + 1);
		}
		int *free_row = before;
		before = row;
		row = next;
		next = free_row;
	}
	return row[len_b];
}

const char *text_nearest(const char *word, const char *const *names)
{
	size_t len = strlen(word);
	if (len > WORD_MAX)
		return NULL;
	/* A third of the letters may be wrong, and one in short words. */
	int best = len < 6 ? 1 : (int)len / 3;
	const char *nearest = NULL;
	for (; *names; names++) {
		if (strlen(*names) > WORD_MAX)
			continue;
		int d = distance(word, *names);
		if (d < best + !nearest && d < (int)strlen(*names)) {
			best = d;
			nearest = *names;
		}
	}
	return nearest;
}

char *text_copy(char *out, size_t out_bytes, const char *s)
{
	size_t n = strnlen(s, out_bytes - 1);
	memcpy(out, s, n);
	out[n] = '\0';
	return out;
}

char *text_int(char out[TEXT_INT_BYTES], const char *prefix, long long n)
{
	char digits[24], *p = digits + sizeof digits;
	unsigned long long rest =
		n < 0 ? 0 - (unsigned long long)n : (unsigned long long)n;
	*--p = '\0';
	do
		*--p = (char)('0' + rest % 10);
	while (rest /= 10);
	if (n < 0)
		*--p = '-';
	size_t at = strlen(prefix);
	memcpy(out, prefix, at);
	memcpy(out + at, p, (size_t)(digits + sizeof digits - p));
	return out;
}

char *text_thousands(char *out, size_t out_bytes, long long n)
{
	REQUIRE(out_bytes >= 28);
	unsigned long long rest =
		n < 0 ? 0ULL - (unsigned long long)n : (unsigned long long)n;
	char digits[28];
	char *p = digits + sizeof digits;
	*--p = '\0';
	for (int i = 0; i == 0 || rest; i++) {
		if (i && i % 3 == 0)
			*--p = ',';
		*--p = (char)('0' + rest % 10);
		rest /= 10;
	}
	if (n < 0)
		*--p = '-';
	return memcpy(out, p, (size_t)(digits + sizeof digits - p));
}

char *text_counted(char *out, size_t out_bytes, long long n, const char *one)
{
	char figure[28];
	text_thousands(figure, sizeof figure, n);
	snprintf(out, out_bytes, "%s %s%s", figure, one, n == 1 ? "" : "s");
	return out;
}

char *text_duration(char *out, size_t out_bytes, long long ms)
{
	REQUIRE(out_bytes >= 24);
	unsigned long long s = (ms < 0 ? 0ULL - (unsigned long long)ms
				       : (unsigned long long)ms) /
			       1000;
	const char *sign = ms < 0 && s ? "-" : "";
	unsigned long long h = s / 3600, m = s / 60 % 60;
	if (h)
		snprintf(out, out_bytes, "%s%llu:%02llu:%02llu", sign, h, m,
			 s % 60);
	else
		snprintf(out, out_bytes, "%s%llu:%02llu", sign, m, s % 60);
	return out;
}

long long text_read_ms(const char *text)
{
	static const struct {
		const char *unit;
		long long ms;
	} units[] = {
		{"", 1},      {"ms", 1},	 {"s", 1000},
		{"m", 60000}, {"h", 60 * 60000},
	};
	long long n = 0;
	if (*text < '0' || *text > '9')
		return -1;
	for (; (*text >= '0' && *text <= '9') || *text == ',' || *text == '_';
	     text++) {
		if (*text != ',' && *text != '_')
			n = n * 10 + (*text - '0');
		if (n > TEXT_MS_MOST)
			return -1;
	}
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (strcmp(text, units[i].unit) == 0)
			return n > TEXT_MS_MOST / units[i].ms ? -1
							      : n * units[i].ms;
	return -1;
}
