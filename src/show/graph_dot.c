#include "show/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void add_quoted(struct buf *out, const char *s)
{
	buf_addc(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *s);
	}
	buf_addc(out, '"');
}

/* A label of lines; DOT wants "\n" between them, so each is quoted apart. */
static void add_label_line(struct buf *out, const char *s)
{
	buf_adds(out, "\\n");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *s);
	}
}

static void add_node(struct buf *out, const struct show *show,
		     const struct show_stage *s)
{
	buf_adds(out, "\t");
	add_quoted(out, s->id);
	buf_adds(out, " [label=\"");
	buf_adds(out, s->id);
	for (size_t i = 0; i < s->agent_count; i++)
		add_label_line(out, show->agents[s->agents[i]].id);
	if (s->poll)
		add_label_line(out, s->poll->question);
	if (s->go == GO_MANUAL)
		add_label_line(out, "manual GO");
	buf_addf(out, "\", shape=%s", s->poll ? "diamond" : "box");
	if (s->go == GO_MANUAL)
		buf_adds(out, ", peripheries=2");
	if (s->finale)
		buf_adds(out, ", style=bold");
	buf_adds(out, "];\n");
}

/* The condition that `s` puts on `dep`, or NULL. */
static const struct show_when *condition(const struct show_stage *s, int dep)
{
	for (size_t i = 0; i < s->when_count; i++)
		if (s->when[i].stage == dep)
			return &s->when[i];
	return NULL;
}

static void add_edges(struct buf *out, const struct show *show,
		      const struct show_stage *s)
{
	for (size_t i = 0; i < s->dep_count; i++) {
		const struct show_when *w = condition(s, s->deps[i]);
		buf_adds(out, "\t");
		add_quoted(out, show->stages[s->deps[i]].id);
		buf_adds(out, " -> ");
		add_quoted(out, s->id);
		if (w) {
			buf_adds(out, " [style=dashed, label=");
			add_quoted(out, w->value);
			buf_adds(out, "]");
		}
		buf_adds(out, ";\n");
	}
}

static int by_group_then_index(const void *a, const void *b)
{
	const struct show_stage *x = *(const struct show_stage *const *)a;
	const struct show_stage *y = *(const struct show_stage *const *)b;
	if (!x->group != !y->group)
		return x->group ? 1 : -1;
	int c = x->group ? strcmp(x->group, y->group) : 0;
	return c ? c : (x > y) - (x < y);
}

char *graph_dot(const struct show *show)
{
	struct buf out = {0};
	const struct show_stage **all =
		xreallocarray(NULL, show->stage_count + 1, sizeof *all);
	for (size_t i = 0; i < show->stage_count; i++)
		all[i] = &show->stages[i];
	qsort(all, show->stage_count, sizeof *all, by_group_then_index);
	buf_adds(&out, "digraph ");
	add_quoted(&out, show->id);
	buf_adds(&out, " {\n\trankdir=LR;\n\tlabel=");
	add_quoted(&out, show->title);
	buf_adds(&out, ";\n");
	const char *group = NULL;
	int clusters = 0;
	for (size_t i = 0; i < show->stage_count; i++) {
		const char *next = all[i]->group;
		if (next && (!group || strcmp(group, next) != 0)) {
			if (group)
				buf_adds(&out, "\t}\n");
			buf_addf(&out, "\tsubgraph cluster_%d {\n\tlabel=",
				 clusters++);
			add_quoted(&out, next);
			buf_adds(&out, ";\n");
			group = next;
		}
		add_node(&out, show, all[i]);
	}
	if (group)
		buf_adds(&out, "\t}\n");
	for (size_t i = 0; i < show->stage_count; i++)
		add_edges(&out, show, &show->stages[i]);
	buf_adds(&out, "}\n");
	free(all);
	return buf_take(&out);
}
