/*
 * gateway_bench SHOWCALLER [LEASES] [ROUNDS]: what the metering gateway costs,
 * and the lease API over HTTP, with 200 clients each.
 *
 * Streams: the same requests go to the same model's server directly and through
 * the gateway, in turns; compare the two. Overhead is the difference of the
 * quantiles, of the first byte of the answer and of its last one, which waits
 * for the commit. Leases: each is answered once it is stored (appendfsync
 * always); beside it redis-benchmark appends records as small with as many
 * clients. Overspend is what was spent and leased beyond what there was.
 */
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
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "llm_peer.h"
#include "stand.h"

#define CLIENTS	    200
#define PATIENCE_MS 60000
#define TOKENS	    20 /* of an answer */

static const char yaml[] =
	"show: gateway-bench\n"
	"title: Gateway bench\n"
	"budget: { tokens: 1000000000 }\n"
	"agents:\n"
	"  worker: { via: bus, timeout_ms: 3600000 }\n"
	"  model: { via: llm, url: "
	"\"http://127.0.0.1:%d/tokens=%d+wait=20+slow=50"
	"/v1\", model: model }\n"
	"stages:\n"
	"  - { id: one, agents: [worker], outputs: [a], budget: { token_cap: "
	"500000000, time_cap_ms: 3600000 } }\n"
	"  - { id: two, agents: [worker], outputs: [b], budget: { token_cap: "
	"400000000, time_cap_ms: 3600000 } }\n";

/* --- clients -------------------------------------------------------------- */

struct client {
	int fd;
	int64_t start_us, first_us;
	struct buf in;
};

