/* lint: all that is wrong with show files, each as file:line:column. */
#include <stdlib.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "show/show_read.h"

static json_object *problem_json(const struct show_problem *p)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "severity",
		     p->severity == SHOW_ERROR ? "error" : "warning");
	json_add_str(o, "file", p->file);
	json_add_int(o, "line", p->line);
	json_add_int(o, "column", p->column);
	json_add_str(o, "text", p->text);
	return o;
}

static json_object *file_json(const char *path, const struct show *show,
			      const struct show_problems *problems)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "file", path);
	json_add_bool(o, "ok", show != NULL);
	if (show) {
		json_add_str(o, "show", show->id);
		json_add_int(o, "stages", (int64_t)show->stage_count);
		json_add_int(o, "agents", (int64_t)show->agent_count);
		json_add_int(o, "checks", (int64_t)show->check_count);
	}
	json_object *list = json_object_new_array();
	for (size_t i = 0; i < problems->count; i++)
		json_object_array_add(list, problem_json(&problems->items[i]));
	json_add(o, "problems", &list);
	return o;
}

static void print_text(const char *path, const struct show *show,
		       const struct show_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		char *line = show_problem_line(&problems->items[i]);
		fprintf(stderr, "%s\n", line);
		free(line);
	}
	if (show && show->stage_count == 0)
		printf("%s: %zu checks: ok\n", path, show->check_count);
	else if (show)
		printf("%s: %zu stages, %zu agents: ok\n", path,
		       show->stage_count, show->agent_count);
}

int cli_lint(int argc, char **argv)
{
	struct cli_args args;
	bool done;
	int status = cli_parse("lint", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	if (args.operand_count == 0)
		return cli_usage("lint", "no file is named");
	bool json = cli_option_value(&args, "json") != NULL;
	json_object *all = json_object_new_array();
	for (int i = 0; i < args.operand_count; i++) {
		const char *path = args.operands[i];
		struct show_problems problems = {0};
		struct show *show = cli_is_checks_file(path)
					    ? show_load_checks(path, &problems)
					    : show_load(path, &problems);
		if (!show)
			status = ERR_DATA;
		if (json)
			json_object_array_add(all,
					      file_json(path, show, &problems));
		else
			print_text(path, show, &problems);
		show_problems_release(&problems);
		show_unref(&show);
	}
	if (json)
		printf("%s\n", json_text(all));
	json_object_put(all);
	return status;
}
