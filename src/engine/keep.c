/* The snapshots: where the next core and the next reader begin. The keeper
 * makes them beside the show; here is when: not more often than they are worth
 * (as many bytes as the events that they stand for, and a small share of the
 * time), and at an orderly stop. */
#include "engine/conductor.h"

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define KEEP_EVENTS    500
#define KEEP_MS	       30000
#define LEAST_MS       2500 /* between two: a burst has Redis for itself */
#define BYTES_AN_EVENT 256  /* of the log, about */
#define SHARE	       10   /* of the time: one part in so many */
#define TURN_MS	       50   /* while it is waited for, at the end */

/* Behind so many the keeper takes no rest but for its share: whoever attaches
 * has to fold them, which takes a tenth of a second. */
#define FLOOD_EVENTS 40000
#define FLOOD_SHARE  3

static bool can_keep(const struct engine *e)
{
	return !e->away && !e->keep.out && e->m->run.id[0] &&
	       e->m->seq != e->keep.seq;
}

static void keep_now(struct engine *e, bool to_the_end, int64_t mono_ms)
{
	e->keep.out = true;
	e->keep.at_ms = mono_ms;
	keeper_keep(e->keeper, to_the_end);
}

static void take_done(struct engine *e, const struct keeper_done *done)
{
	struct keep *k = &e->keep;
	int64_t mono_ms = clock_mono_ms();
	k->out = false;
	/* The reading before it is part of the time, so that the keeper does
	 * not rest while a flood goes on. */
	k->not_before_ms = k->at_ms + SHARE * done->took_ms;
	k->flood_not_before_ms = k->at_ms + FLOOD_SHARE * done->took_ms;
	if (!done->ok) {
		if (done->err.code != ERR_UNAVAILABLE &&
		    strcmp(k->told, done->err.text) != 0)
			log_warn("engine",
				 "the snapshot at event %llu was not kept: %s",
				 (unsigned long long)done->seq, done->err.text);
		memcpy(k->told, done->err.text, sizeof k->told);
		k->not_before_ms = mono_ms + KEEP_MS;
		k->flood_not_before_ms = k->not_before_ms;
		return;
	}
	k->told[0] = '\0';
	k->seq = done->seq;
	k->bytes = done->bytes;
	memcpy(k->run, done->run, sizeof k->run);
}

/* Fewer, where little stays in Redis. */
static uint64_t least_events(const struct engine *e)
{
	uint64_t least = (uint64_t)e->settings->show->retention.events / 2;
	return least == 0 || least > KEEP_EVENTS ? KEEP_EVENTS : least;
}

/* Events after which the next one is due. */
static uint64_t enough(const struct engine *e)
{
	uint64_t worth = e->keep.bytes / BYTES_AN_EVENT;
	uint64_t least = least_events(e);
	return worth > least ? worth : least;
}

static int64_t least_ms(const struct engine *e)
{
	return LEAST_MS * (int64_t)least_events(e) / KEEP_EVENTS;
}

/* The keeper follows a flood without a rest, so that what is left to fold stays
 * short. */
static bool is_flood_due(const struct engine *e, int64_t mono_ms)
{
	const struct keep *k = &e->keep;
	uint64_t many = enough(e) > FLOOD_EVENTS ? enough(e) : FLOOD_EVENTS;
	return mono_ms >= k->flood_not_before_ms && e->m->seq - k->seq >= many;
}

void keep_tick(struct engine *e, int64_t mono_ms)
{
	const struct keep *k = &e->keep;
	struct keeper_done done;
	if (k->out && keeper_done(e->keeper, &done))
		take_done(e, &done);
	if (!can_keep(e))
		return;
	if (is_flood_due(e, mono_ms)) {
		keep_now(e, false, mono_ms);
		return;
	}
	if (mono_ms < k->not_before_ms || mono_ms - k->at_ms < least_ms(e))
		return;
	/* Whoever reads a run of another definition begins with that. */
	bool new_run = strcmp(k->run, e->m->run.id) != 0;
	if (new_run || e->m->seq - k->seq >= enough(e) ||
	    mono_ms - k->at_ms >= KEEP_MS)
		keep_now(e, false, mono_ms);
}

int64_t keep_due_ms(const struct engine *e)
{
	const struct keep *k = &e->keep;
	if (!can_keep(e))
		return -1;
	int64_t at_ms = k->at_ms + KEEP_MS;
	return at_ms > k->not_before_ms ? at_ms : k->not_before_ms;
}

/* It is made while the lease is still kept: whoever waits for it takes over
 * when all is in order. */
void keep_last(struct engine *e)
{
	struct keeper_done done;
	int64_t end_ms = clock_mono_ms() + STOP_MS;
	bool asked = false;
	while (clock_mono_ms() < end_ms) {
		if (!asked && can_keep(e)) { /* behind the one under way */
			keep_now(e, true, clock_mono_ms());
			asked = true;
		}
		if (!e->keep.out)
			break;
		if (keeper_wait(e->keeper, TURN_MS, &done))
			take_done(e, &done);
		if (!e->away)
			writer_renew(e->writer);
		writer_pump(e->writer, POLLIN | POLLOUT);
	}
	keeper_stop(&e->keeper);
}
