/*
 * keys: names of keys, and which action a key stands for (by action_table).
 * Pure.
 *
 * A key is a Unicode code point, or one of the KEYS_* below, which lie beyond
 * the last of these.
 */
#ifndef CONSOLE_KEYS_H
#define CONSOLE_KEYS_H

#include <stddef.h>

#include "core/actions.h"

enum {
	KEYS_NONE = 0,
	KEYS_ENTER = '\r',
	KEYS_TAB = '\t',
	KEYS_ESC = 0x1b,
	KEYS_SPACE = ' ',
	KEYS_BACKSPACE = 0x7f,
	KEYS_UP = 0x110000,
	KEYS_DOWN,
	KEYS_LEFT,
	KEYS_RIGHT,
	KEYS_PAGE_UP,
	KEYS_PAGE_DOWN,
	KEYS_HOME,
	KEYS_END,
	KEYS_BACKTAB,
	KEYS_PASTE, /* something was pasted; its text was swallowed */
};

/* "space", "Enter", "PgDn", "C-c", or the letter itself; 0 when there is no
 * such key. */
int keys_find(const char *name);

/* The action with this default key, or NULL. */
const struct action *keys_action(int key);

#endif
