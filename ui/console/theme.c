#include "console/theme.h"

#include "base/err.h"

/* Blue and yellow carry most of the weight: they stay apart for people who do
 * not see red and green apart. */
static const struct {
	struct look none, few, many; /* 0, 8 or 16, 256 colours */
} table[STYLES] = {
	[STYLE_TEXT] = {{-1, -1, 0}, {-1, -1, 0}, {-1, -1, 0}},
	[STYLE_DIM] = {{-1, -1, THEME_DIM}, {-1, -1, THEME_DIM}, {245, -1, 0}},
	[STYLE_STRONG] = {{-1, -1, THEME_BOLD},
			  {-1, -1, THEME_BOLD},
			  {-1, -1, THEME_BOLD}},
	[STYLE_FRAME] = {{-1, -1, THEME_DIM},
			 {-1, -1, THEME_DIM},
			 {240, -1, 0}},
	[STYLE_FOCUS] = {{-1, -1, THEME_BOLD},
			 {6, -1, THEME_BOLD},
			 {81, -1, THEME_BOLD}},
	[STYLE_KEY] = {{-1, -1, THEME_BOLD},
		       {6, -1, THEME_BOLD},
		       {81, -1, THEME_BOLD}},
	[STYLE_GOOD] = {{-1, -1, 0}, {2, -1, 0}, {114, -1, 0}},
	[STYLE_BUSY] = {{-1, -1, THEME_BOLD},
			{4, -1, THEME_BOLD},
			{111, -1, THEME_BOLD}},
	[STYLE_WAIT] = {{-1, -1, THEME_BOLD},
			{3, -1, THEME_BOLD},
			{221, -1, THEME_BOLD}},
	[STYLE_BAD] = {{-1, -1, THEME_BOLD | THEME_REVERSE},
		       {1, -1, THEME_BOLD},
		       {203, -1, THEME_BOLD}},
	[STYLE_BAR] = {{-1, -1, 0}, {6, -1, 0}, {74, -1, 0}},
	[STYLE_SELECT] = {{-1, -1, THEME_REVERSE},
			  {-1, -1, THEME_REVERSE},
			  {231, 24, 0}},
	[STYLE_LIVE] = {{-1, -1, THEME_BOLD | THEME_REVERSE},
			{7, 1, THEME_BOLD},
			{231, 160, THEME_BOLD}},
	[STYLE_REHEARSAL] = {{-1, -1, THEME_BOLD | THEME_REVERSE},
			     {0, 6, THEME_BOLD},
			     {16, 81, THEME_BOLD}},
	[STYLE_HOLD] = {{-1, -1, THEME_BOLD | THEME_REVERSE},
			{0, 3, 0},
			{16, 221, THEME_BOLD}},
	[STYLE_ALARM] = {{-1, -1, THEME_BOLD | THEME_REVERSE},
			 {3, 1, THEME_BOLD},
			 {226, 124, THEME_BOLD}},
	[STYLE_PAST] = {{-1, -1, THEME_BOLD},
			{5, -1, THEME_BOLD},
			{177, -1, THEME_BOLD}},
};

struct look theme_look(enum style style, int colours)
{
	REQUIRE(style < STYLES);
	if (colours < 8)
		return table[style].none;
	return colours < 256 ? table[style].few : table[style].many;
}
