/* relay_finish: how a transfer ended, what it used, and what its client is
 * told. */
#include "jobs/relay_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "jobs/redact.h"

static struct input *done_new(const struct stream *s, const char *code)
{
	struct input *in = input_new(INPUT_LLM_DONE);
	in->id = xstrdup(s->call->id);
	in->ok = code == NULL;
	in->tokens_used = 0;
	in->error_code = xstrdup(code);
	return in;
}

/* What it used as far as we know: the prompt as told or as thought, the output
 * as told or as counted. */
static void put_use(struct input *in, const struct stream *s,
		    const struct meter_use *use)
{
	in->reached = use->input_tokens >= 0 && use->output_tokens >= 0;
	in->input_tokens = use->input_tokens >= 0 ? use->input_tokens
						  : s->call->prompt_tokens;
	in->output_tokens =
		use->output_tokens >= 0 ? use->output_tokens : use->counted;
	in->tokens_used = in->input_tokens + in->output_tokens;
}

/* An answer of ours in place of one that is none. */
static void answer_error(struct stream *s, int status, const char *text,
			 const char *retry_after, struct input **in)
{
	struct flow_head head = {.status = status, .type = "application/json"};
	snprintf(head.retry_after, sizeof head.retry_after, "%s",
		 retry_after ? retry_after : "");
	(*in)->text =
		meter_error_body(s->call->api, status, (*in)->error_code, text);
	flow_begin(s->call->flow, &head);
	relay_deliver(s->relay, in);
}

void relay_refuse(struct stream *s, int status, const char *code,
		  const char *text, const char *retry_after)
{
	struct input *in = done_new(s, code);
	answer_error(s, status, text, retry_after, &in);
}

char *relay_says(const struct stream *s, const char *why)
{
	return xasprintf("the model's server (agent %s): %s",
			 s->relay->show->agents[s->call->agent].id, why);
}

/* A status that is no success: passed on as it is, without our key. */
static void finish_status(struct stream *s)
{
	char code[32];
	int status = s->head.status;
	snprintf(code, sizeof code, "http_%d", status);
	char *text = redact_text(buf_str(&s->whole), s->secret);
	bool redirect = status < 400;
	if (redirect ||
	    !json_check(text, strlen(text), &json_limits_answer, NULL)) {
		char *said = text_clean_str(text, 500);
		char *why = xasprintf(
			"it answers status %d%s%s", status,
			redirect ? "; put the final URL into the show file"
			: *said	 ? ": "
				 : "",
			redirect ? "" : said);
		char *whole = relay_says(s, why);
		relay_refuse(s, redirect ? 502 : status, code, whole,
			     s->head.retry_after);
		free(whole);
		free(why);
		free(said);
	} else {
		struct input *in = done_new(s, code);
		in->text = xstrdup(text);
		flow_begin(s->call->flow, &s->head);
		relay_deliver(s->relay, &in);
	}
	free(text);
}

static void finish_whole(struct stream *s)
{
	struct meter_use use = {-1, -1, 0};
	json_object *o = json_read(buf_str(&s->whole), s->whole.len,
				   &json_limits_own, NULL);
	bool good = json_object_is_type(o, json_type_object);
	meter_read_usage(json_get(o, "usage"), s->call->api, &use);
	struct input *in = done_new(s, good ? NULL : "garbage");
	put_use(in, s, &use);
	if (!in->reached)
		in->tokens_used = -1;
	if (good) {
		in->text = buf_take(&s->whole);
		flow_begin(s->call->flow, &s->head);
		relay_deliver(s->relay, &in);
	} else {
		char *text = relay_says(s, "what it answers is no JSON");
		answer_error(s, 502, text, NULL, &in);
		free(text);
	}
	json_object_put(o);
}

/* The stream's error event is the server's own: it goes on without our key. */
static char *error_tail(const struct stream *s)
{
	return redact_text(buf_str(meter_tail(s->meter)), s->secret);
}

static char *cut_tail(const struct stream *s, const char *code, const char *why)
{
	struct buf b = {0};
	char *text = relay_says(s, why);
	meter_add_error(&b, s->call->api, code, text);
	free(text);
	return buf_take(&b);
}

