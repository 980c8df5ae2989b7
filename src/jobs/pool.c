#include "jobs/pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/input.h"
#include "jobs/job.h"

#define QUEUE_MAX	 4096
#define THREADS_MAX	 256
#define ANSWER_MAX_BYTES (1024 * 1024)
#define FULL_RETRY_MS	 20

struct worker {
	struct pool *pool;
	pthread_t thread;
	struct job_room room;
	atomic_bool stop; /* of the job in hand */
	_Atomic int64_t due_ms;
	struct job *job;    /* under the lock, as all below */
	const char *awaits; /* the key of a call of its check on the bus */
	struct input *came; /* the answer to it */
};

struct pool {
	struct show *show;
	struct mailbox *engine;
	char *output_dir;
	size_t max_answer_bytes;

	pthread_mutex_t lock;
	pthread_cond_t work; /* there is a job, or it is over */
	pthread_cond_t calm; /* a job was cancelled, or it is over */
	struct job *first, *last;
	int queued, busy, threads;
	uint64_t done;
	bool over;
	struct worker *workers;
};

static void job_free(struct job *job)
{
	free(job->key);
	free(job->lease);
	free(job->request);
	free(job);
}

/* --- what a worker does ------------------------------------------------- */

static struct input *call_agent(const struct job_room *room,
				const struct job *job)
{
	static struct input *(*const call[])(const struct job_room *,
					     const struct job *) = {
		[VIA_HTTP] = job_call_http,
		[VIA_LLM] = job_call_llm,
		[VIA_EXEC] = job_call_exec,
		[VIA_MCP] = job_call_mcp,
	};
	const struct show_agent *agent = &room->show->agents[job->agent];
	struct input *in;
	if (clock_mono_ms() >= stop_due_ms(&room->stop, job->deadline_ms))
		in = job_error("timeout", false,
			       "no thread was free within %lld ms; run with "
			       "more pool threads",
			       (long long)job->limit_ms);
	else if ((size_t)agent->via < COUNT_OF(call) && call[agent->via])
		in = call[agent->via](room, job);
	else
		in = job_error("unsupported", false,
			       "agents via %s are not called by this version",
			       show_via_name(agent->via));
	in->stage = xstrdup(room->show->stages[job->stage].id);
	in->agent = xstrdup(agent->id);
	in->attempt = job->attempt;
	free(in->lease);
	in->lease = xstrdup(job->lease);
	free(in->key);
	in->key = xstrdup(job->key);
	return in;
}

/* Posts the outcome unless the job was cancelled, which cannot happen between
 * the look and the post. Only while the engine's mailbox is full does it look
 * again and again: a mailbox can be waited for, but not under our lock. */
static void deliver(struct worker *w, struct input **in)
{
	struct pool *p = w->pool;
	pthread_mutex_lock(&p->lock);
	while (*in && !w->job->cancelled && !mailbox_post(p->engine, in) &&
	       !mailbox_closed(p->engine)) {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += FULL_RETRY_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&p->calm, &p->lock, &until);
	}
	pthread_mutex_unlock(&p->lock);
	if (*in)
		input_free(in);
}

/* Progress may be lost: no waiting. */
static void post_progress(void *ctx, struct input **in)
{
	struct worker *w = ctx;
	pthread_mutex_lock(&w->pool->lock);
	if (!w->job->cancelled)
		mailbox_post(w->pool->engine, in);
	pthread_mutex_unlock(&w->pool->lock);
	if (*in)
		input_free(in);
}

static void wake_worker(struct worker *w)
{
	uint64_t one = 1;
	if (write(w->room.stop.fd, &one, sizeof one) < 0)
		REQUIRE(errno == EAGAIN); /* it is full of wakes already */
}

/* --- calls of checks that go over the bus -------------------------------- */

static struct input *take_came(struct worker *w)
{
	pthread_mutex_lock(&w->pool->lock);
	struct input *in = w->came;
	w->came = NULL;
	pthread_mutex_unlock(&w->pool->lock);
	return in;
}

static void await(struct worker *w, const char *key)
{
	pthread_mutex_lock(&w->pool->lock);
	w->awaits = key;
	pthread_mutex_unlock(&w->pool->lock);
}

