#include "jobs/meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/api_error.h"
#include "base/text.h"

#define EVENT_MAX_BYTES (256 * 1024)
#define TAIL_MAX_BYTES	(512 * 1024)
#define BYTES_A_TOKEN	8
#define CHOICES_MAX	16
#define BLOCKS_MAX	64
#define TOKENS_MAX	(INT64_C(1) << 40)
#define FILE_TOKENS	1600

struct meter {
	struct meter_allowance may;
	char *lease;
	enum meter_state state;
	struct buf line;  /* not yet ended */
	struct buf event; /* its lines as they came */
	struct buf data;  /* its data */
	struct buf tail;
	struct meter_use use;
	char *id, *model; /* of the answer, for what we add */
	int64_t created;
	bool ending;		  /* all that comes belongs to the tail */
	bool done[CHOICES_MAX];	  /* OpenAI: has its finish_reason */
	bool usage_told;	  /* OpenAI: its chunk is in the tail */
	int64_t open[BLOCKS_MAX]; /* Anthropic: content blocks */
	size_t open_count;
};

struct meter *meter_new(const struct meter_allowance *allowance)
{
	struct meter *m = xcalloc(1, sizeof *m);
	m->may = *allowance;
	m->lease = xstrdup(allowance->lease ? allowance->lease : "");
	m->may.lease = m->lease;
	if (m->may.choices < 1)
		m->may.choices = 1;
	if (m->may.choices > CHOICES_MAX)
		m->may.choices = CHOICES_MAX;
	m->use.input_tokens = m->use.output_tokens = -1;
	return m;
}

void meter_free(struct meter **meter)
{
	struct meter *m = *meter;
	*meter = NULL;
	if (!m)
		return;
	buf_release(&m->line);
	buf_release(&m->event);
	buf_release(&m->data);
	buf_release(&m->tail);
	free(m->lease);
	free(m->id);
	free(m->model);
	free(m);
}

const struct buf *meter_tail(const struct meter *m)
{
	return &m->tail;
}

void meter_used(const struct meter *m, struct meter_use *use)
{
	*use = m->use;
}

/* --- usage ---------------------------------------------------------------- */

static int64_t tokens_of(json_object *usage, const char *key)
{
	int64_t n = json_get_int(usage, key, -1);
	return n >= 0 && n <= TOKENS_MAX ? n : -1;
}

static int64_t at_least_0(int64_t n)
{
	return n > 0 ? n : 0;
}

void meter_read_usage(json_object *usage, enum show_api api,
		      struct meter_use *use)
{
	int64_t in, out;
	if (!json_object_is_type(usage, json_type_object))
		return;
	if (api == API_OPENAI) {
		in = tokens_of(usage, "prompt_tokens");
		out = tokens_of(usage, "completion_tokens");
	} else {
		in = tokens_of(usage, "input_tokens");
		out = tokens_of(usage, "output_tokens");
		/* What the cache wrote and read is not part of the first. */
		if (in >= 0)
			in += at_least_0(tokens_of(
				      usage, "cache_creation_input_tokens")) +
			      at_least_0(tokens_of(usage,
						   "cache_read_input_tokens"));
	}
	if (in >= 0)
		use->input_tokens = in;
	if (out >= 0)
		use->output_tokens = out;
}

void meter_read_start(json_object *message, struct meter_use *use)
{
	struct meter_use told = *use;
	meter_read_usage(json_get(message, "usage"), API_ANTHROPIC, &told);
	use->input_tokens = told.input_tokens;
}

/* Bytes of all strings in what a piece adds. */
static size_t bytes_of(json_object *v, int depth)
{
	size_t sum = 0;
	if (depth > 8)
		return 0;
	switch (json_object_get_type(v)) {
	case json_type_string:
		return (size_t)json_object_get_string_len(v);
	case json_type_array:
		for (size_t i = 0; i < json_object_array_length(v); i++)
			sum += bytes_of(json_object_array_get_idx(v, i),
					depth + 1);
		return sum;
	case json_type_object: {
		json_object_object_foreach(v, key, value)
		{
			/* Names, not text. */
			if (strcmp(key, "role") && strcmp(key, "type") &&
			    strcmp(key, "id") && strcmp(key, "signature"))
				sum += bytes_of(value, depth + 1);
		}
		return sum;
	}
	default:
		return 0;
	}
}

void meter_count(struct meter_use *use, size_t bytes)
{
	int64_t tokens = (int64_t)(bytes / BYTES_A_TOKEN);
	use->counted += tokens ? tokens : bytes > 0;
}

