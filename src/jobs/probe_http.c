/* Kinds http and prometheus. */
#include "jobs/probe.h"

#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

bool probe_http(struct probe *p)
{
	char *url = probe_url(p);
	if (!url)
		return false;
	const char *body = p->payload ? json_text(p->payload) : NULL;
	bool fine = probe_exchange(p, url, p->def->method, body);
	if (fine)
		probe_fine(p, "status %lld in %lld ms",
			   (long long)p->measured.status,
			   (long long)p->total_ms);
	free(url);
	return fine;
}

/* --- prometheus --------------------------------------------------------- */

/* How often an empty answer is asked for again while the test waits. */
#define AGAIN_MS 250

/* All but what RFC 3986 calls unreserved. */
static void add_escaped(struct buf *b, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr("-._~", c))
			buf_addc(b, (char)c);
		else
			buf_addf(b, "%%%02X", c);
	}
}

/* The first value of a vector, or the scalar: [time, "value"]. */
static json_object *first_sample(json_object *answer)
{
	json_object *data = json_get_object(answer, "data");
	const char *type = json_get_str(data, "resultType", "");
	json_object *result = json_get_array(data, "result");
	if (!result || json_object_array_length(result) == 0)
		return NULL;
	if (strcmp(type, "scalar") == 0)
		return json_object_array_get_idx(result, 1);
	json_object *sample =
		json_get_array(json_object_array_get_idx(result, 0), "value");
	return sample ? json_object_array_get_idx(sample, 1) : NULL;
}

static bool read_sample(struct probe *p, const char *query)
{
	json_object *sample = first_sample(p->json);
	const char *error = json_get_str(p->json, "error", NULL);
	if (error)
		return probe_fail(p, "Prometheus refuses the query: %s", error);
	if (!p->json)
		return probe_fail(p,
				  "status %lld, and the answer is not JSON: "
				  "no Prometheus",
				  (long long)p->measured.status);
	if (!sample)
		return probe_fail(p,
				  "no samples for %s: nothing of that name was "
				  "scraped yet",
				  query);
	const char *text = json_object_get_string(sample);
	char *end;
	double value = strtod(text, &end);
	if (*end || end == text)
		return probe_fail(p, "%s: the value \"%s\" is no number", query,
				  text);
	p->measured.value = value;
	p->measured.has_value = isfinite(value);
	probe_fine(p, "%s in %lld ms", text, (long long)p->total_ms);
	return true;
}

/* Until there are samples, or no time is left for that. */
static bool wait_again(struct probe *p, int64_t until_ms)
{
	int64_t now_ms = clock_mono_ms();
	int64_t next_ms = now_ms + AGAIN_MS;
	if (first_sample(p->json) || json_get_str(p->json, "error", NULL) ||
	    next_ms >= until_ms)
		return false;
	while (!stop_raised(p->stop) && (now_ms = clock_mono_ms()) < next_ms) {
		struct pollfd fd = {.fd = p->stop ? p->stop->fd : -1,
				    .events = POLLIN};
		if (poll(&fd, 1, stop_wait_ms(p->stop, next_ms)) > 0)
			stop_woken(p->stop);
	}
	return !stop_raised(p->stop);
}

bool probe_prometheus(struct probe *p)
{
	const char *query = json_get_str(p->payload, "query", NULL);
	int64_t wait_ms = json_get_int(p->payload, "wait_ms", 0);
	int64_t until_ms = clock_mono_ms() + wait_ms;
	int64_t began_us = clock_mono_us();
	if (!query)
		return probe_fail(p, "the payload names no query");
	if (until_ms > p->deadline_ms)
		until_ms = p->deadline_ms;
	struct buf url = {0};
	size_t bytes = strlen(p->endpoint);
	while (bytes && p->endpoint[bytes - 1] == '/')
		bytes--;
	buf_add(&url, p->endpoint, bytes);
	buf_adds(&url, "/api/v1/query?query=");
	add_escaped(&url, query);
	bool fine;
	do
		fine = probe_exchange(p, buf_str(&url), NULL, NULL);
	while (fine && wait_again(p, until_ms));
	if (fine && wait_ms > 0)
		probe_took(p, began_us);
	json_object *request = json_get_object(p->detail, "request");
	if (request)
		json_add_str(request, "query", query);
	buf_release(&url);
	return fine && read_sample(p, query);
}
