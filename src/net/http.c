/* http: libmicrohttpd's two daemons and their connections. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/peer.h"
#include "net/request.h"

/* Of one connection: the largest head, a hundred fields of libmicrohttpd's own,
 * and the head of the answer. No more than that: all of it is cleared for each
 * request. */
#define CONN_MEMORY_BYTES (24 * 1024)
#define OPERATOR_CONNS	  512
#define AUDIENCE_CONNS	  4096

static const struct refusal many_fields = {
	431, "header_too_large", "the header has more than 100 fields"};

/* --- connections ---------------------------------------------------------- */

struct conn *conn_new(struct side *side, int fd)
{
	struct conn *c = xcalloc(1, sizeof *c);
	socklen_t len = sizeof c->from;
	if (getpeername(fd, (struct sockaddr *)&c->from, &len))
		c->from.sin6_family = AF_UNSPEC;
	c->source = peer_source(side->web->net->show,
				(struct sockaddr *)&c->from, NULL);
	c->side = side;
	c->fd = fd;
	c->deadline_ms = clock_mono_ms() + WEB_IDLE_MS;
	c->next = side->conns;
	c->prev = &side->conns;
	if (c->next)
		c->next->prev = &c->next;
	side->conns = c;
	side->conn_count++;
	return c;
}

void conn_free(struct conn *c)
{
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->side->conn_count--;
	free(c);
}

static void conn_noted(void *cls, struct MHD_Connection *mhd,
		       void **socket_context,
		       enum MHD_ConnectionNotificationCode code)
{
	struct conn *conn = *socket_context;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		conn_free(conn);
		*socket_context = NULL;
		return;
	}
	int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)
			 ->connect_fd;
	conn = conn_new(cls, fd);
	conn->mhd = mhd;
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

/* --- requests ------------------------------------------------------------- */

static enum MHD_Result add_field(void *cls, enum MHD_ValueKind kind,
				 const char *name, const char *value)
{
	(void)kind;
	return head_add(cls, name, value ? value : "") ? MHD_YES : MHD_NO;
}

/* The raw request target, before libmicrohttpd looks at it. */
static void *target_seen(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	struct side *side = cls;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct conn *conn = info->socket_context;
	conn->deadline_ms = clock_mono_ms() + WEB_BODY_MS;
	return request_new(side, conn, uri);
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
		int fields = MHD_get_connection_values(mhd, MHD_HEADER_KIND,
						       add_field, &r->head);
		if (fields > HEAD_MAX_FIELDS)
			http_refuse(r, &many_fields);
		else
			request_judge(r);
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
		request_run(r);
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
		1, MHD_OPTION_NOTIFY_CONNECTION, conn_noted, side,
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
