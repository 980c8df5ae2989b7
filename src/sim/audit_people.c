/* What people decide about tokens and answers, worked out from the log: who is
 * killed, what an adopted answer was made on. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/books.h"

void audit_people_release(struct audit *a)
{
	for (size_t i = 0; i < a->show->stage_count; i++)
		for (size_t k = 0; k < COUNT_OF(a->stages[i].bases); k++)
			free(a->stages[i].bases[k].text);
	free(a->killed);
	free(a->late);
	json_object_put(a->doc);
}

/* --- what a call is made on ----------------------------------------------- */

static void put_member(struct buf *b, json_object *doc, const char *name)
{
	json_object *v = NULL;
	if (!json_object_object_get_ex(doc, name, &v))
		return;
	buf_adds(b, name);
	buf_addc(b, '=');
	json_print_canonical(b, v);
	buf_addc(b, '\n');
}

static char *base_text(const struct audit *a, int stage)
{
	const struct show_stage *def = &a->show->stages[stage];
	struct buf b = {0};
	for (size_t i = 0; i < def->inputs.count; i++) {
		const char *name = def->inputs.items[i];
		int from = show_find_stage(a->show, name);
		put_member(&b, a->doc, name);
		for (size_t k = 0;
		     from >= 0 && k < a->show->stages[from].outputs.count; k++)
			put_member(&b, a->doc,
				   a->show->stages[from].outputs.items[k]);
	}
	buf_addc(&b, '|');
	for (size_t i = 0; i < def->outputs.count; i++)
		put_member(&b, a->doc, def->outputs.items[i]);
	if (!def->outputs.count)
		put_member(&b, a->doc, def->id);
	return buf_take(&b);
}

void audit_started_on(struct sim *s, int stage)
{
	struct audit *a = s->audit;
	struct stage_book *b = &a->stages[stage];
	struct base_book *base =
		&b->bases[b->attempt % (int)COUNT_OF(b->bases)];
	free(base->text);
	*base = (struct base_book){a->run, b->attempt, base_text(a, stage)};
	for (size_t k = 0; k < a->show->stages[stage].agent_count; k++)
		if (a->killed[b->who[k]])
			sim_fail(s, "killed", "%s starts, and %s is killed",
				 a->show->stages[stage].id,
				 a->show->agents[b->who[k]].id);
}

/* --- what came too late --------------------------------------------------- */

static void late(struct audit *a, const struct event *e, int stage)
{
	uint64_t of = (uint64_t)event_int(e, "late", 0);
	if (of) {
		GROW(a->conflicts, a->conflict_count, a->conflict_cap);
		a->conflicts[a->conflict_count++] = of;
		return;
	}
	GROW(a->late, a->late_count, a->late_cap);
	a->late[a->late_count++] = (struct late_book){
		e->seq, a->run, stage, (int)event_int(e, "attempt", 0)};
}

static void answered(struct audit *a, uint64_t seq)
{
	for (size_t i = 0; i < a->conflict_count; i++)
		if (a->conflicts[i] == seq)
			a->conflicts[i] = a->conflicts[--a->conflict_count];
	for (size_t i = 0; i < a->late_count; i++)
		if (a->late[i].seq == seq)
			a->late[i] = a->late[--a->late_count];
}

static const struct late_book *find_late(const struct audit *a, uint64_t seq)
{
	for (size_t i = 0; i < a->late_count; i++)
		if (a->late[i].seq == seq)
			return &a->late[i];
	return NULL;
}

static void adopted(struct sim *s, const struct event *e, int stage)
{
	struct audit *a = s->audit;
	const struct late_book *l =
		find_late(a, (uint64_t)event_int(e, "late", 0));
	if (!l || stage < 0 || l->stage != stage) {
		sim_fail(s, "adopt", "what nobody answered is adopted");
		return;
	}
	if (event_bool(e, "anyway", false))
		return;
	const struct stage_book *b = &a->stages[stage];
	int attempt = l->attempt > 0 ? l->attempt : b->attempt;
	const struct base_book *base =
		&b->bases[attempt % (int)COUNT_OF(b->bases)];
	char *now = base_text(a, stage);
	if (l->run != a->run || base->run != a->run || !base->text ||
	    (l->attempt > 0 && base->attempt != l->attempt) ||
	    strcmp(base->text, now) != 0)
		sim_fail(s, "adopt",
			 "%s: what the adopted answer was made on has changed",
			 e->stage);
	free(now);
}

static void turn_switch(struct audit *a, const struct event *e, int agent)
{
	for (size_t i = 0; i < a->show->agent_count; i++)
		if (!*e->agent || (int)i == agent)
			a->killed[i] = e->type == EVENT_AGENT_KILL;
}

void audit_people(struct sim *s, const struct event *e, int stage, int agent)
{
	struct audit *a = s->audit;
	if (e->type == EVENT_AGENT_KILL || e->type == EVENT_AGENT_REVIVE)
		turn_switch(a, e, agent);
	if (e->type == EVENT_TOKEN_LEASE && agent >= 0 && a->killed[agent])
		sim_fail(s, "killed", "%s gets a lease, and is killed",
			 e->agent);
	if (e->type == EVENT_PROPOSAL_LATE)
		late(a, e, stage);
	if (e->type == EVENT_PROPOSAL_ADOPT)
		adopted(s, e, stage);
	if (e->type == EVENT_PROPOSAL_ADOPT ||
	    e->type == EVENT_PROPOSAL_DISCARD)
		answered(a, (uint64_t)event_int(e, "late", 0));
	if (e->type == EVENT_RUN_COMPLETE || e->type == EVENT_RUN_CANCEL ||
	    e->type == EVENT_RUN_START)
		a->conflict_count = 0;
	if (e->type == EVENT_RUN_START) {
		json_object_put(a->doc);
		a->doc = json_object_new_object();
	}
	json_object *patch =
		event_patches_story(e->type) ? event_patch(e) : NULL;
	if (patch)
		json_merge(a->doc, patch);
}
