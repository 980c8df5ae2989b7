/* people: the operator, the audience, and OBS under its operator's hands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/audit.h"
#include "sim/world.h"

/* --- OBS ---------------------------------------------------------------- */

static void obs_tell(struct sim *s, int64_t after_ms)
{
	if (!s->lead)
		return;
	struct post *p = post_new(s, POST_OBS);
	p->life = s->lead->life;
	p->scene = s->scene;
	post_send(s, p, after_ms);
}

void obs_asked(struct sim *s, struct sim_core *c, const struct effect *x,
	       bool early)
{
	uint64_t seq = strtoull(x->key + 1, NULL, 10);
	SAY(s, "        OBS is asked %s: %s", x->key, x->text);
	if (!early && !audit_obs_sent(s->audit, x->key))
		sim_fail(s, "effect",
			 "OBS is asked %s, which is not in the log", x->key);
	struct dice d = dice_of(s->plan->seed, dice_mix(4, seq));
	if (s->calm == false && dice_one_in(&d, 6))
		return; /* it never says */
	struct post *p = post_new(s, POST_OBS_DONE);
	p->life = c->life;
	text_copy(p->id, sizeof p->id, x->key);
	p->ok = s->scene >= 0 && dice_roll(&d, 8);
	post_send(s, p,
		  (int64_t)dice_roll(&d, dice_one_in(&d, 5) ? 9000 : 200));
	for (int i = 0; p->ok && i < (int)COUNT_OF(sim_scenes); i++)
		if (strstr(x->text, sim_scenes[i]))
			s->scene = i;
	obs_tell(s, 20);
}

static void obs_step(struct sim *s, struct dice *d)
{
	if (!s->show->obs.given)
		return;
	s->scene = dice_one_in(d, 3) ? -1
				     : (int)dice_roll(d, COUNT_OF(sim_scenes));
	obs_tell(s, 0);
}

/* --- the operator ------------------------------------------------------- */

static void copy_arg(struct post *p, int i, const char *text)
{
	size_t n = text ? strnlen(text, sizeof p->args[i] - 1) : 0;
	memcpy(p->args[i], text ? text : "", n);
	p->args[i][n] = '\0';
}

/* The action is part of the id, so that the answer can be judged by it. */
static struct post *command(struct sim *s, enum action_id action, const char *a,
			    const char *b)
{
	struct post *p = post_new(s, POST_COMMAND);
	int n = ++s->next_command;
	p->bus = true;
	p->action = action;
	text_int(p->id, "c", n);
	text_int(p->id + strlen(p->id), ".", action);
	text_int(p->by, "op-", n);
	copy_arg(p, 0, a);
	copy_arg(p, 1, b);
	return p;
}

static void ask(struct sim *s, struct dice *d, enum action_id action,
		const char *a, const char *b)
{
	struct post *p = command(s, action, a, b);
	int copies = sim_has(s, SIM_STORM) && dice_one_in(d, 4)
			     ? 1 + (int)dice_roll(d, 4)
			     : 0;
	for (int i = 0; i < copies; i++) {
		struct post *again = post_new(s, POST_COMMAND);
		struct post *next = again->next;
		uint64_t order = again->order;
		*again = *p;
		again->next = next;
		again->order = order;
		post_send(s, again, (int64_t)dice_roll(d, 1500));
	}
	post_send(s, p, (int64_t)dice_roll(d, 20));
}

/* What stands behind a choice: an amount, a time, a stage, or nothing. */
static void answer_with(struct sim *s, struct dice *d,
			const struct inbox_item *item, const char *choice)
{
	struct post *p = command(s, ACTION_ANSWER, item->id, choice);
	bool raises = strcmp(choice, "raise") == 0;
	bool money = inbox_in_money(item);
	if (raises && money && dice_roll(d, 4))
		snprintf(p->args[2], sizeof p->args[2], "0.%04d",
			 (int)dice_roll(d, 2000));
	else if (raises && dice_roll(d, 4))
		snprintf(p->args[2], sizeof p->args[2], "%d",
			 (int)dice_roll(d, 9000));
	if (raises && *p->args[2] && dice_roll(d, 3))
		snprintf(p->args[3], sizeof p->args[3], "%d",
			 (int)dice_roll(d, 20000));
	if (strcmp(choice, "borrow") == 0 && dice_one_in(d, 3))
		snprintf(
			p->args[2], sizeof p->args[2], "%s",
			s->show->stages[dice_roll(d, s->show->stage_count)].id);
	if (strcmp(choice, "approve-stage") == 0 && dice_one_in(d, 3))
		snprintf(p->args[2], sizeof p->args[2], "%d",
			 (int)dice_roll(d, 3000));
	post_send(s, p, (int64_t)dice_roll(d, 20));
}

