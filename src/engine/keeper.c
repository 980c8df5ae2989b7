#include "engine/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/snapshot.h"
#include "store/client.h"
#include "store/kept.h"

#define NICE 10

#define CHUNK	2000  /* events; Redis gives them in two milliseconds */
#define TRIM_MS 10000 /* between two looks for memory to give back */
#define WAY_MS	250   /* of reading, and then one is made on the way */

/* A copy of struct status_extra with its texts. */
struct last {
	struct status_extra extra;
	char why[256], fsync[24], url[512];
};

struct keeper {
	pthread_t thread;
	/* The thread's own. */
	struct address *address;
	struct show *show;
	int64_t epoch;
	char *state_dir;
	char *begin;	 /* the snapshot where the model begins; NULL: it has */
	struct model *m; /* NULL: it is lost, and there is nothing to make */
	struct client *client;
	int64_t trim_at_ms;

	pthread_mutex_t lock;
	pthread_cond_t told, ended;
	/* Under the lock. */
	bool stop, keep, to_the_end, last;
	struct last wish;
	bool is_done;
	struct keeper_done done;
};

/* --- the model ----------------------------------------------------------- */

static void begin_model(struct keeper *k, struct err *err)
{
	k->m = model_restore(k->show, k->begin, strlen(k->begin), err);
	free(k->begin);
	k->begin = NULL;
}

/* A run of another definition cannot come while this core leads: it would
 * have to write it. */
static bool fold_one(struct keeper *k, const struct event *e, struct err *err)
{
	if (e->seq != k->m->seq + 1)
		return err_set(err, ERR_DATA,
			       "event %llu follows %llu in the log",
			       (unsigned long long)e->seq,
			       (unsigned long long)k->m->seq);
	const char *hash = event_str(e, "hash", "");
	if (e->type == EVENT_RUN_START && strcmp(hash, k->show->hash) != 0)
		return err_set(err, ERR_DATA,
			       "run %s began with another definition", e->run);
	model_apply(k->m, e);
	return true;
}

/* Reads on to the end of the log; `until_ms` (mono, 0: never) comes first when
 * more is written than can be read. */
static bool catch_up(struct keeper *k, int64_t until_ms, struct err *err)
{
	int n = 1;
	bool ok = true;
	if (!k->client)
		k->client = client_open(k->address, k->show->id, err);
	if (!k->client)
		return false;
	while (ok && n > 0 && !(until_ms && clock_mono_ms() >= until_ms)) {
		struct event **events = NULL;
		n = client_events(k->client, k->m->seq, CHUNK, 0, &events, err);
		for (int i = 0; i < n; i++) {
			ok = ok && fold_one(k, events[i], err);
			event_free(&events[i]);
		}
		free(events);
	}
	if (n < 0)
		client_close(&k->client);
	if (!ok)
		model_free(&k->m);
	return ok && n >= 0;
}

/* --- what it makes ------------------------------------------------------- */

static bool put_snapshot(struct keeper *k, struct keeper_done *done)
{
	struct kept *kept = kept_begin(k->address, k->show->id, k->epoch,
				       k->m->run.id, &done->err);
	if (!kept)
		return false;
	model_snapshot_lines(k->m, kept_add, kept);
	return kept_end(&kept, k->m->seq, k->m->show->hash, &done->bytes,
			&done->err);
}

static void keep(struct keeper *k, bool to_the_end)
{
	struct keeper_done done = {0};
	int64_t until_ms = to_the_end ? 0 : clock_mono_ms() + WAY_MS;
	if (!k->m)
		err_set(&done.err, ERR_DATA, "the model for it was lost");
	else if (catch_up(k, until_ms, &done.err)) {
		int64_t begin_ms = clock_mono_ms();
		done.ok = put_snapshot(k, &done);
		done.took_ms = clock_mono_ms() - begin_ms;
	}
	if (k->m) {
		done.seq = k->m->seq;
		memcpy(done.run, k->m->run.id, sizeof done.run);
	}
	pthread_mutex_lock(&k->lock);
	k->done = done;
	k->is_done = true;
	k->keep = false;
	pthread_cond_broadcast(&k->ended);
	pthread_mutex_unlock(&k->lock);
}

void keeper_write_now(const char *state_dir, const struct model *m,
		      const struct status_extra *extra)
{
	struct buf text = {0};
	char *path = xasprintf("%s/last.json", state_dir);
	char *temp = xasprintf("%s/last.json.new", state_dir);
	/* Not file_write(): its fsync would stop the show for it. A torn file
	 * after a power cut is refused by its reader. */
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	status_print(&text, m, extra, NULL, NULL);
	bool ok =
		fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len;
	if (fd >= 0)
		close(fd);
	if (!ok || rename(temp, path) != 0)
		log_warn("engine", "%s: %s", path, strerror(errno));
	free(temp);
	free(path);
	buf_release(&text);
}

