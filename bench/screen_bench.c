/*
 * screen_bench: the console in a pseudo-terminal of 120x40 on a real core and a
 * real Redis (appendfsync always), and a bare curses reader beside it. Prints
 * one JSON line a figure:
 *
 *   start     from exec to the first full frame; memory of console and core
 *   idle      bytes to the terminal and CPU of both while nothing happens
 *   glyph     from an event's commit to its glyph, console and bare reader, at
 *             rest and in a flood; and from the command that asked for it
 *   key       from a key to its echo in a flood
 *
 * All events are the core's: commands ask for them, `pause` and `resume` for
 * what is looked at, `note` for the flood. An event counts as committed when a
 * reader of the bench's own (XREAD BLOCK) has it from the stream: from there on
 * the console and the bare reader have the same way to go.
 *
 * usage: screen_bench SHOWCALLER BARE_READER
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "pty.h"
#include "stand.h"

#define SHOW	     "screen-bench"
#define EVENTS	     "showcaller:{" SHOW "}:events"
#define COMMANDS     "showcaller:{" SHOW "}:commands"
#define SAMPLES	     300
#define KEYS	     60
#define FLOOD_PER_S  5000
#define BATCH_US     10000
#define IDLE_MS	     10000
#define START_ROUNDS 9
#define LIMIT_MS     2000 /* what comes later is lost */

static const char show_text[] =
	"show: " SHOW "\n"
	"title: A stage and nothing else\n"
	"agents:\n  nobody: { via: noop }\n"
	"stages:\n"
	"  - { id: opening, agents: [nobody] }\n"
	"  - { id: wait, inputs: [opening], agents: [nobody], go: manual }\n";

static redisContext *redis;

/* --- the log, as a reader of our own sees it ------------------------------ */

static struct {
	redisContext *redis;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t came;
	const char *wanted; /* type of an event; NULL: it came */
	int64_t at_us;
	unsigned long long seq;
} reader = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void take_entries(const redisReply *entries, int64_t now)
{
	pthread_mutex_lock(&reader.lock);
	for (size_t i = 0; i < entries->elements; i++) {
		const redisReply *entry = entries->element[i];
		reader.seq = strtoull(entry->element[0]->str, NULL, 10);
		if (!reader.wanted || strcmp(entry->element[1]->element[1]->str,
					     reader.wanted) != 0)
			continue;
		reader.wanted = NULL;
		reader.at_us = now;
		pthread_cond_signal(&reader.came);
	}
	pthread_mutex_unlock(&reader.lock);
}

static void *read_log(void *unused)
{
	char last[32] = "$";
	for (;;) {
		redisReply *r = redisCommand(
			reader.redis,
			"XREAD COUNT 1000 BLOCK 0 STREAMS " EVENTS " %s", last);
		int64_t now = now_us();
		if (!r || r->type != REDIS_REPLY_ARRAY)
			return unused; /* the bench has ended it */
		const redisReply *entries = r->element[0]->element[1];
		take_entries(entries, now);
		snprintf(last, sizeof last, "%s",
			 entries->element[entries->elements - 1]
				 ->element[0]
				 ->str);
		freeReplyObject(r);
	}
}

static void start_reader(void)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&reader.came, &attr);
	reader.redis = stand_connect();
	if (pthread_create(&reader.thread, NULL, read_log, NULL) != 0)
		stand_give_up("no thread for the reader");
}

static void stop_reader(void)
{
	shutdown(reader.redis->fd, SHUT_RDWR);
	pthread_join(reader.thread, NULL);
	redisFree(reader.redis);
}

static void want_event(const char *type)
{
	pthread_mutex_lock(&reader.lock);
	reader.wanted = type;
	pthread_mutex_unlock(&reader.lock);
}

/* When it was there; -1: it did not come. */
static int64_t event_us(void)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LIMIT_MS / 1000;
	pthread_mutex_lock(&reader.lock);
	while (reader.wanted)
		if (pthread_cond_timedwait(&reader.came, &reader.lock,
					   &until) == ETIMEDOUT)
			break;
	int64_t us = reader.wanted ? -1 : reader.at_us;
	reader.wanted = NULL;
	pthread_mutex_unlock(&reader.lock);
	return us;
}

static unsigned long long newest_event(void)
{
	pthread_mutex_lock(&reader.lock);
	unsigned long long seq = reader.seq;
	pthread_mutex_unlock(&reader.lock);
	return seq;
}

