/* plant: defects put in on purpose, by tampering with what the core decided
 * before it is remembered, or by a world that does not keep its promises. */
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

/* One event of a decision, that something may be done to. */
struct spot {
	struct sim *s;
	struct sim_core *c;
	size_t at;
	struct event *e;
};

/* --- where it fits ---------------------------------------------------------
 */

static bool costs(const struct spot *p)
{
	return event_int(p->e, "cost_micros", 0) != 0;
}

static bool extends(const struct spot *p)
{
	return event_bool(p->e, "extends", false);
}

/* The last word of a decision: a stage has failed for good, and it may. */
static bool fails_last(const struct spot *p)
{
	const struct event *e = p->e;
	return !*e->agent && event_bool(e, "final", false) &&
	       !event_bool(e, "cancelled", false) &&
	       strcmp(event_str(e, "code", ""), "budget") != 0 &&
	       p->at + 1 == p->c->made.event_count;
}

static bool is_unused(const struct spot *p)
{
	return strcmp(event_str(p->e, "why", ""), "unused") == 0;
}

static bool takes_back(const struct spot *p)
{
	return event_int(p->e, "tokens", 0) < 0 && !is_unused(p);
}

static bool is_anyway(const struct spot *p)
{
	return event_bool(p->e, "anyway", false);
}

static bool is_chosen(const struct spot *p)
{
	return strcmp(event_str(p->e, "state", ""), "held back") == 0 &&
	       !p->c->m->run.panic;
}

static bool is_commanded(const struct spot *p)
{
	return event_str(p->e, "cmd", NULL) != NULL;
}

/* --- tampering: true when the model has to be folded anew ------------------
 */

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

static bool repeat(const struct spot *p)
{
	insert(&p->c->made, p->at + 1, event_clone(p->e));
	return true;
}

/* There are few of these: the first one is taken. */
static bool repeat_first(const struct spot *p)
{
	p->s->planted = true;
	return repeat(p);
}

static bool lose(const struct spot *p)
{
	take_out(&p->c->made, p->at);
	return true;
}

/* Another value for that member; NULL: it goes. */
static bool change(const struct spot *p, const char *key, json_object *value)
{
	json_object *data = event_tree(p->e);
	json_object_object_del(data, key);
	if (value)
		json_object_object_add(data, key, value);
	json_flat_free(&p->e->data);
	p->e->data = json_flat_of(&data, NULL);
	return true;
}

static bool forget_money(const struct spot *p)
{
	return change(p, "cost_micros", NULL);
}

static bool forget_anyway(const struct spot *p)
{
	return change(p, "anyway", NULL);
}

static bool send_anyway(const struct spot *p)
{
	return change(p, "state", json_object_new_string("sent"));
}

static bool forget_command(const struct spot *p)
{
	return change(p, "cmd", NULL);
}

static bool grant_too_much(const struct spot *p)
{
	int64_t tokens = event_int(p->e, "tokens", 0);
	return change(p, "tokens", json_object_new_int64(tokens * 1000));
}

static bool try_again(const struct spot *p)
{
	return change(p, "retry_at", json_object_new_int64(p->e->at_ms + 1));
}

static bool change_hash(const struct spot *p)
{
	return change(p, "pre_state_hash", json_object_new_string("0000"));
}

static bool change_model(const struct spot *p)
{
	change(p, "model", json_object_new_string("planted"));
	return false; /* the model goes on with what it decided */
}

static bool forget_calls(const struct spot *p)
{
	struct decision *d = &p->c->made;
	if (event_int(p->e, "deadline", 0) == 0)
		return false; /* a poll */
	change(p, "deadline", NULL);
	for (size_t i = 0; i < d->effect_count; i++) {
		struct effect *x = &d->effects[i];
		if (x->kind != EFFECT_CALL ||
		    strcmp(p->s->show->stages[x->stage].id, p->e->stage) != 0)
			continue;
		effect_release(x);
		*x = (struct effect){
			.kind = EFFECT_BELL, .stage = -1, .agent = -1};
	}
	return true;
}

static bool keep_raise(const struct spot *p)
{
	return change(p, "raises", json_object_new_object()) &&
	       change(p, "done", json_object_new_boolean(true));
}

static void start(const struct spot *p, size_t stage)
{
	const struct event *e = p->e;
	struct json_out *data = json_out_new();
	json_add_int(data, "attempt", p->c->m->stages[stage].attempt + 1);
	json_add_int(data, "deadline", e->at_ms + 1000);
	insert(&p->c->made, p->at + 1,
	       event_new(EVENT_STAGE_START, e->run,
			 p->s->show->stages[stage].id, NULL, e->at_ms, &data));
}

static bool start_early(const struct spot *p)
{
	if (!dice_one_in(&p->s->thumb, 2))
		return false;
	for (size_t i = 0; i < p->s->show->stage_count; i++) {
		const struct stage_run *r = &p->c->m->stages[i];
		if (r->state != STAGE_WAITING || !r->unmet)
			continue;
		start(p, i);
		p->s->planted = true;
		return true;
	}
	return false;
}

/* A stage that waits for nothing but a killed agent. */
static bool start_killed(const struct spot *p)
{
	const struct model *m = p->c->m;
	if (m->run.state != RUN_RUNNING || p->at + 1 != p->c->made.event_count)
		return false;
	for (size_t i = 0; i < p->s->show->stage_count; i++) {
		const struct stage_run *r = &m->stages[i];
		const struct show_stage *def = &p->s->show->stages[i];
		if (r->state != STAGE_WAITING || r->unmet || def->poll ||
		    !def->agent_count ||
		    !m->killed[stage_agent(m, (int)i, 0)] ||
		    !plant_now(p->s, PLANT_KILLED_CALLED))
			continue;
		start(p, i);
		return true;
	}
	return false;
}