static void answer_item(struct sim *s, struct dice *d)
{
	const struct inbox *inbox = &s->follower->inbox;
	char amount[24] = "";
	if (!inbox->count) {
		if (sim_has(s, SIM_STRAY)) /* to one that is gone */
			ask(s, d, ACTION_ANSWER, s->old_items[dice_roll(d, 8)],
			    "approve");
		return;
	}
	const struct inbox_item *item =
		&inbox->items[dice_roll(d, inbox->count)];
	memcpy(s->old_items[s->next_command % 8], item->id, sizeof item->id);
	size_t n = 0;
	while (item->choices[n])
		n++;
	if (item->kind == INBOX_OVERAGE && dice_one_in(d, 3)) {
		snprintf(amount, sizeof amount, "%d", (int)dice_roll(d, 3000));
		ask(s, d, ACTION_APPROVE, item->id, amount);
		return;
	}
	const char *choice = item->choices[dice_roll(d, n)];
	if (item->kind == INBOX_FAILED || item->kind == INBOX_POLL)
		ask(s, d, ACTION_ANSWER, item->id, choice);
	else
		answer_with(s, d, item, choice);
}

/* One of what came too late. */
static void take_late(struct sim *s, struct dice *d)
{
	const struct model *m = s->follower;
	char id[24];
	if (!m->late_count)
		return;
	snprintf(id, sizeof id, "l%" PRIu64,
		 m->late[dice_roll(d, m->late_count)].seq);
	if (dice_roll(d, 4))
		ask(s, d, ACTION_ADOPT, id, NULL);
	else
		ask(s, d, ACTION_DISCARD, id, "too late");
}

static bool any_killed(const struct sim *s)
{
	for (size_t i = 0; i < s->show->agent_count; i++)
		if (s->follower->killed[i])
			return true;
	return false;
}

static void turn_switch(struct sim *s, struct dice *d)
{
	const char *agent =
		dice_roll(d, 4)
			? s->show->agents[dice_roll(d, s->show->agent_count)].id
			: NULL;
	bool revives = any_killed(s) && dice_roll(d, 3);
	ask(s, d, revives ? ACTION_REVIVE : ACTION_KILL, agent, NULL);
}

static void roll_back(struct sim *s, struct dice *d)
{
	char version[24];
	uint64_t now = s->follower->story.version;
	snprintf(version, sizeof version, "%d", (int)dice_roll(d, now + 1));
	ask(s, d, ACTION_ROLLBACK, version, NULL);
}

/* Mostly one at which something is under way. */
static int random_stage(const struct sim *s, struct dice *d)
{
	int n = (int)s->show->stage_count;
	int stage = (int)dice_roll(d, (uint64_t)n);
	for (int i = 0; i < n && dice_roll(d, 12); i++) {
		const struct stage_run *r = &s->follower->stages[stage];
		if (r->state == STAGE_RUNNING || r->state == STAGE_FAILED ||
		    r->state == STAGE_BACKOFF || r->state == STAGE_HELD)
			break;
		stage = (stage + 1) % n;
	}
	return stage;
}

