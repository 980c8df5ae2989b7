#include "jobs/check.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "jobs/expect.h"
#include "jobs/job.h"
#include "jobs/redact.h"

#define BODY_MAX_BYTES	 (1024 * 1024)
#define BANNER_MAX_BYTES (64 * 1024)
#define KEPT_BYTES	 (16 * 1024) /* of the answer, in the detail */
#define ADDRESS_BYTES	 256
#define FAILED_MOST	 8   /* expectations that an event tells of */
#define SHORT_BYTES	 300 /* of each value in it */

struct run {
	struct http_client *client;
	const struct show *show;
	const struct show_check *check;
	const struct stop *stop;
	int64_t deadline_ms;
	json_object *expected;
	char *secret; /* the operator's token, if it was sent */
	struct check_result *out;
};

/* --- what is kept ------------------------------------------------------- */

static void keep_text(json_object *o, const char *key, const char *text,
		      size_t bytes, const char *secret)
{
	char *clean = text_clean_lines(text, bytes, KEPT_BYTES);
	char *safe = redact_text(clean, secret);
	json_add_str(o, key, safe);
	free(safe);
	free(clean);
}

static void set_text(struct check_result *out, char **text)
{
	free(out->text);
	out->text = *text;
	*text = NULL;
}

static void fail(struct check_result *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void fail(struct check_result *out, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *raw = xvasprintf(fmt, ap);
	va_end(ap);
	char *text = text_clean_str(raw, 500);
	free(raw);
	out->ok = false;
	set_text(out, &text);
}

static void keep_phases(struct check_result *out, const struct http_answer *a)
{
	out->dns_ms = a->dns_ms;
	out->connect_ms = a->connect_ms;
	out->tls_ms = a->tls_ms;
	out->first_byte_ms = a->first_byte_ms;
	out->total_ms = a->total_ms;
	json_object *phases = json_object_new_object();
	json_add_int(phases, "dns_ms", a->dns_ms);
	json_add_int(phases, "connect_ms", a->connect_ms);
	json_add_int(phases, "tls_ms", a->tls_ms);
	json_add_int(phases, "first_byte_ms", a->first_byte_ms);
	json_add_int(phases, "total_ms", a->total_ms);
	json_add(out->detail, "phases", &phases);
}

/* What came may repeat what was sent. */
static void keep_rows(struct run *r, json_object **rows)
{
	char *safe = redact_text(json_text(*rows), r->secret);
	json_object *kept = json_read_str(safe, &json_limits_own, NULL);
	if (kept)
		json_add(r->out->detail, "expectations", &kept);
	json_object_put(*rows);
	*rows = NULL;
	free(safe);
}

/* Judges, and keeps the rows. `fine` becomes the text if all hold. */
static void judge(struct run *r, const struct measured *m, char **fine)
{
	json_object *rows = json_object_new_array();
	char *text = NULL;
	bool ok = true;
	/* Without a wish for the status, an error page is no success. */
	if (m->status >= 0 && !json_get(r->expected, "status") &&
	    (m->status < 200 || m->status > 299)) {
		text = xasprintf("status: wanted success, got %lld",
				 (long long)m->status);
		ok = false;
	}
	if (!expect_all(r->expected, m, rows, &text))
		ok = false;
	keep_rows(r, &rows);
	r->out->ok = ok;
	if (text) {
		char *safe = redact_text(text, r->secret);
		free(text);
		text = safe;
	}
	set_text(r->out, ok ? fine : &text);
	free(ok ? text : *fine);
	*fine = NULL;
}

/* --- where -------------------------------------------------------------- */

/* A listener on all addresses is called on the loopback. */
static void callable(const char *bound, char out[ADDRESS_BYTES])
{
	const char *port = strrchr(bound, ':');
	size_t host = port ? (size_t)(port - bound) : strlen(bound);
	const char *loopback = NULL;
	if (host == 0 || strncmp(bound, "0.0.0.0:", 8) == 0 ||
	    strncmp(bound, "*:", 2) == 0)
		loopback = "127.0.0.1";
	else if (strncmp(bound, "[::]:", 5) == 0)
		loopback = "[::1]";
	snprintf(out, ADDRESS_BYTES, "%s%s", loopback ? loopback : bound,
		 loopback && port ? port : "");
}

/* The show's own listener: where the running show says that it listens, or
 * else where the show file puts it. */
static bool own_address(const struct run *r, const char *which, const char *set,
			char out[ADDRESS_BYTES])
{
	char *folder = file_state_dir(r->show->id);
	char *path = xasprintf("%s/%s.addr", folder, which);
	char *bound = file_read(path, ADDRESS_BYTES - 1, NULL, NULL);
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
		known = false;
		fail(r->out,
		     "the show's %s listener is not running; start the show "
		     "first",
		     which);
	}
	free(bound);
	return known;
}

