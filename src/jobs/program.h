/*
 * program: runs a program without a shell, in a process group of its own, and
 * collects what it says. Blocking; any thread, whose signals (SIGPIPE too) are
 * blocked.
 *
 * The child gets descriptors 0, 1 and 2 and no other, default signals, and the
 * environment that is given. When it is over (exit, deadline, stop, too much
 * output, or an answer that is complete while the program lingers for a
 * second), the whole group gets SIGTERM, and 500 ms later SIGKILL; nothing of
 * the group survives program_run(). Who leaves the group (setsid) is not
 * followed.
 */
#ifndef JOBS_PROGRAM_H
#define JOBS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "jobs/stop.h"

enum program_end {
	PROGRAM_EXITED,	  /* code is its status */
	PROGRAM_KILLED,	  /* code is the signal; not by us */
	PROGRAM_LINGERED, /* its answer was complete, it did not go: killed */
	PROGRAM_TIMEOUT,
	PROGRAM_CANCELLED,
	PROGRAM_TOO_LARGE,
	PROGRAM_NOT_STARTED, /* code is an errno */
};

struct program {
	char *const *argv;  /* argv[0]: a path, or a name in PATH */
	char *const *env;   /* all of it */
	const char *folder; /* working directory */
	const char *input;  /* stdin */
	size_t input_bytes;
	bool speaks_json;    /* one JSON object on stdout is the answer */
	size_t max_bytes;    /* of stdout */
	int64_t deadline_ms; /* clock_mono_ms() */
	const struct stop *stop;
	/* Each line of stderr, not cleaned, at most PROGRAM_LINE_BYTES. */
	void (*line)(void *ctx, const char *line, size_t bytes);
	void *ctx;
};

#define PROGRAM_LINE_BYTES 4096
#define PROGRAM_TERM_MS	   500
#define PROGRAM_LINGER_MS  1000

struct program_result {
	enum program_end end;
	int code;
	struct buf output; /* stdout, up to the cap */
	char *last_line;   /* of stderr, cleaned; NULL: none */
};

void program_run(const struct program *program, struct program_result *out);
void program_result_release(struct program_result *result);

#endif