static void meddle_poll(struct sim *s, struct dice *d, const char *id)
{
	static const enum action_id what[] = {
		ACTION_POLL_CLOSE,   ACTION_POLL_CLOSE,	   ACTION_POLL_EXTEND,
		ACTION_POLL_EXTEND,  ACTION_POLL_EXTEND,   ACTION_POLL_VOID,
		ACTION_POLL_FREEZE,  ACTION_POLL_UNFREEZE, ACTION_POLL_FREEZE,
		ACTION_POLL_RESOLVE, ACTION_POLL_EXCLUDE,  ACTION_POLL_INCLUDE,
		ACTION_POLL_EXCLUDE};
	/* Somebody who cannot make up his mind. */
	for (int i = 0; dice_one_in(d, 2) && i < 4; i++)
		ask(s, d, what[i], id, NULL);
	enum action_id action = what[dice_roll(d, COUNT_OF(what))];
	ask(s, d, action, id,
	    action != ACTION_POLL_RESOLVE ? NULL
	    : dice_one_in(d, 2)		  ? "x"
					  : "y");
}

/* One that was frozen by hand and stands still. */
static int frozen_poll(const struct model *m)
{
	for (size_t i = 0; i < show_poll_places(m->show); i++)
		if (m->stages[i].poll && m->stages[i].poll->by_hand)
			return (int)i;
	return -1;
}

/* One that no stage declares: made, or meddled with. */
static void meddle_own(struct sim *s, struct dice *d)
{
	static const char *const lines[] = {"x|y", "x|y|z", "x|x", "x=An x|y"};
	char place[2] = {(char)('1' + dice_roll(d, SHOW_POLL_PLACES)), '\0'};
	if (dice_one_in(d, 3)) {
		meddle_poll(s, d, place);
		return;
	}
	const char *line = lines[dice_roll(d, COUNT_OF(lines))];
	if (dice_one_in(d, 2)) {
		struct post *wish = command(
			s, ACTION_POLL_PROPOSE,
			s->show->agents[dice_roll(d, s->show->agent_count)].id,
			"Theirs?");
		snprintf(wish->args[2], sizeof wish->args[2], "%s", line);
		post_send(s, wish, (int64_t)dice_roll(d, 20));
		return;
	}
	struct post *p = command(s, ACTION_POLL, "Own?", line);
	snprintf(p->args[2], sizeof p->args[2], "%d",
		 900 + (int)dice_roll(d, 9000));
	post_send(s, p, (int64_t)dice_roll(d, 20));
}

static void meddle_stage(struct sim *s, struct dice *d, int stage)
{
	static const struct {
		enum action_id action;
		const char *second;
	} table[] = {
		{ACTION_SKIP, NULL},  {ACTION_CANCEL, NULL},
		{ACTION_RETRY, NULL}, {ACTION_SUPPLY, "{\"by\":\"hand\"}"},
		{ACTION_RETRY, NULL}, {ACTION_SUPPLY, "{\"k\":1}"},
		{ACTION_RERUN, NULL}, {ACTION_GO, NULL},
		{ACTION_RETRY, NULL}, {ACTION_FAIL, NULL},
	};
	const char *id = s->show->stages[stage].id;
	if (s->show->stages[stage].poll && dice_roll(d, 4)) {
		meddle_poll(s, d, id);
		return;
	}
	size_t i = dice_roll(d, COUNT_OF(table));
	ask(s, d, table[i].action, id, table[i].second);
}

static void meddle(struct sim *s, struct dice *d)
{
	switch (dice_roll(d, 28)) {
	case 26:
	case 27:
		meddle_own(s, d);
		break;
	case 8:
		turn_switch(s, d);
		break;
	case 9:
		take_late(s, d);
		break;
	case 0:
	case 1:
		ask(s, d, ACTION_PAUSE, NULL, NULL);
		break;
	case 2:
		ask(s, d, ACTION_PANIC, NULL, NULL);
		break;
	case 3:
		ask(s, d, ACTION_PANIC, "all", NULL);
		break;
	case 4:
		if (dice_one_in(d, 3))
			ask(s, d,
			    dice_one_in(d, 2) ? ACTION_RULES_HOLD
					      : ACTION_RULES_RELEASE,
			    NULL, NULL);
		else
			ask(s, d, ACTION_SCENE, sim_scenes[dice_roll(d, 3)],
			    NULL);
		break;
	case 5:
		roll_back(s, d);
		break;
	case 6:
		ask(s, d, ACTION_ACK, "overrun/s1", "seen");
		break;
	case 7:
		if (dice_one_in(d, 6))
			ask(s, d, ACTION_CANCEL_RUN, NULL, NULL);
		break;
	default:
		meddle_stage(s, d, random_stage(s, d));
	}
}

