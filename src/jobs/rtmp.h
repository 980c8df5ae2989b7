/*
 * rtmp: the messages of the Real-Time Messaging Protocol that a check needs, as
 * Adobe's "RTMP Specification" 1.0 has them: the handshake, the command
 * `connect` in AMF0, and what comes back. Pure. Private to jobs/.
 */
#ifndef JOBS_RTMP_H
#define JOBS_RTMP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

#define RTMP_VERSION	     3
#define RTMP_HANDSHAKE_BYTES 1536 /* C1, C2, S1, S2; C0 and S0 are one */

/* C0 and C1 behind what is in `out`. */
void rtmp_hello(struct buf *out);

/* The command `connect` to an application, in chunks. */
void rtmp_connect(struct buf *out, const char *app, const char *tc_url);

struct rtmp_reply {
	char code[128];	       /* NetConnection.Connect.Success */
	char description[256]; /* cleaned */
	bool accepted;	       /* _result, and not _error */
};

/* Reads chunks until there is the answer to `connect`. RTMP_MORE: it is not all
 * here yet. */
enum rtmp_state { RTMP_MORE, RTMP_ANSWERED, RTMP_GARBAGE };
enum rtmp_state rtmp_read(const char *data, size_t bytes,
			  struct rtmp_reply *out);

#endif
