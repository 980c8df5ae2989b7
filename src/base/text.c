#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "base/utf8.h"

#define MARKS_MAX	4	       /* combining marks a cluster */
#define BASES_MAX_BYTES 64	       /* of a cluster without its marks */
#define REPLACEMENT	"\xef\xbf\xbd" /* U+FFFD */

/* What becomes of a code point from outside. */
enum fate {
	KEEP,
	MARK,  /* a combining mark: kept behind a base, up to MARKS_MAX */
	BLANK, /* becomes a space */
	LINE,  /* LF: kept or a space */
	DROP,  /* invisible */
	JOIN,  /* ZWJ: dropped, and so is what it joins */
	REFUSE /* shown as U+FFFD */
};

struct range {
	int32_t first, last;
};

static bool in_ranges(int32_t cp, const struct range *ranges, size_t count)
{
	size_t low = 0;
	while (low < count) {
		size_t mid = low + (count - low) / 2;
		if (cp > ranges[mid].last)
			low = mid + 1;
		else if (cp < ranges[mid].first)
			count = mid;
		else
			return true;
	}
	return false;
}

/* Invisible although not of category Cf: grapheme joiner, Hangul and Khmer
 * fillers, variation selectors. */
static const struct range invisible[] = {
	{0x034f, 0x034f}, {0x115f, 0x1160},   {0x17b4, 0x17b5},
	{0x180b, 0x180f}, {0x3164, 0x3164},   {0xfe00, 0xfe0f},
	{0xffa0, 0xffa0}, {0xe0100, 0xe01ef},
};

/* What turns the order of letters around. The marks U+061C, U+200E and U+200F
 * are weaker and common in honest text: they are dropped with the rest of
 * Cf. */
static const struct range bidi[] = {{0x202a, 0x202e}, {0x2066, 0x2069}};

/* Known to utf8proc 2.8 (Unicode 15.0) and not to the C library of Debian 12
 * (14.0), by whose wcwidth() curses draws: -1 there would shift the line. */
static const struct range too_new[] = {
	{0x0cf3, 0x0cf3},   {0x0ece, 0x0ece},	{0x10efd, 0x10eff},
	{0x1123f, 0x11241}, {0x11b00, 0x11b09}, {0x11f00, 0x11f59},
	{0x1342f, 0x1342f}, {0x13440, 0x13455}, {0x1b132, 0x1b132},
	{0x1b155, 0x1b155}, {0x1d2c0, 0x1d2d3}, {0x1df25, 0x1df2a},
	{0x1e030, 0x1e06d}, {0x1e08f, 0x1e08f}, {0x1e4d0, 0x1e4f9},
	{0x1f6dc, 0x1f6dc}, {0x1f774, 0x1f776}, {0x1f77b, 0x1f77f},
	{0x1f7d9, 0x1f7d9}, {0x1fa75, 0x1fa77}, {0x1fa87, 0x1fa88},
	{0x1faad, 0x1faaf}, {0x1fabb, 0x1fabd}, {0x1fabf, 0x1fabf},
	{0x1face, 0x1facf}, {0x1fada, 0x1fadb}, {0x1fae8, 0x1fae8},
	{0x1faf7, 0x1faf8}, {0x2b739, 0x2b739}, {0x31350, 0x323af},
};

#define IN(cp, table) in_ranges((cp), (table), COUNT_OF(table))

static enum fate fate_of(int32_t cp)
{
	if (cp < 0x7f) {
		if (cp >= ' ')
			return KEEP;
		if (cp == '\n')
			return LINE;
		return cp == '\t' || cp == '\r' ? BLANK : REFUSE;
	}
	if (cp == 0x200d)
		return JOIN;
	if (IN(cp, bidi) || IN(cp, too_new))
		return REFUSE;
	if (IN(cp, invisible))
		return DROP;
	switch (utf8proc_category(cp)) {
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CN:
	case UTF8PROC_CATEGORY_CO:
	case UTF8PROC_CATEGORY_CS:
		return REFUSE;
	case UTF8PROC_CATEGORY_CF:
		return DROP;
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
	case UTF8PROC_CATEGORY_ZS: /* many widths, one look */
		return cp == 0x3000 ? KEEP : BLANK;
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ME:
		return MARK;
	default:
		return KEEP;
	}
}

/* One text_clean() under way. A cluster is gathered and only then put out, so
 * that the cut at max_bytes falls between clusters. */
struct cleaner {
	struct buf out;
	size_t max_bytes;
	bool keep_lines, full;

	char cluster[BASES_MAX_BYTES + 4 * MARKS_MAX];
	size_t cluster_len;
	int marks;
	bool joined;   /* a ZWJ was seen: drop the rest of the cluster */
	int32_t last;  /* code point before, 0 at the start */
	int32_t state; /* of utf8proc's break algorithm */
};

