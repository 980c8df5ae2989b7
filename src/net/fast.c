/*
 * fast: the path of a plain vote, which needs nothing of libmicrohttpd. A vote
 * waits for its answer, and there libmicrohttpd takes a connection out of its
 * epoll, puts it in again, keeps 24 KB for it and clears them: more than all
 * that we do for the vote.
 *
 * Plain is POST /vote/..., HTTP/1.1, with one Content-Length, which lies in the
 * socket as a whole and alone. It is looked at there (MSG_PEEK). Whatever else
 * is found, torn or slow, pipelined, chunked, large, or another request, stays
 * unread and goes to libmicrohttpd with its connection, for good. So this reads
 * no half of a request, and waits for none.
 *
 * What the vote means and how it is answered is decided where it is for all
 * requests: request_judge(), request_run(), the route's finish.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/request.h"

#define WHOLE_MAX_BYTES 4096 /* head and body */

/* --- what suits it ---------------------------------------------------------
 */

static bool stays_open(const struct head *h)
{
	size_t said = head_count(h, "Connection");
	return !said || (said == 1 &&
			 !strcasecmp(head_get(h, "Connection"), "keep-alive"));
}

bool fast_suits(const struct head *h)
{
	return !strcmp(h->method, "POST") && !strncmp(h->target, "/vote/", 6) &&
	       !strcmp(h->version, "HTTP/1.1") && stays_open(h) &&
	       head_count(h, "Content-Length") == 1 && !head_get(h, "Expect") &&
	       !head_get(h, "Upgrade");
}

/* NULL: it is not plain, or not whole and alone. */
static struct request *read_request(struct conn *c, const char *bytes,
				    size_t len)
{
	struct head h;
	size_t end = head_end(bytes, len);
	if (!end)
		return NULL;
	char *block = xmalloc(end);
	memcpy(block, bytes, end);
	if (head_parse(&h, block, end) || head_check(&h) || !fast_suits(&h) ||
	    end + head_length(&h) != len) {
		free(block);
		return NULL;
	}
	struct request *r = request_new(c->side, c, h.target);
	memcpy(&r->head, &h,
	       offsetof(struct head, fields) +
		       h.field_count * sizeof h.fields[0]);
	r->block = block;
	buf_add(&r->body, bytes + end, len - end);
	return r;
}

/* --- its connections -------------------------------------------------------
 */

/* The descriptor is left to the caller. */
static int leave(struct conn *c)
{
	int fd = c->fd;
	epoll_ctl(c->side->web->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	if (c->request)
		request_free(c->request);
	buf_release(&c->rest);
	conn_free(c);
	return fd;
}

static void settle(struct conn *c)
{
	struct request *r = c->request;
	REQUIRE(r->answered || r->waiting);
	if (!r->answered)
		return;
	c->request = NULL;
	c->deadline_ms =
		clock_mono_ms() + (c->rest.len ? WEB_SEND_MS : WEB_IDLE_MS);
	request_free(r);
}

/* False: the connection is none of ours any more. */
static bool look(struct conn *c)
{
	char room[WHOLE_MAX_BYTES + 1];
	ssize_t n = recv(c->fd, room, sizeof room, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN && !c->left)
		return true;
	if (n <= 0) {
		close(leave(c));
		return false;
	}
	struct request *r =
		n <= WHOLE_MAX_BYTES ? read_request(c, room, (size_t)n) : NULL;
	if (!r) {
		struct side *side = c->side;
		http_take(side, leave(c));
		return false;
	}
	c->request = r;
	if (recv(c->fd, room, (size_t)n, MSG_DONTWAIT) != n) {
		close(leave(c));
		return false;
	}
	request_judge(r);
	if (!r->answered)
		request_run(r);
	settle(c);
	return true;
}

/* epoll tells each arrival once, and who has left once and for all. */
static void go_on(struct conn *c)
{
	while (!c->request && !c->rest.len && (c->unread || c->left)) {
		c->unread = false;
		if (!look(c))
			return;
	}
}

void fast_take(struct side *side, int fd)
{
	struct conn *c = conn_new(side, fd);
	/* What lies there already is told as if it came now. */
	if (!web_epoll_add(side->web, fd,
			   EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
			   READY_FAST, c))
		close(leave(c));
}

/* How much the socket took. */
static size_t put(struct conn *c, const char *bytes, size_t len)
{
	ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0)
		return (size_t)n;
	if (errno == EAGAIN)
		return 0;
	c->left = true;
	return len; /* there is nobody to read it */
}

static void put_rest(struct conn *c)
{
	size_t n = put(c, c->rest.data, c->rest.len);
	c->rest.len -= n;
	memmove(c->rest.data, c->rest.data + n, c->rest.len);
	if (c->rest.len)
		return;
	buf_release(&c->rest);
	c->deadline_ms = clock_mono_ms() + WEB_IDLE_MS;
}

void fast_ready(struct conn *c, uint32_t events)
{
	c->unread = true;
	c->left |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	if (c->rest.len)
		put_rest(c);
	go_on(c);
}

/* --- answers ---------------------------------------------------------------
 */

void fast_wake(struct request *r)
{
	struct web *web = r->web;
	r->conn->woken = NULL;
	*web->woken_last = r->conn;
	web->woken_last = &r->conn->woken;
}

/* Not in the midst of what woke it: an answer may begin the next request. */
void fast_run(struct web *web)
{
	struct conn *c = web->woken, *next;
	web->woken = NULL;
	web->woken_last = &web->woken;
	for (; c; c = next) {
		next = c->woken;
		c->request->route->finish(c->request);
		settle(c);
		go_on(c);
	}
}

/* RFC 9110 section 5.6.7, whatever the locale. */
static const char *date_line(struct web *web)
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed",
				       "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr",
					 "May", "Jun", "Jul", "Aug",
					 "Sep", "Oct", "Nov", "Dec"};
	time_t now = (time_t)(clock_show_ms() / 1000);
	if (now == web->date_s)
		return web->date;
	struct tm t;
	gmtime_r(&now, &t);
	snprintf(web->date, sizeof web->date,
		 "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[t.tm_wday],
		 t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour,
		 t.tm_min, t.tm_sec);
	web->date_s = now;
	return web->date;
}

void fast_answer(struct request *r, const struct answer *a)
{
	struct buf *out = &r->web->fast_out;
	buf_clear(out);
	buf_addf(out, "HTTP/1.1 %d %s\r\n", a->status,
		 MHD_get_reason_phrase_for((unsigned)a->status));
	buf_adds(out, date_line(r->web));
	for (size_t i = 0; i < a->count; i++) {
		buf_adds(out, a->fields[i].name);
		buf_adds(out, ": ");
		buf_adds(out, a->fields[i].value);
		buf_adds(out, "\r\n");
	}
	buf_addf(out, "Content-Length: %zu\r\n\r\n", a->bytes);
	buf_add(out, a->body, a->bytes);
	/* The rest of it waits for who is slow to read, and its next request
	 * with it. */
	size_t n = put(r->conn, out->data, out->len);
	buf_add(&r->conn->rest, out->data + n, out->len - n);
}

/* Whoever waits is told so; then all of them are closed. */
void fast_stop(struct web *web)
{
	http_wake_all(web);
	fast_run(web);
	for (int i = 0; i < SIDES; i++)
		for (struct conn *c = web->sides[i].conns, *next; c; c = next) {
			next = c->next;
			if (!c->mhd)
				close(leave(c));
		}
}
