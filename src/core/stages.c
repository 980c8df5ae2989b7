#include "core/stages.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

static const char *const state_names[STAGE_STATES] = {
	"waiting", "standby", "held",	"running", "backoff",
	"review",  "done",    "failed", "skipped", "cancelled",
};

static const char *const move_names[STAGE_MOVES] = {
	"standby",  "go",   "hold", "approve", "start", "back off",
	"complete", "fail", "skip", "cancel",  "reset", "run again",
};

const char *stage_state_name(enum stage_state state)
{
	return state_names[state];
}

const char *stage_move_name(enum stage_move move)
{
	return move_names[move];
}

#define W STAGE_WAITING
#define Y STAGE_STANDBY
#define H STAGE_HELD
#define R STAGE_RUNNING
#define B STAGE_BACKOFF
#define D STAGE_DONE
#define F STAGE_FAILED
#define S STAGE_SKIPPED
#define C STAGE_CANCELLED
#define X (-1)

/* clang-format off */
static const signed char next_state[STAGE_STATES][STAGE_MOVES] = {
	/*               standby go hold appr start backoff compl fail skip cancel reset again */
	[STAGE_WAITING]   = { Y, W,  H,   X,   R,    B,      D,    F,   S,   C,     X,    W },
	[STAGE_STANDBY]   = { X, W,  X,   X,   X,    X,      D,    X,   S,   C,     X,    W },
	[STAGE_HELD]      = { X, X,  X,   W,   X,    X,      D,    F,   S,   C,     X,    W },
	[STAGE_RUNNING]   = { X, X,  H,   X,   X,    B,      D,    F,   S,   C,     X,    W },
	[STAGE_BACKOFF]   = { X, X,  X,   X,   X,    X,      D,    F,   S,   C,     W,    W },
	[STAGE_REVIEW]    = { X, X,  X,   X,   X,    X,      D,    F,   S,   C,     W,    W },
	[STAGE_DONE]      = { X, X,  X,   X,   X,    X,      X,    X,   X,   X,     X,    W },
	[STAGE_FAILED]    = { X, X,  X,   X,   X,    X,      D,    F,   S,   C,     W,    W },
	[STAGE_SKIPPED]   = { X, X,  X,   X,   X,    X,      X,    X,   X,   X,     X,    W },
	[STAGE_CANCELLED] = { X, X,  X,   X,   X,    X,      X,    X,   X,   X,     X,    W },
};
/* clang-format on */

int stage_next(enum stage_state state, enum stage_move move)
{
	return next_state[state][move];
}

int stage_agent(const struct model *m, int stage, size_t k)
{
	return m->stages[stage].calls[k].agent;
}

/* --- folding ------------------------------------------------------------ */

static void push_ready(struct model *m, int stage)
{
	struct stage_run *s = &m->stages[stage];
	if (s->queued)
		return;
	s->queued = true;
	/* A stage stands here once at most, so the array never overflows: what
	 * is left of it is moved to the front when the end is reached. */
	if (m->ready_head + m->ready_count == m->show->stage_count) {
		memmove(m->ready, m->ready + m->ready_head,
			m->ready_count * sizeof *m->ready);
		m->ready_head = 0;
	}
	m->ready[m->ready_head + m->ready_count++] = stage;
}

static void drop_ready(struct model *m, int stage)
{
	if (!m->stages[stage].queued)
		return;
	m->stages[stage].queued = false;
	int *q = m->ready + m->ready_head;
	/* Mostly it is the first, or the one that is being tried. */
	size_t i = q[0] == stage ? 0 : m->ready_tried;
	if (i >= m->ready_count || q[i] != stage)
		i = 0;
	while (q[i] != stage)
		i++;
	m->ready_count--;
	if (i < m->ready_tried)
		m->ready_tried--;
	if (i == 0)
		m->ready_head++;
	else
		memmove(q + i, q + i + 1, (m->ready_count - i) * sizeof *q);
}

