/*
 * at_once: many checks side by side, their results in the order in which they
 * were asked for, each as soon as those before it are there.
 */
#ifndef CLI_AT_ONCE_H
#define CLI_AT_ONCE_H

#include <stddef.h>

#include "base/err.h"
#include "jobs/check.h"
#include "show/show.h"

#define AT_ONCE_MOST 100

/* Runs checks[0..count) (indexes into the show's). `take` gets each result on
 * the caller's thread and leaves it to us. Tests that touch the air run one at
 * a time. SIGINT, SIGTERM and SIGHUP stop them: those under way end, clean-up
 * included, and no other begins; a second signal ends the process.
 * Returns 0, the signal, or -1 with `err`. */
int at_once(const struct show *show, const int *checks, size_t count,
	    void (*take)(void *ctx, const struct show_check *check,
			 struct check_result *result),
	    void *ctx, struct err *err);

#endif
