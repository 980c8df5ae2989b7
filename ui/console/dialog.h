/*
 * dialog: what lies over the panes for a moment: a question, a text to type, a
 * list to choose from, or a page to read. The state machine is pure: keys in,
 * an outcome out; who opened it acts on the outcome. One thread.
 */
#ifndef CONSOLE_DIALOG_H
#define CONSOLE_DIALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "console/canvas.h"
#include "core/actions.h"

enum dialog_kind {
	DIALOG_NONE,
	DIALOG_CONFIRM, /* y, or anything else */
	DIALOG_TYPE,    /* a text, Enter */
	DIALOG_CHOOSE,  /* one of a list, Enter */
	DIALOG_PALETTE, /* a list that typing narrows, Enter */
	DIALOG_PAGE,    /* text to read and scroll */
	DIALOG_KINDS,
};

enum dialog_outcome {
	DIALOG_STAYS,
	DIALOG_CLOSED, /* given up */
	DIALOG_TAKEN,  /* agreed, typed or chosen: see the members */
};

#define DIALOG_ARG_BYTES   256
#define DIALOG_INPUT_BYTES 256
#define DIALOG_NO_CHOICE   (-1)

struct dialog {
	enum dialog_kind kind;
	enum action_id action; /* what it is about */
	char args[2][DIALOG_ARG_BYTES]; /* its first arguments, as they were
					   when it was opened */
	int arg_count;
	char title[128];
	char text[512];        /* the question */
	char input[DIALOG_INPUT_BYTES]; /* what was typed */
	size_t input_len;
	const char *must_type; /* TYPE: only this is taken; literal or NULL */
	char **rows;           /* CHOOSE, PALETTE, PAGE */
	size_t row_count, row_cap;
	int *shown;            /* PALETTE: rows that match, the best first */
	size_t shown_count;
	int indent;            /* PAGE: of lines that go on from the one before */
	int selected, top;     /* of the rows (PALETTE: of the shown) */
};

/* Opens `kind` anew; title and texts are copied. */
void dialog_open(struct dialog *d, enum dialog_kind kind, enum action_id action,
		 const char *title, const char *text);
void dialog_add_arg(struct dialog *d, const char *arg);
void dialog_add_row(struct dialog *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void dialog_close(struct dialog *d);

enum dialog_outcome dialog_key(struct dialog *d, int key);

/* After DIALOG_TAKEN: the row of CHOOSE or PALETTE, or DIALOG_NO_CHOICE. */
int dialog_choice(const struct dialog *d);

/* Over `area`, which it clears as far as it needs. */
void dialog_draw(struct dialog *d, const struct area *area);

#endif
