/*
 * tail: a thread that reads what the outside asks of the core: the streams
 * `commands` and `proposals`, consumer group `core`, and posts them as inputs
 * into the engine's mailbox (blocking reads; no polling). What was delivered
 * and not acknowledged comes again after a crash. Entries that are no command
 * or proposal are answered or dropped with a log line, and acknowledged.
 */
#ifndef STORE_TAIL_H
#define STORE_TAIL_H

#include "base/err.h"
#include "base/mailbox.h"
#include "store/address.h"

struct tail;

/* The inputs that it posts carry where they stand in the stream, so that the
 * engine can acknowledge them once their events are stored:
 * writer_ack(w, input->stream, input->entry). */
struct tail *tail_start(const struct address *address, const char *show,
			struct mailbox *engine, struct err *err);
void tail_stop(struct tail **tail);

#endif