/* The engine alone may write to Redis, so it is asked to. */
static struct input *ask_bus(void *ctx, const char *agent, const char *key,
			     const char *request, int64_t deadline_ms)
{
	struct worker *w = ctx;
	const struct stop *stop = &w->room.stop;
	struct input *in = input_new(INPUT_CHECK_CALL), *came = NULL;
	in->agent = xstrdup(agent);
	in->key = xstrdup(key);
	in->text = xstrdup(request);
	await(w, key);
	bool posted = mailbox_post(w->pool->engine, &in);
	while (posted && !(came = take_came(w)) && !stop_raised(stop) &&
	       clock_mono_ms() < deadline_ms) {
		struct pollfd fd = {.fd = stop->fd, .events = POLLIN};
		if (poll(&fd, 1, stop_wait_ms(stop, deadline_ms)) > 0)
			stop_woken(stop);
	}
	await(w, NULL);
	struct input *late = take_came(w);
	if (late && came)
		input_free(&late);
	if (late)
		came = late;
	if (in)
		input_free(&in);
	if (came)
		return came;
	if (!posted)
		return job_error("busy", false, "the core is busy");
	return stop_raised(stop)
		       ? job_error("cancelled", true, "cancelled")
		       : job_error("timeout", true,
				   "no answer came over the bus in time; does "
				   "the agent run?");
}

bool pool_answer_check(struct pool *p, struct input **input)
{
	struct input *in = *input;
	bool taken = false;
	pthread_mutex_lock(&p->lock);
	for (int i = 0; i < p->threads && !taken; i++) {
		struct worker *w = &p->workers[i];
		taken = w->awaits && !w->came && in->key &&
			strcmp(w->awaits, in->key) == 0;
		if (!taken)
			continue;
		w->came = in;
		*input = NULL;
		wake_worker(w);
	}
	pthread_mutex_unlock(&p->lock);
	return taken;
}

static void run_check(struct worker *w, const struct job *job)
{
	struct input *in = input_new(INPUT_CHECK);
	in->check.check = job->check;
	in->check.running = true;
	deliver(w, &in);

	struct check_result result;
	check_run_with(w->room.http, w->room.show, job->check, &w->room,
		       &w->room.stop, &result);
	in = input_new(INPUT_CHECK);
	in->check.check = job->check;
	in->check.ok = result.ok;
	in->check.latency_ms = result.total_ms;
	in->check.text = xstrdup(result.text);
	in->check.phases = check_phases(&result);
	in->check.failed = check_failed(&result);
	in->check.detail = xstrdup(json_text(result.detail));
	check_result_release(&result);
	deliver(w, &in);
}

static void run_job(struct worker *w, const struct job *job)
{
	struct input *in;
	/* A client costs descriptors, so a thread has none before it works. */
	if (!w->room.http)
		w->room.http = http_client_new();
	if (job->alert >= 0) {
		in = job_send_alert(&w->room, job);
		deliver(w, &in);
	} else if (job->check >= 0 && w->room.http) {
		run_check(w, job);
	} else if (job->check >= 0) {
		in = input_new(INPUT_CHECK);
		in->check.check = job->check;
		in->check.text = xstrdup("no descriptors left to call it");
		deliver(w, &in);
	} else {
		in = w->room.http ? call_agent(&w->room, job)
				  : job_error("no_resources", false,
					      "no descriptors left; raise "
					      "ulimit -n");
		deliver(w, &in);
	}
}

static struct job *take_job(struct worker *w)
{
	struct pool *p = w->pool;
	struct job *job = NULL;
	pthread_mutex_lock(&p->lock);
	while (!p->over && !p->first)
		pthread_cond_wait(&p->work, &p->lock);
	if (!p->over) {
		job = p->first;
		p->first = job->next;
		if (!p->first)
			p->last = NULL;
		p->queued--;
		p->busy++;
		w->job = job;
		/* Forget a cancel that came for the job before. */
		atomic_store(&w->stop, false);
		atomic_store(&w->due_ms, job->deadline_ms);
		stop_woken(&w->room.stop);
	}
	pthread_mutex_unlock(&p->lock);
	return job;
}

static void *work(void *ctx)
{
	struct worker *w = ctx;
	struct pool *p = w->pool;
	struct job *job;
	while ((job = take_job(w))) {
		run_job(w, job);
		pthread_mutex_lock(&p->lock);
		w->job = NULL;
		p->busy--;
		p->done++;
		pthread_mutex_unlock(&p->lock);
		job_free(job);
	}
	http_client_free(&w->room.http);
	return NULL;
}

/* --- the pool ----------------------------------------------------------- */

