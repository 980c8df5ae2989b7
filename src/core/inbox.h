/*
 * inbox: everything that waits for a human, as a fold. Pure.
 *
 * An item's id is "i<seq>" of the event that opened it, so an answer names
 * exactly one question and can never hit a newer one. A stage that is held, has
 * failed, has an undecided poll, or whose calls ask for more asks one question
 * at a time; other questions stand beside it or belong to no stage at all.
 */
#ifndef CORE_INBOX_H
#define CORE_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum inbox_kind {
	INBOX_OVERAGE,	/* a lease does not fit */
	INBOX_FAILED,	/* a stage failed: retry | skip | fail */
	INBOX_POLL,	/* a poll is undecided: the options' ids | extend */
	INBOX_WARNING,	/* the episode has used as much as `warn_at` says */
	INBOX_CONFLICT, /* a late answer to be adopted does not fit any more */
	INBOX_PROPOSAL, /* an agent proposes a poll */
	INBOX_BURST,	/* votes of an open poll came in a burst */
	INBOX_KINDS,
};
const char *inbox_kind_name(enum inbox_kind kind);

/* The words of overages, warnings and conflicts, in the order in which they are
 * offered. An item offers those whose bit (1u << choice) it has. */
enum inbox_choice {
	CHOICE_APPROVE,	      /* [AMOUNT] for this once */
	CHOICE_APPROVE_STAGE, /* [AMOUNT] and the same for later attempts */
	CHOICE_CONTINUE,
	CHOICE_PAUSE,
	CHOICE_RAISE,	/* [AMOUNT] [TIME], taken back then */
	CHOICE_BORROW,	/* [STAGE] [AMOUNT] */
	CHOICE_CHEAPER, /* the call goes to the fallback agent */
	CHOICE_ADOPT_ANYWAY,
	CHOICE_DENY,
	CHOICE_DISCARD, /* [REASON] */
	CHOICE_EXCLUDE,
	CHOICE_KEEP,
	INBOX_CHOICES,
};
#define OFFER(choice) (1u << (choice))
const char *inbox_choice_name(enum inbox_choice choice);
int inbox_choice_find(const char *name); /* -1: none of them */

struct inbox_item {
	char id[24];
	uint64_t seq; /* of that event; items stand in its order */
	enum inbox_kind kind;
	int stage;	     /* -1: none */
	int agent;	     /* overage: who asks while its call goes on; -1 */
	int64_t tokens;	     /* overage: how many it lacks */
	int64_t cost_micros; /* overage: and how much money; 0 */
	int64_t wanted;	     /* overage: to be leased in all */
	int64_t left, rest;  /* overage: of the episode; what the other open
				stages may still need */
	char *reason;	     /* overage: episode, stage, agent, asked; warning:
				tokens, cost; NULL */
	uint64_t late;	     /* conflict: the answer, see late.h; 0 */
	int burst;	     /* burst: its number; 0 */
	unsigned offers;
	int64_t opened_ms;
	int64_t deadline_ms; /* 0: waits for ever */
	const char
		*fallback; /* the answer at the deadline; NULL: none. Literal */
	char *text;	   /* one line, cleaned: who, why, how much, when it
			      was asked; see inbox_text() */
	const char **choices; /* NULL-ended; what it lists is lent by the show
				 or literal */
	int slot;	      /* private: of its timer */
};

struct inbox {
	struct inbox_item *items; /* oldest first */
	size_t count, cap;
	uint64_t *slots; /* private: slot -> seq of its item, 0: free */
	size_t slot_count;
	size_t slot_free; /* no free one below */
};

struct model;
const struct inbox_item *inbox_find(const struct model *m, const char *id);
/* The question that the stage itself asks, or NULL. */
const struct inbox_item *inbox_of_stage(const struct model *m, int stage);
/* What an item is about as it is now, not as it was when it was asked. */
struct inbox_figures {
	int64_t tokens, cost_micros; /* that lack */
	int64_t wanted;		     /* to be leased in all */
	const char *reason;	     /* the scope that lacks most; lent */
	int64_t left, rest;	     /* of the episode; what the other open
					stages need */
	bool likely;		     /* `rest` is what they likely need */
};
struct usage_rest;
/* `rest` is of usage_rest(); NULL: not wanted. */
struct inbox_figures inbox_figures(const struct model *m,
				   const struct inbox_item *item,
				   const struct usage_rest *rest);
/* One line for people, with these figures. Caller frees. */
char *inbox_text(const struct model *m, const struct inbox_item *item,
		 const struct usage_rest *rest);

/* It lacks money and no tokens: what is given in an answer is money. */
bool inbox_in_money(const struct inbox_item *item);
/* What waits behind it: further requests for leases of calls of its stage. */
struct inbox_behind {
	int requests;
	int64_t tokens; /* that they ask for, in all */
};
struct inbox_behind inbox_behind(const struct model *m,
				 const struct inbox_item *item);
bool inbox_offers(const struct inbox_item *item, const char *choice);

#endif