/* --- the table -------------------------------------------------------------
 */

/* Those without a `tamper` are in the world, where it says plant_is() or
 * plant_now(). */
static const struct {
	const char *name, *help;
	enum event_type type;		      /* EVENT_UNKNOWN: any */
	bool (*fits)(const struct spot *p);   /* NULL: each of that type */
	bool (*tamper)(const struct spot *p); /* true: fold it anew */
	bool whenever; /* it says itself when, and how often */
} table[PLANTS] = {
	[PLANT_NONE] = {"", ""},
	[PLANT_DOUBLE_SPEND] = {"double-spend", "a lease is spent twice",
				EVENT_TOKEN_SPEND, NULL, repeat},
	[PLANT_LOST_RETURN] = {"lost-return",
			       "what a call did not use never comes back",
			       EVENT_TOKEN_RETURN, NULL, lose},
	[PLANT_OVERSPEND] = {"overspend", "a lease grants more than there is",
			     EVENT_TOKEN_LEASE, NULL, grant_too_much},
	[PLANT_MONEY_FORGOTTEN] = {"money-forgotten",
				   "a lease does not say what it may cost",
				   EVENT_TOKEN_LEASE, costs, forget_money},
	[PLANT_DAY_FORGOTTEN] = {"day-forgotten",
				 "the purses of a day are never begun"},
	[PLANT_EXTENDED_TWICE] = {"extended-twice",
				  "an extension is booked twice",
				  EVENT_TOKEN_LEASE, extends, repeat_first,
				  .whenever = true},
	[PLANT_EARLY_START] = {"early-start",
			       "a stage starts before those it needs are done",
			       EVENT_STAGE_START, NULL, start_early,
			       .whenever = true},
	[PLANT_DONE_TWICE] = {"done-twice", "a stage completes twice",
			      EVENT_STAGE_COMPLETE, NULL, repeat},
	[PLANT_EXTRA_RETRY] = {"extra-retry",
			       "a stage is tried once more than it may be",
			       EVENT_STAGE_ERROR, fails_last, try_again},
	[PLANT_HASH_CHAIN] = {"hash-chain",
			      "a stage names another hash before its patch",
			      EVENT_STAGE_COMPLETE, NULL, change_hash},
	[PLANT_DEADLOCK] = {"deadlock", "a stage runs without calling anybody",
			    EVENT_STAGE_START, NULL, forget_calls},
	[PLANT_FOLD_DIFFERS] = {"fold-differs",
				"an event is stored otherwise than decided",
				EVENT_TOKEN_SPEND, NULL, change_model},
	[PLANT_CLOCK_BACK] = {"clock-back", "the show clock goes back"},
	[PLANT_EARLY_EFFECT] = {"early-effect",
				"the core acts before the store has answered"},
	[PLANT_EFFECT_TWICE] = {"effect-twice", "an agent is called twice"},
	[PLANT_NEW_KEY] = {"new-key", "a call is repeated under another key"},
	[PLANT_DOUBLE_COMMAND] = {"double-command",
				  "commands are not remembered", EVENT_UNKNOWN,
				  is_commanded, forget_command,
				  .whenever = true},
	[PLANT_VOTE_TWICE] = {"vote-twice", "a vote is counted twice"},
	[PLANT_BURST_STAYS] = {"burst-stays",
			       "the votes of a burst are never taken out"},
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
			       "an expired raise is not taken back",
			       EVENT_BUDGET_RAISE, takes_back, keep_raise},
	[PLANT_ONCE_KEPT] = {"once-kept",
			     "what an approved call did not use is not taken "
			     "back",
			     EVENT_BUDGET_RAISE, is_unused, lose},
	[PLANT_ONCE_TWICE] = {"once-twice",
			      "what an approved call did not use is taken back "
			      "twice",
			      EVENT_BUDGET_RAISE, is_unused, repeat},
	[PLANT_KILLED_CALLED] = {"killed-called",
				 "a stage starts with an agent that is killed",
				 EVENT_UNKNOWN, NULL, start_killed,
				 .whenever = true},
	[PLANT_ADOPT_BLIND] = {"adopt-blind",
			       "a late answer is adopted without a look at "
			       "what it was made on",
			       EVENT_PROPOSAL_ADOPT, is_anyway, forget_anyway},
	[PLANT_RULE_WINS] = {"rule-wins",
			     "a rule switches although an operator chose",
			     EVENT_OBS_COMMAND, is_chosen, send_anyway},
	[PLANT_ABORT] = {"abort", "the core aborts"},
};

const char *sim_plant_name(enum sim_plant plant)
{
	return table[plant].name;
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

static bool tamper(struct sim *s, struct sim_core *c, size_t at)
{
	enum sim_plant plant = s->plan->plant;
	const struct spot p = {s, c, at, c->made.events[at]};
	enum event_type type = table[plant].type;
	if (!table[plant].tamper ||
	    (type != EVENT_UNKNOWN && type != p.e->type) ||
	    (table[plant].fits && !table[plant].fits(&p)))
		return false;
	return (table[plant].whenever || plant_now(s, plant)) &&
	       table[plant].tamper(&p);
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
