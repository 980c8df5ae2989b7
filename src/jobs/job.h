/*
 * job: what a thread of the pool has in hand, and the rows that run it. Private
 * to jobs/. A job belongs to the queue, then to the thread that took it; only
 * the pool's lock lets another thread mark it cancelled.
 */
#ifndef JOBS_JOB_H
#define JOBS_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "core/input.h"
#include "jobs/check.h"
#include "jobs/http.h"
#include "jobs/stop.h"
#include "show/show.h"

struct job {
	struct job *next;
	int check; /* index, or -1 */
	int alert; /* index, or -1; neither: a call */
	int stage, agent, attempt;
	char *key, *lease, *request;
	int64_t lease_tokens, limit_ms;
	int64_t deadline_ms; /* clock_mono_ms(), when it was begun */
	/* Under the pool's lock. */
	int64_t left_ms; /* while its time stands still; 0: it does not */
	bool cancelled;
};

/* What a running job may use; the thread's own. */
struct job_room {
	const struct show *show;
	struct http_client *http;
	struct stop stop;
	size_t max_answer_bytes;
	const char *output_dir; /* absolute, or NULL */
	/* Moves an input to the engine if there is room; frees it if not. */
	void (*progress)(void *ctx, struct input **input);
	/* Puts a call for a check on the bus, and waits for its answer; NULL:
	 * there is no core. */
	struct input *(*ask_bus)(void *ctx, const char *agent, const char *key,
				 const char *request, int64_t deadline_ms);
	void *ctx;
};

/* Each gives the INPUT_ANSWER of the call, all of it filled in but stage,
 * agent, attempt and lease. Never NULL. */
struct input *job_call_http(const struct job_room *room, const struct job *job);
struct input *job_call_llm(const struct job_room *room, const struct job *job);
struct input *job_call_exec(const struct job_room *room, const struct job *job);
struct input *job_call_mcp(const struct job_room *room, const struct job *job);

/* Reads an agent's answer: strict JSON, the agent's form, and the id of the
 * call it answers. `who` begins the sentence of a failure. A garbage answer is
 * an error input with the code "garbage". */
struct input *job_read_answer(const struct job_room *room,
			      const struct job *job, const char *who,
			      const char *text, size_t bytes);

/* Sends the request, which is the lines of an alert, one after the other. The
 * INPUT_ALERTED. */
struct input *job_send_alert(const struct job_room *room,
			     const struct job *job);

/* An error input whose text is printed. */
struct input *job_error(const char *code, bool reached, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What goes into the event of a result: JSON texts, callers free; NULL when
 * there is nothing to tell. */
char *check_phases(const struct check_result *result);
char *check_failed(const struct check_result *result);

/* check_run() with a client and a stop of the caller's; `room`: of the pool
 * that runs it, or NULL. */
void check_run_with(struct http_client *client, const struct show *show,
		    int check, const struct job_room *room,
		    const struct stop *stop, struct check_result *out);

#endif
