/* From the text of an answer to the outputs of a stage. */
#include <string.h>

#include "base/text.h"
#include "jobs/llm.h"

#define QUOTE_BYTES 60

struct span {
	const char *at;
	size_t bytes;
};

static struct span trim(struct span s)
{
	while (s.bytes && strchr(" \t\r\n", *s.at)) {
		s.at++;
		s.bytes--;
	}
	while (s.bytes && strchr(" \t\r\n", s.at[s.bytes - 1]))
		s.bytes--;
	return s;
}

/* Models that think aloud put that first. */
static struct span skip_thoughts(struct span s)
{
	static const char begin[] = "<think>", end[] = "</think>";
	if (s.bytes < sizeof begin - 1 ||
	    memcmp(s.at, begin, sizeof begin - 1) != 0)
		return s;
	const char *stop = memmem(s.at, s.bytes, end, sizeof end - 1);
	if (!stop)
		return s;
	stop += sizeof end - 1;
	return trim((struct span){stop, (size_t)(s.at + s.bytes - stop)});
}

/* What stands between the first fence and the one that closes it. `*json`: it
 * says that it is JSON. */
static bool unwrap(struct span s, struct span *inner, bool *json)
{
	const char *open = memmem(s.at, s.bytes, "```", 3);
	const char *end = s.at + s.bytes;
	if (!open)
		return false;
	const char *line = memchr(open, '\n', (size_t)(end - open));
	if (!line)
		return false;
	struct span word =
		trim((struct span){open + 3, (size_t)(line - open - 3)});
	const char *close = memmem(line, (size_t)(end - line), "\n```", 4);
	*json = word.bytes >= 4 && strncasecmp(word.at, "json", 4) == 0;
	const char *begin = line + 1, *stop = close ? close : end;
	if (stop < begin)
		stop = begin; /* nothing stands between the two */
	*inner = trim((struct span){begin, (size_t)(stop - begin)});
	return true;
}

static json_object *read_json(struct span s)
{
	struct json_limits limits = json_limits_answer;
	if (s.bytes > limits.max_bytes)
		limits.max_bytes = s.bytes; /* capped when it came */
	return json_read(s.at, s.bytes, &limits, NULL);
}

static json_object *read_object(struct span s)
{
	json_object *o = read_json(s);
	if (json_object_is_type(o, json_type_object))
		return o;
	json_object_put(o);
	return NULL;
}

/* The object that an answer is, that it has in a fence, or around which it has
 * words. */
static json_object *find_object(struct span s)
{
	struct span inner;
	bool json;
	json_object *o = read_object(s);
	if (!o && unwrap(s, &inner, &json))
		o = read_object(inner);
	const char *first = memchr(s.at, '{', s.bytes);
	const char *last = memrchr(s.at, '}', s.bytes);
	if (!o && first && last && last > first)
		o = read_object(
			(struct span){first, (size_t)(last - first) + 1});
	return o;
}

static json_object *no_json(struct span s, const struct show_names *outputs,
			    const char **code, struct err *err)
{
	struct buf names = {0};
	char *quote = text_clean(s.at, s.bytes, QUOTE_BYTES);
	for (size_t i = 0; i < outputs->count; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", outputs->items[i]);
	*code = "no_json";
	err_set(err, ERR_DATA,
		"the answer has no JSON object that can be read, with the "
		"members %s; it begins with \"%s\"",
		buf_str(&names), quote);
	buf_release(&names);
	free(quote);
	return NULL;
}

/* One output: an object that names it, JSON in a fence, or simply the text. */
static json_object *read_one(struct span s, const struct show_names *outputs,
			     const char **code, struct err *err)
{
	const char *name = outputs->items[0];
	struct span inner = s;
	bool json = false, fenced = *s.at == '`' && unwrap(s, &inner, &json);
	json_object *value = NULL, *o;
	if ((fenced && json) || *inner.at == '{')
		value = read_json(inner);
	if (fenced && json && !value)
		return no_json(s, outputs, code, err);
	if (json_object_is_type(value, json_type_object) &&
	    json_get(value, name))
		return value;
	if (!fenced || !json) {
		json_object_put(value);
		value = json_object_new_string_len(s.at, (int)s.bytes);
	}
	o = json_object_new_object();
	json_add(o, name, &value);
	return o;
}

static json_object *read_any(struct span s)
{
	struct span inner = s;
	bool json = false;
	if (*s.at == '`')
		unwrap(s, &inner, &json);
	json_object *o =
		json || strchr("{[", *inner.at) ? read_json(inner) : NULL;
	return o ? o : json_object_new_string_len(s.at, (int)s.bytes);
}

json_object *llm_answer_read(const char *text, size_t bytes,
			     const struct show_names *outputs,
			     const char **code, struct err *err)
{
	struct span s = skip_thoughts(trim((struct span){text, bytes}));
	if (!s.bytes) {
		*code = "empty";
		err_set(err, ERR_DATA, "the answer is empty");
		return NULL;
	}
	if (outputs->count == 0)
		return read_any(s);
	if (outputs->count == 1)
		return read_one(s, outputs, code, err);
	json_object *o = find_object(s);
	return o ? o : no_json(s, outputs, code, err);
}
