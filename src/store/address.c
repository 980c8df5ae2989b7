#include "store/address.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define DEFAULT_PORT	  6379
#define MAX_URL_BYTES	  1024
#define MAX_SOCKET_BYTES  107 /* sun_path of unix(7), without its NUL */
#define ENV_PASSWORD	  "SHOWCALLER_REDIS_PASSWORD"
#define ENV_PASSWORD_FILE "SHOWCALLER_REDIS_PASSWORD_FILE"

static bool refuse(struct err *err, const char *url, const char *why)
{
	char *clean = text_clean_str(url, 120);
	err_set(err, ERR_USAGE,
		"Redis address '%s': %s. Give redis://[user@]host[:port][/db] "
		"or unix:///path[?db=N]",
		clean, why);
	free(clean);
	return false;
}

/* A decimal number from 0 to `max` that fills all of `s`. */
static bool read_number(const char *s, int max, int *n)
{
	long value = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		value = value * 10 + (*s - '0');
		if (value > max)
			return false;
	}
	*n = (int)value;
	return true;
}

static bool parse_unix(struct address *a, const char *url, const char *path,
		       struct err *err)
{
	const char *query = strchr(path, '?');
	size_t bytes = query ? (size_t)(query - path) : strlen(path);

	if (path[0] != '/' || bytes < 2)
		return refuse(err, url, "the socket needs an absolute path");
	if (bytes > MAX_SOCKET_BYTES)
		return refuse(err, url,
			      "the path of a unix socket may have 107 bytes");
	if (query && (strncmp(query, "?db=", 4) != 0 ||
		      !read_number(query + 4, 65535, &a->db)))
		return refuse(err, url, "after '?' only db=N can stand");
	a->path = xstrndup(path, bytes);
	return true;
}

/* "host", "host:port", "[::1]:port" */
static bool parse_host(struct address *a, const char *url, char *place,
		       struct err *err)
{
	char *port = NULL;
	char *host = place;

	if (*place == '[') {
		char *end = strchr(place, ']');
		if (!end || (end[1] && end[1] != ':'))
			return refuse(err, url, "an IPv6 address ends with ]");
		host = place + 1;
		*end = '\0';
		port = end[1] ? end + 2 : NULL;
	} else if ((port = strchr(place, ':'))) {
		*port++ = '\0';
	}
	if (!*host || strlen(host) > 255 || strpbrk(host, " /?#@"))
		return refuse(err, url, "it names no host");
	if (port && (!read_number(port, 65535, &a->port) || a->port == 0))
		return refuse(err, url, "the port is a number up to 65535");
	a->host = xstrdup(host);
	return true;
}

static bool parse_tcp(struct address *a, const char *url, const char *rest,
		      struct err *err)
{
	char *place = xstrdup(rest);
	char *slash = strchr(place, '/');
	char *at = strrchr(place, '@');
	char *host = place;
	bool ok = false;

	a->port = DEFAULT_PORT;
	if (slash)
		*slash = '\0';
	if (at && slash && at > slash)
		at = NULL;
	if (slash && slash[1] && !read_number(slash + 1, 65535, &a->db)) {
		refuse(err, url, "after '/' stands the number of a database");
		goto out;
	}
	if (at) {
		*at = '\0';
		host = at + 1;
		if (*place)
			a->user = xstrdup(place);
	}
	ok = parse_host(a, url, host, err);
out:
	free(place);
	return ok;
}

static void print_url(struct address *a)
{
	struct buf b = {0};
	if (a->path) {
		buf_addf(&b, "unix://%s", a->path);
		if (a->db)
			buf_addf(&b, "?db=%d", a->db);
	} else {
		bool six = strchr(a->host, ':') != NULL;
		buf_addf(&b, "redis://%s%s%s%s%s:%d", a->user ? a->user : "",
			 a->user ? "@" : "", six ? "[" : "", a->host,
			 six ? "]" : "", a->port);
		if (a->db)
			buf_addf(&b, "/%d", a->db);
	}
	a->url = buf_take(&b);
}

