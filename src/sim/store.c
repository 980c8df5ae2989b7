/* store: the log with its epoch, the ballot boxes, and the way there and back:
 * in order, with a delay, and sent again from the oldest that has no answer
 * when the link broke. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/audit.h"
#include "sim/world.h"

void store_init(struct sim *s)
{
	size_t n = show_poll_places(s->show);
	s->store.boxes = xcalloc(n, sizeof *s->store.boxes);
	for (size_t i = 0; i < n; i++) {
		if (i < s->show->stage_count && !s->show->stages[i].poll)
			continue;
		s->store.boxes[i].votes = xmalloc(SIM_VOTERS);
		memset(s->store.boxes[i].votes, -1, SIM_VOTERS);
		s->store.boxes[i].bursts = xcalloc(1, SIM_VOTERS);
	}
}

void store_release(struct sim *s)
{
	free(s->store.log);
	free(s->store.snapshot);
	for (size_t i = 0; i < show_poll_places(s->show); i++) {
		free(s->store.boxes[i].votes);
		free(s->store.boxes[i].bursts);
	}
	free(s->store.boxes);
}

/* --- the way there ------------------------------------------------------ */

/* Slow for a moment, at times. */
static int64_t delay_ms(struct sim *s, uint64_t what)
{
	struct dice air = sim_air(s, what);
	struct dice hour =
		dice_of(s->plan->seed, dice_mix(6, (uint64_t)s->now_ms / 64));
	bool slow = sim_has(s, SIM_SLOW) && dice_one_in(&hour, 30);
	return (int64_t)dice_roll(&air, slow ? 3000 : 3);
}

static void send_op(struct sim *s, struct sim_core *c, uint64_t tag)
{
	int64_t at = s->now_ms + delay_ms(s, 0);
	if (at < c->there_ms)
		at = c->there_ms;
	c->there_ms = at;
	struct due *d = due_add(s, DUE_ARRIVE, at);
	d->life = c->life;
	d->conn = c->conn;
	d->tag = tag;
}

static struct op *op_at(const struct sim_core *c, size_t i)
{
	return &c->ops[(c->op_first + i) % c->op_cap];
}

static struct op *op_find(const struct sim_core *c, uint64_t tag)
{
	for (size_t i = 0; i < c->op_count; i++)
		if (op_at(c, i)->tag == tag)
			return op_at(c, i);
	return NULL;
}

static void ops_grow(struct sim_core *c)
{
	size_t cap = c->op_cap ? 2 * c->op_cap : 32;
	struct op *ops = xcalloc(cap, sizeof *ops);
	for (size_t i = 0; i < c->op_count; i++)
		ops[i] = *op_at(c, i);
	free(c->ops);
	c->ops = ops;
	c->op_cap = cap;
	c->op_first = 0;
}

void store_ask(struct sim *s, struct sim_core *c, struct op op)
{
	if (c->op_count == c->op_cap)
		ops_grow(c);
	*op_at(c, c->op_count++) = op;
	if (!c->knows_away)
		send_op(s, c, op.tag);
}

void store_resend(struct sim *s, struct sim_core *c)
{
	if (s->store.away) {
		c->knows_away = true;
		return; /* again when it is back */
	}
	c->knows_away = false;
	if (c->op_count)
		SAY(s, "core %d sends again what was not answered", c->life);
	for (size_t i = 0; i < c->op_count; i++)
		send_op(s, c, op_at(c, i)->tag);
}

static void link_again(struct sim *s, struct sim_core *c, int64_t after_ms)
{
	struct due *d = due_add(s, DUE_LINK, s->now_ms + after_ms);
	d->life = c->life;
	d->conn = c->conn;
}

/* Answers under way are lost. What is on its way to the store arrives, but for
 * half of the breaks. */
void link_cut(struct sim *s, struct sim_core *c)
{
	struct dice air = sim_air(s, 2);
	if (dice_one_in(&air, 2)) {
		for (size_t i = 0; i < s->due_count; i++)
			if (s->heap[i].kind == DUE_ARRIVE &&
			    s->heap[i].life == c->life)
				s->heap[i].conn = -1;
	}
	c->conn++;
	c->knows_away = true;
	link_again(s, c, 1 + (int64_t)dice_roll(&air, 400));
}

void store_leave(struct sim *s, int64_t for_ms)
{
	s->store.away = true;
	s->result->away++;
	for (size_t i = 0; i < s->core_count; i++) {
		if (!s->cores[i]->alive)
			continue;
		s->cores[i]->conn++;
		s->cores[i]->knows_away = true;
	}
	due_add(s, DUE_BACK, s->now_ms + for_ms);
}

