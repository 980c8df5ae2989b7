#include "cli/on_top.h"

#include <unistd.h>

#include "cli/halt.h"
#include "console/console.h"
#include "engine/lock.h"

bool cli_has_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static bool core_here(const char *state_dir)
{
	return engine_lock_held(state_dir, NULL);
}

/* A private Redis, which is in the folder of its show, has one core. */
static bool is_alone(const struct cli_place *place)
{
	return !place->remote &&
	       address_is_private(place->address, place->state_dir);
}

/* Its core was killed under the console, and nobody else can lead it. */
static bool is_dead(const struct cli_place *place)
{
	return is_alone(place) && !core_here(place->state_dir);
}

static void say_how_to_come_back(const struct cli_place *place)
{
	if (is_dead(place)) {
		printf("no core runs %s; go on with: showcaller run "
		       "SHOW.yaml\n",
		       place->show);
		return;
	}
	printf("%s goes on; come back with: showcaller attach %s%s%s\n",
	       place->show, place->show, place->remote ? " --redis " : "",
	       place->remote ? place->address->url : "");
}

int cli_console(const struct cli_place *place, bool read_only,
		bool exit_when_done)
{
	struct console_settings settings = {
		.address = place->address,
		.show = place->show,
		.read_only = read_only,
		.exit_when_done = exit_when_done,
		.state_dir = place->state_dir,
		.core_here = place->remote ? NULL : core_here,
		.alone = is_alone(place),
	};
	struct err err = {0};
	enum console_end end = console_run(&settings, &err);
	/* A core that ends with its run is gone before this command is, so that
	 * the next one finds no dying core to attach to. */
	if ((end == CONSOLE_OVER || end == CONSOLE_OVER_FAILED) &&
	    place->launched)
		cli_wait_for_end(place);
	switch (end) {
	case CONSOLE_LEFT:
		say_how_to_come_back(place);
		return 0;
	case CONSOLE_STOPPED:
		cli_wait_for_end(place);
		printf("%s is stopped; start it again with: showcaller run "
		       "SHOW.yaml\n",
		       place->show);
		return 0;
	case CONSOLE_OVER:
		printf("%s: the run is done\n", place->show);
		return 0;
	case CONSOLE_OVER_FAILED:
		err_set(&err, ERR_NO,
			"%s: the run failed; see showcaller "
			"status %s",
			place->show, place->show);
		return cli_fail(&err);
	case CONSOLE_FAILED:
		break;
	}
	err_wrap(&err, "console");
	int status = cli_fail(&err);
	say_how_to_come_back(place);
	return status ? status : ERR_INTERNAL;
}