/* A careful operator does what the screen calls for. */
static void operate_well(struct sim *s, struct dice *d)
{
	const struct model *m = s->follower;
	if (m->run.state == RUN_PAUSED)
		ask(s, d, ACTION_RESUME, NULL, NULL);
	else if (stage_in_standby(m) >= 0)
		ask(s, d, ACTION_GO, NULL, NULL);
	else if (m->inbox.count)
		answer_item(s, d);
	else if (any_killed(s))
		ask(s, d, ACTION_REVIVE, NULL, NULL);
	else if (frozen_poll(m) >= 0)
		ask(s, d, ACTION_POLL_UNFREEZE,
		    s->show->stages[frozen_poll(m)].id, NULL);
	else if (dice_one_in(d, 8))
		take_late(s, d);
	else if (dice_one_in(d, 20))
		ask(s, d, ACTION_NOTE, "applause", NULL);
	else if (dice_one_in(d, 20))
		obs_step(s, d);
}

static void operate(struct sim *s, struct dice *d)
{
	if (!sim_has(s, SIM_MEDDLE) || dice_one_in(d, 4)) {
		operate_well(s, d);
		return;
	}
	switch (dice_roll(d, 8)) {
	case 0:
	case 1:
		answer_item(s, d);
		break;
	case 2:
		ask(s, d, ACTION_RESUME, NULL, NULL);
		break;
	case 3:
		ask(s, d, ACTION_GO, NULL, NULL);
		break;
	case 4:
		ask(s, d, ACTION_NOTE, "applause", NULL);
		break;
	case 5:
		obs_step(s, d);
		break;
	default:
		meddle(s, d);
	}
}

/* What always leaves an event behind when it is done. */
static bool leaves_event(int action)
{
	return action != ACTION_PANIC;
}

static void told(struct sim *s, size_t n)
{
	if (n >= s->told_cap) {
		size_t cap = n * 2 + 64;
		s->told = xreallocarray(s->told, cap, sizeof *s->told);
		memset(s->told + s->told_cap, 0, cap - s->told_cap);
		s->told_cap = cap;
	}
	s->told[n] = true;
}

void people_all_told(struct sim *s)
{
	for (int n = 1; n <= s->next_command; n++)
		if ((size_t)n >= s->told_cap || !s->told[n]) {
			sim_fail(s, "reply", "command %d was never answered",
				 n);
			return;
		}
}

void people_told(struct sim *s, const struct effect *x)
{
	if (x->origin.kind != ORIGIN_BUS)
		return;
	char *end;
	int n = (int)strtol(x->origin.id + 1, &end, 10);
	int action = atoi(end + 1);
	if (plant_now(s, PLANT_LOST_REPLY))
		return;
	told(s, (size_t)n);
	SAY(s, "        %s is told: %s", x->origin.id, x->text);
	if (x->ok && leaves_event(action) && !audit_saw(s->audit, n))
		sim_fail(s, "reply",
			 "%s is told `%s`, but nothing of it is in the log",
			 x->origin.id, x->text);
}

/* --- the audience ------------------------------------------------------- */

static int random_poll(const struct sim *s, struct dice *d)
{
	int found = -1, n = 0;
	for (size_t i = 0; i < show_poll_places(s->show); i++) {
		const struct poll_run *p = s->follower->stages[i].poll;
		if (!p || !poll_def(s->follower, (int)i))
			continue;
		int weight = poll_is_open(p) ? 8 : 1;
		n += weight;
		if ((int)dice_roll(d, (uint64_t)n) < weight)
			found = (int)i;
	}
	return found;
}

/* The engine does, among the votes that it has seen. */
static void find_burst(struct sim *s, struct dice *d, int stage, int option)
{
	if (s->follower->stages[stage].poll->burst_count >= SIM_BURSTS)
		return;
	struct post *p = post_new(s, POST_BURST);
	p->life = s->lead->life;
	p->stage = stage;
	p->option = option;
	post_send(s, p, (int64_t)dice_roll(d, 300));
}

