/* Agents via llm against a server that behaves well, and badly. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "jobs_stand.h"
#include "llm_peer.h"
#include "tap.h"
#include "temp.h"

static struct jobs_stand stand;
static struct llm_peer *peer;

#define REQUEST                                                                \
	"{\"id\":\"r1/s/1\",\"parameters\":{\"run\":\"r1\",\"inputs\":{},"     \
	"\"attempt\":1}}"

/* An agent "a" that speaks `api`, with more keys, in a stage with outputs. */
static void begin(const char *words, const char *keys, const char *outputs)
{
	jobs_stand_init(&stand);
	peer = llm_peer_start(0);
	ck_assert_ptr_nonnull(peer);
	char *text = xasprintf(
		"show: jobs-test\n"
		"agents:\n"
		"  a: { via: llm, url: \"http://127.0.0.1:%d%s%s/v1\",\n"
		"       model: test%s,\n"
		"       price: { input_per_mtok: \"1000\", output_per_mtok: "
		"\"2000\" } }\n"
		"  e: { via: exec, argv: [./env.sh] }\n"
		"stages: [ { id: s, agents: [a, e], outputs: [%s],\n"
		"            description: Say it } ]\n",
		llm_peer_port(peer), *words ? "/" : "", words, keys, outputs);
	jobs_stand_load_text(&stand, text);
	free(text);
	jobs_stand_open(&stand, 1);
}

static void end(void)
{
	jobs_stand_close(&stand);
	llm_peer_stop(&peer);
}

static struct input *call(int64_t limit_ms)
{
	struct input *in = jobs_stand_call(&stand, "a", limit_ms, REQUEST);
	ck_assert_ptr_nonnull(in);
	return in;
}

static const char *const ways[] = {
	", api: openai",
	", api: openai, stream: false",
	", api: anthropic",
	", api: anthropic, stream: false",
};

START_TEST(test_well)
{
	begin("", ways[_i], "beat");
	struct input *in = call(PLENTY_MS);
	ck_assert_msg(in->ok, "%s", in->text);
	const char *beat = json_get_str(in->result, "beat", "");
	ck_assert_msg(strncmp(beat, "w01 w02 ", 8) == 0, "%s", beat);
	ck_assert_int_gt(in->input_tokens, 10);
	ck_assert_int_eq(in->output_tokens, 40);
	ck_assert_int_eq(in->tokens_used, in->input_tokens + 40);
	ck_assert_int_eq(in->cost_micros, in->input_tokens * 1000 + 40 * 2000);
	ck_assert_str_eq(in->model, "test");
	ck_assert_str_eq(in->key, "r1/s/1");
	input_free(&in);
	/* The lease has 500 tokens: of those the prompt may be part. */
	char *body = llm_peer_last(peer);
	json_object *o = json_read_str(body, &json_limits_own, NULL);
	int64_t most = json_get_int(o, "max_tokens", 0);
	ck_assert_int_gt(most, 100);
	ck_assert_int_lt(most, 500 - 10);
	json_object_put(o);
	free(body);
	end();
}
END_TEST

/* What goes wrong, in all four ways. Tokens: -1 not known, 0 none, -2 as the
 * server tells them. */
static const struct failure {
	const char *words, *code, *part;
	int64_t tokens, retry_after_ms;
	int limit_ms;
	bool streamed_only;
} failures[] = {
	{"status=429", "http_429", "asked to say this", 0, 0, PLENTY_MS, false},
	{"status=429+retry=7", "http_429", "429", 0, 7000, PLENTY_MS, false},
	{"status=503+retry=2", "http_503", "503", 0, 2000, PLENTY_MS, false},
	{"status=529", "http_529", "529", 0, 0, PLENTY_MS, false},
	{"status=500+retry=3", "http_500", "500", -1, 3000, PLENTY_MS, false},
	{"status=404+retry=3", "http_404", "404", 0, 0, PLENTY_MS, false},
	{"key=right", "http_401", "give its key", 0, 0, PLENTY_MS, false},
	{"overflow", "context_overflow", "", 0, 0, PLENTY_MS, false},
	{"context=20", "context_overflow", "", 0, 0, PLENTY_MS, false},
	{"cut=3", "cut", "within", -1, 0, PLENTY_MS, false},
	{"error=3", "stream_error", "", -1, 0, PLENTY_MS, true},
	{"badjson", "garbage", "no answer", -1, 0, PLENTY_MS, false},
	{"errorbody", "stream_error", "as if it were", -1, 0, PLENTY_MS, false},
	{"tokens=900", "length", "cut at max_tokens", -2, 0, PLENTY_MS, false},
	{"finish=tool_calls", "finish_reason", "tool_calls", -2, 0, PLENTY_MS,
	 false},
	{"finish=refusal", "refused", "declined", -2, 0, PLENTY_MS, false},
	{"wait=1500", "timeout", "no answer", -1, 0, 700, false},
	{"slow=1000", "timeout", "complete", -1, 0, 2000, true},
	{"comments=999", "timeout", "complete", -1, 0, 2000, true},
	{"endless", "overrun", "beyond max_tokens", -1, 0, PLENTY_MS, true},
	{"huge=3000000", "too_large", "", -1, 0, 8000, false},
};

