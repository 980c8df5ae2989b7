/*
 * fold_bench: how fast a log becomes a model. The log is that of real runs: the
 * core decides them here (calls, leases, answers, failures, notes, polls), over
 * and over until there are enough events; then they are folded as text from
 * memory, and from a private Redis, beside a bare hiredis loop that only reads
 * the same entries. One JSON line: events per second, the memory of the model,
 * and the first against the last tenth of the log.
 *
 * fold_bench [EVENTS [STAGES [TIMES]]]: with TIMES, so often from memory and
 * without Redis, for a profiler.
 */
#include <hiredis/hiredis.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/core.h"
#include "show/show_read.h"
#include "store/server.h"
#include "store/writer.h"

#define AGENTS	   8
#define LAYER	   20
#define POLL_EVERY 50
#define CHUNK	   500
#define SHOW	   "fold-bench"

/* The events as they stand in Redis, one behind the other: six strings each. */
struct texts {
	char *bytes;
	size_t len, cap, count, *at, at_cap;
};

struct bench {
	struct show *show;
	struct model *m;
	struct texts log;
	size_t want;
	int64_t now_ms;
	int runs, notes;
	struct {
		int stage, agent, attempt;
		char *lease;
	} * calls;
	size_t call_first, call_count, call_cap;
	int *polls; /* to be counted */
	size_t poll_count, poll_cap;
};

static struct show *make_show(int stages)
{
	struct buf b = {0};
	buf_adds(&b,
		 "show: " SHOW "\nbudget: { tokens: 100000000 }\nagents:\n");
	for (int i = 0; i < AGENTS; i++)
		buf_addf(&b, "  a%d: { via: bus, max_concurrent: 100 }\n", i);
	buf_adds(&b, "defaults: { retry: { max_attempts: 3, backoff_ms: 500 "
		     "} }\nstages:\n");
	for (int i = 0; i < stages; i++) {
		int before = i - LAYER - i % 3;
		buf_addf(&b, "  - id: s%d\n", i);
		if (before >= 0)
			buf_addf(&b, "    inputs: [s%d, s%d]\n", before,
				 before / 2);
		if (i % POLL_EVERY == POLL_EVERY - 1) {
			buf_adds(&b, "    poll: { question: Which way?, "
				     "open_ms: 20000, default: x, options: ["
				     "{ id: x, label: Up }, "
				     "{ id: y, label: Down }] }\n");
			continue;
		}
		buf_addf(&b, "    agents: [a%d%s%c]\n", i % AGENTS,
			 i % 4 ? "" : ", a", i % 4 ? ' ' : '0' + (i + 1) % 8);
		buf_addf(&b, "    outputs: [o%d]\n", i);
		buf_adds(&b, "    budget: { token_cap: 4000, "
			     "time_cap_ms: 30000 }\n");
	}
	struct show_problems problems = {0};
	struct show *show =
		show_parse_yaml(buf_str(&b), b.len, "bench.yaml", &problems);
	if (!show && problems.count)
		fprintf(stderr, "%s\n", problems.items[0].text);
	REQUIRE(show != NULL);
	show_problems_release(&problems);
	buf_release(&b);
	return show;
}

/* --- a log of real runs -------------------------------------------------- */

static void texts_add(struct texts *t, const char *s)
{
	size_t n = strlen(s) + 1;
	if (t->len + n > t->cap) {
		t->cap = t->cap ? t->cap * 2 : 1 << 20;
		t->bytes = xrealloc(t->bytes, t->cap);
	}
	memcpy(t->bytes + t->len, s, n);
	t->len += n;
}

static void keep_event(struct bench *b, const struct event *e)
{
	char at[24];
	struct texts *t = &b->log;
	GROW(t->at, t->count, t->at_cap);
	t->at[t->count++] = t->len;
	snprintf(at, sizeof at, "%lld", (long long)e->at_ms);
	struct buf data = {0};
	event_print(&data, e);
	const char *fields[] = {event_type_name(e->type),
				e->run,
				e->stage,
				e->agent,
				at,
				buf_str(&data)};
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		texts_add(t, fields[i]);
	buf_release(&data);
}

static void step(struct bench *b, struct input *in)
{
	struct decision d = {0};
	b->now_ms += 7;
	in->now_ms = b->now_ms;
	core_decide(b->m, in, &d);
	for (size_t i = 0; i < d.event_count; i++)
		keep_event(b, d.events[i]);
	for (size_t i = 0; i < d.effect_count; i++) {
		const struct effect *x = &d.effects[i];
		if (x->kind == EFFECT_CALL) {
			GROW(b->calls, b->call_count, b->call_cap);
			b->calls[b->call_count].stage = x->stage;
			b->calls[b->call_count].agent = x->agent;
			b->calls[b->call_count].attempt = x->attempt;
			b->calls[b->call_count++].lease = xstrdup(x->lease);
		} else if (x->kind == EFFECT_POLL_OPEN) {
			GROW(b->polls, b->poll_count, b->poll_cap);
			b->polls[b->poll_count++] = x->stage;
		}
	}
	decision_release(&d);
	input_free(&in);
}

