#include "console/dialog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "console/keys.h"

#define ROW_MAX_BYTES 4000
#define PAGE_STEP     10

/* --- the state machine --------------------------------------------------- */

enum key_class {
	KEY_YES,    /* y */
	KEY_LETTER, /* any other that can be typed */
	KEY_ENTER,
	KEY_ESC,
	KEY_ERASE,
	KEY_MOVE,
	KEY_CLOSER, /* q and ?, which also close a page */
	KEY_PASTED,
	KEY_OTHER,
	KEY_CLASSES,
};

enum reaction { STAY, CLOSE, TAKE, TYPE, ERASE, MOVE, TAKE_TYPED, TAKE_ROW };

/* Danger is agreed to by y alone; whatever else is pressed means no. */
static const unsigned char reactions[DIALOG_KINDS][KEY_CLASSES] = {
	/* YES, LETTER, ENTER, ESC, ERASE, MOVE, CLOSER, PASTED, OTHER */
	[DIALOG_NONE] = {STAY, STAY, STAY, STAY, STAY, STAY, STAY, STAY, STAY},
	[DIALOG_CONFIRM] = {TAKE, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE,
			    CLOSE, CLOSE},
	[DIALOG_TYPE] = {TYPE, TYPE, TAKE_TYPED, CLOSE, ERASE, STAY, TYPE, STAY,
			 STAY},
	[DIALOG_CHOOSE] = {STAY, STAY, TAKE_ROW, CLOSE, STAY, MOVE, CLOSE, STAY,
			   STAY},
	[DIALOG_PALETTE] = {TYPE, TYPE, TAKE_ROW, CLOSE, ERASE, MOVE, TYPE,
			    STAY, STAY},
	[DIALOG_PAGE] = {STAY, STAY, CLOSE, CLOSE, STAY, MOVE, CLOSE, STAY,
			 STAY},
};

static enum key_class class_of(int key)
{
	switch (key) {
	case 'y':
		return KEY_YES;
	case 'q':
	case '?':
		return KEY_CLOSER;
	case KEYS_ENTER:
		return KEY_ENTER;
	case KEYS_ESC:
		return KEY_ESC;
	case KEYS_BACKSPACE:
		return KEY_ERASE;
	case KEYS_PASTE:
		return KEY_PASTED;
	case KEYS_UP:
	case KEYS_DOWN:
	case KEYS_PAGE_UP:
	case KEYS_PAGE_DOWN:
	case KEYS_HOME:
	case KEYS_END:
		return KEY_MOVE;
	default:
		return key >= ' ' && key < 0x7f ? KEY_LETTER : KEY_OTHER;
	}
}

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* 0: `typed` begins the row; 1: stands in it; 2: its letters do, in order;
 * -1: it does not match. */
static int match(const char *row, const char *typed)
{
	size_t n = strlen(typed);
	for (const char *at = row; *at; at++) {
		size_t i = 0;
		while (i < n && at[i] && lower(at[i]) == lower(typed[i]))
			i++;
		if (i == n)
			return at == row ? 0 : 1;
	}
	for (; *row && *row != ' '; row++)
		if (*typed && lower(*row) == lower(*typed))
			typed++;
	return *typed ? -1 : 2;
}

static void narrow(struct dialog *d)
{
	d->shown = xreallocarray(d->shown, d->row_count + 1, sizeof *d->shown);
	d->shown_count = 0;
	for (int rank = 0; rank < 3; rank++)
		for (size_t i = 0; i < d->row_count; i++)
			if (match(d->rows[i], d->input) == rank)
				d->shown[d->shown_count++] = (int)i;
	d->selected = d->top = 0;
}

static int last_row(const struct dialog *d)
{
	size_t n = d->kind == DIALOG_PALETTE ? d->shown_count : d->row_count;
	return n ? (int)n - 1 : 0;
}

static void move(struct dialog *d, int key)
{
	/* A page scrolls; a list moves what is selected. */
	int *at = d->kind == DIALOG_PAGE ? &d->top : &d->selected;
	int last = d->kind == DIALOG_PAGE ? ROW_MAX_BYTES : last_row(d);
	switch (key) {
	case KEYS_UP:
		--*at;
		break;
	case KEYS_DOWN:
		++*at;
		break;
	case KEYS_PAGE_UP:
		*at -= PAGE_STEP;
		break;
	case KEYS_PAGE_DOWN:
		*at += PAGE_STEP;
		break;
	case KEYS_HOME:
		*at = 0;
		break;
	default:
		*at = last;
	}
	*at = *at < 0 ? 0 : *at > last ? last : *at;
}

