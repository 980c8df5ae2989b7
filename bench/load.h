/*
 * load: many HTTP clients of one server, in one thread: connections that stay
 * open, requests that were made before, one epoll. It parses no more than it
 * needs to see the end of an answer, because it shares the processors with what
 * it measures.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdint.h>

struct load {
	int port, clients, total;
	const char *request; /* whole, as it goes over the wire */
	/* NULL: always that. Else what a client asks behind its last answer
	 * (NULL: none yet), if it is another one; load.c frees it. */
	char *(*next)(const struct load *l, const char *answer);
	char **texts; /* NULL; else each one of its own */
	/* Not NULL: they are messages of a WebSocket at this path, and an answer
	 * is a message with this text; others are let pass. */
	const char *ws_path, *ws_answer;
	int64_t stagger_us;  /* between the first requests of two clients */
	double pace_us;	     /* between two requests of all; 0: each client
				asks again at once. Then a time counts from
				when the request was due. */
	/* What came of it; load_release() frees it. */
	double *first_ms, *whole_ms;
	int done, bad; /* bad: not 200; the first one is on stderr */
	double seconds;
};

void load_run(struct load *l);
void load_release(struct load *l);

/* A POST of JSON with a bearer key. Caller frees. */
char *load_post(const char *path, const char *key, const char *body);

#endif
