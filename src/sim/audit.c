#include "sim/audit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/books.h"

/* Who is called, before a person says otherwise. */
static void own_agents(struct audit *a, int stage)
{
	const struct show_stage *def = &a->show->stages[stage];
	for (size_t k = 0; k < def->agent_count; k++)
		a->stages[stage].who[k] = def->agents[k];
	memset(a->stages[stage].least, 0, sizeof a->stages[stage].least);
}

struct audit *audit_new(const struct show *show)
{
	struct audit *a = xcalloc(1, sizeof *a);
	struct story empty;
	a->show = show;
	a->stages_money = xcalloc(show->stage_count, sizeof(struct scope_book));
	a->agents_money = xcalloc(show->agent_count, sizeof(struct scope_book));
	a->stages = xcalloc(show_poll_places(show), sizeof *a->stages);
	a->calls = xcalloc(show->agent_count, sizeof *a->calls);
	a->killed = xcalloc(show->agent_count + 1, sizeof *a->killed);
	a->doc = json_object_new_object();
	story_init(&empty);
	memcpy(a->empty_hash, story_hash(&empty), sizeof a->empty_hash);
	memcpy(a->hash, a->empty_hash, sizeof a->hash);
	story_release(&empty);
	for (size_t i = 0; i < show->stage_count; i++)
		own_agents(a, (int)i);
	audit_scopes_init(a);
	audit_money_reset(a);
	return a;
}

void audit_free(struct audit **audit)
{
	struct audit *a = *audit;
	*audit = NULL;
	if (!a)
		return;
	audit_people_release(a);
	free(a->conflicts);
	free(a->stages_money);
	free(a->agents_money);
	audit_scopes_free(a);
	free(a->leases);
	free(a->stages);
	free(a->calls);
	free(a->by);
	free(a->raises);
	free(a);
}

int audit_place(const struct audit *a, int stage, int agent)
{
	const struct show_stage *def = &a->show->stages[stage];
	for (size_t k = 0; k < def->agent_count; k++)
		if (a->stages[stage].who[k] == agent)
			return (int)k;
	return -1;
}

/* --- what others ask ---------------------------------------------------- */

bool audit_started(const struct audit *a, int run, int stage, int attempt)
{
	return run < a->run ||
	       (run == a->run && attempt <= a->stages[stage].attempt);
}

bool audit_obs_sent(const struct audit *a, const char *id)
{
	uint64_t seq = strtoull(id + 1, NULL, 10);
	for (size_t i = 0; i < COUNT_OF(a->obs_sent); i++)
		if (a->obs_sent[i] == seq)
			return true;
	return false;
}

bool audit_saw(const struct audit *a, int command)
{
	return (size_t)command < a->by_cap && a->by[command];
}

bool audit_over(const struct audit *a)
{
	return !a->going;
}

int audit_run(const struct audit *a)
{
	return a->run;
}

/* --- stages ------------------------------------------------------------- */

static void leave(struct audit *a, int stage, enum stage_book_state to)
{
	struct stage_book *b = &a->stages[stage];
	const struct show_stage *def = &a->show->stages[stage];
	a->held -= b->state == SB_HELD;
	a->failed -= b->state == SB_FAILED;
	if (b->state == SB_RUNNING) {
		b->approved = false;
		for (size_t k = 0; k < def->agent_count; k++)
			a->calls[b->who[k]] -= (int)((b->out >> k) & 1);
		b->out = 0;
	}
	if (to == SB_SETTLED && b->state != SB_SETTLED)
		a->open_stages--;
	if (to != SB_RUNNING && b->asks) {
		b->asks = false;
		a->asking--;
	}
	b->state = to;
	a->held += to == SB_HELD;
	a->failed += to == SB_FAILED;
}

static bool is_open(struct sim *s, const struct event *e, int stage)
{
	if (!s->audit->going || s->audit->stages[stage].state == SB_SETTLED) {
		sim_fail(s, "twice", "%s of %s, which is settled",
			 event_type_name(e->type), e->stage);
		return false;
	}
	return true;
}

/* Of what is left of the cap; the rest of the division is the first one's. */
static int64_t share_of(const struct audit *a, int stage, size_t k)
{
	const struct scope_book *b = &a->stages_money[stage];
	int64_t left = b->allocated - b->leased - b->spent;
	int64_t n = (int64_t)a->show->stages[stage].agent_count;
	return b->limited && left > 0 ? left / n + (k ? 0 : left % n) : 0;
}

