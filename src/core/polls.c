#include "core/polls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"
#include "core/poll_own.h"

static const char *const names[] = {"none",   "open",	  "extended",
				    "closed", "resolved", "void"};

const char *poll_state_name(enum poll_state state)
{
	return names[state];
}

const struct show_poll *poll_def(const struct model *m, int stage)
{
	if (stage < (int)m->show->stage_count)
		return m->show->stages[stage].poll;
	const struct poll_own *own = m->stages[stage].poll->own;
	return own ? &own->def : NULL;
}

static bool is_place(const struct model *m, int stage)
{
	return stage >= (int)m->show->stage_count;
}

bool poll_is_open(const struct poll_run *p)
{
	return p->state == POLL_OPEN || p->state == POLL_EXTENDED;
}

bool poll_goes_on(const struct poll_run *p)
{
	return poll_is_open(p) || p->state == POLL_CLOSED;
}

static bool is_later(const struct model *m, int stage, int than)
{
	return m->stages[stage].poll->opened_ms >=
	       m->stages[than].poll->opened_ms;
}

int polls_now(const struct model *m)
{
	int best = -1;
	for (size_t i = 0; i < show_poll_places(m->show); i++) {
		const struct poll_run *p = m->stages[i].poll;
		if (p && poll_goes_on(p) &&
		    (best < 0 || is_later(m, (int)i, best)))
			best = (int)i;
	}
	return best < 0 ? m->poll : best;
}

int *polls_going_on(const struct model *m, size_t *count)
{
	int *found = NULL;
	size_t cap = 0;
	*count = 0;
	for (size_t i = 0; i < show_poll_places(m->show); i++) {
		const struct poll_run *p = m->stages[i].poll;
		if (!p || !poll_goes_on(p))
			continue;
		GROW(found, *count, cap);
		size_t k = (*count)++;
		for (; k > 0 && !is_later(m, (int)i, found[k - 1]); k--)
			found[k] = found[k - 1];
		found[k] = (int)i;
	}
	return found;
}

/* --- folding ------------------------------------------------------------ */

static void set_deadline(struct model *m, int stage, int64_t at_ms)
{
	m->stages[stage].poll->deadline_ms = at_ms;
	timers_set(&m->timers, TIMER_POLL, stage, at_ms);
}

/* So few that those of all options add up. */
static int64_t votes_of(struct json_node *counts, const char *option)
{
	int64_t n = json_node_int(counts, option, 0);
	return n < 0 || n > POLL_VOTES_MOST ? 0 : n;
}

static void read_counts(struct model *m, const struct event *e, int stage)
{
	const struct show_poll *def = poll_def(m, stage);
	struct poll_run *p = m->stages[stage].poll;
	struct json_node *counts = event_object(e, "counts");
	for (size_t i = 0; counts && i < def->option_count; i++)
		p->counts[i] = votes_of(counts, def->options[i].id);
	poll_winner(def, p->counts, &p->total, &p->margin);
	struct json_node *from = event_object(e, "from");
	if (from)
		p->from = ballots_sum_of_node(from);
}

static void stand_still(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	p->frozen = true;
	p->left_ms = p->deadline_ms - e->at_ms;
	set_deadline(m, stage, 0);
}

static void go_on(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	p->frozen = p->by_hand = false;
	set_deadline(m, stage, e->at_ms + (p->left_ms > 0 ? p->left_ms : 1));
}

/* A panic freezes all that are open; what was frozen by hand stays so when the
 * run is resumed. */
static void panic_apply(struct model *m, const struct event *e, bool panics)
{
	for (size_t i = 0; i < show_poll_places(m->show); i++) {
		const struct poll_run *p = m->stages[i].poll;
		if (!p || !poll_is_open(p) || p->frozen == panics || p->by_hand)
			continue;
		if (panics)
			stand_still(m, e, (int)i);
		else
			go_on(m, e, (int)i);
	}
}

