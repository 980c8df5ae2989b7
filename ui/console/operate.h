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

/* The lists behind an item, the late answers, the agents; and what was chosen
 * or typed there. menu.c. */
void menu_open(struct view *v, const struct inbox_item *item);
void menu_refresh(struct view *v); /* its figures are those of now */
void menu_chosen(struct view *v, const struct dialog *d, int row);
void menu_typed(struct view *v, const struct dialog *d);
void late_open(struct view *v, enum action_id action);
void late_chosen(struct view *v, const struct dialog *d, int row);
void kill_open(struct view *v, enum action_id action);
void kill_chosen(struct view *v, const struct dialog *d, int row);

/* What OBS is asked for by name. obs_do.c. */
void obs_do_open(struct view *v, enum action_id action);
void obs_do_chosen(struct view *v, const struct dialog *d, int row);
void obs_do_typed(struct view *v, const struct dialog *d);

/* Checks, pre-flight, alarms. check_do.c. */
void check_do(struct view *v, enum action_id action);
void check_do_override(struct view *v, enum action_id action);
void check_do_listen(struct view *v, enum action_id action);
void alarm_do_ack(struct view *v, enum action_id action);

/* Polls. poll_do.c. */
void poll_do(struct view *v, enum action_id action);
void poll_do_exclude(struct view *v, enum action_id action);
void poll_do_new(struct view *v, enum action_id action);
void poll_do_resolve(struct view *v, enum action_id action);
void poll_do_typed(struct view *v, const struct dialog *d);

/* Asks for a y, and for nothing else; `arg` (NULL: none) is the argument. */
void operate_confirm(struct view *v, enum action_id action, const char *arg,
		     const char *question);
/* Asks for a text, which becomes the argument behind `arg` (NULL: the first). */
void operate_type(struct view *v, enum action_id action, const char *arg,
		  const char *question);

/* What the pages say. details.c, help.c. */
void details_open(struct view *v);
void history_open(struct view *v, enum action_id action); /* what people did */
/* check_page.c. All that Redis has of its last result (JSON, NULL: nothing)
 * comes later. */
void check_page_open(struct view *v, int check);
void check_page_take(struct view *v, int check, const char *json, bool ascii);
void help_open(struct view *v);

/* Scenes of OBS by their letters in pane 5; 0: that one has none. obs_do.c. */
char obs_letter(int scene);
bool obs_do_letter(struct view *v, int key); /* false: it is none */
void obs_do_selected(struct view *v, int scene);

#endif
