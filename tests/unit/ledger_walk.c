#include "ledger_walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/core.h"
#include "core/lease_table.h"
#include "core/snapshot.h"
#include "show/show_read.h"
#include "sim/dice.h"

#define STAGES 6
#define IDS    64

static const char yaml[] =
	"show: t\n"
	"budget: { tokens: 60000, reserve: 4000, cost: \"0.2\",\n"
	"          approval_deadline_ms: 3000, settle_grace_ms: 4000 }\n"
	"services: { gpu: { quota: { episode: 40000, daily: 50000 } } }\n"
	"agents:\n"
	"  a: { via: bus, service: gpu, price: { input_per_mtok: \"2\" } }\n"
	"  b: { via: bus, service: gpu, quota: { episode: 30000 },\n"
	"       price: { output_per_mtok: \"3\" } }\n"
	"  c: { via: bus, quota: { daily: 25000 },\n"
	"       price: { input_per_mtok: \"1\" } }\n"
	"defaults: { on_failure: continue, retry: { max_attempts: 3 } }\n"
	"stages:\n"
	"  - { id: s0, agents: [a, b],\n"
	"      budget: { token_cap: 9000, time_cap_ms: 9000 } }\n"
	"  - { id: s1, agents: [c],\n"
	"      budget: { token_cap: 6000, time_cap_ms: 7000 } }\n"
	"  - { id: s2, agents: [a, c],\n"
	"      budget: { time_cap_ms: 8000, cost_cap: \"0.05\" } }\n"
	"  - { id: s3, agents: [b], finale: true,\n"
	"      budget: { token_cap: 8000, time_cap_ms: 6000 } }\n"
	"  - { id: s4, agents: [a, b, c],\n"
	"      budget: { token_cap: 12000, time_cap_ms: 9000 } }\n"
	"  - { id: s5, agents: [c], go: manual,\n"
	"      budget: { token_cap: 500 } }\n";

struct walk {
	struct show *show;
	struct model *m, *shadow;
	struct decision d;
	struct dice dice;
	int64_t now_ms;
	int32_t day;
	bool honest;
	int64_t next_id;
	int64_t told;	   /* overruns that events told, of this run */
	char *leases[IDS]; /* ids that were seen, the newest */
	size_t lease_next;
	struct input *again; /* what was asked, to be asked again */
	struct ledger_walk_result *r;
};

static struct show *read_show(void)
{
	struct show_problems problems = {0};
	struct show *show =
		show_parse_yaml(yaml, strlen(yaml), "walk.yaml", &problems);
	show_problems_release(&problems);
	return show;
}

static void broken(struct walk *w, const char *what)
{
	if (!*w->r->broken)
		snprintf(w->r->broken, sizeof w->r->broken,
			 "step %" PRId64 ": %.300s", w->r->steps, what);
}

static int64_t roll(struct walk *w, int64_t n)
{
	return (int64_t)dice_roll(&w->dice, (uint64_t)n);
}

/* --- what must hold ------------------------------------------------------- */

static void check_scope(struct walk *w, const struct scope *s, const char *what)
{
	if (w->honest && scope_over(s))
		broken(w, what);
	if (scope_over(s) > w->told)
		broken(w, what);
}

static void check(struct walk *w)
{
	const struct ledger *l = &w->m->ledger;
	const char *where = "";
	if (!ledger_holds(l, w->show->stage_count, w->show->agent_count,
			  &where))
		broken(w, where);
	check_scope(w, &l->episode.tokens, "the episode is overspent");
	for (size_t i = 0; i < w->show->stage_count; i++)
		check_scope(w, &l->stages[i].tokens, "a stage is overspent");
	for (size_t i = 0; i < w->show->agent_count; i++)
		check_scope(w, &l->agents[i].tokens, "an agent is overspent");
	check_scope(w, &l->services[0].tokens, "a service is overspent");
}

/* What the leases say themselves, against what the accounts say. */
static void check_leases(struct walk *w)
{
	const struct lease_table *t = &w->m->ledger.leases;
	int64_t tokens = 0, cost = 0;
	for (size_t i = 0; i < w->show->stage_count; i++)
		for (int k = lease_table_held(t, (int)i); k >= 0;
		     k = lease_table_next(t, k)) {
			tokens += t->slots[k].tokens - t->slots[k].spent;
			cost += t->slots[k].cost_micros -
				t->slots[k].cost_spent;
		}
	if (tokens != w->m->ledger.episode.tokens.leased ||
	    cost != w->m->ledger.episode.cost.leased)
		broken(w, "the leases and the accounts differ");
}

