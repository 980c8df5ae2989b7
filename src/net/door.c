/*
 * door: accepts, reads the head without taking it (MSG_PEEK), and decides who
 * gets the connection: a WebSocket handshake goes to the ws thread, a plain
 * vote to fast.c, everything else to libmicrohttpd. What is no HTTP is answered
 * here and let go, so that neither library ever sees it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/page.h"
#include "net/peer.h"
#include "net/web.h"
#include "net/ws.h"

#define MAX_KNOCKS   1024 /* beyond, the one that is slowest goes */
#define ACCEPT_BATCH 64
#define LINGER_MS    1000 /* for the other side to read our refusal */
#define NO_FILES_MS  200  /* out of descriptors: look again after */
#define BACKLOG	     1024
#define TARGET_SEEN  64

/* A connection that has not said yet what it wants. */
struct knock {
	struct knock *next, **prev;
	struct side *side;
	int fd;
	bool refused; /* answered; only waits to be read */
	bool watched; /* epoll knows it */
	bool page;    /* a browser, which is shown pages */
	int64_t deadline_ms;
};

static const struct refusal too_slow = {
	408, "too_slow", "the header did not arrive within 10 s"};
static const struct refusal too_many = {
	503, "too_many", "too many connections: try again later"};
static const struct refusal no_port = {400, "bad_request",
				       "this is not an HTTP/1.1 request"};

static bool split_addr(const char *addr, char **host, char **port)
{
	const char *colon = strrchr(addr, ':');
	if (!colon || !colon[1] || strlen(colon + 1) > 5 ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    atoi(colon + 1) > 65535)
		return false;
	size_t len = (size_t)(colon - addr);
	if (len >= 2 && addr[0] == '[' && addr[len - 1] == ']')
		*host = xstrndup(addr + 1, len - 2);
	else
		*host = xstrndup(addr, len);
	*port = xstrdup(colon + 1);
	return true;
}

