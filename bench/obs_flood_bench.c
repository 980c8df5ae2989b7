/*
 * obs_flood_bench: whether the core grows by what OBS sends. A server speaks to
 * it as OBS does, over a socket, as fast as it reads: levels of 32 inputs,
 * inputs that are muted, what it does not know, and now and then a scene. (Each
 * of those is an event of the log, and the core keeps the newest of the log.)
 * One JSON line: its memory after the first tenth of the events, and at the
 * end.
 *
 *   obs_flood_bench SHOWCALLER [EVENTS]
 */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "obs_peer.h"
#include "pty.h"
#include "stand.h"
#include "tap.h"

#define SHOW   "obs-flood"
#define INPUTS 32
#define STRIDE 100 /* events between two looks at what it asks */

static const char *showcaller;
static int events = 100000;

static void add_event(struct buf *b, const char *type)
{
	buf_clear(b);
	buf_addf(b,
		 "{\"op\":5,\"d\":{\"eventType\":\"%s\",\"eventData\":", type);
}

/* As OBS writes it: three numbers of two channels each. */
static void levels(struct buf *b, int n)
{
	add_event(b, "InputVolumeMeters");
	buf_adds(b, "{\"inputs\":[");
	for (int i = 0; i < INPUTS; i++) {
		double v = (n * 7919 + i * 104729) % 1000 / 1000.0;
		buf_addf(b,
			 "%s{\"inputLevelsMul\":[[%.17f,%.17f,%.17f],"
			 "[%.17f,%.17f,%.17f]],\"inputName\":"
			 "\"Input number %d\"}",
			 i ? "," : "", v / 3, v / 2, v, v / 4, v / 2, v, i);
	}
	buf_adds(b, "]}}}");
}

static void make_event(struct buf *b, int n)
{
	if (n % 1000 == 0) {
		add_event(b, "CurrentProgramSceneChanged");
		buf_addf(b, "{\"sceneName\":\"%s\"}}}",
			 n % 2000 ? "Live" : "Poll");
		return;
	}
	switch (n % 10) {
	case 3:
		add_event(b, "InputMuteStateChanged");
		buf_addf(b,
			 "{\"inputName\":\"Input number %d\","
			 "\"inputMuted\":%s}}}",
			 n / 10 % INPUTS, n % 20 == 3 ? "true" : "false");
		break;
	case 7:
		add_event(b, "SceneItemEnableStateChanged");
		buf_addf(b, "{\"sceneName\":\"Live\",\"sceneItemId\":%d}}}", n);
		break;
	case 9:
		add_event(b, "NewInAnotherObs");
		buf_addf(b, "{\"n\":\"number %d of them\"}}}", n);
		break;
	default:
		levels(b, n);
	}
}

static void answer_what_is_asked(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (poll(&p, 1, 0) > 0) {
		char *text = hear(fd);
		ck_assert_msg(text != NULL, "the core left");
		answer_one(fd, text);
		free(text);
	}
}

/* It has read all that was sent when it answers this. */
static void await_pong(int fd)
{
	say(fd, 0x89, "so far", 6);
	for (bool seen = false; !seen;) {
		char *text = hear(fd);
		ck_assert_msg(text != NULL, "the core left");
		seen = !strcmp(text, "so far");
		if (!seen)
			answer_one(fd, text);
		free(text);
	}
}

/* What it has when it has come to rest. */
static double memory_mb(int fd, pid_t core)
{
	await_pong(fd);
	for (int i = 0; i < 20; i++) {
		pause_us(100000);
		answer_what_is_asked(fd);
	}
	return stand_rss_mb(core);
}

static int open_house(pid_t *core)
{
	char *yaml = xasprintf("show: " SHOW "\n"
			       "agents: { a: { via: noop } }\n"
			       "stages: [{ id: one, agents: [a], go: manual }]"
			       "\nobs: { url: \"ws://127.0.0.1:%d\" }\n",
			       peer_listen());
	stand_begin("obs");
	*core = stand_start_core(showcaller, SHOW, yaml);
	free(yaml);
	int fd = upgrade();
	say_text(fd, HELLO);
	hear_identify(fd);
	say_text(fd, "{\"op\":2,\"d\":{\"negotiatedRpcVersion\":1}}");
	answer_until(fd, "GetStats", true);
	return fd;
}

START_TEST(a_flood)
{
	struct buf b = {0};
	pid_t core;
	int fd = open_house(&core);
	double early = 0, sent_mb = 0, first = memory_mb(fd, core);
	int64_t began = now_us();
	for (int i = 1; i <= events; i++) {
		make_event(&b, i);
		say_text(fd, buf_str(&b));
		sent_mb += (double)b.len / (1 << 20);
		if (i % STRIDE == 0)
			answer_what_is_asked(fd);
		if (i == events / 10)
			early = memory_mb(fd, core);
	}
	await_pong(fd);
	double took_s = (double)(now_us() - began) / 1e6;
	printf("{\"bench\":\"obs\",\"what\":\"memory\",\"events\":%d,"
	       "\"sent_mb\":%.0f,\"took_s\":%.1f,\"at_first_mb\":%.1f,"
	       "\"after_a_tenth_mb\":%.1f,\"at_the_end_mb\":%.1f}\n",
	       events, sent_mb, took_s, first, early, memory_mb(fd, core));
	fflush(stdout);
	buf_release(&b);
	close(fd);
	peer_unlisten();
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("obs_flood_bench");
	TCase *t = tcase_create("a_flood");
	if (argc < 2) {
		fprintf(stderr, "usage: obs_flood_bench SHOWCALLER [EVENTS]\n");
		return 2;
	}
	showcaller = argv[1];
	events = argc > 2 ? atoi(argv[2]) : events;
	tcase_set_timeout(t, 600);
	tcase_add_test(t, a_flood);
	suite_add_tcase(suite, t);
	return tap_run(suite);
}
