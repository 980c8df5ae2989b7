/* halt: waiting until a core that was told to stop has ended. */
#ifndef CLI_HALT_H
#define CLI_HALT_H

#include <stdbool.h>

#include "cli/find.h"

/* Waits (up to 15 s) for the process of the core, when it is on this machine.
 * True when it has ended, or is not here. */
bool cli_wait_for_end(const struct cli_place *place);

#endif
