/* fmt: figures as they stand on the screen. Pure; each writes into `out` and
 * returns it. FMT_BYTES is always enough. */
#ifndef CONSOLE_FMT_H
#define CONSOLE_FMT_H

#include <stddef.h>
#include <stdint.h>

#define FMT_BYTES 32

/* "00:42:17" */
const char *fmt_clock(char *out, int64_t ms);
/* "3.2s" below a minute, then "1:05" */
const char *fmt_elapsed(char *out, int64_t ms);
/* "" below a minute, then "12m", "3h", "5d" */
const char *fmt_age(char *out, int64_t ms);
/* Time left, rounded up: "0:21" until the very end. */
const char *fmt_left(char *out, int64_t ms);
/* "1,234" */
const char *fmt_count(char *out, int64_t n);
/* "1 vote", "1,234 votes" */
const char *fmt_votes(char *out, int64_t n);
/* "940", "1.9k", "12k", "3.4M" */
const char *fmt_short(char *out, double n);
/* "12.34": millionths of a currency unit */
const char *fmt_money(char *out, int64_t micros);

#endif
