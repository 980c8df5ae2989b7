/* graph: the DAG of a show as text and as Graphviz. Pure, any thread. */
#ifndef SHOW_GRAPH_H
#define SHOW_GRAPH_H

#include "show/show.h"

/* A drawing with one row a stage, in layers, edges as lines; at most `columns`
 * wide. `ascii` uses no box characters. Caller frees. */
char *graph_text(const struct show *show, int columns, bool ascii);

/* The DOT language. Caller frees. */
char *graph_dot(const struct show *show);

#endif
