/*
 * long_bench: one long show: a real core with ten thousand noop stages, run
 * again and again until its log holds a million events, and a console that
 * comes late. A private Redis, appendfsync always. Prints JSON lines:
 *
 *   cost      what an event costs, slice by slice: a run of all stages each,
 *             but for its first 1,000 events. The engine's thread in time on a
 *             processor, the same of the whole core and of Redis until the
 *             snapshots and the trimming after the run are done, how long
 *             it took, and the engine's instructions where the processor
 *             counts them for us; and what each gains from the first slice to
 *             the last. The yardstick is the same work each time: what it
 *             gains is what else the machine was doing, so the engine's cost
 *             is told in yardsticks (thousandths), too. `flat`: the one or
 *             the other gains or loses less than a tenth of its middle (a cost
 *             that grew would be seen in both)
 *   tail      events that whoever attached just then would have folded, while
 *             five more runs follow each other at once
 *   memory    of the core and of Redis, with all those events past
 *   attach    from a console's start to its first full frame
 *   rewind    from the key to the picture of an event earlier, and back
 *   restart   of a killed core, until it leads; and its memory then
 *
 * usage: long_bench SHOWCALLER [EVENTS [STAGES]]
 */
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "pty.h"
#include "stand.h"

#define SHOW	      "long-bench"
#define KEY(name)     "showcaller:{" SHOW "}:" name
#define LAST	      "curtain"
#define WHOLE	      "GO: " /* of the standby line: not before all is read */
#define COLUMNS	      200    /* of stages that run beside each other */
#define SLICES_MAX    400
#define ENGINE	      "showcaller" /* its thread has the name of the program */
#define FROM	      1000	   /* events of a run before it is counted */
#define LEFT_MOST     45000	   /* of events in Redis: twice its retention */
#define SETTLE_MS     5000
#define FLOOD_RUNS    5
#define FLAT	      0.1 /* of the cost in the middle */
#define ATTACH_ROUNDS 7
#define REWINDS	      20
#define LOOK_US	      5000
#define TAILS_MAX     100000
#define RUN_MS	      120000
#define REST_MS	      60000

static redisContext *redis;
static const char *program;
static pid_t core;

/* A row of stages depends on the row before, all of the first on the root. The
 * last one waits for GO: only a console that has read all says so. */
static char *make_show(long stages)
{
	struct buf b = {0};
	buf_adds(&b, "show: " SHOW "\ntitle: A Long Night\n"
		     "agents:\n  nobody: { via: noop }\nstages:\n"
		     "  - { id: s0, agents: [nobody] }\n");
	for (long i = 1; i < stages - 1; i++)
		buf_addf(&b,
			 "  - { id: s%ld, inputs: [s%ld], agents: [nobody] }\n",
			 i, i <= COLUMNS ? 0 : i - COLUMNS);
	buf_adds(&b, "  - id: " LAST "\n    agents: [nobody]\n    go: manual\n"
		     "    inputs: [");
	for (long i = stages - 1 - COLUMNS; i < stages - 1; i++)
		buf_addf(&b, "%ss%ld", i == stages - 1 - COLUMNS ? "" : ", ",
			 i);
	buf_adds(&b, "]\n");
	return buf_take(&b);
}

/* --- the log -------------------------------------------------------------- */

/* The number of the newest event; `*last`: it is one of LAST. */
static uint64_t newest(bool *last)
{
	redisReply *r =
		stand_ask(redis, "XREVRANGE " KEY("events") " + - COUNT 1");
	uint64_t seq = 0;
	*last = false;
	if (r->elements) {
		const redisReply *entry = r->element[0];
		const redisReply *fields = entry->element[1];
		seq = strtoull(entry->element[0]->str, NULL, 10);
		for (size_t i = 0; i + 1 < fields->elements; i += 2)
			if (strcmp(fields->element[i]->str, "stage") == 0)
				*last = strcmp(fields->element[i + 1]->str,
					       LAST) == 0;
	}
	freeReplyObject(r);
	return seq;
}

/* The event that the newest snapshot stands for. */
static uint64_t snapshot_seq(void)
{
	redisReply *r = stand_ask(redis, "GET " KEY("snapshot:last"));
	const char *blank = r->str ? strchr(r->str, ' ') : NULL;
	uint64_t seq = blank ? strtoull(blank, NULL, 10) : 0;
	freeReplyObject(r);
	return seq;
}

