/*
 * screen_bench: the console in a pseudo-terminal of 120x40 on a real core and a
 * real Redis (appendfsync always), and a bare curses reader beside it. Prints
 * one JSON line a figure:
 *
 *   start     from exec to the first full frame; memory of console and core
 *   idle      bytes to the terminal and CPU of both while nothing happens
 *   glyph     from an event's commit to its glyph, console and bare reader, at
 *             rest and (console) in a flood
 *   key       from a key to its echo in a flood
 *
 * The bench writes the events itself, after it has ended the core: so the time
 * holds Redis and the console, and nothing else.
 *
 * usage: screen_bench SHOWCALLER BARE_READER
 */
#include <dirent.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pty.h"

#define SHOW	     "screen-bench"
#define STREAM	     "showcaller:{" SHOW "}:events"
#define SAMPLES	     300
#define KEYS	     60
#define FLOOD_PER_S  5000
#define BATCH_US     10000
#define IDLE_MS	     10000
#define START_ROUNDS 9

static char folder[64];
static char socket_path[96];
static pid_t redis_pid, core_pid;
static redisContext *redis;
static unsigned long long next_id;
static pthread_t flooder;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool flooding;
static unsigned long long flooded;

static void clean_up(void)
{
	if (core_pid > 0)
		kill(core_pid, SIGKILL);
	if (redis_pid > 0) {
		kill(redis_pid, SIGTERM);
		waitpid(redis_pid, NULL, 0);
	}
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	if (folder[0] && system(command) != 0)
		fprintf(stderr, "screen_bench: %s stays behind\n", folder);
}

