/*
 * reply: what hiredis reads from Redis, laid out in one piece. hiredis makes
 * two allocations for each value; an entry of the log has fifteen of them. Here
 * the values of an answer share blocks that go with it.
 *
 * Whoever gets an answer from a reader prepared here (all of this room are)
 * frees it with reply_free(), and never with hiredis's own function. Private to
 * store/.
 */
#ifndef STORE_REPLY_H
#define STORE_REPLY_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

/* More than any answer to a question of ours may have: a chunk of the log is at
 * most 500 events of 256 KiB. */
#define REPLY_MAX_BYTES (160u << 20)
#define REPLY_TOO_LARGE "it sent an answer larger than 160 MiB"

void reply_prepare(redisReader *reader);
void reply_free(redisReply *reply); /* NULL: nothing */

/* After an answer was taken: lets go of what a large one needed, which hiredis
 * keeps until it reads again. */
void reply_taken(redisReader **reader, const redisReply *reply);

/* What is read and belongs to no whole answer yet is more than that: drop the
 * connection. To be asked after each redisReaderFeed(). */
bool reply_is_too_large(const redisReader *reader);

#ifndef REPLY_BESIDE_HIREDIS /* a test with connections of its own */
#pragma GCC poison freeReplyObject
#endif

#endif
