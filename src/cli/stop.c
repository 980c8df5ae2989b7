/* stop: ends a core in good order; the run can be continued. */
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/find.h"
#include "cli/halt.h"
#include "engine/lock.h"
#include "store/server.h"

#define END_MS	  15000
#define ANSWER_MS 5000

bool cli_wait_for_end(const struct cli_place *place)
{
	if (!place->here || place->pid <= 0)
		return true;
	int fd = (int)syscall(SYS_pidfd_open, place->pid, 0);
	if (fd < 0)
		return !engine_lock_held(place->state_dir, NULL);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	bool ended = poll(&wait, 1, END_MS) > 0;
	close(fd);
	return ended;
}

/* Its core was killed: the private Redis that it started lives on, and no core
 * is there that a command could reach. */
static bool is_left(const struct cli_place *place, struct client *client)
{
	if (place->here || place->remote || !place->address->path)
		return false;
	char *leader = client_leader(client, NULL);
	bool left = leader && !*leader;
	free(leader);
	return left;
}

/* Under the core's lock, so that no core begins with it meanwhile. */
static int stop_redis(const struct cli_place *place)
{
	struct err err = {0};
	int lock = engine_lock_take(place->state_dir, place->show, &err);
	struct redis_server *s =
		lock < 0 ? NULL
			 : redis_server_start(place->state_dir, NULL, &err);
	bool ok = s != NULL;
	if (ok)
		redis_server_stop(&s);
	if (lock >= 0)
		close(lock);
	if (!ok)
		return cli_fail(&err);
	printf("%s: its core was gone already; its Redis is stopped, too\n",
	       place->show);
	return 0;
}

static int stop_show(const struct cli_place *place)
{
	struct client *client = NULL;
	int status = cli_open(place, &client);
	if (status != 0)
		return status;
	if (is_left(place, client)) {
		client_close(&client);
		return stop_redis(place);
	}
	struct err err = {0};
	char *by = cli_by(), *text = NULL;
	bool ok = client_command(client, "stop", NULL, 0, by, NULL, ANSWER_MS,
				 &text, &err);
	if (ok && !cli_wait_for_end(place))
		ok = err_set(&err, ERR_AGAIN,
			     "%s: it was told to stop and has not ended yet "
			     "(pid %d); see its core.log in %s",
			     place->show, place->pid, place->state_dir);
	bool left = !ok && is_left(place, client);
	free(text);
	free(by);
	client_close(&client);
	if (left) /* it was killed just now */
		return stop_redis(place);
	if (!ok)
		return cli_fail(&err);
	printf("%s is stopped\n", place->show);
	return 0;
}

int cli_stop(int argc, char **argv)
{
	struct cli_args args;
	bool done;
	int status = cli_parse("stop", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	if (args.operand_count != 1)
		return cli_usage("stop", "it takes one show");
	struct cli_place place;
	status = cli_find(&args, &place);
	if (status == 0)
		status = stop_show(&place);
	cli_place_release(&place);
	return status;
}
