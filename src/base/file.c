#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static const char *kind_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a folder";
	case S_IFIFO:
		return "a pipe";
	case S_IFSOCK:
		return "a socket";
	default:
		return "a device";
	}
}

/* The rest of `fd`; grows with what is really there, not with what fstat
 * says, because the file may change under us. */
static bool read_all(int fd, size_t max_bytes, struct buf *out)
{
	char chunk[16 * 1024];
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			return true;
		if ((size_t)n > max_bytes - out->len) {
			errno = EFBIG;
			return false;
		}
		buf_add(out, chunk, (size_t)n);
	}
}

char *file_read(const char *path, size_t max_bytes, size_t *bytes,
		struct err *err)
{
	struct buf out = {0};
	struct stat st;
	/* Non-blocking, so that opening a pipe does not wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0) {
		err_set(err, ERR_DATA, "%s: cannot be read: %s", path,
			strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, ERR_DATA, "%s: is %s, not a file", path,
			kind_name(st.st_mode));
		goto out;
	}
	buf_add(&out, "", 0);
	bool small = st.st_size <= 0 || (size_t)st.st_size <= max_bytes;
	if (!small)
		errno = EFBIG;
	if (!small || !read_all(fd, max_bytes, &out)) {
		if (errno == EFBIG)
			err_set(err, ERR_DATA,
				"%s: is larger than the limit of %zu bytes",
				path, max_bytes);
		else
			err_set(err, ERR_DATA, "%s: cannot be read: %s", path,
				strerror(errno));
		buf_release(&out);
		goto out;
	}
	close(fd);
	if (bytes)
		*bytes = out.len;
	return buf_take(&out);
out:
	if (fd >= 0)
		close(fd);
	return NULL;
}

static bool write_all(int fd, const char *data, size_t bytes)
{
	while (bytes) {
		ssize_t n = write(fd, data, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		bytes -= (size_t)n;
	}
	return true;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/")
			     : xstrndup(path, (size_t)(slash - path));
}

/* After a rename: the folder's own entry has to reach the disk as well. */
static void sync_folder(const char *path)
{
	char *folder = folder_of(path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd); /* some file systems know no such thing */
		close(fd);
	}
	free(folder);
}

bool file_write(const char *path, const void *data, size_t bytes, unsigned mode,
		struct err *err)
{
	char *temp = xasprintf("%s.XXXXXX", path);
	int fd = mkostemp(temp, O_CLOEXEC);
	bool made = fd >= 0;
	bool ok = made && fchmod(fd, mode) == 0 && write_all(fd, data, bytes) &&
		  fsync(fd) == 0;
	int reason = errno;
	if (made && close(fd) != 0 && ok) {
		ok = false;
		reason = errno;
	}
	if (ok && rename(temp, path) != 0) {
		ok = false;
		reason = errno;
	}
	if (ok)
		sync_folder(path);
	else if (made)
		unlink(temp);
	free(temp);
	if (!ok)
		return err_set(err, ERR_CONFIG, "%s: cannot be written: %s",
			       path, strerror(reason));
	return true;
}

bool file_make_dirs(const char *path, struct err *err)
{
	char *part = xstrdup(path);
	bool ok = true;
	for (char *p = part + (*part == '/'); ok; p++) {
		if (*p && *p != '/')
			continue;
		char stop = *p;
		*p = '\0';
		struct stat st;
		if (*part && mkdir(part, 0700) != 0 &&
		    (errno != EEXIST || stat(part, &st) != 0 ||
		     !S_ISDIR(st.st_mode))) {
			const char *why = errno == EEXIST
						  ? "a file is in the way"
						  : strerror(errno);
			ok = err_set(err, ERR_CONFIG,
				     "%s: the folder cannot be made: %s", part,
				     why);
		}
		*p = stop;
		if (!stop)
			break;
	}
	free(part);
	return ok;
}

char *file_beside(const char *base_file, const char *path)
{
	const char *slash = strrchr(base_file, '/');
	if (*path == '/' || !slash)
		return xstrdup(path);
	return xasprintf("%.*s%s", (int)(slash - base_file + 1), base_file,
			 path);
}

static bool may_be_run(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

static char *find_in_path(const char *word)
{
	static const char usual[] = "/usr/bin:/usr/sbin:/usr/local/bin";
	const char *env = getenv("PATH");
	char *dirs = xstrdup(env && *env ? env : usual);
	char *found = NULL, *rest = NULL;
	for (char *d = strtok_r(dirs, ":", &rest); d && !found;
	     d = strtok_r(NULL, ":", &rest)) {
		char *path = xasprintf("%s/%s", d, word);
		if (path[0] == '/' && may_be_run(path))
			found = path;
		else
			free(path);
	}
	free(dirs);
	return found;
}

char *file_program(const char *base_file, const char *word)
{
	if (!strchr(word, '/'))
		return find_in_path(word);
	char *path = file_beside(base_file, word);
	if (may_be_run(path))
		return path;
	free(path);
	return NULL;
}
