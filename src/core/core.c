#include "core/core.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

/* --- what the concerns share -------------------------------------------- */

static const char *command_id(const struct deciding *d)
{
	bool command = d->in->kind == INPUT_COMMAND;
	return command && !d->noted ? d->in->id : NULL;
}

void emit(struct deciding *d, enum event_type type, int stage, int agent,
	  struct json_out **data)
{
	struct model *m = d->m;
	const struct show *show = m->show;
	const char *cmd = command_id(d);
	struct json_out *all = data && *data ? *data : json_out_new();
	if (data)
		*data = NULL;
	if (cmd) {
		json_add_str(all, "cmd", cmd);
		d->noted = true;
	}
	struct event *e =
		event_new(type, type == EVENT_RUN_START ? d->in->id : m->run.id,
			  stage >= 0 ? show->stages[stage].id : NULL,
			  agent >= 0 ? show->agents[agent].id : NULL,
			  d->in->now_ms, &all);
	e->seq = m->seq + 1;
	model_apply(m, e);
	struct decision *out = d->out;
	GROW(out->events, out->event_count, out->event_cap);
	out->events[out->event_count++] = e;
	rules_fire(d, type);
}

struct effect *effect_add(struct deciding *d, enum effect_kind kind)
{
	struct decision *out = d->out;
	GROW(out->effects, out->effect_count, out->effect_cap);
	struct effect *x = &out->effects[out->effect_count++];
	*x = (struct effect){.kind = kind,
			     .stage = -1,
			     .agent = -1,
			     .option = -1,
			     .check = -1};
	return x;
}

bool refuse(struct deciding *d, const char *code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(d->answer, sizeof d->answer, fmt, ap);
	va_end(ap);
	d->refused = true;
	d->code = code;
	return false;
}

void answer(struct deciding *d, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(d->answer, sizeof d->answer, fmt, ap);
	va_end(ap);
}

const char *decide_by(const struct deciding *d)
{
	return d->in->by ? d->in->by : "core";
}

struct json_out *decide_data(const struct deciding *d)
{
	return decide_data_by(d, d->in->kind == INPUT_COMMAND ? decide_by(d)
							      : NULL);
}

struct json_out *decide_data_by(const struct deciding *d, const char *by)
{
	struct json_out *data = json_out_new();
	json_add_str(data, "by", by);
	if (d->in->kind == INPUT_COMMAND)
		json_add_str(data, "reason", d->in->reason);
	return data;
}

void decide_add_deadline(const struct deciding *d, struct json_out *data)
{
	const struct model *m = d->m;
	if (m->run.attended)
		json_add_int(data, "deadline",
			     d->in->now_ms +
				     m->show->budget.approval_deadline_ms);
}

/* --- inputs ------------------------------------------------------------- */

static void lead(struct deciding *d)
{
	struct json_out *data = json_out_new();
	json_add_int(data, "epoch", d->in->epoch);
	json_add_str(data, "host", d->in->by);
	json_add_int(data, "pid", d->in->attempt);
	emit(d, EVENT_LEADER_TAKE, -1, -1, &data);
}

static void tick(struct deciding *d)
{
	const struct timer *t;
	while ((t = timers_first(&d->m->timers)) && t->at_ms <= d->in->now_ms) {
		struct timer due = *t;
		uint64_t seq = d->m->seq;
		switch (due.kind) {
		case TIMER_STAGE:
			stages_timer(d, due.index);
			break;
		case TIMER_INBOX:
			inbox_timer(d, due.index);
			break;
		case TIMER_POLL:
			polls_timer(d, due.index);
			break;
		case TIMER_RAISE:
			raise_timer(d, due.index);
			break;
		case TIMER_CHECK:
			checks_start(d, due.index);
			break;
		case TIMER_KINDS:
			break;
		}
		/* Each of them says something, and that moves the timer. */
		REQUIRE(d->m->seq > seq);
	}
}

static void progress(struct deciding *d)
{
	struct effect *x = effect_add(d, EFFECT_LIVE);
	x->name = xstrdup(d->in->agent);
	x->text = xstrdup(d->in->text ? d->in->text : "{}");
}

static void decide_one(struct deciding *d)
{
	switch (d->in->kind) {
	case INPUT_LEAD:
		lead(d);
		break;
	case INPUT_BEGIN:
		run_begin(d);
		break;
	case INPUT_RESUMED:
		run_resumed(d);
		break;
	case INPUT_TICK:
		tick(d);
		break;
	case INPUT_COMMAND:
		commands_decide(d);
		break;
	case INPUT_ANSWER:
		proposals_answer(d);
		break;
	case INPUT_USAGE:
		leases_use(d);
		break;
	case INPUT_PROGRESS:
		progress(d);
		break;
	case INPUT_VOTE:
		polls_vote(d);
		break;
	case INPUT_TALLY:
		polls_tally(d);
		break;
	case INPUT_BURST:
		polls_burst(d);
		break;
	case INPUT_OBS:
		obs_input(d);
		break;
	case INPUT_OBS_DONE:
		obs_done(d);
		break;
	case INPUT_CHAT:
		chat_input(d);
		break;
	case INPUT_CHECK:
		checks_result(d);
		break;
	case INPUT_ALARM:
		alarms_input(d);
		break;
	case INPUT_LEFT:
		asks_left(d);
		break;
	case INPUT_LLM:
	case INPUT_LLM_DONE:
	case INPUT_LLM_LEFT:
	case INPUT_ALERTED:
	case INPUT_CHECK_CALL:
		break; /* the engine's own */
	}
}