static void apply_freeze(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	if (!poll_is_open(p))
		return;
	if (e->type == EVENT_POLL_UNFREEZE && p->frozen) {
		go_on(m, e, stage);
	} else if (e->type == EVENT_POLL_FREEZE && !p->frozen) {
		stand_still(m, e, stage);
		p->by_hand = true;
	}
}

static struct poll_own *question_of(const struct event *e)
{
	json_object *options = event_ref(e, "options");
	struct poll_own *own =
		poll_own_read(event_str(e, "question", ""), options,
			      event_int(e, "open_ms", 0), NULL);
	json_object_put(options);
	return own;
}

static void apply_create(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	struct poll_own *own = NULL;
	if (is_place(m, stage) && !(own = question_of(e)))
		return;
	polls_blank(m, stage);
	p->own = own;
	p->state = POLL_OPEN;
	p->opened_ms = e->at_ms;
	m->poll_opened_ms = e->at_ms;
	m->polls_opened++;
	set_deadline(m, stage, event_int(e, "deadline", 0));
	m->poll = stage;
}

static void apply_propose(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	struct poll_own *own = is_place(m, stage) ? question_of(e) : NULL;
	if (!own)
		return;
	polls_blank(m, stage);
	p->own = own;
	p->proposed = true;
}

void polls_blank(struct model *m, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	if (!p)
		return;
	int64_t *counts = p->counts;
	const struct show_poll *def = poll_def(m, stage);
	memset(counts, 0, (def ? def->option_count : 0) * sizeof *counts);
	free(p->why);
	free(p->bursts);
	poll_own_free(&p->own);
	/* A count under way must never pass for one of the next opening. */
	*p = (struct poll_run){.counts = counts,
			       .winner = -1,
			       .choice = -1,
			       .closes = p->closes};
	set_deadline(m, stage, 0);
	if (m->poll == stage)
		m->poll = -1;
}

static void apply_extend(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	read_counts(m, e, stage);
	p->state = POLL_EXTENDED;
	p->choice = -1;
	p->extensions += event_bool(e, "counted", true);
	set_deadline(m, stage, event_int(e, "deadline", 0));
	/* What opens again under a panic stands still like the rest. */
	if (m->run.panic)
		stand_still(m, e, stage);
}

static void apply_close(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	read_counts(m, e, stage);
	p->frozen = p->by_hand = false;
	p->closes += !event_bool(e, "asks", false);
	p->choice = show_find_option(poll_def(m, stage),
				     event_str(e, "choice", ""));
	p->state = POLL_CLOSED;
	set_deadline(m, stage, 0);
}

static void apply_resolve(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	read_counts(m, e, stage);
	p->state = POLL_RESOLVED;
	p->choice = -1;
	p->winner = show_find_option(poll_def(m, stage),
				     event_str(e, "winner", ""));
	free(p->why);
	p->why = xstrdup(event_str(e, "why", "majority"));
	set_deadline(m, stage, 0);
}

/* What has won waits until its price is approved, see poll_extra.c. */
static void apply_price(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	int option = show_find_option(poll_def(m, stage),
				      event_str(e, "option", ""));
	if (option < 0 || p->state != POLL_CLOSED)
		return;
	read_counts(m, e, stage);
	p->choice = option;
	free(p->why);
	p->why = xstrdup(event_str(e, "why", "majority"));
}

/* Nothing of a run is due behind its end. */
static void end_places(struct model *m)
{
	for (size_t i = m->show->stage_count; i < show_poll_places(m->show);
	     i++)
		set_deadline(m, (int)i, 0);
}

void polls_blank_places(struct model *m)
{
	for (size_t i = m->show->stage_count; i < show_poll_places(m->show);
	     i++) {
		polls_blank(m, (int)i);
		m->stages[i].poll->opened_ms = 0;
	}
}

