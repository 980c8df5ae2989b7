/*
 * child: a process with three pipes, in a process group of its own, started
 * without a shell: descriptors 0, 1 and 2 and no other, default signals, and
 * the environment that is given. Private to jobs/; the thread's own, whose
 * signals (SIGPIPE too) are blocked.
 */
#ifndef JOBS_CHILD_H
#define JOBS_CHILD_H

#include <sys/types.h>

struct child {
	pid_t pid;
	int pidfd;
	int in, out, err; /* our ends, non-blocking; -1: closed */
};

/* 0, or an errno; then nothing runs, and the descriptors are to be closed by
 * child_end() all the same. */
int child_start(char *const *argv, char *const *env, const char *folder,
		struct child *out);

/* Closes its input and waits; who does not go within `patience_ms` gets
 * SIGTERM, and SIGKILL `term_ms` later, with all of its group. Its wait status,
 * or -1. */
int child_end(struct child *c, int patience_ms, int term_ms);

void child_close(int *fd);

#endif