static void vote(struct sim *s, struct dice *d)
{
	int stage = random_poll(s, d);
	if (stage < 0 || !s->lead)
		return;
	size_t options = poll_def(s->follower, stage)->option_count;
	bool open = s->follower->stages[stage].poll->deadline_ms > 0;
	int voters = 1 + (int)dice_roll(d, open ? 12 : 2);
	for (int i = 0; i < voters; i++) {
		struct post *p = post_new(s, POST_VOTE);
		p->life = s->lead->life;
		p->stage = stage;
		p->option = (int)dice_roll(d, options);
		if (sim_has(s, SIM_STRAY) && dice_one_in(d, 20))
			p->option = 99;
		text_int(p->id, "v", (long long)dice_roll(d, SIM_VOTERS));
		post_send(s, p, (int64_t)dice_roll(d, 300));
	}
	if (open && dice_one_in(d, 6))
		find_burst(s, d, stage, (int)dice_roll(d, options));
}

/* --- a step ------------------------------------------------------------- */

static void begin(struct sim *s, struct dice *d)
{
	struct sim_core *c = s->lead;
	if (!c || c->local.first || !core_can_decide(c))
		return;
	enum run_state state = c->m->run.state;
	if (state != RUN_NONE && !run_is_over(state))
		return;
	struct post *p = post_new(s, POST_BEGIN);
	p->life = c->life;
	p->attended = dice_roll(d, 4) != 0;
	snprintf(p->id, sizeof p->id, "r%d",
		 state == RUN_NONE ? 1 : atoi(c->m->run.id + 1) + 1);
	posts_add(&c->local, p);
	s->runs++;
}

void people_step(struct sim *s, struct dice *d)
{
	if (audit_over(s->audit))
		begin(s, d);
	else if (dice_one_in(d, 3))
		vote(s, d);
	else
		operate(s, d);
}

/* Answers that were given once come again, out of nowhere, and some were never
 * asked for. */
void stray_step(struct sim *s, struct dice *d)
{
	size_t n = s->show->stage_count * s->show->agent_count;
	const struct deed *deed = s->deeds[dice_roll(d, n)];
	while (deed && deed->next && dice_one_in(d, 2))
		deed = deed->next;
	struct post *p = post_new(s, POST_ANSWER);
	struct post *next = p->next;
	uint64_t order = p->order;
	if (deed) {
		*p = deed->answer;
		p->kind = POST_ANSWER;
		p->ok = p->reached = true;
	} else {
		p->stage = (int)dice_roll(d, s->show->stage_count + 1);
		p->agent = (int)dice_roll(d, s->show->agent_count + 1);
		p->attempt = (int)dice_roll(d, 3) + 7;
		p->ok = dice_one_in(d, 2);
		p->reached = true;
		p->tokens = (int64_t)dice_roll(d, 100);
		strcpy(p->code, "what");
	}
	p->next = next;
	p->order = order;
	p->bus = true;
	p->life = -1;
	p->needs = 0;
	post_send(s, p, (int64_t)dice_roll(d, 100));
}

/* --- the end: everybody helps ------------------------------------------- */

void people_help(struct sim *s)
{
	const struct model *m = s->follower;
	struct dice d = dice_of(s->plan->seed, 6);
	if (m->run.state == RUN_PAUSED)
		ask(s, &d, ACTION_RESUME, NULL, NULL);
	if (stage_in_standby(m) >= 0)
		ask(s, &d, ACTION_GO, NULL, NULL);
	if (any_killed(s))
		ask(s, &d, ACTION_REVIVE, NULL, NULL);
	if (frozen_poll(m) >= 0)
		ask(s, &d, ACTION_POLL_UNFREEZE,
		    s->show->stages[frozen_poll(m)].id, NULL);
	if (!m->inbox.count)
		return;
	const struct inbox_item *item = &m->inbox.items[0];
	ask(s, &d, ACTION_ANSWER, item->id,
	    item->kind == INBOX_FAILED ? "skip" : item->choices[0]);
}
