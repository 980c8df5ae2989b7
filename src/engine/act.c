#include "engine/conductor.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/live.h"
#include "jobs/check.h"

void engine_reply(struct engine *e, const struct origin *origin, bool ok,
		  const char *code, const char *text)
{
	switch (origin->kind) {
	case ORIGIN_BUS:
		writer_reply(e->writer, origin->id, ok, text ? text : "");
		break;
	case ORIGIN_WEB:
		if (e->net)
			net_reply(e->net, origin, ok,
				  code ? code
				  : ok ? "ok"
				       : "refused",
				  text);
		break;
	case ORIGIN_LOCAL:
		gateway_replied(e, origin, ok, text ? text : "");
		break;
	case ORIGIN_NONE:
		break;
	}
}

static void send_live(struct engine *e, const char *text)
{
	writer_publish(e->writer, text);
	if (e->net)
		net_live(e->net, text);
}

void engine_live(struct engine *e, const char *topic, json_object **message)
{
	json_object *o = *message;
	*message = NULL;
	json_add_str(o, "topic", topic);
	json_add_int(o, "at", engine_now_ms(e));
	if (strcmp(topic, LIVE_CORE) == 0 && writer_away_ms(e->writer))
		writer_publish_away(e->writer, json_text(o));
	send_live(e, json_text(o));
	json_object_put(o);
}

/* --- agents ------------------------------------------------------------ */

/* Names of the call, so that the core knows whose answer this is. */
static void post_answer(struct engine *e, const struct effect *call,
			struct input **input)
{
	struct input *in = *input;
	in->stage = xstrdup(e->show->stages[call->stage].id);
	in->agent = xstrdup(e->show->agents[call->agent].id);
	in->attempt = call->attempt;
	in->lease = xstrdup(call->lease);
	in->key = xstrdup(call->key);
	waiting_add(&e->local, input);
}

/* The agent that does nothing: its answer is decided in the next round of this
 * tick, without any thread in between. */
static void answer_noop(struct engine *e, const struct effect *call)
{
	const struct show_names *outputs =
		&e->show->stages[call->stage].outputs;
	struct input *in = input_new(INPUT_ANSWER);
	in->ok = true;
	in->reached = true;
	in->tokens_used = 0;
	if (outputs->count)
		in->result = json_object_new_object();
	for (size_t i = 0; i < outputs->count; i++)
		json_add_str(in->result, outputs->items[i], "noop");
	post_answer(e, call, &in);
}

static void answer_error(struct engine *e, const struct effect *call,
			 const char *code, const char *text)
{
	struct input *in = input_agent_error(code, text, false);
	post_answer(e, call, &in);
}

static void call_outside(struct engine *e, const struct effect *call)
{
	const struct show_agent *agent = &e->show->agents[call->agent];
	char *more = agent->via == VIA_LLM ? NULL : gateway_request(e, call);
	const char *text = more ? more : call->text;
	switch (agent->via) {
	case VIA_HTTP:
	case VIA_LLM:
	case VIA_EXEC:
	case VIA_MCP:
		if (!pool_call(e->pool, call->stage, call->agent, call->attempt,
			       call->key, call->lease, call->lease_tokens,
			       call->limit_ms, text))
			answer_error(e, call, "busy",
				     "the queue of calls is full");
		break;
	case VIA_BUS:
		writer_bus_call(e->writer, agent->id, call->key, text);
		break;
	case VIA_NOOP:
		break;
	}
	free(more);
}

static void act_call(struct engine *e, const struct effect *call,
		     int64_t now_ms)
{
	if (e->show->agents[call->agent].via == VIA_NOOP)
		answer_noop(e, call);
	else if (e->rehearse)
		rehearse_call(e->rehearse, call, now_ms);
	else
		call_outside(e, call);
}

static void act_cancel(struct engine *e, const struct effect *effect)
{
	if (e->rehearse)
		rehearse_cancel_call(e->rehearse, effect->key, effect->agent);
	else
		pool_cancel_call(e->pool, effect->key, effect->agent);
}

/* A rehearsed agent asks for nothing. */
static void act_stand(struct engine *e, const struct effect *effect)
{
	if (!e->rehearse)
		pool_stand_call(e->pool, effect->key, effect->agent,
				effect->flag);
}

/* --- polls, OBS, checks ------------------------------------------------ */

static const char *poll_name(const struct engine *e,
			     const struct effect *effect)
{
	return e->show->stages[effect->stage].id;
}

static void act_poll_open(struct engine *e, const struct effect *effect,
			  int64_t now_ms)
{
	writer_poll_open(e->writer, poll_name(e, effect));
	if (!e->m->stages[effect->stage].poll->burst_count && e->bursts)
		bursts_forget(e->bursts, effect->stage);
	if (e->rehearse)
		rehearse_poll_open(e->rehearse, effect->stage,
				   poll_def(e->m, effect->stage), now_ms);
	tally_look(e, effect->stage);
}