static void count(struct meter *m, json_object *piece)
{
	meter_count(&m->use, bytes_of(piece, 0));
}

/* What it uses is more than it may. */
static bool is_beyond(const struct meter *m)
{
	int64_t out = m->use.output_tokens > m->use.counted
			      ? m->use.output_tokens
			      : m->use.counted;
	int64_t may = m->may.output_tokens;
	/* A prompt that is longer than was thought leaves less. */
	if (m->use.input_tokens > m->may.prompt_tokens)
		may -= m->use.input_tokens - m->may.prompt_tokens;
	return out > (may > 0 ? may : 0);
}

/* --- what we add ---------------------------------------------------------- */

static void add_data(struct buf *out, const char *event, json_object **o)
{
	if (event)
		buf_addf(out, "event: %s\n", event);
	buf_adds(out, "data: ");
	buf_adds(out, json_text(*o));
	buf_adds(out, "\n\n");
	json_object_put(*o);
	*o = NULL;
}

static json_object *chunk_new(const struct meter *m, json_object **choices)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "id", m->id ? m->id : "chatcmpl-showcaller");
	json_add_str(o, "object", "chat.completion.chunk");
	json_add_int(o, "created", m->created);
	json_add_str(o, "model", m->model ? m->model : "");
	json_add(o, "choices", choices);
	return o;
}

static void add_usage_chunk(struct meter *m)
{
	json_object *none = json_object_new_array();
	json_object *o = chunk_new(m, &none);
	json_object *usage = json_object_new_object();
	int64_t in = m->use.input_tokens >= 0 ? m->use.input_tokens
					      : m->may.prompt_tokens;
	int64_t out = m->use.output_tokens >= 0 ? m->use.output_tokens
						: m->use.counted;
	json_add_int(usage, "prompt_tokens", in);
	json_add_int(usage, "completion_tokens", out);
	json_add_int(usage, "total_tokens", in + out);
	json_add(o, "usage", &usage);
	add_data(&m->tail, NULL, &o);
}

static void end_openai(struct meter *m)
{
	for (int i = 0; i < m->may.choices; i++) {
		if (m->done[i])
			continue;
		json_object *choice = json_object_new_object();
		json_object *delta = json_object_new_object();
		json_object *choices = json_object_new_array();
		json_add_int(choice, "index", i);
		json_add(choice, "delta", &delta);
		json_add_str(choice, "finish_reason", "length");
		json_object_array_add(choices, choice);
		json_object *o = chunk_new(m, &choices);
		add_data(&m->tail, NULL, &o);
	}
	if (m->may.usage_wanted && !m->usage_told)
		add_usage_chunk(m);
	buf_adds(&m->tail, "data: [DONE]\n\n");
}

static json_object *typed(const char *type)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "type", type);
	return o;
}

static void end_anthropic(struct meter *m)
{
	json_object *o;
	for (size_t i = 0; i < m->open_count; i++) {
		o = typed("content_block_stop");
		json_add_int(o, "index", m->open[i]);
		add_data(&m->tail, "content_block_stop", &o);
	}
	o = typed("message_delta");
	json_object *delta = json_object_new_object();
	json_object *usage = json_object_new_object();
	json_add_str(delta, "stop_reason", "max_tokens");
	json_object_object_add(delta, "stop_sequence", NULL);
	json_add(o, "delta", &delta);
	json_add_int(usage, "output_tokens",
		     m->use.output_tokens > m->use.counted
			     ? m->use.output_tokens
			     : m->use.counted);
	json_add(o, "usage", &usage);
	add_data(&m->tail, "message_delta", &o);
	o = typed("message_stop");
	add_data(&m->tail, "message_stop", &o);
}

/* The answer ends here: the allowance is used up. */
static enum meter_state end_at_cap(struct meter *m)
{
	buf_clear(&m->tail);
	buf_addf(&m->tail,
		 ": showcaller ended this answer: what it was allowed under "
		 "lease %s is used up (%lld tokens out)\n\n",
		 m->lease, (long long)m->may.output_tokens);
	m->usage_told = false;
	if (m->may.api == API_OPENAI)
		end_openai(m);
	else
		end_anthropic(m);
	return METER_CAP;
}

void meter_add_error(struct buf *out, enum show_api api, const char *code,
		     const char *text)
{
	json_object *o =
		api_error_json(api == API_ANTHROPIC, "api_error", code, text);
	add_data(out, api == API_ANTHROPIC ? "error" : NULL, &o);
}

