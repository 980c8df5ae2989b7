/* mcp_in: what the parts of the MCP client share. Private to mcp*.c. */
#ifndef JOBS_MCP_IN_H
#define JOBS_MCP_IN_H

#include "jobs/child.h"
#include "jobs/mcp.h"
#include "jobs/sse.h"

#define MCP_STATELESS "2026-07-28"
#define MCP_NEWEST    "2025-11-25" /* of those with a handshake */
#define MCP_OLDEST    "2024-11-05"

enum mcp_sent {
	MCP_ANSWERED, /* the response is in m->response */
	MCP_FAILED,   /* out says why */
	MCP_NO_SESSION,
};

struct mcp_message {
	char *text;		   /* one line of JSON */
	const char *method, *name; /* name: of the tool and the like, or NULL */
	bool begins;		   /* it is the handshake */
};

struct mcp_wire {
	/* Sends a request and waits for its response. */
	enum mcp_sent (*ask)(struct mcp *m, const struct mcp_message *message,
			     struct mcp_answer *out);
	/* Sends what has no answer; whether it arrives is not known. */
	void (*tell)(struct mcp *m, const struct mcp_message *message);
	void (*close)(struct mcp *m);
};
extern const struct mcp_wire mcp_http, mcp_stdio;

struct mcp {
	struct mcp_settings s;
	const struct mcp_wire *wire;
	struct mcp_facts facts;
	int64_t last_id, due_ms; /* of the request in hand */
	json_object *response;	 /* to it; the whole message */
	bool in_hand;

	/* mcp_http.c */
	char *session;		  /* NULL: none */
	struct http_client *side; /* for what is told while a stream is read */

	/* mcp_stdio.c */
	struct child child;
	struct buf line, said; /* of its output; the last line of stderr */
	struct buf out; /* what its input has not taken, from `sent` on */
	size_t sent;
	bool over;
};

/* What came, one message or a batch. True when the response is among them. */
bool mcp_take(struct mcp *m, const char *text, size_t bytes);

/* Says why there is no answer. */
enum mcp_sent mcp_fail(struct mcp_answer *out, const char *code, bool reached,
		       const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
