#include "core/polls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

#define VOTES_MOST	(INT64_C(1) << 50)
#define EXTEND_MS_LEAST 1000
#define EXTEND_MS_MOST	3600000

static const char *const names[] = {"none",   "open",	  "extended",
				    "closed", "resolved", "void"};

const char *poll_state_name(enum poll_state state)
{
	return names[state];
}

int poll_winner(const struct show_poll *poll, const int64_t *counts,
		int64_t *total, double *margin)
{
	int64_t sum = 0, first = -1, second = -1;
	int best = -1;
	for (size_t i = 0; i < poll->option_count; i++) {
		sum += counts[i];
		if (counts[i] > first) {
			second = first;
			first = counts[i];
			best = (int)i;
		} else if (counts[i] > second) {
			second = counts[i];
		}
	}
	*total = sum;
	*margin = sum ? (double)(first - second) / (double)sum : 0;
	bool decided = sum > 0 && sum >= poll->min_votes && first > second &&
		       *margin >= poll->min_delta;
	return decided ? best : -1;
}

static const struct show_poll *poll_of(const struct model *m, int stage)
{
	return m->show->stages[stage].poll;
}

static bool is_open(const struct poll_run *p)
{
	return p->state == POLL_OPEN || p->state == POLL_EXTENDED;
}

/* --- folding ------------------------------------------------------------ */

static void set_deadline(struct model *m, int stage, int64_t at_ms)
{
	m->stages[stage].poll->deadline_ms = at_ms;
	timers_set(&m->timers, TIMER_POLL, stage, at_ms);
}

/* So few that those of all options add up. */
static int64_t votes_of(json_object *counts, const char *option)
{
	int64_t n = json_get_int(counts, option, 0);
	return n < 0 || n > VOTES_MOST ? 0 : n;
}

static void read_counts(struct model *m, const struct event *e, int stage)
{
	const struct show_poll *def = poll_of(m, stage);
	struct poll_run *p = m->stages[stage].poll;
	json_object *counts = event_object(e, "counts");
	for (size_t i = 0; counts && i < def->option_count; i++)
		p->counts[i] = votes_of(counts, def->options[i].id);
	poll_winner(def, p->counts, &p->total, &p->margin);
}

static void stand_still(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	p->frozen = true;
	p->left_ms = p->deadline_ms - e->at_ms;
	set_deadline(m, stage, 0);
}

static void freeze(struct model *m, const struct event *e, bool frozen)
{
	for (size_t i = 0; i < m->show->stage_count; i++) {
		struct poll_run *p = m->stages[i].poll;
		if (!p || !is_open(p) || p->frozen == frozen)
			continue;
		if (frozen) {
			stand_still(m, e, (int)i);
		} else {
			int64_t left = p->left_ms > 0 ? p->left_ms : 1;
			p->frozen = false;
			set_deadline(m, (int)i, e->at_ms + left);
		}
	}
}

static void apply_create(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	polls_blank(m, stage);
	p->state = POLL_OPEN;
	p->opened_ms = e->at_ms;
	set_deadline(m, stage, event_int(e, "deadline", 0));
	m->poll = stage;
}

void polls_blank(struct model *m, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	if (!p)
		return;
	int64_t *counts = p->counts;
	memset(counts, 0, poll_of(m, stage)->option_count * sizeof *counts);
	free(p->why);
	/* A count under way must never pass for one of the next opening. */
	*p = (struct poll_run){
		.counts = counts, .winner = -1, .closes = p->closes};
	set_deadline(m, stage, 0);
	if (m->poll == stage)
		m->poll = -1;
}

static void apply_resolve(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	read_counts(m, e, stage);
	p->state = POLL_RESOLVED;
	p->winner =
		show_find_option(poll_of(m, stage), event_str(e, "winner", ""));
	free(p->why);
	p->why = xstrdup(event_str(e, "why", "majority"));
	set_deadline(m, stage, 0);
}

