#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/actions.h"

#define END_OF_OPTIONS                                                         \
	{                                                                      \
		NULL, NULL, NULL                                               \
	}
#define OPTION_JSON                                                            \
	{                                                                      \
		"json", NULL, "print JSON, for programs"                       \
	}
#define OPTION_REDIS                                                           \
	{                                                                      \
		"redis", "URL", "the Redis of the show, when it ran elsewhere" \
	}

static const struct cli_option no_options[] = {END_OF_OPTIONS};
static const struct cli_option json_options[] = {OPTION_JSON, END_OF_OPTIONS};
static const struct cli_option redis_options[] = {OPTION_REDIS, END_OF_OPTIONS};
static const struct cli_option json_redis_options[] = {
	OPTION_JSON, OPTION_REDIS, END_OF_OPTIONS};
static const struct cli_option inbox_options[] = {
	{"late", NULL, "the answers that came too late, instead"},
	OPTION_JSON,
	OPTION_REDIS,
	END_OF_OPTIONS};

static const struct cli_option run_options[] = {
	{"rehearse", "[SPEED]",
	 "agents, audience and OBS are simulated from the show file"},
	{"redis", "URL",
	 "use this Redis; without it a private redis-server is started"},
	{"fsync", "POLICY",
	 "of the private redis-server: always (default) or everysec"},
	{"headless", NULL, "the core alone, in the foreground, no console"},
	{"exit-when-done", NULL,
	 "leave when the run ends: 0 done, 1 failed or cancelled"},
	{"new", NULL, "begin a new run, even if one is unfinished"},
	{"threads", "N", "threads that call agents, 1 to 256 (default 128)"},
	{"operator", "ADDR",
	 "listen for operators here, not at the show's "
	 "http.operator"},
	{"audience", "ADDR",
	 "listen for the audience here, not at the "
	 "show's http.audience"},
	{"ready-fd", "N", NULL},
	END_OF_OPTIONS};

static const struct cli_option attach_options[] = {
	{"read-only", NULL, "look, but press nothing"},
	OPTION_REDIS,
	END_OF_OPTIONS};

static const struct cli_option graph_options[] = {
	{"dot", NULL, "for Graphviz"},
	{"ascii", NULL, "no box characters"},
	END_OF_OPTIONS};

static const struct cli_option events_options[] = {
	{"follow", NULL, "go on as the show goes on"},
	OPTION_JSON,
	{"from", "ID", "from this event on"},
	{"run", "ID", "only of this run"},
	OPTION_REDIS,
	END_OF_OPTIONS};

static const struct cli_option usage_options[] = {
	{"csv", NULL, "print a table for spreadsheets"},
	OPTION_JSON,
	OPTION_REDIS,
	END_OF_OPTIONS};

static const struct cli_option do_options[] = {
	{"wait", "TIME", "for the core's answer (30s, 10m; default 5s)"},
	OPTION_REDIS,
	END_OF_OPTIONS};

static const struct cli_option simulate_options[] = {
	{"seeds", "N", "so many (default 1000, or 1 with --seed)"},
	{"seed", "S", "the first one (default 1)"},
	{"events", "N", "a seed goes on for so many (default 1000)"},
	{"check-every", "N",
	 "compare whole models every N events (default 1000)"},
	{"strict", NULL, "compare whole models at every commit"},
	{"plain", NULL, "no faults at all: a busy show on a good day"},
	{"plant", "NAME", "put a defect in on purpose; it must be found"},
	{"verbose", NULL, "a line for every seed"},
	OPTION_JSON,
	END_OF_OPTIONS};

static const struct cli_option replay_options[] = {
	{"to", "EVENT|VERSION",
	 "stop behind this event (123) or version of the story (v7)"},
	{"run", "ID", "the run whose version is meant; else the last one"},
	{"verify", NULL, "compare every hash; exit 1 where the first differs"},
	OPTION_JSON,
	OPTION_REDIS,
	END_OF_OPTIONS};

static const struct cli_option rollback_options[] = {
	{"to", "VERSION", "the version of the story, as in 7 or v7"},
	{"dry-run", NULL, "say what it would throw away, and change nothing"},
	{"yes", NULL, "do not ask"},
	OPTION_REDIS,
	END_OF_OPTIONS};

static const struct cli_option export_options[] = {
	{"output", "FILE", "the file to write; -o FILE is the same"},
	{"force", NULL, "write over a file that is there"},
	OPTION_REDIS,
	END_OF_OPTIONS};

