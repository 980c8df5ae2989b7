/*
 * fsync: when a Redis writes its append-only file to the disk, which is what a
 * crash of it may lose. Private to store/.
 */
#ifndef STORE_FSYNC_H
#define STORE_FSYNC_H

#include "store/link.h"

/* "always", "everysec", "no", "off" (it keeps no such file), or "unknown" (its
 * user may not look, or `link` is NULL). A literal. Blocks for one answer. */
const char *fsync_ask(struct link *link);

/* Makes the policy that of this Redis. False with err: it does not take it. */
bool fsync_set(struct link *link, const char *policy, struct err *err);

#endif
