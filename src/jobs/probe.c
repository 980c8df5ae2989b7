#include "jobs/probe.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "jobs/redact.h"

#define TEXT_BYTES 500

static char *say(const char *fmt, va_list ap)
{
	char *raw = xvasprintf(fmt, ap);
	char *text = text_clean_str(raw, TEXT_BYTES);
	free(raw);
	return text;
}

bool probe_fail(struct probe *p, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	free(p->text);
	p->text = say(fmt, ap);
	va_end(ap);
	return false;
}

void probe_fine(struct probe *p, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	free(p->fine);
	p->fine = say(fmt, ap);
	va_end(ap);
}

/* --- what is kept ------------------------------------------------------- */

void probe_keep_text(struct probe *p, json_object *o, const char *key,
		     const char *text, size_t bytes)
{
	char *clean = text_clean_lines(text, bytes, p->kept_bytes);
	char *safe = redact_text(clean, p->secret);
	json_add_str(o, key, safe);
	free(safe);
	free(clean);
}

void probe_keep_tree(struct probe *p, json_object *o, const char *key,
		     json_object *tree)
{
	const char *text = tree ? json_text(tree) : NULL;
	json_object *copy = NULL;
	if (!text)
		return;
	char *safe = redact_text(text, p->secret);
	if (strlen(safe) <= p->kept_bytes)
		copy = json_read_str(safe, &json_limits_own, NULL);
	free(safe);
	if (copy)
		json_add(o, key, &copy);
	else
		probe_keep_text(p, o, key, text, strlen(text));
}

void probe_keep(struct probe *p, const char *key, json_object **o)
{
	json_add(p->detail, key, o);
}

void probe_times(struct probe *p, const struct http_answer *a)
{
	p->dns_ms = a->dns_ms;
	p->connect_ms = a->connect_ms;
	p->tls_ms = a->tls_ms;
	p->first_byte_ms = a->first_byte_ms;
	p->total_ms = a->total_ms;
	p->measured.connect_ms = a->connect_ms;
	p->measured.total_ms = a->total_ms;
}

void probe_took(struct probe *p, int64_t began_us)
{
	p->total_ms = (clock_mono_us() - began_us + 999) / 1000;
	p->measured.total_ms = p->total_ms;
}

/* --- where, and with which key ------------------------------------------ */

/* A listener on all addresses is called on the loopback. */
static void callable(const char *bound, char out[PROBE_ADDRESS_BYTES])
{
	const char *port = strrchr(bound, ':');
	size_t host = port ? (size_t)(port - bound) : strlen(bound);
	const char *loopback = NULL;
	if (host == 0 || strncmp(bound, "0.0.0.0:", 8) == 0 ||
	    strncmp(bound, "*:", 2) == 0)
		loopback = "127.0.0.1";
	else if (strncmp(bound, "[::]:", 5) == 0)
		loopback = "[::1]";
	snprintf(out, PROBE_ADDRESS_BYTES, "%s%s", loopback ? loopback : bound,
		 loopback && port ? port : "");
}

static bool own_address(struct probe *p, const char *which, const char *set,
			char out[PROBE_ADDRESS_BYTES])
{
	char *folder = file_state_dir(p->show->id);
	char *path = xasprintf("%s/%s.addr", folder, which);
	char *bound = file_read(path, PROBE_ADDRESS_BYTES - 1, NULL, NULL);
	const char *port = set ? strrchr(set, ':') : NULL;
	bool known = true;
	free(path);
	free(folder);
	if (bound) {
		bound[strcspn(bound, "\r\n")] = '\0';
		callable(bound, out);
	} else if (port && strcmp(port, ":0") != 0) {
		callable(set, out);
	} else {
		known = probe_fail(p,
				   "the show's %s listener is not running; "
				   "start the show first",
				   which);
	}
	free(bound);
	return known;
}

int probe_own(struct probe *p, const char **path, char out[PROBE_ADDRESS_BYTES])
{
	static const char *const names[] = {"operator", "audience"};
	const struct show_http *http = &p->show->http;
	const char *set[] = {http->operator_addr, http->audience_addr};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		size_t n = strlen(names[i]);
		if (strncmp(p->endpoint, names[i], n) != 0 ||
		    p->endpoint[n] != ':')
			continue;
		*path = p->endpoint + n + 1;
		return own_address(p, names[i], set[i], out) ? 1 : -1;
	}
	return 0;
}

static bool read_token(struct probe *p)
{
	struct err err = {0};
	char *folder = file_state_dir(p->show->id);
	char *path = xasprintf("%s/operator.token", folder);
	p->secret = file_secret(NULL, path, &err);
	free(path);
	free(folder);
	return p->secret ||
	       probe_fail(p,
			  "the operator's token: %s; start the show first, and "
			  "name its file, not that of its checks",
			  err.text);
}

char *probe_url(struct probe *p)
{
	char address[PROBE_ADDRESS_BYTES];
	const char *path;
	int own = probe_own(p, &path, address);
	if (own < 0)
		return NULL;
	if (own == 0)
		return xstrdup(p->endpoint);
	if (p->endpoint[0] == 'o' && !p->secret && !read_token(p))
		return NULL;
	return xasprintf("http://%s%s", address, path);
}

