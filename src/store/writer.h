/*
 * writer: the core's own connection to Redis. Not a thread: a descriptor that
 * the engine polls, so that between a decision and its commit no other thread
 * has to wake up (a hand-over costs more than the commit itself).
 *
 * Operations are sent in order and pipelined; their outcomes come back in the
 * same order from writer_next(). When the link is lost the writer reconnects
 * with backoff and sends again all that was not answered: a commit that was
 * stored before is answered SEQ and counts as done, votes are exactly once by
 * themselves. Every commit is one script call that checks the epoch first.
 * Engine thread only.
 *
 * What Redis refuses for a while or until someone acts (LOADING, BUSY, OOM,
 * READONLY, MISCONF, NOREPLICAS, NOAUTH, WRONGPASS, NOPERM, too many clients)
 * counts as away: writer_why_away() names it, everything is kept, and asked
 * again with a growing delay (at once for NOSCRIPT, after the scripts are
 * loaded again). A link that answers nothing for 5 s is dropped and taken up
 * anew.
 *
 * Beside the keys of the contract it uses, under the same prefix:
 *   epoch            counter; the fence of every write
 *   schema           version of this layout, "1"
 *   show             hash of the current definition, show:<hash> holds it
 *   ended            why the show was stopped; gone when a core leads
 *   run:show         hash of the definition that the last run began with
 *   called:<a>/<key> epoch in which a bus call was sent (expires)
 *   snapshot:last    which snapshot:<run> is the newest, and its hash
 *   tally:<poll>     its field ":state" is open, frozen or closed (an option's
 *                    id never begins with a colon)
 * In the `story` hash a member named like `_version` or `_hash` (any number of
 * underscores) stands with one underscore more.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ballots.h"
#include "core/event.h"
#include "core/model.h"
#include "store/address.h"

struct writer;

/* Connects, inspects (version >= 7, persistence, eviction policy, whose data)
 * and loads the scripts. What a shared Redis cannot promise is logged as a
 * warning and kept in writer_warnings(). NULL with err: ERR_UNAVAILABLE (away,
 * with the address), ERR_CONFIG (password refused, wrong version, foreign
 * keys). */
struct writer *writer_open(const struct address *address, const char *show,
			   struct err *err);
void writer_close(struct writer **w);
const char *writer_warnings(const struct writer *w); /* "" or one line */
/* When this Redis writes to its disk, as it was at writer_open(): "always",
 * "everysec", "no", "off" or "unknown". What that may lose: status_may_lose().
 */
const char *writer_fsync(const struct writer *w);

/* Takes the leader lease and raises the epoch. Blocks for one round trip.
 * ERR_AGAIN when another core leads (its host and pid in the text). `force`
 * takes it from a leader that is known to be dead. */
bool writer_lead(struct writer *w, const char *host, int pid, int64_t *epoch,
		 bool force, struct err *err);
/* What a standby does a few times a second, each time one round trip: looks
 * who leads, and (`take`, only after a look that found it free and was answered
 * at once) takes the lease. Redis may have stood still for longer than a lease
 * lasts: then the leader must have its turn before anybody takes it. */
enum writer_stand {
	WRITER_STANDS_BY, /* leader: who, and how long its lease lasts */
	WRITER_FREE,	  /* nobody leads */
	WRITER_LEADS,	  /* we do, in *epoch */
	WRITER_ENDED,	  /* the show was stopped; err: by what */
	WRITER_GONE,	  /* Redis cannot be asked; err */
	WRITER_CANNOT,	  /* for good; err */
};
struct writer_leader {
	char text[100]; /* "<epoch> <host> <pid>" */
	int64_t left_ms;
};
enum writer_stand writer_stand_by(struct writer *w, const char *host, int pid,
				  bool take, struct writer_leader *leader,
				  int64_t *epoch, struct err *err);
/* Whether nobody else can have the lease: it was renewed less than its time
 * ago, suspended time counted. What Redis has acknowledged is acted on only
 * then: a core that was stopped for a while may find old answers. */
bool writer_leads_surely(const struct writer *w);
/* Whether the show was stopped, or left by its core with its run, and nobody
 * has led since. To be asked before leading. Blocks. False with err: Redis
 * cannot be asked. */
bool writer_ended(struct writer *w, bool *ended, struct err *err);
/* Gives the lease back on an orderly stop. Blocks. `ended`: why the show is not
 * to go on, for those that stand by; "": one of them takes it. */
void writer_resign(struct writer *w, const char *ended);

/* Folds the log, and stores the definition of `*m`'s show under its hash when
 * it is not there. `*m` comes as a new model; it begins with the newest
 * snapshot when there is one that holds (else that is logged, and all events
 * are folded), and each run is folded with the definition that it began with:
 * then `*m` is another model, and its show the one of the last run. Where that
 * definition is gone, with the one before. Blocks. */
bool writer_fold(struct writer *w, struct model **m, struct err *err);
/* The show definition (canonical JSON) that the log's last run was started
 * with, or NULL when there is no run. Blocks. Caller frees. */
