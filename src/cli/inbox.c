/* inbox: what waits for a human, and how to answer it. */
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/look.h"

static void print_item(json_object *item, const char *show)
{
	json_object *choices = json_get_array(item, "choices");
	size_t n = choices ? json_object_array_length(choices) : 0;
	printf("%s  %s  %s\n", json_get_str(item, "id", ""),
	       json_get_str(item, "kind", ""), json_get_str(item, "text", ""));
	if (n == 0)
		return;
	printf("    answer with: showcaller do %s answer %s ", show,
	       json_get_str(item, "id", ""));
	for (size_t i = 0; i < n; i++) {
		json_object *c = json_object_array_get_idx(choices, i);
		printf("%s%s", i ? "|" : "", json_object_get_string(c));
	}
	printf("\n");
}

/* "l57  ridge_scene by genre_master, deadline: fits  {...}" */
static void print_late(json_object *late, const char *show)
{
	const char *id = json_get_str(late, "id", "");
	json_object *result = json_get(late, "result");
	printf("%s  %s by %s, %s: %s  ", id, json_get_str(late, "stage", ""),
	       json_get_str(late, "agent", ""),
	       json_get_str(late, "verdict", ""),
	       json_get_bool(late, "fits", false)
		       ? "fits"
		       : "what it was made on has changed");
	if (result)
		printf("%s\n", json_text(result));
	else
		printf("%lld bytes: showcaller events %s --json --from %lld\n",
		       (long long)json_get_int(late, "bytes", 0), show,
		       (long long)json_get_int(late, "event", 0));
	printf("    showcaller do %s adopt %s   or   discard %s REASON\n", show,
	       id, id);
}

int cli_inbox(int argc, char **argv)
{
	struct cli_args args;
	bool done;
	int status = cli_parse("inbox", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	if (args.operand_count != 1)
		return cli_usage("inbox", "it takes one show");
	struct cli_place place;
	status = cli_find(&args, &place);
	if (status != 0)
		return status;
	json_object *o = cli_look(&place, &status);
	bool late = cli_option_value(&args, "late") != NULL;
	json_object *items = json_get_array(o, late ? "late" : "inbox");
	size_t n = items ? json_object_array_length(items) : 0;
	if (o && cli_option_value(&args, "json")) {
		printf("%s\n", items ? json_text(items) : "[]");
	} else if (o && n == 0) {
		printf("%s\n",
		       late ? "nothing came too late" : "nothing waits");
	} else if (o) {
		for (size_t i = 0; i < n; i++)
			(late ? print_late
			      : print_item)(json_object_array_get_idx(items, i),
					    place.show);
	}
	json_object_put(o);
	cli_place_release(&place);
	return status;
}
