/*
 * redis_here: a real redis-server of its own for one test case, in a temporary
 * folder. Start it in an unchecked fixture: that runs in the parent, so that
 * it is stopped also when a test fails.
 */
#ifndef TESTS_REDIS_HERE_H
#define TESTS_REDIS_HERE_H

#include <check.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "patience.h"
#include "store/server.h"
#include "store/writer.h"
#include "temp.h"

static struct redis_server *here;
static char *here_dir;
static int here_guard_fd = -1;
static pid_t here_guard_pid;

/* For main(): false when there is no redis-server, after saying so in TAP. */
static inline bool here_possible(void)
{
	if (system("PATH=$PATH:/usr/sbin:/usr/local/bin "
		   "command -v redis-server >/dev/null") == 0)
		return true;
	printf("1..0 # SKIP redis-server is not installed\n");
	return false;
}

/* By the socket's owner: asks nothing of the server. */
static inline pid_t here_find_pid(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct ucred who = {0};
	socklen_t bytes = sizeof who;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(name.sun_path, sizeof name.sun_path, "%s",
		 redis_server_address(here)->path);
	if (connect(fd, (struct sockaddr *)&name, sizeof name) == 0)
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes);
	close(fd);
	return who.pid;
}

/* Cleans up should this program be killed: its end of the pipe closes then. A
 * server outlives whoever started it, by design. */
static inline void here_guard(void)
{
	int ends[2];
	char byte;
	if (pipe(ends) < 0)
		abort();
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		close(ends[1]);
		if (read(ends[0], &byte, 1) == 0) {
			pid_t redis = here_find_pid();
			if (redis > 0)
				kill(redis, SIGKILL);
			temp_remove(&here_dir);
		}
		_exit(0);
	}
	close(ends[0]);
	here_guard_pid = pid;
	here_guard_fd = ends[1];
}

static inline void here_start(void)
{
	struct err err = {0};
	signal(SIGPIPE, SIG_IGN);
	here_dir = temp_new();
	here = redis_server_start(here_dir, NULL, &err);
	if (!here) {
		/* Said by automake's driver as a bail-out with this reason. */
		printf("Bail out! %s\n", err.text);
		temp_remove(&here_dir);
		exit(99);
	}
	here_guard();
}

static inline void here_stop(void)
{
	/* A test that failed may have left it with a password. */
	pid_t pid = here_find_pid();
	redis_server_stop(&here);
	if (pid > 0)
		kill(pid, SIGKILL);
	temp_remove(&here_dir);
	if (write(here_guard_fd, "", 1) != 1) /* all is well */
		abort();
	close(here_guard_fd);
	waitpid(here_guard_pid, NULL, 0);
}

/* A plain connection, to look and to meddle. */
static inline redisContext *here_connect(void)
{
	redisContext *c = redisConnectUnix(redis_server_address(here)->path);
	if (!c || c->err)
		abort();
	return c;
}

static inline void here_do(const char *command)
{
	redisContext *c = here_connect();
	redisReply *r = redisCommand(c, command);
	if (!r || r->type == REDIS_REPLY_ERROR)
		fprintf(stderr, "# %s: %s\n", command, r ? r->str : c->errstr);
	freeReplyObject(r);
	redisFree(c);
}

/* A number or a numeric string; -1 when it is an error. */
static inline long long here_int(const char *command)
{
	redisContext *c = here_connect();
	redisReply *r = redisCommand(c, command);
	long long n = r->integer;
	if (r->type == REDIS_REPLY_STRING)
		n = atoll(r->str);
	else if (r->type == REDIS_REPLY_ERROR)
		n = -1;
	freeReplyObject(r);
	redisFree(c);
	return n;
}

/* One turn of the engine's loop, at most `timeout_ms` long. */
static inline void here_turn(struct writer *w, int timeout_ms)
{
	writer_pump(w, 0);
	int wait = writer_timeout_ms(w);
	struct pollfd p = {writer_fd(w), writer_poll_events(w), 0};
	if (wait < 0 || wait > timeout_ms)
		wait = timeout_ms;
	if (poll(&p, 1, wait) > 0)
		writer_pump(w, p.revents);
}

/* Pumps until an outcome is there; false when it does not come. */
static inline bool here_outcome(struct writer *w, struct writer_done *done)
{
	int64_t end = clock_mono_ms() + patience_ms(10000);
	while (!writer_next(w, done)) {
		if (clock_mono_ms() > end)
			return false;
		here_turn(w, 1000);
	}
	return true;
}

/* Pumps until all is answered, each with that outcome. */
static inline void here_drain(struct writer *w, enum writer_how how)
{
	struct writer_done done;
	int64_t end = clock_mono_ms() + patience_ms(10000);
	while (writer_waiting(w)) {
		here_turn(w, 100);
		ck_assert(clock_mono_ms() < end);
	}
	while (writer_next(w, &done)) {
		ck_assert_msg(done.how == how, "%s", done.text);
		writer_done_release(&done);
	}
}

/* A test with a server of its own; `times` > 0: a loop test. */
static inline void here_case(Suite *suite, const char *name, const TTest *test,
			     int times)
{
	TCase *t = tcase_create(name);
	tcase_add_unchecked_fixture(t, here_start, here_stop);
	tcase_set_timeout(t, 60);
	if (times)
		tcase_add_loop_test(t, test, 0, times);
	else
		tcase_add_test(t, test);
	suite_add_tcase(suite, t);
}

#endif
