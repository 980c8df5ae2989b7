/* raise: more for a while. What is unused of it when its time is over is taken
 * back; what is leased then and comes back later is taken back, too. Pure;
 * part of the model. */
#ifndef CORE_RAISE_H
#define CORE_RAISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "core/ledger.h"

/* Of an agent, a service, or of today's quota of one. */
struct raise_part {
	enum scope_kind kind;
	int index;
	int64_t tokens;
};

struct raise {
	uint64_t seq;       /* of the answer that made it */
	int stage;          /* -1: of the episode alone */
	int64_t episode_tokens, stage_tokens; /* not yet taken back */
	struct raise_part *parts;
	size_t part_count, part_cap;
	int64_t expires_ms;
	bool expired;       /* the rest comes with the leases that are out */
	int slot;           /* private: of its timer */
};

/* `warn_at`: once asked, not again until a raise has moved the mark above what
 * is spent. */
struct checkpoint {
	bool tokens, cost;
};

/* Their part of a snapshot; false: it holds what no run leads to. */
struct model;
json_object *raises_json(const struct model *m);
json_object *warned_json(const struct model *m);
bool raises_read(struct model *m, json_object *snapshot);

#endif
