/*
 * json_put: the scalars of JSON as text, behind what is in `out`. Private to
 * base/; json_write (trees) and json_out (no trees) are what others use.
 */
#ifndef BASE_JSON_PUT_H
#define BASE_JSON_PUT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/* buf_addc() and buf_add() where there is room, which is nearly always. */
static inline void json_put_char(struct buf *out, char c)
{
	if (out->cap - out->len < 2) {
		buf_addc(out, c);
		return;
	}
	out->data[out->len++] = c;
	out->data[out->len] = '\0';
}

static inline void json_put_bytes(struct buf *out, const char *bytes, size_t n)
{
	if (out->cap - out->len <= n) {
		buf_add(out, bytes, n);
		return;
	}
	memcpy(out->data + out->len, bytes, n);
	out->len += n;
	out->data[out->len] = '\0';
}

/* Where `n` bytes can be written, for json_put_end(). */
static inline char *json_put_begin(struct buf *out, size_t n)
{
	if (out->cap - out->len <= n)
		buf_reserve(out, n);
	return out->data + out->len;
}

/* They end there. */
static inline void json_put_end(struct buf *out, char *end)
{
	*end = '\0';
	out->len = (size_t)(end - out->data);
}

void json_put_int(struct buf *out, int64_t v);
void json_put_double(struct buf *out, double v); /* NaN, infinity: null */
/* With its quotes; broken UTF-8 becomes U+FFFD. False when it does not stand
 * there as it was. */
bool json_put_string(struct buf *out, const char *s, size_t len);

#endif
