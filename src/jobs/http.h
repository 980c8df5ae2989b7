/*
 * http: one HTTP/1.1 exchange, or one TCP connection, with its own deadline,
 * size cap and stop. Only this, curl_rules and relay know libcurl.
 *
 * A client belongs to one thread. It keeps no connection: curl silently sends a
 * POST a second time when a kept connection turns out to be dead, and a call of
 * ours is never made twice behind our back. Redirects, proxies of the
 * environment, .netrc, compression and schemes other than http and https are
 * off; link-local addresses (cloud metadata) are refused after the lookup.
 */
#ifndef JOBS_HTTP_H
#define JOBS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "jobs/stop.h"

enum http_fault {
	HTTP_FINE, /* there is an answer, of whatever status */
	HTTP_CANCELLED,
	HTTP_TIMEOUT,
	HTTP_REFUSED, /* nobody listens, no route */
	HTTP_DNS,
	HTTP_TLS,
	HTTP_BAD_URL,
	HTTP_BLOCKED, /* an address that is never called */
	HTTP_TOO_LARGE,
	HTTP_CUT,     /* the connection ended before the answer did */
	HTTP_GARBAGE, /* not HTTP, or headers that contradict each other */
	HTTP_ENOUGH,  /* `take` wanted no more: the connection was ended */
	HTTP_FAULTS,
};

struct http_answer;

struct http_call {
	const char *url;
	const char *method; /* NULL: GET, or POST when there is a body */
	const char *body;   /* sent as JSON; NULL: none */
	const char *const *headers; /* "Name: value", NULL-ended; may be NULL;
				       our copies are zeroed after the call.
				       An Accept stands for ours */
	const char *want;	    /* a header whose value is kept; NULL */
	size_t max_bytes;	    /* of the answer's body */
	int64_t deadline_ms;	    /* clock_mono_ms() */
	const struct stop *stop;
	/* May be NULL. Gets the body of a 2xx answer piece by piece as it
	 * comes, on the caller's thread, instead of `body`; `head` has the
	 * status and the headers by then. False ends the exchange
	 * (HTTP_ENOUGH). Bodies of other statuses go into `body`. */
	bool (*take)(void *ctx, const struct http_answer *head,
		     const char *bytes, size_t count);
	void *ctx;
};

#define HTTP_RETRY_MAX_MS (10 * 60 * 1000)

struct http_answer {
	enum http_fault fault;
	char *text;   /* for people when not fine: cleaned, without secrets */
	bool reached; /* false: the request was never sent */
	long status;
	char *content_type; /* as sent, cleaned; NULL: none */
	char *wanted;	    /* the header asked for, as sent; NULL: none */
	char *location;	    /* of a redirect that was not followed, or NULL */
	/* What Retry-After (seconds or a date) or retry-after-ms says, capped
	 * at HTTP_RETRY_MAX_MS; -1: nothing. A date counts from the answer's
	 * own Date. Known when the exchange is over. */
	int64_t retry_after_ms;
	struct buf body;
	int64_t dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms; /* -1 */
};

struct http_client;

/* NULL when the system has no descriptors left. */
struct http_client *http_client_new(void);
void http_client_free(struct http_client **client);

/* Blocking. True when fault is HTTP_FINE. `out` is to be released either way.
 */
bool http_exchange(struct http_client *client, const struct http_call *call,
		   struct http_answer *out);

/* Connects to `address` (host:port) and sends nothing. The socket, or -1 with
 * the fault in `out`; it belongs to the client and lives until
 * http_disconnect(). */
int http_connect(struct http_client *client, const char *address,
		 int64_t deadline_ms, const struct stop *stop,
		 struct http_answer *out);
void http_disconnect(struct http_client *client);

void http_answer_release(struct http_answer *answer);

/* "timeout", "refused", "dns", ...: as agents' error codes. */
const char *http_fault_code(enum http_fault fault);

/* "http://host:port/path" of a URL: no user, no password, no query. Cleaned.
 * Caller frees. */
char *http_url_for_people(const char *url);

#endif
