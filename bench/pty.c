#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct pty {
	int fd, wake[2];
	pid_t pid;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t seen;
	/* Under the lock: */
	uint64_t bytes;
	int64_t last_us, seen_us;
	char wanted[128];
	size_t matched; /* bytes of `wanted` at the end of what came */
};

int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void pause_us(int64_t us)
{
	if (us <= 0)
		return;
	struct timespec t = {us / 1000000, us % 1000000 * 1000};
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		continue;
}

/* The length of the longest beginning of `wanted` that ends with `c` after
 * `matched` bytes of it: what a text search needs across reads. */
static size_t match_on(const char *wanted, size_t matched, char c)
{
	char tail[128];
	memcpy(tail, wanted, matched);
	tail[matched] = c;
	for (size_t n = matched + 1; n > 0; n--)
		if (memcmp(wanted, tail + matched + 1 - n, n) == 0)
			return n;
	return 0;
}

static void take(struct pty *p, const char *data, size_t bytes)
{
	int64_t now = now_us();
	pthread_mutex_lock(&p->lock);
	p->bytes += bytes;
	p->last_us = now;
	for (size_t i = 0; p->wanted[0] && i < bytes; i++) {
		p->matched = match_on(p->wanted, p->matched, data[i]);
		if (p->matched == strlen(p->wanted)) {
			p->seen_us = now;
			p->wanted[0] = '\0';
			pthread_cond_signal(&p->seen);
		}
	}
	pthread_mutex_unlock(&p->lock);
}

static void *read_all(void *arg)
{
	struct pty *p = arg;
	char data[65536];
	for (;;) {
		struct pollfd fds[] = {{.fd = p->fd, .events = POLLIN},
				       {.fd = p->wake[0], .events = POLLIN}};
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		ssize_t n = read(p->fd, data, sizeof data);
		if (n > 0)
			take(p, data, (size_t)n);
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return NULL; /* the program has ended */
	}
}

struct pty *pty_start(const char *const argv[], int columns, int rows)
{
	struct pty *p = calloc(1, sizeof *p);
	struct winsize size = {.ws_col = (unsigned short)columns,
			       .ws_row = (unsigned short)rows};
	if (!p || pipe(p->wake) != 0)
		abort();
	p->pid = forkpty(&p->fd, NULL, NULL, &size);
	if (p->pid == 0) {
		setenv("TERM", "xterm-256color", 1);
		setenv("LC_ALL", "C.UTF-8", 1);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (p->pid < 0) {
		free(p);
		return NULL;
	}
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->seen, &attr);
	pthread_mutex_init(&p->lock, NULL);
	if (pthread_create(&p->thread, NULL, read_all, p) != 0)
		abort();
	return p;
}

void pty_stop(struct pty **pp)
{
	struct pty *p = *pp;
	if (!p)
		return;
	kill(p->pid, SIGTERM);
	for (int i = 0; i < 200; i++) {
		if (waitpid(p->pid, NULL, WNOHANG) == p->pid)
			break;
		pause_us(10000);
		if (i == 150)
			kill(p->pid, SIGKILL);
	}
	if (write(p->wake[1], "x", 1) != 1)
		abort();
	pthread_join(p->thread, NULL);
	close(p->fd);
	close(p->wake[0]);
	close(p->wake[1]);
	free(p);
	*pp = NULL;
}

pid_t pty_pid(const struct pty *p)
{
	return p->pid;
}

uint64_t pty_bytes(struct pty *p)
{
	pthread_mutex_lock(&p->lock);
	uint64_t bytes = p->bytes;
	pthread_mutex_unlock(&p->lock);
	return bytes;
}

int64_t pty_last_us(struct pty *p)
{
	pthread_mutex_lock(&p->lock);
	int64_t us = p->last_us;
	pthread_mutex_unlock(&p->lock);
	return us;
}

void pty_watch(struct pty *p, const char *text)
{
	pthread_mutex_lock(&p->lock);
	strncpy(p->wanted, text, sizeof p->wanted - 1);
	p->matched = 0;
	p->seen_us = -1;
	pthread_mutex_unlock(&p->lock);
}

int64_t pty_seen_us(struct pty *p, int limit_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += limit_ms / 1000;
	until.tv_nsec += limit_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&p->lock);
	while (p->seen_us < 0)
		if (pthread_cond_timedwait(&p->seen, &p->lock, &until) != 0)
			break;
	int64_t us = p->seen_us;
	pthread_mutex_unlock(&p->lock);
	return us;
}

void pty_type(struct pty *p, const char *keys)
{
	size_t left = strlen(keys);
	while (left > 0) {
		ssize_t n = write(p->fd, keys, left);
		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			keys += n;
			left -= (size_t)n;
		}
	}
}
