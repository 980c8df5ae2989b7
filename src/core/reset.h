/*
 * reset: what a rerun or a rollback throws away. Pure.
 *
 * A rerun takes a stage and all that depends on it, however far, back to its
 * beginning; a rollback takes those that were settled after a version of the
 * story, and all that depends on them, and the story itself as a new version
 * with the old content. Nothing is deleted: the log says what was done and that
 * it was taken back. When the run was over it goes on, and the stages that its
 * end cut off are open again, too.
 */
#ifndef CORE_RESET_H
#define CORE_RESET_H

#include "core/model.h"

struct reset_plan {
	int *stages; /* indices, in the order of the show */
	size_t count;
	int64_t spent_tokens; /* by them in this run; that stays spent */
	int64_t held_tokens;  /* leased to their calls, which are stopped */
	size_t open_polls;    /* of them; their votes do not count */
	int64_t cap_tokens;   /* what they may spend again, all together */
	size_t uncapped;      /* of them have agents and no cap */
	int *asking;	      /* those that will not fit when they start, if the
				 others spend what they did */
	size_t ask_count;
};

/* The plans; only what a reset changes is in them. */
void reset_plan_rerun(const struct model *m, int stage,
		      struct reset_plan *plan);
void reset_plan_rollback(const struct model *m, uint64_t version,
			 struct reset_plan *plan);
void reset_plan_release(struct reset_plan *plan);

/* One sentence for people: "ridge, finale: 12,345 tokens are thrown away, up
 * to 14,000 may be spent again". Names at most `names` stages. Caller frees. */
char *reset_plan_text(const struct model *m, const struct reset_plan *plan,
		      size_t names);

/* The RFC 7396 patch that makes `to` of `from`, two objects. Caller puts. */
json_object *reset_patch(json_object *from, json_object *to);

#endif
