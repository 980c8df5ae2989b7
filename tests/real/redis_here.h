/*
 * redis_here: a real redis-server of its own for one test case, in a temporary
 * folder. Start it in an unchecked fixture: that runs in the parent, so that
 * it is stopped also when a test fails.
 */
#ifndef TESTS_REDIS_HERE_H
#define TESTS_REDIS_HERE_H

#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/server.h"
#include "store/writer.h"

static struct redis_server *here;
static char here_dir[256];

static inline void here_remove_dir(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", here_dir, (char *)NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

static inline void here_start(void)
{
	struct err err = {0};
	const char *tmp = getenv("TMPDIR");
	signal(SIGPIPE, SIG_IGN);
	snprintf(here_dir, sizeof here_dir, "%s/showcaller-test-XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(here_dir))
		abort();
	here = redis_server_start(here_dir, &err);
	if (!here) {
		/* Said by automake's driver as a bail-out with this reason. */
		printf("Bail out! %s\n", err.text);
		here_remove_dir();
		exit(99);
	}
}

static inline void here_stop(void)
{
	redis_server_stop(&here);
	here_remove_dir();
}

/* A plain connection, to look and to meddle. */
static inline redisContext *here_connect(void)
{
	redisContext *c = redisConnectUnix(redis_server_address(here)->path);
	if (!c || c->err)
		abort();
	return c;
}

static inline pid_t here_pid(void)
{
	redisContext *c = here_connect();
	redisReply *r = redisCommand(c, "INFO server");
	pid_t pid = atoi(strstr(r->str, "process_id:") + 11);
	freeReplyObject(r);
	redisFree(c);
	return pid;
}

static inline long long here_int(const char *command)
{
	redisContext *c = here_connect();
	redisReply *r = redisCommand(c, command);
	long long n =
		r->type == REDIS_REPLY_STRING ? atoll(r->str) : r->integer;
	freeReplyObject(r);
	redisFree(c);
	return n;
}

/* Pumps until an outcome is there; false after 10 s. */
static inline bool here_outcome(struct writer *w, struct writer_done *done)
{
	int64_t end = clock_mono_ms() + 10000;
	for (;;) {
		writer_pump(w, 0);
		if (writer_next(w, done))
			return true;
		int64_t left = end - clock_mono_ms();
		int wait = writer_timeout_ms(w);
		if (left <= 0)
			return false;
		struct pollfd p = {writer_fd(w), writer_poll_events(w), 0};
		if (poll(&p, 1, wait >= 0 && wait < left ? wait : (int)left) >
		    0)
			writer_pump(w, p.revents);
	}
}

#endif
