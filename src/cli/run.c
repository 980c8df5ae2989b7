/* run: the core in a process of its own, and the console on top of it; or
 * (--headless) the core alone, here. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/find.h"
#include "cli/launch.h"
#include "cli/load.h"
#include "cli/on_top.h"
#include "console/term.h"
#include "engine/engine.h"
#include "engine/lock.h"

#define SPEED_MIN 0.1
#define SPEED_MAX 1000.0

static int read_number(const char *option, const char *text, double low,
		       double high, double *out)
{
	char *end;
	errno = 0;
	*out = strtod(text, &end);
	if (errno == 0 && end != text && *end == '\0' && *out >= low &&
	    *out <= high)
		return 0;
	return cli_usage("run", "--%s %.40s: it takes a number from %g to %g",
			 option, text, low, high);
}

static int read_fsync(struct engine_settings *s)
{
	if (s->redis_url && s->fsync)
		return cli_usage("run", "--fsync is for a private redis-server;"
					" a shared one has its own policy, and "
					"status says which");
	if (!s->redis_url && !s->fsync)
		s->fsync = "always";
	if (s->fsync && strcmp(s->fsync, "always") != 0 &&
	    strcmp(s->fsync, "everysec") != 0)
		return cli_usage("run",
				 "--fsync %.40s: it takes always or everysec",
				 s->fsync);
	return 0;
}

static int read_settings(const struct cli_args *args, struct engine_settings *s)
{
	const char *speed = cli_option_value(args, "rehearse");
	const char *threads = cli_option_value(args, "threads");
	const char *ready_fd = cli_option_value(args, "ready-fd");
	double number;
	int status = 0;
	*s = (struct engine_settings){
		.redis_url = cli_option_value(args, "redis"),
		.fsync = cli_option_value(args, "fsync"),
		.stand_by = cli_option_value(args, "redis") != NULL,
		.rehearsal = speed != NULL,
		.speed = 1,
		.exit_when_done = cli_option_value(args, "exit-when-done"),
		.ready_fd = -1,
		.operator_addr = cli_option_value(args, "operator"),
		.audience_addr = cli_option_value(args, "audience"),
		.new_run = cli_option_value(args, "new"),
	};
	if (speed && speed[0])
		status = read_number("rehearse", speed, SPEED_MIN, SPEED_MAX,
				     &s->speed);
	if (status == 0)
		status = read_fsync(s);
	if (status == 0 && threads) {
		status = read_number("threads", threads, 1, 256, &number);
		s->pool_threads = (int)number;
	}
	if (status == 0 && ready_fd) {
		status = read_number("ready-fd", ready_fd, 3, 1024, &number);
		s->ready_fd = (int)number;
	}
	/* With a console on top, or for as long as it takes, someone can
	 * answer; a pipeline has nobody. */
	s->unasked = cli_option_value(args, "headless") && s->ready_fd < 0;
	s->attended = !s->exit_when_done || s->ready_fd >= 0;
	return status;
}

static int run_headless(const struct engine_settings *settings)
{
	struct err err = {0};
	log_open(NULL, LOG_INFO, NULL);
	int status = engine_run(settings, &err);
	return err.code ? cli_fail(&err) : status;
}

/* The words of `run` again, for the core. */
static char **core_argv(const struct cli_args *args, const char *path,
			size_t *count)
{
	char **argv = xcalloc(COUNT_OF(args->values) + 6, sizeof *argv);
	size_t n = 0;
	argv[n++] = xstrdup("showcaller");
	argv[n++] = xstrdup("run");
	argv[n++] = xstrdup("--headless");
	argv[n++] = xasprintf("--ready-fd=%d", CLI_READY_FD);
	const struct cli_option *options = args->command->options;
	for (size_t i = 0; options[i].name; i++) {
		const char *value = args->values[i];
		if (value)
			argv[n++] = xasprintf("--%s%s%s", options[i].name,
					      value[0] ? "=" : "", value);
	}
	argv[n++] = xstrdup("--");
	argv[n++] = xstrdup(path);
	*count = n;
	return argv;
}

static bool launch(const struct cli_args *args, const char *state_dir,
		   struct err *err)
{
	char *path = realpath(args->operands[0], NULL);
	if (!path)
		return err_set(err, ERR_DATA, "%s: %s", args->operands[0],
			       strerror(errno));
	size_t count;
	char **argv = core_argv(args, path, &count);
	bool ok = cli_launch(argv, state_dir, err);
	for (size_t i = 0; i < count; i++)
		free(argv[i]);
	free(argv);
	free(path);
	return ok;
}

