/*
 * cli: the subcommands. main.c finds the row of cli_commands that argv[1]
 * names and calls it; each lives in its own file. A function gets the rest of
 * argv (argv[0] is the subcommand's name) and returns the exit status. Errors
 * go to stderr by cli_fail(). One thread.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "show/show.h"

struct cli_option {
	const char *name;   /* "redis": --redis VALUE or --redis=VALUE */
	const char *value;  /* "URL"; NULL: takes none; "[SPEED]": =VALUE only */
	const char *help;
};

struct cli_command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args;   /* "SHOW.yaml" */
	const char *help;   /* one sentence */
	const struct cli_option *options; /* ended by a NULL name */
};

extern const struct cli_command cli_commands[]; /* ended by a NULL name */

int cli_attach(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_do(int argc, char **argv);
int cli_events(int argc, char **argv);
int cli_export(int argc, char **argv);
int cli_graph(int argc, char **argv);
int cli_inbox(int argc, char **argv);
int cli_lint(int argc, char **argv);
int cli_replay(int argc, char **argv);
int cli_rollback(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_simulate(int argc, char **argv);
int cli_spent(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_stop(int argc, char **argv);
int cli_verify(int argc, char **argv);

/* "showcaller: text" on stderr; returns err->code. */
int cli_fail(const struct err *err);
/* The same for wrong usage (2), with "try: showcaller NAME --help". */
int cli_usage(const char *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Options and operands of a command, by its row in the table. */
struct cli_args {
	const struct cli_command *command;
	const char *values[16];  /* by option index; "" for a flag; NULL: not
				    given */
	char **operands;
	int operand_count;
};
/* Reads argv; handles --help and --version itself (*done = true and the status
 * is 0). Returns 0, or the exit status after an error message. */
int cli_parse(const char *command, int argc, char **argv,
	      struct cli_args *args, bool *done);
const char *cli_option_value(const struct cli_args *args, const char *name);

#endif
