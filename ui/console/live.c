/* The part of view.h that reads what travels on `live` (core/live.h). */
#include "core/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "console/view.h"

/* Steps of the core's clock below this are the way's jitter, not news. */
#define PACE_JITTER_MS 250
#define RTT_WEIGHT     0.2

static void take_pace(struct view *v, int64_t at_ms)
{
	struct view_pace *p = &v->pace;
	int64_t mono = v->mono_ms;
	if (!p->known) {
		*p = (struct view_pace){true, mono, at_ms, 1};
		return;
	}
	int64_t since = mono - p->mono_ms;
	double expected = (double)p->show_ms + (double)since * p->rate;
	double off = (double)at_ms - expected;
	if (off < PACE_JITTER_MS * p->rate && off > -PACE_JITTER_MS * p->rate)
		return;
	/* Only a rehearsal's clock may run at another speed. */
	if (v->model->run.rehearsal && since > 500 && at_ms > p->show_ms)
		p->rate = (double)(at_ms - p->show_ms) / (double)since;
	p->mono_ms = mono;
	p->show_ms = at_ms;
}

static void take_core(struct view *v, json_object *o)
{
	struct view_core *c = &v->core;
	double rtt = json_get_num(o, "redis_rtt_us", -1) / 1000;
	c->redis_rtt_ms =
		c->known && c->redis_rtt_ms > 0 && rtt > 0
			? c->redis_rtt_ms * (1 - RTT_WEIGHT) + rtt * RTT_WEIGHT
			: rtt;
	double off = c->redis_rtt_ms - c->shown_rtt_ms;
	if (off > 1 + c->shown_rtt_ms / 2 || -off > 1 + c->shown_rtt_ms / 2)
		c->shown_rtt_ms = c->redis_rtt_ms;
	c->known = true;
	c->mono_ms = v->mono_ms;
	c->at_ms = json_get_int(o, "at", 0);
	c->events_per_s = json_get_int(o, "events_per_s", 0);
	c->queue = json_get_int(o, "queue", 0);
	c->redis_away_ms = json_get_int(o, "redis_away_ms", 0);
	c->rss_kb = json_get_int(o, "rss_kb", 0);
	char *why = text_clean_str(json_get_str(o, "redis_why", ""),
				   sizeof c->redis_why - 1);
	snprintf(c->redis_why, sizeof c->redis_why, "%s", why);
	free(why);
	snprintf(c->redis_fsync, sizeof c->redis_fsync, "%.15s",
		 json_get_str(o, "redis_fsync", ""));
	if (c->at_ms)
		take_pace(v, c->at_ms);
}

static void take_obs(struct view *v, json_object *o)
{
	int64_t skipped = json_get_int(o, "skipped", 0);
	int64_t before = v->obs.known ? v->obs.skipped : skipped;
	v->obs = (struct view_obs){
		.known = true,
		.late = skipped > before ? skipped - before : 0,
		.mono_ms = v->mono_ms,
		.stream_ms = json_get_int(o, "stream_ms", 0),
		.record_ms = json_get_int(o, "record_ms", 0),
		.kbps = json_get_int(o, "kbps", 0),
		.dropped = json_get_int(o, "dropped", 0),
		.total = json_get_int(o, "total", 0),
		.skipped = skipped,
		.free_mb = (int64_t)json_get_num(o, "free_mb", -1),
		.congestion = json_get_num(o, "congestion", 0),
		.fps = json_get_num(o, "fps", 0),
	};
}

static void take_meters(struct view *v, json_object *o)
{
	struct view_meters *m = &v->meters;
	json_object *inputs = json_get_array(o, "inputs");
	size_t n = inputs ? json_object_array_length(inputs) : 0;
	m->mono_ms = v->mono_ms;
	m->count = 0;
	for (size_t i = 0; i < n && m->count < VIEW_METERS; i++) {
		json_object *input = json_object_array_get_idx(inputs, i);
		char *name = text_clean_str(json_get_str(input, "name", ""),
					    sizeof m->items[0].name - 1);
		int64_t db = json_get_int(input, "db", -100);
		snprintf(m->items[m->count].name, sizeof m->items[0].name, "%s",
			 name);
		m->items[m->count++].db = db < -100 ? -100
					  : db > 0  ? 0
						    : (int)db;
		free(name);
	}
}

