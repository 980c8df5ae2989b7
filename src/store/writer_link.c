#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "store/refusal.h"
#include "store/resp.h"
#include "store/writer_in.h"

#define READ_BYTES   (64 * 1024)
#define RESOLVE_EACH 5 /* the fifth try goes where the name points by now */
#define RESOLVE_AT   1 /* when it is asked for, to be there by then */

void writer_drop(struct writer *w, int delay_ms, const char *why)
{
	int64_t now = clock_mono_ms();
	int wait = link_backoff(&w->delay_ms);
	if (delay_ms >= 0)
		wait = delay_ms;
	if (strcmp(w->why, why) != 0)
		log_warn("store", "link lost: %s", why);
	snprintf(w->why, sizeof w->why, "%s", why);
	if (w->c) /* last: `why` may be its */
		redisFree(w->c);
	w->c = NULL;
	if (!w->away_since_ms)
		w->away_since_ms = now;
	w->state = WRITER_AWAY;
	w->retry_ms = now + wait;
	w->failures++;
	for (size_t i = w->op_first; i < w->op_sent; i++)
		w->ops[i].again = true;
	w->op_sent = w->op_first;
	w->sent = w->answered;
}

static void drop_errno(struct writer *w, const char *what, int error)
{
	char why[256];
	snprintf(why, sizeof why, "Redis at %s: %s: %s", w->address->url, what,
		 strerror(error));
	writer_drop(w, -1, why);
}

static void remember_host(struct writer *w)
{
	struct sockaddr_storage peer;
	socklen_t bytes = sizeof peer;
	char host[128];
	if (w->address->path ||
	    getpeername(w->c->fd, (struct sockaddr *)&peer, &bytes) < 0 ||
	    getnameinfo((struct sockaddr *)&peer, bytes, host, sizeof host,
			NULL, 0, NI_NUMERICHOST) != 0)
		return;
	free(w->numeric_host);
	w->numeric_host = xstrdup(host);
}

/* Mostly where it was; the look-up is waited for by nobody. */
static const char *next_host(struct writer *w)
{
	int turn = w->failures % RESOLVE_EACH;
	if (!w->numeric_host)
		return w->address->host;
	if (turn == RESOLVE_AT && !w->lookup)
		w->lookup = lookup_start(w->address->host, NULL, NULL);
	if (w->lookup)
		lookup_take(&w->lookup, &w->found);
	if (turn == RESOLVE_EACH - 1 && w->found.count)
		return w->found.addr[w->next_found++ % w->found.count];
	return w->numeric_host;
}

void writer_connect(struct writer *w)
{
	const struct address *a = w->address;
	w->c = a->path ? redisConnectUnixNonBlock(a->path)
		       : redisConnectNonBlock(next_host(w), a->port);
	REQUIRE(w->c);
	if (w->c->err) {
		char why[256];
		snprintf(why, sizeof why, "Redis at %s is away: %s", a->url,
			 w->c->errstr);
		writer_drop(w, -1, why);
		return;
	}
	reply_prepare(w->c->reader);
	w->state = WRITER_CONNECTING;
	w->deadline_ms = clock_mono_ms() + LINK_CONNECT_MS;
}

static void begin_greeting(struct writer *w)
{
	if (!w->address->path)
		redisEnableKeepAlive(w->c);
	buf_clear(&w->hello);
	w->hello_sent = 0;
	link_greet(&w->hello, w->address, w->name, &w->hello_count);
	if (w->away_word) {
		resp_begin(&w->hello, 3);
		resp_str(&w->hello, "PUBLISH");
		resp_str(&w->hello, w->key_live);
		resp_str(&w->hello, w->away_word);
	}
	w->away_words = w->away_word != NULL;
	for (int i = 0; i < SCRIPTS; i++) {
		resp_begin(&w->hello, 3);
		resp_str(&w->hello, "SCRIPT");
		resp_str(&w->hello, "LOAD");
		resp_str(&w->hello, script_texts[i]);
	}
	w->hello_left = w->hello_count + w->away_words + SCRIPTS;
	w->state = WRITER_GREETING;
	w->deadline_ms = clock_mono_ms() + LINK_ASK_MS;
}

static void look_connected(struct writer *w)
{
	int error = 0;
	socklen_t bytes = sizeof error;
	if (getsockopt(w->c->fd, SOL_SOCKET, SO_ERROR, &error, &bytes) < 0)
		error = errno;
	if (error)
		drop_errno(w, "connect", error);
	else
		begin_greeting(w);
}

/* Sends data[*done..len); false when the link was dropped. */
static bool send_some(struct writer *w, const char *data, size_t len,
		      size_t *done)
{
	while (*done < len) {
		ssize_t n = send(w->c->fd, data + *done, len - *done,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			*done += (size_t)n;
		} else if (errno == EAGAIN) {
			return true;
		} else if (errno != EINTR) {
			drop_errno(w, "write", errno);
			return false;
		}
	}
	return true;
}

static void flush_ops(struct writer *w)
{
	size_t done = (size_t)(w->sent - w->base);
	if (done == w->out.len)
		return;
	int64_t before_ms = clock_show_ms();
	if (!send_some(w, w->out.data, w->out.len, &done))
		return;
	w->sent = w->base + done;
	int64_t now = clock_mono_us();
	while (w->op_sent < w->op_count && w->ops[w->op_sent].begin < w->sent) {
		if (w->ops[w->op_sent].kind == OP_RENEW)
			w->renew_sent_ms = before_ms;
		w->ops[w->op_sent++].sent_us = now;
	}
}

