#include "net/request.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/peer.h"

/* Of one connection: the largest head, a hundred fields of libmicrohttpd's own,
 * and the head of the answer. No more than that: all of it is cleared for each
 * request. */
#define CONN_MEMORY_BYTES (24 * 1024)
#define SPARE_REQUESTS	  256
#define OPERATOR_CONNS	  512
#define AUDIENCE_CONNS	  4096

/* --- connections ---------------------------------------------------------- */

static void conn_started(void *cls, struct MHD_Connection *mhd,
			 void **socket_context,
			 enum MHD_ConnectionNotificationCode code)
{
	struct side *side = cls;
	struct conn *conn = *socket_context;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		*conn->prev = conn->next;
		if (conn->next)
			conn->next->prev = conn->prev;
		side->conn_count--;
		free(conn);
		*socket_context = NULL;
		return;
	}
	conn = xcalloc(1, sizeof *conn);
	conn->mhd = mhd;
	conn->side = side;
	conn->fd =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)
			->connect_fd;
	conn->deadline_ms = clock_mono_ms() + WEB_IDLE_MS;
	conn->next = side->conns;
	conn->prev = &side->conns;
	if (conn->next)
		conn->next->prev = &conn->next;
	side->conns = conn;
	side->conn_count++;
	*socket_context = conn;
}

void http_take(struct side *side, int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	if (getpeername(fd, (struct sockaddr *)&ss, &len)) {
		close(fd);
		return;
	}
	/* It closes the descriptor when it does not take it. */
	MHD_add_connection(side->mhd, fd, (struct sockaddr *)&ss, len);
	side->mhd_ready = true;
}

void http_run(struct side *side)
{
	MHD_UNSIGNED_LONG_LONG ms;
	bool due = MHD_get_timeout(side->mhd, &ms) == MHD_YES && ms == 0;
	if (!side->mhd_ready && !due)
		return;
	side->mhd_ready = false;
	MHD_run(side->mhd);
}

void http_sweep(struct web *web, int64_t now)
{
	for (int i = 0; i < SIDES; i++)
		for (struct conn *c = web->sides[i].conns; c; c = c->next) {
			if (!c->deadline_ms || now < c->deadline_ms)
				continue;
			/* libmicrohttpd counts only silence; a drip of one
			 * byte a second would hold a place for ever. */
			shutdown(c->fd, SHUT_RDWR);
			c->deadline_ms = 0;
			web->sides[i].mhd_ready = true;
		}
}

uint64_t http_source(const struct request *r)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		r->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	return peer_source(r->web->net->show, info ? info->client_addr : NULL,
			   &r->head);
}

/* --- routing -------------------------------------------------------------- */

static bool path_matches(const char *pattern, char *path,
			 const char *args[HTTP_MAX_ARGS])
{
	int n = 0;
	for (;;) {
		size_t a = strcspn(pattern, "/"), b = strcspn(path, "/");
		if (a == 1 && *pattern == '*') {
			if (b == 0 || n == HTTP_MAX_ARGS)
				return false;
			args[n++] = path;
		} else if (a != b || strncmp(pattern, path, a)) {
			return false;
		}
		pattern += a;
		path += b;
		if (*pattern != *path)
			return false;
		if (!*pattern)
			return true;
		pattern++;
		path++;
	}
}

/* Cuts the path into its segments and decodes each; an escaped slash therefore
 * never makes a new one. */
static bool cut_args(struct request *r)
{
	for (int i = 0; i < HTTP_MAX_ARGS && r->args[i]; i++) {
		char *arg = r->path + (r->args[i] - r->path);
		arg[strcspn(arg, "/")] = 0;
		if (!head_decode(arg, false))
			return false;
	}
	return true;
}

static const struct route *find_route(struct request *r, bool *path_known)
{
	const char *method = r->head.method;
	if (!strcmp(method, "HEAD"))
		method = "GET";
	*path_known = false;
	for (const struct route *t = http_routes; t->method; t++) {
		const char *args[HTTP_MAX_ARGS] = {0};
		if (t->side != r->side->id ||
		    !path_matches(t->path, r->path, args))
			continue;
		*path_known = true;
		if (strcmp(t->method, method))
			continue;
		memcpy(r->args, args, sizeof args);
		return t;
	}
	return NULL;
}

static bool is_type(const struct request *r, const char *type)
{
	const char *v = head_get(&r->head, "Content-Type");
	size_t len = strlen(type);
	return v && !strncasecmp(v, type, len) &&
	       (!v[len] || v[len] == ';' || v[len] == ' ');
}

