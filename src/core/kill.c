/* kill: the switch that takes the agents out of the show. Its calls end at
 * once, its leases are revoked, and nothing is leased to it until it is
 * revived. What it was doing does not count as a failure: the stage waits for
 * it, or, where nobody is there to revive it, fails as its on_failure says. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

#define ALARM "killed"
#define NAMED 4

/* --- folding -------------------------------------------------------------- */

void kill_apply(struct model *m, const struct event *e, int stage, int agent)
{
	(void)stage;
	bool kills = e->type == EVENT_AGENT_KILL;
	if (!kills && e->type != EVENT_AGENT_REVIVE)
		return;
	for (size_t i = 0; i < m->show->agent_count; i++)
		if (!*e->agent || (int)i == agent)
			m->killed[i] = kills;
	m->ready_tried = 0;
}

int stage_killed_agent(const struct model *m, int stage)
{
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++)
		if (m->killed[stage_agent(m, stage, k)])
			return stage_agent(m, stage, k);
	return -1;
}

/* --- deciding ------------------------------------------------------------- */

/* One alarm for all of them, as long as there is one. */
void kill_tell(struct deciding *d)
{
	const struct show *show = d->m->show;
	struct buf b = {0};
	size_t n = 0;
	for (size_t i = 0; i < show->agent_count; i++)
		if (d->m->killed[i] && n++ < NAMED)
			buf_addf(&b, "%s%s", n > 1 ? ", " : "",
				 show->agents[i].id);
	if (n > NAMED)
		buf_addf(&b, " and %zu more", n - NAMED);
	char *text = xconcat(n == show->agent_count && n > 1 ? "all agents"
							     : buf_str(&b),
			     n == 1 ? " is" : " are",
			     " killed: no tokens until `: revive`", NULL);
	if (n)
		alarm_raise(d, ALARM, text);
	else
		alarm_clear(d, ALARM);
	free(text);
	buf_release(&b);
}

static bool all_are_killed(const struct model *m, int stage)
{
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++) {
		const struct call *c = &m->stages[stage].calls[k];
		if (c->state != CALL_FAILED || !m->killed[c->agent])
			return false;
	}
	return true;
}

/* Nothing of the attempt is left: back to waiting, and it does not count. */
static void halt_stage(struct deciding *d, int stage, const char *text)
{
	if (!d->m->run.attended) {
		stages_fail_final(d, stage, "killed", text);
		return;
	}
	struct json_out *data = json_out_new();
	json_add_int(data, "attempt", d->m->stages[stage].attempt);
	json_add_str(data, "code", "killed");
	json_add_str(data, "message", text);
	json_add_bool(data, "halted", true);
	json_add_int(data, "retry_at", d->in->now_ms + 1);
	emit(d, EVENT_STAGE_ERROR, stage, -1, &data);
}

static size_t end_calls_of(struct deciding *d, int stage)
{
	struct model *m = d->m;
	size_t ended = 0;
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++) {
		const struct call *c = &m->stages[stage].calls[k];
		if (c->state != CALL_OUT || !m->killed[c->agent])
			continue;
		char *text = xasprintf("%s was killed",
				       m->show->agents[c->agent].id);
		stages_drop_call(d, stage, c->agent, "revoked");
		struct json_out *data = json_out_new();
		json_add_int(data, "attempt", m->stages[stage].attempt);
		json_add_str(data, "code", "killed");
		json_add_str(data, "message", text);
		emit(d, EVENT_STAGE_ERROR, stage, c->agent, &data);
		free(text);
		ended++;
	}
	if (!ended)
		return 0;
	if (all_are_killed(m, stage))
		halt_stage(d, stage, "its agents were killed");
	else
		proposals_settle(d, stage);
	return ended;
}

static int need_agent(struct deciding *d, const char *name)
{
	const struct show *show = d->m->show;
	int agent = show_find_agent(show, name);
	if (agent >= 0)
		return agent;
	const char **names = xcalloc(show->agent_count + 1, sizeof *names);
	for (size_t i = 0; i < show->agent_count; i++)
		names[i] = show->agents[i].id;
	const char *near = text_nearest(name, names);
	char *shown = text_clean_str(name, 64);
	refuse(d, "not_found",
	       near ? "no agent `%s`: did you mean `%s`?" : "no agent `%s`",
	       shown, near);
	free(shown);
	free(names);
	return -1;
}

static size_t count_killed(const struct model *m, int agent)
{
	size_t n = 0;
	for (size_t i = 0; i < m->show->agent_count; i++)
		n += m->killed[i] && (agent < 0 || (int)i == agent);
	return n;
}

bool kill_agents(struct deciding *d, const char *name)
{
	struct model *m = d->m;
	int agent = name ? need_agent(d, name) : -1;
	size_t ended = 0;
	if (name && agent < 0)
		return false;
	if (count_killed(m, agent) == (name ? 1 : m->show->agent_count))
		return refuse(d, "refused", "%s killed already",
			      name ? "it is" : "all agents are");
	struct json_out *data = decide_data(d);
	emit(d, EVENT_AGENT_KILL, -1, agent, &data);
	for (size_t i = 0; i < m->show->stage_count; i++)
		if (m->stages[i].state == STAGE_RUNNING && !m->stages[i].poll)
			ended += end_calls_of(d, (int)i);
	kill_tell(d);
	answer(d, "killed %s: %zu call%s stopped, the leases are revoked",
	       name ? m->show->agents[agent].id : "all agents", ended,
	       ended == 1 ? "" : "s");
	return true;
}

bool revive_agents(struct deciding *d, const char *name)
{
	struct model *m = d->m;
	int agent = name ? need_agent(d, name) : -1;
	if (name && agent < 0)
		return false;
	if (!count_killed(m, agent))
		return refuse(d, "refused", "%s not killed",
			      name ? "it is" : "they are");
	struct json_out *data = decide_data(d);
	emit(d, EVENT_AGENT_REVIVE, -1, agent, &data);
	kill_tell(d);
	answer(d, "revived %s",
	       name ? m->show->agents[agent].id : "all agents");
	return true;
}
