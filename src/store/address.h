/*
 * address: where the show's Redis is: a URL redis://[user@]host[:port][/db] or
 * unix:///path[?db=N], or a bare socket path.
 *
 * A password never stands in a URL of ours (it would show in the process list):
 * it comes from $SHOWCALLER_REDIS_PASSWORD, or from the file that
 * $SHOWCALLER_REDIS_PASSWORD_FILE names. A URL with one is refused.
 */
#ifndef STORE_ADDRESS_H
#define STORE_ADDRESS_H

#include "base/err.h"

struct address {
	char *url;      /* as shown to people; no password in it */
	char *path;     /* unix socket, or NULL */
	char *host;     /* TCP, or NULL */
	int port;
	int db;
	char *user;     /* ACL user, or NULL */
	char *password; /* or NULL */
};

/* NULL with err (ERR_USAGE or ERR_CONFIG). */
struct address *address_parse(const char *url, struct err *err);
struct address *address_clone(const struct address *address);
void address_free(struct address **address);

/* A running core writes where its Redis is to <state dir>/address (0600), so
 * that attach, status and the rest find it by the show's name. */
bool address_save(const struct address *address, const char *show,
		  struct err *err);
/* NULL with err (ERR_UNAVAILABLE: no such show has run here). */
struct address *address_of_show(const char *show, struct err *err);
/* It is that of the private server of a show with this folder. */
bool address_is_private(const struct address *address, const char *state_dir);

#endif
