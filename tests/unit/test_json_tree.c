/* Trees that are there: reading by type, adding, comparing, merging, pointing,
 * cleaning. */
#include "base/json.h"

#include <string.h>

#include "base/mem.h"
#include "tap.h"

static const struct json_limits *const answer = &json_limits_answer;

/* ---- typed reading ---- */

START_TEST(reads_types_and_coerces_nothing)
{
	json_object *o = json_read_str(
		"{\"i\":3,\"d\":3.99,\"s\":\"12abc\",\"n\":null,\"b\":true,"
		"\"a\":[1],\"o\":{\"x\":1}}",
		answer, NULL);
	ck_assert_int_eq(json_get_int(o, "i", -1), 3);
	ck_assert_int_eq(json_get_int(o, "d", -1), -1);
	ck_assert_int_eq(json_get_int(o, "s", -1), -1);
	ck_assert_int_eq(json_get_int(o, "b", -1), -1);
	ck_assert_int_eq(json_get_int(o, "n", -1), -1);
	ck_assert_int_eq(json_get_int(o, "missing", -1), -1);
	ck_assert(json_get_num(o, "i", -1) == 3);
	ck_assert(json_get_num(o, "d", -1) == 3.99);
	ck_assert(json_get_num(o, "s", -1) == -1);
	ck_assert_str_eq(json_get_str(o, "s", "-"), "12abc");
	ck_assert_str_eq(json_get_str(o, "i", "-"), "-");
	ck_assert_ptr_null(json_get_str(o, "n", NULL));
	ck_assert(json_get_bool(o, "b", false));
	ck_assert(!json_get_bool(o, "i", false));
	ck_assert(json_get_array(o, "a") && !json_get_array(o, "o"));
	ck_assert(json_get_object(o, "o") && !json_get_object(o, "a"));
	ck_assert_ptr_null(json_get(NULL, "a"));
	ck_assert_ptr_null(json_get(json_get(o, "a"), "a"));
	ck_assert_int_eq(json_get_int(json_get(o, "s"), "x", 7), 7);
	json_object_put(o);
}
END_TEST

START_TEST(adds_members)
{
	json_object *o = json_object_new_object();
	json_object *list = json_object_new_array();
	json_add_str(o, "s", "x");
	json_add_int(o, "i", INT64_MIN);
	json_add_num(o, "d", 2);
	json_add_bool(o, "b", false);
	json_add(o, "a", &list);
	ck_assert_ptr_null(list);
	ck_assert_str_eq(json_text(o),
			 "{\"s\":\"x\",\"i\":-9223372036854775808,"
			 "\"d\":2.0,\"b\":false,\"a\":[]}");
	json_object_put(o);
}
END_TEST

