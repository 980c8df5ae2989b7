/* graph: the stages of a show, drawn. */
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/load.h"
#include "show/graph.h"

static int columns_of_stdout(void)
{
	struct winsize size;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		return size.ws_col;
	return 100;
}

int cli_graph(int argc, char **argv)
{
	struct cli_args args;
	bool done;
	int status = cli_parse("graph", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	if (args.operand_count != 1)
		return cli_usage("graph", "it takes one file");
	struct show *show = cli_load_show(args.operands[0], &status);
	if (!show)
		return status;
	bool ascii = cli_option_value(&args, "ascii") ||
		     strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	char *text = cli_option_value(&args, "dot")
			     ? graph_dot(show)
			     : graph_text(show, columns_of_stdout(), ascii);
	fputs(text, stdout);
	free(text);
	show_unref(&show);
	return 0;
}
