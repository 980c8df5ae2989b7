/* numbers: what a log that is not ours may say, and no sum may follow. A number
 * beyond NUMBER_MOST is refused where an event is read. Here is what many large
 * ones would add up to: what moves tokens or money changes nothing any more
 * once all that was moved since the beginning comes to that. So no sum of the
 * model, of whatever scope, day or lease, ever leaves 64 bits. */
#include <string.h>

#include "core/decide.h"

static bool moves(enum event_type type)
{
	return type == EVENT_TOKEN_LEASE || type == EVENT_TOKEN_SPEND ||
	       type == EVENT_TOKEN_RETURN || type == EVENT_BUDGET_APPROVE ||
	       type == EVENT_BUDGET_RAISE;
}

/* `*sum` plus the size of `n`; false when that is too much. */
static bool add_size(int64_t *sum, int64_t n)
{
	int64_t size = n >= 0 ? n : n == INT64_MIN ? INT64_MAX : -n;
	return !__builtin_add_overflow(*sum, size, sum) && *sum <= NUMBER_MOST;
}

static bool add_all(int64_t *sum, struct json_node *o)
{
	bool ok = true;
	if (o && o->type == json_type_int)
		return add_size(sum, o->is.i);
	if (!o || o->type != json_type_object)
		return true;
	json_node_each(n, o) ok = ok && add_all(sum, n);
	return ok;
}

/* Members that tell an amount. */
static bool is_amount(const char *key, size_t bytes)
{
	static const char *const keys[] = {
		"tokens", "cost_micros", "overrun", "cost_overrun",
		"used",	  "cost_used",	 "cost"};
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		if (strncmp(keys[i], key, bytes) == 0 && !keys[i][bytes])
			return true;
	return false;
}

bool numbers_take(struct model *m, const struct event *e)
{
	int64_t sum = m->ledger.moved, n;
	const char *key;
	size_t at = 0, bytes;
	bool ok = true;
	if (!moves(e->type))
		return true;
	while (json_flat_next_int(e->data, &at, &key, &bytes, &n))
		ok = ok &&
		     (!bytes || !is_amount(key, bytes) || add_size(&sum, n));
	if (e->type == EVENT_BUDGET_APPROVE || e->type == EVENT_BUDGET_RAISE)
		ok = ok && add_all(&sum, event_object(e, "raises"));
	if (ok)
		m->ledger.moved = sum;
	return ok;
}
