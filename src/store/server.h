/*
 * server: a private redis-server for one show: a unix socket in the show's
 * state folder (0700), `appendonly yes`, no TCP, ended with the show. If one is
 * already running there (the core died, it did not) it is taken over.
 */
#ifndef STORE_SERVER_H
#define STORE_SERVER_H

#include <stdbool.h>

#include "base/err.h"
#include "store/address.h"

struct redis_server;

/* Starts it and waits until it answers (LOADING included). NULL with err:
 * ERR_UNAVAILABLE when redis-server is not installed (names the package),
 * ERR_CONFIG when the folder cannot be written or the path is too long.
 * `fsync`: its appendfsync, also of one that runs already; NULL: as it is, or
 * always. */
struct redis_server *redis_server_start(const char *state_dir,
					const char *fsync, struct err *err);
const struct address *redis_server_address(const struct redis_server *s);
/* Starts it again if its process has ended (at most once a second) and returns
 * at once; the writer reconnects by itself. For the engine, while
 * writer_away_ms() is not 0. False with err when it cannot be started. */
bool redis_server_keep(struct redis_server *s, struct err *err);
/* Orderly SHUTDOWN, waits for its end. */
void redis_server_stop(struct redis_server **s);
/* Forgets it and lets it run: what a core does that was fenced, because the
 * server is then another core's. */
void redis_server_leave(struct redis_server **s);

#endif
