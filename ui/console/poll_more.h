/* poll_more: the rest of pane 2, for as many rows as `a` has. */
#ifndef CONSOLE_POLL_MORE_H
#define CONSOLE_POLL_MORE_H

#include "console/canvas.h"
#include "console/view.h"

void poll_more_draw(const struct view *v, const struct area *a, int stage);

#endif
