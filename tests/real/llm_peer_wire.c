#include "llm_peer_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* --- words and tokens --------------------------------------------------- */

static const char *find_word(const char *words, const char *name, size_t *bytes)
{
	size_t n = strlen(name);
	for (const char *at = words; (at = strstr(at, name)); at++) {
		if (at == words || at[-1] != '+' ||
		    (at[n] != '+' && at[n] != '='))
			continue;
		at += n + (at[n] == '=');
		*bytes = strcspn(at, "+");
		return at;
	}
	return NULL;
}

int64_t peer_word(const char *words, const char *name)
{
	size_t bytes;
	const char *at = find_word(words, name, &bytes);
	return at ? strtoll(at, NULL, 10) : -1;
}

char *peer_word_text(const char *words, const char *name)
{
	size_t bytes;
	const char *at = find_word(words, name, &bytes);
	return at ? xstrndup(at, bytes) : NULL;
}

size_t peer_token_bytes(const char *text)
{
	size_t n = 0;
	for (int points = 0; text[n]; n++)
		if (((unsigned char)text[n] & 0xc0) != 0x80 && points++ == 4)
			break;
	return n;
}

int64_t peer_tokens(const char *text)
{
	int64_t tokens = 0;
	for (size_t n; (n = peer_token_bytes(text)); text += n)
		tokens++;
	return tokens;
}

/* --- what both share ---------------------------------------------------- */

static void add_quoted(struct buf *out, const char *text)
{
	json_object *s = json_object_new_string(text);
	buf_adds(out, json_text(s));
	json_object_put(s);
}

/* Output tokens as they are told. */
static int64_t told(const struct peer_plan *p)
{
	int64_t usage = peer_word(p->words, "usage");
	return usage >= 0 ? usage : p->made;
}

static bool tells(const struct peer_plan *p)
{
	return peer_word(p->words, "nousage") < 0;
}

static void add_reason(struct buf *out, const struct peer_plan *p,
		       const char *well, const char *length)
{
	char *other = peer_word_text(p->words, "finish");
	add_quoted(out, other ? other : p->cut_short ? length : well);
	free(other);
}

/* --- OpenAI ------------------------------------------------------------- */

static void chat_chunk(struct buf *out, const struct peer_plan *p,
		       const char *key, const char *text)
{
	buf_adds(out, "data: {\"id\":\"chatcmpl-1\",\"object\":"
		      "\"chat.completion.chunk\",\"created\":1700000000,"
		      "\"model\":");
	add_quoted(out, p->model);
	buf_adds(out, ",\"choices\":[{\"index\":0,\"delta\":{");
	if (key) {
		buf_addf(out, "\"%s\":", key);
		add_quoted(out, text);
	}
	buf_adds(out, "},\"finish_reason\":");
	if (key)
		buf_adds(out, "null");
	else
		add_reason(out, p, "stop", "length");
	buf_adds(out, "}]");
	buf_adds(out, p->include_usage && tells(p) ? ",\"usage\":null}\n\n"
						   : "}\n\n");
}

static void chat_begin(struct buf *out, const struct peer_plan *p)
{
	chat_chunk(out, p, "role", "assistant");
}

static void chat_piece(struct buf *out, const struct peer_plan *p,
		       const char *text)
{
	chat_chunk(out, p, "content", text);
}

static void chat_usage(struct buf *out, const struct peer_plan *p)
{
	buf_addf(out,
		 ",\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":"
		 "%lld,\"total_tokens\":%lld}",
		 (long long)p->input_tokens, (long long)told(p),
		 (long long)(p->input_tokens + told(p)));
}

static void chat_end(struct buf *out, const struct peer_plan *p)
{
	chat_chunk(out, p, NULL, NULL);
	if (p->include_usage && tells(p)) {
		buf_adds(out, "data: {\"id\":\"chatcmpl-1\",\"object\":"
			      "\"chat.completion.chunk\",\"created\":"
			      "1700000000,\"model\":");
		add_quoted(out, p->model);
		buf_adds(out, ",\"choices\":[]");
		chat_usage(out, p);
		buf_adds(out, "}\n\n");
	}
	if (peer_word(p->words, "nodone") < 0)
		buf_adds(out, "data: [DONE]\n\n");
}

static void chat_refusal(struct buf *out, int status, const char *text)
{
	buf_adds(out, "{\"error\":{\"message\":");
	add_quoted(out, text);
	buf_addf(out, ",\"type\":\"%s\",\"param\":null,\"code\":%s}}",
		 status == 429	 ? "rate_limit_error"
		 : status >= 500 ? "server_error"
				 : "invalid_request_error",
		 status == 429	 ? "\"rate_limit_exceeded\""
		 : status == 401 ? "\"invalid_api_key\""
		 : status == 400 && strstr(text, "context length")
			 ? "\"context_length_exceeded\""
			 : "null");
}

static void chat_fault(struct buf *out)
{
	buf_adds(out, "data: ");
	chat_refusal(out, 500, "The server had an error while it answered");
	buf_adds(out, "\n\n");
}

