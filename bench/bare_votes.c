#include "bare_votes.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "stand.h"
#include "store/script.h"

#define READY	   256
#define ROOM	   2048
#define VOTER_MOST 32

static const char said[] = "{\"voted\":\"route\",\"id\":12345,\"ok\":true,"
			   "\"message\":\"your vote is counted\"}\n";

struct peer {
	int fd;
	bool ws;
	size_t len;
	char room[ROOM];
	char voter[VOTER_MOST + 3];
};

static struct {
	int ep, fd;
	redisContext *redis;
	char sha[41];
	char answer[400];
	size_t answer_bytes;
	struct peer **asked; /* a ring, in the order of the answers */
	size_t first, count, cap;
} bare;

static void ask(struct peer *p, const char *option)
{
	const char *argv[] = {"EVALSHA",    bare.sha,	  "3",	 "bare:epoch",
			      "bare:votes", "bare:tally", "1",	 "0",
			      "web",	    p->voter,	  option};
	redisAppendCommandArgv(bare.redis, (int)COUNT_OF(argv), argv, NULL);
	if (bare.count == bare.cap) {
		size_t cap = bare.cap ? bare.cap * 2 : 1024;
		struct peer **ring = xcalloc(cap, sizeof(struct peer *));
		for (size_t i = 0; i < bare.count; i++)
			ring[i] = bare.asked[(bare.first + i) % bare.cap];
		free(bare.asked);
		bare.asked = ring;
		bare.cap = cap;
		bare.first = 0;
	}
	bare.asked[(bare.first + bare.count++) % bare.cap] = p;
}

static void reply(struct peer *p)
{
	unsigned char frame[200] = {0x81, sizeof said - 1};
	if (!p->ws) {
		(void)!send(p->fd, bare.answer, bare.answer_bytes,
			    MSG_NOSIGNAL);
		return;
	}
	memcpy(frame + 2, said, sizeof said - 1);
	(void)!send(p->fd, frame, sizeof said + 1, MSG_NOSIGNAL);
}

/* Upgraded without a look: the load does not look at the key either. */
static void upgrade(struct peer *p)
{
	static const char yes[] =
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
	(void)!send(p->fd, yes, sizeof yes - 1, MSG_NOSIGNAL);
	p->ws = true;
}

static void voter_of(struct peer *p, const char *text)
{
	const char *at = strstr(text, "sc_voter=");
	at = at ? at + 9 : strstr(text, "\"token\":\"");
	if (at && *at == '"')
		at += 9;
	snprintf(p->voter, sizeof p->voter, "c:%.*s", VOTER_MOST,
		 at ? at : "nobody");
}

/* A whole request or frame; how many bytes it took, 0: not all there. */
static size_t take_http(struct peer *p)
{
	char *end = strstr(p->room, "\r\n\r\n");
	if (!end)
		return 0;
	const char *length = strstr(p->room, "\r\nContent-Length: ");
	size_t body =
		length && length < end ? strtoul(length + 18, NULL, 10) : 0;
	size_t whole = (size_t)(end + 4 - p->room) + body;
	if (whole > p->len)
		return 0;
	if (!body) {
		upgrade(p);
		return whole;
	}
	voter_of(p, p->room);
	ask(p, strstr(end, "ridge") ? "ridge" : "cave");
	return whole;
}

static size_t take_frame(struct peer *p)
{
	unsigned char *b = (unsigned char *)p->room;
	if (p->len < 2)
		return 0;
	size_t n = b[1] & 127, at = 2;
	if (n == 126) {
		if (p->len < 4)
			return 0;
		n = (size_t)b[2] << 8 | b[3];
		at = 4;
	}
	if (p->len < at + 4 + n)
		return 0;
	char text[ROOM];
	for (size_t i = 0; i < n; i++)
		text[i] = (char)(b[at + 4 + i] ^ b[at + i % 4]);
	text[n] = '\0';
	voter_of(p, text);
	ask(p, strstr(text, "ridge") ? "ridge" : "cave");
	return at + 4 + n;
}

static void heard(struct peer *p)
{
	ssize_t n = recv(p->fd, p->room + p->len, ROOM - 1 - p->len, 0);
	if (n <= 0) {
		close(p->fd);
		return; /* not freed: an answer may be under way to it */
	}
	p->len += (size_t)n;
	p->room[p->len] = '\0';
	size_t took;
	while ((took = p->ws ? take_frame(p) : take_http(p))) {
		p->len -= took;
		memmove(p->room, p->room + took, p->len + 1);
	}
}

static void answered(void)
{
	redisReply *r;
	if (redisBufferRead(bare.redis) != REDIS_OK)
		_exit(1);
	while (redisGetReplyFromReader(bare.redis, (void **)&r) == REDIS_OK &&
	       r) {
		if (r->type == REDIS_REPLY_ERROR)
			stand_give_up("bare: %s", r->str);
		reply(bare.asked[bare.first]);
		bare.first = (bare.first + 1) % bare.cap;
		bare.count--;
		freeReplyObject(r);
	}
}

static void add(int fd, void *who)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = who};
	epoll_ctl(bare.ep, EPOLL_CTL_ADD, fd, &ev);
}

static void welcome(void)
{
	int fd, one = 1;
	while ((fd = accept4(bare.fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct peer *p = xcalloc(1, sizeof *p);
		p->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		add(fd, p);
	}
}

static void serve(void)
{
	struct epoll_event ready[READY];
	for (;;) {
		int n = epoll_wait(bare.ep, ready, READY, -1), done = 0;
		for (int i = 0; i < n; i++) {
			if (ready[i].data.ptr == &bare.fd)
				welcome();
			else if (ready[i].data.ptr == &bare.redis)
				answered();
			else
				heard(ready[i].data.ptr);
		}
		while (!done && redisBufferWrite(bare.redis, &done) == REDIS_OK)
			;
	}
}

static void open_redis(const char *path)
{
	bare.redis = redisConnectUnix(path);
	redisReply *r = redisCommand(bare.redis, "SCRIPT LOAD %s",
				     script_texts[SCRIPT_VOTE]);
	if (!r || r->type != REDIS_REPLY_STRING)
		stand_give_up("bare: no Redis");
	snprintf(bare.sha, sizeof bare.sha, "%s", r->str);
	freeReplyObject(r);
	freeReplyObject(redisCommand(bare.redis, "SET bare:epoch 1"));
	freeReplyObject(
		redisCommand(bare.redis, "HSET bare:tally :state open"));
	fcntl(bare.redis->fd, F_SETFL, O_NONBLOCK);
	bare.redis->flags &= ~REDIS_BLOCK;
}

static int listen_here(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof at;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bare.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(bare.fd, (struct sockaddr *)&at, sizeof at) ||
	    listen(bare.fd, 1024) ||
	    getsockname(bare.fd, (struct sockaddr *)&at, &len))
		stand_give_up("bare: no port");
	return ntohs(at.sin_port);
}

pid_t bare_votes_start(const char *redis_socket, int *port)
{
	*port = listen_here();
	bare.answer_bytes = (size_t)snprintf(
		bare.answer, sizeof bare.answer,
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		sizeof said - 1, said);
	pid_t pid = stand_fork();
	if (pid == 0) {
		bare.ep = epoll_create1(0);
		open_redis(redis_socket);
		add(bare.fd, &bare.fd);
		add(bare.redis->fd, &bare.redis);
		serve();
	}
	close(bare.fd);
	return pid;
}