static void reply(struct deciding *d)
{
	const struct input *in = d->in;
	if (in->origin.kind == ORIGIN_NONE || d->replied)
		return;
	struct effect *x = effect_add(d, EFFECT_REPLY);
	x->origin = in->origin;
	x->ok = !d->refused;
	x->name = xstrdup(d->refused ? d->code : "ok");
	x->text = text_clean_str(d->answer, sizeof d->answer);
}

static void alert(struct deciding *d, const char *what, char *text)
{
	struct effect *x = effect_add(d, EFFECT_ALERT);
	x->name = xstrdup(what);
	x->text = text;
}

/* An alarm about an alert that cannot be sent would only be another one. */
static void alert_alarm(struct deciding *d, const struct event *e)
{
	const char *id = event_str(e, "id", "");
	if (strncmp(id, ALERT_ID, sizeof ALERT_ID - 1) == 0)
		return;
	if (e->type == EVENT_ALARM_RAISE)
		alert(d, ALERT_ALARM,
		      xconcat(id, ": ", event_str(e, "text", ""), NULL));
	else if (e->type == EVENT_ALARM_CLEAR)
		alert(d, ALERT_CLEAR, xstrdup(id));
}

/* Whoever is not at the screen is told what comes up in it. */
static void alerts(struct deciding *d, size_t first, size_t first_effect)
{
	if (!d->m->show->alert_count)
		return;
	for (size_t i = first; i < d->out->event_count; i++)
		alert_alarm(d, d->out->events[i]);
	size_t count = d->out->effect_count;
	for (size_t i = first_effect; i < count; i++)
		if (d->out->effects[i].kind == EFFECT_BELL)
			alert(d, ALERT_QUESTION,
			      xstrdup(d->out->effects[i].text));
}

/* What calls for a human is told once, when it begins to wait. */
static void bells(struct deciding *d, size_t first)
{
	struct usage_rest rest = {0};
	bool reckoned = false;
	for (size_t i = first; i < d->out->event_count; i++) {
		const struct event *e = d->out->events[i];
		if (e->type != EVENT_STAGE_PROGRESS &&
		    e->type != EVENT_STAGE_ERROR &&
		    e->type != EVENT_BUDGET_REQUEST &&
		    e->type != EVENT_POLL_PROPOSE &&
		    e->type != EVENT_POLL_BURST &&
		    e->type != EVENT_POLL_CLOSE)
			continue;
		bool standby =
			e->type == EVENT_STAGE_PROGRESS &&
			strcmp(event_str(e, "state", ""), "standby") == 0;
		char id[TEXT_INT_BYTES];
		const struct inbox_item *item = inbox_find(
			d->m, text_int(id, "i", (long long)e->seq));
		if (!standby && !item)
			continue;
		if (item && !reckoned)
			rest = usage_rest(d->m);
		reckoned = reckoned || item;
		struct effect *x = effect_add(d, EFFECT_BELL);
		x->text = item ? inbox_text(d->m, item, &rest)
			       : xconcat(e->stage, " waits for GO", NULL);
	}
}

void core_decide(struct model *m, const struct input *input,
		 struct decision *out)
{
	struct deciding d = {.m = m, .in = input, .out = out};
	size_t first = out->event_count, first_effect = out->effect_count;
	ledger_turn_day(&d);
	decide_one(&d);
	ledger_turn_day(&d); /* a run has just begun */
	stages_advance(&d);
	raises_settle(&d);
	warn_watch(&d);
	bells(&d, first);
	alerts(&d, first, first_effect);
	reply(&d);
}

int64_t core_next_deadline(const struct model *m)
{
	const struct timer *t = timers_first(&m->timers);
	return t ? t->at_ms : 0;
}

void decision_clear(struct decision *d)
{
	for (size_t i = 0; i < d->event_count; i++)
		event_free(&d->events[i]);
	for (size_t i = 0; i < d->effect_count; i++)
		effect_release(&d->effects[i]);
	d->event_count = d->effect_count = 0;
}

void decision_release(struct decision *d)
{
	decision_clear(d);
	free(d->events);
	free(d->effects);
	*d = (struct decision){0};
}
