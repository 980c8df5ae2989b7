/* launch: the core as a process of its own: a session without a terminal, its
 * log in <state dir>/core.log. */
#ifndef CLI_LAUNCH_H
#define CLI_LAUNCH_H

#include <stdbool.h>

#include "base/err.h"

/* Starts this program again with `argv` (NULL-ended; one word "--ready-fd=3" is
 * added by the caller) and waits until it says that the show runs. False with
 * what the core said. */
bool cli_launch(char *const *argv, const char *state_dir, struct err *err);

#define CLI_READY_FD 3

#endif
