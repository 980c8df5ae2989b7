#include "jobs/fill.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define OPEN  "{{kept."
#define CLOSE "}}"

/* The value of the name that stands at `at`, `*bytes` long. */
static bool find(const char *at, size_t *bytes, json_object *kept,
		 json_object **value, const char **missing)
{
	const char *end = strstr(at, CLOSE);
	if (!end)
		return false;
	*bytes = (size_t)(end - at);
	char *name = xstrndup(at, *bytes);
	bool there = json_object_object_get_ex(kept, name, value);
	free(name);
	if (!there) {
		*missing = at;
		*value = NULL;
	}
	return true;
}

char *fill_text(const char *text, json_object *kept, const char **missing)
{
	struct buf b = {0};
	const char *at;
	while ((at = strstr(text, OPEN))) {
		const char *name = at + strlen(OPEN);
		json_object *value;
		size_t bytes;
		if (!find(name, &bytes, kept, &value, missing))
			break;
		buf_add(&b, text, (size_t)(at - text));
		buf_adds(&b, json_object_is_type(value, json_type_string)
				     ? json_object_get_string(value)
				     : json_text(value));
		text = name + bytes + strlen(CLOSE);
	}
	buf_adds(&b, text);
	return buf_take(&b);
}

static json_object *fill_string(json_object *o, json_object *kept,
				const char **missing)
{
	const char *text = json_object_get_string(o);
	json_object *value;
	size_t bytes;
	if (strncmp(text, OPEN, strlen(OPEN)) == 0 &&
	    find(text + strlen(OPEN), &bytes, kept, &value, missing) &&
	    text[strlen(OPEN) + bytes + strlen(CLOSE)] == '\0')
		return json_clone(value);
	if (!strstr(text, OPEN))
		return json_clone(o);
	char *filled = fill_text(text, kept, missing);
	json_object *copy = json_object_new_string(filled);
	free(filled);
	return copy;
}

json_object *fill_tree(json_object *o, json_object *kept, const char **missing)
{
	json_object *copy;
	switch (json_object_get_type(o)) {
	case json_type_object:
		copy = json_object_new_object();
		json_object_object_foreach(o, key, value)
		{
			json_object *filled = fill_tree(value, kept, missing);
			json_object_object_add(copy, key, filled);
		}
		return copy;
	case json_type_array:
		copy = json_object_new_array();
		for (size_t i = 0; i < json_object_array_length(o); i++)
			json_object_array_add(
				copy, fill_tree(json_object_array_get_idx(o, i),
						kept, missing));
		return copy;
	case json_type_string:
		return fill_string(o, kept, missing);
	default:
		return json_clone(o);
	}
}
