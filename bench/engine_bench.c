/*
 * engine_bench: noop stages through the whole core and a private Redis
 * (appendfsync always), every transition committed before it is acted on. One
 * JSON line a shape; with the bare hiredis loop beside it, in turns, when
 * bench/bare_loop is there, and then the ratio of the two.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "show/show_read.h"
#include "store/server.h"

#include "shapes.h"
#include "temp.h"

#define ROUNDS 5

static void add_stage(json_object *stages, const char *id, int first_dep,
		      int deps)
{
	json_object *stage = json_object_new_object();
	json_add_str(stage, "id", id);
	json_object *agents = json_object_new_array();
	json_object_array_add(agents, json_object_new_string("n"));
	json_add(stage, "agents", &agents);
	json_object *inputs = json_object_new_array();
	for (int i = first_dep; i < first_dep + deps; i++) {
		char name[32];
		snprintf(name, sizeof name, "s%d", i);
		json_object_array_add(inputs, json_object_new_string(name));
	}
	if (deps)
		json_add(stage, "inputs", &inputs);
	else
		json_object_put(inputs);
	json_object_array_add(stages, stage);
}

/* Every stage of a layer needs every stage of the layer before. */
static struct show *make_show(const struct shape *shape, int round,
			      int *stage_count)
{
	char show_id[48];
	json_object *o = json_object_new_object();
	snprintf(show_id, sizeof show_id, "bench-%s-%d", shape->name, round);
	json_add_str(o, "show", show_id);
	json_object *noop = json_object_new_object();
	json_add_str(noop, "via", "noop");
	json_object *agents = json_object_new_object();
	json_add(agents, "n", &noop);
	json_add(o, "agents", &agents);
	json_object *stages = json_object_new_array();
	int n = 0, before = 0;
	for (int l = 0; l < shape->layers; l++) {
		int first = n;
		for (int i = 0; i < shape_width(shape, l); i++) {
			char id[32];
			snprintf(id, sizeof id, "s%d", n++);
			add_stage(stages, id, first - before, before);
		}
		before = shape_width(shape, l);
	}
	json_add(o, "stages", &stages);
	*stage_count = n;
	const char *text = json_text(o);
	struct show_problems problems = {0};
	struct show *show =
		show_parse_json(text, strlen(text), "bench.json", &problems);
	for (size_t i = 0; i < problems.count && !show; i++)
		fprintf(stderr, "%s\n", problems.items[i].text);
	show_problems_release(&problems);
	json_object_put(o);
	return show;
}

/* One Redis for all rounds, as the bare loop has it: a new one spends its first
 * run on page faults. Each round is a show of its own in it. */
static double stages_per_s(const struct show *show, int stages,
			   const char *redis_url)
{
	int64_t run_us = 0;
	struct err err = {0};
	struct engine_settings settings = {.show = show,
					   .redis_url = redis_url,
					   .speed = 1,
					   .exit_when_done = true,
					   .pool_threads = 1,
					   .ready_fd = -1,
					   .no_http = true,
					   .new_run = true,
					   .run_us = &run_us};
	if (engine_run(&settings, &err) != 0 || run_us <= 0) {
		fprintf(stderr, "engine_bench: %s\n", err.text);
		exit(1);
	}
	return stages * 1e6 / (double)run_us;
}

/* bench/bare_loop SHAPE prints one JSON line with stages_per_s; 0: not there.
 */
static double bare_per_s(const char *shape)
{
	const char *build = getenv("top_builddir");
	char *program = xasprintf("%s/bench/bare_loop", build ? build : ".");
	char line[1000] = "";
	int ends[2];
	if (pipe(ends) != 0)
		abort();
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl(program, program, shape, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	FILE *said = fdopen(ends[0], "r");
	if (said && !fgets(line, sizeof line, said))
		line[0] = '\0';
	if (said)
		fclose(said);
	waitpid(pid, NULL, 0);
	free(program);
	json_object *o = json_read_str(line, &json_limits_answer, NULL);
	double n = json_get_num(o, "stages_per_s", 0);
	json_object_put(o);
	return n;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void run_shape(const struct shape *shape, const char *redis_url)
{
	int stages;
	double ours[ROUNDS], bare[ROUNDS];
	for (int i = 0; i < ROUNDS; i++) {
		struct show *show = make_show(shape, i, &stages);
		if (!show)
			exit(1);
		ours[i] = stages_per_s(show, stages, redis_url);
		bare[i] = bare_per_s(shape->name);
		show_unref(&show);
	}
	qsort(ours, ROUNDS, sizeof *ours, by_size);
	qsort(bare, ROUNDS, sizeof *bare, by_size);
	printf("{\"bench\":\"engine\",\"shape\":\"%s\",\"stages\":%d,"
	       "\"stages_per_s\":%.0f",
	       shape->name, stages, ours[ROUNDS / 2]);
	if (bare[ROUNDS / 2] > 0)
		printf(",\"bare_stages_per_s\":%.0f,\"ratio\":%.2f",
		       bare[ROUNDS / 2], ours[ROUNDS / 2] / bare[ROUNDS / 2]);
	printf("}\n");
	fflush(stdout);
}

int main(void)
{
	char *dir = temp_new();
	setenv("SHOWCALLER_STATE", dir, 1);
	log_open("/dev/null", LOG_ERROR, NULL);
	struct err err = {0};
	char *redis_dir = xasprintf("%s/redis", dir);
	struct redis_server *redis = NULL;
	if (mkdir(redis_dir, 0700) != 0 ||
	    !(redis = redis_server_start(redis_dir, NULL, &err))) {
		fprintf(stderr, "engine_bench: %s\n", err.text);
		return 1;
	}
	const char *redis_url = redis_server_address(redis)->url;
	for (size_t i = 0; i < COUNT_OF(shapes); i++)
		run_shape(&shapes[i], redis_url);
	redis_server_stop(&redis);
	free(redis_dir);
	temp_remove(&dir);
	return 0;
}
