/* conduct: the simulated engine. It decides, remembers, and acts only on what
 * the store has acknowledged, in the order of the real one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/audit.h"
#include "sim/world.h"

int32_t sim_day(const struct sim *s, int64_t now_ms)
{
	return show_counts_days(s->show)
		       ? (int32_t)(20260101 + now_ms / SIM_DAY_MS)
		       : 0;
}

int64_t core_now_ms(const struct sim *s, const struct sim_core *c)
{
	int64_t now = s->now_ms + c->clock_off;
	return now < c->last_ms ? c->last_ms : now;
}

bool core_can_decide(const struct sim_core *c)
{
	return !c->knows_away && c->count < SIM_BATCHES - SIM_SPARE;
}

bool core_moment(struct sim *s, struct sim_core *c)
{
	if (s->crash_in == 0 || !s->lead || (c && c != s->lead))
		return false;
	if (--s->crash_in > 0)
		return false;
	core_die(s, s->lead);
	return true;
}

/* --- deciding ----------------------------------------------------------- */

/* The text of an event, and the event: mostly the one that was decided (moved),
 * now and then, and always when all is checked, the one read back from it. */
static struct entry entry_of(struct sim *s, struct event **decided, bool read)
{
	char at[TEXT_INT_BYTES];
	struct err err;
	struct event *e = *decided;
	buf_clear(&s->print);
	event_print(&s->print, e);
	struct entry entry = {
		.text = arena_strndup(&s->texts, s->print.data, s->print.len),
		.event = e,
		.decision = s->decision};
	*decided = NULL;
	if (!read)
		return entry;
	text_int(at, "", e->at_ms);
	entry.event = event_read(e->seq, event_type_name(e->type), e->run,
				 e->stage, e->agent, at, entry.text, &err);
	if (!entry.event) {
		sim_fail(s, "text", "event %" PRIu64 " cannot be read: %s",
			 e->seq, err.text);
		entry.event = e;
		return entry;
	}
	event_free(&e);
	return entry;
}

static void keep(struct sim *s, struct sim_core *c)
{
	struct batch *b = &c->open;
	struct decision *made = &c->made;
	bool read = s->plan->check_every == 1 || s->decision % 4 == 0;
	for (size_t i = 0; i < made->event_count; i++) {
		if (s->plan->story_fd) {
			char *line = event_line(made->events[i]);
			SAY(s, "    %" PRIu64 " %s", made->events[i]->seq,
			    line);
			free(line);
		}
		GROW(b->entries, b->count, b->cap);
		b->entries[b->count++] = entry_of(s, &made->events[i], read);
	}
	made->event_count = 0; /* moved */
	for (size_t i = 0; i < made->effect_count; i++) {
		GROW(b->effects, b->effect_count, b->effect_cap);
		b->effects[b->effect_count++] = made->effects[i];
	}
	made->effect_count = 0; /* moved */
}

static void act(struct sim *s, struct sim_core *c, const struct effect *x,
		bool early);

static bool is_early(const struct effect *x)
{
	return x->kind == EFFECT_OBS || x->kind == EFFECT_CANCEL_CALL;
}

static void act_early(struct sim *s, struct sim_core *c)
{
	struct batch *b = &c->open;
	size_t kept = 0;
	bool all = plant_is(s, PLANT_EARLY_EFFECT);
	for (size_t i = 0; i < b->effect_count; i++) {
		if (all || is_early(&b->effects[i])) {
			act(s, c, &b->effects[i], !all);
			effect_release(&b->effects[i]);
		} else {
			b->effects[kept++] = b->effects[i];
		}
	}
	b->effect_count = kept;
}

static void decide(struct sim *s, struct sim_core *c, struct input *in)
{
	int64_t now = core_now_ms(s, c);
	in->now_ms = c->last_ms = now;
	if (!plant_is(s, PLANT_DAY_FORGOTTEN))
		in->day = sim_day(s, now);
	if (plant_now(s, PLANT_CLOCK_BACK))
		in->now_ms = now - 600000;
	if (plant_now(s, PLANT_ABORT))
		abort();
	decision_clear(&c->made);
	s->decision++;
	core_decide(c->m, in, &c->made);
	bool changed = s->plan->plant && plant_decided(s, c);
	keep(s, c);
	if (changed)
		core_fold_anew(s, c);
	if (plant_is(s, PLANT_EARLY_EFFECT))
		act_early(s, c);
}

/* A rollback is told the story of its version, from the log. What stands there
 * is older than what was decided since, and that is well. */
