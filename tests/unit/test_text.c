/* Text from outside: cleaning, measuring, clipping; and words for people. */
#include "base/text.h"

#include <limits.h>
#include <locale.h>
#include <string.h>
#include <sys/random.h>
#include <utf8proc.h>
#include <wchar.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "tap.h"

#define BAD "\357\277\275" /* U+FFFD */

static const struct {
	const char *in, *out;
} cleaned[] = {
	{"", ""},
	{"plain text", "plain text"},
	/* terminal sequences lose their first byte and so their power */
	{"\033[31mred\033[0m", BAD "[31mred" BAD "[0m"},
	{"\033]0;title\007x", BAD "]0;title" BAD "x"},
	{"\033]52;c;aGk=\033\\", BAD "]52;c;aGk=" BAD "\\"},
	{"\033P1$r\033\\", BAD "P1$r" BAD "\\"},
	{"\302\233"
	 "31m",
	 BAD "31m"}, /* CSI as U+009B */
	{"\233"
	 "31m",
	 BAD "31m"},	   /* CSI as a raw byte */
	{"\302\205", BAD}, /* NEL */
	{"a\177b", "a" BAD "b"},
	{"a\bb\ac\0331", "a" BAD "b" BAD "c" BAD "1"},
	/* blanks */
	{"a\tb\nc\rd\r\ne", "a b c d e"},
	{"a\342\200\250b\342\200\251c", "a b c"}, /* U+2028, U+2029 */
	{"a\302\240b\342\200\203c", "a b c"},	  /* no-break, em space */
	/* broken UTF-8, one mark for each longest part (Unicode 3.9) */
	{"a\377b", "a" BAD "b"},
	{"\300\257", BAD BAD},
	{"\340\200\257", BAD BAD BAD},
	{"\342\202", BAD},
	{"\342\202x", BAD "x"},
	{"\360\237\230", BAD},
	{"\355\240\200", BAD BAD BAD}, /* surrogate */
	{"\364\220\200\200", BAD BAD BAD BAD},
	/* bidi: the strong ones show, the marks go */
	{"a\342\200\256b\342\200\254", "a" BAD "b" BAD},
	{"\342\201\246x\342\201\251", BAD "x" BAD},
	{"a\342\200\216b\342\200\217c\330\234d", "abcd"},
	{"\327\251\327\234\327\225\327\235",
	 "\327\251\327\234\327\225\327\235"},
	/* invisible */
	{"a\342\200\213b\342\200\214c\357\273\277d\302\255e", "abcde"},
	{"a\363\240\201\201b\363\240\201\277", "ab"}, /* tags */
	{"\342\235\244\357\270\217", "\342\235\244"}, /* heart with VS16 */
	{"\343\205\244\357\276\240\341\205\237", ""}, /* Hangul fillers */
	{"\342\200\213\342\200\213", ""},
	/* combining marks: at most four, never without a base */
	{"e\314\201", "e\314\201"},
	{"z\314\200\314\201\314\202\314\203\314\204\314\205x",
	 "z\314\200\314\201\314\202\314\203x"},
	{"\314\201a", "a"},
	{"a \314\201b", "a \314\201b"},
	{"a\t\314\201b", "a b"},
	{"\033\314\201b", BAD "b"},
	/* emoji: joined families shrink to their first member */
	{"\360\237\221\250\342\200\215\360\237\221\251\342\200\215\360\237\221"
	 "\247!",
	 "\360\237\221\250!"},
	{"\360\237\221\215\360\237\217\275", "\360\237\221\215"},
	{"\033\360\237\217\275\360\237\217\275", BAD},
	{"e\342\200\213\360\237\217\275", "e"},
	{"\360\237\207\251\360\237\207\252",
	 "\360\237\207\251\360\237\207\252"},
	{"\360\237\253\250", BAD}, /* U+1FAE8: too new for the C library */
	{"\356\202\240", BAD},	   /* private use */
	{"\357\277\276", BAD},	   /* U+FFFE */
	/* harmless for us, deadly elsewhere: kept as they are */
	{"%n%s%d", "%n%s%d"},
	{"$(rm -rf /); `x` | <script>", "$(rm -rf /); `x` | <script>"},
	{"\344\275\240\345\245\275", "\344\275\240\345\245\275"},
};

