/*
 * The key lists of showcaller-show(5) and showcaller-checks(5) are those of the
 * tables that the reader goes by, and each kind of check has its entry. With
 * --print PAGE, prints the page as the tables would have it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "show/schema.h"
#include "show/show.h"
#include "tap.h"

static void add_type(struct buf *b, const struct key *key)
{
	static const char *const names[] = {
		[KEY_TEXT] = "Text",
		[KEY_LINES] = "Text of one or more lines",
		[KEY_EXACT] = "Text, kept byte by byte",
		[KEY_ID] = "Name",
		[KEY_SHOW_ID] = "Name",
		[KEY_OPTION_ID] = "Name",
		[KEY_REF] = "Name",
		[KEY_URL] = "URL",
		[KEY_ADDR] = "host:port",
		[KEY_INT] = "Whole number",
		[KEY_NUM] = "Number",
		[KEY_MONEY] = "Money",
		[KEY_BOOL] = "true or false",
		[KEY_WORD] = "One of",
		[KEY_NAMES] = "List of texts",
		[KEY_REFS] = "List of names",
		[KEY_JSON] = "Any value",
		[KEY_OBJECT] = "Mapping",
		[KEY_SUB] = "Mapping",
		[KEY_PTR] = "Mapping",
		[KEY_LIST] = "List of mappings",
		[KEY_EACH] = "Mapping from names to mappings",
		[KEY_CALL] = "Mapping",
	};
	buf_adds(b, key->type == KEY_NAMES && key->item == KEY_ID
			    ? "List of names"
			    : names[key->type]);
}

static void add_range(struct buf *b, const struct key *key)
{
	switch (key->type) {
	case KEY_INT:
		buf_addf(b, ", %.0f to %.0f %s", key->min, key->max, key->unit);
		break;
	case KEY_NUM:
		buf_addf(b, ", %g to %g", key->min, key->max);
		break;
	case KEY_MONEY:
		buf_addf(b, ", at most %.0f", key->max / 1e6);
		break;
	case KEY_TEXT:
	case KEY_LINES:
		buf_addf(b, ", at most %.0f bytes", key->max);
		break;
	case KEY_LIST:
	case KEY_EACH:
	case KEY_NAMES:
	case KEY_REFS:
		buf_addf(b, ", %.0f to %.0f of them", key->min, key->max);
		break;
	case KEY_WORD:
		for (size_t i = 0; key->words[i]; i++)
			buf_addf(b, "%s %s", i ? "," : "", key->words[i]);
		break;
	default:
		break;
	}
}

static void add_default(struct buf *b, const struct key *key)
{
	if (key->required)
		buf_adds(b, "; must be given");
	else if (key->def_text)
		buf_addf(b, "; default: %s", key->def_text);
	else if (key->type == KEY_WORD)
		buf_addf(b, "; default: %s", key->words[(int)key->def]);
	else if (key->type == KEY_BOOL)
		buf_addf(b, "; default: %s", key->def != 0 ? "true" : "false");
	else if ((key->type == KEY_INT || key->type == KEY_NUM ||
		  key->type == KEY_MONEY) &&
		 key->def >= 0)
		buf_addf(b, "; default: %.15g", key->def);
	buf_addc(b, '.');
}

static void add_later(struct buf *b, const struct key *key)
{
	if (key->later)
		buf_adds(b, "Not acted on yet.\n");
	const char *comma = "Not acted on yet:";
	for (size_t i = 0; key->words && key->words[i]; i++)
		if (key->later_words & 1u << i) {
			buf_addf(b, "%s %s", comma, key->words[i]);
			comma = ",";
		}
	if (*comma == ',')
		buf_adds(b, ".\n");
}

/* A new line for each sentence, and none longer than 78. */
static void add_wrapped(struct buf *b, const char *text)
{
	size_t used = 0;
	while (*text) {
		size_t len = strcspn(text, " ");
		if (used && used + 1 + len > 78) {
			buf_addc(b, '\n');
			used = 0;
		}
		buf_addf(b, "%s%.*s", used ? " " : "", (int)len, text);
		used += len + (used > 0);
		if (text[len - 1] == '.' && text[len])
			used = 1000;
		text += len;
		text += strspn(text, " ");
	}
	buf_addc(b, '\n');
}

static void add_section(struct buf *b, const struct section *s)
{
	buf_addf(b, ".Ss %s\n.Bl -tag -width Ds\n",
		 s->path[0] ? s->path : "The whole file");
	for (const struct key *key = s->keys; key->name; key++) {
		buf_addf(b, ".It Ic %s\n", key->name);
		struct buf what = {0};
		add_type(&what, key);
		add_range(&what, key);
		add_default(&what, key);
		add_wrapped(b, buf_str(&what));
		buf_release(&what);
		add_wrapped(b, key->about);
		add_later(b, key);
	}
	buf_adds(b, ".El\n");
}

static void add_words(struct buf *b, const char *const *words)
{
	for (; *words; words++)
		buf_addf(b, ".Ic %s%s\n", *words, words[1] ? " ," : " .");
}

