/* warn: the mark of `warn_at`. The inbox asks once when it is reached, and
 * again when a raise has moved it above what is spent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/overage.h"

/* --- folding ------------------------------------------------------------ */

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

void warn_apply(struct model *m, const struct event *e, int stage, int agent)
{
	(void)agent;
	bool raises = e->type == EVENT_BUDGET_APPROVE ||
		      e->type == EVENT_BUDGET_RAISE;
	if (e->type == EVENT_RUN_START) {
		m->warned = (struct checkpoint){0};
	} else if (e->type == EVENT_BUDGET_REQUEST && stage < 0) {
		bool of_money = strcmp(event_str(e, "reason", ""), "cost") == 0;
		m->warned.cost = m->warned.cost || of_money;
		m->warned.tokens = m->warned.tokens || !of_money;
	} else if (raises && !event_str(e, "until", NULL) &&
		   !event_int(e, "raise", 0)) {
		/* What is given for one call, or taken back, moves none. */
		move_mark(m);
	}
}

/* --- asking ------------------------------------------------------------- */

static char *money(char *out, size_t bytes, long long micros)
{
	snprintf(out, bytes, "%lld.%02lld", micros / 1000000,
		 micros % 1000000 / 10000);
	return out;
}

char *warn_text(const struct model *m, bool cost, int64_t rest, bool likely)
{
	const struct purse *p = &m->ledger.episode;
	const struct scope *s = cost ? &p->cost : &p->tokens;
	const char *unit = m->show->budget.currency;
	char spent[32], all[32], left[32], needs[32];
	char *(*form)(char *, size_t, long long) =
		cost ? money : text_thousands;
	return xasprintf("%s of %s %s are spent (%d%%)  left %s  rest of show "
			 "%s ~%s%s",
			 form(spent, sizeof spent, s->spent),
			 form(all, sizeof all, s->allocated),
			 !cost	? "tokens"
			 : unit ? unit
				: "of the money",
			 (int)(100.0 * (double)s->spent / (double)s->allocated),
			 form(left, sizeof left, scope_remaining(s)),
			 likely ? "likely" : "needs",
			 text_thousands(needs, sizeof needs, rest),
			 cost ? " tokens" : "");
}

static void ask_once(struct deciding *d, bool cost)
{
	struct model *m = d->m;
	int64_t rest = budget_rest_of_show(d, -1);
	unsigned offers = OFFER(CHOICE_CONTINUE) | OFFER(CHOICE_PAUSE) |
			  OFFER(CHOICE_RAISE);
	struct json_out *data = json_out_new();
	char *text = warn_text(m, cost, rest, false);
	json_add_str(data, "reason", cost ? "cost" : "tokens");
	json_add_str(data, "text", text);
	json_add_int(data, "left", scope_remaining(&m->ledger.episode.tokens));
	json_add_int(data, "rest", rest);
	overage_add_offers(data, offers);
	decide_add_deadline(d, data);
	emit(d, EVENT_BUDGET_REQUEST, -1, -1, &data);
	free(text);
	const struct inbox *in = &m->inbox;
	if (!m->run.attended && in->count)
		inbox_default(d, &in->items[in->count - 1]);
}

void warn_watch(struct deciding *d)
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

json_object *warned_json(const struct model *m)
{
	json_object *o = json_object_new_object();
	json_add_bool(o, "tokens", m->warned.tokens);
	json_add_bool(o, "cost", m->warned.cost);
	return o;
}