START_TEST(cleans)
{
	for (size_t i = 0; i < COUNT_OF(cleaned); i++) {
		char *s = text_clean_str(cleaned[i].in, 1000);
		ck_assert_msg(strcmp(s, cleaned[i].out) == 0,
			      "case %zu: \"%s\"", i, s);
		char *again = text_clean_str(s, 1000);
		ck_assert_str_eq(again, s);
		free(again);
		free(s);
	}
	char *s = text_clean("a\0b", 3, 100);
	ck_assert_str_eq(s, "a" BAD "b");
	free(s);
	s = text_clean_str(NULL, 100);
	ck_assert_str_eq(s, "");
	free(s);
}
END_TEST

START_TEST(keeps_lines)
{
	static const char in[] = "a\nb\r\nc\rd\te\n\314\201f\n";
	char *s = text_clean_lines(in, strlen(in), 100);
	ck_assert_str_eq(s, "a\nb\nc d e\nf\n");
	free(s);
}
END_TEST

static void check_cut(const char *in, size_t max, const char *want)
{
	char *s = text_clean_str(in, max);
	ck_assert_msg(strcmp(s, want) == 0, "%zu: \"%s\"", max, s);
	free(s);
}

START_TEST(cuts_between_clusters)
{
	check_cut("abc", 3, "abc");
	check_cut("abcd", 3, "abc");
	check_cut("abc", 0, "");
	check_cut("abe\314\201", 5, "abe\314\201");
	check_cut("abe\314\201", 4, "ab"); /* not a naked e */
	check_cut("abe\314\201", 3, "ab");
	check_cut("a\342\202\254", 3, "a");
	check_cut("a\342\202\254b", 4, "a\342\202\254");
	check_cut("a\377b", 3, "a");
	check_cut("a\nb", 2, "a ");
	/* Nothing small slips in behind what did not fit. */
	check_cut("a\342\202\254b", 3, "a");
	check_cut("a\342\202\254\033b", 3, "a");
}
END_TEST

/* A megabyte of anything is cleaned in time and within its cap. */
START_TEST(survives_floods)
{
	static const char *const pieces[] = {"x",
					     "\314\201",
					     "\342\200\215",
					     "\360\237\221\250\342\200\215",
					     "\377",
					     "\033[",
					     "\360\237\207\251",
					     "\341\204\200",
					     "\341\205\241",
					     "\342\200\256"};
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		struct buf b = {0};
		buf_addc(&b, 'a');
		while (b.len < 1000000)
			buf_adds(&b, pieces[i]);
		char *s = text_clean(b.data, b.len, 5000000);
		ck_assert_uint_le(strlen(s), 5000000);
		(void)text_width(s);
		(void)text_width(b.data);
		free(s);
		s = text_clean(b.data, b.len, 100);
		ck_assert_uint_le(strlen(s), 100);
		free(s);
		buf_release(&b);
	}
}
END_TEST