static void write_last(struct keeper *k, struct last *last)
{
	struct err err = {0};
	if (k->m && last->extra.redis_connected &&
	    !catch_up(k, clock_mono_ms() + WAY_MS, &err))
		log_warn("engine", "last.json may be behind: %s", err.text);
	if (!k->m)
		return;
	last->extra.redis_url = last->url;
	last->extra.redis_why = last->why[0] ? last->why : NULL;
	last->extra.redis_fsync = last->fsync[0] ? last->fsync : NULL;
	keeper_write_now(k->state_dir, k->m, &last->extra);
}

/* --- the thread ---------------------------------------------------------- */

/* What a burst of work needed, and nobody needs now, stays with glibc's heaps
 * otherwise: with ten thousand stages that was as much as all models. */
static void give_back(struct keeper *k)
{
	int64_t now_ms = clock_mono_ms();
	if (now_ms < k->trim_at_ms)
		return;
	k->trim_at_ms = now_ms + TRIM_MS;
	malloc_trim(0);
}

static void *keeper_thread(void *arg)
{
	struct keeper *k = arg;
	struct err err = {0};
	/* Whoever performs goes first. (Of this thread alone, on Linux.) */
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	begin_model(k, &err);
	if (!k->m)
		log_warn("engine", "no snapshots are made: %s", err.text);
	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		bool wants_keep = k->keep, wants_last = k->last;
		bool to_the_end = k->to_the_end;
		struct last last = k->wish;
		k->last = false;
		if (!wants_keep && !wants_last) {
			pthread_cond_wait(&k->told, &k->lock);
			continue;
		}
		pthread_mutex_unlock(&k->lock);
		if (wants_keep)
			keep(k, to_the_end);
		if (wants_last)
			write_last(k, &last);
		give_back(k);
		pthread_mutex_lock(&k->lock);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

static void keeper_free(struct keeper *k)
{
	client_close(&k->client);
	model_free(&k->m);
	address_free(&k->address);
	show_unref(&k->show);
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->told);
	pthread_cond_destroy(&k->ended);
	free(k->begin);
	free(k->state_dir);
	free(k);
}

struct keeper *keeper_start(const struct address *address,
			    const struct show *show, int64_t epoch,
			    const char *state_dir, char **snapshot,
			    struct err *err)
{
	struct keeper *k = xcalloc(1, sizeof *k);
	pthread_condattr_t attr;
	k->address = address_clone(address);
	k->show = show_ref((struct show *)(uintptr_t)show);
	k->epoch = epoch;
	k->state_dir = xstrdup(state_dir);
	k->trim_at_ms = clock_mono_ms() + TRIM_MS;
	k->begin = *snapshot;
	*snapshot = NULL;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->told, NULL);
	pthread_cond_init(&k->ended, &attr);
	pthread_condattr_destroy(&attr);
	int error = pthread_create(&k->thread, NULL, keeper_thread, k);
	if (error == 0) {
		pthread_setname_np(k->thread, "keeper");
		return k;
	}
	err_set(err, ERR_AGAIN, "no thread for the snapshots: %s",
		strerror(error));
	keeper_free(k);
	return NULL;
}

/* --- the engine's -------------------------------------------------------- */

void keeper_stop(struct keeper **keeper)
{
	struct keeper *k = *keeper;
	*keeper = NULL;
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->told);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	keeper_free(k);
}

void keeper_keep(struct keeper *k, bool to_the_end)
{
	pthread_mutex_lock(&k->lock);
	k->keep = true;
	k->to_the_end = to_the_end;
	k->is_done = false;
	pthread_cond_signal(&k->told);
	pthread_mutex_unlock(&k->lock);
}

bool keeper_wait(struct keeper *k, int timeout_ms, struct keeper_done *done)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += timeout_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&k->lock);
	int rc = 0;
	while (timeout_ms > 0 && !k->is_done && rc == 0)
		rc = pthread_cond_timedwait(&k->ended, &k->lock, &until);
	bool is_done = k->is_done;
	if (is_done)
		*done = k->done;
	k->is_done = false;
	pthread_mutex_unlock(&k->lock);
	return is_done;
}

bool keeper_done(struct keeper *k, struct keeper_done *done)
{
	return keeper_wait(k, 0, done);
}

void keeper_write_last(struct keeper *k, const struct status_extra *extra)
{
	pthread_mutex_lock(&k->lock);
	struct last *w = &k->wish;
	w->extra = *extra;
	snprintf(w->url, sizeof w->url, "%s", extra->redis_url);
	snprintf(w->why, sizeof w->why, "%s",
		 extra->redis_why ? extra->redis_why : "");
	snprintf(w->fsync, sizeof w->fsync, "%s",
		 extra->redis_fsync ? extra->redis_fsync : "");
	k->last = true;
	pthread_cond_signal(&k->told);
	pthread_mutex_unlock(&k->lock);
}
