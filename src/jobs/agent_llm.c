/* via: llm. A prompt goes to a language model's server, its answer becomes the
 * outputs of the stage, and what it says it used is what was spent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "core/event.h"
#include "jobs/job.h"
#include "jobs/llm.h"
#include "jobs/redact.h"
#include "jobs/sse.h"

/* A token of a stream takes up some 200 bytes of events. */
#define STREAM_FACTOR 64
/* A lease that leaves fewer tokens for the answer than these is not worth its
 * prompt. */
#define ANSWER_MIN_TOKENS 16
/* Pieces may be told a little beyond max_tokens: a server that honours it stops
 * by itself. */
#define PIECES_SLACK   8
#define PROGRESS_MS    250
#define PROGRESS_BYTES 100
#define QUIRKS_MAX     3

struct call {
	const struct job_room *room;
	const struct job *job;
	const struct show_agent *agent;
	const struct show_stage *stage;
	const struct llm_api *api;
	char *who; /* the address, for people */
	char *key; /* or NULL */
	char *url, *body;
	char **headers;
	struct llm_ask ask;
	int64_t prompt_tokens; /* estimated */

	struct sse sse;
	struct buf whole; /* an answer that was to be a stream and is none */
	struct llm_told told;
	bool too_much, too_large; /* why the stream was ended by us */
	int64_t shown_ms;
};

/* --- what it is asked ---------------------------------------------------- */

/* The request's text; also how large its prompt is, and what that leaves for
 * the answer. The estimate is meter_guess_prompt(): a third of the bytes of
 * ASCII and half of the others, which is more than tokenizers find. */
static void make_body(struct call *c)
{
	json_object *o = c->api->request(&c->ask);
	c->prompt_tokens = meter_guess_prompt(o);
	if (c->job->lease && !c->ask.max_tokens) {
		c->ask.max_tokens = c->job->lease_tokens - c->prompt_tokens;
		if (c->ask.max_tokens < 1)
			c->ask.max_tokens = 1;
		json_object_put(o);
		o = c->api->request(&c->ask);
	}
	free(c->body);
	c->body = xstrdup(json_text(o));
	json_object_put(o);
}

static struct input *too_small(const struct call *c)
{
	int64_t has = c->job->lease_tokens;
	int64_t needs = c->prompt_tokens + (has / 2 > 256 ? has / 2 : 256);
	if (!c->job->lease || has - c->prompt_tokens >= ANSWER_MIN_TOKENS)
		return NULL;
	struct input *in = job_error(
		"budget", false,
		"the prompt alone takes up to %lld tokens, the lease has %lld",
		(long long)c->prompt_tokens, (long long)has);
	in->tokens_used = 0;
	in->needs_tokens = needs;
	return in;
}

/* --- while it comes ------------------------------------------------------ */

/* The end of what there is, so that the operator sees it grow. */
static void show_progress(struct call *c)
{
	int64_t now = clock_mono_ms();
	size_t bytes = c->told.text.len, from = 0;
	if (now - c->shown_ms < PROGRESS_MS || !bytes)
		return;
	c->shown_ms = now;
	const char *text = buf_str(&c->told.text);
	if (bytes > PROGRESS_BYTES)
		from = bytes - PROGRESS_BYTES;
	while (from && from < bytes &&
	       ((unsigned char)text[from] & 0xc0) == 0x80)
		from++;
	struct input *in = input_new(INPUT_PROGRESS);
	char *end = text_clean(text + from, bytes - from, PROGRESS_BYTES);
	char *safe = redact_text(end, c->key);
	in->stage = xstrdup(c->stage->id);
	in->agent = xstrdup(c->agent->id);
	in->attempt = c->job->attempt;
	in->text = xasprintf("%s%s", from ? "\xe2\x80\xa6" : "", safe);
	c->room->progress(c->room->ctx, &in);
	free(safe);
	free(end);
}

static bool take_event(void *ctx, const char *data, size_t bytes)
{
	struct call *c = ctx;
	bool more = llm_read_event(c->api, data, bytes, &c->told);
	c->too_large = c->told.text.len > c->room->max_answer_bytes;
	c->too_much = c->ask.max_tokens > 0 &&
		      c->told.finish == LLM_UNFINISHED &&
		      c->told.use.counted > c->ask.max_tokens + PIECES_SLACK;
	show_progress(c);
	return more && !c->too_large && !c->too_much;
}

/* A server that does not stream although it was asked to sends a whole answer;
 * it is taken as one. */
static bool is_stream(const struct http_answer *head)
{
	return head->content_type &&
	       strcasestr(head->content_type, "event-stream");
}

static bool take_bytes(void *ctx, const struct http_answer *head,
		       const char *bytes, size_t count)
{
	struct call *c = ctx;
	if (!is_stream(head)) {
		c->too_large = c->whole.len + count > c->room->max_answer_bytes;
		if (!c->too_large)
			buf_add(&c->whole, bytes, count);
		return !c->too_large;
	}
	enum sse_state state = sse_feed(&c->sse, bytes, count);
	c->too_large |= state == SSE_TOO_LARGE;
	return state == SSE_GOES_ON;
}

