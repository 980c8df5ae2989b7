/*
 * past: what a console keeps of the log to be able to go back in it.
 *
 * The events themselves as compact text, in pages, the least used of which make
 * room for others (PAST_EVENTS, PAST_BYTES); models as snapshots every so many
 * events, close together near the newest and wider apart behind it
 * (PAST_MARKS, PAST_MARK_BYTES); and one bit an event: a stage was completed
 * there. So memory is bounded however long the show is, but for that bit. A
 * page that is not there is to be fetched and given to past_put(). What a page
 * said of completions is known from then on, also when it is no longer here.
 *
 * Pure. One thread.
 */
#ifndef CONSOLE_PAST_H
#define CONSOLE_PAST_H

#include "console/view.h"

#define PAST_PAGE	500    /* events; page n begins with n * 500 + 1 */
#define PAST_EVENTS	200000 /* kept at most */
#define PAST_BYTES	(64u << 20)
#define PAST_MARKS	256
#define PAST_MARK_BYTES (32u << 20)
#define PAST_MARK_EVERY 1000	/* events between two, at least */
#define PAST_MAX_SEQ	(1u << 26) /* later ones are not kept */

struct past *past_new(void);
void past_free(struct past **past);

/* Takes in the next event of the live show; `before` is as it was before it. */
void past_add(struct past *p, const struct model *before,
	      const struct event *event);
/* The log is read on from `m`, a snapshot; what went before is not here. */
void past_begin(struct past *p, const struct model *m);
/* Events that were fetched, in order, the first one that of a page. They stay
 * with the caller. */
void past_put(struct past *p, struct event *const *events, size_t count);

/* The event with that number as a new one, NULL when it must be fetched. */
struct event *past_event(struct past *p, uint64_t seq);
/* The number behind which the page of `seq` begins. */
uint64_t past_page_after(uint64_t seq);

/* The nearest completion of a stage before or after `seq`. 0: there is none, or,
 * with *missing, an event that must be fetched to know. */
uint64_t past_stage_before(const struct past *p, uint64_t seq,
			   uint64_t *missing);
uint64_t past_stage_after(const struct past *p, uint64_t seq, uint64_t newest,
			  uint64_t *missing);

/* Keeps the model as it is now: `near` for as long as the operator moves about
 * there, else for good (until thinned out). */
void past_mark(struct past *p, const struct model *m, bool near);
/* Number of the newest model that is kept at or before `seq`, 0: none. */
uint64_t past_nearest(const struct past *p, uint64_t seq);
/* That model. NULL when it cannot be read; it is kept no
 * longer then. */
struct model *past_restore(struct past *p, const struct show *show,
			   uint64_t seq);

#endif