/* How long the tail is that whoever attaches has to fold, time and again while
 * the show runs flat out. */
static double tails[TAILS_MAX];
static int tail_count;

static void look_at_tail(uint64_t seq)
{
	uint64_t kept = snapshot_seq();
	if (tail_count < TAILS_MAX && kept > 0)
		tails[tail_count++] = seq > kept ? (double)(seq - kept) : 0;
}

static void print_tails(void)
{
	printf("{\"bench\":\"long\",\"what\":\"events behind the newest "
	       "snapshot while it runs\",\"p50\":%.0f,\"p90\":%.0f,"
	       "\"max\":%.0f,\"looks\":%d}\n",
	       stand_quantile(tails, tail_count, 0.5),
	       stand_quantile(tails, tail_count, 0.9),
	       stand_quantile(tails, tail_count, 1), tail_count);
	fflush(stdout);
}

/* Until the last stage waits again; the number of that event. */
static uint64_t run_over(uint64_t after)
{
	for (int64_t until = now_us() + RUN_MS * 1000; now_us() < until;) {
		bool last;
		uint64_t seq = newest(&last);
		if (seq > after && last)
			return seq;
		look_at_tail(seq);
		pause_us(LOOK_US);
	}
	stand_give_up("a run did not end within %d s", RUN_MS / 1000);
}

/* What trimming leaves. */
static long long log_length(void)
{
	redisReply *r = stand_ask(redis, "XLEN " KEY("events"));
	long long length = r->integer;
	freeReplyObject(r);
	return length;
}

/* At rest the core makes one when the last is long enough ago. */
static bool wait_for_snapshot(void)
{
	bool last;
	int64_t until = now_us() + REST_MS * 1000;
	while (newest(&last) != snapshot_seq()) {
		if (now_us() > until)
			return false;
		pause_us(50000);
	}
	return true;
}

/* --- what an event costs -------------------------------------------------- */

enum cost {
	COST_ENGINE,
	COST_CORE,
	COST_REDIS,
	COST_ELAPSED,
	COST_INSTRUCTIONS,
	COST_YARDSTICK,
	COST_ENGINE_YARDSTICKS,
	COSTS
};
static const char *const cost_names[] = {"engine_cpu_us",
					 "core_cpu_us",
					 "redis_cpu_us",
					 "elapsed_us",
					 "instructions",
					 "yardstick_us",
					 "engine_cpu_in_yardsticks"};

/* What is counted of a run. */
struct slice {
	double at; /* events before it */
	double events;
	double cost[COSTS]; /* of an event; the yardstick's own as it is */
};

/* The same work each time: what it takes more is not the show's doing. Memory
 * beyond the caches near a core is walked, as a model is. */
