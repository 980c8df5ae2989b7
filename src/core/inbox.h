/*
 * inbox: everything that waits for a human, as a fold. Pure.
 *
 * An item's id is "i<seq>" of the event that opened it, so an answer names
 * exactly one question and can never hit a newer one.
 */
#ifndef CORE_INBOX_H
#define CORE_INBOX_H

#include <stddef.h>
#include <stdint.h>

enum inbox_kind {
	INBOX_OVERAGE, /* a lease does not fit: approve [AMOUNT] | deny */
	INBOX_FAILED,  /* a stage failed: retry | skip | fail */
	INBOX_POLL,    /* a poll is undecided: the options' ids | extend */
};
const char *inbox_kind_name(enum inbox_kind kind);

struct inbox_item {
	char id[24];
	uint64_t seq;         /* of that event; items stand in its order */
	enum inbox_kind kind;
	int stage;
	int64_t tokens;       /* overage: asked for */
	int64_t opened_ms;
	int64_t deadline_ms;  /* 0: waits for ever */
	const char *fallback; /* the answer at the deadline; NULL: none. Literal */
	char *text;           /* one line, cleaned: who, why, how much */
	const char **choices; /* NULL-ended; what it lists is lent by the show
				 or literal */
};

struct inbox {
	struct inbox_item *items; /* oldest first */
	size_t count, cap;
};

struct model;
const struct inbox_item *inbox_find(const struct model *m, const char *id);

#endif
