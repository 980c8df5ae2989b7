/*
 * leases_bench SHOWCALLER [LEASES] [ROUNDS] [PART OF A NAME]: leases over HTTP
 * with 200 clients, each answered once it is stored (appendfsync always).
 *
 * Beside it, in turns and with the same load: bare servers on libmicrohttpd
 * with our headers, whose answer is a constant that nobody decided. One answers
 * at once; one as whoever waits for somebody else must: the connection sleeps
 * until another thread wakes it; and in the last one that thread first appends
 * a record for each to the same Redis, all that wait in one write, and waits
 * for its answers. So what the last one takes is what the disk gives, and a p99
 * of ours stands beside its own. Times count from when a request was due. At
 * the end redis-benchmark appends records as small, which is what storing alone
 * can do.
 */
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "load.h"
#include "stand.h"

#define CLIENTS 200
#define RATE	10000
enum { AT_ONCE, WOKEN, STORED, OURS, SIDES };

static const char show[] = "show: leases-bench\n"
			   "title: Leases bench\n"
			   "budget: { tokens: 1000000000 }\n"
			   "agents:\n"
			   "  worker: { via: bus, timeout_ms: 3600000 }\n"
			   "stages:\n"
			   "  - { id: two, agents: [worker], outputs: [b], "
			   "budget: { token_cap: "
			   "400000000, time_cap_ms: 3600000 } }\n";

/* --- the bare servers ----------------------------------------------------- */

/* Connections that sleep, for the thread that wakes them. */
static struct {
	pthread_mutex_t lock;
	struct MHD_Connection *all[CLIENTS + 8];
	size_t count;
	int bell; /* -1: nobody sleeps */
} asleep = {.lock = PTHREAD_MUTEX_INITIALIZER, .bell = -1};

static void go_to_sleep(struct MHD_Connection *c)
{
	MHD_suspend_connection(c);
	pthread_mutex_lock(&asleep.lock);
	asleep.all[asleep.count++] = c;
	pthread_mutex_unlock(&asleep.lock);
	eventfd_write(asleep.bell, 1);
}

/* A record for each in one write; comes back when all are on the disk. */
static void store(redisContext *redis, size_t n)
{
	redisReply *r;
	for (size_t i = 0; i < n; i++)
		redisAppendCommand(redis,
				   "XADD bare:leases * type token:lease run r1 "
				   "stage two agent worker at 1795239000000 "
				   "data %s",
				   "{\"lease\":\"r1/two/1/worker/12345\","
				   "\"tokens\":10,\"attempt\":1,"
				   "\"deadline\":1795239000000}");
	for (size_t i = 0; i < n; i++) {
		if (redisGetReply(redis, (void **)&r) != REDIS_OK ||
		    r->type != REDIS_REPLY_STRING)
			_exit(1);
		freeReplyObject(r);
	}
}

/* `arg`: the Redis in which each is stored first, or NULL. */
static void *wake_them(void *arg)
{
	struct MHD_Connection *all[COUNT_OF(asleep.all)];
	eventfd_t rung;
	while (eventfd_read(asleep.bell, &rung) == 0) {
		pthread_mutex_lock(&asleep.lock);
		size_t n = asleep.count;
		memcpy(all, asleep.all, n * sizeof all[0]);
		asleep.count = 0;
		pthread_mutex_unlock(&asleep.lock);
		if (arg)
			store(arg, n);
		for (size_t i = 0; i < n; i++)
			MHD_resume_connection(all[i]);
	}
	return arg;
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *c,
			      const char *url, const char *method,
			      const char *version, const char *data,
			      size_t *bytes, void **context)
{
	static char constant[] = "{\"lease\":\"r1/two/1/worker/12345\","
				 "\"tokens\":10,\"cost_micros\":0,"
				 "\"deadline_ms\":1795239000000,"
				 "\"state\":\"held\",\"left\":399000000}\n";
	static const char *const fields[][2] = {
		{"Content-Type", "application/json"},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "same-origin"},
		{"X-Frame-Options", "DENY"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Cache-Control", "no-store"},
	};
	(void)cls;
	(void)url;
	(void)method;
	(void)version;
	(void)data;
	if (!*context || *bytes) {
		*context = &asleep;
		*bytes = 0;
		return MHD_YES;
	}
	if (asleep.bell >= 0 && *context == &asleep) {
		*context = constant; /* it has slept */
		go_to_sleep(c);
		return MHD_YES;
	}
	struct MHD_Response *r = MHD_create_response_from_buffer(
		sizeof constant - 1, constant, MHD_RESPMEM_PERSISTENT);
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		MHD_add_response_header(r, fields[i][0], fields[i][1]);
	enum MHD_Result ok = MHD_queue_response(c, 200, r);
	MHD_destroy_response(r);
	return ok;
}

