/*
 * link: one connection to Redis that waits: for the tail, the feed, the
 * command line, and what the writer asks before the show runs. Built on
 * hiredis's connect and reader; the bytes are sent by ourselves, because
 * hiredis 0.14 writes without MSG_NOSIGNAL and its time-outs are lost on a
 * reconnect. One thread a link. Private to store/.
 */
#ifndef STORE_LINK_H
#define STORE_LINK_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "store/address.h"
#include "store/reply.h"

#define LINK_CONNECT_MS	    3000
#define LINK_ASK_MS	    5000
#define LINK_BACKOFF_MIN_MS 50
#define LINK_BACKOFF_MAX_MS 2000

struct link {
	redisContext *c;
	struct buf out; /* whole commands, not sent yet */
	int64_t redis_ms; /* its clock was so far ahead of our monotonic one
			     (ms); 0: it was not asked. bus.c */
};

/* Connects, authenticates, selects the database and names the connection.
 * NULL with err: ERR_UNAVAILABLE (away, with the address), or what
 * refusal_of() says. */
struct link *link_open(const struct address *address, const char *name,
		       struct err *err);
void link_close(struct link **link);

/* Queue a command: all strings, the last one NULL. Goes out with the next
 * link_flush() or link_ask(). */
void link_add(struct link *link, ...) __attribute__((sentinel));
bool link_flush(struct link *link, struct err *err);

enum link_got {
	LINK_REPLY,   /* *reply is set; reply_free() */
	LINK_NOTHING, /* the time is over */
	LINK_STOP,    /* stop_fd is readable */
	LINK_DOWN,    /* err says why; close it */
};

/* The next reply. Waits up to `timeout_ms` (-1: for ever); `stop_fd` -1: none.
 * An error reply is a LINK_REPLY too. */
enum link_got link_take(struct link *link, int stop_fd, int timeout_ms,
			redisReply **reply, struct err *err);

/* Reads what is there without waiting; false (with err) when it is down. For
 * threads that poll several links: then link_take() with time-out 0. */
bool link_read(struct link *link, struct err *err);

/* Sends what is queued and waits LINK_ASK_MS for one reply. NULL with err when
 * it is down, or the reply was an error (`what` says in what). */
redisReply *link_ask(struct link *link, const char *what, struct err *err);

/* The string at place `i` of an array reply; "" if there is none. Lent. */
const char *reply_str(const redisReply *reply, size_t i);

/* The name under which connections appear in CLIENT LIST. Caller frees. */
char *link_name(const char *show, const char *role);

/* AUTH, SELECT and CLIENT SETNAME into `out`, `*count` commands; answers are
 * judged by link_greeting_ok(), in order. */
void link_greet(struct buf *out, const struct address *address,
		const char *name, int *count);
bool link_greeting_ok(const redisReply *reply, struct err *err);

/* The next delay: doubles from LINK_BACKOFF_MIN_MS to LINK_BACKOFF_MAX_MS. */
int link_backoff(int *delay_ms);

#endif
