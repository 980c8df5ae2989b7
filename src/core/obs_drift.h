/*
 * obs_drift: what OBS has otherwise than the show file expects, in words: its
 * scenes, sources, profile and scene collection. Pure; for the pane, /status,
 * checks, and whoever looks at everything before the doors open.
 */
#ifndef CORE_OBS_DRIFT_H
#define CORE_OBS_DRIFT_H

#include "core/model.h"

/* Sentences, as "scene 'Poll' is missing; nearest is 'Polls'"; the first of
 * them says so when OBS is not connected and nothing can be known. None: all
 * is as expected, or the show has no OBS, or OBS is changing just now. The
 * caller clears them (obs_names_clear). */
struct obs_names obs_drift(const struct model *m);

#endif