static pid_t bare_pids[OURS];

/* However we end, and before the stand is cleaned up: they hold its pipes. */
static void bare_end(void)
{
	for (int i = 0; i < OURS; i++) {
		if (!bare_pids[i])
			continue;
		kill(bare_pids[i], SIGKILL);
		waitpid(bare_pids[i], NULL, 0);
	}
}

/* A process of its own; ends with us. */
static pid_t bare_start(int side, int *port)
{
	int ends[2];
	pthread_t waker;
	if (pipe(ends))
		stand_give_up("no pipe");
	pid_t pid = stand_fork();
	if (pid == 0) {
		memset(bare_pids, 0, sizeof bare_pids);
		unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD;
		if (side != AT_ONCE) {
			flags |= MHD_ALLOW_SUSPEND_RESUME;
			asleep.bell = eventfd(0, EFD_CLOEXEC);
			pthread_create(&waker, NULL, wake_them,
				       side == STORED ? stand_connect() : NULL);
		}
		struct MHD_Daemon *d =
			MHD_start_daemon(flags, 0, NULL, NULL, answer, NULL,
					 MHD_OPTION_CONNECTION_LIMIT,
					 CLIENTS + 8u, MHD_OPTION_END);
		int n = d ? MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)
					->port
			  : 0;
		if (write(ends[1], &n, sizeof n) != sizeof n)
			_exit(1);
		for (;;)
			pause();
	}
	if (pid < 0 || read(ends[0], port, sizeof *port) != sizeof *port ||
	    !*port)
		stand_give_up("the bare server does not start");
	close(ends[0]);
	close(ends[1]);
	return pid;
}

/* --- what is measured ----------------------------------------------------- */

static const char *const threads[] = {"showcaller", "web", "keeper", "trim"};

/* One side, paced or not, over all rounds. */
struct side {
	const char *who;
	pid_t pid;
	int port;
	char *request;
	char *(*next)(const struct load *l, const char *answer);
	double *ms;
	int count, bad;
	double seconds, cpu_ms, thread_ms[COUNT_OF(threads)];
};

static void cpu(struct side *s, int sign)
{
	s->cpu_ms += sign * stand_cpu_ms(s->pid);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		s->thread_ms[i] += sign * stand_thread_ms(s->pid, threads[i]);
}

static void measure(struct side *s, int total, double pace_us)
{
	struct load l = {.port = s->port,
			 .clients = CLIENTS,
			 .total = total,
			 .request = s->request,
			 .next = s->next,
			 .pace_us = pace_us};
	cpu(s, -1);
	load_run(&l);
	cpu(s, 1);
	s->ms = xreallocarray(s->ms, (size_t)(s->count + total),
			      sizeof(double));
	memcpy(s->ms + s->count, l.whole_ms, (size_t)total * sizeof(double));
	s->count += total;
	s->bad += l.bad;
	s->seconds += l.seconds;
	load_release(&l);
}

/* `xadd_p99_ms`: of the bare server that stores. */
static void tell(struct side *s, const char *how, long long stored,
		 double xadd_p99_ms)
{
	printf("{\"bench\":\"leases\",\"who\":\"%s\",\"how\":\"%s\","
	       "\"clients\":%d,\"requests\":%d,\"refused\":%d",
	       s->who, how, CLIENTS, s->count, s->bad);
	if (stored >= 0)
		printf(",\"stored\":%lld", stored);
	printf(",\"per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
	       "\"cpu_us_each\":%.1f",
	       s->count / s->seconds, stand_quantile(s->ms, s->count, .5),
	       stand_quantile(s->ms, s->count, .99),
	       s->cpu_ms * 1000 / s->count);
	if (stored >= 0)
		printf(",\"p99_of_xadd\":%.2f",
		       stand_quantile(s->ms, s->count, .99) / xadd_p99_ms);
	for (size_t i = 0; stored >= 0 && i < COUNT_OF(threads); i++)
		printf(",\"%s_us\":%.1f", i ? threads[i] : "engine",
		       s->thread_ms[i] * 1000 / s->count);
	printf("}\n");
	free(s->ms);
	s->ms = NULL;
	s->count = s->bad = 0;
	s->seconds = s->cpu_ms = 0;
	memset(s->thread_ms, 0, sizeof s->thread_ms);
}

static long long events_stored(void)
{
	redisContext *redis = stand_connect();
	redisReply *reply =
		stand_ask(redis, "XREVRANGE showcaller:{leases-bench}:events"
				 " + - COUNT 1");
	/* Not its length: old events move into files. */
	long long n = atoll(reply->element[0]->element[0]->str);
	freeReplyObject(reply);
	redisFree(redis);
	return n;
}

/* What stood Redis still for longer than a millisecond, and for how long at
 * most: of its own watch. */