void polls_apply(struct model *m, const struct event *e, int stage, int agent)
{
	(void)agent;
	if (e->type == EVENT_RUN_PAUSE && event_bool(e, "panic", false))
		freeze(m, e, true);
	else if (e->type == EVENT_RUN_RESUME)
		freeze(m, e, false);
	if (stage < 0 || !m->stages[stage].poll)
		return;
	struct poll_run *p = m->stages[stage].poll;
	switch (e->type) {
	case EVENT_POLL_CREATE:
		apply_create(m, e, stage);
		break;
	case EVENT_POLL_EXTEND:
		read_counts(m, e, stage);
		p->state = POLL_EXTENDED;
		p->extensions += event_bool(e, "counted", true);
		set_deadline(m, stage, event_int(e, "deadline", 0));
		/* What opens again under a panic stands still like the rest. */
		if (m->run.panic)
			stand_still(m, e, stage);
		break;
	case EVENT_POLL_CLOSE:
		read_counts(m, e, stage);
		p->frozen = false;
		p->closes += !event_bool(e, "asks", false);
		p->state = POLL_CLOSED;
		set_deadline(m, stage, 0);
		break;
	case EVENT_POLL_RESOLVE:
		apply_resolve(m, e, stage);
		break;
	case EVENT_POLL_VOID:
		p->state = POLL_VOID;
		set_deadline(m, stage, 0);
		break;
	default:
		break;
	}
}

/* --- deciding ----------------------------------------------------------- */

static void poll_effect(struct deciding *d, enum effect_kind kind, int stage)
{
	struct effect *x = effect_add(d, kind);
	x->stage = stage;
	if (kind == EFFECT_POLL_COUNT)
		x->attempt = d->m->stages[stage].poll->closes;
}

void polls_open(struct deciding *d, int stage)
{
	const struct show_poll *def = poll_of(d->m, stage);
	struct json_out *data = json_out_new();
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
	json_add_int(data, "deadline", d->in->now_ms + def->open_ms);
	emit(d, EVENT_POLL_CREATE, stage, -1, &data);
	poll_effect(d, EFFECT_POLL_OPEN, stage);
}

void polls_again(struct deciding *d, int stage)
{
	const struct poll_run *p = d->m->stages[stage].poll;
	if (!p)
		return;
	if (is_open(p))
		poll_effect(d,
			    p->frozen ? EFFECT_POLL_FREEZE : EFFECT_POLL_OPEN,
			    stage);
	else if (p->state == POLL_CLOSED)
		poll_effect(d, EFFECT_POLL_COUNT, stage);
}

static void close_poll(struct deciding *d, int stage)
{
	struct json_out *data = decide_data(d);
	emit(d, EVENT_POLL_CLOSE, stage, -1, &data);
	poll_effect(d, EFFECT_POLL_COUNT, stage);
}

void polls_timer(struct deciding *d, int stage)
{
	close_poll(d, stage);
}

void polls_vote(struct deciding *d)
{
	const struct input *in = d->in;
	struct model *m = d->m;
	int stage = in->stage ? show_find_stage(m->show, in->stage) : -1;
	const struct poll_run *p = stage < 0 ? NULL : m->stages[stage].poll;
	if (!p) {
		refuse(d, "not_found", "there is no such poll");
		return;
	}
	if (!is_open(p) || p->frozen) {
		refuse(d, "closed", "%s",
		       p->frozen	       ? "voting is paused"
		       : p->state == POLL_NONE ? "voting has not begun"
					       : "voting is closed");
		return;
	}
	int option = in->choice
			     ? show_find_option(poll_of(m, stage), in->choice)
			     : -1;
	if (option < 0) {
		refuse(d, "bad_option", "the poll has no such option");
		return;
	}
	struct effect *x = effect_add(d, EFFECT_VOTE);
	x->stage = stage;
	x->option = option;
	x->key = xstrdup(in->id);
	x->origin = in->origin;
	x->flag = m->show->polls.change_vote;
}

static void add_counts(struct json_out *data, const struct show_poll *def,
		       const int64_t *counts)
{
	json_out_object(data, "counts");
	for (size_t i = 0; i < def->option_count; i++)
		json_add_int(data, def->options[i].id, counts[i]);
	json_out_end(data);
}

