#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#define TEXT_MAX_BYTES	 8192
#define SECRET_MIN_BYTES 4

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = STDERR_FILENO;
static enum log_level log_level = LOG_INFO;
static char **secrets;
static size_t secret_count, secret_cap;

bool log_open(const char *path, enum log_level level, struct err *err)
{
	int fd = STDERR_FILENO;
	if (path) {
		fd = open(path,
			  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
				  O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
			  0600);
		if (fd < 0)
			return err_set(err, ERR_CONFIG,
				       "log file %s: %s; choose a file in a "
				       "folder that can be written",
				       path, strerror(errno));
	}
	log_close();
	log_fd = fd;
	log_level = level;
	return true;
}

void log_close(void)
{
	if (log_fd != STDERR_FILENO)
		close(log_fd);
	log_fd = STDERR_FILENO;
}

void log_secret(const char *value)
{
	if (!value || strlen(value) < SECRET_MIN_BYTES)
		return; /* blanking "a" would blank the log */
	pthread_mutex_lock(&log_lock);
	for (size_t i = 0; i < secret_count; i++) {
		if (strcmp(secrets[i], value) == 0) {
			pthread_mutex_unlock(&log_lock);
			return;
		}
	}
	GROW(secrets, secret_count, secret_cap);
	secrets[secret_count++] = xstrdup(value);
	pthread_mutex_unlock(&log_lock);
}

/* The longest secret that starts at `s`, in bytes: of two that share their
 * start, blanking the shorter would leave the rest of the longer. */
static size_t secret_at(const char *s)
{
	size_t longest = 0;
	for (size_t i = 0; i < secret_count; i++) {
		size_t len = strlen(secrets[i]);
		if (len > longest && strncmp(s, secrets[i], len) == 0)
			longest = len;
	}
	return longest;
}

static char *blank_secrets(const char *text)
{
	struct buf out = {0};
	while (*text) {
		size_t len = secret_at(text);
		if (len)
			buf_adds(&out, "***");
		else
			buf_addc(&out, *text);
		text += len ? len : 1;
	}
	return buf_take(&out);
}

/* `s` is clean but for LF. */
static void add_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\n') {
			buf_adds(out, "\\n");
			continue;
		}
		if (*s == '"' || *s == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *s);
	}
}

static void write_all(int fd, const char *s, size_t bytes)
{
	while (bytes) {
		ssize_t n = write(fd, s, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* a full disk must not stop the show */
		s += n;
		bytes -= (size_t)n;
	}
}

void log_write(enum log_level level, const char *room, const char *fmt, ...)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	if (level > log_level)
		return;
	int saved_errno = errno;
	va_list ap;
	va_start(ap, fmt);
	char *raw = xvasprintf(fmt, ap);
	va_end(ap);
	char at[32];
	clock_rfc3339(at, sizeof at, clock_show_ms());

	pthread_mutex_lock(&log_lock);
	char *blanked = blank_secrets(raw);
	char *text = text_clean_lines(blanked, strlen(blanked), TEXT_MAX_BYTES);
	struct buf line = {0};
	buf_addf(&line, "{\"at\":\"%s\",\"level\":\"%s\",\"room\":\"%s\",", at,
		 names[level], room);
	buf_adds(&line, "\"text\":\"");
	add_escaped(&line, text);
	buf_adds(&line, "\"}\n");
	write_all(log_fd, line.data, line.len); /* one write, one line */
	pthread_mutex_unlock(&log_lock);

	buf_release(&line);
	free(text);
	free(blanked);
	free(raw);
	errno = saved_errno;
}
