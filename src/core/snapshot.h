/*
 * snapshot: a model as text and back. Pure.
 *
 * A model that is restored and then folds the events behind the snapshot is the
 * model that folded them all: the same snapshot comes out again, byte by byte.
 *
 * The text is lines, each a JSON object: the first has all that there is once
 * (seq, show, run, ledger, ...), and each has some of the leases ("leases"), of
 * the stages ("stages") and of the story's members ("doc"). So neither who
 * writes nor who reads it needs the whole as a tree. That of a small show is
 * one line, without an end.
 */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include "base/json_nodes.h"
#include "core/model.h"

/* What is written here and what is read there go together, member by member:
 * whoever changes either gives it the next number. Another one is refused, and
 * the log is folded instead. */
#define SNAPSHOT_FORMAT 4

/* A line is ended behind that many. Its reader makes nodes of it, which take
 * four times as much. */
#define SNAPSHOT_LINE_BYTES (64 * 1024)
/* Longer ones are not kept: the one before stays where a fold begins. */
#define SNAPSHOT_MAX_BYTES (64u << 20)

/* Each line in turn goes to `put`, which returns false to stop it; then it is
 * false too. Equal models give equal texts. */
bool model_snapshot_lines(const struct model *m,
			  bool (*put)(void *whose, const char *text,
				      size_t bytes),
			  void *whose);
/* What stands in it beside stages and document. Caller frees. */
struct json_nodes *snapshot_facts(const struct model *m);
/* The whole text. Caller frees. */
char *model_snapshot(const struct model *m);

/* The first line of a snapshot, for its facts: seq, show (the hash of the
 * definition). Caller frees. NULL with err. */
struct json_nodes *snapshot_head(const char *text, size_t bytes,
				 struct err *err);
/* The story in it, into `story` (which is new). False with err. */
bool snapshot_story(const char *text, size_t bytes, struct story *story,
		    struct err *err);

/* The model that `text` is a snapshot of. NULL with err (ERR_DATA) when it is
 * no snapshot, or one of another definition of the show. */
struct model *model_restore(const struct show *show, const char *text,
			    size_t bytes, struct err *err);

/* A model for the next run, of another definition of the show: what a run:start
 * leaves as it is goes over (numbers and time, the leader, OBS, alarms, late
 * answers, checks, the commands seen, what was spent today), and the run that
 * was, as a name. */
struct model *model_inherit(const struct model *m, const struct show *next);

#endif
