/* look: the state of a show as status --json has it, from its Redis when it
 * runs and from its files when it is stopped. */
#ifndef CLI_LOOK_H
#define CLI_LOOK_H

#include "base/json.h"
#include "cli/find.h"

/* Caller puts. NULL after a message, and then *status is the exit status. */
json_object *cli_look(const struct cli_place *place, int *status);

/* The same for people, on stdout. */
void cli_print_status(json_object *status);

#endif
