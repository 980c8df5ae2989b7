/*
 * relay_in: what the files of the relay share. Private to them; all of it is
 * the relay thread's own but for what relay.h says.
 */
#ifndef JOBS_RELAY_IN_H
#define JOBS_RELAY_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "core/input.h"
#include "jobs/curl_rules.h"
#include "jobs/llm.h"
#include "jobs/meter.h"
#include "jobs/relay.h"

struct stream {
	struct stream *next, **prev;
	struct relay *relay;
	struct relay_call *call;
	CURL *easy;
	struct curl_slist *headers;
	char *url, *request;
	char *secret; /* the key of the server; NULL: none */
	struct meter *meter; /* NULL: an answer in one piece */
	struct buf whole, out;
	struct flow_head head;
	size_t bytes;
	int64_t heard_ms;
	bool paused, blocked, too_large;
	char code[32]; /* why it was ended from our side; "" */
};

struct relay {
	struct show *show;
	struct mailbox *engine, *box;
	pthread_t thread;
	bool started;
	atomic_bool over, rung;
	int epoll_fd, bell_fd;
	CURLM *multi;
	struct stream *streams;
	size_t stream_count;
	int64_t timer_ms;    /* when curl wants to be asked; 0: not */
	struct input **late; /* that found the engine's mailbox full */
	size_t late_count, late_cap;
};

/* relay_begin.c: a request goes out, an answer comes in. */
void relay_begin(struct relay *r, struct relay_call **call);

/* relay_finish.c: tells the engine of the end, and frees the stream. */
void relay_finish(struct stream *s, CURLcode rc);
/* An answer that never began: an error in the API's own form. Frees nothing. */
void relay_refuse(struct stream *s, int status, const char *code,
		  const char *text, const char *retry_after);
/* A sentence about the model's server. Caller frees. */
char *relay_says(const struct stream *s, const char *why);

/* relay.c */
void relay_deliver(struct relay *r, struct input **in);
void relay_stream_free(struct stream *s);

#endif
