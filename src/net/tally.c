/*
 * tally: the WebSockets that follow the polls. One frame is made and written to
 * all of them in one pass, each time there is something to tell; only who has
 * no room waits for a turn of its own.
 *
 * lws would have each of them asked for, found by the loop and called back,
 * which takes as long as the writing itself.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/ws_priv.h"

static bool follows(const struct session *s)
{
	return s->side == SIDE_AUDIENCE || s->topics & 1u << WS_TALLIES;
}

struct note *tally_next(struct ws *ws, struct session *s)
{
	return follows(s) ? board_next(&ws->boards[s->side], &s->seen) : NULL;
}

static void tell_all(struct ws *ws, enum side_id side)
{
	for (struct session *s = ws->sessions[side]; s; s = s->next)
		if (follows(s))
			session_tell(s);
}

static void flush(lws_sorted_usec_list_t *timer);

static void schedule(struct ws *ws, int64_t now)
{
	int64_t due = 0;
	for (int side = 0; side < SIDES; side++) {
		const struct board *b = &ws->boards[side];
		if (b->dirty && (!due || b->due_ms < due))
			due = b->due_ms;
	}
	if (due)
		lws_sul_schedule(ws->context, 0, &ws->flush_timer, flush,
				 (due > now ? due - now : 0) * 1000 + 1);
}

void tally_tell(struct ws *ws)
{
	int64_t now = clock_mono_ms();
	for (int side = 0; side < SIDES; side++)
		if (board_is_due(&ws->boards[side], now))
			tell_all(ws, (enum side_id)side);
	schedule(ws, now);
}

static void flush(lws_sorted_usec_list_t *timer)
{
	tally_tell(lws_container_of(timer, struct ws, flush_timer));
}

void tally_set_polls(struct ws *ws, enum side_id side, const char *text)
{
	board_set_polls(&ws->boards[side], text, clock_mono_ms());
}

void tally_set(struct ws *ws, enum side_id side, const char *poll,
	       const char *text)
{
	board_set_tally(&ws->boards[side], poll, text, clock_mono_ms());
}

void tally_release(struct ws *ws)
{
	for (int side = 0; side < SIDES; side++)
		board_release(&ws->boards[side]);
}
