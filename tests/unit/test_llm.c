/* What goes to a language model and what comes back: without a network. */
#include <stdlib.h>
#include <string.h>

#include "jobs/llm.h"
#include "jobs/sse.h"
#include "show/show_read.h"
#include "tap.h"

/* --- streams -------------------------------------------------------------- */

static bool gather(void *ctx, const char *data, size_t bytes)
{
	struct buf *b = ctx;
	buf_addc(b, '[');
	buf_add(b, data, bytes);
	buf_addc(b, ']');
	return strcmp(data, "stop") != 0;
}

static void ck_sse(const char *text, const char *wanted)
{
	size_t n = strlen(text);
	/* In two pieces, cut everywhere, and byte by byte. */
	for (size_t cut = 0; cut <= n + 1; cut++) {
		struct buf got = {0};
		struct sse s = {.max_bytes = 99, .take = gather, .ctx = &got};
		enum sse_state state = SSE_GOES_ON;
		if (cut <= n) {
			state = sse_feed(&s, text, cut);
			if (state == SSE_GOES_ON)
				state = sse_feed(&s, text + cut, n - cut);
		} else {
			for (size_t i = 0; i < n && state == SSE_GOES_ON; i++)
				state = sse_feed(&s, text + i, 1);
		}
		if (state == SSE_GOES_ON)
			sse_end(&s);
		ck_assert_msg(strcmp(buf_str(&got), wanted) == 0,
			      "cut at %zu: %s instead of %s", cut,
			      buf_str(&got), wanted);
		buf_release(&got);
		sse_release(&s);
	}
}

START_TEST(test_sse)
{
	ck_sse("data: a\n\ndata:b\n\n", "[a][b]");
	ck_sse("data: a\r\n\r\ndata: b\r\n\r\n", "[a][b]");
	ck_sse("data: a\r\rdata:  b\r\r", "[a][ b]");
	ck_sse(": hello\n\n\n:\nevent: x\nid: 3\ndata: a\ndata: b\nretry: "
	       "9\n\n",
	       "[a\nb]");
	ck_sse("data\n\ndatax: no\n\nevent: y\n\n", "[]");
	ck_sse("\xef\xbb\xbf"
	       "data: a\n\n",
	       "[a]");
	ck_sse("data: no empty line", "[no empty line]");
	ck_sse("data: stop\n\ndata: more\n\n", "[stop]");
	struct buf got = {0};
	struct sse s = {.max_bytes = 9, .take = gather, .ctx = &got};
	ck_assert_int_eq(sse_feed(&s, "data: 0123456789", 16), SSE_TOO_LARGE);
	sse_release(&s);
	buf_release(&got);
}
END_TEST

struct reading {
	const struct llm_api *api;
	struct llm_told told;
};

static bool read_event(void *ctx, const char *data, size_t bytes)
{
	struct reading *r = ctx;
	return llm_read_event(r->api, data, bytes, &r->told);
}

static const char chat[] =
	": OPENROUTER PROCESSING\n\n"
	"data: {\"id\":\"c\",\"model\":\"m-1\",\"choices\":[{\"index\":0,"
	"\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
	"\"finish_reason\":null}],\"usage\":null}\n\n"
	"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":"
	"{\"content\":\"The g\\u00e4te\"},\"finish_reason\":null}]}\n\n"
	"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":"
	"{\"content\":\" opens.\"},\"finish_reason\":null}]}\n\n"
	"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},"
	"\"finish_reason\":\"stop\"}]}\n\n"
	"data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":31,"
	"\"completion_tokens\":7,\"total_tokens\":38}}\n\n"
	"data: [DONE]\n\n";

