/*
 * usage: what was spent, when, on which model, and in the episodes before.
 * Pure, folded from the log like the rest of the model.
 *
 * What a stage or an agent spent stands in the ledger; here is what the ledger
 * has no scope for. Times are show time.
 */
#ifndef CORE_USAGE_H
#define CORE_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_nodes.h"
#include "base/json_out.h"

#define USAGE_BUCKET_MS 10000
#define USAGE_BUCKETS   720 /* two hours */
#define USAGE_MODELS    32
#define USAGE_EPISODES  32

struct spending {
	int64_t tokens, cost_micros;
};

/* One model's, or one transport's for agents that name no model. */
struct usage_model {
	char name[64];
	struct spending spent;
	int64_t reports;       /* how many */
	int64_t assumed_tokens;/* of `spent`: nobody reported them */
};

struct usage_episode {
	char run[40];
	int state;             /* enum run_state */
	int64_t started_ms, ended_ms;
	struct spending spent;
};

/* What a stage spent when it succeeded in the episodes before. */
struct usage_stage {
	int64_t runs, sum_tokens, low_tokens, high_tokens;
	int64_t last_tokens; /* in the run that is over; 0: nothing */
};

struct usage {
	/* A ring: bucket n (show time / USAGE_BUCKET_MS) stands at
	 * n % USAGE_BUCKETS, the oldest ones are gone. */
	struct spending buckets[USAGE_BUCKETS];
	int64_t newest;        /* the last that was spent in; 0: none yet */
	struct usage_model models[USAGE_MODELS]; /* the last one takes all that
						    find no place */
	size_t model_count;
	/* Oldest first; a run that is over is one of them. */
	struct usage_episode episodes[USAGE_EPISODES];
	size_t episode_count;
	struct usage_stage *stages; /* by stage index */
};

/* What the episode will have spent at its end, as far as can be told. */
struct usage_outlook {
	int64_t low, likely, high; /* tokens */
	size_t guessed;        /* open stages that nothing is known of */
};

struct model;

/* What the open stages will likely lease beyond what they have leased: as likely
 * as the outlook says. */
struct usage_rest {
	int64_t tokens;
	double share; /* private: of their caps that settled stages used */
};
struct usage_rest usage_rest(const struct model *m);
/* Of all but one of them (-1: of all). */
int64_t usage_rest_but(const struct model *m, const struct usage_rest *rest,
		       int stage);

/* Of bucket n, and of minute n (show time / 60,000); nothing where that is
 * gone or yet to come. */
struct spending usage_bucket(const struct usage *usage, int64_t bucket);
struct spending usage_minute(const struct usage *usage, int64_t minute);
struct usage_outlook usage_outlook(const struct model *m);
/* Tokens a minute over the last three before `now_ms`, or before the end of the
 * run; of a run that is younger, over its own time. */
double usage_rate(const struct model *m, int64_t now_ms);

/* All of it for programs: {minutes[], models[], stages[], agents[], episodes[],
 * outlook{}}; of the stages those that spent, ever. Caller puts. */
json_object *usage_report(const struct model *m);
void usage_print(struct buf *out, const struct model *m);

/* For snapshots. */
void usage_put(struct json_out *o, const struct model *m);
void usage_read(struct model *m, struct json_node *o);

#endif
