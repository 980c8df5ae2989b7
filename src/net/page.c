#include "net/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

const struct asset *asset_find(const char *name)
{
	for (const struct asset *a = assets; a->name; a++)
		if (!strcmp(a->name, name))
			return a;
	return NULL;
}

void page_escape(struct buf *out, const char *s)
{
	for (; s && *s; s++) {
		switch (*s) {
		case '&':
			buf_adds(out, "&amp;");
			break;
		case '<':
			buf_adds(out, "&lt;");
			break;
		case '>':
			buf_adds(out, "&gt;");
			break;
		case '"':
			buf_adds(out, "&quot;");
			break;
		case '\'':
			buf_adds(out, "&#39;");
			break;
		default:
			buf_addc(out, *s);
		}
	}
}

static void add_asset(struct buf *out, const char *name, size_t len)
{
	char *own = xstrndup(name, len);
	const struct asset *a = asset_find(own);
	free(own);
	REQUIRE(a);
	buf_add(out, a->text, a->bytes);
}

static void fill_one(struct buf *out, const char *name, size_t len,
		     const struct page_field *fields, size_t n)
{
	if (len && *name == '<') {
		add_asset(out, name + 1, len - 1);
		return;
	}
	bool raw = len && *name == '&';
	name += raw;
	len -= raw;
	for (size_t i = 0; i < n; i++) {
		if (strlen(fields[i].name) != len ||
		    strncmp(fields[i].name, name, len))
			continue;
		if (raw)
			buf_adds(out, fields[i].value ? fields[i].value : "");
		else
			page_escape(out, fields[i].value);
		return;
	}
	REQUIRE(!"every field of a page is filled in");
}

char *page_fill(const char *page, const struct page_field *fields, size_t n)
{
	struct buf out = {0};
	for (;;) {
		const char *open = strstr(page, "{{");
		const char *shut = open ? strstr(open, "}}") : NULL;
		if (!shut)
			break;
		buf_add(&out, page, (size_t)(open - page));
		fill_one(&out, open + 2, (size_t)(shut - open - 2), fields, n);
		page = shut + 2;
	}
	buf_adds(&out, page);
	return buf_take(&out);
}
