/* The strict door: what it lets in, what it refuses, and where it says so. */
#include "base/json.h"

#include <locale.h>
#include <math.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "flat_same.h"
#include "json_random.h"
#include "tap.h"
#include "temp.h"

extern char **environ;

static const struct json_limits *const answer = &json_limits_answer;

/* ---- what is let in, and its canonical text ---- */

static const struct {
	const char *text, *canonical; /* NULL: the text itself */
} good[] = {
	{"{}", NULL},
	{"[]", NULL},
	{" \t\r\n{ \n} \t", "{}"},
	{"\"\"", NULL},
	{"true", NULL},
	{"false", NULL},
	{"0", NULL},
	{"-0", "0"},
	{"-1", NULL},
	{"9223372036854775807", NULL},
	{"-9223372036854775808", NULL},
	{"1.0", NULL},
	{"-0.0", NULL},
	{"2.5", NULL},
	{"1e2", "100.0"},
	{"1E+2", "100.0"},
	{"25e-1", "2.5"},
	{"0e0", "0.0"},
	{"0.1", "0.1"},
	{"1e300", "1e+300"},
	{"1e23", "1e+23"},
	{"5e-324", "4.94065645841247e-324"},
	{"1e-400", "0.0"},
	{"1.7976931348623157e308", "1.7976931348623157e+308"},
	{"9007199254740993.0", "9007199254740992.0"},
	{"0.000000000000000000000000000001e30", "1.0"},
	{"123456789012345678901234567890.0", "1.2345678901234568e+29"},
	{"[1,2,[3,[]],{}]", NULL},
	{"{\"b\":1,\"a\":{\"d\":2,\"c\":[true,null]}}",
	 "{\"a\":{\"c\":[true,null],\"d\":2},\"b\":1}"},
	{"{\"\":0}", NULL},
	{"[null]", NULL},
	{"\"a\\/b\"", "\"a/b\""},
	{"\"\\\"\\\\\\b\\f\\n\\r\\t\"", NULL},
	{"\"\\u0041\\u00e9\\u20AC\"", "\"A\303\251\342\202\254\""},
	{"\"\\ud83d\\ude00\"", "\"\360\237\230\200\""},
	{"\"\\u001f\\u007f\"", "\"\\u001f\177\""},
	{"\"\\u000b\"", NULL},
	{"\"\303\251 \342\202\254 \360\237\230\200\"", NULL},
	{"\"\364\217\277\277\"", NULL}, /* U+10FFFF */
	{"\"\356\200\200\"", NULL},	/* U+E000, behind the surrogates */
	{"{\"a\":1,\"A\":2,\"a \":3}", "{\"A\":2,\"a\":1,\"a \":3}"},
	{"{\"\303\251\":1,\"z\":2}", "{\"z\":2,\"\303\251\":1}"},
};

START_TEST(accepts)
{
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct err err = {0};
		const char *want =
			good[i].canonical ? good[i].canonical : good[i].text;
		json_object *o = json_read_str(good[i].text, answer, &err);
		ck_assert_msg(o, "%s: %s", good[i].text, err.text);
		ck_assert(json_check(good[i].text, strlen(good[i].text), answer,
				     NULL));
		char *text = json_canonical(o);
		ck_assert_str_eq(text, want);
		json_object *again = json_read_str(json_text(o), answer, &err);
		ck_assert_msg(json_equal(o, again), "%s", good[i].text);
		json_object_put(again);
		json_object_put(o);
		free(text);
	}
}
END_TEST

/* ---- what is refused, and the whole sentence ---- */