static bool read_token(struct run *r)
{
	struct err err = {0};
	char *folder = file_state_dir(r->show->id);
	char *path = xasprintf("%s/operator.token", folder);
	r->secret = file_secret(NULL, path, &err);
	free(path);
	free(folder);
	if (!r->secret)
		fail(r->out,
		     "the operator's token: %s; start the show first, and name "
		     "its file, not that of its checks",
		     err.text);
	return r->secret != NULL;
}

/* What stands after "operator:" or "audience:" in the endpoint, and the address
 * of that listener in `out`. False when it is neither, or not to be had; then
 * the text is set. */
static bool own_endpoint(struct run *r, const char **path,
			 char out[ADDRESS_BYTES])
{
	const struct show_http *http = &r->show->http;
	const char *endpoint = r->check->endpoint;
	*path = endpoint + 9;
	if (strncmp(endpoint, "operator:", 9) == 0)
		return own_address(r, "operator", http->operator_addr, out);
	if (strncmp(endpoint, "audience:", 9) == 0)
		return own_address(r, "audience", http->audience_addr, out);
	*path = NULL;
	return false;
}

/* The URL to call; caller frees. NULL when there is none, with the text set. */
static char *find_url(struct run *r)
{
	char address[ADDRESS_BYTES];
	const char *path;
	if (own_endpoint(r, &path, address)) {
		if (r->check->endpoint[0] == 'o' && !read_token(r))
			return NULL;
		return xasprintf("http://%s%s", address, path);
	}
	return path ? NULL : xstrdup(r->check->endpoint);
}

/* --- kind http ---------------------------------------------------------- */

static void keep_request(struct run *r, const char *url)
{
	const struct show_check *check = r->check;
	json_object *o = json_object_new_object();
	char *shown = http_url_for_people(url);
	json_add_str(o, "method", check->payload ? "POST" : "GET");
	json_add_str(o, "url", shown);
	free(shown);
	if (r->secret)
		json_add_str(o, "authorization", "***");
	if (check->payload)
		keep_text(o, "payload", check->payload, strlen(check->payload),
			  r->secret);
	json_add(r->out->detail, "request", &o);
}

static void keep_answer(struct run *r, const struct http_answer *a)
{
	json_object *o = json_object_new_object();
	json_add_int(o, "status", a->status);
	json_add_str(o, "content_type", a->content_type);
	json_add_int(o, "bytes", (int64_t)a->body.len);
	keep_text(o, "body", buf_str(&a->body), a->body.len, r->secret);
	json_add(r->out->detail, "answer", &o);
}

static void judge_http(struct run *r, const struct http_answer *a)
{
	struct measured m = {
		.status = a->status,
		.content_type = a->content_type,
		.body = buf_str(&a->body),
		.body_bytes = a->body.len,
		.json = json_read(buf_str(&a->body), a->body.len,
				  &json_limits_answer, NULL),
		.connect_ms = a->connect_ms,
		.total_ms = a->total_ms,
	};
	char *fine = xasprintf("status %ld in %lld ms", a->status,
			       (long long)a->total_ms);
	judge(r, &m, &fine);
	json_object_put(m.json);
}

static void run_http(struct run *r)
{
	char *url = find_url(r);
	if (!url)
		return;
	char *bearer =
		r->secret ? xasprintf("Authorization: Bearer %s", r->secret)
			  : NULL;
	const char *headers[] = {bearer, NULL};
	struct http_call call = {
		.url = url,
		.body = r->check->payload,
		.headers = headers,
		.max_bytes = BODY_MAX_BYTES,
		.deadline_ms = r->deadline_ms,
		.stop = r->stop,
	};
	struct http_answer answer;
	bool fine = http_exchange(r->client, &call, &answer);
	keep_phases(r->out, &answer);
	keep_request(r, url);
	if (answer.status > 0)
		keep_answer(r, &answer);
	if (fine)
		judge_http(r, &answer);
	else
		fail(r->out, "%s", answer.text);
	http_answer_release(&answer);
	free(bearer);
	free(url);
}

