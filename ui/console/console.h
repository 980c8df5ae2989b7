/*
 * console: the full-screen console on a running show. Owns the terminal from
 * call to return; always restores it, also in a crash. It reads the show from
 * Redis alone and its end is never the end of the show.
 */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include <stdbool.h>

#include "base/err.h"
#include "store/address.h"

enum console_end {
	CONSOLE_LEFT,    /* the operator left (q), or the terminal went away */
	CONSOLE_STOPPED, /* the operator stopped the show (Q yes) */
	CONSOLE_OVER,    /* exit_when_done, and the run ended done */
	CONSOLE_OVER_FAILED, /* the same, and it failed or was cancelled */
	CONSOLE_FAILED,  /* could not start; see err */
};

struct console_settings {
	const struct address *address;
	const char *show;        /* id */
	bool read_only;
	bool exit_when_done;
	const char *state_dir;   /* bound addresses (vote page) are read from
				    here; NULL: unknown */
	bool (*core_here)(
		const char *state_dir); /* whether one is alive on
					   this machine; NULL: unknown */
	bool alone; /* no core of another machine can lead the show */
};

enum console_end console_run(const struct console_settings *settings,
			     struct err *err);

#endif
