/* The page of all keys, made from the action table, and of all marks. */
#include <stdio.h>

#include "base/mem.h"
#include "console/operate.h"

#define HELP_INDENT 28 /* where what an action does begins */

static const struct {
	enum glyph mark;
	const char *means;
} marks[] = {
	{GLYPH_DONE, "done, passed"},
	{GLYPH_RUNNING, "running; on air"},
	{GLYPH_POLL, "a poll is open"},
	{GLYPH_STANDBY, "in standby: waits for GO"},
	{GLYPH_HELD, "held: waits for tokens"},
	{GLYPH_BACKOFF, "failed once, tries again soon"},
	{GLYPH_REVIEW, "waits for a review; in preview"},
	{GLYPH_WAITING, "waits for other stages"},
	{GLYPH_FAILED, "failed"},
	{GLYPH_SKIPPED, "skipped"},
	{GLYPH_CANCELLED, "cancelled"},
	{GLYPH_SENT, "asked for, not yet confirmed"},
};

/* Of a pane alone: with its number. */
static void add_key(struct dialog *d, const struct action *a)
{
	char key[16];
	snprintf(key, sizeof key, a->pane ? "%s in %d" : "%s", a->key, a->pane);
	dialog_add_row(d, "%-6s %-20s %s", key, a->name, a->help);
}

void help_open(struct view *v)
{
	struct dialog *d = &v->dialog;
	dialog_open(d, DIALOG_PAGE, ACTION_HELP, " Help ", "");
	d->indent = HELP_INDENT;
	for (size_t i = 0; i < ACTIONS; i++)
		if (action_table[i].key)
			add_key(d, &action_table[i]);
	dialog_add_row(d, " ");
	dialog_add_row(d, "Without a key of their own (: finds them, and "
			  "`showcaller do` does them):");
	for (size_t i = 0; i < ACTIONS; i++)
		if (!action_table[i].key)
			dialog_add_row(d, "       %-20s %s",
				       action_table[i].name,
				       action_table[i].help);
	dialog_add_row(d, " ");
	for (size_t i = 0; i < COUNT_OF(marks); i++)
		dialog_add_row(d, "%s / %s  %s",
			       glyph_text(marks[i].mark, false),
			       glyph_text(marks[i].mark, true), marks[i].means);
}
