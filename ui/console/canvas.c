#include "console/canvas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

#define TEXT_MAX_BYTES 4096 /* of one string; no row is that long */

static const struct cell blank = {.text = " ", .style = STYLE_TEXT, .width = 1};

void canvas_resize(struct canvas *c, int width, int height)
{
	REQUIRE(width >= 0 && height >= 0);
	size_t cells = (size_t)width * (size_t)height;
	c->cells = xreallocarray(c->cells, cells ? cells : 1, sizeof *c->cells);
	c->width = width;
	c->height = height;
	canvas_clear(c);
}

void canvas_clear(struct canvas *c)
{
	size_t cells = (size_t)c->width * (size_t)c->height;
	for (size_t i = 0; i < cells; i++)
		c->cells[i] = blank;
}

void canvas_release(struct canvas *c)
{
	free(c->cells);
	*c = (struct canvas){0};
}

static struct cell *cell_at(const struct canvas *c, int x, int y)
{
	REQUIRE(x >= 0 && x < c->width && y >= 0 && y < c->height);
	return &c->cells[(size_t)y * (size_t)c->width + (size_t)x];
}

const struct cell *canvas_cell(const struct canvas *c, int x, int y)
{
	return cell_at(c, x, y);
}

struct area canvas_area(struct canvas *c, struct rect r)
{
	struct area whole = {c, {0, 0, c->width, c->height}, false};
	return area_part(&whole, r.x, r.y, r.w, r.h);
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

struct area area_part(const struct area *a, int x, int y, int w, int h)
{
	struct area part = *a;
	x = x < 0 ? 0 : least(x, a->r.w);
	y = y < 0 ? 0 : least(y, a->r.h);
	part.r.x = a->r.x + x;
	part.r.y = a->r.y + y;
	part.r.w = w < 0 ? 0 : least(w, a->r.w - x);
	part.r.h = h < 0 ? 0 : least(h, a->r.h - y);
	return part;
}

/* A wide letter that loses one half loses both. */
static void break_wide(struct canvas *c, int x, int y)
{
	struct cell *cell = cell_at(c, x, y);
	if (cell->width == 0 && x > 0)
		*cell_at(c, x - 1, y) = blank;
	if (cell->width == 2 && x + 1 < c->width)
		*cell_at(c, x + 1, y) = blank;
}

/* One cluster into the grid; the place is inside the area. */
static void put_cluster(const struct area *a, int x, int y, enum style style,
			const char *text, size_t bytes, int width)
{
	struct canvas *c = a->canvas;
	x += a->r.x;
	y += a->r.y;
	struct cell *cell = cell_at(c, x, y);
	if (cell->width != 1)
		break_wide(c, x, y);
	if (width == 2) {
		if (cell_at(c, x + 1, y)->width != 1)
			break_wide(c, x + 1, y);
		struct cell *half = cell_at(c, x + 1, y);
		*half = (struct cell){.style = (uint8_t)style};
	}
	if (bytes >= CELL_TEXT_BYTES) {
		text = width == 2 ? "??" : "?";
		bytes = (size_t)width;
	}
	memcpy(cell->text, text, bytes);
	cell->text[bytes] = '\0';
	cell->width = (uint8_t)width;
	cell->style =
		(uint8_t)(a->stale && style < STYLE_LIVE ? STYLE_DIM : style);
	if (width == 2)
		cell_at(c, x + 1, y)->style = cell->style;
}

static size_t plain_run(const char *s)
{
	size_t n = 0;
	while (s[n] >= ' ' && s[n] < 0x7f)
		n++;
	return n;
}

/* The first cluster of clean text: its bytes and its columns (3 and more for
 * rare stacks of marks). */
static size_t first_cluster(const char *s, int *columns)
{
	*columns = 1;
	if (!(*s & 0x80) && !(s[1] & 0x80))
		return 1;
	size_t bytes = 0;
	for (int room = 1; !bytes && room <= CELL_TEXT_BYTES; room++)
		bytes = text_fit(s, room, columns);
	return bytes;
}

/* Writes clean text from p->x on, up to the column `end`. */
static void put_clean(struct pen *p, enum style style, const char *s, int end)
{
	while (*s && p->x < end) {
		int width;
		size_t bytes = first_cluster(s, &width);
		if (!bytes || p->x + width > end)
			break;
		if (width == 1 || width == 2)
			put_cluster(&p->area, p->x, p->y, style, s, bytes,
				    width);
		else
			for (int i = 0; i < width; i++)
				put_cluster(&p->area, p->x + i, p->y, style,
					    "?", 1, 1);
		p->x += width;
		s += bytes;
	}
}

static void put_text(struct pen *p, enum style style, const char *clean)
{
	int room = p->right - p->x;
	if (text_width(clean) <= room) {
		put_clean(p, style, clean, p->right);
		return;
	}
	put_clean(p, style, clean, p->right - 1);
	bool ascii = p->area.canvas->ascii;
	while (p->x < p->right - 1)
		put_clean(p, style, " ", p->x + 1);
	put_clean(p, style, ascii ? "~" : "…", p->right);
}

void pen_text(struct pen *p, enum style style, const char *text)
{
	if (!text || p->y < 0 || p->y >= p->area.r.h || p->x >= p->right)
		return;
	if (!text[plain_run(
		    text)]) { /* all printable ASCII: nothing to clean */
		put_text(p, style, text);
		return;
	}
	char *clean = text_clean_str(text, TEXT_MAX_BYTES);
	if (p->area.canvas->ascii)
		text_to_ascii(clean);
	put_text(p, style, clean);
	free(clean);
}

void pen_printf(struct pen *p, enum style style, const char *fmt, ...)
{
	char text[TEXT_MAX_BYTES];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	pen_text(p, style, text);
}

void pen_repeat(struct pen *p, enum style style, const char *cluster, int count)
{
	if (p->y < 0 || p->y >= p->area.r.h)
		return;
	for (int i = 0; i < count && p->x < p->right; i++, p->x++)
		put_cluster(&p->area, p->x, p->y, style, cluster,
			    strlen(cluster), 1);
}

void pen_glyph(struct pen *p, enum style style, enum glyph glyph)
{
	pen_repeat(p, style, glyph_text(glyph, p->area.canvas->ascii), 1);
}

void pen_skip_to(struct pen *p, int x)
{
	if (x > p->x)
		p->x = x;
}

void pen_bar(struct pen *p, enum style style, int columns, double share)
{
	bool ascii = p->area.canvas->ascii;
	share = share > 0 ? (share < 1 ? share : 1) : 0;
	int eighths = (int)(share * columns * 8 + 0.5);
	/* Something is never drawn as nothing, nor less than all as all. */
	if (share > 0 && eighths == 0)
		eighths = 1;
	if (share < 1 && eighths == columns * 8 && columns)
		eighths--;
	for (int i = 0; i < columns; i++) {
		int n = eighths - i * 8;
		n = n < 0 ? 0 : least(n, 8);
		pen_repeat(p, style, glyph_bar(n, ascii), 1);
	}
}

struct pen pen_at(const struct area *a, int x, int y)
{
	return (struct pen){*a, x < 0 ? 0 : x, y, a->r.w};
}

struct pen pen_within(const struct area *a, int x, int y, int columns)
{
	struct pen p = pen_at(a, x, y);
	p.right = least(p.right, p.x + (columns < 0 ? 0 : columns));
	return p;
}

void area_right(const struct area *a, int x, int y, int columns,
		enum style style, const char *text)
{
	char *clean = text_clean_str(text, TEXT_MAX_BYTES);
	int width = least(text_width(clean), columns);
	struct pen p = pen_within(a, x + columns - width, y, width);
	pen_text(&p, style, clean);
	free(clean);
}

static void scroll_mark(const struct area *a, int y, enum glyph glyph)
{
	struct area margin = *a;
	margin.r.w++;
	if (margin.r.x + margin.r.w > a->canvas->width)
		margin.r.w--;
	struct pen p = pen_at(&margin, margin.r.w - 1, y);
	pen_glyph(&p, STYLE_KEY, glyph);
}

void area_scroll_marks(const struct area *a, int y, int room, int top, int rows)
{
	if (room < 1)
		return;
	if (top + room < rows)
		scroll_mark(a, y + room - 1, GLYPH_MORE_DOWN);
	if (top > 0)
		scroll_mark(a, y, GLYPH_MORE_UP);
}

void area_fold(const struct area *a, int *y, enum style style, const char *text,
	       int indent)
{
	int x = 0;
	char *clean = text_clean_str(text, TEXT_MAX_BYTES);
	const char *s = clean;
	do {
		size_t fits = text_fit(s, a->r.w - x, NULL);
		size_t cut = fits;
		if (s[fits]) /* between words where that loses little */
			while (cut > fits / 2 && s[cut - 1] != ' ')
				cut--;
		if (cut <= fits / 2)
			cut = fits;
		char *line = xstrndup(s, cut);
		struct pen p = pen_at(a, x, *y);
		pen_text(&p, style, line);
		free(line);
		s += cut;
		x = a->r.w > 2 * indent ? indent : 0;
		++*y;
		if (!fits)
			break;
	} while (*s);
	free(clean);
}

void area_fill(const struct area *a, enum style style)
{
	for (int y = 0; y < a->r.h; y++) {
		struct pen p = pen_at(a, 0, y);
		pen_repeat(&p, style, " ", a->r.w);
	}
}

void area_row_style(const struct area *a, int y, enum style style)
{
	if (y < 0 || y >= a->r.h)
		return;
	for (int x = 0; x < a->r.w; x++)
		cell_at(a->canvas, a->r.x + x, a->r.y + y)->style =
			(uint8_t)style;
}

static void frame_edge(const struct area *a, int y, enum style style,
		       enum glyph left, enum glyph middle, enum glyph right)
{
	bool ascii = a->canvas->ascii;
	struct pen p = pen_at(a, 0, y);
	pen_glyph(&p, style, left);
	pen_repeat(&p, style, glyph_text(middle, ascii), a->r.w - 2);
	pen_glyph(&p, style, right);
}

static void frame_sides(const struct area *a, enum style style, enum glyph side)
{
	for (int y = 1; y < a->r.h - 1; y++) {
		struct pen p = pen_at(a, 0, y);
		pen_glyph(&p, style, side);
		pen_skip_to(&p, a->r.w - 1);
		pen_glyph(&p, style, side);
	}
}

/* Corners from the left above to the right below, a line, a side. */
static const enum glyph frames[2][6] = {
	{GLYPH_TL, GLYPH_TR, GLYPH_BL, GLYPH_BR, GLYPH_H, GLYPH_V},
	{GLYPH_PAST_TL, GLYPH_PAST_TR, GLYPH_PAST_BL, GLYPH_PAST_BR,
	 GLYPH_PAST_H, GLYPH_PAST_V},
};

struct area area_frame(const struct area *a, enum style frame,
		       const char *title, const char *note)
{
	const enum glyph *g = frames[a->past];
	struct area inside = area_part(a, 1, 1, a->r.w - 2, a->r.h - 2);
	if (a->r.w < 2 || a->r.h < 2)
		return inside;
	frame_edge(a, 0, frame, g[0], g[4], g[1]);
	frame_edge(a, a->r.h - 1, frame, g[2], g[4], g[3]);
	frame_sides(a, frame, g[5]);
	struct pen p = pen_within(a, 2, 0, a->r.w - 4);
	pen_text(&p, frame, title);
	int width = note ? text_width(note) : 0;
	if (width && p.x + width + 3 < a->r.w)
		area_right(a, p.x, 0, a->r.w - 2 - p.x, frame, note);
	return inside;
}

void canvas_dump(const struct canvas *c, bool styles, struct buf *out)
{
	for (int y = 0; y < c->height; y++) {
		size_t start = out->len;
		for (int x = 0; x < c->width; x++)
			buf_adds(out, cell_at(c, x, y)->text);
		while (out->len > start && out->data[out->len - 1] == ' ')
			out->data[--out->len] = '\0';
		buf_addc(out, '\n');
	}
	for (int y = 0; styles && y < c->height; y++) {
		for (int x = 0; x < c->width; x++)
			buf_addc(out, (char)('a' + cell_at(c, x, y)->style));
		buf_addc(out, '\n');
	}
}

bool canvas_has_text(const struct canvas *c, const char *text)
{
	struct buf dump = {0};
	canvas_dump(c, false, &dump);
	bool has = strstr(buf_str(&dump), text) != NULL;
	buf_release(&dump);
	return has;
}