START_TEST(test_badly)
{
	const struct failure *f = &failures[_i / (int)COUNT_OF(ways)];
	int way = _i % (int)COUNT_OF(ways);
	if (f->streamed_only && strstr(ways[way], "stream: false"))
		return;
	begin(f->words, ways[way], "beat");
	int64_t began = clock_mono_ms();
	/* What has to begin in time is given it. */
	struct input *in = call(f->streamed_only && f->limit_ms < PLENTY_MS
					? patience_waited_ms(f->limit_ms)
					: f->limit_ms);
	ck_assert_msg(!in->ok, "%s: it is ok", f->words);
	ck_assert_msg(strcmp(in->error_code, f->code) == 0,
		      "%s%s: %s instead of %s: %s", f->words, ways[way],
		      in->error_code, f->code, in->text);
	ck_assert_msg(strcasestr(in->text, f->part) != NULL, "%s: %s", f->words,
		      in->text);
	ck_assert(in->reached);
	if (f->tokens == -2)
		ck_assert_int_gt(in->tokens_used, 10);
	else
		ck_assert_msg(in->tokens_used == f->tokens, "%s%s: %lld tokens",
			      f->words, ways[way], (long long)in->tokens_used);
	ck_assert_int_eq(in->retry_after_ms, f->retry_after_ms);
	if (strcmp(f->code, "timeout") == 0)
		ck_assert_int_lt(clock_mono_ms() - began,
				 patience_at_most_ms(5000));
	input_free(&in);
	ck_assert_msg(llm_peer_wait(peer, 1), "%s: it still answers", f->words);
	end();
}
END_TEST

/* What is odd and does no harm. Tokens: -2 as the server tells; -3 a stream
 * tells none. */
static const struct oddity {
	const char *words;
	int64_t tokens, output;
} oddities[] = {
	{"nousage", -1, -1},
	{"usage=3", -2, 3},
	{"usage=99999", -2, 99999},
	{"nodone", -2, 40},
	{"crlf", -2, 40},
	{"bytes=1+tokens=5", -2, 5},
	{"comments=2", -2, 40},
	{"plain", -2, 40},
	{"rejects=max_tokens", -2, 40},
	{"rejects=stream_options", -3, 40},
};

START_TEST(test_oddly)
{
	const struct oddity *o = &oddities[_i / (int)COUNT_OF(ways)];
	const char *way = ways[_i % (int)COUNT_OF(ways)];
	bool rejects = strncmp(o->words, "rejects", 7) == 0;
	if (rejects && strstr(way, "anthropic"))
		return; /* its members are what they are */
	begin(o->words, way, "beat");
	struct input *in = call(8000);
	ck_assert_msg(in->ok, "%s: %s", o->words, in->text);
	if (o->tokens == -3) {
		bool streamed = !strstr(way, "stream: false");
		ck_assert_int_eq(in->tokens_used == -1, streamed);
	} else {
		ck_assert_int_eq(in->output_tokens, o->output);
		ck_assert_int_eq(in->tokens_used,
				 o->tokens == -2 ? in->input_tokens + o->output
						 : o->tokens);
	}
	input_free(&in);
	end();
}
END_TEST

