/*
 * bare_loop: the limit that the engine is compared with. No model, no JSON, no
 * threads: one blocking hiredis connection that commits, with the core's own
 * script, the records that the engine would commit for a show of noop stages,
 * in the same order and in the same calls: all that is ready at that moment in
 * one, and nothing before what it follows from is acknowledged. A private
 * redis-server, appendfsync always.
 *
 * bare_loop [SHAPE...] prints a JSON line for each shape.
 */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "shapes.h"
#include "store/script.h"
#include "store/server.h"
#include "temp.h"

#define MAX_ARGS (16 + 2 * SHAPE_MAX_WIDTH + 6 * SHAPE_MAX_RECORDS)
#define ROUNDS	 5

struct call {
	const char *argv[MAX_ARGS];
	int argc;
	char numbers[2][24];
};

static void add(struct call *c, const char *s)
{
	c->argv[c->argc++] = s;
}

static void add_number(struct call *c, int i, long long n)
{
	snprintf(c->numbers[i], sizeof c->numbers[i], "%lld", n);
	add(c, c->numbers[i]);
}

static void die(const char *why)
{
	fprintf(stderr, "bare_loop: %s\n", why);
	exit(1);
}

static redisReply *check(redisContext *c, redisReply *r)
{
	if (!r)
		die(c->errstr);
	if (r->type == REDIS_REPLY_ERROR || r->type == REDIS_REPLY_ARRAY)
		die(r->str ? r->str : "the commit was refused");
	return r;
}

/* The arguments of SCRIPT_COMMIT, see store/script.h. */
static void fill(struct call *c, const char *sha, char *const keys[4],
		 long long seq, const struct shape_record *list, int count)
{
	c->argc = 0;
	add(c, "EVALSHA");
	add(c, sha);
	add(c, "4");
	for (int i = 0; i < 4; i++)
		add(c, keys[i]);
	add(c, "1");
	add_number(c, 0, seq);
	add_number(c, 1, count);
	add(c, seq == 1 ? "1" : "0");
	add(c, "0"); /* members of the story set, and removed */
	add(c, "0");
	add(c, "0");
	add(c, seq == 1 ? shape_hash : "");
	add(c, seq == 1 ? shape_hash : "");
	for (int i = 0; i < count; i++) {
		const struct shape_record *r = &list[i];
		const char *fields[] = {r->type,  r->run, r->stage,
					r->agent, r->at,  r->data};
		for (size_t f = 0; f < 6; f++)
			add(c, fields[f]);
	}
}

static double stages_per_s(redisContext *c, const char *sha,
			   const struct shape *shape)
{
	static struct call call;
	static struct shape_record list[SHAPE_MAX_RECORDS];
	static const char *const names[] = {"epoch", "events", "story",
					    "run:show"};
	char *keys[4];
	long long seq = 1;
	freeReplyObject(check(c, redisCommand(c, "FLUSHALL")));
	for (int i = 0; i < 4; i++)
		keys[i] = xasprintf("showcaller:{bench}:%s", names[i]);
	freeReplyObject(check(c, redisCommand(c, "SET %s 1", keys[0])));
	int64_t begin = clock_mono_us();
	for (int batch = 0; batch <= shape->layers; batch++) {
		int n = shape_batch(shape, batch, clock_show_ms(), list);
		fill(&call, sha, keys, seq, list, n);
		freeReplyObject(check(
			c, redisCommandArgv(c, call.argc, call.argv, NULL)));
		seq += n;
	}
	int64_t us = clock_mono_us() - begin;
	for (int i = 0; i < 4; i++)
		free(keys[i]);
	return shape_stages(shape) * 1e6 / (double)us;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void run(redisContext *c, const char *sha, const struct shape *shape)
{
	double rates[ROUNDS];
	for (int i = 0; i < ROUNDS; i++)
		rates[i] = stages_per_s(c, sha, shape);
	qsort(rates, ROUNDS, sizeof *rates, by_size);
	printf("{\"bench\":\"bare\",\"shape\":\"%s\",\"stages\":%d,"
	       "\"stages_per_s\":%.0f,\"least\":%.0f,\"most\":%.0f}\n",
	       shape->name, shape_stages(shape), rates[ROUNDS / 2], rates[0],
	       rates[ROUNDS - 1]);
	fflush(stdout);
}

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	struct err err = {0};
	char *dir = temp_new();
	log_open("/dev/null", LOG_ERROR, NULL);
	struct redis_server *server = redis_server_start(dir, NULL, &err);
	if (!server)
		die(err.text);
	redisContext *c = redisConnectUnix(redis_server_address(server)->path);
	redisReply *r = check(c, redisCommand(c, "SCRIPT LOAD %s",
					      script_texts[SCRIPT_COMMIT]));
	for (size_t i = 0; i < COUNT_OF(shapes); i++)
		if (wanted(shapes[i].name, argc, argv))
			run(c, r->str, &shapes[i]);
	freeReplyObject(r);
	redisFree(c);
	redis_server_stop(&server);
	temp_remove(&dir);
	return 0;
}
