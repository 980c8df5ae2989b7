/* run: how a run begins, pauses, resumes and ends. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decide.h"

void run_begin(struct deciding *d)
{
	const struct input *in = d->in;
	struct json_out *data = json_out_new();
	json_add_str(data, "show", d->m->show->id);
	json_add_str(data, "hash", d->m->show->hash);
	json_add_bool(data, "rehearsal", in->rehearsal);
	json_add_bool(data, "attended", in->attended);
	emit(d, EVENT_RUN_START, -1, -1, &data);
	kill_tell(d); /* a new run clears the alarms, not the switch */
	chat_again(d);
}

/* The model came from the log: whatever was in flight is asked for again, under
 * the same keys, so that whoever has done it already can say so. */
void run_resumed(struct deciding *d)
{
	struct model *m = d->m;
	for (size_t i = 0; i < m->show->stage_count; i++) {
		if (m->stages[i].state != STAGE_RUNNING)
			continue;
		if (m->stages[i].poll)
			polls_again(d, (int)i);
		else
			proposals_again(d, (int)i);
	}
	for (size_t i = m->show->stage_count; i < show_poll_places(m->show);
	     i++)
		polls_again(d, (int)i);
	for (size_t i = 0; i < m->show->check_count; i++) /* asked again */
		if (m->checks[i].state == CHECK_RUNNING)
			effect_add(d, EFFECT_CHECK)->check = (int)i;
	obs_again(d);
}

static void run_over(struct deciding *d, bool ok)
{
	effect_add(d, EFFECT_RUN_OVER)->ok = ok;
}

static const char *first_failure(const struct model *m)
{
	for (size_t i = 0; i < m->show->stage_count; i++)
		if (m->stages[i].state == STAGE_FAILED &&
		    m->stages[i].outcome == OUTCOME_BROKEN)
			return m->show->stages[i].id;
	return NULL;
}

void run_finish_if_over(struct deciding *d)
{
	struct model *m = d->m;
	if (m->open_stages ||
	    (m->run.state != RUN_RUNNING && m->run.state != RUN_PAUSED))
		return;
	const char *failed = first_failure(m);
	struct json_out *data = json_out_new();
	json_add_str(data, "state", failed ? "failed" : "done");
	if (failed) {
		char *why = xasprintf("%s failed", failed);
		json_add_str(data, "why", why);
		free(why);
	}
	polls_end_own(d);
	emit(d, EVENT_RUN_COMPLETE, -1, -1, &data);
	run_over(d, failed == NULL);
}

static void drop_all_work(struct deciding *d)
{
	for (size_t i = 0; i < d->m->show->stage_count; i++) {
		if (d->m->stages[i].state != STAGE_RUNNING &&
		    !poll_waits_for_price(d->m, (int)i))
			continue;
		polls_end(d, (int)i);
		stages_drop_work(d, (int)i);
	}
}

void run_fail(struct deciding *d, const char *why)
{
	struct json_out *data = decide_data(d);
	drop_all_work(d);
	json_add_str(data, "state", "failed");
	json_add_str(data, "why", why);
	polls_end_own(d);
	emit(d, EVENT_RUN_COMPLETE, -1, -1, &data);
	run_over(d, false);
}

bool run_cancel(struct deciding *d)
{
	struct json_out *data = decide_data(d);
	drop_all_work(d);
	polls_end_own(d);
	emit(d, EVENT_RUN_CANCEL, -1, -1, &data);
	run_over(d, false);
	answer(d, "the run is cancelled");
	return true;
}

bool run_pause(struct deciding *d)
{
	if (d->m->run.state != RUN_RUNNING)
		return refuse(d, "refused", "the run is %s",
			      run_state_name(d->m->run.state));
	struct json_out *data = decide_data(d);
	emit(d, EVENT_RUN_PAUSE, -1, -1, &data);
	answer(d, "paused: what runs goes on, nothing new starts");
	return true;
}

bool run_resume(struct deciding *d)
{
	if (d->m->run.state != RUN_PAUSED)
		return refuse(d, "refused", "the run is %s",
			      run_state_name(d->m->run.state));
	bool thaw = d->m->run.panic;
	struct json_out *data = decide_data(d);
	emit(d, EVENT_RUN_RESUME, -1, -1, &data);
	if (thaw) {
		polls_thaw_all(d);
		obs_panic_over(d);
	}
	answer(d, "resumed");
	return true;
}

/* Stops every call in flight. The attempts do not count as failures, and are
 * made again after the run is resumed. */
static size_t halt_calls(struct deciding *d)
{
	struct model *m = d->m;
	size_t halted = 0;
	for (size_t i = 0; i < m->show->stage_count; i++) {
		if (m->stages[i].state != STAGE_RUNNING || m->stages[i].poll)
			continue;
		stages_drop_work(d, (int)i);
		struct json_out *data = json_out_new();
		json_add_int(data, "attempt", m->stages[i].attempt);
		json_add_str(data, "code", "halted");
		json_add_str(data, "message", "stopped by panic");
		json_add_bool(data, "halted", true);
		json_add_int(data, "retry_at", d->in->now_ms + 1);
		emit(d, EVENT_STAGE_ERROR, (int)i, -1, &data);
		halted++;
	}
	return halted;
}

/* The stream may go on when the run does not: the picture is still ours. */
static bool panic_without_run(struct deciding *d, const char *scene)
{
	const struct model *m = d->m;
	if (!scene || !m->obs.facts.connected)
		return refuse(d, "refused", "the run is %s%s",
			      run_state_name(m->run.state),
			      scene ? ", and OBS is NOT connected: switch the "
				      "scene there"
				    : "");
	const char *reached = obs_panic(d);
	answer(d, "PANIC: %s; the run is %s", reached,
	       run_state_name(m->run.state));
	return true;
}

bool run_panic(struct deciding *d, bool all)
{
	struct model *m = d->m;
	if (m->run.state != RUN_RUNNING && m->run.state != RUN_PAUSED)
		return panic_without_run(d, m->show->obs.safe_scene);
	if (!m->run.panic) {
		struct json_out *data = decide_data(d);
		json_add_bool(data, "panic", true);
		/* The effect names the polls that are still open. */
		polls_freeze_all(d);
		emit(d, EVENT_RUN_PAUSE, -1, -1, &data);
	}
	/* With every press: the first may have been for nothing. */
	const char *reached = obs_panic(d);
	size_t halted = all ? halt_calls(d) : 0;
	if (all)
		answer(d, "PANIC: %zu calls stopped, run paused; %s", halted,
		       reached);
	else
		answer(d, "PANIC: run paused, polls frozen; %s", reached);
	return true;
}
