/* seed: one plan from its first step to its end. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/show_read.h"
#include "sim/audit.h"
#include "sim/random_show.h"
#include "sim/world.h"

#define START_MS    1000000
#define MOST_STEPS  200000
#define MOST_ROUNDS 4000

bool sim_has(const struct sim *s, enum sim_fault fault)
{
	return (s->faults >> fault) & 1;
}

struct dice sim_air(const struct sim *s, uint64_t what)
{
	uint64_t at = (uint64_t)s->now_ms * 16 + what;
	return dice_of(s->plan->seed, dice_mix(5, at));
}

bool sim_failed(const struct sim *s)
{
	return !s->result->ok;
}

void sim_fail(struct sim *s, const char *invariant, const char *fmt, ...)
{
	struct sim_result *r = s->result;
	if (!r->ok)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof r->text, fmt, ap);
	va_end(ap);
	snprintf(r->broken, sizeof r->broken, "%s", invariant);
	r->ok = false;
	r->seq = s->store.count;
	SAY(s, "BROKEN %s at event %" PRIu64 ": %s", r->broken, r->seq,
	    r->text);
}

void sim_say(struct sim *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *line = xvasprintf(fmt, ap);
	va_end(ap);
	dprintf(s->plan->story_fd, "%9.3f  %s\n",
		(double)(s->now_ms - START_MS) / 1000, line);
	free(line);
}

/* --- the world ---------------------------------------------------------- */

static struct show *make_show(const struct sim_plan *plan)
{
	char *yaml = random_show_yaml(plan->seed, plan->without_stages);
	struct show_problems problems = {0};
	struct show *show =
		show_parse_yaml(yaml, strlen(yaml), "random.yaml", &problems);
	if (plan->story_fd)
		dprintf(plan->story_fd, "%s\n", yaml);
	show_problems_release(&problems);
	free(yaml);
	return show;
}

static void roll_faults(struct sim *s)
{
	struct dice d = dice_of(s->plan->seed, 3);
	bool plain = dice_one_in(&d, 8);
	for (int i = 0; i < SIM_FAULTS; i++)
		if (dice_one_in(&d, 2) && !plain)
			s->faults |= 1u << i;
	s->faults &= ~s->plan->without_faults;
}

static bool sim_open(struct sim *s)
{
	s->show = make_show(s->plan);
	if (!s->show) {
		sim_fail(s, "show", "the random show does not load");
		return false;
	}
	s->now_ms = START_MS;
	s->thumb = dice_of(s->plan->seed, 7);
	s->scene = -1;
	roll_faults(s);
	store_init(s);
	s->follower = model_new(s->show);
	s->audit = audit_new(s->show);
	s->deeds = xcalloc(s->show->stage_count * s->show->agent_count + 1,
			   sizeof *s->deeds);
	due_add(s, DUE_LEAD, s->now_ms);
	time_pass(s, 1);
	return true;
}

static void sim_close(struct sim *s)
{
	struct post *p;
	if (!s->show)
		return;
	for (size_t i = 0; i < s->due_count; i++)
		if (s->heap[i].kind == DUE_POST)
			post_free(s, s->heap[i].post);
	for (size_t i = 0; i < s->core_count; i++)
		core_release(s, s->cores[i]);
	while ((p = posts_take(&s->mail)))
		post_free(s, p);
	while ((p = s->spare)) {
		s->spare = p->next;
		free(p);
	}
	agents_forget(s);
	free(s->deeds);
	free(s->told);
	free(s->cores);
	free(s->heap);
	store_release(s);
	model_free(&s->follower);
	audit_free(&s->audit);
	show_unref(&s->show);
	arena_release(&s->texts);
	buf_release(&s->print);
}

/* --- steps -------------------------------------------------------------- */

static int64_t jump_ms(struct dice *d)
{
	int64_t most = 3600000;
	while (most > 1000 && dice_one_in(d, 2))
		most /= 4;
	return 1 + (int64_t)dice_roll(d, (uint64_t)most);
}

static void fault(struct sim *s, struct dice *d)
{
	enum sim_fault kind = (enum sim_fault)dice_roll(d, SIM_SLOW);
	if (dice_one_in(d, 5))
		kind = SIM_JUMP;
	if (!sim_has(s, kind))
		return;
	int64_t ms = 10 + (int64_t)dice_roll(d, 5000);
	switch (kind) {
	case SIM_CRASH:
		s->crash_in = 1 + (int)dice_roll(d, 40);
		break;
	case SIM_LEADERS:
		if (s->lead)
			core_freeze(s, s->lead, ms);
		break;
	case SIM_AWAY:
		if (s->store.away)
			break;
		SAY(s, "the store is away for %" PRId64 " ms", ms);
		store_leave(s, ms);
		break;
	case SIM_CUT:
		if (!s->lead || s->store.away)
			break;
		SAY(s, "the link of core %d breaks", s->lead->life);
		s->result->cuts++;
		link_cut(s, s->lead);
		break;
	default:
		ms = jump_ms(d);
		SAY(s, "time jumps by %" PRId64 " ms", ms);
		time_jump(s, ms);
	}
}