static void act_poll_freeze(struct engine *e, const struct effect *effect)
{
	writer_poll_freeze(e->writer, poll_name(e, effect));
	if (e->rehearse)
		rehearse_poll_close(e->rehearse, effect->stage);
}

static void act_poll_count(struct engine *e, const struct effect *effect)
{
	if (e->rehearse)
		rehearse_poll_close(e->rehearse, effect->stage);
	tally_count(e, effect->stage, effect->attempt);
}

static void act_obs(struct engine *e, const struct effect *effect,
		    int64_t now_ms)
{
	if (e->rehearse) {
		rehearse_obs(e->rehearse, effect->key, effect->name,
			     effect->text, now_ms);
	} else if (e->net) {
		net_obs(e->net, effect->key, effect->name, effect->text);
	} else {
		struct input *in = input_new(INPUT_OBS_DONE);
		in->id = xstrdup(effect->key);
		in->text = xstrdup("OBS is off in this run");
		waiting_add(&e->local, &in);
	}
}

static void act_check(struct engine *e, const struct effect *effect)
{
	if (pool_check(e->pool, effect->check))
		return;
	struct input *in = input_new(INPUT_CHECK);
	in->check.check = effect->check;
	in->check.text = xstrdup("not run: the queue of calls is full");
	waiting_add(&e->local, &in);
}

/* What a check calls on the bus, and what is answered there to a call of a
 * check, even too late: no stage has asked for that. */
bool engine_check_is_for(const struct input *in)
{
	static const char run[] = CHECK_RUN "/";
	if (in->kind == INPUT_CHECK_CALL)
		return true;
	return in->kind == INPUT_ANSWER && in->entry &&
	       ((in->key && strncmp(in->key, run, sizeof run - 1) == 0) ||
		(in->stage && strcmp(in->stage, CHECK_RUN) == 0));
}

void engine_check_take(struct engine *e, struct input **input)
{
	struct input *in = *input;
	if (in->kind == INPUT_CHECK_CALL) {
		writer_bus_call(e->writer, in->agent, in->key, in->text);
	} else {
		writer_ack(e->writer, in->stream, in->entry);
		if (!pool_answer_check(e->pool, input))
			log_info("engine", "%s answers a check that is over",
				 in->agent ? in->agent : "an agent");
	}
	if (*input)
		input_free(input);
}

static void act_bell(struct engine *e, const struct effect *effect)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "text", effect->text);
	engine_live(e, LIVE_BELL, &o);
}

static void act_run_over(struct engine *e, bool ok)
{
	if (e->settings->run_us)
		*e->settings->run_us = clock_mono_us() - e->run_began_us;
	log_info("engine", "run %s is %s", e->m->run.id,
		 run_state_name(e->m->run.state));
	if (e->settings->exit_when_done)
		engine_end(e, ok ? END_RUN_DONE : END_RUN_FAILED, NULL);
}

void engine_act(struct engine *e, struct effect *effect, int64_t now_ms)
{
	switch (effect->kind) {
	case EFFECT_CALL:
		act_call(e, effect, now_ms);
		break;
	case EFFECT_CANCEL_CALL:
		act_cancel(e, effect);
		break;
	case EFFECT_STAND_CALL:
		act_stand(e, effect);
		break;
	case EFFECT_POLL_OPEN:
		act_poll_open(e, effect, now_ms);
		break;
	case EFFECT_POLL_FREEZE:
		act_poll_freeze(e, effect);
		break;
	case EFFECT_POLL_COUNT:
		act_poll_count(e, effect);
		break;
	case EFFECT_POLL_LOOK:
		tally_look(e, effect->stage);
		break;
	case EFFECT_POLL_BURST:
		tally_burst(e, effect);
		break;
	case EFFECT_VOTE:
		tally_vote(e, effect);
		break;
	case EFFECT_OBS:
		act_obs(e, effect, now_ms);
		break;
	case EFFECT_CHECK:
		act_check(e, effect);
		break;
	case EFFECT_CHECK_KEEP:
		writer_keep_check(
			e->writer, e->show->checks[effect->check].card,
			e->show->checks[effect->check].name, effect->text);
		break;
	case EFFECT_REPLY:
		engine_reply(e, &effect->origin, effect->ok, effect->name,
			     effect->text);
		break;
	case EFFECT_LIVE:
		if (effect->name && strcmp(effect->name, LIVE_METERS) == 0)
			writer_publish_meters(e->writer, effect->text);
		else
			send_live(e, effect->text);
		break;
	case EFFECT_BELL:
		act_bell(e, effect);
		break;
	case EFFECT_ALERT:
		alerts_tell(&e->alerts, e, effect->name, effect->text);
		break;
	case EFFECT_RUN_OVER:
		act_run_over(e, effect->ok);
		break;
	}
}
