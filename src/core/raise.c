#include "core/raise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/overage.h"

/* --- its parts ---------------------------------------------------------- */

static bool is_of_day(enum scope_kind kind)
{
	return kind == SCOPE_DAY || kind == SCOPE_SERVICE_DAY;
}

static bool is_of_service(enum scope_kind kind)
{
	return kind == SCOPE_SERVICE || kind == SCOPE_SERVICE_DAY;
}

static const char *part_name(const struct model *m, const struct raise_part *p)
{
	return is_of_service(p->kind) ? m->show->services[p->index].id
				      : m->show->agents[p->index].id;
}

static const struct scope *part_scope(const struct model *m,
				      const struct raise_part *p)
{
	const struct ledger *l = &m->ledger;
	const struct purse *const purses[] = {
		[SCOPE_AGENT] = l->agents,
		[SCOPE_DAY] = l->days,
		[SCOPE_SERVICE] = l->services,
		[SCOPE_SERVICE_DAY] = l->service_days,
	};
	return &purses[p->kind][p->index].tokens;
}

/* Both in `raises` of an event and in a snapshot they stand by the names of
 * their kinds. */
static void read_parts(const struct model *m, json_object *from,
		       struct raise *r)
{
	for (int i = SCOPE_AGENT; i < SCOPE_KINDS; i++) {
		enum scope_kind kind = (enum scope_kind)i;
		json_object *named =
			json_get_object(from, scope_kind_name(kind));
		if (!named)
			continue;
		json_object_object_foreach(named, id, v)
		{
			int index = is_of_service(kind)
					    ? show_find_service(m->show, id)
					    : show_find_agent(m->show, id);
			if (index < 0)
				continue;
			GROW(r->parts, r->part_count, r->part_cap);
			r->parts[r->part_count++] = (struct raise_part){
				kind, index, json_object_get_int64(v)};
		}
	}
}

static void write_part(const struct model *m, const struct raise_part *p,
		       int64_t tokens, json_object *to)
{
	const char *kind = scope_kind_name(p->kind);
	json_object *named = json_get_object(to, kind);
	if (!named) {
		named = json_object_new_object();
		json_object_object_add(to, kind, named);
	}
	json_add_int(named, part_name(m, p), tokens);
}

/* --- folding ------------------------------------------------------------ */

static void raise_release(struct model *m, struct raise *r)
{
	timers_set(&m->timers, TIMER_RAISE, r->slot, 0);
	free(r->parts);
}

void raises_clear(struct model *m)
{
	for (size_t i = 0; i < m->raise_count; i++)
		raise_release(m, &m->raises[i]);
	m->raise_count = 0;
}

static int free_slot(const struct model *m)
{
	int slot = 0;
	for (size_t i = 0; i < m->raise_count; i++)
		if (m->raises[i].slot == slot) {
			slot++;
			i = (size_t)-1; /* from the first again: few they are */
		}
	return slot;
}

static void arm(struct model *m, const struct raise *r)
{
	if (!r->expired && !run_is_over(m->run.state))
		timers_set_order(&m->timers, TIMER_RAISE, r->slot, r->seq,
				 r->expires_ms);
}

static void add_raise(struct model *m, const struct raise *r)
{
	int slot = free_slot(m);
	GROW(m->raises, m->raise_count, m->raise_cap);
	m->raises[m->raise_count] = *r;
	m->raises[m->raise_count].slot = slot;
	arm(m, &m->raises[m->raise_count++]);
}

static struct raise *find_raise(struct model *m, uint64_t seq)
{
	for (size_t i = 0; i < m->raise_count; i++)
		if (m->raises[i].seq == seq)
			return &m->raises[i];
	return NULL;
}

static void begin_raise(struct model *m, const struct event *e, int stage)
{
	json_object *raises = event_object(e, "raises");
	struct raise r = {
		.seq = m->seq,
		.stage = stage,
		.episode_tokens = json_get_int(raises, "episode", 0),
		.stage_tokens = json_get_int(raises, "stage", 0),
		.expires_ms = event_int(e, "expires_at", 0),
	};
	read_parts(m, raises, &r);
	add_raise(m, &r);
}

static void take_back(struct model *m, const struct event *e)
{
	struct raise *r = find_raise(m, (uint64_t)event_int(e, "raise", 0));
	json_object *raises = event_object(e, "raises");
	if (!r)
		return;
	r->expired = true;
	timers_set(&m->timers, TIMER_RAISE, r->slot, 0);
	r->episode_tokens += json_get_int(raises, "episode", 0);
	r->stage_tokens += json_get_int(raises, "stage", 0);
	for (size_t i = 0; i < r->part_count; i++) {
		struct raise_part *p = &r->parts[i];
		json_object *named =
			json_get_object(raises, scope_kind_name(p->kind));
		p->tokens += json_get_int(named, part_name(m, p), 0);
	}
	if (!event_bool(e, "done", false))
		return;
	raise_release(m, r);
	size_t i = (size_t)(r - m->raises);
	m->raise_count--;
	memmove(r, r + 1, (m->raise_count - i) * sizeof *r);
}

