/*
 * server: a private redis-server for one show: a unix socket in the show's
 * state folder (0700), `appendonly yes`, `appendfsync always`, no TCP, ended
 * with the show. If one is already running there (the core died, it did not)
 * it is taken over.
 */
#ifndef STORE_SERVER_H
#define STORE_SERVER_H

#include <stdbool.h>

#include "base/err.h"
#include "store/address.h"

struct redis_server;

/* Starts it and waits until it answers (LOADING included). NULL with err:
 * ERR_UNAVAILABLE when redis-server is not installed (names the package),
 * ERR_CONFIG when the folder cannot be written or the path is too long. */
struct redis_server *redis_server_start(const char *state_dir,
					struct err *err);
const struct address *redis_server_address(const struct redis_server *s);
/* Orderly SHUTDOWN, waits for its end. */
void redis_server_stop(struct redis_server **s);

#endif
