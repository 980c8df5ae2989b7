/* Kind tcp: a connection, and what the service says first. */
#include "jobs/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define BANNER_MAX_BYTES (64 * 1024)

/* Whether what is wanted of the banner is there. */
static bool banner_holds(const struct probe *p)
{
	struct measured m = measured_nothing;
	m.body = buf_str(&p->body);
	m.body_bytes = p->body.len;
	json_object *only = json_object_new_object();
	json_object *rows = json_object_new_array();
	char *text = NULL;
	json_object_object_add(
		only, "banner",
		json_object_get(json_get(p->expected, "banner")));
	bool there = expect_all(only, &m, rows, &text);
	free(text);
	json_object_put(rows);
	json_object_put(only);
	return there;
}

static void read_banner(struct probe *p, int fd, int64_t began_us)
{
	while (probe_receive(p, fd, &p->body, BANNER_MAX_BYTES) > 0) {
		if (p->first_byte_ms < 0)
			p->first_byte_ms =
				(clock_mono_us() - began_us + 999) / 1000;
		if (banner_holds(p))
			return;
	}
}

static bool talk(struct probe *p, int fd, int64_t began_us)
{
	size_t bytes = 0;
	const char *payload = p->payload ? probe_payload_text(p, &bytes) : NULL;
	bool sent = !payload || probe_send(p, fd, payload, bytes);
	if (sent && json_get(p->expected, "banner"))
		read_banner(p, fd, began_us);
	probe_took(p, began_us);
	p->measured.body = buf_str(&p->body);
	p->measured.body_bytes = p->body.len;
	json_object *o = json_object_new_object();
	probe_keep_text(p, o, "banner", buf_str(&p->body), p->body.len);
	probe_keep(p, "answer", &o);
	if (stop_raised(p->stop))
		return probe_fail(p, "cancelled");
	if (!sent)
		return probe_fail(p, "%s: the payload was not taken",
				  p->endpoint);
	probe_fine(p, "connected in %lld ms", (long long)p->total_ms);
	return true;
}

bool probe_tcp(struct probe *p)
{
	struct http_answer answer;
	char own[PROBE_ADDRESS_BYTES];
	const char *path;
	int64_t began_us = clock_mono_us();
	int which = probe_own(p, &path, own);
	const char *address = which > 0 ? own : p->endpoint;
	if (which < 0)
		return false;
	json_object *o = json_object_new_object();
	json_add_str(o, "address", address);
	probe_keep_tree(p, o, "payload", p->payload);
	probe_keep(p, "request", &o);
	int fd = http_connect(p->client, address, p->deadline_ms, p->stop,
			      &answer);
	probe_times(p, &answer);
	bool fine = fd >= 0 ? talk(p, fd, began_us)
			    : probe_fail(p, "%s",
					 answer.text ? answer.text
						     : "no connection");
	http_disconnect(p->client);
	http_answer_release(&answer);
	return fine;
}
