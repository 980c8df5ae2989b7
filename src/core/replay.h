/*
 * replay: folds a log again, and looks whether it is what it says: no gap in
 * the ids, and each story hash as its event has it. Pure.
 *
 * A log may hold runs of different definitions of the show; each is folded
 * with its own.
 */
#ifndef CORE_REPLAY_H
#define CORE_REPLAY_H

#include "core/model.h"

struct replay {
	struct model *m; /* NULL before the first event */
	bool verify;
	/* The definition with that hash, a reference for the caller ("": any
	 * one); NULL: it is not known. */
	struct show *(*show_of)(void *whose, const char *hash);
	void *whose;
	/* Where it stops: behind that event or story version; 0, -1: not. */
	uint64_t to_event;
	int64_t to_version;
	char only_run[sizeof((struct run *)0)->id]; /* of to_version; "": last
						     */
	/* A log that was trimmed begins in the middle. Until its next run
	 * begins, or it reaches the snapshot `from` (taken over; NULL: there
	 * is none), it is blind: only that each hash follows from the one
	 * before can be checked, and the model tells nothing. */
	struct model *from;
	bool blind;
	char link[HASH_HEX_BYTES]; /* the last post_state_hash; "": none */
	uint64_t checked;	   /* hashes that were compared */
	bool unknown;		   /* a definition was not known */
};

/* `first` is the number of the first event that will come. */
bool replay_begin(struct replay *r, uint64_t first, struct err *err);

/* Folds one event. False with err (ERR_NO) that names it when something is not
 * as it says (only with `verify`, but for gaps); the model is then the one
 * before (pre-hash, gap) or after it. */
bool replay_event(struct replay *r, const struct event *event, struct err *err);

/* True when it stands where it should stop. */
bool replay_is_there(const struct replay *r);

void replay_end(struct replay *r);

#endif