static void type(struct dialog *d, int key)
{
	if (d->input_len + 1 < sizeof d->input)
		d->input[d->input_len++] = (char)key;
	d->input[d->input_len] = '\0';
	if (d->kind == DIALOG_PALETTE)
		narrow(d);
}

static void erase(struct dialog *d)
{
	if (d->input_len)
		d->input[--d->input_len] = '\0';
	if (d->kind == DIALOG_PALETTE)
		narrow(d);
}

enum dialog_outcome dialog_key(struct dialog *d, int key)
{
	switch ((enum reaction)reactions[d->kind][class_of(key)]) {
	case CLOSE:
		return DIALOG_CLOSED;
	case TAKE:
		return DIALOG_TAKEN;
	case TYPE:
		type(d, key);
		break;
	case ERASE:
		erase(d);
		break;
	case MOVE:
		move(d, key);
		break;
	case TAKE_TYPED:
		if (d->must_type ? strcmp(d->input, d->must_type) == 0
				 : d->input_len > 0)
			return DIALOG_TAKEN;
		break;
	case TAKE_ROW:
		if (dialog_choice(d) != DIALOG_NO_CHOICE)
			return DIALOG_TAKEN;
		break;
	case STAY:
		break;
	}
	return DIALOG_STAYS;
}

int dialog_choice(const struct dialog *d)
{
	if (d->kind == DIALOG_CHOOSE && d->row_count)
		return d->selected;
	if (d->kind == DIALOG_PALETTE && d->shown_count)
		return d->shown[d->selected];
	return DIALOG_NO_CHOICE;
}

void dialog_close(struct dialog *d)
{
	for (size_t i = 0; i < d->row_count; i++)
		free(d->rows[i]);
	free(d->rows);
	free(d->shown);
	*d = (struct dialog){0};
}

void dialog_open(struct dialog *d, enum dialog_kind kind, enum action_id action,
		 const char *title, const char *text)
{
	dialog_close(d);
	d->kind = kind;
	d->action = action;
	snprintf(d->title, sizeof d->title, "%s", title);
	snprintf(d->text, sizeof d->text, "%s", text);
}

void dialog_add_arg(struct dialog *d, const char *arg)
{
	REQUIRE((size_t)d->arg_count < COUNT_OF(d->args));
	REQUIRE(strlen(arg) < DIALOG_ARG_BYTES);
	snprintf(d->args[d->arg_count++], DIALOG_ARG_BYTES, "%s", arg);
}

void dialog_add_row(struct dialog *d, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *raw = xvasprintf(fmt, ap);
	va_end(ap);
	GROW(d->rows, d->row_count, d->row_cap);
	d->rows[d->row_count++] = text_clean_str(raw, ROW_MAX_BYTES);
	free(raw);
	if (d->kind == DIALOG_PALETTE)
		narrow(d);
}

/* --- drawing ------------------------------------------------------------- */

static void draw_page(struct dialog *d, const struct area *in)
{
	struct area nowhere = area_part(in, 0, 0, in->r.w, 0);
	int lines = 0;
	for (size_t i = 0; i < d->row_count; i++)
		area_fold(&nowhere, &lines, STYLE_TEXT, d->rows[i], d->indent);
	int furthest = lines > in->r.h ? lines - in->r.h : 0;
	if (d->top > furthest)
		d->top = furthest;
	int y = -d->top;
	for (size_t i = 0; i < d->row_count && y < in->r.h; i++)
		area_fold(in, &y, STYLE_TEXT, d->rows[i], d->indent);
	if (d->top < furthest) {
		struct pen p = pen_at(in, in->r.w - 1, in->r.h - 1);
		pen_glyph(&p, STYLE_KEY, GLYPH_MORE_DOWN);
	}
	if (d->top > 0) {
		struct pen p = pen_at(in, in->r.w - 1, 0);
		pen_glyph(&p, STYLE_KEY, GLYPH_MORE_UP);
	}
}

