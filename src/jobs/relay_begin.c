/* relay_begin: a request goes out to the model's server, its answer comes in.
 */
#include "jobs/relay_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/text.h"

#define BODY_MAX_BYTES	 (1024 * 1024) /* of an answer in one piece */
#define STREAM_MAX_BYTES (64 * 1024 * 1024)
#define ERROR_MAX_BYTES	 (64 * 1024)
#define CONNECT_MS	 10000

/* --- what curl calls ------------------------------------------------------ */

static bool field(const char *line, size_t bytes, const char *name, char *out,
		  size_t out_bytes)
{
	const char *value;
	size_t n;
	if (!curl_rules_header(line, bytes, name, &value, &n))
		return false;
	char *clean = text_clean(value, n, out_bytes - 1);
	snprintf(out, out_bytes, "%s", clean);
	free(clean);
	return true;
}

/* The head is complete: a stream of events is passed on from here. */
static void begin_answer(struct stream *s)
{
	struct relay_call *call = s->call;
	bool events = !strncasecmp(s->head.type, "text/event-stream", 17);
	if (s->head.status < 200 || s->head.status > 299 || !call->stream ||
	    !events)
		return;
	struct meter_allowance may = {
		.api = call->api,
		.usage_wanted = call->usage_wanted,
		.choices = call->choices,
		.prompt_tokens = call->prompt_tokens,
		.output_tokens = call->output_tokens,
		.lease = call->lease,
	};
	s->meter = meter_new(&may);
	s->head.piecewise = true;
	flow_begin(call->flow, &s->head);
}

static size_t take_header(char *line, size_t size, size_t count, void *ctx)
{
	struct stream *s = ctx;
	size_t bytes = size * count;
	s->heard_ms = clock_mono_ms();
	if (bytes > 12 && !strncmp(line, "HTTP/1.", 7)) {
		s->head = (struct flow_head){.type = "application/json"};
		s->head.status = atoi(line + 9);
	} else if (bytes <= 2) {
		begin_answer(s);
	} else if (!field(line, bytes, "Content-Type", s->head.type,
			  sizeof s->head.type)) {
		field(line, bytes, "Retry-After", s->head.retry_after,
		      sizeof s->head.retry_after);
	}
	return bytes;
}

static size_t take_stream(struct stream *s, const char *data, size_t bytes)
{
	if (flow_is_left(s->call->flow)) {
		snprintf(s->code, sizeof s->code, "gone");
		return 0;
	}
	if (!flow_has_room(s->call->flow)) {
		s->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	s->bytes += bytes;
	enum meter_state state = meter_feed(s->meter, data, bytes, &s->out);
	flow_put(s->call->flow, s->out.data, s->out.len);
	buf_clear(&s->out);
	if (s->bytes > STREAM_MAX_BYTES)
		snprintf(s->code, sizeof s->code, "too_large");
	/* Whatever comes behind the end: the connection is not kept. */
	return state == METER_GOES_ON && !s->code[0] ? bytes : 0;
}

static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
	struct stream *s = ctx;
	size_t bytes = size * count;
	s->heard_ms = clock_mono_ms();
	if (s->meter)
		return take_stream(s, data, bytes);
	size_t max = s->head.status < 300 ? BODY_MAX_BYTES : ERROR_MAX_BYTES;
	if (bytes > max - s->whole.len) {
		s->too_large = true;
		return 0;
	}
	buf_add(&s->whole, data, bytes);
	return bytes;
}

/* --- the begin of a transfer ---------------------------------------------- */

static void add_header(struct stream *s, const char *line)
{
	s->headers = curl_slist_append(s->headers, line);
}

static void set_headers(struct stream *s)
{
	const struct relay_call *call = s->call;
	char **own = llm_headers_new(llm_api_of(call->api), call->version,
				     s->secret, NULL);
	add_header(s, "Content-Type: application/json");
	add_header(s, call->stream ? "Accept: text/event-stream"
				   : "Accept: application/json");
	add_header(s, "Expect:");
	for (size_t i = 0; own[i]; i++)
		add_header(s, own[i]);
	llm_headers_free(&own);
	if (call->beta) {
		char *beta = xasprintf("anthropic-beta: %s", call->beta);
		add_header(s, beta);
		free(beta);
	}
}

/* The bell of flows. Any thread. */
static void ring(void *ctx)
{
	struct relay *r = ctx;
	if (!atomic_exchange(&r->rung, true))
		eventfd_write(r->bell_fd, 1);
}

static void set_options(struct stream *s)
{
	CURL *e = s->easy;
	curl_rules_apply(e, &s->blocked);
	curl_easy_setopt(e, CURLOPT_URL, s->url);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, s->headers);
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
			 (curl_off_t)strlen(s->request));
	curl_easy_setopt(e, CURLOPT_POSTFIELDS, s->request);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, s);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, s);
	curl_easy_setopt(e, CURLOPT_PRIVATE, s);
}

void relay_begin(struct relay *r, struct relay_call **callp)
{
	struct err err = {0};
	struct stream *s = xcalloc(1, sizeof *s);
	s->relay = r;
	s->call = *callp;
	*callp = NULL;
	s->next = r->streams;
	s->prev = &r->streams;
	if (s->next)
		s->next->prev = &s->next;
	r->streams = s;
	r->stream_count++;
	s->heard_ms = clock_mono_ms();
	const struct show_agent *agent = &r->show->agents[s->call->agent];
	bool key = llm_key_read(r->show, agent, &s->secret, &err);
	s->easy = key ? curl_easy_init() : NULL;
	if (!s->easy) {
		char *text =
			relay_says(s, key ? "no descriptors left" : err.text);
		relay_refuse(s, 503, key ? "no_resources" : "no_key", text,
			     NULL);
		free(text);
		relay_stream_free(s);
		return;
	}
	s->url = llm_url(agent);
	s->request = xstrdup(json_text(s->call->body));
	json_object_put(s->call->body);
	s->call->body = NULL;
	set_headers(s);
	set_options(s);
	flow_set_bell(s->call->flow, ring, r);
	curl_multi_add_handle(r->multi, s->easy);
}
