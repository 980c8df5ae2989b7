/* Votes on their way through Redis, and the tallies that come of them. Redis
 * alone counts: what is shown is read back from it, at most ten times a
 * second, so it is true after a restart and for votes that were changed. */
#include "engine/conductor.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/live.h"
#include "core/status.h"

/* The tag of a count says of which poll, and for which of its closings; 0: only
 * to be shown. */
#define TAG_OF(stage, close) ((uint64_t)(close) << 32 | (uint64_t)(stage))
#define STAGE_OF(tag)	     ((int)((tag)&0xffffffff))
#define CLOSE_OF(tag)	     ((int)((tag) >> 32))

/* What Redis holds of a poll. */
struct tally {
	int64_t counts[SHOW_MAX_OPTIONS]; /* as they are shown and decided */
	int64_t *of_bursts; /* by burst, then by option; NULL: none */
	int burst_count;
	struct ballots_sum from;
};

/* Whoever waits for these gets them back with the answers. */
static void tell(struct engine *e, struct ballots **ballots)
{
	struct ballots *b = *ballots;
	enum ballot_answer first = (enum ballot_answer)b->items[0].answer;
	switch (b->from) {
	case BALLOTS_WEB:
	case BALLOTS_WS:
		if (e->net)
			net_votes(e->net, ballots);
		break;
	case BALLOTS_BUS:
		if (b->id)
			writer_reply(e->writer, b->id, ballot_ok(first),
				     ballot_text(first));
		break;
	case BALLOTS_CHAT:
	case BALLOTS_NOBODY:
	case BALLOTS_FROMS:
		break;
	}
	ballots_free(ballots);
}

/* From one address, and of one voter, only so many in a minute. */
static bool may_vote(struct engine *e, const struct ballots *b, size_t i,
		     int64_t now_us)
{
	const struct show_polls *polls = &e->show->polls;
	uint64_t voter = ballots_source("voter", ballot_voter(b, i));
	uint64_t source = b->items[i].source;
	return limits_take(e->limits, voter, polls->votes_per_voter, now_us) &&
	       (!source || limits_take(e->limits, source,
				       polls->votes_per_address, now_us));
}

static void look_at(struct engine *e, struct ballots *b)
{
	int64_t now_us = clock_mono_us();
	if (!e->limits)
		e->limits = limits_new();
	if (!e->bursts)
		e->bursts = bursts_new();
	for (size_t i = 0; i < b->count; i++) {
		struct ballot *x = &b->items[i];
		if (x->answer != BALLOT_PENDING)
			continue;
		if (!may_vote(e, b, i, now_us))
			x->answer = BALLOT_TOO_OFTEN;
		else
			x->burst = (unsigned char)bursts_of(
				e->bursts, b->stage, x->option, x->source);
	}
}

void tally_vote(struct engine *e, struct effect *effect)
{
	struct ballots *b = effect->ballots;
	effect->ballots = NULL;
	look_at(e, b);
	if (!ballots_pending(b)) {
		tell(e, &b);
		return;
	}
	b->tag = ++e->next_tag;
	if (!e->ballots)
		e->ballots_end = &e->ballots;
	*e->ballots_end = b;
	e->ballots_end = &b->next;
	writer_votes(e->writer, b, b->tag);
}

static void take_answers(struct ballots *b, const char *answers)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->items[i].answer == BALLOT_PENDING && *answers)
			b->items[i].answer = (unsigned char)*answers++;
	ballots_answer(b, BALLOT_UNSTORED);
}

/* --- bursts ---------------------------------------------------------------- */

#define MARKED_AT_ONCE 512

static void mark(struct engine *e)
{
	const char *voters[MARKED_AT_ONCE];
	int stage = 0, burst = 0;
	size_t n;
	while ((n = bursts_take(e->bursts, &stage, &burst, voters,
				COUNT_OF(voters)))) {
		writer_mark(e->writer, e->show->stages[stage].id, burst, voters,
			    n);
		tally_look(e, stage);
	}
}

