#include "console/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "console/acts.h"
#include "console/past.h"
#include "console/poll_choice.h"
#include "console/rewind.h"
#include "core/live.h"
#include "core/snapshot.h"

#define FLASH_MS     3000
#define FLASH_BAD_MS 6000
#define TAKEOVER_MS  2500 /* a standby core, if there is one, leads by then */
#define AHEAD_MS     5000 /* what the core said stands in the log by then */

struct view *view_new(const struct show *show, int64_t mono_ms)
{
	struct view *v = xcalloc(1, sizeof *v);
	v->model = model_new(show);
	v->show = v->model->show;
	v->mono_ms = v->start_mono_ms = mono_ms;
	v->focus = PANE_INBOX;
	v->standby = v->progress_stage = -1;
	v->polls.chosen = v->polls.shown = -1;
	v->wants_check = v->check_page = -1;
	v->pace.rate = 1;
	v->past = past_new();
	return v;
}

static void command_release(struct view_command *c)
{
	for (int i = 0; i < c->arg_count; i++)
		free(c->args[i]);
	free(c->reason);
}

void view_free(struct view **view)
{
	struct view *v = *view;
	if (!v)
		return;
	*view = NULL;
	for (size_t i = 0; i < v->out_count; i++)
		command_release(&v->outbox[i]);
	free(v->outbox);
	dialog_close(&v->dialog);
	rewind_end(v);
	past_free(&v->past);
	model_free(&v->model);
	free(v->tallies);
	free(v->vote_base);
	free(v->redis_url);
	free(v->link.why);
	free(v->progress);
	free(v);
}

bool view_is_outdated(const struct view *v)
{
	return v->link.caught_up && *v->run_hash &&
	       strcmp(v->run_hash, v->show->hash) != 0;
}

void view_restart(struct view *v, const struct show *show)
{
	struct model *fresh = model_new(show ? show : v->show);
	rewind_end(v);
	past_free(&v->past);
	v->past = past_new();
	model_free(&v->model);
	v->model = fresh;
	v->show = fresh->show;
	v->link.caught_up = v->link.broken = false;
	v->act_count = 0;
	v->standby = v->polls.chosen = v->polls.shown = -1;
	v->tally_count = 0;
}

/* --- time ---------------------------------------------------------------- */

void view_tick(struct view *v, int64_t mono_ms, int64_t wall_ms)
{
	v->mono_ms = mono_ms;
	v->now_ms = wall_ms;
	if (v->pace.known)
		v->now_ms = v->pace.show_ms +
			    (int64_t)((double)(mono_ms - v->pace.mono_ms) *
				      v->pace.rate);
	/* Nothing was ever folded that did not happen yet. */
	if (v->now_ms < v->model->at_ms)
		v->now_ms = v->model->at_ms;
	for (int i = 0; i < VIEW_PENDING_MAX; i++) {
		struct view_pending *p = &v->pending[i];
		/* The feed answers within 5 s; this is for a feed that died. */
		if (*p->id && mono_ms - p->sent_mono_ms > 15000)
			*p->id = '\0';
	}
}

static void earliest(int64_t *at, int64_t candidate, int64_t now)
{
	if (candidate > now && candidate < *at)
		*at = candidate;
}

int64_t view_next_change(const struct view *v)
{
	/* The clock of the run moves at full seconds of its own. */
	int64_t since = v->now_ms - v->model->run.started_ms;
	int64_t at = v->mono_ms + 1000 - (since % 1000 + 1000) % 1000;
	earliest(&at, v->flash.until_mono_ms, v->mono_ms);
	earliest(&at, v->item_mono_ms + VIEW_TOO_EARLY_MS, v->mono_ms);
	earliest(&at, v->polls.shown_mono_ms + VIEW_TOO_EARLY_MS, v->mono_ms);
	earliest(&at, v->scenes_mono_ms + VIEW_TOO_EARLY_MS, v->mono_ms);
	earliest(&at, v->standby_mono_ms + VIEW_TOO_EARLY_MS, v->mono_ms);
	earliest(&at, v->run_state_mono_ms + VIEW_TOO_EARLY_MS, v->mono_ms);
	return at;
}

