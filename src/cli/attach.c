/* attach: a console on a running show. */
#include "cli/cli.h"

#include "cli/find.h"
#include "cli/on_top.h"

int cli_attach(int argc, char **argv)
{
	struct cli_args args;
	bool done;
	int status = cli_parse("attach", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	if (args.operand_count > 1)
		return cli_usage("attach", "it takes one show");
	if (!cli_has_terminal())
		return cli_usage("attach",
				 "it needs a terminal; without one "
				 "see showcaller status and showcaller events");
	struct cli_place place;
	status = cli_find(&args, &place);
	if (status != 0)
		return status;
	struct client *client = NULL;
	status = cli_open(&place, &client);
	if (status == 0) {
		client_close(&client);
		status = cli_console(
			&place, cli_option_value(&args, "read-only"), false);
	}
	cli_place_release(&place);
	return status;
}
