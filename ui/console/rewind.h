/*
 * rewind: looking back at the show as it was at an earlier event, while it goes
 * on. A second view holds that moment; the panes are drawn from it and keys
 * that only look work on it. What changes the show is refused, except for
 * PANIC, which also comes back to the live show.
 *
 * A key only says where to; rewind_work() goes there in steps that are short
 * enough to look at keys in between. Events that are no longer here are waited
 * for (view.rewind.missing), never by blocking. Pure. One thread.
 */
#ifndef CONSOLE_REWIND_H
#define CONSOLE_REWIND_H

#include "console/view.h"

/* rewind-back, rewind-forward, -stage, live. */
void rewind_do(struct view *v, enum action_id action);
/* Back to the live show; nothing when it is. */
void rewind_end(struct view *v);

/* Folds some events towards the target; true: call it again. */
bool rewind_work(struct view *v);
/* What was fetched after event `after`; `why` when nothing came. */
void rewind_take(struct view *v, uint64_t after, struct event *const *events,
		 size_t count, const char *why);
/* The snapshot behind which the log was trimmed, where what was before cannot
 * be read here, and why not: the oldest moment that can be shown. To be given
 * before what was fetched with it. */
void rewind_ground(struct view *v, const char *text, const char *why);
bool rewind_is_loading(const struct view *v);

/* False when the show is live; else true when `action` would change it, with a
 * flash that says so. */
bool rewind_refuses(struct view *v, enum action_id action);

/* The view that the panes show: that of then, with focus, zoom and selection
 * of `v`; `v` itself when it is live. */
struct view *rewind_lend(struct view *v);
/* After a key was done on it: what the operator chose goes back to `v`. */
void rewind_return(struct view *v, struct view *shown);

#endif