/* A core file of ours or of an agent would hold secrets. Programs inherit the
 * limit; it does not hold where core_pattern is a program, so we are not
 * dumpable either (proc(5)): nobody but root reads our memory or environment
 * then. */
static void forbid_core_files(void)
{
	struct rlimit limit;
	prctl(PR_SET_DUMPABLE, 0);
	if (getrlimit(RLIMIT_CORE, &limit) == 0) {
		limit.rlim_cur = 0;
		setrlimit(RLIMIT_CORE, &limit);
	}
}

static char *absolute(const char *path)
{
	if (!path || path[0] == '/')
		return xstrdup(path);
	char *here = getcwd(NULL, 0);
	char *whole = xasprintf("%s/%s", here ? here : ".", path);
	free(here);
	return whole;
}

static bool start_worker(struct pool *p, struct worker *w, struct err *err)
{
	w->pool = p;
	w->room = (struct job_room){
		.show = p->show,
		.stop = {.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			 .flag = &w->stop,
			 .due_ms = &w->due_ms},
		.max_answer_bytes = p->max_answer_bytes,
		.output_dir = p->output_dir,
		.progress = post_progress,
		.ask_bus = ask_bus,
		.ctx = w,
	};
	if (w->room.stop.fd < 0)
		return err_set(err, ERR_UNAVAILABLE,
			       "job threads: %s; raise ulimit -n",
			       strerror(errno));
	int rc = pthread_create(&w->thread, NULL, work, w);
	if (rc == 0)
		return true;
	close(w->room.stop.fd);
	return err_set(err, ERR_UNAVAILABLE,
		       "job threads: %s; run with fewer pool threads",
		       strerror(rc));
}

static bool start_workers(struct pool *p, int threads, struct err *err)
{
	sigset_t all, before;
	bool ok = true;
	sigfillset(&all);
	/* Signals belong to the thread that reads them from a descriptor. */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int i = 0; ok && i < threads; i++) {
		ok = start_worker(p, &p->workers[i], err);
		if (ok)
			p->threads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

struct pool *pool_new(const struct show *show,
		      const struct pool_settings *settings,
		      struct mailbox *engine, struct err *err)
{
	int threads = settings && settings->threads ? settings->threads
						    : POOL_THREADS_DEFAULT;
	if (threads < 1 || threads > THREADS_MAX) {
		err_set(err, ERR_USAGE, "pool threads: %d is not in 1..%d",
			threads, THREADS_MAX);
		return NULL;
	}
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	struct pool *p = xcalloc(1, sizeof *p);
	/* The show is immutable; what is kept is one more reference to it. */
	p->show = show_ref((struct show *)(uintptr_t)show);
	p->engine = engine;
	p->output_dir = absolute(settings ? settings->output_dir : NULL);
	p->max_answer_bytes = settings && settings->max_answer_bytes
				      ? settings->max_answer_bytes
				      : ANSWER_MAX_BYTES;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->calm, &attr);
	pthread_condattr_destroy(&attr);
	p->workers = xcalloc((size_t)threads, sizeof *p->workers);
	forbid_core_files();
	if (!start_workers(p, threads, err))
		pool_free(&p);
	return p;
}

/* Under the lock. */
static void stop_worker(struct worker *w)
{
	w->job->cancelled = true;
	atomic_store(&w->stop, true);
	wake_worker(w);
}

void pool_free(struct pool **pool)
{
	struct pool *p = *pool;
	*pool = NULL;
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->over = true;
	for (int i = 0; i < p->threads; i++)
		if (p->workers[i].job)
			stop_worker(&p->workers[i]);
	pthread_cond_broadcast(&p->work);
	pthread_cond_broadcast(&p->calm);
	pthread_mutex_unlock(&p->lock);
	for (int i = 0; i < p->threads; i++) {
		pthread_join(p->workers[i].thread, NULL);
		close(p->workers[i].room.stop.fd);
	}
	while (p->first) {
		struct job *next = p->first->next;
		job_free(p->first);
		p->first = next;
	}
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->calm);
	show_unref(&p->show);
	free(p->output_dir);
	free(p->workers);
	free(p);
}

static bool enqueue(struct pool *p, struct job *job)
{
	pthread_mutex_lock(&p->lock);
	bool room = p->queued < QUEUE_MAX && !p->over;
	if (room) {
		if (p->last)
			p->last->next = job;
		else
			p->first = job;
		p->last = job;
		p->queued++;
		pthread_cond_signal(&p->work);
	}
	pthread_mutex_unlock(&p->lock);
	if (!room)
		job_free(job);
	return room;
}