static bool take_password(struct address *a, struct err *err)
{
	const char *direct = getenv(ENV_PASSWORD);
	const char *file = getenv(ENV_PASSWORD_FILE);
	if (!(direct && *direct) && !(file && *file))
		return true;
	a->password = file_secret(direct && *direct ? ENV_PASSWORD : NULL,
				  file && *file ? file : NULL, err);
	return a->password != NULL;
}

/* "user:password@" anywhere: said without repeating it. */
static bool holds_password(const char *rest)
{
	const char *at = strrchr(rest, '@');
	const char *colon = strchr(rest, ':');
	return at && colon && colon < at;
}

static bool parse(struct address *a, const char *url, struct err *err)
{
	if (strlen(url) > MAX_URL_BYTES)
		return refuse(err, url, "it is longer than 1024 bytes");
	if (url[0] == '/')
		return parse_unix(a, url, url, err);
	if (strncmp(url, "unix://", 7) == 0)
		return parse_unix(a, url, url + 7, err);
	if (strncmp(url, "rediss://", 9) == 0)
		return refuse(err, "rediss://...",
			      "TLS is not spoken here; put a tunnel (stunnel, "
			      "ssh -L) in front and give its local end");
	if (strncmp(url, "redis://", 8) != 0)
		return refuse(err, url,
			      "it begins with neither redis:// nor "
			      "unix://");
	if (holds_password(url + 8))
		return err_set(err, ERR_USAGE,
			       "Redis address: a password in it would show in "
			       "the process list. Put it into $" ENV_PASSWORD
			       " or name its file in $" ENV_PASSWORD_FILE);
	return parse_tcp(a, url, url + 8, err);
}

struct address *address_parse(const char *url, struct err *err)
{
	struct address *a = xcalloc(1, sizeof *a);
	if (!parse(a, url, err) || !take_password(a, err)) {
		address_free(&a);
		return NULL;
	}
	print_url(a);
	return a;
}

struct address *address_clone(const struct address *address)
{
	struct address *a = xcalloc(1, sizeof *a);
	a->url = xstrdup(address->url);
	a->path = xstrdup(address->path);
	a->host = xstrdup(address->host);
	a->port = address->port;
	a->db = address->db;
	a->user = xstrdup(address->user);
	a->password = xstrdup(address->password);
	return a;
}

void address_free(struct address **address)
{
	struct address *a = *address;
	*address = NULL;
	if (!a)
		return;
	if (a->password)
		explicit_bzero(a->password, strlen(a->password));
	free(a->password);
	free(a->user);
	free(a->host);
	free(a->path);
	free(a->url);
	free(a);
}

static char *file_of(const char *show)
{
	char *dir = file_state_dir(show);
	char *path = xasprintf("%s/address", dir);
	free(dir);
	return path;
}

bool address_save(const struct address *address, const char *show,
		  struct err *err)
{
	char *dir = file_state_dir(show);
	char *path = file_of(show);
	char *line = xasprintf("%s\n", address->url);
	bool ok = file_make_dirs(dir, err) &&
		  file_write(path, line, strlen(line), 0600, err);
	free(line);
	free(path);
	free(dir);
	return ok;
}

struct address *address_of_show(const char *show, struct err *err)
{
	char *path = file_of(show);
	struct err why = {0};
	char *line = file_read(path, MAX_URL_BYTES + 2, NULL, &why);
	struct address *a = NULL;
	if (!line) {
		err_set(err, ERR_UNAVAILABLE,
			"show %s: it has not run here (%s). Start it with "
			"`showcaller run`, or name its Redis with --redis URL",
			show, path);
	} else {
		line[strcspn(line, "\r\n")] = '\0';
		a = address_parse(line, err);
		if (!a)
			err_wrap(err, "%s", path);
	}
	free(line);
	free(path);
	return a;
}

bool address_is_private(const struct address *a, const char *state_dir)
{
	char *path = xasprintf("%s/redis.sock", state_dir);
	bool same = a->path && strcmp(a->path, path) == 0;
	free(path);
	return same;
}