char *meter_error_body(enum show_api api, int status, const char *code,
		       const char *text)
{
	bool anthropic = api == API_ANTHROPIC;
	json_object *o = api_error_json(
		anthropic, api_error_type(anthropic, status), code, text);
	char *body = xasprintf("%s\n", json_text(o));
	json_object_put(o);
	return body;
}

/* --- events --------------------------------------------------------------- */

static void remember(char **to, json_object *o, const char *key)
{
	if (!*to && json_get_str(o, key, NULL))
		*to = text_clean_str(json_get_str(o, key, ""), 200);
}

static bool all_done(const struct meter *m)
{
	for (int i = 0; i < m->may.choices; i++)
		if (!m->done[i])
			return false;
	return true;
}

static void read_choice(struct meter *m, json_object *choice)
{
	int64_t i = json_get_int(choice, "index", 0);
	count(m, json_get(choice, "delta"));
	if (i >= 0 && i < CHOICES_MAX &&
	    json_get_str(choice, "finish_reason", NULL))
		m->done[i] = true;
}

/* Whether the event is passed on. */
static bool read_openai(struct meter *m, json_object *o)
{
	json_object *choices = json_get_array(o, "choices");
	json_object *usage = json_get_object(o, "usage");
	size_t n = choices ? json_object_array_length(choices) : 0;
	remember(&m->id, o, "id");
	remember(&m->model, o, "model");
	if (!m->created)
		m->created = json_get_int(o, "created", 0);
	for (size_t i = 0; i < n; i++)
		read_choice(m, json_object_array_get_idx(choices, i));
	meter_read_usage(usage, API_OPENAI, &m->use);
	m->ending = m->ending || all_done(m);
	/* We asked for it; a client that did not is not used to a chunk
	 * without choices. */
	if (usage && n == 0) {
		m->usage_told = true;
		return m->may.usage_wanted;
	}
	return true;
}

static void open_block(struct meter *m, int64_t index)
{
	if (m->open_count < BLOCKS_MAX)
		m->open[m->open_count++] = index;
}

static void close_block(struct meter *m, int64_t index)
{
	for (size_t i = 0; i < m->open_count; i++)
		if (m->open[i] == index) {
			m->open[i] = m->open[--m->open_count];
			return;
		}
}

static void read_anthropic(struct meter *m, json_object *o)
{
	const char *type = json_get_str(o, "type", "");
	int64_t index = json_get_int(o, "index", 0);
	if (!strcmp(type, "message_start")) {
		meter_read_start(json_get_object(o, "message"), &m->use);
	} else if (!strcmp(type, "content_block_start")) {
		open_block(m, index);
		count(m, json_get(json_get(o, "content_block"), "text"));
	} else if (!strcmp(type, "content_block_delta")) {
		count(m, json_get(o, "delta"));
	} else if (!strcmp(type, "content_block_stop")) {
		close_block(m, index);
	} else if (!strcmp(type, "message_delta")) {
		meter_read_usage(json_get(o, "usage"), API_ANTHROPIC, &m->use);
		m->ending = true;
	} else if (!strcmp(type, "message_stop")) {
		m->ending = true;
		m->done[0] = true;
	}
}

static bool is_error(const struct meter *m, json_object *o)
{
	if (m->may.api == API_ANTHROPIC)
		return !strcmp(json_get_str(o, "type", ""), "error");
	return json_get(o, "error") != NULL;
}

static void keep(struct meter *m, struct buf *out)
{
	struct buf *to = m->ending ? &m->tail : out;
	buf_add(to, m->event.data, m->event.len);
	buf_adds(to, "\n");
}

static enum meter_state read_data(struct meter *m, struct buf *out)
{
	json_object *o = json_read(buf_str(&m->data), m->data.len,
				   &json_limits_answer, NULL);
	bool object = json_object_is_type(o, json_type_object), pass = true;
	enum meter_state state = METER_GOES_ON;
	if (!object) {
		state = METER_BAD;
	} else if (is_error(m, o)) {
		m->ending = true;
		buf_clear(&m->tail);
		keep(m, out);
		state = METER_ERROR;
	} else {
		if (m->may.api == API_OPENAI)
			pass = read_openai(m, o);
		else
			read_anthropic(m, o);
		/* Not beyond it because of what the server reports at its
		 * end: then it is over anyway, and its own end is true. */
		if (!m->ending && is_beyond(m))
			state = end_at_cap(m);
		else if (pass)
			keep(m, out);
		if (m->may.api == API_ANTHROPIC && m->done[0] &&
		    state == METER_GOES_ON)
			state = METER_WHOLE;
	}
	json_object_put(o);
	return state;
}

