/*
 * text: text from outside, made safe for a terminal cell; and its width.
 *
 * Everything that an agent, a voter, OBS, a file or Redis sent passes through
 * text_clean() before it is kept for people to read. Width and clipping are
 * decided here and nowhere else (Unicode 15 by utf8proc; UAX #29 clusters).
 * Any thread.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A copy of `s` (`bytes` long) that is valid UTF-8 and carries no control
 * character (C0, DEL, C1), no bidi control, no zero-width or tag character and
 * no broken sequence; TAB, CR and LF become one blank, the rest of what is
 * refused becomes U+FFFD or is dropped (zero-width). At most `max_bytes` long,
 * cut between grapheme clusters; at most 4 combining marks a cluster; a ZWJ
 * sequence is reduced to its first member. Caller frees. */
char *text_clean(const char *s, size_t bytes, size_t max_bytes);
char *text_clean_str(const char *s, size_t max_bytes); /* NULL -> "" */

/* The same, but keeps LF: for texts of many lines. */
char *text_clean_lines(const char *s, size_t bytes, size_t max_bytes);

bool text_is_utf8(const char *s, size_t bytes); /* RFC 3629, no overlongs */

/* Columns that clean text takes in a terminal. */
int text_width(const char *s);

/* Bytes of `s` that fit in `columns`, whole clusters only; `*used` (may be
 * NULL) gets the columns taken. */
size_t text_fit(const char *s, int columns, int *used);

/* Writes `s` into `out` cut to `columns`; when cut, the last column is an
 * ellipsis (U+2026, or '~' if `ascii`). `out_bytes` caps the result, always
 * NUL-ended. Returns the columns written. */
int text_clip(char *out, size_t out_bytes, const char *s, int columns,
	      bool ascii);

/* Replaces every non-ASCII cluster by '?', in place: for terminals without
 * UTF-8. */
void text_to_ascii(char *s);

/* The entry of `names` (NULL-ended) that is nearest to `word` by edit
 * distance, or NULL if none is near enough to be what was meant. Lent. */
const char *text_nearest(const char *word, const char *const *names);

/* `s` into `out`, cut to what fits. Returns `out`. */
char *text_copy(char *out, size_t out_bytes, const char *s);

/* "-1234" into `out`, behind `prefix`, which has at most 3 bytes. Returns `out`.
 */
#define TEXT_INT_BYTES 24
char *text_int(char out[TEXT_INT_BYTES], const char *prefix, long long n);

/* "1,234,567" into `out` (at least 28 bytes). Returns `out`. */
char *text_thousands(char *out, size_t out_bytes, long long n);

/* "1 vote", "1,204 votes": of a word that takes an s. `out` as above and room
 * for the word. Returns `out`. */
char *text_counted(char *out, size_t out_bytes, long long n, const char *one);

/* A duration for people: "0:42", "12:05", "1:02:03"; negative is "-0:05".
 * Returns `out` (at least 24 bytes). */
char *text_duration(char *out, size_t out_bytes, long long ms);

/* What people write for a time: "90s", "10m", "1h", "500ms", and a number
 * alone, which is ms; figures may be grouped ("600,000"). -1 when it is none,
 * or is beyond TEXT_MS_MOST. */
#define TEXT_MS_MOST (1000LL * 366 * 24 * 3600)
long long text_read_ms(const char *text);

#endif