void store_back(struct sim *s)
{
	struct dice air = sim_air(s, 3);
	s->store.away = false;
	SAY(s, "the store is back");
	for (size_t i = 0; i < s->core_count; i++)
		if (s->cores[i]->alive && !s->cores[i]->frozen)
			link_again(s, s->cores[i],
				   (int64_t)dice_roll(&air, 200));
}

/* --- at the store ------------------------------------------------------- */

static void open_box(struct sim *s, const struct event *e)
{
	int stage = show_find_poll(s->show, e->stage);
	struct ballot_box *box = &s->store.boxes[stage];
	memset(box->votes, -1, SIM_VOTERS);
	memset(box->bursts, 0, SIM_VOTERS);
	box->tally = (struct sim_count){0};
	box->open = true;
}

struct event *store_read(const struct sim *s, size_t i)
{
	const struct line *l = &s->store.log[i];
	char at[TEXT_INT_BYTES], run[TEXT_INT_BYTES] = "";
	struct err err;
	if (l->run)
		text_int(run, "r", l->run);
	struct event *e = event_read(
		i + 1, event_type_name((enum event_type)l->type), run,
		l->stage < 0 ? "" : s->show->stages[l->stage].id,
		l->agent < 0 ? "" : s->show->agents[l->agent].id,
		text_int(at, "", l->at_ms), l->text, &err);
	REQUIRE(e); /* it was read once before it was stored */
	return e;
}

static void append(struct sim *s, struct entry *entry)
{
	struct store *st = &s->store;
	struct event *e = entry->event;
	int stage = *e->stage ? show_find_stage(s->show, e->stage) : -1;
	int agent = *e->agent ? show_find_agent(s->show, e->agent) : -1;
	/* Or a poll that no stage declares. */
	int place = stage >= 0 ? stage : show_find_poll(s->show, e->stage);
	GROW(st->log, st->count, st->cap);
	st->log[st->count++] =
		(struct line){.text = entry->text,
			      .at_ms = e->at_ms,
			      .run = *e->run ? atoi(e->run + 1) : 0,
			      .type = (short)e->type,
			      .stage = (short)place,
			      .agent = (short)agent};
	entry->text = NULL;
	if (e->type == EVENT_POLL_CREATE)
		open_box(s, e);
	model_apply(s->follower, e);
	s->result->events++;
	audit_event(s, e, stage, agent, entry->decision);
	event_free(&entry->event);
}

/* The events of a repeat are those that stand there, word for word. */
static bool is_repeat(const struct sim *s, const struct batch *b)
{
	if (b->first_seq + b->count - 1 > s->store.count)
		return false;
	/* What was stored is no longer with the batch: its place tells. */
	for (size_t i = 0; i < b->count; i++)
		if (b->entries[i].text)
			return false;
	return true;
}

static void compare(struct sim *s, const char *decided)
{
	char *have = model_snapshot(s->follower);
	if (strcmp(have, decided) != 0) {
		size_t i = 0;
		while (have[i] == decided[i])
			i++;
		i = i > 40 ? i - 40 : 0;
		sim_fail(s, "fold",
			 "decided and folded differ: %.150s | %.150s",
			 decided + i, have + i);
	}
	free(have);
	audit_model(s, s->follower);
}

static void keep_snapshot(struct sim *s, struct batch *b)
{
	if (!b->digest || sim_failed(s))
		return;
	if (b->compare)
		compare(s, b->digest);
	free(s->store.snapshot);
	s->store.snapshot = b->digest;
	s->store.snapshot_seq = s->store.count;
	b->digest = NULL;
}

static enum op_outcome store_commit(struct sim *s, struct batch *b)
{
	struct store *st = &s->store;
	bool stale = b->epoch != st->epoch;
	bool twice = false;
	if (stale && plant_is(s, PLANT_EPOCH_IGNORED)) {
		for (size_t i = 0; i < b->count; i++)
			if (b->entries[i].event)
				b->entries[i].event->seq = st->count + 1 + i;
	} else if (stale) {
		return OP_FENCED;
	} else if (b->first_seq <= st->count) {
		if (!is_repeat(s, b))
			return OP_BROKEN;
		if (!plant_now(s, PLANT_STORED_TWICE))
			return OP_OK;
		twice = true;
	} else if (b->first_seq > st->count + 1) {
		return OP_BROKEN;
	}
	if (twice) { /* the planted defect: it is stored once more */
		struct event *e = store_read(s, b->first_seq - 1);
		e->seq = st->count + 1;
		struct entry again = {"{}", e, -1};
		append(s, &again);
		return OP_OK;
	}
	bool loses = b->count > 1 && plant_now(s, PLANT_LOST_EVENT);
	for (size_t i = 0; i < b->count - loses && !sim_failed(s); i++) {
		if (b->entries[i].event)
			append(s, &b->entries[i]);
		core_moment(s, NULL);
	}
	audit_commit(s, b->epoch);
	keep_snapshot(s, b);
	return OP_OK;
}

