#include "console/rewind.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "console/past.h"
#include "core/snapshot.h"

#define WORK_EVENTS 2000 /* folded between two looks at the keys */
#define FOLD_ON	    64	 /* so far ahead folding is as quick as restoring */
#define NEAR_EVERY  128	 /* models kept on the way, */
#define NEAR_SPAN   2048 /* so far in front of where it goes */
#define FAR_EVERY   8192 /* and further away */

/* --- coming and going ---------------------------------------------------- */

static struct view *view_of_then(const struct view *v)
{
	struct view *then = view_new(v->show, v->mono_ms);
	past_free(&then->past);
	then->link.caught_up = true;
	then->core.known = true; /* the past is never silent */
	return then;
}

void rewind_end(struct view *v)
{
	view_free(&v->rewind.then);
	v->rewind = (struct view_rewind){0};
}

static void go_to(struct view *v, uint64_t seq)
{
	if (!v->rewind.then)
		v->rewind.then = view_of_then(v);
	v->rewind.target = seq;
	v->rewind.missing = 0;
	v->rewind.failed = false;
	v->rewind.seek_from = 0;
}

static void go_earlier(struct view *v, uint64_t at, uint64_t seq)
{
	if (at <= 1)
		view_flash(v, STYLE_WAIT, "This is the first event of the log");
	else if (at == v->oldest)
		view_flash(v, STYLE_WAIT,
			   "This is the oldest event that can be shown here");
	else if (!seq)
		view_flash(v, STYLE_WAIT, "No stage was completed before this");
	go_to(v, at == v->oldest ? at : seq ? seq : 1);
}

static void go_later(struct view *v, uint64_t at, uint64_t seq)
{
	uint64_t newest = v->model->seq;
	if (at >= newest)
		view_flash(v, STYLE_WAIT,
			   "This is the newest event; L goes back to live");
	go_to(v, seq && seq < newest ? seq : newest);
}

/* To where a stage was completed, once what lies between has been read. */
static void seek(struct view *v, uint64_t at, bool back)
{
	struct view_rewind *r = &v->rewind;
	uint64_t missing;
	uint64_t seq = back ? past_stage_before(v->past, at, &missing)
			    : past_stage_after(v->past, at, v->model->seq,
					       &missing);
	if (missing && missing > v->oldest) {
		go_to(v, at);
		r->seek_from = at;
		r->seek_back = back;
		r->missing = missing;
	} else if (!back) {
		go_later(v, at, seq);
	} else if (!seq && v->oldest && at > v->oldest) {
		view_flash(v, STYLE_WAIT,
			   "Event %llu is the oldest that can be shown here",
			   (unsigned long long)v->oldest);
		go_to(v, v->oldest);
	} else {
		go_earlier(v, at, seq);
	}
}

void rewind_do(struct view *v, enum action_id action)
{
	bool live = !v->rewind.then;
	bool stage = action == ACTION_REWIND_BACK_STAGE ||
		     action == ACTION_REWIND_FORWARD_STAGE;
	bool back = action == ACTION_REWIND_BACK ||
		    action == ACTION_REWIND_BACK_STAGE;
	uint64_t at = live ? v->model->seq : v->rewind.target;
	if (!v->link.caught_up)
		view_flash(v, STYLE_WAIT, "%s: the log is still being read",
			   action_table[action].name);
	else if (live && !back)
		view_flash(v, STYLE_WAIT, "This is the live show");
	else if (action == ACTION_LIVE)
		rewind_end(v);
	else if (!v->model->seq)
		view_flash(v, STYLE_WAIT, "Nothing has happened yet");
	else if (stage)
		seek(v, at, back);
	else if (back)
		go_earlier(v, at, at - (at > 0));
	else
		go_later(v, at, at + 1);
}

/* --- getting there ------------------------------------------------------- */

bool rewind_is_loading(const struct view *v)
{
	const struct view_rewind *r = &v->rewind;
	return r->then &&
	       (r->seek_from || r->then->model->seq != r->target);
}

static void set_model(struct view *then, struct model *m)
{
	model_free(&then->model);
	then->model = m;
	then->show = m->show;
}

/* The nearest model that lies before the target, if the one at hand is behind
 * it or far from it. */
static void start_near(struct view *v)
{
	struct view *then = v->rewind.then;
	uint64_t target = v->rewind.target;
	uint64_t seq;
	while ((seq = past_nearest(v->past, target)) != 0) {
		if (then->model->seq <= target &&
		    then->model->seq + FOLD_ON >= seq)
			return;
		struct model *m = past_restore(v->past, v->show, seq);
		if (m) {
			set_model(then, m);
			return;
		}
	}
	if (then->model->seq > target)
		set_model(then, model_new(v->show));
}

