/*
 * theme: what a cell means, and how that looks on 0, 8, 16 or 256 colours.
 *
 * Panes name meanings only. A meaning never hangs on colour alone: each also
 * has a mark (glyph.h) or a word, and the table for no colours keeps it apart
 * by bold, dim and reverse. Pure.
 */
#ifndef CONSOLE_THEME_H
#define CONSOLE_THEME_H

#include <stdbool.h>

enum style {
	STYLE_TEXT,
	STYLE_DIM,       /* of little weight, or too old to be trusted */
	STYLE_STRONG,
	STYLE_FRAME,
	STYLE_FOCUS,     /* frame and title of the pane that has the keys */
	STYLE_KEY,       /* a key that may be pressed now */
	STYLE_GOOD,
	STYLE_BUSY,
	STYLE_WAIT,      /* waits for a human */
	STYLE_BAD,
	STYLE_BAR,
	STYLE_SELECT,    /* the selected row of the focused pane */
	STYLE_LIVE,      /* badge: on air */
	STYLE_REHEARSAL, /* badge: not on air */
	STYLE_HOLD,      /* badge: paused */
	STYLE_ALARM,     /* badge: panic, lost link */
	STYLE_PAST,      /* frame and mark of what was, and is no more */
	STYLES,
};

enum { THEME_BOLD = 1, THEME_DIM = 2, THEME_REVERSE = 4 };

struct look {
	int fg, bg; /* colour numbers, -1: the terminal's own */
	int flags;  /* THEME_* */
};

/* `colours` is what the terminal has; 0: none (or NO_COLOR). */
struct look theme_look(enum style style, int colours);

#endif
