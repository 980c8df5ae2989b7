/*
 * board: what an audience is told of the polls: the whole state, and behind it
 * the newest tally of each poll. A newcomer gets the whole state; afterwards
 * only what is newer than what it has, at most ten times a second, and a slow
 * one skips to the newest: nothing piles up for it.
 *
 * Pure. Each thread that tells has boards of its own.
 */
#ifndef NET_BOARD_H
#define NET_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOARD_INTERVAL_MS 100
/* What comes every 100 ms and is a little late once must not be held back a
 * little more each time: so much earlier than its turn is early enough. */
#define BOARD_SLACK_MS 50

/* A message for many: printed once, counted, freed with its last reader. */
#define NOTE_ROOM 64 /* before the text, for the head of a frame */
struct note {
	int refs;
	size_t bytes;
	unsigned char data[]; /* NOTE_ROOM, then the text */
};
struct note *note_new(const char *text);
struct note *note_ref(struct note *note);
void note_unref(struct note **note);

/* The newest tally of one poll. */
struct board_slot {
	char *poll;
	struct note *note;
	uint64_t version;
};

struct board {
	struct note *polls; /* NULL: nothing is known yet */
	uint64_t polls_version, version;
	struct board_slot *slots;
	size_t slot_count, slot_cap;
	bool dirty;		 /* there is something to tell, at due_ms */
	int64_t due_ms, turn_ms; /* turn: of the next, ten a second */
};

/* What a reader has. Begins as noughts. */
struct board_seen {
	uint64_t polls, tally;
};

void board_set_polls(struct board *b, const char *text, int64_t now_ms);
void board_set_tally(struct board *b, const char *poll, const char *text,
		     int64_t now_ms);
/* True when readers are to be told now; they all are, in this very moment. */
bool board_is_due(struct board *b, int64_t now_ms);
/* The next message that this reader has not seen, or NULL. Lent. */
struct note *board_next(struct board *b, struct board_seen *seen);
void board_release(struct board *b);

#endif
