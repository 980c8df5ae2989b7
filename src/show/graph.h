/* graph: the DAG of a show as text and as Graphviz. Pure, any thread. */
#ifndef SHOW_GRAPH_H
#define SHOW_GRAPH_H

#include "show/show.h"

/* A drawing with one row a stage, dependencies above what needs them, edges as
 * lines on the left: a stage's line goes down from it to the last stage that
 * needs it, and every stage is joined to the lines of what it needs. Then the
 * id, group, agents, and what is special (poll, GO, when, finale). Rows are at
 * most `columns` wide (40 at least). Where lines would take more than half of
 * that, further edges are written out ("needs x"). `ascii` uses no box
 * characters. Every row ends with a newline. Caller frees. */
char *graph_text(const struct show *show, int columns, bool ascii);

/* The DOT language. Caller frees. */
char *graph_dot(const struct show *show);

#endif
