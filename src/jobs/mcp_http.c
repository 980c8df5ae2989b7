/* MCP over Streamable HTTP. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "jobs/mcp_in.h"

#define RESUME_MOST   5	  /* times that a stream is taken up again */
#define RESUME_MS     100 /* before each, unless the server names a time */
#define RESUME_MAX_MS 5000
#define TELL_MS	      2000 /* for what nobody waits for */
#define HEADERS_MOST  8

/* What comes back of one exchange, as it comes. */
struct coming {
	struct mcp *m;
	struct sse sse;
	struct buf whole; /* of an answer that is no stream */
	bool is_stream, too_large;
};

static char **make_headers(const struct mcp *m, const struct mcp_message *msg,
			   const char *last_id)
{
	char **h = xcalloc(HEADERS_MOST, sizeof *h);
	size_t n = 0;
	h[n++] = xstrdup(last_id ? "Accept: text/event-stream"
				 : "Accept: application/json, "
				   "text/event-stream");
	if (m->s.key)
		h[n++] = xasprintf("Authorization: Bearer %s", m->s.key);
	if (m->facts.protocol[0] && !(msg && msg->begins))
		h[n++] = xasprintf("MCP-Protocol-Version: %s",
				   m->facts.protocol);
	if (m->session && !(msg && msg->begins))
		h[n++] = xasprintf("Mcp-Session-Id: %s", m->session);
	if (last_id)
		h[n++] = xasprintf("Last-Event-ID: %s", last_id);
	if (m->facts.stateless && msg && *msg->method)
		h[n++] = xasprintf("Mcp-Method: %s", msg->method);
	if (m->facts.stateless && msg && msg->name) {
		bool plain = true;
		for (const char *c = msg->name; *c; c++)
			plain = plain && *c > 0x20 && *c < 0x7f;
		char *coded = plain ? NULL
				    : hash_base64(msg->name, strlen(msg->name));
		h[n++] = plain ? xasprintf("Mcp-Name: %s", msg->name)
			       : xasprintf("Mcp-Name: =?base64?%s?=", coded);
		free(coded);
	}
	return h;
}

static void free_headers(char **h)
{
	for (size_t i = 0; h[i]; i++) {
		explicit_bzero(h[i], strlen(h[i]));
		free(h[i]);
	}
	free(h);
}

/* --- what comes --------------------------------------------------------- */

/* The first event of a stream may be empty: then it only has an id. */
static bool take_event(void *ctx, const char *data, size_t bytes)
{
	struct coming *c = ctx;
	return bytes == 0 || !mcp_take(c->m, data, bytes);
}

static bool take_piece(void *ctx, const struct http_answer *head,
		       const char *bytes, size_t count)
{
	struct coming *c = ctx;
	c->is_stream =
		head->content_type &&
		strncasecmp(head->content_type, "text/event-stream", 17) == 0;
	if (!c->is_stream) {
		buf_add(&c->whole, bytes, count);
		return true;
	}
	enum sse_state state = sse_feed(&c->sse, bytes, count);
	c->too_large = state == SSE_TOO_LARGE;
	return state == SSE_GOES_ON;
}

static void release(struct coming *c)
{
	sse_release(&c->sse);
	buf_release(&c->whole);
}

static bool exchange(struct mcp *m, const char *method, const char *body,
		     char **headers, struct coming *c, struct http_answer *a)
{
	struct http_call call = {
		.url = m->s.url,
		.method = method,
		.body = body,
		.headers = (const char *const *)headers,
		.want = "Mcp-Session-Id",
		.max_bytes = m->s.max_bytes,
		.deadline_ms = m->due_ms,
		.stop = m->s.stop,
		.take = take_piece,
		.ctx = c,
	};
	bool fine = http_exchange(m->s.http, &call, a);
	/* A stream's last event may lack its empty line. */
	if (c->is_stream && !c->too_large && !m->response && fine)
		sse_end(&c->sse);
	if (!c->is_stream && c->whole.len)
		mcp_take(m, buf_str(&c->whole), c->whole.len);
	return fine || a->fault == HTTP_ENOUGH;
}

