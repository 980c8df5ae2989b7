/*
 * mem: allocation that cannot fail, a growing byte buffer, an arena.
 *
 * No memory is the third kind of failure: these abort. Whoever passes a size
 * that came from outside has capped it before. Any thread.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

void *xmalloc(size_t bytes) __attribute__((malloc, warn_unused_result));
void *xcalloc(size_t count, size_t bytes) __attribute__((malloc));
void *xrealloc(void *p, size_t bytes);
/* Grows `p` to hold `count` items of `bytes` each; the product is checked. */
void *xreallocarray(void *p, size_t count, size_t bytes);
char *xstrdup(const char *s) __attribute__((malloc));          /* NULL -> NULL */
char *xstrndup(const char *s, size_t bytes) __attribute__((malloc));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap)
	__attribute__((format(printf, 1, 0)));

/* The strings up to a NULL, one behind the other: for what is made at every
 * event, since printf() takes several times as long. */
char *xconcat(const char *first, ...) __attribute__((sentinel));

/* Makes room for one more item in a plain array: doubles `*cap` when full. */
#define GROW(array, count, cap)                                                \
	do {                                                                   \
		if ((count) == (cap)) {                                        \
			(cap) = (cap) ? (cap) * 2 : 8;                         \
			(array) = xreallocarray((array), (cap),                \
						sizeof *(array));              \
		}                                                              \
	} while (0)

#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

/* A growing byte string, always followed by a NUL that `len` does not count.
 * All zero is an empty buffer. */
struct buf {
	char *data;
	size_t len, cap;
};

void buf_reserve(struct buf *b, size_t more); /* room for so many and a NUL */
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
const char *buf_str(const struct buf *b); /* never NULL; lent */
char *buf_take(struct buf *b);            /* caller frees; b is empty after */
void buf_clear(struct buf *b);            /* keeps the memory */
void buf_release(struct buf *b);

/* Things that die together. All zero is an empty arena. */
struct arena {
	struct arena_block *blocks;
};

void *arena_alloc(struct arena *a, size_t bytes); /* zeroed, aligned */
char *arena_strdup(struct arena *a, const char *s); /* NULL -> NULL */
char *arena_strndup(struct arena *a, const char *s, size_t bytes);
void arena_release(struct arena *a);

#endif
