/* The polls, and the whole model against the books. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"
#include "sim/books.h"

/* --- polls -------------------------------------------------------------- */

/* Each voter once, but for those of bursts that are excluded: counted again,
 * voter by voter. */
static void recount(struct sim *s, const struct event *e, int stage)
{
	const struct show_poll *poll = poll_def(s->follower, stage);
	const struct ballot_box *box = &s->store.boxes[stage];
	struct json_node *counts = event_object(e, "counts");
	uint32_t out = s->audit->stages[stage].bursts_out;
	int64_t votes[8] = {0};
	for (int v = 0; v < SIM_VOTERS; v++)
		if (box->votes[v] >= 0 && !(out >> box->bursts[v] & 1))
			votes[box->votes[v]]++;
	for (size_t i = 0; i < poll->option_count; i++) {
		int64_t told = json_node_int(counts, poll->options[i].id, -1);
		if (told != votes[i])
			sim_fail(s, "votes",
				 "%s: %s has %" PRId64 " voters, the log says "
				 "%" PRId64,
				 e->stage, poll->options[i].id, votes[i], told);
	}
}

static void poll_create(struct sim *s, const struct event *e, int stage)
{
	struct stage_book *b = &s->audit->stages[stage];
	bool of_stage = stage < (int)s->show->stage_count;
	if ((of_stage && b->state != SB_RUNNING) || b->poll_open ||
	    b->poll_closed)
		sim_fail(s, "poll", "%s is opened twice", e->stage);
	const struct show_polls *limits = &s->show->polls;
	if (limits->max_per_episode != SHOW_UNSET &&
	    s->audit->polls >= limits->max_per_episode)
		sim_fail(s, "poll", "%s is one poll too many", e->stage);
	if (s->audit->polls &&
	    e->at_ms < s->audit->poll_ms + limits->min_interval_ms)
		sim_fail(s, "poll", "%s is opened too soon", e->stage);
	s->audit->polls++;
	s->audit->poll_ms = e->at_ms;
	b->poll_open = true;
	b->poll_frozen = b->priced = false;
}

static void poll_freeze(struct sim *s, const struct event *e, int stage)
{
	struct stage_book *b = &s->audit->stages[stage];
	bool freezes = e->type == EVENT_POLL_FREEZE;
	if (!b->poll_open || b->poll_frozen == freezes)
		sim_fail(s, "poll", "%s of %s, which is %s",
			 event_type_name(e->type), e->stage,
			 !b->poll_open	  ? "not open"
			 : b->poll_frozen ? "frozen"
					  : "not frozen");
	b->poll_frozen = freezes;
}

static void poll_close(struct sim *s, const struct event *e, int stage)
{
	struct audit *a = s->audit;
	struct stage_book *b = &a->stages[stage];
	bool asks = event_bool(e, "asks", false);
	if (asks ? !b->poll_closed : !b->poll_open)
		sim_fail(s, "poll", "%s is closed, and was not open", e->stage);
	if (b->poll_frozen && !event_str(e, "by", NULL))
		sim_fail(s, "poll", "%s is closed by its clock, and is frozen",
			 e->stage);
	b->poll_open = b->poll_frozen = false;
	b->poll_closed = true;
	a->asking += asks && !b->asks;
	b->asks = asks;
	if (asks)
		recount(s, e, stage);
}

static void poll_extend(struct sim *s, const struct event *e, int stage)
{
	struct stage_book *b = &s->audit->stages[stage];
	if (!b->poll_open && !b->poll_closed)
		sim_fail(s, "poll", "%s is extended, and was not open",
			 e->stage);
	s->audit->asking -= b->asks;
	b->asks = false;
	b->poll_open = true;
	b->poll_closed = false;
}