static void count(struct ballot_box *box, int voter, int by)
{
	int option = box->votes[voter], burst = box->bursts[voter];
	box->tally.all[option] += by;
	if (burst)
		box->tally.of_burst[burst - 1][option] += by;
}

/* A vote that is changed stays of the burst that it was of. */
static enum op_outcome store_vote(struct sim *s, const struct op *op)
{
	struct ballot_box *box = &s->store.boxes[op->stage];
	signed char *had = &box->votes[op->voter];
	if (!box->open)
		return OP_CLOSED;
	if (plant_now(s, PLANT_VOTE_TWICE))
		box->tally.all[op->option]++;
	if (*had >= 0 && !op->may_change)
		return *had == op->option ? OP_OK : OP_DOUBLE;
	if (*had >= 0 && *had == op->option)
		return OP_OK;
	if (*had >= 0)
		count(box, op->voter, -1);
	*had = (signed char)op->option;
	if (!box->bursts[op->voter])
		box->bursts[op->voter] = (signed char)op->burst;
	count(box, op->voter, 1);
	s->result->votes++;
	return OP_OK;
}

static void store_mark(struct sim *s, const struct op *op)
{
	struct ballot_box *box = &s->store.boxes[op->stage];
	for (int v = 0; v < SIM_VOTERS; v++) {
		if (box->votes[v] != op->option || box->bursts[v] ||
		    !sim_is_of_burst(v, op->burst))
			continue;
		box->bursts[v] = (signed char)op->burst;
		box->tally.of_burst[op->burst - 1][op->option]++;
	}
}

static struct batch *batch_of(struct sim_core *c, uint64_t tag)
{
	for (size_t i = 0; i < c->count; i++) {
		struct batch *b = &c->ring[(c->first + i) % SIM_BATCHES];
		if (b->sent && b->tag == tag)
			return b;
	}
	return NULL;
}

static enum op_outcome serve(struct sim *s, struct sim_core *c,
			     const struct op *op, struct sim_count *counted)
{
	struct ballot_box *box = &s->store.boxes[op->stage];
	if (op->kind == OP_COMMIT)
		return store_commit(s, batch_of(c, op->tag));
	if (c->epoch != s->store.epoch)
		return OP_FENCED;
	if (op->kind == OP_VOTE)
		return store_vote(s, op);
	if (op->kind == OP_MARK)
		store_mark(s, op);
	else
		box->open = op->kind == OP_OPEN;
	*counted = box->tally;
	return OP_OK;
}

void store_arrive(struct sim *s, const struct due *due)
{
	struct sim_core *c = s->cores[due->life];
	struct op *found = op_find(c, due->tag);
	if (s->store.away || due->conn < 0 || !found)
		return; /* lost, or it came twice and is answered already */
	struct op op = *found;
	struct sim_count counted = {0};
	enum op_outcome outcome = serve(s, c, &op, &counted);
	if (due->conn != c->conn || !c->alive)
		return;
	int64_t at = s->now_ms + delay_ms(s, 1);
	if (at < c->back_ms)
		at = c->back_ms;
	c->back_ms = at;
	struct dice air = sim_air(s, 4);
	int copies = 1;
	if (sim_has(s, SIM_CUT) && dice_one_in(&air, 50))
		copies = 2; /* an acknowledgement that comes twice */
	for (int i = 0; i < copies; i++) {
		struct due *d = due_add(s, DUE_ANSWER, at);
		d->life = c->life;
		d->conn = c->conn;
		d->tag = op.tag;
		d->outcome = outcome;
		d->count = counted;
	}
	if (sim_has(s, SIM_CUT) && dice_one_in(&air, 100)) {
		SAY(s, "the link of core %d breaks: an answer is lost",
		    c->life);
		s->result->cuts++;
		link_cut(s, c);
	}
}
