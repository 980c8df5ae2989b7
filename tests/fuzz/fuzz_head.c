/* Heads of HTTP requests, forms and cookies made of any bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* What passed is what it claims to be. */
static void check_good(const struct head *h)
{
	REQUIRE(*h->method && *h->target == '/');
	for (size_t i = 0; i < h->field_count; i++)
		REQUIRE(*h->fields[i].name &&
			!strpbrk(h->fields[i].value, "\r\n"));
	if (head_check(h))
		return;
	REQUIRE(head_length(h) <= BODY_MAX_BYTES);
	(void)head_check_operator(h, "stage.house");
	(void)head_check_upgrade(h);
	REQUIRE(!head_has_bearer(h, "a token that nobody guesses"));
	free(cookie_get(h, "sc_voter"));
}

static void check_form(const uint8_t *data, size_t bytes)
{
	char *form = xstrndup((const char *)data, bytes);
	char *value = form_get(form, "option");
	if (value)
		REQUIRE(text_is_utf8(value, strlen(value)));
	free(value);
	free(form);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const char *text = (const char *)data;
	(void)head_hopeless(text, bytes);
	size_t end = head_end(text, bytes);
	REQUIRE(end <= bytes);
	if (end) {
		struct head h;
		/* Exactly as long, so that a byte too far is seen. */
		char *block = xmalloc(end);
		memcpy(block, data, end);
		if (!head_parse(&h, block, end))
			check_good(&h);
		free(block);
	}
	check_form(data, bytes);
	return 0;
}
