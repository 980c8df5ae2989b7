/* poll_extra: an option that takes more than the plan has. Before anything acts
 * on it, a person is asked whether its price is all right, as for any other
 * overage; until then the poll stays closed, and the audience learns nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

/* What the episode lacks for the price beside what its other stages may still
 * lease; nothing where tokens have no limit. */
static int64_t lacking(struct deciding *d, int stage, int64_t price)
{
	const struct scope *scope = &d->m->ledger.episode.tokens;
	int64_t spare = scope_remaining(scope) - budget_rest_of_show(d, stage);
	if (!scope->limited)
		return 0;
	return spare <= 0 ? price : price > spare ? price - spare : 0;
}

static void add_raises(struct deciding *d, struct json_out *data, int stage,
		       int64_t price)
{
	json_out_object(data, "raises");
	json_add_int(data, "episode", lacking(d, stage, price));
	json_out_end(data);
}

/* Where the show only warns, it goes on and says so. */
static void warn(struct deciding *d, int stage, int64_t price)
{
	const char *id = d->m->show->stages[stage].id;
	char more[32];
	struct json_out *data = json_out_new();
	json_add_int(data, "tokens", price);
	add_raises(d, data, stage, price);
	json_add_str(data, "by", "warn mode");
	emit(d, EVENT_BUDGET_RAISE, stage, -1, &data);
	char *alarm = xasprintf("overage/%s", id);
	char *text = xasprintf("%s takes %s tokens more: the mode is warn", id,
			       text_thousands(more, sizeof more, price));
	alarm_raise(d, alarm, text);
	free(alarm);
	free(text);
}

bool polls_hold(struct deciding *d, int stage, int winner, const char *why,
		const int64_t *counts)
{
	struct model *m = d->m;
	const struct show_poll *def = poll_def(m, stage);
	int64_t price = def->options[winner].requires_extra;
	if (!price)
		return false;
	if (m->show->budget.mode == MODE_WARN) {
		warn(d, stage, price);
		return false;
	}
	struct json_out *data = json_out_new();
	if (d->in->kind == INPUT_COMMAND)
		json_add_str(data, "by", decide_by(d));
	json_add_str(data, "reason", "poll");
	json_add_int(data, "tokens", price);
	json_add_int(data, "wanted", price);
	json_add_int(data, "left", scope_remaining(&m->ledger.episode.tokens));
	json_add_int(data, "rest", budget_rest_of_show(d, stage));
	overage_add_offers(data, inbox_always(INBOX_OVERAGE));
	json_add_str(data, "option", def->options[winner].id);
	json_add_str(data, "why", why);
	polls_add_count(d, data, def, counts);
	decide_add_deadline(d, data);
	emit(d, EVENT_BUDGET_REQUEST, stage, -1, &data);
	d->rest_seq = m->seq;
	const struct inbox_item *item = inbox_of_stage(m, stage);
	if (!m->run.attended && item)
		inbox_default(d, item);
	return true;
}

bool poll_waits_for_price(const struct model *m, int stage)
{
	const struct stage_run *s = &m->stages[stage];
	return s->state == STAGE_HELD && s->poll && s->poll->choice >= 0;
}

int polls_affordable(const struct show_poll *def, const int64_t *counts)
{
	int best = def->default_option;
	if (best >= 0 && !def->options[best].requires_extra)
		return best;
	best = -1;
	for (size_t i = 0; i < def->option_count; i++)
		if (!def->options[i].requires_extra &&
		    (best < 0 || counts[i] > counts[best]))
			best = (int)i;
	return best;
}

static void deny(struct deciding *d, int stage, int option,
		 const int64_t *counts, struct json_out **data)
{
	const struct show_poll *def = poll_def(d->m, stage);
	int other = polls_affordable(def, counts);
	emit(d, EVENT_BUDGET_DENY, stage, -1, data);
	if (other < 0) {
		answer(d, "denied: %s has no option without a price",
		       d->m->show->stages[stage].id);
		stages_fail_final(d, stage, "budget",
				  "the price of the choice was denied");
		return;
	}
	answer(d, "denied: %s it is", def->options[other].label);
	polls_resolve(d, stage, other, "denied", counts,
		      def->options[option].id);
}

void polls_price(struct deciding *d, int stage, bool approved, int64_t tokens,
		 struct json_out **data)
{
	const struct poll_run *p = d->m->stages[stage].poll;
	const struct show_poll *def = poll_def(d->m, stage);
	int option = p->choice;
	int64_t *counts = xcalloc(def->option_count, sizeof *counts);
	memcpy(counts, p->counts, def->option_count * sizeof *counts);
	if (approved) {
		char *why = xstrdup(p->why);
		char said[32];
		json_add_int(*data, "tokens", tokens);
		add_raises(d, *data, stage, tokens);
		emit(d, EVENT_BUDGET_APPROVE, stage, -1, data);
		answer(d, "approved %s tokens for %s: %s it is",
		       text_thousands(said, sizeof said, tokens),
		       d->m->show->stages[stage].id,
		       def->options[option].label);
		polls_resolve(d, stage, option, why, counts, NULL);
		free(why);
	} else {
		deny(d, stage, option, counts, data);
	}
	free(counts);
}
