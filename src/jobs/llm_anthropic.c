/* Anthropic's messages. */
#include <string.h>

#include "jobs/llm.h"

/* max_tokens has to be there; without a lease nothing else bounds it. */
#define TOKENS_WITHOUT_LEASE 4096

static json_object *request(const struct llm_ask *ask)
{
	json_object *o = json_object_new_object();
	json_object *messages = json_object_new_array();
	json_object *m = json_object_new_object();
	json_add_str(m, "role", "user");
	json_add_str(m, "content", ask->user);
	json_object_array_add(messages, m);
	json_add_str(o, "model", ask->model);
	json_add_int(o, "max_tokens",
		     ask->max_tokens ? ask->max_tokens : TOKENS_WITHOUT_LEASE);
	if (ask->system && *ask->system)
		json_add_str(o, "system", ask->system);
	json_add(o, "messages", &messages);
	json_add_bool(o, "stream", ask->stream);
	return o;
}

static void whole(json_object *o, struct llm_told *told)
{
	json_object *content = json_get_array(o, "content");
	told->over = true;
	if (json_get(o, "error")) {
		llm_told_error(told, o);
		return;
	}
	told->bad = !content;
	for (size_t i = 0; content && i < json_object_array_length(content);
	     i++) {
		json_object *block = json_object_array_get_idx(content, i);
		if (strcmp(json_get_str(block, "type", ""), "text") == 0)
			llm_told_add(told, json_get_str(block, "text", NULL));
	}
	llm_told_model(told, o);
	meter_read_usage(json_get(o, "usage"), API_ANTHROPIC, &told->use);
	llm_told_finish(told, &llm_anthropic,
			json_get_str(o, "stop_reason", NULL));
}

static void read_start(json_object *message, struct llm_told *told)
{
	meter_read_start(message, &told->use);
	llm_told_model(told, message);
}

/* Events of other types (ping, content_block_stop, what is to come) say
 * nothing to us. */
static void event(json_object *o, struct llm_told *told)
{
	const char *type = json_get_str(o, "type", "");
	if (strcmp(type, "error") == 0) {
		llm_told_error(told, o);
	} else if (strcmp(type, "message_start") == 0) {
		read_start(json_get_object(o, "message"), told);
	} else if (strcmp(type, "content_block_start") == 0) {
		llm_told_add(told,
			     json_get_str(json_get_object(o, "content_block"),
					  "text", NULL));
	} else if (strcmp(type, "content_block_delta") == 0) {
		llm_told_add(told, json_get_str(json_get_object(o, "delta"),
						"text", NULL));
	} else if (strcmp(type, "message_delta") == 0) {
		meter_read_usage(json_get(o, "usage"), API_ANTHROPIC,
				 &told->use);
		llm_told_finish(told, &llm_anthropic,
				json_get_str(json_get_object(o, "delta"),
					     "stop_reason", NULL));
	} else if (strcmp(type, "message_stop") == 0) {
		told->over = true;
	}
}

static const struct llm_word words[] = {
	{"end_turn", LLM_STOP},
	{"stop_sequence", LLM_STOP},
	{"max_tokens", LLM_LENGTH},
	{"refusal", LLM_FILTERED},
	{"model_context_window_exceeded", LLM_OVERFLOW},
	{NULL, LLM_OTHER},
};

const struct llm_api llm_anthropic = {
	.api = API_ANTHROPIC,
	.path = "/messages",
	.version_header = "anthropic-version: ",
	.version = "2023-06-01",
	.key_header = "x-api-key: ",
	.request = request,
	.whole = whole,
	.event = event,
	.words = words,
};