static void settle(struct model *m, int stage, enum stage_outcome outcome)
{
	struct stage_run *s = &m->stages[stage];
	if (outcome == OUTCOME_OPEN || s->outcome != OUTCOME_OPEN)
		return;
	s->outcome = outcome;
	s->version = m->story.version;
	m->open_stages--;
	const struct show_stage *def = &m->show->stages[stage];
	for (size_t i = 0; i < def->dependent_count; i++) {
		int next = def->dependents[i];
		/* One that was skipped or done by hand before its time has
		 * nothing to wait for. */
		if (--m->stages[next].unmet == 0 &&
		    m->stages[next].state == STAGE_WAITING)
			push_ready(m, next);
	}
}

/* Calls that are still out when a stage stops running are no longer ours. */
static void end_calls(struct model *m, int stage)
{
	const struct show_stage *def = &m->show->stages[stage];
	for (size_t k = 0; k < def->agent_count; k++) {
		struct call *c = &m->stages[stage].calls[k];
		if (c->state != CALL_OUT)
			continue;
		c->state = CALL_NONE;
		m->agent_calls[c->agent]--;
		m->ready_tried = 0;
	}
}

/* Takes the stage to where `move` leads; false if the log asks for what is
 * impossible (an event of another version of the show): nothing changes. */
static bool move_to(struct model *m, const struct event *e, int stage,
		    enum stage_move move)
{
	struct stage_run *s = &m->stages[stage];
	int next = stage_next(s->state, move);
	if (next < 0)
		return false;
	if (s->state == STAGE_RUNNING) {
		end_calls(m, stage);
		s->approved_tokens = 0; /* it was for this start alone */
		s->asked_tokens = s->asked_total = 0;
		s->stood_ms = 0;
	}
	s->state = (enum stage_state)next;
	s->deadline_ms = 0;
	if (next == STAGE_WAITING)
		push_ready(m, stage);
	else
		drop_ready(m, stage);
	if (next >= STAGE_DONE)
		s->ended_ms = e->at_ms;
	return true;
}

static void set_text(char **where, const char *text)
{
	free(*where);
	*where = xstrdup(text);
}

static void set_deadline(struct model *m, int stage, int64_t at_ms)
{
	m->stages[stage].deadline_ms = at_ms;
	timers_set(&m->timers, TIMER_STAGE, stage, at_ms);
}

void stages_forget_calls(struct model *m, int stage)
{
	for (size_t k = 0; k < m->show->stages[stage].agent_count; k++) {
		struct call *c = &m->stages[stage].calls[k];
		json_object_put(c->result);
		free(c->error);
		*c = (struct call){.lease = -1,
				   .agent = c->agent,
				   .least_tokens = c->least_tokens};
	}
}

static void apply_start(struct model *m, const struct event *e, int stage)
{
	struct stage_run *s = &m->stages[stage];
	const struct show_stage *def = &m->show->stages[stage];
	if (!move_to(m, e, stage, MOVE_START))
		return;
	int64_t attempt = event_int(e, "attempt", s->attempt + 1);
	if (attempt >= 0 && attempt <= ATTEMPTS_MOST)
		s->attempt = (int)attempt;
	const char *base = event_str(e, "base", NULL);
	if (base) {
		s->bases[1] = s->bases[0];
		s->bases[0].attempt = s->attempt;
		text_copy(s->bases[0].hash, sizeof s->bases[0].hash, base);
	}
	s->started_ms = e->at_ms;
	if (!s->first_ms)
		s->first_ms = e->at_ms;
	s->winner = -1;
	free(s->last_error);
	s->last_error = s->error;
	s->error = NULL;
	stages_forget_calls(m, stage);
	for (size_t k = 0; k < def->agent_count && !def->poll; k++) {
		s->calls[k].state = CALL_OUT;
		s->calls[k].started_ms = e->at_ms;
		m->agent_calls[s->calls[k].agent]++;
	}
	set_deadline(m, stage, event_int(e, "deadline", 0));
}

static enum stage_outcome outcome_of_failure(const char *on_failure)
{
	if (strcmp(on_failure, "ask") == 0)
		return OUTCOME_OPEN;
	if (strcmp(on_failure, "continue") == 0)
		return OUTCOME_OK;
	return OUTCOME_BROKEN;
}

