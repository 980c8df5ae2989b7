/*
 * find: a show by the word on the command line: its id, or its file. Where its
 * core and its Redis are is read from the state folder, unless --redis says.
 */
#ifndef CLI_FIND_H
#define CLI_FIND_H

#include <stdbool.h>

#include "base/err.h"
#include "cli/cli.h"
#include "core/model.h"
#include "store/address.h"
#include "store/client.h"

struct cli_place {
	char *show; /* id */
	char *state_dir;
	struct address *address; /* NULL: no such show has run here */
	bool remote;		 /* --redis was given */
	bool here;		 /* its core runs on this machine */
	int pid;		 /* of that core, 0: unknown */
	bool launched;		 /* by this command */
};

/* The show that the command's first operand names; without one, the only one
 * that runs here. 0, or the exit status after the message. */
int cli_find(const struct cli_args *args, struct cli_place *place);
void cli_place_release(struct cli_place *place);

/* Opens the show's Redis; 0, or the exit status after a message that says
 * whether the show is unknown, stopped, or its Redis away. */
int cli_open(const struct cli_place *place, struct client **client);

/* The model folded from the whole log. NULL with err. */
struct model *cli_fold(struct client *client, const char *show,
		       struct err *err);

/* "user@host/tty" of whoever runs this. Caller frees. */
char *cli_by(void);

#endif
