/* poll_choice: of several polls that go on, the one that pane 2 shows in full
 * and its keys mean; the others have a row each. */
#ifndef CONSOLE_POLL_CHOICE_H
#define CONSOLE_POLL_CHOICE_H

#include "console/canvas.h"
#include "console/view.h"

/* What was chosen, while that goes on; else what was opened last; -1: there was
 * none. */
int poll_choice(const struct view *v);
/* After a batch of items: notices that another one is shown now. */
void poll_choice_settle(struct view *v);
/* Its name, for a key of `action`; NULL: there is none, or another one came so
 * lately that the key was meant for the one before. The operator is told. */
const char *poll_choice_of_key(struct view *v, enum action_id action);
/* The inbox asks about a burst of votes, and `x` means that one: pane 2 has not
 * the keys. */
bool poll_choice_asked(const struct view *v);
/* Shows that one, if it goes on. */
void poll_choice_pick(struct view *v, int stage);
/* The next one that goes on. */
void poll_choice_next(struct view *v, enum action_id action);
/* How many others go on. */
int poll_choice_others(const struct view *v);
/* In the rows of `a`, the one that the key brings first; of more than there are
 * rows the last one says how many. */
void poll_choice_draw(const struct view *v, const struct area *a);

#endif