static void draw_list(struct dialog *d, const struct area *in, int y)
{
	int room = in->r.h - y;
	int count = last_row(d) + 1;
	if (room < 1)
		return;
	if (d->selected < d->top)
		d->top = d->selected;
	if (d->selected >= d->top + room)
		d->top = d->selected - room + 1;
	bool palette = d->kind == DIALOG_PALETTE;
	if (palette ? !d->shown_count : !d->row_count) {
		struct pen p = pen_at(in, 0, y);
		pen_text(&p, STYLE_DIM, "nothing fits");
		return;
	}
	for (int i = d->top; i < count && i < d->top + room; i++) {
		struct pen p = pen_at(in, 0, y + i - d->top);
		if (i == d->selected)
			pen_glyph(&p, STYLE_KEY, GLYPH_PICK);
		pen_skip_to(&p, 2);
		pen_text(&p, STYLE_TEXT, d->rows[palette ? d->shown[i] : i]);
		if (i == d->selected)
			area_row_style(in, p.y, STYLE_SELECT);
	}
}

static void draw_input(const struct dialog *d, const struct area *in, int y)
{
	struct pen p = pen_at(in, 0, y);
	pen_text(&p, STYLE_KEY, "> ");
	/* The end is what is being typed. */
	size_t room = in->r.w > 4 ? (size_t)in->r.w - 4 : 0;
	size_t skip = d->input_len > room ? d->input_len - room : 0;
	pen_text(&p, STYLE_STRONG, d->input + skip);
	pen_text(&p, STYLE_KEY, "_");
}

static const char *const hints[DIALOG_KINDS] = {
	[DIALOG_NONE] = "",
	[DIALOG_CONFIRM] = "y yes   any other key: no",
	[DIALOG_TYPE] = "Enter  Esc",
	[DIALOG_CHOOSE] = "Up Down Enter  Esc",
	[DIALOG_PALETTE] = "Up Down Enter  Esc",
	[DIALOG_PAGE] = "Up Down  Esc closes",
};

static struct area place(const struct dialog *d, const struct area *a)
{
	if (d->kind == DIALOG_PAGE || d->kind == DIALOG_PALETTE)
		return *a;
	int w = a->r.w > 84 ? 80 : a->r.w;
	int fold = w > 4 ? w - 4 : 1;
	int h = 4 + text_width(d->text) / fold + (int)d->row_count +
		(d->kind == DIALOG_TYPE ? 2 : 0);
	if (h > a->r.h)
		h = a->r.h;
	return area_part(a, (a->r.w - w) / 2, (a->r.h - h) / 2, w, h);
}

/* Lines below the text that must be seen: what is typed, the choices (two at
 * least), the question. */
static int rows_kept(const struct dialog *d, const struct area *in)
{
	int rows = d->kind == DIALOG_CHOOSE ? (int)d->row_count : 1;
	int most = in->r.h * 2 / 3;
	rows = rows > most ? most : rows;
	return rows < 1 ? 1 : rows;
}

void dialog_draw(struct dialog *d, const struct area *area)
{
	if (d->kind == DIALOG_NONE)
		return;
	struct area box = place(d, area);
	box.stale = false;
	area_fill(&box, STYLE_TEXT);
	enum style frame = d->kind == DIALOG_CONFIRM || d->must_type
				   ? STYLE_WAIT
				   : STYLE_FOCUS;
	struct area in = box;
	if (box.r.h >= 3 && box.r.w >= 12) { /* else the words alone */
		bool inside = d->kind == DIALOG_CONFIRM;
		in = area_frame(&box, frame, d->title,
				inside ? NULL : hints[d->kind]);
		in = area_part(&in, 1, 0, in.r.w - 2, in.r.h);
	}
	int y = 0;
	if (d->kind == DIALOG_PAGE) {
		draw_page(d, &in);
		return;
	}
	if (*d->text) { /* a long one leaves room for what is asked */
		struct area words = area_part(&in, 0, 0, in.r.w,
					      in.r.h - rows_kept(d, &in));
		area_fold(&words, &y, STYLE_STRONG, d->text, 0);
		y = y > words.r.h ? words.r.h : y;
	}
	if (d->kind == DIALOG_TYPE || d->kind == DIALOG_PALETTE)
		draw_input(d, &in, y++);
	if (d->kind == DIALOG_CHOOSE || d->kind == DIALOG_PALETTE)
		draw_list(d, &in, y);
	if (d->kind == DIALOG_CONFIRM && in.r.h > 0) {
		/* Whatever else has no room: this is what y would do. */
		struct area row = area_part(&in, 0, in.r.h - 1, in.r.w, 1);
		area_fill(&row, STYLE_TEXT);
		struct pen p = pen_at(&row, 0, 0);
		pen_text(&p, STYLE_KEY, hints[d->kind]);
	}
}