static int run_with_console(const struct cli_args *args,
			    const struct show *show)
{
	struct err err = {0};
	struct cli_place place = {.show = xstrdup(show->id),
				  .state_dir = file_state_dir(show->id)};
	bool ends = cli_option_value(args, "exit-when-done");
	bool ok = true;
	place.launched = !engine_lock_held(place.state_dir, NULL);
	if (place.launched && !term_check(&err))
		ok = err_wrap(&err, "run: nothing was started");
	else if (place.launched)
		ok = launch(args, place.state_dir, &err);
	else if (cli_option_value(args, "new"))
		ok = err_set(&err, ERR_AGAIN,
			     "%s: it runs already; stop it first with: "
			     "showcaller stop %s",
			     show->id, show->id);
	if (ok) {
		place.here = engine_lock_held(place.state_dir, &place.pid);
		place.address = address_of_show(show->id, &err);
		ok = place.address != NULL;
	}
	int status = ok ? cli_console(&place, false, ends) : cli_fail(&err);
	cli_place_release(&place);
	return status;
}

/* `run` takes a file; whoever names a show by its id is told what that takes.
 * 0: it may be a file. */
static int judge_word(const char *word)
{
	if (strchr(word, '/') || !*word || *word == '.' ||
	    strlen(word) > SHOW_ID_MAX || access(word, F_OK) == 0)
		return 0;
	struct err err = {0};
	char *file = xasprintf("%s.yaml", word);
	char *state_dir = file_state_dir(word);
	bool there = access(file, F_OK) == 0;
	if (engine_lock_held(state_dir, NULL))
		err_set(&err, ERR_DATA,
			"%s: no such file; the show of that name runs here, a "
			"console on it: showcaller attach %s",
			word, word);
	else if (there)
		err_set(&err, ERR_DATA,
			"%s: no such file; did you mean: showcaller run %s",
			word, file);
	else if (access(state_dir, F_OK) == 0)
		err_set(&err, ERR_DATA,
			"%s: no such file; a show of that name has run here "
			"and is stopped: name its file to start it again; its "
			"last state: showcaller status %s",
			word, word);
	free(file);
	free(state_dir);
	return err.code ? cli_fail(&err) : 0;
}

/* The folder of a show with a private Redis is elsewhere now. */
static bool was_moved(const struct address *last, const char *state_dir)
{
	char *data = xasprintf("%s/redis", state_dir);
	bool moved = last->path && access(last->path, F_OK) != 0 &&
		     access(data, F_OK) == 0;
	free(data);
	return moved;
}

/* A show whose log is in a shared Redis would begin anew in a private one, and
 * do again what was done, beside a core that may lead it elsewhere. */
static int judge_place(const struct engine_settings *s)
{
	if (s->redis_url || s->rehearsal || s->new_run)
		return 0;
	struct err err = {0};
	char *state_dir = file_state_dir(s->show->id);
	struct address *last = address_of_show(s->show->id, NULL);
	if (last && !address_is_private(last, state_dir) &&
	    !was_moved(last, state_dir) && !engine_lock_held(state_dir, NULL))
		err_set(&err, ERR_CONFIG,
			"%s: its log is in the Redis at %s: go on there with "
			"--redis %s, or begin anew in a private one with --new",
			s->show->id, last->url, last->url);
	address_free(&last);
	free(state_dir);
	return err.code ? cli_fail(&err) : 0;
}

static int run_show(const struct cli_args *args,
		    const struct engine_settings *settings)
{
	if (cli_option_value(args, "headless"))
		return run_headless(settings);
	if (cli_has_terminal())
		return run_with_console(args, settings->show);
	return cli_usage("run",
			 "the console needs a terminal; use --headless here, "
			 "and showcaller attach %s from a terminal",
			 settings->show->id);
}

int cli_run(int argc, char **argv)
{
	struct cli_args args;
	struct engine_settings settings;
	bool done;
	int status = cli_parse("run", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	if (args.operand_count != 1)
		return cli_usage("run", "it takes one show file");
	status = read_settings(&args, &settings);
	if (status == 0)
		status = judge_word(args.operands[0]);
	if (status != 0)
		return status;
	struct show *show = cli_load_show(args.operands[0], &status);
	if (!show)
		return status;
	settings.show = show;
	status = judge_place(&settings);
	if (status == 0)
		status = run_show(&args, &settings);
	show_unref(&show);
	return status;
}