static const struct {
	const char *text, *why;
} bad[] = {
	/* duplicate keys, also when written differently */
	{"{\"a\":1,\"a\":2}", "byte 8: the key is there twice"},
	{"{\"a\":1,\"b\":0,\"\\u0061\":2}", "byte 14: the key is there twice"},
	{"[{\"x\":{\"a\":1,\"a\":1}}]", "byte 14: the key is there twice"},
	{"{\"\":1,\"\":1}", "byte 7: the key is there twice"},
	/* no numbers */
	{"NaN", "byte 1: this is no JSON value"},
	{"nan", "byte 1: this is no JSON value"},
	{"[Infinity]", "byte 2: this is no JSON value"},
	{"-Infinity", "byte 2: a digit is missing"},
	{"[-NaN]", "byte 3: a digit is missing"},
	{"1e999", "byte 1: the number is too large"},
	{"[0,-1e400]", "byte 4: the number is too large"},
	{"9223372036854775808", "byte 1: the integer is beyond 64 bits"},
	{"-9223372036854775809", "byte 1: the integer is beyond 64 bits"},
	{"18446744073709551616", "byte 1: the integer is beyond 64 bits"},
	{"100000000000000000000000", "byte 1: the integer is beyond 64 bits"},
	{"5.", "byte 3: the text ends too early"},
	{"[5.]", "byte 4: a digit is missing"},
	{".5", "byte 1: this is no JSON value"},
	{"01", "byte 1: a number must not begin with 0"},
	{"-01", "byte 2: a number must not begin with 0"},
	{"00", "byte 1: a number must not begin with 0"},
	{"+1", "byte 1: this is no JSON value"},
	{"0x10", "byte 2: something follows the value"},
	{"1e", "byte 3: the text ends too early"},
	{"[1e+]", "byte 5: a digit is missing"},
	{"[1.e1]", "byte 4: a digit is missing"},
	{"-", "byte 2: the text ends too early"},
	{"1_000", "byte 2: something follows the value"},
	{"1,5", "byte 2: something follows the value"},
	/* no JSON */
	{"'a'", "byte 1: this is no JSON value"},
	{"{'a':1}", "byte 2: a key in double quotes is missing"},
	{"{a:1}", "byte 2: a key in double quotes is missing"},
	{"{1:1}", "byte 2: a key in double quotes is missing"},
	{"[1] // x", "byte 5: something follows the value"},
	{"/* x */ 1", "byte 1: this is no JSON value"},
	{"[1,]", "byte 4: nothing follows the comma"},
	{"{\"a\":1,}", "byte 8: nothing follows the comma"},
	{"[,1]", "byte 2: this is no JSON value"},
	{"[1,,2]", "byte 4: this is no JSON value"},
	{"[1 2]", "byte 4: ',' or ']' is missing"},
	{"{\"a\" 1}", "byte 6: ':' is missing"},
	{"{\"a\":1 \"b\":2}", "byte 8: ',' or '}' is missing"},
	{"[1}", "byte 3: ',' or ']' is missing"},
	{"{\"a\":}", "byte 6: this is no JSON value"},
	{"]", "byte 1: this is no JSON value"},
	{"True", "byte 1: this is no JSON value"},
	{"tru", "byte 1: this is no JSON value"},
	{"truex", "byte 5: something follows the value"},
	/* a second text, no text */
	{"{}{}", "byte 3: something follows the value"},
	{"{} x", "byte 4: something follows the value"},
	{"1 2", "byte 3: something follows the value"},
	{"\357\273\277{}", "byte 1: a byte order mark is not allowed"},
	{"{}\357\273\277", "byte 3: something follows the value"},
	{"", "byte 1: the text is empty"},
	{" \n\t ", "byte 5: the text is empty"},
	{"null", "byte 1: null alone says nothing"},
	{" null ", "byte 2: null alone says nothing"},
	{"\f{}", "byte 1: this is no JSON value"},
	{"\302\240{}", "byte 1: this is no JSON value"}, /* no-break space */
	/* strings */
	{"\"a\\u0000b\"", "byte 3: \\u0000 is not allowed"},
	{"{\"role\\u0000x\":1}", "byte 7: \\u0000 is not allowed"},
	{"\"\\ud800\"", "byte 2: half of a surrogate pair"},
	{"\"\\udc00\"", "byte 2: half of a surrogate pair"},
	{"\"\\ud83dx\"", "byte 2: half of a surrogate pair"},
	{"\"\\ud83d\\n\"", "byte 2: half of a surrogate pair"},
	{"\"\\ud83d\\ud83d\"", "byte 2: half of a surrogate pair"},
	{"\"\\ud83d\\u0041\"", "byte 2: half of a surrogate pair"},
	{"\"\\u12g4\"", "byte 6: \\u needs four hex digits"},
	{"\"\\u12\"", "byte 6: \\u needs four hex digits"},
	{"\"\\x41\"", "byte 3: unknown escape"},
	{"\"\\'\"", "byte 3: unknown escape"},
	{"\"\\", "byte 3: the text ends too early"},
	{"\"abc", "byte 5: the text ends in a string"},
	{"\"a\nb\"", "byte 3: a control character must be escaped"},
	{"\"a\tb\"", "byte 3: a control character must be escaped"},
	{"{\"a\033\":1}", "byte 4: a control character must be escaped"},
	/* UTF-8 */
	{"\"\300\257\"", "byte 2: not UTF-8"},	       /* overlong '/' */
	{"\"\340\200\257\"", "byte 2: not UTF-8"},     /* overlong '/' */
	{"\"\360\200\200\257\"", "byte 2: not UTF-8"}, /* overlong '/' */
	{"\"\300\200\"", "byte 2: not UTF-8"},	       /* overlong NUL */
	{"\"\355\240\200\"", "byte 2: not UTF-8"},     /* U+D800 */
	{"\"\364\220\200\200\"", "byte 2: not UTF-8"}, /* U+110000 */
	{"\"\200\"", "byte 2: not UTF-8"},
	{"\"\303\"", "byte 2: not UTF-8"},
	{"\"ab\342\202\"", "byte 4: not UTF-8"},
	{"\"\377\"", "byte 2: not UTF-8"},
	{"{\"\303\":1}", "byte 3: not UTF-8"},
	{"\303\251", "byte 1: this is no JSON value"},
};