/* --- a stream that was cut ---------------------------------------------- */

static bool pause_ms(struct mcp *m, int ms)
{
	int64_t until_ms = clock_mono_ms() + ms;
	while (!stop_raised(m->s.stop) && clock_mono_ms() < until_ms &&
	       clock_mono_ms() < stop_due_ms(m->s.stop, m->due_ms)) {
		struct pollfd fd = {.fd = m->s.stop ? m->s.stop->fd : -1,
				    .events = POLLIN};
		if (poll(&fd, 1, stop_wait_ms(m->s.stop, until_ms)) > 0)
			stop_woken(m->s.stop);
	}
	return !stop_raised(m->s.stop) &&
	       clock_mono_ms() < stop_due_ms(m->s.stop, m->due_ms);
}

/* From behind the last event that had an id. Events of other streams may come
 * along; they are not ours by their ids. */
static void resume(struct mcp *m, struct coming *c, struct http_answer *a)
{
	for (int i = 0; i < RESUME_MOST && !m->response && c->sse.last_id[0];
	     i++) {
		int wait_ms = c->sse.retry_ms ? c->sse.retry_ms : RESUME_MS;
		if (!pause_ms(m, wait_ms < RESUME_MAX_MS ? wait_ms
							 : RESUME_MAX_MS))
			return;
		struct coming next = {.m = m, .sse = c->sse};
		next.sse.ctx = &next;
		next.sse.line = next.sse.data = (struct buf){0};
		next.sse.has_data = next.sse.after_cr = false;
		next.sse.begun = next.sse.has_id = false;
		char **headers = make_headers(m, NULL, c->sse.last_id);
		http_answer_release(a);
		m->facts.resumed++;
		exchange(m, "GET", NULL, headers, &next, a);
		free_headers(headers);
		memcpy(c->sse.last_id, next.sse.last_id, sizeof c->sse.last_id);
		c->sse.retry_ms = next.sse.retry_ms;
		release(&next);
		/* 405: it cannot; anything else that is no stream neither. */
		if (a->status && a->status != 200)
			return;
	}
}

/* --- what it ended in --------------------------------------------------- */

/* Servers say 404, or 400 with words about a session. */
static bool forgot_session(const struct mcp *m, const struct http_answer *a)
{
	return m->session &&
	       (a->status == 404 ||
		(a->status == 400 && strcasestr(buf_str(&a->body), "session")));
}

static enum mcp_sent bad_status(struct mcp *m, const struct http_answer *a,
				struct mcp_answer *out)
{
	char code[24];
	char *who = http_url_for_people(m->s.url);
	snprintf(code, sizeof code, "http_%ld", a->status);
	json_object *o = json_read(buf_str(&a->body), a->body.len,
				   &json_limits_answer, NULL);
	json_object *error = json_get_object(o, "error");
	enum mcp_sent sent = MCP_FAILED;
	if (a->status >= 300 && a->status < 400)
		mcp_fail(out, code, true,
			 "%s: it redirects to %s; redirects are not followed, "
			 "put the final URL into the file",
			 who, a->location ? a->location : "nowhere");
	else if (error && a->status != 401 && a->status != 403) {
		/* JSON-RPC of a kind: read_response() words it. */
		json_object_put(m->response);
		m->response = json_object_get(o);
		sent = MCP_ANSWERED;
	} else if (a->status == 401 || a->status == 403)
		mcp_fail(out, code, true,
			 "%s: status %ld, it wants another key", who,
			 a->status);
	else if (a->status == 404 || a->status == 405)
		mcp_fail(out, code, true,
			 "%s: status %ld; no MCP over Streamable HTTP is there",
			 who, a->status);
	else
		mcp_fail(out, code, true, "%s: status %ld", who, a->status);
	json_object_put(o);
	free(who);
	return sent;
}