static void same_models(struct walk *w)
{
	char *a = model_snapshot(w->m), *b = model_snapshot(w->shadow);
	if (strcmp(a, b) != 0)
		broken(w, "decided and folded differ");
	free(a);
	free(b);
}

/* --- one step ------------------------------------------------------------- */

static void note_event(struct walk *w, const struct event *e)
{
	w->r->events++;
	if (e->type == EVENT_RUN_START) {
		w->told = 0;
		w->r->runs++;
	}
	w->told += event_int(e, "overrun", 0);
	if (e->type == EVENT_BUDGET_REQUEST)
		w->r->held++;
	if (e->type != EVENT_TOKEN_LEASE)
		return;
	w->r->leases++;
	char **slot = &w->leases[w->lease_next++ % IDS];
	free(*slot);
	*slot = xstrdup(event_str(e, "lease", ""));
}

static void restore_from(struct walk *w, const struct model *m)
{
	struct err err;
	char *text = model_snapshot(m);
	struct model *next = model_restore(w->show, text, strlen(text), &err);
	free(text);
	if (!next) {
		broken(w, err.text);
		return;
	}
	model_free(&w->m);
	w->m = next;
	w->r->crashes++;
}

/* Takes `in`. `lost`: the core dies before the store has it. */
static void step(struct walk *w, struct input *in, bool lost)
{
	in->now_ms = w->now_ms;
	in->day = w->day;
	decision_clear(&w->d);
	core_decide(w->m, in, &w->d);
	input_free(&in);
	if (lost) {
		restore_from(w, w->shadow);
		return;
	}
	for (size_t i = 0; i < w->d.event_count; i++) {
		model_apply(w->shadow, w->d.events[i]);
		note_event(w, w->d.events[i]);
	}
	check(w);
}

static struct input *command(struct walk *w, enum action_id action,
			     const char *a, const char *b, const char *c)
{
	struct input *in = input_new(INPUT_COMMAND);
	const char *args[] = {a, b, c};
	in->action = action;
	in->id = xasprintf("q%" PRId64, w->next_id++);
	in->by = xstrdup("walk");
	in->origin.kind = ORIGIN_BUS;
	snprintf(in->origin.id, sizeof in->origin.id, "%s", in->id);
	for (int i = 0; i < 3 && args[i]; i++)
		in->args[i] = xstrdup(args[i]);
	return in;
}

static struct input *copy_command(const struct input *from)
{
	struct input *in = input_new(from->kind);
	in->action = from->action;
	in->id = xstrdup(from->id);
	in->by = xstrdup(from->by);
	in->lease = xstrdup(from->lease);
	in->tokens_used = from->tokens_used;
	in->origin = from->origin;
	for (int i = 0; i < ACTION_MAX_ARGS; i++)
		in->args[i] = xstrdup(from->args[i]);
	return in;
}

static const char *some_lease(struct walk *w)
{
	const char *id = w->leases[roll(w, IDS)];
	return id ? id : "r1/s0/1/a";
}

static const struct lease *lease_of(struct walk *w, const char *id)
{
	return ledger_lease(w->m, ledger_find(&w->m->ledger, id));
}

static struct input *wish(struct walk *w)
{
	char tokens[32], stage[8];
	const char *id = some_lease(w);
	const struct lease *l = lease_of(w, id);
	int64_t rest = l ? l->tokens - l->spent : 100;
	int64_t most =
		w->honest || !dice_one_in(&w->dice, 30) ? rest : rest + 900;
	snprintf(stage, sizeof stage, "s%d", (int)roll(w, STAGES));
	snprintf(tokens, sizeof tokens, "%" PRId64,
		 1 + roll(w, dice_one_in(&w->dice, 20) ? 20000 : 900));
	int64_t which = roll(w, 10);
	if (which < 4)
		return command(w, ACTION_LEASE, stage,
			       w->show->agents[roll(w, 3)].id, tokens);
	if (which < 5)
		return command(w, ACTION_LEASE_EXTEND, id, tokens, NULL);
	if (which < 6)
		return command(w, ACTION_LEASE_RETURN, id, tokens, NULL);
	if (which < 8) {
		snprintf(tokens, sizeof tokens, "%" PRId64,
			 (l ? l->spent : 0) + roll(w, most + 1));
		return command(w, ACTION_LEASE_SETTLE, id, tokens, NULL);
	}
	struct input *in = input_new(INPUT_USAGE);
	in->id = xasprintf("u%" PRId64, w->next_id++);
	in->lease = xstrdup(id);
	in->tokens_used = roll(w, most + 1);
	return in;
}