/* An agent that asked for more within its share gets it without a question. */
static void told_least(struct sim *s, const struct event *e, int stage)
{
	struct stage_book *b = &s->audit->stages[stage];
	struct json_node *least = event_object(e, "least");
	for (size_t k = 0; k < s->show->stages[stage].agent_count; k++) {
		int64_t n =
			json_node_int(least, s->show->agents[b->who[k]].id, 0);
		if (n > share_of(s->audit, stage, k))
			sim_fail(s, "share",
				 "%s is to get %" PRId64 ", which is more "
				 "than its share",
				 s->show->agents[b->who[k]].id, n);
		if (n)
			b->least[k] = n;
	}
}

static void start_calls(struct sim *s, int stage)
{
	struct audit *a = s->audit;
	struct stage_book *b = &a->stages[stage];
	const struct show_stage *def = &a->show->stages[stage];
	b->answered = 0;
	for (size_t k = 0; k < def->agent_count && !def->poll; k++) {
		int64_t share = share_of(a, stage, k);
		b->must[k] = b->approved	   ? 0
			     : b->least[k] < share ? b->least[k]
						   : share;
		const struct show_agent *agent = &a->show->agents[b->who[k]];
		b->out |= 1u << k;
		if (++a->calls[b->who[k]] > agent->max_concurrent &&
		    agent->max_concurrent != SHOW_UNSET)
			sim_fail(s, "concurrent", "%s has %d calls at once",
				 agent->id, a->calls[b->who[k]]);
	}
}

static void start(struct sim *s, const struct event *e, int stage)
{
	struct audit *a = s->audit;
	struct stage_book *b = &a->stages[stage];
	const struct show_stage *def = &a->show->stages[stage];
	if (!is_open(s, e, stage))
		return;
	for (size_t i = 0; i < def->dep_count; i++)
		if (a->stages[def->deps[i]].state != SB_SETTLED)
			sim_fail(s, "early", "%s starts before %s is settled",
				 def->id, a->show->stages[def->deps[i]].id);
	if (a->paused)
		sim_fail(s, "pause", "%s starts in a pause", def->id);
	if (b->state != SB_WAITING)
		sim_fail(s, "twice", "%s starts, and was not waiting", def->id);
	if (event_int(e, "attempt", 0) != b->attempt + 1)
		sim_fail(s, "attempt", "%s: attempt %" PRId64 " after %d",
			 def->id, event_int(e, "attempt", 0), b->attempt);
	if (b->failures >= def->retry.max_attempts)
		sim_fail(s, "retry", "%s starts after %d failures of %" PRId64,
			 def->id, b->failures, def->retry.max_attempts);
	b->attempt++;
	leave(a, stage, SB_RUNNING);
	start_calls(s, stage);
	audit_started_on(s, stage);
}

static void progress(struct sim *s, const struct event *e, int stage)
{
	struct stage_book *b = &s->audit->stages[stage];
	const char *state = event_str(e, "state", "");
	if (!is_open(s, e, stage))
		return;
	if (strcmp(state, "standby") == 0)
		leave(s->audit, stage, SB_STANDBY);
	else if (strcmp(state, "waiting") == 0)
		leave(s->audit, stage, SB_WAITING);
	else if (strcmp(state, "backoff") == 0)
		leave(s->audit, stage, SB_BACKOFF);
	if (event_bool(e, "fresh", false))
		b->failures = 0;
}

/* Of one call: it must have been out. */
static void call_ended(struct sim *s, const struct event *e, int stage,
		       int agent)
{
	struct audit *a = s->audit;
	struct stage_book *b = &a->stages[stage];
	int k = audit_place(a, stage, agent);
	if (k < 0 || !((b->out >> k) & 1)) {
		sim_fail(s, "answer", "%s %s/%s: no such call is out",
			 event_type_name(e->type), e->stage, e->agent);
		return;
	}
	b->out &= ~(1u << k);
	a->calls[agent]--;
	if (e->type != EVENT_STAGE_PROPOSAL)
		return;
	b->answered |= 1u << k;
	struct json_node *result = event_object(e, "result");
	int64_t mark = json_node_int(result, "mark", 0);
	const struct deed *d =
		mark ? agent_deed(s, (uint64_t)mark, stage, agent) : NULL;
	/* Without a key nobody can tell an answer to another run from ours. */
	bool other = d && d->run != a->run;
	if (d && (other ? d->answer.run != 0 : d->attempt != b->attempt))
		sim_fail(s, "answer",
			 "%s/%s: the answer of r%d, attempt %d is taken for "
			 "that of r%d, attempt %d",
			 e->stage, e->agent, d->run, d->attempt, a->run,
			 b->attempt);
}

