/*
 * fanout_bench [CLIENTS] [SECONDS] [ROUNDS]: a tally, ten times a second, to
 * many WebSockets: from the moment it is known to when each client has read it.
 *
 * In turns, with the same clients: bare sockets, a bare libwebsockets server,
 * Node's ws where it is (fanout.sh), and ours, the real net behind the real
 * core. At the end: how many ours lets in, and what the next one is told.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "fanout.h"

#define WARM_UP_US   1500000
#define CLIENT_BYTES 4096

static const struct {
	const char *name;
	void (*serve)(int tell);
} servers[] = {
	{"bare sockets", serve_sockets},
	{"bare libwebsockets", serve_lws},
	{"node ws", serve_node},
	{"showcaller", serve_showcaller},
};
#define SERVERS	  COUNT_OF(servers)
#define MAX_ROUND 9

struct client {
	int fd, messages;
	size_t have;
	unsigned char data[CLIENT_BYTES];
};

static struct {
	struct client *clients;
	int count;
	int64_t from_us; /* what is older is not counted */
	double *ms;
	size_t ms_count, ms_cap;
} load;

/* Of a whole run. */
struct figures {
	double p50, p99, most, cpu_percent, rss_mb;
	int fewest, all; /* messages that a client got */
};

/* --- clients -------------------------------------------------------------- */

static void take_text(struct client *c, const char *text, size_t len,
		      int64_t now_us)
{
	const char *at = memmem(text, len, "\"at\":", 5);
	if (!at || memmem(text, len, "\"polls\"", 7))
		return;
	int64_t at_us = strtoll(at + 5, NULL, 10);
	if (at_us < load.from_us)
		return;
	c->messages++;
	GROW(load.ms, load.ms_count, load.ms_cap);
	load.ms[load.ms_count++] = (double)(now_us - at_us) / 1000;
}

/* Frames of up to 64 KiB, unmasked. What is not whole stays. */
static void take_frames(struct client *c, int64_t now_us)
{
	size_t used = 0;
	for (;;) {
		const unsigned char *f = c->data + used;
		size_t left = c->have - used, head = 2;
		if (left < 4)
			break;
		size_t len = f[1] & 127;
		if (len == 126) {
			len = (size_t)f[2] << 8 | f[3];
			head = 4;
		}
		if (left < head + len)
			break;
		take_text(c, (const char *)f + head, len, now_us);
		used += head + len;
	}
	c->have -= used;
	memmove(c->data, c->data + used, c->have);
}

static void ready(struct client *c)
{
	ssize_t n = recv(c->fd, c->data + c->have, sizeof c->data - c->have,
			 MSG_DONTWAIT);
	if (n <= 0)
		return;
	c->have += (size_t)n;
	take_frames(c, clock_mono_us());
}

static void knock(struct client *c, int port)
{
	static const char request[] =
		"GET /tally HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		"Upgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Version: 13\r\n\r\n";
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	c->have = 0;
	c->messages = 0;
	REQUIRE(c->fd >= 0 &&
		!connect(c->fd, (struct sockaddr *)&at, sizeof at) &&
		send(c->fd, request, sizeof request - 1, 0) > 0);
}

/* Reads the answer to that: the status. */
static int let_in(struct client *c)
{
	for (;;) {
		ssize_t n = recv(c->fd, c->data + c->have,
				 sizeof c->data - c->have, 0);
		REQUIRE(n > 0);
		c->have += (size_t)n;
		unsigned char *end = memmem(c->data, c->have, "\r\n\r\n", 4);
		if (!end)
			continue;
		REQUIRE(!memcmp(c->data, "HTTP/1.1 ", 9));
		int status = atoi((char *)c->data + 9);
		size_t head = (size_t)(end - c->data) + 4;
		c->have -= head;
		memmove(c->data, c->data + head, c->have);
		return status;
	}
}

static void open_client(struct client *c, int port)
{
	knock(c, port);
	REQUIRE(let_in(c) == 101);
}

static void listen_to(int seconds)
{
	int epoll = epoll_create1(0);
	for (int i = 0; i < load.count; i++)
		epoll_ctl(epoll, EPOLL_CTL_ADD, load.clients[i].fd,
			  &(struct epoll_event){.events = EPOLLIN,
						.data.ptr = &load.clients[i]});
	load.from_us = clock_mono_us() + WARM_UP_US;
	load.ms_count = 0;
	int64_t end = load.from_us + seconds * 1000000LL;
	struct epoll_event evs[256];
	while (clock_mono_us() < end) {
		int n = epoll_wait(epoll, evs, COUNT_OF(evs), 100);
		for (int i = 0; i < n; i++)
			ready(evs[i].data.ptr);
	}
	close(epoll);
}

/* --- a round -------------------------------------------------------------- */

