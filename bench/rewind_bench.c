/*
 * rewind_bench: what a step back costs in a console that has seen a million
 * events: from the live show, back and forth by one, and to a place far away,
 * whose pages are given at once (Redis has its own time). One JSON line; it
 * never judges a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "console/past.h"
#include "console/rewind.h"
#include "show/show_read.h"

#define EVENTS 1000000
#define STEPS  300
#define JUMPS  25
#define STAGES 12

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct show *make_show(void)
{
	struct buf b = {0};
	buf_adds(&b, "show: long\nbudget: { tokens: 100000000 }\nagents:\n"
		     "  a: { via: noop }\nstages:\n");
	for (int i = 0; i < STAGES; i++)
		buf_addf(&b, "  - { id: s%d, agents: [a], outputs: [o%d] }\n",
			 i, i);
	struct show_problems problems = {0};
	struct show *show =
		show_parse_yaml(buf_str(&b), b.len, "bench.yaml", &problems);
	REQUIRE(show != NULL);
	show_problems_release(&problems);
	buf_release(&b);
	return show;
}

/* A run that goes round: a stage starts, spends, completes, begins anew. */
static struct event *make_event(uint64_t seq)
{
	static const enum event_type round[] = {
		EVENT_STAGE_START,    EVENT_TOKEN_LEASE, EVENT_TOKEN_SPEND,
		EVENT_STAGE_COMPLETE, EVENT_NOTE,	 EVENT_STAGE_RESET,
	};
	enum event_type type =
		seq == 1 ? EVENT_RUN_START : round[seq % COUNT_OF(round)];
	char stage[16], lease[24];
	uint64_t turn = seq / COUNT_OF(round);
	snprintf(stage, sizeof stage, "s%d", (int)(turn % STAGES));
	snprintf(lease, sizeof lease, "L%llu", (unsigned long long)turn);
	struct json_out *data = json_out_new();
	json_add_str(data, "lease", lease);
	json_add_int(data, "tokens", 20);
	json_add_int(data, "attempt", 1);
	json_add_str(data, "text", "a word about what happened just now");
	struct event *e = event_new(type, "r", stage, "a",
				    (int64_t)(1000 + seq * 10), &data);
	e->seq = seq;
	return e;
}

static int pages;

static void fetch(struct view *v)
{
	struct event *events[PAST_PAGE];
	uint64_t after = past_page_after(v->rewind.missing);
	size_t n = 0;
	for (; n < PAST_PAGE && after + n < v->model->seq; n++)
		events[n] = make_event(after + n + 1);
	rewind_take(v, after, events, n, NULL);
	for (size_t i = 0; i < n; i++)
		event_free(&events[i]);
	pages++;
}

static double step(struct view *v, enum action_id action)
{
	double from = now_ms();
	rewind_do(v, action);
	while (rewind_is_loading(v))
		if (!rewind_work(v) && v->rewind.missing)
			fetch(v);
	return now_ms() - from;
}

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void put(const char *name, double *ms, int count)
{
	qsort(ms, (size_t)count, sizeof *ms, by_number);
	printf(",\"%s_ms\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}", name,
	       ms[count / 2], ms[count * 99 / 100], ms[count - 1]);
}

int main(void)
{
	struct show *show = make_show();
	struct view *v = view_new(show, 0);
	double from = now_ms();
	for (uint64_t seq = 1; seq <= EVENTS; seq++) {
		struct event *e = make_event(seq);
		struct feed_item item = {
			.kind = FEED_EVENTS, .events = &e, .count = 1};
		view_take(v, &item);
		event_free(&e);
	}
	v->link.caught_up = true;
	view_settle(v);
	printf("{\"bench\":\"rewind\",\"events\":%d,\"read_ms\":%.0f", EVENTS,
	       now_ms() - from);
	double back[STEPS], on[STEPS], stages[STEPS], far[JUMPS];
	for (int i = 0; i < STEPS; i++)
		back[i] = step(v, ACTION_REWIND_BACK);
	for (int i = 0; i < STEPS; i++)
		on[i] = step(v, ACTION_REWIND_FORWARD);
	for (int i = 0; i < STEPS; i++)
		stages[i] = step(v, ACTION_REWIND_BACK_STAGE);
	put("back", back, STEPS);
	put("forward", on, STEPS);
	put("back_stage", stages, STEPS);
	for (int i = 0; i < JUMPS; i++) {
		v->rewind.target = (uint64_t)(i * 7919 % JUMPS + 1) *
				   (EVENTS / (JUMPS + 1));
		far[i] = step(v, ACTION_REWIND_BACK);
	}
	put("far", far, JUMPS);
	printf(",\"pages\":%d}\n", pages);
	view_free(&v);
	show_unref(&show);
	return 0;
}
