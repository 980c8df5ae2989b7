/* time: the heap of what happens later, and the mail. */
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

static bool before(const struct due *a, const struct due *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct due *a, struct due *b)
{
	struct due t = *a;
	*a = *b;
	*b = t;
}

struct due *due_add(struct sim *s, enum due_kind kind, int64_t at_ms)
{
	GROW(s->heap, s->due_count, s->due_cap);
	struct due d = {.at_ms = at_ms, .order = s->next_order++, .kind = kind};
	size_t i = s->due_count++;
	s->heap[i] = d;
	while (i > 0 && before(&s->heap[i], &s->heap[(i - 1) / 2])) {
		swap(&s->heap[i], &s->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	return &s->heap[i]; /* kind, time and order stay; the rest is free */
}

static struct due due_take(struct sim *s)
{
	struct due first = s->heap[0];
	s->heap[0] = s->heap[--s->due_count];
	size_t i = 0;
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= s->due_count)
			return first;
		if (child + 1 < s->due_count &&
		    before(&s->heap[child + 1], &s->heap[child]))
			child++;
		if (!before(&s->heap[child], &s->heap[i]))
			return first;
		swap(&s->heap[child], &s->heap[i]);
		i = child;
	}
}

/* --- mail --------------------------------------------------------------- */

struct post *post_new(struct sim *s, enum post_kind kind)
{
	struct post *p = s->spare;
	if (p)
		s->spare = p->next;
	else
		p = xmalloc(sizeof *p);
	memset(p, 0, sizeof *p);
	p->kind = kind;
	p->life = -1;
	p->order = s->next_order++;
	p->stage = p->agent = p->option = p->scene = -1;
	p->tokens = p->confidence = -1;
	return p;
}

void post_free(struct sim *s, struct post *p)
{
	p->next = s->spare;
	s->spare = p;
}

void posts_add(struct posts *q, struct post *p)
{
	p->next = NULL;
	if (q->last)
		q->last->next = p;
	else
		q->first = p;
	q->last = p;
}

/* In the order in which they were written, as a bus gives them out again. */
void posts_push(struct posts *q, struct post *p)
{
	struct post **at = &q->first;
	while (*at && (*at)->order < p->order)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
	if (!p->next)
		q->last = p;
}

struct post *posts_take(struct posts *q)
{
	struct post *p = q->first;
	if (!p)
		return NULL;
	q->first = p->next;
	if (!q->first)
		q->last = NULL;
	p->next = NULL;
	return p;
}

void post_send(struct sim *s, struct post *p, int64_t after_ms)
{
	due_add(s, DUE_POST, s->now_ms + after_ms)->post = p;
}

static void deliver(struct sim *s, struct post *p)
{
	if (p->life < 0) {
		posts_add(&s->mail, p);
		return;
	}
	struct sim_core *c = s->cores[p->life];
	if (c->alive)
		posts_add(&c->local, p);
	else
		post_free(s, p);
}

/* --- what happens ------------------------------------------------------- */

static void happen(struct sim *s, const struct due *d)
{
	struct sim_core *c;
	switch (d->kind) {
	case DUE_POST:
		deliver(s, d->post);
		break;
	case DUE_ARRIVE:
		store_arrive(s, d);
		break;
	case DUE_ANSWER:
		core_answered(s, d);
		break;
	case DUE_LINK:
		c = s->cores[d->life];
		if (c->alive && !c->frozen && c->conn == d->conn)
			store_resend(s, c);
		break;
	case DUE_BACK:
		store_back(s);
		break;
	case DUE_LEAD:
		core_take_lead(s);
		break;
	case DUE_WAKE:
		core_wake(s, s->cores[d->life]);
		break;
	}
}

static bool can_tick(const struct sim_core *c)
{
	return c->alive && !c->frozen && core_can_decide(c);
}

/* The core whose deadline comes first, before `*at_ms`; NULL: none. */
static struct sim_core *next_tick(const struct sim *s, int64_t *at_ms)
{
	struct sim_core *best = NULL;
	for (size_t i = s->first_alive; i < s->core_count; i++) {
		struct sim_core *c = s->cores[i];
		int64_t show_ms = can_tick(c) ? core_next_deadline(c->m) : 0;
		if (!show_ms)
			continue;
		int64_t at = show_ms <= c->last_ms ? s->now_ms
						   : show_ms - c->clock_off;
		if (at < s->now_ms)
			at = s->now_ms;
		if (at < *at_ms) {
			*at_ms = at;
			best = c;
		}
	}
	return best;
}