static void find_version(struct sim *s, const struct sim_core *c,
			 struct input *in)
{
	uint64_t to = strtoull(in->args[0], NULL, 10);
	struct story story;
	story_init(&story);
	for (size_t i = c->m->run.first_seq; i < s->store.count; i++) {
		enum event_type type = (enum event_type)s->store.log[i].type;
		if (story.version >= to || !event_patches_story(type))
			continue;
		struct event *e = store_read(s, i);
		story_patch(&story, event_patch(e));
		event_free(&e);
	}
	if (story.version == to) {
		in->result = json_clone(story.doc);
		in->run = xstrdup(c->m->run.id);
	} else {
		in->error_code = xstrdup("not_found");
		in->text = xstrdup("that version is not in the log");
	}
	story_release(&story);
}

static void say_post(struct sim *s, const struct sim_core *c,
		     const struct post *p)
{
	static const char *const names[] = {
		[POST_COMMAND] = "command",  [POST_ANSWER] = "answer",
		[POST_VOTE] = "vote",	     [POST_OBS] = "OBS is",
		[POST_OBS_DONE] = "OBS did", [POST_TALLY] = "tally",
		[POST_BURST] = "a burst",    [POST_ALARM] = "alarm",
		[POST_LEAD] = "lead, epoch", [POST_RESUMED] = "resume",
		[POST_BEGIN] = "begin run",
	};
	struct buf b = {0};
	buf_addf(&b, "core %d: %s", c->life, names[p->kind]);
	if (p->kind == POST_COMMAND)
		buf_addf(&b, " %s: %s %s %s", p->id,
			 action_table[p->action].name, p->args[0], p->args[1]);
	else if (*p->id)
		buf_addf(&b, " %s%s", p->id,
			 p->kind == POST_OBS_DONE && !p->ok ? " not ok" : "");
	if (p->stage >= 0 && (size_t)p->stage < s->show->stage_count)
		buf_addf(&b, " %s", s->show->stages[p->stage].id);
	if (p->kind == POST_ANSWER) {
		bool known = p->agent >= 0 &&
			     (size_t)p->agent < s->show->agent_count;
		buf_addf(&b, "/%s attempt %d of r%d: %s, %" PRId64 " tokens",
			 known ? s->show->agents[p->agent].id : "nobody",
			 p->attempt, p->run, p->ok ? "ok" : p->code, p->tokens);
	} else if (p->kind == POST_TALLY) {
		buf_addf(&b, " %d:%d", p->count.all[0], p->count.all[1]);
	} else if (p->kind == POST_OBS) {
		buf_addf(&b, " %s",
			 p->scene < 0 ? "gone" : sim_scenes[p->scene]);
	}
	SAY(s, "%s", buf_str(&b));
	buf_release(&b);
}

void core_decide_post(struct sim *s, struct sim_core *c, struct post *p)
{
	struct input *in = post_input(s, p);
	if (p->kind == POST_COMMAND && p->action == ACTION_ROLLBACK)
		find_version(s, c, in);
	if (s->plan->story_fd)
		say_post(s, c, p);
	s->result->commands += p->kind == POST_COMMAND;
	s->result->answers += p->kind == POST_ANSWER;
	posts_add(&c->open.receipts, p);
	decide(s, c, in);
	input_free(&in);
	if (core_moment(s, c))
		return;
	if (c->open.count >= SIM_ROUND)
		core_commit(s, c);
}

void core_tick(struct sim *s, struct sim_core *c)
{
	struct input *in = input_new(INPUT_TICK);
	SAY(s, "core %d: a deadline", c->life);
	decide(s, c, in);
	input_free(&in);
	core_moment(s, c);
}

/* While the store is away only the brake is taken. */
static void pump_away(struct sim *s, struct sim_core *c)
{
	struct posts rest = {0};
	struct post *p;
	while ((p = posts_take(&s->mail))) {
		bool brake = p->kind == POST_COMMAND &&
			     p->action == ACTION_PANIC &&
			     c->count < SIM_BATCHES && c->alive;
		if (!brake) {
			posts_add(&rest, p);
			continue;
		}
		core_decide_post(s, c, p);
		if (!c->alive)
			continue;
		act_early(s, c);
		core_commit(s, c);
	}
	s->mail = rest;
}

static void pump(struct sim *s, struct sim_core *c)
{
	struct post *p;
	while (c->alive && core_can_decide(c) && !sim_failed(s) &&
	       (p = posts_take(&c->local)))
		core_decide_post(s, c, p);
	if (c != s->lead)
		return;
	while (c->alive && core_can_decide(c) && !sim_failed(s) &&
	       (p = posts_take(&s->mail)))
		core_decide_post(s, c, p);
	if (c->alive && c->knows_away)
		pump_away(s, c);
}

