/* Kind rtmp: the handshake with an ingest, and its application. */
#include "jobs/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "jobs/rtmp.h"

#define ANSWER_MOST (256 * 1024)
#define PORT	    "1935"

struct talk {
	struct probe *p;
	int fd;
	char *address, *app, *tc_url;
	struct buf in;
	int64_t began_us, handshake_ms;
};

/* rtmp://host[:port]/app[/...] */
static bool find_place(struct talk *t)
{
	struct probe *p = t->p;
	const char *rest = p->endpoint + strlen("rtmp://");
	if (strncmp(p->endpoint, "rtmp://", 7) != 0)
		return probe_fail(p, "%s is no rtmp:// URL", p->endpoint);
	size_t host = strcspn(rest, "/?");
	char *name = xstrndup(rest, host);
	const char *bracket = strrchr(name, ']');
	t->address = xasprintf(
		"%s%s", name,
		strchr(bracket ? bracket : name, ':') ? "" : ":" PORT);
	free(name);
	rest += host + (rest[host] == '/');
	t->app = xstrndup(rest, strcspn(rest, "/?"));
	const char *named = json_get_str(p->payload, "tcUrl", NULL);
	t->tc_url = named ? xstrdup(named)
			  : xasprintf("rtmp://%s/%s", t->address, t->app);
	return true;
}

/* Until so many bytes are there. */
static bool gather(struct talk *t, size_t bytes, const char *what)
{
	struct probe *p = t->p;
	while (t->in.len < bytes) {
		int n = probe_receive(p, t->fd, &t->in, ANSWER_MOST);
		if (n > 0) {
			if (p->first_byte_ms < 0)
				p->first_byte_ms =
					(clock_mono_us() - t->began_us + 999) /
					1000;
			continue;
		}
		if (stop_raised(p->stop))
			return probe_fail(p, "cancelled");
		return probe_fail(
			p, "%s: %s, after %zu of %zu bytes", t->address,
			clock_mono_ms() >= p->deadline_ms ? "no answer in time"
							  : what,
			t->in.len, bytes);
	}
	return true;
}

static bool shake_hands(struct talk *t)
{
	struct probe *p = t->p;
	struct buf hello = {0};
	rtmp_hello(&hello);
	bool sent = probe_send(p, t->fd, buf_str(&hello), hello.len);
	const size_t whole = 1 + 2 * RTMP_HANDSHAKE_BYTES;
	bool fine = sent || probe_fail(p, "%s: the handshake was not taken",
				       t->address);
	fine = fine && gather(t, 1, "it ended before the handshake");
	if (fine && t->in.data[0] != RTMP_VERSION)
		fine = probe_fail(p, "%s: it answers with version %d, no RTMP",
				  t->address, (unsigned char)t->in.data[0]);
	fine = fine && gather(t, 1 + RTMP_HANDSHAKE_BYTES,
			      "it ended within the handshake");
	/* C2 is S1 */
	fine = fine &&
	       (probe_send(p, t->fd, t->in.data + 1, RTMP_HANDSHAKE_BYTES) ||
		probe_fail(p, "%s: it ended within the handshake", t->address));
	fine = fine && gather(t, whole, "it ended within the handshake");
	/* S2 is C1, but for its times */
	if (fine && memcmp(t->in.data + 1 + RTMP_HANDSHAKE_BYTES + 8,
			   hello.data + 1 + 8, RTMP_HANDSHAKE_BYTES - 8) != 0)
		fine = probe_fail(p,
				  "%s: it does not give back what it was sent",
				  t->address);
	buf_release(&hello);
	t->handshake_ms = (clock_mono_us() - t->began_us + 999) / 1000;
	return fine;
}

static bool connect_app(struct talk *t, struct rtmp_reply *reply)
{
	struct probe *p = t->p;
	struct buf out = {0};
	enum rtmp_state state = RTMP_MORE;
	const size_t skip = 1 + 2 * RTMP_HANDSHAKE_BYTES;
	rtmp_connect(&out, t->app, t->tc_url);
	bool fine = probe_send(p, t->fd, buf_str(&out), out.len) ||
		    probe_fail(p, "%s: the command was not taken", t->address);
	buf_release(&out);
	while (fine && (state = rtmp_read(t->in.data + skip, t->in.len - skip,
					  reply)) == RTMP_MORE)
		fine = gather(t, t->in.len + 1,
			      "it ended without an answer to connect");
	if (state == RTMP_GARBAGE)
		return probe_fail(p, "%s: its answer is no RTMP", t->address);
	return fine;
}

static void keep(struct talk *t, const struct rtmp_reply *reply)
{
	struct probe *p = t->p;
	json_object *answer = json_object_new_object();
	json_add_int(answer, "version", RTMP_VERSION);
	json_add_int(answer, "handshake_ms", t->handshake_ms);
	if (reply->code[0]) {
		json_add_str(answer, "code", reply->code);
		json_add_str(answer, "description", reply->description);
	}
	p->json = json_clone(answer);
	p->measured.json = p->json;
	probe_keep(p, "answer", &answer);
}

static bool talk(struct talk *t)
{
	struct probe *p = t->p;
	struct rtmp_reply reply = {0};
	bool wants_app =
		t->app[0] && json_get_bool(p->payload, "connect", true);
	bool fine = shake_hands(t) && (!wants_app || connect_app(t, &reply));
	probe_took(p, t->began_us);
	if (!fine)
		return false;
	keep(t, &reply);
	if (wants_app && !reply.accepted)
		return probe_fail(
			p, "%s: the application %s was refused: %s %s",
			t->address, t->app, reply.code, reply.description);
	if (wants_app)
		probe_fine(p, "handshake in %lld ms, %s",
			   (long long)t->handshake_ms, reply.code);
	else
		probe_fine(p, "handshake in %lld ms",
			   (long long)t->handshake_ms);
	return true;
}

bool probe_rtmp(struct probe *p)
{
	struct talk t = {.p = p, .began_us = clock_mono_us()};
	struct http_answer a = {0};
	bool fine = false;
	if (find_place(&t)) {
		json_object *request = json_object_new_object();
		json_add_str(request, "address", t.address);
		json_add_str(request, "app", t.app);
		probe_keep(p, "request", &request);
		t.fd = http_connect(p->client, t.address, p->deadline_ms,
				    p->stop, &a);
		probe_times(p, &a);
		fine = t.fd >= 0 ? talk(&t)
				 : probe_fail(p, "%s", a.text ? a.text : "");
	}
	http_disconnect(p->client);
	http_answer_release(&a);
	buf_release(&t.in);
	free(t.address);
	free(t.app);
	free(t.tc_url);
	return fine;
}
