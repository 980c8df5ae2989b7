/*
 * mcp: a client of one server of the Model Context Protocol, for as long as it
 * is used: Streamable HTTP or a program's stdin and stdout; revisions
 * 2024-11-05 to 2025-11-25, which begin with a handshake, and 2026-07-28, which
 * has none. https://modelcontextprotocol.io/specification/ is what it follows.
 *
 * Which of them it is, is found out at mcp_open(): `server/discover` is asked
 * first, and whoever does not know it is greeted with `initialize`. An answer
 * may come as JSON or as a stream of events; a stream that is cut is taken up
 * again behind the last event that had an id. A session that the server has
 * forgotten is begun anew once, and only what may be done twice is then asked
 * again. What the server asks of us meanwhile is refused politely, but for
 * pings. Private to jobs/; the thread's own, blocking.
 */
#ifndef JOBS_MCP_H
#define JOBS_MCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "jobs/http.h"
#include "jobs/stop.h"
#include "show/show.h"

/* All lent until mcp_close(). */
struct mcp_settings {
	const struct show *show; /* whose folder a program runs in */
	const char *url;	 /* or NULL, and then: */
	const struct show_names *argv;
	const char *key;      /* a bearer token, or NULL */
	const char *protocol; /* a revision, or NULL: the newest of both */
	struct http_client *http;
	const struct stop *stop;
	int64_t deadline_ms; /* clock_mono_ms() */
	size_t max_bytes;    /* of a message */
	/* What the server tells of its progress, cleaned; NULL: not asked for.
	 */
	void (*progress)(void *ctx, const char *text);
	void *ctx;
};

struct mcp_answer {
	json_object *result; /* NULL: there is none, and then: */
	json_object *error;  /* what the server calls one, or NULL */
	char code[24];	     /* as an agent's error code; "": none */
	char *text;	     /* for people, cleaned, without secrets */
	bool reached;	     /* false: the server never got the request */
	int64_t dns_ms, connect_ms, tls_ms, first_byte_ms; /* -1: n/a */
};

struct mcp_facts {
	char protocol[16];
	bool stateless;
	char server[200]; /* its name and version, cleaned */
	int noise;	  /* lines or events that were no message */
	int resumed;	  /* streams that were taken up again */
	int begun;	  /* handshakes */
	int refused;	  /* requests of the server */
	int progress;
};

struct mcp;

/* NULL with why in `out`, which is to be released in any case. */
struct mcp *mcp_open(const struct mcp_settings *settings,
		     struct mcp_answer *out);
/* Asks; `params` (may be NULL) stays with the caller. `again`: it may be done
 * twice. True when there is a result. */
bool mcp_call(struct mcp *m, const char *method, json_object *params,
	      bool again, struct mcp_answer *out);
const struct mcp_facts *mcp_facts(const struct mcp *m);
/* Ends the session, or the program. */
void mcp_close(struct mcp **m);

void mcp_answer_release(struct mcp_answer *answer);

/* What a result of tools/call says: the texts of its content. Caller frees. */
char *mcp_result_text(json_object *result);

#endif