static void poll_resolve(struct sim *s, const struct event *e, int stage)
{
	struct stage_book *b = &s->audit->stages[stage];
	bool capped = strcmp(event_str(e, "why", ""), "cap") == 0;
	if (capped) {
		if (b->state != SB_WAITING ||
		    s->audit->polls < s->show->polls.max_per_episode)
			sim_fail(s, "poll", "%s is passed over", e->stage);
	} else if (!b->poll_closed || b->resolved)
		sim_fail(s, "poll", "%s is resolved, and was not closed",
			 e->stage);
	if (!capped && strcmp(event_str(e, "why", ""), "operator") != 0)
		recount(s, e, stage);
	const struct show_poll *def = poll_def(s->follower, stage);
	int winner = show_find_option(def, event_str(e, "winner", ""));
	if (winner < 0 || (def->options[winner].requires_extra && !b->priced))
		sim_fail(s, "price",
			 "%s is resolved as %s, and nobody said yes "
			 "to its price",
			 e->stage, event_str(e, "winner", ""));
	s->audit->asking -= b->asks;
	b->resolved = stage < (int)s->show->stage_count;
	b->asks = b->poll_closed = false;
}

/* Asked about until it is opened or refused. */
static void propose(struct sim *s, const struct event *e, int place)
{
	struct stage_book *b = &s->audit->stages[place];
	if (b->proposed || b->poll_open || b->poll_closed)
		sim_fail(s, "poll", "the place %s is taken twice", e->stage);
	b->proposed = true;
	s->audit->asking++;
}

static void proposed_no_more(struct audit *a, struct stage_book *b)
{
	a->asking -= b->proposed;
	b->proposed = false;
}

/* The votes of a burst count until a person says that they do not; about each
 * a person is asked once. */
static void burst(struct sim *s, const struct event *e, int stage)
{
	struct stage_book *b = &s->audit->stages[stage];
	uint32_t bit = UINT32_C(1) << (event_int(e, "burst", 0) & 31);
	bool out = e->type == EVENT_POLL_EXCLUDE;
	if (e->type == EVENT_POLL_BURST) {
		s->audit->asking += !(b->bursts_asked & bit);
		b->bursts_asked |= bit;
		return;
	}
	if (out == !!(b->bursts_out & bit) && !(b->bursts_asked & bit))
		sim_fail(s, "burst", "%s of %s says nothing new",
			 event_type_name(e->type), e->stage);
	s->result->bursts += out;
	s->audit->asking -= !!(b->bursts_asked & bit);
	b->bursts_asked &= ~bit;
	b->bursts_out = out ? b->bursts_out | bit : b->bursts_out & ~bit;
}

static void bursts_no_more(struct audit *a, struct stage_book *b)
{
	for (; b->bursts_asked; b->bursts_asked &= b->bursts_asked - 1)
		a->asking--;
}

void audit_poll(struct sim *s, const struct event *e, int stage)
{
	struct stage_book *b = &s->audit->stages[stage];
	if (e->type == EVENT_POLL_CREATE)
		b->bursts_out = 0;
	if (e->type == EVENT_POLL_CREATE || e->type == EVENT_POLL_VOID ||
	    e->type == EVENT_POLL_RESOLVE)
		bursts_no_more(s->audit, b);
	if (e->type == EVENT_POLL_PROPOSE)
		propose(s, e, stage);
	if (e->type == EVENT_POLL_CREATE || e->type == EVENT_POLL_VOID)
		proposed_no_more(s->audit, b);
	switch (e->type) {
	case EVENT_POLL_CREATE:
		poll_create(s, e, stage);
		break;
	case EVENT_POLL_CLOSE:
		poll_close(s, e, stage);
		break;
	case EVENT_POLL_FREEZE:
	case EVENT_POLL_UNFREEZE:
		poll_freeze(s, e, stage);
		break;
	case EVENT_POLL_EXTEND:
		poll_extend(s, e, stage);
		break;
	case EVENT_POLL_RESOLVE:
		poll_resolve(s, e, stage);
		break;
	case EVENT_POLL_BURST:
	case EVENT_POLL_EXCLUDE:
	case EVENT_POLL_INCLUDE:
		burst(s, e, stage);
		break;
	case EVENT_POLL_VOID:
		s->audit->asking -= b->asks;
		b->asks = b->poll_open = b->poll_closed = false;
		b->poll_frozen = b->priced = false;
		break;
	default:
		break;
	}
}

