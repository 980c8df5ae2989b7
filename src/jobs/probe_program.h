/* probe_program: a program as a probe runs it. Private to probe_*.c. */
#ifndef JOBS_PROBE_PROGRAM_H
#define JOBS_PROBE_PROGRAM_H

#include "jobs/probe.h"
#include "jobs/program.h"

/* Runs `argv` of the payload with its `stdin`; what it printed is p->body then.
 * `is_text`: it is shown, too. */
bool probe_program(struct probe *p, bool is_text);

#endif
