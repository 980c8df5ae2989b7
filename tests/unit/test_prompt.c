/* Prompts: their pieces, their files, and what lint says about them. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "show/prompt.h"
#include "show/show_read.h"
#include "tap.h"
#include "temp.h"

static char *folder;

static void put(const char *name, const char *text, size_t bytes)
{
	struct err err;
	char *path = xasprintf("%s/%s", folder, name);
	ck_assert_msg(file_write(path, text, bytes, 0600, &err), "%s",
		      err.text);
	free(path);
}

static struct show *load(struct show_problems *problems)
{
	static const char text[] =
		"show: s\n"
		"agents:\n"
		"  a: { via: llm, url: \"http://127.0.0.1/v1\", model: m, "
		"prompt: p.md }\n"
		"  b: { via: noop }\n"
		"stages:\n"
		"  - { id: first, agents: [b], outputs: [summary, a.b] }\n"
		"  - { id: left, agents: [b], outputs: [beats] }\n"
		"  - { id: right, agents: [b], outputs: [beats] }\n"
		"  - { id: last, inputs: [first], agents: [a], outputs: [end] "
		"}\n";
	put("s.yaml", text, sizeof text - 1);
	char *path = xasprintf("%s/s.yaml", folder);
	*problems = (struct show_problems){0};
	struct show *show = show_load(path, problems);
	free(path);
	return show;
}

START_TEST(test_pieces)
{
	static const struct {
		enum prompt_kind kind;
		const char *text, *name;
	} wanted[] = {
		{PROMPT_LITERAL, "a } { b ", NULL},
		{PROMPT_INPUTS, "inputs", ""},
		{PROMPT_LITERAL, " ", NULL},
		{PROMPT_STORY, "story.x.y", "x.y"},
		{PROMPT_LITERAL, "{{", NULL},
		{PROMPT_LITERAL, "}} ", NULL},
		{PROMPT_OUTPUTS, "outputs.o", "o"},
		{PROMPT_WORD, "stage.description", "description"},
		{PROMPT_UNKNOWN, "storyx.y", "y"},
		{PROMPT_UNKNOWN, "inputs.", ""},
		{PROMPT_UNKNOWN, "", ""},
		{PROMPT_OPEN, "{{", NULL},
		{PROMPT_LITERAL, " no\n}} end", NULL},
	};
	const char *rest = "a } { b {{inputs}} {{ story.x.y\t}}{{{{}} "
			   "{{outputs.o}}{{stage.description}}{{storyx.y}}"
			   "{{inputs.}}{{}}{{ no\n}} end";
	struct prompt_piece p;
	for (size_t i = 0; i < COUNT_OF(wanted); i++) {
		ck_assert(prompt_next(&rest, &p));
		ck_assert_msg(p.kind == wanted[i].kind, "piece %zu is %d", i,
			      (int)p.kind);
		ck_assert_uint_eq(p.bytes, strlen(wanted[i].text));
		ck_assert(memcmp(p.text, wanted[i].text, p.bytes) == 0);
		if (!wanted[i].name)
			continue;
		ck_assert_uint_eq(p.name_bytes, strlen(wanted[i].name));
		ck_assert(memcmp(p.name, wanted[i].name, p.name_bytes) == 0);
	}
	ck_assert(!prompt_next(&rest, &p));
}
END_TEST

START_TEST(test_words)
{
	for (int i = 0; prompt_words[i]; i++) {
		char *text = xasprintf("{{%s}}", prompt_words[i]);
		const char *rest = text;
		struct prompt_piece p;
		ck_assert(prompt_next(&rest, &p));
		ck_assert_int_eq(p.kind, PROMPT_WORD);
		ck_assert_int_eq(p.word, i);
		free(text);
	}
}
END_TEST

START_TEST(test_file_and_definition)
{
	struct show_problems problems;
	static const char text[] =
		"\xef\xbb\xbfTell \xc3\xa4 {{inputs.summary}}\r\n"
		"{{story.beats.0}} {{outputs.a.b}} {{story.a.b.c}} "
		"{{inputs.first}}{{stage.error}}";
	put("p.md", text, sizeof text - 1);
	struct show *show = load(&problems);
	ck_assert_ptr_nonnull(show);
	ck_assert_uint_eq(problems.count, 1); /* beats is made twice */
	const struct show_agent *a = &show->agents[0];
	ck_assert_str_eq(a->prompt, "p.md");
	ck_assert(strncmp(a->prompt_text, "Tell \xc3\xa4 {{inputs.summary}}\n",
			  26) == 0);
	ck_assert_uint_eq(a->prompt_story.count, 2);
	ck_assert_str_eq(a->prompt_story.items[0], "beats");
	ck_assert_str_eq(a->prompt_story.items[1], "a.b");

	/* Another machine has the definition and not the file. */
	struct show *again =
		show_parse_json(show->definition, strlen(show->definition),
				"/nowhere/else.json", &problems);
	ck_assert_ptr_nonnull(again);
	ck_assert_str_eq(again->hash, show->hash);
	ck_assert_str_eq(again->definition, show->definition);
	ck_assert_str_eq(again->agents[0].prompt_text, a->prompt_text);
	ck_assert_str_eq(again->agents[0].prompt, "p.md");
	ck_assert_uint_eq(again->agents[0].prompt_story.count, 2);
	show_unref(&again);

	put("p.md", "Tell it otherwise", 17);
	struct show_problems more;
	struct show *other = load(&more);
	ck_assert_ptr_nonnull(other);
	ck_assert_str_ne(other->hash, show->hash);
	show_unref(&other);
	show_unref(&show);
	show_problems_release(&problems);
	show_problems_release(&more);
}
END_TEST

