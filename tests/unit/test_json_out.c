/* What is written without a tree, beside the tree, and beside json-c's parser.
 */
#include "base/json_out.h"

#include <signal.h>

#include "flat_same.h"
#include "json_random.h"
#include "tap.h"

/* Writes the value as our own code would, now and then from its tree. */
static void write_value(struct chance *c, struct json_out *w, const char *key,
			json_object *v)
{
	json_object *copy = json_clone(v);
	bool is_tree = !v || draw(c) % 4 == 0;
	if (is_tree)
		json_add(w, key, &copy);
	json_object_put(copy);
	if (is_tree)
		return;
	switch (json_object_get_type(v)) {
	case json_type_boolean:
		json_add_bool(w, key, json_object_get_boolean(v));
		break;
	case json_type_int:
		json_add_int(w, key, json_object_get_int64(v));
		break;
	case json_type_double:
		json_add_num(w, key, json_object_get_double(v));
		break;
	case json_type_string:
		json_add_str(w, key, json_object_get_string(v));
		break;
	case json_type_array:
		json_out_array(w, key);
		for (size_t i = 0; i < json_object_array_length(v); i++)
			write_value(c, w, NULL,
				    json_object_array_get_idx(v, i));
		json_out_end(w);
		break;
	default:
		json_out_object(w, key);
		json_object_object_foreach(v, name, member)
			write_value(c, w, name, member);
		json_out_end(w);
	}
}

static struct json_out *written(struct chance *c, json_object *o)
{
	struct json_out *w = json_out_new();
	json_object_object_foreach(o, key, v) write_value(c, w, key, v);
	return w;
}

static json_object *random_object(struct chance *c)
{
	json_object *o = NULL;
	while (!json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		o = random_tree(c, 4);
	}
	return o;
}

START_TEST(writes_what_the_tree_prints)
{
	struct chance c = {seed()};
	for (int i = 0; i < 2000; i++) {
		json_object *o = random_object(&c);
		struct json_out *w = written(&c, o);
		char *text = xstrdup(json_out_text(w)->data);
		ck_assert_str_eq(text, json_text(o));
		/* A parser that is not ours reads the same. */
		json_object *other = json_tokener_parse(text);
		ck_assert_msg(json_equal(other, o), "%s", text);
		json_object_put(other);
		json_out_free(&w);
		free(text);
		json_object_put(o);
	}
}
END_TEST

START_TEST(is_read_where_it_stands)
{
	struct chance c = {seed()};
	for (int i = 0; i < 2000; i++) {
		json_object *o = random_object(&c);
		struct json_out *w = written(&c, o);
		struct json_flat *f = json_out_flat(&w);
		ck_assert(w == NULL);
		ck_assert_msg(flat_whole_same(f, o), "%s", json_text(o));
		struct json_flat *copy = json_flat_copy(f);
		json_flat_free(&f);
		ck_assert_msg(flat_whole_same(copy, o), "%s", json_text(o));
		json_flat_free(&copy);
		json_object_put(o);
	}
}
END_TEST

/* Bytes as they may come from anywhere. */
START_TEST(broken_text_is_mended)
{
	struct chance c = {seed()};
	for (int i = 0; i < 4000; i++) {
		char raw[24];
		size_t n = draw(&c) % (sizeof raw - 1);
		for (size_t k = 0; k < n; k++)
			raw[k] = (char)(1 + draw(&c) % 255);
		raw[n] = '\0';
		json_object *o = json_object_new_object();
		struct json_out *w = json_out_new();
		json_add_str(o, "text", raw);
		json_add_str(w, "text", raw);
		ck_assert_str_eq(json_out_text(w)->data, json_text(o));
		json_out_again(w);
		json_add_str(w, "text", raw);
		json_add_int(w, "n", 1);
		struct json_flat *f = json_out_flat(&w);
		json_object *back =
			json_read_str(json_text(o), &json_limits_own, NULL);
		ck_assert_ptr_nonnull(back);
		/* What is decided with is what others will read. */
		ck_assert_str_eq(json_flat_str(f, "text", ""),
				 json_get_str(back, "text", "?"));
		json_flat_free(&f);
		json_object_put(back);
		json_object_put(o);
	}
}
END_TEST

START_TEST(numbers_at_their_ends)
{
	static const int64_t ends[] = {INT64_MIN, INT64_MIN + 1, -1,	   0,
				       1,	  INT64_MAX - 1, INT64_MAX};
	static const double odd[] = {0.1, -0.0, 1e300, 5e-324, NAN, INFINITY};
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct json_out *w = json_out_new();
		json_add_int(w, "n", ends[i]);
		json_object *o = json_tokener_parse(json_out_text(w)->data);
		ck_assert_int_eq(json_get_int(o, "n", 7), ends[i]);
		json_object_put(o);
		json_out_free(&w);
	}
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		struct json_out *w = json_out_new();
		json_add_num(w, "n", odd[i]);
		struct json_flat *f = json_out_flat(&w);
		double have = json_flat_num(f, "n", 7), want = odd[i];
		if (!isfinite(want))
			want = 7; /* null */
		ck_assert(memcmp(&have, &want, sizeof have) == 0);
		json_flat_free(&f);
	}
}
END_TEST

START_TEST(many_members)
{
	struct json_out *w = json_out_new();
	char key[16];
	for (int i = 0; i < 500; i++) {
		snprintf(key, sizeof key, "k%d", i);
		json_out_object(w, key);
		json_add_int(w, "i", i);
		json_out_end(w);
	}
	struct json_flat *f = json_out_flat(&w);
	for (int i = 0; i < 500; i++) {
		snprintf(key, sizeof key, "k%d", i);
		json_object *o = json_flat_nested(f, key, json_type_object);
		ck_assert_int_eq(json_get_int(o, "i", -1), i);
		/* Made once. */
		ck_assert(json_flat_nested(f, key, json_type_object) == o);
		ck_assert(!json_flat_nested(f, key, json_type_array));
		struct json_node *n = json_flat_nodes(f, key, json_type_object);
		ck_assert_int_eq(json_node_int(n, "i", -1), i);
		ck_assert(json_flat_nodes(f, key, json_type_object) == n);
		ck_assert(!json_flat_nodes(f, key, json_type_array));
		ck_assert(!json_flat_nodes(f, "none", json_type_object));
	}
	struct json_flat *copy = json_flat_copy(f);
	struct json_node *own = json_flat_nodes(copy, "k7", json_type_object);
	ck_assert(own != json_flat_nodes(f, "k7", json_type_object));
	json_flat_free(&f);
	ck_assert_int_eq(json_node_int(own, "i", -1), 7);
	json_flat_free(&copy);
}
END_TEST

START_TEST(a_key_twice_is_our_defect)
{
	struct json_out *w = json_out_new();
	json_add_int(w, "n", 1);
	json_add_int(w, "n", 2);
	json_out_flat(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("json_out");
	tap_add(s, "writes what the tree prints", writes_what_the_tree_prints);
	tap_add(s, "is read where it stands", is_read_where_it_stands);
	tap_add(s, "broken text is mended", broken_text_is_mended);
	tap_add(s, "numbers at their ends", numbers_at_their_ends);
	tap_add(s, "many members", many_members);
	TCase *twice = tcase_create("a key twice is our defect");
	tcase_add_test_raise_signal(twice, a_key_twice_is_our_defect, SIGABRT);
	suite_add_tcase(s, twice);
	return tap_run(s);
}
