/*
 * panes: the parts of the screen, one file each. A pane draws what the view
 * holds into the area that it is given and changes nothing, except for the
 * scroll position that the view keeps for it.
 */
#ifndef CONSOLE_PANES_H
#define CONSOLE_PANES_H

#include "console/canvas.h"
#include "console/view.h"

/* The numbered panes: inside of their frame; and in a few words for the strip
 * that stands for them where there is no room. */
void run_draw(struct view *v, const struct area *a);
void run_brief(const struct view *v, struct pen *p);
void poll_draw(struct view *v, const struct area *a);
void poll_brief(const struct view *v, struct pen *p);
void tokens_draw(struct view *v, const struct area *a);
void tokens_brief(const struct view *v, struct pen *p);
void checks_draw(struct view *v, const struct area *a);
void checks_brief(const struct view *v, struct pen *p);
void obs_draw(struct view *v, const struct area *a);
void obs_brief(const struct view *v, struct pen *p);

/* The lines that are always there. */
void header_draw(const struct view *v, const struct area *a);
void standby_draw(const struct view *v, const struct area *a);
void inbox_draw(struct view *v, const struct area *a);
/* What was just said, over the first row of `a`; false when nothing was. */
bool flash_draw(const struct view *v, const struct area *a);
void keybar_draw(const struct view *v, const struct area *a, bool brake_only);

/* "REHEARSAL", "LIVE", "PANIC" ...: what the run is, with its style. */
const char *header_badge(const struct view *v, enum style *style,
			 enum glyph *mark);

#endif