/* An agent answers: its own call, or one that is over. */
static struct input *agent_answer(struct walk *w)
{
	int stage = (int)roll(w, STAGES);
	const struct stage_run *s = &w->m->stages[stage];
	size_t k = (size_t)roll(w, (int64_t)w->show->stages[stage].agent_count);
	const struct lease *l = ledger_lease(w->m, s->calls[k].lease);
	struct input *in = input_new(INPUT_ANSWER);
	const char *other = some_lease(w);
	bool is_other = dice_one_in(&w->dice, 8);
	/* What was leased to it, not to the one that goes on. */
	if (is_other)
		l = lease_of(w, other);
	int64_t most = l ? l->tokens : 0;
	if (!w->honest && dice_one_in(&w->dice, 10))
		most += 700;
	in->reached = true;
	in->ok = !dice_one_in(&w->dice, 4);
	in->stage = xstrdup(w->show->stages[stage].id);
	in->agent = xstrdup(w->show->agents[s->calls[k].agent].id);
	in->attempt = s->attempt;
	if (is_other) {
		in->lease = xstrdup(other);
		in->attempt = 1;
	} else if (l) {
		in->lease = xstrdup(l->id);
	}
	if (!in->ok) {
		in->error_code = xstrdup("broken");
		in->text = xstrdup("it broke");
	}
	in->tokens_used = dice_one_in(&w->dice, 6) ? -1
			  : most		   ? roll(w, most + 1)
						   : 0;
	return in;
}

static struct input *people(struct walk *w)
{
	const struct inbox *inbox = &w->m->inbox;
	char stage[8];
	snprintf(stage, sizeof stage, "s%d", (int)roll(w, STAGES));
	if (inbox->count && !dice_one_in(&w->dice, 3)) {
		const char *id =
			inbox->items[roll(w, (int64_t)inbox->count)].id;
		return command(w,
			       dice_one_in(&w->dice, 2) ? ACTION_APPROVE
							: ACTION_DENY,
			       id, NULL, NULL);
	}
	switch (roll(w, 12)) {
	case 0:
		return command(w, ACTION_SKIP, stage, NULL, NULL);
	case 1:
		return command(w, ACTION_CANCEL_RUN, NULL, NULL, NULL);
	case 2:
		return command(w, ACTION_CANCEL, stage, NULL, NULL);
	case 3:
		return command(w, ACTION_PAUSE, NULL, NULL, NULL);
	default:
		return command(w,
			       w->m->run.state == RUN_PAUSED ? ACTION_RESUME
							     : ACTION_RERUN,
			       w->m->run.state == RUN_PAUSED ? NULL : stage,
			       NULL, NULL);
	}
}

static struct input *next_input(struct walk *w)
{
	enum run_state state = w->m->run.state;
	if ((run_is_over(state) && dice_one_in(&w->dice, 4)) ||
	    state == RUN_NONE) {
		struct input *in = input_new(INPUT_BEGIN);
		in->id = xasprintf("r%" PRId64, ++w->r->runs);
		w->r->runs--;
		in->attended = true;
		return in;
	}
	int64_t which = roll(w, 100);
	if (which < 62)
		return wish(w);
	if (which < 80)
		return agent_answer(w);
	if (which < 90) {
		w->now_ms += roll(w, 800);
		if (dice_one_in(&w->dice, 40))
			w->day++;
		return input_new(INPUT_TICK);
	}
	return people(w);
}

static void walk_on(struct walk *w)
{
	struct input *in;
	if (w->again && dice_one_in(&w->dice, 12)) {
		in = copy_command(w->again);
		w->r->repeats++;
	} else {
		in = next_input(w);
		if (in->kind == INPUT_COMMAND || in->kind == INPUT_USAGE) {
			input_free(&w->again);
			w->again = copy_command(in);
		}
	}
	step(w, in, dice_one_in(&w->dice, 2000));
	if (w->r->steps % 512 == 0)
		check_leases(w);
	if (w->r->steps % 8192 == 0) {
		same_models(w);
		restore_from(w, w->m);
	}
}

void ledger_walk(uint64_t seed, int64_t steps, bool honest,
		 struct ledger_walk_result *result)
{
	*result = (struct ledger_walk_result){0};
	struct walk w = {.show = read_show(),
			 .dice = dice_of(seed, 1),
			 .now_ms = 1000000,
			 .day = 20260101,
			 .honest = honest,
			 .r = result};
	w.m = model_new(w.show);
	w.shadow = model_new(w.show);
	for (; result->steps < steps && !*result->broken; result->steps++)
		walk_on(&w);
	same_models(&w);
	input_free(&w.again);
	for (size_t i = 0; i < IDS; i++)
		free(w.leases[i]);
	decision_release(&w.d);
	model_free(&w.m);
	model_free(&w.shadow);
	show_unref(&w.show);
}
