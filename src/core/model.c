#include "core/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decide.h"
#include "core/poll_own.h"

static const char *const run_names[] = {
	"none", "created", "running", "paused", "done", "failed", "cancelled",
};

const char *run_state_name(enum run_state state)
{
	return run_names[state];
}

bool run_is_over(enum run_state state)
{
	return state == RUN_DONE || state == RUN_FAILED ||
	       state == RUN_CANCELLED;
}

static struct poll_run *new_poll(size_t options)
{
	struct poll_run *p = xcalloc(1, sizeof *p);
	p->counts = xcalloc(options, sizeof *p->counts);
	return p;
}

static void free_poll(struct poll_run *p)
{
	if (!p)
		return;
	poll_own_free(&p->own);
	free(p->counts);
	free(p->bursts);
	free(p->why);
	free(p);
}

static void new_stages(struct model *m)
{
	size_t n = m->show->stage_count;
	size_t calls = 0;
	for (size_t i = 0; i < n; i++)
		calls += m->show->stages[i].agent_count;
	m->stages = xcalloc(show_poll_places(m->show), sizeof *m->stages);
	m->calls = xcalloc(calls + 1, sizeof *m->calls);
	struct call *next = m->calls;
	for (size_t i = 0; i < n; i++) {
		const struct show_stage *def = &m->show->stages[i];
		struct stage_run *s = &m->stages[i];
		s->calls = next;
		next += def->agent_count;
		if (def->poll)
			s->poll = new_poll(def->poll->option_count);
	}
	for (size_t i = n; i < show_poll_places(m->show); i++)
		m->stages[i].poll = new_poll(SHOW_MAX_OPTIONS);
}

struct model *model_new(const struct show *show)
{
	struct model *m = xcalloc(1, sizeof *m);
	/* The reference count is the one thing of a show that changes. */
	m->show = show_ref((struct show *)(uintptr_t)show);
	new_stages(m);
	m->agent_calls = xcalloc(show->agent_count + 1, sizeof(int));
	m->checks = xcalloc(show->check_count + 1, sizeof *m->checks);
	m->ready = xcalloc(show->stage_count + 1, sizeof(int));
	ledger_init(m);
	m->usage.stages =
		xcalloc(show->stage_count + 1, sizeof *m->usage.stages);
	m->commands = xcalloc(COMMANDS_REMEMBERED, sizeof *m->commands);
	m->killed = xcalloc(show->agent_count + 1, sizeof *m->killed);
	m->rule_off = xcalloc(show->rule_count + 1, sizeof *m->rule_off);
	rules_reset(m);
	m->late = xcalloc(LATE_MAX, sizeof *m->late);
	timers_init(&m->timers);
	story_init(&m->story);
	stages_reset(m);
	ledger_reset(m);
	m->poll = -1;
	return m;
}

static void free_stages(struct model *m)
{
	for (size_t i = 0; i < m->show->stage_count; i++) {
		struct stage_run *s = &m->stages[i];
		stages_forget_calls(m, (int)i);
		free(s->error);
		free(s->last_error);
		free(s->why);
		free_poll(s->poll);
	}
	for (size_t i = m->show->stage_count; i < show_poll_places(m->show);
	     i++)
		free_poll(m->stages[i].poll);
	free(m->calls);
	free(m->stages);
}

static void obs_state_release(struct obs_state *o)
{
	obs_facts_release(&o->facts);
	free(o->hold.why);
	free(o->hold.missed);
	for (size_t i = 0; i < OBS_MAX_PENDING; i++)
		free(o->pending[i].text);
	free(o->last_error);
	free(o->last_done);
}

void model_free(struct model **model)
{
	struct model *m = *model;
	*model = NULL;
	if (!m)
		return;
	inbox_reset(m);
	free(m->inbox.items);
	ledger_release(m);
	free(m->inbox.slots);
	raises_clear(m);
	free(m->raises);
	free_stages(m);
	for (size_t i = 0; i < m->show->check_count; i++)
		free(m->checks[i].text);
	free(m->checks);
	for (size_t i = 0; i < m->alarm_count; i++) {
		free(m->alarms[i].id);
		free(m->alarms[i].text);
		free(m->alarms[i].ack_reason);
	}
	free(m->alarms);
	late_free(m);
	free(m->killed);
	free(m->rule_off);
	free(m->chat.error);
	obs_state_release(&m->obs);
	free(m->usage.stages);
	free(m->agent_calls);
	free(m->ready);
	free(m->commands);
	free(m->run.why);
	timers_release(&m->timers);
	story_release(&m->story);
	struct show *show = (struct show *)(uintptr_t)m->show;
	show_unref(&show);
	free(m);
}

