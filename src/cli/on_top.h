/* on_top: the console on top of a show that runs. */
#ifndef CLI_ON_TOP_H
#define CLI_ON_TOP_H

#include <stdbool.h>

#include "cli/find.h"

bool cli_has_terminal(void); /* both ways: keys and screen */

/* Opens the console, and when it is left says how to come back. Returns the
 * exit status. */
int cli_console(const struct cli_place *place, bool read_only,
		bool exit_when_done);

#endif
