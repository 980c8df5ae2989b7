/* What a language model's server may send: its first byte says how it is read;
 * a stream, whole or in small pieces, an answer, a text, or a prompt. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "jobs/llm.h"
#include "jobs/sse.h"
#include "show/prompt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct reading {
	const struct llm_api *api;
	struct llm_told told;
};

static bool read_event(void *ctx, const char *data, size_t bytes)
{
	struct reading *r = ctx;
	return llm_read_event(r->api, data, bytes, &r->told);
}

static void check_told(const struct llm_told *t)
{
	REQUIRE(t->use.input_tokens >= -1 && t->use.output_tokens >= -1);
	REQUIRE(t->use.counted >= 0);
	REQUIRE(text_is_utf8(buf_str(&t->text), t->text.len));
	REQUIRE(!t->error || text_is_utf8(t->error, strlen(t->error)));
}

/* The same whatever the pieces are. */
static void read_stream(const struct llm_api *api, const char *text,
			size_t bytes, size_t piece, struct reading *r)
{
	*r = (struct reading){.api = api};
	struct sse s = {.max_bytes = 4096, .take = read_event, .ctx = r};
	enum sse_state state = SSE_GOES_ON;
	llm_told_init(&r->told);
	for (size_t at = 0; at < bytes && state == SSE_GOES_ON; at += piece)
		state = sse_feed(&s, text + at,
				 bytes - at < piece ? bytes - at : piece);
	if (state == SSE_GOES_ON)
		sse_end(&s);
	sse_release(&s);
	check_told(&r->told);
}

static void try_stream(const struct llm_api *api, const char *text,
		       size_t bytes)
{
	struct reading all, some;
	read_stream(api, text, bytes, 1, &all);
	read_stream(api, text, bytes, 7, &some);
	/* What is too large is noticed a piece earlier or later. */
	if (bytes < 4096) {
		REQUIRE(all.told.finish == some.told.finish);
		REQUIRE(strcmp(buf_str(&all.told.text),
			       buf_str(&some.told.text)) == 0);
	}
	llm_told_release(&all.told);
	llm_told_release(&some.told);
}

static void try_whole(const struct llm_api *api, const char *text, size_t bytes)
{
	struct llm_told told;
	llm_told_init(&told);
	llm_read_whole(api, text, bytes, &told);
	check_told(&told);
	llm_told_release(&told);
}

static void try_answer(const char *text, size_t bytes)
{
	char a[] = "a", b[] = "b", *names[] = {a, b};
	for (size_t n = 0; n <= 2; n++) {
		struct show_names outputs = {names, n};
		const char *code = NULL;
		struct err err = {0};
		json_object *o =
			llm_answer_read(text, bytes, &outputs, &code, &err);
		REQUIRE(o || (code && *err.text));
		REQUIRE(!o || n < 1 ||
			json_object_is_type(o, json_type_object));
		json_object_put(o);
	}
}

static void try_prompt(const char *text)
{
	const char *rest = text, *end = text + strlen(text);
	struct prompt_piece p;
	while (prompt_next(&rest, &p)) {
		REQUIRE(p.text >= text && p.text + p.bytes <= end);
		REQUIRE(rest > text && rest <= end);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (!bytes)
		return 0;
	size_t n = bytes - 1;
	char *text = xstrndup((const char *)data + 1, n);
	n = strlen(text);
	const struct llm_api *api = data[0] & 1 ? &llm_anthropic : &llm_openai;
	switch (data[0] >> 1 & 3) {
	case 0:
		try_stream(api, text, n);
		break;
	case 1:
		try_whole(api, text, n);
		break;
	case 2:
		try_answer(text, n);
		break;
	default:
		try_prompt(text);
	}
	free(text);
	return 0;
}
