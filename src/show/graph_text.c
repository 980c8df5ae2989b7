#include "show/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define COLUMNS_MIN   40
#define LANES_MAX     40
#define ID_COLUMNS    28
#define GROUP_COLUMNS 12

enum glyph {
	BLANK,
	ACROSS,
	DOWN,
	TEE_LEFT,
	TEE_RIGHT,
	CROSS,
	END_LEFT,
	END_RIGHT,
	END_BOTH,
	NODE,
	NODE_POLL,
	NODE_GO,
};

/* TEE_LEFT has its arm to the left. */
static const char *const glyphs[2][12] = {
	{" ", "─", "│", "┤", "├", "┼", "┘", "└", "┴", "●", "◆", "‖"},
	{" ", "-", "|", "+", "+", "+", "'", "`", "+", "*", "?", "#"},
};

/* A line that runs down from a stage until all that need it are drawn. */
struct lane {
	bool used;    /* a line runs here */
	bool touched; /* the row in hand is joined to it */
	bool ends;    /* and needs it last */
};

struct drawing {
	const struct show *show;
	bool ascii;
	int columns, lane_max;
	struct lane lanes[LANES_MAX + 1]; /* the last: stages without a lane */
	int *lane_of; /* by stage; -1: written out instead */
	size_t *left; /* by stage: dependents not drawn yet */
	struct buf rails;
	size_t *ends;	/* by row: where its rails end in `rails` */
	int last_place; /* of the row above; -1: none */
	int rail_columns, id_columns, group_columns;
};

static enum glyph node_glyph(const struct show_stage *s)
{
	return s->poll ? NODE_POLL : s->go == GO_MANUAL ? NODE_GO : NODE;
}

/* Marks the lanes that the row of `s` is joined to. */
static void touch_lanes(struct drawing *d, const struct show_stage *s)
{
	for (size_t i = 0; i < s->dep_count; i++) {
		int lane = d->lane_of[s->deps[i]];
		bool last = --d->left[s->deps[i]] == 0;
		if (lane < 0)
			continue;
		d->lanes[lane].touched = true;
		d->lanes[lane].ends = last;
	}
}

/* The leftmost lane that ends here, else the leftmost free one: but not right
 * below the stage of the last row, which would look as if it led here. */
static int place_node(const struct drawing *d)
{
	int place = d->lane_max;
	for (int i = d->lane_max - 1; i >= 0; i--)
		if (!d->lanes[i].used && i != d->last_place)
			place = i;
	for (int i = d->lane_max - 1; i >= 0; i--)
		if (d->lanes[i].ends)
			place = i;
	return place;
}

static enum glyph joint(const struct lane *lane, bool arm_left, bool arm_right)
{
	if (arm_left && arm_right)
		return lane->ends ? END_BOTH : CROSS;
	if (arm_left)
		return lane->ends ? END_LEFT : TEE_LEFT;
	return lane->ends ? END_RIGHT : TEE_RIGHT;
}

static void draw_rails(struct drawing *d, int place, enum glyph node)
{
	int low = place, high = place, last = place;
	for (int i = 0; i < d->lane_max; i++) {
		if (d->lanes[i].touched && i < low)
			low = i;
		if (d->lanes[i].touched && i > high)
			high = i;
		if (d->lanes[i].used && i > last)
			last = i;
	}
	for (int i = 0; i <= last; i++) {
		const struct lane *lane = &d->lanes[i];
		enum glyph g = i == place      ? node
			       : lane->touched ? joint(lane, i > low, i < high)
			       : lane->used    ? DOWN
			       : i > low && i < high ? ACROSS
						     : BLANK;
		buf_adds(&d->rails, glyphs[d->ascii][g]);
		if (i < last)
			buf_adds(&d->rails,
				 glyphs[d->ascii]
				       [i >= low && i < high ? ACROSS : BLANK]);
	}
	if (last * 2 + 1 > d->rail_columns)
		d->rail_columns = last * 2 + 1;
}

static void settle_lanes(struct drawing *d, int stage, int place)
{
	for (int i = 0; i < d->lane_max; i++) {
		if (d->lanes[i].ends)
			d->lanes[i].used = false;
		d->lanes[i].touched = d->lanes[i].ends = false;
	}
	d->lane_of[stage] = -1;
	d->left[stage] = d->show->stages[stage].dependent_count;
	if (d->left[stage] && place < d->lane_max) {
		d->lane_of[stage] = place;
		d->lanes[place].used = true;
	}
}

