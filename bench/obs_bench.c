/*
 * obs_bench: OBS as the operator has it: the console in a pseudo-terminal, the
 * shipped core with its Redis (appendfsync always), and a real OBS. JSON lines:
 *
 *   switch     from a key to the scene that OBS then says is on (by a cut),
 *              beside the bare request on a WebSocket of its own in the same
 *              run; a listener that is neither of the two sees both
 *   levels     what the levels of 32 inputs cost the core, by its threads,
 *              while a console shows them and while none does
 *   reconnect  from the moment OBS listens again until the core has read it
 *
 *   obs_bench SHOWCALLER [SWITCHES] [ROUNDS]
 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "console/operate.h"
#include "obs_stand.h"
#include "pty.h"
#include "stand.h"

#define SHOW	  "obs-bench"
#define EVENTS	  "showcaller:{" SHOW "}:events"
#define INPUTS	  32 /* the voice of the house is one of them */
#define LEVELS_MS 20000
#define LIMIT_MS  10000

static const char *showcaller;
static int switches = 400, rounds = 20;
static redisContext *redis;
static pid_t core;
static struct pty *console;

static const char *const scenes[] = {"Starting Soon", "Live", "Poll", "Sound"};

/* --- the log -------------------------------------------------------------- */

static bool has(const redisReply *r, const char *words)
{
	if (r->str && strstr(r->str, words))
		return true;
	for (size_t i = 0; i < r->elements; i++)
		if (has(r->element[i], words))
			return true;
	return false;
}

/* The newest event; "0" when there is none. */
static void newest(char last[40])
{
	redisReply *r = stand_ask(redis, "XREVRANGE " EVENTS " + - COUNT 1");
	snprintf(last, 40, "%s",
		 r->elements ? r->element[0]->element[0]->str : "0");
	freeReplyObject(r);
}

/* Reads on behind `last` until an event holds the words. */
static void await_event(char last[40], const char *words)
{
	int64_t end = now_us() + LIMIT_MS * INT64_C(1000);
	for (bool found = false; !found;) {
		if (now_us() > end)
			stand_give_up("no event with %s", words);
		redisReply *r = stand_ask(
			redis, "XREAD BLOCK 1000 STREAMS " EVENTS " %s", last);
		if (r->type == REDIS_REPLY_ARRAY) {
			redisReply *all = r->element[0]->element[1];
			found = has(all, words);
			snprintf(last, 40, "%s",
				 all->element[all->elements - 1]
					 ->element[0]
					 ->str);
		}
		freeReplyObject(r);
	}
}

/* --- the house ------------------------------------------------------------ */

static void open_house(void)
{
	char last[40] = "0";
	char *yaml = xasprintf("show: " SHOW "\n"
			       "agents: { a: { via: noop } }\n"
			       "stages: [{ id: one, agents: [a], go: manual }]"
			       "\nobs:\n  url: ws://127.0.0.1:%d\n"
			       "  password_env: TEST_OBS_PASSWORD\n",
			       bed.port);
	setenv("TEST_OBS_PASSWORD", OBS_PASSWORD, 1);
	stand_begin("obs");
	redis = stand_connect();
	core = stand_start_core(showcaller, SHOW, yaml);
	free(yaml);
	await_event(last, "\"connected\":true");
}

static void open_console(void)
{
	const char *argv[] = {showcaller,  "attach", "--redis",
			      stand_url(), SHOW,     NULL};
	console = pty_start(argv, 120, 40);
	if (!console)
		stand_give_up("no pseudo-terminal");
	pty_watch(console, "on air");
	if (pty_seen_us(console, LIMIT_MS) < 0)
		stand_give_up("the console shows no scene");
	pty_type(console, "5");
	pause_us(1000000); /* it wants the scenes to have been seen */
}

/* --- to switch ------------------------------------------------------------ */

static int other_than(int scene)
{
	return (scene + 1 + rand() % (int)(COUNT_OF(scenes) - 1)) %
	       (int)COUNT_OF(scenes);
}

/* OBS is done with the last one, and its next frame comes at any moment. */
static void rest(void)
{
	pause_us(60000 + rand() % 34000);
}

static double bare_takes(int eye, int hand, int scene)
{
	char *m = xasprintf("{\"op\":6,\"d\":{\"requestType\":"
			    "\"SetCurrentProgramScene\",\"requestId\":\"b\","
			    "\"requestData\":{\"sceneName\":\"%s\"}}}",
			    scenes[scene]);
	rest();
	int64_t began = now_us();
	ws_say(hand, m);
	see(eye, "CurrentProgramSceneChanged", scenes[scene]);
	int64_t took = now_us() - began;
	see(hand, "\"requestId\":\"b\"", "true");
	free(m);
	return (double)took / 1000;
}

static double key_takes(int eye, int scene)
{
	char key[2] = {obs_letter(scene), 0};
	rest();
	int64_t began = now_us();
	pty_type(console, key);
	see(eye, "CurrentProgramSceneChanged", scenes[scene]);
	return (double)(now_us() - began) / 1000;
}

static void print_over(const double *bare, const double *key, int n)
{
	double *a = xcalloc((size_t)n, sizeof *a);
	double *b = xcalloc((size_t)n, sizeof *b);
	memcpy(a, bare, (size_t)n * sizeof *a);
	memcpy(b, key, (size_t)n * sizeof *b);
	printf("{\"bench\":\"obs\",\"what\":\"key over bare\",\"p50_ms\":%.2f,"
	       "\"p99_ms\":%.2f}\n",
	       stand_quantile(b, n, 0.5) - stand_quantile(a, n, 0.5),
	       stand_quantile(b, n, 0.99) - stand_quantile(a, n, 0.99));
	fflush(stdout);
	free(a);
	free(b);
}

