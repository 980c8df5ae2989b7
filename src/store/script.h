/*
 * script: the Lua that runs inside Redis. Each one first checks the epoch, so
 * that a core that lost its lease writes nothing; each may be sent twice.
 * Private to store/.
 *
 * All begin with KEYS[1] = epoch and ARGV[1] = the caller's epoch (but for
 * SCRIPT_LEAD) and answer {"FENCED", epoch} when another one leads, {"LOST"}
 * when there is no epoch any more (the data is gone), else as named here.
 */
#ifndef STORE_SCRIPT_H
#define STORE_SCRIPT_H

enum script {
	/* KEYS epoch events story run:show [votes tally]...  polls to begin
	 * ARGV epoch first-seq count clear sets dels version hash run-show
	 *      (member text)*sets (member)*dels
	 *      (type run stage agent at data)*count
	 * "OK"; "SEQ": stood there already, the same; {"GAP", last};
	 * {"OTHER", last}: something else stands there */
	SCRIPT_COMMIT,
	/* KEYS epoch leader events schema ended, ARGV how host pid ttl-ms, how:
	 * "take" when nobody leads, "follow" when nobody leads and the show has
	 * not ended, "force" in any case; "look" takes nothing.
	 * the new epoch; {"HELD", leader, ms left}; {"FREE"}; {"ENDED", why};
	 * {"LOST"}; {"SCHEMA", theirs} */
	SCRIPT_LEAD,
	/* KEYS epoch leader events story, ARGV epoch leader ttl-ms
	 * acknowledged hash members ("": no story yet):
	 * "OK"; "STORY": the lease is renewed, and the story is not that one;
	 * {"GAP", last}: the log ends before the event that was acknowledged */
	SCRIPT_RENEW,
	/* KEYS epoch leader ended, ARGV epoch why: "OK"; why "": another core
	 * may go on */
	SCRIPT_RESIGN,
	/* KEYS epoch reply:<id>, ARGV epoch text: "OK" */
	SCRIPT_REPLY,
	/* KEYS epoch stream, ARGV epoch entry: "OK" */
	SCRIPT_ACK,
	/* KEYS epoch checks, ARGV epoch field text: "OK" */
	SCRIPT_CHECK,
	/* KEYS epoch inbox:<agent> called:<agent>/<key>
	 * ARGV epoch agent key request: "OK" */
	SCRIPT_BUS,
	/* KEYS epoch tally:<poll>, ARGV epoch state: the tally, flat */
	SCRIPT_POLL,
	/* KEYS epoch votes:<poll> tally:<poll>
	 * ARGV epoch may-change (voter option[ burst])*: a letter for each:
	 * O counted, D has voted, S this very vote stands there, C closed,
	 * F full */
	SCRIPT_VOTE,
	/* KEYS epoch votes:<poll> tally:<poll>, ARGV epoch burst voter*: "OK";
	 * those that are of no burst are of this one now */
	SCRIPT_MARK,
	/* KEYS epoch story, ARGV epoch version hash (member text)*: "OK" */
	SCRIPT_STORY,
	/* KEYS epoch parts, ARGV epoch "first" or "" text: "OK"; {"GONE"} */
	SCRIPT_PART,
	/* KEYS epoch events parts snapshot:<run> snapshot:last
	 * ARGV epoch seq last bytes: "OK"; {"GAP", last}: the log is not that
	 * long; {"GONE"}: not all of its parts are there */
	SCRIPT_SNAPSHOT,
	/* KEYS epoch snapshot:last snapshot:<run> trim:next trim:next:text
	 * ARGV epoch last: "OK"; {"MOVED"}: that is no longer the newest
	 * snapshot */
	SCRIPT_GROUND,
	/* KEYS epoch events trimmed trimmed:text archives
	 *      trim:next trim:next:text
	 * ARGV epoch up-to ground archive-field archive-value: "OK";
	 * {"GROUND"}: there is no such ground; {"SHORT"}: that is all */
	SCRIPT_TRIM,
	/* KEYS epoch stream, ARGV epoch age-ms: how many entries went that are
	 * as old, acknowledged by every group; ask again until 0 */
	SCRIPT_SWEEP,
	/* KEYS epoch archives [key to remove]..., ARGV epoch archive-field:
	 * "OK" */
	SCRIPT_RETIRE,
	SCRIPTS,
};

extern const char *const script_texts[SCRIPTS];

/* So long that a Redis that stalls for a second costs nobody the lead, renewed
 * four times a second; so short that a standby leads 2 s after a death. */
#define SCRIPT_LEASE_MS	 1600
#define SCRIPT_SCHEMA	 "1"
#define SCRIPT_POLL_OPEN "open"

#endif
