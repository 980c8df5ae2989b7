/*
 * pool: the thread pool that calls agents and runs checks. Each thread owns the
 * job in hand and its curl handle. A job is moved in; its outcome is moved into
 * the engine's mailbox as an input (INPUT_ANSWER, INPUT_CHECK, INPUT_PROGRESS).
 *
 * A job's limits are its own: deadline, size of the answer (1 MiB), and it can
 * be cancelled by its key at any time, queued or running: then nothing is
 * posted. Programs run with an argv, no shell, in their own process group, with
 * the show's folder as working directory.
 */
#ifndef JOBS_POOL_H
#define JOBS_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mailbox.h"
#include "core/input.h"
#include "show/show.h"

#define POOL_THREADS_DEFAULT 128

struct pool_settings {
	int threads;		 /* 1..256; 0: the default */
	size_t max_answer_bytes; /* 0: 1 MiB */
	/* {{output_file}} of exec agents goes here, made when it is needed:
	 * <dir>/<run>/<stage>-<agent>-<attempt>.out */
	const char *output_dir;
};

struct pool;

/* From here on neither this process nor a program of its leaves a core file,
 * and only root may look into it: both hold secrets. `engine` must be freed
 * after the pool; it gets INPUT_... values and so is a mailbox_new(n,
 * input_drop). NULL with err (ERR_USAGE, ERR_UNAVAILABLE) when the threads
 * cannot be had. */
struct pool *pool_new(const struct show *show,
		      const struct pool_settings *settings,
		      struct mailbox *engine, struct err *err);
/* Cancels everything, joins the threads. */
void pool_free(struct pool **pool);

/* Calls an agent (via http, llm, mcp or exec). `key` is the idempotency key
 * <run>/<stage>/<attempt>, together with the agent it names the job; `lease`
 * may be NULL. `request` is the body of contract 3.4 as JSON text. All copied.
 * False when the queue (4096) is full. */
bool pool_call(struct pool *pool, int stage, int agent, int attempt,
	       const char *key, const char *lease, int64_t lease_tokens,
	       int64_t limit_ms, const char *request);
void pool_cancel_call(struct pool *pool, const char *key, int agent);
/* Its time stands still, queued or running, or goes on with what was left of
 * it. Repeats change nothing. */
void pool_stand_call(struct pool *pool, const char *key, int agent,
		     bool stands);

/* Runs one test of the show. Posts INPUT_CHECK with running = true when it
 * begins and the result when it ends. A kind that this version cannot run is a
 * failed check that says so. */
bool pool_check(struct pool *pool, int check);

/* Tells people by one of the show's alerts; `lines` (copied) is clean text, a
 * line a fact. Posts INPUT_ALERTED when it was taken, or when three tries have
 * failed. False when the queue is full. */
bool pool_alert(struct pool *pool, int alert, const char *lines);

/* The answer to a call that a check has put on the bus (INPUT_CHECK_CALL:
 * agent, key, text = the request). Moves it to the thread that waits for it;
 * false when none does. */
bool pool_answer_check(struct pool *pool, struct input **input);

struct pool_figures {
	int threads, busy, queued;
	uint64_t done;
};
void pool_figures(struct pool *pool, struct pool_figures *out);

#endif