static const char message[] =
	"event: message_start\n"
	"data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg\","
	"\"model\":\"m-1\",\"content\":[],\"usage\":{\"input_tokens\":20,"
	"\"cache_read_input_tokens\":11,\"output_tokens\":1}}}\n\n"
	"event: content_block_start\n"
	"data: {\"type\":\"content_block_start\",\"index\":0,"
	"\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
	"event: ping\ndata: {\"type\": \"ping\"}\n\n"
	"event: content_block_delta\n"
	"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
	"{\"type\":\"text_delta\",\"text\":\"The g\xc3\xa4te\"}}\n\n"
	"event: content_block_delta\n"
	"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
	"{\"type\":\"text_delta\",\"text\":\" opens.\"}}\n\n"
	"event: content_block_stop\n"
	"data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
	"event: something_new\ndata: {\"type\":\"something_new\"}\n\n"
	"event: message_delta\n"
	"data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
	"\"end_turn\",\"stop_sequence\":null},\"usage\":"
	"{\"output_tokens\":7}}\n\n"
	"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

static void ck_stream(const struct llm_api *api, const char *text, size_t n)
{
	for (size_t cut = 0; cut <= n; cut++) {
		struct reading r = {.api = api};
		struct sse s = {
			.max_bytes = 4096, .take = read_event, .ctx = &r};
		llm_told_init(&r.told);
		if (sse_feed(&s, text, cut) == SSE_GOES_ON)
			sse_feed(&s, text + cut, n - cut);
		ck_assert_str_eq(buf_str(&r.told.text),
				 "The g\xc3\xa4te opens.");
		ck_assert_int_eq(r.told.finish, LLM_STOP);
		ck_assert_int_eq(r.told.use.input_tokens, 31);
		ck_assert_int_eq(r.told.use.output_tokens, 7);
		ck_assert_int_eq(r.told.use.counted, 2);
		ck_assert_str_eq(r.told.model, "m-1");
		ck_assert(r.told.over && !r.told.bad && !r.told.error);
		llm_told_release(&r.told);
		sse_release(&s);
	}
}

START_TEST(test_streams)
{
	ck_stream(&llm_openai, chat, sizeof chat - 1);
	ck_stream(&llm_anthropic, message, sizeof message - 1);
}
END_TEST

static void ck_event(const struct llm_api *api, const char *event,
		     const char *error, enum llm_finish finish)
{
	struct llm_told t;
	llm_told_init(&t);
	llm_read_event(api, event, strlen(event), &t);
	if (error)
		ck_assert_str_eq(t.error, error);
	else
		ck_assert_ptr_null(t.error);
	ck_assert_int_eq(t.finish, finish);
	llm_told_release(&t);
}

START_TEST(test_ends)
{
	static const char chat_end[] = "{\"choices\":[{\"delta\":{},"
				       "\"finish_reason\":\"%s\"}]}";
	static const char message_end[] =
		"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
		"\"%s\"}}";
	static const struct {
		bool chat;
		const char *word;
		enum llm_finish finish;
	} rows[] = {
		{true, "stop", LLM_STOP},
		{true, "length", LLM_LENGTH},
		{true, "content_filter", LLM_FILTERED},
		{true, "tool_calls", LLM_OTHER},
		{false, "end_turn", LLM_STOP},
		{false, "stop_sequence", LLM_STOP},
		{false, "max_tokens", LLM_LENGTH},
		{false, "refusal", LLM_FILTERED},
		{false, "model_context_window_exceeded", LLM_OVERFLOW},
		{false, "pause_turn", LLM_OTHER},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *event = rows[i].chat
				      ? xasprintf(chat_end, rows[i].word)
				      : xasprintf(message_end, rows[i].word);
		ck_event(rows[i].chat ? &llm_openai : &llm_anthropic, event,
			 NULL, rows[i].finish);
		free(event);
	}
	ck_event(&llm_openai,
		 "{\"error\":{\"type\":\"server_error\",\"message\":\"oh\"}}",
		 "server_error: oh", LLM_UNFINISHED);
	ck_event(&llm_openai, "{\"error\":\"oh\"}", "oh", LLM_UNFINISHED);
	ck_event(&llm_anthropic,
		 "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
		 "\"message\":\"Overloaded\"}}",
		 "overloaded_error: Overloaded", LLM_UNFINISHED);
	struct llm_told t;
	llm_told_init(&t);
	ck_assert(!llm_read_event(&llm_openai, "[1]", 3, &t) && t.bad);
	llm_told_release(&t);
	ck_assert(!llm_read_event(&llm_openai, "{\"a\":}", 6, &t) && t.bad);
	llm_told_release(&t);
}
END_TEST

