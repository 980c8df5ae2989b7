/*
 * prompt: a prompt's text, piece by piece. Pure; no state.
 *
 * {{ROOT.NAME}} stands for a value: an input of the stage, a member of the
 * story, an output that another stage has made, or a word about the call (see
 * prompt_words). {{{{ stands for {{. What a value does not have is filled in as
 * nothing.
 */
#ifndef SHOW_PROMPT_H
#define SHOW_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#define PROMPT_MAX_BYTES ((size_t)64 * 1024)

enum prompt_kind {
	PROMPT_LITERAL, /* text as it stands */
	PROMPT_INPUTS,	/* name: of an input, perhaps with members behind it;
			   empty: all inputs */
	PROMPT_STORY,	/* name: a member of the story, and so on */
	PROMPT_OUTPUTS, /* the same, but an output */
	PROMPT_WORD,	/* one of prompt_words, at `word` */
	PROMPT_UNKNOWN, /* no root of ours, or no such word */
	PROMPT_OPEN,	/* {{ without }} */
};

struct prompt_piece {
	enum prompt_kind kind;
	const char *text; /* of a literal; else what stands in the braces */
	size_t bytes;
	const char *name; /* behind the first dot; NUL-ended by nobody */
	size_t name_bytes;
	int word;
};

/* What may stand in the braces beside the three roots; NULL-ended. */
enum prompt_word {
	WORD_STAGE_ID,
	WORD_STAGE_DESCRIPTION,
	WORD_STAGE_GROUP,
	WORD_STAGE_OUTPUTS, /* the outputs that are wanted, ", " between */
	WORD_STAGE_ATTEMPT,
	WORD_STAGE_ERROR, /* why the last attempt failed; else empty */
	WORD_AGENT_ID,
	WORD_AGENT_ROLE,
	WORD_SHOW_ID,
	WORD_SHOW_TITLE,
	WORD_RUN_ID,
};
extern const char *const prompt_words[];

/* The bytes of the longest part of a name that can be an id: what is longer, or
 * lies behind it, is a way into a value. 0: no part can. prompt_shorter() is the
 * next shorter one. */
size_t prompt_longest(const struct prompt_piece *piece);
size_t prompt_shorter(const struct prompt_piece *piece, size_t bytes);

/* The next piece of `*rest`, which moves on. False at the end. */
bool prompt_next(const char **rest, struct prompt_piece *piece);

#endif
