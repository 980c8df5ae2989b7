/*
 * glyph: every mark that the console draws beside text, each with a form for
 * terminals without UTF-8. Each is one column wide. Pure.
 */
#ifndef CONSOLE_GLYPH_H
#define CONSOLE_GLYPH_H

#include <stdbool.h>

enum glyph {
	GLYPH_DONE,
	GLYPH_RUNNING,
	GLYPH_POLL,
	GLYPH_STANDBY,
	GLYPH_HELD,
	GLYPH_BACKOFF,
	GLYPH_REVIEW,
	GLYPH_WAITING,
	GLYPH_FAILED,
	GLYPH_SKIPPED,
	GLYPH_CANCELLED,
	GLYPH_ON,        /* a lamp that is lit */
	GLYPH_OFF,
	GLYPH_SENT,      /* asked for, not yet confirmed */
	GLYPH_PICK,      /* the selected one */
	GLYPH_STOP,
	GLYPH_MORE_UP,
	GLYPH_MORE_DOWN,
	GLYPH_H,         /* frame */
	GLYPH_V,
	GLYPH_TL,
	GLYPH_TR,
	GLYPH_BL,
	GLYPH_BR,
	GLYPH_PAST_H,    /* frame around what was */
	GLYPH_PAST_V,
	GLYPH_PAST_TL,
	GLYPH_PAST_TR,
	GLYPH_PAST_BL,
	GLYPH_PAST_BR,
	GLYPH_BAR_LEFT,
	GLYPH_BAR_RIGHT,
	GLYPHS,
};

const char *glyph_text(enum glyph glyph, bool ascii);

/* A cell of a horizontal bar that is filled by `eighths` (0..8), and of an
 * upright one (sparkline). */
const char *glyph_bar(int eighths, bool ascii);
const char *glyph_spark(int eighths, bool ascii);

#endif