/* --- requests ------------------------------------------------------------- */

START_TEST(test_requests)
{
	struct llm_ask ask = {.model = "m",
			      .system = "S",
			      .user = "U",
			      .stream = true,
			      .wants_json = true,
			      .max_tokens = 9};
	json_object *o = llm_openai.request(&ask);
	ck_assert_str_eq(
		json_text(o),
		"{\"model\":\"m\",\"messages\":[{\"role\":\"system\","
		"\"content\":\"S\"},{\"role\":\"user\",\"content\":\"U\"}],"
		"\"max_tokens\":9,\"response_format\":{\"type\":"
		"\"json_object\"},\"stream\":true,\"stream_options\":"
		"{\"include_usage\":true}}");
	json_object_put(o);
	o = llm_anthropic.request(&ask);
	ck_assert_str_eq(json_text(o),
			 "{\"model\":\"m\",\"max_tokens\":9,\"system\":\"S\","
			 "\"messages\":[{\"role\":\"user\",\"content\":\"U\"}],"
			 "\"stream\":true}");
	json_object_put(o);
	ask.quirks =
		LLM_NO_FORMAT | LLM_NO_STREAM_OPTIONS | LLM_COMPLETION_TOKENS;
	ask.system = "";
	o = llm_openai.request(&ask);
	ck_assert_str_eq(json_text(o),
			 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
			 "\"content\":\"U\"}],\"max_completion_tokens\":9,"
			 "\"stream\":true}");
	json_object_put(o);
	ask.max_tokens = 0;
	o = llm_anthropic.request(&ask);
	ck_assert_int_gt(json_get_int(o, "max_tokens", 0), 0);
	json_object_put(o);
}
END_TEST

START_TEST(test_urls_and_headers)
{
	static const struct {
		const char *url, *wanted;
		enum show_api api;
	} rows[] = {
		{"http://h/v1", "http://h/v1/chat/completions", API_OPENAI},
		{"http://h/v1/", "http://h/v1/chat/completions", API_OPENAI},
		{"http://h/v1/chat/completions", "http://h/v1/chat/completions",
		 API_OPENAI},
		{"http://h/v1", "http://h/v1/messages", API_ANTHROPIC},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct show_agent a = {.url = xstrdup(rows[i].url),
				       .api = rows[i].api};
		char *url = llm_url(&a);
		ck_assert_str_eq(url, rows[i].wanted);
		free(url);
		free(a.url);
	}
	char **h = llm_headers_new(&llm_anthropic, NULL, "k", "r/s/1");
	ck_assert_str_eq(h[0], "anthropic-version: 2023-06-01");
	ck_assert_str_eq(h[1], "x-api-key: k");
	ck_assert_str_eq(h[2], "Idempotency-Key: r/s/1");
	ck_assert_ptr_null(h[3]);
	llm_headers_free(&h);
	h = llm_headers_new(&llm_openai, NULL, NULL, NULL);
	ck_assert_ptr_null(h[0]);
	llm_headers_free(&h);
}
END_TEST

/* --- prompts -------------------------------------------------------------- */

static struct show *prompt_show(const char *prompt)
{
	struct show_problems problems = {0};
	char *yaml = xasprintf(
		"show: s\ntitle: The Show\nagents:\n"
		"  b: { via: noop }\n"
		"  a: { via: llm, role: A part, url: \"http://127.0.0.1/v1\", "
		"model: m%s%s%s }\n"
		"stages:\n"
		"  - { id: first, agents: [b], outputs: [x, a.b] }\n"
		"  - { id: one, agents: [a], inputs: [first], outputs: [end],\n"
		"      description: Do it }\n"
		"  - { id: two, agents: [a], inputs: [first], "
		"outputs: [p, q] }\n",
		prompt ? ", prompt: { text: \"" : "", prompt ? prompt : "",
		prompt ? "\" }" : "");
	struct show *show =
		show_parse_yaml(yaml, strlen(yaml), "t.yaml", &problems);
	ck_assert_msg(show != NULL, "%s",
		      problems.count ? problems.items[0].text : "?");
	show_problems_release(&problems);
	free(yaml);
	return show;
}