/* --- what came of it ----------------------------------------------------- */

static struct input *failure(const struct call *c, const char *code,
			     const char *text)
{
	char *safe = redact_text(text, c->key);
	struct input *in = job_error(code, true, "%s: %s", c->who, safe);
	free(safe);
	return in;
}

/* What was told of the use, whatever else went wrong. */
static void add_use(const struct call *c, struct input *in)
{
	const struct llm_told *t = &c->told;
	in->input_tokens = t->use.input_tokens;
	in->output_tokens = t->use.output_tokens;
	in->model = xstrdup(t->model ? t->model : c->agent->model);
	if (in->input_tokens < 0 || in->output_tokens < 0)
		return;
	in->tokens_used = in->input_tokens + in->output_tokens;
	int64_t cost = show_price_micros(c->agent, in->input_tokens,
					 in->output_tokens);
	in->cost_micros = cost > 0 ? cost : 0;
}

static bool speaks_of_overflow(const char *code, const char *text)
{
	static const char *const signs[] = {
		"maximum context length", "prompt is too long",
		"context window",	  "exceed context limit",
		"input is too long",	  "too many tokens",
		"context size",		  "exceeds the model's context"};
	if (code && strcmp(code, "context_length_exceeded") == 0)
		return true;
	for (size_t i = 0; i < COUNT_OF(signs); i++)
		if (text && strcasestr(text, signs[i]))
			return true;
	return false;
}

static const char *error_message(json_object *o)
{
	static const char *const places[] = {"message", "detail", "error"};
	const char *said =
		json_get_str(json_get_object(o, "error"), "message", NULL);
	for (size_t i = 0; !said && i < COUNT_OF(places); i++)
		said = json_get_str(o, places[i], NULL);
	return said;
}

/* Nothing was generated, so nothing was spent. Of the other statuses that is
 * not known. */
static bool spends_nothing(long status)
{
	return (status >= 400 && status < 500) || status == 503 ||
	       status == 529;
}

static const char *advice(const struct call *c, long status)
{
	if (status != 401 && status != 403)
		return "";
	return c->key ? "; the key of its key_env or key_file is not the right "
			"one"
		      : "; give its key by key_env or key_file";
}

static struct input *read_status(struct call *c, struct http_answer *a)
{
	char code[32];
	json_object *o = json_read(buf_str(&a->body), a->body.len,
				   &json_limits_answer, NULL);
	const char *said = error_message(o);
	const char *sign =
		json_get_str(json_get_object(o, "error"), "code", NULL);
	bool overflow = (a->status == 400 && speaks_of_overflow(sign, said)) ||
			a->status == 413;
	snprintf(code, sizeof code, "http_%ld", a->status);
	char *text = xasprintf("status %ld%s%s%s", a->status, said ? ": " : "",
			       said ? said : "", advice(c, a->status));
	struct input *in =
		failure(c, overflow ? "context_overflow" : code, text);
	if (spends_nothing(a->status))
		in->tokens_used = 0;
	if ((a->status == 429 || a->status >= 500) && a->retry_after_ms > 0)
		in->retry_after_ms = a->retry_after_ms;
	free(text);
	json_object_put(o);
	return in;
}

/* The answer is there, as its server wanted it to be. */
static struct input *read_result(struct call *c)
{
	const char *code = NULL;
	struct err err = {0};
	json_object *result =
		llm_answer_read(buf_str(&c->told.text), c->told.text.len,
				&c->stage->outputs, &code, &err);
	if (!result)
		return failure(c, code, err.text);
	struct input *in = input_new(INPUT_ANSWER);
	in->ok = in->reached = true;
	json_clean(&result, EVENT_RESULT_BYTES);
	in->result = result;
	return in;
}

static struct input *read_told(struct call *c)
{
	const struct llm_told *t = &c->told;
	char text[200];
	if (c->too_large)
		return failure(c, "too_large",
			       "the answer is larger than an answer may be");
	if (c->too_much)
		return failure(c, "overrun",
			       "it goes on beyond max_tokens; it was stopped");
	if (t->error)
		return failure(c,
			       speaks_of_overflow(NULL, t->error)
				       ? "context_overflow"
				       : "stream_error",
			       t->error);
	if (t->bad)
		return failure(c, "garbage",
			       "what it sends is no answer of "
			       "the API that the show names");
	switch (t->finish) {
	case LLM_STOP:
		return read_result(c);
	case LLM_UNFINISHED:
		return t->over ? read_result(c)
			       : failure(c, "cut",
					 "the answer ended before its end");
	case LLM_LENGTH:
		snprintf(text, sizeof text,
			 "the answer was cut at max_tokens (%lld); give the "
			 "stage a larger token_cap, or ask for less",
			 (long long)c->ask.max_tokens);
		return failure(c, "length", text);
	case LLM_FILTERED:
		return failure(c, "refused",
			       "the model declined to answer, or "
			       "a filter left its answer out");
	case LLM_OVERFLOW:
		return failure(c, "context_overflow",
			       "the context of the model is full");
	case LLM_OTHER:
		break;
	}
	snprintf(text, sizeof text, "it stopped for another reason: %s",
		 t->reason ? t->reason : "");
	return failure(c, "finish_reason", text);
}