/* --- what the feed brings ------------------------------------------------ */

/* The log tells of it, or of a leader that may never have heard of it. */
static void forget_ahead(struct view *v, const struct event *event)
{
	if (event->type == EVENT_RUN_PAUSE || event->type == EVENT_RUN_START ||
	    event->type == EVENT_LEADER_TAKE)
		v->ahead_mono_ms = 0;
}

static void fold(struct view *v, const struct event *event)
{
	if (event->seq && event->seq <= v->model->seq)
		return; /* read again after the link was lost */
	past_add(v->past, v->model, event);
	model_apply(v->model, event);
	forget_ahead(v, event);
	acts_keep(v, event);
	if (event->type == EVENT_RUN_START)
		snprintf(v->run_hash, sizeof v->run_hash, "%s",
			 event_str(event, "hash", ""));
}

static void take_leader(struct view *v, const char *leader)
{
	struct view_link *l = &v->link;
	if (*leader && *l->led_last && strcmp(leader, l->led_last) != 0) {
		view_flash(v, STYLE_WAIT,
			   "another core leads now (epoch, host, pid: %.100s)",
			   leader);
		l->told_until_mono_ms = v->flash.until_mono_ms;
	}
	if (*leader)
		snprintf(l->led_last, sizeof l->led_last, "%s", leader);
	else if (!l->leader_known || *l->leader)
		l->leaderless_mono_ms =
			l->leader_known ? v->mono_ms : -TAKEOVER_MS;
	l->leader_known = true;
	snprintf(l->leader, sizeof l->leader, "%s", leader);
}

static void take_reply(struct view *v, const struct feed_item *item)
{
	struct view_pending *found = NULL;
	for (int i = 0; i < VIEW_PENDING_MAX && !found; i++)
		if (item->id && *item->id &&
		    strcmp(v->pending[i].id, item->id) == 0)
			found = &v->pending[i];
	if (!found)
		return;
	*found->id = '\0';
	*v->refused = '\0';
	const char *text = item->text ? item->text : "";
	bool panic = found->action == ACTION_PANIC;
	if (panic && item->ok && v->model->run.state == RUN_RUNNING)
		v->ahead_mono_ms = v->mono_ms;
	if (item->ok && *text) /* it says what was done */
		view_flash(v, STYLE_GOOD, "%s", text);
	else if (item->ok)
		view_flash(v, STYLE_GOOD, "%s: done", found->text);
	else if (panic)
		view_flash(v, STYLE_ALARM, " PANIC NOT confirmed: %s", text);
	else
		acts_refused(v, found->text, *text ? text : "refused",
			     found->sent_mono_ms);
	if (found->action == ACTION_STOP && item->ok)
		v->end = VIEW_STOPPED;
}

static void set_why(struct view *v, const char *why)
{
	free(v->link.why);
	v->link.why = text_clean_str(why, 200);
}

/* What went before is in it; only the tokens' pace begins anew. */
static void take_snapshot(struct view *v, const char *text)
{
	struct err err = {0};
	struct model *m = model_restore(v->show, text, strlen(text), &err);
	if (!m) {
		v->link.broken = v->link.no_snapshot = true;
		set_why(v, err.text);
		return;
	}
	model_free(&v->model);
	v->model = m;
	past_begin(v->past, m);
	snprintf(v->run_hash, sizeof v->run_hash, "%s", v->show->hash);
}

static void take_live_text(struct view *v, const char *text)
{
	json_object *o = json_read_str(text, &json_limits_answer, NULL);
	if (o && json_object_is_type(o, json_type_object))
		view_take_live(v, o);
	json_object_put(o);
}

