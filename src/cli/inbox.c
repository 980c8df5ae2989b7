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
	json_object *items = json_get_array(o, "inbox");
	size_t n = items ? json_object_array_length(items) : 0;
	if (o && cli_option_value(&args, "json")) {
		printf("%s\n", items ? json_text(items) : "[]");
	} else if (o && n == 0) {
		printf("nothing waits\n");
	} else if (o) {
		for (size_t i = 0; i < n; i++)
			print_item(json_object_array_get_idx(items, i),
				   place.show);
	}
	json_object_put(o);
	cli_place_release(&place);
	return status;
}
