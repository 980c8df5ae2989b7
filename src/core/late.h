/*
 * late: answers that came too late or did not fit. They never run by
 * themselves: an operator adopts one as an extra, or discards it. Pure.
 */
#ifndef CORE_LATE_H
#define CORE_LATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_nodes.h"
#include "base/json_out.h"

#define LATE_MAX	  100	      /* the newest */
#define LATE_RESULT_BYTES (64 * 1024) /* a larger one stands in the log alone  \
				       */
#define LATE_BYTES (1024 * 1024)      /* of all: the oldest give way */

/* What an answer is made on: a hash over the run, and over inputs and outputs
 * of its stage as they were when it was called. */
#define LATE_BASE_BYTES 17

struct late_proposal {
	uint64_t seq; /* of its proposal:late; its id is "l<seq>" */
	char *stage, *agent;
	int attempt;
	char *verdict;	       /* deadline, duplicate, old_attempt, finished,
				  unknown_stage, wrong_agent */
	int64_t at_ms, tokens; /* -1 tokens: not reported */
	char base[LATE_BASE_BYTES]; /* "": not known */
	json_object *result; /* NULL: there was none, or it is too large */
	size_t bytes;	     /* of it as text */
};

struct model;
/* By its id "l<seq>", or NULL. */
const struct late_proposal *late_find(const struct model *m, const char *id);
/* Whether inputs and outputs of its stage are as they were. */
bool late_fits(const struct model *m, const struct late_proposal *l);
void late_base(const struct model *m, int stage, char out[LATE_BASE_BYTES]);

void late_put(struct json_out *o, const struct model *m); /* for snapshots */
void late_read(struct model *m, struct json_node *list);
void late_free(struct model *m);

#endif
