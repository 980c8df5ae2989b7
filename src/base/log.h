/*
 * log: the program's own log, JSON lines on stderr or in a file (never the
 * show's log of facts, which is in Redis). Control characters are escaped;
 * values of registered secrets are blanked. Any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Appends to `path` (created 0600); NULL means stderr. Before any thread. */
bool log_open(const char *path, enum log_level level, struct err *err);
void log_close(void);

/* From now on this value is written as "***". Copied. Values of less than 4
 * bytes are left alone: blanking them would blank the log. NULL is nothing. */
void log_secret(const char *value);

/* `room` is a literal such as "store". */
void log_write(enum log_level level, const char *room, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(room, ...) log_write(LOG_ERROR, (room), __VA_ARGS__)
#define log_warn(room, ...) log_write(LOG_WARN, (room), __VA_ARGS__)
#define log_info(room, ...) log_write(LOG_INFO, (room), __VA_ARGS__)
#define log_debug(room, ...) log_write(LOG_DEBUG, (room), __VA_ARGS__)

#endif
