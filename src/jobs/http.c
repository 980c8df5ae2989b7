#include "jobs/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "jobs/curl_rules.h"

#define HEADER_MAX_BYTES (64 * 1024)
#define FIELD_MAX_BYTES	 512

struct http_client {
	CURLM *multi;
	CURL *easy;
	bool added;
	struct curl_slist *headers;
	char errors[CURL_ERROR_SIZE];

	/* Of the exchange in hand. */
	struct http_answer *out;
	const struct http_call *call; /* NULL: of http_connect() */
	size_t max_bytes, body_bytes, header_bytes;
	int64_t began_us;
	char length[24]; /* the Content-Length that was seen, "" none */
	bool chunked;
	bool too_large, contradiction, blocked, enough;
	char retry[64], retry_ms[24], date[64]; /* headers, "" none */
};

struct http_client *http_client_new(void)
{
	curl_rules_init();
	struct http_client *c = xcalloc(1, sizeof *c);
	c->multi = curl_multi_init();
	c->easy = curl_easy_init();
	if (!c->multi || !c->easy)
		http_client_free(&c);
	return c;
}

void http_client_free(struct http_client **client)
{
	struct http_client *c = *client;
	*client = NULL;
	if (!c)
		return;
	http_disconnect(c);
	if (c->easy)
		curl_easy_cleanup(c->easy);
	if (c->multi)
		curl_multi_cleanup(c->multi);
	free(c);
}

const char *http_fault_code(enum http_fault fault)
{
	static const char *const codes[HTTP_FAULTS] = {
		[HTTP_FINE] = "fine",
		[HTTP_CANCELLED] = "cancelled",
		[HTTP_TIMEOUT] = "timeout",
		[HTTP_REFUSED] = "refused",
		[HTTP_DNS] = "dns",
		[HTTP_TLS] = "tls",
		[HTTP_BAD_URL] = "bad_url",
		[HTTP_BLOCKED] = "blocked",
		[HTTP_TOO_LARGE] = "too_large",
		[HTTP_CUT] = "cut",
		[HTTP_GARBAGE] = "garbage",
		[HTTP_ENOUGH] = "enough",
	};
	REQUIRE(fault >= 0 && fault < HTTP_FAULTS);
	return codes[fault];
}

char *http_url_for_people(const char *url)
{
	size_t bytes = strcspn(url, "?#");
	const char *host = strstr(url, "://");
	host = host && host < url + bytes ? host + 3 : url;
	size_t name = strcspn(host, "/?#");
	const char *at = memrchr(host, '@', name);
	struct buf b = {0};
	buf_add(&b, url, (size_t)(host - url));
	const char *rest = at ? at + 1 : host;
	buf_add(&b, rest, (size_t)(url + bytes - rest));
	char *clean = text_clean(buf_str(&b), b.len, 200);
	buf_release(&b);
	return clean;
}

/* --- what curl calls ---------------------------------------------------- */

/* MAXFILESIZE does not count chunked bodies in this curl, so we count. */
static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
	struct http_client *c = ctx;
	size_t bytes = size * count;
	if (bytes > c->max_bytes - c->body_bytes) {
		c->too_large = true;
		return 0;
	}
	c->body_bytes += bytes;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &c->out->status);
	if (!c->call->take || c->out->status < 200 || c->out->status > 299) {
		buf_add(&c->out->body, data, bytes);
		return bytes;
	}
	c->enough = !c->call->take(c->call->ctx, c->out, data, bytes);
	return c->enough ? 0 : bytes;
}

static void keep_length(struct http_client *c, const char *value, size_t bytes)
{
	char text[sizeof c->length];
	if (bytes == 0 || bytes >= sizeof text) {
		c->contradiction = true;
		return;
	}
	memcpy(text, value, bytes);
	text[bytes] = '\0';
	if (c->length[0] && strcmp(c->length, text) != 0)
		c->contradiction = true;
	memcpy(c->length, text, sizeof text);
}