/* What was decided at one moment is one commit. */
static void end_moment(struct sim *s, int64_t next_ms)
{
	while (s->first_alive < s->core_count &&
	       !s->cores[s->first_alive]->alive)
		s->first_alive++;
	core_pump(s);
	if (next_ms <= s->now_ms)
		return;
	for (size_t i = s->first_alive; i < s->core_count; i++)
		if (s->cores[i]->alive && !s->cores[i]->frozen)
			core_commit(s, s->cores[i]);
}

static void one(struct sim *s, struct sim_core *tick)
{
	if (tick) {
		core_tick(s, tick);
		return;
	}
	struct due d = due_take(s);
	happen(s, &d);
}

void time_pass(struct sim *s, int64_t ms)
{
	int64_t until = s->now_ms + ms;
	end_moment(s, s->now_ms + 1);
	while (!sim_failed(s)) {
		int64_t at = s->due_count ? s->heap[0].at_ms : INT64_MAX;
		if (at < s->now_ms)
			at = s->now_ms;
		struct sim_core *tick = next_tick(s, &at);
		if (at > until)
			break;
		s->now_ms = at;
		one(s, tick);
		end_moment(s, s->due_count ? s->heap[0].at_ms : INT64_MAX);
	}
	s->now_ms = until;
}

void time_jump(struct sim *s, int64_t ms)
{
	s->now_ms += ms;
	s->result->jumps++;
}

/* The store answers all, and what is on its way comes; no deadline passes that
 * is more than `ms` away. */
void time_drain(struct sim *s)
{
	for (int i = 0; i < 1000 && !sim_failed(s); i++) {
		bool open = s->store.away || !s->lead || s->mail.first;
		for (size_t k = 0; k < s->core_count && !open; k++)
			open = s->cores[k]->alive &&
			       (s->cores[k]->op_count || s->cores[k]->count);
		if (!open)
			return;
		time_pass(s, 20);
	}
}

/* --- inputs ------------------------------------------------------------- */

const char *const sim_scenes[3] = {"Safe", "Live", "Poll"};

static json_object *result_of(const struct sim *s, const struct post *p)
{
	if (p->shape == 1)
		return json_object_new_string("pigs \xc2\xa7 fly");
	if (p->shape == 2)
		return NULL;
	json_object *o = json_object_new_object();
	json_add_int(o, "mark", (int64_t)p->mark);
	if (p->shape == 3 || p->stage < 0 ||
	    (size_t)p->stage >= s->show->stage_count)
		return o;
	const struct show_names *out = &s->show->stages[p->stage].outputs;
	for (size_t i = 0; i < out->count; i++)
		json_add_int(o, out->items[i], (int64_t)(p->mark % 97));
	if (out->count == 0)
		json_add_int(o, "k", (int64_t)(p->mark % 7));
	return o;
}

static const char *stage_name(const struct sim *s, int stage)
{
	bool known = stage >= 0 && (size_t)stage < s->show->stage_count;
	return known ? s->show->stages[stage].id : "nowhere";
}

static const char *agent_name(const struct sim *s, int agent)
{
	bool known = agent >= 0 && (size_t)agent < s->show->agent_count;
	return known ? s->show->agents[agent].id : "nobody";
}

char *key_of(int run, const char *stage, int attempt)
{
	char r[TEXT_INT_BYTES], n[TEXT_INT_BYTES];
	return xconcat(text_int(r, "r", run), "/", stage,
		       text_int(n, "/", attempt), NULL);
}

static void fill_answer(const struct sim *s, const struct post *p,
			struct input *in)
{
	in->stage = xstrdup(stage_name(s, p->stage));
	in->agent = xstrdup(agent_name(s, p->agent));
	in->attempt = p->attempt;
	in->lease = p->has_lease ? xstrdup(p->lease) : NULL;
	if (p->run)
		in->key = key_of(p->run, in->stage, p->call);
	in->ok = p->ok;
	in->reached = p->reached;
	in->tokens_used = p->tokens;
	in->cost_micros = p->cost;
	in->confidence = p->confidence < 0 ? -1 : p->confidence / 100.0;
	if (p->ok) {
		in->result = result_of(s, p);
		return;
	}
	in->error_code = xstrdup(p->code);
	in->text = xstrdup("it broke");
	in->needs_tokens = p->needs;
}