static double cpu_seconds(pid_t pid)
{
	char path[64], line[1024];
	unsigned long user = 0, system = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	if (f && fgets(line, sizeof line, f))
		sscanf(strrchr(line, ')') + 2,
		       "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		       &user, &system);
	if (f)
		fclose(f);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double rss_mb(pid_t pid)
{
	char path[64];
	unsigned long pages = 0;
	snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
	FILE *f = fopen(path, "r");
	if (f && fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static bool is_here(size_t which)
{
	return servers[which].serve != serve_node || getenv(FANOUT_NODE);
}

static pid_t begin(size_t which, int *port)
{
	int ends[2];
	REQUIRE(!pipe(ends));
	fflush(stdout);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		/* The clients' memory is not the server's. */
		free(load.clients);
		free(load.ms);
		servers[which].serve(ends[1]);
		_exit(1);
	}
	close(ends[1]);
	REQUIRE(read(ends[0], port, sizeof *port) == sizeof *port);
	close(ends[0]);
	return pid;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static struct figures run(size_t which, int seconds)
{
	int port;
	pid_t pid = begin(which, &port);
	for (int i = 0; i < load.count; i++)
		open_client(&load.clients[i], port);
	double cpu = cpu_seconds(pid);
	int64_t began = clock_mono_us();
	listen_to(seconds);
	struct figures f = {.fewest = 1 << 30};
	f.cpu_percent = (cpu_seconds(pid) - cpu) * 1e8 /
			(double)(clock_mono_us() - began);
	f.rss_mb = rss_mb(pid);
	for (int i = 0; i < load.count; i++) {
		int n = load.clients[i].messages;
		f.fewest = n < f.fewest ? n : f.fewest;
		f.all = n > f.all ? n : f.all;
		close(load.clients[i].fd);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	REQUIRE(load.ms_count);
	qsort(load.ms, load.ms_count, sizeof *load.ms, by_size);
	f.p50 = load.ms[load.ms_count / 2];
	f.p99 = load.ms[load.ms_count * 99 / 100];
	f.most = load.ms[load.ms_count - 1];
	return f;
}

/* As many as are let in, and what the next one is told. */
static void until_full(void)
{
	enum { AT_ONCE = 200, MOST = 16000 };
	struct client *all = xcalloc(MOST, sizeof *all);
	int port, in = 0, status = 101, opened = 0;
	pid_t pid = begin(SERVERS - 1, &port);
	int64_t began = clock_mono_us();
	while (status == 101 && opened + AT_ONCE <= MOST) {
		for (int i = 0; i < AT_ONCE; i++)
			knock(&all[opened + i], port);
		for (int i = 0; i < AT_ONCE; i++) {
			int told = let_in(&all[opened + i]);
			in += told == 101;
			status = told == 101 ? status : told;
		}
		opened += AT_ONCE;
	}
	printf("{\"bench\":\"fanout\",\"server\":\"%s\",\"what\":\"until it is "
	       "full\",\"clients\":%d,\"next_is_told\":%d,\"seconds\":%.1f,"
	       "\"rss_mb\":%.1f}\n",
	       servers[SERVERS - 1].name, in, status,
	       (double)(clock_mono_us() - began) / 1e6, rss_mb(pid));
	for (int i = 0; i < opened; i++)
		close(all[i].fd);
	free(all);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static double median(const struct figures *f, int rounds, size_t offset)
{
	double v[MAX_ROUND];
	for (int i = 0; i < rounds; i++)
		memcpy(&v[i], (const char *)&f[i] + offset, sizeof v[i]);
	qsort(v, (size_t)rounds, sizeof *v, by_size);
	return v[rounds / 2];
}
#define MEDIAN(f, rounds, member)                                              \
	median((f), (rounds), offsetof(struct figures, member))

static void print(size_t which, const struct figures *f, int rounds,
		  double p99_lws)
{
	int fewest = f[0].fewest, all = f[0].all;
	for (int i = 1; i < rounds; i++) {
		fewest = f[i].fewest < fewest ? f[i].fewest : fewest;
		all = f[i].all > all ? f[i].all : all;
	}
	double p99 = MEDIAN(f, rounds, p99);
	printf("{\"bench\":\"fanout\",\"server\":\"%s\",\"clients\":%d,"
	       "\"p50_ms\":%.1f,\"p99_ms\":%.1f,\"max_ms\":%.1f,"
	       "\"p99_to_libwebsockets\":%.2f,\"cpu_percent\":%.1f,"
	       "\"rss_mb\":%.1f,\"messages_fewest\":%d,\"messages_most\":%d}\n",
	       servers[which].name, load.count, MEDIAN(f, rounds, p50), p99,
	       MEDIAN(f, rounds, most), p99 / p99_lws,
	       MEDIAN(f, rounds, cpu_percent), MEDIAN(f, rounds, rss_mb),
	       fewest, all);
}

int main(int argc, char **argv)
{
	load.count = argc > 1 ? atoi(argv[1]) : 5000;
	int seconds = argc > 2 ? atoi(argv[2]) : 5;
	int rounds = argc > 3 ? atoi(argv[3]) : 3;
	struct rlimit files;
	REQUIRE(load.count > 0 && seconds > 0 && rounds > 0 &&
		rounds <= MAX_ROUND);
	signal(SIGPIPE, SIG_IGN);
	/* As many as ours asks for: libwebsockets sizes its tables by it. */
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max < 16384 ? files.rlim_max : 16384;
	setrlimit(RLIMIT_NOFILE, &files);
	load.clients = xcalloc((size_t)load.count, sizeof *load.clients);
	struct figures f[SERVERS][MAX_ROUND];
	for (int i = 0; i < rounds; i++)
		for (size_t k = 0; k < SERVERS; k++)
			if (is_here(k))
				f[k][i] = run(k, seconds);
	for (size_t k = 0; k < SERVERS; k++)
		if (is_here(k))
			print(k, f[k], rounds, MEDIAN(f[1], rounds, p99));
	until_full();
	free(load.ms);
	free(load.clients);
	return 0;
}
