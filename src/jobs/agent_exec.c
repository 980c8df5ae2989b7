/* via: exec. A program, its argv, JSON in and JSON out; or, when its argv names
 * {{output_file}}, a plain one: text in, a file out. */
#include "jobs/job.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "jobs/place.h"
#include "jobs/program.h"

#define OUTPUT_FILE	 "{{output_file}}"
#define LINE_SHOWN_BYTES 400
#define LINES_PER_SECOND 20

struct call {
	const struct job_room *room;
	const struct job *job;
	const struct show_agent *agent;
	char *folder; /* of the show file */
	char **argv, **env;
	char *output_file; /* NULL: it speaks JSON */
	char *input;	   /* of a plain one */
	/* Progress lines of the present second. */
	int64_t second_ms;
	int shown, left_out;
};

/* --- what it is given --------------------------------------------------- */

static bool is_plain(const struct show_agent *agent)
{
	for (size_t i = 0; i < agent->argv.count; i++)
		if (strstr(agent->argv.items[i], OUTPUT_FILE))
			return true;
	return false;
}

static char *replace_output_file(const char *word, const char *path)
{
	struct buf b = {0};
	const char *at;
	while ((at = strstr(word, OUTPUT_FILE))) {
		buf_add(&b, word, (size_t)(at - word));
		buf_adds(&b, path);
		word = at + strlen(OUTPUT_FILE);
	}
	buf_adds(&b, word);
	return buf_take(&b);
}

static void make_argv(struct call *c)
{
	const struct show_names *argv = &c->agent->argv;
	c->argv = xcalloc(argv->count + 1, sizeof *c->argv);
	for (size_t i = 0; i < argv->count; i++)
		c->argv[i] = replace_output_file(
			argv->items[i], c->output_file ? c->output_file : "");
	place_program(c->room->show, c->argv);
}

static void make_env(struct call *c)
{
	const struct job *job = c->job;
	const struct show *show = c->room->show;
	const char *run_end = strchr(job->key, '/');
	int run_bytes =
		(int)(run_end ? run_end - job->key : (long)strlen(job->key));
	c->env = xcalloc(PLACE_ENV + 9, sizeof *c->env);
	size_t n = place_env(c->env);
	c->env[n++] = xasprintf("SHOWCALLER_SHOW=%s", show->id);
	c->env[n++] = xasprintf("SHOWCALLER_RUN=%.*s", run_bytes, job->key);
	c->env[n++] =
		xasprintf("SHOWCALLER_STAGE=%s", show->stages[job->stage].id);
	c->env[n++] = xasprintf("SHOWCALLER_AGENT=%s", c->agent->id);
	c->env[n++] = xasprintf("SHOWCALLER_ATTEMPT=%d", job->attempt);
	c->env[n++] =
		xasprintf("SHOWCALLER_LEASE=%s", job->lease ? job->lease : "");
	c->env[n++] = xasprintf("SHOWCALLER_LEASE_TOKENS=%lld",
				(long long)job->lease_tokens);
	c->env[n++] = xasprintf("SHOWCALLER_KEY=%s", job->key);
}

/* The first string in `o`, in the order of the text. Lent. */
static const char *first_string(json_object *o)
{
	const char *found = NULL;
	if (json_object_is_type(o, json_type_string))
		return json_object_get_string(o);
	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, value)
		{
			(void)key;
			if ((found = first_string(value)))
				return found;
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			if ((found = first_string(
				     json_object_array_get_idx(o, i))))
				return found;
	}
	return NULL;
}

static char *plain_input(const char *request)
{
	json_object *o = json_read_str(request, &json_limits_own, NULL);
	json_object *parameters = json_get_object(o, "parameters");
	const char *text = json_get_str(parameters, "text", NULL);
	if (!text)
		text = first_string(json_get(parameters, "inputs"));
	if (!text)
		text = first_string(json_get(o, "inputs"));
	char *copy = xstrdup(text ? text : "");
	json_object_put(o);
	return copy;
}

/* <output_dir>/<run>/<stage>-<agent>-<attempt>.out, the folder made and an old
 * file removed, so that a file that is there was made by this call. */
