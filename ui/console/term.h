/*
 * term: the terminal. The only file that knows curses; it brings a canvas to
 * the screen by sending what differs, and turns bytes into keys.
 *
 * There is one terminal, so there is one struct terminal at a time, used by the
 * thread that opened it. Signals are not its business: they are blocked and
 * read by the app. term_open() registers a crash hook that puts the terminal
 * back by async-signal-safe calls alone.
 */
#ifndef CONSOLE_TERM_H
#define CONSOLE_TERM_H

#include <stdbool.h>

#include "base/err.h"
#include "console/canvas.h"

struct terminal;

/* False with ERR_UNAVAILABLE when there is no terminal, or none that can show
 * a full screen; the text says what to do instead. Touches nothing. */
bool term_check(struct err *err);
/* NULL with err as above. Before any thread (it sets the crash hook). */
struct terminal *term_open(struct err *err);
/* Puts the terminal back as it was. */
void term_close(struct terminal **term);

void term_size(const struct terminal *t, int *width, int *height);
bool term_is_ascii(const struct terminal *t);

/* Sends what differs from the last picture. Cells outside the screen are left
 * out. */
void term_draw(struct terminal *t, const struct canvas *c);
/* Forgets what is on the screen: the next picture is sent whole. */
void term_forget(struct terminal *t);
/* Rings, and tells what for where the terminal shows messages (OSC 9);
 * `text` is clean. */
void term_bell(struct terminal *t, const char *text);
/* False while the line still swallows the last picture. */
bool term_is_ready(const struct terminal *t);

/* The next key (keys.h), KEYS_NONE when there is none. Sequences that are no
 * key of ours, and pasted text, never become keys. */
int term_key(struct terminal *t);
/* The terminal is gone: nobody will ever read or write it again. */
bool term_is_gone(const struct terminal *t);

/* Gives the terminal back and stops this process, as a shell expects. */
void term_suspend(struct terminal *t);
/* After SIGCONT. False while the terminal belongs to somebody else. */
bool term_resume(struct terminal *t);

#endif
