/*
 * acts: what a person did, in words, from the event that says it, and what the
 * view keeps of it. Pure; the console's thread.
 */
#ifndef CONSOLE_ACTS_H
#define CONSOLE_ACTS_H

#include <stddef.h>

#include "console/view.h"
#include "core/event.h"

/* "approved 1,500 tokens for monologue" into `out`, which is returned. Clean.
 */
const char *acts_words(const struct event *e, char *out, size_t out_bytes);

/* Keeps what a person did, what became void by itself, and what the core said
 * as it began. */
void acts_keep(struct view *v, const struct event *event);
/* The core refused what we asked for (clean, "go two"), and says why; what another
 * person did lately is told as the reason instead. The event of that may come a
 * second behind the refusal, on another connection: then it is told anew, unless
 * an act was heard since we asked. */
void acts_refused(struct view *v, const char *asked, const char *why,
		  int64_t sent_mono_ms);

#endif