static void add_cell(struct buf *out, const char *text, int columns, bool ascii)
{
	char cell[512];
	int used = text_clip(cell, sizeof cell, text, columns, ascii);
	if (ascii)
		text_to_ascii(cell);
	buf_adds(out, cell);
	for (; used < columns; used++)
		buf_addc(out, ' ');
	buf_adds(out, "  ");
}

static void add_flags(const struct drawing *d, const struct show_stage *s,
		      struct buf *out)
{
	if (s->poll) {
		buf_adds(out, "  poll:");
		for (size_t i = 0; i < s->poll->option_count; i++)
			buf_addf(out, "%s %s", i ? " |" : "",
				 s->poll->options[i].id);
	}
	for (size_t i = 0; i < s->when_count; i++)
		buf_addf(out, "  when %s = %s", s->when[i].name,
			 s->when[i].value);
	if (s->go == GO_MANUAL)
		buf_adds(out, "  manual GO");
	if (s->finale)
		buf_adds(out, "  finale");
	const char *comma = "  needs ";
	for (size_t i = 0; i < s->dep_count; i++)
		if (d->lane_of[s->deps[i]] < 0) {
			buf_addf(out, "%s%s", comma,
				 d->show->stages[s->deps[i]].id);
			comma = ", ";
		}
}

static void add_row(struct drawing *d, size_t row, struct buf *out)
{
	const struct show_stage *s = &d->show->stages[d->show->order[row]];
	size_t from = row ? d->ends[row - 1] : 0;
	struct buf line = {0}, rest = {0};
	buf_add(&line, d->rails.data + from, d->ends[row] - from);
	int used = text_width(buf_str(&line));
	for (; used < d->rail_columns + 2; used++)
		buf_addc(&line, ' ');
	add_cell(&line, s->id, d->id_columns, d->ascii);
	if (d->group_columns)
		add_cell(&line, s->group ? s->group : "", d->group_columns,
			 d->ascii);
	for (size_t i = 0; i < s->agent_count; i++)
		buf_addf(&rest, "%s%s", i ? " + " : "",
			 d->show->agents[s->agents[i]].id);
	add_flags(d, s, &rest);
	const char *text = buf_str(&rest);
	text += strspn(text, " ");
	int left = d->columns - text_width(buf_str(&line));
	if (left > 0) {
		struct buf cell = {0};
		add_cell(&cell, text, left > 400 ? 400 : left, d->ascii);
		buf_adds(&line, buf_str(&cell));
		buf_release(&cell);
	}
	size_t len = line.len;
	while (len && line.data[len - 1] == ' ')
		len--;
	buf_add(out, line.data, len);
	buf_addc(out, '\n');
	buf_release(&line);
	buf_release(&rest);
}

static void measure(struct drawing *d)
{
	for (size_t i = 0; i < d->show->stage_count; i++) {
		const struct show_stage *s = &d->show->stages[i];
		int id = text_width(s->id);
		int group = s->group ? text_width(s->group) : 0;
		if (id > d->id_columns)
			d->id_columns = id < ID_COLUMNS ? id : ID_COLUMNS;
		if (group > d->group_columns)
			d->group_columns =
				group < GROUP_COLUMNS ? group : GROUP_COLUMNS;
	}
	if (d->columns < 60) /* little room: the rails and ids come first */
		d->group_columns = 0;
	if (d->id_columns > d->columns / 2 - 4)
		d->id_columns = d->columns / 2 - 4;
	d->lane_max = d->columns / 4 - 1;
	if (d->lane_max > LANES_MAX)
		d->lane_max = LANES_MAX;
}

char *graph_text(const struct show *show, int columns, bool ascii)
{
	size_t n = show->stage_count;
	struct drawing d = {
		.show = show,
		.ascii = ascii,
		.columns = columns < COLUMNS_MIN ? COLUMNS_MIN : columns,
		.last_place = -1,
		.lane_of = xcalloc(n + 1, sizeof *d.lane_of),
		.left = xcalloc(n + 1, sizeof *d.left),
		.ends = xcalloc(n + 1, sizeof *d.ends),
	};
	struct buf out = {0};
	measure(&d);
	for (size_t row = 0; row < n; row++) {
		int stage = show->order[row];
		touch_lanes(&d, &show->stages[stage]);
		int place = place_node(&d);
		draw_rails(&d, place, node_glyph(&show->stages[stage]));
		settle_lanes(&d, stage, place);
		d.last_place = place;
		d.ends[row] = d.rails.len;
	}
	for (size_t row = 0; row < n; row++)
		add_row(&d, row, &out);
	free(d.lane_of);
	free(d.left);
	free(d.ends);
	buf_release(&d.rails);
	return out.data ? buf_take(&out) : xstrdup("");
}
