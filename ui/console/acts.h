/*
 * acts: what a person did, in words, from the event that says it. Pure; the
 * console's thread.
 */
#ifndef CONSOLE_ACTS_H
#define CONSOLE_ACTS_H

#include <stddef.h>

#include "core/event.h"

/* "approved 1,500 tokens for monologue" into `out`, which is returned. Clean.
 */
const char *acts_words(const struct event *e, char *out, size_t out_bytes);

#endif