START_TEST(refuses)
{
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err err = {0};
		json_object *o = json_read_str(bad[i].text, answer, &err);
		ck_assert_msg(!o, "let in: %s", bad[i].text);
		ck_assert_int_eq(err.code, ERR_DATA);
		ck_assert_msg(strcmp(err.text, bad[i].why) == 0,
			      "%s: want \"%s\", got \"%s\"", bad[i].text,
			      bad[i].why, err.text);
		ck_assert(!json_check(bad[i].text, strlen(bad[i].text), answer,
				      NULL));
	}
}
END_TEST

START_TEST(refuses_a_raw_nul)
{
	static const char in_string[] = "\"a\0b\"", in_key[] = "{\"a\0b\":1}",
			  behind[] = "{}\0", between[] = "[1,\0 2]";
	ck_assert(!json_check(in_string, sizeof in_string - 1, answer, NULL));
	ck_assert(!json_check(in_key, sizeof in_key - 1, answer, NULL));
	ck_assert(!json_check(behind, sizeof behind - 1, answer, NULL));
	ck_assert(!json_check(between, sizeof between - 1, answer, NULL));
}
END_TEST

/* Every proper beginning of a text is refused, and read without a NUL behind
 * it (the sanitizers watch). */
START_TEST(refuses_every_truncation)
{
	static const char text[] =
		"{\"a\":[1,-2.5e-3,\"x\\u00e9\\ud83d\\ude00\303\251\"],"
		"\"b\":{\"c\":true,\"d\":null,\"e\":false}} ";
	size_t whole = strlen(text);
	for (size_t len = 0; len <= whole; len++) {
		char *part = xmalloc(len);
		memcpy(part, text, len);
		json_object *o = json_read(part, len, answer, NULL);
		ck_assert_msg((o != NULL) == (len >= whole - 1), "%zu", len);
		json_object_put(o);
		free(part);
	}
}
END_TEST

/* ---- limits, each at its edge ---- */

static char *nested(const char *open, const char *inner, const char *close,
		    int n)
{
	struct buf b = {0};
	for (int i = 0; i < n; i++)
		buf_adds(&b, open);
	buf_adds(&b, inner);
	for (int i = 0; i < n; i++)
		buf_adds(&b, close);
	return buf_take(&b);
}

static void check_depth(const char *open, const char *inner, const char *close,
			int n, bool want, const char *why)
{
	struct err err = {0};
	char *text = nested(open, inner, close, n);
	ck_assert_int_eq(json_check(text, strlen(text), answer, &err), want);
	if (!want)
		ck_assert_str_eq(err.text, why);
	json_object *o = json_read_str(text, answer, NULL);
	ck_assert_int_eq(o != NULL, want);
	json_object_put(o);
	free(text);
}

