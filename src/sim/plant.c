/* plant: defects put in on purpose, by tampering with what the core decided
 * before it is remembered, or by a world that does not keep its promises. */
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

static const struct {
	const char *name, *help;
} table[PLANTS] = {
	[PLANT_NONE] = {"", ""},
	[PLANT_DOUBLE_SPEND] = {"double-spend", "a lease is spent twice"},
	[PLANT_LOST_RETURN] = {"lost-return",
			       "what a call did not use never comes back"},
	[PLANT_OVERSPEND] = {"overspend", "a lease grants more than there is"},
	[PLANT_MONEY_FORGOTTEN] = {"money-forgotten",
				   "a lease does not say what it may cost"},
	[PLANT_DAY_FORGOTTEN] = {"day-forgotten",
				 "the purses of a day are never begun"},
	[PLANT_EXTENDED_TWICE] = {"extended-twice",
				  "an extension is booked twice"},
	[PLANT_EARLY_START] = {"early-start",
			       "a stage starts before those it needs are done"},
	[PLANT_DONE_TWICE] = {"done-twice", "a stage completes twice"},
	[PLANT_EXTRA_RETRY] = {"extra-retry",
			       "a stage is tried once more than it may be"},
	[PLANT_HASH_CHAIN] = {"hash-chain",
			      "a stage names another hash before its patch"},
	[PLANT_DEADLOCK] = {"deadlock", "a stage runs without calling anybody"},
	[PLANT_FOLD_DIFFERS] = {"fold-differs",
				"an event is stored otherwise than decided"},
	[PLANT_CLOCK_BACK] = {"clock-back", "the show clock goes back"},
	[PLANT_EARLY_EFFECT] = {"early-effect",
				"the core acts before the store has answered"},
	[PLANT_EFFECT_TWICE] = {"effect-twice", "an agent is called twice"},
	[PLANT_NEW_KEY] = {"new-key", "a call is repeated under another key"},
	[PLANT_DOUBLE_COMMAND] = {"double-command",
				  "commands are not remembered"},
	[PLANT_VOTE_TWICE] = {"vote-twice", "a vote is counted twice"},
	[PLANT_EPOCH_IGNORED] = {"epoch-ignored",
				 "the store takes commits of an old leader"},
	[PLANT_STORED_TWICE] = {"stored-twice",
				"a commit that is sent again is stored again"},
	[PLANT_LOST_EVENT] = {"lost-event", "an event of a commit is lost"},
	[PLANT_LOST_COMMIT] = {"lost-commit",
			       "a crash loses what was acknowledged"},
	[PLANT_WRONG_TOTAL] = {"wrong-total", "a total on the screen is off"},
	[PLANT_LOST_REPLY] = {"lost-reply", "a command is never answered"},
	[PLANT_RAISE_STAYS] = {"raise-stays",
			       "an expired raise is not taken back"},
	[PLANT_KILLED_CALLED] = {"killed-called",
				 "a stage starts with an agent that is killed"},
	[PLANT_ADOPT_BLIND] = {"adopt-blind",
			       "a late answer is adopted without a look at "
			       "what it was made on"},
	[PLANT_ABORT] = {"abort", "the core aborts"},
};

const char *sim_plant_name(enum sim_plant plant)
{
	return table[plant].name;
}

const char *sim_plant_help(enum sim_plant plant)
{
	return table[plant].help;
}

enum sim_plant sim_plant_find(const char *name)
{
	int i = PLANT_NONE + 1;
	while (i < PLANTS && strcmp(table[i].name, name) != 0)
		i++;
	return (enum sim_plant)i;
}

bool plant_is(const struct sim *s, enum sim_plant plant)
{
	return s->plan->plant == plant;
}

/* Once in a story, at one of the first places where it fits. */
bool plant_now(struct sim *s, enum sim_plant plant)
{
	if (s->plan->plant != plant || s->planted)
		return false;
	if (dice_roll(&s->thumb, 3))
		return false;
	s->planted = true;
	SAY(s, "PLANTED: %s", table[plant].help);
	return true;
}

/* --- tampering ---------------------------------------------------------- */