static void answer_call(struct bench *b)
{
	struct input *in = input_new(INPUT_ANSWER);
	size_t i = b->call_first++;
	int stage = b->calls[i].stage;
	in->reached = true;
	in->stage = xstrdup(b->show->stages[stage].id);
	in->agent = xstrdup(b->show->agents[b->calls[i].agent].id);
	in->attempt = b->calls[i].attempt;
	in->lease = b->calls[i].lease;
	in->tokens_used = 600 + stage * 7 % 900;
	in->cost_micros = in->tokens_used * 3;
	in->confidence = 0.75;
	if (stage % 12 == 5 && in->attempt == 1) {
		in->error_code = xstrdup("http_503");
		in->text = xstrdup("the service is busy, try again");
	} else {
		in->ok = true;
		in->result = json_object_new_object();
		char *text = xasprintf(
			"Scene %d opens on a ridge above the valley; the "
			"caller holds until the applause is over.",
			stage);
		json_add_str(in->result,
			     b->show->stages[stage].outputs.count
				     ? b->show->stages[stage].outputs.items[0]
				     : "text",
			     text);
		free(text);
	}
	step(b, in);
}

static void close_poll(struct bench *b)
{
	struct input *in = input_new(INPUT_TICK);
	b->now_ms += 20000;
	step(b, in);
	in = input_new(INPUT_TALLY);
	in->stage = xstrdup(b->show->stages[b->polls[--b->poll_count]].id);
	in->counts = xcalloc(2, sizeof *in->counts);
	in->count_count = 2;
	in->counts[0] = 31;
	in->counts[1] = 12;
	step(b, in);
}

static void add_note(struct bench *b)
{
	struct input *in = input_new(INPUT_COMMAND);
	in->action = ACTION_NOTE;
	in->id = xasprintf("c%d", b->notes++);
	in->by = xstrdup("operator@desk/pts1");
	in->args[0] = xstrdup("the house is warm tonight");
	step(b, in);
}

static void play_run(struct bench *b)
{
	struct input *in = input_new(INPUT_BEGIN);
	in->id = xasprintf("r%d", ++b->runs);
	in->attended = true;
	step(b, in);
	while (b->m->run.state == RUN_RUNNING && b->log.count < b->want) {
		if (b->m->seq % 40 == 0)
			add_note(b);
		if (b->call_first < b->call_count)
			answer_call(b);
		else if (b->poll_count)
			close_poll(b);
		else { /* those that wait for their next try */
			b->now_ms = core_next_deadline(b->m);
			REQUIRE(b->now_ms > 0);
			step(b, input_new(INPUT_TICK));
		}
	}
	for (; b->call_first < b->call_count; b->call_first++)
		free(b->calls[b->call_first].lease);
	b->call_first = b->call_count = b->poll_count = 0;
}

static void make_log(struct bench *b, size_t events, int stages)
{
	b->show = make_show(stages);
	b->m = model_new(b->show);
	b->want = events;
	b->now_ms = 1700000000000;
	while (b->log.count < events)
		play_run(b);
	b->log.count = events;
}

/* --- folding ------------------------------------------------------------- */

static double per_s(size_t events, int64_t us)
{
	return us > 0 ? (double)events * 1e6 / (double)us : 0;
}

static size_t heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

static void read_fields(const struct texts *t, size_t i, const char *fields[6])
{
	const char *p = t->bytes + t->at[i];
	for (int f = 0; f < 6; f++, p += strlen(p) + 1)
		fields[f] = p;
}

static int64_t fold_some(struct model *m, const struct texts *t, size_t from,
			 size_t to)
{
	const char *f[6];
	struct err err = {0};
	int64_t begin = clock_mono_us();
	for (size_t i = from; i < to; i++) {
		read_fields(t, i, f);
		struct event *e = event_read(i + 1, f[0], f[1], f[2], f[3],
					     f[4], f[5], &err);
		REQUIRE(e != NULL);
		model_apply(m, e);
		event_free(&e);
	}
	return clock_mono_us() - begin;
}