/* What agents asked for and are leased next, by their ids. */
static void set_least(struct model *m, struct json_node *least, int stage)
{
	json_node_each(n, least)
	{
		int k = stage_agent_place(m, stage,
					  show_find_agent(m->show, n->key));
		int64_t tokens = json_node_number(n);
		if (k >= 0 && tokens > 0 && tokens <= NUMBER_MOST)
			m->stages[stage].calls[k].least_tokens = tokens;
	}
}

static void apply_error(struct model *m, const struct event *e, int stage)
{
	struct stage_run *s = &m->stages[stage];
	int64_t retry_at = event_int(e, "retry_at", 0);
	bool cancelled = event_bool(e, "cancelled", false);
	enum stage_move move = retry_at	   ? MOVE_BACKOFF
			       : cancelled ? MOVE_CANCEL
					   : MOVE_FAIL;
	if (!move_to(m, e, stage, move))
		return;
	const char *code = event_str(e, "code", "failed");
	const char *text = event_str(e, "message", "");
	free(s->error);
	s->error = xconcat(code, *text ? ": " : "", text, NULL);
	set_deadline(m, stage, retry_at);
	if (retry_at) {
		if (!event_bool(e, "halted", false))
			s->failures++;
		set_least(m, event_object(e, "least"), stage);
		return;
	}
	settle(m, stage,
	       cancelled ? OUTCOME_BROKEN
			 : outcome_of_failure(event_str(e, "on_failure",
							"skip_dependents")));
}

static void apply_skip(struct model *m, const struct event *e, int stage)
{
	const char *reason = event_str(e, "reason", "operator");
	if (!move_to(m, e, stage, MOVE_SKIP))
		return;
	set_deadline(m, stage, 0);
	set_text(&m->stages[stage].why, reason);
	if (strcmp(reason, "operator") == 0)
		settle(m, stage, OUTCOME_OK);
	else if (strcmp(reason, "upstream_failed") == 0)
		settle(m, stage, OUTCOME_BROKEN);
	else
		settle(m, stage, OUTCOME_VOID);
}

static void apply_progress(struct model *m, const struct event *e, int stage)
{
	struct stage_run *s = &m->stages[stage];
	const char *state = event_str(e, "state", "");
	if (strcmp(state, "standby") == 0) {
		move_to(m, e, stage, MOVE_STANDBY);
	} else if (strcmp(state, "waiting") == 0) {
		if (!move_to(m, e, stage, MOVE_RESET))
			return;
		set_deadline(m, stage, 0);
		s->ended_ms = 0;
		if (event_bool(e, "fresh", false))
			s->failures = 0;
	} else if (strcmp(state, "backoff") == 0) {
		if (move_to(m, e, stage, MOVE_BACKOFF))
			set_deadline(m, stage, event_int(e, "retry_at", 0));
	}
}

static void apply_complete(struct model *m, const struct event *e, int stage)
{
	struct stage_run *s = &m->stages[stage];
	if (!move_to(m, e, stage, MOVE_COMPLETE))
		return;
	set_text(&s->error, NULL); /* also of one that was done by hand */
	set_deadline(m, stage, 0);
	const char *winner = event_str(e, "winner", NULL);
	s->winner = winner ? show_find_agent(m->show, winner) : -1;
	settle(m, stage, OUTCOME_OK);
}

/* The end of a run ends all that is open in it. */
static void apply_end(struct model *m, const struct event *e)
{
	for (size_t i = 0; m->open_stages && i < m->show->stage_count; i++) {
		struct stage_run *s = &m->stages[i];
		if (s->outcome != OUTCOME_OPEN)
			continue;
		set_deadline(m, (int)i, 0);
		if (s->state != STAGE_FAILED)
			move_to(m, e, (int)i, MOVE_CANCEL);
		s->outcome = OUTCOME_BROKEN;
		s->version = m->story.version;
		set_text(&s->why, STAGE_WHY_RUN_ENDED);
		m->open_stages--;
	}
	m->ready_count = m->ready_tried = 0;
	timers_clear(&m->timers);
}

static void give_call(struct call *c, int agent)
{
	c->agent = agent;
	c->least_tokens = 0;
}