/* What a route asks of a request. True when it may run. */
static bool may_run(struct request *r)
{
	const struct route *t = r->route;
	if (t->flags & ROUTE_LEASE) {
		if (!llm_may_run(r))
			return false;
	} else if (r->side->id == SIDE_OPERATOR && !(t->flags & ROUTE_OPEN)) {
		if (strstr(r->query, "token=")) {
			http_error(r, 400, "token_in_url",
				   "a token belongs into the Authorization "
				   "header: addresses end up in logs");
			return false;
		}
		if (!head_has_bearer(&r->head, r->web->net->token)) {
			http_error(r, 401, "unauthorized",
				   "send Authorization: Bearer with the token "
				   "from the show's state folder");
			return false;
		}
	}
	if (strcmp(r->head.method, "POST"))
		return true;
	bool fits = (t->flags & ROUTE_JSON && is_type(r, "application/json")) ||
		    (t->flags & ROUTE_FORM &&
		     is_type(r, "application/x-www-form-urlencoded"));
	if (!fits)
		http_error(r, 415, "unsupported_media_type",
			   t->flags & ROUTE_FORM
				   ? "send a form or application/json"
				   : "send it as Content-Type: "
				     "application/json");
	return fits;
}

static enum MHD_Result add_field(void *cls, enum MHD_ValueKind kind,
				 const char *name, const char *value)
{
	(void)kind;
	return head_add(cls, name, value ? value : "") ? MHD_YES : MHD_NO;
}

static const struct refusal many_fields = {
	431, "header_too_large", "the header has more than 100 fields"};

/* Everything that is decided from the head alone; answers when it refuses. */
static void judge_head(struct request *r)
{
	const struct refusal *no = NULL;
	int fields = MHD_get_connection_values(r->mhd, MHD_HEADER_KIND,
					       add_field, &r->head);
	if (fields > HEAD_MAX_FIELDS)
		no = &many_fields;
	if (!no)
		no = head_check(&r->head);
	if (!no && r->side->id == SIDE_OPERATOR)
		no = head_check_operator(&r->head, r->side->host);
	if (!no && r->side->id == SIDE_AUDIENCE &&
	    !strcmp(r->head.method, "POST"))
		no = head_check_origin(&r->head);
	if (no) {
		http_refuse(r, no);
		return;
	}
	bool known;
	r->route = find_route(r, &known);
	if (!r->route)
		http_error(r, known ? 405 : 404,
			   known ? "method_not_allowed" : "not_found",
			   known ? "this address does not know that method"
				 : "there is nothing at this address");
	else if (!cut_args(r))
		http_error(r, 400, "bad_request",
			   "the address is not well formed");
	else
		may_run(r);
}

/* All but the fields of the head, which are counted. */
#define REQUEST_CLEARED                                                        \
	(offsetof(struct request, head) + offsetof(struct head, fields))

static struct request *request_new(struct side *side,
				   struct MHD_Connection *mhd, const char *url,
				   const char *method)
{
	struct web *web = side->web;
	struct request *r = web->spare;
	if (r) {
		web->spare = r->next;
		web->spare_count--;
		memset(r, 0, REQUEST_CLEARED);
	} else {
		r = xcalloc(1, sizeof *r);
	}
	r->web = web;
	r->side = side;
	r->mhd = mhd;
	r->conn =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
			->socket_context;
	r->conn->deadline_ms = clock_mono_ms() + WEB_BODY_MS;
	r->head.method = method;
	r->head.target = url;
	r->choice = -1;
	return r;
}

/* The raw request target, before libmicrohttpd looks at it. */
static void *target_seen(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	struct request *r = request_new(cls, mhd, NULL, NULL);
	size_t len = strcspn(uri, "?");
	r->path = xstrndup(uri, len);
	/* Behind the '?', kept in the same way: as it came. */
	r->target = xstrdup(uri);
	r->query = r->target[len] ? r->target + len + 1 : "";
	return r;
}

static void request_free(struct request *r)
{
	if (r->waiting)
		http_forget(r);
	llm_drop(r);
	json_object_put(r->json);
	free(r->lease);
	buf_release(&r->body);
	free(r->path);
	free(r->target);
	free(r->code);
	free(r->reply);
	free(r->cookies[0]);
	free(r->cookies[1]);
	if (r->web->spare_count == SPARE_REQUESTS) {
		free(r);
		return;
	}
	r->next = r->web->spare;
	r->web->spare = r;
	r->web->spare_count++;
}

