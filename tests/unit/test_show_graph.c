/* The drawings: exact for a small show, and sound for random ones. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "show/graph.h"
#include "show/show_read.h"
#include "tap.h"

static struct show *good(const char *text)
{
	struct show_problems problems = {0};
	struct show *show = show_parse_yaml(text, strlen(text), "f", &problems);
	struct err err = {0};
	if (!show)
		show_problems_err(&problems, &err);
	ck_assert_msg(show != NULL, "%s", err.text);
	show_problems_release(&problems);
	return show;
}

static const char small_show[] =
	"show: s\n"
	"title: Say \"hi\"\n"
	"budget: { tokens: 10, reserve: 1 }\n"
	"agents: { a: { via: noop }, b: { via: noop } }\n"
	"stages:\n"
	"  - { id: ideation, group: script, agents: [a] }\n"
	"  - { id: assets, group: script, agents: [a, b], inputs: [ideation] "
	"}\n"
	"  - { id: placement, agents: [b], inputs: [ideation, assets] }\n"
	"  - { id: music, agents: [b], inputs: [ideation] }\n"
	"  - { id: route, inputs: [placement], poll: { question: Q, options: "
	"[ { id: cave }, { id: ridge } ] } }\n"
	"  - { id: cave_scene, agents: [a], when: { route: cave } }\n"
	"  - { id: ridge_scene, agents: [a], when: { route: ridge }, go: "
	"manual "
	"}\n"
	"  - { id: finale, agents: [a, b], finale: true, inputs: [music, "
	"cave_scene, ridge_scene] }\n"
	"  - { id: credits, agents: [a] }\n";

static void check_text(int columns, bool ascii, const char *wanted)
{
	struct show *show = good(small_show);
	char *text = graph_text(show, columns, ascii);
	ck_assert_msg(strcmp(text, wanted) == 0, "wanted:\n%s\ngot:\n%s",
		      wanted, text);
	free(text);
	show_unref(&show);
}

START_TEST(test_text)
{
	check_text(100, false,
		   "●      ideation     script  a\n"
		   "├─●    assets       script  a + b\n"
		   "├─●    placement            b\n"
		   "● │    music                b\n"
		   "│ ◆    route                poll: cave | ridge\n"
		   "│ ├─●  cave_scene           a  when route = \"cave\"\n"
		   "│ ‖ │  ridge_scene          a  when route = \"ridge\"  "
		   "manual GO\n"
		   "●─┴─┘  finale               a + b  finale\n"
		   "  ●    credits              a\n");
}
END_TEST

START_TEST(test_ascii)
{
	check_text(100, true,
		   "*      ideation     script  a\n"
		   "+-*    assets       script  a + b\n"
		   "+-*    placement            b\n"
		   "* |    music                b\n"
		   "| ?    route                poll: cave | ridge\n"
		   "| +-*  cave_scene           a  when route = \"cave\"\n"
		   "| # |  ridge_scene          a  when route = \"ridge\"  "
		   "manual GO\n"
		   "*-+-'  finale               a + b  finale\n"
		   "  *    credits              a\n");
}
END_TEST

START_TEST(test_narrow)
{
	check_text(40, false,
		   "●      ideation     a\n"
		   "├─●    assets       a + b\n"
		   "├─●    placement    b\n"
		   "● │    music        b\n"
		   "│ ◆    route        poll: cave | ridge\n"
		   "│ ├─●  cave_scene   a  when route = \"ca…\n"
		   "│ ‖ │  ridge_scene  a  when route = \"ri…\n"
		   "●─┴─┘  finale       a + b  finale\n"
		   "  ●    credits      a\n");
}
END_TEST

START_TEST(test_dot)
{
	struct show *show = good(small_show);
	char *text = graph_dot(show);
	const char *wanted =
		"digraph \"s\" {\n"
		"\trankdir=LR;\n"
		"\tlabel=\"Say \\\"hi\\\"\";\n"
		"\t\"placement\" [label=\"placement\\nb\", shape=box];\n"
		"\t\"music\" [label=\"music\\nb\", shape=box];\n"
		"\t\"route\" [label=\"route\\nQ\", shape=diamond];\n"
		"\t\"cave_scene\" [label=\"cave_scene\\na\", shape=box];\n"
		"\t\"ridge_scene\" [label=\"ridge_scene\\na\\nmanual GO\", "
		"shape=box, peripheries=2];\n"
		"\t\"finale\" [label=\"finale\\na\\nb\", shape=box, "
		"style=bold];\n"
		"\t\"credits\" [label=\"credits\\na\", shape=box];\n"
		"\tsubgraph cluster_0 {\n"
		"\tlabel=\"script\";\n"
		"\t\"ideation\" [label=\"ideation\\na\", shape=box];\n"
		"\t\"assets\" [label=\"assets\\na\\nb\", shape=box];\n"
		"\t}\n"
		"\t\"ideation\" -> \"assets\";\n"
		"\t\"ideation\" -> \"placement\";\n"
		"\t\"assets\" -> \"placement\";\n"
		"\t\"ideation\" -> \"music\";\n"
		"\t\"placement\" -> \"route\";\n"
		"\t\"route\" -> \"cave_scene\" [style=dashed, "
		"label=\"\\\"cave\\\"\"];\n"
		"\t\"route\" -> \"ridge_scene\" [style=dashed, "
		"label=\"\\\"ridge\\\"\"];\n"
		"\t\"music\" -> \"finale\";\n"
		"\t\"cave_scene\" -> \"finale\";\n"
		"\t\"ridge_scene\" -> \"finale\";\n"
		"}\n";
	ck_assert_msg(strcmp(text, wanted) == 0, "wanted:\n%s\ngot:\n%s",
		      wanted, text);
	free(text);
	show_unref(&show);
}
END_TEST

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static struct show *random_show(uint64_t *seed)
{
	struct buf b = {0};
	int n = 1 + (int)(next_random(seed) % 60);
	buf_adds(&b, "show: r\nagents: { a: { via: noop } }\nstages:\n");
	for (int i = 0; i < n; i++) {
		buf_addf(&b, "- id: stage_%d\n  agents: [a]\n", i);
		int inputs = i ? (int)(next_random(seed) % 5) : 0;
		if (inputs)
			buf_adds(&b, "  inputs: [");
		for (int k = 0; k < inputs; k++)
			buf_addf(&b, "%sstage_%d", k ? ", " : "",
				 (int)(next_random(seed) % (uint64_t)i));
		if (inputs)
			buf_adds(&b, "]\n");
	}
	struct show *show = good(buf_str(&b));
	buf_release(&b);
	return show;
}

/* One row a stage in the show's order, none too wide; a line that is open at
 * the end of a drawing would stand in its last row. */