/* The calls of the next start go to others: {"from": "to"}. */
static void change_agents(struct model *m, int stage, struct json_node *agents)
{
	json_node_each(n, agents)
	{
		int k = stage_agent_place(m, stage,
					  show_find_agent(m->show, n->key));
		int other = show_find_agent(m->show, json_node_text(n));
		if (k >= 0 && other >= 0 &&
		    stage_agent_place(m, stage, other) < 0)
			give_call(&m->stages[stage].calls[k], other);
	}
}

static void apply_approve(struct model *m, const struct event *e, int stage)
{
	struct stage_run *s = &m->stages[stage];
	/* A poll that waits for its price does not begin again: it ends. */
	if (event_bool(e, "call", false) || poll_waits_for_price(m, stage) ||
	    !move_to(m, e, stage, MOVE_APPROVE))
		return;
	s->approved_tokens = event_int(e, "lease", 0);
	s->asked_tokens = s->asked_total = 0;
	int again = (int)event_int(e, "again", 0);
	if (again) {
		s->standing_uses = again;
		s->standing_tokens = event_int(e, "tokens", 0);
		s->standing_cost = event_int(e, "cost_micros", 0);
	}
	change_agents(m, stage, event_object(e, "agents"));
}

/* More without a question, for a start or for an attempt that asked for it:
 * that one ends, and another begins. */
static void apply_raise(struct model *m, const struct event *e, int stage)
{
	struct stage_run *s = &m->stages[stage];
	int64_t lease = event_int(e, "lease", 0);
	bool standing = event_bool(e, "standing", false);
	if (!lease)
		return;
	if (s->state == STAGE_RUNNING && move_to(m, e, stage, MOVE_HOLD)) {
		set_deadline(m, stage, 0);
		move_to(m, e, stage, MOVE_APPROVE);
		if (!standing)
			s->warn_asks++;
	}
	if (s->state != STAGE_WAITING)
		return;
	s->approved_tokens = lease;
	if (standing && s->standing_uses)
		s->standing_uses--;
}

static void apply_to_stage(struct model *m, const struct event *e, int stage)
{
	struct stage_run *s = &m->stages[stage];
	switch (e->type) {
	case EVENT_STAGE_START:
		apply_start(m, e, stage);
		break;
	case EVENT_STAGE_PROGRESS:
		apply_progress(m, e, stage);
		break;
	case EVENT_STAGE_GO:
		if (move_to(m, e, stage, MOVE_GO))
			s->released = true;
		break;
	case EVENT_STAGE_COMPLETE:
		apply_complete(m, e, stage);
		break;
	case EVENT_STAGE_SKIP:
		apply_skip(m, e, stage);
		break;
	case EVENT_BUDGET_REQUEST:
		if (event_bool(e, "call", false))
			break; /* it goes on: lease_asks.c */
		if (move_to(m, e, stage, MOVE_HOLD)) {
			set_deadline(m, stage, 0);
			s->asked_tokens = event_int(e, "asked", 0);
			s->asked_total =
				s->asked_tokens ? event_int(e, "wanted", 0) : 0;
		}
		break;
	case EVENT_BUDGET_APPROVE:
		apply_approve(m, e, stage);
		break;
	case EVENT_BUDGET_RAISE:
		apply_raise(m, e, stage);
		break;
	default:
		break;
	}
}

void stages_apply(struct model *m, const struct event *e, int stage, int agent)
{
	if (e->type == EVENT_RUN_COMPLETE || e->type == EVENT_RUN_CANCEL)
		apply_end(m, e);
	if (stage < 0)
		return;
	/* An error with an agent is of one call (proposals.c). */
	if (e->type == EVENT_STAGE_ERROR) {
		if (agent < 0)
			apply_error(m, e, stage);
	} else {
		apply_to_stage(m, e, stage);
	}
}

/* As before its first start, but for its number of attempts: that goes on, so
 * that no two calls of a run ever have the same key. */
static void blank(struct model *m, int stage)
{
	struct stage_run *s = &m->stages[stage];
	const struct show_stage *def = &m->show->stages[stage];
	stages_forget_calls(m, stage);
	for (size_t k = 0; k < def->agent_count; k++) {
		s->calls[k].agent = def->agents[k];
		s->calls[k].least_tokens = 0;
	}
	free(s->error);
	free(s->last_error);
	free(s->why);
	*s = (struct stage_run){
		.calls = s->calls,
		.poll = s->poll,
		.attempt = s->attempt,
		.asks = s->asks,
		.winner = -1,
	};
	polls_blank(m, stage);
}

