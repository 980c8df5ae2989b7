/* jobs: expectations of checks, as a table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "jobs/audio.h"
#include "jobs/expect.h"
#include "tap.h"

/* sha256("abc"), from the command line's sha256sum */
#define SHA_ABC                                                                \
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

/* and of the first 27 bytes of the body below */
#define SHA_BODY                                                               \
	"e2e8444f338a010c832b784e4ef1aba5581f9b9eca7289176f84d90f8386d760"

/* the body below as a result shows it */
#define BODY_SHORT "\"{\\\"beat/x\\\":1,\\\"list\\\":[\\\"a\\\",\\\"b\\\"\""

static const struct row {
	const char *wanted, *got; /* in lists of one; got NULL: nothing there */
	bool holds;
} rows[] = {
	{"[1]", "[1]", true},
	{"[1]", "[1.0]", true},
	{"[1]", "[2]", false},
	{"[1]", "[\"1\"]", false},
	{"[true]", "[1]", false},
	{"[null]", "[null]", true},
	{"[null]", NULL, false},
	{"[\"a\"]", "[\"a\"]", true},
	{"[[1,2]]", "[[1,2]]", true},
	{"[{\"equals\":{\"a\":1}}]", "[{\"a\":1}]", true},
	{"[{\"equals\":{\"a\":1}}]", "[{\"a\":2}]", false},
	{"[{\"a\":1}]", "[{\"a\":1}]", true},
	{"[{\"not\":5}]", "[6]", true},
	{"[{\"not\":5}]", "[5]", false},
	{"[{\"not\":{\"contains\":\"x\"}}]", "[\"abc\"]", true},
	{"[{\"not\":{\"contains\":\"b\"}}]", "[\"abc\"]", false},
	{"[{\"lt\":5}]", "[4.9]", true},
	{"[{\"lt\":5}]", "[5]", false},
	{"[{\"lt\":5}]", "[\"4\"]", false},
	{"[{\"lt\":5}]", NULL, false},
	{"[{\"gt\":5}]", "[6]", true},
	{"[{\"gt\":5}]", "[5]", false},
	{"[{\"gt\":1,\"lt\":3}]", "[2]", true},
	{"[{\"gt\":1,\"lt\":3}]", "[3]", false},
	{"[{\"gt\":9007199254740992}]", "[9007199254740993]", true},
	{"[{\"contains\":\"b\"}]", "[\"abc\"]", true},
	{"[{\"contains\":\"b\"}]", "[[\"a\",\"b\"]]", true},
	{"[{\"contains\":2}]", "[[1,2.0]]", true},
	{"[{\"contains\":\"b\"}]", "[{\"b\":null}]", true},
	{"[{\"contains\":\"b\"}]", "[7]", false},
	{"[{\"matches\":\"^a.+c$\"}]", "[\"abbc\"]", true},
	{"[{\"matches\":\"^a.+c$\"}]", "[\"abb\"]", false},
	{"[{\"matches\":\"(\"}]", "[\"(\"]", false},
	{"[{\"matches\":\"a{3}\"}]", "[\"aaa\"]", true},
	/* as long as it takes to say no, and not longer */
	{"[{\"matches\":\"((a{1,255}){1,255}){1,255}\"}]", "[\"aaa\"]", false},
	{"[{\"matches\":\"a{1,99999999999999999999}\"}]", "[\"aaa\"]", false},
	{"[{\"type\":\"string\"}]", "[\"x\"]", true},
	{"[{\"type\":\"string\"}]", "[1]", false},
	{"[{\"type\":\"number\"}]", "[1]", true},
	{"[{\"type\":\"number\"}]", "[\"1\"]", false},
	{"[{\"type\":\"boolean\"}]", "[false]", true},
	{"[{\"type\":\"boolean\"}]", "[0]", false},
	{"[{\"type\":\"array\"}]", "[[]]", true},
	{"[{\"type\":\"array\"}]", "[{}]", false},
	{"[{\"type\":\"object\"}]", "[{}]", true},
	{"[{\"type\":\"object\"}]", "[[]]", false},
	{"[{\"type\":\"integer\"}]", "[1]", true},
	{"[{\"type\":\"integer\"}]", "[1.5]", false},
	{"[{\"type\":\"null\"}]", "[null]", true},
	{"[{\"type\":\"null\"}]", NULL, false},
	{"[{\"exists\":true}]", "[null]", true},
	{"[{\"exists\":true}]", NULL, false},
	{"[{\"exists\":false}]", NULL, true},
	{"[{\"exists\":false}]", "[0]", false},
	{"[{\"in\":[1,\"a\"]}]", "[\"a\"]", true},
	{"[{\"in\":[1,\"a\"]}]", "[\"b\"]", false},
	{"[{\"sha256\":\"" SHA_ABC "\"}]", "[\"abc\"]", true},
	{"[{\"sha256\":\"" SHA_ABC "\"}]", "[\"abd\"]", false},
	{"[{\"gt\":1,\"sideways\":3}]", "[2]", false},
};

