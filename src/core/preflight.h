/*
 * preflight: what must be proven before the show goes live. Pure; for the core,
 * the panes and /status.
 */
#ifndef CORE_PREFLIGHT_H
#define CORE_PREFLIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "core/model.h"

enum open_why { OPEN_NEVER, OPEN_FAILED, OPEN_STALE, OPEN_DRIFT };

struct open_item {
	enum open_why why;
	int check; /* -1: OBS drifts */
};

/* What is open at `now_ms`, in the order of the file, OBS last; children of a
 * test that fails are left out. Returns how many there are; the first `max` of
 * them are in `items` (may be NULL). */
size_t preflight_open(const struct model *m, int64_t now_ms,
		      struct open_item *items, size_t max);
/* "Health/Redis failed", "Health/Redis is 12 min old". Caller frees. */
char *preflight_words(const struct model *m, const struct open_item *item,
		      int64_t now_ms);

#endif