/* --- money -------------------------------------------------------------- */

static void same(struct sim *s, const char *where, const char *what,
		 int64_t shown, int64_t booked)
{
	if (shown != booked)
		sim_fail(s, "totals",
			 "%s: %s is %" PRId64 ", the log makes it %" PRId64,
			 where, what, shown, booked);
}

void audit_same(struct sim *s, const char *where, const struct scope *have,
		const struct scope_book *want)
{
	same(s, where, "allocated", have->allocated, want->allocated);
	same(s, where, "leased", have->leased, want->leased);
	same(s, where, "spent", have->spent, want->spent);
}

static void ledger(struct sim *s, const struct model *m)
{
	const struct audit *a = s->audit;
	const struct show *show = a->show;
	const char *where;
	if (!ledger_holds(&m->ledger, show->stage_count, show->agent_count,
			  &where))
		sim_fail(s, "ledger", "the identity does not hold for %s",
			 where);
	audit_same(s, "episode", &m->ledger.episode.tokens, &a->episode);
	for (size_t i = 0; i < show->stage_count; i++)
		audit_same(s, show->stages[i].id, &m->ledger.stages[i].tokens,
			   &a->stages_money[i]);
	for (size_t i = 0; i < show->agent_count; i++)
		audit_same(s, show->agents[i].id, &m->ledger.agents[i].tokens,
			   &a->agents_money[i]);
	audit_scopes_same(s, m);
}

/* --- what people are shown ---------------------------------------------- */

static void status_polls_sum(struct sim *s, json_object *polls)
{
	for (size_t i = 0; i < json_object_array_length(polls); i++) {
		json_object *p = json_object_array_get_idx(polls, i);
		json_object *options = json_get_array(p, "options");
		int64_t sum = 0;
		for (size_t k = 0; k < json_object_array_length(options); k++)
			sum += json_get_int(
				json_object_array_get_idx(options, k), "votes",
				0);
		same(s, json_get_str(p, "id", "a poll"), "total",
		     json_get_int(p, "total", -1), sum);
	}
}

static void status_budget_same(struct sim *s, const struct model *m)
{
	const struct audit *a = s->audit;
	json_object *budget = status_budget(m);
	int64_t spent = json_get_int(budget, "spent", -1);
	if (plant_now(s, PLANT_WRONG_TOTAL))
		spent++;
	same(s, "status", "spent", spent, a->episode.spent);
	same(s, "status", "leased", json_get_int(budget, "leased", -1),
	     a->episode.leased);
	same(s, "status", "remaining",
	     json_get_int(budget, "remaining", -1) -
		     json_get_int(budget, "over", 0),
	     a->episode.allocated - a->episode.leased - a->episode.spent);
	json_object_put(budget);
}

static void status_run_same(struct sim *s, const struct model *m)
{
	const struct audit *a = s->audit;
	json_object *run = status_run(m, m->at_ms);
	json_object *stages = json_get_array(run, "stages");
	for (size_t i = 0; stages && i < a->show->stage_count; i++) {
		json_object *x = json_object_array_get_idx(stages, i);
		same(s, a->show->stages[i].id, "attempt",
		     json_get_int(x, "attempt", -1), a->stages[i].attempt);
		same(s, a->show->stages[i].id, "shown as spent",
		     json_get_int(x, "spent", -1), a->stages_money[i].spent);
	}
	json_object_put(run);
}

static void status(struct sim *s, const struct model *m)
{
	const struct audit *a = s->audit;
	json_object *inbox = status_inbox(m), *polls = status_polls(m);
	status_budget_same(s, m);
	same(s, "status", "inbox", (int64_t)json_object_array_length(inbox),
	     (int64_t)(a->held + a->failed + a->asking + a->warnings +
		       a->conflict_count));
	status_run_same(s, m);
	status_polls_sum(s, polls);
	json_object_put(inbox);
	json_object_put(polls);
}

