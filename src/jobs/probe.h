/*
 * probe: one look at a service, as a test of a card or a step of one wants it.
 * A kind of check is a row in check.c and a function that fills in what was
 * measured and what is shown, or says why it could not. Private to jobs/; the
 * thread's own.
 */
#ifndef JOBS_PROBE_H
#define JOBS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "jobs/audio.h"
#include "jobs/expect.h"
#include "jobs/http.h"
#include "jobs/job.h"
#include "show/show.h"

#define PROBE_BODY_BYTES    (8 * 1024 * 1024) /* of an answer, at most */
#define PROBE_ADDRESS_BYTES 256

struct probe {
	const struct show *show;
	const char *card;	      /* of the test */
	const struct show_check *def; /* of the test, or the step */
	struct http_client *client;
	const struct stop *stop;
	int64_t deadline_ms;
	const struct job_room *room; /* of the core's pool; NULL: none */
	/* With {{kept.NAME}} filled in. */
	const char *endpoint; /* "" when the kind needs none */
	json_object *payload; /* NULL: none */
	json_object *expected;
	char *secret; /* what must not be shown, or NULL */

	/* What came. `measured` lends what stands below it. */
	struct measured measured;
	int64_t dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms; /* -1 */
	struct buf body;
	char *content_type;
	json_object *json;
	struct audio_facts audio;
	char *text;	   /* why there is nothing to judge, cleaned */
	char *fine;	   /* the line of a test that passes */
	size_t kept_bytes; /* how much of a long text is kept in `detail` */
	json_object *detail;
};

/* Each gives true when there is something to judge. */
bool probe_agent(struct probe *p);
bool probe_audio(struct probe *p);
bool probe_exec(struct probe *p);
bool probe_http(struct probe *p);
bool probe_log(struct probe *p);
bool probe_mcp(struct probe *p);
bool probe_obs(struct probe *p);
bool probe_prometheus(struct probe *p);
bool probe_redis(struct probe *p);
bool probe_rtmp(struct probe *p);
bool probe_tcp(struct probe *p);

/* Says why, and returns false. */
bool probe_fail(struct probe *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The line of a test that passes. */
void probe_fine(struct probe *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Text from outside, cleaned, cut, and with the secret blanked. */
void probe_keep_text(struct probe *p, json_object *o, const char *key,
		     const char *text, size_t bytes);
/* A tree, the same way; NULL adds nothing. */
void probe_keep_tree(struct probe *p, json_object *o, const char *key,
		     json_object *tree);
/* The request or the answer, as it is shown. Takes over `*o`. */
void probe_keep(struct probe *p, const char *key, json_object **o);

/* The times of an exchange. */
void probe_times(struct probe *p, const struct http_answer *a);
/* Of one that is measured here: from `began_us` until now. */
void probe_took(struct probe *p, int64_t began_us);

/* The key of the test's key_env or key_file becomes the secret, if it names
 * one. False: it is not to be had, and the text is set. */
bool probe_read_key(struct probe *p);
/* The same for a key that stands elsewhere; either may be NULL. */
bool probe_read_secret(struct probe *p, const char *env, const char *file);

/* "operator:/path" and "audience:/path" are the show's own listeners: where the
 * running show says that it listens, or where the show file puts it. 1: `out`
 * is the address and `*path` what stands behind; 0: it is neither; -1: not to
 * be had, and the text is set. */
int probe_own(struct probe *p, const char **path,
	      char out[PROBE_ADDRESS_BYTES]);
/* The URL to call, with the operator's token as secret for its own listener;
 * caller frees. NULL when there is none, with the text set. */
char *probe_url(struct probe *p);

/* The text that a payload stands for: a JSON string its text, else its JSON. */
const char *probe_payload_text(const struct probe *p, size_t *bytes);

/* One HTTP exchange with the test's key: request and answer are kept, body and
 * times measured. False with the text set. `body` NULL: none. */
bool probe_exchange(struct probe *p, const char *url, const char *method,
		    const char *body);

/* Sockets that http_connect() gave: all of it, or until the deadline or the
 * stop. What is received goes behind `in`; -1: an error, 0: its end or no
 * time. */
bool probe_send(struct probe *p, int fd, const void *bytes, size_t count);
int probe_receive(struct probe *p, int fd, struct buf *in, size_t most);

#endif
