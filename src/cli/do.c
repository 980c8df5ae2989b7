/* do: every console action by its name. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/find.h"
#include "core/actions.h"

#define ANSWER_MS 5000
#define MAX_ANSWER_MS (24 * 60 * 60 * 1000)

static int unknown_action(const char *name)
{
	const char *names[ACTIONS + 1];
	size_t n = 0;
	for (size_t i = 0; i < ACTIONS; i++)
		if (action_table[i].where != ACTION_VIEW)
			names[n++] = action_table[i].name;
	names[n] = NULL;
	const char *near = text_nearest(name, names);
	if (near)
		return cli_usage("do", "no action %.60s (did you mean %s?)",
				 name, near);
	return cli_usage("do", "no action %.60s", name);
}

static int check_words(const struct cli_args *args)
{
	if (args->operand_count < 2)
		return cli_usage("do", "it takes a show and an action");
	const char *name = args->operands[1];
	const struct action *action = action_find(name);
	if (!action)
		return unknown_action(name);
	if (action->where == ACTION_VIEW)
		return cli_usage("do", "%s is a key of the console alone",
				 name);
	int given = args->operand_count - 2;
	if (given < action->min_args || given > action->max_args)
		return cli_usage("do", "usage is: %s%s%s", name,
				 action->args[0] ? " " : "", action->args);
	return 0;
}

/* How long it waits; -1 is no such time. */
static int wait_ms(const struct cli_args *args)
{
	const char *text = cli_option_value(args, "wait");
	long long ms = text ? text_read_ms(text) : ANSWER_MS;
	return ms > 0 && ms <= MAX_ANSWER_MS ? (int)ms : -1;
}

int cli_do(int argc, char **argv)
{
	struct cli_args args;
	bool done;
	int status = cli_parse("do", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	status = check_words(&args);
	if (status != 0)
		return status;
	int patience_ms = wait_ms(&args);
	if (patience_ms < 0)
		return cli_usage("do", "--wait takes a time, as 30s or 10m, "
				       "up to a day");
	struct cli_place place;
	struct client *client = NULL;
	status = cli_find(&args, &place);
	if (status == 0)
		status = cli_open(&place, &client);
	if (status == 0) {
		struct err err = {0};
		char *by = cli_by(), *text = NULL;
		if (client_command(client, args.operands[1],
				   (const char *const *)args.operands + 2,
				   args.operand_count - 2, by, NULL, patience_ms,
				   &text, &err))
			printf("%s\n", text && text[0] ? text : "done");
		else
			status = cli_fail(&err);
		free(text);
		free(by);
	}
	client_close(&client);
	cli_place_release(&place);
	return status;
}
