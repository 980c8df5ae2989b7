/* OpenAI's chat completions, as many servers speak them. */
#include "jobs/llm.h"

static void add_message(json_object *list, const char *role, const char *text)
{
	json_object *m = json_object_new_object();
	if (!text || !*text) {
		json_object_put(m);
		return;
	}
	json_add_str(m, "role", role);
	json_add_str(m, "content", text);
	json_object_array_add(list, m);
}

static void add_object(json_object *o, const char *key, const char *name,
		       json_object *value)
{
	json_object *inner = json_object_new_object();
	json_add(inner, name, &value);
	json_add(o, key, &inner);
}

static json_object *request(const struct llm_ask *ask)
{
	json_object *o = json_object_new_object();
	json_object *messages = json_object_new_array();
	add_message(messages, "system", ask->system);
	add_message(messages, "user", ask->user);
	json_add_str(o, "model", ask->model);
	json_add(o, "messages", &messages);
	if (ask->max_tokens)
		json_add_int(o,
			     ask->quirks & LLM_COMPLETION_TOKENS
				     ? "max_completion_tokens"
				     : "max_tokens",
			     ask->max_tokens);
	if (ask->wants_json && !(ask->quirks & LLM_NO_FORMAT))
		add_object(o, "response_format", "type",
			   json_object_new_string("json_object"));
	json_add_bool(o, "stream", ask->stream);
	if (ask->stream && !(ask->quirks & LLM_NO_STREAM_OPTIONS))
		add_object(o, "stream_options", "include_usage",
			   json_object_new_boolean(true));
	return o;
}

/* The first choice: no more than one was asked for. */
static json_object *choice_of(json_object *o)
{
	json_object *choices = json_get_array(o, "choices");
	return choices && json_object_array_length(choices)
		       ? json_object_array_get_idx(choices, 0)
		       : NULL;
}

static void read_choice(json_object *o, const char *key, struct llm_told *told)
{
	json_object *choice = choice_of(o);
	json_object *message = json_get_object(choice, key);
	const char *refusal = json_get_str(message, "refusal", NULL);
	llm_told_model(told, o);
	meter_read_usage(json_get(o, "usage"), API_OPENAI, &told->use);
	llm_told_add(told, json_get_str(message, "content", NULL));
	llm_told_finish(told, &llm_openai,
			json_get_str(choice, "finish_reason", NULL));
	if (refusal && *refusal)
		llm_told_finish(told, &llm_openai, "refusal");
}

static void whole(json_object *o, struct llm_told *told)
{
	if (json_get(o, "error"))
		llm_told_error(told, o);
	else if (choice_of(o))
		read_choice(o, "message", told);
	else
		told->bad = true;
	told->over = true;
}

static void event(json_object *o, struct llm_told *told)
{
	if (json_get(o, "error"))
		llm_told_error(told, o);
	else
		read_choice(o, "delta", told);
}

static const struct llm_word words[] = {
	{"stop", LLM_STOP},
	{"eos", LLM_STOP}, /* of some that are only like it */
	{"length", LLM_LENGTH},
	{"content_filter", LLM_FILTERED},
	{"refusal", LLM_FILTERED},
	{NULL, LLM_OTHER},
};

const struct llm_api llm_openai = {
	.api = API_OPENAI,
	.path = "/chat/completions",
	.key_header = "Authorization: Bearer ",
	.request = request,
	.whole = whole,
	.event = event,
	.words = words,
};
