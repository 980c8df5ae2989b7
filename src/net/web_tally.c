/*
 * web_tally: what the polls are told as, to whom: the operator everything, the
 * audience nothing of what is hidden. Told to the WebSockets and the event
 * streams alike.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/status.h"
#include "net/web.h"
#include "net/ws.h"

struct web_tally *web_tally(struct web *web, int stage)
{
	for (size_t i = 0; i < web->poll_count; i++)
		if (web->tallies[i].stage == stage)
			return &web->tallies[i];
	return NULL;
}

void web_find_polls(struct web *web)
{
	const struct show *show = web->net->show;
	size_t cap = 0;
	for (size_t i = 0; i < show_poll_places(show); i++) {
		bool place = i >= show->stage_count;
		if (!place && !show->stages[i].poll)
			continue;
		GROW(web->tallies, web->poll_count, cap);
		web->tallies[web->poll_count++] = (struct web_tally){
			.stage = (int)i,
			.counts = xcalloc(
				place ? SHOW_MAX_OPTIONS
				      : show->stages[i].poll->option_count,
				sizeof(int64_t)),
		};
	}
}

json_object *web_poll_json(struct web *web, int stage)
{
	const struct web_tally *t = web_tally(web, stage);
	bool newer = t && t->fresh &&
		     status_poll_counts_elsewhere(web->model, stage);
	return status_poll_with(web->model, stage, newer ? t->counts : NULL,
				newer ? &t->from : NULL);
}

json_object *web_polls_json(struct web *web, bool open_only)
{
	json_object *list = json_object_new_array();
	for (size_t i = 0; i < web->poll_count; i++) {
		int stage = web->tallies[i].stage;
		const struct poll_run *run = web->model->stages[stage].poll;
		enum poll_state state = run ? run->state : POLL_NONE;
		if (state == POLL_NONE ||
		    (open_only && state != POLL_OPEN && state != POLL_EXTENDED))
			continue;
		json_object *poll = web_poll_json(web, stage);
		if (poll)
			json_object_array_add(list, poll);
	}
	return list;
}

json_object *web_polls_on_json(struct web *web)
{
	json_object *list = json_object_new_array();
	size_t count;
	int *stages = polls_going_on(web->model, &count);
	for (size_t i = 0; i < count; i++)
		json_object_array_add(list, web_poll_json(web, stages[i]));
	free(stages);
	return list;
}

/* What the audience must not know yet is not sent to its browsers at all. */
static void hide_votes(json_object *poll)
{
	static const char *const of_option[] = {"votes", "share", "permille"};
	static const char *const of_poll[] = {
		"margin",    "margin_permille", "uncertainty_permille",
		"too_close", "too_few",		"lacks"};
	json_object *options = json_get_array(poll, "options");
	for (size_t i = 0; i < json_object_array_length(options); i++)
		for (size_t k = 0; k < COUNT_OF(of_option); k++)
			json_object_object_del(
				json_object_array_get_idx(options, i),
				of_option[k]);
	for (size_t k = 0; k < COUNT_OF(of_poll); k++)
		json_object_object_del(poll, of_poll[k]);
}

static void tell_polls(struct web *web, enum side_id side)
{
	json_object *o = json_object_new_object();
	json_object *polls = web_polls_json(web, false);
	for (size_t i = 0; i < json_object_array_length(polls); i++) {
		json_object *poll = json_object_array_get_idx(polls, i);
		if (side == SIDE_AUDIENCE &&
		    json_get_bool(poll, "hidden", false))
			hide_votes(poll);
		if (side == SIDE_AUDIENCE) {
			json_object_object_del(poll, "bursts");
			json_object_object_del(poll, "from");
		}
	}
	json_add_str(o, "topic", "polls");
	json_add(o, "polls", &polls);
	json_add_int(o, "at", clock_show_ms());
	char *text = xstrdup(json_text(o));
	json_object_put(o);
	if (side == SIDE_AUDIENCE)
		board_set_polls(&web->board, text, clock_mono_ms());
	ws_polls(web->net->ws, side, &text);
}

void web_tell_polls(struct web *web)
{
	web->polls_changed = false;
	for (int side = 0; side < SIDES; side++)
		tell_polls(web, (enum side_id)side);
}

void web_take_tally(struct web *web, json_object *o)
{
	const char *poll = json_get_str(o, "poll", "");
	int stage = show_find_poll(web->net->show, poll);
	struct web_tally *t = stage < 0 ? NULL : web_tally(web, stage);
	json_object *counts = json_get_object(o, "counts");
	const struct show_poll *def = t ? poll_def(web->model, stage) : NULL;
	if (!def || !counts)
		return;
	for (size_t i = 0; i < def->option_count; i++)
		t->counts[i] = json_get_int(counts, def->options[i].id, 0);
	t->total = json_get_int(o, "total", 0);
	t->from = ballots_sum_read(json_get_object(o, "from"));
	t->at_ms = json_get_int(o, "at", 0);
	t->fresh = true;
	struct poll_count c = poll_judge(def, t->counts);
	json_add_int(o, "margin_permille", c.margin_permille);
	json_add_int(o, "uncertainty_permille", c.uncertainty_permille);
	json_add_bool(o, "too_close", c.too_close);
	json_add_bool(o, "too_few", c.too_few);
	char *texts[SIDES];
	texts[SIDE_OPERATOR] = xstrdup(json_text(o));
	/* Whose votes look odd is for the operator. */
	json_object_object_del(o, "bursts");
	json_object_object_del(o, "from");
	if (status_poll_is_hidden(web->model, stage)) {
		json_object_object_del(o, "counts");
		json_object_object_del(o, "margin_permille");
		json_object_object_del(o, "uncertainty_permille");
		json_object_object_del(o, "too_close");
		json_object_object_del(o, "too_few");
	}
	texts[SIDE_AUDIENCE] = xstrdup(json_text(o));
	board_set_tally(&web->board, poll, texts[SIDE_AUDIENCE],
			clock_mono_ms());
	ws_tally(web->net->ws, poll, texts);
}