#define REQUEST                                                                \
	"{\"parameters\":{\"run\":\"r7\",\"attempt\":2,\"inputs\":{\"first\":" \
	"{\"x\":[1,{\"y\":\"deep\"}],\"a.b\":\"dot\"}},\"story\":{\"x\":"      \
	"[1,{\"y\":\"deep\"}],\"first\":{\"x\":2},\"a.b\":\"dot\",\"none\":"   \
	"{}},\"last_error\":\"%s\"}}"

static void ck_prompt(const char *prompt, const char *stage, const char *error,
		      const char *system, const char *user)
{
	struct show *show = prompt_show(prompt);
	char *text = xasprintf(REQUEST, error), *got_system, *got_user;
	json_object *o = json_read_str(text, &json_limits_own, NULL);
	llm_prompt_make(show, show_find_stage(show, stage),
			show_find_agent(show, "a"), o, &got_system, &got_user);
	ck_assert_str_eq(got_system, system);
	ck_assert_str_eq(got_user, user);
	json_object_put(o);
	free(text);
	free(got_system);
	free(got_user);
	show_unref(&show);
}

START_TEST(test_prompts)
{
	ck_prompt("{{stage.id}} {{stage.description}} {{stage.group}}"
		  "{{stage.outputs}} {{stage.attempt}} {{agent.id}} "
		  "{{agent.role}} {{show.id}} {{show.title}} {{run.id}}",
		  "one", "http_429: slow", "",
		  "one Do it end 2 a A part s The Show r7");
	ck_prompt("{{inputs.x}} {{inputs.first.x.1.y}} {{inputs.a.b}} "
		  "{{story.x.1.y}}{{story.x.9}}{{story.x.y}}{{outputs.a.b}} "
		  "{{story.first}} {{{{",
		  "one", "no_json: bad", "",
		  "[1,{\"y\":\"deep\"}] deep dot deepdot {\"x\":2} {{\n\nYour "
		  "answer before this one could not be used (no_json: bad).");
	ck_prompt("{{inputs}} ({{stage.error}})", "two", "length: cut",
		  "Answer with one JSON object and nothing else. It has these "
		  "members: \"p\", \"q\".",
		  "{\"first\":{\"x\":[1,{\"y\":\"deep\"}],\"a.b\":\"dot\"}} "
		  "(length: cut)");
	ck_prompt(NULL, "one", "",
		  "You are a of the live show \"The Show\". Your part: A "
		  "part.\nAnswer with the text for \"end\" alone, without an "
		  "introduction.",
		  "Your task: Do it\n\nWhat the show has so far:\n\nfirst:\n"
		  "{\"x\":[1,{\"y\":\"deep\"}],\"a.b\":\"dot\"}\n");
}
END_TEST

/* --- answers -------------------------------------------------------------- */

static void ck_answer(int outputs, const char *text, const char *wanted)
{
	char a[] = "a", b[] = "b", *both[] = {a, b};
	struct show_names names = {both, (size_t)outputs};
	const char *code = NULL;
	struct err err = {0};
	json_object *o =
		llm_answer_read(text, strlen(text), &names, &code, &err);
	if (wanted[0] == '!') {
		ck_assert_msg(o == NULL, "%s is %s", text, json_text(o));
		ck_assert_str_eq(code, wanted + 1);
		ck_assert(err.text[0]);
		return;
	}
	ck_assert_msg(o != NULL, "%s: %s", text, err.text);
	ck_assert_str_eq(json_text(o), wanted);
	json_object_put(o);
}