START_TEST(limits_depth)
{
	check_depth("[", "", "]", 32, true, NULL);
	check_depth("[", "", "]", 33, false,
		    "byte 33: nested deeper than the limit of 32");
	check_depth("{\"a\":", "1", "}", 32, true, NULL);
	check_depth("{\"a\":", "1", "}", 33, false,
		    "byte 161: nested deeper than the limit of 32");
	check_depth("[", "", "", 1000000, false,
		    "byte 33: nested deeper than the limit of 32");
	char *own = nested("[", "", "]", 64);
	ck_assert(json_check(own, 128, &json_limits_own, NULL));
	free(own);
}
END_TEST

START_TEST(limits_nodes_and_bytes)
{
	const struct json_limits few = {100, 8, 5};
	struct err err;
	ck_assert(json_check("[1,2,3,4]", 9, &few, NULL));
	ck_assert(!json_check("[1,2,3,4,5]", 11, &few, &err));
	ck_assert_str_eq(err.text, "byte 10: more values than the limit of 5");
	ck_assert(json_check("[[],{\"a\":{}},1]", 15, &few, NULL));

	const struct json_limits tight = {5, 8, 5};
	ck_assert(json_check("[1,2]", 5, &tight, NULL));
	ck_assert(!json_check("[1,2] ", 6, &tight, &err));
	ck_assert_str_eq(err.text, "byte 6: longer than the limit of 5 bytes");
}
END_TEST

START_TEST(limits_of_floods)
{
	/* 300,000 objects of 3 bytes: the memory is capped by the nodes. */
	struct buf b = {0};
	buf_adds(&b, "[{}");
	for (int i = 0; i < 300000; i++)
		buf_adds(&b, ",{}");
	buf_adds(&b, "]");
	struct err err;
	ck_assert(!json_read(b.data, b.len, answer, &err));
	ck_assert_str_eq(err.text,
			 "byte 299999: more values than the limit of 100000");

	/* A string as long as the limit allows, and one byte more. */
	buf_clear(&b);
	buf_addc(&b, '"');
	while (b.len < answer->max_bytes - 1)
		buf_addc(&b, 'x');
	buf_addc(&b, '"');
	json_object *o = json_read(b.data, b.len, answer, NULL);
	ck_assert_int_eq(json_object_get_string_len(o),
			 (int)answer->max_bytes - 2);
	json_object_put(o);
	buf_addc(&b, ' ');
	ck_assert(!json_check(b.data, b.len, answer, NULL));

	/* A number of a million digits, whole or not. */
	buf_clear(&b);
	buf_adds(&b, "1");
	while (b.len < 1000000)
		buf_addc(&b, '0');
	ck_assert(!json_check(b.data, b.len, answer, NULL));
	b.data[1] = '.';
	ck_assert(!json_check(b.data, b.len, answer, &err));
	ck_assert_str_eq(err.text, "byte 1: the number is too long");
	ck_assert(json_check(b.data, 1024, answer, NULL));
	ck_assert(!json_check(b.data, 1025, answer, NULL));
	buf_release(&b);
}
END_TEST

/* Beyond a few keys the search for duplicates is another one. */
START_TEST(finds_duplicates_among_many)
{
	for (int n = 14; n <= 3000; n = n < 20 ? n + 1 : n * 5) {
		for (int twin = -1; twin<n; twin += n> 20 ? n / 3 : 1) {
			struct buf b = {0};
			buf_addc(&b, '{');
			for (int i = 0; i < n; i++)
				buf_addf(&b, "\"k%d\":%d,", i, i);
			size_t at = b.len + 1;
			buf_addf(&b, "\"k%d\":0}", twin < 0 ? n : twin);
			struct err err;
			json_object *o = json_read(b.data, b.len, answer, &err);
			ck_assert_msg((o != NULL) == (twin < 0), "%s", b.data);
			char *why = xasprintf("byte %zu: the key is there "
					      "twice",
					      at);
			if (!o)
				ck_assert_str_eq(err.text, why);
			json_object_put(o);
			free(why);
			buf_release(&b);
		}
	}
}
END_TEST

