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

/* The bytes at the beginning of `s` that are ASCII, and neither a control
 * character, a quote nor a backslash: eight at a time, for nearly all are. */
static inline size_t json_plain(const char *s, size_t bytes)
{
	size_t i = 0;
	uint64_t x;
	for (; i + sizeof x <= bytes; i += sizeof x) {
		memcpy(&x, s + i, sizeof x);
		x = le64toh(x);
		uint64_t ends = (x & JSON_EACH_BYTE(0x80)) |
				json_bytes_below(x, ' ') |
				json_bytes_below(x ^ JSON_EACH_BYTE('"'), 1) |
				json_bytes_below(x ^ JSON_EACH_BYTE('\\'), 1);
		if (ends)
			return i + (size_t)__builtin_ctzll(ends) / 8;
	}
	while (i < bytes && !json_special[(unsigned char)s[i]])
		i++;
	return i;
}

#endif
