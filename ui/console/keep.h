/*
 * keep: where the operator was, kept in the show's folder when a console leaves
 * and taken up again by the next one: focus, zoom, and what was selected (by
 * name where it has one). A file that is not there, or is nonsense, is none.
 */
#ifndef CONSOLE_KEEP_H
#define CONSOLE_KEEP_H

#include "console/view.h"

/* `state_dir` may be NULL: nothing is kept. */
void keep_save(const struct view *v, const char *state_dir);
void keep_load(struct view *v, const char *state_dir);

#endif
