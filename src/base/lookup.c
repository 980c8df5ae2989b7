#include "base/lookup.h"

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

/* Of two holders, the one who asked and the thread. */
struct lookup {
	pthread_mutex_t lock;
	int refs;
	bool done;
	char *host;
	void (*ring)(void *ctx); /* NULL: nobody waits */
	void *ctx;
	struct lookup_found found;
};

static void unref(struct lookup *l)
{
	pthread_mutex_lock(&l->lock);
	bool last = --l->refs == 0;
	pthread_mutex_unlock(&l->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l->host);
	free(l);
}

static void find(const char *host, int flags, struct lookup_found *found)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
	struct addrinfo *list = NULL;
	int error = getaddrinfo(host, NULL, &hints, &list);
	memset(found, 0, sizeof *found);
	if (error) {
		found->why = gai_strerror(error);
		return;
	}
	for (struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		char *to = found->addr[found->count];
		if (getnameinfo(ai->ai_addr, ai->ai_addrlen, to,
				LOOKUP_ADDR_BYTES, NULL, 0,
				NI_NUMERICHOST) == 0)
			found->count++;
		if (found->count == LOOKUP_MAX)
			break;
	}
	freeaddrinfo(list);
	if (!found->count)
		found->why = "it has no address";
}

static void *run(void *arg)
{
	struct lookup *l = arg;
	struct lookup_found found;
	find(l->host, 0, &found);
	pthread_mutex_lock(&l->lock);
	l->found = found;
	l->done = true;
	/* Under the lock: whoever drops us waits until it has rung. */
	if (l->ring)
		l->ring(l->ctx);
	pthread_mutex_unlock(&l->lock);
	unref(l);
	return NULL;
}

struct lookup *lookup_start(const char *host, void (*ring)(void *ctx),
			    void *ctx)
{
	struct lookup *l = xcalloc(1, sizeof *l);
	pthread_t thread;
	pthread_mutex_init(&l->lock, NULL);
	l->refs = 1;
	find(host, AI_NUMERICHOST, &l->found);
	if (l->found.count) {
		l->done = true;
		return l;
	}
	l->host = xstrdup(host);
	l->ring = ring;
	l->ctx = ctx;
	l->refs = 2;
	if (pthread_create(&thread, NULL, run, l)) {
		l->refs = 1;
		l->done = true;
		l->found.why = "the system has no thread left";
	} else {
		pthread_detach(thread);
	}
	return l;
}

bool lookup_take(struct lookup **lookup, struct lookup_found *found)
{
	struct lookup *l = *lookup;
	pthread_mutex_lock(&l->lock);
	bool done = l->done;
	if (done)
		*found = l->found;
	pthread_mutex_unlock(&l->lock);
	if (done)
		lookup_drop(lookup);
	return done;
}

void lookup_drop(struct lookup **lookup)
{
	struct lookup *l = *lookup;
	*lookup = NULL;
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->ring = NULL;
	pthread_mutex_unlock(&l->lock);
	unref(l);
}
