/*
 * lint_bench: how long a show of 10,000 stages takes to be read and checked,
 * as YAML and as JSON. One JSON line; it never judges a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "show/graph.h"
#include "show/show_read.h"

#define STAGES 10000
#define ROUNDS 7

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static char *make_yaml(void)
{
	struct buf b = {0};
	buf_adds(&b, "show: big\nbudget: { tokens: 100000000 }\nagents:\n"
		     "  writer: { via: noop }\n  painter: { via: noop }\n"
		     "stages:\n");
	for (int i = 0; i < STAGES; i++) {
		buf_addf(&b,
			 "  - id: stage_%05d\n    group: act_%d\n"
			 "    description: Stage %d of a long show\n",
			 i, i / 1000, i);
		if (i)
			buf_addf(&b, "    inputs: [out_%05d, stage_%05d]\n",
				 i - 1, i / 2);
		buf_addf(&b,
			 "    agents: [writer, painter]\n"
			 "    outputs: [out_%05d]\n"
			 "    budget: { token_cap: 1000, time_cap_ms: 30000 }\n"
			 "    retry: { max_attempts: 2, backoff_ms: 500 }\n",
			 i);
	}
	return buf_take(&b);
}

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The median of a few rounds in ms; `*kept` gets the last show. */
static double measure(bool json, const char *text, struct show **kept)
{
	double ms[ROUNDS];
	size_t bytes = strlen(text);
	for (int i = 0; i < ROUNDS; i++) {
		struct show_problems problems = {0};
		double start = now_ms();
		struct show *show =
			json ? show_parse_json(text, bytes, "big.json",
					       &problems)
			     : show_parse_yaml(text, bytes, "big.yaml",
					       &problems);
		ms[i] = now_ms() - start;
		if (!show || show->stage_count != STAGES) {
			fprintf(stderr, "lint_bench: the show did not load\n");
			exit(EXIT_FAILURE);
		}
		show_problems_release(&problems);
		show_unref(kept);
		*kept = show;
	}
	qsort(ms, ROUNDS, sizeof *ms, by_number);
	return ms[ROUNDS / 2];
}

int main(void)
{
	struct show *show = NULL;
	char *yaml = make_yaml();
	double yaml_ms = measure(false, yaml, &show);
	char *json = xstrdup(show->definition);
	double json_ms = measure(true, json, &show);
	double start = now_ms();
	char *drawing = graph_text(show, 120, false);
	double graph_ms = now_ms() - start;
	printf("{\"bench\":\"lint_10000\",\"yaml_ms\":%.1f,\"json_ms\":%.1f,"
	       "\"graph_ms\":%.1f,\"yaml_bytes\":%zu,\"json_bytes\":%zu}\n",
	       yaml_ms, json_ms, graph_ms, strlen(yaml), strlen(json));
	free(drawing);
	free(json);
	free(yaml);
	show_unref(&show);
	return EXIT_SUCCESS;
}
