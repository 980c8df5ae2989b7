#include "engine/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static char *path_in(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

int engine_lock_pid(const char *state_dir)
{
	char *path = path_in(state_dir, "core.pid");
	char *text = file_read(path, 32, NULL, NULL);
	int pid = text ? atoi(text) : 0;
	free(text);
	free(path);
	return pid > 0 ? pid : 0;
}

int engine_lock_take(const char *state_dir, const char *show, struct err *err)
{
	char *path = path_in(state_dir, "core.lock");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		err_set(err, ERR_CONFIG,
			"%s: %s; set SHOWCALLER_STATE to a folder that you may "
			"write",
			path, strerror(errno));
		free(path);
		return -1;
	}
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		err_set(err, ERR_AGAIN,
			"%s: it already runs here (pid %d); go to it with: "
			"showcaller attach %s",
			show, engine_lock_pid(state_dir), show);
		close(fd);
		fd = -1;
	}
	free(path);
	return fd;
}

bool engine_lock_held(const char *state_dir, int *pid)
{
	char *path = path_in(state_dir, "core.lock");
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	free(path);
	if (pid)
		*pid = 0;
	if (fd < 0)
		return false;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	bool held =
		fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	if (held && pid)
		*pid = engine_lock_pid(state_dir);
	return held;
}