void polls_apply(struct model *m, const struct event *e, int stage, int agent)
{
	(void)agent;
	if (e->type == EVENT_RUN_PAUSE && event_bool(e, "panic", false))
		panic_apply(m, e, true);
	else if (e->type == EVENT_RUN_RESUME)
		panic_apply(m, e, false);
	else if (e->type == EVENT_RUN_COMPLETE || e->type == EVENT_RUN_CANCEL)
		end_places(m);
	if (stage < 0 && *e->stage)
		stage = show_find_poll(m->show, e->stage);
	if (stage < 0 || !m->stages[stage].poll)
		return;
	if (is_place(m, stage) && e->type != EVENT_POLL_CREATE &&
	    e->type != EVENT_POLL_PROPOSE && !m->stages[stage].poll->own)
		return;
	struct poll_run *p = m->stages[stage].poll;
	switch (e->type) {
	case EVENT_POLL_PROPOSE:
		apply_propose(m, e, stage);
		break;
	case EVENT_POLL_CREATE:
		apply_create(m, e, stage);
		break;
	case EVENT_POLL_EXTEND:
		apply_extend(m, e, stage);
		break;
	case EVENT_POLL_FREEZE:
	case EVENT_POLL_UNFREEZE:
		apply_freeze(m, e, stage);
		break;
	case EVENT_POLL_CLOSE:
		apply_close(m, e, stage);
		break;
	case EVENT_POLL_RESOLVE:
		apply_resolve(m, e, stage);
		break;
	case EVENT_POLL_BURST:
	case EVENT_POLL_EXCLUDE:
	case EVENT_POLL_INCLUDE:
		poll_burst_apply(m, e, stage);
		break;
	case EVENT_BUDGET_REQUEST:
		apply_price(m, e, stage);
		break;
	case EVENT_POLL_VOID:
		if (p->proposed) { /* it never was one */
			polls_blank(m, stage);
			break;
		}
		p->state = POLL_VOID;
		p->frozen = p->by_hand = false;
		p->choice = -1;
		free(p->why);
		p->why = xstrdup(event_str(e, "why", NULL));
		set_deadline(m, stage, 0);
		break;
	default:
		break;
	}
}

/* --- deciding ----------------------------------------------------------- */

void polls_effect(struct deciding *d, enum effect_kind kind, int stage)
{
	struct effect *x = effect_add(d, kind);
	x->stage = stage;
	if (kind == EFFECT_POLL_COUNT)
		x->attempt = d->m->stages[stage].poll->closes;
}

/* Beyond the cap it is decided without the audience. */
static void pass_over(struct deciding *d, int stage)
{
	const struct show_poll *def = poll_def(d->m, stage);
	int64_t *none = xcalloc(def->option_count, sizeof *none);
	int winner = polls_affordable(def, none);
	if (winner >= 0)
		polls_resolve(d, stage, winner, "cap", none, NULL);
	else
		stages_fail_final(d, stage, "polls",
				  "the episode has had all its polls, and no "
				  "option is without a price");
	free(none);
}

bool polls_may_open(struct deciding *d, int stage)
{
	const struct model *m = d->m;
	const struct show_polls *limits = &m->show->polls;
	int64_t next = m->poll_opened_ms + limits->min_interval_ms;
	if (limits->max_per_episode != SHOW_UNSET &&
	    m->polls_opened >= limits->max_per_episode) {
		pass_over(d, stage);
		return false;
	}
	if (!m->polls_opened || next <= d->in->now_ms)
		return true;
	struct json_out *data = json_out_new();
	json_add_str(data, "state", "backoff");
	json_add_int(data, "retry_at", next);
	emit(d, EVENT_STAGE_PROGRESS, stage, -1, &data);
	return false;
}

void polls_add_question(struct json_out *data, const struct show_poll *def)
{
	json_add_str(data, "question", def->question);
	json_out_array(data, "options");
	for (size_t i = 0; i < def->option_count; i++) {
		json_out_object(data, NULL);
		json_add_str(data, "id", def->options[i].id);
		json_add_str(data, "label", def->options[i].label);
		if (def->options[i].requires_extra)
			json_add_int(data, "requires_extra",
				     def->options[i].requires_extra);
		json_out_end(data);
	}
	json_out_end(data);
	json_add_int(data, "open_ms", def->open_ms);
}