static void from_memory(struct bench *b)
{
	size_t n = b->log.count, tenth = n / 10, heap = heap_bytes();
	struct model *m = model_new(b->show);
	int64_t first = fold_some(m, &b->log, 0, tenth);
	int64_t middle = fold_some(m, &b->log, tenth, n - tenth);
	int64_t last = fold_some(m, &b->log, n - tenth, n);
	printf(",\"memory_events_per_s\":%.0f,\"first_tenth\":%.0f,"
	       "\"last_tenth\":%.0f,\"model_kb\":%zu",
	       per_s(n, first + middle + last), per_s(tenth, first),
	       per_s(tenth, last), (heap_bytes() - heap) / 1024);
	model_free(&m);
}

static void die(const char *why)
{
	fprintf(stderr, "fold_bench: %s\n", why);
	exit(1);
}

static void fill_redis(struct bench *b, redisContext *c)
{
	static const char *const names[] = {"type",  "run", "stage",
					    "agent", "at",  "data"};
	const char *f[6], *argv[15];
	char id[32];
	size_t n = b->log.count;
	for (size_t i = 0, asked = 0; i < n; i++) {
		int argc = 0;
		read_fields(&b->log, i, f);
		snprintf(id, sizeof id, "%zu-0", i + 1);
		argv[argc++] = "XADD";
		argv[argc++] = "showcaller:{" SHOW "}:events";
		argv[argc++] = id;
		for (int k = 0; k < 6; k++) {
			argv[argc++] = names[k];
			argv[argc++] = f[k];
		}
		redisAppendCommandArgv(c, argc, argv, NULL);
		for (asked++; asked == CHUNK || (asked && i + 1 == n);
		     asked--) {
			redisReply *r = NULL;
			if (redisGetReply(c, (void **)&r) != REDIS_OK)
				die(c->errstr);
			freeReplyObject(r);
			if (asked == 1 || i + 1 < n)
				continue;
		}
	}
}

/* The limit: one connection that asks, parses, and throws away. */
static int64_t bare_read(redisContext *c, size_t *got)
{
	char from[40] = "-";
	int64_t begin = clock_mono_us();
	for (*got = 0;;) {
		redisReply *r = redisCommand(c, "XRANGE %s %s + COUNT %d",
					     "showcaller:{" SHOW "}:events",
					     from, CHUNK);
		if (!r)
			die(c->errstr);
		size_t n = r->elements;
		*got += n;
		if (n)
			snprintf(from, sizeof from, "(%s",
				 r->element[n - 1]->element[0]->str);
		freeReplyObject(r);
		if (n == 0)
			return clock_mono_us() - begin;
	}
}

static void from_redis(struct bench *b, const struct address *address)
{
	struct err err = {0};
	redisContext *c = redisConnectUnix(address->path);
	if (!c || c->err)
		die("no connection");
	redisReply *off = redisCommand(c, "CONFIG SET appendonly no");
	freeReplyObject(off);
	fill_redis(b, c);
	size_t got;
	int64_t bare = bare_read(c, &got);
	redisFree(c);
	struct writer *w = writer_open(address, SHOW, &err);
	if (!w)
		die(err.text);
	struct model *m = model_new(b->show);
	int64_t begin = clock_mono_us();
	if (!writer_fold(w, &m, &err))
		die(err.text);
	int64_t ours = clock_mono_us() - begin;
	REQUIRE(m->seq == b->log.count && got == b->log.count);
	printf(",\"redis_events_per_s\":%.0f,\"bare_xrange_per_s\":%.0f,"
	       "\"ratio\":%.2f",
	       per_s(got, ours), per_s(got, bare), (double)bare / (double)ours);
	model_free(&m);
	writer_close(&w);
}

static void with_redis(struct bench *b)
{
	char dir[] = "/tmp/showcaller-fold-XXXXXX";
	struct err err = {0};
	if (!mkdtemp(dir))
		die("no temporary folder");
	struct redis_server *server = redis_server_start(dir, NULL, &err);
	if (!server)
		die(err.text);
	from_redis(b, redis_server_address(server));
	redis_server_stop(&server);
	char *clean = xasprintf("rm -rf -- '%s'", dir);
	if (system(clean) != 0)
		die("the folder stays");
	free(clean);
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	size_t events = argc > 1 ? (size_t)atol(argv[1]) : 1000000;
	log_open("/dev/null", LOG_ERROR, NULL);
	make_log(&b, events, argc > 2 ? atoi(argv[2]) : 1000);
	printf("{\"bench\":\"fold\",\"events\":%zu,\"stages\":%zu,\"runs\":%d,"
	       "\"bytes_an_event\":%zu",
	       events, b.show->stage_count, b.runs, b.log.len / events);
	for (int i = argc > 3 ? atoi(argv[3]) : 1; i > 0; i--)
		from_memory(&b);
	if (argc <= 3)
		with_redis(&b);
	printf("}\n");
	model_free(&b.m);
	show_unref(&b.show);
	free(b.log.bytes);
	free(b.log.at);
	free(b.calls);
	free(b.polls);
	return 0;
}
