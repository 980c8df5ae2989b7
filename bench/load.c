#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "stand.h"

#define PATIENCE_MS 60000
#define HEAD_BYTES  8192
#define FRAME_BYTES 1024
#define READY	    64

struct client {
	struct client *next; /* of those that are idle, in turn */
	int fd;
	int64_t start_us, first_us;
	int64_t left;	       /* of the body; -1: it comes in chunks */
	char tail[5];	       /* of what came last, for the end of chunks */
	size_t head_bytes;     /* while it is not whole */
	char head[HEAD_BYTES]; /* of the answer */
};

static int dial(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&to, sizeof to))
		stand_give_up("port %d: %s", port, strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

static void push(const struct client *c, const void *bytes, size_t len)
{
	if (send(c->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		stand_give_up("a request was not taken: %s", strerror(errno));
}

/* Masked, as a client's has to be, with a mask of zeros. */
static void push_frame(const struct client *c, const char *text)
{
	unsigned char frame[FRAME_BYTES] = {0x81};
	size_t len = strlen(text), at = 2;
	if (len + 8 > sizeof frame)
		stand_give_up("a message is too long");
	if (len < 126) {
		frame[1] = (unsigned char)(0x80 | len);
	} else {
		frame[1] = 0x80 | 126;
		frame[2] = (unsigned char)(len >> 8);
		frame[3] = (unsigned char)len;
		at = 4;
	}
	memcpy(frame + at + 4, text, len);
	push(c, frame, at + 4 + len);
}

static void begin(const struct load *l, int number, struct client *c,
		  int64_t due_us)
{
	char *own = l->next ? l->next(l, c->head_bytes ? c->head : NULL) : NULL;
	const char *text = own	      ? own
			   : l->texts ? l->texts[number]
				      : l->request;
	if (!l->ws_path)
		c->head_bytes = 0;
	c->first_us = 0;
	memset(c->tail, 0, sizeof c->tail); /* not the end of the last one */
	c->start_us = due_us ? due_us : clock_mono_us();
	if (l->ws_path)
		push_frame(c, text);
	else
		push(c, text, strlen(text));
	free(own);
}

/* Upgrades; what follows are frames. */
static void shake_hands(const struct load *l, struct client *c)
{
	char *hello = xasprintf(
		"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
		"Upgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		l->ws_path, l->port);
	push(c, hello, strlen(hello));
	free(hello);
	while (!memmem(c->head, c->head_bytes, "\r\n\r\n", 4)) {
		ssize_t n = recv(c->fd, c->head + c->head_bytes, 1, 0);
		if (n <= 0 || ++c->head_bytes == HEAD_BYTES - 1)
			stand_give_up("no handshake: %.200s", c->head);
	}
	if (strncmp(c->head, "HTTP/1.1 101", 12))
		stand_give_up("no WebSocket: %.200s", c->head);
	c->head_bytes = 0;
}

/* One frame of a server; how many bytes it takes, 0: not all there. */
static size_t frame_of(const struct client *c, const char **text, size_t *len)
{
	const unsigned char *b = (const unsigned char *)c->head;
	size_t at = 2;
	if (c->head_bytes < 2)
		return 0;
	*len = b[1] & 127;
	if (*len == 126) {
		*len = (size_t)b[2] << 8 | b[3];
		at = 4;
	}
	if (at + *len > HEAD_BYTES)
		stand_give_up("a message of the server is too long");
	*text = c->head + at;
	return c->head_bytes >= at + *len ? at + *len : 0;
}

/* Reads what there is; true when an answer was among it. */
static bool take_frames(struct load *l, struct client *c)
{
	ssize_t n = recv(c->fd, c->head + c->head_bytes,
			 HEAD_BYTES - c->head_bytes, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		stand_give_up("a WebSocket was cut");
	c->head_bytes += (size_t)n;
	bool answer = false;
	const char *text;
	size_t len, took;
	while ((took = frame_of(c, &text, &len))) {
		if (memmem(text, len, l->ws_answer, strlen(l->ws_answer))) {
			answer = true;
			bool ok = memmem(text, len, "\"ok\":true", 9);
			if (!ok && !l->bad++)
				fprintf(stderr, "%.*s\n", (int)len, text);
		}
		c->head_bytes -= took;
		memmove(c->head, c->head + took, c->head_bytes);
	}
	if (answer)
		c->first_us = clock_mono_us();
	return answer;
}

/* Takes the head; how many bytes of `text` are its own, 0 while there is more
 * to come. */
static size_t take_head(struct load *l, struct client *c, const char *text,
			size_t bytes)
{
	size_t old = c->head_bytes;
	size_t n = bytes < HEAD_BYTES - 1 - old ? bytes : HEAD_BYTES - 1 - old;
	memcpy(c->head + old, text, n);
	c->head_bytes += n;
	c->head[c->head_bytes] = '\0';
	const char *end = memmem(c->head, c->head_bytes, "\r\n\r\n", 4);
	if (!end && c->head_bytes == HEAD_BYTES - 1)
		stand_give_up("the head of an answer has no end");
	if (!end)
		return 0;
	const char *length =
		memmem(c->head, c->head_bytes, "\r\nContent-Length: ", 18);
	c->left = length && length < end ? atoll(length + 18) : -1;
	c->first_us = clock_mono_us();
	if (strncmp(c->head, "HTTP/1.1 200", 12) != 0 && !l->bad++)
		fprintf(stderr, "%s\n", c->head);
	return (size_t)(end + 4 - c->head) - old;
}

static void keep_tail(struct client *c, const char *text, size_t bytes)
{
	size_t keep = sizeof c->tail;
	if (bytes < keep) {
		memmove(c->tail, c->tail + bytes, keep - bytes);
		memcpy(c->tail + keep - bytes, text, bytes);
	} else {
		memcpy(c->tail, text + bytes - keep, keep);
	}
}

/* Reads what there is; true when the answer is whole. */
static bool take(struct load *l, struct client *c)
{
	char room[16384];
	ssize_t n = recv(c->fd, room, sizeof room, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		stand_give_up("the answer was cut: %.300s", c->head);
	size_t at = c->first_us ? 0 : take_head(l, c, room, (size_t)n);
	if (!c->first_us)
		return false;
	if (c->left < 0) {
		keep_tail(c, room + at, (size_t)n - at);
		return !memcmp(c->tail, "0\r\n\r\n", 5);
	}
	c->left -= (int64_t)((size_t)n - at);
	return c->left == 0;
}

static void note(struct load *l, const struct client *c)
{
	int64_t now_us = clock_mono_us();
	l->first_ms[l->done] = (double)(c->first_us - c->start_us) / 1000;
	l->whole_ms[l->done] = (double)(now_us - c->start_us) / 1000;
	l->done++;
}

struct idle {
	struct client *first, **last;
};

static void add_idle(struct idle *idle, struct client *c)
{
	c->next = NULL;
	*idle->last = c;
	idle->last = &c->next;
}

static struct client *take_idle(struct idle *idle)
{
	struct client *c = idle->first;
	idle->first = c->next;
	if (!idle->first)
		idle->last = &idle->first;
	return c;
}

/* What is due goes out; microseconds until the next one, or -1. */
static int64_t send_due(const struct load *l, int64_t began_us, int *begun,
			struct idle *idle)
{
	while (*begun < l->total && idle->first) {
		double step = l->pace_us > 0	    ? l->pace_us
			      : *begun < l->clients ? (double)l->stagger_us
						    : 0;
		int64_t due_us = began_us + (int64_t)(*begun * step);
		int64_t now_us = clock_mono_us();
		if (due_us > now_us)
			return due_us - now_us;
		begin(l, *begun, take_idle(idle), l->pace_us > 0 ? due_us : 0);
		++*begun;
	}
	return -1;
}

static struct client *dial_all(const struct load *l, int ep, struct idle *idle)
{
	struct client *clients = xcalloc((size_t)l->clients, sizeof *clients);
	for (int i = 0; i < l->clients; i++) {
		struct epoll_event ev = {.events = EPOLLIN,
					 .data.ptr = &clients[i]};
		clients[i].fd = dial(l->port);
		if (l->ws_path)
			shake_hands(l, &clients[i]);
		add_idle(idle, &clients[i]);
		epoll_ctl(ep, EPOLL_CTL_ADD, clients[i].fd, &ev);
	}
	return clients;
}

void load_run(struct load *l)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), begun = 0;
	struct idle idle = {.last = &idle.first};
	struct client *clients = dial_all(l, ep, &idle);
	struct epoll_event ready[READY];
	l->first_ms = xcalloc((size_t)l->total, sizeof(double));
	l->whole_ms = xcalloc((size_t)l->total, sizeof(double));
	l->done = l->bad = 0;
	int64_t began_us = clock_mono_us();
	while (l->done < l->total) {
		int64_t us = send_due(l, began_us, &begun, &idle);
		struct timespec wait = {us < 0 ? PATIENCE_MS / 1000 : 0,
					us < 0 ? 0 : us * 1000};
		if (us >= 1000000)
			wait = (struct timespec){1, 0};
		int n = epoll_pwait2(ep, ready, READY, &wait, NULL);
		if (n == 0 && us < 0)
			stand_give_up("no answer for a minute: %d of %d "
				      "came from port %d",
				      l->done, begun, l->port);
		for (int i = 0; i < n; i++) {
			struct client *c = ready[i].data.ptr;
			if (!(l->ws_path ? take_frames(l, c) : take(l, c)))
				continue;
			note(l, c);
			add_idle(&idle, c);
		}
	}
	l->seconds = (double)(clock_mono_us() - began_us) / 1e6;
	for (int i = 0; i < l->clients; i++)
		close(clients[i].fd);
	free(clients);
	close(ep);
}

void load_release(struct load *l)
{
	free(l->first_ms);
	free(l->whole_ms);
}

char *load_post(const char *path, const char *key, const char *body)
{
	return xasprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
			 "Authorization: Bearer %s\r\n"
			 "Content-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n%s",
			 path, key, strlen(body), body);
}
