/* commands: what an operator asks, each refused with a reason or done. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

#define TEXT_BYTES 2000 /* of what an operator writes */

typedef bool command_fn(struct deciding *d, const char *const *args);

void command_remember(struct model *m, size_t at, const char *id)
{
	char *slot = m->commands[at];
	memset(slot, 0, sizeof *m->commands);
	strncpy(slot, id, sizeof *m->commands - 1);
	m->command_hashes[at] = (uint32_t)hash_fnv1a(slot);
}

static bool seen_before(const struct model *m, const char *id)
{
	uint32_t hash = id && *id ? (uint32_t)hash_fnv1a(id) : 0;
	for (size_t i = 0; hash && i < COMMANDS_REMEMBERED; i++)
		if (m->command_hashes[i] == hash &&
		    strcmp(m->commands[i], id) == 0)
			return true;
	return false;
}

/* The stage of that name, with its nearest name in the refusal. */
static int need_stage(struct deciding *d, const char *name)
{
	const struct show *show = d->m->show;
	int stage = show_find_stage(show, name);
	if (stage >= 0)
		return stage;
	const char **names = xcalloc(show->stage_count + 1, sizeof *names);
	for (size_t i = 0; i < show->stage_count; i++)
		names[i] = show->stages[i].id;
	const char *near = text_nearest(name, names);
	char *shown = text_clean_str(name, 64);
	if (near)
		refuse(d, "not_found", "no stage `%s`: did you mean `%s`?",
		       shown, near);
	else
		refuse(d, "not_found", "no stage `%s`", shown);
	free(shown);
	free(names);
	return -1;
}

static bool run_goes(struct deciding *d)
{
	enum run_state s = d->m->run.state;
	if (s == RUN_RUNNING || s == RUN_PAUSED)
		return true;
	return refuse(d, "refused", "the run is %s", run_state_name(s));
}

/* A stage of the show that is not settled, in a run that goes on. */
static int need_open_stage(struct deciding *d, const char *name)
{
	if (!run_goes(d))
		return -1;
	int stage = need_stage(d, name);
	if (stage < 0 || d->m->stages[stage].outcome == OUTCOME_OPEN)
		return stage;
	refuse(d, "refused", "%s is %s", d->m->show->stages[stage].id,
	       stage_state_name(d->m->stages[stage].state));
	return -1;
}

static bool refuse_move(struct deciding *d, int stage, enum stage_move move)
{
	return refuse(d, "refused", "cannot %s %s: it is %s",
		      stage_move_name(move), d->m->show->stages[stage].id,
		      stage_state_name(d->m->stages[stage].state));
}

static bool do_go(struct deciding *d, const char *const *args)
{
	if (!run_goes(d))
		return false;
	int stage = args[0] ? need_stage(d, args[0]) : stage_in_standby(d->m);
	if (stage < 0)
		return args[0] ? false
			       : refuse(d, "refused", "nothing is in standby");
	if (d->m->stages[stage].state != STAGE_STANDBY)
		return refuse_move(d, stage, MOVE_GO);
	if (d->m->run.state == RUN_PAUSED)
		return refuse(d, "refused",
			      "the run is paused: resume it first");
	if (d->m->show->stages[stage].preflight && !preflight_allows(d, "GO"))
		return false;
	struct json_out *data = decide_data(d);
	emit(d, EVENT_STAGE_GO, stage, -1, &data);
	answer(d, "GO: %s is released", d->m->show->stages[stage].id);
	return true;
}

static bool do_panic(struct deciding *d, const char *const *args)
{
	if (args[0] && strcmp(args[0], "all") != 0)
		return refuse(d, "usage", "usage: panic [all]");
	return run_panic(d, args[0] != NULL);
}

static bool do_approve(struct deciding *d, const char *const *args)
{
	return inbox_answer(d, args[0], "approve", args + 1, decide_by(d));
}

static bool do_deny(struct deciding *d, const char *const *args)
{
	static const char *const none[] = {NULL, NULL};
	return inbox_answer(d, args[0], "deny", none, decide_by(d));
}