void view_take(struct view *v, const struct feed_item *item)
{
	switch (item->kind) {
	case FEED_EVENTS:
		for (size_t i = 0; i < item->count; i++)
			fold(v, item->events[i]);
		break;
	case FEED_SNAPSHOT:
		take_snapshot(v, item->text);
		break;
	case FEED_CAUGHT_UP:
		v->link.caught_up = true;
		break;
	case FEED_LIVE:
		take_live_text(v, item->text);
		break;
	case FEED_LOST:
		if (!v->link.lost)
			v->link.lost_mono_ms = v->mono_ms;
		v->link.lost = true;
		set_why(v, item->text);
		break;
	case FEED_BACK:
		v->link.lost = false;
		/* Silence is counted anew: the core could not reach us. */
		v->core.mono_ms = v->mono_ms;
		break;
	case FEED_REPLY:
		take_reply(v, item);
		break;
	case FEED_LEADER:
		take_leader(v, item->text ? item->text : "");
		break;
	case FEED_BROKEN:
		v->link.broken = true;
		set_why(v, item->text);
		break;
	}
}

static void settle_bell(struct view *v, bool new_standby)
{
	const struct inbox *in = &v->model->inbox;
	uint64_t newest = in->count ? in->items[in->count - 1].seq : 0;
	if (newest < v->bell_seq)
		newest = v->bell_seq;
	if (newest > v->bell_seq || new_standby)
		v->bell = true;
	if (newest > v->bell_seq) {
		char *text = text_clean_str(in->items[in->count - 1].text,
					    sizeof v->bell_text - 1);
		snprintf(v->bell_text, sizeof v->bell_text, "%s", text);
		free(text);
	} else if (new_standby)
		snprintf(v->bell_text, sizeof v->bell_text, "%s waits for GO",
			 v->show->stages[v->standby].id);
	v->bell_seq = newest;
}

/* A letter means the scene that stands beside it. */
static void settle_scenes(struct view *v)
{
	const struct obs_names *scenes = &v->model->obs.facts.scenes;
	uint64_t hash = 0;
	for (int i = 0; i < scenes->count; i++)
		hash = hash * 31 + hash_fnv1a(scenes->items[i]);
	if (hash == v->scenes_hash)
		return;
	v->scenes_hash = hash;
	v->scenes_mono_ms = v->mono_ms;
}

/* What a log that can be read does not tell, is not so. */
static void settle_ahead(struct view *v)
{
	if (!v->ahead_mono_ms)
		return;
	if (view_is_stale(v))
		v->ahead_mono_ms = v->mono_ms;
	else if (v->mono_ms - v->ahead_mono_ms > AHEAD_MS)
		v->ahead_mono_ms = 0;
}

void view_settle(struct view *v)
{
	if (!v->link.caught_up)
		return; /* what is past needs nobody any more */
	settle_ahead(v);
	int standby = v->model->run.state == RUN_RUNNING && !view_is_halted(v)
			      ? stage_in_standby(v->model)
			      : -1;
	if ((int)v->model->run.state != v->run_state)
		v->run_state_mono_ms = v->mono_ms;
	v->run_state = (int)v->model->run.state;
	bool changed = standby != v->standby;
	if (changed) {
		v->standby = standby;
		v->standby_mono_ms = v->mono_ms;
	}
	settle_bell(v, changed && standby >= 0);
	settle_scenes(v);
	poll_choice_settle(v);
	for (int i = 0; i < PANES; i++) {
		int rows = view_rows(v, (enum pane)i);
		if (v->selected[i] >= rows)
			v->selected[i] = rows ? rows - 1 : 0;
	}
	const struct inbox *inbox = &v->model->inbox;
	if (!view_item(v)) {
		snprintf(v->item, sizeof v->item, "%s",
			 inbox->count ? inbox->items[0].id : "");
		v->item_mono_ms = v->mono_ms;
	}
}

bool view_has_figures(const struct view *v)
{
	return v->obs.known && v->model->obs.facts.connected &&
	       v->mono_ms - v->obs.mono_ms < VIEW_FIGURES_MS;
}

/* --- asking it ----------------------------------------------------------- */

static int64_t silent_ms(const struct view *v)
{
	return v->mono_ms -
	       (v->core.known ? v->core.mono_ms : v->start_mono_ms);
}

/* It told us that it tries to come back to Redis. */
static bool core_tries(const struct view *v)
{
	return v->core.redis_away_ms > 0 && silent_ms(v) < VIEW_AWAY_MS;
}