/* What the story learns of a poll, under its stage's id. */
static json_object *result_patch(const struct model *m, int stage, int winner,
				 const char *why, const int64_t *counts)
{
	const struct show_poll *def = poll_of(m, stage);
	int64_t total;
	double margin;
	poll_winner(def, counts, &total, &margin);
	json_object *percent = json_object_new_object();
	for (size_t i = 0; i < def->option_count; i++)
		json_add_num(percent, def->options[i].id,
			     total ? (double)(counts[i] * 1000 / total) / 10
				   : 0);
	json_object *r = json_object_new_object();
	json_object *votes = json_object_new_object();
	for (size_t i = 0; i < def->option_count; i++)
		json_add_int(votes, def->options[i].id, counts[i]);
	json_add_str(r, "winner", def->options[winner].id);
	json_add_str(r, "label", def->options[winner].label);
	json_add_str(r, "why", why);
	json_add_int(r, "total", total);
	json_add_num(r, "margin", (double)(int64_t)(margin * 1000) / 1000);
	json_add(r, "votes", &votes);
	json_add(r, "percent", &percent);
	if (def->options[winner].requires_extra)
		json_add_int(r, "requires_extra",
			     def->options[winner].requires_extra);
	json_object *patch = json_object_new_object();
	json_add(patch, m->show->stages[stage].id, &r);
	return patch;
}

static void resolve(struct deciding *d, int stage, int winner, const char *why,
		    const int64_t *counts)
{
	const struct show_poll *def = poll_of(d->m, stage);
	json_object *patch = result_patch(d->m, stage, winner, why, counts);
	json_object *r = json_get(patch, d->m->show->stages[stage].id);
	struct json_out *data = decide_data(d);
	json_add_str(data, "winner", def->options[winner].id);
	json_add_str(data, "why", why);
	add_counts(data, def, counts);
	json_add_int(data, "total", json_get_int(r, "total", 0));
	json_add_num(data, "margin", json_get_num(r, "margin", 0));
	emit(d, EVENT_POLL_RESOLVE, stage, -1, &data);
	stages_complete(d, stage, -1, &patch);
}

static void extend(struct deciding *d, int stage, int64_t ms, bool counted,
		   const char *why)
{
	const struct poll_run *p = d->m->stages[stage].poll;
	bool was_open = is_open(p);
	int64_t from = was_open && p->deadline_ms > d->in->now_ms
			       ? p->deadline_ms
			       : d->in->now_ms;
	struct json_out *data = decide_data(d);
	json_add_str(data, "why", why);
	json_add_bool(data, "counted", counted);
	json_add_int(data, "deadline", from + ms);
	emit(d, EVENT_POLL_EXTEND, stage, -1, &data);
	if (!was_open && !p->frozen)
		poll_effect(d, EFFECT_POLL_OPEN, stage);
}

static void ask(struct deciding *d, int stage, const int64_t *counts)
{
	struct json_out *data = json_out_new();
	json_add_bool(data, "asks", true);
	add_counts(data, poll_of(d->m, stage), counts);
	emit(d, EVENT_POLL_CLOSE, stage, -1, &data);
}

/* Nobody won by the rule: extend, take the default, or ask. */
static void undecided(struct deciding *d, int stage, const int64_t *counts)
{
	const struct show_poll *def = poll_of(d->m, stage);
	const struct poll_run *p = d->m->stages[stage].poll;
	if (def->undecided == UNDECIDED_EXTEND &&
	    p->extensions < def->max_extensions) {
		extend(d, stage, def->extend_ms, true, "undecided");
		return;
	}
	bool fallback =
		def->default_option >= 0 &&
		(def->undecided != UNDECIDED_ASK || !d->m->run.attended);
	if (fallback) {
		resolve(d, stage, def->default_option, "default", counts);
	} else if (d->m->run.attended) {
		ask(d, stage, counts);
	} else { /* no default and nobody to ask: who leads, else the first */
		int lead = 0;
		for (size_t i = 1; i < def->option_count; i++)
			if (counts[i] > counts[lead])
				lead = (int)i;
		resolve(d, stage, lead, "unattended", counts);
	}
}

