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

/* A socket that has the place, as servers ask for it; -1: it is taken. */
static inline int temp_bind(struct sockaddr_in *name)
{
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) &&
	    !bind(fd, (struct sockaddr *)name, sizeof *name))
		return fd;
	close(fd);
	return -1;
}

/* A port of 127.0.0.1 for servers that cannot be asked which one they took. As
 * long as this program lives nobody else is given it who asks for any port, and
 * nobody listens there but who names it. */
static inline int temp_port(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t bytes = sizeof name;
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int kept = temp_bind(&name);
	REQUIRE(kept >= 0 &&
		getsockname(kept, (struct sockaddr *)&name, &bytes) == 0);
	/* Where a machine does not let a server have it then, it is let go. */
	int server = temp_bind(&name);
	if (server < 0 || listen(server, 1) != 0)
		close(kept);
	if (server >= 0)
		close(server);
	return ntohs(name.sin_port);
}

#endif
