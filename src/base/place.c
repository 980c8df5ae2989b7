/* Where a show keeps its things, and where secrets come from: the part of
 * file.h that asks the environment. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define SECRET_MAX_BYTES 4096

static const char *home_dir(void)
{
	const char *home = getenv("HOME");
	if (home && *home == '/')
		return home;
	const struct passwd *user = getpwuid(geteuid());
	return user && user->pw_dir ? user->pw_dir : "/";
}

char *file_state_dir(const char *show)
{
	const char *own = getenv("SHOWCALLER_STATE");
	const char *xdg = getenv("XDG_STATE_HOME");
	char *dir;
	if (own && *own)
		dir = xasprintf("%s/%s", own, show);
	else if (xdg && *xdg == '/') /* relative ones are to be ignored */
		dir = xasprintf("%s/showcaller/%s", xdg, show);
	else
		dir = xasprintf("%s/.local/state/showcaller/%s", home_dir(),
				show);
	/* A show's name may come from the command line: it stays one folder. */
	char *name = dir + strlen(dir) - strlen(show);
	for (char *p = name; *p; p++)
		if (*p == '/' || (*p == '.' && p == name))
			*p = '_';
	return dir;
}

bool file_make_state_dir(const char *dir, struct err *err)
{
	struct err why = {0};
	if (file_make_dirs(dir, &why))
		return true;
	return err_set(
		err, why.code,
		"%s; set SHOWCALLER_STATE to a folder that you can write",
		why.text);
}

/* Takes the line end off and refuses what cannot be a secret. */
static bool check_secret(char *value, const char *source, struct err *err)
{
	size_t len = strlen(value);
	while (len && (value[len - 1] == '\n' || value[len - 1] == '\r'))
		value[--len] = '\0';
	if (!len)
		return err_set(err, ERR_CONFIG, "secret in %s: is empty",
			       source);
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(err, ERR_CONFIG,
				       "secret in %s: has more than one line "
				       "or a control character",
				       source);
	return true;
}

static char *read_secret(const char *path, struct err *err)
{
	char *value = NULL;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
				    O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0) {
		err_set(err, ERR_CONFIG, "secret file %s: %s", path,
			errno == ELOOP ? "is a link; name the file itself"
				       : strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, ERR_CONFIG, "secret file %s: is not a file", path);
		goto out;
	}
	if (st.st_uid != geteuid()) {
		err_set(err, ERR_CONFIG,
			"secret file %s: belongs to someone else; it must "
			"belong to the user that runs showcaller",
			path);
		goto out;
	}
	mode_t mode = st.st_mode & 07777;
	if (mode != 0600 && mode != 0400) {
		err_set(err, ERR_CONFIG,
			"secret file %s: others may read it; run: chmod 600 "
			"%s",
			path, path);
		goto out;
	}
	value = xcalloc(1, SECRET_MAX_BYTES + 1);
	ssize_t n = read(fd, value, SECRET_MAX_BYTES + 1);
	if (n < 0 || n > SECRET_MAX_BYTES ||
	    memchr(value, '\0', (size_t)n) != NULL) {
		err_set(err, ERR_CONFIG,
			"secret file %s: cannot be read as one line of text",
			path);
		explicit_bzero(value, SECRET_MAX_BYTES + 1);
		free(value);
		value = NULL;
	}
out:
	if (fd >= 0)
		close(fd);
	return value;
}

char *file_secret(const char *env_name, const char *path, struct err *err)
{
	char *value = NULL;
	const char *from_env = env_name ? getenv(env_name) : NULL;
	const char *source = path;
	if (from_env && *from_env) {
		value = xstrdup(from_env);
		source = env_name;
	} else if (path) {
		value = read_secret(path, err);
	} else {
		err_set(err, ERR_CONFIG,
			"secret: the environment variable %s is not set; "
			"export it before the start",
			env_name ? env_name : "(none named)");
	}
	if (value && !check_secret(value, source, err)) {
		explicit_bzero(value, strlen(value));
		free(value);
		value = NULL;
	}
	log_secret(value);
	return value;
}