START_TEST(test_answers)
{
	/* Several outputs: an object, wherever it stands. */
	ck_answer(2, "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}");
	ck_answer(2, "```json\n{\"a\":1,\"b\":2}\n```", "{\"a\":1,\"b\":2}");
	ck_answer(2, "Here:\n```\n{\"a\":\"}\"}\n```\nso", "{\"a\":\"}\"}");
	ck_answer(2, "Sure! {\"a\":{\"x\":1}} Enjoy.", "{\"a\":{\"x\":1}}");
	ck_answer(2, "<think>{not}</think>\n{\"a\":1}", "{\"a\":1}");
	ck_answer(2, "```json\n{\"a\":1}", "{\"a\":1}");
	ck_answer(2, "The gate opens.", "!no_json");
	ck_answer(2, "{\"a\":1", "!no_json");
	ck_answer(2, "[1,2]", "!no_json");
	ck_answer(2, "{\"a\":1,\"a\":2}", "!no_json");
	/* One: the text, unless it names its output. */
	ck_answer(1, " The gate opens.\n", "{\"a\":\"The gate opens.\"}");
	ck_answer(1, "{\"a\":[1]}", "{\"a\":[1]}");
	ck_answer(1, "{\"c\":[1]}", "{\"a\":\"{\\\"c\\\":[1]}\"}");
	ck_answer(1, "```json\n{\"c\":1}\n```", "{\"a\":{\"c\":1}}");
	ck_answer(1, "```json\n[1, 2]\n```", "{\"a\":[1,2]}");
	ck_answer(1, "```JSON\n{\"a\":3}\n```\n", "{\"a\":3}");
	ck_answer(1, "```json\n{\"c\":\n```", "!no_json");
	ck_answer(1, "use ```json\n1\n``` so",
		  "{\"a\":\"use ```json\\n1\\n``` so\"}");
	ck_answer(1, "```\nverse\n```", "{\"a\":\"```\\nverse\\n```\"}");
	ck_answer(1, "```json\n```", "!no_json");
	ck_answer(2, "```{\n```", "!no_json");
	ck_answer(1, "```", "{\"a\":\"```\"}");
	ck_answer(1, "  \n", "!empty");
	/* None: what it is. */
	ck_answer(0, "{\"c\":1}", "{\"c\":1}");
	ck_answer(0, "text", "\"text\"");
	ck_answer(0, "{text", "\"{text\"");
	ck_answer(2, "", "!empty");
}
END_TEST

START_TEST(test_prices)
{
	static const struct {
		int64_t in_price, out_price, in, out, wanted;
	} rows[] = {
		{SHOW_UNSET, SHOW_UNSET, 5, 5, -1},
		{500000, 1500000, 1000000, 1000000, 2000000},
		{500000, 1500000, 1, 0, 1},
		{500000, 1500000, 1, 1, 2},
		{400000, 400000, 1, 1, 1}, /* 0.8: rounded once */
		{SHOW_UNSET, 1500000, 1000, 10, 15},
		{0, 0, 1000, 10, 0},
		{INT64_C(1000000000000000), 1, 1, 0, 1000000000},
		{INT64_C(1000000000000000), INT64_C(1000000000000000),
		 INT64_C(1000000000000), INT64_C(1000000000000),
		 INT64_C(1000000000000000)},
		{999999, 999999, 999999, 999999, 1999997},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct show_agent a = {.price_input_micros = rows[i].in_price,
				       .price_output_micros =
					       rows[i].out_price};
		ck_assert_int_eq(show_price_micros(&a, rows[i].in, rows[i].out),
				 rows[i].wanted);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("llm");
	tap_add(s, "events of a stream, cut anywhere", test_sse);
	tap_add(s, "both APIs' streams, cut anywhere", test_streams);
	tap_add(s, "how answers end", test_ends);
	tap_add(s, "requests of both APIs", test_requests);
	tap_add(s, "addresses and headers", test_urls_and_headers);
	tap_add(s, "prompts filled in", test_prompts);
	tap_add(s, "answers as outputs", test_answers);
	tap_add(s, "prices", test_prices);
	return tap_run(s);
}