bool probe_read_secret(struct probe *p, const char *env, const char *file)
{
	struct err err = {0};
	if (p->secret || (!env && !file))
		return true;
	char *path =
		file ? file_beside(p->show->path ? p->show->path : "", file)
		     : NULL;
	p->secret = file_secret(env, path, &err);
	free(path);
	return p->secret || probe_fail(p, "the key: %s", err.text);
}

bool probe_read_key(struct probe *p)
{
	return probe_read_secret(p, p->def->key_env, p->def->key_file);
}

const char *probe_payload_text(const struct probe *p, size_t *bytes)
{
	bool is_text = json_object_is_type(p->payload, json_type_string);
	const char *text = is_text ? json_object_get_string(p->payload)
				   : json_text(p->payload);
	*bytes = is_text ? (size_t)json_object_get_string_len(p->payload)
			 : strlen(text);
	return text;
}

/* --- one HTTP exchange -------------------------------------------------- */

static void keep_request(struct probe *p, const char *url, const char *method,
			 const char *body)
{
	json_object *o = json_object_new_object();
	char *shown = http_url_for_people(url);
	json_add_str(o, "method", method ? method : body ? "POST" : "GET");
	json_add_str(o, "url", shown);
	free(shown);
	if (p->secret)
		json_add_str(o, "authorization", "***");
	if (body)
		probe_keep_text(p, o, "payload", body, strlen(body));
	probe_keep(p, "request", &o);
}

/* Sound and pictures are no text: only how much came. */
static bool is_text(const struct http_answer *a)
{
	return a->body.len == 0 ||
	       text_is_utf8(buf_str(&a->body),
			    a->body.len < 4096 ? a->body.len : 4096) ||
	       !memchr(buf_str(&a->body), '\0', a->body.len);
}

static void keep_answer(struct probe *p, const struct http_answer *a)
{
	json_object *o = json_object_new_object();
	json_add_int(o, "status", a->status);
	json_add_str(o, "content_type", a->content_type);
	json_add_str(o, "location", a->location);
	json_add_int(o, "bytes", (int64_t)a->body.len);
	if (is_text(a))
		probe_keep_text(p, o, "body", buf_str(&a->body), a->body.len);
	probe_keep(p, "answer", &o);
}

static void take_answer(struct probe *p, struct http_answer *a)
{
	p->body = a->body;
	a->body = (struct buf){0};
	free(p->content_type);
	p->content_type = a->content_type;
	a->content_type = NULL;
	json_object_put(p->json);
	p->json = json_read(buf_str(&p->body), p->body.len, &json_limits_answer,
			    NULL);
	struct measured *m = &p->measured;
	m->status = a->status;
	m->content_type = p->content_type;
	m->body = buf_str(&p->body);
	m->body_bytes = p->body.len;
	m->json = p->json;
}

bool probe_exchange(struct probe *p, const char *url, const char *method,
		    const char *body)
{
	if (!probe_read_key(p))
		return false;
	char *bearer =
		p->secret ? xasprintf("Authorization: Bearer %s", p->secret)
			  : NULL;
	const char *headers[] = {bearer, NULL};
	struct http_call call = {
		.url = url,
		.method = method,
		.body = body,
		.headers = headers,
		.max_bytes = PROBE_BODY_BYTES,
		.deadline_ms = p->deadline_ms,
		.stop = p->stop,
	};
	struct http_answer answer;
	buf_release(&p->body);
	bool fine = http_exchange(p->client, &call, &answer);
	probe_times(p, &answer);
	keep_request(p, url, method, body);
	if (answer.status > 0)
		keep_answer(p, &answer);
	if (fine)
		take_answer(p, &answer);
	else
		probe_fail(p, "%s", answer.text);
	http_answer_release(&answer);
	if (bearer)
		explicit_bzero(bearer, strlen(bearer));
	free(bearer);
	return fine;
}

/* --- sockets ------------------------------------------------------------ */

/* Waits for `events` on the socket. False at the deadline or the stop. */
static bool wait_socket(struct probe *p, int fd, short events)
{
	while (!stop_raised(p->stop) && clock_mono_ms() < p->deadline_ms) {
		struct pollfd fds[] = {
			{.fd = fd, .events = events},
			{.fd = p->stop ? p->stop->fd : -1, .events = POLLIN},
		};
		poll(fds, COUNT_OF(fds), stop_wait_ms(p->stop, p->deadline_ms));
		if (fds[0].revents)
			return true;
		if (fds[1].revents)
			stop_woken(p->stop);
	}
	return false;
}

bool probe_send(struct probe *p, int fd, const void *bytes, size_t count)
{
	const char *at = bytes;
	while (count > 0) {
		ssize_t n = send(fd, at, count, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n < 0) {
			if (!wait_socket(p, fd, POLLOUT))
				return false;
			continue;
		}
		at += n;
		count -= (size_t)n;
	}
	return true;
}

int probe_receive(struct probe *p, int fd, struct buf *in, size_t most)
{
	char piece[16384];
	if (in->len >= most)
		return 0;
	while (wait_socket(p, fd, POLLIN)) {
		size_t room = most - in->len;
		ssize_t n = recv(fd, piece,
				 room < sizeof piece ? room : sizeof piece,
				 MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n > 0)
			buf_add(in, piece, (size_t)n);
		return (int)n;
	}
	return 0;
}