/* --- kind tcp ----------------------------------------------------------- */

/* Waits for `events` on the socket. False at the deadline or the stop. */
static bool wait_socket(struct run *r, int fd, short events)
{
	while (!stop_raised(r->stop) && clock_mono_ms() < r->deadline_ms) {
		struct pollfd fds[] = {
			{.fd = fd, .events = events},
			{.fd = r->stop ? r->stop->fd : -1, .events = POLLIN},
		};
		poll(fds, COUNT_OF(fds), stop_wait_ms(r->stop, r->deadline_ms));
		if (fds[0].revents)
			return true;
	}
	return false;
}

static bool send_all(struct run *r, int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = send(fd, text, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n < 0) {
			if (!wait_socket(r, fd, POLLOUT))
				return false;
			continue;
		}
		text += n;
		bytes -= (size_t)n;
	}
	return true;
}

/* A payload that is a JSON string is sent as its text. */
static bool send_payload(struct run *r, int fd)
{
	const char *payload = r->check->payload;
	if (!payload)
		return true;
	json_object *o = json_read_str(payload, &json_limits_own, NULL);
	bool is_text = json_object_is_type(o, json_type_string);
	bool ok = is_text ? send_all(r, fd, json_object_get_string(o),
				     (size_t)json_object_get_string_len(o))
			  : send_all(r, fd, payload, strlen(payload));
	json_object_put(o);
	return ok;
}

/* Reads until what is wanted of the banner is there. */
static void read_banner(struct run *r, int fd, struct buf *banner,
			int64_t *first_byte_ms, int64_t began_ms)
{
	char piece[4096];
	while (banner->len < BANNER_MAX_BYTES && wait_socket(r, fd, POLLIN)) {
		ssize_t n = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return;
		if (*first_byte_ms < 0)
			*first_byte_ms = clock_mono_ms() - began_ms;
		buf_add(banner, piece, (size_t)n);
		struct measured m = {
			.status = -1,
			.body = buf_str(banner),
			.body_bytes = banner->len,
			.connect_ms = -1,
			.total_ms = -1,
		};
		json_object *only = json_object_new_object();
		json_object *rows = json_object_new_array();
		char *text = NULL;
		json_object_object_add(
			only, "banner",
			json_object_get(json_get(r->expected, "banner")));
		bool there = expect_all(only, &m, rows, &text);
		free(text);
		json_object_put(rows);
		json_object_put(only);
		if (there)
			return;
	}
}

static void talk(struct run *r, int fd, struct http_answer *a)
{
	int64_t began_ms = clock_mono_ms() - a->total_ms;
	bool sent = send_payload(r, fd);
	if (sent && json_get(r->expected, "banner"))
		read_banner(r, fd, &a->body, &a->first_byte_ms, began_ms);
	a->total_ms = clock_mono_ms() - began_ms;
	keep_phases(r->out, a);
	json_object *o = json_object_new_object();
	keep_text(o, "banner", buf_str(&a->body), a->body.len, NULL);
	json_add(r->out->detail, "answer", &o);
	if (stop_raised(r->stop)) {
		fail(r->out, "cancelled");
		return;
	}
	if (!sent) {
		fail(r->out, "%s: the payload was not taken",
		     r->check->endpoint);
		return;
	}
	struct measured m = {
		.status = -1,
		.body = buf_str(&a->body),
		.body_bytes = a->body.len,
		.connect_ms = a->connect_ms,
		.total_ms = a->total_ms,
	};
	char *fine = xasprintf("connected in %lld ms", (long long)a->total_ms);
	judge(r, &m, &fine);
}