static bool make_output_file(struct call *c, struct err *err)
{
	const struct job *job = c->job;
	if (!c->room->output_dir)
		return err_set(err, ERR_CONFIG,
			       "no folder for output files is set");
	int run_bytes = (int)strcspn(job->key, "/");
	bool plain_name = run_bytes > 0 && job->key[0] != '.';
	char *folder = xasprintf("%s/%.*s", c->room->output_dir,
				 plain_name ? run_bytes : 3,
				 plain_name ? job->key : "run");
	bool made = file_make_dirs(folder, err);
	c->output_file = xasprintf("%s/%s-%s-%d.out", folder,
				   c->room->show->stages[job->stage].id,
				   c->agent->id, job->attempt);
	free(folder);
	if (made && unlink(c->output_file) != 0 && errno != ENOENT)
		return err_set(err, ERR_CONFIG, "%s: %s", c->output_file,
			       strerror(errno));
	return made;
}

/* --- what it says ------------------------------------------------------- */

static void show_line(struct call *c, const char *text, size_t bytes)
{
	struct input *in = input_new(INPUT_PROGRESS);
	in->stage = xstrdup(c->room->show->stages[c->job->stage].id);
	in->agent = xstrdup(c->agent->id);
	in->attempt = c->job->attempt;
	in->text = text_clean(text, bytes, LINE_SHOWN_BYTES);
	c->room->progress(c->room->ctx, &in);
}

static void show_left_out(struct call *c)
{
	char text[64];
	if (c->left_out == 0)
		return;
	int n = snprintf(text, sizeof text, "(%d more lines)", c->left_out);
	c->left_out = 0;
	show_line(c, text, (size_t)n);
}

static void take_line(void *ctx, const char *line, size_t bytes)
{
	struct call *c = ctx;
	int64_t now = clock_mono_ms();
	if (now - c->second_ms >= 1000) {
		show_left_out(c);
		c->second_ms = now;
		c->shown = 0;
	}
	if (c->shown >= LINES_PER_SECOND) {
		c->left_out++;
		return;
	}
	c->shown++;
	show_line(c, line, bytes);
}

/* --- what came of it ---------------------------------------------------- */

/* As the show file has it: where that lies is known there, and a long path
 * leaves no room for what went wrong. */
static const char *who(const struct call *c)
{
	return c->agent->argv.count ? c->agent->argv.items[0] : "";
}

static struct input *not_started(const struct call *c, int error)
{
	const char *name = who(c);
	const char *path = c->argv[0] ? c->argv[0] : "";
	if (access(c->folder, X_OK) != 0)
		return job_error("not_started", false,
				 "the show's folder %s cannot be entered: %s",
				 c->folder, strerror(errno));
	if (error == ENOENT && strchr(path, '/') && access(path, F_OK) == 0)
		return job_error(
			"not_found", false,
			"%s: the interpreter that its first line names "
			"is missing; install it",
			name);
	if (error == ENOENT || error == ENOTDIR)
		return job_error("not_found", false,
				 "%s: no such program; install it or correct "
				 "argv in the show file",
				 name);
	if (error == EACCES || error == ENOEXEC)
		return job_error("not_executable", false,
				 "%s: not a program that may be run; chmod +x "
				 "it and begin a script with #!",
				 name);
	return job_error("not_started", false, "%s: %s", name, strerror(error));
}

static bool has_output(const struct buf *output)
{
	return output->len > 0 && strspn(output->data, " \t\r\n") < output->len;
}

/* The program went as it should. */
static struct input *read_output(struct call *c, struct program_result *r)
{
	const char *text = buf_str(&r->output);
	struct stat st;
	if (!c->output_file) {
		if (!has_output(&r->output))
			return job_error("garbage", true,
					 "%s: it printed no answer%s%s", who(c),
					 r->last_line ? ": " : "",
					 r->last_line ? r->last_line : "");
		return job_read_answer(c->room, c->job, who(c), text,
				       r->output.len);
	}
	/* A plain program may still speak JSON on stdout; chatter is not. */
	if (has_output(&r->output) &&
	    json_check(text, r->output.len, &json_limits_answer, NULL)) {
		struct input *in = job_read_answer(c->room, c->job, who(c),
						   text, r->output.len);
		if (in->ok || strcmp(in->error_code, "garbage") != 0)
			return in;
		input_free(&in);
	}
	if (stat(c->output_file, &st) != 0 || !S_ISREG(st.st_mode))
		return job_error(
			"no_output", true,
			"%s: it ended well but wrote no output file%s%s",
			who(c), r->last_line ? ": " : "",
			r->last_line ? r->last_line : "");
	struct input *in = input_new(INPUT_ANSWER);
	in->ok = in->reached = true;
	in->result = json_object_new_object();
	json_add_str(in->result, "output_file", c->output_file);
	json_add_int(in->result, "output_bytes", (int64_t)st.st_size);
	in->confidence = -1;
	in->tokens_used = 0; /* it knows no tokens: it can burn none */
	return in;
}

