/* Cleaning, measuring and clipping of any bytes whatever. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_safe(const char *s, bool lines)
{
	REQUIRE(text_is_utf8(s, strlen(s)));
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		REQUIRE((c >= ' ' && c != 0x7f) || (lines && c == '\n'));
		/* C1, as UTF-8 */
		REQUIRE(c != 0xc2 || (unsigned char)s[1] >= 0xa0);
	}
}

static void check_clean(const char *s, size_t bytes, size_t max_bytes)
{
	char *line = text_clean(s, bytes, max_bytes);
	REQUIRE(strlen(line) <= max_bytes);
	check_safe(line, false);
	char *again = text_clean(line, strlen(line), max_bytes);
	REQUIRE(strcmp(line, again) == 0);
	char *lines = text_clean_lines(s, bytes, max_bytes);
	check_safe(lines, true);
	free(lines);
	free(again);
	free(line);
}

static void check_clip(const char *s, int columns, bool ascii)
{
	char out[32];
	for (size_t room = 1; room <= sizeof out; room += 3) {
		int used = text_clip(out, room, s, columns, ascii);
		REQUIRE(strlen(out) < room);
		REQUIRE(used >= 0 && used <= columns);
		REQUIRE(text_width(out) == used);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const char *s = (const char *)data;
	check_clean(s, bytes, 0);
	check_clean(s, bytes, 7);
	check_clean(s, bytes, 64);
	check_clean(s, bytes, bytes * 3);

	char *clean = text_clean(s, bytes, 4096);
	int width = text_width(clean), used;
	REQUIRE(width >= 0);
	REQUIRE(text_fit(clean, width, &used) == strlen(clean));
	for (int columns = 0; columns < width && columns < 12; columns++) {
		text_fit(clean, columns, &used);
		REQUIRE(used <= columns);
		check_clip(clean, columns, columns % 2);
	}
	text_to_ascii(clean);
	REQUIRE(text_width(clean) == (int)strlen(clean));
	free(clean);

	/* Dirty text must not crash these either. */
	char *dirty = xstrndup(s, bytes);
	(void)text_width(dirty);
	char out[16];
	text_clip(out, sizeof out, dirty, 9, false);
	static const char *const names[] = {"timeout_ms", "agents", NULL};
	(void)text_nearest(dirty, names);
	text_to_ascii(dirty);
	free(dirty);
	return 0;
}
