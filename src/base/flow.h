/*
 * flow: an answer that crosses threads while it is still being made: a head,
 * then bytes, then an end. What a mailbox is for values a flow is for a stream:
 * bounded, moved by copy, one writer and one reader at a time.
 *
 * Reference-counted; each holder has a reference. The writer may change hands
 * (the engine, then the relay, then the engine again), the reader does not. A
 * bell is rung on the thread that gave the cause; it only wakes, and calls nothing
 * of the flow.
 */
#ifndef BASE_FLOW_H
#define BASE_FLOW_H

#include <stdbool.h>
#include <stddef.h>

enum flow_end {
	FLOW_GOES_ON,
	FLOW_WHOLE, /* all of it was written */
	FLOW_CUT,   /* what is missing will not come */
};

struct flow_head {
	int status;	       /* as in HTTP */
	bool piecewise;	       /* worth sending before its end */
	char type[80];	       /* Content-Type */
	char retry_after[40];  /* "": none */
};

struct flow;

/* `ring(ctx, id)` tells the reader that there is a head, that something came
 * into an empty flow, or that it ended. `id` is copied (63 bytes). */
struct flow *flow_new(size_t max_bytes, void (*ring)(void *ctx, const char *id),
		      void *ctx, const char *id);
struct flow *flow_ref(struct flow *flow); /* NULL -> NULL */
void flow_unref(struct flow **flow);

/* --- the writer ----------------------------------------------------------- */

/* Rung when there is room again after flow_has_room() said no, and when the
 * reader has left. NULL takes it away; then it is not rung any more. */
void flow_set_bell(struct flow *flow, void (*ring)(void *ctx), void *ctx);
/* Once, before any bytes; a second head is ignored. */
void flow_begin(struct flow *flow, const struct flow_head *head);
/* False: it is full; wait for the bell. One put may go beyond the limit. */
bool flow_has_room(struct flow *flow);
void flow_put(struct flow *flow, const void *data, size_t bytes);
/* The first end counts. */
void flow_finish(struct flow *flow, enum flow_end end);
/* The reader has left: what is written is not kept. */
bool flow_is_left(struct flow *flow);

/* --- the reader ----------------------------------------------------------- */

/* False while there is no head. */
bool flow_read_head(struct flow *flow, struct flow_head *head);
/* Takes up to `max` bytes into `room`. With 0, `*end` says whether more will
 * come. */
size_t flow_take(struct flow *flow, char *room, size_t max,
		 enum flow_end *end);
/* All that is there, with its end: for a reader that waits for the whole. */
enum flow_end flow_look(struct flow *flow, size_t *bytes);
/* Wants nothing more. Frees what waits. */
void flow_leave(struct flow *flow);

#endif
