#include "jobs/sse.h"

#include <string.h>

static enum sse_state end_event(struct sse *s)
{
	enum sse_state state = SSE_GOES_ON;
	if (s->has_id)
		memcpy(s->last_id, s->next_id, sizeof s->last_id);
	s->has_id = false;
	if (s->has_data && !s->take(s->ctx, buf_str(&s->data), s->data.len))
		state = SSE_ENOUGH;
	s->has_data = false;
	buf_clear(&s->data);
	return state;
}

/* The value of the field `name` if the line has it: one blank after the colon
 * does not count. */
static bool field(const char *line, size_t bytes, const char *name,
		  const char **value, size_t *value_bytes)
{
	size_t n = strlen(name);
	if (bytes < n || memcmp(line, name, n) != 0 ||
	    (bytes > n && line[n] != ':'))
		return false;
	n += n < bytes;
	n += n < bytes && line[n] == ' ';
	*value = line + n;
	*value_bytes = bytes - n;
	return true;
}

static void keep_retry(struct sse *s, const char *value, size_t bytes)
{
	int ms = 0;
	for (size_t i = 0; i < bytes; i++) {
		if (value[i] < '0' || value[i] > '9')
			return;
		if (ms < 10000000)
			ms = ms * 10 + (value[i] - '0');
	}
	s->retry_ms = ms;
}

static enum sse_state end_line(struct sse *s)
{
	const char *value;
	size_t value_bytes;
	const char *line = buf_str(&s->line);
	size_t bytes = s->line.len;
	if (!s->begun && bytes >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		bytes -= 3;
	}
	s->begun = true;
	enum sse_state state = SSE_GOES_ON;
	if (bytes == 0) {
		state = end_event(s);
	} else if (field(line, bytes, "data", &value, &value_bytes)) {
		if (s->has_data)
			buf_addc(&s->data, '\n');
		buf_add(&s->data, value, value_bytes);
		s->has_data = true;
	} else if (field(line, bytes, "id", &value, &value_bytes) &&
		   value_bytes < sizeof s->last_id) {
		memcpy(s->next_id, value, value_bytes);
		s->next_id[value_bytes] = '\0';
		s->has_id = true;
	} else if (field(line, bytes, "retry", &value, &value_bytes)) {
		keep_retry(s, value, value_bytes);
	}
	buf_clear(&s->line);
	return state;
}

enum sse_state sse_feed(struct sse *s, const char *bytes, size_t count)
{
	enum sse_state state = SSE_GOES_ON;
	for (size_t i = 0; i < count && state == SSE_GOES_ON;) {
		if (bytes[i] == '\n' && s->after_cr) {
			s->after_cr = false;
			i++;
			continue;
		}
		size_t n = 0;
		while (i + n < count && bytes[i + n] != '\n' &&
		       bytes[i + n] != '\r')
			n++;
		if (s->line.len + s->data.len + n > s->max_bytes)
			return SSE_TOO_LARGE;
		buf_add(&s->line, bytes + i, n);
		i += n;
		s->after_cr = i < count && bytes[i] == '\r';
		if (i < count) {
			i++;
			state = end_line(s);
		}
	}
	return state;
}

enum sse_state sse_end(struct sse *s)
{
	enum sse_state state = SSE_GOES_ON;
	if (s->line.len)
		state = end_line(s);
	return state == SSE_GOES_ON ? end_event(s) : state;
}

void sse_release(struct sse *s)
{
	buf_release(&s->line);
	buf_release(&s->data);
}
