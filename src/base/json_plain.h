/*
 * json_plain: how far a string of JSON goes on as it is. Private to base/.
 */
#ifndef BASE_JSON_PLAIN_H
#define BASE_JSON_PLAIN_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* Bytes that end a run of plain text. */
static const bool json_special[256] = {[0 ... 0x1f] = true,
				       ['"'] = true,
				       ['\\'] = true,
				       [0x80 ... 0xff] = true};

/* The highest bit of each byte of `x` that is below `n`; above the first such
 * byte also of some that are not. */
static inline uint64_t json_bytes_below(uint64_t x, unsigned n)
{
	return (x - JSON_EACH_BYTE(n)) & ~x & JSON_EACH_BYTE(0x80);
}

/* The lowest bit that is set stands in the first of the eight bytes that ends
 * such a run; 0: none does. */
static inline uint64_t json_ends(uint64_t x)
{
	return (x & JSON_EACH_BYTE(0x80)) | json_bytes_below(x, ' ') |
	       json_bytes_below(x ^ JSON_EACH_BYTE('"'), 1) |
	       json_bytes_below(x ^ JSON_EACH_BYTE('\\'), 1);
}

static inline uint64_t json_eight(const char *s)
{
	uint64_t x;
	memcpy(&x, s, sizeof x);
	return le64toh(x);
}

/* The bytes at the beginning of `s` that are ASCII, and neither a control
 * character, a quote nor a backslash: eight at a time, for nearly all are. The
 * last eight may overlap those before. */
static inline size_t json_plain(const char *s, size_t bytes)
{
	size_t i = 0;
	uint64_t ends;
	for (; i + 8 <= bytes; i += 8) {
		ends = json_ends(json_eight(s + i));
		if (ends)
			return i + (size_t)__builtin_ctzll(ends) / 8;
	}
	if (i && i < bytes) {
		ends = json_ends(json_eight(s + bytes - 8));
		return ends ? bytes - 8 + (size_t)__builtin_ctzll(ends) / 8
			    : bytes;
	}
	while (i < bytes && !json_special[(unsigned char)s[i]])
		i++;
	return i;
}

#endif