/* Puts `text` between the lines .\" NAME begin and .\" NAME end. */
static char *put_between(char *page, const char *name, const char *text)
{
	char *begin = xasprintf(".\\\" %s begin\n", name);
	char *end = xasprintf(".\\\" %s end\n", name);
	char *from = strstr(page, begin), *to = strstr(page, end);
	REQUIRE(from && to && from < to);
	struct buf b = {0};
	buf_add(&b, page, (size_t)(from - page) + strlen(begin));
	buf_adds(&b, text);
	buf_adds(&b, to);
	free(begin);
	free(end);
	free(page);
	return buf_take(&b);
}

static char *read_page(const char *name)
{
	const char *dir = getenv("srcdir");
	char *path = xasprintf("%s/man/%s.5", dir ? dir : ".", name);
	struct err err = {0};
	char *page = file_read(path, 1 << 20, NULL, &err);
	REQUIRE(page != NULL);
	free(path);
	return page;
}

static bool is_of_checks(const struct section *s)
{
	return strncmp(s->path, "checks", 6) == 0;
}

static const char *const pages[] = {"showcaller-show", "showcaller-checks"};

static char *make_page(char *page, bool of_checks)
{
	struct buf keys = {0}, measures = {0}, comparisons = {0};
	for (size_t i = 0; schema_sections[i]; i++)
		if (is_of_checks(schema_sections[i]) == of_checks)
			add_section(&keys, schema_sections[i]);
	add_words(&measures, show_check_measures);
	add_words(&comparisons, show_check_comparisons);
	page = put_between(page, "keys", buf_str(&keys));
	if (of_checks) {
		page = put_between(page, "measures", buf_str(&measures));
		page = put_between(page, "comparisons", buf_str(&comparisons));
	}
	buf_release(&keys);
	buf_release(&measures);
	buf_release(&comparisons);
	return page;
}

START_TEST(test_page)
{
	char *page = read_page(pages[_i]);
	char *wanted = make_page(xstrdup(page), _i == 1);
	size_t line = 1, i = 0;
	for (; page[i] && page[i] == wanted[i]; i++)
		line += page[i] == '\n';
	ck_assert_msg(
		page[i] == wanted[i],
		"man/%s.5, line %zu, is not what the tables say (%.60s); "
		"tests/unit/test_show_man --print %s shows the page as it "
		"should be",
		pages[_i], line, wanted + i, pages[_i]);
	free(page);
	free(wanted);
}
END_TEST

START_TEST(test_kinds)
{
	char *page = read_page("showcaller-checks");
	for (size_t i = 0; show_check_kinds[i]; i++) {
		char *entry = xasprintf(".It Cm %s\n", show_check_kinds[i]);
		ck_assert_msg(strstr(page, entry),
			      "man/showcaller-checks.5 "
			      "has no kind %s",
			      show_check_kinds[i]);
		free(entry);
	}
	free(page);
}
END_TEST

/* A row that nobody could understand, or that the reader would trip over. */
START_TEST(test_rows)
{
	for (size_t i = 0; schema_sections[i]; i++) {
		const struct section *s = schema_sections[i];
		size_t keys = 0;
		for (const struct key *k = s->keys; k->name; k++, keys++) {
			ck_assert_msg(k->about && isupper(k->about[0]) &&
					      k->about[strlen(k->about) - 1] ==
						      '.',
				      "%s.%s", s->path, k->name);
			bool has_sub =
				k->type == KEY_SUB || k->type == KEY_PTR ||
				k->type == KEY_LIST || k->type == KEY_EACH;
			ck_assert_msg(!has_sub || k->sub, "%s.%s", s->path,
				      k->name);
			bool sized = has_sub && k->type != KEY_SUB;
			ck_assert_msg(!sized || k->sub->bytes, "%s.%s", s->path,
				      k->name);
			ck_assert_msg(k->type != KEY_INT || k->unit, "%s.%s",
				      s->path, k->name);
			ck_assert_msg(k->type != KEY_CALL || k->call, "%s.%s",
				      s->path, k->name);
			ck_assert_msg(
				(k->type != KEY_WORD && k->type != KEY_URL) ||
					k->words,
				"%s.%s", s->path, k->name);
			for (const struct key *o = s->keys; o < k; o++)
				ck_assert_str_ne(o->name, k->name);
		}
		ck_assert_uint_lt(keys, 64); /* report_unknown() has room */
	}
}
END_TEST

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "--print") == 0) {
		char *page = make_page(read_page(argv[2]),
				       strcmp(argv[2], pages[1]) == 0);
		fputs(page, stdout);
		free(page);
		return EXIT_SUCCESS;
	}
	Suite *suite = suite_create("show_man");
	TCase *tc = tcase_create("man");
	tcase_add_loop_test(tc, test_page, 0, (int)COUNT_OF(pages));
	tcase_add_test(tc, test_kinds);
	tcase_add_test(tc, test_rows);
	suite_add_tcase(suite, tc);
	return tap_run(suite);
}
