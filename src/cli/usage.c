/* usage: what a show spent, by stage, agent, model, minute and episode; for
 * people, for programs (--json) and for spreadsheets (--csv). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/look.h"

/* The lists of a usage report, and what names a row in each. */
static const struct list {
	const char *name, *kind, *key, *head;
} lists[] = {
	{"stages", "stage", "stage", "by stage"},
	{"agents", "agent", "agent", "by agent"},
	{"models", "model", "model", "by model"},
	{"minutes", "minute", "at", "by minute"},
	{"episodes", "episode", "run", "by episode"},
};

/* The name of a row; `at` is a time, which is written as one. */
static const char *row_name(json_object *row, const struct list *list,
			    char *out, size_t bytes)
{
	if (strcmp(list->key, "at") == 0)
		return clock_rfc3339(out, bytes, json_get_int(row, "at", 0));
	return json_get_str(row, list->key, "");
}

/* RFC 4180: quotes are doubled. */
static void put_field(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

static void csv_row(const char *kind, const char *name, json_object *row)
{
	put_field(kind);
	putchar(',');
	put_field(name);
	printf(",%lld,%lld\r\n", (long long)json_get_int(row, "tokens", 0),
	       (long long)json_get_int(row, "cost_micros", 0));
}

static void print_csv(json_object *usage)
{
	printf("kind,name,tokens,cost_micros\r\n");
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		json_object *a = json_get_array(usage, lists[i].name);
		size_t n = a ? json_object_array_length(a) : 0;
		for (size_t k = 0; k < n; k++) {
			char at[32];
			json_object *row = json_object_array_get_idx(a, k);
			csv_row(lists[i].kind,
				row_name(row, &lists[i], at, sizeof at), row);
		}
	}
}

static void print_row(json_object *row, const struct list *list,
		      const char *run)
{
	char at[32], tokens[28], before[28];
	int64_t micros = json_get_int(row, "cost_micros", 0);
	int64_t mean = json_get_int(row, "before", 0);
	int64_t assumed = json_get_int(row, "assumed", 0);
	printf("  %-24s %12s", row_name(row, list, at, sizeof at),
	       text_thousands(tokens, sizeof tokens,
			      json_get_int(row, "tokens", 0)));
	if (micros)
		printf("  %lld.%06lld", (long long)(micros / 1000000),
		       (long long)(micros % 1000000));
	if (mean)
		printf("  before: %s",
		       text_thousands(before, sizeof before, mean));
	if (assumed)
		printf("  of these assumed: %s",
		       text_thousands(before, sizeof before, assumed));
	if (strcmp(json_get_str(row, "run", ""), run) == 0)
		printf("  this run");
	printf("\n");
}

static void print_outlook(json_object *usage)
{
	char low[28], likely[28], high[28];
	json_object *o = json_get_object(usage, "outlook");
	int64_t unknown = json_get_int(o, "unknown_stages", 0);
	printf("at its end  %s tokens likely, %s to %s",
	       text_thousands(likely, sizeof likely,
			      json_get_int(o, "likely", 0)),
	       text_thousands(low, sizeof low, json_get_int(o, "low", 0)),
	       text_thousands(high, sizeof high, json_get_int(o, "high", 0)));
	if (unknown)
		printf(", and %lld stages of which nothing is known",
		       (long long)unknown);
	printf("\n");
}

static void print_usage(json_object *usage)
{
	print_outlook(usage);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		json_object *a = json_get_array(usage, lists[i].name);
		size_t n = a ? json_object_array_length(a) : 0;
		if (n)
			printf("%s\n", lists[i].head);
		for (size_t k = 0; k < n; k++)
			print_row(json_object_array_get_idx(a, k), &lists[i],
				  json_get_str(usage, "run", "none"));
	}
}

int cli_spent(int argc, char **argv)
{
	struct cli_args args;
	bool done;
	int status = cli_parse("usage", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	if (args.operand_count > 1)
		return cli_usage("usage", "it takes one show");
	if (cli_option_value(&args, "json") && cli_option_value(&args, "csv"))
		return cli_usage("usage", "--csv or --json, not both");
	struct cli_place place;
	status = cli_find(&args, &place);
	if (status != 0)
		return status;
	json_object *o = cli_look(&place, &status);
	json_object *usage = json_get_object(o, "usage");
	if (usage && cli_option_value(&args, "json"))
		printf("%s\n", json_text(usage));
	else if (usage && cli_option_value(&args, "csv"))
		print_csv(usage);
	else if (usage)
		print_usage(usage);
	json_object_put(o);
	cli_place_release(&place);
	return status;
}
