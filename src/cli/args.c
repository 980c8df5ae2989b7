#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/table.h"

#define MAX_OPTIONS COUNT_OF(((struct cli_args *)0)->values)

int cli_fail(const struct err *err)
{
	fflush(stdout);
	fprintf(stderr, "showcaller: %s\n", err->text);
	return err->code;
}

int cli_usage(const char *command, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	char *clean = text_clean_str(text, 300);
	struct err err;
	err_set(&err, ERR_USAGE, "%s: %s; try: showcaller %s --help", command,
		clean, command);
	free(clean);
	free(text);
	return cli_fail(&err);
}

static int unknown_option(const struct cli_command *command, const char *name)
{
	const char *names[MAX_OPTIONS + 3];
	size_t n = 0;
	for (const struct cli_option *o = command->options; o->name; o++)
		if (!cli_option_is_internal(o))
			names[n++] = o->name;
	names[n++] = "help";
	names[n++] = "version";
	names[n] = NULL;
	const char *near = text_nearest(name, names);
	if (near)
		return cli_usage(command->name,
				 "no option --%s (did you mean --%s?)", name,
				 near);
	return cli_usage(command->name, "no option --%s", name);
}

/* Where the option `--name` stands in the table; -1: not there. `name_bytes`
 * because the word may go on with "=VALUE". */
static int find_option(const struct cli_command *command, const char *name,
		       size_t name_bytes)
{
	for (int i = 0; command->options[i].name; i++) {
		const char *known = command->options[i].name;
		if (strlen(known) == name_bytes &&
		    strncmp(known, name, name_bytes) == 0)
			return i;
	}
	return -1;
}

/* The one short option: -o FILE, as every program that writes a file has it. */
static bool is_short(const struct cli_command *command, const char *word)
{
	return strcmp(word, "-o") == 0 &&
	       find_option(command, "output", strlen("output")) >= 0;
}

/* Takes the option at argv[*at]; moves *at on when its value is a word of its
 * own. 0 or an exit status. */
static int take_option(struct cli_args *args, int argc, char **argv, int *at)
{
	const struct cli_command *command = args->command;
	const char *name =
		is_short(command, argv[*at]) ? "output" : argv[*at] + 2;
	const char *equals = strchr(name, '=');
	size_t bytes = equals ? (size_t)(equals - name) : strlen(name);
	int i = find_option(command, name, bytes);
	if (i < 0) {
		char *word = xstrndup(name, bytes);
		int status = unknown_option(command, word);
		free(word);
		return status;
	}
	const struct cli_option *o = &command->options[i];
	if (args->values[i])
		return cli_usage(command->name, "--%s stands there twice",
				 o->name);
	if (!o->value && equals)
		return cli_usage(command->name, "--%s takes no value", o->name);
	if (equals && equals[1] == '\0')
		return cli_usage(command->name, "--%s= has no value", o->name);
	if (equals)
		args->values[i] = equals + 1;
	else if (!o->value || o->value[0] == '[')
		args->values[i] = "";
	else if (*at + 1 < argc && argv[*at + 1][0])
		args->values[i] = argv[++*at];
	else
		return cli_usage(command->name, "--%s needs %s", o->name,
				 o->value);
	return 0;
}

/* A word that begins with '-' and is no number is an option. */
static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0' &&
	       !(word[1] >= '0' && word[1] <= '9');
}

int cli_parse(const char *name, int argc, char **argv, struct cli_args *args,
	      bool *done)
{
	memset(args, 0, sizeof *args);
	args->command = cli_command_find(name);
	REQUIRE(args->command);
	*done = false;
	bool only_operands = false;
	args->operands = argv; /* moved down in place: never more than argv */
	for (int i = 1; i < argc; i++) {
		char *word = argv[i];
		if (only_operands || !is_option(word)) {
			args->operands[args->operand_count++] = word;
		} else if (strcmp(word, "--") == 0) {
			only_operands = true;
		} else if (strcmp(word, "--help") == 0 ||
			   strcmp(word, "-h") == 0) {
			cli_print_help(stdout, args->command);
			*done = true;
			return 0;
		} else if (strcmp(word, "--version") == 0) {
			printf("showcaller %s\n", PACKAGE_VERSION);
			*done = true;
			return 0;
		} else if (word[1] != '-' && !is_short(args->command, word)) {
			return cli_usage(name, "no option %s", word);
		} else {
			int status = take_option(args, argc, argv, &i);
			if (status != 0)
				return status;
		}
	}
	return 0;
}

const char *cli_option_value(const struct cli_args *args, const char *name)
{
	int i = find_option(args->command, name, strlen(name));
	REQUIRE(i >= 0);
	return args->values[i];
}