/* ---- printing ---- */

START_TEST(prints_only_what_the_door_takes)
{
	json_object *o = json_object_new_object();
	json_add_num(o, "nan", NAN);
	json_add_num(o, "inf", -INFINITY);
	json_object_object_add(o, "raw", json_object_new_double(NAN));
	json_add_str(o, "broken", "a\303(\377\342\202");
	json_object_object_add(o, "nul", json_object_new_string_len("a\0b", 3));
	json_add_str(o, "nothing", NULL);
	json_add_str(o, "k\377", "/");
	ck_assert_str_eq(
		json_text(o),
		"{\"nan\":null,\"inf\":null,\"raw\":null,"
		"\"broken\":\"a\357\277\275(\357\277\275\357\277\275\","
		"\"nul\":\"a\\u0000b\",\"k\357\277\275\":\"/\"}");
	json_object_put(o);
	ck_assert_str_eq(json_text(NULL), "null");
}
END_TEST

START_TEST(prints_again_what_changed)
{
	json_object *o = json_read_str("{\"a\":[1]}", answer, NULL);
	ck_assert_str_eq(json_text(o), "{\"a\":[1]}");
	ck_assert_str_eq(json_text(json_get(o, "a")), "[1]");
	json_object_array_add(json_get(o, "a"), json_object_new_double(0.5));
	ck_assert_str_eq(json_text(o), "{\"a\":[1,0.5]}");
	json_object *copy = NULL;
	ck_assert_int_eq(json_object_deep_copy(o, &copy, NULL), 0);
	json_object_put(o);
	ck_assert_str_eq(json_text(copy), "{\"a\":[1,0.5]}");
	json_object_put(copy);
}
END_TEST

/* ---- properties over random trees ---- */

static json_object *reversed(json_object *o)
{
	if (!json_object_is_type(o, json_type_object))
		return json_clone(o);
	json_object *result = json_object_new_object();
	const struct lh_entry *e = json_object_get_object(o)->tail;
	for (; e; e = lh_entry_prev(e))
		json_object_object_add(result, lh_entry_k(e),
				       reversed(lh_entry_v(e)));
	return result;
}

START_TEST(random_trees_come_back)
{
	struct chance c = {seed()};
	for (int i = 0; i < 3000; i++) {
		json_object *o = json_object_new_array();
		json_object_array_add(o, random_tree(&c, 4));
		struct err err = {0};
		json_object *back = json_read_str(json_text(o), answer, &err);
		ck_assert_msg(back, "%s: %s", err.text, json_text(o));
		ck_assert_msg(json_equal(o, back), "%s", json_text(o));
		char *canonical = json_canonical(o);
		json_object *again = json_read_str(canonical, answer, NULL);
		ck_assert(again && json_equal(o, again));
		json_object *other = reversed(o);
		char *same = json_canonical(other);
		ck_assert_str_eq(same, canonical);
		json_object *clone = json_clone(o);
		ck_assert(clone != o && json_equal(clone, o));
		free(same);
		free(canonical);
		json_object_put(other);
		json_object_put(clone);
		json_object_put(again);
		json_object_put(back);
		json_object_put(o);
	}
}
END_TEST

/* A text that is nearly right: one byte is another one. */
static char *spoiled(struct chance *c, const char *text)
{
	static const char bytes[] = "{}[]\",:\\u0e-.\x01\xc3 tn1";
	char *copy = xstrdup(text);
	copy[draw(c) % strlen(copy)] = bytes[draw(c) % (sizeof bytes - 1)];
	return copy;
}

START_TEST(flat_is_what_the_tree_is)
{
	struct chance c = {seed()};
	for (int i = 0; i < 4000; i++) {
		json_object *o = random_tree(&c, 3);
		char *text = xstrdup(json_text(o));
		for (int k = 0; k < 4; k++) {
			const char *wrong =
				flat_same(text, strlen(text), answer);
			ck_assert_msg(!wrong, "%s: %s", wrong, text);
			char *next = spoiled(&c, text);
			free(text);
			text = next;
		}
		free(text);
		json_object_put(o);
	}
	for (size_t i = 0; i < COUNT_OF(good); i++)
		ck_assert(
			!flat_same(good[i].text, strlen(good[i].text), answer));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		ck_assert(!flat_same(bad[i].text, strlen(bad[i].text), answer));
}
END_TEST

