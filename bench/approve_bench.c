/* approve_bench: how long a held call still waits after it was approved. The
 * shipped core on a real Redis holds a call for each stage; they are approved
 * one by one over the bus. Two connections wait, one for the budget:approve in
 * the log, the other for the call on its way to the agent; what lies between
 * the two is what the core takes from its commit to the call. */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "bench/stand.h"

#define KEY	"showcaller:{approve}:"
#define WAIT_MS 10000

struct reader {
	redisContext *redis;
	const char *key;
	char last[40];
};

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static char *show_of(int stages)
{
	struct buf b = {0};
	buf_adds(&b,
		 "show: approve\n"
		 "budget: { tokens: 10000000, approval_deadline_ms: 600000 }\n"
		 "agents: { hungry: { via: bus, timeout_ms: 600000, "
		 "quota: { episode: 1 } } }\n"
		 "stages:\n");
	for (int i = 0; i < stages; i++)
		buf_addf(&b,
			 "  - { id: s%d, agents: [hungry], "
			 "budget: { token_cap: 100 } }\n",
			 i);
	return buf_take(&b);
}

static void read_more(struct reader *r)
{
	int done = 0;
	redisAppendCommand(r->redis, "XREAD BLOCK 0 STREAMS %s %s", r->key,
			   r->last);
	while (!done)
		if (redisBufferWrite(r->redis, &done) != REDIS_OK)
			stand_give_up("Redis went away");
}

static const char *field(const redisReply *entry, const char *name)
{
	const redisReply *all = entry->element[1];
	for (size_t i = 0; i + 1 < all->elements; i += 2)
		if (strcmp(all->element[i]->str, name) == 0)
			return all->element[i + 1]->str;
	return "";
}

/* Takes what came; true when an entry of this type (NULL: any) was there. */
static bool take(struct reader *r, const char *type)
{
	void *got = NULL;
	bool found = false;
	if (redisGetReply(r->redis, &got) != REDIS_OK)
		stand_give_up("Redis went away");
	redisReply *reply = got;
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements) {
		redisReply *entries = reply->element[0]->element[1];
		for (size_t i = 0; i < entries->elements; i++) {
			redisReply *e = entries->element[i];
			snprintf(r->last, sizeof r->last, "%s",
				 e->element[0]->str);
			found = found || !type ||
				strcmp(field(e, "type"), type) == 0;
		}
	}
	freeReplyObject(reply);
	read_more(r);
	return found;
}

/* The items, by the events that opened them. */
static int find_items(redisContext *redis, long long *items, int most)
{
	int n = 0;
	redisReply *all = stand_ask(redis, "XRANGE " KEY "events - +");
	for (size_t i = 0; i < all->elements; i++)
		if (strcmp(field(all->element[i], "type"), "budget:request") ==
			    0 &&
		    n < most)
			items[n++] = atoll(all->element[i]->element[0]->str);
	freeReplyObject(all);
	return n;
}

/* Both have to be seen; false: the call did not come. */
static bool wait_both(struct reader *events, struct reader *calls,
		      double *event_ms, double *call_ms)
{
	*event_ms = *call_ms = 0;
	while (*event_ms == 0 || *call_ms == 0) {
		struct pollfd fds[] = {{events->redis->fd, POLLIN, 0},
				       {calls->redis->fd, POLLIN, 0}};
		if (poll(fds, 2, WAIT_MS) <= 0)
			return false;
		double now = now_ms();
		if (fds[0].revents && take(events, "budget:approve"))
			*event_ms = now;
		if (fds[1].revents && take(calls, NULL))
			*call_ms = now;
	}
	return true;
}

static void approve_all(redisContext *redis, const long long *items, int n)
{
	struct reader events = {stand_connect(), KEY "events", "$"};
	struct reader calls = {stand_connect(), KEY "inbox:hungry", "$"};
	double *commit = xcalloc((size_t)n, sizeof *commit);
	double *key = xcalloc((size_t)n, sizeof *key);
	int done = 0, lost = 0;
	read_more(&events);
	read_more(&calls);
	for (int i = 0; i < n; i++) {
		double event_ms, call_ms, sent_ms = now_ms();
		freeReplyObject(
			stand_ask(redis,
				  "XADD " KEY "commands * data "
				  "{\"id\":\"b%d\",\"action\":\"approve\","
				  "\"args\":[\"i%lld\"],\"by\":\"bench\"}",
				  i, items[i]));
		if (!wait_both(&events, &calls, &event_ms, &call_ms)) {
			lost++;
			continue;
		}
		/* Two sockets may be read in either order. */
		commit[done] = call_ms > event_ms ? call_ms - event_ms : 0;
		key[done++] = call_ms - sent_ms;
	}
	stand_print_times("commit_to_call", "core", commit, done, lost);
	stand_print_times("command_to_call", "core", key, done, lost);
	free(commit);
	free(key);
}

int main(int argc, char **argv)
{
	int stages = argc > 2 ? atoi(argv[2]) : 300;
	if (argc < 2 || stages < 1) {
		fprintf(stderr, "usage: approve_bench SHOWCALLER [CALLS]\n");
		return 2;
	}
	stand_begin("approve");
	char *yaml = show_of(stages);
	stand_start_core(argv[1], "approve", yaml);
	free(yaml);
	redisContext *redis = stand_connect();
	long long *items = xcalloc((size_t)stages, sizeof *items);
	double until = now_ms() + WAIT_MS;
	int n = 0;
	while (n < stages && now_ms() < until)
		n = find_items(redis, items, stages);
	if (n < stages)
		stand_give_up("only %d of %d calls are held", n, stages);
	approve_all(redis, items, n);
	free(items);
	return 0;
}