static void note_counted(struct engine *e, const struct ballots *b)
{
	int64_t now_ms = clock_mono_ms();
	for (size_t i = 0; i < b->count; i++)
		if (b->items[i].answer == BALLOT_COUNTED)
			bursts_voted(e->bursts, b->stage, b->items[i].option,
				     b->items[i].source, ballot_voter(b, i),
				     b->items[i].burst, now_ms);
	if (!e->bursts_at_ms)
		e->bursts_at_ms = now_ms + BURSTS_LOOK_MS;
	mark(e);
}

static void bursts_tick(struct engine *e, int64_t mono_ms)
{
	int stage, option;
	struct burst_facts facts;
	int64_t least = e->show->polls.burst_votes;
	if (!e->bursts_at_ms || mono_ms < e->bursts_at_ms)
		return;
	e->bursts_at_ms = 0;
	while (least && bursts_find(e->bursts, least, mono_ms, &stage, &option,
				    &facts)) {
		struct input *in = input_new(INPUT_BURST);
		in->stage = xstrdup(e->show->stages[stage].id);
		in->choice = xstrdup(poll_def(e->m, stage)->options[option].id);
		in->burst = facts;
		waiting_add(&e->local, &in);
	}
	mark(e);
}

void tally_burst(struct engine *e, const struct effect *effect)
{
	if (!e->bursts)
		return;
	bursts_begin(e->bursts, effect->stage, effect->option, effect->attempt);
	mark(e);
	tally_look(e, effect->stage);
}

static void tell_rest(struct engine *e, int stage, const struct tally *t)
{
	size_t options = poll_def(e->m, stage)->option_count;
	int64_t counts[SHOW_MAX_OPTIONS];
	memcpy(counts, t->counts, sizeof counts);
	for (int k = 0; k < t->burst_count; k++)
		for (size_t i = 0; i < options; i++)
			counts[i] -= t->of_bursts[(size_t)k * options + i];
	if (e->bursts)
		bursts_rest(e->bursts, stage, counts, options);
}

/* --- outcomes -------------------------------------------------------------- */

void tally_voted(struct engine *e, const struct writer_done *done)
{
	struct ballots *b = e->ballots;
	REQUIRE(b && b->tag == done->tag);
	e->ballots = b->next;
	b->next = NULL;
	if (done->how == WRITER_OK) {
		take_answers(b, done->answers);
		note_counted(e, b);
		tally_look(e, b->stage);
	} else {
		ballots_answer(b, done->how == WRITER_FENCED ? BALLOT_FENCED
							     : BALLOT_UNSTORED);
	}
	tell(e, &b);
	if (done->how == WRITER_FENCED)
		engine_end(e, END_FENCED, done->text);
}

void tally_drop(struct engine *e)
{
	for (struct ballots *b = e->ballots, *next; b; b = next) {
		next = b->next;
		ballots_free(&b);
	}
	e->ballots = NULL;
	limits_free(&e->limits);
	bursts_free(&e->bursts);
}

void tally_count(struct engine *e, int stage, int close)
{
	e->counts_out++;
	writer_poll_count(e->writer, e->show->stages[stage].id,
			  TAG_OF(stage, close));
}

static void add_of_burst(struct tally *t, const struct show_poll *poll,
			 const char *field, int64_t n)
{
	char *option;
	long burst = strtol(field, &option, 10);
	int i = *option == ' ' ? show_find_option(poll, option + 1) : -1;
	if (i < 0 || burst < 1 || burst > t->burst_count)
		return;
	t->of_bursts[(size_t)(burst - 1) * poll->option_count + (size_t)i] = n;
}

static void tally_read(struct engine *e, int stage,
		       const struct writer_done *done, struct tally *t)
{
	const struct show_poll *poll = poll_def(e->m, stage);
	*t = (struct tally){.burst_count =
				    e->m->stages[stage].poll->burst_count};
	if (t->burst_count)
		t->of_bursts = xcalloc((size_t)t->burst_count *
					       poll->option_count,
				       sizeof *t->of_bursts);
	for (int k = 0; k < done->count_count; k++) {
		const char *field = done->options[k];
		int i = show_find_option(poll, field);
		if (ballots_sum_take(&t->from, field, done->counts[k]))
			continue;
		if (*field == ':')
			add_of_burst(t, poll, field + 1, done->counts[k]);
		else if (i >= 0)
			t->counts[i] = done->counts[k];
	}
}

