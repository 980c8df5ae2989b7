#include "store/link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "store/refusal.h"
#include "store/resp.h"

#define READ_BYTES (64 * 1024)

char *link_name(const char *show, const char *role)
{
	return xasprintf("showcaller:%s:%s", show, role);
}

const char *reply_str(const redisReply *r, size_t i)
{
	return r->type == REDIS_REPLY_ARRAY && r->elements > i &&
			       r->element[i]->str
		       ? r->element[i]->str
		       : "";
}

int link_backoff(int *delay_ms)
{
	int now = *delay_ms < LINK_BACKOFF_MIN_MS ? LINK_BACKOFF_MIN_MS
						  : *delay_ms;
	*delay_ms =
		now * 2 > LINK_BACKOFF_MAX_MS ? LINK_BACKOFF_MAX_MS : now * 2;
	return now;
}

void link_greet(struct buf *out, const struct address *a, const char *name,
		int *count)
{
	*count = 1;
	if (a->password) {
		resp_begin(out, a->user ? 3 : 2);
		resp_str(out, "AUTH");
		if (a->user)
			resp_str(out, a->user);
		resp_str(out, a->password);
		++*count;
	}
	if (a->db) {
		resp_begin(out, 2);
		resp_str(out, "SELECT");
		resp_int(out, a->db);
		++*count;
	}
	resp_begin(out, 3);
	resp_str(out, "CLIENT");
	resp_str(out, "SETNAME");
	resp_str(out, name);
}

bool link_greeting_ok(const redisReply *reply, struct err *err)
{
	/* A password that is not needed is no harm: the private server has
	 * none, whatever the environment says. A user who may not name its
	 * connection can still run a show. */
	if (reply->type != REDIS_REPLY_ERROR ||
	    strstr(reply->str, "without any password") ||
	    (strncmp(reply->str, "NOPERM", 6) == 0 &&
	     strstr(reply->str, "setname")))
		return true;
	return refusal_set(err, "Redis", reply->str);
}

static redisContext *connect_once(const struct address *a)
{
	const struct timeval tv = {.tv_sec = LINK_CONNECT_MS / 1000};
	return a->path ? redisConnectUnixWithTimeout(a->path, tv)
		       : redisConnectWithTimeout(a->host, a->port, tv);
}

static bool greet(struct link *link, const struct address *a, const char *name,
		  struct err *err)
{
	int count;
	bool ok = true;
	link_greet(&link->out, a, name, &count);
	if (!link_flush(link, err))
		return false;
	while (ok && count-- > 0) {
		redisReply *reply = NULL;
		enum link_got got =
			link_take(link, -1, LINK_ASK_MS, &reply, err);
		if (got == LINK_NOTHING)
			err_set(err, ERR_UNAVAILABLE,
				"it took the connection and says nothing");
		ok = got == LINK_REPLY && link_greeting_ok(reply, err);
		reply_free(reply);
	}
	return ok;
}

struct link *link_open(const struct address *a, const char *name,
		       struct err *err)
{
	redisContext *c = NULL;
	/* A signal during hiredis's connect fails it (EINTR of its poll). */
	for (int tries = 0; tries < 5; tries++) {
		if (c)
			redisFree(c);
		c = connect_once(a);
		REQUIRE(c);
		if (!c->err || !strstr(c->errstr, "Interrupted"))
			break;
	}
	struct link *link = xcalloc(1, sizeof *link);
	link->c = c;
	if (c->err) {
		err_set(err, ERR_UNAVAILABLE,
			"Redis at %s is away: %s. Is it running there?", a->url,
			c->errstr);
		link_close(&link);
		return NULL;
	}
	reply_prepare(c->reader);
	if (!a->path)
		redisEnableKeepAlive(c);
	if (!greet(link, a, name, err)) {
		err_wrap(err, "Redis at %s", a->url);
		link_close(&link);
	}
	return link;
}

void link_close(struct link **link)
{
	struct link *l = *link;
	*link = NULL;
	if (!l)
		return;
	redisFree(l->c);
	buf_release(&l->out);
	free(l);
}

void link_add(struct link *link, ...)
{
	va_list ap;
	va_start(ap, link);
	resp_command(&link->out, ap);
	va_end(ap);
}

static bool lost(struct err *err, const char *why)
{
	return err_set(err, ERR_UNAVAILABLE, "Redis is away: %s", why);
}

bool link_flush(struct link *link, struct err *err)
{
	size_t done = 0;
	while (done < link->out.len) {
		ssize_t n =
			send(link->c->fd, link->out.data + done,
			     link->out.len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			done += (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd p = {link->c->fd, POLLOUT, 0};
			if (poll(&p, 1, LINK_ASK_MS) == 0)
				return lost(err, "it takes no more bytes");
		} else if (errno != EINTR) {
			return lost(err, strerror(errno));
		}
	}
	buf_clear(&link->out);
	return true;
}

bool link_read(struct link *link, struct err *err)
{
	char bytes[READ_BYTES];
	ssize_t n = recv(link->c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n > 0) {
		redisReaderFeed(link->c->reader, bytes, (size_t)n);
		return !reply_is_too_large(link->c->reader) ||
		       lost(err, REPLY_TOO_LARGE);
	}
	if (n == 0)
		return lost(err, "it closed the connection");
	if (errno == EAGAIN || errno == EINTR)
		return true;
	return lost(err, strerror(errno));
}

/* Waits until something can be read. */
static enum link_got wait_readable(struct link *link, int stop_fd,
				   int64_t deadline_ms, struct err *err)
{
	struct pollfd p[2] = {{link->c->fd, POLLIN, 0}, {stop_fd, POLLIN, 0}};
	for (;;) {
		int64_t left = -1;
		if (deadline_ms >= 0) {
			left = deadline_ms - clock_mono_ms();
			if (left < 0)
				left = 0;
		}
		int n = poll(p, stop_fd >= 0 ? 2 : 1, (int)left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			return LINK_NOTHING;
		if (stop_fd >= 0 && p[1].revents)
			return LINK_STOP;
		return link_read(link, err) ? LINK_REPLY : LINK_DOWN;
	}
}

enum link_got link_take(struct link *link, int stop_fd, int timeout_ms,
			redisReply **reply, struct err *err)
{
	int64_t deadline_ms =
		timeout_ms < 0 ? -1 : clock_mono_ms() + timeout_ms;
	for (;;) {
		void *got = NULL;
		if (redisReaderGetReply(link->c->reader, &got) != REDIS_OK) {
			lost(err, link->c->reader->errstr);
			return LINK_DOWN;
		}
		if (got) {
			*reply = got;
			reply_taken(&link->c->reader, got);
			return LINK_REPLY;
		}
		enum link_got more =
			wait_readable(link, stop_fd, deadline_ms, err);
		if (more != LINK_REPLY)
			return more;
	}
}

redisReply *link_ask(struct link *link, const char *what, struct err *err)
{
	redisReply *reply = NULL;
	if (!link_flush(link, err))
		return NULL;
	switch (link_take(link, -1, LINK_ASK_MS, &reply, err)) {
	case LINK_REPLY:
		break;
	case LINK_DOWN:
		return NULL;
	default:
		lost(err, "it did not answer within 5 s");
		return NULL;
	}
	if (reply->type != REDIS_REPLY_ERROR)
		return reply;
	refusal_set(err, what, reply->str);
	reply_free(reply);
	return NULL;
}
