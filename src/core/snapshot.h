/*
 * snapshot: a model as text and back. Pure.
 *
 * A model that is restored and then folds the events behind the snapshot is the
 * model that folded them all: the same snapshot comes out again, byte by byte.
 */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include "core/model.h"

/* Canonical JSON: equal models give equal texts. Caller frees. */
char *model_snapshot(const struct model *m);

/* The model that `text` is a snapshot of. NULL with err (ERR_DATA) when it is
 * no snapshot, or one of another definition of the show. */
struct model *model_restore(const struct show *show, const char *text,
			    size_t bytes, struct err *err);

/* A model for the next run, of another definition of the show: what a run:start
 * leaves as it is goes over (numbers and time, the leader, OBS, alarms, late
 * answers, checks, the commands seen), and the run that was, as a name. */
struct model *model_inherit(const struct model *m, const struct show *next);

#endif
