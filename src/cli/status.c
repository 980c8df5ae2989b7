/* status: how a show stands, for people and (--json) for programs. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/look.h"
#include "core/status.h"

#define SHORT_COLUMNS 160
#define NAME_COLUMNS  20

static const char *number(char *out, size_t bytes, int64_t n)
{
	return text_thousands(out, bytes, n);
}

/* Whoever wants all of what an agent said reads the log. */
static void print_short(const char *text)
{
	size_t bytes = text_fit(text, SHORT_COLUMNS, NULL);
	printf(" %.*s%s", (int)bytes, text, text[bytes] ? " ..." : "");
}

static void print_run(json_object *run)
{
	char left[24];
	json_object *stages = json_get_array(run, "stages");
	size_t n = stages ? json_object_array_length(stages) : 0;
	int wide = NAME_COLUMNS;
	for (size_t i = 0; i < n; i++) {
		json_object *s = json_object_array_get_idx(stages, i);
		int has = (int)strlen(json_get_str(s, "id", ""));
		wide = has > wide ? has : wide;
	}
	printf("run      %s %s, %s\n", json_get_str(run, "id", "none"),
	       json_get_str(run, "state", ""),
	       text_duration(left, sizeof left,
			     json_get_int(run, "elapsed_ms", 0)));
	for (size_t i = 0; i < n; i++) {
		json_object *s = json_object_array_get_idx(stages, i);
		const char *error = json_get_str(s, "error", NULL);
		const char *waits = json_get_str(s, "waits_for", "");
		const char *why = json_get_str(s, "why", "");
		printf("  %-*s %-9s", wide, json_get_str(s, "id", ""),
		       json_get_str(s, "state", ""));
		if (error || why[0])
			print_short(error ? error : why);
		else if (waits[0])
			printf(" waits for %s", waits);
		printf("\n");
	}
}

static void print_budget(json_object *budget)
{
	char a[28], b[28], c[28];
	bool limited = json_get_bool(budget, "limited", true);
	printf("budget   %s of %s tokens spent, %s leased\n",
	       number(a, sizeof a, json_get_int(budget, "spent", 0)),
	       limited ? number(b, sizeof b,
				json_get_int(budget, "allocated", 0))
		       : "any number of",
	       number(c, sizeof c, json_get_int(budget, "leased", 0)));
}

/* ", too few votes to tell", ", 0:21 left", while that says something. */
static void print_how_it_goes(json_object *poll, int64_t now_ms)
{
	char lead[POLL_LEAD_BYTES], left[24];
	struct poll_count c = {
		.total = json_get_int(poll, "total", 0),
		.margin_permille =
			(int)json_get_int(poll, "margin_permille", 0),
		.uncertainty_permille =
			(int)json_get_int(poll, "uncertainty_permille", 0),
		.too_close = json_get_bool(poll, "too_close", false),
		.too_few = json_get_bool(poll, "too_few", false),
	};
	int64_t deadline_ms = json_get_int(poll, "deadline_at", 0);
	const char *why = json_get_str(poll, "why", NULL);
	if (json_get_str(poll, "winner", NULL))
		return;
	if (strcmp(json_get_str(poll, "state", ""), "void") == 0) {
		printf("%s%s", why ? "; " : "", why ? why : "");
		return;
	}
	printf("; %s", poll_lead_text(lead, &c));
	if (json_get_bool(poll, "frozen", false))
		printf("; frozen");
	else if (deadline_ms > now_ms)
		printf("; %s left",
		       text_duration(left, sizeof left, deadline_ms - now_ms));
}

/* "; from web 12, chat 3" */
static void print_from(json_object *o)
{
	struct ballots_sum from = ballots_sum_read(o);
	const char *between = "; from ";
	for (int i = 0; i < BALLOTS_FROMS; i++) {
		char votes[28];
		if (!from.of[i])
			continue;
		printf("%s%s %s", between,
		       ballots_from_name((enum ballots_from)i),
		       number(votes, sizeof votes, from.of[i]));
		between = ", ";
	}
}

static void print_poll(json_object *poll, int64_t now_ms)
{
	json_object *options = json_get_array(poll, "options");
	size_t n = options ? json_object_array_length(options) : 0;
	printf("poll     %s: %s  %s:", json_get_str(poll, "id", ""),
	       json_get_str(poll, "question", ""),
	       json_get_str(poll, "state", ""));
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(options, i);
		char votes[28];
		printf("%s %s %s", i ? "," : "", json_get_str(o, "id", ""),
		       number(votes, sizeof votes,
			      json_get_int(o, "votes", 0)));
	}
	const char *winner = json_get_str(poll, "winner", NULL);
	printf("%s%s", winner ? "; won by " : "", winner ? winner : "");
	print_how_it_goes(poll, now_ms);
	print_from(json_get_object(poll, "from"));
	printf("\n");
}