static void renumber(struct decision *d)
{
	uint64_t first = d->events[0]->seq;
	for (size_t i = 0; i < d->event_count; i++)
		d->events[i]->seq = first + i;
}

static void insert(struct decision *d, size_t at, struct event *e)
{
	e->seq = d->events[0]->seq;
	GROW(d->events, d->event_count, d->event_cap);
	memmove(d->events + at + 1, d->events + at,
		(d->event_count - at) * sizeof(struct event *));
	d->events[at] = e;
	d->event_count++;
	renumber(d);
}

static void take_out(struct decision *d, size_t at)
{
	if (at == 0 && d->event_count > 1)
		d->events[1]->seq = d->events[0]->seq;
	event_free(&d->events[at]);
	d->event_count--;
	memmove(d->events + at, d->events + at + 1,
		(d->event_count - at) * sizeof(struct event *));
	if (d->event_count)
		renumber(d);
}

static bool start_early(struct sim *s, struct sim_core *c, size_t at)
{
	const struct event *e = c->made.events[at];
	for (size_t i = 0; i < s->show->stage_count; i++) {
		const struct stage_run *r = &c->m->stages[i];
		if (r->state != STAGE_WAITING || !r->unmet)
			continue;
		json_object *data = json_object_new_object();
		json_add_int(data, "attempt", r->attempt + 1);
		json_add_int(data, "deadline", e->at_ms + 1000);
		insert(&c->made, at + 1,
		       event_new(EVENT_STAGE_START, e->run,
				 s->show->stages[i].id, NULL, e->at_ms, &data));
		return true;
	}
	return false;
}

static bool forget_calls(struct sim_core *c, struct event *e)
{
	struct decision *d = &c->made;
	if (event_int(e, "deadline", 0) == 0)
		return false; /* a poll */
	json_object_object_del(event_data(e), "deadline");
	for (size_t i = 0; i < d->effect_count; i++) {
		struct effect *x = &d->effects[i];
		if (x->kind != EFFECT_CALL ||
		    strcmp(c->m->show->stages[x->stage].id, e->stage) != 0)
			continue;
		effect_release(x);
		*x = (struct effect){
			.kind = EFFECT_BELL, .stage = -1, .agent = -1};
	}
	return true;
}

static bool swap_number(struct event *e, const char *key, int64_t factor)
{
	int64_t n = event_int(e, key, 0);
	json_object_object_del(event_data(e), key);
	json_add_int(event_data(e), key, n * factor);
	return true;
}

static bool keep_raise(struct event *e)
{
	json_object *nothing = json_object_new_object();
	json_object_object_del(event_data(e), "raises");
	json_object_object_del(event_data(e), "done");
	json_add(event_data(e), "raises", &nothing);
	json_add_bool(event_data(e), "done", true);
	return true;
}

/* A stage that waits for nothing but a killed agent. */
static bool start_killed(struct sim *s, struct sim_core *c, size_t at)
{
	const struct event *e = c->made.events[at];
	if (c->m->run.state != RUN_RUNNING || at + 1 != c->made.event_count)
		return false;
	for (size_t i = 0; i < s->show->stage_count; i++) {
		const struct stage_run *r = &c->m->stages[i];
		const struct show_stage *def = &s->show->stages[i];
		if (r->state != STAGE_WAITING || r->unmet || def->poll ||
		    !def->agent_count ||
		    !c->m->killed[stage_agent(c->m, (int)i, 0)] ||
		    !plant_now(s, PLANT_KILLED_CALLED))
			continue;
		json_object *data = json_object_new_object();
		json_add_int(data, "attempt", r->attempt + 1);
		json_add_int(data, "deadline", e->at_ms + 1000);
		insert(&c->made, at + 1,
		       event_new(EVENT_STAGE_START, e->run, def->id, NULL,
				 e->at_ms, &data));
		return true;
	}
	return false;
}