/* More than was allowed, and told: it counts, and the core judges it. */
START_TEST(test_more_than_asked)
{
	begin("more=200", ", stream: false", "beat");
	struct input *in = call(PLENTY_MS);
	ck_assert(in->ok);
	ck_assert_int_gt(in->tokens_used, 500);
	input_free(&in);
	end();
	begin("more=5", "", "beat");
	in = call(PLENTY_MS);
	ck_assert_msg(in->ok, "%s", in->text);
	input_free(&in);
	end();
}
END_TEST

START_TEST(test_outputs)
{
	begin("", ", prompt: { text: \"<<members>> one two\" }", "one, two");
	struct input *in = call(PLENTY_MS);
	ck_assert_msg(in->ok, "%s", in->text);
	ck_assert_str_eq(json_text(in->result),
			 "{\"one\":\"made\",\"two\":\"made\"}");
	input_free(&in);
	char *body = llm_peer_last(peer);
	ck_assert_ptr_nonnull(strstr(body, "\"json_object\""));
	ck_assert_ptr_nonnull(strstr(body, "these members: \\\"one\\\", "));
	free(body);
	end();
	begin("rejects=response_format",
	      ", prompt: { text: \"<<members>> one two\" }", "one, two");
	in = call(PLENTY_MS);
	ck_assert_msg(in->ok, "%s", in->text);
	input_free(&in);
	ck_assert(llm_peer_wait(peer, 2));
	end();
	begin("", ", prompt: { text: \"just words\" }", "one, two");
	in = call(PLENTY_MS);
	ck_assert(!in->ok);
	ck_assert_str_eq(in->error_code, "no_json");
	ck_assert_ptr_nonnull(strstr(in->text, "one, two"));
	ck_assert_int_gt(in->tokens_used, 40);
	input_free(&in);
	end();
}
END_TEST

START_TEST(test_prompt_beyond_lease)
{
	char *long_text = xcalloc(1, 4000);
	memset(long_text, 'x', 3999);
	char *keys = xasprintf(", prompt: { text: \"%s\" }", long_text);
	begin("", keys, "beat");
	struct input *in = call(PLENTY_MS);
	ck_assert_str_eq(in->error_code, "budget");
	ck_assert_int_gt(in->needs_tokens, 1333);
	ck_assert_int_eq(in->tokens_used, 0);
	ck_assert(!in->reached);
	struct llm_stats stats;
	llm_peer_stats(peer, &stats);
	ck_assert_int_eq(stats.requests, 0);
	input_free(&in);
	free(keys);
	free(long_text);
	end();
}
END_TEST

START_TEST(test_progress)
{
	struct buf lines = {0};
	begin("slow=20", "", "beat");
	jobs_stand_ask(&stand, "a", 1, 8000, REQUEST);
	struct input *in = jobs_stand_wait(&stand, INPUT_ANSWER, &lines);
	ck_assert(in && in->ok);
	ck_assert_ptr_nonnull(strstr(buf_str(&lines), "w03"));
	input_free(&in);
	buf_release(&lines);
	end();
}
END_TEST

START_TEST(test_cancel)
{
	begin("slow=50", "", "beat");
	jobs_stand_ask(&stand, "a", 1, 8000, REQUEST);
	struct input *in = jobs_stand_wait(&stand, INPUT_PROGRESS, NULL);
	input_free(&in);
	pool_cancel_call(stand.pool, "r1/s/1",
			 show_find_agent(stand.show, "a"));
	ck_assert(jobs_stand_quiet(&stand));
	ck_assert_msg(llm_peer_wait(peer, 1), "the peer still answers");
	end();
}
END_TEST

#define KEY "sk-test-0123456789abcdefghij"

static void put_key(const char *text, unsigned mode)
{
	struct err err;
	char *path = xasprintf("%s/key", stand.folder);
	ck_assert(file_write(path, text, strlen(text), mode, &err));
	ck_assert_int_eq(chmod(path, mode), 0);
	free(path);
}

