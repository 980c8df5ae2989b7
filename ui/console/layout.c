#include "console/layout.h"

#include "base/err.h"

/* Below these the next smaller kind is used. */
#define FULL_MIN_COLUMNS 100
#define FULL_MIN_ROWS	 24
#define ONE_MIN_COLUMNS	 40
#define ONE_MIN_ROWS	 10

static int between(int n, int low, int high)
{
	return n < low ? low : n > high ? high : n;
}

static struct rect row(int y, int width)
{
	return (struct rect){0, y, width, 1};
}

static void place_panes(struct layout *l)
{
	struct rect m = l->middle;
	int left = between(m.w * 45 / 100, 44, 96);
	int right = m.w - left;
	int poll = between(m.h * 3 / 8, 6, 22);
	int tokens = between(m.h / 4, 4, 14);
	int rest = m.h - poll - tokens;
	int checks = right / 2;
	l->panes[PANE_RUN] = (struct rect){m.x, m.y, left, m.h};
	l->panes[PANE_POLL] = (struct rect){m.x + left, m.y, right, poll};
	l->panes[PANE_TOKENS] =
		(struct rect){m.x + left, m.y + poll, right, tokens};
	int y = m.y + poll + tokens;
	l->panes[PANE_CHECKS] = (struct rect){m.x + left, y, checks, rest};
	l->panes[PANE_OBS] =
		(struct rect){m.x + left + checks, y, right - checks, rest};
}

static struct layout make_full(int width, int height, enum pane one, bool zoom)
{
	struct layout l = {.kind = zoom ? LAYOUT_ONE : LAYOUT_FULL};
	int inbox = 2 + between(height / 12, 2, 8);
	int middle = height - 3 - inbox;
	l.header = row(0, width);
	l.standby = row(1, width);
	l.inbox = (struct rect){0, 2 + middle, width, inbox};
	l.inbox_framed = true;
	l.keybar = row(height - 1, width);
	l.middle = (struct rect){0, 2, width, middle};
	if (!zoom) {
		place_panes(&l);
		return l;
	}
	l.strip = row(2, width);
	l.middle.y++;
	l.middle.h--;
	l.panes[one] = l.middle;
	return l;
}

static struct layout make_one(int width, int height, enum pane one)
{
	struct layout l = {.kind = LAYOUT_ONE};
	int inbox = height >= 20 ? 3 : height >= 14 ? 2 : 1;
	l.header = row(0, width);
	l.standby = row(1, width);
	l.strip = row(2, width);
	l.middle = (struct rect){0, 3, width, height - 4 - inbox};
	l.panes[one] = l.middle;
	l.inbox = (struct rect){0, height - 1 - inbox, width, inbox};
	l.keybar = row(height - 1, width);
	return l;
}

/* The brake first, then what waits, then who we are, then what GO does. */
static struct layout make_tiny(int width, int height)
{
	struct layout l = {.kind = LAYOUT_TINY};
	if (height < 1 || width < 1)
		return l;
	int y = 0;
	if (height >= 3)
		l.header = row(y++, width);
	if (height >= 4)
		l.standby = row(y++, width);
	l.inbox = (struct rect){0, y, width, height - 1 - y};
	l.keybar = row(height - 1, width);
	l.middle = l.inbox;
	return l;
}

struct layout layout_make(int width, int height, enum pane one, bool zoom)
{
	REQUIRE(one < PANES);
	if (width >= FULL_MIN_COLUMNS && height >= FULL_MIN_ROWS)
		return make_full(width, height, one, zoom);
	if (width >= ONE_MIN_COLUMNS && height >= ONE_MIN_ROWS)
		return make_one(width, height, one);
	return make_tiny(width, height);
}