static void watch_redis(bool tell)
{
	redisContext *redis = stand_connect();
	redisReply *r;
	if (tell) {
		r = stand_ask(redis, "LATENCY LATEST");
		printf("{\"bench\":\"leases\",\"who\":\"its Redis\"");
		for (size_t i = 0; i < r->elements; i++)
			printf(",\"%s_ms\":%lld",
			       r->element[i]->element[0]->str,
			       r->element[i]->element[3]->integer);
		printf("}\n");
		freeReplyObject(r);
	}
	freeReplyObject(
		stand_ask(redis, "CONFIG SET latency-monitor-threshold 1"));
	freeReplyObject(stand_ask(redis, "LATENCY RESET"));
	redisFree(redis);
}

/* Between measurements, so that what is in Redis costs nobody anything. */
static void forget_bare(void)
{
	redisContext *redis = stand_connect();
	freeReplyObject(stand_ask(redis, "UNLINK bare:leases"));
	redisFree(redis);
}

static const char *token; /* of the operator's listener */
static const char *only;  /* what is measured, by a part of its name; or NULL */

static void all(struct side sides[SIDES], const char *how, int total,
		int rounds, double pace_us)
{
	if (only && !strstr(how, only))
		return;
	long long before = events_stored();
	watch_redis(false);
	for (int i = 0; i < rounds; i++)
		for (int s = 0; s < SIDES; s++)
			measure(&sides[s], total / rounds, pace_us);
	double xadd_p99_ms =
		stand_quantile(sides[STORED].ms, sides[STORED].count, .99);
	for (int s = 0; s < SIDES; s++)
		tell(&sides[s], how, s == OURS ? events_stored() - before : -1,
		     xadd_p99_ms);
	forget_bare();
	watch_redis(true);
}

/* As an agent that meters itself does: behind a lease its settlement. */
static char *settle_behind(const struct load *l, const char *answer)
{
	const char *id = answer ? strstr(answer, "{\"lease\":\"") : NULL;
	const char *end = id ? strchr(id + 10, '"') : NULL;
	if (!end || !strstr(end, "\"held\""))
		return NULL;
	char *path = xasprintf("/api/v1/leases/%.*s/settle",
			       (int)(end - id - 10), id + 10);
	char *request = load_post(path, token, "{\"tokens\":8}");
	(void)l;
	free(path);
	return request;
}

/* The call of the stage holds all of its cap: most of it is given back. */
static void make_room(int port)
{
	char *request = load_post("/api/v1/leases/r1/two/1/worker/return",
				  token, "{\"tokens\":399000000}");
	struct load l = {
		.port = port, .clients = 1, .total = 1, .request = request};
	load_run(&l);
	if (l.bad)
		stand_give_up("nothing was given back");
	load_release(&l);
	free(request);
}

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

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr,
			"usage: leases_bench SHOWCALLER [LEASES] [ROUNDS] "
			"[PART OF A NAME]\n");
		return 2;
	}
	int leases = argc > 2 ? atoi(argv[2]) : 50000;
	int rounds = argc > 3 ? atoi(argv[3]) : 2;
	only = argc > 4 && argv[4][0] ? argv[4] : NULL;
	stand_begin("leases_bench");
	struct side sides[SIDES] = {
		{.who = "bare libmicrohttpd"},
		{.who = "bare libmicrohttpd, woken by another thread"},
		{.who = "bare libmicrohttpd, woken after XADD"},
		{.who = "showcaller"},
	};
	atexit(bare_end);
	sides[OURS].pid = stand_start_core(argv[1], "leases-bench", show);
	for (int s = 0; s < OURS; s++)
		sides[s].pid = bare_pids[s] = bare_start(s, &sides[s].port);
	char *line = stand_state_line("leases-bench", "operator.token");
	token = line;
	char *addr = stand_state_line("leases-bench", "operator.addr");
	sides[OURS].port = atoi(strrchr(addr, ':') + 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	make_room(sides[OURS].port);
	for (int s = 0; s < SIDES; s++)
		sides[s].request =
			load_post("/api/v1/leases", token,
				  "{\"stage\":\"two\",\"agent\":\"worker\","
				  "\"tokens\":10}");
	sides[OURS].next = settle_behind;
	all(sides, "each settled, 10,000 requests a second", leases, rounds,
	    1e6 / RATE);
	sides[OURS].next = NULL;
	all(sides, "all stay open, 10,000 a second", leases, rounds,
	    1e6 / RATE);
	all(sides, "all stay open, as fast as they can", leases, rounds, 0);
	bench_redis();
	stand_kill_core();
	for (int s = 0; s < SIDES; s++)
		free(sides[s].request);
	free(addr);
	free(line);
	return 0;
}
