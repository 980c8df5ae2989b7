#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define BUF_FIRST_BYTES	  64
#define ARENA_BLOCK_BYTES 4096
/* Up to here glibc's malloc takes from the thread's cache, and its calloc does
 * not. */
#define CACHED_BYTES 1024

void *xmalloc(size_t bytes)
{
	void *p = malloc(bytes ? bytes : 1);
	REQUIRE(p != NULL);
	return p;
}

void *xcalloc(size_t count, size_t bytes)
{
	size_t total;
	if (!count || !bytes)
		count = bytes = 1;
	bool small = !__builtin_mul_overflow(count, bytes, &total) &&
		     total <= CACHED_BYTES;
	void *p = small ? malloc(total) : calloc(count, bytes);
	REQUIRE(p != NULL);
	return small ? memset(p, 0, total) : p;
}

void *xrealloc(void *p, size_t bytes)
{
	p = realloc(p, bytes ? bytes : 1);
	REQUIRE(p != NULL);
	return p;
}

void *xreallocarray(void *p, size_t count, size_t bytes)
{
	size_t total;
	REQUIRE(!__builtin_mul_overflow(count, bytes, &total));
	return xrealloc(p, total);
}

char *xstrdup(const char *s)
{
	if (!s)
		return NULL;
	size_t bytes = strlen(s) + 1;
	return memcpy(xmalloc(bytes), s, bytes);
}

char *xstrndup(const char *s, size_t bytes)
{
	size_t len = strnlen(s, bytes);
	char *copy = xmalloc(len + 1);
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *s = NULL;
	REQUIRE(vasprintf(&s, fmt, ap) >= 0);
	return s;
}

char *xconcat(const char *first, ...)
{
	size_t bytes = 1;
	va_list ap, again;
	va_start(ap, first);
	va_copy(again, ap);
	for (const char *s = first; s; s = va_arg(ap, const char *))
		bytes += strlen(s);
	char *text = xmalloc(bytes), *end = text;
	*end = '\0';
	for (const char *s = first; s; s = va_arg(again, const char *))
		end = stpcpy(end, s);
	va_end(again);
	va_end(ap);
	return text;
}

void buf_reserve(struct buf *b, size_t more)
{
	REQUIRE(more < SIZE_MAX / 2 - b->len);
	size_t need = b->len + more + 1;
	if (need <= b->cap)
		return;
	size_t cap = b->cap ? b->cap : BUF_FIRST_BYTES;
	while (cap < need)
		cap *= 2;
	b->data = xrealloc(b->data, cap);
	b->cap = cap;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	buf_reserve(b, len);
	if (len)
		memcpy(b->data + b->len, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	buf_reserve(b, 1);
	b->data[b->len++] = c;
	b->data[b->len] = '\0';
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	buf_reserve(b, 0);
	size_t room = b->cap - b->len;
	int n = vsnprintf(b->data + b->len, room, fmt, ap);
	REQUIRE(n >= 0);
	if ((size_t)n >= room) {
		buf_reserve(b, (size_t)n);
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
	}
	b->len += (size_t)n;
	va_end(again);
	va_end(ap);
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
	char *s = b->data ? b->data : xcalloc(1, 1);
	*b = (struct buf){0};
	return s;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

void buf_release(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

struct arena_block {
	struct arena_block *next;
	size_t used, cap;
	max_align_t data[];
};

static struct arena_block *arena_grow(struct arena *a, size_t bytes)
{
	size_t cap = ARENA_BLOCK_BYTES;
	/* A large thing has a block of its own, behind the one in use, whose
	 * rest then still serves small things. */
	bool alone = bytes > ARENA_BLOCK_BYTES / 4;
	if (alone)
		cap = bytes;
	struct arena_block *block = xcalloc(1, sizeof *block + cap);
	block->cap = cap;
	if (alone && a->blocks) {
		block->next = a->blocks->next;
		a->blocks->next = block;
	} else {
		block->next = a->blocks;
		a->blocks = block;
	}
	return block;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	const size_t align = _Alignof(max_align_t);
	REQUIRE(bytes < SIZE_MAX / 2);
	bytes = (bytes + align - 1) / align * align;
	struct arena_block *block = a->blocks;
	if (!block || block->cap - block->used < bytes)
		block = arena_grow(a, bytes);
	char *p = (char *)block->data + block->used;
	block->used += bytes;
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t bytes)
{
	size_t len = strnlen(s, bytes);
	char *copy = arena_alloc(a, len + 1);
	memcpy(copy, s, len);
	return copy;
}

void arena_release(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;
		free(a->blocks);
		a->blocks = next;
	}
}