static void check_rows(const struct show *show, int columns, bool ascii)
{
	char *text = graph_text(show, columns, ascii);
	size_t row = 0;
	for (char *at = text; *at; row++) {
		char *end = strchr(at, '\n');
		ck_assert_ptr_nonnull(end);
		*end = '\0';
		ck_assert_int_le(text_width(at), columns);
		const char *id = show->stages[show->order[row]].id;
		ck_assert_ptr_nonnull(strstr(at, id));
		if (row + 1 == show->stage_count)
			ck_assert_ptr_null(strchr(at, '|'));
		at = end + 1;
	}
	ck_assert_uint_eq(row, show->stage_count);
	free(text);
}

START_TEST(test_random)
{
	uint64_t seed = (uint64_t)time(NULL);
	const char *given = getenv("SHOW_SEED");
	if (given)
		seed = strtoull(given, NULL, 10);
	printf("# SHOW_SEED=%llu\n", (unsigned long long)seed);
	for (int i = 0; i < 200; i++) {
		struct show *show = random_show(&seed);
		check_rows(show, 40 + i, i % 2);
		show_unref(&show);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("show_graph");
	TCase *tc = tcase_create("graph");
	tcase_add_test(tc, test_text);
	tcase_add_test(tc, test_ascii);
	tcase_add_test(tc, test_narrow);
	tcase_add_test(tc, test_dot);
	tcase_add_test(tc, test_random);
	suite_add_tcase(suite, tc);
	return tap_run(suite);
}