static enum meter_state end_event(struct meter *m, struct buf *out)
{
	enum meter_state state = METER_GOES_ON;
	if (!m->data.len) {
		if (m->event.len) /* a comment, or an event without data */
			keep(m, out);
	} else if (m->may.api == API_OPENAI &&
		   !strcmp(buf_str(&m->data), "[DONE]")) {
		m->ending = true;
		keep(m, out);
		state = METER_WHOLE;
	} else {
		state = read_data(m, out);
	}
	buf_clear(&m->event);
	buf_clear(&m->data);
	return m->tail.len > TAIL_MAX_BYTES ? METER_BAD : state;
}

static enum meter_state end_line(struct meter *m, struct buf *out)
{
	struct buf *l = &m->line;
	if (l->len && l->data[l->len - 1] == '\r')
		l->data[--l->len] = '\0';
	if (!l->len)
		return end_event(m, out);
	const char *s = buf_str(l);
	buf_add(&m->event, s, l->len);
	buf_addc(&m->event, '\n');
	if (!strncmp(s, "data:", 5)) {
		s += s[5] == ' ' ? 6 : 5;
		if (m->data.len)
			buf_addc(&m->data, '\n');
		buf_adds(&m->data, s);
	}
	buf_clear(l);
	return METER_GOES_ON;
}

enum meter_state meter_feed(struct meter *m, const char *data, size_t bytes,
			    struct buf *out)
{
	const char *end = data + bytes;
	while (m->state == METER_GOES_ON && data < end) {
		const char *nl = memchr(data, '\n', (size_t)(end - data));
		size_t n = (size_t)((nl ? nl : end) - data);
		if (m->event.len + m->line.len + n > EVENT_MAX_BYTES) {
			m->state = METER_BAD;
			break;
		}
		buf_add(&m->line, data, n);
		data += n;
		if (nl) {
			data++;
			m->state = end_line(m, out);
		}
	}
	return m->state;
}

enum meter_state meter_close(struct meter *m, struct buf *out)
{
	if (m->state != METER_GOES_ON)
		return m->state;
	/* An event whose empty line was forgotten. */
	if (m->line.len)
		m->state = end_line(m, out);
	if (m->state == METER_GOES_ON && m->event.len)
		m->state = end_event(m, out);
	if (m->state == METER_GOES_ON && m->may.api == API_OPENAI &&
	    all_done(m)) {
		end_openai(m);
		m->state = METER_WHOLE;
	}
	return m->state;
}

/* --- the prompt ----------------------------------------------------------- */

static void guess_text(const char *s, size_t bytes, size_t *ascii,
		       size_t *other)
{
	size_t high = 0;
	for (size_t i = 0; i < bytes; i++)
		high += (unsigned char)s[i] >> 7;
	*ascii += bytes - high;
	*other += high;
}

/* A picture or a document as base64: models do not read it as text. */
static bool is_file(const char *key, json_object *v)
{
	return json_object_is_type(v, json_type_string) &&
	       json_object_get_string_len(v) > 1024 &&
	       (!strcmp(key, "data") ||
		!strncmp(json_object_get_string(v), "data:", 5));
}

static void guess_value(json_object *v, size_t *ascii, size_t *other, int depth)
{
	if (depth > 32)
		return;
	switch (json_object_get_type(v)) {
	case json_type_string:
		guess_text(json_object_get_string(v),
			   (size_t)json_object_get_string_len(v), ascii, other);
		break;
	case json_type_array:
		for (size_t i = 0; i < json_object_array_length(v); i++)
			guess_value(json_object_array_get_idx(v, i), ascii,
				    other, depth + 1);
		break;
	case json_type_object: {
		json_object_object_foreach(v, key, value)
		{
			guess_text(key, strlen(key), ascii, other);
			if (is_file(key, value))
				*ascii += 3 * FILE_TOKENS;
			else
				guess_value(value, ascii, other, depth + 1);
		}
		break;
	}
	default:
		*ascii += 4;
	}
}

int64_t meter_guess_prompt(json_object *request)
{
	static const char *const parts[] = {"messages", "system", "tools",
					    "functions", "response_format"};
	size_t ascii = 0, other = 0;
	json_object *messages = json_get_array(request, "messages");
	size_t count_messages =
		messages ? json_object_array_length(messages) : 0;
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		guess_value(json_get(request, parts[i]), &ascii, &other, 0);
	return (int64_t)(ascii / 3 + other / 2 + 4 * count_messages + 8);
}
