#include "cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define READY_MS 15000

/* In the child, between fork and exec: async-signal-safe calls only. */
static _Noreturn void become_core(char *const *argv, int log, int ready)
{
	setsid();
	int null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 ||
	    dup2(log, 2) < 0)
		_exit(ERR_INTERNAL);
	/* dup2 onto itself would leave close-on-exec set. */
	if (ready == CLI_READY_FD)
		fcntl(ready, F_SETFD, 0);
	else if (dup2(ready, CLI_READY_FD) < 0)
		_exit(ERR_INTERNAL);
	/* Not all that a library opens is close-on-exec. */
	syscall(SYS_close_range, CLI_READY_FD + 1U, ~0U, 0U);
	execv("/proc/self/exe", argv);
	_exit(ERR_INTERNAL);
}

/* Reads one line; false on time-out or end. */
static bool read_line(int fd, char *line, size_t bytes, bool *timed_out)
{
	size_t len = 0;
	int64_t end_ms = clock_mono_ms() + READY_MS;
	*timed_out = false;
	while (len + 1 < bytes) {
		int64_t left_ms = end_ms - clock_mono_ms();
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		int n = poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			*timed_out = true;
			return false;
		}
		ssize_t got = read(fd, line + len, bytes - 1 - len);
		if (got <= 0)
			return false;
		len += (size_t)got;
		line[len] = '\0';
		char *end = strchr(line, '\n');
		if (end) {
			*end = '\0';
			return true;
		}
	}
	return false;
}

static bool wait_ready(int fd, const char *log_path, struct err *err)
{
	char line[700] = "";
	bool timed_out;
	if (!read_line(fd, line, sizeof line, &timed_out))
		return timed_out
			       ? err_set(err, ERR_AGAIN,
					 "core: not ready after %d s; see %s, "
					 "and try again",
					 READY_MS / 1000, log_path)
			       : err_set(err, ERR_INTERNAL,
					 "core: it ended before it was ready; "
					 "see %s",
					 log_path);
	if (strcmp(line, "ready") == 0 || strcmp(line, "standby") == 0)
		return true;
	char *text;
	long code = strncmp(line, "error ", 6) == 0
			    ? strtol(line + 6, &text, 10)
			    : 0;
	if (code <= 0)
		return err_set(err, ERR_INTERNAL, "core: it said: %s", line);
	return err_set(err, (enum err_code)code, "%s", text + (*text == ' '));
}

bool cli_launch(char *const *argv, const char *state_dir, struct err *err)
{
	if (!file_make_state_dir(state_dir, err))
		return false;
	char *log_path = xasprintf("%s/core.log", state_dir);
	bool ok = false;
	int ends[2] = {-1, -1};
	int log = open(log_path,
		       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		       0600);
	if (log < 0) {
		err_set(err, ERR_CONFIG, "%s: %s", log_path, strerror(errno));
		goto out;
	}
	if (pipe2(ends, O_CLOEXEC) != 0) {
		err_set(err, ERR_AGAIN, "core: %s", strerror(errno));
		goto out;
	}
	pid_t pid = fork();
	if (pid == 0)
		become_core(argv, log, ends[1]);
	close(ends[1]);
	ok = pid > 0 ? wait_ready(ends[0], log_path, err)
		     : err_set(err, ERR_AGAIN, "core: %s", strerror(errno));
	close(ends[0]);
out:
	if (log >= 0)
		close(log);
	free(log_path);
	return ok;
}