/* Those that go on, else the last one. */
static void print_polls(json_object *o)
{
	json_object *polls = json_get_array(o, "polls");
	json_object *last = json_get_object(o, "poll");
	size_t n = polls ? json_object_array_length(polls) : 0;
	/* A rehearsal's clock is its own. */
	bool live = strcmp(json_get_str(o, "mode", ""), "live") == 0;
	int64_t now_ms = live ? clock_show_ms() : INT64_MAX;
	for (size_t i = 0; i < n; i++)
		print_poll(json_object_array_get_idx(polls, i), now_ms);
	if (!n && last)
		print_poll(last, now_ms);
}

static void print_checks(json_object *checks)
{
	size_t n = json_object_array_length(checks), pass = 0, fail = 0;
	for (size_t i = 0; i < n; i++) {
		json_object *c = json_object_array_get_idx(checks, i);
		const char *state = json_get_str(c, "state", "");
		pass += strcmp(state, "pass") == 0;
		fail += strcmp(state, "fail") == 0;
	}
	if (n)
		printf("checks   %zu pass, %zu fail, %zu not run\n", pass, fail,
		       n - pass - fail);
}

static void print_obs(json_object *obs)
{
	bool connected = json_get_bool(obs, "connected", false);
	const char *error = json_get_str(obs, "error", NULL);
	printf("obs      %s%s%s%s", connected ? "on " : "not connected",
	       connected ? json_get_str(obs, "program_scene", "?") : "",
	       json_get_bool(obs, "streaming", false) ? ", streaming" : "",
	       json_get_bool(obs, "recording", false) ? ", recording" : "");
	if (!connected && error)
		printf(": %s", error);
	printf("\n");
	json_object *drift = json_get_array(obs, "drift");
	size_t n = connected && drift ? json_object_array_length(drift) : 0;
	for (size_t i = 0; i < n; i++)
		printf("%-8s %s\n", i ? "" : "drift", json_item_str(drift, i));
	json_object *wait = json_get_object(obs, "rules_wait");
	if (wait)
		printf("rules    wait: %s\n", json_get_str(wait, "why", ""));
}

static void print_redis(json_object *redis)
{
	const char *why = json_get_str(redis, "why", "");
	const char *fsync = json_get_str(redis, "fsync", NULL);
	const char *url = json_get_str(redis, "url", "");
	bool connected = json_get_bool(redis, "connected", false);
	if (!*url && !connected && !*why) {
		printf("redis    not connected\n");
		return;
	}
	printf("redis    %s", url);
	if (fsync)
		printf(", appendfsync %s: a crash of it loses %s", fsync,
		       status_may_lose(fsync));
	if (!connected)
		printf(" (not connected%s%s)", *why ? ": " : "", why);
	printf("\n");
}

static void print_lines(const char *head, json_object *list)
{
	size_t n = list ? json_object_array_length(list) : 0;
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(list, i);
		printf("%-8s %s  %s\n", head, json_get_str(o, "id", ""),
		       json_get_str(o, "text", ""));
	}
}

void cli_print_status(json_object *o)
{
	json_object *redis = json_get_object(o, "redis");
	printf("show     %s, %s\n", json_get_str(o, "show", ""),
	       json_get_str(o, "mode", ""));
	if (json_get_object(o, "run"))
		print_run(json_get_object(o, "run"));
	if (json_get_object(o, "budget"))
		print_budget(json_get_object(o, "budget"));
	print_polls(o);
	if (json_get_array(o, "checks"))
		print_checks(json_get_array(o, "checks"));
	if (json_get_object(o, "obs"))
		print_obs(json_get_object(o, "obs"));
	/* What a log folds to has no Redis, of which that it is away would
	 * read as a trouble. */
	if (redis && strcmp(json_get_str(o, "mode", ""), "replay") != 0)
		print_redis(redis);
	print_lines("inbox", json_get_array(o, "inbox"));
	print_lines("alarm", json_get_array(o, "alarms"));
}

int cli_status(int argc, char **argv)
{
	struct cli_args args;
	bool done;
	int status = cli_parse("status", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	if (args.operand_count > 1)
		return cli_usage("status", "it takes one show");
	struct cli_place place;
	status = cli_find(&args, &place);
	if (status != 0)
		return status;
	json_object *o = cli_look(&place, &status);
	if (o && cli_option_value(&args, "json"))
		printf("%s\n", json_text(o));
	else if (o)
		cli_print_status(o);
	json_object_put(o);
	cli_place_release(&place);
	return status;
}
