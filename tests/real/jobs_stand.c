#include "jobs_stand.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "patience.h"
#include "show/show_read.h"
#include "temp.h"

#define PATIENCE_MS 10000

void jobs_stand_init(struct jobs_stand *stand)
{
	*stand = (struct jobs_stand){.folder = temp_new()};
	char *state = xasprintf("%s/state", stand->folder);
	setenv("SHOWCALLER_STATE", state, 1);
	free(state);
}

static void write_file(const struct jobs_stand *stand, const char *name,
		       const char *text, unsigned mode)
{
	char *path = xasprintf("%s/%s", stand->folder, name);
	struct err err;
	if (!file_write(path, text, strlen(text), mode, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	free(path);
}

void jobs_stand_script(const struct jobs_stand *stand, const char *name,
		       const char *text)
{
	write_file(stand, name, text, 0700);
}

void jobs_stand_load(struct jobs_stand *stand, const char *agents,
		     const char *checks)
{
	char *text = xasprintf("show: jobs-test\n"
			       "agents: { %s%sidle: { via: noop } }\n"
			       "stages: [ { id: s, agents: [idle] } ]\n"
			       "http: { operator: \"127.0.0.1:2\", "
			       "audience: \"127.0.0.1:1\" }\n"
			       "%s",
			       agents ? agents : "", agents ? ", " : "",
			       checks ? "checks: checks.json\n" : "");
	if (checks)
		write_file(stand, "checks.json", checks, 0600);
	jobs_stand_load_text(stand, text);
	free(text);
}

void jobs_stand_load_text(struct jobs_stand *stand, const char *text)
{
	struct show_problems problems = {0};
	char *path = xasprintf("%s/test.yaml", stand->folder);
	write_file(stand, "test.yaml", text, 0600);
	stand->show = show_load(path, &problems);
	for (size_t i = 0; i < problems.count && !stand->show; i++)
		fprintf(stderr, "%d:%d %s\n", problems.items[i].line,
			problems.items[i].column, problems.items[i].text);
	REQUIRE(stand->show);
	show_problems_release(&problems);
	free(path);
}

void jobs_stand_open(struct jobs_stand *stand, int threads)
{
	char *out = xasprintf("%s/out", stand->folder);
	struct pool_settings settings = {
		.threads = threads,
		.output_dir = out,
	};
	struct err err;
	stand->engine = mailbox_new(8192, input_drop);
	stand->pool = pool_new(stand->show, &settings, stand->engine, &err);
	REQUIRE(stand->pool);
	free(out);
}

void jobs_stand_close(struct jobs_stand *stand)
{
	pool_free(&stand->pool);
	if (stand->engine)
		mailbox_free(&stand->engine);
	show_unref(&stand->show);
	temp_remove(&stand->folder);
}

void jobs_stand_ask(struct jobs_stand *stand, const char *id, int attempt,
		    int64_t limit_ms, const char *request)
{
	char key[64];
	int agent = show_find_agent(stand->show, id);
	REQUIRE(agent >= 0);
	snprintf(key, sizeof key, "r1/s/%d", attempt);
	REQUIRE(pool_call(stand->pool, 0, agent, attempt, key, "L7", 500,
			  limit_ms, request));
}

struct input *jobs_stand_wait(struct jobs_stand *stand, enum input_kind kind,
			      struct buf *lines)
{
	int64_t until = clock_mono_ms() + patience_ms(PATIENCE_MS);
	int64_t left;
	while ((left = until - clock_mono_ms()) > 0) {
		struct input *in = mailbox_wait(stand->engine, (int)left);
		if (!in || in->kind == kind)
			return in;
		if (lines && in->kind == INPUT_PROGRESS)
			buf_addf(lines, "%s\n", in->text);
		input_free(&in);
	}
	return NULL;
}

struct input *jobs_stand_call(struct jobs_stand *stand, const char *id,
			      int64_t limit_ms, const char *request)
{
	jobs_stand_ask(stand, id, 1, limit_ms, request);
	return jobs_stand_wait(stand, INPUT_ANSWER, NULL);
}

bool jobs_stand_quiet(struct jobs_stand *stand)
{
	int64_t until = clock_mono_ms() + patience_ms(PATIENCE_MS);
	while (clock_mono_ms() < until) {
		struct pool_figures f;
		pool_figures(stand->pool, &f);
		if (f.busy == 0 && f.queued == 0)
			return true;
		poll(NULL, 0, 2);
	}
	return false;
}

int jobs_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;
	REQUIRE(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", ".." and the folder itself */
}
