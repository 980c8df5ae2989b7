/*
 * file: reading and writing whole files, and the folders that a show keeps.
 * Regular files only, capped, no surprises with links or devices. Any thread.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The whole of a regular file, NUL-ended; `*bytes` may be NULL. NULL and an
 * err (ERR_DATA: missing, a folder, a device, unreadable, too large) on
 * failure. Caller frees. */
char *file_read(const char *path, size_t max_bytes, size_t *bytes,
		struct err *err);

/* Writes through a temporary file, fsync and rename, so that a crash leaves
 * the old content or the new. `mode` as in chmod(2). */
bool file_write(const char *path, const void *data, size_t bytes,
		unsigned mode, struct err *err);

/* mkdir -p, each new folder 0700. ERR_CONFIG on failure. */
bool file_make_dirs(const char *path, struct err *err);

/* `path` itself if absolute, else taken from the folder that holds `base_file`.
 * Caller frees. */
char *file_beside(const char *base_file, const char *path);

/* The program that `word` means: with a slash as file_beside() has it, else out of
 * $PATH. NULL: there is none that may be run. Caller frees. */
char *file_program(const char *base_file, const char *word);

/* The folder in which a show keeps its private Redis, token, log and address:
 * $SHOWCALLER_STATE/<show>, else $XDG_STATE_HOME/showcaller/<show>, else
 * ~/.local/state/showcaller/<show>. Not created. A `show` with slashes still
 * names one folder. Caller frees. */
char *file_state_dir(const char *show);
/* Makes it, and says which setting names another one where it cannot. */
bool file_make_state_dir(const char *dir, struct err *err);

/* A secret of one line from the environment variable `env_name`, else from the
 * file `path` (must be a regular file of ours with mode 0600 or 0400); either
 * may be NULL. Registered with log_secret. NULL with err if neither is there.
 * Caller frees. */
char *file_secret(const char *env_name, const char *path, struct err *err);

#endif