bool pool_call(struct pool *p, int stage, int agent, int attempt,
	       const char *key, const char *lease, int64_t lease_tokens,
	       int64_t limit_ms, const char *request)
{
	REQUIRE(stage >= 0 && (size_t)stage < p->show->stage_count);
	REQUIRE(agent >= 0 && (size_t)agent < p->show->agent_count);
	REQUIRE(key && request);
	struct job *job = xcalloc(1, sizeof *job);
	job->check = job->alert = -1;
	job->stage = stage;
	job->agent = agent;
	job->attempt = attempt;
	job->key = xstrdup(key);
	job->lease = xstrdup(lease);
	job->lease_tokens = lease_tokens;
	job->limit_ms = limit_ms;
	job->deadline_ms = clock_mono_ms() + limit_ms;
	job->request = xstrdup(request);
	return enqueue(p, job);
}

bool pool_check(struct pool *p, int check)
{
	REQUIRE(check >= 0 && (size_t)check < p->show->check_count);
	struct job *job = xcalloc(1, sizeof *job);
	job->check = check;
	job->agent = job->stage = job->alert = -1;
	job->key = xstrdup("");
	return enqueue(p, job);
}

bool pool_alert(struct pool *p, int alert, const char *lines)
{
	REQUIRE(alert >= 0 && (size_t)alert < p->show->alert_count);
	struct job *job = xcalloc(1, sizeof *job);
	job->alert = alert;
	job->agent = job->stage = job->check = -1;
	job->key = xstrdup("");
	job->request = xstrdup(lines);
	return enqueue(p, job);
}

static bool is_call(const struct job *job, const char *key, int agent)
{
	return job->check < 0 && job->alert < 0 && job->agent == agent &&
	       strcmp(job->key, key) == 0;
}

void pool_cancel_call(struct pool *p, const char *key, int agent)
{
	struct job *dropped = NULL;
	pthread_mutex_lock(&p->lock);
	struct job **at = &p->first, *before = NULL;
	while (*at) {
		struct job *job = *at;
		if (!is_call(job, key, agent)) {
			before = job;
			at = &job->next;
			continue;
		}
		*at = job->next;
		if (p->last == job)
			p->last = before;
		p->queued--;
		job->next = dropped;
		dropped = job;
	}
	for (int i = 0; i < p->threads; i++)
		if (p->workers[i].job && is_call(p->workers[i].job, key, agent))
			stop_worker(&p->workers[i]);
	pthread_cond_broadcast(&p->calm);
	pthread_mutex_unlock(&p->lock);
	while (dropped) {
		struct job *next = dropped->next;
		job_free(dropped);
		dropped = next;
	}
}

/* Under the lock. The thread that has it reads the due time alone; the
 * deadline of a job that waits is nobody's but the queue's. */
static bool stand(struct job *job, int64_t now_ms, int64_t *due_ms, bool stands)
{
	if (stands == (job->left_ms > 0))
		return false;
	if (stands) {
		int64_t left_ms = *due_ms - now_ms;
		job->left_ms = left_ms > 0 ? left_ms : 1;
		*due_ms = INT64_MAX;
	} else {
		*due_ms = now_ms + job->left_ms;
		job->left_ms = 0;
	}
	return true;
}

void pool_stand_call(struct pool *p, const char *key, int agent, bool stands)
{
	int64_t now_ms = clock_mono_ms();
	pthread_mutex_lock(&p->lock);
	for (struct job *job = p->first; job; job = job->next)
		if (is_call(job, key, agent))
			stand(job, now_ms, &job->deadline_ms, stands);
	for (int i = 0; i < p->threads; i++) {
		struct worker *w = &p->workers[i];
		if (!w->job || !is_call(w->job, key, agent))
			continue;
		int64_t due_ms = atomic_load(&w->due_ms);
		if (!stand(w->job, now_ms, &due_ms, stands))
			continue;
		atomic_store(&w->due_ms, due_ms);
		wake_worker(w);
	}
	pthread_mutex_unlock(&p->lock);
}

void pool_figures(struct pool *p, struct pool_figures *out)
{
	pthread_mutex_lock(&p->lock);
	*out = (struct pool_figures){
		.threads = p->threads,
		.busy = p->busy,
		.queued = p->queued,
		.done = p->done,
	};
	pthread_mutex_unlock(&p->lock);
}