static void bad_file(const char *text, size_t bytes, int line, int column,
		     const char *part)
{
	struct show_problems problems;
	put("p.md", text, bytes);
	struct show *show = load(&problems);
	ck_assert_ptr_null(show);
	ck_assert_uint_eq(problems.errors, 1);
	const struct show_problem *p = problems.items;
	while (p->severity != SHOW_ERROR)
		p++;
	ck_assert_msg(strstr(p->text, part), "%s", p->text);
	ck_assert_int_eq(p->line, line);
	ck_assert_int_eq(p->column, column);
	bool in_prompt = strcmp(strrchr(p->file, '/'), "/p.md") == 0;
	ck_assert(in_prompt || line == 3);
	show_problems_release(&problems);
}

START_TEST(test_bad_files)
{
	bad_file("\xc3\xa4\n \xc3\xa4 {{story.beatz}}\n", 22, 2, 6,
		 "{{story.beatz}} (did you mean 'beats'?)");
	bad_file("{{inputs.beats}}", 16, 1, 3, "no stage of this agent");
	bad_file("{{outputs.first}}", 17, 1, 3, "no stage has the output");
	bad_file("x\n{{inputs", 10, 2, 1, "closes it");
	bad_file("a\x1b[31m", 6, 1, 2, "control characters");
	bad_file("a\xff", 2, 0, 0, "UTF-8");
	char *large = xcalloc(1, PROMPT_MAX_BYTES + 2);
	memset(large, 'x', PROMPT_MAX_BYTES + 1);
	bad_file(large, PROMPT_MAX_BYTES + 1, 3, 64, "larger than");
	free(large);
}
END_TEST

/* Whoever stands in is asked what the stages of the other one would ask. */
START_TEST(test_stands_in)
{
	static const char text[] =
		"show: s\nagents:\n"
		"  a: { via: noop, fallback_agent: b }\n"
		"  b: { via: llm, url: 'http://127.0.0.1:1/v1', model: m, "
		"prompt: p.md, fallback_agent: c }\n"
		"  c: { via: llm, url: 'http://127.0.0.1:1/v1', model: m, "
		"prompt: p.md, fallback_agent: b }\n"
		"stages:\n"
		"  - { id: one, agents: [a], outputs: [summary] }\n"
		"  - { id: two, agents: [a], inputs: [summary] }\n";
	struct show_problems problems = {0};
	put("p.md", "Tell {{inputs.summary}}", 23);
	put("s.yaml", text, sizeof text - 1);
	char *path = xasprintf("%s/s.yaml", folder);
	struct show *show = show_load(path, &problems);
	ck_assert_ptr_nonnull(show);
	ck_assert_uint_eq(problems.errors, 0);
	show_unref(&show);
	show_problems_release(&problems);
	free(path);
}
END_TEST

int main(void)
{
	folder = temp_new();
	Suite *s = suite_create("prompt");
	tap_add(s, "pieces", test_pieces);
	tap_add(s, "every word is one", test_words);
	tap_add(s, "a file becomes part of the definition",
		test_file_and_definition);
	tap_add(s, "what lint says, and where", test_bad_files);
	tap_add(s, "whoever stands in", test_stands_in);
	int rc = tap_run(s);
	temp_remove(&folder);
	return rc;
}