static void error(struct sim *s, const struct event *e, int stage)
{
	struct stage_book *b = &s->audit->stages[stage];
	const char *policy = event_str(e, "on_failure", "");
	if (!is_open(s, e, stage))
		return;
	if (event_int(e, "retry_at", 0)) {
		b->failures += !event_bool(e, "halted", false);
		told_least(s, e, stage);
		leave(s->audit, stage, SB_BACKOFF);
	} else if (strcmp(policy, "ask") == 0) {
		leave(s->audit, stage, SB_FAILED);
	} else {
		leave(s->audit, stage, SB_SETTLED);
	}
}

static void chain(struct sim *s, const struct event *e)
{
	struct audit *a = s->audit;
	const struct story *now = &s->follower->story; /* after this event */
	const char *pre = event_str(e, "pre_state_hash", "");
	const char *post = event_str(e, "post_state_hash", "");
	json_object *patch = event_patch(e);
	bool changes = patch && json_object_object_length(patch) > 0;
	uint64_t version = a->version + changes;
	if (strcmp(pre, a->hash) != 0)
		sim_fail(s, "chain",
			 "%s: its hash before is not the one after "
			 "the last",
			 e->stage);
	if (strcmp(post, story_hash(now)) != 0)
		sim_fail(s, "chain", "%s: its hash after is not the story's",
			 e->stage);
	if ((uint64_t)event_int(e, "version", -1) != version ||
	    now->version != version)
		sim_fail(s, "chain", "%s: version %" PRId64 " follows %" PRIu64,
			 e->stage, event_int(e, "version", -1), a->version);
	if (!changes && strcmp(pre, post) != 0)
		sim_fail(s, "chain", "%s changes nothing and has another hash",
			 e->stage);
	memcpy(a->hash, story_hash(now), sizeof a->hash);
	a->version = version;
}

static void complete(struct sim *s, const struct event *e, int stage)
{
	struct audit *a = s->audit;
	struct stage_book *b = &a->stages[stage];
	const struct show_stage *def = &a->show->stages[stage];
	const char *winner = event_str(e, "winner", NULL);
	if (b->done)
		sim_fail(s, "twice", "%s is done twice", e->stage);
	if (!is_open(s, e, stage))
		return;
	if (winner) {
		int k = audit_place(a, stage, show_find_agent(a->show, winner));
		if (b->state != SB_RUNNING || k < 0 ||
		    !((b->answered >> k) & 1))
			sim_fail(s, "winner",
				 "%s is done by %s, which gave no "
				 "answer",
				 e->stage, winner);
		if (def->adjudicate != ADJUDICATE_FIRST && b->out)
			sim_fail(s, "winner", "%s is done while calls are out",
				 e->stage);
	}
	b->done = true;
	leave(a, stage, SB_SETTLED);
	chain(s, e);
}

static void hold(struct sim *s, const struct event *e, int stage)
{
	if (is_open(s, e, stage))
		leave(s->audit, stage, SB_HELD);
}

/* One that went to a cheaper agent starts as any other; the rest may use the
 * reserve. */
static void approved(struct audit *a, const struct event *e, int stage)
{
	struct stage_book *b = &a->stages[stage];
	struct json_node *agents = event_object(e, "agents");
	if (b->poll_closed) {
		b->priced = true;
		return;
	}
	leave(a, stage, SB_WAITING);
	b->approved = event_int(e, "lease", 0) > 0;
	for (size_t k = 0; k < a->show->stages[stage].agent_count; k++) {
		const char *to = json_node_str(
			agents, a->show->agents[b->who[k]].id, NULL);
		if (!to)
			continue;
		b->who[k] = show_find_agent(a->show, to);
		b->least[k] = 0;
		b->newest[k] = -1;
	}
}

/* Without a question: for a start, or for an attempt that asked for more. */
static void raised(struct sim *s, const struct event *e, int stage)
{
	struct stage_book *b = &s->audit->stages[stage];
	b->priced = b->poll_closed;
	if (!event_int(e, "lease", 0) || !is_open(s, e, stage))
		return;
	if (b->state != SB_WAITING && b->state != SB_RUNNING)
		sim_fail(s, "raise", "%s is given more, and does not start",
			 e->stage);
	leave(s->audit, stage, SB_WAITING);
	b->approved = true;
}

