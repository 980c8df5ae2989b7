/* Kind redis: PING and INFO, of the show's own Redis or of another one. Only
 * replies of two forms are needed, so this reads them itself. */
#include "jobs/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

#define REPLY_BYTES (256 * 1024)
#define URL_BYTES   1024

/* The place of a URL: a socket's path, or host:port, and who logs in. */
struct place {
	char *url;
	char *path, *address, *user;
};

static void place_release(struct place *at)
{
	free(at->url);
	free(at->path);
	free(at->address);
	free(at->user);
}

/* --- where -------------------------------------------------------------- */

static char *own_url(struct probe *p)
{
	char *folder = file_state_dir(p->show->id);
	char *path = xasprintf("%s/address", folder);
	char *url = file_read(path, URL_BYTES, NULL, NULL);
	free(path);
	free(folder);
	if (url)
		url[strcspn(url, "\r\n")] = '\0';
	else
		probe_fail(p, "the show has not run here; start it first, or "
			      "name its Redis as redis://host:port");
	return url;
}

static bool find_place(struct probe *p, struct place *at)
{
	bool own = strcmp(p->endpoint, "redis:") == 0;
	at->url = own ? own_url(p) : xstrdup(p->endpoint);
	const char *url = at->url;
	if (!url)
		return false;
	if (url[0] == '/' || strncmp(url, "unix://", 7) == 0) {
		url += url[0] == '/' ? 0 : 7;
		at->path = xstrndup(url, strcspn(url, "?"));
	} else if (strncmp(url, "redis://", 8) == 0) {
		size_t bytes = strcspn(url + 8, "/?");
		char *host = xstrndup(url + 8, bytes);
		char *sign = strrchr(host, '@');
		if (sign) {
			*sign = '\0';
			at->user = xstrndup(host, strcspn(host, ":"));
		}
		const char *rest = sign ? sign + 1 : host;
		const char *last = strrchr(rest, ']');
		at->address = xasprintf(
			"%s%s", rest,
			strchr(last ? last : rest, ':') ? "" : ":6379");
		free(host);
	} else {
		return probe_fail(p, "%s is no address of a Redis",
				  p->endpoint);
	}
	if (!own)
		return probe_read_key(p);
	const char *file = getenv("SHOWCALLER_REDIS_PASSWORD_FILE");
	return (!file && !getenv("SHOWCALLER_REDIS_PASSWORD")) ||
	       probe_read_secret(p, "SHOWCALLER_REDIS_PASSWORD", file);
}

static int connect_unix(struct probe *p, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = -1;
	if (strlen(path) < sizeof a.sun_path) {
		snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			    0);
	} else {
		errno = ENAMETOOLONG;
	}
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
		int error = errno;
		close(fd);
		fd = -1;
		errno = error;
	}
	if (fd < 0)
		probe_fail(p, "%s: %s; does the show's Redis run?", path,
			   strerror(errno));
	return fd;
}

/* --- what it answers ---------------------------------------------------- */

/* The bytes of the first reply in `in`, 0: not all of it is there; its text in
 * `*text`, `*bytes`. Simple strings, errors and bulk strings are known. */
static size_t first_reply(const struct buf *in, const char **text,
			  size_t *bytes)
{
	const char *data = buf_str(in);
	const char *end = memmem(data, in->len, "\r\n", 2);
	if (!end)
		return 0;
	size_t line = (size_t)(end - data) + 2;
	*text = data;
	*bytes = line - 2;
	if (data[0] != '$')
		return line;
	long n = strtol(data + 1, NULL, 10);
	if (n < 0 || n > REPLY_BYTES)
		return line;
	if (in->len < line + (size_t)n + 2)
		return 0;
	*text = data + line;
	*bytes = (size_t)n;
	return line + (size_t)n + 2;
}

/* The next reply, without its form; caller frees. NULL with the text set. */
static char *next_reply(struct probe *p, int fd, struct buf *in)
{
	const char *text;
	size_t bytes, whole;
	while (!(whole = first_reply(in, &text, &bytes))) {
		if (probe_receive(p, fd, in, REPLY_BYTES) > 0)
			continue;
		probe_fail(p, "%s",
			   stop_raised(p->stop) ? "cancelled"
			   : in->len ? "the reply ended within itself"
				     : "it does not answer: no Redis");
		return NULL;
	}
	char *copy = xstrndup(text, bytes);
	struct buf rest = {0};
	buf_add(&rest, in->data + whole, in->len - whole);
	buf_release(in);
	*in = rest;
	if (*copy == '-') {
		probe_fail(p, "Redis refuses: %.200s", copy + 1);
		free(copy);
		return NULL;
	}
	return copy;
}

