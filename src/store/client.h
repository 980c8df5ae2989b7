/*
 * client: one blocking connection for the command line: read the log and the
 * show's definition, ask the core something and wait for its answer. One
 * thread.
 */
#ifndef STORE_CLIENT_H
#define STORE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "core/ballots.h"
#include "core/event.h"
#include "store/address.h"

struct client;

struct client *client_open(const struct address *address, const char *show,
			   struct err *err);
void client_close(struct client **c);

/* Its appendfsync: "always", "everysec", "no", "off" or "unknown". */
const char *client_fsync(struct client *c);

/* The current definition of the show (canonical JSON); caller frees. */
char *client_definition(struct client *c, struct err *err);

/* The definition with that hash; NULL with err when it is not kept. */
char *client_definition_of(struct client *c, const char *hash, struct err *err);

/* Numbers of the first and the last event that the log holds, 0: none. */
bool client_ends(struct client *c, uint64_t *first, uint64_t *last,
		 struct err *err);

/* The same, with what was trimmed from Redis and stands in archive files of
 * this machine. `why` (NULL: not wanted): why what we trimmed before `first`
 * cannot be read here, for people, else "". */
bool client_readable(struct client *c, uint64_t *first, uint64_t *last,
		     char *why, size_t why_bytes, struct err *err);

/* What the key `story` holds: the story as an object (caller puts), its
 * version and hash (0 and "" when there is none yet). NULL with err. */
json_object *client_story(struct client *c, uint64_t *version,
			  char hash[HASH_HEX_BYTES], struct err *err);

/* The snapshot of that run, "" when there is none. Caller frees; NULL with err
 * when Redis cannot be asked. */
char *client_snapshot(struct client *c, const char *run, struct err *err);

/* The snapshot that stands for what was trimmed: its text (caller frees), the
 * last event in it, and the hash of its definition. NULL without err when there
 * is none, or it does not hold (that is logged). */
char *client_ground(struct client *c, uint64_t *seq,
		    char show_hash[HASH_HEX_BYTES], struct err *err);

/* The votes of a poll as they stand, by option: `counts[i]` are those of
 * `options[i]`. `of_bursts`, zeros, gets how many of these are of each burst,
 * by burst and then by option. */
bool client_tally(struct client *c, const char *poll,
		  const char *const *options, size_t option_count,
		  int64_t *counts, int64_t *of_bursts, int burst_count,
		  struct ballots_sum *from, struct err *err);

/* The newest snapshot if it is one of this definition: its text (caller frees),
 * and the last event in it; NULL without err when there is none, or none that
 * is good (that is logged). */
char *client_newest(struct client *c, const char *show_hash, uint64_t *seq,
		    struct err *err);

/* All that is known of the newest result of a check, as JSON (it is in
 * showcaller-bus(7)); "" when there is none. Caller frees; NULL with err when
 * Redis cannot be asked. */
char *client_check(struct client *c, const char *card, const char *test,
		   struct err *err);

/* "<epoch> <host> <pid>" of the core that leads, "" when none does. Caller
 * frees; NULL with err when Redis cannot be asked. */
char *client_leader(struct client *c, struct err *err);

/* Up to `max` events after `after`, in order; waits up to `block_ms` for the
 * first (0: does not wait). Those that were trimmed come from the archive files
 * of this machine. Sets `*events` (caller frees each and the array) and returns
 * the count, -1 with err. */
int client_events(struct client *c, uint64_t after, size_t max, int block_ms,
		  struct event ***events, struct err *err);

/* Sends a command and waits for its answer. True when the core answered yes;
 * `*text` (caller frees) is its sentence in either case. False with
 * ERR_NO when it refused, ERR_UNAVAILABLE when nobody answered in time. */
bool client_command(struct client *c, const char *action,
		    const char *const *args, int arg_count, const char *by,
		    const char *reason, int timeout_ms, char **text,
		    struct err *err);

int64_t client_rtt_us(struct client *c); /* one PING; -1: away */

#endif
