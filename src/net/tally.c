/*
 * tally: what an audience sees of the polls. A newcomer gets the whole state;
 * afterwards only what is newer than what it has, at most ten times a second,
 * and a slow one skips to the newest: nothing piles up for it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/ws_priv.h"

static void wake_all(struct ws *ws)
{
	for (struct session *s = ws->sessions[SIDE_AUDIENCE]; s; s = s->next)
		session_want_write(s);
	for (struct session *s = ws->sessions[SIDE_OPERATOR]; s; s = s->next)
		if (s->topics & 1u << WS_TALLIES)
			session_want_write(s);
}

static void flush(lws_sorted_usec_list_t *timer)
{
	struct ws *ws = lws_container_of(timer, struct ws, flush_timer);
	if (!ws->tally_dirty)
		return;
	ws->tally_dirty = false;
	ws->flushed_ms = clock_mono_ms();
	wake_all(ws);
}

/* The first change after rest at once, then at most ten a second. */
static void changed(struct ws *ws)
{
	if (ws->tally_dirty)
		return;
	ws->tally_dirty = true;
	int64_t left = ws->flushed_ms + WS_TALLY_INTERVAL_MS - clock_mono_ms();
	if (left <= 0)
		flush(&ws->flush_timer);
	else
		lws_sul_schedule(ws->context, 0, &ws->flush_timer, flush,
				 left * 1000);
}

void tally_set_polls(struct ws *ws, const char *text)
{
	note_unref(&ws->polls);
	ws->polls = note_new(text);
	/* The state holds every tally, so the old ones are said with it. */
	ws->polls_version = ++ws->tally_version;
	changed(ws);
}

void tally_set(struct ws *ws, const char *poll, const char *text)
{
	struct tally_slot *slot = NULL;
	for (size_t i = 0; i < ws->slot_count; i++)
		if (!strcmp(ws->slots[i].poll, poll))
			slot = &ws->slots[i];
	if (!slot) {
		GROW(ws->slots, ws->slot_count, ws->slot_cap);
		slot = &ws->slots[ws->slot_count++];
		*slot = (struct tally_slot){.poll = xstrdup(poll)};
	}
	note_unref(&slot->note);
	slot->note = note_new(text);
	slot->version = ++ws->tally_version;
	changed(ws);
}

struct note *tally_next(struct ws *ws, struct session *s)
{
	if (ws->polls && s->polls_seen != ws->polls_version) {
		s->polls_seen = s->tally_seen = ws->polls_version;
		return ws->polls;
	}
	struct tally_slot *next = NULL;
	for (size_t i = 0; i < ws->slot_count; i++) {
		struct tally_slot *slot = &ws->slots[i];
		if (slot->version > s->tally_seen &&
		    (!next || slot->version < next->version))
			next = slot;
	}
	if (!next || ws->tally_dirty)
		return NULL; /* the flush will wake us */
	s->tally_seen = next->version;
	return next->note;
}

void tally_release(struct ws *ws)
{
	for (size_t i = 0; i < ws->slot_count; i++) {
		free(ws->slots[i].poll);
		note_unref(&ws->slots[i].note);
	}
	free(ws->slots);
	note_unref(&ws->polls);
}