const struct cli_command cli_commands[] = {
	{"run", cli_run, "SHOW.yaml",
	 "Starts a show and opens the console on it (or attaches, if it runs).",
	 run_options},
	{"attach", cli_attach, "[SHOW]", "Opens a console on a running show.",
	 attach_options},
	{"status", cli_status, "[SHOW]", "Says how a show stands.",
	 json_redis_options},
	{"stop", cli_stop, "SHOW",
	 "Stops a show; its run can be continued later.", redis_options},
	{"lint", cli_lint, "FILE...",
	 "Checks show files and says all that is wrong with them.",
	 json_options},
	{"graph", cli_graph, "FILE", "Draws the stages of a show.",
	 graph_options},
	{"check", cli_check, "SHOW.yaml|CHECKS.json [CARD[/TEST]]...",
	 "Runs validation cards against the real services.", json_options},
	{"events", cli_events, "SHOW|FILE", "Prints the log of a show.",
	 events_options},
	{"inbox", cli_inbox, "SHOW", "Says what waits for a human.",
	 inbox_options},
	{"usage", cli_spent, "[SHOW]",
	 "Says what a show spent, on what and when.", usage_options},
	{"do", cli_do, "SHOW ACTION [ARG]...",
	 "Does what a key of the console does.", do_options},
	{"simulate", cli_simulate, "",
	 "Runs the core against random shows and seeded faults.",
	 simulate_options},
	{"replay", cli_replay, "SHOW|FILE",
	 "Folds a log again and says how the show stood.", replay_options},
	{"rollback", cli_rollback, "SHOW",
	 "Takes the story back to a version, as a new version.",
	 rollback_options},
	{"export", cli_export, "SHOW [RUN]",
	 "Writes the log of a show into one file.", export_options},
	{"verify", cli_verify, "FILE",
	 "Checks an exported file, byte by byte, without Redis.", no_options},
	{NULL, NULL, NULL, NULL, no_options},
};

bool cli_option_is_internal(const struct cli_option *option)
{
	return !option->help;
}

const struct cli_command *cli_command_find(const char *name)
{
	for (const struct cli_command *c = cli_commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

int cli_unknown_command(const char *name)
{
	const char *names[COUNT_OF(cli_commands)];
	size_t n = 0;
	for (const struct cli_command *c = cli_commands; c->name; c++)
		names[n++] = c->name;
	names[n] = NULL;
	const char *near = text_nearest(name, names);
	char *shown = text_clean_str(name, 60);
	struct err err;
	err_set(&err, ERR_USAGE,
		"%s: no such command%s%s%s; see showcaller "
		"--help",
		shown, near ? " (did you mean " : "", near ? near : "",
		near ? "?)" : "");
	free(shown);
	return cli_fail(&err);
}

void cli_print_commands(FILE *to)
{
	fputs("usage: showcaller COMMAND [ARGUMENT]... [OPTION]...\n\n", to);
	for (const struct cli_command *c = cli_commands; c->name; c++)
		fprintf(to, "  %-8s %s\n", c->name, c->help);
	fputs("\nA first show: showcaller run dags/first-night.yaml\n"
	      "Help: showcaller COMMAND --help, showcaller help keys, "
	      "man showcaller\n",
	      to);
}

static void print_option(FILE *to, const struct cli_option *option)
{
	char left[64];
	const char *value = option->value ? option->value : "";
	if (value[0] == '[')
		snprintf(left, sizeof left, "--%s[=%.*s]", option->name,
			 (int)strlen(value) - 2, value + 1);
	else
		snprintf(left, sizeof left, "--%s%s%s", option->name,
			 value[0] ? " " : "", value);
	fprintf(to, "  %-20s %s\n", left, option->help);
}

static void print_actions(FILE *to)
{
	fputs("\nactions:\n", to);
	for (size_t i = 0; i < ACTIONS; i++) {
		const struct action *a = &action_table[i];
		if (a->where == ACTION_VIEW)
			continue;
		char left[64];
		snprintf(left, sizeof left, "%s%s%s", a->name,
			 a->args[0] ? " " : "", a->args);
		fprintf(to, "  %-26s %s\n", left, a->help);
	}
}

void cli_print_keys(FILE *to)
{
	fputs("The console's keys, and what `showcaller do SHOW ACTION` "
	      "does too (*):\n\n",
	      to);
	for (size_t i = 0; i < ACTIONS; i++) {
		const struct action *a = &action_table[i];
		char left[64];
		snprintf(left, sizeof left, "%s%s%s", a->name,
			 a->args[0] ? " " : "", a->args);
		fprintf(to, "  %-5s %s %-26s %s\n", a->key ? a->key : "",
			a->where == ACTION_VIEW ? " " : "*", left, a->help);
	}
}

void cli_print_help(FILE *to, const struct cli_command *command)
{
	fprintf(to, "usage: showcaller %s %s [OPTION]...\n\n%s\n\n",
		command->name, command->args, command->help);
	for (const struct cli_option *o = command->options; o->name; o++)
		if (!cli_option_is_internal(o))
			print_option(to, o);
	fputs("  --help               this text\n"
	      "  --version            which showcaller this is\n",
	      to);
	if (command->run == cli_do)
		print_actions(to);
}