/* A bad exit. What the program printed may still be an answer that says why,
 * and what it has spent counts in any case. */
static struct input *read_failure(struct call *c, struct program_result *r)
{
	struct input *said = NULL;
	if (!c->output_file && has_output(&r->output))
		said = job_read_answer(c->room, c->job, who(c),
				       buf_str(&r->output), r->output.len);
	if (said && !said->ok && strcmp(said->error_code, "garbage") != 0 &&
	    r->end == PROGRAM_EXITED)
		return said;
	const char *last = r->last_line;
	struct input *in =
		r->end == PROGRAM_KILLED
			? job_error("killed", true, "%s: killed by %s%s%s",
				    who(c),
				    sigabbrev_np(r->code)
					    ? sigabbrev_np(r->code)
					    : "a signal",
				    last ? ": " : "", last ? last : "")
			: job_error("exit_status", true,
				    "%s: exit status %d%s%s", who(c), r->code,
				    last ? ": " : "", last ? last : "");
	if (said) {
		in->tokens_used = said->tokens_used;
		in->cost_micros = said->cost_micros;
		input_free(&said);
	}
	return in;
}

static struct input *judge(struct call *c, struct program_result *r)
{
	const char *last = r->last_line;
	switch (r->end) {
	case PROGRAM_NOT_STARTED:
		return not_started(c, r->code);
	case PROGRAM_CANCELLED:
		return job_error("cancelled", true, "cancelled");
	case PROGRAM_TIMEOUT:
		return job_error("timeout", true,
				 "%s: not done after %lld ms, killed%s%s",
				 who(c), (long long)c->job->limit_ms,
				 last ? ": " : "", last ? last : "");
	case PROGRAM_TOO_LARGE:
		return job_error("too_large", true,
				 "%s: it printed more than %zu bytes", who(c),
				 c->room->max_answer_bytes);
	case PROGRAM_EXITED:
		if (r->code != 0)
			return read_failure(c, r);
		return read_output(c, r);
	case PROGRAM_KILLED:
		return read_failure(c, r);
	case PROGRAM_LINGERED:
		return read_output(c, r);
	}
	REQUIRE(!"an end of a program without a verdict");
	return NULL;
}

static struct input *run(struct call *c)
{
	const struct job *job = c->job;
	const char *input = c->input ? c->input : job->request;
	struct program program = {
		.argv = c->argv,
		.env = c->env,
		.folder = c->folder,
		.input = input,
		.input_bytes = strlen(input),
		.speaks_json = !c->output_file,
		.max_bytes = c->room->max_answer_bytes,
		.deadline_ms = job->deadline_ms,
		.stop = &c->room->stop,
		.line = take_line,
		.ctx = c,
	};
	struct program_result result;
	program_run(&program, &result);
	show_left_out(c);
	struct input *in = judge(c, &result);
	program_result_release(&result);
	return in;
}

struct input *job_call_exec(const struct job_room *room, const struct job *job)
{
	struct call c = {
		.room = room,
		.job = job,
		.agent = &room->show->agents[job->agent],
		.folder = place_folder(room->show),
		.second_ms = clock_mono_ms(),
	};
	struct err err = {0};
	struct input *in;
	if (c.agent->argv.count == 0) {
		in = job_error("not_found", false, "the agent has no argv");
	} else if (is_plain(c.agent) && !make_output_file(&c, &err)) {
		in = job_error("not_started", false,
			       "no place for its output file: %s", err.text);
	} else {
		if (c.output_file)
			c.input = plain_input(job->request);
		make_argv(&c);
		make_env(&c);
		in = run(&c);
	}
	place_free(c.argv);
	place_free(c.env);
	free(c.output_file);
	free(c.input);
	free(c.folder);
	return in;
}