static void completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
		      enum MHD_RequestTerminationCode code)
{
	(void)cls;
	(void)mhd;
	(void)code;
	struct request *r = *con_cls;
	if (!r)
		return;
	r->conn->deadline_ms = clock_mono_ms() + WEB_IDLE_MS;
	request_free(r);
	*con_cls = NULL;
}

static bool read_json(struct request *r)
{
	struct err err;
	if (!is_type(r, "application/json"))
		return true;
	r->json = json_read(buf_str(&r->body), r->body.len, &json_limits_answer,
			    &err);
	if (r->json && json_object_is_type(r->json, json_type_object))
		return true;
	http_error(r, 400, "bad_json", "%s",
		   r->json ? "the body must be a JSON object" : err.text);
	return false;
}

static void run_route(struct request *r)
{
	r->conn->deadline_ms = clock_mono_ms() + WEB_SEND_MS;
	if (!strcmp(r->head.method, "POST") && !read_json(r))
		return;
	r->route->run(r);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *mhd,
			      const char *url, const char *method,
			      const char *version, const char *data,
			      size_t *data_bytes, void **con_cls)
{
	(void)cls;
	(void)mhd;
	(void)version;
	struct request *r = *con_cls;
	if (!r->begun) {
		r->begun = true;
		r->head.method = method;
		r->head.target = url;
		judge_head(r);
		return MHD_YES;
	}
	if (*data_bytes) {
		/* The length was checked; this is the second lock. */
		if (r->body.len + *data_bytes > BODY_MAX_BYTES)
			return MHD_NO;
		if (!r->answered)
			buf_add(&r->body, data, *data_bytes);
		*data_bytes = 0;
		return MHD_YES;
	}
	if (r->answered)
		return MHD_YES;
	if (r->done)
		r->route->finish(r);
	else
		run_route(r);
	REQUIRE(r->answered || r->waiting || r->llm);
	return MHD_YES;
}

/* Escapes are decoded by us, strictly, after routing. */
static size_t leave_escapes(void *cls, struct MHD_Connection *mhd, char *s)
{
	(void)cls;
	(void)mhd;
	return strlen(s);
}

static void to_log(void *cls, const char *fmt, va_list ap)
{
	(void)cls;
	char line[512];
	vsnprintf(line, sizeof line, fmt, ap);
	line[strcspn(line, "\r\n")] = 0;
	log_debug("net", "libmicrohttpd: %s", line);
}

bool http_start(struct side *side, struct err *err)
{
	side->conn_max =
		side->id == SIDE_OPERATOR ? OPERATOR_CONNS : AUDIENCE_CONNS;
	side->mhd = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |
			MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
		0, NULL, NULL, handle, side, MHD_OPTION_EXTERNAL_LOGGER, to_log,
		NULL, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)side->conn_max + 16,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONN_MEMORY_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_STRICT_FOR_CLIENT,
		1, MHD_OPTION_NOTIFY_CONNECTION, conn_started, side,
		MHD_OPTION_NOTIFY_COMPLETED, completed, side,
		MHD_OPTION_URI_LOG_CALLBACK, target_seen, side,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL,
		MHD_OPTION_END);
	if (!side->mhd)
		return err_set(err, ERR_UNAVAILABLE,
			       "libmicrohttpd does not start");
	side->mhd_fd = MHD_get_daemon_info(side->mhd, MHD_DAEMON_INFO_EPOLL_FD)
			       ->epoll_fd;
	return web_epoll_add(side->web, side->mhd_fd, EPOLLIN, READY_HTTP,
			     side);
}

/* libmicrohttpd aborts the program when it is stopped while a connection
 * sleeps: so everybody is woken first. */
void http_stop(struct side *side)
{
	if (!side->mhd)
		return;
	http_wake_all(side->web);
	for (int i = 0; i < 3; i++)
		MHD_run(side->mhd);
	MHD_stop_daemon(side->mhd);
	side->mhd = NULL;
}

void http_release(struct web *web)
{
	for (size_t i = 0; i < web->asked_count; i++)
		input_free(&web->asked[i]);
	free(web->asked);
	ballots_free(&web->box);
	for (struct request *r = web->spare, *next; r; r = next) {
		next = r->next;
		free(r);
	}
}
