/* agents: they honour the idempotency key, and misbehave in every other way.
 * What one does is rolled from the name of the attempt alone. */
#include <stdlib.h>
#include <string.h>

#include "sim/audit.h"
#include "sim/world.h"

static struct deed **deeds_of(const struct sim *s, int stage, int agent)
{
	return &s->deeds[(size_t)stage * s->show->agent_count + (size_t)agent];
}

static struct deed *deed_find(const struct sim *s, int run, int stage,
			      int agent, int attempt)
{
	struct deed *d = *deeds_of(s, stage, agent);
	while (d && (d->run != run || d->attempt != attempt))
		d = d->next;
	return d;
}

const struct deed *agent_deed(const struct sim *s, uint64_t mark, int stage,
			      int agent)
{
	const struct deed *d = *deeds_of(s, stage, agent);
	while (d && d->mark != mark)
		d = d->next;
	return d;
}

void agents_forget(struct sim *s)
{
	size_t n = s->show->stage_count * s->show->agent_count;
	for (size_t i = 0; i < n; i++) {
		struct deed *d;
		while ((d = s->deeds[i])) {
			s->deeds[i] = d->next;
			free(d);
		}
	}
}

/* --- moods -------------------------------------------------------------- */

enum mood {
	MOOD_OK,
	MOOD_FAILS,
	MOOD_GARBAGE,
	MOOD_NEVER,
	MOOD_LATE,
	MOOD_TWICE,
	MOOD_WRONG_AGENT,
	MOOD_WRONG_ATTEMPT,
	MOOD_OVERRUN,
	MOOD_ASKS,
	MOOD_UNREACHED,
};

static enum mood mood_of(const struct sim *s, struct dice *d)
{
	static const struct {
		int below;
		enum mood mood;
	} table[] = {
		{54, MOOD_OK},		{64, MOOD_FAILS},
		{68, MOOD_GARBAGE},	{72, MOOD_NEVER},
		{76, MOOD_LATE},	{80, MOOD_TWICE},
		{83, MOOD_WRONG_AGENT}, {86, MOOD_WRONG_ATTEMPT},
		{94, MOOD_OVERRUN},	{98, MOOD_ASKS},
		{100, MOOD_UNREACHED},
	};
	int roll = (int)dice_roll(d, 100);
	if (s->calm)
		return MOOD_OK;
	if (!sim_has(s, SIM_AGENTS))
		return roll < 88 ? MOOD_OK : MOOD_FAILS;
	size_t i = 0;
	while (roll >= table[i].below)
		i++;
	return table[i].mood;
}

static void fill_ok(struct post *p, struct dice *d, int64_t lease)
{
	p->ok = p->reached = true;
	p->confidence = dice_one_in(d, 5) ? -1 : (int)dice_roll(d, 101);
	p->cost = (int64_t)dice_roll(d, 1000);
	if (dice_roll(d, 5))
		p->tokens = (int64_t)dice_roll(d, lease ? (uint64_t)lease + 1
							: 300);
}

static void fill_mood(struct post *p, enum mood mood, struct dice *d,
		      int64_t lease)
{
	switch (mood) {
	case MOOD_FAILS:
		p->ok = false;
		strcpy(p->code, dice_one_in(d, 2) ? "broken" : "http_500");
		break;
	case MOOD_GARBAGE:
		p->shape = 1 + (int)dice_roll(d, 3);
		break;
	case MOOD_OVERRUN:
		/* A little more may still be in its share. */
		p->tokens = lease + 1 +
			    (int64_t)dice_roll(d, dice_one_in(d, 2) ? 30 : 900);
		break;
	case MOOD_ASKS:
		p->ok = false;
		strcpy(p->code, "budget");
		p->needs = 1 + (int64_t)dice_roll(d, 3000);
		break;
	case MOOD_UNREACHED:
		p->ok = p->reached = false;
		p->tokens = -1;
		p->cost = 0;
		strcpy(p->code, "refused");
		break;
	default:
		break;
	}
}

static void send_copy(struct sim *s, const struct sim_core *c,
		      const struct post *answer, int64_t after_ms)
{
	struct post *p = post_new(s, POST_ANSWER);
	struct post *next = p->next;
	uint64_t order = p->order;
	*p = *answer;
	p->next = next;
	p->order = order;
	if (!p->bus)
		p->life = c->life;
	post_send(s, p, after_ms);
}

static int64_t pace_ms(const struct sim *s, struct dice *d, int64_t limit_ms)
{
	if (s->calm)
		return 1 + (int64_t)dice_roll(d, 50);
	return (int64_t)dice_roll(d,
				  dice_one_in(d, 2) ? 100 : (uint64_t)limit_ms);
}