static double yardstick_us(void)
{
	static uint32_t field[1 << 20];
	struct timespec from, to;
	uint32_t at = 1;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (int i = 0; i < 500000; i++) {
		at = at * 1664525 + 1013904223;
		field[at >> 12] += at;
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	return (double)(to.tv_sec - from.tv_sec) * 1e6 +
	       (double)(to.tv_nsec - from.tv_nsec) / 1e3;
}

/* All that is counted, since ever. */
static struct slice counted(uint64_t seq)
{
	return (struct slice){
		.at = (double)seq,
		.cost = {[COST_ENGINE] = stand_thread_ms(core, ENGINE) * 1000,
			 [COST_CORE] = stand_cpu_ms(core) * 1000,
			 [COST_REDIS] = stand_cpu_ms(stand_redis_pid()) * 1000,
			 [COST_ELAPSED] = (double)now_us(),
			 [COST_INSTRUCTIONS] = stand_instructions(core)}};
}

static struct slice slice_until(const struct slice *from, uint64_t seq)
{
	struct slice s = counted(seq);
	s.events = s.at - from->at;
	s.at = from->at;
	for (int i = 0; i <= COST_INSTRUCTIONS; i++)
		s.cost[i] = (s.cost[i] - from->cost[i]) / s.events;
	s.cost[COST_YARDSTICK] = yardstick_us();
	s.cost[COST_ENGINE_YARDSTICKS] =
		s.cost[COST_ENGINE] / s.cost[COST_YARDSTICK] * 1000;
	return s;
}

/* Until trimming has done what it can: a flood does not wait for it. */
static void settle(void)
{
	int64_t until = now_us() + SETTLE_MS * 1000;
	while (log_length() > LEFT_MOST && now_us() < until)
		pause_us(50000);
}

static void run_again(void)
{
	freeReplyObject(stand_ask(
		redis, "XADD " KEY("commands") " * action rerun args s0"));
}

/* What of a run is behind its first FROM events, which may begin with the reset
 * of all stages; of the core and Redis, what comes of the run until all is
 * quiet. False when it was faster than we looked. `*seq` is where the run
 * began, and gets its last event; 0: the core has begun it by itself. */
static bool slice_of_run(uint64_t *seq, struct slice *s)
{
	bool last = false;
	uint64_t at;
	struct slice begin = counted(*seq), from, end;
	if (*seq)
		run_again();
	while ((at = newest(&last)) < *seq + FROM)
		pause_us(200);
	from = counted(at);
	if (!*seq)
		begin = from;
	*seq = run_over(*seq);
	if (*seq < at + FROM)
		return false;
	*s = slice_until(&from, *seq);
	settle();
	end = counted(*seq);
	for (int i = COST_CORE; i <= COST_REDIS; i++)
		s->cost[i] =
			(end.cost[i] - begin.cost[i]) / (end.at - begin.at);
	return true;
}

/* What the cost gains from the first event to the last, as a share of its
 * middle: by the median of the slopes between any two slices, so that a few in
 * which the machine did something else say nothing. */
static double slope(const struct slice *slices, int count, enum cost which)
{
	static double slopes[SLICES_MAX * (SLICES_MAX - 1) / 2];
	double values[SLICES_MAX];
	int n = 0;
	for (int i = 0; i < count; i++) {
		values[i] = slices[i].cost[which];
		for (int k = 0; k < i; k++)
			slopes[n++] = (slices[i].cost[which] -
				       slices[k].cost[which]) /
				      (slices[i].at - slices[k].at);
	}
	double range = slices[count - 1].at - slices[0].at;
	return stand_quantile(slopes, n, 0.5) * range /
	       stand_quantile(values, count, 0.5);
}

static void print_cost(const struct slice *slices, int count, enum cost which)
{
	double values[SLICES_MAX];
	if (slices[0].cost[which] <= 0) /* it cannot be counted here */
		return;
	for (int i = 0; i < count; i++)
		values[i] = slices[i].cost[which];
	printf(",\"%s\":{\"first\":%.2f,\"median\":%.2f,\"last\":%.2f,"
	       "\"slope_percent\":%.1f}",
	       cost_names[which], slices[0].cost[which],
	       stand_quantile(values, count, 0.5),
	       slices[count - 1].cost[which],
	       slope(slices, count, which) * 100);
}

static bool is_flat(const struct slice *slices, int count, enum cost which)
{
	double gain = slope(slices, count, which);
	return gain < FLAT && gain > -FLAT;
}

static uint64_t bench_cost(uint64_t events)
{
	static struct slice slices[SLICES_MAX];
	int count = 0;
	yardstick_us(); /* its pages are there from now on */
	uint64_t seq = 0;
	while (seq < events && count < SLICES_MAX)
		if (slice_of_run(&seq, &slices[count]))
			count++;
	if (count < 2)
		stand_give_up("fewer events than two runs have: ask for more");
	printf("{\"bench\":\"long\",\"what\":\"cost per event\","
	       "\"slices\":%d,\"from\":%.0f,\"to\":%llu,"
	       "\"left_in_redis\":%lld",
	       count, slices[0].at, (unsigned long long)seq, log_length());
	for (int which = 0; which < COSTS; which++)
		print_cost(slices, count, (enum cost)which);
	printf(",\"flat\":%s}\n",
	       is_flat(slices, count, COST_ENGINE) ||
			       is_flat(slices, count, COST_ENGINE_YARDSTICKS)
		       ? "true"
		       : "false");
	fflush(stdout);
	return seq;
}

/* As fast as it goes, which trimming and snapshots have to bear. */
static uint64_t bench_flood(uint64_t seq)
{
	tail_count = 0;
	for (int i = 0; i < FLOOD_RUNS; i++) {
		run_again();
		seq = run_over(seq);
	}
	print_tails();
	return seq;
}

static void print_memory(const char *what, uint64_t seq)
{
	printf("{\"bench\":\"long\",\"what\":\"%s\",\"events\":%llu,"
	       "\"core_rss_mb\":%.1f,\"core_peak_mb\":%.1f,"
	       "\"redis_rss_mb\":%.1f",
	       what, (unsigned long long)seq, stand_rss_mb(core),
	       stand_peak_mb(core), stand_rss_mb(stand_redis_pid()));
}

/* --- a console that comes late -------------------------------------------- */

static struct pty *attach(double *ms)
{
	const char *argv[] = {program,	   "attach", "--redis",
			      stand_url(), SHOW,     NULL};
	int64_t began = now_us();
	struct pty *p = pty_start(argv, 120, 40);
	if (!p)
		stand_give_up("no pseudo-terminal");
	pty_watch(p, WHOLE);
	int64_t seen = pty_seen_us(p, 60000);
	if (seen < 0)
		stand_give_up(
			"the console painted no whole picture within 60 s");
	*ms = (double)(seen - began) / 1000;
	return p;
}

static void bench_attach(const char *when)
{
	double ms[ATTACH_ROUNDS], mb = 0;
	char what[80];
	bool last;
	uint64_t tail = newest(&last) - snapshot_seq();
	for (int i = 0; i < ATTACH_ROUNDS; i++) {
		struct pty *p = attach(&ms[i]);
		mb = stand_rss_mb(pty_pid(p));
		pty_stop(&p);
	}
	snprintf(what, sizeof what, "attach to first full frame, %s", when);
	stand_print_times(what, "console", ms, ATTACH_ROUNDS, 0);
	printf("{\"bench\":\"long\",\"what\":\"attach\",\"events_behind_the_"
	       "snapshot\":%llu,\"console_rss_mb\":%.1f}\n",
	       (unsigned long long)tail, mb);
	fflush(stdout);
}

static double key_to(struct pty *p, const char *key, const char *text)
{
	pty_watch(p, text);
	int64_t typed = now_us();
	pty_type(p, key);
	int64_t seen = pty_seen_us(p, 20000);
	return seen < 0 ? -1 : (double)(seen - typed) / 1000;
}

static void bench_rewind(void)
{
	double back[REWINDS], live[REWINDS], first;
	int backs = 0, lives = 0;
	struct pty *p = attach(&first);
	for (int i = 0; i < REWINDS; i++) {
		pause_us(100000);
		double ms = key_to(p, "[", "REWIND");
		if (ms >= 0)
			back[backs++] = ms;
		pause_us(100000);
		ms = key_to(p, "L", WHOLE);
		if (ms >= 0)
			live[lives++] = ms;
	}
	pty_stop(&p);
	stand_print_times("key to the picture of an event earlier", "console",
			  back, backs, REWINDS - backs);
	stand_print_times("key to the live picture", "console", live, lives,
			  REWINDS - lives);
}

int main(int argc, char **argv)
{
	long events = argc > 2 ? atol(argv[2]) : 1000000;
	long stages = argc > 3 ? atol(argv[3]) : 10000;
	if (argc < 2 || argc > 4 || events < 1 || stages < COLUMNS + 1) {
		fprintf(stderr, "usage: long_bench SHOWCALLER [EVENTS "
				"[STAGES]]\n");
		return 2;
	}
	program = argv[1];
	stand_begin("long");
	redis = stand_connect();
	char *yaml = make_show(stages);
	core = stand_start_core(program, SHOW, yaml);
	uint64_t seq = bench_cost((uint64_t)events);
	seq = bench_flood(seq);
	bench_attach("right behind a burst");
	if (wait_for_snapshot())
		bench_attach("at rest");
	print_memory("memory", seq);
	printf(",\"stages\":%ld}\n", stages);
	bench_rewind();
	stand_kill_core();
	int64_t began = now_us();
	core = stand_start_core(program, SHOW, yaml);
	double restart_ms = (double)(now_us() - began) / 1000;
	print_memory("restart", seq);
	printf(",\"until_it_leads_ms\":%.0f}\n", restart_ms);
	free(yaml);
	redisFree(redis);
	return 0;
}