START_TEST(test_row)
{
	const struct row *r = &rows[_i];
	json_object *w = json_read_str(r->wanted, &json_limits_own, NULL);
	json_object *g =
		r->got ? json_read_str(r->got, &json_limits_own, NULL) : NULL;
	ck_assert_ptr_nonnull(w);
	bool holds = expect_holds(json_object_array_get_idx(w, 0),
				  g ? json_object_array_get_idx(g, 0) : NULL,
				  r->got != NULL);
	ck_assert_msg(holds == r->holds, "%s against %s", r->wanted,
		      r->got ? r->got : "nothing");
	json_object_put(w);
	json_object_put(g);
}
END_TEST

static const struct whole {
	const char *expected;
	const char *text; /* NULL: holds */
} wholes[] = {
	{"{}", NULL},
	{"{\"status\":200,\"content_type\":\"application/*\"}", NULL},
	{"{\"content_type\":\"text/*\"}",
	 "content_type: wanted \"text/*\", got "
	 "\"application/json; charset=utf-8\""},
	{"{\"status\":{\"in\":[204,404]}}",
	 "status: wanted {\"in\":[204,404]}, got 200"},
	{"{\"max_latency_ms\":40}", NULL},
	{"{\"max_latency_ms\":39}",
	 "max_latency_ms: wanted at most 39, got 40"},
	{"{\"max_latency_ms\":{\"lt\":41}}", NULL},
	{"{\"max_connect_ms\":1}", "max_connect_ms: wanted at most 1, got 2"},
	{"{\"min_bytes\":10,\"max_bytes\":100,\"body_contains\":\"beat\"}",
	 NULL},
	{"{\"min_bytes\":100}", "min_bytes: wanted at least 100, got 27"},
	{"{\"/list/1\":\"b\",\"/beat~1x\":1}", NULL},
	{"{\"/list/7\":\"b\"}", "/list/7: wanted \"b\", got \"nothing\""},
	{"{\"/none\":null,\"/gone\":{\"exists\":false}}", NULL},
	{"{\"not_silent\":true}", "not_silent: wanted true, got \"nothing\""},
	{"{\"loudest\":true}", "loudest: this version cannot measure it"},
	{"{\"body_bytes\":27,\"sha256\":\"" SHA_BODY "\"}", NULL},
	{"{\"sha256\":\"" SHA_ABC "\"}",
	 "sha256: wanted \"" SHA_ABC "\", got " BODY_SHORT},
	{"{\"body\":{\"matches\":\"^.{20}\"}}", NULL},
	{"{\"body\":\"beat\"}", "body: wanted \"beat\", got " BODY_SHORT},
	{"{\"banner\":\"list\"}", NULL},
	{"{\"banner\":\"220\"}",
	 "banner: wanted to contain \"220\", got " BODY_SHORT},
	{"{\"max_connect_ms\":2}", NULL},
	{"{\"status\":204}", "status: wanted 204, got 200"},
	{"{\"value\":2.5,\"exit_status\":{\"in\":[0,3]}}", NULL},
	{"{\"body_bytes\":28}", "body_bytes: wanted 28, got 27"},
	{"{\"max_bytes\":26}", "max_bytes: wanted at most 26, got 27"},
	{"{\"body_contains\":\"bear\"}",
	 "body_contains: wanted to contain \"bear\", got " BODY_SHORT},
	{"{\"exit_status\":3,\"value\":{\"gt\":2,\"lt\":3}}", NULL},
	{"{\"exit_status\":0}", "exit_status: wanted 0, got 3"},
	{"{\"value\":2}", "value: wanted 2, got 2.5"},
};

static const struct audio_facts sound = {
	.format = "WAV",
	.duration_ms = 1200,
	.sample_rate = 22050,
	.channels = 1,
	.peak_dbfs = -3.04,
	.loudness_lufs = -21.06,
	.silence_ms = 250,
	.clipped = 6,
};
static const struct audio_facts nothing = {
	.sample_rate = 8000,
	.channels = 2,
	.peak_dbfs = -INFINITY,
	.loudness_lufs = -INFINITY,
};

