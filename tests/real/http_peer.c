#include "http_peer.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "patience.h"

#define CONNECTIONS_MAX 256

struct connection {
	struct http_peer *peer;
	pthread_t thread;
	int fd;
	bool used, over;
};

struct http_peer {
	int fd, port;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* requests or open */
	struct connection connections[CONNECTIONS_MAX];
	int requests, open;
	char *last;
	bool stopping;
};

#define OK_JSON                                                                \
	"{\"success\":true,\"result\":{\"beat\":\"The gate opens\"},"          \
	"\"tokens_used\":120,\"cost\":\"0.002\",\"confidence\":0.9}"
#define HEAD(status, type) "HTTP/1.1 " status "\r\nContent-Type: " type "\r\n"
#define JSON_HEAD	   HEAD("200 OK", "application/json")

/* False: the other side has gone. */
static bool send_bytes(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		bytes += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool send_text(int fd, const char *text)
{
	return send_bytes(fd, text, strlen(text));
}

static void send_whole(int fd, const char *head, const char *body)
{
	char length[64];
	snprintf(length, sizeof length, "Content-Length: %zu\r\n\r\n",
		 strlen(body));
	send_text(fd, head);
	send_text(fd, length);
	send_text(fd, body);
}

/* Until the other side goes, or the peer stops and shuts the socket down. */
static void wait_gone(int fd)
{
	char byte;
	while (recv(fd, &byte, 1, 0) > 0)
		;
}

static void answer_hang(int fd)
{
	wait_gone(fd);
}

static void answer_slow_body(int fd)
{
	send_text(fd, JSON_HEAD "Content-Length: 100\r\n\r\n{\"succ");
	wait_gone(fd);
}

/* 120 ms to the first byte and 80 ms more to the last one. */
static void answer_in_parts(int fd)
{
	struct pollfd gone = {.fd = fd, .events = POLLIN};
	if (poll(&gone, 1, 120) == 0 &&
	    send_text(fd, JSON_HEAD "Content-Length: 16\r\n\r\n{\"succ") &&
	    poll(&gone, 1, 80) == 0)
		send_text(fd, "ess\":true}");
}

/* One byte each 20 ms, for ever. */
static void answer_drip(int fd)
{
	struct pollfd gone = {.fd = fd, .events = POLLIN};
	send_text(fd, JSON_HEAD "Content-Length: 100000\r\n\r\n");
	while (send_bytes(fd, " ", 1) && poll(&gone, 1, 20) == 0)
		;
}

static void answer_huge(int fd)
{
	char blanks[65536];
	memset(blanks, ' ', sizeof blanks);
	send_text(fd, JSON_HEAD "Content-Length: 100000000\r\n\r\n");
	while (send_bytes(fd, blanks, sizeof blanks))
		;
}

static void answer_endless_chunks(int fd)
{
	char blanks[4096];
	memset(blanks, ' ', sizeof blanks);
	send_text(fd, JSON_HEAD "Transfer-Encoding: chunked\r\n\r\n");
	while (send_text(fd, "1000\r\n") &&
	       send_bytes(fd, blanks, sizeof blanks) && send_text(fd, "\r\n"))
		;
}

static void answer_header_bomb(int fd)
{
	send_text(fd, "HTTP/1.1 200 OK\r\n");
	while (send_text(fd,
			 "X-Filler: 0123456789012345678901234567890123\r\n"))
		;
}

/* Exactly 1 MiB of valid JSON, and one byte more. */
static void answer_sized(int fd, size_t bytes)
{
	static const char begin[] = "{\"success\":true,\"tokens_used\":1,"
				    "\"result\":{}}";
	char *body = xmalloc(bytes + 1);
	memset(body, ' ', bytes);
	memcpy(body, begin, sizeof begin - 1);
	body[bytes] = '\0';
	send_whole(fd, JSON_HEAD, body);
	free(body);
}

static void answer_just_fits(int fd)
{
	answer_sized(fd, 1024 * 1024);
}

static void answer_one_more(int fd)
{
	answer_sized(fd, 1024 * 1024 + 1);
}

/* A row has a body that is sent with its length, or the bytes as they are, or a
 * function. */
static const struct row {
	const char *path;
	const char *head, *body;
	const char *raw;
	void (*answer)(int fd);
} rows[] = {
	{"/ok", JSON_HEAD, OK_JSON},
	{"/text-type", HEAD("200 OK", "text/plain"), OK_JSON},
	{"/no-tokens", JSON_HEAD, "{\"success\":true,\"result\":{\"a\":1}}"},
	{"/no-result", JSON_HEAD, "{\"success\":true}"},
	{"/failed", JSON_HEAD,
	 "{\"success\":false,\"error\":{\"code\":\"no_idea\",\"message\":"
	 "\"nothing \\u001b[31mcomes\"},\"tokens_used\":7}"},
	{"/budget", JSON_HEAD,
	 "{\"success\":false,\"error\":{\"code\":\"budget\",\"message\":"
	 "\"too little\",\"details\":{\"tokens_needed\":9000}}}"},
	{"/budget-402", HEAD("402 Payment Required", "application/json"),
	 "{\"success\":false,\"error\":{\"code\":\"budget\","
	 "\"details\":{\"tokens_needed\":9000}}}"},
	{"/mismatch", JSON_HEAD,
	 "{\"success\":true,\"result\":{},\"correlationId\":\"r9/s/1\"}"},
	{"/match", JSON_HEAD,
	 "{\"success\":true,\"result\":{},\"correlationId\":\"r1/s/1\"}"},
	{"/garbage", JSON_HEAD, "{\"success\":true,,}"},
	{"/double", JSON_HEAD, OK_JSON OK_JSON},
	{"/duplicate-key", JSON_HEAD,
	 "{\"success\":false,\"success\":true,\"result\":{}}"},
	{"/array", JSON_HEAD, "[1,2,3]"},
	{"/other-form", JSON_HEAD, "{\"text\":\"hello\"}"},
	{"/empty", JSON_HEAD, ""},
	{"/html", HEAD("200 OK", "text/html"), "<html>Welcome</html>"},
	{"/500", HEAD("500 Internal Server Error", "application/json"),
	 "{\"success\":false,\"error\":{\"code\":\"x\",\"message\":"
	 "\"the model fell over\"},\"tokens_used\":33,\"cost\":0.5}"},
	{"/500-html", HEAD("500 Internal Server Error", "text/html"),
	 "<h1>Oops</h1>"},
	{"/429",
	 HEAD("429 Too Many Requests", "application/json") "Retry-After: 3\r\n",
	 "{\"error\":{\"message\":\"slow down\"}}"},
	{"/redirect",
	 HEAD("302 Found",
	      "text/plain") "Location: "
			    "http://user:pw@127.0.0.1/ok?key=geheim\r\n",
	 ""},
	{"/cut", .raw = JSON_HEAD "Content-Length: 500\r\n\r\n{\"success\""},
	{"/cut-chunked",
	 .raw = JSON_HEAD "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"succes"},
	{"/cut-close", .raw = JSON_HEAD "Connection: close\r\n\r\n"
					"{\"success\":true,\"result\":{\"a\":"},
	{"/bad-chunk",
	 .raw = JSON_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"},
	{"/no-answer", .raw = ""},
	{"/two-lengths", .raw = JSON_HEAD "Content-Length: 2\r\n"
					  "Content-Length: 90\r\n\r\n{}"},
	{"/length-and-chunks",
	 .raw = JSON_HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"
			  "\r\n2\r\n{}\r\n0\r\n\r\n"},
	{"/http09", .raw = "{\"success\":true,\"result\":{}}"},
	{"/not-http", .raw = "SSH-2.0-OpenSSH_9.2\r\n"},
	{"/continue",
	 .raw = "HTTP/1.1 100 Continue\r\n\r\n"
		"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" JSON_HEAD
		"Content-Length: 29\r\n\r\n"
		"{\"success\":true,\"result\":{} }"},
	{"/hang", .answer = answer_hang},
	{"/slow-body", .answer = answer_slow_body},
	{"/in-parts", .answer = answer_in_parts},
	{"/drip", .answer = answer_drip},
	{"/huge", .answer = answer_huge},
	{"/endless-chunks", .answer = answer_endless_chunks},
	{"/header-bomb", .answer = answer_header_bomb},
	{"/just-fits", .answer = answer_just_fits},
	{"/one-more", .answer = answer_one_more},
	{"/status", JSON_HEAD,
	 "{\"show\":\"adventure\",\"n\":5,\"list\":[\"a\",\"b\"],"
	 "\"none\":null}"},
	{"/secret", HEAD("200 OK", "text/plain"),
	 "you sent Bearer someone-elses and token=hush, "
	 "in short tok-0123456789abcdef"},
	{"/closed", HEAD("503 Service Unavailable", "text/plain"), "no"},
};

static void answer(int fd, const char *request)
{
	const char *path = strchr(request, ' ');
	size_t bytes = path ? strcspn(path + 1, " ?\r\n") : 0;
	for (size_t i = 0; path && i < COUNT_OF(rows); i++) {
		const struct row *row = &rows[i];
		if (strlen(row->path) != bytes ||
		    memcmp(row->path, path + 1, bytes) != 0)
			continue;
		if (row->answer)
			row->answer(fd);
		else if (row->raw)
			send_text(fd, row->raw);
		else
			send_whole(fd, row->head, row->body);
		return;
	}
	send_whole(fd, HEAD("404 Not Found", "text/plain"), "no such path");
}

/* Reads headers and body. False when the other side goes before. */
static bool read_request(int fd, struct buf *request)
{
	char piece[4096];
	size_t want = 0;
	while (!want || request->len < want) {
		ssize_t n = recv(fd, piece, sizeof piece, 0);
		if (n <= 0)
			return false;
		buf_add(request, piece, (size_t)n);
		if (request->data[0] < 'A' || request->data[0] > 'Z')
			return false; /* TLS, perhaps */
		const char *end = strstr(buf_str(request), "\r\n\r\n");
		if (!end)
			continue;
		const char *length =
			strcasestr(buf_str(request), "\r\nContent-Length:");
		want = (size_t)(end + 4 - buf_str(request));
		if (length && length < end)
			want += strtoul(length + 17, NULL, 10);
	}
	return true;
}

static void *serve(void *ctx)
{
	struct connection *c = ctx;
	struct buf request = {0};
	if (read_request(c->fd, &request)) {
		pthread_mutex_lock(&c->peer->lock);
		c->peer->requests++;
		pthread_cond_broadcast(&c->peer->changed);
		free(c->peer->last);
		c->peer->last = xstrdup(buf_str(&request));
		pthread_mutex_unlock(&c->peer->lock);
		answer(c->fd, buf_str(&request));
		shutdown(c->fd, SHUT_WR);
		wait_gone(c->fd); /* else a reset could overtake the answer */
	}
	buf_release(&request);
	pthread_mutex_lock(&c->peer->lock);
	close(c->fd);
	c->over = true;
	c->peer->open--;
	pthread_cond_broadcast(&c->peer->changed);
	pthread_mutex_unlock(&c->peer->lock);
	return NULL;
}

/* Under the lock. A slot whose thread is over is joined and used again. */
static struct connection *free_slot(struct http_peer *p)
{
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &p->connections[i];
		if (c->used && c->over) {
			pthread_join(c->thread, NULL);
			c->used = false;
		}
		if (!c->used)
			return c;
	}
	return NULL;
}

static void *listen_loop(void *ctx)
{
	struct http_peer *p = ctx;
	int fd;
	while ((fd = accept(p->fd, NULL, NULL)) >= 0) {
		pthread_mutex_lock(&p->lock);
		struct connection *c = p->stopping ? NULL : free_slot(p);
		if (c) {
			*c = (struct connection){
				.peer = p, .fd = fd, .used = true};
			p->open++;
			REQUIRE(pthread_create(&c->thread, NULL, serve, c) ==
				0);
		}
		pthread_mutex_unlock(&p->lock);
		if (!c)
			close(fd);
	}
	return NULL;
}

struct http_peer *http_peer_start(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t bytes = sizeof address;
	struct http_peer *p = xcalloc(1, sizeof *p);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(bind(p->fd, (void *)&address, bytes) == 0);
	REQUIRE(listen(p->fd, 512) == 0);
	REQUIRE(getsockname(p->fd, (void *)&address, &bytes) == 0);
	p->port = ntohs(address.sin_port);
	REQUIRE(pthread_create(&p->thread, NULL, listen_loop, p) == 0);
	return p;
}

void http_peer_stop(struct http_peer **peer)
{
	struct http_peer *p = *peer;
	*peer = NULL;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (p->connections[i].used && !p->connections[i].over)
			shutdown(p->connections[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&p->lock);
	shutdown(p->fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (p->connections[i].used)
			pthread_join(p->connections[i].thread, NULL);
	close(p->fd);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	free(p->last);
	free(p);
}

int http_peer_port(const struct http_peer *peer)
{
	return peer->port;
}

int http_peer_requests(struct http_peer *peer)
{
	pthread_mutex_lock(&peer->lock);
	int n = peer->requests;
	pthread_mutex_unlock(&peer->lock);
	return n;
}

/* Under the lock. False when `until` has passed. */
static bool wait_change(struct http_peer *p, const struct timespec *until)
{
	return pthread_cond_timedwait(&p->changed, &p->lock, until) == 0;
}

static struct timespec patience(void)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += patience_ms(10000) / 1000;
	return until;
}

bool http_peer_wait_requests(struct http_peer *p, int requests)
{
	struct timespec until = patience();
	pthread_mutex_lock(&p->lock);
	while (p->requests < requests && wait_change(p, &until))
		;
	bool there = p->requests >= requests;
	pthread_mutex_unlock(&p->lock);
	return there;
}

bool http_peer_wait_closed(struct http_peer *p)
{
	struct timespec until = patience();
	pthread_mutex_lock(&p->lock);
	while (p->open > 0 && wait_change(p, &until))
		;
	bool closed = p->open == 0;
	pthread_mutex_unlock(&p->lock);
	return closed;
}

char *http_peer_last(struct http_peer *peer)
{
	pthread_mutex_lock(&peer->lock);
	char *copy = xstrdup(peer->last ? peer->last : "");
	pthread_mutex_unlock(&peer->lock);
	return copy;
}
