/* main: argv -> a row of the subcommand table. Nothing else. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/table.h"

/* Output that could not be written is a failure, unless its reader has left. */
static int finish(int status)
{
	errno = 0;
	bool lost = fflush(stdout) != 0 || ferror(stdout);
	int why = errno;
	struct pollfd reader = {.fd = STDOUT_FILENO, .events = POLLOUT};
	bool left = poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR);
	if (!lost || left || status != 0)
		return status;
	struct err err;
	err_set(&err, ERR_UNAVAILABLE, "standard output: %s",
		why ? strerror(why) : "not all of it could be written");
	return cli_fail(&err);
}

/* A socket that became descriptor 1 because it was closed would get our text.
 */
static void fill_standard_descriptors(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(ERR_INTERNAL);
}

int main(int argc, char **argv)
{
	fill_standard_descriptors();
	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C"); /* JSON and prices have a decimal point */
	signal(SIGPIPE, SIG_IGN);

	if (argc < 2) {
		cli_print_commands(stderr);
		return ERR_USAGE;
	}
	const char *word = argv[1];
	if (strcmp(word, "--version") == 0) {
		printf("showcaller %s\n", PACKAGE_VERSION);
		return finish(0);
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
	    (strcmp(word, "help") == 0 && argc == 2)) {
		cli_print_commands(stdout);
		return finish(0);
	}
	if (strcmp(word, "help") == 0)
		word = argv[2];
	if (word == argv[2] && strcmp(word, "keys") == 0) {
		cli_print_keys(stdout);
		return finish(0);
	}
	const struct cli_command *command = cli_command_find(word);
	if (!command)
		return cli_unknown_command(word);
	if (word != argv[1]) {
		cli_print_help(stdout, command);
		return finish(0);
	}
	return finish(command->run(argc - 1, argv + 1));
}
