#include "jobs/sse.h"

#include <string.h>

static enum sse_state end_event(struct sse *s)
{
	enum sse_state state = SSE_GOES_ON;
	if (s->has_data && !s->take(s->ctx, buf_str(&s->data), s->data.len))
		state = SSE_ENOUGH;
	s->has_data = false;
	buf_clear(&s->data);
	return state;
}

static enum sse_state end_line(struct sse *s)
{
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
	} else if (bytes >= 4 && memcmp(line, "data", 4) == 0 &&
		   (bytes == 4 || line[4] == ':')) {
		size_t skip = bytes == 4 ? 4 : 5;
		skip += skip < bytes && line[skip] == ' ';
		if (s->has_data)
			buf_addc(&s->data, '\n');
		buf_add(&s->data, line + skip, bytes - skip);
		s->has_data = true;
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
