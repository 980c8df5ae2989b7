/* The snapshots: where the next core and the next reader begin. They are made
 * beside the show, never between a decision and its commit: in a moment without
 * work when there is one, not more often than they are worth (as many bytes as
 * the events that they stand for, and a small share of the time), and at an
 * orderly stop. They go out behind the commits that they are the fold of. */
#include "engine/conductor.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/snapshot.h"

#define KEEP_EVENTS    500
#define KEEP_MS	       30000
#define BYTES_AN_EVENT 256 /* of the log, about */
#define SHARE	       50  /* of the time: one part in so many */
#define OVERDUE	       4 /* times the events: then also in the middle of work */
#define LOOK_MS	       200 /* at rest, for a quiet moment that was missed */

static bool can_keep(const struct engine *e)
{
	return !e->away && !e->keep.out && e->m->run.id[0] &&
	       e->m->seq != e->keep.seq && e->open.made.event_count == 0;
}

static void keep_now(struct engine *e, int64_t mono_ms)
{
	struct keep *k = &e->keep;
	int64_t begin_us = clock_mono_us();
	char *text = model_snapshot(e->m);
	writer_snapshot(e->writer, e->m->run.id, e->m->seq, e->m->show->hash,
			text);
	k->out = true;
	k->seq = e->m->seq;
	memcpy(k->run, e->m->run.id, sizeof k->run);
	k->bytes = strlen(text);
	k->at_ms = mono_ms;
	k->not_before_ms =
		mono_ms + SHARE * (clock_mono_us() - begin_us) / 1000;
	free(text);
}

/* Events after which the next one is due. */
static uint64_t enough(const struct engine *e)
{
	uint64_t worth = e->keep.bytes / BYTES_AN_EVENT;
	uint64_t least = (uint64_t)e->settings->show->retention.events / 2;
	if (least == 0 || least > KEEP_EVENTS)
		least = KEEP_EVENTS; /* less, where little stays in Redis */
	return worth > least ? worth : least;
}

void keep_tick(struct engine *e, int64_t mono_ms)
{
	const struct keep *k = &e->keep;
	if (!can_keep(e) || mono_ms < k->not_before_ms)
		return;
	uint64_t events = e->m->seq - k->seq;
	/* Whoever reads a run of another definition begins with that. */
	bool new_run = strcmp(k->run, e->m->run.id) != 0;
	bool due =
		new_run || events >= enough(e) || mono_ms - k->at_ms >= KEEP_MS;
	if (due && (engine_at_rest(e) || events >= OVERDUE * enough(e)))
		keep_now(e, mono_ms);
}

int64_t keep_due_ms(const struct engine *e)
{
	const struct keep *k = &e->keep;
	if (!can_keep(e))
		return -1;
	int64_t at_ms = k->at_ms + KEEP_MS;
	if (e->m->seq - k->seq >= enough(e))
		at_ms = clock_mono_ms() + LOOK_MS;
	return at_ms > k->not_before_ms ? at_ms : k->not_before_ms;
}

void keep_stored(struct engine *e, const struct writer_done *done)
{
	e->keep.out = false;
	if (done->how != WRITER_OK)
		log_warn("engine",
			 "the snapshot at event %llu was not kept: %s",
			 (unsigned long long)done->tag, done->text);
}

void keep_last(struct engine *e)
{
	e->keep.out = false;
	if (can_keep(e) && e->batch_count == 0)
		keep_now(e, clock_mono_ms());
}
