/*
 * obs_meters_bench: what the levels of 32 inputs cost that OBS sends twenty
 * times a second, and whether a session with it grows. A session is spoken to
 * as OBS speaks, word by word and without a socket, by somebody who looks at
 * the meters; beside it the same texts are only read as JSON, which is the bare
 * limit. JSON lines: the share of a core at twenty a second, and the memory
 * after the first tenth of the events against that at the end.
 *
 * obs_meters_bench [EVENTS]
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "net/obs.h"

#define INPUTS	   32
#define PER_SECOND 20

static char *last_sent;
static long told;

static void on_send(void *who, const char *text)
{
	(void)who;
	free(last_sent);
	last_sent = xstrdup(text);
}

static void on_facts(void *who, const struct obs_facts *facts)
{
	(void)who;
	(void)facts;
}

static void on_text(void *who, const char *json)
{
	(void)who;
	told += json[0] == '{';
}

static void on_done(void *who, const char *id, bool ok, const char *text)
{
	(void)who;
	(void)id;
	(void)ok;
	(void)text;
}

static void on_give_up(void *who, const char *why, bool stop)
{
	(void)who;
	(void)stop;
	fprintf(stderr, "gave up: %s\n", why);
	exit(1);
}

static void on_alarm(void *who, const char *id, bool up, const char *text)
{
	(void)who;
	(void)id;
	(void)up;
	(void)text;
}

static double cpu_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say(struct obs_session *s, const char *text, int64_t now_ms)
{
	obs_received(s, text, strlen(text), now_ms);
}

/* Answers all that is asked, with nothing in it. */
static void answer_all(struct obs_session *s, int from, int to, int64_t now_ms)
{
	char text[160];
	for (int i = from; i <= to; i++) {
		snprintf(text, sizeof text,
			 "{\"op\":7,\"d\":{\"requestId\":\"r%d\","
			 "\"requestStatus\":{\"result\":true,\"code\":100},"
			 "\"responseData\":{}}}",
			 i);
		say(s, text, now_ms);
	}
}

/* As OBS writes it: three numbers of two channels each. */
static void levels(struct buf *b, unsigned seed)
{
	buf_clear(b);
	buf_adds(b, "{\"d\":{\"eventData\":{\"inputs\":[");
	for (unsigned i = 0; i < INPUTS; i++) {
		double v = (double)((seed * 7919 + i * 104729) % 1000) / 1000;
		buf_addf(b,
			 "%s{\"inputLevelsMul\":[[%.17f,%.17f,%.17f],"
			 "[%.17f,%.17f,%.17f]],\"inputName\":"
			 "\"Input number %u\"}",
			 i ? "," : "", v / 3, v / 2, v, v / 4, v / 2, v, i);
	}
	buf_adds(b, "]},\"eventIntent\":65536,\"eventType\":"
		    "\"InputVolumeMeters\"},\"op\":5}");
}

static void report(const char *what, long events, double s)
{
	printf("{\"bench\":\"obs_meters\",\"what\":\"%s\",\"inputs\":%d,"
	       "\"events\":%ld,\"us_per_event\":%.1f,"
	       "\"core_percent\":%.2f}\n",
	       what, INPUTS, events, s * 1e6 / (double)events,
	       100 * s / (double)events * PER_SECOND);
}

int main(int argc, char **argv)
{
	long events = argc > 1 ? atol(argv[1]) : 100000;
	const struct obs_sink sink = {NULL,	  on_send,  on_facts,
				      on_text,	  on_done,  NULL,
				      on_give_up, on_alarm, on_text};
	const struct json_limits limits = {OBS_MAX_TEXT_BYTES, 32, 1000000};
	struct obs_session *s = obs_new(&sink);
	struct buf b = {0};
	int64_t now_ms = 1000000;
	int asked = 200;
	obs_opened(s, now_ms);
	say(s, "{\"op\":0,\"d\":{\"rpcVersion\":1}}", now_ms);
	say(s, "{\"op\":2,\"d\":{\"negotiatedRpcVersion\":1}}", now_ms);
	answer_all(s, 1, asked, now_ms);
	if (obs_phase_of(s) != OBS_READY) {
		fprintf(stderr, "the session is not ready\n");
		return 1;
	}
	obs_show_meters(s, true, now_ms);
	size_t early = 0;
	double spent = 0, bare = 0;
	for (long i = 0; i < events; i++) {
		levels(&b, (unsigned)i);
		now_ms += 1000 / PER_SECOND;
		double at = cpu_s();
		say(s, buf_str(&b), now_ms);
		spent += cpu_s() - at;
		at = cpu_s();
		json_object_put(json_read(buf_str(&b), b.len, &limits, NULL));
		bare += cpu_s() - at;
		if (i == events / 10)
			early = mallinfo2().uordblks;
	}
	size_t late = mallinfo2().uordblks;
	report("session", events, spent);
	report("bare json", events, bare);
	printf("{\"bench\":\"obs_meters\",\"what\":\"memory\",\"early_bytes\":"
	       "%zu,\"late_bytes\":%zu,\"told\":%ld}\n",
	       early, late, told);
	buf_release(&b);
	free(last_sent);
	obs_free(&s);
	return 0;
}
