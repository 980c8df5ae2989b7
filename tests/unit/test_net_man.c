/*
 * showcaller-bus(7) has every address of the listeners, every type of event
 * with what it carries, and every topic, and no other; and what a status and
 * its checks are made of.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "core/event.h"
#include "core/live.h"
#include "core/status.h"
#include "net/request.h"
#include "show/show_read.h"
#include "tap.h"

#define ENTRY ".It "

struct words {
	char *items[200];
	size_t count;
};

static void words_add(struct words *w, char *item)
{
	for (size_t i = 0; i < w->count; i++)
		if (!strcmp(w->items[i], item)) {
			free(item);
			return;
		}
	REQUIRE(w->count < COUNT_OF(w->items));
	w->items[w->count++] = item;
}

static bool words_have(const struct words *w, const char *item)
{
	for (size_t i = 0; i < w->count; i++)
		if (!strcmp(w->items[i], item))
			return true;
	return false;
}

static void words_release(struct words *w)
{
	while (w->count)
		free(w->items[--w->count]);
}

static void same(const struct words *page, const struct words *table)
{
	ck_assert_uint_ne(table->count, 0);
	for (size_t i = 0; i < table->count; i++)
		ck_assert_msg(words_have(page, table->items[i]),
			      "man/showcaller-bus.7 misses: %s",
			      table->items[i]);
	for (size_t i = 0; i < page->count; i++)
		ck_assert_msg(words_have(table, page->items[i]),
			      "man/showcaller-bus.7 has, and nothing else: %s",
			      page->items[i]);
}

/* The part between .\" NAME begin and .\" NAME end. */
static char *read_part(const char *name)
{
	const char *dir = getenv("srcdir");
	char *path = xasprintf("%s/man/showcaller-bus.7", dir ? dir : ".");
	char *begin = xasprintf(".\\\" %s begin\n", name);
	char *end = xasprintf(".\\\" %s end\n", name);
	struct err err = {0};
	char *page = file_read(path, 1 << 20, NULL, &err);
	REQUIRE(page != NULL);
	char *from = strstr(page, begin), *to = strstr(page, end);
	REQUIRE(from && to && from < to);
	char *part = xstrndup(from + strlen(begin),
			      (size_t)(to - from) - strlen(begin));
	free(page);
	free(begin);
	free(end);
	free(path);
	return part;
}

/* Entries of the page: the rest of each line that begins with `head`, and (if
 * `with_text`) the sentence after it. */
static void read_entries(const char *part, const char *head, bool with_text,
			 struct words *out)
{
	size_t len = strlen(head);
	for (const char *p = part; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncmp(p, head, len))
			continue;
		struct buf b = {0};
		buf_add(&b, p + len, strcspn(p + len, "\n"));
		const char *t = p + strcspn(p, "\n");
		while (with_text && *t == '\n' && t[1] && t[1] != '.') {
			size_t n = strcspn(t + 1, "\n");
			buf_addc(&b, ' ');
			buf_add(&b, t + 1, n);
			t += 1 + n;
			if (t[-1] == '.')
				break;
		}
		words_add(out, buf_take(&b));
	}
}

/* A segment in capitals is an argument, as is a "*" of the table; the id of a
 * lease is one, however many segments it has. */
static char *form_of(const char *method, const char *path)
{
	struct buf b = {0};
	bool star = false;
	buf_addf(&b, "%s ", method);
	while (*path == '/') {
		size_t n = strcspn(++path, "/");
		bool arg =
			n && strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZ*") >= n;
		if (!arg || !star) {
			buf_addc(&b, '/');
			buf_add(&b, arg ? "*" : path, arg ? 1 : n);
		}
		star = arg;
		path += n;
	}
	return buf_take(&b);
}

