/* utf8: one code point at a time (RFC 3629). For base/ alone. Pure. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes taken at `s` (`bytes` > 0 are there); `*cp` is the code point, or -1
 * for a broken sequence. Of a broken one the longest part that could have
 * begun a good one is taken, so that resynchronisation loses nothing. */
size_t utf8_decode(const char *s, size_t bytes, int32_t *cp);

/* Writes `cp` (a Unicode scalar value) into `out`; returns its bytes. */
size_t utf8_encode(char out[4], uint32_t cp);

#endif