void polls_tally(struct deciding *d)
{
	const struct input *in = d->in;
	int stage = show_find_stage(d->m->show, in->stage);
	struct poll_run *p = stage < 0 ? NULL : d->m->stages[stage].poll;
	if (!p || p->state != POLL_CLOSED)
		return;
	/* It was opened again since, and closed again: votes are missing. */
	if (in->attempt && in->attempt != p->closes)
		return;
	const struct show_poll *def = poll_of(d->m, stage);
	int64_t *counts = xcalloc(def->option_count, sizeof *counts);
	for (size_t i = 0; i < def->option_count && i < (size_t)in->count_count;
	     i++)
		counts[i] = in->counts[i];
	int64_t total;
	double margin;
	int winner = poll_winner(def, counts, &total, &margin);
	if (winner >= 0)
		resolve(d, stage, winner, "majority", counts);
	else
		undecided(d, stage, counts);
	free(counts);
}

static void effect_for_open(struct deciding *d, enum effect_kind kind)
{
	for (size_t i = 0; i < d->m->show->stage_count; i++) {
		const struct poll_run *p = d->m->stages[i].poll;
		if (p && is_open(p))
			poll_effect(d, kind, (int)i);
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

void polls_void(struct deciding *d, int stage)
{
	struct json_out *data = decide_data(d);
	emit(d, EVENT_POLL_VOID, stage, -1, &data);
	poll_effect(d, EFFECT_POLL_FREEZE, stage);
}

bool polls_answer(struct deciding *d, int stage, const char *choice)
{
	const struct show_poll *def = poll_of(d->m, stage);
	const struct poll_run *p = d->m->stages[stage].poll;
	if (strcmp(choice, "extend") == 0) {
		extend(d, stage, def->extend_ms, false, "operator");
		answer(d, "extended");
		return true;
	}
	int option = show_find_option(def, choice);
	if (option < 0)
		return refuse(d, "bad_choice", "`%s` is none of the options",
			      choice);
	int64_t *counts = xcalloc(def->option_count, sizeof *counts);
	memcpy(counts, p->counts, def->option_count * sizeof *counts);
	resolve(d, stage, option, "operator", counts);
	free(counts);
	answer(d, "%s it is", def->options[option].label);
	return true;
}

/* --- by hand ------------------------------------------------------------ */

bool polls_command(struct deciding *d, int stage, enum action_id what,
		   const char *arg)
{
	const struct poll_run *p = d->m->stages[stage].poll;
	const struct show_poll *def = poll_of(d->m, stage);
	const char *id = d->m->show->stages[stage].id;
	if (!p || !(is_open(p) || p->state == POLL_CLOSED))
		return refuse(d, "refused", "%s is no open poll", id);
	if (what == ACTION_POLL_VOID) {
		stages_skip(d, stage, "operator", "poll voided");
		answer(d, "poll %s is void", id);
	} else if (what == ACTION_POLL_CLOSE) {
		if (!is_open(p))
			return refuse(d, "refused", "%s is closed already", id);
		close_poll(d, stage);
		answer(d, "poll %s is closed", id);
	} else {
		long long ms = arg ? text_read_ms(arg) : def->extend_ms;
		if (arg && (ms < EXTEND_MS_LEAST || ms > EXTEND_MS_MOST)) {
			char *shown = text_clean_str(arg, 40);
			refuse(d, "bad_amount",
			       "`%s` is no time from 1s to 1h: 30s, 5m, or a "
			       "number of ms",
			       shown);
			free(shown);
			return false;
		}
		if (p->frozen)
			return refuse(d, "refused", "polls are frozen: resume");
		extend(d, stage, ms, false, "operator");
		answer(d, "poll %s has %lld s more", id, ms / 1000);
	}
	return true;
}
