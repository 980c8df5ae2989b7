#include "console/glyph.h"

#include "base/err.h"

static const char *const table[GLYPHS][2] = {
	[GLYPH_DONE] = {"✓", "+"},	[GLYPH_RUNNING] = {"▶", ">"},
	[GLYPH_POLL] = {"◆", "?"},	[GLYPH_STANDBY] = {"‖", "="},
	[GLYPH_HELD] = {"▲", "$"},	[GLYPH_BACKOFF] = {"↻", "@"},
	[GLYPH_REVIEW] = {"◇", "&"},	[GLYPH_WAITING] = {"·", "."},
	[GLYPH_FAILED] = {"✗", "X"},	[GLYPH_SKIPPED] = {"–", "-"},
	[GLYPH_CANCELLED] = {"⊘", "%"}, [GLYPH_ON] = {"●", "*"},
	[GLYPH_OFF] = {"○", "o"},	[GLYPH_SENT] = {"…", "~"},
	[GLYPH_PICK] = {"▸", ">"},	[GLYPH_STOP] = {"■", "#"},
	[GLYPH_MORE_UP] = {"↑", "^"},	[GLYPH_MORE_DOWN] = {"↓", "v"},
	[GLYPH_H] = {"─", "-"},		[GLYPH_V] = {"│", "|"},
	[GLYPH_TL] = {"┌", "+"},	[GLYPH_TR] = {"┐", "+"},
	[GLYPH_BL] = {"└", "+"},	[GLYPH_BR] = {"┘", "+"},
	[GLYPH_PAST_H] = {"═", "="},	[GLYPH_PAST_V] = {"║", ":"},
	[GLYPH_PAST_TL] = {"╔", "#"},	[GLYPH_PAST_TR] = {"╗", "#"},
	[GLYPH_PAST_BL] = {"╚", "#"},	[GLYPH_PAST_BR] = {"╝", "#"},
	[GLYPH_BAR_LEFT] = {"▕", "["},	[GLYPH_BAR_RIGHT] = {"▏", "]"},
};

const char *glyph_text(enum glyph glyph, bool ascii)
{
	REQUIRE(glyph < GLYPHS);
	return table[glyph][ascii];
}

const char *glyph_bar(int eighths, bool ascii)
{
	static const char *const fine[] = {" ", "▏", "▎", "▍", "▌",
					   "▋", "▊", "▉", "█"};
	REQUIRE(eighths >= 0 && eighths <= 8);
	if (ascii)
		return eighths >= 4 ? "#" : eighths ? "-" : " ";
	return fine[eighths];
}

const char *glyph_spark(int eighths, bool ascii)
{
	static const char *const fine[] = {" ", "▁", "▂", "▃", "▄",
					   "▅", "▆", "▇", "█"};
	static const char *const coarse[] = {" ", "_", ".", ".", ":",
					     ":", "|", "|", "#"};
	REQUIRE(eighths >= 0 && eighths <= 8);
	return ascii ? coarse[eighths] : fine[eighths];
}
