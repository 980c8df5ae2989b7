/*
 * bus: commands, answers and proposals as they stand in Redis. Pure. Private to
 * store/.
 *
 * An entry of `commands` has one field `data`: {id, action, args, by, reason};
 * by hand it may also have flat fields `action`, `args` (words separated by
 * blanks), `id`, `by`, `reason`. Without an id it has that of its entry. The
 * answer is {ok, text} in the list `reply:<id>`.
 *
 * An entry of `proposals` has one field `data`: {stage_id, agent_id, attempt,
 * lease, payload, confidence, cost_estimate, tokens_used, error}, or those as
 * flat fields (payload and error as JSON text).
 *
 * An entry of `votes` is one vote: {poll, option, voter, source}, in a field
 * `data` or as flat fields; with `id` it is answered as a command is. `source`
 * names the bridge that it comes from; its voters are its own.
 */
#ifndef STORE_BUS_H
#define STORE_BUS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "core/ballots.h"
#include "store/link.h"

/* The object in an entry; NULL with err when there is none. Caller puts. */
json_object *bus_command(const redisReply *entry, struct err *err);
json_object *bus_proposal(const redisReply *entry, struct err *err);

json_object *bus_vote_entry(const redisReply *entry, struct err *err);
/* The vote in such an object: the voter is that of its source alone. */
struct ballots *bus_vote(json_object *o, struct err *err);

#define BUS_ID_BYTES 33
/* A new command: its id into `id`, its JSON returned. Caller frees. */
char *bus_command_text(const char *action, const char *const *args,
		       int arg_count, const char *by, const char *reason,
		       char id[BUS_ID_BYTES]);

/* Reads an answer; `*text` (caller frees) is its sentence, cleaned. Returns
 * its `ok`; false with a sentence of our own when it is no answer. */
bool bus_answer(const char *json, char **text);

/* Adds a command, by a script. The entry's id (caller frees), NULL with err. A
 * Redis that stands still has the bytes all the same and would do it when it
 * wakes up, long after somebody was told that it failed: it refuses what it gets
 * to later than `patience_ms` (of use up to LINK_ASK_MS), by its own clock. */
char *bus_send(struct link *link, const char *show, const char *command,
	       int patience_ms, struct err *err);

/* Nobody answered: takes the command back, so that a core that starts later
 * does not act on it. An answer that came meanwhile: its JSON (caller frees),
 * else NULL; then `*taken` says that a core had read the command already, which
 * may be held until a person answers. */
char *bus_withdraw(struct link *link, const char *show, const char *entry,
		   const char *id, bool *taken);

#endif
