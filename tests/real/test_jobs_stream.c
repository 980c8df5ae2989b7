/* An answer that is taken piece by piece, and when to come again. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "jobs/http.h"
#include "llm_peer.h"
#include "tap.h"

static struct llm_peer *peer;
static struct http_client *client;

static void begin(void)
{
	peer = llm_peer_start(0);
	client = http_client_new();
	ck_assert_ptr_nonnull(peer);
	ck_assert_ptr_nonnull(client);
}

static void end(void)
{
	http_client_free(&client);
	llm_peer_stop(&peer);
}

struct taken {
	struct buf text;
	int pieces, most; /* most: after so many it is enough; 0: never */
	bool headed;
};

static bool take(void *ctx, const struct http_answer *head, const char *bytes,
		 size_t count)
{
	struct taken *t = ctx;
	t->headed = head->status == 200 && head->content_type &&
		    strcmp(head->content_type, "text/event-stream") == 0;
	buf_add(&t->text, bytes, count);
	return ++t->pieces != t->most;
}

static void ask(const char *words, struct taken *t, size_t max_bytes,
		struct http_answer *out)
{
	static const char body[] =
		"{\"model\":\"test\",\"stream\":true,\"messages\":"
		"[{\"role\":\"user\",\"content\":\"Hi\"}]}";
	char *url = xasprintf("http://127.0.0.1:%d/%s/v1/chat/completions",
			      llm_peer_port(peer), words);
	struct http_call call = {
		.url = url,
		.body = body,
		.max_bytes = max_bytes,
		.deadline_ms = clock_mono_ms() + patience_ms(8000),
		.take = take,
		.ctx = t,
	};
	*t = (struct taken){.most = t->most};
	http_exchange(client, &call, out);
	free(url);
}

START_TEST(test_pieces)
{
	struct taken t = {0};
	struct http_answer a;
	begin();
	ask("slow=1", &t, 1 << 20, &a);
	ck_assert_int_eq(a.fault, HTTP_FINE);
	ck_assert(t.headed);
	ck_assert_int_gt(t.pieces, 3);
	ck_assert_uint_eq(a.body.len, 0);
	ck_assert_ptr_nonnull(strstr(buf_str(&t.text), "data: [DONE]"));
	buf_release(&t.text);
	http_answer_release(&a);

	ask("cut=3", &t, 1 << 20, &a);
	ck_assert_int_eq(a.fault, HTTP_CUT);
	ck_assert_ptr_nonnull(strstr(buf_str(&t.text), "w03"));
	buf_release(&t.text);
	http_answer_release(&a);
	end();
}
END_TEST

START_TEST(test_enough)
{
	struct taken t = {.most = 2};
	struct http_answer a;
	begin();
	ask("endless", &t, 1 << 20, &a);
	ck_assert_int_eq(a.fault, HTTP_ENOUGH);
	ck_assert_int_eq(t.pieces, 2);
	ck_assert_msg(llm_peer_wait(peer, 1), "the peer still answers");
	buf_release(&t.text);
	http_answer_release(&a);

	t.most = 0;
	ask("endless", &t, 100000, &a);
	ck_assert_int_eq(a.fault, HTTP_TOO_LARGE);
	ck_assert_uint_le(t.text.len, 100000);
	buf_release(&t.text);
	http_answer_release(&a);
	end();
}
END_TEST

static const struct {
	const char *words;
	int64_t least, most;
} comes_again[] = {
	{"status=429", -1, -1},
	{"status=429+retry=7", 7000, 7000},
	{"status=429+retrydate=90", 89000, 91000},
	{"status=503+retry=99999999999999999999", HTTP_RETRY_MAX_MS,
	 HTTP_RETRY_MAX_MS},
	{"status=500+retrydate=-40", -1, 0},
	{"status=500+retry=0", 0, 0},
};

START_TEST(test_retry_after)
{
	struct taken t = {0};
	struct http_answer a;
	begin();
	ask(comes_again[_i].words, &t, 1 << 20, &a);
	ck_assert_int_eq(a.fault, HTTP_FINE);
	ck_assert_int_ge(a.status, 429);
	ck_assert_int_eq(t.pieces, 0);
	ck_assert_ptr_nonnull(strstr(buf_str(&a.body), "\"error\""));
	ck_assert_int_ge(a.retry_after_ms, comes_again[_i].least);
	ck_assert_int_le(a.retry_after_ms, comes_again[_i].most);
	http_answer_release(&a);
	end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("stream");
	TCase *c = tcase_create("stream");
	tcase_add_test(c, test_pieces);
	tcase_add_test(c, test_enough);
	tcase_add_loop_test(c, test_retry_after, 0, (int)COUNT_OF(comes_again));
	suite_add_tcase(s, c);
	return tap_run(s);
}
