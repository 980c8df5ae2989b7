/*
 * logread: a log file (core/logfile.h) on disk, read event by event and checked
 * on the way: what `export` writes, and the archive files. One thread.
 */
#ifndef STORE_LOGREAD_H
#define STORE_LOGREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/logfile.h"
#include "core/replay.h"

struct logread;

/* Reads its head. NULL with err, without the path: ERR_DATA when it is no such
 * file, ERR_NO when a byte of it is not as it was written. */
struct logread *logread_open(const char *path, struct err *err);
void logread_close(struct logread **r);

/* The next event (the caller owns it): 1; 0 at the end, when all was there; -1
 * with err. */
int logread_next(struct logread *r, struct event **event, struct err *err);
/* Before its first event again. */
bool logread_rewind(struct logread *r, struct err *err);

/* Show, first, last; the facts of its end when all was read. */
const struct logfile_reader *logread_state(const struct logread *r);
/* The definition with that hash, "": any one; canonical JSON, NULL: it is not
 * there. Caller frees. */
char *logread_definition(const struct logread *r, const char *hash);
/* For struct replay; `whose` is the logread. */
struct show *logread_show(void *whose, const char *hash);

/* Folds what is left of it with `replay` (which is new; the caller ends it),
 * and looks whether every hash is what it says, to the last line. */
bool logread_verify(struct logread *r, struct replay *replay, struct err *err);
/* The same, with a model that has no stages: it finds all that logread_verify()
 * does but a definition that is missing, and takes little memory. */
bool logread_verify_story(struct logread *r, struct replay *replay,
			  struct err *err);

#endif
