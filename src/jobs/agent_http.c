/* via: http. The contract's body goes out as POST, one answer comes back. */
#include "jobs/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* What an agent says beside a status that is no success: its own error text,
 * what it has spent, and what it needs. */
static struct input *read_status(const struct job_room *room,
				 const struct job *job, const char *who,
				 struct http_answer *answer)
{
	char code[32];
	snprintf(code, sizeof code, "http_%ld", answer->status);
	if (answer->status >= 300 && answer->status < 400)
		return job_error(
			code, true,
			"%s: it redirects to %s; redirects are not "
			"followed, put the final URL into the show "
			"file",
			who, answer->location ? answer->location : "nowhere");
	struct json_limits limits = json_limits_answer;
	limits.max_bytes = room->max_answer_bytes;
	json_object *o = json_read(buf_str(&answer->body), answer->body.len,
				   &limits, NULL);
	json_object *e = json_get_object(o, "error");
	const char *said = json_get_str(e, "message", NULL);
	if (!said)
		said = json_get_str(o, "error", NULL);
	if (!said)
		said = json_get_str(o, "message", NULL);
	if (!said)
		said = json_get_str(o, "detail", NULL);
	struct input *in =
		job_error(code, true, "%s: status %ld%s%s", who, answer->status,
			  said ? ": " : "", said ? said : "");
	if (json_object_is_type(o, json_type_object) &&
	    !json_get_bool(o, "success", true)) {
		struct input *full =
			job_read_answer(room, job, who, buf_str(&answer->body),
					answer->body.len);
		if (!full->ok && full->needs_tokens > 0) {
			/* A demand for budget is one, whatever its status. */
			input_free(&in);
			in = full;
			full = NULL;
		} else if (!full->ok) {
			in->tokens_used = full->tokens_used;
			in->cost_micros = full->cost_micros;
		}
		if (full)
			input_free(&full);
	}
	json_object_put(o);
	if (answer->status == 429 || answer->status >= 500)
		in->retry_after_ms = answer->retry_after_ms > 0
					     ? answer->retry_after_ms
					     : 0;
	return in;
}

static struct input *read_body(const struct job_room *room,
			       const struct job *job, const char *who,
			       struct http_answer *answer)
{
	struct input *in = job_read_answer(
		room, job, who, buf_str(&answer->body), answer->body.len);
	/* A wrong type is forgiven if the body is right, else it is the hint.
	 */
	const char *type = answer->content_type;
	if (!in->ok && in->error_code &&
	    strcmp(in->error_code, "garbage") == 0 && type &&
	    !strcasestr(type, "json")) {
		input_free(&in);
		in = job_error("garbage", true,
			       "%s: it answers %s, JSON was asked for", who,
			       type);
	}
	return in;
}

struct input *job_call_http(const struct job_room *room, const struct job *job)
{
	const struct show_agent *agent = &room->show->agents[job->agent];
	char *key = xasprintf("Idempotency-Key: %s", job->key);
	const char *headers[] = {key, NULL};
	struct http_call call = {
		.url = agent->url ? agent->url : "",
		.body = job->request,
		.headers = headers,
		.max_bytes = room->max_answer_bytes,
		.deadline_ms = job->deadline_ms,
		.stop = &room->stop,
	};
	struct http_answer answer;
	struct input *in;
	char *who = http_url_for_people(call.url);
	if (!http_exchange(room->http, &call, &answer))
		in = job_error(http_fault_code(answer.fault), answer.reached,
			       "%s", answer.text);
	else if (answer.status < 200 || answer.status > 299)
		in = read_status(room, job, who, &answer);
	else
		in = read_body(room, job, who, &answer);
	http_answer_release(&answer);
	free(who);
	free(key);
	return in;
}