static void of_stage(struct sim *s, const struct event *e, int stage, int agent)
{
	struct audit *a = s->audit;
	switch (e->type) {
	case EVENT_STAGE_START:
		start(s, e, stage);
		break;
	case EVENT_STAGE_PROGRESS:
		progress(s, e, stage);
		break;
	case EVENT_STAGE_GO:
		if (is_open(s, e, stage))
			leave(a, stage, SB_WAITING);
		break;
	case EVENT_STAGE_PROPOSAL:
		call_ended(s, e, stage, agent);
		break;
	case EVENT_STAGE_ERROR:
		if (agent >= 0)
			call_ended(s, e, stage, agent);
		else
			error(s, e, stage);
		break;
	case EVENT_STAGE_COMPLETE:
		complete(s, e, stage);
		break;
	case EVENT_STAGE_SKIP:
		if (is_open(s, e, stage))
			leave(a, stage, SB_SETTLED);
		break;
	case EVENT_BUDGET_REQUEST:
		hold(s, e, stage);
		break;
	case EVENT_BUDGET_APPROVE:
		if (is_open(s, e, stage))
			approved(a, e, stage);
		break;
	case EVENT_BUDGET_RAISE:
		raised(s, e, stage);
		break;
	default:
		audit_poll(s, e, stage);
		break;
	}
}

/* --- runs --------------------------------------------------------------- */

/* Stages go back to their beginning, and the story with them. */
static void reset(struct sim *s, const struct event *e)
{
	struct audit *a = s->audit;
	json_node_each(n, event_array(e, "stages"))
	{
		int stage = show_find_stage(a->show, json_node_text(n));
		struct stage_book *b = &a->stages[stage];
		if (audit_holds_lease(a, stage) || b->poll_open ||
		    b->poll_closed)
			sim_fail(s, "reset", "%s is reset with work under way",
				 a->show->stages[stage].id);
		a->open_stages += b->state == SB_SETTLED;
		leave(a, stage, SB_WAITING);
		b->failures = 0;
		b->approved = b->done = b->resolved = false;
		own_agents(a, stage);
		audit_money_renew(a, stage);
		audit_raise_renew(a, stage);
	}
	a->going = true;
	chain(s, e);
}

static void run_start(struct sim *s, const struct event *e)
{
	struct audit *a = s->audit;
	if (a->going)
		sim_fail(s, "run", "%s begins in another run", e->run);
	a->run = atoi(e->run + 1);
	strncpy(a->run_id, e->run, sizeof a->run_id - 1);
	a->going = true;
	a->paused = false;
	a->attended = event_bool(e, "attended", true);
	for (size_t i = 0; i < a->show->stage_count; i++) {
		struct base_book bases[COUNT_OF(a->stages[i].bases)];
		memcpy(bases, a->stages[i].bases, sizeof bases);
		a->stages[i] = (struct stage_book){0};
		memcpy(a->stages[i].bases, bases, sizeof bases);
	}
	memset(a->calls, 0, a->show->agent_count * sizeof *a->calls);
	a->open_stages = a->show->stage_count;
	a->held = a->failed = a->asking = a->warnings = 0;
	for (size_t i = 0; i < a->show->stage_count; i++)
		own_agents(a, (int)i);
	audit_money_reset(a);
	memcpy(a->hash, a->empty_hash, sizeof a->hash);
	a->version = 0;
	s->result->runs++;
}

void audit_run_over(struct sim *s)
{
	struct audit *a = s->audit;
	if (a->episode.leased)
		sim_fail(s, "ledger",
			 "the run is over, and %" PRId64 " tokens are leased",
			 a->episode.leased);
	if (a->cost.leased)
		sim_fail(s, "ledger",
			 "the run is over, and %" PRId64 " of money are leased",
			 a->cost.leased);
}

static void run_end(struct sim *s, const struct event *e)
{
	struct audit *a = s->audit;
	const char *state = event_str(e, "state", "");
	if (!a->going)
		sim_fail(s, "run", "%s ends twice", e->run);
	if (strcmp(state, "done") == 0 && a->open_stages)
		sim_fail(s, "run", "%s is done with %zu stages open", e->run,
			 a->open_stages);
	for (size_t i = 0; i < a->show->stage_count; i++)
		leave(a, (int)i, SB_SETTLED);
	a->going = false;
	a->warnings = 0;
	audit_run_over(s);
}

static void lead(struct sim *s, const struct event *e)
{
	struct audit *a = s->audit;
	int64_t epoch = event_int(e, "epoch", 0);
	if (epoch <= a->epoch)
		sim_fail(s, "epoch", "epoch %" PRId64 " after %" PRId64, epoch,
			 a->epoch);
	a->epoch = epoch;
}

/* An operator's choice is stronger than any rule. */
static void obs_hold(struct audit *a, const struct event *e)
{
	bool held = strcmp(event_str(e, "state", ""), "held") == 0;
	a->rules_wait_ms = held ? event_int(e, "until", INT64_MAX) : 0;
}