/* Headers that say when to come again; what is too long is left out. */
static void keep_retry(struct http_client *c, const char *line, size_t bytes)
{
	const struct {
		const char *name;
		char *at;
		size_t bytes;
	} kept[] = {
		{"Retry-After", c->retry, sizeof c->retry},
		{"retry-after-ms", c->retry_ms, sizeof c->retry_ms},
		{"Date", c->date, sizeof c->date},
	};
	const char *value;
	size_t n;
	for (size_t i = 0; i < COUNT_OF(kept); i++) {
		if (!curl_rules_header(line, bytes, kept[i].name, &value, &n) ||
		    n >= kept[i].bytes)
			continue;
		memcpy(kept[i].at, value, n);
		kept[i].at[n] = '\0';
	}
}

/* -1 when it is no number of only digits. */
static int64_t whole_number(const char *text, int64_t most)
{
	int64_t n = 0;
	if (!*text || text[strspn(text, "0123456789")])
		return -1;
	for (; *text && n < most; text++)
		n = n * 10 + (*text - '0');
	return n < most ? n : most;
}

static int64_t retry_after_ms(const struct http_client *c)
{
	int64_t ms = whole_number(c->retry_ms, HTTP_RETRY_MAX_MS);
	int64_t s = whole_number(c->retry, HTTP_RETRY_MAX_MS / 1000);
	if (ms >= 0)
		return ms;
	if (s >= 0)
		return s * 1000;
	time_t at = c->retry[0] ? curl_getdate(c->retry, NULL) : -1;
	time_t from = c->date[0] ? curl_getdate(c->date, NULL) : -1;
	if (at < 0)
		return -1;
	s = at - (from >= 0 ? from : clock_show_ms() / 1000);
	if (s > HTTP_RETRY_MAX_MS / 1000)
		return HTTP_RETRY_MAX_MS;
	return s > 0 ? s * 1000 : 0;
}

static size_t take_header(char *line, size_t size, size_t count, void *ctx)
{
	struct http_client *c = ctx;
	size_t bytes = size * count, n;
	const char *value;
	c->header_bytes += bytes;
	if (c->header_bytes > HEADER_MAX_BYTES) {
		c->too_large = true;
		return 0;
	}
	if (bytes > 5 && memcmp(line, "HTTP/", 5) == 0) {
		c->length[0] = '\0'; /* a 1xx came before this one */
		c->chunked = false;
	} else if (curl_rules_header(line, bytes, "Content-Length", &value,
				     &n)) {
		keep_length(c, value, n);
	} else if (curl_rules_header(line, bytes, "Transfer-Encoding", &value,
				     &n)) {
		c->chunked = true;
	} else if (curl_rules_header(line, bytes, "Content-Type", &value, &n)) {
		free(c->out->content_type);
		c->out->content_type = text_clean(value, n, FIELD_MAX_BYTES);
	} else if (curl_rules_header(line, bytes, "Location", &value, &n)) {
		char *raw = xstrndup(value, n);
		free(c->out->location);
		c->out->location = http_url_for_people(raw);
		free(raw);
	}
	if (c->call && c->call->want &&
	    curl_rules_header(line, bytes, c->call->want, &value, &n) &&
	    n <= FIELD_MAX_BYTES) {
		free(c->out->wanted);
		c->out->wanted = xstrndup(value, n);
	}
	keep_retry(c, line, bytes);
	/* Both lengths at once is how answers are smuggled past a proxy; curl
	 * would take its pick. */
	if (c->chunked && c->length[0])
		c->contradiction = true;
	return c->contradiction ? 0 : bytes;
}

/* --- one exchange ------------------------------------------------------- */

static void begin(struct http_client *c, const char *url, int64_t deadline_ms,
		  struct http_answer *out)
{
	memset(out, 0, sizeof *out);
	out->dns_ms = out->connect_ms = out->tls_ms = -1;
	out->first_byte_ms = out->total_ms = -1;
	out->retry_after_ms = -1;
	http_disconnect(c);
	curl_easy_reset(c->easy);
	c->out = out;
	c->call = NULL;
	c->max_bytes = c->body_bytes = c->header_bytes = 0;
	c->length[0] = c->errors[0] = '\0';
	c->retry[0] = c->retry_ms[0] = c->date[0] = '\0';
	c->chunked = c->too_large = c->contradiction = c->blocked = false;
	c->enough = false;
	c->began_us = clock_mono_us();

	int64_t left = deadline_ms - c->began_us / 1000;
	CURL *e = c->easy;
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->errors);
	curl_rules_apply(e, &c->blocked);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)(left > 0 ? left : 1));
}

