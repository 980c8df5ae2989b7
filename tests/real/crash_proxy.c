#include "crash_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

#define LINES	    64
#define CHUNK_BYTES (256 * 1024)

/* Shared with the process that passes the bytes on. */
struct proxy {
	pid_t pid;
	int listener, redis_port;
	_Atomic int place, each, struck;
	_Atomic bool kills;
	_Atomic pid_t core;
};

struct line {
	int near_fd, far_fd; /* -1: free */
	bool mute;	     /* its next answer is lost */
};

struct desk {
	struct proxy *p;
	struct line lines[LINES];
	int times;
	char bytes[CHUNK_BYTES];
};

static int dial(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	close(fd);
	return -1;
}

static void hang_up(struct line *l)
{
	close(l->near_fd);
	close(l->far_fd);
	*l = (struct line){.near_fd = -1, .far_fd = -1};
}

static void pick_up(struct desk *d)
{
	int fd = accept4(d->p->listener, NULL, NULL, SOCK_CLOEXEC);
	int far_fd = fd < 0 ? -1 : dial(d->p->redis_port);
	for (int i = 0; far_fd >= 0 && i < LINES; i++) {
		if (d->lines[i].near_fd >= 0)
			continue;
		d->lines[i] = (struct line){.near_fd = fd, .far_fd = far_fd};
		return;
	}
	if (fd >= 0)
		close(fd);
	if (far_fd >= 0)
		close(far_fd);
}

static bool send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static bool holds(const char *bytes, size_t len, const char *word)
{
	return memmem(bytes, len, word, strlen(word)) != NULL;
}

/* A commit carries the hashes or states of what happened; a call to the bus
 * carries the key of an inbox; a new line's scripts are text. */
static bool is_there(const struct desk *d, size_t len)
{
	const char *b = d->bytes;
	bool evalsha = holds(b, len, "EVALSHA");
	bool commit =
		evalsha && holds(b, len, ":events\r\n") &&
		(holds(b, len, "\r\nstage:") || holds(b, len, "\r\ntoken:") ||
		 holds(b, len, "\r\nrun:"));
	switch (atomic_load(&d->p->place)) {
	case PROXY_BEFORE_APPEND:
	case PROXY_BEFORE_ACK:
		return commit;
	case PROXY_BEFORE_EFFECT:
		return evalsha && holds(b, len, ":inbox:");
	case PROXY_BEFORE_RECORD:
		return commit && holds(b, len, "\r\ntoken:spend");
	default:
		return false;
	}
}

static void strike(struct desk *d, struct line *l)
{
	pid_t core = atomic_exchange(&d->p->core, 0);
	atomic_fetch_add(&d->p->struck, 1);
	if (atomic_load(&d->p->kills)) {
		if (core > 0)
			kill(core, SIGKILL);
	} else {
		atomic_store(&d->p->core, core);
	}
	hang_up(l);
}

/* From the core to Redis. */
static void pass_on(struct desk *d, struct line *l)
{
	ssize_t n = recv(l->near_fd, d->bytes, sizeof d->bytes, 0);
	if (n <= 0) {
		hang_up(l);
		return;
	}
	bool now = is_there(d, (size_t)n) && atomic_load(&d->p->core) > 0 &&
		   ++d->times % atomic_load(&d->p->each) == 0;
	if (now && atomic_load(&d->p->place) != PROXY_BEFORE_ACK) {
		strike(d, l);
		return;
	}
	l->mute = l->mute || now;
	if (!send_all(l->far_fd, d->bytes, (size_t)n))
		hang_up(l);
}

/* From Redis to the core. */
static void pass_back(struct desk *d, struct line *l)
{
	ssize_t n = recv(l->far_fd, d->bytes, sizeof d->bytes, 0);
	if (n > 0 && l->mute)
		strike(d, l);
	else if (n <= 0 || !send_all(l->near_fd, d->bytes, (size_t)n))
		hang_up(l);
}

_Noreturn static void serve(struct proxy *p)
{
	static struct desk d;
	d.p = p;
	for (int i = 0; i < LINES; i++)
		d.lines[i] = (struct line){.near_fd = -1, .far_fd = -1};
	for (;;) {
		struct pollfd fds[2 * LINES + 1];
		for (int i = 0; i < LINES; i++) {
			fds[2 * i] =
				(struct pollfd){d.lines[i].near_fd, POLLIN, 0};
			fds[2 * i + 1] =
				(struct pollfd){d.lines[i].far_fd, POLLIN, 0};
		}
		fds[2 * LINES] = (struct pollfd){p->listener, POLLIN, 0};
		if (poll(fds, 2 * LINES + 1, -1) < 0)
			continue;
		for (int i = 0; i < LINES; i++) {
			struct line *l = &d.lines[i];
			if (fds[2 * i].revents && l->near_fd >= 0)
				pass_on(&d, l);
			if (fds[2 * i + 1].revents && l->far_fd >= 0)
				pass_back(&d, l);
		}
		if (fds[2 * LINES].revents)
			pick_up(&d);
	}
}

struct proxy *proxy_start(int redis_port, int port, int guard_fd)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons((uint16_t)port)};
	struct proxy *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int on = 1;
	REQUIRE(p != MAP_FAILED);
	p->redis_port = redis_port;
	p->each = 1;
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	REQUIRE(bind(p->listener, (struct sockaddr *)&at, sizeof at) == 0);
	REQUIRE(listen(p->listener, 64) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(guard_fd);
		serve(p);
	}
	p->pid = pid;
	return p;
}

void proxy_stop(struct proxy **p)
{
	kill((*p)->pid, SIGKILL);
	waitpid((*p)->pid, NULL, 0);
	close((*p)->listener);
	munmap(*p, sizeof **p);
	*p = NULL;
}

void proxy_set(struct proxy *p, enum proxy_place place, bool kills, int each)
{
	atomic_store(&p->kills, kills);
	atomic_store(&p->each, each);
	atomic_store(&p->place, (int)place);
}

void proxy_set_core(struct proxy *p, pid_t core)
{
	atomic_store(&p->core, core);
}

bool proxy_spare_core(struct proxy *p)
{
	return atomic_exchange(&p->core, 0) > 0;
}

int proxy_struck(const struct proxy *p)
{
	return atomic_load(&p->struck);
}
