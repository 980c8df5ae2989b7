#include "base/mailbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

struct mailbox {
	struct mailbox *self; /* mailbox_fd takes a const and arms the bell */
	pthread_mutex_t lock;
	pthread_cond_t not_empty, not_full;
	int takers, posters; /* threads that wait on each */
	void **ring;
	size_t capacity, first, count;
	bool closed;
	uint64_t refused;
	void (*drop)(void *);

	/* The bell is rung only once somebody has asked for the descriptor: a
	 * queue that threads wait on (the pool) then costs no system call. */
	int bell_fd;
	bool bell_wanted, bell_rung;
};

struct mailbox *mailbox_new(size_t capacity, void (*drop)(void *))
{
	REQUIRE(capacity > 0);
	struct mailbox *box = xcalloc(1, sizeof *box);
	box->self = box;
	box->ring = xcalloc(capacity, sizeof *box->ring);
	box->capacity = capacity;
	box->drop = drop;
	box->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	REQUIRE(box->bell_fd >= 0);
	REQUIRE(pthread_mutex_init(&box->lock, NULL) == 0);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	REQUIRE(pthread_cond_init(&box->not_empty, &attr) == 0);
	REQUIRE(pthread_cond_init(&box->not_full, &attr) == 0);
	pthread_condattr_destroy(&attr);
	return box;
}

void mailbox_free(struct mailbox **box_ptr)
{
	struct mailbox *box = *box_ptr;
	if (!box)
		return;
	*box_ptr = NULL;
	REQUIRE(box->takers == 0 && box->posters == 0);
	for (size_t i = 0; box->drop && i < box->count; i++)
		box->drop(box->ring[(box->first + i) % box->capacity]);
	close(box->bell_fd);
	pthread_cond_destroy(&box->not_empty);
	pthread_cond_destroy(&box->not_full);
	pthread_mutex_destroy(&box->lock);
	free(box->ring);
	free(box);
}

/* Makes the descriptor say what is true. Under the lock. */
static void bell_update(struct mailbox *box)
{
	bool ring = box->count > 0 || box->closed;
	if (!box->bell_wanted || ring == box->bell_rung)
		return;
	uint64_t n = 1;
	if (ring)
		REQUIRE(write(box->bell_fd, &n, sizeof n) == sizeof n);
	else
		REQUIRE(read(box->bell_fd, &n, sizeof n) == sizeof n);
	box->bell_rung = ring;
}

static void put(struct mailbox *box, void **value)
{
	box->ring[(box->first + box->count) % box->capacity] = *value;
	*value = NULL;
	box->count++;
	bell_update(box);
	if (box->takers)
		pthread_cond_signal(&box->not_empty);
}

static void *take(struct mailbox *box)
{
	if (!box->count)
		return NULL;
	void *value = box->ring[box->first];
	box->first = (box->first + 1) % box->capacity;
	box->count--;
	bell_update(box);
	if (box->posters)
		pthread_cond_signal(&box->not_full);
	return value;
}

static struct timespec deadline_in(int ms)
{
	struct timespec t;
	REQUIRE(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000L;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* One wait on `cond`; false when the deadline has passed. */
static bool wait_once(struct mailbox *box, pthread_cond_t *cond, int *waiting,
		      const struct timespec *deadline)
{
	(*waiting)++;
	int rc = deadline ? pthread_cond_timedwait(cond, &box->lock, deadline)
			  : pthread_cond_wait(cond, &box->lock);
	(*waiting)--;
	return rc == 0;
}

bool mailbox_post_(struct mailbox *box, void **value)
{
	return mailbox_post_wait_(box, value, 0);
}

size_t mailbox_post_all_(struct mailbox *box, void **values, size_t count)
{
	size_t n = 0;
	pthread_mutex_lock(&box->lock);
	while (n < count && !box->closed && box->count < box->capacity) {
		REQUIRE(values[n] != NULL);
		put(box, &values[n++]);
	}
	if (!box->closed)
		box->refused += count - n;
	pthread_mutex_unlock(&box->lock);
	return n;
}

bool mailbox_post_wait_(struct mailbox *box, void **value, int timeout_ms)
{
	REQUIRE(*value != NULL); /* NULL is how mailbox_take says "nothing" */
	pthread_mutex_lock(&box->lock);
	bool full = box->count == box->capacity;
	if (full && !box->closed && timeout_ms != 0) {
		struct timespec at =
			deadline_in(timeout_ms > 0 ? timeout_ms : 0);
		bool in_time = true;
		while (in_time && full && !box->closed) {
			in_time = wait_once(box, &box->not_full, &box->posters,
					    timeout_ms < 0 ? NULL : &at);
			full = box->count == box->capacity;
		}
	}
	bool ok = !full && !box->closed;
	if (ok)
		put(box, value);
	else if (!box->closed)
		box->refused++;
	pthread_mutex_unlock(&box->lock);
	return ok;
}

void *mailbox_take(struct mailbox *box)
{
	pthread_mutex_lock(&box->lock);
	void *value = take(box);
	pthread_mutex_unlock(&box->lock);
	return value;
}

void *mailbox_wait(struct mailbox *box, int timeout_ms)
{
	pthread_mutex_lock(&box->lock);
	if (!box->count && !box->closed && timeout_ms != 0) {
		struct timespec at =
			deadline_in(timeout_ms > 0 ? timeout_ms : 0);
		bool in_time = true;
		while (in_time && !box->count && !box->closed)
			in_time = wait_once(box, &box->not_empty, &box->takers,
					    timeout_ms < 0 ? NULL : &at);
	}
	void *value = take(box);
	pthread_mutex_unlock(&box->lock);
	return value;
}

int mailbox_fd(const struct mailbox *box)
{
	struct mailbox *b = box->self;
	pthread_mutex_lock(&b->lock);
	b->bell_wanted = true;
	bell_update(b);
	pthread_mutex_unlock(&b->lock);
	return b->bell_fd;
}

void mailbox_close(struct mailbox *box)
{
	pthread_mutex_lock(&box->lock);
	box->closed = true;
	bell_update(box);
	pthread_cond_broadcast(&box->not_empty);
	pthread_cond_broadcast(&box->not_full);
	pthread_mutex_unlock(&box->lock);
}

bool mailbox_closed(struct mailbox *box)
{
	pthread_mutex_lock(&box->lock);
	bool closed = box->closed;
	pthread_mutex_unlock(&box->lock);
	return closed;
}

uint64_t mailbox_refused(struct mailbox *box)
{
	pthread_mutex_lock(&box->lock);
	uint64_t refused = box->refused;
	pthread_mutex_unlock(&box->lock);
	return refused;
}