/* How many votes each burst has by now, and whether they count. */
static json_object *bursts_json(const struct engine *e, int stage,
				const struct tally *t)
{
	size_t options = poll_def(e->m, stage)->option_count;
	json_object *list = json_object_new_array();
	for (int k = 0; k < t->burst_count; k++) {
		json_object *o = json_object_new_object();
		int64_t votes = 0;
		for (size_t i = 0; i < options; i++)
			votes += t->of_bursts[(size_t)k * options + i];
		json_add_int(o, "burst", k + 1);
		json_add_int(o, "votes", votes);
		json_add_bool(o, "excluded",
			      e->m->stages[stage].poll->bursts[k].excluded);
		json_object_array_add(list, o);
	}
	return list;
}

static void publish(struct engine *e, int stage, struct tally *t)
{
	const struct show_poll *poll = poll_def(e->m, stage);
	json_object *o = json_object_new_object();
	json_object *by_option = json_object_new_object();
	int64_t counts[SHOW_MAX_OPTIONS], total = 0;
	memcpy(counts, t->counts, sizeof counts);
	polls_take_out(e->m, stage, counts, t->of_bursts, t->burst_count);
	for (size_t i = 0; i < poll->option_count; i++) {
		json_add_int(by_option, poll->options[i].id, counts[i]);
		total += counts[i];
	}
	json_add_str(o, "poll", e->show->stages[stage].id);
	json_add_int(o, "total", total);
	json_add(o, "counts", &by_option);
	if (ballots_sum_any(&t->from)) {
		json_object *from = ballots_sum_json(&t->from);
		json_add(o, "from", &from);
	}
	if (t->burst_count) {
		json_object *bursts = bursts_json(e, stage, t);
		json_add(o, "bursts", &bursts);
	}
	engine_live(e, LIVE_TALLY, &o);
}

/* The core takes out what does not count when it decides. */
static void tell_core(struct engine *e, int stage, int close, struct tally *t)
{
	size_t options = poll_def(e->m, stage)->option_count;
	struct input *in = input_new(INPUT_TALLY);
	in->attempt = close;
	in->stage = xstrdup(e->show->stages[stage].id);
	in->counts = xmalloc(options * sizeof *in->counts);
	memcpy(in->counts, t->counts, options * sizeof *in->counts);
	in->count_count = (int)options;
	in->of_bursts = t->of_bursts;
	in->burst_count = t->burst_count;
	in->from = t->from;
	t->of_bursts = NULL;
	waiting_add(&e->local, &in);
}

void tally_counted(struct engine *e, const struct writer_done *done)
{
	int stage = STAGE_OF(done->tag), close = CLOSE_OF(done->tag);
	struct tally t;
	if (close)
		e->counts_out--;
	if (done->how != WRITER_OK) {
		if (done->how == WRITER_FENCED)
			engine_end(e, END_FENCED, done->text);
		else
			log_error("engine", "tally of %s: %s",
				  e->show->stages[stage].id, done->text);
		return;
	}
	tally_read(e, stage, done, &t);
	publish(e, stage, &t);
	tell_rest(e, stage, &t);
	if (close)
		tell_core(e, stage, close, &t);
	free(t.of_bursts);
}

void tally_look(struct engine *e, int stage)
{
	e->tally_stale[stage] = true;
	e->any_tally_stale = true;
}

/* What `live` lost, or said before somebody looked, is said again. */
void tally_report(struct engine *e)
{
	for (size_t i = 0; e->m->polls_opened && i < show_poll_places(e->show);
	     i++)
		if (status_poll_counts_elsewhere(e->m, (int)i))
			tally_look(e, (int)i);
}

void tally_tick(struct engine *e, int64_t mono_ms)
{
	if (!e->away)
		bursts_tick(e, mono_ms);
	if (!e->any_tally_stale || mono_ms < e->tally_at_ms || e->away)
		return;
	e->tally_at_ms = mono_ms + TALLY_MS;
	e->any_tally_stale = false;
	for (size_t i = 0; i < show_poll_places(e->show); i++) {
		if (!e->tally_stale[i])
			continue;
		e->tally_stale[i] = false;
		writer_poll_tally(e->writer, e->show->stages[i].id,
				  TAG_OF(i, 0));
	}
}
