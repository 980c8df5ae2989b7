/*
 * llm_peer_wire: what the test LLM server writes, in the forms of the two APIs.
 * Pure. The documents: OpenAI's reference of chat completions and of their
 * stream; Anthropic's of messages, streaming messages and errors.
 */
#ifndef TESTS_LLM_PEER_WIRE_H
#define TESTS_LLM_PEER_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

/* What the asker wants and the words that change it. */
struct peer_plan {
	char *model, *words; /* words: "+a=1+b+" */
	char *text;	     /* the answer, all of it */
	int64_t input_tokens, max_tokens; /* max_tokens -1: not said */
	int64_t made;			  /* tokens that are really given */
	bool stream, include_usage, cut_short;
};

struct peer_api {
	const char *path;
	/* Into `out`: the stream's first events, one piece, its last events
	 * with the usage, an error event; the whole answer; an error's body. */
	void (*begin)(struct buf *out, const struct peer_plan *p);
	void (*piece)(struct buf *out, const struct peer_plan *p,
		      const char *text);
	void (*end)(struct buf *out, const struct peer_plan *p);
	void (*fault)(struct buf *out);
	void (*whole)(struct buf *out, const struct peer_plan *p);
	void (*refusal)(struct buf *out, int status, const char *text);
	/* Its sentence about a prompt above `room` tokens. Caller frees. */
	char *(*overflow)(int64_t prompt, int64_t room);
};

extern const struct peer_api peer_apis[2];

/* A word of the plan: -1 when it is not there, 0 when it has no number. */
int64_t peer_word(const char *words, const char *name);
/* The text of "name=TEXT". Caller frees; NULL when it is not there. */
char *peer_word_text(const char *words, const char *name);

int64_t peer_tokens(const char *text);
/* Bytes of the first token of a text; 0 at its end. */
size_t peer_token_bytes(const char *text);

#endif