/* Runs the transfer to its end, the deadline or the stop. */
static enum http_fault drive(struct http_client *c, const struct stop *stop,
			     int64_t deadline_ms, CURLcode *rc)
{
	curl_multi_add_handle(c->multi, c->easy);
	c->added = true;
	for (;;) {
		int running = 0, left = 0;
		CURLMcode mc = curl_multi_perform(c->multi, &running);
		CURLMsg *m = curl_multi_info_read(c->multi, &left);
		if (m && m->msg == CURLMSG_DONE) {
			*rc = m->data.result;
			return HTTP_FINE;
		}
		if (stop_raised(stop))
			return HTTP_CANCELLED;
		int64_t due_ms = stop_due_ms(stop, deadline_ms);
		if (clock_mono_ms() >= due_ms)
			return HTTP_TIMEOUT;
		if (mc != CURLM_OK || running == 0) {
			*rc = CURLE_FAILED_INIT;
			return HTTP_FINE;
		}
		struct curl_waitfd wake = {
			.fd = stop ? stop->fd : -1,
			.events = CURL_WAIT_POLLIN,
		};
		curl_multi_poll(c->multi, &wake, wake.fd >= 0,
				stop_wait_ms(stop, due_ms), NULL);
		if (wake.revents)
			stop_woken(stop);
	}
}

static int64_t phase_ms(CURL *e, CURLINFO info)
{
	curl_off_t us = 0;
	curl_easy_getinfo(e, info, &us);
	return us > 0 ? (us + 999) / 1000 : -1;
}

static void measure(struct http_client *c)
{
	struct http_answer *out = c->out;
	int64_t dns = phase_ms(c->easy, CURLINFO_NAMELOOKUP_TIME_T);
	int64_t conn = phase_ms(c->easy, CURLINFO_CONNECT_TIME_T);
	int64_t tls = phase_ms(c->easy, CURLINFO_APPCONNECT_TIME_T);
	long sent = 0;
	out->dns_ms = dns;
	out->connect_ms = conn < 0 ? -1 : conn - (dns > 0 ? dns : 0);
	out->tls_ms = tls < 0 ? -1 : tls - conn;
	out->first_byte_ms = phase_ms(c->easy, CURLINFO_STARTTRANSFER_TIME_T);
	out->total_ms = (clock_mono_us() - c->began_us + 999) / 1000;
	if (out->total_ms < out->first_byte_ms) /* which is rounded up */
		out->total_ms = out->first_byte_ms;
	curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &sent);
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &out->status);
	/* When in doubt it was reached: then its cost counts as spent. */
	out->reached =
		sent > 0 || phase_ms(c->easy, CURLINFO_PRETRANSFER_TIME_T) > 0;
}

static enum http_fault fault_of(const struct http_client *c, CURLcode rc)
{
	if (c->too_large)
		return HTTP_TOO_LARGE;
	if (c->enough)
		return HTTP_ENOUGH;
	if (c->contradiction)
		return HTTP_GARBAGE;
	if (c->blocked)
		return HTTP_BLOCKED;
	return curl_rules_fault(rc, c->out->reached);
}

/* What is said after the address. `room` holds what has to be printed. */
static const char *fault_says(const struct http_client *c,
			      enum http_fault fault, char *room, size_t bytes)
{
	const struct http_answer *out = c->out;
	bool head = c->header_bytes > HEADER_MAX_BYTES;
	switch (fault) {
	case HTTP_TIMEOUT:
		snprintf(room, bytes, "%s after %lld ms",
			 !out->reached ? "not connected"
			 : out->status ? "the answer was not complete"
				       : "no answer",
			 (long long)out->total_ms);
		return room;
	case HTTP_REFUSED:
		return "nobody listens there; start the service or correct the "
		       "address";
	case HTTP_DNS:
		return "the name is not known; check the spelling and the "
		       "network";
	case HTTP_TLS:
		snprintf(room, bytes, "no trusted TLS connection (%s)",
			 c->errors[0] ? c->errors : "handshake failed");
		return room;
	case HTTP_BAD_URL:
		return "not an http or https URL";
	case HTTP_BLOCKED:
		return "link-local and multicast addresses are never called";
	case HTTP_TOO_LARGE:
		snprintf(room, bytes, "the answer is larger than %zu bytes",
			 head ? (size_t)HEADER_MAX_BYTES : c->max_bytes);
		return room;
	case HTTP_CUT:
		return out->status ? "the connection ended within the answer"
				   : "the connection ended without an answer";
	case HTTP_GARBAGE:
		return c->contradiction
			       ? "the answer's headers give two lengths"
			       : "what answered does not speak HTTP";
	case HTTP_ENOUGH:
		return "the rest of the answer was not wanted";
	case HTTP_FINE:
	case HTTP_CANCELLED:
	case HTTP_FAULTS:
		break;
	}
	return "cancelled";
}

