/*
 * sse: server-sent events out of pieces of bytes (HTML Living Standard,
 * "Parsing an event stream"): CR, LF and CRLF end a line, an empty line ends an
 * event, data lines are joined by LF; of the other fields the last id and retry
 * are kept, the rest is passed by. Pure; one thread. All zero, but for its
 * limit and its taker, is a beginning.
 */
#ifndef JOBS_SSE_H
#define JOBS_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

struct sse {
	size_t max_bytes; /* of an event's data, and of a line */
	/* An event with data. False: no more is wanted. */
	bool (*take)(void *ctx, const char *data, size_t bytes);
	void *ctx;

	/* Of the newest event that has one; "" and 0: none yet. An id that is
	 * longer is none. */
	char last_id[256];
	int retry_ms;
	char next_id[256]; /* of the event that is being read */
	bool has_id;

	struct buf line, data; /* private, as all below */
	bool has_data, after_cr, begun;
};

enum sse_state { SSE_GOES_ON, SSE_ENOUGH, SSE_TOO_LARGE };

enum sse_state sse_feed(struct sse *sse, const char *bytes, size_t count);
/* The stream has ended: an event whose empty line is missing is taken, too;
 * some servers forget it. */
enum sse_state sse_end(struct sse *sse);
void sse_release(struct sse *sse);

#endif
