/*
 * lock: one core of a show on one machine. <state dir>/core.lock is held by the
 * running core with an OFD lock (fcntl(2)), which the kernel drops when the
 * process dies, however it dies; so it never lies, unlike a pid in a file.
 */
#ifndef ENGINE_LOCK_H
#define ENGINE_LOCK_H

#include <stdbool.h>

#include "base/err.h"

/* A descriptor to keep until the end, -1 with ERR_AGAIN when a core of this
 * show runs here, with ERR_CONFIG when the folder cannot be written. */
int engine_lock_take(const char *state_dir, const char *show, struct err *err);

/* Asks without taking. `*pid` (may be NULL) gets the pid that core.pid names,
 * or 0. */
bool engine_lock_held(const char *state_dir, int *pid);
/* The pid in core.pid, 0: none. A core that ends in good order removes it. */
int engine_lock_pid(const char *state_dir);

#endif
