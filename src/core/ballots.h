/*
 * ballots: votes of one poll on their way to be counted, many at once. Made by
 * whoever hears them (web, ws, the bus, a chat), moved through the engine's
 * mailbox as INPUT_VOTE, judged by the core, counted by Redis, and given back to
 * who made them with an answer to each. Pure.
 *
 * A vote from anywhere is:
 *
 *   struct ballots *b = ballots_new("route", BALLOTS_CHAT);
 *   ballots_add(b, "cave", "irc/ann", ballots_source("irc", "ann"), 0);
 *   struct input *in = input_votes(&b);
 *   if (!mailbox_post(engine, &in)) input_free(&in);
 *
 * It is counted once for its voter, however often it comes.
 */
#ifndef CORE_BALLOTS_H
#define CORE_BALLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/json_out.h"
#include "base/mem.h"

/* More are another batch: Redis is busy with one for about a millisecond. */
#define BALLOTS_MOST	  512
#define BALLOT_VOTER_MOST 128 /* bytes */
#define BALLOT_POLL_MOST  64

/* What is told of a vote. Those up to BALLOT_FULL are what Redis answers. */
enum ballot_answer {
	BALLOT_PENDING,
	BALLOT_COUNTED,
	BALLOT_SAME,   /* this very vote stands there */
	BALLOT_DOUBLE, /* the voter has voted */
	BALLOT_CLOSED,
	BALLOT_FULL, /* a million voters */
	BALLOT_NO_POLL,
	BALLOT_NO_OPTION,
	BALLOT_NOT_BEGUN,
	BALLOT_PAUSED,
	BALLOT_STALE, /* it is of an earlier opening of the poll */
	BALLOT_TOO_OFTEN,
	BALLOT_BUSY,
	BALLOT_UNSTORED,
	BALLOT_FENCED,
	BALLOT_ANSWERS,
};
const char *ballot_code(enum ballot_answer answer); /* "ok", "duplicate", ... */
const char *ballot_text(enum ballot_answer answer); /* for people */
static inline bool ballot_ok(enum ballot_answer answer)
{
	return answer == BALLOT_COUNTED;
}

enum ballots_from {
	BALLOTS_NOBODY, /* nobody waits for the answers */
	BALLOTS_WEB,
	BALLOTS_WS,
	BALLOTS_CHAT, /* nobody waits either */
	BALLOTS_BUS,  /* ballots.origin */
	BALLOTS_FROMS,
};
const char *ballots_from_name(enum ballots_from from); /* "web"; NULL: nobody */

/* How many votes came from where, as they were cast: one that is changed later
 * stays where it came from, and so does one of a burst that is excluded. */
#define BALLOTS_SUM_MOST (INT64_C(1) << 50)
struct ballots_sum {
	int64_t of[BALLOTS_FROMS];
};
bool ballots_sum_any(const struct ballots_sum *sum);
/* What stands in tally:<poll> at BALLOTS_SUM_FIELD and the name; false: it is
 * no such field. */
#define BALLOTS_SUM_FIELD ":from "
bool ballots_sum_take(struct ballots_sum *sum, const char *field, int64_t n);
/* {"web": 12, "chat": 3}: those that there are, and back. */
json_object *ballots_sum_json(const struct ballots_sum *sum);
/* The same as the member "from" of `o`; nothing when there are none. */
void ballots_sum_put(struct json_out *o, const struct ballots_sum *sum);
struct ballots_sum ballots_sum_read(json_object *o); /* NULL: none */
struct ballots_sum ballots_sum_of_node(struct json_node *o);

struct ballot {
	uint64_t source; /* where it came from, as ballots_source(); 0: unknown,
			    and then it is of no burst */
	uint64_t ticket; /* of whoever waits for the answer */
	uint32_t voter, choice; /* places in the text */
	short option;		/* index; set by the core, -1: none */
	unsigned char answer;	/* enum ballot_answer */
	unsigned char burst;	/* that it belongs to; 0: none */
};

struct ballots {
	struct ballots *next; /* for whoever has it */
	char poll[BALLOT_POLL_MOST];
	enum ballots_from from;
	int64_t opened_ms; /* the opening that is meant; 0: the one that is */
	char *id;	   /* BALLOTS_BUS: to whom the answer goes, or NULL */
	struct buf text;
	struct ballot *items;
	size_t count, cap;
	/* Set by the core. */
	int stage; /* -1: none */
	bool may_change;
	/* The engine's. */
	uint64_t tag;
};

struct ballots *ballots_new(const char *poll, enum ballots_from from);
void ballots_free(struct ballots **ballots);
/* At most BALLOTS_MOST. `voter` has 1 to BALLOT_VOTER_MOST bytes and begins with
 * its kind ("c:" a browser, "irc/"), so that nobody passes for another one. */
void ballots_add(struct ballots *b, const char *option, const char *voter,
		 uint64_t source, uint64_t ticket);
static inline const char *ballot_voter(const struct ballots *b, size_t i)
{
	return b->text.data + b->items[i].voter;
}
static inline const char *ballot_choice(const struct ballots *b, size_t i)
{
	return b->text.data + b->items[i].choice;
}
/* What they are, as another one; `b` is empty then. */
struct ballots *ballots_take(struct ballots *b);
/* Gives all that are pending this answer; true if any was. */
bool ballots_answer(struct ballots *b, enum ballot_answer answer);
size_t ballots_pending(const struct ballots *b);
/* Which source that is, never 0. */
uint64_t ballots_source(const char *kind, const char *name);

#endif