static void fill_obs(const struct post *p, struct input *in)
{
	struct obs_facts *f = &in->obs;
	f->connected = p->scene >= 0;
	if (!f->connected) {
		f->error = xstrdup("no answer");
		return;
	}
	f->program_scene = xstrdup(sim_scenes[p->scene]);
	for (size_t i = 0; i < COUNT_OF(sim_scenes); i++)
		obs_names_add(&f->scenes, sim_scenes[i]);
}

static void fill_command(const struct post *p, struct input *in)
{
	in->action = p->action;
	in->origin.kind = ORIGIN_BUS;
	memcpy(in->origin.id, p->id, sizeof p->id);
	for (size_t i = 0; i < COUNT_OF(p->args) && *p->args[i]; i++)
		in->args[i] = xstrdup(p->args[i]);
}

/* By burst and then by the options that the poll has. */
static void fill_bursts(const struct sim *s, const struct post *p,
			struct input *in)
{
	const struct show_poll *def = poll_def(s->follower, p->stage);
	if (!def || !s->follower->stages[p->stage].poll->burst_count)
		return;
	in->burst_count = SIM_BURSTS;
	in->of_bursts =
		xcalloc(SIM_BURSTS * def->option_count, sizeof *in->of_bursts);
	for (size_t k = 0; k < SIM_BURSTS; k++)
		for (size_t i = 0; i < def->option_count; i++)
			in->of_bursts[k * def->option_count + i] =
				p->count.of_burst[k][i];
}

/* The options of all random polls are the first of these. */
static void fill_poll(const struct sim *s, const struct post *p,
		      struct input *in)
{
	static const char *const options[] = {"x", "y", "z"};
	in->stage = xstrdup(s->show->stages[p->stage].id);
	if (p->kind == POST_VOTE) {
		in->ballots = ballots_new(in->stage, BALLOTS_NOBODY);
		ballots_add(in->ballots,
			    p->option < (int)COUNT_OF(options)
				    ? options[p->option]
				    : "none",
			    p->id, 0, 0);
		return;
	}
	if (p->kind == POST_BURST) {
		in->choice = xstrdup(options[p->option]);
		in->burst = (struct burst_facts){31, 2600, 3, 400};
		return;
	}
	in->attempt = p->attempt;
	in->count_count = (int)COUNT_OF(options);
	in->counts = xcalloc(COUNT_OF(options), sizeof *in->counts);
	for (size_t i = 0; i < COUNT_OF(options); i++) {
		in->counts[i] = p->count.all[i];
		in->from.of[BALLOTS_CHAT] += p->count.all[i];
	}
	fill_bursts(s, p, in);
}

struct input *post_input(const struct sim *s, const struct post *p)
{
	static const enum input_kind kinds[] = {
		[POST_COMMAND] = INPUT_COMMAND,
		[POST_ANSWER] = INPUT_ANSWER,
		[POST_VOTE] = INPUT_VOTE,
		[POST_OBS] = INPUT_OBS,
		[POST_OBS_DONE] = INPUT_OBS_DONE,
		[POST_TALLY] = INPUT_TALLY,
		[POST_BURST] = INPUT_BURST,
		[POST_ALARM] = INPUT_ALARM,
		[POST_LEAD] = INPUT_LEAD,
		[POST_RESUMED] = INPUT_RESUMED,
		[POST_BEGIN] = INPUT_BEGIN,
	};
	struct input *in = input_new(kinds[p->kind]);
	in->ok = p->ok;
	in->attended = p->attended;
	in->id = *p->id ? xstrdup(p->id) : NULL;
	in->by = *p->by ? xstrdup(p->by) : NULL;
	if (p->kind == POST_ANSWER)
		fill_answer(s, p, in);
	else if (p->kind == POST_COMMAND)
		fill_command(p, in);
	else if (p->kind == POST_OBS)
		fill_obs(p, in);
	else if (p->kind == POST_VOTE || p->kind == POST_TALLY ||
		 p->kind == POST_BURST)
		fill_poll(s, p, in);
	else if (p->kind == POST_LEAD)
		in->epoch = p->tokens;
	return in;
}