static bool is_control(int32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

/* Whatever comes in: what comes out is UTF-8 without controls, stays itself
 * when cleaned again, and is as wide as curses will draw it. */
START_TEST(random_bytes_come_out_clean)
{
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
	for (int round = 0; round < 3000; round++) {
		unsigned char in[120];
		REQUIRE(getrandom(in, sizeof in, 0) == sizeof in);
		size_t len = 0;
		char text[sizeof in * 4];
		for (size_t i = 0; i + 2 < sizeof in; i += 3) {
			uint32_t cp =
				(in[i] << 16 | in[i + 1] << 8 | in[i + 2]) %
				(in[i] & 1	 ? 0x3000
				 : in[i + 1] & 1 ? 0x20000
						 : 0x110000);
			if (in[i + 2] % 7 == 0 || (cp & 0xfff800) == 0xd800)
				text[len++] = (char)in[i];
			else
				len += utf8_encode(text + len, cp);
		}
		char *s = text_clean(text, len, 10000);
		ck_assert(text_is_utf8(s, strlen(s)));
		int columns = 0;
		for (size_t i = 0; s[i];) {
			int32_t cp;
			i += utf8_decode(s + i, strlen(s + i), &cp);
			int w = wcwidth((wchar_t)cp);
			if (is_control(cp) || w < 0)
				ck_abort_msg("U+%04X, width %d", cp, w);
			columns += w;
		}
		ck_assert_int_eq(text_width(s), columns);
		char *again = text_clean(s, strlen(s), 10000);
		ck_assert_str_eq(again, s);
		free(again);
		free(s);
	}
}
END_TEST

/* Every code point there is, alone behind a letter. */
START_TEST(every_code_point_has_its_width)
{
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
	for (uint32_t cp = 1; cp < 0x110000; cp++) {
		if (cp >= 0xd800 && cp < 0xe000)
			continue;
		char in[8] = "a";
		in[1 + utf8_encode(in + 1, cp)] = '\0';
		char *s = text_clean_str(in, 100);
		int32_t first = 0;
		if (s[1])
			utf8_decode(s + 1, strlen(s + 1), &first);
		int want = first ? wcwidth((wchar_t)first) : 0;
		if (want < 0 || text_width(s) != 1 + want)
			ck_abort_msg("U+%04X: %d and %d", cp, text_width(s) - 1,
				     want);
		free(s);
	}
}
END_TEST

START_TEST(knows_utf8)
{
	ck_assert(text_is_utf8("", 0));
	ck_assert(text_is_utf8("a\303\251\342\202\254\360\237\230\200\0", 11));
	ck_assert(!text_is_utf8("\303", 1));
	ck_assert(!text_is_utf8("\300\200", 2));
	ck_assert(!text_is_utf8("\355\240\200", 3));
	ck_assert(!text_is_utf8("\364\220\200\200", 4));
	ck_assert(!text_is_utf8("\370\210\200\200\200", 5));
	for (uint32_t cp = 0; cp < 0x110000; cp++) {
		char bytes[4];
		int32_t back;
		size_t n = utf8_encode(bytes, cp);
		bool surrogate = cp >= 0xd800 && cp < 0xe000;
		bool same = utf8_decode(bytes, n, &back) == n &&
			    back == (int32_t)cp;
		/* An assertion costs a system call: only when it fails. */
		if (same == surrogate || text_is_utf8(bytes, n) == surrogate)
			ck_abort_msg("U+%04X", cp);
	}
}
END_TEST

START_TEST(measures)
{
	ck_assert_int_eq(text_width(""), 0);
	ck_assert_int_eq(text_width("hello"), 5);
	ck_assert_int_eq(text_width("he\314\201llo"), 5);
	ck_assert_int_eq(text_width("\344\275\240\345\245\275"), 4);
	ck_assert_int_eq(text_width("\360\237\221\250"), 2);
	ck_assert_int_eq(text_width("\340\244\225\340\244\276"), 2); /* Mc */
	ck_assert_int_eq(text_width("\341\204\200\341\205\241"), 2); /* jamo */
	int used;
	ck_assert_uint_eq(text_fit("hello", 3, &used), 3);
	ck_assert_int_eq(used, 3);
	ck_assert_uint_eq(text_fit("a\344\275\240b", 2, &used), 1);
	ck_assert_int_eq(used, 1);
	ck_assert_uint_eq(text_fit("ae\314\201b", 2, NULL), 4);
	ck_assert_uint_eq(text_fit("abc", 0, &used), 0);
	ck_assert_uint_eq(text_fit("abc", -5, &used), 0);
	ck_assert_uint_eq(text_fit("abc", INT_MAX, &used), 3);
}
END_TEST

START_TEST(clips)
{
	static const struct {
		const char *in;
		int columns;
		bool ascii;
		size_t bytes;
		const char *out;
		int used;
	} cases[] = {
		{"hello", 5, false, 64, "hello", 5},
		{"hello", 9, false, 64, "hello", 5},
		{"hello", 4, false, 64, "hel\342\200\246", 4},
		{"hello", 4, true, 64, "hel~", 4},
		{"hello", 1, true, 64, "~", 1},
		{"hello", 0, true, 64, "", 0},
		{"hello", -1, true, 64, "", 0},
		{"", 0, true, 64, "", 0},
		{"a\344\275\240\345\245\275", 4, true, 64, "a\344\275\240~", 4},
		{"\344\275\240\345\245\275", 3, true, 64, "\344\275\240~", 3},
		{"\344\275\240\345\245\275", 2, true, 64, "~", 1},
		{"e\314\201e\314\201e\314\201", 2, true, 64, "e\314\201~", 2},
		/* the bytes decide */
		{"hello", 9, true, 5, "hel~", 4},
		{"hello", 9, true, 6, "hello", 5},
		{"hello", 9, false, 5, "h\342\200\246", 2},
		{"hello", 9, false, 4, "\342\200\246", 1},
		{"hello", 9, false, 3, "", 0},
		{"hello", 9, true, 1, "", 0},
		{"\344\275\240\345\245\275", INT_MAX, true, 6, "\344\275\240~",
		 3},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char out[64];
		int used = text_clip(out, cases[i].bytes, cases[i].in,
				     cases[i].columns, cases[i].ascii);
		ck_assert_msg(strcmp(out, cases[i].out) == 0, "%zu: %s", i,
			      out);
		ck_assert_msg(used == cases[i].used, "%zu: %d", i, used);
	}
	char *ascii = xstrdup("a\303\251e\314\201\344\275\240 \377z");
	text_to_ascii(ascii);
	ck_assert_str_eq(ascii, "a???"
				" ?z");
	free(ascii);
}
END_TEST

START_TEST(finds_the_nearest_name)
{
	static const char *const names[] = {
		"timeout_ms", "agents",	      "inputs", "go",
		"when",	      "max_attempts", NULL};
	ck_assert_str_eq(text_nearest("timeout_m", names), "timeout_ms");
	ck_assert_str_eq(text_nearest("timeoutms", names), "timeout_ms");
	ck_assert_str_eq(text_nearest("agnets", names), "agents");
	ck_assert_str_eq(text_nearest("Agents", names), "agents");
	ck_assert_str_eq(text_nearest("wehn", names), "when");
	ck_assert_str_eq(text_nearest("g", names), "go");
	ck_assert_str_eq(text_nearest("max_atempts", names), "max_attempts");
	ck_assert_ptr_null(text_nearest("", names));
	ck_assert_ptr_null(text_nearest("x", names));
	ck_assert_ptr_null(text_nearest("colour", names));
	char longest[200];
	memset(longest, 'a', sizeof longest);
	longest[199] = '\0';
	ck_assert_ptr_null(text_nearest(longest, names));
	static const char *const none[] = {NULL};
	ck_assert_ptr_null(text_nearest("x", none));
}
END_TEST

START_TEST(writes_figures)
{
	char out[28];
	ck_assert_str_eq(text_thousands(out, 28, 0), "0");
	ck_assert_str_eq(text_thousands(out, 28, 999), "999");
	ck_assert_str_eq(text_thousands(out, 28, 1000), "1,000");
	ck_assert_str_eq(text_thousands(out, 28, -1234567), "-1,234,567");
	ck_assert_str_eq(text_thousands(out, 28, LLONG_MAX),
			 "9,223,372,036,854,775,807");
	ck_assert_str_eq(text_thousands(out, 28, LLONG_MIN),
			 "-9,223,372,036,854,775,808");
	ck_assert_str_eq(text_duration(out, 28, 0), "0:00");
	ck_assert_str_eq(text_duration(out, 28, 42999), "0:42");
	ck_assert_str_eq(text_duration(out, 28, 725000), "12:05");
	ck_assert_str_eq(text_duration(out, 28, 3599999), "59:59");
	ck_assert_str_eq(text_duration(out, 28, 3723000), "1:02:03");
	ck_assert_str_eq(text_duration(out, 28, -5000), "-0:05");
	ck_assert_str_eq(text_duration(out, 28, -999), "0:00");
	ck_assert_str_eq(text_duration(out, 28, LLONG_MIN),
			 "-2562047788015:12:55");
}
END_TEST

START_TEST(reads_times)
{
	ck_assert_int_eq(text_read_ms("0"), 0);
	ck_assert_int_eq(text_read_ms("1500"), 1500);
	ck_assert_int_eq(text_read_ms("600,000"), 600000);
	ck_assert_int_eq(text_read_ms("500ms"), 500);
	ck_assert_int_eq(text_read_ms("90s"), 90000);
	ck_assert_int_eq(text_read_ms("10m"), 600000);
	ck_assert_int_eq(text_read_ms("1h"), 3600000);
	ck_assert_int_eq(text_read_ms("8784h"), TEXT_MS_MOST);
	static const char *const none[] = {
		"",   "m",  "-5", "+5",	  " 5",	  "5 m",
		"5x", "1d", "5M", "1.5h", "8785h", "99999999999999999999",
	};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		ck_assert_msg(text_read_ms(none[i]) == -1, "%s", none[i]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("text");
	tap_add(s, "cleans what comes from outside", cleans);
	tap_add(s, "keeps lines where asked", keeps_lines);
	tap_add(s, "cuts between clusters", cuts_between_clusters);
	tap_add(s, "survives floods", survives_floods);
	tap_add(s, "random bytes come out clean", random_bytes_come_out_clean);
	tap_add(s, "every code point has its width",
		every_code_point_has_its_width);
	tap_add(s, "knows UTF-8", knows_utf8);
	tap_add(s, "measures", measures);
	tap_add(s, "clips", clips);
	tap_add(s, "finds the nearest name", finds_the_nearest_name);
	tap_add(s, "writes figures", writes_figures);
	tap_add(s, "reads times", reads_times);
	return tap_run(s);
}
