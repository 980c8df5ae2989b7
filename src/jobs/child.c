#include "jobs/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

void child_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Both ends above 2, so that no dup2 in the child can hit one of them. */
static bool open_pipe(int ends[2])
{
	int raw[2];
	if (pipe2(raw, O_CLOEXEC) != 0)
		return false;
	for (int i = 0; i < 2; i++) {
		ends[i] = raw[i];
		if (raw[i] > 2)
			continue;
		ends[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, 3);
		close(raw[i]);
	}
	if (ends[0] >= 0 && ends[1] >= 0)
		return true;
	child_close(&ends[0]);
	child_close(&ends[1]);
	return false;
}

static int spawn(char *const *argv, char *const *env, const char *folder,
		 const int ends[3], pid_t *pid)
{
	posix_spawn_file_actions_t acts;
	posix_spawnattr_t attr;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_adddup2(&acts, ends[0], 0);
	posix_spawn_file_actions_adddup2(&acts, ends[1], 1);
	posix_spawn_file_actions_adddup2(&acts, ends[2], 2);
	posix_spawn_file_actions_addclosefrom_np(&acts, 3);
	posix_spawn_file_actions_addchdir_np(&acts, folder);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
						POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	int rc = posix_spawnp(pid, argv[0], &acts, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&acts);
	return rc;
}

int child_start(char *const *argv, char *const *env, const char *folder,
		struct child *out)
{
	int in[2] = {-1, -1}, from[2] = {-1, -1}, err[2] = {-1, -1}, rc = 0;
	*out = (struct child){.pid = -1, .pidfd = -1};
	if (!open_pipe(in) || !open_pipe(from) || !open_pipe(err))
		rc = errno;
	const int ends[] = {in[0], from[1], err[1]};
	if (rc == 0)
		rc = spawn(argv, env, folder, ends, &out->pid);
	child_close(&in[0]);
	child_close(&from[1]);
	child_close(&err[1]);
	out->in = in[1];
	out->out = from[0];
	out->err = err[0];
	if (rc != 0)
		return rc;
	fcntl(out->in, F_SETFL, O_NONBLOCK);
	fcntl(out->out, F_SETFL, O_NONBLOCK);
	fcntl(out->err, F_SETFL, O_NONBLOCK);
	out->pidfd = pidfd_open(out->pid, 0);
	if (out->pidfd >= 0)
		return 0;
	rc = errno;
	kill(-out->pid, SIGKILL);
	waitpid(out->pid, NULL, 0);
	return rc;
}

static bool is_over(const struct child *c, int wait_ms)
{
	struct pollfd fd = {.fd = c->pidfd, .events = POLLIN};
	return poll(&fd, 1, wait_ms) > 0;
}

int child_end(struct child *c, int patience_ms, int term_ms)
{
	int status = -1;
	child_close(&c->in);
	if (c->pid > 0 && c->pidfd >= 0) {
		if (!is_over(c, patience_ms)) {
			kill(-c->pid, SIGTERM);
			is_over(c, term_ms);
		}
		/* The group dies before its leader is reaped: until then its
		 * number cannot belong to anyone else. */
		kill(-c->pid, SIGKILL);
		if (waitpid(c->pid, &status, 0) != c->pid)
			status = -1;
	}
	child_close(&c->out);
	child_close(&c->err);
	child_close(&c->pidfd);
	c->pid = -1;
	return status;
}
