/*
 * fill: {{kept.NAME}} in what a step sends and wants. A text that is nothing
 * but that becomes the value itself, with its type; within a text it becomes
 * the value's text. Pure. Private to jobs/.
 */
#ifndef JOBS_FILL_H
#define JOBS_FILL_H

#include "base/json.h"

/* Callers free (put). `*missing` becomes a name that was not kept, lent by the
 * template; else it is left as it is. NULL gives NULL. */
char *fill_text(const char *text, json_object *kept, const char **missing);
json_object *fill_tree(json_object *tree, json_object *kept,
		       const char **missing);

#endif
