/*
 * event: one fact of the show's log. Immutable once it is stored.
 *
 * In Redis an event is an entry of the stream `events` with the id `<seq>-0`
 * and the fields: type run stage agent at data (absent ones are empty; `at` is
 * show time in ms; `data` is a JSON object). Owned by whoever holds it; its
 * data belongs to the same thread.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json_out.h"

enum event_type {
	EVENT_RUN_START,
	EVENT_RUN_PAUSE,
	EVENT_RUN_RESUME,
	EVENT_RUN_COMPLETE,
	EVENT_RUN_CANCEL,
	EVENT_STAGE_START,
	EVENT_STAGE_PROGRESS,
	EVENT_STAGE_PROPOSAL,
	EVENT_STAGE_COMPLETE,
	EVENT_STAGE_ERROR,
	EVENT_STAGE_SKIP,
	EVENT_STAGE_GO,
	EVENT_STAGE_RESET,
	EVENT_POLL_PROPOSE,
	EVENT_POLL_CREATE,
	EVENT_POLL_EXTEND,
	EVENT_POLL_FREEZE,
	EVENT_POLL_UNFREEZE,
	EVENT_POLL_CLOSE,
	EVENT_POLL_RESOLVE,
	EVENT_POLL_VOID,
	EVENT_POLL_BURST,
	EVENT_POLL_EXCLUDE,
	EVENT_POLL_INCLUDE,
	EVENT_TOKEN_LEASE,
	EVENT_TOKEN_SPEND,
	EVENT_TOKEN_RETURN,
	EVENT_BUDGET_REQUEST,
	EVENT_BUDGET_APPROVE,
	EVENT_BUDGET_DENY,
	EVENT_BUDGET_RAISE,
	EVENT_BUDGET_DAY,
	EVENT_PROPOSAL_LATE,
	EVENT_PROPOSAL_ADOPT,
	EVENT_PROPOSAL_DISCARD,
	EVENT_AGENT_KILL,
	EVENT_AGENT_REVIVE,
	EVENT_OBS_STATUS,
	EVENT_OBS_COMMAND,
	EVENT_OBS_HOLD,
	EVENT_CHAT_STATUS,
	EVENT_RULE_OFF,
	EVENT_RULE_ON,
	EVENT_CHECK_RESULT,
	EVENT_CHECK_OVERRIDE,
	EVENT_ALARM_RAISE,
	EVENT_ALARM_ACK,
	EVENT_ALARM_CLEAR,
	EVENT_LEADER_TAKE,
	EVENT_NOTE,
	EVENT_UNKNOWN, /* of a later version: kept, shown, changes nothing */
	EVENT_TYPES,
};

#define EVENT_MAX_BYTES (256 * 1024) /* of `data` as text */
/* What of that an agent's result may take; the rest is for what goes with it.
 */
#define EVENT_RESULT_BYTES (120 * 1024)

/* A number in the data of an event, and its time, are at most so large: an
 * event that says more is refused. What is nested is as free as JSON. */
#define NUMBER_MOST  (INT64_C(1) << 61)
#define TIME_MOST_MS (INT64_C(1) << 53)

struct event {
	uint64_t seq;  /* 1, 2, 3, ... without a gap; 0: not numbered yet */
	int64_t at_ms; /* show time */
	enum event_type type;
	char *run, *stage, *agent; /* "" when it has none */
	struct json_flat *data; /* private: read it with the functions below */
};

/* "stage:start"; the table in event.c also says what each carries. */
const char *event_type_name(enum event_type type);
enum event_type event_type_of(const char *name); /* EVENT_UNKNOWN if none */
/* The members of `data`, for people: "attempt, agents". */
const char *event_type_carries(enum event_type type);

/* Whether an event of this type may carry a patch of the story (`patch`,
 * `pre_state_hash`, `post_state_hash`, `version`). */
bool event_patches_story(enum event_type type);

/* NULL strings become "". Takes over `*data` (NULL: an empty object), which is
 * made to fit into the log, for what is decided must be readable: numbers are
 * held to NUMBER_MOST; of what is longer than EVENT_MAX_BYTES as text, and has
 * no patch (a patch is kept short where it is made), the long strings are cut.
 */
struct event *event_new(enum event_type type, const char *run,
			const char *stage, const char *agent, int64_t at_ms,
			struct json_out **data);
/* One that is there already, as it is. Takes over `*data`. */
struct event *event_of(enum event_type type, const char *run, const char *stage,
		       const char *agent, int64_t at_ms,
		       struct json_flat **data);
void event_free(struct event **event);
struct event *event_clone(const struct event *event);

/* From the fields of a stream entry. NULL with err when data is not an object
 * or `at` is no number. An unknown type is kept as EVENT_UNKNOWN with its name
 * in data._type. */
struct event *event_read(uint64_t seq, const char *type, const char *run,
			 const char *stage, const char *agent, const char *at,
			 const char *data, struct err *err);

/* The members of its data, as json_get_str() and the like read a tree. A nested
 * one is a tree from when it is asked for; so they are not for two threads at a
 * time, not even reading. All is lent by the event. */
static inline const char *event_str(const struct event *event, const char *key,
				    const char *fallback)
{
	return json_flat_str(event->data, key, fallback);
}

static inline int64_t event_int(const struct event *event, const char *key,
				int64_t fallback)
{
	return json_flat_int(event->data, key, fallback);
}

static inline double event_num(const struct event *event, const char *key,
			       double fallback)
{
	return json_flat_num(event->data, key, fallback);
}

static inline bool event_bool(const struct event *event, const char *key,
			      bool fallback)
{
	return json_flat_bool(event->data, key, fallback);
}

/* What is nested, lent; NULL: it is not there, or another type. */
struct json_node *event_object(const struct event *event, const char *key);
struct json_node *event_array(const struct event *event, const char *key);
/* Its "patch" of the story, lent: parts of it may be kept, none changed. */
json_object *event_patch(const struct event *event);
/* A reference to that member, which is not to be changed. The caller puts.
 * NULL: it is not there. */
json_object *event_ref(const struct event *event, const char *key);
/* A tree of all it carries. The caller puts. */
json_object *event_tree(const struct event *event);
/* All it carries, as the text that is stored, behind what is in `out`. */
void event_print(struct buf *out, const struct event *event);
size_t event_bytes(const struct event *event); /* of that text */

/* {id, type, run, stage, agent, at, data}, as `events --json`, SSE and the
 * WebSocket show it. Caller puts. */
json_object *event_json(const struct event *event);

/* One line for people, cleaned: "stage:complete ideation 2,110 tokens".
 * Caller frees. */
char *event_line(const struct event *event);

#endif
