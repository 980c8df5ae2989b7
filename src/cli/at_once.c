#include "cli/at_once.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mailbox.h"
#include "base/mem.h"

struct outcome {
	size_t at;
	struct check_result result;
};

struct gang {
	const struct show *show;
	const int *checks;
	size_t count;
	struct mailbox *box; /* of outcomes; has room for all */
	void (*take)(void *ctx, const struct show_check *check,
		     struct check_result *result);
	void *ctx;
	atomic_bool stop;

	pthread_mutex_t lock;
	bool *taken; /* under the lock, as the rest */
	bool air_busy;
};

static const struct show_check *check_at(const struct gang *g, size_t at)
{
	return &g->show->checks[g->checks[at]];
}

static void outcome_free(void *value)
{
	struct outcome *o = value;
	check_result_release(&o->result);
	free(o);
}

/* --- the workers -------------------------------------------------------- */

/* False: there is none left. Tests that wait for the air are left to the worker
 * that has it. */
static bool take_next(struct gang *g, size_t *at)
{
	bool found = false;
	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < g->count && !found; i++) {
		bool air = check_at(g, i)->touches_air;
		if (g->taken[i] || (air && g->air_busy))
			continue;
		g->taken[i] = found = true;
		g->air_busy = g->air_busy || air;
		*at = i;
	}
	pthread_mutex_unlock(&g->lock);
	return found;
}

static void leave_air(struct gang *g)
{
	pthread_mutex_lock(&g->lock);
	g->air_busy = false;
	pthread_mutex_unlock(&g->lock);
}

static void *work(void *ctx)
{
	struct gang *g = ctx;
	size_t at;
	while (!atomic_load(&g->stop) && take_next(g, &at)) {
		struct outcome *o = xcalloc(1, sizeof *o);
		o->at = at;
		check_run(g->show, g->checks[at], &g->stop, &o->result);
		if (check_at(g, at)->touches_air)
			leave_air(g);
		REQUIRE(mailbox_post(g->box, &o));
	}
	/* Says that it ends. */
	struct outcome *end = xcalloc(1, sizeof *end);
	end->at = g->count;
	REQUIRE(mailbox_post(g->box, &end));
	return NULL;
}

/* How many run; signals are blocked in them as in the caller. */
static size_t start(struct gang *g, pthread_t *threads, struct err *err)
{
	size_t most = g->count < AT_ONCE_MOST ? g->count : AT_ONCE_MOST;
	size_t n = 0;
	int rc = 0;
	while (n < most &&
	       (rc = pthread_create(&threads[n], NULL, work, g)) == 0)
		n++;
	if (n == 0 && most > 0)
		err_set(err, ERR_AGAIN, "no thread for the checks: %s",
			strerror(rc));
	return n;
}

/* --- the caller --------------------------------------------------------- */

/* Blocked before any thread exists. What the shell ignores for us (nohup, a
 * job in the background) stays ignored. */
static int open_signals(sigset_t *before)
{
	static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t ours;
	sigemptyset(&ours);
	for (size_t i = 0; i < COUNT_OF(stops); i++) {
		struct sigaction now;
		sigaction(stops[i], NULL, &now);
		if (now.sa_handler != SIG_IGN)
			sigaddset(&ours, stops[i]);
	}
	pthread_sigmask(SIG_BLOCK, &ours, before);
	return signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* 0: none came. The next one has its usual effect. */
static int take_signal(int fd, const sigset_t *before)
{
	struct signalfd_siginfo info;
	if (read(fd, &info, sizeof info) != sizeof info)
		return 0;
	pthread_sigmask(SIG_SETMASK, before, NULL);
	return (int)info.ssi_signo;
}

/* Results that came, each when all before it did; `all`: whatever there is. */
static void hand_over(const struct gang *g, struct outcome **came, size_t *next,
		      bool all)
{
	for (; *next < g->count && (came[*next] || all); (*next)++) {
		struct outcome *o = came[*next];
		if (!o)
			continue;
		g->take(g->ctx, check_at(g, *next), &o->result);
		outcome_free(o);
		came[*next] = NULL;
	}
}

/* Until every worker has ended. */
static int gather(struct gang *g, size_t workers, int signal_fd,
		  const sigset_t *before)
{
	struct outcome **came = xcalloc(g->count + 1, sizeof(*came));
	struct outcome *o;
	size_t next = 0;
	int stopped_by = 0;
	while (workers) {
		struct pollfd fds[] = {
			{.fd = mailbox_fd(g->box), .events = POLLIN},
			{.fd = stopped_by ? -1 : signal_fd, .events = POLLIN},
		};
		if (poll(fds, 2, -1) < 0)
			REQUIRE(errno == EINTR);
		if (!stopped_by &&
		    (stopped_by = take_signal(signal_fd, before)))
			atomic_store(&g->stop, true);
		while ((o = mailbox_take(g->box))) {
			if (o->at < g->count) {
				came[o->at] = o;
			} else {
				workers--;
				outcome_free(o);
			}
		}
		hand_over(g, came, &next, !workers);
	}
	free(came);
	return stopped_by;
}

int at_once(const struct show *show, const int *checks, size_t count,
	    void (*take)(void *ctx, const struct show_check *check,
			 struct check_result *result),
	    void *ctx, struct err *err)
{
	struct gang g = {
		.show = show,
		.checks = checks,
		.count = count,
		.box = mailbox_new(count + AT_ONCE_MOST, outcome_free),
		.take = take,
		.ctx = ctx,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.taken = xcalloc(count + 1, sizeof *g.taken),
	};
	pthread_t threads[AT_ONCE_MOST];
	sigset_t before;
	int end = -1, signal_fd = open_signals(&before);
	if (signal_fd < 0) {
		err_set(err, ERR_AGAIN, "signals: %s", strerror(errno));
	} else {
		size_t workers = start(&g, threads, err);
		if (workers || !count)
			end = gather(&g, workers, signal_fd, &before);
		for (size_t i = 0; i < workers; i++)
			pthread_join(threads[i], NULL);
		close(signal_fd);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	mailbox_free(&g.box);
	free(g.taken);
	return end;
}
