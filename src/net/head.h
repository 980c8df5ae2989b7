/*
 * head: the head of an HTTP/1 request (RFC 9112), read strictly, and what we
 * refuse before anything else looks at it. Pure, any thread.
 *
 * libmicrohttpd lets through what a proxy in front of us may read differently
 * (CL together with TE, two lengths, two hosts), and libwebsockets checks
 * nothing at all; so both listeners and both libraries stand behind this.
 */
#ifndef NET_HEAD_H
#define NET_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

#define HEAD_MAX_BYTES	(16 * 1024)
#define HEAD_MAX_FIELDS 100
#define BODY_MAX_BYTES	(1024 * 1024)

struct head_field {
	const char *name, *value;
};

/* All strings are lent: by the block that was parsed, or by libmicrohttpd. */
struct head {
	const char *method, *target;
	const char *version; /* NULL: somebody else parsed it */
	size_t field_count;
	size_t bytes; /* names and values, or the whole block */
	struct head_field fields[HEAD_MAX_FIELDS];
};

/* A refusal: status, code and sentence are literals. */
struct refusal {
	int status;
	const char *code, *text;
};

/* What an error looks like on every listener: {"error": {"code", "message"}}.
 * Caller puts. */
json_object *refusal_json(const char *code, const char *text);
/* The same for a request of that target ("" where it is not known): below
 * /llm/v1/ it has the form of the API that the path belongs to. */
json_object *refusal_json_at(const char *target, int status, const char *code,
			     const char *text);

/* How many bytes the head takes, its empty line included; 0: not all there. */
size_t head_end(const char *bytes, size_t len);

/* What is there of an unfinished head cannot become one: no method, a NUL, a
 * TLS hello. Says so early, so that garbage holds no place. */
const struct refusal *head_hopeless(const char *bytes, size_t len);

/* Reads a whole head (head_end() bytes); writes NULs into `block`. NULL when
 * it is good. */
const struct refusal *head_parse(struct head *h, char *block, size_t len);

/* Adds a field of a request that somebody else parsed. False: too many. */
bool head_add(struct head *h, const char *name, const char *value);

const char *head_get(const struct head *h, const char *name); /* or NULL */
size_t head_count(const struct head *h, const char *name);
/* True if the comma-separated field has that token, in any case. */
bool head_has_token(const struct head *h, const char *name, const char *token);
/* The declared length of the body; 0 when there is none. After head_check(). */
uint64_t head_length(const struct head *h);

/* What holds for every request: one good Host, one length, no CL+TE, no
 * chunked body, not too large. NULL when all is well. */
const struct refusal *head_check(const struct head *h);

/* The operator listener: Host must be an address, localhost or `own_host`
 * (a name that somebody else's DNS points at us is refused), Origin, if there
 * is one, must be the Host. */
const struct refusal *head_check_operator(const struct head *h,
					  const char *own_host);
/* Origin, if there is one, must be the Host. */
const struct refusal *head_check_origin(const struct head *h);
/* The bearer token, compared in constant time. */
bool head_has_bearer(const struct head *h, const char *token);
/* A WebSocket handshake, RFC 6455 section 4.2.1. */
const struct refusal *head_check_upgrade(const struct head *h);

/* Percent-decoding of one path segment or form value in place; `plus` makes
 * '+' a blank. False on a broken escape, a NUL, or bytes that are not UTF-8. */
bool head_decode(char *s, bool plus);

/* The value of `name` in a query or a urlencoded form, decoded; NULL when it
 * is missing or broken. Caller frees. */
char *form_get(const char *form, const char *name);

/* The value of a cookie. Caller frees; NULL when it is not there. */
char *cookie_get(const struct head *h, const char *name);

#endif
