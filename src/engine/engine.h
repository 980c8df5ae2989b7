/*
 * engine: the conductor of a live core: mailbox -> core -> commit -> effects.
 *
 * One tick: GATHER all inputs that are ready; DECIDE each; REMEMBER their
 * events in the store; ACT on effects only when their events are acknowledged;
 * SHOW is free, readers follow the stream. The thread that calls engine_run()
 * is the engine thread.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "show/show.h"

struct engine_settings {
	const struct show *show;
	const char *redis_url; /* NULL: a private redis-server */
	const char *fsync;     /* its appendfsync; NULL with redis_url */
	bool rehearsal;
	double speed; /* of the show clock in a rehearsal, 1 = real;
			 0: as fast as it goes is not offered */
	bool exit_when_done;
	bool attended;	  /* a human may answer; false with
			     exit_when_done and no console */
	int pool_threads; /* 0: the default */
	int ready_fd;	  /* gets "ready\n" when the show runs, "standby\n"
			     when another core leads, or
			     "error CODE TEXT\n"; -1: nobody waits */
	bool stand_by;	  /* with a Redis that is shared: while another core
			     leads, wait and take over; else that is
			     ERR_AGAIN */
	const char *operator_addr, *audience_addr; /* NULL: the show's */
	bool no_http;	 /* listeners off (benchmarks) */
	bool new_run;	 /* begin a new run even if one is unfinished */
	bool unasked;	 /* perhaps a supervisor starts it, not a human: a run
			    that is over stays so, unless the show was stopped
			    since */
	int64_t *run_us; /* benchmarks: gets how long the run took, from
			    its decision to its acknowledged end */
};

/* Runs until the show is stopped. Returns the exit status of the program;
 * on a failure to start also fills err. */
int engine_run(const struct engine_settings *settings, struct err *err);

#endif
