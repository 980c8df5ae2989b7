/* The meter of the gateway: what it passes on, counts, keeps back, and how it
 * ends what goes too far. */
#include "jobs/meter.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

static struct meter_allowance may = {.api = API_OPENAI,
				     .choices = 1,
				     .prompt_tokens = 10,
				     .output_tokens = 5,
				     .lease = "r1/a/1/b"};

#define PIECE(text)                                                            \
	"data: {\"id\":\"c1\",\"created\":7,\"model\":\"m\",\"choices\":["     \
	"{\"index\":0,\"delta\":{\"content\":\"" text                          \
	"\"},\"finish_reason\":null}]}\n\n"
#define FINISH                                                                 \
	"data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},"         \
	"\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE(in, out)                                                         \
	"data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":" in \
	",\"completion_tokens\":" out "}}\n\n"
#define DONE "data: [DONE]\n\n"

struct seen {
	enum meter_state state;
	struct meter_use use;
	char *passed, *tail;
};

static struct seen feed(const char *text, size_t piece)
{
	struct seen s = {0};
	struct buf out = {0};
	struct meter *m = meter_new(&may);
	size_t len = strlen(text);
	for (size_t i = 0; i < len && s.state == METER_GOES_ON; i += piece)
		s.state = meter_feed(m, text + i,
				     len - i < piece ? len - i : piece, &out);
	s.state = meter_close(m, &out);
	meter_used(m, &s.use);
	s.passed = xstrdup(buf_str(&out));
	s.tail = xstrdup(buf_str(meter_tail(m)));
	buf_release(&out);
	meter_free(&m);
	return s;
}

static void drop(struct seen *s)
{
	free(s->passed);
	free(s->tail);
}

START_TEST(a_good_stream_goes_through_and_its_end_is_kept_back)
{
	/* Whatever the pieces are in which it comes. */
	for (size_t piece = 1; piece < 200; piece += 7) {
		struct seen s = feed(PIECE("one") PIECE("two")
					     FINISH USAGE("12", "2") DONE,
				     piece);
		ck_assert_int_eq(s.state, METER_WHOLE);
		ck_assert_str_eq(s.passed, PIECE("one") PIECE("two"));
		ck_assert_str_eq(s.tail, FINISH DONE);
		ck_assert_int_eq(s.use.input_tokens, 12);
		ck_assert_int_eq(s.use.output_tokens, 2);
		ck_assert_int_eq(s.use.counted, 2);
		drop(&s);
	}
}
END_TEST

START_TEST(the_usage_goes_to_who_asked_for_it)
{
	may.usage_wanted = true;
	struct seen s = feed(PIECE("one") FINISH USAGE("9", "1") DONE, 50);
	ck_assert_str_eq(s.tail, FINISH USAGE("9", "1") DONE);
	drop(&s);
	may.usage_wanted = false;
}
END_TEST

START_TEST(at_the_cap_it_ends_properly_and_says_so)
{
	struct seen s = feed(PIECE("1") PIECE("2") PIECE("3") PIECE("4")
				     PIECE("5") PIECE("6") PIECE("7"),
			     64);
	ck_assert_int_eq(s.state, METER_CAP);
	ck_assert_str_eq(s.passed, PIECE("1") PIECE("2") PIECE("3") PIECE("4")
					   PIECE("5"));
	ck_assert_ptr_nonnull(strstr(s.tail, ": showcaller ended this answer"));
	ck_assert_ptr_nonnull(strstr(s.tail, "r1/a/1/b"));
	ck_assert_ptr_nonnull(strstr(s.tail, "\"finish_reason\":\"length\""));
	ck_assert_ptr_nonnull(strstr(s.tail, "\"id\":\"c1\""));
	ck_assert_ptr_null(strstr(s.tail, "usage"));
	ck_assert_str_eq(s.tail + strlen(s.tail) - strlen(DONE), DONE);
	drop(&s);
}
END_TEST

START_TEST(one_long_piece_counts_by_its_length)
{
	struct seen s = feed(
		PIECE("0123456789012345678901234567890123456789012345678901"),
		4096);
	ck_assert_int_eq(s.use.counted, 6);
	ck_assert_int_eq(s.state, METER_CAP);
	ck_assert_str_eq(s.passed, "");
	drop(&s);
}
END_TEST

START_TEST(what_is_reported_on_the_way_counts)
{
	struct seen s =
		feed("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":"
		     "\"a\"}}],\"usage\":{\"prompt_tokens\":10,"
		     "\"completion_tokens\":6}}\n\n",
		     4096);
	ck_assert_int_eq(s.state, METER_CAP);
	drop(&s);
	/* At its end it is over anyway, and true. */
	s = feed(PIECE("a") FINISH USAGE("10", "600") DONE, 4096);
	ck_assert_int_eq(s.state, METER_WHOLE);
	ck_assert_int_eq(s.use.output_tokens, 600);
	drop(&s);
}
END_TEST

START_TEST(a_forgotten_end_is_added)
{
	struct seen s = feed(PIECE("a") FINISH, 4096);
	ck_assert_int_eq(s.state, METER_WHOLE);
	ck_assert_str_eq(s.tail, FINISH DONE);
	drop(&s);
	s = feed(PIECE("a"), 4096); /* but not to an answer that was cut */
	ck_assert_int_eq(s.state, METER_GOES_ON);
	drop(&s);
}
END_TEST

