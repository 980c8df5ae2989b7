#include "jobs/job.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define TEXT_MAX_BYTES 400

struct input *job_error(const char *code, bool reached, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	char *clean = text_clean_str(text, TEXT_MAX_BYTES);
	struct input *in = input_agent_error(code, clean, reached);
	free(text);
	free(clean);
	return in;
}

/* An answer that names a call must name ours. */
static bool answers_us(const struct job *job, json_object *answer)
{
	const char *got = json_get_str(answer, "correlationId", NULL);
	if (!got || strcmp(got, job->key) == 0)
		return true;
	json_object *asked =
		json_read_str(job->request, &json_limits_own, NULL);
	const char *id = json_get_str(asked, "id", NULL);
	const char *ours = json_get_str(asked, "correlationId", NULL);
	bool same = (ours && strcmp(got, ours) == 0) ||
		    (!ours && id && strcmp(got, id) == 0);
	json_object_put(asked);
	return same;
}

struct input *job_read_answer(const struct job_room *room,
			      const struct job *job, const char *who,
			      const char *text, size_t bytes)
{
	struct json_limits limits = json_limits_answer;
	limits.max_bytes = room->max_answer_bytes;
	struct err err = {0};
	json_object *answer = json_read(text, bytes, &limits, &err);
	if (!answer)
		return job_error("garbage", true,
				 "%s: the answer is not JSON: %s", who,
				 err.text);
	struct input *in = NULL;
	if (!json_object_is_type(answer, json_type_object))
		in = job_error("garbage", true,
			       "%s: the answer is not a JSON object", who);
	else if (!answers_us(job, answer))
		in = job_error("mismatch", true,
			       "%s: it answers another call (correlationId "
			       "\"%s\")",
			       who, json_get_str(answer, "correlationId", ""));
	else if (!(in = input_agent_answer(answer, &err)))
		in = job_error("garbage", true, "%s: %s", who, err.text);
	else if (in->ok && !in->result)
		in->result = json_object_new_object();
	json_object_put(answer);
	return in;
}