static enum mcp_sent judge(struct mcp *m, const struct coming *c,
			   const struct http_answer *a, struct mcp_answer *out)
{
	if (m->response)
		return MCP_ANSWERED;
	if (forgot_session(m, a))
		return MCP_NO_SESSION;
	if (a->status && (a->status < 200 || a->status > 299) &&
	    a->fault == HTTP_FINE)
		return bad_status(m, a, out);
	char *who = http_url_for_people(m->s.url);
	if (c->too_large)
		mcp_fail(out, "too_large", true,
			 "%s: an event is larger than %zu bytes", who,
			 m->s.max_bytes);
	else if (a->fault != HTTP_FINE && a->fault != HTTP_ENOUGH &&
		 !(c->is_stream && a->fault == HTTP_CUT))
		mcp_fail(out, http_fault_code(a->fault), a->reached, "%s",
			 a->text ? a->text : "no answer");
	else if (c->is_stream)
		mcp_fail(out, "cut", true,
			 "%s: the stream ended before the answer%s", who,
			 c->sse.last_id[0] ? ", and could not be taken up again"
					   : ", and has no ids to go on from");
	else if (c->whole.len)
		mcp_fail(out, "garbage", true,
			 "%s: what it answers is not the answer to what was "
			 "asked",
			 who);
	else
		mcp_fail(out, "garbage", true, "%s: status %ld, and no answer",
			 who, a->status);
	free(who);
	return MCP_FAILED;
}

static void keep_session(struct mcp *m, struct http_answer *a)
{
	for (const char *c = a->wanted; c && *c; c++)
		if (*c < 0x21 || *c > 0x7e)
			return; /* it would begin a header of its own */
	free(m->session);
	m->session = a->wanted;
	a->wanted = NULL;
}

static void keep_times(struct mcp_answer *out, const struct http_answer *a)
{
	out->dns_ms = a->dns_ms;
	out->connect_ms = a->connect_ms;
	out->tls_ms = a->tls_ms;
	out->first_byte_ms = a->first_byte_ms;
}

static enum mcp_sent ask(struct mcp *m, const struct mcp_message *message,
			 struct mcp_answer *out)
{
	struct coming c = {.m = m};
	struct http_answer a;
	c.sse.max_bytes = m->s.max_bytes;
	c.sse.take = take_event;
	c.sse.ctx = &c;
	char **headers = make_headers(m, message, NULL);
	if (message->begins) {
		free(m->session);
		m->session = NULL;
	}
	exchange(m, NULL, message->text, headers, &c, &a);
	free_headers(headers);
	keep_times(out, &a);
	if (message->begins && a.wanted)
		keep_session(m, &a);
	if (!m->response && c.is_stream && !c.too_large &&
	    (a.fault == HTTP_FINE || a.fault == HTTP_CUT)) {
		resume(m, &c, &a);
		/* That it could not be taken up is not what went wrong. */
		if (!m->response && a.fault == HTTP_FINE)
			a.fault = HTTP_CUT;
	}
	enum mcp_sent sent = judge(m, &c, &a, out);
	http_answer_release(&a);
	release(&c);
	return sent;
}

/* --- what nobody waits for ---------------------------------------------- */

/* By a client of its own: a stream may be read meanwhile. A job that was
 * stopped still says so. */
static void send_aside(struct mcp *m, const char *method,
		       const struct mcp_message *message)
{
	struct http_answer a;
	if (!m->side)
		m->side = http_client_new();
	if (!m->side)
		return;
	char **headers = make_headers(m, message, NULL);
	struct http_call call = {
		.url = m->s.url,
		.method = method,
		.body = message ? message->text : NULL,
		.headers = (const char *const *)headers,
		.max_bytes = m->s.max_bytes,
		.deadline_ms = clock_mono_ms() + TELL_MS,
	};
	http_exchange(m->side, &call, &a);
	http_answer_release(&a);
	free_headers(headers);
}

static void tell_aside(struct mcp *m, const struct mcp_message *message)
{
	send_aside(m, NULL, message);
}

/* A server that keeps no sessions to be ended answers 405: that is fine, too.
 */
static void close_http(struct mcp *m)
{
	if (m->session)
		send_aside(m, "DELETE", NULL);
	free(m->session);
	http_client_free(&m->side);
}

const struct mcp_wire mcp_http = {ask, tell_aside, close_http};