static void give_up(const char *why, ...)
{
	va_list ap;
	va_start(ap, why);
	fputs("screen_bench: ", stderr);
	vfprintf(stderr, why, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static pid_t start(const char *const argv[], const char *log)
{
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open(log, O_CREAT | O_WRONLY | O_TRUNC, 0600);
		dup2(fd, 1);
		dup2(fd, 2);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid;
}

static redisReply *ask(const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	redisReply *reply = redisvCommand(redis, format, ap);
	va_end(ap);
	if (!reply || reply->type == REDIS_REPLY_ERROR)
		give_up("redis: %s", reply ? reply->str : redis->errstr);
	return reply;
}

static void start_redis(void)
{
	snprintf(socket_path, sizeof socket_path, "%s/redis.sock", folder);
	const char *argv[] = {"redis-server", "--port", "0", "--unixsocket",
			socket_path, "--dir", folder, "--appendonly", "yes",
			"--appendfsync", "always", "--save", "", NULL};
	char log[96];
	snprintf(log, sizeof log, "%s/redis.log", folder);
	redis_pid = start(argv, log);
	for (int i = 0; i < 500; i++) {
		redis = redisConnectUnix(socket_path);
		if (redis && !redis->err)
			return;
		if (redis)
			redisFree(redis);
		pause_us(10000);
	}
	give_up("redis-server does not answer, see %s", log);
}

static void write_show(char *path, size_t bytes)
{
	snprintf(path, bytes, "%s/" SHOW ".yaml", folder);
	FILE *f = fopen(path, "w");
	if (!f)
		give_up("%s cannot be written", path);
	fputs("show: " SHOW "\n"
	      "title: A stage, a scene and nothing else\n"
	      "agents:\n  nobody: { via: noop }\n"
	      "stages:\n"
	      "  - { id: opening, agents: [nobody] }\n"
	      "  - { id: wait, inputs: [opening], agents: [nobody], go: manual "
	      "}\n"
	      "obs: { url: \"ws://127.0.0.1:9\", scenes: [abababab] }\n"
	      "http: { operator: \"127.0.0.1:0\", audience: \"127.0.0.1:0\" }\n",
	      f);
	fclose(f);
}

static char *redis_url(void)
{
	static char url[128];
	snprintf(url, sizeof url, "unix://%s", socket_path);
	return url;
}

/* The core has begun its run and waits for GO: nothing more will happen. */
static void start_core(const char *showcaller)
{
	char path[96], log[96];
	write_show(path, sizeof path);
	snprintf(log, sizeof log, "%s/core.log", folder);
	const char *argv[] = {showcaller, "run", "--headless", "--redis",
			redis_url(), path, NULL};
	core_pid = start(argv, log);
	for (int i = 0; i < 1000; i++) {
		redisReply *r = ask("XREVRANGE " STREAM " + - COUNT 20");
		bool done = false;
		for (size_t e = 0; e < r->elements; e++) {
			redisReply *fields = r->element[e]->element[1];
			done = done || strcmp(fields->element[1]->str,
					      "stage:complete") == 0;
		}
		freeReplyObject(r);
		if (done)
			return;
		if (waitpid(core_pid, NULL, WNOHANG) == core_pid)
			break;
		pause_us(10000);
	}
	core_pid = 0;
	give_up("the core did not come up, see %s (kept: remove it by hand)",
		log);
}

/* --- figures -------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double quantile(double *v, int n, double q)
{
	qsort(v, (size_t)n, sizeof *v, by_value);
	int i = (int)ceil(q * n) - 1;
	return n ? v[i < 0 ? 0 : i] : NAN;
}

static void print_times(const char *what, const char *who, double *ms, int n,
			int lost)
{
	printf("{\"bench\":\"screen\",\"what\":\"%s\",\"who\":\"%s\","
	       "\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f,\"n\":%d,"
	       "\"lost\":%d}\n",
	       what, who, quantile(ms, n, 0.5), quantile(ms, n, 0.99),
	       quantile(ms, n, 1), n, lost);
	fflush(stdout);
}

/* Time on a processor in ms, all threads. */
static double cpu_ms(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	double ns = 0;
	for (struct dirent *e; dir && (e = readdir(dir));) {
		char name[400];
		snprintf(name, sizeof name, "%s/%s/schedstat", path, e->d_name);
		FILE *f = fopen(name, "r");
		unsigned long long ran = 0;
		if (f && fscanf(f, "%llu", &ran) == 1)
			ns += (double)ran;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return ns / 1e6;
}

static double rss_mb(pid_t pid)
{
	char path[64], line[256];
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	double kb = 0;
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmRSS: %lf", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb / 1024;
}

/* --- events --------------------------------------------------------------- */

static void append_scene(const char *scene)
{
	redisAppendCommand(
		redis,
		"XADD " STREAM " %llu-0 type obs:status run %s stage %s agent "
		"%s at %llu data %s",
		next_id++, "", "", "", 0ULL, scene);
}

static void append_note(void)
{
	redisAppendCommand(redis,
			   "XADD " STREAM " %llu-0 type note run %s stage %s "
			   "agent %s at %llu data %s",
			   next_id++, "", "", "", 0ULL,
			   "{\"by\":\"bench\",\"text\":\"one of many\"}");
}

static void take_replies(int n)
{
	for (int i = 0; i < n; i++) {
		redisReply *reply = NULL;
		if (redisGetReply(redis, (void **)&reply) != REDIS_OK ||
		    reply->type == REDIS_REPLY_ERROR)
			give_up("XADD: %s", reply ? reply->str : redis->errstr);
		freeReplyObject(reply);
	}
}

/* Puts another scene on program; returns when that was committed. */
static int64_t commit_scene(const char *name)
{
	char data[256];
	snprintf(data, sizeof data,
		 "{\"connected\":true,\"program_scene\":\"%s\",\"scenes\":["
		 "\"abababab\",\"cdcdcdcd\"],\"streaming\":false,"
		 "\"recording\":false}",
		 name);
	pthread_mutex_lock(&lock);
	append_scene(data);
	take_replies(1);
	int64_t at = now_us();
	pthread_mutex_unlock(&lock);
	return at;
}

static void *flood(void *unused)
{
	(void)unused;
	int64_t due = now_us();
	for (bool on = true; on;) {
		pthread_mutex_lock(&lock);
		int n = FLOOD_PER_S / (1000000 / BATCH_US);
		for (int i = 0; i < n; i++)
			append_note();
		take_replies(n);
		flooded += (unsigned long long)n;
		on = flooding;
		pthread_mutex_unlock(&lock);
		due += BATCH_US;
		pause_us(due - now_us());
	}
	return NULL;
}

static void set_flood(bool on)
{
	pthread_mutex_lock(&lock);
	flooding = on;
	pthread_mutex_unlock(&lock);
	if (on && pthread_create(&flooder, NULL, flood, NULL) != 0)
		give_up("no thread for the flood");
	if (!on)
		pthread_join(flooder, NULL);
}

/* --- what is measured ----------------------------------------------------- */

/* The frame is full when the key line, the last row, stands there. */
#define FULL_FRAME "command"

static struct pty *open_console(const char *showcaller, int64_t *took_us)
{
	const char *argv[] = {showcaller, "attach", "--redis", redis_url(), SHOW,
			NULL};
	int64_t began = now_us();
	struct pty *p = pty_start(argv, 120, 40);
	if (!p)
		give_up("no pseudo-terminal");
	pty_watch(p, FULL_FRAME);
	int64_t seen = pty_seen_us(p, 5000);
	if (seen < 0)
		give_up("the console painted no frame within 5 s");
	*took_us = seen - began;
	return p;
}

static void bench_start(const char *showcaller)
{
	double ms[START_ROUNDS];
	double console_mb = 0;
	for (int i = 0; i < START_ROUNDS; i++) {
		int64_t took;
		struct pty *p = open_console(showcaller, &took);
		ms[i] = (double)took / 1000;
		pause_us(300000);
		console_mb = rss_mb(pty_pid(p));
		pty_stop(&p);
	}
	print_times("start to first full frame", "console", ms, START_ROUNDS, 0);
	printf("{\"bench\":\"screen\",\"what\":\"memory\",\"console_rss_mb\":"
	       "%.1f,\"core_rss_mb\":%.1f}\n",
	       console_mb, rss_mb(core_pid));
}

static void bench_idle(struct pty *p)
{
	pause_us(1500000);
	uint64_t bytes = pty_bytes(p);
	double console = cpu_ms(pty_pid(p)), core = cpu_ms(core_pid);
	pause_us(IDLE_MS * 1000);
	printf("{\"bench\":\"screen\",\"what\":\"idle\",\"bytes_per_s\":%.1f,"
	       "\"console_cpu_percent\":%.3f,\"core_cpu_percent\":%.3f}\n",
	       (double)(pty_bytes(p) - bytes) * 1000 / IDLE_MS,
	       (cpu_ms(pty_pid(p)) - console) * 100 / IDLE_MS,
	       (cpu_ms(core_pid) - core) * 100 / IDLE_MS);
	fflush(stdout);
}

/* Two names that have no cell in common, so the new one is sent whole. */
static const char *other_scene(void)
{
	static bool second;
	second = !second;
	return second ? "cdcdcdcd" : "abababab";
}

static void bench_glyph(struct pty *p, const char *what, const char *who,
			int rest_ms)
{
	double ms[SAMPLES];
	int n = 0, lost = 0;
	for (int i = 0; i < SAMPLES; i++) {
		/* Off the beat of any clock of theirs. */
		pause_us(rest_ms * 1000 + (i * 7919) % 40000);
		const char *scene = other_scene();
		pty_watch(p, scene);
		int64_t committed = commit_scene(scene);
		int64_t seen = pty_seen_us(p, 1000);
		if (seen < 0)
			lost++;
		else
			ms[n++] = (double)(seen - committed) / 1000;
	}
	print_times(what, who, ms, n, lost);
}

static void bench_keys(struct pty *p)
{
	double ms[KEYS];
	int n = 0, lost = 0;
	for (int i = 0; i < KEYS; i++) {
		pause_us(60000 + (i * 7919) % 30000);
		/* The help opens; its text stands nowhere else. */
		pty_watch(p, "Releases the stage in standby");
		int64_t typed = now_us();
		pty_type(p, "?");
		int64_t seen = pty_seen_us(p, 2000);
		if (seen < 0)
			lost++;
		else
			ms[n++] = (double)(seen - typed) / 1000;
		pty_type(p, "?");
	}
	print_times("key to echo in a flood", "console", ms, n, lost);
}

static void take_over_log(void)
{
	kill(core_pid, SIGKILL);
	waitpid(core_pid, NULL, 0);
	core_pid = 0;
	redisReply *r = ask("XREVRANGE " STREAM " + - COUNT 1");
	next_id = strtoull(r->element[0]->element[0]->str, NULL, 10) + 1;
	freeReplyObject(r);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: screen_bench SHOWCALLER BARE_READER\n");
		return 2;
	}
	strcpy(folder, "/tmp/screen-bench.XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	atexit(clean_up);
	signal(SIGPIPE, SIG_IGN);
	setenv("SHOWCALLER_STATE", folder, 1);
	start_redis();
	start_core(argv[1]);
	bench_start(argv[1]);

	int64_t took;
	struct pty *console = open_console(argv[1], &took);
	bench_idle(console);
	take_over_log();
	pause_us(3000000); /* the console has said by now that nobody leads */
	bench_glyph(console, "event to glyph at rest", "console", 60);
	set_flood(true);
	pause_us(500000);
	unsigned long long before = flooded;
	int64_t began = now_us();
	bench_glyph(console, "event to glyph in a flood", "console", 30);
	bench_keys(console);
	printf("{\"bench\":\"screen\",\"what\":\"flood\",\"events_per_s\":"
	       "%.0f}\n",
	       (double)(flooded - before) * 1e6 / (double)(now_us() - began));
	set_flood(false);
	pty_stop(&console);

	const char *bare_argv[] = {argv[2], socket_path, STREAM, NULL};
	struct pty *bare = pty_start(bare_argv, 120, 40);
	pty_watch(bare, "bare reader");
	if (!bare || pty_seen_us(bare, 3000) < 0)
		give_up("%s does not start", argv[2]);
	bench_glyph(bare, "event to glyph at rest", "bare reader", 60);
	pty_stop(&bare);
	return 0;
}
