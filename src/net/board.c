#include "net/board.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct note *note_new(const char *text)
{
	size_t bytes = strlen(text);
	struct note *note = xmalloc(sizeof *note + NOTE_ROOM + bytes);
	note->refs = 1;
	note->bytes = bytes;
	memcpy(note->data + NOTE_ROOM, text, bytes);
	return note;
}

struct note *note_ref(struct note *note)
{
	if (note)
		note->refs++;
	return note;
}

void note_unref(struct note **note)
{
	if (*note && --(*note)->refs == 0)
		free(*note);
	*note = NULL;
}

/* The first change after rest at once, then at most ten a second. */
static void changed(struct board *b, int64_t now_ms)
{
	if (b->dirty)
		return;
	int64_t soonest = b->turn_ms - BOARD_SLACK_MS;
	b->dirty = true;
	b->due_ms = soonest > now_ms ? soonest : now_ms;
}

void board_set_polls(struct board *b, const char *text, int64_t now_ms)
{
	note_unref(&b->polls);
	b->polls = note_new(text);
	/* The state holds every tally, so the old ones are said with it. */
	b->polls_version = ++b->version;
	changed(b, now_ms);
}

void board_set_tally(struct board *b, const char *poll, const char *text,
		     int64_t now_ms)
{
	struct board_slot *slot = NULL;
	for (size_t i = 0; i < b->slot_count; i++)
		if (!strcmp(b->slots[i].poll, poll))
			slot = &b->slots[i];
	if (!slot) {
		GROW(b->slots, b->slot_count, b->slot_cap);
		slot = &b->slots[b->slot_count++];
		*slot = (struct board_slot){.poll = xstrdup(poll)};
	}
	note_unref(&slot->note);
	slot->note = note_new(text);
	slot->version = ++b->version;
	changed(b, now_ms);
}

bool board_is_due(struct board *b, int64_t now_ms)
{
	if (!b->dirty || now_ms < b->due_ms)
		return false;
	b->dirty = false;
	b->turn_ms =
		(now_ms > b->turn_ms ? now_ms : b->turn_ms) + BOARD_INTERVAL_MS;
	return true;
}

struct note *board_next(struct board *b, struct board_seen *seen)
{
	if (!b->polls)
		return NULL;
	if (seen->polls != b->polls_version && (!b->dirty || !seen->polls)) {
		seen->polls = seen->tally = b->polls_version;
		return b->polls;
	}
	struct board_slot *next = NULL;
	for (size_t i = 0; !b->dirty && i < b->slot_count; i++) {
		struct board_slot *slot = &b->slots[i];
		if (slot->version > seen->tally &&
		    (!next || slot->version < next->version))
			next = slot;
	}
	if (!next)
		return NULL; /* or told with the others, when it is due */
	seen->tally = next->version;
	return next->note;
}

void board_release(struct board *b)
{
	for (size_t i = 0; i < b->slot_count; i++) {
		free(b->slots[i].poll);
		note_unref(&b->slots[i].note);
	}
	free(b->slots);
	note_unref(&b->polls);
	*b = (struct board){0};
}
