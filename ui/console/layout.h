/*
 * layout: which part of the screen belongs to what. Pure.
 *
 * Wide screens show all panes at once; smaller ones (or a zoom) show one pane
 * with a strip of the others; very small ones show what waits for the operator
 * and the brake alone. Parts never overlap and never leave the screen; a part
 * that has no room has w or h 0. A size always gives the same places, so that
 * nothing moves while the show goes on.
 */
#ifndef CONSOLE_LAYOUT_H
#define CONSOLE_LAYOUT_H

#include "console/canvas.h"

enum pane {
	PANE_RUN,
	PANE_POLL,
	PANE_TOKENS,
	PANE_CHECKS,
	PANE_OBS,
	PANES,
	PANE_INBOX = PANES, /* has the keys like a pane, and its own place */
	PANES_AND_INBOX,
};

enum layout_kind { LAYOUT_FULL, LAYOUT_ONE, LAYOUT_TINY };

struct layout {
	enum layout_kind kind;
	struct rect header, standby, strip, inbox, keybar;
	struct rect panes[PANES]; /* LAYOUT_ONE: only `one` has room */
	struct rect middle;       /* where panes are; help and details too */
	bool inbox_framed;
};

/* `one` is the pane that is shown when there is room for one; `zoom` shows it
 * alone also where there is room for all. */
struct layout layout_make(int width, int height, enum pane one, bool zoom);

#endif