void polls_create(struct deciding *d, int stage, const struct show_poll *def)
{
	struct json_out *data = decide_data(d);
	polls_add_question(data, def);
	json_add_int(data, "deadline", d->in->now_ms + def->open_ms);
	emit(d, EVENT_POLL_CREATE, stage, -1, &data);
	polls_effect(d, EFFECT_POLL_OPEN, stage);
}

void polls_open(struct deciding *d, int stage)
{
	polls_create(d, stage, poll_def(d->m, stage));
}

void polls_again(struct deciding *d, int stage)
{
	const struct poll_run *p = d->m->stages[stage].poll;
	if (!p)
		return;
	if (poll_is_open(p))
		polls_effect(d,
			     p->frozen ? EFFECT_POLL_FREEZE : EFFECT_POLL_OPEN,
			     stage);
	else if (p->state == POLL_CLOSED)
		polls_effect(d, EFFECT_POLL_COUNT, stage);
}

void polls_close(struct deciding *d, int stage, int choice)
{
	struct json_out *data = decide_data(d);
	if (choice >= 0)
		json_add_str(data, "choice",
			     poll_def(d->m, stage)->options[choice].id);
	emit(d, EVENT_POLL_CLOSE, stage, -1, &data);
	polls_effect(d, EFFECT_POLL_COUNT, stage);
}

void polls_timer(struct deciding *d, int stage)
{
	polls_close(d, stage, -1);
}

static void find_options(const struct show_poll *def, struct ballots *b)
{
	for (size_t i = 0; i < b->count; i++) {
		int option = show_find_option(def, ballot_choice(b, i));
		b->items[i].option = (short)option;
		if (option < 0)
			b->items[i].answer = BALLOT_NO_OPTION;
	}
}

/* Those that are refused go the same way: whoever waits gets all answers of a
 * batch at once. */
void polls_vote(struct deciding *d)
{
	struct model *m = d->m;
	struct ballots *b = d->in->ballots;
	b->stage = show_find_poll(m->show, b->poll);
	const struct poll_run *p = b->stage < 0 ? NULL
						: m->stages[b->stage].poll;
	b->may_change = m->show->polls.change_vote;
	if (!p || !poll_def(m, b->stage))
		ballots_answer(b, BALLOT_NO_POLL);
	else if (p->state == POLL_NONE)
		ballots_answer(b, BALLOT_NOT_BEGUN);
	else if (b->opened_ms && b->opened_ms != p->opened_ms)
		ballots_answer(b, BALLOT_STALE);
	else if (!poll_is_open(p))
		ballots_answer(b, BALLOT_CLOSED);
	else if (p->frozen)
		ballots_answer(b, BALLOT_PAUSED);
	else
		find_options(poll_def(m, b->stage), b);
	struct effect *x = effect_add(d, EFFECT_VOTE);
	x->stage = b->stage;
	x->ballots = ballots_take(b);
}

static void effect_for_open(struct deciding *d, enum effect_kind kind)
{
	for (size_t i = 0; i < show_poll_places(d->m->show); i++) {
		const struct poll_run *p = d->m->stages[i].poll;
		if (p && poll_is_open(p) && !p->by_hand)
			polls_effect(d, kind, (int)i);
	}
}

void polls_freeze_all(struct deciding *d)
{
	effect_for_open(d, EFFECT_POLL_FREEZE);
}

void polls_thaw_all(struct deciding *d)
{
	effect_for_open(d, EFFECT_POLL_OPEN);
}

void polls_void(struct deciding *d, int stage, const char *why)
{
	/* Whose command it follows from has done something else. */
	struct json_out *data = why ? json_out_new() : decide_data(d);
	json_add_str(data, "why", why);
	if (why)
		json_add_str(data, "question", poll_def(d->m, stage)->question);
	emit(d, EVENT_POLL_VOID, stage, -1, &data);
	polls_effect(d, EFFECT_POLL_FREEZE, stage);
}
