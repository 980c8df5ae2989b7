/*
 * request: one request, from its head to its answer. Web thread. It was read by
 * libmicrohttpd (http.c) or, a plain vote, by us (fast.c); from there on both
 * are the same.
 *
 * A handler (`run`) answers with one of http_respond*(), or posts an input to
 * the engine with http_ask(); then the connection sleeps until net_reply(), and
 * `finish` answers, with `code` and `reply` filled in.
 */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include "base/json.h"
#include "base/mem.h"
#include "core/input.h"
#include "net/page.h"
#include "net/web.h"

#define HTTP_MAX_ARGS 5

enum {
	ROUTE_OPEN = 1,	 /* no token is asked for */
	ROUTE_JSON = 2,	 /* takes a JSON object */
	ROUTE_FORM = 4,	 /* takes a form as well */
	ROUTE_LEASE = 8, /* the key of a lease is asked for */
};

struct request;

struct route {
	enum side_id side;
	const char *method;
	const char *path; /* a segment "*" is an argument */
	unsigned flags;
	void (*run)(struct request *r);
	void (*finish)(struct request *r);
	const char *name; /* for finish or run: an asset, an action */
};

extern const struct route http_routes[]; /* ends with a NULL method */

struct request {
	struct web *web;
	struct side *side;
	struct conn *conn;
	const struct route *route;
	char *block;  /* the head lies in it, where fast.c read it */
	char *target; /* as it came */
	char *path;   /* decoded in place, holds args */
	const char *args[HTTP_MAX_ARGS];
	const char *query; /* "" when there is none */
	struct buf body;
	bool begun, answered;
	char *cookies[2];  /* Set-Cookie values, owned */
	json_object *json; /* the body, ROUTE_JSON */
	char *lease;	   /* whose key it brought, ROUTE_LEASE */
	struct llm *llm;   /* while it waits for the gateway */

	/* While it waits for the engine. */
	bool waiting, patient;
	size_t place;
	struct request *next, **prev;
	int64_t deadline_ms; /* patient: when its connection is watched */
	bool done, ok;
	char *code, *reply;
	int choice; /* votes: the option, for the page */

	struct head head; /* the last: most of it needs no clearing */
};

/* From request_new() on: judge when the head is there (it answers when it
 * refuses), run when the body is there and it was not answered. */
struct request *request_new(struct side *side, struct conn *conn,
			    const char *target);
void request_judge(struct request *r);
void request_run(struct request *r);
void request_free(struct request *r);

/* An answer before it goes out; all but the body is lent. */
#define ANSWER_MAX_FIELDS 12
struct answer {
	int status;
	size_t count;
	struct head_field fields[ANSWER_MAX_FIELDS];
	char *body;
	size_t bytes;
};
/* fast.c: sends it on the connection of the request. */
void fast_answer(struct request *r, const struct answer *a);
/* fast.c: its connection is woken at the end of the round. */
void fast_wake(struct request *r);

/* All take the body (malloc) and answer once. */
void http_respond(struct request *r, int status, const char *type, char **body,
		  size_t bytes);
void http_respond_json(struct request *r, int status, json_object **o);
/* Fills in that asset. A field `nonce` is there by itself: only scripts and
 * styles that bear it are run. */
void http_respond_page(struct request *r, int status, const char *page,
		       const struct page_field *fields, size_t count);
void http_redirect(struct request *r, const char *where);
void http_error(struct request *r, int status, const char *code,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void http_refuse(struct request *r, const struct refusal *no);
/* An answer of a form of its own, by libmicrohttpd; takes over the response. */
void http_queue(struct request *r, int status, struct MHD_Response **response);
void http_set_cookie(struct request *r, char **value);

/* Posts `*in` with a ticket and sleeps; 503 when the engine is full. */
void http_ask(struct request *r, struct input **in);
/* The same for what a person may have to be asked for: it waits as long as the
 * core takes. */
void http_ask_patiently(struct request *r, struct input **in);
/* Where it comes from; see peer.h. */
uint64_t http_source(const struct request *r);
/* The same with a vote, which goes with the others of this round. */
void http_vote(struct request *r, const struct vote *vote);
/* It is freed while it waits: its answer goes nowhere. */
void http_forget(struct request *r);
/* The status that stands for an answer's code. */
int http_status_of(bool ok, const char *code);

/* Handlers: http_api.c, http_page.c, http_vote.c, llm.c, sse.c, metrics.c. */
void api_health(struct request *r);
void api_metrics(struct request *r);
void api_status(struct request *r);
void api_runs(struct request *r);
void api_run(struct request *r);
void api_events(struct request *r);
void api_inbox(struct request *r);
void api_late(struct request *r);
void api_polls(struct request *r);
void api_obs(struct request *r);
void api_checks(struct request *r);
void api_answer(struct request *r);
void api_action(struct request *r);
void api_obs_do(struct request *r); /* http_obs.c */
/* For them: a command of the core, answered when it was decided; and whether
 * the body has no other members than these, else it is answered. */
void api_command(struct request *r, const char *action, json_object **args);
bool api_has_only(struct request *r, const char *const *known,
		  const char *form);
void api_checks_run(struct request *r);
void api_proposal(struct request *r);
void api_commanded(struct request *r);
void api_lease(struct request *r);
void api_lease_change(struct request *r);
void api_leased(struct request *r);
bool llm_may_run(struct request *r);
void llm_run(struct request *r);
void llm_answer(struct request *r);
void llm_drop(struct request *r);
void llm_models(struct request *r);
void vote_list(struct request *r);
void vote_page(struct request *r);
void vote_cast(struct request *r);
void vote_counted(struct request *r);
void vote_overlay(struct request *r);
void tally_events(struct request *r); /* sse.c */

#endif
