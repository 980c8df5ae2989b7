/*
 * names: ids to indices, in O(1). The keys are lent (they live in the show's
 * arena). Filled by one thread, then read by any. Private to src/show.
 */
#ifndef SHOW_NAMES_H
#define SHOW_NAMES_H

#include <stddef.h>

#include "base/mem.h"

#define NAME_NONE      (-1)
#define NAME_AMBIGUOUS (-2)

struct names {
	struct names_slot *slots;
	size_t mask; /* slots - 1; 0: empty */
};

/* Room for `count` names; there is no growing. */
void names_init(struct names *names, struct arena *arena, size_t count);
/* The value of `name`; NAME_NONE when it is new. The caller may set it. */
int *names_slot(struct names *names, const char *name);
int names_find(const struct names *names, const char *name);

struct show_index {
	struct names stages;  /* by id */
	struct names outputs; /* stages by id or output */
	struct names agents, mcp;
	struct names checks; /* "card\ntest" */
};

#endif