static void add_figure(json_object *o, const char *line)
{
	const char *colon = strchr(line, ':');
	if (!colon || line[0] == '#')
		return;
	char *name = xstrndup(line, (size_t)(colon - line)), *end;
	json_object *value = NULL;
	errno = 0;
	long long n = strtoll(colon + 1, &end, 10);
	if (!*end && end != colon + 1 && errno == 0)
		value = json_object_new_int64(n);
	if (!value) {
		double d = strtod(colon + 1, &end);
		if (!*end && end != colon + 1)
			value = json_object_new_double(d);
	}
	if (!value) {
		char *clean = text_clean_str(colon + 1, 200);
		value = json_object_new_string(clean);
		free(clean);
	}
	json_object_object_add(o, name, value);
	free(name);
}

static json_object *read_info(char *text)
{
	json_object *o = json_object_new_object();
	char *rest = NULL;
	for (char *line = strtok_r(text, "\r\n", &rest); line;
	     line = strtok_r(NULL, "\r\n", &rest))
		add_figure(o, line);
	return o;
}

static void add_word(struct buf *b, const char *word)
{
	buf_addf(b, "$%zu\r\n%s\r\n", strlen(word), word);
}

static bool log_in(struct probe *p, int fd, const char *user, struct buf *in)
{
	struct buf b = {0};
	if (!p->secret)
		return true;
	buf_addf(&b, "*%d\r\n", user ? 3 : 2);
	add_word(&b, "AUTH");
	if (user)
		add_word(&b, user);
	add_word(&b, p->secret);
	bool sent = probe_send(p, fd, buf_str(&b), b.len);
	explicit_bzero(b.data, b.len);
	buf_release(&b);
	char *reply = sent ? next_reply(p, fd, in) : NULL;
	free(reply);
	return reply != NULL;
}

static bool talk(struct probe *p, int fd, const char *user)
{
	static const char asks[] = "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nINFO\r\n";
	struct buf in = {0};
	int64_t began_us = clock_mono_us();
	char *pong = NULL, *info = NULL;
	if (log_in(p, fd, user, &in)) {
		began_us = clock_mono_us();
		if (!probe_send(p, fd, asks, sizeof asks - 1))
			probe_fail(p, "the connection ended");
		else if ((pong = next_reply(p, fd, &in)))
			p->first_byte_ms =
				(clock_mono_us() - began_us + 999) / 1000;
	}
	if (pong && strcmp(pong, "+PONG") != 0)
		probe_fail(p, "what answers is no Redis");
	else if (pong)
		info = next_reply(p, fd, &in);
	if (info) {
		p->json = read_info(info);
		p->measured.json = p->json;
		json_object *answer = json_object_new_object();
		probe_keep_tree(p, answer, "info", p->json);
		probe_keep(p, "answer", &answer);
	}
	bool fine = info != NULL;
	free(pong);
	free(info);
	buf_release(&in);
	return fine;
}

bool probe_redis(struct probe *p)
{
	struct place at = {0};
	struct http_answer a = {0};
	int64_t began_us = clock_mono_us();
	int fd = -1;
	bool fine = false;
	if (find_place(p, &at)) {
		json_object *request = json_object_new_object();
		char *shown = http_url_for_people(at.url);
		json_add_str(request, "address", shown);
		json_add_str(request, "commands", "PING, INFO");
		probe_keep(p, "request", &request);
		free(shown);
		if (at.path) {
			fd = connect_unix(p, at.path);
		} else {
			fd = http_connect(p->client, at.address, p->deadline_ms,
					  p->stop, &a);
			probe_times(p, &a);
			if (fd < 0)
				probe_fail(p, "%s", a.text ? a.text : "");
		}
	}
	if (fd >= 0)
		fine = talk(p, fd, at.user);
	probe_took(p, began_us);
	if (fine)
		probe_fine(p, "Redis %s in %lld ms",
			   json_get_str(p->json, "redis_version", ""),
			   (long long)p->total_ms);
	if (at.path && fd >= 0)
		close(fd);
	else if (!at.path)
		http_disconnect(p->client);
	http_answer_release(&a);
	place_release(&at);
	return fine;
}
