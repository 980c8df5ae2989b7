/*
 * bursts: finds votes that came in a burst: many for one option in a few
 * seconds, from addresses that each sent several and hardly anything else, while
 * the rest of the audience votes otherwise. What it finds it says in figures
 * that a person can judge; nothing is taken out by itself.
 *
 * It keeps the newest votes (BURSTS_KEPT), so that those that came before it was
 * found can be named; of addresses it knows a hash, and stores nothing. Engine
 * thread; pure but for its own memory.
 */
#ifndef ENGINE_BURSTS_H
#define ENGINE_BURSTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/input.h"

#define BURSTS_KEPT	 16384
#define BURSTS_WINDOW_MS 3000
#define BURSTS_EACH	 8   /* votes of an address, at least */
#define BURSTS_PURE	 900 /* of a thousand of its votes, for that option */
#define BURSTS_USUAL	 850 /* the rest votes so, too: nothing is odd */
#define BURSTS_SOURCES	 256 /* addresses of one burst */

struct bursts;
struct bursts *bursts_new(void);
void bursts_free(struct bursts **bursts);

/* A vote that was counted; `burst` as it was marked. */
void bursts_voted(struct bursts *b, int stage, int option, uint64_t source,
		  const char *voter, int burst, int64_t now_ms);
/* Which burst a vote belongs to; 0: none. */
int bursts_of(const struct bursts *b, int stage, int option, uint64_t source);
/* How the others vote: all votes by option that are of no burst. */
void bursts_rest(struct bursts *b, int stage, const int64_t *counts,
		 size_t options);
/* The next burst that nobody was told of, of `least` votes or more; false: none.
 * It is told once. */
bool bursts_find(struct bursts *b, int64_t least, int64_t now_ms, int *stage,
		 int *option, struct burst_facts *facts);
/* What was found there has this number now; its votes are those that
 * bursts_take() gives, one batch after the other until it gives none. */
void bursts_begin(struct bursts *b, int stage, int option, int burst);
/* Voters whose votes are of a burst and not marked, which they are from now on;
 * lent until the next call. */
size_t bursts_take(struct bursts *b, int *stage, int *burst,
		   const char **voters, size_t most);
/* The poll is a new one. */
void bursts_forget(struct bursts *b, int stage);

#endif