void writer_is_back(struct writer *w)
{
	if (!w->away_since_ms)
		return;
	if (w->why[0])
		log_info("store", "link is back");
	w->why[0] = '\0';
	w->away_since_ms = 0;
	free(w->away_word);
	w->away_word = NULL;
}

static bool greeted(struct writer *w, const redisReply *reply)
{
	struct err err = {0};
	bool greeting = w->hello_left > SCRIPTS + w->away_words;
	bool word = !greeting && w->hello_left > SCRIPTS;
	w->hello_left--;
	if (word)
		return true;
	if (!(greeting ? link_greeting_ok(reply, &err)
		       : reply->type != REDIS_REPLY_ERROR)) {
		if (!greeting)
			snprintf(err.text, sizeof err.text,
				 "Redis takes no scripts: %s", reply->str);
		writer_drop(w,
			    err.code == ERR_CONFIG ? LINK_BACKOFF_MAX_MS : -1,
			    err.text);
		return false;
	}
	if (w->hello_left > 0)
		return true;
	w->state = WRITER_READY;
	if (!w->refused || w->op_first == w->op_count)
		writer_is_back(w);
	remember_host(w);
	return true;
}

static void take_replies(struct writer *w)
{
	void *reply = NULL;
	bool linked = true;
	while (linked) {
		if (redisReaderGetReply(w->c->reader, &reply) != REDIS_OK) {
			writer_drop(w, -1, w->c->reader->errstr);
			return;
		}
		if (!reply)
			return;
		linked = w->state == WRITER_GREETING ? greeted(w, reply)
						     : writer_answer(w, reply);
		reply_free(reply);
	}
}

static void read_replies(struct writer *w)
{
	char bytes[READ_BYTES];
	ssize_t n;
	do {
		n = recv(w->c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n > 0) {
			redisReaderFeed(w->c->reader, bytes, (size_t)n);
			take_replies(w);
			if (w->c && reply_is_too_large(w->c->reader))
				writer_drop(w, -1, REPLY_TOO_LARGE);
		} else if (n == 0) {
			writer_drop(w, -1, "Redis closed the connection");
		} else if (errno != EAGAIN && errno != EINTR) {
			drop_errno(w, "read", errno);
		}
		/* A short read has emptied the socket: no second call. */
	} while (w->c && n == READ_BYTES);
}

static void look_at_clock(struct writer *w, int64_t now)
{
	switch (w->state) {
	case WRITER_AWAY:
		if (now >= w->retry_ms)
			writer_connect(w);
		break;
	case WRITER_CONNECTING:
	case WRITER_GREETING:
		if (now >= w->deadline_ms)
			drop_errno(w, "connecting", ETIMEDOUT);
		break;
	case WRITER_READY:
		if (w->op_first < w->op_sent &&
		    now - w->ops[w->op_first].sent_us / 1000 > w->answer_ms)
			drop_errno(w, "no answer", ETIMEDOUT);
		break;
	}
}

void writer_pump(struct writer *w, short revents)
{
	if (w->state == WRITER_CONNECTING && revents)
		look_connected(w);
	if (w->state >= WRITER_GREETING && (revents & ~POLLOUT))
		read_replies(w);
	look_at_clock(w, clock_mono_ms());
	/* A unix socket is connected at once. */
	if (w->state == WRITER_CONNECTING && w->address->path)
		look_connected(w);
	if (w->state == WRITER_GREETING)
		send_some(w, w->hello.data, w->hello.len, &w->hello_sent);
	if (w->state == WRITER_READY)
		flush_ops(w);
}

int writer_fd(const struct writer *w)
{
	return w->c ? w->c->fd : -1;
}

short writer_poll_events(const struct writer *w)
{
	bool more = false;
	switch (w->state) {
	case WRITER_AWAY:
		return 0;
	case WRITER_CONNECTING:
		return POLLOUT;
	case WRITER_GREETING:
		more = w->hello_sent < w->hello.len;
		break;
	case WRITER_READY:
		more = w->sent < w->base + w->out.len;
		break;
	}
	return (short)(POLLIN | (more ? POLLOUT : 0));
}

int writer_timeout_ms(const struct writer *w)
{
	int64_t at = w->deadline_ms;
	if (w->done_first < w->done_count)
		return 0;
	if (w->state == WRITER_AWAY)
		at = w->retry_ms;
	else if (w->state == WRITER_READY && w->op_first < w->op_sent)
		at = w->ops[w->op_first].sent_us / 1000 + w->answer_ms + 1;
	else if (w->state == WRITER_READY)
		return -1;
	int64_t left = at - clock_mono_ms();
	return left < 0 ? 0 : (int)left;
}

int64_t writer_away_ms(const struct writer *w)
{
	if (w->state == WRITER_READY && !w->away_since_ms)
		return 0;
	int64_t ms = clock_mono_ms() - w->away_since_ms;
	return ms > 0 ? ms : 1;
}

const char *writer_why_away(const struct writer *w)
{
	return w->why;
}

const char *writer_brief_away(const struct writer *w)
{
	return refusal_brief(w->why);
}
