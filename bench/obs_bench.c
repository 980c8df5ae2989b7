/*
 * obs_bench: how long after a command OBS has switched (by a cut), beside the
 * bare request on a WebSocket of its own in the same run; and how long after
 * OBS is back it is connected. A real OBS; JSON lines.
 *
 *   obs_bench [SWITCHES] [ROUNDS]
 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "obs_stand.h"

static int switches = 300, rounds = 5;

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void tell_figures(const char *name, double *ms, int n)
{
	qsort(ms, (size_t)n, sizeof *ms, by_size);
	printf("{\"bench\":\"obs\",\"what\":\"%s\",\"n\":%d,\"p50_ms\":%.2f,"
	       "\"p99_ms\":%.2f,\"max_ms\":%.2f}\n",
	       name, n, ms[n / 2], ms[n * 99 / 100], ms[n - 1]);
	fflush(stdout);
}

/* To one scene and back, so that OBS has the same to do for both: neither has
 * anything to start or to stop. */
static const char *scene_of(int i)
{
	return i % 2 ? "Poll" : "Starting Soon";
}

/* Not at once behind the last frame: OBS switches with a frame. */
static void any_moment(void)
{
	static int n;
	poll(NULL, 0, n++ * 13 % 34);
}

static double bare_takes(int eye, int hand, const char *scene)
{
	char *m = xasprintf("{\"op\":6,\"d\":{\"requestType\":"
			    "\"SetCurrentProgramScene\",\"requestId\":\"b\","
			    "\"requestData\":{\"sceneName\":\"%s\"}}}",
			    scene);
	any_moment();
	double began = now_ms();
	ws_say(hand, m);
	see(eye, "CurrentProgramSceneChanged", scene);
	double took = now_ms() - began;
	see(hand, "\"requestId\":\"b\"", "true");
	free(m);
	return took;
}

static double ours_takes(int eye, const char *scene)
{
	char *body = xasprintf("{\"scene\":\"%s\"}", scene);
	any_moment();
	double began = now_ms();
	char *answer = operator_ask(s, "POST", "/api/v1/obs/scene", body);
	see(eye, "CurrentProgramSceneChanged", scene);
	double took = now_ms() - began;
	free(answer);
	free(body);
	return took;
}

/* Bare and ours take turns, two switches each, so that both meet the same
 * machine. */
START_TEST(a_switch)
{
	double *bare = xcalloc((size_t)switches, sizeof *bare);
	double *ours = xcalloc((size_t)switches, sizeof *ours);
	int eye = look_on(4), hand = look_on(0), on = 1;
	/* A message that waits for an acknowledgement is not the bare limit. */
	setsockopt(hand, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	free(tell(hand, "SetCurrentProgramScene", "{\"sceneName\":\"Poll\"}"));
	see(eye, "CurrentProgramSceneChanged", "Poll");
	for (int i = 0; i < switches; i += 2) {
		for (int k = 0; k < 2; k++)
			bare[i + k] = bare_takes(eye, hand, scene_of(k));
		for (int k = 0; k < 2; k++)
			ours[i + k] = ours_takes(eye, scene_of(k));
	}
	tell_figures("bare request, switched", bare, switches);
	tell_figures("command over HTTP, switched", ours, switches);
	free(bare);
	free(ours);
}
END_TEST

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

START_TEST(a_reconnect)
{
	double *ms = xcalloc((size_t)rounds, sizeof *ms);
	for (int i = 0; i < rounds; i++) {
		kill(obs_pid(), SIGINT);
		WAIT(!s->obs.connected, 10000);
		poll(NULL, 0, 2000); /* the pauses have grown by then */
		obs_script("again");
		while (!listens())
			poll(NULL, 0, 5);
		double began = now_ms();
		WAIT(s->obs.connected, 10000);
		ms[i] = now_ms() - began;
	}
	tell_figures("OBS is back, all read", ms, rounds);
	free(ms);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("obs_bench");
	switches = argc > 1 ? atoi(argv[1]) : switches;
	switches += switches % 2;
	rounds = argc > 2 ? atoi(argv[2]) : rounds;
	setenv("OBS_FPS", "30", 0);
	setenv("CK_TIMEOUT_MULTIPLIER", "10", 0);
	ADD(a_switch);
	ADD(a_reconnect);
	return obs_bed_run(suite, false);
}