/* --- the flood ------------------------------------------------------------ */

static struct {
	redisContext *redis;
	pthread_t thread;
	pthread_mutex_t lock;
	bool on;
} notes = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool flood_is_on(void)
{
	pthread_mutex_lock(&notes.lock);
	bool on = notes.on;
	pthread_mutex_unlock(&notes.lock);
	return on;
}

static void *flood(void *unused)
{
	int64_t due = now_us();
	while (flood_is_on()) {
		int n = FLOOD_PER_S / (1000000 / BATCH_US);
		for (int i = 0; i < n; i++)
			redisAppendCommand(
				notes.redis, "XADD " COMMANDS " * data %s",
				"{\"action\":\"note\",\"args\":[\"one of "
				"many\"],\"by\":\"bench\"}");
		for (int i = 0; i < n; i++) {
			redisReply *r = NULL;
			if (redisGetReply(notes.redis, (void **)&r) != REDIS_OK)
				stand_give_up("XADD: %s", notes.redis->errstr);
			freeReplyObject(r);
		}
		due += BATCH_US;
		pause_us(due - now_us());
	}
	return unused;
}

static void set_flood(bool on)
{
	pthread_mutex_lock(&notes.lock);
	notes.on = on;
	pthread_mutex_unlock(&notes.lock);
	if (on) {
		notes.redis = stand_connect();
		if (pthread_create(&notes.thread, NULL, flood, NULL) != 0)
			stand_give_up("no thread for the flood");
	} else {
		pthread_join(notes.thread, NULL);
		redisFree(notes.redis);
	}
}

/* --- what is measured ----------------------------------------------------- */

/* The core has begun its run and waits for GO: nothing more will happen. */
static pid_t start_show(const char *showcaller)
{
	pid_t core = stand_start_core(showcaller, SHOW, show_text);
	for (int i = 0; i < 1000; i++) {
		redisReply *r =
			stand_ask(redis, "XREVRANGE " EVENTS " + - COUNT 20");
		bool done = false;
		for (size_t e = 0; e < r->elements; e++) {
			redisReply *fields = r->element[e]->element[1];
			done = done || strcmp(fields->element[1]->str,
					      "stage:complete") == 0;
		}
		freeReplyObject(r);
		if (done)
			return core;
		pause_us(10000);
	}
	stand_give_up("the show does not begin");
}

/* What waits for GO is said only when all of the log was read. */
#define FULL_FRAME "GO: "

static struct pty *open_console(const char *showcaller, int64_t *took_us)
{
	const char *argv[] = {showcaller,  "attach", "--redis",
			      stand_url(), SHOW,     NULL};
	int64_t began = now_us();
	struct pty *p = pty_start(argv, 120, 40);
	if (!p)
		stand_give_up("no pseudo-terminal");
	pty_watch(p, FULL_FRAME);
	int64_t seen = pty_seen_us(p, 5000);
	if (seen < 0)
		stand_give_up("the console painted no frame within 5 s");
	*took_us = seen - began;
	return p;
}

static void bench_start(const char *showcaller, pid_t core)
{
	double ms[START_ROUNDS];
	double console_mb = 0;
	for (int i = 0; i < START_ROUNDS; i++) {
		int64_t took;
		struct pty *p = open_console(showcaller, &took);
		ms[i] = (double)took / 1000;
		pause_us(300000);
		console_mb = stand_rss_mb(pty_pid(p));
		pty_stop(&p);
	}
	stand_print_times("start to first full frame", "console", ms,
			  START_ROUNDS, 0);
	printf("{\"bench\":\"screen\",\"what\":\"memory\",\"console_rss_mb\":"
	       "%.1f,\"core_rss_mb\":%.1f}\n",
	       console_mb, stand_rss_mb(core));
}

static void bench_idle(struct pty *p, pid_t core)
{
	pause_us(1500000);
	uint64_t bytes = pty_bytes(p);
	double console_ms = stand_cpu_ms(pty_pid(p));
	double core_ms = stand_cpu_ms(core);
	pause_us(IDLE_MS * 1000);
	printf("{\"bench\":\"screen\",\"what\":\"idle\",\"bytes_per_s\":%.1f,"
	       "\"console_cpu_percent\":%.3f,\"core_cpu_percent\":%.3f}\n",
	       (double)(pty_bytes(p) - bytes) * 1000 / IDLE_MS,
	       (stand_cpu_ms(pty_pid(p)) - console_ms) * 100 / IDLE_MS,
	       (stand_cpu_ms(core) - core_ms) * 100 / IDLE_MS);
	fflush(stdout);
}