void core_pump(struct sim *s)
{
	for (size_t i = s->first_alive; i < s->core_count; i++)
		if (s->cores[i]->alive && !s->cores[i]->frozen)
			pump(s, s->cores[i]);
}

/* --- remembering -------------------------------------------------------- */

void core_batch_clear(struct sim *s, struct batch *b)
{
	struct post *p;
	for (size_t i = 0; i < b->count; i++) {
		event_free(&b->entries[i].event);
	}
	for (size_t i = 0; i < b->effect_count; i++)
		effect_release(&b->effects[i]);
	while ((p = posts_take(&b->receipts)))
		post_free(s, p);
	free(b->digest);
	b->digest = NULL;
	b->count = b->effect_count = 0;
	b->sent = false;
}

/* Its events are stored: now it acts. False when the core died over it. */
static bool batch_done(struct sim *s, struct sim_core *c, struct batch *b)
{
	for (size_t i = 0; i < b->effect_count && !sim_failed(s); i++) {
		if (core_moment(s, c))
			return false;
		act(s, c, &b->effects[i], false);
	}
	if (core_moment(s, c)) /* done, but not acknowledged to the bus */
		return false;
	if (c->epoch != s->store.epoch) /* its acknowledgement is refused */
		core_return_mail(s, b);
	core_batch_clear(s, b);
	return true;
}

/* Dead or gone on: the receipts of this batch are still in its ring. */
static bool pop_done(struct sim *s, struct sim_core *c)
{
	struct batch *b = &c->ring[c->first];
	if (!batch_done(s, c, b))
		return false;
	/* The next one to be filled takes over its memory. */
	struct batch *next = &c->ring[(c->first + c->count) % SIM_BATCHES];
	struct batch fresh = *next;
	if (c->count < SIM_BATCHES) {
		*next = *b;
		*b = fresh;
	}
	c->first = (c->first + 1) % SIM_BATCHES;
	c->count--;
	return true;
}

static void finish_unsent(struct sim *s, struct sim_core *c)
{
	while (c->alive && c->count && !c->ring[c->first].sent)
		if (!pop_done(s, c))
			return;
}

/* To be compared now and then, and for the next core to begin with. */
static void take_snapshot(struct sim *s, const struct sim_core *c,
			  struct batch *b)
{
	bool needed = sim_has(s, SIM_CRASH) || sim_has(s, SIM_LEADERS);
	s->since_check += (int64_t)b->count;
	s->since_snapshot += (int64_t)b->count;
	b->compare = s->since_check >= s->plan->check_every;
	if (!b->compare && (!needed || s->since_snapshot < SIM_SNAPSHOT))
		return;
	b->digest = model_snapshot(c->m);
	s->since_snapshot = 0;
	if (b->compare)
		s->since_check = 0;
	s->result->checks += b->compare;
}

void core_commit(struct sim *s, struct sim_core *c)
{
	if (!c->open.count && !c->open.effect_count && !c->open.receipts.first)
		return;
	if (c->count == SIM_BATCHES)
		return; /* it stays open till there is room */
	struct batch *b = &c->ring[(c->first + c->count) % SIM_BATCHES];
	struct batch empty = *b; /* its memory is used again */
	*b = c->open;
	c->open = empty;
	c->count++;
	b->sent = b->count > 0;
	if (!b->sent) {
		finish_unsent(s, c);
		return;
	}
	b->tag = ++c->next_tag;
	b->epoch = c->epoch;
	b->first_seq = b->entries[0].event->seq;
	take_snapshot(s, c, b);
	store_ask(s, c, (struct op){.kind = OP_COMMIT, .tag = b->tag});
}

/* --- acting ------------------------------------------------------------- */

/* As the engine knows it of an address; 0: none. */
static int burst_of(const struct model *m, int stage, int option, int voter)
{
	const struct poll_run *p = m->stages[stage].poll;
	for (int k = 0; k < p->burst_count && k < SIM_BURSTS; k++)
		if (p->bursts[k].option == option &&
		    sim_is_of_burst(voter, k + 1))
			return k + 1;
	return 0;
}

