/* temp: a folder of its own for a test, below $TMPDIR (or /tmp). */
#ifndef TESTS_TEMP_H
#define TESTS_TEMP_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

/* Caller passes it to temp_remove. */
static inline char *temp_new(void)
{
	const char *parent = getenv("TMPDIR");
	char *path = xasprintf("%s/showcaller-test-XXXXXX",
			       parent && *parent ? parent : "/tmp");
	REQUIRE(mkdtemp(path) != NULL);
	return path;
}

static inline int temp_remove_one(const char *path, const struct stat *st,
				  int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static inline void temp_remove(char **path)
{
	nftw(*path, temp_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(*path);
	*path = NULL;
}

#endif
