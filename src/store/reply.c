#include "store/reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define FEW		8 /* values of a small answer */
#define SMALL_BYTES	1024
#define BLOCK_BYTES	(64 * 1024)
#define KEPT_READ_BYTES (256 * 1024) /* of the reader's empty buffer */
#define MAX_VALUES	(1 << 24)    /* in one array */

struct block {
	struct block *next;
	max_align_t bytes[];
};

/* The outermost value, and where those in it are. */
struct whole {
	redisReply reply; /* first, so that one address names both */
	struct block *blocks;
	char *free, *end;
	size_t block_bytes;
};

static void *add_block(struct whole *w, size_t bytes)
{
	struct block *b = xmalloc(sizeof *b + bytes);
	b->next = w->blocks;
	w->blocks = b;
	return b->bytes;
}

static void *take(struct whole *w, size_t bytes)
{
	const size_t align = _Alignof(max_align_t);
	bytes = (bytes + align - 1) / align * align;
	if (bytes > w->block_bytes / 4)
		return add_block(w, bytes);
	if ((size_t)(w->end - w->free) < bytes) {
		w->free = add_block(w, w->block_bytes);
		w->end = w->free + w->block_bytes;
	}
	char *p = w->free;
	w->free += bytes;
	return p;
}

static struct whole *whole_of(const redisReadTask *task)
{
	while (task->parent)
		task = task->parent;
	return task->obj;
}

/* A value of that type with `more` bytes behind it, in its place. */
static redisReply *make(const redisReadTask *task, int type, size_t more)
{
	redisReply *r;
	if (task->parent) {
		redisReply *around = task->parent->obj;
		r = take(whole_of(task), sizeof *r + more);
		around->element[task->idx] = r;
	} else {
		struct whole *w = xmalloc(sizeof *w + more);
		*w = (struct whole){.block_bytes = SMALL_BYTES};
		r = &w->reply;
	}
	*r = (redisReply){.type = type};
	return r;
}

static void *make_string(const redisReadTask *task, char *s, size_t len)
{
	size_t head = task->parent ? sizeof(redisReply) : sizeof(struct whole);
	redisReply *r = make(task, task->type, len + 1);
	r->str = (char *)r + head;
	memcpy(r->str, s, len);
	r->str[len] = '\0';
	r->len = len;
	return r;
}

static void *make_array(const redisReadTask *task, int elements)
{
	if (elements > MAX_VALUES)
		return NULL;
	redisReply *r = make(task, REDIS_REPLY_ARRAY, 0);
	struct whole *w = task->parent ? whole_of(task) : (struct whole *)r;
	if (!task->parent && elements > FEW)
		w->block_bytes = BLOCK_BYTES;
	r->elements = (size_t)elements;
	if (elements > 0) {
		size_t bytes = r->elements * sizeof *r->element;
		r->element = memset(take(w, bytes), 0, bytes);
	}
	return r;
}

static void *make_integer(const redisReadTask *task, long long value)
{
	redisReply *r = make(task, REDIS_REPLY_INTEGER, 0);
	r->integer = value;
	return r;
}

static void *make_nil(const redisReadTask *task)
{
	return make(task, REDIS_REPLY_NIL, 0);
}

static void free_whole(void *reply)
{
	struct whole *w = reply;
	while (w && w->blocks) {
		struct block *next = w->blocks->next;
		free(w->blocks);
		w->blocks = next;
	}
	free(w);
}

void reply_free(redisReply *reply)
{
	free_whole(reply);
}

void reply_prepare(redisReader *reader)
{
	static redisReplyObjectFunctions functions = {
		.createString = make_string,
		.createArray = make_array,
		.createInteger = make_integer,
		.createNil = make_nil,
		.freeObject = free_whole,
	};
	reader->fn = &functions;
	reader->maxbuf = KEPT_READ_BYTES;
}

void reply_taken(redisReader **reader, const redisReply *reply)
{
	const redisReader *r = *reader;
	if (reply->len <= KEPT_READ_BYTES || r->len > r->pos || r->ridx >= 0)
		return;
	redisReader *next = redisReaderCreate();
	REQUIRE(next != NULL);
	reply_prepare(next);
	redisReaderFree(*reader);
	*reader = next;
}

bool reply_is_too_large(const redisReader *reader)
{
	return reader->len - reader->pos > REPLY_MAX_BYTES;
}
