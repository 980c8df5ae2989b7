/*
 * wire_ws: the frames of a WebSocket (RFC 6455) that a client with one short
 * conversation needs. Pure, but for the chance of a mask. Private to jobs/.
 */
#ifndef JOBS_WIRE_WS_H
#define JOBS_WIRE_WS_H

#include <stddef.h>

#include "base/mem.h"

/* The request that opens it. */
void wire_ws_open(struct buf *out, const char *host, const char *path);

enum wire_ws_what {
	WIRE_WS_MORE,  /* it is not all here yet */
	WIRE_WS_TEXT,  /* a whole message is in `message` */
	WIRE_WS_PING,  /* its data is in `message`: to be ponged */
	WIRE_WS_PASS,  /* nothing to be done about it */
	WIRE_WS_CLOSE, /* the code is in `*code`, the reason in `message` */
	WIRE_WS_GARBAGE,
};

/* Takes the next frame off the front of `in`. Parts of a text gather in
 * `parts` until it is whole. */
enum wire_ws_what wire_ws_read(struct buf *in, struct buf *parts,
			       struct buf *message, int *code, size_t most);

#define WIRE_WS_OP_TEXT	 1
#define WIRE_WS_OP_CLOSE 8
#define WIRE_WS_OP_PONG	 10
void wire_ws_write(struct buf *out, int op, const char *data, size_t bytes);

#endif