static void check_number(const char *text)
{
	json_object *o = json_read_str(text, answer, NULL);
	double want = strtod(text, NULL), got = json_object_get_double(o);
	if (isfinite(want) != (o != NULL) ||
	    (o && memcmp(&got, &want, sizeof got) != 0))
		ck_abort_msg("%s: %.17g", text, got);
	json_object_put(o);
}

/* Our own arithmetic against the C library's. */
START_TEST(random_numbers_are_right)
{
	struct chance c = {seed()};
	char text[80];
	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof text, "%.*e", (int)(draw(&c) % 20),
			 random_double(&c));
		if (!strpbrk(text, "e"))
			continue;
		check_number(text);
		snprintf(text, sizeof text, "%s%llu.%llue%d",
			 draw(&c) % 2 ? "-" : "",
			 (unsigned long long)(draw(&c) >> draw(&c) % 64),
			 (unsigned long long)(draw(&c) >> draw(&c) % 64),
			 (int)(draw(&c) % 60) - 30);
		check_number(text);
	}
}
END_TEST

/* ---- locale ---- */

/* Makes a locale with a decimal comma; false if this machine cannot. */
static bool use_comma_locale(const char *dir)
{
	static const char *const ready[] = {"de_DE.UTF-8", "de_DE.utf8",
					    "fr_FR.UTF-8", "nl_NL.UTF-8"};
	for (size_t i = 0; i < COUNT_OF(ready); i++)
		if (setlocale(LC_ALL, ready[i]))
			return true;
	char *out = xasprintf("%s/de_DE.UTF-8", dir);
	char words[][16] = {"localedef", "--no-archive", "-i",
			    "de_DE",	 "-f",		 "UTF-8"};
	char *argv[] = {words[0], words[1], words[2], words[3],
			words[4], words[5], out,      NULL};
	pid_t pid;
	int status = -1;
	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) == 0)
		waitpid(pid, &status, 0);
	free(out);
	setenv("LOCPATH", dir, 1);
	return setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
}

START_TEST(knows_no_locale)
{
	char *dir = temp_new();
	if (!use_comma_locale(dir)) {
		printf("# no locale with a decimal comma: not tested here\n");
		fflush(stdout);
		temp_remove(&dir);
		return;
	}
	char probe[16];
	snprintf(probe, sizeof probe, "%.1f", 2.5);
	ck_assert_str_eq(probe, "2,5"); /* the trap is set */
	json_object *o = json_read_str(
		"[2.5,1e-7,0.1,0.12345678901234567890123,1.0]", answer, NULL);
	ck_assert_str_eq(json_text(o), "[2.5,1e-07,0.1,"
				       "0.12345678901234568,1.0]");
	ck_assert(json_object_get_double(json_object_array_get_idx(o, 0)) ==
		  2.5);
	json_object_put(o);
	temp_remove(&dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("json");
	tap_add(s, "accepts good texts", accepts);
	tap_add(s, "refuses bad texts with byte and reason", refuses);
	tap_add(s, "refuses raw NUL bytes", refuses_a_raw_nul);
	tap_add(s, "refuses every truncation", refuses_every_truncation);
	tap_add(s, "depth limit", limits_depth);
	tap_add(s, "node and byte limits", limits_nodes_and_bytes);
	tap_add(s, "floods are refused", limits_of_floods);
	tap_add(s, "duplicates among many keys", finds_duplicates_among_many);
	tap_add(s, "prints only what the door takes",
		prints_only_what_the_door_takes);
	tap_add(s, "prints again what changed", prints_again_what_changed);
	tap_add(s, "random trees come back", random_trees_come_back);
	tap_add(s, "flat reading is what the tree is",
		flat_is_what_the_tree_is);
	tap_add(s, "random numbers are right", random_numbers_are_right);
	tap_add(s, "knows no locale", knows_no_locale);
	return tap_run(s);
}
