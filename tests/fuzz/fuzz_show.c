/* Show files of any bytes, as YAML and as JSON: nothing crashes, a refusal
 * says why, and what is taken comes back from its definition unchanged. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "show/graph.h"
#include "show/show_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_problems(const struct show_problems *p, bool loaded)
{
	REQUIRE((p->errors == 0) == loaded);
	for (size_t i = 0; i < p->count; i++) {
		char *line = show_problem_line(&p->items[i]);
		REQUIRE(text_is_utf8(line, strlen(line)));
		for (const char *c = line; *c; c++)
			REQUIRE((unsigned char)*c >= ' ' && *c != 0x7f);
		REQUIRE(p->items[i].text[0]);
		free(line);
	}
}

static void check_definition(const struct show *show)
{
	struct err err = {0};
	struct show_problems problems = {0};
	size_t len = strlen(show->definition);
	json_object *o =
		json_read(show->definition, len, &json_limits_own, &err);
	REQUIRE(o);
	char *canonical = json_canonical(o);
	REQUIRE(strcmp(canonical, show->definition) == 0);
	free(canonical);
	json_object_put(o);
	struct show *back =
		show_parse_json(show->definition, len, "back", &problems);
	REQUIRE(back && strcmp(back->hash, show->hash) == 0);
	REQUIRE(back->check_count == show->check_count);
	show_problems_release(&problems);
	show_unref(&back);
}

static void check_drawings(const struct show *show)
{
	if (show->stage_count > 200)
		return;
	for (int columns = 0; columns <= 120; columns += 40) {
		char *text = graph_text(show, columns, columns == 80);
		char *end = NULL;
		for (char *row = text; *row; row = end + 1) {
			end = strchr(row, '\n');
			REQUIRE(end);
			*end = '\0';
			REQUIRE(text_width(row) <=
				(columns < 40 ? 40 : columns));
		}
		free(text);
	}
	free(graph_dot(show));
}

static void check_one(const char *text, size_t bytes, bool json)
{
	struct show_problems problems = {0};
	struct show *show = (json ? show_parse_json : show_parse_yaml)(
		text, bytes, "f", &problems);
	check_problems(&problems, show != NULL);
	if (show) {
		check_definition(show);
		check_drawings(show);
	}
	show_problems_release(&problems);
	show_unref(&show);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	check_one((const char *)data, bytes, false);
	check_one((const char *)data, bytes, true);
	return 0;
}
