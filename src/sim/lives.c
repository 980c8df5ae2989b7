/* lives: how a core takes the lead, dies, is stopped and wakes up. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

static void fold_from(const struct sim *s, struct model *m, size_t i)
{
	for (; i < s->store.count; i++) {
		struct event *e = store_read(s, i);
		model_apply(m, e);
		event_free(&e);
	}
}

/* The model as it would be had the core decided what now stands there. */
void core_fold_anew(struct sim *s, struct sim_core *c)
{
	model_free(&c->m);
	c->m = model_new(s->show);
	fold_from(s, c->m, 0);
	for (size_t k = 0; k <= c->count; k++) {
		struct batch *b =
			k < c->count ? &c->ring[(c->first + k) % SIM_BATCHES]
				     : &c->open;
		for (size_t i = 0; i < b->count; i++)
			if (b->entries[i].event)
				model_apply(c->m, b->entries[i].event);
	}
}

/* As a core takes over: from the newest snapshot and what came after it. */
static void restore(struct sim *s, struct sim_core *c)
{
	struct err err;
	const char *text = s->store.snapshot;
	struct dice air = sim_air(s, 6);
	/* Rolled in any case: the story is the same however often whole models
	 * are compared. */
	if (dice_one_in(&air, 32) || !text) {
		core_fold_anew(s, c);
		return;
	}
	c->m = model_restore(s->show, text, strlen(text), &err);
	if (!c->m) {
		sim_fail(s, "snapshot", "it cannot be restored: %s", err.text);
		core_fold_anew(s, c);
		return;
	}
	fold_from(s, c->m, s->store.snapshot_seq);
	s->result->restores++;
}

void core_return_mail(struct sim *s, struct batch *b)
{
	struct post *p;
	while ((p = posts_take(&b->receipts))) {
		if (p->life < 0)
			posts_push(&s->mail, p);
		else
			post_free(s, p);
	}
}

/* Its commits on the way may still arrive, so the batches stay. */
void core_die(struct sim *s, struct sim_core *c)
{
	struct post *p;
	struct dice air = sim_air(s, 5);
	if (c == s->lead) {
		SAY(s, "core %d dies", c->life);
		s->lead = NULL;
		s->result->crashes++;
		due_add(s, DUE_LEAD,
			s->now_ms + 1 + (int64_t)dice_roll(&air, 2000));
	}
	s->crash_in = 0;
	c->alive = false;
	c->conn++;
	if (dice_one_in(&air, 2))
		for (size_t i = 0; i < s->due_count; i++)
			if (s->heap[i].kind == DUE_ARRIVE &&
			    s->heap[i].life == c->life)
				s->heap[i].conn = -1;
	for (size_t i = 0; i < SIM_BATCHES; i++)
		core_return_mail(s, &c->ring[i]);
	core_return_mail(s, &c->open);
	while ((p = posts_take(&c->local)))
		post_free(s, p);
}

void core_freeze(struct sim *s, struct sim_core *c, int64_t for_ms)
{
	SAY(s, "core %d is stopped for %" PRId64 " ms", c->life, for_ms);
	c->frozen = true;
	s->lead = NULL;
	due_add(s, DUE_WAKE, s->now_ms + for_ms)->life = c->life;
	due_add(s, DUE_LEAD, s->now_ms + 1500);
}

void core_wake(struct sim *s, struct sim_core *c)
{
	if (!c->alive)
		return;
	SAY(s, "core %d wakes up", c->life);
	c->frozen = false;
	c->conn++; /* what the store said meanwhile is lost */
	c->knows_away = s->store.away;
	if (c->epoch == s->store.epoch)
		s->lead = c;
	else if (core_can_decide(c) && s->mail.first)
		/* It takes from the bus what was not for it. */
		core_decide_post(s, c, posts_take(&s->mail));
	if (!c->alive)
		return;
	core_commit(s, c);
	store_resend(s, c);
}

static void first_posts(struct sim *s, struct sim_core *c)
{
	struct post *p = post_new(s, POST_LEAD);
	p->life = c->life;
	p->tokens = c->epoch;
	snprintf(p->by, sizeof p->by, "host%d", c->life);
	posts_add(&c->local, p);
	if (c->m->run.id[0] && !run_is_over(c->m->run.state)) {
		p = post_new(s, POST_RESUMED);
		p->life = c->life;
		posts_add(&c->local, p);
	}
}

void core_take_lead(struct sim *s)
{
	if (s->lead)
		return;
	if (s->store.away) {
		due_add(s, DUE_LEAD, s->now_ms + 500);
		return;
	}
	if (plant_is(s, PLANT_LOST_COMMIT) && s->store.acked > 3 &&
	    s->store.acked == s->store.count)
		s->store.count--;
	if (s->store.acked > s->store.count)
		sim_fail(s, "lost",
			 "event %" PRIu64 " was acknowledged and is gone",
			 s->store.acked);
	struct sim_core *c = xcalloc(1, sizeof *c);
	c->life = (int)s->core_count;
	GROW(s->cores, s->core_count, s->core_cap);
	s->cores[s->core_count++] = c;
	c->alive = true;
	c->epoch = ++s->store.epoch;
	restore(s, c);
	struct dice air = sim_air(s, 7);
	if (sim_has(s, SIM_JUMP) && dice_one_in(&air, 4))
		c->clock_off = (int64_t)dice_roll(&air, 7200000) - 3600000;
	if (c->m->at_ms >= s->now_ms + c->clock_off)
		c->clock_off = c->m->at_ms + 1 - s->now_ms;
	c->last_ms = s->now_ms + c->clock_off;
	s->lead = c;
	s->result->takeovers += c->life > 0;
	SAY(s, "core %d leads with epoch %" PRId64 ", from %zu events", c->life,
	    c->epoch, s->store.count);
	first_posts(s, c);
}

void core_release(struct sim *s, struct sim_core *c)
{
	struct post *p;
	for (size_t i = 0; i <= SIM_BATCHES; i++) {
		struct batch *b = i < SIM_BATCHES ? &c->ring[i] : &c->open;
		core_batch_clear(s, b);
		free(b->entries);
		free(b->effects);
	}
	while ((p = posts_take(&c->local)))
		post_free(s, p);
	decision_release(&c->made);
	model_free(&c->m);
	free(c->ops);
	free(c);
}
