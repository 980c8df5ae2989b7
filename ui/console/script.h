/*
 * script: the console driven from a file ($SHOWCALLER_SCRIPT), so that tests
 * of the shipped program never sleep. One command a line, # begins a comment:
 *
 *   keys NAME...      presses these keys (keys.h), one frame each
 *   wait quiet        until nothing is on its way and no key would be too early
 *   wait text TEXT    until TEXT stands on the screen
 *   wait gone TEXT    until it does not
 *   dump FILE         writes the screen as text (FILE may be a FIFO)
 *   resize WxH        draws as if the terminal had this size
 *   quit              leaves
 *
 * A wait that takes longer than 60 s fails the console. One thread.
 */
#ifndef CONSOLE_SCRIPT_H
#define CONSOLE_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "console/canvas.h"

struct script;

/* NULL with err (ERR_USAGE) when a line cannot be understood. */
struct script *script_load(const char *path, struct err *err);
void script_free(struct script **script);

enum script_next {
	SCRIPT_WAITS,  /* ask again when something changed, or at the deadline */
	SCRIPT_KEY,    /* *key was pressed */
	SCRIPT_RESIZE, /* *width, *height */
	SCRIPT_QUIT,
	SCRIPT_FAILED, /* err says which line */
};

struct script_step {
	enum script_next next;
	int key, width, height;
};

/* Goes on as far as it can on what is drawn now. After each step that is not
 * SCRIPT_WAITS the caller draws again and asks again. */
struct script_step script_go_on(struct script *s, const struct canvas *shown,
				bool quiet, int64_t mono_ms, struct err *err);
/* Monotonic ms; 0: it waits for nothing. */
int64_t script_deadline(const struct script *s);

#endif