void stages_reset(struct model *m)
{
	polls_blank_places(m);
	m->open_stages = m->show->stage_count;
	m->ready_head = m->ready_count = m->ready_tried = 0;
	for (size_t i = 0; i < m->show->stage_count; i++) {
		struct stage_run *s = &m->stages[i];
		blank(m, (int)i);
		s->attempt = 0;
		s->unmet = (int)m->show->stages[i].dep_count;
		if (s->unmet == 0)
			push_ready(m, (int)i);
	}
	for (size_t i = 0; i < m->show->agent_count; i++)
		m->agent_calls[i] = 0;
}

void stages_again(struct model *m, int stage)
{
	struct stage_run *s = &m->stages[stage];
	int next = stage_next(s->state, MOVE_AGAIN);
	REQUIRE(next == STAGE_WAITING);
	end_calls(m, stage);
	drop_ready(m, stage);
	if (s->outcome != OUTCOME_OPEN)
		m->open_stages++;
	blank(m, stage);
	set_deadline(m, stage, 0);
}

void stages_relink(struct model *m, int stage)
{
	const struct show_stage *def = &m->show->stages[stage];
	struct stage_run *s = &m->stages[stage];
	m->ready_tried = 0;
	s->unmet = 0;
	for (size_t i = 0; i < def->dep_count; i++)
		s->unmet += m->stages[def->deps[i]].outcome == OUTCOME_OPEN;
	if (s->state == STAGE_WAITING && s->unmet == 0)
		push_ready(m, stage);
	else
		drop_ready(m, stage);
}

/* --- for people --------------------------------------------------------- */

static void waits_for_deps(const struct model *m, int stage, struct buf *b)
{
	const struct show_stage *def = &m->show->stages[stage];
	for (size_t i = 0; i < def->dep_count; i++)
		if (m->stages[def->deps[i]].outcome == OUTCOME_OPEN)
			buf_addf(b, "%s%s", b->len ? ", " : "",
				 m->show->stages[def->deps[i]].id);
}

static void waits_for_what(const struct model *m, int stage, struct buf *b)
{
	const struct stage_run *s = &m->stages[stage];
	switch (s->state) {
	case STAGE_WAITING:
		if (s->unmet)
			waits_for_deps(m, stage, b);
		else if (m->run.state == RUN_PAUSED)
			buf_adds(b, m->run.panic ? "panic" : "pause");
		else if (stage_killed_agent(m, stage) >= 0)
			buf_addf(b, "%s, which is killed",
				 m->show->agents[stage_killed_agent(m, stage)]
					 .id);
		else
			buf_adds(b, "a free agent");
		break;
	case STAGE_STANDBY:
		buf_adds(b, "GO");
		break;
	case STAGE_HELD:
		buf_adds(b, "approval of more tokens");
		break;
	case STAGE_BACKOFF:
		if (s->poll) {
			buf_adds(b, "the distance between polls");
			break;
		}
		buf_addf(b, "the next try (%d of %lld)", s->failures + 1,
			 (long long)m->show->stages[stage].retry.max_attempts);
		break;
	case STAGE_FAILED:
		if (s->outcome == OUTCOME_OPEN)
			buf_adds(b, "a human: retry or skip");
		break;
	default:
		break;
	}
}

char *stage_waits_for(const struct model *m, int stage, char *out,
		      size_t out_bytes)
{
	struct buf b = {0};
	*out = '\0';
	if (m->run.state != RUN_NONE)
		waits_for_what(m, stage, &b);
	size_t fit = b.len < out_bytes ? b.len : out_bytes - 1;
	if (b.len)
		memcpy(out, b.data, fit);
	out[fit] = '\0';
	buf_release(&b);
	return out;
}

int stage_in_standby(const struct model *m)
{
	return stage_after(m, -1);
}

int stage_after(const struct model *m, int stage)
{
	for (size_t i = (size_t)(stage + 1); i < m->show->stage_count; i++)
		if (m->stages[i].state == STAGE_STANDBY)
			return (int)i;
	return -1;
}
