/*
 * operate: what a key does to a view. Changes the view and leaves commands in
 * its outbox; never waits for anything. Pure but for the view. One thread.
 */
#ifndef CONSOLE_OPERATE_H
#define CONSOLE_OPERATE_H

#include "console/view.h"

void operate_key(struct view *v, int key);
/* The same by name: a key of the table, or chosen in the palette. */
void operate_action(struct view *v, enum action_id action);

/* What the pages say. details.c, help.c. */
void details_open(struct view *v);
void help_open(struct view *v);

#endif