/* --- one exchange -------------------------------------------------------- */

/* Whether the server refused a keyword that it does not know: then the request
 * is made without it. A refused request costs nothing. */
static bool learn_quirk(struct call *c, const struct http_answer *a)
{
	static const struct {
		const char *word;
		enum llm_quirk quirk;
	} known[] = {
		{"max_completion_tokens", LLM_COMPLETION_TOKENS},
		{"response_format", LLM_NO_FORMAT},
		{"stream_options", LLM_NO_STREAM_OPTIONS},
	};
	if ((a->status != 400 && a->status != 422) || c->api->api != API_OPENAI)
		return false;
	for (size_t i = 0; i < COUNT_OF(known); i++) {
		bool new = !(c->ask.quirks & (unsigned)known[i].quirk);
		if (new &&strstr(buf_str(&a->body), known[i].word)) {
			c->ask.quirks |= (unsigned)known[i].quirk;
			return true;
		}
	}
	return false;
}

static bool exchange(struct call *c, struct http_answer *a)
{
	size_t most = c->room->max_answer_bytes;
	struct http_call call = {
		.url = c->url,
		.body = c->body,
		.headers = (const char *const *)c->headers,
		.max_bytes = c->ask.stream ? most * STREAM_FACTOR : most,
		.deadline_ms = c->job->deadline_ms,
		.stop = &c->room->stop,
		.take = c->ask.stream ? take_bytes : NULL,
		.ctx = c,
	};
	return http_exchange(c->room->http, &call, a);
}

static bool is_fine(const struct http_answer *a)
{
	return a->status >= 200 && a->status < 300;
}

/* The stream has ended, or we ended it; or the answer is there as a whole. */
static void finish_reading(struct call *c, struct http_answer *a)
{
	const struct buf *whole = c->ask.stream ? &c->whole : &a->body;
	if (c->ask.stream && is_stream(a)) {
		if (a->fault == HTTP_FINE && !c->told.over)
			sse_end(&c->sse);
	} else if (a->fault == HTTP_FINE && !c->too_large) {
		llm_read_whole(c->api, buf_str(whole), whole->len, &c->told);
	}
}

static struct input *judge(struct call *c, struct http_answer *a)
{
	bool ended = a->fault == HTTP_FINE || a->fault == HTTP_ENOUGH;
	struct input *in;
	if (ended && !is_fine(a))
		return read_status(c, a);
	if (ended || is_fine(a))
		finish_reading(c, a);
	/* What came in full counts, though the connection ended badly then. */
	if (ended || (a->fault == HTTP_CUT && c->told.over))
		in = read_told(c);
	else
		in = job_error(http_fault_code(a->fault), a->reached, "%s",
			       a->text);
	add_use(c, in);
	return in;
}

static struct input *ask(struct call *c)
{
	struct http_answer a;
	struct input *in;
	for (int i = 0; i <= QUIRKS_MAX; i++) {
		make_body(c);
		if ((in = too_small(c)))
			return in;
		if (!exchange(c, &a) || !learn_quirk(c, &a))
			break;
		http_answer_release(&a);
	}
	in = judge(c, &a);
	http_answer_release(&a);
	return in;
}

static struct input *call_with_key(struct call *c)
{
	json_object *request =
		json_read_str(c->job->request, &json_limits_own, NULL);
	char *system = NULL, *user = NULL;
	llm_prompt_make(c->room->show, c->job->stage, c->job->agent, request,
			&system, &user);
	json_object_put(request);
	c->ask = (struct llm_ask){
		.model = c->agent->model,
		.system = system,
		.user = user,
		.stream = c->agent->stream,
		.wants_json = c->stage->outputs.count > 1,
	};
	c->url = llm_url(c->agent);
	c->headers = llm_headers_new(c->api, NULL, c->key, c->job->key);
	c->sse.max_bytes = c->room->max_answer_bytes;
	c->sse.take = take_event;
	c->sse.ctx = c;
	llm_told_init(&c->told);
	struct input *in = ask(c);
	llm_told_release(&c->told);
	sse_release(&c->sse);
	buf_release(&c->whole);
	llm_headers_free(&c->headers);
	free(c->url);
	free(c->body);
	free(system);
	free(user);
	return in;
}

struct input *job_call_llm(const struct job_room *room, const struct job *job)
{
	struct call c = {
		.room = room,
		.job = job,
		.agent = &room->show->agents[job->agent],
		.stage = &room->show->stages[job->stage],
		.shown_ms = clock_mono_ms(),
	};
	struct err err = {0};
	struct input *in;
	c.api = llm_api_of(c.agent->api);
	c.who = http_url_for_people(c.agent->url ? c.agent->url : "");
	if (llm_key_read(room->show, c.agent, &c.key, &err))
		in = call_with_key(&c);
	else
		in = job_error("no_key", false, "%s", err.text);
	llm_key_free(&c.key);
	free(c.who);
	return in;
}