struct load {
	int port, clients, total;
	char **request; /* one for each client in turn */
	int requests;
	int64_t stagger_us; /* between the first requests of two clients */
	double pace_us;	    /* between two requests of all; 0: each client
			       asks again at once. Then a time counts from
			       when the request was due. */
	double *first_ms, *whole_ms;
	int done, bad;
	double seconds;
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

static void begin(struct load *l, struct client *c, int i, int64_t due_us)
{
	const char *text = l->request[i % l->requests];
	size_t bytes = strlen(text);
	buf_clear(&c->in);
	c->first_us = 0;
	c->start_us = due_us ? due_us : clock_mono_us();
	if (send(c->fd, text, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		stand_give_up("a request was not taken: %s", strerror(errno));
}

/* All of an answer is there. */
static bool is_whole(const struct client *c)
{
	const char *s = buf_str(&c->in), *body = strstr(s, "\r\n\r\n");
	if (!body)
		return false;
	body += 4;
	const char *length = strcasestr(s, "\r\nContent-Length:");
	if (length && length < body)
		return c->in.len - (size_t)(body - s) >=
		       (size_t)atol(length + 17);
	return c->in.len >= 5 && !strcmp(s + c->in.len - 5, "0\r\n\r\n");
}

static void take(struct load *l, struct client *c)
{
	char room[16384];
	ssize_t n = recv(c->fd, room, sizeof room, MSG_DONTWAIT);
	if (n <= 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		stand_give_up("the answer was cut: %.300s", buf_str(&c->in));
	buf_add(&c->in, room, (size_t)n);
	int64_t now_us = clock_mono_us();
	if (!c->first_us && strstr(buf_str(&c->in), "\r\n\r\n"))
		c->first_us = now_us;
	if (!is_whole(c))
		return;
	bool good = !strncmp(buf_str(&c->in), "HTTP/1.1 200", 12);
	if (!good && !l->bad++)
		fprintf(stderr, "%s\n", buf_str(&c->in));
	l->first_ms[l->done] = (double)(c->first_us - c->start_us) / 1000;
	l->whole_ms[l->done] = (double)(now_us - c->start_us) / 1000;
	l->done++;
	c->start_us = 0;
}

static void run(struct load *l)
{
	struct client *clients = xcalloc((size_t)l->clients, sizeof *clients);
	struct epoll_event ready[64];
	int ep = epoll_create1(EPOLL_CLOEXEC), begun = 0, opened = 0;
	int64_t began_us = clock_mono_us();
	l->first_ms = xcalloc((size_t)l->total, sizeof(double));
	l->whole_ms = xcalloc((size_t)l->total, sizeof(double));
	l->done = l->bad = 0;
	for (int i = 0; i < l->clients; i++) {
		clients[i].fd = dial(l->port);
		struct epoll_event ev = {.events = EPOLLIN,
					 .data.ptr = &clients[i]};
		epoll_ctl(ep, EPOLL_CTL_ADD, clients[i].fd, &ev);
	}
	began_us = clock_mono_us();
	if (l->pace_us > 0)
		opened = l->clients;
	while (l->done < l->total) {
		while (opened < l->clients && begun < l->total &&
		       clock_mono_us() - began_us >= opened * l->stagger_us)
			begin(l, &clients[opened++], begun++, 0);
		for (int i = 0; l->pace_us > 0 && i < l->clients; i++) {
			int64_t due = began_us + (int64_t)(begun * l->pace_us);
			if (begun == l->total || due > clock_mono_us())
				break;
			if (!clients[i].start_us)
				begin(l, &clients[i], begun++, due);
		}
		bool busy = opened < l->clients || l->pace_us > 0;
		struct timespec wait = {busy ? 0 : PATIENCE_MS / 1000,
					busy ? 100000 : 0};
		int n = epoll_pwait2(ep, ready, 64, &wait, NULL);
		if (n == 0 && !busy)
			stand_give_up("no answer for a minute");
		for (int i = 0; i < n; i++) {
			struct client *c = ready[i].data.ptr;
			take(l, c);
			if (!c->start_us && begun < l->total && l->pace_us <= 0)
				begin(l, c, begun++, 0);
		}
	}
	l->seconds = (double)(clock_mono_us() - began_us) / 1e6;
	for (int i = 0; i < l->clients; i++) {
		close(clients[i].fd);
		buf_release(&clients[i].in);
	}
	free(clients);
	close(ep);
}

static void release(struct load *l)
{
	free(l->first_ms);
	free(l->whole_ms);
}

static char *request_new(const char *path, const char *key, const char *body)
{
	return xasprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
			 "Authorization: Bearer %s\r\n"
			 "Content-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n%s",
			 path, key, strlen(body), body);
}

/* --- streams -------------------------------------------------------------- */

struct pile {
	double *first, *whole;
	int count;
};

static void pile_add(struct pile *p, const struct load *l)
{
	size_t n = (size_t)(p->count + l->done);
	p->first = xreallocarray(p->first, n, sizeof(double));
	p->whole = xreallocarray(p->whole, n, sizeof(double));
	memcpy(p->first + p->count, l->first_ms,
	       (size_t)l->done * sizeof(double));
	memcpy(p->whole + p->count, l->whole_ms,
	       (size_t)l->done * sizeof(double));
	p->count = (int)n;
}

static void tell_overhead(const char *what, double *direct, double *through,
			  int n)
{
	double d50 = stand_quantile(direct, n, .5);
	double d99 = stand_quantile(direct, n, .99);
	double t50 = stand_quantile(through, n, .5);
	double t99 = stand_quantile(through, n, .99);
	printf("{\"bench\":\"gateway\",\"what\":\"%s\",\"streams\":%d,"
	       "\"direct_p50_ms\":%.3f,\"direct_p99_ms\":%.3f,"
	       "\"gateway_p50_ms\":%.3f,\"gateway_p99_ms\":%.3f,"
	       "\"overhead_p50_ms\":%.3f,\"overhead_p99_ms\":%.3f}\n",
	       what, CLIENTS, d50, d99, t50, t99, t50 - d50, t99 - d99);
}

static void bench_streams(int direct_port, int operator_port, const char *key,
			  int rounds)
{
	static const char body[] =
		"{\"model\":\"model\",\"stream\":true,\"max_tokens\":100,"
		"\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
	char path[80];
	snprintf(path, sizeof path, "/tokens=%d+wait=20+slow=50/v1%s", TOKENS,
		 "/chat/completions");
	char *requests[2] = {
		request_new(path, "none", body),
		request_new("/llm/v1/chat/completions", key, body),
	};
	struct pile piles[2] = {{0}};
	for (int i = 0; i < 2 * rounds; i++) {
		struct load l = {
			.port = i % 2 ? operator_port : direct_port,
			.clients = CLIENTS,
			.total = 2 * CLIENTS,
			.request = &requests[i % 2],
			.requests = 1,
			.stagger_us = 5000,
		};
		run(&l);
		if (l.bad)
			stand_give_up("%d streams failed", l.bad);
		pile_add(&piles[i % 2], &l);
		release(&l);
	}
	tell_overhead("first byte", piles[0].first, piles[1].first,
		      piles[0].count);
	tell_overhead("last byte", piles[0].whole, piles[1].whole,
		      piles[0].count);
	for (int i = 0; i < 2; i++) {
		free(requests[i]);
		free(piles[i].first);
		free(piles[i].whole);
	}
}

/* --- leases --------------------------------------------------------------- */

static void bench_redis(void)
{
	char line[600];
	snprintf(line, sizeof line,
		 "redis-benchmark -s '%s' -c %d -n 100000 --csv XADD bench "
		 "'*' type token:lease run r1 stage two agent worker at 1 data "
		 "lease=r1/two/1/worker/"
		 "12345,tokens=10,attempt=1,deadline=1795239"
		 " "
		 "2>/dev/null | tail -n 1",
		 stand_socket(), CLIENTS);
	FILE *f = popen(line, "r");
	if (f && fgets(line, sizeof line, f)) {
		/* "test","rps","avg","min","p50","p95","p99","max" */
		double rps = 0, p50 = 0, p99 = 0;
		char *s = strstr(line, "\",\"");
		if (s && sscanf(s,
				"\",\"%lf\",\"%*[^\"]\",\"%*[^\"]\",\"%lf\","
				"\"%*[^\"]\",\"%lf\"",
				&rps, &p50, &p99) == 3)
			printf("{\"bench\":\"leases\",\"who\":\"bare "
			       "redis-benchmark XADD\",\"clients\":%d,"
			       "\"per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}"
			       "\n",
			       CLIENTS, rps, p50, p99);
	}
	if (f)
		pclose(f);
}

static long long events_stored(void)
{
	redisContext *redis = stand_connect();
	redisReply *reply =
		stand_ask(redis, "XREVRANGE showcaller:{gateway-bench}:events"
				 " + - COUNT 1");
	/* Not its length: old events move into files. */
	long long n = atoll(reply->element[0]->element[0]->str);
	freeReplyObject(reply);
	redisFree(redis);
	return n;
}

/* The call of the stage holds all of its cap: most of it is given back. */
static void make_room(int port, const char *token)
{
	char *request = request_new("/api/v1/leases/r1/two/1/worker/return",
				    token, "{\"tokens\":399000000}");
	struct load l = {.port = port,
			 .clients = 1,
			 .total = 1,
			 .request = &request,
			 .requests = 1};
	run(&l);
	if (l.bad)
		stand_give_up("nothing was given back");
	release(&l);
	free(request);
}

static void bench_leases(pid_t core, int port, const char *token, int total,
			 const char *how, double pace_us)
{
	char *request = request_new(
		"/api/v1/leases", token,
		"{\"stage\":\"two\",\"agent\":\"worker\",\"tokens\":10}");
	long long before = events_stored();
	double cpu_ms = stand_cpu_ms(core);
	struct load l = {.port = port,
			 .clients = CLIENTS,
			 .total = total,
			 .request = &request,
			 .requests = 1,
			 .pace_us = pace_us};
	run(&l);
	cpu_ms = stand_cpu_ms(core) - cpu_ms;
	printf("{\"bench\":\"leases\",\"who\":\"showcaller, "
	       "%s\",\"clients\":%d,"
	       "\"leases\":%d,\"refused\":%d,\"stored\":%lld,\"per_s\":%.0f,"
	       "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"core_cpu_us_each\":%.1f}\n",
	       how, CLIENTS, total, l.bad, events_stored() - before,
	       (double)total / l.seconds,
	       stand_quantile(l.whole_ms, l.done, .5),
	       stand_quantile(l.whole_ms, l.done, .99), cpu_ms * 1000 / total);
	release(&l);
	free(request);
}

/* --- what was spent ------------------------------------------------------- */

static void tell_overspend(int port, const char *token)
{
	char *request = xasprintf("GET /api/v1/status HTTP/1.1\r\n"
				  "Host: 127.0.0.1\r\n"
				  "Authorization: Bearer %s\r\n\r\n",
				  token);
	struct client c = {.fd = dial(port)};
	struct load one = {.request = &request, .requests = 1};
	begin(&one, &c, 0, 0);
	while (!is_whole(&c)) {
		char room[16384];
		ssize_t n = recv(c.fd, room, sizeof room, 0);
		if (n <= 0)
			stand_give_up("no status");
		buf_add(&c.in, room, (size_t)n);
	}
	json_object *o = json_read_str(strstr(buf_str(&c.in), "\r\n\r\n") + 4,
				       &json_limits_own, NULL);
	json_object *b = json_get_object(o, "budget");
	int64_t over = json_get_int(b, "spent", 0) +
		       json_get_int(b, "leased", 0) -
		       json_get_int(b, "allocated", 0);
	printf("{\"bench\":\"gateway\",\"spent\":%lld,\"leased\":%lld,"
	       "\"allocated\":%lld,\"overspend\":%lld}\n",
	       (long long)json_get_int(b, "spent", -1),
	       (long long)json_get_int(b, "leased", -1),
	       (long long)json_get_int(b, "allocated", -1),
	       (long long)(over > 0 ? over : 0));
	json_object_put(o);
	buf_release(&c.in);
	close(c.fd);
	free(request);
}

static char *state_line(const char *name)
{
	struct err err = {0};
	char *dir = file_state_dir("gateway-bench");
	char *path = xasprintf("%s/%s", dir, name);
	char *text = file_read(path, 4096, NULL, &err);
	if (!text)
		stand_give_up("%s", err.text);
	text[strcspn(text, "\n")] = '\0';
	free(path);
	free(dir);
	return text;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr,
			"usage: gateway_bench SHOWCALLER [LEASES] [ROUNDS]\n");
		return 2;
	}
	int leases = argc > 2 ? atoi(argv[2]) : 50000;
	int rounds = argc > 3 ? atoi(argv[3]) : 2;
	struct llm_peer *peer = llm_peer_start(0);
	if (!peer)
		return 69;
	char sum[HASH_HEX_BYTES];
	stand_begin("gateway_bench");
	char *show = xasprintf(yaml, llm_peer_port(peer), TOKENS);
	pid_t core = stand_start_core(argv[1], "gateway-bench", show);
	char *token = state_line("operator.token");
	char *addr = state_line("operator.addr");
	int port = atoi(strrchr(addr, ':') + 1);
	char *key = xasprintf("r1/one/1/worker.%.16s",
			      hash_hmac_hex(sum, token, "r1/one/1/worker"));
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (rounds)
		bench_streams(llm_peer_port(peer), port, key, rounds);
	make_room(port, token);
	bench_leases(core, port, token, leases, "10,000 a second", 100);
	bench_leases(core, port, token, leases, "as fast as they can", 0);
	bench_redis();
	tell_overspend(port, token);
	stand_kill_core();
	llm_peer_stop(&peer);
	free(key);
	free(addr);
	free(token);
	free(show);
	return 0;
}