START_TEST(what_is_no_stream_is_bad)
{
	struct seen s = feed(PIECE("a") "data: {no json\n\n" PIECE("b"), 4096);
	ck_assert_int_eq(s.state, METER_BAD);
	ck_assert_str_eq(s.passed, PIECE("a"));
	drop(&s);
	char *huge = xmalloc(600000);
	memset(huge, 'x', 599999);
	huge[599999] = '\0';
	s = feed(huge, 4096);
	ck_assert_int_eq(s.state, METER_BAD);
	drop(&s);
	free(huge);
	s = feed("data: {\"error\":{\"message\":\"boom\"}}\n\n", 4096);
	ck_assert_int_eq(s.state, METER_ERROR);
	ck_assert_ptr_nonnull(strstr(s.tail, "boom"));
	drop(&s);
}
END_TEST

#define START(in)                                                              \
	"event: message_start\ndata: {\"type\":\"message_start\","             \
	"\"message\":{\"id\":\"m1\",\"usage\":{\"input_tokens\":" in           \
	",\"cache_read_input_tokens\":2,\"output_tokens\":1}}}\n\n"            \
	"event: content_block_start\ndata: {\"type\":"                         \
	"\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"     \
	"\"text\",\"text\":\"\"}}\n\n"
#define DELTA(text)                                                            \
	"event: content_block_delta\ndata: {\"type\":"                         \
	"\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"             \
	"\"text_delta\",\"text\":\"" text "\"}}\n\n"
#define END(out)                                                               \
	"event: content_block_stop\ndata: {\"type\":\"content_block_stop\","   \
	"\"index\":0}\n\nevent: message_delta\ndata: {\"type\":"               \
	"\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"          \
	"\"usage\":{\"output_tokens\":" out "}}\n\n"
#define STOP "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

START_TEST(messages_of_anthropic)
{
	may.api = API_ANTHROPIC;
	struct seen s = feed(START("8") DELTA("a") END("3") STOP, 33);
	ck_assert_int_eq(s.state, METER_WHOLE);
	ck_assert_int_eq(s.use.input_tokens, 10);
	ck_assert_int_eq(s.use.output_tokens, 3);
	ck_assert_ptr_nonnull(strstr(s.passed, "content_block_stop"));
	ck_assert_ptr_null(strstr(s.passed, "message_delta"));
	ck_assert_ptr_nonnull(strstr(s.tail, STOP));
	drop(&s);

	/* The prompt is four tokens longer than was thought: that leaves one.
	 */
	s = feed(START("12") DELTA("a") DELTA("b") DELTA("c"), 33);
	ck_assert_int_eq(s.state, METER_CAP);
	ck_assert_ptr_null(strstr(s.passed, "\"b\""));
	ck_assert_ptr_nonnull(strstr(s.tail, "\"content_block_stop\""));
	ck_assert_ptr_nonnull(strstr(s.tail, "\"stop_reason\":\"max_tokens\""));
	ck_assert_ptr_nonnull(strstr(s.tail, STOP));
	drop(&s);
	may.api = API_OPENAI;
}
END_TEST

START_TEST(a_prompt_is_guessed_rather_too_long)
{
	json_object *o = json_read_str(
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
		"\"content\":\"one two three four five six\"}]}",
		&json_limits_answer, NULL);
	int64_t n = meter_guess_prompt(o);
	ck_assert_int_ge(n, 10);
	ck_assert_int_le(n, 40);
	json_object_put(o);
	o = json_object_new_object();
	json_object *list = json_object_new_array();
	json_object *m = json_object_new_object();
	struct buf b = {0};
	for (int i = 0; i < 100000; i++)
		buf_addc(&b, 'A');
	json_add_str(m, "data", buf_str(&b));
	json_object_array_add(list, m);
	json_add(o, "messages", &list);
	ck_assert_int_lt(meter_guess_prompt(o), 2000);
	buf_release(&b);
	json_object_put(o);
}
END_TEST

START_TEST(errors_have_the_form_of_their_api)
{
	char *a = meter_error_body(API_OPENAI, 402, "insufficient_quota", "no");
	char *b = meter_error_body(API_ANTHROPIC, 429, "x", "no");
	ck_assert_ptr_nonnull(strstr(a, "\"code\":\"insufficient_quota\""));
	ck_assert_ptr_nonnull(strstr(b, "{\"type\":\"error\",\"error\":"));
	ck_assert_ptr_nonnull(strstr(b, "rate_limit_error"));
	free(a);
	free(b);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("meter");
	TCase *t = tcase_create("meter");
	tcase_add_test(t, a_good_stream_goes_through_and_its_end_is_kept_back);
	tcase_add_test(t, the_usage_goes_to_who_asked_for_it);
	tcase_add_test(t, at_the_cap_it_ends_properly_and_says_so);
	tcase_add_test(t, one_long_piece_counts_by_its_length);
	tcase_add_test(t, what_is_reported_on_the_way_counts);
	tcase_add_test(t, a_forgotten_end_is_added);
	tcase_add_test(t, what_is_no_stream_is_bad);
	tcase_add_test(t, messages_of_anthropic);
	tcase_add_test(t, a_prompt_is_guessed_rather_too_long);
	tcase_add_test(t, errors_have_the_form_of_their_api);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return tap_run(suite());
}