static bool is_spent(const struct scope *s, double share)
{
	return s->limited && s->allocated > 0 &&
	       (double)s->spent >= share * (double)s->allocated;
}

/* A raise that moves the mark above what is spent lets it be asked again. */
static void move_mark(struct model *m)
{
	const struct purse *p = &m->ledger.episode;
	double share = m->show->budget.warn_at;
	if (!is_spent(&p->tokens, share))
		m->warned.tokens = false;
	if (!is_spent(&p->cost, share))
		m->warned.cost = false;
}

/* A stage that runs again has its own cap anew: of a raise only what stands
 * above that is still to be taken back. */
static void renew_stage(struct model *m, int stage)
{
	int64_t above = scope_remaining(&m->ledger.stages[stage].tokens) -
			m->show->stages[stage].token_cap;
	for (size_t i = 0; i < m->raise_count; i++) {
		struct raise *r = &m->raises[i];
		if (r->stage == stage && r->stage_tokens > above)
			r->stage_tokens = above > 0 ? above : 0;
	}
}

/* A day that begins has its quotas anew: of the raise nothing is left there. */
static void turn_day(struct model *m)
{
	for (size_t i = 0; i < m->raise_count; i++) {
		struct raise *r = &m->raises[i];
		for (size_t k = 0; k < r->part_count; k++)
			if (is_of_day(r->parts[k].kind))
				r->parts[k].tokens = 0;
	}
}

static void renewed(struct model *m, const struct event *e)
{
	json_object *list = event_array(e, "stages");
	size_t n = m->raise_count && list ? json_object_array_length(list) : 0;
	for (size_t i = 0; i < n; i++) {
		int stage = show_find_stage(m->show, json_item_str(list, i));
		if (stage >= 0)
			renew_stage(m, stage);
	}
	for (size_t i = 0; i < m->raise_count; i++)
		arm(m, &m->raises[i]); /* the run may go on again */
}

void raises_apply(struct model *m, const struct event *e, int stage, int agent)
{
	(void)agent;
	switch (e->type) {
	case EVENT_RUN_START:
		raises_clear(m);
		m->warned = (struct checkpoint){0};
		break;
	case EVENT_STAGE_RESET:
		renewed(m, e);
		break;
	case EVENT_BUDGET_DAY:
		turn_day(m);
		break;
	case EVENT_BUDGET_REQUEST:
		if (stage >= 0)
			break;
		if (strcmp(event_str(e, "reason", ""), "cost") == 0)
			m->warned.cost = true;
		else
			m->warned.tokens = true;
		break;
	case EVENT_BUDGET_APPROVE:
		if (event_int(e, "expires_at", 0))
			begin_raise(m, e, stage);
		move_mark(m);
		break;
	case EVENT_BUDGET_RAISE:
		if (event_int(e, "raise", 0))
			take_back(m, e);
		else
			move_mark(m);
		break;
	default:
		break;
	}
}

/* --- deciding ----------------------------------------------------------- */

/* What of `tokens` is unused, and whether leases are out that may still bring
 * some of it back. */
static int64_t unused(const struct scope *s, int64_t tokens, bool *more)
{
	int64_t n = scope_remaining(s) < tokens ? scope_remaining(s) : tokens;
	n = n < 0 ? 0 : n;
	*more = *more || (n < tokens && s->leased > 0);
	return n;
}

static void say_taken(struct deciding *d, struct raise *r)
{
	const struct ledger *l = &d->m->ledger;
	bool more = false;
	json_object *data = json_object_new_object();
	json_object *raises = json_object_new_object();
	int64_t most = unused(&l->episode.tokens, r->episode_tokens, &more);
	json_add_int(raises, "episode", -most);
	if (r->stage >= 0) {
		int64_t n = unused(&l->stages[r->stage].tokens, r->stage_tokens,
				   &more);
		json_add_int(raises, "stage", -n);
		most = n > most ? n : most;
	}
	for (size_t i = 0; i < r->part_count; i++) {
		const struct raise_part *p = &r->parts[i];
		int64_t n = unused(part_scope(d->m, p), p->tokens, &more);
		if (n)
			write_part(d->m, p, -n, raises);
		most = n > most ? n : most;
	}
	/* Nothing came back since: nothing is said until something does. */
	if (!most && more && r->expired) {
		json_object_put(data);
		json_object_put(raises);
		return;
	}
	json_add_int(data, "raise", (int64_t)r->seq);
	json_add_int(data, "tokens", -most);
	json_add(data, "raises", &raises);
	json_add_str(data, "why", "expired");
	json_add_bool(data, "done", !more);
	json_add_str(data, "by", "core");
	emit(d, EVENT_BUDGET_RAISE, r->stage, -1, &data);
}

void raise_timer(struct deciding *d, int slot)
{
	struct model *m = d->m;
	for (size_t i = 0; i < m->raise_count; i++) {
		if (m->raises[i].slot != slot)
			continue;
		say_taken(d, &m->raises[i]);
		return;
	}
}