bool view_has_no_core(const struct view *v)
{
	if (v->link.alive == ALIVE_NOWHERE &&
	    (v->link.lost || (v->link.leader_known && !*v->link.leader)))
		return true;
	return !v->link.lost && !v->link.broken && !core_tries(v) &&
	       v->link.leader_known && !*v->link.leader &&
	       v->mono_ms - v->link.leaderless_mono_ms >= TAKEOVER_MS;
}

bool view_is_halted(const struct view *v)
{
	const struct run *run = &v->model->run;
	return (run->state == RUN_PAUSED && run->panic) ||
	       (run->state == RUN_RUNNING && v->ahead_mono_ms);
}

const char *view_trouble(const struct view *v, char *out, size_t out_bytes)
{
	int64_t silent = silent_ms(v);
	*out = '\0';
	if (v->link.broken)
		snprintf(out, out_bytes, "log unreadable: %s", v->link.why);
	else if (v->link.lost)
		snprintf(out, out_bytes, "REDIS AWAY %d s: %s",
			 (int)((v->mono_ms - v->link.lost_mono_ms) / 1000),
			 v->link.why);
	else if (core_tries(v))
		snprintf(out, out_bytes, "REDIS AWAY %d s: %s",
			 (int)((v->core.redis_away_ms + silent) / 1000),
			 v->core.redis_why);
	else if (v->link.leader_known && !*v->link.leader)
		snprintf(out, out_bytes, "no core runs this show%s",
			 view_has_no_core(v) ? "; q, then showcaller run" : "");
	else if (silent > VIEW_SILENT_MS)
		snprintf(out, out_bytes, "core silent for %d s",
			 (int)(silent / 1000));
	else if (!v->link.caught_up)
		snprintf(out, out_bytes, "reading the log");
	return out;
}

bool view_is_stale(const struct view *v)
{
	char trouble[256];
	return *view_trouble(v, trouble, sizeof trouble) != '\0';
}

const struct inbox_item *view_item(const struct view *v)
{
	return *v->item ? inbox_find(v->model, v->item) : NULL;
}

bool view_item_armed(const struct view *v)
{
	return v->mono_ms - v->item_mono_ms >= VIEW_TOO_EARLY_MS;
}

bool view_standby_armed(const struct view *v)
{
	return v->standby >= 0 &&
	       v->mono_ms - v->standby_mono_ms >= VIEW_TOO_EARLY_MS;
}

int view_active_stage(const struct view *v)
{
	static const unsigned char weight[STAGE_STATES] = {
		[STAGE_FAILED] = 6,  [STAGE_HELD] = 5,	  [STAGE_REVIEW] = 5,
		[STAGE_STANDBY] = 4, [STAGE_RUNNING] = 3, [STAGE_BACKOFF] = 3,
		[STAGE_WAITING] = 1,
	};
	int best = -1, best_weight = 0;
	for (size_t i = 0; i < v->show->stage_count; i++) {
		const struct stage_run *run = &v->model->stages[i];
		int w = run->outcome == OUTCOME_OPEN ? weight[run->state] : 0;
		if (w > best_weight) {
			best = (int)i;
			best_weight = w;
		}
	}
	return best;
}

int view_rows(const struct view *v, enum pane pane)
{
	switch (pane) {
	case PANE_RUN:
		return (int)v->show->stage_count;
	case PANE_POLL:
		return poll_choice(v) < 0
			       ? 0
			       : (int)poll_def(v->model, poll_choice(v))
					 ->option_count;
	case PANE_TOKENS:
		return (int)v->show->agent_count;
	case PANE_CHECKS:
		return (int)v->show->check_count;
	case PANE_OBS:
		return v->model->obs.facts.scenes.count;
	default:
		return (int)v->model->inbox.count;
	}
}

int view_keep_in_sight(int *top, int row, int rows, int room)
{
	if (room < 1)
		room = 1;
	if (row < *top)
		*top = row;
	if (row >= *top + room)
		*top = row - room + 1;
	if (*top > rows - room)
		*top = rows - room;
	if (*top < 0)
		*top = 0;
	return *top;
}