char *writer_definition(struct writer *w, struct err *err);
/* The show's secret of that name: the one that Redis holds, so that every core
 * of the show has the same; where there is none, `secret` becomes it. Into
 * `secret`, of `bytes` bytes. Blocks. */
bool writer_secret(struct writer *w, const char *name, char *secret,
		   size_t bytes, struct err *err);
/* Makes `definition` the current one, kept under its hash. Blocks. */
bool writer_define(struct writer *w, const char *hash, const char *definition,
		   struct err *err);

/* --- operations; none blocks ------------------------------------------- */

/* They are queued; writer_pump() sends all that is queued in one write.
 *
 * Stores `count` events, numbered in sequence, in one script call. With a
 * `stage:complete` its patch also goes to the `story` hash, which a `run:start`
 * empties; a `poll:create` empties the votes and tally of its stage's poll and
 * opens it. The events stay with the caller until the
 * outcome comes. `tag` comes back with it. */
void writer_commit(struct writer *w, struct event *const *events, size_t count,
		   uint64_t story_version, const char *story_hash,
		   uint64_t tag);
void writer_reply(struct writer *w, const char *command_id, bool ok,
		  const char *text); /* LPUSH reply:<id>, expires */
void writer_ack(struct writer *w, const char *stream, const char *entry_id);
/* XADD inbox:<agent> with the fields `id` (the key) and `data`; makes the group
 * <agent>. Once an epoch, however often the link is lost. */
void writer_bus_call(struct writer *w, const char *agent, const char *key,
		     const char *request_json);
/* HSET checks: the newest result of a test, whole. */
void writer_keep_check(struct writer *w, const char *card, const char *test,
		       const char *json);
/* Votes are taken (again); what was voted stays. */
void writer_poll_open(struct writer *w, const char *poll);
void writer_poll_freeze(struct writer *w, const char *poll);
void writer_poll_count(struct writer *w, const char *poll, uint64_t tag);
/* Reads the tally as it stands and changes nothing: WRITER_COUNT with this
 * tag. What the `live` tally shows, after votes, a few times a second. */
void writer_poll_tally(struct writer *w, const char *poll, uint64_t tag);
/* Those of `b` that are pending, in one script call; it stays with the caller.
 * `tag` comes back with WRITER_VOTE. */
void writer_votes(struct writer *w, const struct ballots *b, uint64_t tag);
/* Those voters belong to a burst of votes from now on. */
void writer_mark(struct writer *w, const char *poll, int burst,
		 const char *const *voters, size_t count);
/* Dropped while away. */
void writer_publish(struct writer *w, const char *live_json);
/* The same on the channel `meters`. Redis answers how many listen there, so
 * whoever shows the meters only has to listen: once a second something is said
 * there anyway, and as long as nobody hears it, OBS is not asked for levels. */
void writer_publish_meters(struct writer *w, const char *json);
bool writer_meters_wanted(const struct writer *w);
/* The same for what says that Redis is away: the newest one goes out first with
 * every new link, since a Redis that refuses to write may still pass it on. */
void writer_publish_away(struct writer *w, const char *live_json);
/* The leader lease (1.6 s); every 250 ms. One at a time: does nothing while the
 * last one is not answered. */
void writer_renew(struct writer *w);

enum writer_what {
	WRITER_COMMIT,
	WRITER_VOTE,
	WRITER_COUNT,
	WRITER_RENEW,
};
enum writer_how {
	WRITER_OK,
	WRITER_FENCED,	/* another core leads: stop, write nothing */
	WRITER_BROKEN,	/* the log is not what we know (a gap, other data) */
	WRITER_REFUSED, /* for good: text says why */
};

struct writer_done {
	enum writer_what what;
	enum writer_how how;
	uint64_t tag;
	char text[160];
	char *answers; /* WRITER_VOTE: an enum ballot_answer for each */
	/* WRITER_COUNT: option ids and counts; ":<burst> <option>": how many of
	 * these are of a burst. All are freed by the caller with
	 * writer_done_release(). */
	char **options;
	int64_t *counts;
	int count_count;
};
void writer_done_release(struct writer_done *done);

/* The next outcome, in order; false when none is there yet. */
bool writer_next(struct writer *w, struct writer_done *done);

/* For poll(2): descriptor (-1 while away), events wanted, and how long to wait
 * at most (-1: as you like; the writer's own reconnect and time-outs). After
 * poll call writer_pump() with the revents. */
int writer_fd(const struct writer *w);
short writer_poll_events(const struct writer *w);
int writer_timeout_ms(const struct writer *w);
void writer_pump(struct writer *w, short revents);

/* Events that Redis had acknowledged and lost, and that were written again from
 * the memory of this writer (the newest 4,096, 8 MiB). What is older makes
 * WRITER_BROKEN. */
uint64_t writer_mended(const struct writer *w);

size_t writer_waiting(const struct writer *w); /* not answered yet */
/* 0: connected. A link that was dropped for a refusal counts as away until the
 * operation that was refused has gone through. */
int64_t writer_away_ms(const struct writer *w);
const char *writer_why_away(const struct writer *w);   /* for people */
const char *writer_brief_away(const struct writer *w); /* in a few words */
int64_t writer_rtt_us(const struct writer *w);	       /* of the last commit */

#endif
