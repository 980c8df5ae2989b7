/*
 * sse: server-sent events (HTML standard, 9.2). The events of a run: those
 * since Last-Event-ID that are still kept, then live; whoever asks for
 * application/json gets the kept ones as a list. And the polls, for the
 * audience: each message is whole, so nobody has to ask for what was missed.
 */
#include "net/request.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define BLOCK_BYTES  (16 * 1024)
#define HEARTBEAT_MS 15000
#define STALLED_MS   45000 /* no room for so long: gone */
#define SLOW_MS	     10000 /* the same, for one of the audience */

struct stream {
	struct stream *next, **prev;
	struct web *web;
	struct side *side;
	struct conn *conn;
	bool (*fill)(
		struct stream *s); /* `out` with what is new; false: nothing */
	char *run;		   /* of events */
	uint64_t next_seq;
	struct board_seen seen; /* of the polls */
	bool asleep, stopping;
	struct buf out;	  /* formatted, not yet taken */
	size_t sent;	  /* of out */
	int64_t taken_ms; /* when the connection took something last */
};

static const struct event *kept(const struct web *web, uint64_t seq)
{
	const struct event *e = web->kept[seq % WEB_KEPT_EVENTS];
	return e && e->seq == seq ? e : NULL;
}

static bool is_of(const struct event *e, const char *run)
{
	return !*run || !*e->run || !strcmp(e->run, run);
}

static void format(struct buf *out, const struct event *e)
{
	json_object *o = event_json(e);
	buf_addf(out, "id: %llu\nevent: %s\ndata: ", (unsigned long long)e->seq,
		 event_type_name(e->type));
	buf_adds(out, json_text(o)); /* one line: JSON has no raw newline */
	buf_adds(out, "\n\n");
	json_object_put(o);
}

static bool fill_events(struct stream *s)
{
	struct web *web = s->web;
	if (s->next_seq < web->kept_from) {
		buf_addf(&s->out,
			 "event: gap\ndata: {\"from\":%llu,"
			 "\"to\":%llu}\n\n",
			 (unsigned long long)s->next_seq,
			 (unsigned long long)(web->kept_from - 1));
		s->next_seq = web->kept_from;
	}
	while (s->next_seq <= web->model->seq && s->out.len < BLOCK_BYTES) {
		const struct event *e = kept(web, s->next_seq++);
		if (e && is_of(e, s->run))
			format(&s->out, e);
	}
	return s->out.len > 0;
}

static bool fill_polls(struct stream *s)
{
	struct note *note;
	while ((note = board_next(&s->web->board, &s->seen))) {
		buf_adds(&s->out, "data: ");
		buf_add(&s->out, note->data + NOTE_ROOM, note->bytes);
		buf_adds(&s->out, "\n\n");
	}
	return s->out.len > 0;
}

static bool fill(struct stream *s)
{
	buf_clear(&s->out);
	s->sent = 0;
	return s->fill(s);
}

static ssize_t read_block(void *cls, uint64_t pos, char *room, size_t max)
{
	struct stream *s = cls;
	(void)pos;
	if (s->stopping)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (s->sent == s->out.len && !fill(s)) {
		s->asleep = true;
		MHD_suspend_connection(s->conn->mhd);
		return 0;
	}
	size_t n = s->out.len - s->sent;
	if (n > max)
		n = max;
	memcpy(room, s->out.data + s->sent, n);
	s->sent += n;
	s->taken_ms = clock_mono_ms();
	return (ssize_t)n;
}

static void stream_free(void *cls)
{
	struct stream *s = cls;
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->web->stream_count--;
	s->web->tally_streams -= s->fill == fill_polls;
	buf_release(&s->out);
	free(s->run);
	free(s);
}

static void wake(struct stream *s)
{
	if (!s->asleep)
		return;
	s->asleep = false;
	MHD_resume_connection(s->conn->mhd);
	s->side->mhd_ready = true;
}

void sse_news(struct web *web)
{
	for (struct stream *s = web->streams; s; s = s->next)
		if (s->fill == fill_events)
			wake(s);
}

