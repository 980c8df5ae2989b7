/*
 * show_read: a show file (YAML, or the same tree in JSON) becomes a struct
 * show, or a list of everything that is wrong with it.
 *
 * YAML goes through libyaml's event API with caps on bytes (4 MiB), depth (32)
 * and nodes, and without anchors, aliases, tags, merge keys, second documents
 * or duplicate keys. Any thread; no state is shared.
 */
#ifndef SHOW_SHOW_READ_H
#define SHOW_SHOW_READ_H

#include "base/err.h"
#include "show/show.h"

enum show_severity { SHOW_ERROR, SHOW_WARNING };

struct show_problem {
	enum show_severity severity;
	char *file;      /* the show file, or the checks file */
	int line, column; /* from 1; 0 when the whole file is meant */
	char *text;      /* cleaned; names the nearest known word where apt */
};

struct show_problems {
	struct show_problem *items;
	size_t count, cap;
	size_t errors, warnings;
};

void show_problems_release(struct show_problems *problems);

/* "file:line:column: error: text" without a newline. Caller frees. */
char *show_problem_line(const struct show_problem *problem);

/* Reads and checks `path`, and the checks file that it names. NULL when there
 * is at least one error; then `problems` says all of them. Warnings come in
 * either case. A file that cannot be read is one problem with line 0. */
struct show *show_load(const char *path, struct show_problems *problems);

/* The same for a text in memory. `name` stands for the file in messages;
 * relative paths in it are taken from the folder of `name`. */
struct show *show_parse_yaml(const char *text, size_t bytes, const char *name,
			     struct show_problems *problems);
struct show *show_parse_json(const char *text, size_t bytes, const char *name,
			     struct show_problems *problems);

/* The same from a definition that was kept, where one sentence is enough: NULL
 * with err, which may be NULL. `text` NULL is none, and leaves err as it is. */
struct show *show_of_definition(const char *text, const char *name,
				struct err *err);

/* Reads a checks file alone (for `showcaller check CHECKS.json`): a show
 * without stages whose id is "checks". */
struct show *show_load_checks(const char *path, struct show_problems *problems);

/* A show of that id with nothing in it. Whoever folds a log for its story
 * alone needs no other: what a stage does to the story stands in its event. */
struct show *show_bare(const char *id);

/* The first error as a struct err (ERR_DATA), with "(and N more)". */
bool show_problems_err(const struct show_problems *problems, struct err *err);

#endif
