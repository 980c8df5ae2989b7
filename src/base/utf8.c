#include "base/utf8.h"

/* Which second bytes may follow a lead byte: this alone keeps out overlong
 * forms, surrogates and what lies beyond U+10FFFF (RFC 3629, section 4). */
static void second_range(unsigned lead, unsigned *low, unsigned *high)
{
	*low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	*high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
}

size_t utf8_decode(const char *s, size_t bytes, int32_t *cp)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned lead = u[0];
	*cp = -1;
	if (lead < 0x80) {
		*cp = (int32_t)lead;
		return 1;
	}
	if (lead < 0xc2 || lead > 0xf4)
		return 1;
	size_t need = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	unsigned low, high;
	second_range(lead, &low, &high);
	uint32_t value = lead & (0xffu >> (need + 1));
	for (size_t i = 1; i < need; i++) {
		if (i == bytes || u[i] < low || u[i] > high)
			return i;
		value = value << 6 | (u[i] & 0x3fu);
		low = 0x80;
		high = 0xbf;
	}
	*cp = (int32_t)value;
	return need;
}

size_t utf8_encode(char out[4], uint32_t cp)
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (cp & 0x3f));
		cp >>= 6;
	}
	out[0] = (char)((0xf00u >> n) | cp);
	return n;
}
