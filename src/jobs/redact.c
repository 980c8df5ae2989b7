#include "jobs/redact.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* "***" for the rest of every word that follows `mark`. */
static void blank_after(struct buf *b, const char *text, const char *mark)
{
	const char *at;
	while ((at = strcasestr(text, mark))) {
		at += strlen(mark);
		buf_add(b, text, (size_t)(at - text));
		buf_adds(b, "***");
		text = at + strcspn(at, " \t\r\n\"',;&<>}");
	}
	buf_adds(b, text);
}

char *redact_text(const char *text, const char *secret)
{
	static const char *const marks[] = {"Bearer ", "Basic ",    "api_key=",
					    "token=",  "password=", "secret="};
	char *now = xstrdup(text);
	for (size_t i = 0; i < COUNT_OF(marks); i++) {
		struct buf b = {0};
		blank_after(&b, now, marks[i]);
		free(now);
		now = buf_take(&b);
	}
	struct buf b = {0};
	const char *rest = now, *at;
	while (secret && *secret && (at = strstr(rest, secret))) {
		buf_add(&b, rest, (size_t)(at - rest));
		buf_adds(&b, "***");
		rest = at + strlen(secret);
	}
	buf_adds(&b, rest);
	free(now);
	return buf_take(&b);
}