static void run_tcp(struct run *r)
{
	struct http_answer answer;
	char own[ADDRESS_BYTES];
	const char *address = r->check->endpoint, *path;
	if (own_endpoint(r, &path, own))
		address = own;
	else if (path)
		return;
	json_object *o = json_object_new_object();
	json_add_str(o, "address", address);
	if (r->check->payload)
		keep_text(o, "payload", r->check->payload,
			  strlen(r->check->payload), NULL);
	json_add(r->out->detail, "request", &o);
	int fd = http_connect(r->client, address, r->deadline_ms, r->stop,
			      &answer);
	if (fd >= 0) {
		talk(r, fd, &answer);
	} else {
		keep_phases(r->out, &answer);
		fail(r->out, "%s", answer.text ? answer.text : "no connection");
	}
	http_disconnect(r->client);
	http_answer_release(&answer);
}

/* --- all kinds ---------------------------------------------------------- */

static const struct kind {
	const char *name;
	void (*run)(struct run *r);
} kinds[] = {
	{"http", run_http},
	{"tcp", run_tcp},
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; name && i < COUNT_OF(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

void check_run_with(struct http_client *client, const struct show *show,
		    int check, const struct stop *stop,
		    struct check_result *out)
{
	REQUIRE(check >= 0 && (size_t)check < show->check_count);
	const struct show_check *c = &show->checks[check];
	const struct kind *kind = find_kind(c->kind);
	struct run r = {
		.client = client,
		.show = show,
		.check = c,
		.stop = stop,
		.deadline_ms = clock_mono_ms() + c->timeout_ms,
		.out = out,
	};
	*out = (struct check_result){
		.dns_ms = -1,
		.connect_ms = -1,
		.tls_ms = -1,
		.first_byte_ms = -1,
		.total_ms = -1,
		.detail = json_object_new_object(),
	};
	r.expected = json_read_str(c->expected ? c->expected : "{}",
				   &json_limits_own, NULL);
	if (!kind)
		fail(out,
		     "checks of the kind %s are not run by this version; "
		     "http and tcp are",
		     c->kind ? c->kind : "?");
	else if (!c->endpoint || !*c->endpoint)
		fail(out, "the test names no endpoint");
	else if (!json_object_is_type(r.expected, json_type_object))
		fail(out, "`expected` is not an object");
	else
		kind->run(&r);
	json_add_str(out->detail, "kind", c->kind);
	json_add_bool(out->detail, "ok", out->ok);
	json_add_str(out->detail, "text", out->text);
	json_object_put(r.expected);
	if (r.secret)
		explicit_bzero(r.secret, strlen(r.secret));
	free(r.secret);
}

void check_run(const struct show *show, int check, const atomic_bool *cancel,
	       struct check_result *out)
{
	struct stop stop = {.fd = -1, .flag = cancel};
	struct http_client *client = http_client_new();
	if (client) {
		check_run_with(client, show, check, &stop, out);
	} else {
		*out = (struct check_result){.total_ms = -1};
		fail(out, "no descriptors left; raise ulimit -n");
	}
	http_client_free(&client);
}

/* What is too long for an event becomes the beginning of its text. */
static void add_short(json_object *o, const char *key, json_object *value)
{
	json_object *copy = NULL;
	if (value && strlen(json_text(value)) > SHORT_BYTES) {
		char *text = text_clean_str(json_text(value), SHORT_BYTES);
		copy = json_object_new_string(text);
		free(text);
	} else {
		copy = json_clone(value);
	}
	json_object_object_add(o, key, copy);
}

char *check_phases(const struct check_result *result)
{
	json_object *phases = json_get_object(result->detail, "phases");
	return phases ? xstrdup(json_text(phases)) : NULL;
}

char *check_failed(const struct check_result *result)
{
	json_object *rows = json_get_array(result->detail, "expectations");
	size_t n = rows ? json_object_array_length(rows) : 0, kept = 0;
	json_object *failed = json_object_new_array();
	for (size_t i = 0; i < n && kept < FAILED_MOST; i++) {
		json_object *row = json_object_array_get_idx(rows, i);
		if (json_get_bool(row, "ok", true))
			continue;
		json_object *o = json_object_new_object();
		json_add_str(o, "name", json_get_str(row, "name", ""));
		add_short(o, "wanted", json_get(row, "wanted"));
		add_short(o, "got", json_get(row, "got"));
		json_object_array_add(failed, o);
		kept++;
	}
	char *text = kept ? xstrdup(json_text(failed)) : NULL;
	json_object_put(failed);
	return text;
}

void check_result_release(struct check_result *result)
{
	free(result->text);
	json_object_put(result->detail);
	memset(result, 0, sizeof *result);
}
