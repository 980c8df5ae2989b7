/* spending: the lower part of the tokens pane when it has the room: minutes as a
 * chart, stages, models and the episodes before. */
#ifndef CONSOLE_SPENDING_H
#define CONSOLE_SPENDING_H

#include "console/canvas.h"
#include "console/view.h"

#define SPENDING_LEAST_ROWS 12

void spending_draw(const struct view *v, const struct area *a);

#endif
