/* problem: collecting what is wrong with a file. Private to src/show. */
#ifndef SHOW_PROBLEM_H
#define SHOW_PROBLEM_H

#include <stdarg.h>

#include "show/show_read.h"

/* Beyond this many of a kind only the counts go up. */
#define PROBLEMS_KEPT 500

void problem_add(struct show_problems *problems, enum show_severity severity,
		 const char *file, int line, int column, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
void problem_vadd(struct show_problems *problems, enum show_severity severity,
		  const char *file, int line, int column, const char *fmt,
		  va_list ap) __attribute__((format(printf, 6, 0)));

/* By file (in the order in which files came up), line and column. */
void problems_sort(struct show_problems *problems);

#endif