/* What is asked for, what the core then writes, and the word for it on the
 * screen. The two words have no cell in common, so each is sent whole. */
static const struct turn {
	const char *action, *event, *word;
} turns[] = {
	{"pause", "run:pause", "PAUSED"},
	{"resume", "run:resume", "LIVE"},
};

static void bench_glyph(struct pty *p, const char *where, const char *who,
			int rest_ms)
{
	double event_ms[SAMPLES], command_ms[SAMPLES];
	char what[80];
	int n = 0, lost = 0;
	for (int i = 0; i < SAMPLES; i++) {
		const struct turn *turn = &turns[i % 2];
		/* Off the beat of any clock of theirs. */
		pause_us(rest_ms * 1000 + (i * 7919) % 40000);
		pty_watch(p, turn->word);
		want_event(turn->event);
		int64_t asked = now_us();
		freeReplyObject(stand_ask(redis,
					  "XADD " COMMANDS " * action %s by %s",
					  turn->action, "bench"));
		int64_t committed = event_us();
		int64_t seen = pty_seen_us(p, LIMIT_MS);
		if (committed < 0)
			stand_give_up("the core does not %s", turn->action);
		if (seen < 0) {
			lost++;
			continue;
		}
		event_ms[n] = (double)(seen - committed) / 1000;
		command_ms[n++] = (double)(seen - asked) / 1000;
	}
	snprintf(what, sizeof what, "event to glyph %s", where);
	stand_print_times(what, who, event_ms, n, lost);
	snprintf(what, sizeof what, "command to glyph %s", where);
	stand_print_times(what, who, command_ms, n, lost);
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
		int64_t seen = pty_seen_us(p, LIMIT_MS);
		if (seen < 0)
			lost++;
		else
			ms[n++] = (double)(seen - typed) / 1000;
		pty_type(p, "?");
	}
	stand_print_times("key to echo in a flood", "console", ms, n, lost);
}

static void bench_flood(struct pty *console, struct pty *bare, pid_t core)
{
	set_flood(true);
	pause_us(500000);
	unsigned long long seq = newest_event();
	int64_t began = now_us();
	double console_ms = stand_cpu_ms(pty_pid(console));
	double core_ms = stand_cpu_ms(core);
	bench_glyph(console, "in a flood", "console", 30);
	bench_keys(console);
	double took_ms = (double)(now_us() - began) / 1000;
	printf("{\"bench\":\"screen\",\"what\":\"flood\",\"events_per_s\":"
	       "%.0f,\"console_cpu_percent\":%.1f,\"core_cpu_percent\":%.1f}"
	       "\n",
	       (double)(newest_event() - seq) * 1000 / took_ms,
	       (stand_cpu_ms(pty_pid(console)) - console_ms) * 100 / took_ms,
	       (stand_cpu_ms(core) - core_ms) * 100 / took_ms);
	bench_glyph(bare, "in a flood", "bare reader", 30);
	set_flood(false);
}

static struct pty *open_bare(const char *program)
{
	const char *argv[] = {program, stand_socket(), EVENTS, NULL};
	struct pty *bare = pty_start(argv, 120, 40);
	if (!bare)
		stand_give_up("no pseudo-terminal");
	pty_watch(bare, "bare reader");
	if (pty_seen_us(bare, 3000) < 0)
		stand_give_up("%s does not start", program);
	return bare;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: screen_bench SHOWCALLER BARE_READER\n");
		return 2;
	}
	stand_begin("screen");
	redis = stand_connect();
	pid_t core = start_show(argv[1]);
	bench_start(argv[1], core);
	int64_t took;
	struct pty *console = open_console(argv[1], &took);
	bench_idle(console, core);
	start_reader();
	bench_glyph(console, "at rest", "console", 60);
	struct pty *bare = open_bare(argv[2]);
	bench_glyph(bare, "at rest", "bare reader", 60);
	bench_flood(console, bare, core);
	pty_stop(&bare);
	pty_stop(&console);
	stop_reader();
	redisFree(redis);
	return 0;
}