static bool do_answer(struct deciding *d, const char *const *args)
{
	return inbox_answer(d, args[0], args[1], args + 2, decide_by(d));
}

static bool do_pause(struct deciding *d, const char *const *args)
{
	(void)args;
	return run_pause(d);
}

static bool do_resume(struct deciding *d, const char *const *args)
{
	(void)args;
	return run_resume(d);
}

static bool do_retry(struct deciding *d, const char *const *args)
{
	int stage = need_open_stage(d, args[0]);
	if (stage < 0)
		return false;
	if (stage_next(d->m->stages[stage].state, MOVE_RESET) < 0)
		return refuse_move(d, stage, MOVE_RESET);
	struct json_out *data = decide_data(d);
	json_add_str(data, "state", "waiting");
	json_add_bool(data, "fresh", true);
	emit(d, EVENT_STAGE_PROGRESS, stage, -1, &data);
	answer(d, "trying %s again", d->m->show->stages[stage].id);
	return true;
}

static bool do_skip(struct deciding *d, const char *const *args)
{
	int stage = need_open_stage(d, args[0]);
	if (stage < 0)
		return false;
	stages_skip(d, stage, "operator", NULL);
	answer(d, "skipped %s", d->m->show->stages[stage].id);
	return true;
}

static bool do_cancel(struct deciding *d, const char *const *args)
{
	int stage = need_open_stage(d, args[0]);
	if (stage < 0)
		return false;
	struct json_out *data = decide_data(d);
	json_add_int(data, "attempt", d->m->stages[stage].attempt);
	json_add_str(data, "code", "cancelled");
	json_add_bool(data, "cancelled", true);
	json_add_bool(data, "final", true);
	stages_drop_work(d, stage);
	emit(d, EVENT_STAGE_ERROR, stage, -1, &data);
	answer(d, "cancelled %s", d->m->show->stages[stage].id);
	return true;
}

static bool do_fail(struct deciding *d, const char *const *args)
{
	int stage = need_open_stage(d, args[0]);
	if (stage < 0)
		return false;
	if (d->m->stages[stage].state != STAGE_FAILED)
		return refuse_move(d, stage, MOVE_FAIL);
	char *why = xasprintf("%s failed", d->m->show->stages[stage].id);
	run_fail(d, why);
	answer(d, "the run fails: %s", why);
	free(why);
	return true;
}

static bool do_supply(struct deciding *d, const char *const *args)
{
	struct err err = {0};
	char why[160];
	int stage = need_open_stage(d, args[0]);
	if (stage < 0)
		return false;
	if (d->m->stages[stage].unmet || d->m->stages[stage].poll)
		return refuse(d, "refused", "%s %s", args[0],
			      d->m->stages[stage].poll
				      ? "is a poll: use poll-close or answer"
				      : "still waits for other stages");
	json_object *result = json_read_str(args[1], &json_limits_answer, &err);
	if (!result)
		return refuse(d, "bad_json", "the result is no JSON: %s",
			      err.text);
	json_clean(&result, EVENT_RESULT_BYTES);
	json_object *patch = NULL;
	if (strlen(json_text(result)) > EVENT_RESULT_BYTES)
		refuse(d, "too_large", "the result is too large");
	else if (!(patch = proposals_patch(d->m, stage, result, why,
					   sizeof why)))
		refuse(d, "bad_json", "%s", why);
	json_object_put(result);
	if (!patch)
		return false;
	stages_complete(d, stage, -1, &patch);
	answer(d, "%s is done by hand", args[0]);
	return true;
}

static bool do_rerun(struct deciding *d, const char *const *args)
{
	int stage = need_stage(d, args[0]);
	return stage >= 0 && reset_rerun(d, stage);
}

static bool do_rollback(struct deciding *d, const char *const *args)
{
	return reset_rollback(d, args[0]);
}

static bool do_cancel_run(struct deciding *d, const char *const *args)
{
	(void)args;
	return run_goes(d) && run_cancel(d);
}