static const char *why_cut(const struct stream *s)
{
	if (!strcmp(s->code, "revoked"))
		return "its lease was taken back, or its agent switched off";
	if (!strcmp(s->code, "timeout"))
		return "it fell silent";
	if (!strcmp(s->code, "garbage"))
		return "what it streams cannot be read";
	return "it broke off within the answer";
}

static void finish_stream(struct stream *s)
{
	struct meter_use use;
	enum meter_state state = meter_close(s->meter, &s->out);
	flow_put(s->call->flow, s->out.data, s->out.len);
	meter_used(s->meter, &use);
	if (state == METER_BAD && !s->code[0])
		snprintf(s->code, sizeof s->code, "garbage");
	const char *code = s->code[0]		  ? s->code
			   : state == METER_WHOLE ? NULL
			   : state == METER_CAP	  ? "cap"
			   : state == METER_ERROR ? "upstream_error"
						  : "cut";
	struct input *in = done_new(s, code);
	put_use(in, s, &use);
	if (state == METER_WHOLE && !s->code[0]) {
		if (!in->reached)
			in->tokens_used = -1;
		in->text = xstrdup(buf_str(meter_tail(s->meter)));
	} else if (code && !strcmp(code, "cap")) {
		/* What more it made than it was allowed nobody has asked for.
		 */
		in->reached = false;
		in->tokens_used = -1;
		in->text = xstrdup(buf_str(meter_tail(s->meter)));
	} else if (state == METER_ERROR) {
		in->text = error_tail(s);
	} else {
		in->text = cut_tail(s, code, why_cut(s));
	}
	relay_deliver(s->relay, &in);
}

static const struct {
	int status;
	const char *why;
} faults[HTTP_FAULTS] = {
	[HTTP_TIMEOUT] = {504, "no answer in time"},
	[HTTP_REFUSED] = {502, "nobody listens there; start it or correct its "
			       "url"},
	[HTTP_DNS] = {502, "its name is not known; check the spelling and the "
			   "network"},
	[HTTP_TLS] = {502, "no trusted TLS connection"},
	[HTTP_BAD_URL] = {502, "its address is no http or https URL"},
	[HTTP_BLOCKED] = {502, "link-local and multicast addresses are never "
			       "called"},
	[HTTP_TOO_LARGE] = {502, "its answer is too large"},
	[HTTP_CUT] = {502, "the connection ended without an answer"},
	[HTTP_GARBAGE] = {502, "what answers does not speak HTTP"},
};

/* No answer, or not all of one in one piece. */
static void finish_fault(struct stream *s, CURLcode rc)
{
	long sent = 0;
	curl_easy_getinfo(s->easy, CURLINFO_REQUEST_SIZE, &sent);
	enum http_fault fault = s->too_large ? HTTP_TOO_LARGE
				: s->blocked ? HTTP_BLOCKED
					     : curl_rules_fault(rc, sent > 0);
	if (!faults[fault].status)
		fault = HTTP_CUT;
	const char *code = http_fault_code(fault), *why = faults[fault].why;
	int status = faults[fault].status;
	if (s->code[0] && fault != HTTP_TOO_LARGE && fault != HTTP_BLOCKED) {
		code = s->code;
		why = why_cut(s);
		status = !strcmp(code, "timeout") ? 504 : 502;
	}
	char *text = relay_says(s, why);
	struct input *in = done_new(s, code);
	/* It has the request: then it may have worked. */
	in->tokens_used = sent > 0 && s->head.status < 300 ? -1 : 0;
	answer_error(s, status, text, NULL, &in);
	free(text);
}

void relay_finish(struct stream *s, CURLcode rc)
{
	int status = s->head.status;
	bool whole = rc == CURLE_OK && !s->code[0];
	if (s->meter)
		finish_stream(s);
	else if (status >= 300 && (whole || s->whole.len))
		finish_status(s);
	else if (whole && status >= 200)
		finish_whole(s);
	else
		finish_fault(s, rc);
	relay_stream_free(s);
}
