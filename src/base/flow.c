#include "base/flow.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct flow {
	atomic_int refs;
	size_t max_bytes;
	char id[64];
	void (*ring_reader)(void *ctx, const char *id);
	void *reader;

	pthread_mutex_t lock; /* of all below */
	void (*ring_writer)(void *ctx);
	void *writer;
	struct flow_head head;
	bool begun, left, writer_waits;
	enum flow_end end;
	struct buf bytes;
	size_t taken; /* of them */
};

struct flow *flow_new(size_t max_bytes, void (*ring)(void *, const char *),
		      void *ctx, const char *id)
{
	struct flow *f = xcalloc(1, sizeof *f);
	atomic_init(&f->refs, 1);
	f->max_bytes = max_bytes;
	f->ring_reader = ring;
	f->reader = ctx;
	snprintf(f->id, sizeof f->id, "%s", id);
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

struct flow *flow_ref(struct flow *f)
{
	if (f)
		atomic_fetch_add(&f->refs, 1);
	return f;
}

void flow_unref(struct flow **flow)
{
	struct flow *f = *flow;
	*flow = NULL;
	if (!f || atomic_fetch_sub(&f->refs, 1) != 1)
		return;
	buf_release(&f->bytes);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static size_t waiting(const struct flow *f)
{
	return f->bytes.len - f->taken;
}

/* --- the writer ----------------------------------------------------------- */

void flow_set_bell(struct flow *f, void (*ring)(void *), void *ctx)
{
	pthread_mutex_lock(&f->lock);
	f->ring_writer = ring;
	f->writer = ctx;
	pthread_mutex_unlock(&f->lock);
}

static void ring_reader(struct flow *f)
{
	if (f->ring_reader)
		f->ring_reader(f->reader, f->id);
}

void flow_begin(struct flow *f, const struct flow_head *head)
{
	pthread_mutex_lock(&f->lock);
	bool first = !f->begun && !f->left;
	if (first) {
		f->begun = true;
		f->head = *head;
	}
	pthread_mutex_unlock(&f->lock);
	if (first)
		ring_reader(f);
}

bool flow_has_room(struct flow *f)
{
	pthread_mutex_lock(&f->lock);
	bool room = f->left || waiting(f) < f->max_bytes;
	if (!room)
		f->writer_waits = true;
	pthread_mutex_unlock(&f->lock);
	return room;
}

void flow_put(struct flow *f, const void *data, size_t bytes)
{
	if (!bytes)
		return;
	pthread_mutex_lock(&f->lock);
	bool keep = !f->left && f->end == FLOW_GOES_ON;
	bool wake = keep && waiting(f) == 0;
	if (keep)
		buf_add(&f->bytes, data, bytes);
	pthread_mutex_unlock(&f->lock);
	if (wake)
		ring_reader(f);
}

void flow_finish(struct flow *f, enum flow_end end)
{
	pthread_mutex_lock(&f->lock);
	bool first = f->end == FLOW_GOES_ON;
	if (first)
		f->end = end;
	bool wake = first && !f->left;
	pthread_mutex_unlock(&f->lock);
	if (wake)
		ring_reader(f);
}

bool flow_is_left(struct flow *f)
{
	pthread_mutex_lock(&f->lock);
	bool left = f->left;
	pthread_mutex_unlock(&f->lock);
	return left;
}

/* --- the reader ----------------------------------------------------------- */

bool flow_read_head(struct flow *f, struct flow_head *head)
{
	pthread_mutex_lock(&f->lock);
	bool begun = f->begun;
	*head = f->head;
	pthread_mutex_unlock(&f->lock);
	return begun;
}

/* The writer's bell is rung under the lock, so that one that was taken away is
 * never rung again. It only wakes, and takes no lock of ours. */
static void ring_writer(struct flow *f)
{
	f->writer_waits = false;
	if (f->ring_writer)
		f->ring_writer(f->writer);
}

size_t flow_take(struct flow *f, char *room, size_t max, enum flow_end *end)
{
	pthread_mutex_lock(&f->lock);
	size_t n = waiting(f);
	*end = n ? FLOW_GOES_ON : f->end;
	if (n > max)
		n = max;
	if (n)
		memcpy(room, f->bytes.data + f->taken, n);
	f->taken += n;
	if (f->taken == f->bytes.len) {
		buf_clear(&f->bytes);
		f->taken = 0;
	}
	if (f->writer_waits && waiting(f) <= f->max_bytes / 2)
		ring_writer(f);
	pthread_mutex_unlock(&f->lock);
	return n;
}

enum flow_end flow_look(struct flow *f, size_t *bytes)
{
	pthread_mutex_lock(&f->lock);
	enum flow_end end = f->end;
	*bytes = waiting(f);
	pthread_mutex_unlock(&f->lock);
	return end;
}

void flow_leave(struct flow *f)
{
	pthread_mutex_lock(&f->lock);
	if (!f->left) {
		f->left = true;
		buf_release(&f->bytes);
		f->taken = 0;
		ring_writer(f);
	}
	pthread_mutex_unlock(&f->lock);
}