static void answer(struct sim *s, const struct sim_core *c, struct deed *deed,
		   int64_t limit_ms)
{
	const struct show_stage *stage = &s->show->stages[deed->stage];
	uint64_t name = dice_mix(dice_name(stage->id),
				 (uint64_t)(deed->attempt * 8 + deed->agent));
	struct dice d =
		dice_of(s->plan->seed, dice_mix(name, (uint64_t)deed->run));
	enum mood mood = mood_of(s, &d);
	struct post *a = &deed->answer;
	int64_t lease = a->needs;
	a->needs = 0;
	fill_ok(a, &d, lease);
	fill_mood(a, mood, &d, lease);
	int64_t after = pace_ms(s, &d, limit_ms);
	if (mood == MOOD_NEVER) {
		a->kind = POST_ALARM; /* no answer at all */
		return;
	}
	if (mood == MOOD_LATE)
		after = limit_ms + (int64_t)dice_roll(&d, 5000);
	struct post wrong = *a;
	if (mood == MOOD_WRONG_AGENT)
		wrong.agent = (int)dice_roll(&d, s->show->agent_count + 1);
	if (mood == MOOD_WRONG_ATTEMPT)
		wrong.attempt += dice_one_in(&d, 2) ? 1 : -1;
	wrong.run = deed->run; /* or nobody could know that it lies */
	if (mood == MOOD_WRONG_AGENT || mood == MOOD_WRONG_ATTEMPT)
		send_copy(s, c, &wrong, after / 2);
	if (mood == MOOD_TWICE)
		send_copy(s, c, a, after + (int64_t)dice_roll(&d, 3000));
	send_copy(s, c, a, after);
}

/* --- calls -------------------------------------------------------------- */

static struct deed *deed_new(struct sim *s, const struct effect *x, int run)
{
	struct deed **list = deeds_of(s, x->stage, x->agent);
	struct deed *d = xcalloc(1, sizeof *d);
	*d = (struct deed){.run = run,
			   .stage = x->stage,
			   .agent = x->agent,
			   .attempt = x->attempt,
			   .mark = ++s->next_mark,
			   .next = *list};
	*list = d;
	struct post *a = &d->answer;
	*a = (struct post){.kind = POST_ANSWER,
			   .life = -1,
			   .stage = x->stage,
			   .agent = x->agent,
			   .attempt = x->attempt,
			   .run = run,
			   .call = x->attempt,
			   .mark = d->mark,
			   .tokens = -1,
			   .needs = x->lease_tokens, /* what it may use */
			   .scene = -1};
	/* Some do not say which call they answer. */
	if (d->mark % 4 == 0)
		a->run = 0;
	/* The first agent of every show answers over the bus. */
	a->bus = x->agent == 0;
	if (x->lease) {
		text_copy(a->lease, sizeof a->lease, x->lease);
		a->has_lease = true;
	}
	return d;
}

static void answer_noop(struct sim *s, struct sim_core *c, struct deed *d)
{
	struct post *p = post_new(s, POST_ANSWER);
	uint64_t order = p->order;
	*p = d->answer;
	p->order = order;
	p->life = c->life;
	p->bus = false;
	p->ok = p->reached = true;
	p->needs = p->tokens = 0;
	p->confidence = -1;
	posts_add(&c->local, p);
}

static void check_key(struct sim *s, const struct effect *x, const char *key)
{
	int run = atoi(key + 1);
	char *want = key_of(run, s->show->stages[x->stage].id, x->attempt);
	if (strcmp(want, key) != 0)
		sim_fail(s, "key", "the call of %s has the key %s", want, key);
	if (!audit_started(s->audit, run, x->stage, x->attempt))
		sim_fail(s, "effect",
			 "%s is called for %s, which is not in the log",
			 s->show->agents[x->agent].id, key);
	free(want);
}

void agent_called(struct sim *s, struct sim_core *c, const struct effect *x)
{
	const char *name = s->show->agents[x->agent].id;
	int run = atoi(x->key + 1);
	struct deed *d = deed_find(s, run, x->stage, x->agent, x->attempt);
	char *key = xconcat(x->key, d && plant_now(s, PLANT_NEW_KEY) ? "0" : "",
			    NULL);
	check_key(s, x, key);
	if (d && d->last_life == c->life)
		sim_fail(s, "once", "%s is called twice for %s by one core",
			 name, key);
	bool again = d != NULL;
	if (!again)
		d = deed_new(s, x, run);
	d->last_life = c->life;
	d->calls++;
	s->result->repeats += again;
	const char *lease = x->lease ? x->lease : "";
	if (strcmp(lease, d->answer.lease) != 0)
		sim_fail(s, "key", "%s is called for %s with another lease",
			 name, key);
	if (s->show->agents[x->agent].via != VIA_NOOP)
		SAY(s, "        %s is called%s for %s", name,
		    again ? " again" : "", key);
	free(key);
	if (s->show->agents[x->agent].via == VIA_NOOP)
		answer_noop(s, c, d);
	else if (!again)
		answer(s, c, d, x->limit_ms);
	else if (d->answer.kind == POST_ANSWER) /* what it remembers */
		send_copy(s, c, &d->answer, 1 + (int64_t)(d->mark % 50));
}

void agent_cancelled(struct sim *s, const struct effect *x)
{
	int run = atoi(x->key + 1);
	struct deed *d = deed_find(s, run, x->stage, x->agent, x->attempt);
	if (d)
		d->cancelled = true; /* too late, mostly: its answer comes */
}
