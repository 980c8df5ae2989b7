/*
 * writer_in: what the files of the writer share. Private to them.
 *
 *   writer.c        operations into the pipeline
 *   writer_answer.c outcomes out of it
 *   writer_link.c   the connection: connect, greet, send, read, reconnect
 *   writer_ask.c    what is asked while the engine waits: inspect, lead
 *   writer_fold.c   the same: fold the log, keep the show's definition
 *   writer_again.c  what Redis lost, and is sent again
 *
 * The bytes of an operation stay in `out` until it is answered, so that after
 * a lost link all that is unanswered is sent again by setting `sent` back.
 * Offsets count bytes since the start of the writer; out.data[0] stands at
 * `base`.
 */
#ifndef STORE_WRITER_IN_H
#define STORE_WRITER_IN_H

#include <hiredis/hiredis.h>

#include "base/lookup.h"
#include "store/link.h"
#include "store/script.h"
#include "store/writer.h"

enum op_kind {
	OP_COMMIT,
	OP_VOTE,
	OP_COUNT,
	OP_RENEW,
	OP_AGAIN,   /* a commit that Redis had and lost */
	OP_QUIET,   /* its outcome interests nobody */
	OP_PUBLISH, /* may be lost */
	OP_METERS,  /* so may this; it says how many listen */
};

struct op {
	enum op_kind kind;
	bool again; /* it may have been done before: sent, not answered */
	uint64_t tag;
	uint64_t begin; /* offset of its first byte */
	uint64_t first; /* OP_COMMIT: its first event */
	size_t count;	/* and how many */
	int64_t sent_us;
};

/* The newest operations that were answered, oldest first: [head, count). */
struct past_op {
	uint64_t first;
	size_t count; /* of events; 0: no commit */
	size_t bytes;
	bool vote;
	char *text;
};
struct writer_past {
	struct past_op *ops;
	size_t head, count, cap;
	size_t events, bytes, vote_bytes;
};

#define WRITER_ANSWER_MS 5000

enum writer_state {
	WRITER_AWAY,	   /* until retry_ms */
	WRITER_CONNECTING, /* until deadline_ms */
	WRITER_GREETING,
	WRITER_READY,
};

struct writer {
	struct address *address;
	char *show, *name;
	char *key_epoch, *key_leader, *key_events, *key_story, *key_live;
	char *key_meters;
	char *key_schema, *key_run_show, *key_show;
	char *key_last; /* snapshot:last */
	char *key_ended;
	char sha[SCRIPTS][41];
	struct link *ask; /* for what is asked while the engine waits */
	bool asked_again; /* the last question went out twice */
	struct buf warnings;
	const char *fsync; /* fsync_ask() */

	int64_t epoch; /* 0: does not lead */
	char epoch_text[24];
	char *leader;	    /* "<epoch> <host> <pid>" */
	json_object *story; /* as it stands in the `story` hash */
	char story_hash[72];
	uint64_t story_version;
	bool story_gone; /* Redis holds another one, as a renewal found */

	enum writer_state state;
	redisContext *c;
	char *numeric_host; /* of the last good connection */
	struct lookup *lookup; /* of its name, under way; NULL: none */
	struct lookup_found found;
	size_t next_found;
	struct buf hello;   /* greeting and scripts */
	size_t hello_sent;
	int hello_left, hello_count;
	char *away_word; /* writer_publish_away(); NULL: none */
	int away_words;	 /* in the greeting: 0 or 1; may be refused */
	bool refused;	 /* by Redis, and nothing went through since */
	int64_t deadline_ms, retry_ms, away_since_ms;
	int delay_ms, failures;
	int64_t meter_readers;
	int answer_ms; /* a link that answers nothing for so long is dead */
	char why[256];

	struct buf out;
	struct buf text; /* an event while it is added */
	uint64_t base, sent, answered;
	struct op *ops; /* [op_first, op_count) are not answered */
	size_t op_first, op_sent, op_count, op_cap;
	bool renewing;
	int64_t renew_sent_ms, lease_until_ms; /* by clock_show_ms() */
	int64_t rtt_us;

	struct writer_past past;
	uint64_t acked_seq; /* the last event that Redis acknowledged */
	uint64_t mended;

	struct writer_done *done;
	size_t done_first, done_count, done_cap;
};

/* writer_link.c */
void writer_connect(struct writer *w);
void writer_drop(struct writer *w, int delay_ms, const char *why);
void writer_is_back(struct writer *w);

/* writer_ask.c: puts a command of strings (the last one NULL) into `cmd`; then
 * the answer to what is in `cmd` (emptied), NULL with err for an error. All
 * that is asked so may be asked twice: a lost link is opened again, once. */
void writer_put(struct buf *cmd, ...) __attribute__((sentinel));
redisReply *writer_ask(struct writer *w, struct buf *cmd, struct err *err);

/* writer_again.c */
/* `op` was answered; its bytes end at `end`. */
void writer_remember(struct writer *w, const struct op *op, uint64_t end);
void writer_forget(struct writer *w);
/* The log ends at `last`: drops the link, and all behind that is sent again on
 * the next one. False: it is not kept any more, nothing was done. */
bool writer_again(struct writer *w, uint64_t last);

/* writer_fold.c: the command that writes the `story` hash anew; says so. */
void writer_put_story(const struct writer *w, struct buf *cmd,
		      uint64_t version, const char *hash, json_object *doc);

/* writer_answer.c: one answer. False: the link was dropped. */
bool writer_answer(struct writer *w, const redisReply *reply);

/* writer.c: the name under which a member of the story stands in the `story` hash. */
void writer_add_member(struct buf *out, const char *name);

#endif
