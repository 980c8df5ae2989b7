#include "engine/conductor.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

void waiting_add(struct waiting *w, struct input **input)
{
	if (w->head == w->count)
		w->head = w->count = 0;
	GROW(w->items, w->count, w->cap);
	w->items[w->count++] = *input;
	*input = NULL;
}

struct input *waiting_take(struct waiting *w)
{
	return w->head < w->count ? w->items[w->head++] : NULL;
}

void waiting_drop(struct waiting *w)
{
	struct input *input;
	while ((input = waiting_take(w)))
		input_free(&input);
	free(w->items);
	*w = (struct waiting){0};
}

bool engine_can_decide(const struct engine *e)
{
	return e->batch_count < BATCHES - BATCHES_SPARE && !e->away &&
	       writer_waiting(e->writer) < WRITER_ITEMS;
}

bool engine_at_rest(const struct engine *e)
{
	return e->batch_count == 0 && e->counts_out == 0 &&
	       e->local.head == e->local.count;
}

static void add_receipt(struct batch *batch, struct input *input)
{
	if (!input->entry)
		return;
	GROW(batch->receipts, batch->receipt_count, batch->receipt_cap);
	batch->receipts[batch->receipt_count++] =
		(struct receipt){input->stream, input->entry};
	input->entry = NULL;
}

void engine_decide(struct engine *e, struct input **input, int64_t now_ms)
{
	struct input *in = *input;
	/* Show time never goes back, whoever's clock it came from. */
	if (now_ms < e->last_ms)
		now_ms = e->last_ms;
	e->last_ms = now_ms;
	in->now_ms = now_ms;
	in->day = day_of(e->m->show, now_ms);
	if (in->kind == INPUT_BEGIN)
		e->run_began_us = clock_mono_us();
	e->open.now_ms = now_ms;
	core_decide(e->m, in, &e->open.made);
	add_receipt(&e->open, in);
	input_free(input);
}

static bool is_empty(const struct batch *batch)
{
	return batch->made.event_count == 0 && batch->made.effect_count == 0 &&
	       batch->receipt_count == 0;
}

static void batch_clear(struct batch *batch)
{
	decision_clear(&batch->made);
	for (size_t i = 0; i < batch->receipt_count; i++)
		free(batch->receipts[i].entry);
	batch->receipt_count = 0;
	batch->sent = batch->stored = batch->brake = false;
}

static void batch_release(struct batch *batch)
{
	batch_clear(batch);
	decision_release(&batch->made);
	free(batch->receipts);
	*batch = (struct batch){0};
}

/* Its events are stored: now it may act. */
static void batch_done(struct engine *e, struct batch *batch)
{
	for (size_t i = 0; e->gateway && i < batch->made.event_count; i++)
		gateway_event(e, batch->made.events[i]);
	if (e->net)
		net_events(e->net, batch->made.events, batch->made.event_count);
	for (size_t i = 0; i < batch->made.effect_count; i++)
		engine_act(e, &batch->made.effects[i], batch->now_ms);
	for (size_t i = 0; i < batch->receipt_count; i++)
		writer_ack(e->writer, batch->receipts[i].stream,
			   batch->receipts[i].entry);
	batch_clear(batch);
}

/* In the order of their decisions; those without events as soon as all before
 * them are. While the lease is in doubt the answer to its renewal decides: a
 * core that was stopped and goes on may find old acknowledgements, and another
 * one has long gone on from there. */
void engine_finish_stored(struct engine *e)
{
	while (e->batch_count && e->end < END_FENCED) {
		struct batch *batch = &e->batches[e->batch_first];
		if (batch->sent && !batch->stored)
			return;
		if (!writer_leads_surely(e->writer)) {
			e->renew_at_ms = 0;
			return;
		}
		/* Out of the ring first: what it does may ask for more room. */
		e->batch_first = (e->batch_first + 1) % BATCHES;
		e->batch_count--;
		batch_done(e, batch);
	}
}

void engine_commit(struct engine *e)
{
	if (is_empty(&e->open))
		return;
	REQUIRE(e->batch_count < BATCHES);
	struct batch *batch =
		&e->batches[(e->batch_first + e->batch_count) % BATCHES];
	/* The slot's memory is used again for the next open batch. */
	struct batch empty = *batch;
	*batch = e->open;
	e->open = empty;
	e->batch_count++;
	batch->sent = batch->made.event_count > 0;
	if (!batch->sent) {
		engine_finish_stored(e);
		return;
	}
	batch->tag = ++e->next_tag;
	writer_commit(e->writer, batch->made.events, batch->made.event_count,
		      e->m->story.version, story_hash(&e->m->story),
		      batch->tag);
	writer_pump(e->writer, POLLOUT); /* without a round through poll(2) */
}

