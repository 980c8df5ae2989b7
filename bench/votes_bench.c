/*
 * votes_bench SHOWCALLER [VOTES] [ROUNDS]: votes of as many voters, each counted
 * once and stored (appendfsync always) before it is answered; over HTTP and over
 * WebSocket, flat out and at 5,000 a second.
 *
 * Beside it, in turns and with the same load: a bare server (bare_votes.h) on
 * the same Redis that runs the same script. At the end: what a million voters
 * take in Redis and in the core, and how long their poll takes to be decided.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/wait.h>

#include "bare_votes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "load.h"
#include "stand.h"

#define CLIENTS 256
#define RATE	5000
#define MILLION 1000000
#define SHOW	"votes-bench"

static const char show[] =
	"show: " SHOW "\n"
	"title: Votes bench\n"
	"polls: { votes_per_address: 1000000000, votes_per_voter: 1000,\n"
	"         burst_votes: 0 }\n"
	"stages:\n"
	"  - id: route\n"
	"    poll: { question: Which way?, open_ms: 3600000, min_votes: 1,\n"
	"            options: [{ id: cave }, { id: ridge }], default: cave }\n";

/* --- ballots --------------------------------------------------------------- */

static char secret[65];
static int voters; /* so many names are used */

static void make_token(char out[98])
{
	char name[33], mark[HASH_HEX_BYTES];
	snprintf(name, sizeof name, "%032x", ++voters);
	hash_hmac_hex(mark, secret, name);
	snprintf(out, 98, "%s.%s", name, mark);
}

static char *http_ballot(int i)
{
	char token[98];
	const char *body = i % 3 ? "{\"option\":\"cave\"}"
				 : "{\"option\":\"ridge\"}";
	make_token(token);
	return xasprintf("POST /vote/route HTTP/1.1\r\nHost: 127.0.0.1\r\n"
			 "Cookie: sc_voter=%s\r\n"
			 "Content-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n%s",
			 token, strlen(body), body);
}

static char *ws_ballot(int i)
{
	char token[98];
	make_token(token);
	return xasprintf("{\"vote\":\"route\",\"option\":\"%s\",\"id\":%d,"
			 "\"token\":\"%s\"}",
			 i % 3 ? "cave" : "ridge", i, token);
}

/* --- what is measured ------------------------------------------------------ */

static const char *const threads[] = {"showcaller", "web", "ws"};

struct side {
	const char *who;
	pid_t pid;
	int port;
	bool ours;
	double *ms;
	int count, bad;
	double seconds, cpu_ms, redis_ms, thread_ms[COUNT_OF(threads)];
};

static void cpu(struct side *s, int sign)
{
	s->cpu_ms += sign * stand_cpu_ms(s->pid);
	s->redis_ms += sign * stand_cpu_ms(stand_redis_pid());
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		s->thread_ms[i] += sign * stand_thread_ms(s->pid, threads[i]);
}

