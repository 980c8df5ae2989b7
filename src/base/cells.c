/* The part of text.h that measures: columns, fitting, clipping. */
#include "base/text.h"

#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

#include "base/err.h"
#include "base/utf8.h"

/* Columns of one code point, as curses counts them. */
static int columns_of(int32_t cp)
{
	if (cp < 0x7f)
		return cp >= ' ';
	if ((cp >= 0x1160 && cp <= 0x11ff) || (cp >= 0xd7b0 && cp <= 0xd7fb))
		return 0; /* vowels and finals join the syllable before */
	if ((cp >= 0x3248 && cp <= 0x324f) || (cp >= 0x4dc0 && cp <= 0x4dff))
		return 2;
	int width = utf8proc_charwidth(cp);
	if (width == 0 && utf8proc_category(cp) == UTF8PROC_CATEGORY_MC)
		return 1; /* marks beside a letter, not over it */
	return width;
}

/* The first cluster of `s`, which is not empty: its bytes and its columns. */
static size_t first_cluster(const char *s, int *columns)
{
	if ((unsigned char)s[0] < 0x80 && (unsigned char)s[1] < 0x80) {
		*columns = columns_of(s[0]); /* no mark can follow */
		return 1;
	}
	size_t len = 0;
	int32_t last = -1, cp, state = 0;
	*columns = 0;
	while (s[len]) {
		size_t n = utf8_decode(s + len, strnlen(s + len, 4), &cp);
		if (cp < 0)
			cp = 0xfffd; /* not clean; drawn as such */
		if (last >= 0 &&
		    utf8proc_grapheme_break_stateful(last, cp, &state))
			break;
		*columns += columns_of(cp);
		len += n;
		last = cp;
	}
	return len;
}

int text_width(const char *s)
{
	int used;
	text_fit(s, INT32_MAX, &used);
	return used;
}

size_t text_fit(const char *s, int columns, int *used)
{
	size_t len = 0;
	int sum = 0;
	while (s[len]) {
		int width;
		size_t n = first_cluster(s + len, &width);
		if (width > columns - sum)
			break;
		sum += width;
		len += n;
	}
	if (used)
		*used = sum;
	return len;
}

int text_clip(char *out, size_t out_bytes, const char *s, int columns,
	      bool ascii)
{
	REQUIRE(out_bytes > 0);
	const char *more = ascii ? "~" : "\xe2\x80\xa6"; /* U+2026 */
	size_t more_len = strlen(more);
	int used;
	size_t len = text_fit(s, columns, &used);
	if (!s[len] && len < out_bytes) {
		memcpy(out, s, len + 1);
		return used;
	}
	out[0] = '\0';
	if (columns < 1 || more_len >= out_bytes)
		return 0;
	/* A column takes a byte at least. */
	int room = columns - 1;
	if ((size_t)room >= out_bytes)
		room = (int)out_bytes - 1;
	len = text_fit(s, room, &used);
	while (len && len + more_len >= out_bytes)
		len = text_fit(s, --room, &used);
	memcpy(out, s, len);
	memcpy(out + len, more, more_len + 1);
	return used + 1;
}

void text_to_ascii(char *s)
{
	char *to = s;
	while (*s) {
		int columns;
		size_t n = first_cluster(s, &columns);
		*to++ = n == 1 && (unsigned char)*s < 0x80 ? *s : '?';
		s += n;
	}
	*to = '\0';
}