static void start_run(struct model *m, const struct event *e)
{
	free(m->run.why);
	m->run = (struct run){
		.state = RUN_RUNNING,
		.rehearsal = event_bool(e, "rehearsal", false),
		.attended = event_bool(e, "attended", true),
		.first_seq = m->seq,
		.started_ms = e->at_ms,
	};
	strncpy(m->run.id, e->run, sizeof m->run.id - 1);
	story_clear(&m->story);
	inbox_reset(m);
	timers_clear(&m->timers);
	ledger_reset(m);
	stages_reset(m);
	m->polls_opened = m->poll_opened_ms = 0;
	m->poll = -1;
}

static void end_run(struct model *m, const struct event *e,
		    enum run_state state)
{
	m->run.state = state;
	m->run.panic = false;
	m->run.ended_ms = e->at_ms;
	free(m->run.why);
	const char *why = event_str(e, "why", NULL);
	m->run.why = xstrdup(why ? why : event_str(e, "reason", NULL));
}

static void run_apply(struct model *m, const struct event *e)
{
	switch (e->type) {
	case EVENT_RUN_START:
		start_run(m, e);
		break;
	case EVENT_RUN_PAUSE:
		m->run.state = RUN_PAUSED;
		if (event_bool(e, "panic", false))
			m->run.panic = true;
		break;
	case EVENT_RUN_RESUME:
		m->run.state = RUN_RUNNING;
		m->run.panic = false;
		break;
	case EVENT_RUN_COMPLETE:
		end_run(m, e,
			strcmp(event_str(e, "state", ""), "done") == 0
				? RUN_DONE
				: RUN_FAILED);
		break;
	case EVENT_RUN_CANCEL:
		end_run(m, e, RUN_CANCELLED);
		break;
	case EVENT_STAGE_RESET:
		if (run_is_over(m->run.state)) { /* it goes on */
			free(m->run.why);
			m->run.why = NULL;
			m->run.state = RUN_RUNNING;
			m->run.ended_ms = 0;
		}
		break;
	case EVENT_LEADER_TAKE:
		m->leader.epoch = event_int(e, "epoch", 0);
		m->leader.pid = (int)event_int(e, "pid", 0);
		m->leader.at_ms = e->at_ms;
		strncpy(m->leader.host, event_str(e, "host", ""),
			sizeof m->leader.host - 1);
		break;
	default:
		break;
	}
}

/* A command that made an event is remembered, so that the same entry of the
 * bus, delivered again after a crash, is not done twice. */
static void remember_command(struct model *m, const struct event *e)
{
	const char *id = event_str(e, "cmd", NULL);
	if (!id)
		return;
	command_remember(m, m->command_next++ % COMMANDS_REMEMBERED, id);
}

void model_apply(struct model *m, const struct event *e)
{
	REQUIRE(e->seq == 0 || e->seq == m->seq + 1);
	m->seq++;
	m->at_ms = e->at_ms;
	int stage = *e->stage ? show_find_stage(m->show, e->stage) : -1;
	int agent = *e->agent ? show_find_agent(m->show, e->agent) : -1;
	if (!numbers_take(m, e))
		return;
	run_apply(m, e);
	raises_follow(m, e, stage, agent);
	ledger_apply(m, e, stage, agent);
	proposals_apply(m, e, stage, agent);
	late_apply(m, e, stage, agent);
	kill_apply(m, e, stage, agent);
	if (event_patches_story(e->type))
		story_patch(&m->story, event_patch(e));
	/* Before stages: the inbox looks at the state that asks. After budget:
	 * its text tells what is left. */
	polls_apply(m, e, stage, agent);
	stages_apply(m, e, stage, agent);
	if (e->type == EVENT_STAGE_RESET)
		reset_apply(m, e);
	leases_apply(m, e, stage, agent);
	raises_apply(m, e, stage, agent);
	warn_apply(m, e, stage, agent);
	inbox_apply(m, e, stage, agent);
	checks_apply(m, e, stage, agent);
	preflight_apply(m, e, stage, agent);
	alarms_apply(m, e, stage, agent);
	obs_apply(m, e, stage, agent);
	chat_apply(m, e, stage, agent);
	rules_apply(m, e, stage, agent);
	switches_apply(m, e, stage, agent);
	usage_apply(m, e, stage, agent);
	remember_command(m, e);
}