static void act_op(struct sim *s, struct sim_core *c, enum op_kind kind,
		   const struct effect *x)
{
	struct op op = {.kind = kind,
			.tag = ++c->next_tag,
			.stage = x->stage,
			.option = x->option,
			.close = x->attempt,
			.may_change = x->flag,
			.origin = x->origin};
	if (kind == OP_VOTE) {
		if (!ballots_pending(x->ballots))
			return;
		op.option = x->ballots->items[0].option;
		op.may_change = x->ballots->may_change;
		op.voter = atoi(ballot_voter(x->ballots, 0) + 1);
		op.burst = burst_of(c->m, op.stage, op.option, op.voter);
	}
	if (kind == OP_MARK) {
		op.burst = x->attempt;
		op.close = 0;
		if (op.burst > SIM_BURSTS)
			return;
	}
	store_ask(s, c, op);
}

/* What reaches others than the store, which fences for itself. A refusal, or
 * that a command was done before, may still be said by one that has not
 * noticed: it changes nothing. */
static bool is_outward(const struct effect *x)
{
	return x->kind == EFFECT_CALL || x->kind == EFFECT_CANCEL_CALL ||
	       x->kind == EFFECT_OBS || x->kind == EFFECT_CHECK ||
	       (x->kind == EFFECT_REPLY && x->ok &&
		x->origin.kind == ORIGIN_BUS &&
		strcmp(x->text, "done already") != 0);
}

static void act(struct sim *s, struct sim_core *c, const struct effect *x,
		bool early)
{
	if (c->epoch != s->store.epoch && !early && is_outward(x))
		sim_fail(s, "fence", "a core that does not lead any more acts");
	switch (x->kind) {
	case EFFECT_CALL:
		agent_called(s, c, x);
		if (plant_now(s, PLANT_EFFECT_TWICE))
			agent_called(s, c, x);
		break;
	case EFFECT_CANCEL_CALL:
		agent_cancelled(s, x);
		break;
	case EFFECT_POLL_OPEN:
		act_op(s, c, OP_OPEN, x);
		break;
	case EFFECT_POLL_FREEZE:
		act_op(s, c, OP_FREEZE, x);
		break;
	case EFFECT_POLL_COUNT:
		act_op(s, c, OP_COUNT, x);
		break;
	case EFFECT_VOTE:
		act_op(s, c, OP_VOTE, x);
		break;
	case EFFECT_OBS:
		obs_asked(s, c, x, early);
		break;
	case EFFECT_REPLY:
		people_told(s, x);
		break;
	case EFFECT_POLL_BURST:
		act_op(s, c, OP_MARK, x);
		break;
	case EFFECT_POLL_LOOK:
	case EFFECT_STAND_CALL: /* its agents take their time as it is */
	case EFFECT_CHECK:
	case EFFECT_CHECK_KEEP:
	case EFFECT_LIVE:
	case EFFECT_BELL:
	case EFFECT_ALERT:
	case EFFECT_RUN_OVER:
		break;
	}
}

static void counted(struct sim *s, struct sim_core *c, const struct op *op,
		    const struct due *due)
{
	struct post *p = post_new(s, POST_TALLY);
	p->stage = op->stage;
	p->attempt = op->close;
	p->life = c->life;
	p->count = due->count;
	if (plant_is(s, PLANT_BURST_STAYS))
		memset(p->count.of_burst, 0, sizeof p->count.of_burst);
	posts_add(&c->local, p);
}

static void commit_stored(struct sim *s, struct sim_core *c, uint64_t tag)
{
	struct batch *b = &c->ring[c->first];
	REQUIRE(c->count > 0 && b->sent && b->tag == tag);
	uint64_t last = b->first_seq + b->count - 1;
	if (last > s->store.acked)
		s->store.acked = last;
	if (core_moment(s, c) || !pop_done(s, c))
		return;
	finish_unsent(s, c);
}

static void step_down(struct sim *s, struct sim_core *c)
{
	SAY(s, "core %d: FENCED, it steps down", c->life);
	s->result->fenced++;
	if (c == s->lead)
		sim_fail(s, "fence",
			 "the leader of epoch %" PRId64 " is refused",
			 c->epoch);
	core_die(s, c);
}

void core_answered(struct sim *s, const struct due *due)
{
	struct sim_core *c = s->cores[due->life];
	if (!c->alive || c->frozen || c->conn != due->conn || !c->op_count)
		return;
	struct op op = c->ops[c->op_first];
	if (op.tag != due->tag)
		return; /* it came twice */
	c->op_first = (c->op_first + 1) % c->op_cap;
	c->op_count--;
	if (due->outcome == OP_FENCED)
		step_down(s, c);
	else if (due->outcome == OP_BROKEN)
		sim_fail(s, "log",
			 "the store holds other events than core %d "
			 "wrote",
			 c->life);
	else if (op.kind == OP_COMMIT)
		commit_stored(s, c, op.tag);
	else if (op.kind == OP_COUNT)
		counted(s, c, &op, due);
}
