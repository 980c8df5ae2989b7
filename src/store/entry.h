/* entry: entries of the log as hiredis gives them. Pure. Private to store/. */
#ifndef STORE_ENTRY_H
#define STORE_ENTRY_H

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "core/event.h"

/* The event in one stream entry [id, [field, value, ...]], which must be the
 * one with the number `expected`. NULL with err (ERR_DATA): a gap, or
 * something that is no event of ours. */
struct event *entry_event(const redisReply *entry, uint64_t expected,
			  struct err *err);

/* N of an id "N-0"; 0: it is not of ours. */
uint64_t entry_seq(const redisReply *entry);

/* The string value of `field`, or NULL. Lent. */
const char *entry_field(const redisReply *entry, const char *field);

#endif
