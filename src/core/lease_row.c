#include "core/lease_row.h"

#include "base/mem.h"

size_t lease_row(const struct lease *l, int64_t row[LEASE_ROW])
{
	size_t n = LEASE_ROW;
	row[ROW_STAGE] = l->stage;
	row[ROW_AGENT] = l->agent;
	row[ROW_ATTEMPT] = l->attempt;
	row[ROW_OUTSIDE] = l->outside;
	row[ROW_TOKENS] = l->tokens;
	row[ROW_DEADLINE] = l->deadline_ms;
	row[ROW_DAY] = l->day;
	row[ROW_SHARE] = l->share;
	row[ROW_COST] = l->cost_micros;
	row[ROW_METERED] = l->metered;
	row[ROW_COST_METERED] = l->cost_metered;
	row[ROW_STATE] = l->state;
	row[ROW_CLOSED] = l->closed_ms;
	row[ROW_SPENT] = l->spent;
	row[ROW_COST_SPENT] = l->cost_spent;
	while (n > 0 && row[n - 1] == 0)
		n--;
	return n;
}

static bool is_sound(const int64_t row[LEASE_ROW], const struct show *show)
{
	const struct {
		enum lease_row_place place;
		int64_t first, last;
	} ranges[] = {
		{ROW_STAGE, 0, (int64_t)show->stage_count - 1},
		{ROW_AGENT, 0, (int64_t)show->agent_count - 1},
		{ROW_ATTEMPT, 0, INT32_MAX},
		{ROW_OUTSIDE, 0, 1},
		{ROW_DAY, 0, INT32_MAX},
		{ROW_STATE, LEASE_HELD, LEASE_REVOKED},
	};
	for (size_t i = 0; i < COUNT_OF(ranges); i++)
		if (row[ranges[i].place] < ranges[i].first ||
		    row[ranges[i].place] > ranges[i].last)
			return false;
	return true;
}

bool lease_of_row(struct lease_table *t, const char *id,
		  const int64_t row[LEASE_ROW], const struct show *show)
{
	if (!is_sound(row, show) || lease_table_find(t, id) >= 0)
		return false;
	int slot = lease_table_add(t, id, (int)row[ROW_STAGE]);
	struct lease *l = &t->slots[slot];
	enum lease_state state = (enum lease_state)row[ROW_STATE];
	l->agent = (int)row[ROW_AGENT];
	l->attempt = (int)row[ROW_ATTEMPT];
	l->outside = row[ROW_OUTSIDE] != 0;
	l->tokens = row[ROW_TOKENS];
	l->deadline_ms = row[ROW_DEADLINE];
	l->day = (int32_t)row[ROW_DAY];
	l->share = row[ROW_SHARE];
	l->cost_micros = row[ROW_COST];
	l->metered = row[ROW_METERED];
	l->cost_metered = row[ROW_COST_METERED];
	l->spent = row[ROW_SPENT];
	l->cost_spent = row[ROW_COST_SPENT];
	if (state != LEASE_HELD)
		lease_table_close(t, slot, state, row[ROW_CLOSED]);
	return true;
}