static bool do_check(struct deciding *d, const char *const *args)
{
	return checks_run(d, args[0]);
}

static bool do_check_all(struct deciding *d, const char *const *args)
{
	(void)args;
	return checks_run(d, NULL);
}

static bool do_preflight(struct deciding *d, const char *const *args)
{
	(void)args;
	return preflight_run(d);
}

static bool do_override(struct deciding *d, const char *const *args)
{
	return preflight_override(d, args[0]);
}

static bool do_rule_off(struct deciding *d, const char *const *args)
{
	return rules_switch(d, true, args[0]);
}

static bool do_rule_on(struct deciding *d, const char *const *args)
{
	return rules_switch(d, false, args[0]);
}

static bool do_rules_hold(struct deciding *d, const char *const *args)
{
	return rules_hold(d, args[0]);
}

static bool do_rules_release(struct deciding *d, const char *const *args)
{
	(void)args;
	return rules_release(d);
}

static bool do_poll(struct deciding *d, const char *const *args)
{
	return run_goes(d) && polls_by_hand(d, args);
}

static bool do_poll_propose(struct deciding *d, const char *const *args)
{
	return run_goes(d) && polls_propose(d, args);
}

static bool do_poll_action(struct deciding *d, const char *const *args)
{
	int place = show_find_poll(d->m->show, args[0]);
	int stage = place >= (int)d->m->show->stage_count
			    ? (run_goes(d) ? place : -1)
			    : need_open_stage(d, args[0]);
	return stage >= 0 && polls_command(d, stage, d->in->action, args[1]);
}

static bool do_ack(struct deciding *d, const char *const *args)
{
	for (size_t i = 0; i < d->m->alarm_count; i++) {
		if (strcmp(d->m->alarms[i].id, args[0]) != 0)
			continue;
		char *reason =
			args[1] ? text_clean_str(args[1], TEXT_BYTES) : NULL;
		struct json_out *data =
			reason ? json_out_new() : decide_data(d);
		if (reason)
			json_add_str(data, "by", decide_by(d));
		json_add_str(data, "id", args[0]);
		json_add_str(data, "reason", reason);
		free(reason);
		emit(d, EVENT_ALARM_ACK, -1, -1, &data);
		answer(d, "acknowledged %s", args[0]);
		return true;
	}
	return refuse(d, "not_found", "no alarm `%s` is up", args[0]);
}

static bool do_note(struct deciding *d, const char *const *args)
{
	char *text = text_clean_str(args[0], TEXT_BYTES);
	bool says = text[strspn(text, " ")] != '\0';
	if (!says) {
		free(text);
		return refuse(d, "usage", "a note needs words");
	}
	struct json_out *data = decide_data(d);
	json_add_str(data, "text", text);
	free(text);
	emit(d, EVENT_NOTE, -1, -1, &data);
	answer(d, "noted");
	return true;
}

static bool do_lease(struct deciding *d, const char *const *args)
{
	if (!run_goes(d))
		return false;
	int stage = need_stage(d, args[0]);
	return stage >= 0 && leases_lease(d, stage, args[1], args[2]);
}

static bool do_lease_extend(struct deciding *d, const char *const *args)
{
	return leases_extend(d, args[0], args[1]);
}

static bool do_lease_settle(struct deciding *d, const char *const *args)
{
	return leases_settle(d, args[0], args[1], args[2]);
}

static bool do_lease_return(struct deciding *d, const char *const *args)
{
	return leases_return(d, args[0], args[1]);
}

static bool do_kill(struct deciding *d, const char *const *args)
{
	return kill_agents(d, args[0]);
}

static bool do_revive(struct deciding *d, const char *const *args)
{
	return revive_agents(d, args[0]);
}

static bool do_adopt(struct deciding *d, const char *const *args)
{
	return late_adopt(d, args[0]);
}

static bool do_discard(struct deciding *d, const char *const *args)
{
	return late_discard(d, args[0], args[1]);
}

