/* Every broken show of show_bad.txt gives exactly the lines written there. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "show/show_read.h"
#include "tap.h"

/* One case: "=== yaml what it is", the text, ">>>", the lines expected. */
struct bad {
	char *name, *text, *wanted;
};

static struct bad *cases;
static size_t case_count, case_cap;

static void load_cases(void)
{
	const char *dir = getenv("srcdir");
	char *path = xasprintf("%s/tests/unit/show_bad.txt", dir ? dir : ".");
	struct err err = {0};
	char *all = file_read(path, 1 << 20, NULL, &err);
	if (!all) {
		printf("Bail out! %s\n", err.text);
		exit(EXIT_FAILURE);
	}
	free(path);
	for (char *at = strstr(all, "=== "); at;) {
		char *next = strstr(at, "\n=== ");
		if (next)
			*next++ = '\0';
		char *name_end = strchr(at, '\n');
		char *split = name_end ? strstr(name_end, "\n>>>") : NULL;
		if (!split) {
			printf("Bail out! no >>> in %s\n", at);
			exit(EXIT_FAILURE);
		}
		GROW(cases, case_count, case_cap);
		cases[case_count++] = (struct bad){
			.name = xstrndup(at + 4, (size_t)(name_end - at - 4)),
			.text = split == name_end
					? xstrdup("")
					: xstrndup(name_end + 1,
						   (size_t)(split - name_end)),
			.wanted = xstrdup(split[4] ? split + 5 : ""),
		};
		at = next;
	}
	free(all);
}

static void trim_end(char *s)
{
	size_t len = strlen(s);
	while (len && s[len - 1] == '\n')
		s[--len] = '\0';
}

START_TEST(test_bad)
{
	const struct bad *c = &cases[_i];
	struct show_problems problems = {0};
	struct show *show = strncmp(c->name, "json", 4) == 0
				    ? show_parse_json(c->text, strlen(c->text),
						      "f", &problems)
				    : show_parse_yaml(c->text, strlen(c->text),
						      "f", &problems);
	struct buf got = {0};
	size_t errors = 0;
	for (size_t i = 0; i < problems.count; i++) {
		char *line = show_problem_line(&problems.items[i]);
		buf_addf(&got, "%s%s", i ? "\n" : "", line);
		errors += problems.items[i].severity == SHOW_ERROR;
		free(line);
	}
	trim_end(c->wanted);
	ck_assert_msg(strcmp(buf_str(&got), c->wanted) == 0,
		      "%s\nwanted:\n%s\ngot:\n%s", c->name, c->wanted,
		      buf_str(&got));
	ck_assert_uint_eq(errors, problems.errors);
	ck_assert_msg((show == NULL) == (errors > 0), "%s", c->name);
	buf_release(&got);
	show_problems_release(&problems);
	show_unref(&show);
}
END_TEST

int main(void)
{
	load_cases();
	Suite *suite = suite_create("show_bad");
	TCase *tc = tcase_create("bad");
	tcase_add_loop_test(tc, test_bad, 0, (int)case_count);
	suite_add_tcase(suite, tc);
	int status = tap_run(suite);
	for (size_t i = 0; i < case_count; i++) {
		free(cases[i].name);
		free(cases[i].text);
		free(cases[i].wanted);
	}
	free(cases);
	return status;
}
