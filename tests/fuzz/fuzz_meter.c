/* The meter of the gateway: streams made of any bytes. The first byte chooses
 * the API and the piece size. However it is cut into pieces, the same comes
 * out; only whole events are passed on; an answer that is ended has its end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "jobs/meter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct seen {
	enum meter_state state;
	struct buf out, tail;
	struct meter_use use;
};

static struct seen feed(const struct meter_allowance *may, const char *text,
			size_t bytes, size_t piece)
{
	struct seen s = {0};
	struct meter *m = meter_new(may);
	for (size_t i = 0; i < bytes && s.state == METER_GOES_ON; i += piece)
		s.state = meter_feed(m, text + i,
				     bytes - i < piece ? bytes - i : piece,
				     &s.out);
	s.state = meter_close(m, &s.out);
	buf_add(&s.tail, buf_str(meter_tail(m)), meter_tail(m)->len);
	meter_used(m, &s.use);
	meter_free(&m);
	return s;
}

static bool ends_in(const struct buf *b, const char *end)
{
	size_t n = strlen(end);
	return b->len >= n && !memcmp(b->data + b->len - n, end, n);
}

static void check(const struct seen *s, const struct meter_allowance *may)
{
	REQUIRE(s->out.len == 0 || ends_in(&s->out, "\n\n") ||
		s->out.data[s->out.len - 1] == '\n');
	REQUIRE(s->use.counted >= 0 && s->use.input_tokens >= -1 &&
		s->use.output_tokens >= -1);
	if (s->state == METER_CAP)
		REQUIRE(ends_in(&s->tail, may->api == API_OPENAI
						  ? "data: [DONE]\n\n"
						  : "message_stop\"}\n\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 1)
		return 0;
	struct meter_allowance may = {
		.api = data[0] & 1 ? API_ANTHROPIC : API_OPENAI,
		.usage_wanted = data[0] & 2,
		.choices = 1 + (data[0] >> 2) % 4,
		.prompt_tokens = 10,
		.output_tokens = 3,
		.lease = "r1/a/1/b",
	};
	const char *text = (const char *)data + 1;
	struct seen a = feed(&may, text, bytes - 1, bytes);
	struct seen b = feed(&may, text, bytes - 1, 1 + data[0] % 13);
	check(&a, &may);
	REQUIRE(a.state == b.state && a.out.len == b.out.len &&
		a.tail.len == b.tail.len && a.use.counted == b.use.counted);
	REQUIRE(!a.out.len || !memcmp(a.out.data, b.out.data, a.out.len));
	REQUIRE(!a.tail.len || !memcmp(a.tail.data, b.tail.data, a.tail.len));
	buf_release(&a.out);
	buf_release(&a.tail);
	buf_release(&b.out);
	buf_release(&b.tail);
	return 0;
}