static command_fn *const table[ACTIONS] = {
	[ACTION_GO] = do_go,
	[ACTION_PANIC] = do_panic,
	[ACTION_APPROVE] = do_approve,
	[ACTION_DENY] = do_deny,
	[ACTION_ANSWER] = do_answer,
	[ACTION_PAUSE] = do_pause,
	[ACTION_RESUME] = do_resume,
	[ACTION_RETRY] = do_retry,
	[ACTION_SKIP] = do_skip,
	[ACTION_CANCEL] = do_cancel,
	[ACTION_FAIL] = do_fail,
	[ACTION_SUPPLY] = do_supply,
	[ACTION_RERUN] = do_rerun,
	[ACTION_ROLLBACK] = do_rollback,
	[ACTION_CANCEL_RUN] = do_cancel_run,
	[ACTION_CHECK] = do_check,
	[ACTION_CHECK_ALL] = do_check_all,
	[ACTION_SCENE] = obs_act,
	[ACTION_PREVIEW] = obs_act,
	[ACTION_TAKE] = obs_act,
	[ACTION_STUDIO] = obs_act,
	[ACTION_STREAM] = obs_act,
	[ACTION_RECORD] = obs_act,
	[ACTION_REPLAY] = obs_act,
	[ACTION_HOTKEY] = obs_act,
	[ACTION_MACRO] = obs_act,
	[ACTION_MUTE] = obs_act,
	[ACTION_VOLUME] = obs_act,
	[ACTION_PROFILE] = obs_act,
	[ACTION_COLLECTION] = obs_act,
	[ACTION_TRANSITION] = obs_act,
	[ACTION_SCREENSHOT] = obs_act,
	[ACTION_OBS] = obs_act,
	[ACTION_PREFLIGHT] = do_preflight,
	[ACTION_OVERRIDE] = do_override,
	[ACTION_RULES_HOLD] = do_rules_hold,
	[ACTION_RULES_RELEASE] = do_rules_release,
	[ACTION_POLL] = do_poll,
	[ACTION_POLL_PROPOSE] = do_poll_propose,
	[ACTION_POLL_EXTEND] = do_poll_action,
	[ACTION_POLL_FREEZE] = do_poll_action,
	[ACTION_POLL_UNFREEZE] = do_poll_action,
	[ACTION_POLL_CLOSE] = do_poll_action,
	[ACTION_POLL_RESOLVE] = do_poll_action,
	[ACTION_POLL_VOID] = do_poll_action,
	[ACTION_POLL_EXCLUDE] = do_poll_action,
	[ACTION_POLL_INCLUDE] = do_poll_action,
	[ACTION_ACK] = do_ack,
	[ACTION_NOTE] = do_note,
	[ACTION_RULE_OFF] = do_rule_off,
	[ACTION_RULE_ON] = do_rule_on,
	[ACTION_KILL] = do_kill,
	[ACTION_REVIVE] = do_revive,
	[ACTION_ADOPT] = do_adopt,
	[ACTION_DISCARD] = do_discard,
	[ACTION_LEASE] = do_lease,
	[ACTION_LEASE_EXTEND] = do_lease_extend,
	[ACTION_LEASE_SETTLE] = do_lease_settle,
	[ACTION_LEASE_RETURN] = do_lease_return,
};

void commands_decide(struct deciding *d)
{
	const struct input *in = d->in;
	const struct action *a = &action_table[in->action];
	/* A lease's repeat gets the same answer, see leases.c. */
	bool repeats =
		in->action >= ACTION_LEASE && in->action <= ACTION_LEASE_RETURN;
	if (!repeats && seen_before(d->m, in->id)) {
		answer(d, "done already");
		return;
	}
	int given = 0;
	while (given < ACTION_MAX_ARGS && in->args[given])
		given++;
	if (!table[in->action])
		refuse(d, "usage", "%s is not for the core", a->name);
	else if (given < a->min_args || given > a->max_args)
		refuse(d, "usage", "usage: %s %s", a->name, a->args);
	else
		table[in->action](d, (const char *const *)in->args);
}