static char *fault_text(const struct http_client *c, enum http_fault fault,
			const char *url)
{
	char room[CURL_ERROR_SIZE + 64];
	if (fault == HTTP_FINE)
		return NULL;
	if (fault == HTTP_CANCELLED)
		return xstrdup("cancelled");
	char *who = http_url_for_people(url);
	char *text = xasprintf("%s: %s", who,
			       fault_says(c, fault, room, sizeof room));
	char *clean = text_clean_str(text, FIELD_MAX_BYTES);
	free(text);
	free(who);
	return clean;
}

static bool finish(struct http_client *c, enum http_fault fault, CURLcode rc,
		   const char *url)
{
	measure(c);
	if (fault == HTTP_FINE)
		fault = fault_of(c, rc);
	c->out->fault = fault;
	c->out->retry_after_ms = retry_after_ms(c);
	c->out->text = fault_text(c, fault, url);
	return fault == HTTP_FINE;
}

static void set_body(struct http_client *c, const struct http_call *call)
{
	bool accepts = false;
	for (size_t i = 0; call->headers && call->headers[i]; i++)
		accepts = accepts ||
			  strncasecmp(call->headers[i], "Accept:", 7) == 0;
	if (!accepts)
		c->headers = curl_slist_append(c->headers,
					       "Accept: application/json, */*");
	if (call->body) {
		/* curl would wait a second for "100 Continue" on long bodies */
		c->headers = curl_slist_append(c->headers, "Expect:");
		c->headers = curl_slist_append(
			c->headers, "Content-Type: application/json");
		curl_easy_setopt(c->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)strlen(call->body));
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, call->body);
	}
	for (size_t i = 0; call->headers && call->headers[i]; i++)
		c->headers = curl_slist_append(c->headers, call->headers[i]);
	if (call->method && strcmp(call->method, "HEAD") == 0)
		curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
	else if (call->method)
		curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, call->method);
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
	curl_easy_setopt(c->easy, CURLOPT_USERAGENT, "showcaller");
}

bool http_exchange(struct http_client *c, const struct http_call *call,
		   struct http_answer *out)
{
	CURLcode rc = CURLE_OK;
	begin(c, call->url, call->deadline_ms, out);
	c->call = call;
	c->max_bytes = call->max_bytes;
	set_body(c, call);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
	enum http_fault fault = drive(c, call->stop, call->deadline_ms, &rc);
	bool fine = finish(c, fault, rc, call->url);
	http_disconnect(c);
	return fine;
}

int http_connect(struct http_client *c, const char *address,
		 int64_t deadline_ms, const struct stop *stop,
		 struct http_answer *out)
{
	CURLcode rc = CURLE_OK;
	curl_socket_t fd = CURL_SOCKET_BAD;
	char *url = xasprintf("http://%s", address);
	begin(c, url, deadline_ms, out);
	curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1L);
	/* or the connection is closed as soon as it stands */
	curl_easy_setopt(c->easy, CURLOPT_FORBID_REUSE, 0L);
	enum http_fault fault = drive(c, stop, deadline_ms, &rc);
	if (finish(c, fault, rc, address) &&
	    curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK)
		fd = CURL_SOCKET_BAD;
	free(url);
	return fd;
}

void http_disconnect(struct http_client *c)
{
	if (c->added)
		curl_multi_remove_handle(c->multi, c->easy);
	c->added = false;
	curl_rules_free_headers(&c->headers);
}

void http_answer_release(struct http_answer *answer)
{
	free(answer->text);
	free(answer->content_type);
	free(answer->wanted);
	free(answer->location);
	buf_release(&answer->body);
	memset(answer, 0, sizeof *answer);
}