void sse_tell(struct web *web, int64_t now_ms)
{
	if (!board_is_due(&web->board, now_ms))
		return;
	for (struct stream *s = web->streams; s; s = s->next)
		if (s->fill == fill_polls)
			wake(s);
}

void sse_sweep(struct web *web, int64_t now)
{
	for (struct stream *s = web->streams; s; s = s->next) {
		bool quiet = now - s->taken_ms > HEARTBEAT_MS;
		if (quiet && s->asleep) {
			/* A comment: finds out who has gone. */
			buf_clear(&s->out);
			buf_adds(&s->out, ":\n\n");
			s->sent = 0;
			wake(s);
		} else if (!s->asleep &&
			   now - s->taken_ms > (s->fill == fill_polls
							? SLOW_MS
							: STALLED_MS)) {
			s->conn->deadline_ms = now;
		}
	}
}

void sse_stop(struct web *web)
{
	for (struct stream *s = web->streams; s; s = s->next) {
		s->stopping = true;
		wake(s);
	}
}

static uint64_t first_wanted(const struct request *r)
{
	const char *last = head_get(&r->head, "Last-Event-ID");
	char *from = form_get(r->query, "from");
	const char *text = last ? last : from;
	uint64_t seq = 1;
	if (text && *text && strlen(text) < 19 &&
	    strspn(text, "0123456789") == strlen(text))
		seq = strtoull(text, NULL, 10) + 1;
	else if (!text && r->web->kept_from)
		seq = r->web->kept_from;
	free(from);
	return seq;
}

static void respond_list(struct request *r, const char *run)
{
	struct web *web = r->web;
	json_object *o = json_object_new_object();
	json_object *list = json_object_new_array();
	uint64_t seq = first_wanted(r);
	if (seq < web->kept_from)
		seq = web->kept_from;
	for (; seq && seq <= web->model->seq; seq++) {
		const struct event *e = kept(web, seq);
		if (e && is_of(e, run))
			json_object_array_add(list, event_json(e));
	}
	json_add_int(o, "kept_from", (int64_t)web->kept_from);
	json_add(o, "events", &list);
	http_respond_json(r, 200, &o);
}

static struct stream *stream_new(struct request *r,
				 bool (*fill_it)(struct stream *s))
{
	struct web *web = r->web;
	struct stream *s = xcalloc(1, sizeof *s);
	s->web = web;
	s->side = r->side;
	s->conn = r->conn;
	s->fill = fill_it;
	s->taken_ms = clock_mono_ms();
	s->next = web->streams;
	s->prev = &web->streams;
	if (s->next)
		s->next->prev = &s->next;
	web->streams = s;
	web->stream_count++;
	return s;
}

static void begin(struct request *r, struct stream *s)
{
	r->conn->deadline_ms = 0;
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_block, s, stream_free);
	MHD_add_response_header(response, "Content-Type", "text/event-stream");
	http_queue(r, 200, &response);
}

void api_events(struct request *r)
{
	struct web *web = r->web;
	const char *run = r->args[0];
	const char *accept = head_get(&r->head, "Accept");
	if (strcmp(run, web->model->run.id)) {
		http_error(r, 404, "not_found",
			   "no such run; the last one is \"%s\"",
			   web->model->run.id);
		return;
	}
	if (accept && strstr(accept, "application/json")) {
		respond_list(r, run);
		return;
	}
	if (web->stream_count - web->tally_streams >= WEB_MAX_STREAMS) {
		http_error(r, 503, "busy", "too many event streams are open");
		return;
	}
	struct stream *s = stream_new(r, fill_events);
	s->run = xstrdup(run);
	s->next_seq = first_wanted(r);
	begin(r, s);
}

void tally_events(struct request *r)
{
	struct web *web = r->web;
	if (web->tally_streams >= WEB_MAX_TALLY_STREAMS) {
		http_error(r, 503, "busy", "too many event streams are open");
		return;
	}
	web->tally_streams++;
	begin(r, stream_new(r, fill_polls));
}