static void obs_command(struct sim *s, const struct event *e)
{
	struct audit *a = s->audit;
	const char *id = event_str(e, "id", "o0");
	bool sent = strcmp(event_str(e, "state", ""), "sent") == 0;
	bool rule = strncmp(event_str(e, "by", ""), "rule ", 5) == 0;
	if (sent && rule && e->at_ms < a->rules_wait_ms)
		sim_fail(s, "rules",
			 "%s switches, and an operator's choice holds until "
			 "%" PRId64,
			 event_str(e, "by", ""), a->rules_wait_ms);
	if (sent)
		a->obs_sent[a->obs_next++ % COUNT_OF(a->obs_sent)] =
			strtoull(id + 1, NULL, 10);
}

static void of_run(struct sim *s, const struct event *e)
{
	struct audit *a = s->audit;
	switch (e->type) {
	case EVENT_RUN_START:
		a->polls = 0;
		run_start(s, e);
		break;
	case EVENT_RUN_PAUSE:
		a->paused = true;
		break;
	case EVENT_RUN_RESUME:
		a->paused = false;
		break;
	case EVENT_STAGE_RESET:
		if (!a->going)
			a->paused = false;
		reset(s, e);
		break;
	case EVENT_RUN_COMPLETE:
	case EVENT_RUN_CANCEL:
		run_end(s, e);
		break;
	case EVENT_LEADER_TAKE:
		lead(s, e);
		break;
	case EVENT_OBS_COMMAND:
		obs_command(s, e);
		break;
	case EVENT_OBS_HOLD:
		obs_hold(a, e);
		break;
	default:
		break;
	}
}

/* A question of the whole episode, and its answer. */
static void of_episode(struct audit *a, const struct event *e)
{
	if (e->type == EVENT_BUDGET_REQUEST)
		a->warnings++;
	else if (e->type == EVENT_BUDGET_APPROVE)
		a->warnings--;
}

/* --- all ---------------------------------------------------------------- */

/* What one command did, it did in one decision. */
static void once(struct sim *s, const struct event *e, int decision)
{
	struct audit *a = s->audit;
	const char *by = event_str(e, "by", "");
	if (strncmp(by, "op-", 3) != 0)
		return;
	size_t n = (size_t)atoi(by + 3);
	if (n >= a->by_cap) {
		size_t cap = n * 2 + 64;
		a->by = xreallocarray(a->by, cap, sizeof *a->by);
		memset(a->by + a->by_cap, 0, (cap - a->by_cap) * sizeof *a->by);
		a->by_cap = cap;
	}
	if (a->by[n] && a->by[n] != decision + 1)
		sim_fail(s, "command", "what %s asked for is done twice (%s)",
			 by, event_type_name(e->type));
	a->by[n] = decision + 1;
}

void audit_event(struct sim *s, const struct event *e, int stage, int agent,
		 int decision)
{
	struct audit *a = s->audit;
	if (e->seq != ++a->seq)
		sim_fail(s, "log", "event %" PRIu64 " stands at %" PRIu64,
			 e->seq, a->seq);
	if (e->at_ms < a->at_ms)
		sim_fail(s, "clock",
			 "event %" PRIu64 " is %" PRId64
			 " ms before the one before",
			 e->seq, a->at_ms - e->at_ms);
	a->at_ms = e->at_ms;
	once(s, e, decision);
	of_run(s, e);
	audit_scopes(s, e, stage, agent);
	audit_money(s, e, stage, agent);
	int poll = stage >= 0 ? -1 : show_find_poll(a->show, e->stage);
	if (stage >= 0)
		of_stage(s, e, stage, agent);
	else if (poll >= 0)
		audit_poll(s, e, poll);
	else
		of_episode(a, e);
	if (e->type == EVENT_PROPOSAL_ADOPT)
		chain(s, e);
	audit_people(s, e, stage, agent);
	audit_raised(s, e, stage, agent);
	audit_expiries(s, e, decision);
	size_t questions = a->held + a->failed + a->asking + a->warnings +
			   a->conflict_count;
	if (questions != s->follower->inbox.count)
		sim_fail(s, "inbox",
			 "%zu questions are open, the inbox has "
			 "%zu",
			 questions, s->follower->inbox.count);
}

void audit_commit(struct sim *s, int64_t epoch)
{
	const struct audit *a = s->audit;
	if (epoch != a->epoch)
		sim_fail(s, "epoch",
			 "a commit of epoch %" PRId64 " while %" PRId64
			 " leads",
			 epoch, a->epoch);
	if (a->rests)
		sim_fail(s, "lost-return",
			 "%" PRId64 " settled leases gave nothing back",
			 a->rests);
	audit_raises_taken(s);
}
