/*
 * pool_bench: what the pool costs beside the bare calls it is made of. A JSON
 * line for each: programs a second beside a bare posix_spawn loop, HTTP calls a
 * second on 32 threads, how fast a cancel is over, and what an idle pool takes.
 */
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http_peer.h"
#include "jobs_stand.h"

#define PROGRAMS 300
#define CALLS	 3000
#define CANCELS	 100
#define ANSWER	 "{\"success\":true,\"result\":{},\"tokens_used\":1}"

static void die(const char *why)
{
	fprintf(stderr, "pool_bench: %s\n", why);
	exit(1);
}

/* Runs cat once with ANSWER on its stdin and reads it back. */
static void bare_cat(void)
{
	char cat[] = "cat", *const argv[] = {cat, NULL};
	int in[2], out[2];
	char back[256];
	pid_t pid;
	posix_spawn_file_actions_t acts;
	if (pipe(in) != 0 || pipe(out) != 0)
		die("no pipe");
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_adddup2(&acts, in[0], 0);
	posix_spawn_file_actions_adddup2(&acts, out[1], 1);
	posix_spawn_file_actions_addclosefrom_np(&acts, 3);
	if (posix_spawnp(&pid, "cat", &acts, NULL, argv, environ) != 0)
		die("no cat");
	posix_spawn_file_actions_destroy(&acts);
	close(in[0]);
	close(out[1]);
	if (write(in[1], ANSWER, sizeof ANSWER - 1) < 0)
		die("cat does not read");
	close(in[1]);
	while (read(out[0], back, sizeof back) > 0)
		;
	close(out[0]);
	waitpid(pid, NULL, 0);
}

static void answer_well(struct input *in)
{
	if (!in || !in->ok)
		die(in && in->text ? in->text : "no answer");
	input_free(&in);
}

static void bench_programs(struct jobs_stand *stand)
{
	int64_t began = clock_mono_us();
	for (int i = 0; i < PROGRAMS; i++)
		bare_cat();
	int64_t bare_us = clock_mono_us() - began;
	began = clock_mono_us();
	for (int i = 0; i < PROGRAMS; i++)
		answer_well(jobs_stand_call(stand, "cat", 10000, ANSWER));
	int64_t pool_us = clock_mono_us() - began;
	printf("{\"bench\":\"pool_exec\",\"calls\":%d,\"per_s\":%.0f,"
	       "\"bare_per_s\":%.0f,\"ratio\":%.2f}\n",
	       PROGRAMS, PROGRAMS * 1e6 / (double)pool_us,
	       PROGRAMS * 1e6 / (double)bare_us,
	       (double)bare_us / (double)pool_us);
}

static void bench_http(struct jobs_stand *stand)
{
	int64_t began = clock_mono_us();
	for (int i = 1; i <= CALLS; i++)
		jobs_stand_ask(stand, "ok", i, 60000, ANSWER);
	for (int i = 1; i <= CALLS; i++)
		answer_well(jobs_stand_wait(stand, INPUT_ANSWER, NULL));
	printf("{\"bench\":\"pool_http\",\"calls\":%d,\"threads\":32,"
	       "\"per_s\":%.0f}\n",
	       CALLS, CALLS * 1e6 / (double)(clock_mono_us() - began));
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void bench_cancel(struct jobs_stand *stand, struct http_peer *peer)
{
	static int64_t took[CANCELS];
	int hang = show_find_agent(stand->show, "hang");
	for (int i = 0; i < CANCELS; i++) {
		struct pool_figures f = {.busy = 1};
		int before = http_peer_requests(peer);
		jobs_stand_ask(stand, "hang", 1, 60000, ANSWER);
		http_peer_wait_requests(peer, before + 1);
		int64_t began = clock_mono_us();
		pool_cancel_call(stand->pool, "r1/s/1", hang);
		while (f.busy > 0)
			pool_figures(stand->pool, &f);
		took[i] = clock_mono_us() - began;
	}
	qsort(took, CANCELS, sizeof took[0], by_size);
	printf("{\"bench\":\"pool_cancel\",\"p50_us\":%lld,\"max_us\":%lld}\n",
	       (long long)took[CANCELS / 2], (long long)took[CANCELS - 1]);
}

static int64_t cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL +
	       u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static void bench_idle(void)
{
	struct rusage u;
	int64_t before = cpu_us();
	poll(NULL, 0, 2000);
	int64_t used = cpu_us() - before;
	getrusage(RUSAGE_SELF, &u);
	printf("{\"bench\":\"pool_idle\",\"threads\":32,\"cpu_percent\":%.3f,"
	       "\"max_rss_kb\":%ld,\"fds\":%d}\n",
	       (double)used / 2e4, u.ru_maxrss, jobs_count_fds());
}

int main(void)
{
	struct jobs_stand stand;
	struct http_peer *peer = http_peer_start();
	int port = http_peer_port(peer);
	jobs_stand_init(&stand);
	char *agents = xasprintf(
		"cat: { via: exec, argv: [cat] }, "
		"ok: { via: http, url: \"http://127.0.0.1:%d/ok\" }, "
		"hang: { via: http, url: \"http://127.0.0.1:%d/hang\" }",
		port, port);
	jobs_stand_load(&stand, agents, NULL);
	jobs_stand_open(&stand, 32);
	free(agents);
	bench_idle();
	bench_programs(&stand);
	bench_cancel(&stand, peer);
	bench_http(&stand);
	jobs_stand_close(&stand);
	http_peer_stop(&peer);
	return 0;
}
