/*
 * obs_panic: the safe scene, whatever stands in the way. It goes by a cut: a
 * fade of two seconds is no brake; the transition that was chosen is put back
 * afterwards. In studio mode OBS drops what is asked while a transition runs,
 * and says nothing: so it is asked again until it is seen.
 */
#include <string.h>

#include "net/obs_priv.h"

/* Not sooner: each time the cut begins anew. */
#define AGAIN_MS   450
#define RESTORE_MS 1000

static bool needs_cut(const struct obs_session *s)
{
	return s->cut && s->facts.transition &&
	       strcmp(s->cut, s->facts.transition) != 0;
}

static json_object *named(const char *member, const char *name)
{
	json_object *o = json_object_new_object();
	json_add_str(o, member, name);
	return o;
}

/* A scene switch that waits behind the brake would undo it. */
static void drop_scenes(struct obs_session *s)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *c = &s->calls[i];
		if (c->used && !c->sent && c->id && !c->parent &&
		    (!strcmp(c->type, "SetCurrentProgramScene") ||
		     !strcmp(c->type, "TriggerStudioModeTransition") ||
		     !strcmp(c->type, "macro")))
			obs_call_finish(s, c, false, "not sent: PANIC came");
	}
}

/* A cut that comes within a frame of a fade's beginning is taken and does
 * nothing, however often it is asked for: then both are chosen anew. */
static void send(struct obs_session *s, struct obs_call *c, bool again)
{
	json_object *requests = json_object_new_array();
	const char *was = json_get_str(c->data, "was", NULL);
	if (again && was)
		obs_batch_add(requests, "SetCurrentSceneTransition",
			      named("transitionName", was));
	if (needs_cut(s) || (again && was))
		obs_batch_add(requests, "SetCurrentSceneTransition",
			      named("transitionName", s->cut));
	obs_batch_add(
		requests, "SetCurrentProgramScene",
		named("sceneName", json_get_str(c->data, "sceneName", "")));
	obs_batch_send(s, c->number, requests, false);
	json_object_put(requests);
}

void obs_panic_begin(struct obs_session *s, struct obs_call *c, int64_t now_ms)
{
	drop_scenes(s);
	/* Of a brake before this one, when that is not undone yet. */
	if (s->restore_ms)
		json_add_str(c->data, "was", s->restore);
	else if (needs_cut(s))
		json_add_str(c->data, "was", s->facts.transition);
	s->restore_ms = 0;
	send(s, c, false);
	c->again_ms = now_ms + AGAIN_MS;
}

void obs_panic_send_again(struct obs_session *s, struct obs_call *c,
			  int64_t now_ms)
{
	c->again_ms = now_ms + AGAIN_MS;
	if (!obs_calls_are_held(s))
		send(s, c, true);
}

/* The transition that the house had chosen comes back a little later: put back
 * at once, OBS goes on with the fade that the cut has ended. */
void obs_panic_end(struct obs_session *s, const struct obs_call *c)
{
	const char *was = json_get_str(c->data, "was", NULL);
	if (!was || s->state < OBS_READING)
		return;
	obs_facts_set(&s->restore, was);
	s->restore_ms = s->now_ms + RESTORE_MS;
}

void obs_panic_restore(struct obs_session *s, int64_t now_ms)
{
	if (!s->restore_ms || now_ms < s->restore_ms || obs_calls_are_held(s))
		return;
	json_object *data = named("transitionName", s->restore);
	obs_call(s, NULL, "SetCurrentSceneTransition", &data, now_ms);
	json_object_put(data);
	s->restore_ms = 0;
}

/* Only the switch itself counts: the cut may be there already. */
void obs_panic_answer(struct obs_session *s, struct obs_call *c,
		      json_object *results, int64_t now_ms)
{
	size_t n = results ? json_object_array_length(results) : 0;
	json_object *last =
		n ? json_object_array_get_idx(results, n - 1) : NULL;
	bool ok = json_get_bool(json_get_object(last, "requestStatus"),
				"result", false);
	if (!c->asked)
		obs_call_answered(s, c, ok, last, now_ms);
}
