/*
 * resp: commands in the Redis protocol (RESP2), written without printf: this
 * stands in the path of every transition. Pure. Private to store/.
 */
#ifndef STORE_RESP_H
#define STORE_RESP_H

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/* Decimal digits of `n` into `out` (at least 20 bytes, no NUL); how many. */
static inline size_t resp_digits(char *out, uint64_t n)
{
	char back[20];
	size_t len = 0;
	do
		back[len++] = (char)('0' + n % 10);
	while (n /= 10);
	for (size_t i = 0; i < len; i++)
		out[i] = back[len - 1 - i];
	return len;
}

static inline void resp_head(struct buf *b, char kind, size_t n)
{
	char line[24];
	line[0] = kind;
	size_t len = 1 + resp_digits(line + 1, n);
	line[len++] = '\r';
	line[len++] = '\n';
	buf_add(b, line, len);
}

/* A command of `args` arguments follows. */
static inline void resp_begin(struct buf *b, size_t args)
{
	resp_head(b, '*', args);
}

static inline void resp_bytes(struct buf *b, const char *data, size_t len)
{
	resp_head(b, '$', len);
	buf_add(b, data, len);
	buf_add(b, "\r\n", 2);
}

static inline void resp_str(struct buf *b, const char *s)
{
	resp_bytes(b, s, strlen(s));
}

/* One argument of two pieces. */
static inline void resp_pair(struct buf *b, const char *s, const char *tail,
			     size_t len)
{
	size_t head = strlen(s);
	resp_head(b, '$', head + len);
	buf_add(b, s, head);
	buf_add(b, tail, len);
	buf_add(b, "\r\n", 2);
}

static inline void resp_int(struct buf *b, int64_t n)
{
	char digits[24];
	size_t len = 0;
	uint64_t size = (uint64_t)n;
	if (n < 0) {
		digits[len++] = '-';
		size = 0 - size;
	}
	len += resp_digits(digits + len, size);
	resp_bytes(b, digits, len);
}

/* A whole command of these strings; NULL ends them. */
static inline void resp_command(struct buf *b, va_list words)
{
	va_list again;
	size_t count = 0;
	va_copy(again, words);
	while (va_arg(again, const char *))
		count++;
	va_end(again);
	resp_begin(b, count);
	while (count-- > 0)
		resp_str(b, va_arg(words, const char *));
}

#endif
