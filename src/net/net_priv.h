/*
 * net_priv: what the threads of net share. struct net is filled in by
 * net_start() before any thread and only read afterwards.
 */
#ifndef NET_NET_PRIV_H
#define NET_NET_PRIV_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"
#include "net/voter.h"

struct web; /* the web thread, web.h */
struct ws;  /* the ws thread, ws.h */

/* The two listeners. */
enum side_id { SIDE_OPERATOR, SIDE_AUDIENCE, SIDES };

struct net {
	struct show *show;
	char *token;
	char *state_dir; /* NULL: nothing is written */
	char *redis_url; /* NULL: none */
	const char *redis_fsync;
	char *addr[SIDES]; /* as bound, "host:port" */
	bool rehearsal;
	struct net_limits limits; /* none is 0 */
	char voter_secret[VOTER_SECRET_BYTES];
	struct mailbox *engine;
	struct web *web;
	struct ws *ws;
};

/* Starts a thread with every signal blocked: signals are the engine's. `name`
 * is what ps and top say, 15 characters at most. */
bool net_thread(pthread_t *thread, const char *name, void *(*run)(void *),
		void *arg, struct err *err);

/* The password of `what` (for the log), from the environment or a file beside
 * the show; NULL: none is named, or the log says why not. Caller frees. */
char *net_password(const struct net *net, const char *env, const char *file,
		   const char *what);

#endif