static void measure(struct side *s, bool ws, int total, double pace_us)
{
	char **texts = xcalloc((size_t)total, sizeof(char *));
	for (int i = 0; i < total; i++)
		texts[i] = ws ? ws_ballot(i) : http_ballot(i);
	struct load l = {.port = s->port,
			 .clients = CLIENTS,
			 .total = total,
			 .texts = texts,
			 .ws_path = ws ? "/tally" : NULL,
			 .ws_answer = "\"voted\"",
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
	for (int i = 0; i < total; i++)
		free(texts[i]);
	free(texts);
}

static double tell(struct side *s, const char *via, const char *how)
{
	double per_s = s->count / s->seconds;
	printf("{\"bench\":\"votes\",\"who\":\"%s\",\"via\":\"%s\","
	       "\"how\":\"%s\",\"clients\":%d,\"votes\":%d,\"refused\":%d,"
	       "\"per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
	       "\"cpu_us_each\":%.1f,\"redis_us_each\":%.1f",
	       s->who, via, how, CLIENTS, s->count, s->bad, per_s,
	       stand_quantile(s->ms, s->count, .5),
	       stand_quantile(s->ms, s->count, .99),
	       s->cpu_ms * 1000 / s->count, s->redis_ms * 1000 / s->count);
	for (size_t i = 0; s->ours && i < COUNT_OF(threads); i++)
		printf(",\"%s_us\":%.1f", i ? threads[i] : "engine",
		       s->thread_ms[i] * 1000 / s->count);
	printf(",\"rss_mb\":%.1f}\n", stand_rss_mb(s->pid));
	free(s->ms);
	*s = (struct side){.who = s->who,
			   .pid = s->pid,
			   .port = s->port,
			   .ours = s->ours};
	return per_s;
}

static void both(struct side sides[2], bool ws, const char *how, int total,
		 int rounds, double pace_us)
{
	const char *via = ws ? "ws" : "http";
	double per_s[2];
	for (int i = 0; i < rounds; i++)
		for (int s = 0; s < 2; s++)
			measure(&sides[s], ws, total / rounds, pace_us);
	for (int s = 0; s < 2; s++)
		per_s[s] = tell(&sides[s], via, how);
	if (pace_us <= 0)
		printf("{\"bench\":\"votes\",\"via\":\"%s\",\"ratio\":%.2f}\n",
		       via, per_s[1] / per_s[0]);
}

static long long number(const char *command)
{
	redisContext *redis = stand_connect();
	redisReply *r = stand_ask(redis, command);
	long long n = r->type == REDIS_REPLY_STRING ? atoll(r->str)
						    : r->integer;
	freeReplyObject(r);
	redisFree(redis);
	return n;
}

#define KEY "showcaller:{" SHOW "}:"

/* Each vote that was answered stands there, once. */
static void check(void)
{
	long long stood = number("HLEN " KEY "votes:route");
	long long counted = number("HGET " KEY "tally:route cave") +
			    number("HGET " KEY "tally:route ridge");
	printf("{\"bench\":\"votes\",\"what\":\"once each\",\"voters\":%lld,"
	       "\"counted\":%lld}\n",
	       stood, counted);
	if (stood != counted)
		stand_give_up("what stands there is not what was counted");
}

/* Written as the script writes them, and past it: what is measured is what they
 * take and how long the end takes. */
static void fill_up(void)
{
	redisContext *redis = stand_connect();
	long long have = number("HLEN " KEY "votes:route");
	for (long long i = have; i < MILLION; i++) {
		redisAppendCommand(redis,
				   "HSET " KEY "votes:route c:%032llx cave",
				   (1ULL << 40) + (unsigned long long)i);
		if (i % 1000 == 999 || i == MILLION - 1)
			for (long long k = i - i % 1000 < have ? have
							       : i - i % 1000;
			     k <= i; k++) {
				redisReply *r;
				if (redisGetReply(redis, (void **)&r))
					stand_give_up("no Redis");
				freeReplyObject(r);
			}
	}
	freeReplyObject(stand_ask(redis,
				  "HINCRBY " KEY "tally:route cave %lld",
				  MILLION - have));
	redisFree(redis);
}

static void million(const struct side *ours, const char *showcaller)
{
	double core_mb = stand_rss_mb(ours->pid);
	fill_up();
	long long bytes = number("MEMORY USAGE " KEY "votes:route SAMPLES 0");
	int64_t began_us = clock_mono_us();
	char *line = xasprintf("%s do " SHOW " poll-close route --redis '%s' "
			       ">/dev/null 2>&1",
			       showcaller, stand_url());
	if (system(line) != 0)
		stand_give_up("the poll does not close");
	free(line);
	redisContext *redis = stand_connect();
	char state[40] = "";
	while (strcmp(state, "poll:resolve")) {
		redisReply *r = stand_ask(redis, "XREVRANGE " KEY
						 "events + - COUNT 6");
		state[0] = '\0';
		for (size_t i = 0; i < r->elements; i++)
			if (!strcmp(r->element[i]->element[1]->element[1]->str,
				    "poll:resolve"))
				snprintf(state, sizeof state, "poll:resolve");
		freeReplyObject(r);
	}
	redisFree(redis);
	printf("{\"bench\":\"votes\",\"what\":\"a million voters\","
	       "\"redis_bytes_each\":%.1f,\"core_bytes_each\":%.1f,"
	       "\"close_to_resolve_ms\":%.1f,\"core_rss_mb\":%.1f}\n",
	       (double)bytes / MILLION,
	       (stand_rss_mb(ours->pid) - core_mb) * 1048576 / MILLION,
	       (double)(clock_mono_us() - began_us) / 1000,
	       stand_peak_mb(ours->pid));
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: votes_bench SHOWCALLER [VOTES] "
				"[ROUNDS]\n");
		return 2;
	}
	int votes = argc > 2 ? atoi(argv[2]) : 120000;
	int rounds = argc > 3 ? atoi(argv[3]) : 3;
	stand_begin("votes_bench");
	struct side sides[2] = {{.who = "bare server"},
				{.who = "showcaller", .ours = true}};
	sides[0].pid = bare_votes_start(stand_socket(), &sides[0].port);
	sides[1].pid = stand_start_core(argv[1], SHOW, show);
	char *addr = stand_state_line(SHOW, "audience.addr");
	char *line = stand_state_line(SHOW, "voter.secret");
	sides[1].port = atoi(strrchr(addr, ':') + 1);
	snprintf(secret, sizeof secret, "%s", line);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int ws = 0; ws < 2; ws++) {
		both(sides, ws, "as fast as they can", votes, rounds, 0);
		both(sides, ws, "5,000 a second", votes / 4, rounds,
		     1e6 / RATE);
	}
	check();
	million(&sides[1], argv[1]);
	stand_kill_core();
	kill(sides[0].pid, SIGKILL);
	waitpid(sides[0].pid, NULL, 0);
	free(addr);
	free(line);
	return 0;
}
