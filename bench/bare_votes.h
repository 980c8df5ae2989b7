/*
 * bare_votes: what counting a vote costs by itself. A server of one thread: an
 * epoll, requests of HTTP or frames of a WebSocket on connections that stay
 * open, and one pipelined connection to Redis, on which each vote is a call of
 * the script that the program runs. It looks at no signature, refuses nothing
 * and knows of nothing else. Ends with who started it.
 */
#ifndef BENCH_BARE_VOTES_H
#define BENCH_BARE_VOTES_H

#include <sys/types.h>

/* A process of its own; `*port` on the loopback. */
pid_t bare_votes_start(const char *redis_socket, int *port);

#endif