static void mark_way(struct view *v)
{
	const struct view *then = v->rewind.then;
	uint64_t seq = then->model->seq;
	bool near = v->rewind.target - seq <= NEAR_SPAN;
	if (near && seq % NEAR_EVERY == 0)
		past_mark(v->past, then->model, true);
	else if (seq % FAR_EVERY == 0)
		past_mark(v->past, then->model, false);
}

static void arrive(struct view *v)
{
	struct view *then = v->rewind.then;
	then->now_ms = then->model->at_ms;
	view_settle(then);
}

bool rewind_work(struct view *v)
{
	struct view_rewind *r = &v->rewind;
	if (!rewind_is_loading(v) || r->missing || r->failed)
		return false;
	start_near(v);
	struct view *then = r->then;
	for (int n = 0; n < WORK_EVENTS && rewind_is_loading(v); n++) {
		uint64_t next = then->model->seq + 1;
		struct event *event = past_event(v->past, next);
		if (!event) {
			r->missing = next;
			return false;
		}
		model_apply(then->model, event);
		event_free(&event);
		mark_way(v);
	}
	if (rewind_is_loading(v))
		return true;
	arrive(v);
	return false;
}

void rewind_ground(struct view *v, const char *text, const char *why)
{
	struct view_rewind *r = &v->rewind;
	struct model *m = model_restore(v->show, text, strlen(text), NULL);
	if (!m)
		return; /* of another definition of the show */
	uint64_t seq = m->seq;
	bool news = past_nearest(v->past, seq) != seq;
	past_mark(v->past, m, false);
	model_free(&m);
	v->oldest = seq;
	if (r->seek_from) /* rewind_take() follows */
		return;
	if (!r->then || !r->missing || (!news && r->target >= seq))
		return;
	r->missing = 0;
	if (r->target > seq)
		return; /* from there it can be reached */
	r->target = seq;
	view_flash(v, STYLE_WAIT,
		   "Event %llu is the oldest that can be shown here: %s",
		   (unsigned long long)seq, why);
}

void rewind_take(struct view *v, uint64_t after, struct event *const *events,
		 size_t count, const char *why)
{
	struct view_rewind *r = &v->rewind;
	past_put(v->past, events, count);
	if (!r->missing || past_page_after(r->missing) != after)
		return; /* nobody waits for it any more */
	uint64_t from = r->seek_from, missing = r->missing;
	if (from && (count || missing <= v->oldest)) {
		r->missing = 0;
		seek(v, from, r->seek_back);
		/* Of a page that came short more cannot be known. */
		if (r->missing && past_page_after(r->missing) == after)
			go_to(v, from);
		return;
	}
	r->seek_from = 0;
	struct event *event = past_event(v->past, r->missing);
	if (event) {
		r->missing = 0;
		event_free(&event);
		return;
	}
	view_flash(v, STYLE_BAD, "Event %llu cannot be read: %s",
		   (unsigned long long)r->missing, why ? why : "not there");
	r->missing = 0;
	r->failed = true;
}

/* --- what may be done ---------------------------------------------------- */

bool rewind_refuses(struct view *v, enum action_id action)
{
	if (!v->rewind.then || action_table[action].where == ACTION_VIEW ||
	    action == ACTION_PANIC)
		return false;
	view_flash(v, STYLE_WAIT,
		   action == ACTION_GO
			   ? "GO: not from the past; L goes back to live first"
			   : "%s: the past cannot be changed; L goes back to "
			     "live first",
		   action_table[action].name);
	return true;
}

struct view *rewind_lend(struct view *v)
{
	struct view *then = v->rewind.then;
	if (!then)
		return v;
	then->focus = v->focus;
	then->shown = v->shown;
	then->zoom = v->zoom;
	memcpy(then->selected, v->selected, sizeof then->selected);
	then->polls = v->polls;
	then->mono_ms = then->core.mono_ms = v->mono_ms;
	view_settle(then);
	return then;
}

void rewind_return(struct view *v, struct view *shown)
{
	if (shown == v)
		return;
	v->focus = shown->focus;
	v->shown = shown->shown;
	v->zoom = shown->zoom;
	v->polls = shown->polls;
	if (v->focus < PANES)
		v->selected[v->focus] = shown->selected[v->focus];
	if (shown->dialog.kind != DIALOG_NONE) {
		dialog_close(&v->dialog);
		v->dialog = shown->dialog;
		shown->dialog = (struct dialog){0};
	}
	if (shown->flash.until_mono_ms > v->mono_ms)
		v->flash = shown->flash;
	shown->flash.until_mono_ms = 0;
}