static int64_t pause_ms(struct sim *s, struct dice *d)
{
	uint64_t roll = dice_roll(d, 20);
	if (roll < 10)
		return (int64_t)dice_roll(d, 60);
	if (roll < 16)
		return (int64_t)dice_roll(d, 1500);
	if (roll < 19 && s->lead && core_next_deadline(s->lead->m)) {
		int64_t ms = core_next_deadline(s->lead->m) -
			     core_now_ms(s, s->lead);
		return ms > 0 && ms < 120000 ? ms : 1;
	}
	return (int64_t)dice_roll(d, 10000);
}

static void step(struct sim *s, size_t k)
{
	struct dice d = dice_of(s->plan->seed, 1000 + k);
	uint64_t roll = dice_roll(&d, 100);
	if (roll < 45 || audit_over(s->audit))
		people_step(s, &d);
	else if (roll < 49 && sim_has(s, SIM_STRAY))
		stray_step(s, &d);
	else if (roll < 53)
		fault(s, &d);
	time_pass(s, pause_ms(s, &d));
}

static bool goes_on(const struct sim *s, size_t k)
{
	if (sim_failed(s) || k >= MOST_STEPS)
		return false;
	if (s->plan->steps)
		return k < s->plan->steps;
	return s->result->events < s->plan->events;
}

/* --- the end ------------------------------------------------------------ */

static void all_calm(struct sim *s)
{
	SAY(s, "from here on everybody helps");
	s->calm = true;
	s->faults = 0;
	s->crash_in = 0;
	time_drain(s);
}

static void bring_to_end(struct sim *s)
{
	int rounds = 0;
	all_calm(s);
	while (!sim_failed(s) && !audit_over(s->audit)) {
		if (rounds++ == MOST_ROUNDS) {
			sim_fail(s, "deadlock", "the run has no end: it is %s",
				 run_state_name(s->follower->run.state));
			return;
		}
		people_help(s);
		time_pass(s, 60);
		int64_t next = s->lead ? core_next_deadline(s->lead->m) : 0;
		int64_t ms =
			next && s->lead ? next - core_now_ms(s, s->lead) : 0;
		if (rounds % 4 == 0 && ms > 0)
			time_pass(s, ms);
	}
	time_pass(s, 3000);
	time_drain(s);
}

static void last_look(struct sim *s)
{
	if (sim_failed(s))
		return;
	if (!s->lead || s->lead->m->seq != s->store.count) {
		sim_fail(s, "deadlock", "the core does not come to rest");
		return;
	}
	people_all_told(s);
	audit_model(s, s->lead->m);
	char *a = model_snapshot(s->lead->m), *b = model_snapshot(s->follower);
	if (strcmp(a, b) != 0)
		sim_fail(s, "fold", "at the end decided and folded differ");
	free(a);
	free(b);
	if (s->plan->check_every == 1 || s->plan->seed % 16 == 0) {
		audit_status(s, s->lead->m);
		audit_log(s);
	}
}

void sim_do(const struct sim_plan *plan, struct sim_result *result)
{
	*result = (struct sim_result){.ok = true};
	struct sim s = {.plan = plan, .result = result};
	if (sim_open(&s)) {
		size_t k = 0;
		for (; goes_on(&s, k); k++)
			if (!plan->without_steps || !plan->without_steps[k])
				step(&s, k);
		result->steps = k;
		bring_to_end(&s);
		last_look(&s);
	}
	sim_close(&s);
}

void sim_add(struct sim_result *sum, const struct sim_result *more)
{
	sum->events += more->events;
	sum->runs += more->runs;
	sum->crashes += more->crashes;
	sum->takeovers += more->takeovers;
	sum->fenced += more->fenced;
	sum->away += more->away;
	sum->cuts += more->cuts;
	sum->jumps += more->jumps;
	sum->commands += more->commands;
	sum->answers += more->answers;
	sum->votes += more->votes;
	sum->bursts += more->bursts;
	sum->checks += more->checks;
	sum->repeats += more->repeats;
	sum->restores += more->restores;
}