/* One event of a decision; true when the model has to be folded anew. */
static bool tamper(struct sim *s, struct sim_core *c, size_t i)
{
	struct decision *d = &c->made;
	struct event *e = d->events[i];
	bool last = event_bool(e, "final", false) &&
		    !event_bool(e, "cancelled", false) &&
		    strcmp(event_str(e, "code", ""), "budget") != 0;
	switch (s->plan->plant) {
	case PLANT_DOUBLE_SPEND:
		if (e->type != EVENT_TOKEN_SPEND ||
		    !plant_now(s, s->plan->plant))
			return false;
		insert(d, i + 1, event_clone(e));
		return true;
	case PLANT_LOST_RETURN:
		if (e->type != EVENT_TOKEN_RETURN ||
		    !plant_now(s, s->plan->plant))
			return false;
		take_out(d, i);
		return true;
	case PLANT_OVERSPEND:
		return e->type == EVENT_TOKEN_LEASE &&
		       plant_now(s, s->plan->plant) &&
		       swap_number(e, "tokens", 1000);
	case PLANT_MONEY_FORGOTTEN:
		if (e->type != EVENT_TOKEN_LEASE ||
		    !event_int(e, "cost_micros", 0) ||
		    !plant_now(s, s->plan->plant))
			return false;
		json_object_object_del(event_data(e), "cost_micros");
		return true;
	case PLANT_EXTENDED_TWICE:
		if (e->type != EVENT_TOKEN_LEASE ||
		    !event_bool(e, "extends", false) ||
		    !plant_now(s, s->plan->plant))
			return false;
		insert(d, i + 1, event_clone(e));
		return true;
	case PLANT_EARLY_START:
		return e->type == EVENT_STAGE_START &&
		       dice_one_in(&s->thumb, 2) && start_early(s, c, i) &&
		       (s->planted = true);
	case PLANT_DONE_TWICE:
		if (e->type != EVENT_STAGE_COMPLETE ||
		    !plant_now(s, s->plan->plant))
			return false;
		insert(d, i + 1, event_clone(e));
		return true;
	case PLANT_EXTRA_RETRY:
		if (e->type != EVENT_STAGE_ERROR || *e->agent || !last ||
		    i + 1 != d->event_count || !plant_now(s, s->plan->plant))
			return false;
		json_add_int(event_data(e), "retry_at", e->at_ms + 1);
		return true;
	case PLANT_HASH_CHAIN:
		if (e->type != EVENT_STAGE_COMPLETE ||
		    !plant_now(s, s->plan->plant))
			return false;
		json_object_object_del(event_data(e), "pre_state_hash");
		json_add_str(event_data(e), "pre_state_hash", "0000");
		return true;
	case PLANT_DEADLOCK:
		return e->type == EVENT_STAGE_START &&
		       plant_now(s, s->plan->plant) && forget_calls(c, e);
	case PLANT_FOLD_DIFFERS:
		if (e->type == EVENT_TOKEN_SPEND &&
		    plant_now(s, s->plan->plant)) {
			json_object_object_del(event_data(e), "model");
			json_add_str(event_data(e), "model", "planted");
		}
		return false; /* the model goes on with what it decided */
	case PLANT_RAISE_STAYS:
		return e->type == EVENT_BUDGET_RAISE &&
		       event_int(e, "tokens", 0) < 0 &&
		       plant_now(s, s->plan->plant) && keep_raise(e);
	case PLANT_KILLED_CALLED:
		return start_killed(s, c, i);
	case PLANT_ADOPT_BLIND:
		if (e->type != EVENT_PROPOSAL_ADOPT ||
		    !event_bool(e, "anyway", false) ||
		    !plant_now(s, s->plan->plant))
			return false;
		json_object_object_del(event_data(e), "anyway");
		return true;
	case PLANT_DOUBLE_COMMAND:
		if (!event_get(e, "cmd"))
			return false;
		json_object_object_del(event_data(e), "cmd");
		return true;
	default:
		return false;
	}
}

bool plant_decided(struct sim *s, struct sim_core *c)
{
	bool changed = false;
	bool again = s->plan->plant == PLANT_DOUBLE_COMMAND;
	for (size_t i = 0; i < c->made.event_count; i++) {
		if (s->planted && !again)
			break;
		if (tamper(s, c, i))
			changed = true;
	}
	return changed;
}