static void check_side(enum side_id side, const char *name)
{
	struct words page = {0}, raw = {0}, table = {0};
	char *part = read_part(name);
	read_entries(part, ENTRY, false, &raw);
	for (size_t i = 0; i < raw.count; i++) {
		char *path = strchr(raw.items[i], ' ');
		ck_assert_msg(path != NULL, "%s", raw.items[i]);
		*path = '\0';
		words_add(&page, form_of(raw.items[i], path + 1));
	}
	for (const struct route *r = http_routes; r->method; r++)
		if (r->side == side)
			words_add(&table, form_of(r->method, r->path));
	same(&page, &table);
	words_release(&raw);
	words_release(&page);
	words_release(&table);
	free(part);
}

START_TEST(test_addresses)
{
	check_side(SIDE_OPERATOR, "operator");
	check_side(SIDE_AUDIENCE, "audience");
}
END_TEST

START_TEST(test_events)
{
	struct words page = {0}, table = {0};
	char *part = read_part("events");
	read_entries(part, ENTRY "Li ", true, &page);
	for (int i = 0; i < EVENT_UNKNOWN; i++)
		words_add(&table,
			  xasprintf("%s %s.",
				    event_type_name((enum event_type)i),
				    event_type_carries((enum event_type)i)));
	same(&page, &table);
	words_release(&page);
	words_release(&table);
	free(part);
}
END_TEST

START_TEST(test_topics)
{
	static const char *const names[] = {
		LIVE_TALLY, LIVE_PROGRESS, LIVE_LOG, LIVE_OBS,
		LIVE_CORE,  LIVE_CHAT,	   LIVE_BELL};
	struct words page = {0}, table = {0};
	char *part = read_part("live");
	read_entries(part, ENTRY "Li ", false, &page);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		words_add(&table, xstrdup(names[i]));
	same(&page, &table);
	words_release(&page);
	words_release(&table);
	free(part);
}
END_TEST

/* The entry of an address names each member, as a word of its own. */
static void has_members(const char *address, json_object *of)
{
	char *part = read_part("operator");
	char *head = xasprintf(ENTRY "%s\n", address);
	char *entry = strstr(part, head);
	ck_assert_ptr_nonnull(entry);
	entry += strlen(head);
	char *next = strstr(entry, "\n" ENTRY);
	if (next)
		*next = '\0';
	for (char *c = entry; *c; c++)
		*c = strchr("\n,;.()", *c) ? ' ' : *c;
	char *words = xasprintf(" %s ", entry);
	ck_assert_int_gt(json_object_object_length(of), 5);
	json_object_object_foreach(of, key, value)
	{
		(void)value;
		char *word = xasprintf(" %s ", key);
		ck_assert_msg(strstr(words, word),
			      "man/showcaller-bus.7, %s misses: %s", address,
			      key);
		free(word);
	}
	free(words);
	free(head);
	free(part);
}

START_TEST(test_members)
{
	static const char yaml[] =
		"show: s\n"
		"agents: { a: { via: noop } }\n"
		"stages: [ { id: x, agents: [a] } ]\n"
		"chat: { url: irc://h, channel: '#c' }\n"
		"checks: { cards: [ { card: A, tests: [\n"
		"  { name: one, endpoint: 'http://h/' } ] } ] }\n";
	struct show_problems problems = {0};
	struct show *show =
		show_parse_yaml(yaml, strlen(yaml), "s.yaml", &problems);
	ck_assert_ptr_nonnull(show);
	struct model *m = model_new(show);
	m->checks[0].before_count = 1;
	json_object *checks = status_checks(m);
	has_members("GET /api/v1/checks", json_object_array_get_idx(checks, 0));
	struct status_extra extra = {.mode = "live", .redis_rtt_us = -1};
	json_object *status = status_json(m, &extra);
	has_members("GET /api/v1/status", status);
	json_object_put(status);
	json_object_put(checks);
	model_free(&m);
	show_unref(&show);
	show_problems_release(&problems);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("net_man");
	TCase *tc = tcase_create("page");
	tcase_add_test(tc, test_addresses);
	tcase_add_test(tc, test_events);
	tcase_add_test(tc, test_topics);
	tcase_add_test(tc, test_members);
	suite_add_tcase(suite, tc);
	return tap_run(suite);
}