/* One of each in turn, in an order that changes, so that both meet the same
 * machine; to any of the four scenes. */
START_TEST(a_switch)
{
	open_house();
	open_console();
	double *bare = xcalloc((size_t)switches, sizeof *bare);
	double *key = xcalloc((size_t)switches, sizeof *key);
	int eye = look_on(4), hand = look_on(0), on = 1, scene = 0;
	/* A message that waits for an acknowledgement is not the bare limit. */
	setsockopt(hand, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	for (int i = 0; i < switches; i++)
		for (int k = 0; k < 2; k++) {
			scene = other_than(scene);
			if (k == i % 2)
				bare[i] = bare_takes(eye, hand, scene);
			else
				key[i] = key_takes(eye, scene);
		}
	stand_print_times("switched", "bare request", bare, switches, 0);
	stand_print_times("switched", "key", key, switches, 0);
	print_over(bare, key, switches);
	pty_stop(&console);
	free(bare);
	free(key);
}
END_TEST

/* --- levels --------------------------------------------------------------- */

static const char *const threads[] = {"ws", "showcaller", "web"};

static void print_levels(const char *when)
{
	double ms[COUNT_OF(threads)], all = stand_cpu_ms(core);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		ms[i] = stand_thread_ms(core, threads[i]);
	int64_t began = now_us();
	pause_us(LEVELS_MS * INT64_C(1000));
	double part = 100.0 * 1000 / (double)(now_us() - began);
	printf("{\"bench\":\"obs\",\"what\":\"levels %s\",\"inputs\":%d", when,
	       INPUTS);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		printf(",\"%s_percent\":%.2f", threads[i],
		       (stand_thread_ms(core, threads[i]) - ms[i]) * part);
	printf(",\"core_percent\":%.2f}\n", (stand_cpu_ms(core) - all) * part);
	fflush(stdout);
}

/* All of them on air. */
static void add_inputs(int hand)
{
	free(tell(hand, "SetCurrentProgramScene", "{\"sceneName\":\"Live\"}"));
	for (int i = 1; i < INPUTS; i++) {
		char *data = xasprintf(
			"{\"sceneName\":\"Live\",\"inputName\":\"Guest %d\","
			"\"inputKind\":\"ffmpeg_source\",\"inputSettings\":"
			"{\"local_file\":\"%s/voice.wav\",\"looping\":true,"
			"\"is_local_file\":true,\"hw_decode\":false}}",
			i, bed.dir);
		char *answer = tell(hand, "CreateInput", data);
		ck_assert_msg(strstr(answer, "\"result\":true") != NULL, "%s",
			      answer);
		free(answer);
		free(data);
	}
}

static int count(const char *text, const char *word)
{
	int n = 0;
	for (const char *at = text; (at = strstr(at, word)); at++)
		n++;
	return n;
}

START_TEST(levels)
{
	int hand = look_on(0), eye = look_on(1 << 16), seen = 0;
	add_inputs(hand);
	while (seen < INPUTS) {
		char *m = ws_next(eye, NULL);
		seen = m ? count(m, "\"inputLevelsMul\":[[") : INPUTS;
		free(m);
	}
	close(eye);
	open_house();
	open_console();
	pty_watch(console, "Guest");
	pty_type(console, "z"); /* all of them */
	if (pty_seen_us(console, LIMIT_MS) < 0)
		stand_give_up("the console shows no levels");
	print_levels("shown");
	pty_type(console, "z1"); /* nobody looks at them */
	pause_us(2000000);
	print_levels("not shown");
	pty_stop(&console);
	for (int i = 1; i < INPUTS; i++) {
		char *data = xasprintf("{\"inputName\":\"Guest %d\"}", i);
		free(tell(hand, "RemoveInput", data));
		free(data);
	}
}
END_TEST

/* --- to come back --------------------------------------------------------- */

static bool listens(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)bed.port)};
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = !connect(fd, (struct sockaddr *)&name, sizeof name);
	close(fd);
	return ok;
}

/* It was closed, or it died, in turn. */
START_TEST(a_reconnect)
{
	char last[40];
	open_house();
	double *ms = xcalloc((size_t)rounds, sizeof *ms);
	for (int i = 0; i < rounds; i++) {
		newest(last);
		kill(obs_pid(), i % 2 ? SIGKILL : SIGINT);
		await_event(last, "\"connected\":false");
		/* The pauses have grown by then. */
		pause_us(2000000 + rand() % 500000);
		obs_script("again");
		while (!listens())
			pause_us(2000);
		int64_t began = now_us();
		await_event(last, "\"connected\":true");
		ms[i] = (double)(now_us() - began) / 1000;
	}
	stand_print_times("OBS is back, all read", "core", ms, rounds, 0);
	free(ms);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	TCase *t = tcase_create(name);
	tcase_set_timeout(t, 90);
	tcase_add_test(t, test);
	suite_add_tcase(suite, t);
}

int main(int argc, char **argv)
{
	Suite *suite = suite_create("obs_bench");
	if (argc < 2) {
		fprintf(stderr,
			"usage: obs_bench SHOWCALLER [SWITCHES] [ROUNDS]\n");
		return 2;
	}
	showcaller = argv[1];
	switches = argc > 2 ? atoi(argv[2]) : switches;
	rounds = argc > 3 ? atoi(argv[3]) : rounds;
	setenv("OBS_FPS", "30", 0);
	setenv("CK_TIMEOUT_MULTIPLIER", "10", 0);
	add(suite, "a_switch", a_switch);
	add(suite, "levels", levels);
	add(suite, "a_reconnect", a_reconnect);
	return obs_bed_run(suite, false);
}