static void flush(struct cleaner *c)
{
	if (c->cluster_len > c->max_bytes - c->out.len)
		c->full = true;
	if (c->cluster_len && !c->full)
		buf_add(&c->out, c->cluster, c->cluster_len);
	c->cluster_len = 0;
	c->marks = 0;
	c->joined = false;
}

static void gather(struct cleaner *c, const char *bytes, size_t len)
{
	memcpy(c->cluster + c->cluster_len, bytes, len);
	c->cluster_len += len;
}

/* A code point that stands alone: whatever was gathered is complete. */
static void put_alone(struct cleaner *c, int32_t cp, const char *bytes)
{
	flush(c);
	gather(c, bytes, strlen(bytes));
	flush(c);
	/* What was put counts, not what came: cleaning again changes nothing.
	 */
	c->last = cp;
	c->state = 0;
}

static void put_mark(struct cleaner *c, const char *bytes, size_t len)
{
	/* Without a base it would climb onto what is drawn before. */
	if (!c->cluster_len || c->joined || c->marks == MARKS_MAX)
		return;
	c->marks++;
	gather(c, bytes, len);
}

static void put_base(struct cleaner *c, int32_t cp, const char *bytes,
		     size_t len, bool starts)
{
	if (starts)
		flush(c);
	if (c->joined)
		return;
	/* Skin tones join their emoji in some terminals and not in others. */
	if (!starts && cp >= 0x1f3fb && cp <= 0x1f3ff)
		return;
	/* No end to Hangul syllables: put out what there is and go on. */
	if (c->cluster_len + len > BASES_MAX_BYTES)
		flush(c);
	gather(c, bytes, len);
}

static void put(struct cleaner *c, int32_t cp, const char *bytes, size_t len)
{
	enum fate fate = cp < 0 ? REFUSE : fate_of(cp);
	switch (fate) {
	case REFUSE:
		put_alone(c, 0xfffd, REPLACEMENT);
		return;
	case LINE:
		put_alone(c, c->keep_lines ? '\n' : ' ',
			  c->keep_lines ? "\n" : " ");
		return;
	case BLANK:
		put_alone(c, ' ', " ");
		return;
	case DROP:
		return; /* as if it had never been there */
	default:
		break;
	}
	bool starts = c->last == 0 ||
		      utf8proc_grapheme_break_stateful(c->last, cp, &c->state);
	c->last = cp;
	if (fate == MARK)
		put_mark(c, bytes, len);
	else if (fate == JOIN)
		c->joined = true;
	else
		put_base(c, cp, bytes, len, starts);
}

/* Length of the run of printable ASCII at `s`. */
static size_t plain_run(const char *s, size_t bytes)
{
	size_t n = 0;
	while (n < bytes && s[n] >= ' ' && s[n] < 0x7f)
		n++;
	return n;
}

/* ASCII in one piece. Its last letter stays gathered: marks may follow. */
static void put_plain(struct cleaner *c, const char *s, size_t bytes)
{
	flush(c);
	if (c->full)
		return;
	size_t room = c->max_bytes - c->out.len;
	if (bytes - 1 > room) {
		buf_add(&c->out, s, room);
		c->full = true;
		return;
	}
	buf_add(&c->out, s, bytes - 1);
	gather(c, s + bytes - 1, 1);
	c->last = s[bytes - 1];
	c->state = 0;
}

static char *clean(const char *s, size_t bytes, size_t max_bytes, bool lines)
{
	struct cleaner c = {.max_bytes = max_bytes, .keep_lines = lines};
	for (size_t i = 0; i < bytes && !c.full;) {
		size_t n = plain_run(s + i, bytes - i);
		if (n) {
			put_plain(&c, s + i, n);
			i += n;
			continue;
		}
		int32_t cp;
		n = utf8_decode(s + i, bytes - i, &cp);
		/* Of CR LF, the LF speaks for both. */
		if (cp != '\r' || i + 1 == bytes || s[i + 1] != '\n')
			put(&c, cp, s + i, n);
		i += n;
	}
	if (!c.full)
		flush(&c);
	return buf_take(&c.out);
}

char *text_clean(const char *s, size_t bytes, size_t max_bytes)
{
	return clean(s, bytes, max_bytes, false);
}

char *text_clean_str(const char *s, size_t max_bytes)
{
	return s ? clean(s, strlen(s), max_bytes, false) : xstrdup("");
}

char *text_clean_lines(const char *s, size_t bytes, size_t max_bytes)
{
	return clean(s, bytes, max_bytes, true);
}

bool text_is_utf8(const char *s, size_t bytes)
{
	for (size_t i = 0; i < bytes;) {
		int32_t cp = (unsigned char)s[i];
		size_t n = cp < 0x80 ? 1 : utf8_decode(s + i, bytes - i, &cp);
		if (cp < 0)
			return false;
		i += n;
	}
	return true;
}