START_TEST(test_keys)
{
	struct input *in;
	setenv("LLM_TEST_KEY", KEY, 1);
	for (size_t i = 0; i < COUNT_OF(ways); i += 2) {
		char *keys = xasprintf("%s, key_env: LLM_TEST_KEY", ways[i]);
		begin("key=" KEY, keys, "beat");
		in = call(PLENTY_MS);
		ck_assert_msg(in->ok, "%s", in->text);
		input_free(&in);
		free(keys);
		end();
	}
	/* A server that tells what it got. */
	begin("key=another", ", key_env: LLM_TEST_KEY", "beat");
	in = call(PLENTY_MS);
	ck_assert_str_eq(in->error_code, "http_401");
	ck_assert_ptr_null(strstr(in->text, "0123456789"));
	ck_assert_ptr_nonnull(strstr(in->text, "***"));
	input_free(&in);
	end();
	unsetenv("LLM_TEST_KEY");
	begin("", ", key_env: LLM_TEST_KEY", "beat");
	in = call(PLENTY_MS);
	ck_assert_str_eq(in->error_code, "no_key");
	ck_assert_ptr_nonnull(strstr(in->text, "LLM_TEST_KEY"));
	ck_assert(!in->reached);
	input_free(&in);
	end();
}
END_TEST

START_TEST(test_key_files)
{
	begin("key=" KEY, ", key_file: key", "beat");
	put_key(KEY "\n", 0600);
	struct input *in = call(PLENTY_MS);
	ck_assert_msg(in->ok, "%s", in->text);
	input_free(&in);
	/* It is read at each call. */
	put_key("sk-another-key-of-some-length\n", 0600);
	in = call(PLENTY_MS);
	ck_assert_str_eq(in->error_code, "http_401");
	ck_assert_ptr_null(strstr(in->text, "sk-another"));
	input_free(&in);
	put_key(KEY "\n", 0644);
	in = call(PLENTY_MS);
	ck_assert_str_eq(in->error_code, "no_key");
	ck_assert(!in->reached);
	input_free(&in);
	put_key("sk-with a\tblank-in-it\n", 0600);
	in = call(PLENTY_MS);
	ck_assert_str_eq(in->error_code, "no_key");
	input_free(&in);
	end();
}
END_TEST

/* A program beside it is started without the key. */
START_TEST(test_key_and_programs)
{
	setenv("LLM_TEST_KEY", KEY, 1);
	begin("key=" KEY, ", key_env: LLM_TEST_KEY", "beat");
	jobs_stand_script(&stand, "env.sh",
			  "#!/bin/sh\n"
			  "n=$(tr '\\0' '\\n' </proc/$$/environ | grep -c "
			  "0123456789abcdef)\n"
			  "m=$(tr '\\0' '\\n' </proc/$$/cmdline | grep -c "
			  "0123456789abcdef)\n"
			  "echo \"{\\\"success\\\": true, \\\"result\\\": "
			  "{\\\"beat\\\": \\\"$n$m\\\"}, \\\"tokens_used\\\": "
			  "0}\"\n");
	struct input *in = call(PLENTY_MS);
	ck_assert_msg(in->ok, "%s", in->text);
	input_free(&in);
	in = jobs_stand_call(&stand, "e", PLENTY_MS, REQUEST);
	ck_assert_msg(in && in->ok, "%s", in ? in->text : "");
	ck_assert_str_eq(json_get_str(in->result, "beat", ""), "00");
	input_free(&in);
	unsetenv("LLM_TEST_KEY");
	end();
}
END_TEST

START_TEST(test_refused)
{
	begin("", "", "beat");
	int port = llm_peer_port(peer);
	llm_peer_stop(&peer);
	struct input *in = call(PLENTY_MS);
	ck_assert_msg(!in->ok && strcmp(in->error_code, "refused") == 0,
		      "port %d: %s", port, in->text);
	ck_assert(!in->reached);
	input_free(&in);
	end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("llm agents");
	tap_add(s, "outputs as JSON", test_outputs);
	tap_add(s, "a prompt beyond its lease", test_prompt_beyond_lease);
	tap_add(s, "more than asked", test_more_than_asked);
	tap_add(s, "progress", test_progress);
	tap_add(s, "a cancelled call closes its connection", test_cancel);
	tap_add(s, "keys of the environment", test_keys);
	tap_add(s, "keys of files", test_key_files);
	tap_add(s, "keys and programs", test_key_and_programs);
	tap_add(s, "nobody listens", test_refused);
	TCase *c = tcase_create("all ways");
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_well, 0, (int)COUNT_OF(ways));
	tcase_add_loop_test(c, test_badly, 0,
			    (int)(COUNT_OF(failures) * COUNT_OF(ways)));
	tcase_add_loop_test(c, test_oddly, 0,
			    (int)(COUNT_OF(oddities) * COUNT_OF(ways)));
	suite_add_tcase(s, c);
	return tap_run(s);
}