START_TEST(compares_by_type_and_value)
{
	static const struct {
		const char *a, *b;
		bool want;
	} pairs[] = {
		{"1", "1", true},
		{"1", "1.0", false},
		{"0.0", "-0.0", false},
		{"\"1\"", "1", false},
		{"true", "1", false},
		{"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
		{"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
		{"{\"a\":null}", "{\"b\":null}", false},
		{"[1,2]", "[2,1]", false},
		{"[1]", "[1,1]", false},
		{"[null]", "[null]", true},
		{"[]", "{}", false},
	};
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		json_object *a = json_read_str(pairs[i].a, answer, NULL);
		json_object *b = json_read_str(pairs[i].b, answer, NULL);
		ck_assert_msg(json_equal(a, b) == pairs[i].want, "%s %s",
			      pairs[i].a, pairs[i].b);
		json_object_put(a);
		json_object_put(b);
	}
	ck_assert(json_equal(NULL, NULL));
	ck_assert_ptr_null(json_clone(NULL));
}
END_TEST

/* ---- RFC 7396, appendix A (each pair as a member "x") ---- */

static const struct {
	const char *target, *patch, *result;
} merges[] = {
	{"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	{"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
	{"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
	{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
	{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	{"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
	{"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
	 "{\"a\":{\"b\":\"d\"}}"},
	{"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
	{"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
	{"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
	{"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
	{"{\"e\":null}", "{\"a\":1}", "{\"a\":1,\"e\":null}"},
	{"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
	{"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
};

static json_object *as_member(const char *text)
{
	char *whole = xasprintf("{\"x\":%s}", text);
	json_object *o = json_read_str(whole, answer, NULL);
	free(whole);
	return o;
}

START_TEST(merges_patches)
{
	for (size_t i = 0; i < COUNT_OF(merges); i++) {
		json_object *target = as_member(merges[i].target);
		json_object *patch = as_member(merges[i].patch);
		json_object *want = as_member(merges[i].result);
		json_merge(target, patch);
		ck_assert_msg(json_equal(target, want), "%zu: %s", i,
			      json_text(target));
		/* The patch is still whole. */
		json_object *before = as_member(merges[i].patch);
		ck_assert(json_equal(patch, before));
		json_object_put(patch);
		ck_assert(json_equal(target, want));
		json_object_put(before);
		json_object_put(target);
		json_object_put(want);
	}
	json_object *o = as_member("1"), *gone = as_member("null");
	json_merge(o, gone);
	ck_assert_str_eq(json_text(o), "{}");
	json_object_put(o);
	json_object_put(gone);
}
END_TEST

static void merge_text(json_object *target, const char *patch)
{
	json_object *o = json_read_str(patch, answer, NULL);
	json_merge(target, o);
	json_object_put(o);
}

/* What trees have of one patch, and of each other, each changes for itself. */
START_TEST(merges_change_no_other_tree)
{
	static const char first[] = "{\"x\":{\"y\":{\"z\":1},\"a\":2}}";
	json_object *patch = json_read_str(first, answer, NULL);
	json_object *one = json_object_new_object();
	json_object *two = json_object_new_object();
	json_object *three = json_object_new_object();
	json_merge(one, patch);
	json_merge(two, patch);
	merge_text(one, "{\"x\":{\"y\":{\"z\":3}}}");
	merge_text(one, "{\"x\":{\"y\":{\"w\":4}}}");
	json_merge(three, one);
	merge_text(three, "{\"x\":{\"y\":null,\"a\":5}}");
	merge_text(one, "{\"x\":{\"a\":6}}");
	ck_assert_str_eq(json_text(patch), first);
	ck_assert_str_eq(json_text(two), first);
	ck_assert_str_eq(json_text(one),
			 "{\"x\":{\"y\":{\"z\":3,\"w\":4},\"a\":6}}");
	ck_assert_str_eq(json_text(three), "{\"x\":{\"a\":5}}");
	json_object_put(three);
	json_object_put(two);
	json_object_put(one);
	json_object_put(patch);
}
END_TEST

/* ---- RFC 6901, section 5 ---- */

START_TEST(follows_pointers)
{
	json_object *o = json_read_str(
		"{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,"
		"\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,"
		"\"m~n\":8,\"nil\":null,\"list\":[null]}",
		answer, NULL);
	static const struct {
		const char *pointer, *value;
	} found[] = {
		{"/foo", "[\"bar\",\"baz\"]"},
		{"/foo/0", "\"bar\""},
		{"/foo/1", "\"baz\""},
		{"/", "0"},
		{"/a~1b", "1"},
		{"/c%d", "2"},
		{"/e^f", "3"},
		{"/g|h", "4"},
		{"/i\\j", "5"},
		{"/k\"l", "6"},
		{"/ ", "7"},
		{"/m~0n", "8"},
		{"/nil", "null"},
		{"/list/0", "null"},
	};
	static const char *const missing[] = {
		"foo",	   "/foo/2",   "/foo/-",
		"/foo/00", "/foo/01",  "/foo/+1",
		"/foo/1x", "/foo/",    "/bar",
		"/m~n",	   "/m~2n",    "/m~",
		"//",	   "/foo/0/x", "/foo/18446744073709551616",
		"#/foo",   "/nil/a",   "/list/1"};
	json_object *v;
	ck_assert(json_point(o, "", &v));
	ck_assert_ptr_eq(v, o);
	for (size_t i = 0; i < COUNT_OF(found); i++) {
		ck_assert_msg(json_point(o, found[i].pointer, &v), "%s",
			      found[i].pointer);
		ck_assert_str_eq(json_text(v), found[i].value);
	}
	for (size_t i = 0; i < COUNT_OF(missing); i++)
		ck_assert_msg(!json_point(o, missing[i], &v) && !v, "%s",
			      missing[i]);
	ck_assert(!json_point(NULL, "/a", &v));
	json_object_put(o);
}
END_TEST

START_TEST(cleans_trees)
{
	json_object *o = json_read_str(
		"{\"a\\u001b[1m\":\"x\\u0007y\\nz\",\"l\":[\"\\u202eabc\","
		"{\"k\\t\":\"ok\"},1,null],\"zz\":\"0123456789\","
		"\"z\\u200bz\":\"twin\"}",
		answer, NULL);
	json_clean(&o, 8);
	ck_assert_str_eq(json_text(o),
			 "{\"a\357\277\275[1m\":\"x\357\277\275y\\nz\","
			 "\"l\":[\"\357\277\275abc\",{\"k \":\"ok\"},1,null],"
			 "\"zz\":\"01234567\"}");
	json_object_put(o);
	o = NULL;
	json_clean(&o, 8);
	ck_assert_ptr_null(o);
	o = json_object_new_string_len("a\0b", 3);
	json_clean(&o, 8);
	ck_assert_str_eq(json_object_get_string(o), "a\357\277\275b");
	json_object_put(o);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("json_tree");
	tap_add(s, "typed reading coerces nothing",
		reads_types_and_coerces_nothing);
	tap_add(s, "adding members", adds_members);
	tap_add(s, "equality", compares_by_type_and_value);
	tap_add(s, "merge patch, RFC 7396", merges_patches);
	tap_add(s, "merges change no other tree", merges_change_no_other_tree);
	tap_add(s, "pointers, RFC 6901", follows_pointers);
	tap_add(s, "cleaning trees", cleans_trees);
	return tap_run(s);
}
