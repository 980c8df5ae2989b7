/*
 * http_peer: an HTTP server for tests, on a free port of 127.0.0.1, that
 * answers well or badly as the path says (the table in http_peer.c). A thread a
 * connection, one request a connection.
 */
#ifndef TESTS_HTTP_PEER_H
#define TESTS_HTTP_PEER_H

#include <stdbool.h>

struct http_peer;

struct http_peer *http_peer_start(void);
void http_peer_stop(struct http_peer **peer); /* ends all connections */
int http_peer_port(const struct http_peer *peer);

/* Requests that were read to their end. */
int http_peer_requests(struct http_peer *peer);

/* Wait until so many requests were read, or no connection is open any more.
 * False after 10 s. */
bool http_peer_wait_requests(struct http_peer *peer, int requests);
bool http_peer_wait_closed(struct http_peer *peer);

/* The last request as it came, headers and body. Caller frees. */
char *http_peer_last(struct http_peer *peer);

#endif
