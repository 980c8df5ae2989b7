#include "engine/trim.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/input.h"
#include "store/trimmer.h"

#define FIRST_MS 1000
#define HOUR_MS	 (60 * 60 * 1000)
#define DAY_MS	 (24 * INT64_C(3600000))
#define AGAIN_MS 30000		  /* after a failure */
#define LATER_MS (10 * 60 * 1000) /* the same, of what has time */
#define NICE	 10
#define POST_MS	 5000

struct trim {
	struct address *address;
	struct show *file;
	int64_t epoch;
	struct mailbox *engine;

	/* The round; its thread's until it is over. */
	pthread_t thread;
	bool runs;
	atomic_bool give_up, over;
	bool hourly;
	char run[sizeof((struct run *)0)->id];
	uint64_t next_look; /* how long the log is when it is due */
	struct err err, hour_err;

	int64_t hour_at_ms, not_before_ms; /* mono */
	char told[sizeof((struct err *)0)->text];
};

struct trim *trim_new(const struct address *address, const struct show *file,
		      int64_t epoch, struct mailbox *engine)
{
	struct trim *t = xcalloc(1, sizeof *t);
	t->address = address_clone(address);
	t->file = show_ref((struct show *)(uintptr_t)file);
	t->epoch = epoch;
	t->engine = engine;
	t->hour_at_ms = clock_mono_ms() + FIRST_MS;
	t->next_look = (uint64_t)file->retention.events / 2;
	return t;
}

/* --- the round, in its thread ------------------------------------------- */

/* From the engine's own thread it does not wait: that would be for itself. */
static void post_note(struct trim *t, const char *text, int wait_ms)
{
	struct input *in = input_new(INPUT_COMMAND);
	in->action = ACTION_NOTE;
	in->by = xstrdup("showcaller");
	in->args[0] = xstrdup(text);
	if (!mailbox_post_wait(t->engine, &in, wait_ms))
		input_free(&in);
}

static void note(void *whose, const char *text)
{
	log_info("engine", "%s", text);
	post_note(whose, text, POST_MS);
}

static bool sweep(struct trim *t, struct trimmer *trimmer)
{
	int64_t age_ms = t->file->retention.messages_days * DAY_MS;
	bool ok = trimmer_sweep(trimmer, "commands", age_ms, &t->hour_err) &&
		  trimmer_sweep(trimmer, "proposals", age_ms, &t->hour_err) &&
		  trimmer_sweep(trimmer, "votes", age_ms, &t->hour_err);
	for (size_t i = 0; ok && i < t->file->agent_count; i++) {
		const struct show_agent *agent = &t->file->agents[i];
		if (agent->via != VIA_BUS)
			continue;
		char *stream = xasprintf("inbox:%s", agent->id);
		ok = trimmer_sweep(trimmer, stream, age_ms, &t->hour_err);
		free(stream);
	}
	return ok;
}

static void work(struct trim *t, struct trimmer *trimmer)
{
	const struct show_retention *keep = &t->file->retention;
	bool ok = keep->events == 0 ||
		  trimmer_trim(trimmer, (uint64_t)keep->events, &t->next_look,
			       &t->err);
	if (ok && t->hourly && keep->messages_days > 0)
		ok = sweep(t, trimmer);
	if (ok && t->hourly && keep->runs_days > 0)
		trimmer_retire(trimmer,
			       clock_show_ms() - keep->runs_days * DAY_MS,
			       t->run, note, t, &t->hour_err);
}

static void *round_of(void *arg)
{
	struct trim *t = arg;
	/* Whoever performs goes first. (Of this thread alone, on Linux.) */
	pthread_setname_np(pthread_self(), "trim");
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	struct trimmer *trimmer = trimmer_open(t->address, t->file, t->epoch,
					       &t->give_up, &t->err);
	if (trimmer)
		work(t, trimmer);
	trimmer_close(&trimmer);
	malloc_trim(0); /* a model and a snapshot or two */
	t->over = true;
	return NULL;
}

/* --- the engine's ------------------------------------------------------- */

static void begin_round(struct trim *t, const struct model *m, int64_t mono_ms)
{
	t->hourly = mono_ms >= t->hour_at_ms;
	if (t->hourly)
		t->hour_at_ms = mono_ms + HOUR_MS;
	t->over = false;
	t->err = t->hour_err = (struct err){0};
	memcpy(t->run, m->run.id, sizeof t->run);
	t->runs = pthread_create(&t->thread, NULL, round_of, t) == 0;
	if (!t->runs)
		t->not_before_ms = mono_ms + AGAIN_MS;
}

/* What passes by itself only the core's own log says. */
static void tell_trouble(struct trim *t)
{
	bool passes =
		t->err.code == ERR_UNAVAILABLE || t->err.code == ERR_AGAIN;
	char *text = xasprintf("the log is not trimmed: %s", t->err.text);
	log_warn("engine", "%s", text);
	if (!passes)
		post_note(t, text, 0);
	free(text);
}

/* Each trouble is said once. */
static void end_round(struct trim *t, int64_t mono_ms)
{
	pthread_join(t->thread, NULL);
	t->runs = false;
	if (t->hour_err.code) {
		log_warn("engine", "old messages and archives stay for now: %s",
			 t->hour_err.text);
		t->hour_at_ms = mono_ms + LATER_MS;
	}
	if (!t->err.code) {
		t->told[0] = '\0';
		return;
	}
	t->not_before_ms = mono_ms + AGAIN_MS;
	if (t->hourly) /* it was not done */
		t->hour_at_ms = t->not_before_ms;
	if (strcmp(t->told, t->err.text) != 0)
		tell_trouble(t);
	memcpy(t->told, t->err.text, sizeof t->told);
}

static bool is_due(const struct trim *t, const struct model *m, int64_t mono_ms)
{
	bool long_enough = t->file->retention.events && m->seq >= t->next_look;
	return mono_ms >= t->not_before_ms &&
	       (long_enough || mono_ms >= t->hour_at_ms);
}

void trim_tick(struct trim *t, const struct model *m, int64_t mono_ms)
{
	if (t->runs && t->over)
		end_round(t, mono_ms);
	if (!t->runs && is_due(t, m, mono_ms))
		begin_round(t, m, mono_ms);
}

int64_t trim_due_ms(const struct trim *t)
{
	if (t->runs)
		return -1;
	return t->hour_at_ms > t->not_before_ms ? t->hour_at_ms
						: t->not_before_ms;
}

void trim_free(struct trim **trim)
{
	struct trim *t = *trim;
	*trim = NULL;
	if (!t)
		return;
	t->give_up = true;
	if (t->runs)
		pthread_join(t->thread, NULL);
	address_free(&t->address);
	show_unref(&t->file);
	free(t);
}
