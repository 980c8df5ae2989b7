/*
 * mailbox: values cross threads here, moved and never shared.
 *
 * A bounded queue of pointers, many senders, one receiver, with a descriptor
 * that poll(2) shows readable while something waits. A full mailbox refuses;
 * the sender keeps its value and says so.
 */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mailbox;

/* `drop` frees a value that is still inside when the mailbox is freed. */
struct mailbox *mailbox_new(size_t capacity, void (*drop)(void *));
void mailbox_free(struct mailbox **box);

/* Moves `*value` in and makes it NULL. False (and `*value` stays) when full or
 * closed. Any thread. Called as mailbox_post(box, &value). */
bool mailbox_post_(struct mailbox *box, void **value);
#define mailbox_post(box, value_ptr)                                           \
	mailbox_post_((box), (void **)(void *)(value_ptr))

/* Moves in as many of `count` values as there is room for, the first ones
 * first, at the price of one: how many. Those moved become NULL. */
size_t mailbox_post_all_(struct mailbox *box, void **values, size_t count);
#define mailbox_post_all(box, values, count)                                   \
	mailbox_post_all_((box), (void **)(void *)(values), (count))

/* The same as mailbox_post(), but waits for room (up to `timeout_ms`, -1 for
 * ever). */
bool mailbox_post_wait_(struct mailbox *box, void **value, int timeout_ms);
#define mailbox_post_wait(box, value_ptr, timeout_ms)                          \
	mailbox_post_wait_((box), (void **)(void *)(value_ptr), (timeout_ms))

/* The oldest value, or NULL if there is none. Receiver only. */
void *mailbox_take(struct mailbox *box);

/* Waits up to `timeout_ms` (-1 for ever) for a value; NULL on time-out or when
 * closed and empty. Receivers of a shared work queue (the pool) may be many. */
void *mailbox_wait(struct mailbox *box, int timeout_ms);

/* Readable while a value waits or the mailbox is closed. For poll(2). */
int mailbox_fd(const struct mailbox *box);

/* No more posts; waiters wake. */
void mailbox_close(struct mailbox *box);
bool mailbox_closed(struct mailbox *box);

/* Posts refused because the box was full, since the start. */
uint64_t mailbox_refused(struct mailbox *box);

#endif
