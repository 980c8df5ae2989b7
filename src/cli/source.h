/*
 * source: the log that a command folds again: of a show's Redis (also when the
 * show is stopped: then its private redis-server is started for as long as it
 * takes, under the core's lock), or of an exported file.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "core/event.h"
#include "core/logfile.h"
#include "core/model.h"
#include "store/client.h"

struct source;

/* What the command's first operand names. NULL after a message, and then
 * *status is the exit status. */
struct source *source_open(const struct cli_args *args, int *status);
void source_close(struct source **s);

const char *source_show_id(const struct source *s);
/* What it is called in messages: the show's id, or the path. */
const char *source_name(const struct source *s);
/* NULL: a file. */
struct client *source_client(struct source *s);
/* NULL: of Redis. Its facts of the end are there when all was read. */
const struct logfile_reader *source_file(const struct source *s);

/* Numbers of the first and last event; 0: it is empty. What comes later is not
 * part of it. */
uint64_t source_first(const struct source *s);
uint64_t source_last(const struct source *s);

/* Why what was trimmed before the first one cannot be read here, in a sentence;
 * "" when nothing is missing, or somebody else trimmed it. */
const char *source_missing(const struct source *s);

/* The next event (the caller owns it): 1; 0 at the end; -1 with err. A file is
 * checked on the way: ERR_NO when a byte is not as it was written. */
int source_next(struct source *s, struct event **event, struct err *err);
/* Begins again before the event `from` (of a file: at its first). */
bool source_rewind(struct source *s, uint64_t from, struct err *err);

/* For struct replay: the definition with that hash, "": any one. `whose` is
 * the source. */
struct show *source_show(void *whose, const char *hash);
/* Its text (canonical JSON); NULL: not known. Caller frees. */
char *source_definition(struct source *s, const char *hash);

/* The snapshot of the last run, NULL: there is none. Caller frees. */
char *source_snapshot(struct source *s);
/* Of a log that was trimmed: where its fold can begin (struct replay.from).
 * NULL: at its first event, or nowhere. */
struct model *source_restore(struct source *s);

#endif