static void chat_whole(struct buf *out, const struct peer_plan *p)
{
	buf_adds(out, "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\","
		      "\"created\":1700000000,\"model\":");
	add_quoted(out, p->model);
	buf_adds(out, ",\"choices\":[{\"index\":0,\"message\":{\"role\":"
		      "\"assistant\",\"content\":");
	add_quoted(out, p->text);
	buf_adds(out, ",\"refusal\":null},\"logprobs\":null,"
		      "\"finish_reason\":");
	add_reason(out, p, "stop", "length");
	buf_adds(out, "}]");
	if (tells(p))
		chat_usage(out, p);
	buf_adds(out, "}");
}

/* --- Anthropic ---------------------------------------------------------- */

static void message_head(struct buf *out, const struct peer_plan *p)
{
	buf_adds(out, "\"id\":\"msg_1\",\"type\":\"message\",\"role\":"
		      "\"assistant\",\"model\":");
	add_quoted(out, p->model);
}

static void message_begin(struct buf *out, const struct peer_plan *p)
{
	buf_adds(out, "event: message_start\n"
		      "data: {\"type\":\"message_start\",\"message\":{");
	message_head(out, p);
	buf_adds(out, ",\"content\":[],\"stop_reason\":null,"
		      "\"stop_sequence\":null");
	if (tells(p))
		buf_addf(out,
			 ",\"usage\":{\"input_tokens\":%lld,"
			 "\"output_tokens\":1}",
			 (long long)p->input_tokens);
	buf_adds(out, "}}\n\n"
		      "event: content_block_start\n"
		      "data: {\"type\":\"content_block_start\",\"index\":0,"
		      "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
		      "event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

static void message_piece(struct buf *out, const struct peer_plan *p,
			  const char *text)
{
	(void)p;
	buf_adds(out, "event: content_block_delta\n"
		      "data: {\"type\":\"content_block_delta\",\"index\":0,"
		      "\"delta\":{\"type\":\"text_delta\",\"text\":");
	add_quoted(out, text);
	buf_adds(out, "}}\n\n");
}

static void message_end(struct buf *out, const struct peer_plan *p)
{
	buf_adds(out, "event: content_block_stop\n"
		      "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
		      "event: message_delta\n"
		      "data: {\"type\":\"message_delta\",\"delta\":"
		      "{\"stop_reason\":");
	add_reason(out, p, "end_turn", "max_tokens");
	buf_adds(out, ",\"stop_sequence\":null}");
	if (tells(p))
		buf_addf(out, ",\"usage\":{\"output_tokens\":%lld}",
			 (long long)told(p));
	buf_adds(out, "}\n\n");
	if (peer_word(p->words, "nodone") < 0)
		buf_adds(out, "event: message_stop\n"
			      "data: {\"type\":\"message_stop\"}\n\n");
}

static void message_refusal(struct buf *out, int status, const char *text)
{
	buf_addf(out,
		 "{\"type\":\"error\",\"error\":{\"type\":\"%s\","
		 "\"message\":",
		 status == 429	 ? "rate_limit_error"
		 : status == 529 ? "overloaded_error"
		 : status == 401 ? "authentication_error"
		 : status >= 500 ? "api_error"
				 : "invalid_request_error");
	add_quoted(out, text);
	buf_adds(out, "},\"request_id\":\"req_1\"}");
}

static void message_fault(struct buf *out)
{
	buf_adds(out, "event: error\ndata: {\"type\":\"error\",\"error\":"
		      "{\"type\":\"overloaded_error\",\"message\":"
		      "\"Overloaded\"}}\n\n");
}

static void message_whole(struct buf *out, const struct peer_plan *p)
{
	buf_adds(out, "{");
	message_head(out, p);
	buf_adds(out, ",\"content\":[{\"type\":\"text\",\"text\":");
	add_quoted(out, p->text);
	buf_adds(out, "}],\"stop_reason\":");
	add_reason(out, p, "end_turn", "max_tokens");
	buf_adds(out, ",\"stop_sequence\":null");
	if (tells(p))
		buf_addf(out,
			 ",\"usage\":{\"input_tokens\":%lld,"
			 "\"cache_creation_input_tokens\":0,"
			 "\"cache_read_input_tokens\":0,"
			 "\"output_tokens\":%lld}",
			 (long long)p->input_tokens, (long long)told(p));
	buf_adds(out, "}");
}

static char *chat_overflow(int64_t prompt, int64_t room)
{
	return xasprintf("This model's maximum context length is %lld tokens. "
			 "However, your messages resulted in %lld tokens. "
			 "Please reduce the length of the messages.",
			 (long long)room, (long long)prompt);
}

static char *message_overflow(int64_t prompt, int64_t room)
{
	return xasprintf("prompt is too long: %lld tokens > %lld maximum",
			 (long long)prompt, (long long)room);
}

const struct peer_api peer_apis[2] = {
	{"/v1/chat/completions", chat_begin, chat_piece, chat_end, chat_fault,
	 chat_whole, chat_refusal, chat_overflow},
	{"/v1/messages", message_begin, message_piece, message_end,
	 message_fault, message_whole, message_refusal, message_overflow},
};
