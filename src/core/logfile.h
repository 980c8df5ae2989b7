/*
 * logfile: a log, or one run of it, as text: one JSON object a line. Pure.
 *
 *   {"showcaller":"log","format":1,"show":ID,"run":ID|null,"definitions":N,
 *    "first":SEQ,"last":SEQ,"chain":HASH}
 *   {"hash":HASH,"definition":{...},"chain":HASH}              N of them
 *   {"id":SEQ,"type":...,"run":...,"stage":...,"agent":...,"at":MS,
 *    "data":{...},"chain":HASH}                          one for each event
 *   {"end":true,"events":N,"version":V,"story_hash":HASH,"sha256":HASH,
 *    "chain":HASH}
 *
 * `chain` is SHA-256 (lower-case hex) over the chain of the line before (none
 * for the first) and the bytes of its own line before `,"chain":`. `sha256` is
 * over all lines before, with their newlines. So a byte that is not as it was
 * written is found in its own line, whatever it is; and only whoever writes all
 * that follows anew can hide it, which a kept copy of the last line shows.
 */
#ifndef CORE_LOGFILE_H
#define CORE_LOGFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/mem.h"
#include "core/event.h"

#define LOGFILE_FORMAT 1
/* How such a file begins. */
#define LOGFILE_MAGIC  "{\"showcaller\":\"log\","

struct logfile_writer {
	char chain[HASH_HEX_BYTES]; /* of the last line, "" before the first */
	struct hash_sum *sum;
	uint64_t events;
};

/* Each appends lines to `out`. `definitions` is {hash: its canonical text, as a
 * string}; `run` NULL: the whole log. Between begin and end, `last - first + 1` events. */
void logfile_begin(struct logfile_writer *w, struct buf *out, const char *show,
		   const char *run, uint64_t first, uint64_t last,
		   json_object *definitions);
void logfile_event(struct logfile_writer *w, struct buf *out,
		   const struct event *event);
void logfile_end(struct logfile_writer *w, struct buf *out, uint64_t version,
		 const char *story_hash);

enum logfile_line {
	LOGFILE_BAD = -1,
	LOGFILE_HEADER,
	LOGFILE_DEFINITION,
	LOGFILE_EVENT,
	LOGFILE_END,
};

/* All zero at first. */
struct logfile_reader {
	uint64_t line; /* the last one read, the first is 1 */
	char chain[HASH_HEX_BYTES];
	struct hash_sum *sum;
	char *show, *run; /* of the header; run NULL: the whole log */
	uint64_t first, last, next;
	uint64_t definitions; /* still to come */
	char *definition;     /* of the line: its canonical text, and the hash
				 of that; lent, until the next line */
	char hash[HASH_HEX_BYTES];
	json_object *tree;    /* private */
	struct event *event;  /* of the line; may be taken (made NULL) */
	bool ended;
	uint64_t version; /* of the last line */
	char story_hash[HASH_HEX_BYTES];
};

/* Reads one line with its newline. LOGFILE_BAD with err (ERR_NO: a byte is not
 * as it was written, and which line that is; ERR_DATA: it is no such file). */
enum logfile_line logfile_read(struct logfile_reader *r, const char *line,
			       size_t bytes, struct err *err);
/* Whether all was there. ERR_NO else. */
bool logfile_complete(const struct logfile_reader *r, struct err *err);
void logfile_reader_release(struct logfile_reader *r);

#endif
