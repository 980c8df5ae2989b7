#include "show/problem.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define PROBLEM_TEXT_BYTES 480

void problem_vadd(struct show_problems *problems, enum show_severity severity,
		  const char *file, int line, int column, const char *fmt,
		  va_list ap)
{
	size_t *counter = severity == SHOW_ERROR ? &problems->errors
						 : &problems->warnings;
	if (++*counter > PROBLEMS_KEPT)
		return;
	GROW(problems->items, problems->count, problems->cap);
	char *text = xvasprintf(fmt, ap);
	problems->items[problems->count++] = (struct show_problem){
		.severity = severity,
		.file = text_clean_str(file, 4096),
		.line = line,
		.column = column,
		.text = text_clean_str(text, PROBLEM_TEXT_BYTES),
	};
	free(text);
}

void problem_add(struct show_problems *problems, enum show_severity severity,
		 const char *file, int line, int column, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	problem_vadd(problems, severity, file, line, column, fmt, ap);
	va_end(ap);
}

void show_problems_release(struct show_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->items[i].file);
		free(problems->items[i].text);
	}
	free(problems->items);
	memset(problems, 0, sizeof *problems);
}

char *show_problem_line(const struct show_problem *problem)
{
	const char *kind =
		problem->severity == SHOW_ERROR ? "error" : "warning";
	if (problem->line == 0)
		return xasprintf("%s: %s: %s", problem->file, kind,
				 problem->text);
	return xasprintf("%s:%d:%d: %s: %s", problem->file, problem->line,
			 problem->column, kind, problem->text);
}

/* One file at a time, so the order in which a merge sort leaves equals is the
 * order in which they were found. */
static int by_place(const struct show_problem *a, const struct show_problem *b)
{
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return (a->column > b->column) - (a->column < b->column);
}

static void merge_sort(struct show_problem *items, struct show_problem *spare,
		       size_t count)
{
	if (count < 2)
		return;
	size_t half = count / 2;
	merge_sort(items, spare, half);
	merge_sort(items + half, spare, count - half);
	memcpy(spare, items, half * sizeof *items);
	size_t a = 0, b = half, out = 0;
	while (a < half)
		items[out++] = b < count && by_place(&items[b], &spare[a]) < 0
				       ? items[b++]
				       : spare[a++];
}

/* Says how many were not kept; beside the caps, so that it is. */
static void add_rest(struct show_problems *problems, enum show_severity what,
		     size_t found)
{
	if (found <= PROBLEMS_KEPT)
		return;
	GROW(problems->items, problems->count, problems->cap);
	problems->items[problems->count] = (struct show_problem){
		.severity = what,
		.file = xstrdup(problems->items[0].file),
		.text = xasprintf("and %zu more", found - PROBLEMS_KEPT),
	};
	problems->count++;
}

void problems_sort(struct show_problems *problems)
{
	struct show_problem *spare =
		xreallocarray(NULL, problems->count + 1, sizeof *spare);
	size_t placed = 0;
	while (placed < problems->count) {
		/* Gather the next file's problems, keeping their order. */
		const char *file = problems->items[placed].file;
		size_t rest = 0, end = placed;
		for (size_t i = placed; i < problems->count; i++) {
			struct show_problem p = problems->items[i];
			if (strcmp(p.file, file) == 0)
				problems->items[end++] = p;
			else
				spare[rest++] = p;
		}
		if (rest)
			memcpy(problems->items + end, spare,
			       rest * sizeof *spare);
		merge_sort(problems->items + placed, spare, end - placed);
		placed = end;
	}
	free(spare);
	add_rest(problems, SHOW_ERROR, problems->errors);
	add_rest(problems, SHOW_WARNING, problems->warnings);
}

bool show_problems_err(const struct show_problems *problems, struct err *err)
{
	for (size_t i = 0; i < problems->count; i++) {
		if (problems->items[i].severity != SHOW_ERROR)
			continue;
		char *line = show_problem_line(&problems->items[i]);
		if (problems->errors > 1)
			err_set(err, ERR_DATA, "%.400s (and %zu more)", line,
				problems->errors - 1);
		else
			err_set(err, ERR_DATA, "%.480s", line);
		free(line);
		return false;
	}
	return err_set(err, ERR_DATA, "no error was found");
}