static const struct of_sound {
	const struct audio_facts *audio;
	const char *expected, *text;
} of_sounds[] = {
	{&sound,
	 "{\"duration_ms\":1200,\"min_duration_ms\":1200,"
	 "\"max_duration_ms\":1200,\"sample_rate\":22050,\"channels\":1,"
	 "\"peak_dbfs\":-3,\"loudness_lufs\":{\"gt\":-23,\"lt\":-20},"
	 "\"max_silence_ms\":250,\"not_silent\":true}",
	 NULL},
	{&sound, "{\"duration_ms\":1201}",
	 "duration_ms: wanted 1201, got 1200"},
	{&sound, "{\"min_duration_ms\":1201}",
	 "min_duration_ms: wanted at least 1201, got 1200"},
	{&sound, "{\"max_duration_ms\":1199}",
	 "max_duration_ms: wanted at most 1199, got 1200"},
	{&sound, "{\"sample_rate\":48000}",
	 "sample_rate: wanted 48000, got 22050"},
	{&sound, "{\"channels\":2}", "channels: wanted 2, got 1"},
	{&sound, "{\"peak_dbfs\":{\"lt\":-6}}",
	 "peak_dbfs: wanted {\"lt\":-6}, got -3.0"},
	{&sound, "{\"loudness_lufs\":{\"gt\":-20}}",
	 "loudness_lufs: wanted {\"gt\":-20}, got -21.1"},
	{&sound, "{\"max_silence_ms\":249}",
	 "max_silence_ms: wanted at most 249, got 250"},
	{&sound, "{\"not_clipped\":false}", NULL},
	{&sound, "{\"not_clipped\":true}",
	 "not_clipped: wanted true, got false"},
	{&nothing, "{\"not_silent\":true}",
	 "not_silent: wanted true, got false"},
	{&nothing, "{\"not_silent\":false,\"not_clipped\":true}", NULL},
	{&nothing, "{\"loudness_lufs\":{\"lt\":0}}",
	 "loudness_lufs: wanted {\"lt\":0}, got \"nothing\""},
};

START_TEST(test_sound)
{
	const struct of_sound *s = &of_sounds[_i];
	struct measured m = measured_nothing;
	json_object *rows_out = json_object_new_array();
	json_object *e = json_read_str(s->expected, &json_limits_own, NULL);
	char *text = NULL;
	m.audio = s->audio;
	bool ok = expect_all(e, &m, rows_out, &text);
	ck_assert_msg(ok == !s->text, "%s: %s", s->expected, text ? text : "");
	if (s->text)
		ck_assert_str_eq(text, s->text);
	free(text);
	json_object_put(e);
	json_object_put(rows_out);
}
END_TEST

START_TEST(test_whole)
{
	const struct whole *w = &wholes[_i];
	const char body[] =
		"{\"beat/x\":1,\"list\":[\"a\",\"b\"],\"none\":null}";
	json_object *rows_out = json_object_new_array();
	json_object *e = json_read_str(w->expected, &json_limits_own, NULL);
	struct measured m = {
		.status = 200,
		.content_type = "application/json; charset=utf-8",
		.body = body,
		.body_bytes = 27,
		.json = json_read_str(body, &json_limits_own, NULL),
		.connect_ms = 2,
		.total_ms = 40,
		.exit_status = 3,
		.has_value = true,
		.value = 2.5,
	};
	char *text = NULL;
	bool ok = expect_all(e, &m, rows_out, &text);
	ck_assert_msg(ok == !w->text, "%s", w->expected);
	if (w->text)
		ck_assert_str_eq(text, w->text);
	else
		ck_assert_ptr_null(text);
	ck_assert_uint_eq(json_object_array_length(rows_out),
			  (size_t)json_object_object_length(e));
	free(text);
	json_object_put(m.json);
	json_object_put(e);
	json_object_put(rows_out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("jobs: expectations");
	TCase *t = tcase_create("expect");
	tcase_add_loop_test(t, test_row, 0, (int)COUNT_OF(rows));
	tcase_add_loop_test(t, test_sound, 0, (int)COUNT_OF(of_sounds));
	tcase_add_loop_test(t, test_whole, 0, (int)COUNT_OF(wholes));
	suite_add_tcase(suite, t);
	return tap_run(suite);
}
