/*
 * The bare limits of fan-out, beside ours. All say the same text at the same
 * moments; none checks a handshake but ours and lws.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "fanout.h"
#include "net_stand.h"

char *fanout_text(int64_t at_us)
{
	return xasprintf("{\"topic\":\"tally\",\"poll\":\"route\","
			 "\"total\":%lld,\"counts\":{\"cave\":%lld,"
			 "\"ridge\":1},\"at\":%lld,\"margin_permille\":999,"
			 "\"uncertainty_permille\":1,\"too_close\":false}",
			 (long long)at_us % 100000 + 1,
			 (long long)at_us % 100000, (long long)at_us);
}

/* --- sockets -------------------------------------------------------------- */

#define MOST 20000

static int clients[MOST], client_count;

static int listen_here(int tell)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	REQUIRE(fd >= 0 && !bind(fd, (struct sockaddr *)&at, len) &&
		!listen(fd, 1024) &&
		!getsockname(fd, (struct sockaddr *)&at, &len));
	int port = ntohs(at.sin_port);
	REQUIRE(write(tell, &port, sizeof port) == sizeof port);
	return fd;
}

static void greet(int fd)
{
	static const char answer[] =
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
	char request[2048];
	if (recv(fd, request, sizeof request, 0) <= 0 ||
	    send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) {
		close(fd);
		return;
	}
	clients[client_count++] = fd;
}

static void send_all(void)
{
	char *text = fanout_text(clock_mono_us());
	size_t len = strlen(text);
	unsigned char frame[512] = {0x81, 126, (unsigned char)(len >> 8),
				    (unsigned char)len};
	memcpy(frame + 4, text, len);
	for (int i = 0; i < client_count; i++)
		if (send(clients[i], frame, len + 4,
			 MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			continue;
	free(text);
}

void serve_sockets(int tell)
{
	int listener = listen_here(tell), epoll = epoll_create1(0);
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	struct timespec each = {.tv_nsec = FANOUT_INTERVAL_MS * 1000000L};
	timerfd_settime(timer, 0, &(struct itimerspec){each, each}, NULL);
	const int watched[] = {listener, timer};
	for (size_t i = 0; i < COUNT_OF(watched); i++)
		epoll_ctl(epoll, EPOLL_CTL_ADD, watched[i],
			  &(struct epoll_event){.events = EPOLLIN,
						.data.fd = watched[i]});
	for (;;) {
		struct epoll_event ev;
		if (epoll_wait(epoll, &ev, 1, -1) != 1)
			continue;
		uint64_t n;
		if (ev.data.fd == timer && read(timer, &n, sizeof n) > 0)
			send_all();
		int fd = ev.data.fd == listener ? accept(listener, NULL, NULL)
						: -1;
		if (fd >= 0)
			greet(fd);
	}
}

/* --- libwebsockets -------------------------------------------------------- */

struct follower {
	unsigned seen;
};

static struct {
	struct lws_context *context;
	lws_sorted_usec_list_t timer;
	unsigned version;
	size_t len;
	unsigned char data[LWS_PRE + 512];
} bare;

static int bare_callback(struct lws *wsi, enum lws_callback_reasons reason,
			 void *user, void *in, size_t len)
{
	struct follower *f = user;
	(void)in;
	(void)len;
	if (reason == LWS_CALLBACK_ESTABLISHED)
		f->seen = bare.version;
	if (reason != LWS_CALLBACK_SERVER_WRITEABLE || f->seen == bare.version)
		return 0;
	f->seen = bare.version;
	return lws_write(wsi, bare.data + LWS_PRE, bare.len, LWS_WRITE_TEXT) <
			       (int)bare.len
		       ? -1
		       : 0;
}

static const struct lws_protocols bare_protocols[] = {
	{"tally", bare_callback, sizeof(struct follower), 1024, 0, NULL, 0},
	{0},
};

static void bare_tick(lws_sorted_usec_list_t *timer)
{
	lws_sul_schedule(bare.context, 0, timer, bare_tick,
			 FANOUT_INTERVAL_MS * 1000);
	char *text = fanout_text(clock_mono_us());
	bare.len = strlen(text);
	memcpy(bare.data + LWS_PRE, text, bare.len);
	free(text);
	bare.version++;
	lws_callback_on_writable_all_protocol(bare.context, &bare_protocols[0]);
}

void serve_lws(int tell)
{
	struct lws_context_creation_info info;
	memset(&info, 0, sizeof info);
	lws_set_log_level(0, NULL);
	info.port = 0;
	info.iface = "127.0.0.1";
	info.protocols = bare_protocols;
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	bare.context = lws_create_context(&info);
	struct lws_vhost *vhost =
		bare.context ? lws_create_vhost(bare.context, &info) : NULL;
	REQUIRE(vhost);
	int port = lws_get_vhost_listen_port(vhost);
	REQUIRE(write(tell, &port, sizeof port) == sizeof port);
	bare_tick(&bare.timer);
	while (lws_service(bare.context, 0) >= 0)
		continue;
	_exit(1);
}

/* --- Node's ws ------------------------------------------------------------ */

void serve_node(int tell)
{
	char interval[16];
	snprintf(interval, sizeof interval, "%d", FANOUT_INTERVAL_MS);
	if (dup2(tell, 3) == 3)
		execlp("node", "node", getenv(FANOUT_NODE), interval, NULL);
	_exit(1);
}

/* --- ours ----------------------------------------------------------------- */

void serve_showcaller(int tell)
{
	struct stand *s = stand_new(NULL);
	int port = stand_port(net_audience_addr(s->net));
	REQUIRE(write(tell, &port, sizeof port) == sizeof port);
	struct timespec next;
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		next.tv_nsec += FANOUT_INTERVAL_MS * 1000000L;
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next,
				       NULL) == EINTR)
			continue;
		char *text = fanout_text(clock_mono_us());
		net_live(s->net, text);
		free(text);
	}
}