void audit_status(struct sim *s, const struct model *m)
{
	struct status_extra extra = {.mode = "live", .now_ms = m->at_ms};
	struct buf text = {0};
	struct err err = {0};
	status_print(&text, m, &extra, NULL, NULL);
	json_object *o =
		json_read(text.data, text.len, &json_limits_own, &err);
	if (!o)
		sim_fail(s, "status", "it cannot be read: %s", err.text);
	else
		same(s, "status", "event", json_get_int(o, "event", -1),
		     (int64_t)s->audit->seq);
	json_object_put(o);
	buf_release(&text);
}

/* A key of the story and the hash that says on which shelf it stands. */
struct shelved {
	const char *key;
	char hex[HASH_HEX_BYTES];
};

static int by_key(const void *a, const void *b)
{
	const struct shelved *x = a, *y = b;
	return strcmp(x->key, y->key);
}

/* The line of one shelf: those of the sorted keys whose hash begins so. */
static void shelf_line(json_object *doc, const struct shelved *keys, size_t n,
		       const char *head, struct buf *story)
{
	struct buf shelf = {0};
	char hex[HASH_HEX_BYTES];
	for (size_t i = 0; i < n; i++) {
		if (strncmp(keys[i].hex, head, 2) != 0)
			continue;
		char *text = json_canonical(json_get(doc, keys[i].key));
		hash_sha256_hex(hex, text, strlen(text));
		buf_addf(&shelf, "%s:%s\n", keys[i].key, hex);
		free(text);
	}
	if (shelf.len) {
		hash_sha256_hex(hex, shelf.data, shelf.len);
		buf_addf(story, "%s:%s\n", head, hex);
	}
	buf_release(&shelf);
}

/* As core/story.h defines it, from the whole document. */
static void story_whole(struct sim *s, const struct story *story)
{
	struct shelved keys[256];
	size_t n = 0;
	struct buf b = {0};
	char hex[HASH_HEX_BYTES], head[3];
	json_object_object_foreach(story->doc, key, value)
	{
		(void)value;
		if (n == COUNT_OF(keys))
			return; /* no show of ours has so many */
		hash_sha256_hex(keys[n].hex, key, strlen(key));
		keys[n++].key = key;
	}
	qsort(keys, n, sizeof *keys, by_key);
	for (unsigned shelf = 0; n && shelf < STORY_SHELVES; shelf++) {
		head[0] = "0123456789abcdef"[shelf / 16];
		head[1] = "0123456789abcdef"[shelf % 16];
		head[2] = '\0';
		shelf_line(story->doc, keys, n, head, &b);
	}
	hash_sha256_hex(hex, buf_str(&b), b.len);
	buf_release(&b);
	if (strcmp(hex, story_hash(story)) != 0 ||
	    strcmp(hex, s->audit->hash) != 0)
		sim_fail(s, "chain",
			 "the story's hash is not that of the "
			 "story");
}

void audit_model(struct sim *s, const struct model *m)
{
	ledger(s, m);
	status(s, m);
	story_whole(s, &m->story);
	for (size_t i = 0; i < s->show->agent_count; i++)
		same(s, s->show->agents[i].id, "calls out", m->agent_calls[i],
		     s->audit->calls[i]);
}

void audit_log(struct sim *s)
{
	struct model *m = model_new(s->show);
	for (size_t i = 0; i < s->store.count; i++) {
		struct event *e = store_read(s, i);
		model_apply(m, e);
		event_free(&e);
	}
	char *a = model_snapshot(m), *b = model_snapshot(s->follower);
	if (strcmp(a, b) != 0)
		sim_fail(s, "fold", "the log read again gives another model");
	free(a);
	free(b);
	model_free(&m);
}
