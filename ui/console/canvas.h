/*
 * canvas: the grid of cells that panes draw into. No terminal here: term.c
 * brings the difference to the screen, tests dump the grid as text.
 *
 * A cell is one grapheme cluster with its style. Whatever text comes in, the
 * grid never holds a control character, a broken sequence or half a wide
 * letter, and nothing is drawn outside the area that was given. Width and
 * clipping are those of base/text. One thread.
 */
#ifndef CONSOLE_CANVAS_H
#define CONSOLE_CANVAS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "console/glyph.h"
#include "console/theme.h"

#define CELL_TEXT_BYTES 22 /* a base and four marks, and the NUL */

struct cell {
	char text[CELL_TEXT_BYTES];
	uint8_t style;
	uint8_t width; /* 1 or 2; 0: the right half of a wide one */
};

struct canvas {
	struct cell *cells; /* row by row */
	int width, height;
	bool ascii; /* non-ASCII text becomes '?', marks their ASCII form */
};

struct rect {
	int x, y, w, h;
};

/* A part of a canvas; drawing is clipped to it. x and y count from its corner.
 * All of it is drawn dim when `stale`; frames are double when `past`. Passed by
 * value, cheap. */
struct area {
	struct canvas *canvas;
	struct rect r;
	bool stale, past;
};

void canvas_resize(struct canvas *c, int width, int height); /* and clears */
void canvas_clear(struct canvas *c);
void canvas_release(struct canvas *c);
const struct cell *canvas_cell(const struct canvas *c, int x, int y);
struct area canvas_area(struct canvas *c, struct rect r);

/* The text of the grid, a line a row, blanks at the end dropped. With `styles`
 * a second block follows: one letter a cell. */
void canvas_dump(const struct canvas *c, bool styles, struct buf *out);
bool canvas_has_text(const struct canvas *c, const char *text);

struct area area_part(const struct area *a, int x, int y, int w, int h);
/* Draws a frame with a title (and a note at its right end) along the edge and
 * returns what is inside. */
struct area area_frame(const struct area *a, enum style frame,
		       const char *title, const char *note);
void area_fill(const struct area *a, enum style style); /* blanks */
/* Gives a whole row this style; its text stays. */
void area_row_style(const struct area *a, int y, enum style style);

/* A pen writes along one row and stops at the right edge, where cut text ends
 * in an ellipsis. */
struct pen {
	struct area area;
	int x, y;
	int right; /* first column that it must not touch */
};

struct pen pen_at(const struct area *a, int x, int y);
/* The same, but at most `columns` from x. */
struct pen pen_within(const struct area *a, int x, int y, int columns);
void pen_text(struct pen *p, enum style style, const char *text);
void pen_printf(struct pen *p, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void pen_glyph(struct pen *p, enum style style, enum glyph glyph);
void pen_repeat(struct pen *p, enum style style, const char *cluster,
		int count);
void pen_skip_to(struct pen *p, int x); /* never backwards */
/* A bar of `columns`, filled by `share` (0..1). */
void pen_bar(struct pen *p, enum style style, int columns, double share);
/* Marks in the margin right of the rows [y, y + room) that show `room` of
 * `rows` entries from `top` on, when there are more above or below. The area
 * has a blank column to its right, so that no figure loses its last digit. */
void area_scroll_marks(const struct area *a, int y, int room, int top,
		       int rows);
/* Writes `text` folded at the right edge, from line *y on, lines outside left
 * out and all but the first set in by `indent`; *y ends behind it. */
void area_fold(const struct area *a, int *y, enum style style, const char *text,
	       int indent);
/* Right-aligned in the columns [x, x + columns). */
void area_right(const struct area *a, int x, int y, int columns,
		enum style style, const char *text);

#endif
