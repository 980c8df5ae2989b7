/* Kind exec: a program, without a shell. */
#include "jobs/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "jobs/place.h"
#include "jobs/probe_program.h"

static char **make_argv(const struct probe *p)
{
	json_object *words = json_get_array(p->payload, "argv");
	size_t n = words ? json_object_array_length(words) : 0;
	char **argv = xcalloc(n + 1, sizeof *argv);
	for (size_t i = 0; i < n; i++)
		argv[i] = xstrdup(json_item_str(words, i));
	if (n)
		place_program(p->show, argv);
	return argv;
}

static const char *input_of(const struct probe *p)
{
	json_object *o = json_get(p->payload, "stdin");
	if (!o)
		return "";
	return json_object_is_type(o, json_type_string)
		       ? json_object_get_string(o)
		       : json_text(o);
}

static bool not_started(struct probe *p, const char *who, int error)
{
	if (error == ENOENT || error == ENOTDIR)
		return probe_fail(p,
				  "%s: no such program; install it or "
				  "correct argv",
				  who);
	return probe_fail(p, "%s: %s", who, strerror(error));
}

static bool judge(struct probe *p, const char *who,
		  const struct program_result *r)
{
	const char *last = r->last_line;
	switch (r->end) {
	case PROGRAM_NOT_STARTED:
		return not_started(p, who, r->code);
	case PROGRAM_CANCELLED:
		return probe_fail(p, "cancelled");
	case PROGRAM_TIMEOUT:
		return probe_fail(p, "%s: not done in time, killed%s%s", who,
				  last ? ": " : "", last ? last : "");
	case PROGRAM_TOO_LARGE:
		return probe_fail(p, "%s: it printed more than %d bytes", who,
				  PROBE_BODY_BYTES);
	case PROGRAM_KILLED:
		return probe_fail(p, "%s: killed by %s%s%s", who,
				  sigabbrev_np(r->code) ? sigabbrev_np(r->code)
							: "a signal",
				  last ? ": " : "", last ? last : "");
	case PROGRAM_EXITED:
	case PROGRAM_LINGERED:
		break;
	}
	p->measured.exit_status = r->code;
	probe_fine(p, "exit status %d in %lld ms", r->code,
		   (long long)p->total_ms);
	return true;
}

bool probe_program(struct probe *p, bool is_text)
{
	char **argv = make_argv(p);
	char **env = xcalloc(PLACE_ENV + 1, sizeof *env);
	char *folder = place_folder(p->show);
	const char *input = input_of(p);
	struct program program = {
		.argv = argv,
		.env = env,
		.folder = folder,
		.input = input,
		.input_bytes = strlen(input),
		.max_bytes = PROBE_BODY_BYTES,
		.deadline_ms = p->deadline_ms,
		.stop = p->stop,
	};
	struct program_result r = {0};
	place_env(env);
	json_object *request = json_object_new_object();
	json_object *answer = json_object_new_object();
	probe_keep_tree(p, request, "argv", json_get(p->payload, "argv"));
	probe_keep_text(p, request, "stdin", input, strlen(input));
	probe_keep(p, "request", &request);
	int64_t began_us = clock_mono_us();
	bool fine = false;
	if (argv[0]) {
		program_run(&program, &r);
		probe_took(p, began_us);
		fine = judge(p, argv[0], &r);
	} else {
		probe_fail(p, "the payload has no argv");
	}
	if (fine)
		json_add_int(answer, "exit_status", r.code);
	json_add_str(answer, "stderr", r.last_line);
	json_add_int(answer, "bytes", (int64_t)r.output.len);
	if (is_text)
		probe_keep_text(p, answer, "stdout", buf_str(&r.output),
				r.output.len);
	probe_keep(p, "answer", &answer);
	p->body = r.output;
	r.output = (struct buf){0};
	program_result_release(&r);
	place_free(argv);
	place_free(env);
	free(folder);
	return fine;
}

bool probe_exec(struct probe *p)
{
	bool fine = probe_program(p, true);
	p->measured.body = buf_str(&p->body);
	p->measured.body_bytes = p->body.len;
	p->json = json_read(buf_str(&p->body), p->body.len, &json_limits_answer,
			    NULL);
	p->measured.json = p->json;
	return fine;
}
