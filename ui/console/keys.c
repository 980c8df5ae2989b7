#include "console/keys.h"

#include <string.h>

#include "base/mem.h"

static const struct {
	const char *name;
	int key;
} named[] = {
	{"space", KEYS_SPACE},	{"Enter", KEYS_ENTER},
	{"Tab", KEYS_TAB},	{"BackTab", KEYS_BACKTAB},
	{"Esc", KEYS_ESC},	{"Backspace", KEYS_BACKSPACE},
	{"Up", KEYS_UP},	{"Down", KEYS_DOWN},
	{"Left", KEYS_LEFT},	{"Right", KEYS_RIGHT},
	{"PgUp", KEYS_PAGE_UP}, {"PgDn", KEYS_PAGE_DOWN},
	{"Home", KEYS_HOME},	{"End", KEYS_END},
	{"Paste", KEYS_PASTE},
};

int keys_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(named); i++)
		if (strcmp(named[i].name, name) == 0)
			return named[i].key;
	if (strncmp(name, "C-", 2) == 0 && name[2] >= 'a' && name[2] <= 'z' &&
	    !name[3])
		return name[2] - 'a' + 1;
	return name[0] > ' ' && name[0] < 0x7f && !name[1] ? name[0] : 0;
}

const struct action *keys_action(int key)
{
	for (size_t i = 0; i < ACTIONS; i++) {
		const struct action *action = &action_table[i];
		if (action->key && keys_find(action->key) == key)
			return action;
	}
	return NULL;
}
