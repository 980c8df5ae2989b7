/*
 * mail: one message handed to a mail server by SMTP (RFC 5321, with STARTTLS of
 * RFC 3207), by libcurl. Blocking; any thread. Private to jobs/.
 */
#ifndef JOBS_MAIL_H
#define JOBS_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "jobs/stop.h"
#include "show/show.h"

struct mail {
	const char *url; /* smtp://host:port or smtps:// */
	const char *from;
	const struct show_names *to;
	const char *user, *password; /* NULL: no log-in */
	const char *subject;	     /* ASCII, one line */
	const char *text;	     /* UTF-8, lines */
	int64_t timeout_ms;
	const struct stop *stop;
};

/* False with err: ERR_CONFIG when the server will never take it so, else
 * ERR_UNAVAILABLE: it may later. A password goes over TLS only, but to this very
 * machine. */
bool mail_send(const struct mail *mail, struct err *err);

#endif
