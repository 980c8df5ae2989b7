/*
 * place: where a show's programs run, and what they know of us: in the show's
 * folder, with a program that has a slash taken from there, and of our own
 * environment, which may hold keys, nothing but PATH, HOME, LANG and TMPDIR.
 * Private to jobs/; any thread.
 */
#ifndef JOBS_PLACE_H
#define JOBS_PLACE_H

#include <stddef.h>

#include "show/show.h"

/* Callers free. */
char *place_folder(const struct show *show);
/* Makes argv[0] a whole path if it has a slash. */
void place_program(const struct show *show, char **argv);

#define PLACE_ENV 4
/* Fills in up to PLACE_ENV settings; how many. */
size_t place_env(char **env);
/* A NULL-ended list, with its words. */
void place_free(char **list);

#endif
