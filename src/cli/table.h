/* table: the subcommands as one table, and what is printed from it. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

#include "cli/cli.h"

const struct cli_command *cli_command_find(const char *name); /* or NULL */
/* Says so with the nearest name; returns 2. */
int cli_unknown_command(const char *name);

void cli_print_commands(FILE *to);
void cli_print_keys(FILE *to); /* the whole action table */
void cli_print_help(FILE *to, const struct cli_command *command);

/* An option that only the program itself uses: it is not in the help. */
bool cli_option_is_internal(const struct cli_option *option);

#endif
