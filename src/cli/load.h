/* load: a show file from the command line; what is wrong goes to stderr. */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "show/show.h"

/* NULL after all errors were printed, and then *status is the exit status.
 * Warnings are not printed: that is what lint is for. */
struct show *cli_load_show(const char *path, int *status);
/* A file of checks is JSON with "cards" at the top. */
bool cli_is_checks_file(const char *path);
/* The same for a file of checks alone. */
struct show *cli_load_checks(const char *path, int *status);

#endif