/* Nobody else can: the private Redis is locked with its folder. */
static bool no_other_leads(const struct engine *e)
{
	return e->server || writer_leads_surely(e->writer);
}

static void reply_early(struct engine *e, const struct effect *reply,
			bool withheld)
{
	char text[400];
	if (withheld)
		snprintf(text, sizeof text,
			 "PANIC is not whole: Redis has been away for longer "
			 "than this core's lease lasts, so another core may "
			 "lead. Its own calls are stopped, OBS is left alone. "
			 "A second press (panic all) switches OBS to the safe "
			 "scene all the same");
	else
		snprintf(text, sizeof text,
			 "%.250s. Redis is away; the log has it when it is "
			 "back",
			 reply->text ? reply->text : "PANIC");
	log_warn("engine", "%s", text);
	/* When it is stored it is said again, and then nobody listens. */
	engine_reply(e, &reply->origin, !withheld && reply->ok,
		     withheld ? "refused" : reply->name, text);
}

/* What is done here is done again when its turn comes: what was decided before
 * the panic and is stored only now may have put another scene on, or begun a
 * call. True: OBS was left alone. */
static bool act_early(struct engine *e, struct batch *batch)
{
	struct decision *made = &batch->made;
	bool sure = e->brake_insists || no_other_leads(e), withheld = false;
	for (size_t i = 0; i < made->effect_count; i++) {
		struct effect *effect = &made->effects[i];
		bool obs = effect->kind == EFFECT_OBS;
		withheld = withheld || (obs && !sure);
		if ((obs && sure) || effect->kind == EFFECT_CANCEL_CALL)
			engine_act(e, effect, batch->now_ms);
	}
	return withheld;
}

/* All panics that Redis has not acknowledged: a second press stands for the
 * first one, too. */
static void brake_early(struct engine *e)
{
	const struct batch *newest = NULL;
	bool withheld = false;
	for (size_t i = 0; i < e->batch_count; i++) {
		size_t at = (e->batch_first + i) % BATCHES;
		struct batch *batch = &e->batches[at];
		if (!batch->brake || batch->stored)
			continue;
		withheld = act_early(e, batch) || withheld;
		newest = batch;
	}
	for (size_t i = 0; newest && i < newest->made.effect_count; i++)
		if (newest->made.effects[i].kind == EFFECT_REPLY)
			reply_early(e, &newest->made.effects[i], withheld);
	e->brake_tag = 0;
}

void engine_brake(struct engine *e, struct input **input)
{
	engine_commit(e); /* what was before it keeps its own batch */
	e->brake_insists = (*input)->args[0] != NULL;
	engine_decide(e, input, engine_now_ms(e));
	e->open.brake = true;
	engine_commit(e);
	e->brake_tag = e->next_tag;
	e->brake_at_ms = clock_mono_ms() + BRAKE_MS;
	if (e->away)
		brake_early(e);
}

void brake_tick(struct engine *e, int64_t mono_ms)
{
	if (e->brake_tag && mono_ms >= e->brake_at_ms)
		brake_early(e);
}

static void take_commit(struct engine *e, const struct writer_done *done)
{
	if (done->how == WRITER_FENCED) {
		engine_end(e, END_FENCED, done->text);
		return;
	}
	if (done->how != WRITER_OK) {
		engine_end(e, END_BROKEN, done->text);
		return;
	}
	size_t i = 0;
	struct batch *batch = &e->batches[e->batch_first];
	while (i < e->batch_count && (!batch->sent || batch->stored))
		batch = &e->batches[(e->batch_first + ++i) % BATCHES];
	REQUIRE(i < e->batch_count && batch->tag == done->tag);
	batch->stored = true;
	engine_finish_stored(e);
	engine_say_ready(e);
}

void engine_take_outcomes(struct engine *e)
{
	struct writer_done done;
	while (e->end < END_FENCED && writer_next(e->writer, &done)) {
		switch (done.what) {
		case WRITER_COMMIT:
			take_commit(e, &done);
			break;
		case WRITER_VOTE:
			tally_voted(e, &done);
			break;
		case WRITER_COUNT:
			tally_counted(e, &done);
			break;
		case WRITER_RENEW:
			if (done.how == WRITER_FENCED)
				engine_end(e, END_FENCED, done.text);
			else if (done.how == WRITER_BROKEN)
				engine_end(e, END_BROKEN, done.text);
			engine_finish_stored(e);
			break;
		}
		writer_done_release(&done);
	}
}

void engine_drop_batches(struct engine *e)
{
	for (size_t i = 0; i < BATCHES; i++)
		batch_release(&e->batches[i]);
	batch_release(&e->open);
	e->batch_count = 0;
}