const struct view_tally *view_tally(const struct view *v, int stage)
{
	const struct poll_run *poll = v->model->stages[stage].poll;
	for (size_t i = 0; i < v->tally_count && poll_is_open(poll); i++)
		if (v->tallies[i].stage == stage &&
		    v->tallies[i].opened_ms == poll->opened_ms)
			return &v->tallies[i];
	return NULL;
}

const int64_t *view_counts(const struct view *v, int stage, int64_t *total)
{
	const struct poll_run *poll = v->model->stages[stage].poll;
	const struct view_tally *t = view_tally(v, stage);
	*total = t ? t->total : poll->total;
	return t ? t->counts : poll->counts;
}

double view_votes_per_s(const struct view *v, int stage)
{
	const struct view_tally *t = view_tally(v, stage);
	if (!t || t->sample_count < 2)
		return 0;
	int64_t ms = v->mono_ms - t->samples[0].mono_ms;
	int64_t votes = t->total - t->samples[0].total;
	return ms > 0 && votes > 0 ? (double)votes * 1000 / (double)ms : 0;
}

int64_t view_votes_in(const struct view *v, const struct view_tally *t,
		      int seconds_ago)
{
	int64_t second = v->mono_ms / 1000 - seconds_ago;
	if (second > t->second || second <= t->second - VIEW_VOTE_SECONDS ||
	    second < 0)
		return 0;
	return t->per_second[second % VIEW_VOTE_SECONDS];
}

/* --- telling the operator, asking the core ------------------------------- */

void view_flash(struct view *v, enum style style, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(v->flash.text, sizeof v->flash.text, fmt, ap);
	va_end(ap);
	v->flash.style = style;
	v->flash.until_mono_ms =
		v->mono_ms + (style == STYLE_BAD ? FLASH_BAD_MS : FLASH_MS);
}

bool view_ask(struct view *v, enum action_id action, const char *arg1,
	      const char *arg2, const char *arg3, const char *reason)
{
	const char *const args[] = {arg1, arg2, arg3, NULL};
	return view_ask_all(v, action, args, reason);
}

bool view_ask_all(struct view *v, enum action_id action,
		  const char *const *args, const char *reason)
{
	if (v->read_only) {
		view_flash(v, STYLE_WAIT,
			   "%s: this console is read-only; attach without "
			   "--read-only",
			   action_table[action].name);
		return false;
	}
	if (rewind_refuses(v, action))
		return false;
	GROW(v->outbox, v->out_count, v->out_cap);
	struct view_command *c = &v->outbox[v->out_count++];
	*c = (struct view_command){.action = action, .reason = xstrdup(reason)};
	while (c->arg_count < ACTION_MAX_ARGS && args[c->arg_count]) {
		c->args[c->arg_count] = xstrdup(args[c->arg_count]);
		c->arg_count++;
	}
	return true;
}

struct view_pending *view_sent(struct view *v, const char *id)
{
	REQUIRE(v->out_count > 0);
	struct view_command *c = &v->outbox[0];
	struct view_pending *place = &v->pending[0];
	for (int i = 0; i < VIEW_PENDING_MAX; i++) {
		struct view_pending *p = &v->pending[i];
		if (!*p->id) {
			place = p;
			break;
		}
		if (p->sent_mono_ms < place->sent_mono_ms)
			place = p; /* none is free: the oldest gives way */
	}
	snprintf(place->id, sizeof place->id, "%s", id);
	snprintf(place->text, sizeof place->text, "%s%s%s",
		 action_table[c->action].name, c->arg_count ? " " : "",
		 c->arg_count ? c->args[0] : "");
	place->action = c->action;
	place->arg_count = c->arg_count;
	place->around = false;
	place->sent_mono_ms = v->mono_ms;
	command_release(c);
	v->out_count--;
	memmove(v->outbox, v->outbox + 1, v->out_count * sizeof *v->outbox);
	return place;
}

bool view_is_pending(const struct view *v, enum action_id action)
{
	for (int i = 0; i < VIEW_PENDING_MAX; i++)
		if (*v->pending[i].id && v->pending[i].action == action)
			return true;
	return false;
}
