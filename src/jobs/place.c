#include "jobs/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

char *place_folder(const struct show *show)
{
	const char *slash = show->path ? strrchr(show->path, '/') : NULL;
	if (!slash)
		return xstrdup(".");
	return slash == show->path
		       ? xstrdup("/")
		       : xstrndup(show->path, (size_t)(slash - show->path));
}

/* The child starts in the show's folder, but its program is looked up before:
 * both must mean the same file. */
void place_program(const struct show *show, char **argv)
{
	if (!argv[0] || argv[0][0] == '/' || !strchr(argv[0], '/') ||
	    !show->path)
		return;
	char *path = file_beside(show->path, argv[0]);
	char *whole = realpath(path, NULL);
	free(argv[0]);
	argv[0] = whole ? whole : xstrdup(path);
	free(path);
}

size_t place_env(char **env)
{
	static const char *const kept[PLACE_ENV] = {"PATH", "HOME", "LANG",
						    "TMPDIR"};
	size_t n = 0;
	for (size_t i = 0; i < PLACE_ENV; i++)
		if (getenv(kept[i]))
			env[n++] = xasprintf("%s=%s", kept[i], getenv(kept[i]));
	return n;
}

void place_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}
