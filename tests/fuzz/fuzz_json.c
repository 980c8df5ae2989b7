/* The strict door and the printer: whatever is let in must come back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "flat_same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_round_trip(json_object *o)
{
	struct err err = {0};
	json_object *back = json_read_str(json_text(o), &json_limits_own, &err);
	REQUIRE(back && json_equal(o, back));
	char *canonical = json_canonical(o);
	json_object *again = json_read_str(canonical, &json_limits_own, &err);
	REQUIRE(again && json_equal(o, again));
	char *same = json_canonical(again);
	REQUIRE(strcmp(canonical, same) == 0);
	json_object *clone = json_clone(o);
	REQUIRE(json_equal(o, clone));
	free(same);
	free(canonical);
	json_object_put(clone);
	json_object_put(again);
	json_object_put(back);
}

/* A patch applied twice changes nothing the second time. */
static void check_merge(json_object *o)
{
	json_object *target = json_object_new_object();
	json_merge(target, o);
	char *once = json_canonical(target);
	json_merge(target, o);
	char *twice = json_canonical(target);
	REQUIRE(strcmp(once, twice) == 0);
	free(once);
	free(twice);
	json_object_put(target);
}

static void check_clean(json_object **o)
{
	json_clean(o, 40);
	const char *text = json_text(*o);
	REQUIRE(json_check(text, strlen(text), &json_limits_own, NULL));
	REQUIRE(text_is_utf8(text, strlen(text)));
	for (; *text; text++)
		REQUIRE((unsigned char)*text >= ' ' && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const struct json_limits limits = {1 << 20, 32, 20000};
	struct err err = {0};
	const char *text = (const char *)data;
	bool good = json_check(text, bytes, &limits, &err);
	json_object *o = json_read(text, bytes, &limits, &err);
	REQUIRE(good == (o != NULL));
	REQUIRE(flat_same(text, bytes, &limits) == NULL);
	REQUIRE(good || err.code == ERR_DATA);
	if (!o)
		return 0;
	REQUIRE(text_is_utf8(text, bytes) && !memchr(text, '\0', bytes));
	check_round_trip(o);
	check_merge(o);
	char *pointer = xstrndup(text, bytes);
	json_object *value;
	REQUIRE(json_point(o, pointer, &value) || !value);
	free(pointer);
	check_clean(&o);
	json_object_put(o);
	return 0;
}
