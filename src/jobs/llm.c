#include "jobs/llm.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define WORD_MAX_BYTES	80
#define ERROR_MAX_BYTES 300

const struct llm_api *llm_api_of(enum show_api api)
{
	return api == API_ANTHROPIC ? &llm_anthropic : &llm_openai;
}

void llm_told_init(struct llm_told *t)
{
	*t = (struct llm_told){
		.use = {.input_tokens = -1, .output_tokens = -1}};
}

void llm_told_release(struct llm_told *t)
{
	buf_release(&t->text);
	free(t->reason);
	free(t->model);
	free(t->error);
	llm_told_init(t);
}

void llm_told_add(struct llm_told *t, const char *text)
{
	size_t bytes = text ? strlen(text) : 0;
	if (!bytes)
		return;
	buf_add(&t->text, text, bytes);
	meter_count(&t->use, bytes);
}

void llm_told_finish(struct llm_told *t, const struct llm_api *api,
		     const char *word)
{
	if (!word)
		return;
	t->finish = LLM_OTHER;
	for (const struct llm_word *w = api->words; w->word; w++)
		if (strcmp(w->word, word) == 0)
			t->finish = w->finish;
	free(t->reason);
	t->reason = text_clean_str(word, WORD_MAX_BYTES);
}

void llm_told_model(struct llm_told *t, json_object *o)
{
	const char *model = json_get_str(o, "model", NULL);
	if (model && *model && !t->model)
		t->model = text_clean_str(model, WORD_MAX_BYTES);
}

void llm_told_error(struct llm_told *t, json_object *o)
{
	json_object *e = json_get_object(o, "error");
	const char *type = json_get_str(e, "type", NULL);
	const char *said = json_get_str(e, "message", NULL);
	if (!said)
		said = json_get_str(o, "error", "an error without a message");
	char *text =
		xasprintf("%s%s%s", type ? type : "", type ? ": " : "", said);
	free(t->error);
	t->error = text_clean_str(text, ERROR_MAX_BYTES);
	free(text);
}

bool llm_read_event(const struct llm_api *api, const char *data, size_t bytes,
		    struct llm_told *t)
{
	if (bytes == 6 && memcmp(data, "[DONE]", 6) == 0) {
		t->over = true;
		return false;
	}
	json_object *o = json_read(data, bytes, &json_limits_answer, NULL);
	if (json_object_is_type(o, json_type_object))
		api->event(o, t);
	else
		t->bad = true;
	json_object_put(o);
	return !t->bad && !t->error && !t->over;
}

bool llm_read_whole(const struct llm_api *api, const char *text, size_t bytes,
		    struct llm_told *t)
{
	struct json_limits limits = json_limits_answer;
	if (bytes > limits.max_bytes)
		limits.max_bytes = bytes; /* capped when it came */
	json_object *o = json_read(text, bytes, &limits, NULL);
	if (json_object_is_type(o, json_type_object))
		api->whole(o, t);
	else
		t->bad = true;
	json_object_put(o);
	return !t->bad;
}

char *llm_url(const struct show_agent *agent)
{
	const char *url = agent->url ? agent->url : "";
	const char *path = llm_api_of(agent->api)->path;
	size_t n = strlen(url), p = strlen(path);
	while (n && url[n - 1] == '/')
		n--;
	bool whole = n >= p && memcmp(url + n - p, path, p) == 0;
	return xasprintf("%.*s%s", (int)n, url, whole ? "" : path);
}
