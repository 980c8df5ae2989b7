/* temp: a folder (below $TMPDIR or /tmp) and a port of its own for a test. */
#ifndef TESTS_TEMP_H
#define TESTS_TEMP_H

#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
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

/* A port of 127.0.0.1 that was free a moment ago: for servers that cannot be
 * asked which one they took. */
static inline int temp_port(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t bytes = sizeof name;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	REQUIRE(bind(fd, (struct sockaddr *)&name, bytes) == 0 &&
		getsockname(fd, (struct sockaddr *)&name, &bytes) == 0);
	close(fd);
	return ntohs(name.sin_port);
}

#endif
