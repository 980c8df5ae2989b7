#include "cli/load.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "show/show_read.h"

static struct show *loaded(struct show *show, struct show_problems *problems,
			   const char *path, int *status)
{
	*status = 0;
	if (!show) {
		size_t shown = 0;
		for (size_t i = 0; i < problems->count; i++) {
			if (problems->items[i].severity != SHOW_ERROR)
				continue;
			char *line = show_problem_line(&problems->items[i]);
			fprintf(stderr, "%s\n", line);
			free(line);
			shown++;
		}
		struct err err;
		err_set(&err, ERR_DATA,
			"%s: %zu error%s; nothing was started: mend the file "
			"and try again",
			path, shown, shown == 1 ? "" : "s");
		*status = cli_fail(&err);
	}
	show_problems_release(problems);
	return show;
}

struct show *cli_load_show(const char *path, int *status)
{
	struct show_problems problems = {0};
	struct show *show = show_load(path, &problems);
	return loaded(show, &problems, path, status);
}

/* A file of checks is JSON with "cards" at the top. */
bool cli_is_checks_file(const char *path)
{
	size_t bytes;
	char *text = file_read(path, json_limits_file.max_bytes, &bytes, NULL);
	json_object *o =
		text ? json_read(text, bytes, &json_limits_file, NULL) : NULL;
	bool is = o && json_get_array(o, "cards");
	json_object_put(o);
	free(text);
	return is;
}

struct show *cli_load_checks(const char *path, int *status)
{
	struct show_problems problems = {0};
	struct show *show = show_load_checks(path, &problems);
	return loaded(show, &problems, path, status);
}
