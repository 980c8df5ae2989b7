/*
 * The order of the stages: a depth-first walk over the dependencies, begun at
 * each stage in the order of the file, so that a file that is in order already
 * stays so. A stage that is met again while it is still on the walk's path
 * closes a cycle, and the path is the cycle. O(stages + edges).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/read.h"

#define CYCLES_MAX  10
#define CYCLE_NAMES 8 /* so many from either end of a long cycle */

enum colour { WHITE, ON_PATH, DONE };

struct walk {
	struct reader *r;
	struct show *show;
	unsigned char *colours;
	int *path;    /* stages on the way down */
	size_t *next; /* the dependency to look at next, by depth */
	size_t depth, done;
	int cycles;
};

/* path[from..depth) in the direction of the work: what comes first, first. */
static void report_cycle(struct walk *w, size_t from)
{
	if (++w->cycles > CYCLES_MAX)
		return;
	size_t length = w->depth - from, first = from;
	for (size_t i = from; i < w->depth; i++)
		if (w->path[i] < w->path[first])
			first = i;
	struct buf text = {0};
	for (size_t i = 0; i <= length; i++) {
		if (length > 2 * CYCLE_NAMES && i == CYCLE_NAMES) {
			size_t left = length - 2 * CYCLE_NAMES + 1;
			buf_addf(&text, "... (%zu more) -> ", left);
			i += left;
		}
		size_t at = from + (first - from + 2 * length - i) % length;
		const char *id = w->show->stages[w->path[at]].id;
		buf_addf(&text, "%s%s", id ? id : "?",
			 i < length ? " -> " : "");
	}
	read_error(w->r, w->r->stage_nodes[w->path[first]], "cycle: %s",
		   buf_str(&text));
	buf_release(&text);
}

static void go_down(struct walk *w, int stage)
{
	w->colours[stage] = ON_PATH;
	w->path[w->depth] = stage;
	w->next[w->depth++] = 0;
}

static void finish(struct walk *w, int stage)
{
	struct show_stage *s = &w->show->stages[stage];
	for (size_t i = 0; i < s->dep_count; i++) {
		const struct show_stage *d = &w->show->stages[s->deps[i]];
		if (d->layer >= s->layer)
			s->layer = d->layer + 1;
	}
	w->colours[stage] = DONE;
	w->show->order[w->done++] = stage;
	w->depth--;
}

static void walk_from(struct walk *w, int start)
{
	if (w->colours[start] != WHITE)
		return;
	go_down(w, start);
	while (w->depth) {
		int stage = w->path[w->depth - 1];
		const struct show_stage *s = &w->show->stages[stage];
		size_t i = w->next[w->depth - 1]++;
		if (i == s->dep_count) {
			finish(w, stage);
			continue;
		}
		int dep = s->deps[i];
		if (w->colours[dep] == WHITE) {
			go_down(w, dep);
		} else if (w->colours[dep] == ON_PATH) {
			size_t from = w->depth - 1;
			while (w->path[from] != dep)
				from--;
			report_cycle(w, from);
		}
	}
}

static void find_dependents(struct show *show)
{
	for (size_t i = 0; i < show->stage_count; i++)
		for (size_t k = 0; k < show->stages[i].dep_count; k++)
			show->stages[show->stages[i].deps[k]].dependent_count++;
	for (size_t i = 0; i < show->stage_count; i++) {
		struct show_stage *s = &show->stages[i];
		s->dependents = arena_alloc(
			&show->arena,
			s->dependent_count * sizeof *s->dependents + 1);
		s->dependent_count = 0;
	}
	for (size_t i = 0; i < show->stage_count; i++)
		for (size_t k = 0; k < show->stages[i].dep_count; k++) {
			struct show_stage *d =
				&show->stages[show->stages[i].deps[k]];
			d->dependents[d->dependent_count++] = (int)i;
		}
}

void link_order(struct reader *r)
{
	size_t n = r->show->stage_count;
	struct walk w = {.r = r, .show = r->show};
	r->show->order =
		arena_alloc(&r->show->arena, n * sizeof *r->show->order + 1);
	w.colours = xcalloc(n + 1, sizeof *w.colours);
	w.path = xcalloc(n + 1, sizeof *w.path);
	w.next = xcalloc(n + 1, sizeof *w.next);
	for (size_t i = 0; i < n; i++)
		walk_from(&w, (int)i);
	free(w.colours);
	free(w.path);
	free(w.next);
	find_dependents(r->show);
}