void raises_settle(struct deciding *d)
{
	struct model *m = d->m;
	if (run_is_over(m->run.state))
		return;
	for (size_t i = 0; i < m->raise_count;) {
		uint64_t seq = m->raises[i].seq;
		if (m->raises[i].expired)
			say_taken(d, &m->raises[i]);
		i += i < m->raise_count && m->raises[i].seq == seq;
	}
}

/* --- warn_at ------------------------------------------------------------ */

static char *money(char *out, size_t bytes, long long micros)
{
	snprintf(out, bytes, "%lld.%02lld", micros / 1000000,
		 micros % 1000000 / 10000);
	return out;
}

static char *warning_text(const struct model *m, bool cost, int64_t rest)
{
	const struct purse *p = &m->ledger.episode;
	const struct scope *s = cost ? &p->cost : &p->tokens;
	const char *unit = m->show->budget.currency;
	char spent[32], all[32], left[32], needs[32];
	char *(*form)(char *, size_t, long long) =
		cost ? money : text_thousands;
	return xasprintf("%s of %s %s are spent (%d%%)  left %s  rest of show "
			 "needs ~%s%s",
			 form(spent, sizeof spent, s->spent),
			 form(all, sizeof all, s->allocated),
			 !cost	? "tokens"
			 : unit ? unit
				: "of the money",
			 (int)(100.0 * (double)s->spent / (double)s->allocated),
			 form(left, sizeof left, scope_remaining(s)),
			 text_thousands(needs, sizeof needs, rest),
			 cost ? " tokens" : "");
}

static void ask_once(struct deciding *d, bool cost)
{
	struct model *m = d->m;
	int64_t rest = budget_rest_of_show(d, -1);
	unsigned offers = OFFER(CHOICE_CONTINUE) | OFFER(CHOICE_PAUSE);
	if (!cost)
		offers |= OFFER(CHOICE_RAISE);
	json_object *data = json_object_new_object();
	json_object *list = overage_offers_json(offers);
	char *text = warning_text(m, cost, rest);
	json_add_str(data, "reason", cost ? "cost" : "tokens");
	json_add_str(data, "text", text);
	json_add_int(data, "left", scope_remaining(&m->ledger.episode.tokens));
	json_add_int(data, "rest", rest);
	json_add(data, "offers", &list);
	decide_add_deadline(d, data);
	emit(d, EVENT_BUDGET_REQUEST, -1, -1, &data);
	free(text);
	const struct inbox *in = &m->inbox;
	if (!m->run.attended && in->count)
		inbox_default(d, &in->items[in->count - 1]);
}

void raise_watch(struct deciding *d)
{
	const struct model *m = d->m;
	const struct purse *p = &m->ledger.episode;
	double share = m->show->budget.warn_at;
	if (m->run.state != RUN_RUNNING && m->run.state != RUN_PAUSED)
		return;
	if (!m->warned.tokens && is_spent(&p->tokens, share))
		ask_once(d, false);
	if (!m->warned.cost && is_spent(&p->cost, share))
		ask_once(d, true);
}

/* --- in a snapshot ------------------------------------------------------ */

json_object *raises_json(const struct model *m)
{
	json_object *a = json_object_new_array();
	for (size_t i = 0; i < m->raise_count; i++) {
		const struct raise *r = &m->raises[i];
		json_object *o = json_object_new_object();
		for (size_t k = 0; k < r->part_count; k++)
			write_part(m, &r->parts[k], r->parts[k].tokens, o);
		if (r->stage >= 0)
			json_add_str(o, "stage", m->show->stages[r->stage].id);
		json_add_int(o, "seq", (int64_t)r->seq);
		json_add_int(o, "episode_tokens", r->episode_tokens);
		json_add_int(o, "stage_tokens", r->stage_tokens);
		json_add_int(o, "expires", r->expires_ms);
		json_add_bool(o, "expired", r->expired);
		json_object_array_add(a, o);
	}
	return a;
}

json_object *warned_json(const struct model *m)
{
	json_object *o = json_object_new_object();
	json_add_bool(o, "tokens", m->warned.tokens);
	json_add_bool(o, "cost", m->warned.cost);
	return o;
}

static bool read_raise(struct model *m, json_object *o)
{
	const struct show *show = m->show;
	struct raise to = {
		.seq = (uint64_t)json_get_int(o, "seq", 0),
		.stage = show_find_stage(show, json_get_str(o, "stage", "")),
		.episode_tokens = json_get_int(o, "episode_tokens", 0),
		.stage_tokens = json_get_int(o, "stage_tokens", 0),
		.expires_ms = json_get_int(o, "expires", 0),
		.expired = json_get_bool(o, "expired", false),
	};
	read_parts(m, o, &to);
	add_raise(m, &to);
	return to.expires_ms > 0;
}

bool raises_read(struct model *m, json_object *o)
{
	json_object *all = json_get_array(o, "raises");
	json_object *warned = json_get(o, "warned");
	size_t n = all ? json_object_array_length(all) : 0;
	bool sound = true;
	for (size_t i = 0; i < n; i++)
		sound = read_raise(m, json_object_array_get_idx(all, i)) &&
			sound;
	m->warned.tokens = json_get_bool(warned, "tokens", false);
	m->warned.cost = json_get_bool(warned, "cost", false);
	return sound;
}