static void add_sample(struct view_tally *t, int64_t mono_ms)
{
	if (t->sample_count &&
	    mono_ms - t->samples[t->sample_count - 1].mono_ms < 500)
		return;
	if (t->sample_count == VIEW_VOTE_SAMPLES) {
		t->sample_count--;
		memmove(t->samples, t->samples + 1,
			(size_t)t->sample_count * sizeof t->samples[0]);
	}
	t->samples[t->sample_count].mono_ms = mono_ms;
	t->samples[t->sample_count++].total = t->total;
}

/* What a burst that is excluded takes away is no vote that came. */
static void add_to_second(struct view_tally *t, int64_t mono_ms, int64_t votes)
{
	int64_t second = mono_ms / 1000;
	if (second - t->second >= VIEW_VOTE_SECONDS)
		t->second = second - VIEW_VOTE_SECONDS;
	while (t->second < second)
		t->per_second[++t->second % VIEW_VOTE_SECONDS] = 0;
	if (votes > 0)
		t->per_second[second % VIEW_VOTE_SECONDS] += votes;
}

/* That of this opening, begun when there is none, in the place of one that is
 * over. */
static struct view_tally *tally_for(struct view *v, int stage)
{
	const struct poll_run *poll = v->model->stages[stage].poll;
	size_t free_at = v->tally_count;
	for (size_t i = 0; i < v->tally_count; i++) {
		struct view_tally *t = &v->tallies[i];
		if (t->stage == stage && t->opened_ms == poll->opened_ms)
			return t;
		if (t->stage == stage || !view_tally(v, t->stage))
			free_at = i;
	}
	if (free_at == v->tally_count) {
		GROW(v->tallies, v->tally_count, v->tally_cap);
		v->tally_count++;
	}
	v->tallies[free_at] = (struct view_tally){.stage = stage,
						  .opened_ms = poll->opened_ms};
	return &v->tallies[free_at];
}

static void take_tally(struct view *v, json_object *o)
{
	int stage = show_find_poll(v->show, json_get_str(o, "poll", ""));
	json_object *counts = json_get_object(o, "counts");
	const struct show_poll *poll =
		stage < 0 ? NULL : poll_def(v->model, stage);
	if (!poll || !counts)
		return;
	struct view_tally *t = tally_for(v, stage);
	int64_t before = t->sample_count ? t->total : -1;
	t->mono_ms = v->mono_ms;
	t->total = 0;
	t->from = ballots_sum_read(json_get_object(o, "from"));
	for (size_t i = 0; i < poll->option_count; i++) {
		t->counts[i] = json_get_int(counts, poll->options[i].id, 0);
		t->total += t->counts[i];
	}
	/* What was there before we looked did not come now. */
	add_to_second(t, v->mono_ms, before < 0 ? 0 : t->total - before);
	add_sample(t, v->mono_ms);
}

static void take_chat(struct view *v, json_object *o)
{
	v->chat = (struct view_chat){
		.known = true,
		.lines_per_s = json_get_int(o, "lines_per_s", 0),
		.votes_per_s = json_get_int(o, "votes_per_s", 0),
	};
}

static void take_progress(struct view *v, json_object *o)
{
	v->progress_stage =
		show_find_stage(v->show, json_get_str(o, "stage", ""));
	free(v->progress);
	v->progress = text_clean_str(json_get_str(o, "text", ""), 200);
}

static void take_log(struct view *v, json_object *o)
{
	/* Everything else is in the core's own log. */
	if (strcmp(json_get_str(o, "level", ""), "error") == 0)
		view_flash(v, STYLE_BAD, "%s: %s", json_get_str(o, "room", ""),
			   json_get_str(o, "text", ""));
}

void view_take_live(struct view *v, json_object *o)
{
	static const struct {
		const char *topic;
		void (*take)(struct view *v, json_object *o);
	} table[] = {
		{LIVE_CORE, take_core},		{LIVE_OBS, take_obs},
		{LIVE_METERS, take_meters},	{LIVE_TALLY, take_tally},
		{LIVE_PROGRESS, take_progress}, {LIVE_LOG, take_log},
		{LIVE_CHAT, take_chat},
	};
	const char *topic = json_get_str(o, "topic", "");
	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (strcmp(table[i].topic, topic) == 0)
			table[i].take(v, o);
}
