/* frame: one whole picture of a view on a canvas. Pure but for the scroll
 * positions in the view. */
#ifndef CONSOLE_FRAME_H
#define CONSOLE_FRAME_H

#include "console/canvas.h"
#include "console/view.h"

void frame_draw(struct canvas *c, struct view *v);

#endif
