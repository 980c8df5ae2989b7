/* poll_hand: what a person does to a poll, by an action or by an answer. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

#define EXTEND_MS_LEAST 1000
#define EXTEND_MS_MOST	3600000

static const char *id_of(const struct deciding *d, int stage)
{
	return d->m->show->stages[stage].id;
}

static int need_option(struct deciding *d, int stage, const char *name)
{
	const struct show_poll *def = poll_def(d->m, stage);
	const char *ids[SHOW_MAX_OPTIONS + 1] = {0};
	int option = show_find_option(def, name);
	if (option >= 0)
		return option;
	for (size_t i = 0; i < def->option_count; i++)
		ids[i] = def->options[i].id;
	const char *near = text_nearest(name, ids);
	char *shown = text_clean_str(name, 64);
	if (near)
		refuse(d, "bad_choice",
		       "%s has no option `%s`: did you mean `%s`?",
		       id_of(d, stage), shown, near);
	else
		refuse(d, "bad_choice", "%s has no option `%s`",
		       id_of(d, stage), shown);
	free(shown);
	return -1;
}

static void settle_by_hand(struct deciding *d, int stage, int option)
{
	const struct show_poll *def = poll_def(d->m, stage);
	const struct poll_run *p = d->m->stages[stage].poll;
	int64_t *counts = xcalloc(def->option_count, sizeof *counts);
	memcpy(counts, p->counts, def->option_count * sizeof *counts);
	polls_settle(d, stage, option, "operator", counts);
	free(counts);
	if (d->m->stages[stage].state == STAGE_HELD)
		answer(d, "%s it will be, once its price is approved",
		       def->options[option].label);
	else
		answer(d, "%s it is", def->options[option].label);
}

bool polls_answer(struct deciding *d, int stage, const char *choice)
{
	const struct show_poll *def = poll_def(d->m, stage);
	int option = show_find_option(def, choice);
	if (option < 0) { /* none of them is called so, see inbox.c */
		polls_extend(d, stage, def->extend_ms, "operator", NULL);
		answer(d, "extended");
		return true;
	}
	settle_by_hand(d, stage, option);
	return true;
}

static bool extend(struct deciding *d, int stage, const char *arg)
{
	const struct poll_run *p = d->m->stages[stage].poll;
	const struct show_poll *def = poll_def(d->m, stage);
	long long ms = arg ? text_read_ms(arg) : def->extend_ms;
	if (arg && (ms < EXTEND_MS_LEAST || ms > EXTEND_MS_MOST)) {
		char *shown = text_clean_str(arg, 40);
		refuse(d, "bad_amount",
		       "`%s` is no time from 1s to 1h: 30s, 5m, or a number of "
		       "ms",
		       shown);
		free(shown);
		return false;
	}
	if (p->frozen)
		return refuse(d, "refused",
			      p->by_hand ? "%s is frozen: unfreeze it first"
					 : "%s is frozen by the panic: resume",
			      id_of(d, stage));
	polls_extend(d, stage, ms, "operator", NULL);
	answer(d, "poll %s has %lld s more", id_of(d, stage), ms / 1000);
	return true;
}

static bool freeze(struct deciding *d, int stage)
{
	if (d->m->stages[stage].poll->frozen)
		return refuse(d, "refused", "%s is frozen already",
			      id_of(d, stage));
	struct json_out *data = decide_data(d);
	emit(d, EVENT_POLL_FREEZE, stage, -1, &data);
	polls_effect(d, EFFECT_POLL_FREEZE, stage);
	answer(d, "poll %s is frozen: its clock stands still", id_of(d, stage));
	return true;
}

static bool unfreeze(struct deciding *d, int stage)
{
	const struct poll_run *p = d->m->stages[stage].poll;
	if (!p->frozen)
		return refuse(d, "refused", "%s is not frozen",
			      id_of(d, stage));
	if (d->m->run.panic)
		return refuse(d, "refused",
			      "all polls are frozen by the panic: resume");
	struct json_out *data = decide_data(d);
	emit(d, EVENT_POLL_UNFREEZE, stage, -1, &data);
	polls_effect(d, EFFECT_POLL_OPEN, stage);
	answer(d, "poll %s goes on", id_of(d, stage));
	return true;
}

/* What is open is counted first: the story says how the votes stood. */
static bool resolve(struct deciding *d, int stage, const char *name)
{
	const struct poll_run *p = d->m->stages[stage].poll;
	const struct show_poll *def = poll_def(d->m, stage);
	const struct inbox_item *item = inbox_of_stage(d->m, stage);
	int option = need_option(d, stage, name);
	if (option < 0)
		return false;
	bool held = d->m->stages[stage].state == STAGE_HELD;
	if (held && def->options[option].requires_extra)
		return refuse(d, "refused",
			      "%s waits for the approval of a price already: "
			      "approve or deny it",
			      id_of(d, stage));
	if (poll_is_open(p)) {
		polls_close(d, stage, option);
		answer(d, "poll %s is closed; %s it will be", id_of(d, stage),
		       def->options[option].label);
		return true;
	}
	if (!held && (!item || item->kind != INBOX_POLL))
		return refuse(
			d, "refused",
			"the votes of %s are being counted: it is decided "
			"in a moment",
			id_of(d, stage));
	settle_by_hand(d, stage, option);
	return true;
}

bool polls_command(struct deciding *d, int stage, enum action_id what,
		   const char *arg)
{
	const struct poll_run *p = d->m->stages[stage].poll;
	const char *id = id_of(d, stage);
	if (!p || !(poll_is_open(p) || p->state == POLL_CLOSED))
		return refuse(d, "refused", "%s is no open poll", id);
	if (what == ACTION_POLL_VOID) {
		if (stage < (int)d->m->show->stage_count)
			stages_skip(d, stage, "operator", "poll voided");
		else
			polls_void(d, stage, NULL);
		answer(d, "poll %s is void", id);
		return true;
	}
	if (what == ACTION_POLL_RESOLVE)
		return resolve(d, stage, arg);
	if (what == ACTION_POLL_EXCLUDE || what == ACTION_POLL_INCLUDE)
		return polls_exclude(d, stage, what == ACTION_POLL_EXCLUDE,
				     arg);
	bool held = d->m->stages[stage].state == STAGE_HELD;
	if (!poll_is_open(p) && (held || what != ACTION_POLL_EXTEND))
		return refuse(d, "refused", "%s is closed already", id);
	switch (what) {
	case ACTION_POLL_CLOSE:
		polls_close(d, stage, -1);
		answer(d, "poll %s is closed", id);
		return true;
	case ACTION_POLL_FREEZE:
		return freeze(d, stage);
	case ACTION_POLL_UNFREEZE:
		return unfreeze(d, stage);
	default:
		return extend(d, stage, arg);
	}
}