static char *bound_addr(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	char host[NI_MAXHOST], port[NI_MAXSERV];
	if (getsockname(fd, (struct sockaddr *)&ss, &len) ||
	    getnameinfo((struct sockaddr *)&ss, len, host, sizeof host, port,
			sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
		return xstrdup("");
	return xasprintf(ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
			 port);
}

static int listen_on(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static const char *listen_remedy(int reason)
{
	switch (reason) {
	case EADDRNOTAVAIL:
		return "name an address that this machine has";
	case EACCES:
		return "choose a port from 1024 on";
	default:
		return "end the program that uses it or choose another port in "
		       "the show file";
	}
}

bool door_listen(struct side *side, const char *addr, struct err *err)
{
	const char *key =
		side->id == SIDE_OPERATOR ? "http.operator" : "http.audience";
	char *port = NULL;
	struct addrinfo *list = NULL;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE};
	if (!split_addr(addr, &side->host, &port))
		return err_set(err, ERR_CONFIG,
			       "%s: \"%s\" is not host:port, as "
			       "127.0.0.1:7420",
			       key, addr);
	int rc = getaddrinfo(*side->host ? side->host : NULL, port, &hints,
			     &list);
	free(port);
	if (rc)
		return err_set(err, ERR_CONFIG, "%s: %s: %s", key, addr,
			       gai_strerror(rc));
	for (struct addrinfo *ai = list; ai && side->fd < 0; ai = ai->ai_next)
		side->fd = listen_on(ai);
	int reason = errno;
	freeaddrinfo(list);
	if (side->fd < 0)
		return err_set(err, ERR_UNAVAILABLE,
			       "%s: cannot listen on %s: %s; %s", key, addr,
			       strerror(reason), listen_remedy(reason));
	side->web->net->addr[side->id] = bound_addr(side->fd);
	return web_epoll_add(side->web, side->fd, EPOLLIN, READY_LISTENER,
			     side);
}

static void knock_free(struct web *web, struct knock *k)
{
	*k->prev = k->next;
	if (k->next)
		k->next->prev = k->prev;
	else
		web->knocks_end = k->prev;
	web->knock_count--;
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	/* epoll may have named it in the batch that is being worked off. */
	k->next = web->buried;
	web->buried = k;
}

void door_bury(struct web *web)
{
	for (struct knock *k = web->buried, *next; k; k = next) {
		next = k->next;
		free(k);
	}
	web->buried = NULL;
}

static const char *status_words(int status)
{
	switch (status) {
	case 408:
		return "Request Timeout";
	case 411:
		return "Length Required";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	case 403:
		return "Forbidden";
	case 421:
		return "Misdirected Request";
	case 426:
		return "Upgrade Required";
	default:
		return "Bad Request";
	}
}

/* Takes and forgets what came, so that closing sends no reset that would
 * destroy our answer on its way. */
static void discard(int fd)
{
	char waste[4096];
	for (int i = 0; i < 64; i++)
		if (recv(fd, waste, sizeof waste, MSG_DONTWAIT) <= 0)
			return;
}

static void add_answer(struct buf *answer, const struct refusal *no,
		       const char *type, const char *body)
{
	buf_addf(answer,
		 "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n"
		 "Content-Length: %zu\r\nConnection: close\r\n"
		 "%sCache-Control: no-store\r\n\r\n%s\n",
		 no->status, status_words(no->status), type, strlen(body) + 1,
		 no->status == 426 ? "Upgrade: websocket\r\n" : "", body);
}

/* For a browser, without our styles: it says no more than that. */
static void add_page(struct buf *answer, const struct show *show,
		     const struct refusal *no)
{
	struct buf page = {0};
	buf_adds(&page,
		 "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\">"
		 "<meta name=\"viewport\" content=\"width=device-width\">"
		 "<title>");
	page_escape(&page, show->title);
	buf_adds(&page, "</title><h1>That did not work.</h1><p>");
	page_escape(&page, no->text);
	buf_adds(&page, "</p><p><a href=\"\">Try again</a></p></html>");
	add_answer(answer, no, "text/html; charset=utf-8", buf_str(&page));
	buf_release(&page);
}

/* `target` is what the request line names, "" when that is not known. */
static void refuse(struct web *web, struct knock *k, const char *target,
		   const struct refusal *no)
{
	struct buf answer = {0};
	if (k->page) {
		add_page(&answer, web->net->show, no);
	} else {
		json_object *o = k->side->id == SIDE_OPERATOR
					 ? refusal_json_at(target, no->status,
							   no->code, no->text)
					 : refusal_json(no->code, no->text);
		add_answer(&answer, no, "application/json", json_text(o));
		json_object_put(o);
	}
	k->side->requests[no->status / 100]++;
	discard(k->fd);
	bool sent = send(k->fd, buf_str(&answer), answer.len,
			 MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)answer.len;
	buf_release(&answer);
	if (!sent || shutdown(k->fd, SHUT_WR)) {
		knock_free(web, k);
		return;
	}
	k->refused = true;
	k->deadline_ms = clock_mono_ms() + LINGER_MS;
	if (!k->watched)
		k->watched = web_epoll_add(web, k->fd,
					   EPOLLIN | EPOLLET | EPOLLRDHUP,
					   READY_DOOR, k);
}

/* The socket leaves the door: epoll forgets it, and nobody closes it here. */
static int hand_over(struct web *web, struct knock *k)
{
	int fd = k->fd;
	if (k->watched)
		epoll_ctl(web->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	k->fd = -1;
	knock_free(web, k);
	return fd;
}

static bool is_path(const char *target, const char *path)
{
	size_t len = strlen(path);
	return !strncmp(target, path, len) &&
	       (!target[len] || target[len] == '?');
}

static struct guest guest_of(const struct knock *k, const struct head *h)
{
	const struct net *net = k->side->web->net;
	struct guest g = {.side = k->side->id,
			  .trusted = head_has_bearer(h, net->token),
			  .foreign = head_check_origin(h) != NULL};
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	if (getpeername(k->fd, (struct sockaddr *)&ss, &len) == 0)
		g.source = peer_source(net->show, (struct sockaddr *)&ss, h);
	char *cookie = cookie_get(h, "sc_voter");
	if (!voter_read(net->voter_secret, cookie, g.voter))
		g.voter[0] = '\0';
	free(cookie);
	return g;
}

/* A WebSocket: checked here once, because lws checks nothing. */
static void admit_ws(struct web *web, struct knock *k, const struct head *h)
{
	enum side_id side = k->side->id;
	const struct refusal *no = head_check(h);
	if (!no && side == SIDE_OPERATOR)
		no = head_check_operator(h, k->side->host);
	if (!no)
		no = head_check_upgrade(h);
	if (!no && ws_is_full(web->net->ws, side))
		no = &too_many;
	if (no) {
		refuse(web, k, h->target, no);
		return;
	}
	struct guest guest = guest_of(k, h);
	int fd = hand_over(web, k);
	if (!ws_adopt(web->net->ws, fd, &guest))
		close(fd);
}

/* The beginning of what the request line names, however bad the rest is. */
static void copy_target(char out[TARGET_SEEN], const char *block)
{
	const char *from = block + strcspn(block, " ");
	from += *from == ' ';
	size_t len = strcspn(from, " \r\n");
	if (len >= TARGET_SEEN)
		len = TARGET_SEEN - 1;
	memcpy(out, from, len);
	out[len] = '\0';
}

static void admit(struct web *web, struct knock *k, char *block, size_t len)
{
	struct head h;
	char target[TARGET_SEEN];
	copy_target(target, block);
	const struct refusal *no = head_parse(&h, block, len);
	const char *ws_path = k->side->id == SIDE_OPERATOR ? "/ws" : "/tally";
	struct side *side = k->side;
	const char *accept = no ? NULL : head_get(&h, "Accept");
	k->page = side->id == SIDE_AUDIENCE && accept &&
		  strstr(accept, "text/html");
	if (!no && is_path(h.target, ws_path)) {
		admit_ws(web, k, &h);
		return;
	}
	/* Some of these libmicrohttpd would answer with a page of its own. */
	if (!no)
		no = head_check(&h);
	if (!no && side->conn_count >= side->conn_max)
		no = &too_many;
	if (no)
		refuse(web, k, target, no);
	else if (side->id == SIDE_AUDIENCE && fast_suits(&h))
		fast_take(side, hand_over(web, k));
	else
		http_take(side, hand_over(web, k));
}

static void look(struct web *web, struct knock *k)
{
	char block[HEAD_MAX_BYTES + 2];
	ssize_t n =
		recv(k->fd, block, sizeof block - 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		n = -1;
	else if (n <= 0) {
		knock_free(web, k);
		return;
	}
	block[n > 0 ? n : 0] = '\0';
	size_t end = n > 0 ? head_end(block, (size_t)n) : 0;
	if (end) {
		admit(web, k, block, end);
		return;
	}
	const struct refusal *no =
		n > 0 ? head_hopeless(block, (size_t)n) : NULL;
	if (no) {
		char target[TARGET_SEEN];
		copy_target(target, block);
		refuse(web, k, target, no);
		return;
	}
	if (!k->watched)
		k->watched = web_epoll_add(web, k->fd,
					   EPOLLIN | EPOLLET | EPOLLRDHUP,
					   READY_DOOR, k);
	if (!k->watched)
		knock_free(web, k);
}

void door_ready(struct web *web, struct knock *k, uint32_t events)
{
	if (k->fd < 0)
		return; /* it went earlier in this batch */
	if (k->refused) {
		discard(k->fd);
		if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			knock_free(web, k);
		return;
	}
	if (events & (EPOLLHUP | EPOLLERR)) {
		knock_free(web, k);
		return;
	}
	/* Half closed: a whole head may still be answered, half a one never
	 * becomes whole. */
	if (events & EPOLLRDHUP) {
		char block[HEAD_MAX_BYTES + 1];
		ssize_t n = recv(k->fd, block, sizeof block,
				 MSG_PEEK | MSG_DONTWAIT);
		if (n <= 0 || !head_end(block, (size_t)n)) {
			if (n > 0)
				refuse(web, k, "", &no_port);
			else
				knock_free(web, k);
			return;
		}
	}
	look(web, k);
}

static void knock_new(struct web *web, struct side *side, int fd)
{
	if (web->knock_count >= MAX_KNOCKS)
		knock_free(web, web->knocks);
	struct knock *k = xcalloc(1, sizeof *k);
	k->side = side;
	k->fd = fd;
	k->deadline_ms = clock_mono_ms() + WEB_HEAD_MS;
	k->prev = web->knocks_end;
	*web->knocks_end = k;
	web->knocks_end = &k->next;
	web->knock_count++;
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	look(web, k); /* mostly it is all there already */
}

void door_accept(struct side *side)
{
	struct web *web = side->web;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(side->fd, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			knock_new(web, side, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			/* The backlog stays readable: waiting on it would
			 * only burn the processor. */
			log_warn("net", "accept: %s; looking away for %d ms",
				 strerror(errno), NO_FILES_MS);
			for (int s = 0; s < SIDES; s++)
				epoll_ctl(web->epoll_fd, EPOLL_CTL_DEL,
					  web->sides[s].fd, NULL);
			web->listen_again_ms = clock_mono_ms() + NO_FILES_MS;
		}
		return;
	}
}

void door_sweep(struct web *web, int64_t now)
{
	for (struct knock *k = web->knocks, *next; k; k = next) {
		next = k->next;
		if (now < k->deadline_ms)
			continue;
		if (k->refused)
			knock_free(web, k);
		else
			refuse(web, k, "", &too_slow);
	}
	if (web->listen_again_ms && now >= web->listen_again_ms) {
		web->listen_again_ms = 0;
		for (int s = 0; s < SIDES; s++)
			web_epoll_add(web, web->sides[s].fd, EPOLLIN,
				      READY_LISTENER, &web->sides[s]);
	}
}

void door_close(struct web *web)
{
	while (web->knocks)
		knock_free(web, web->knocks);
	door_bury(web);
	for (int s = 0; s < SIDES; s++) {
		if (web->sides[s].fd >= 0)
			close(web->sides[s].fd);
		web->sides[s].fd = -1;
		free(web->sides[s].host);
		web->sides[s].host = NULL;
	}
}
