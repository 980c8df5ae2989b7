/*
 * obs_panic: the safe scene, whatever stands in the way. It goes by a cut: a
 * fade of two seconds is no brake; the transition that was chosen is put back
 * afterwards. In studio mode OBS drops what is asked while a transition runs,
 * and says nothing: so it is asked again until it is seen.
 */
#include <string.h>

#include "net/obs_priv.h"

#define AGAIN_MS 150

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

static void send(struct obs_session *s, struct obs_call *c)
{
	json_object *requests = json_object_new_array();
	if (needs_cut(s))
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
	if (needs_cut(s))
		json_add_str(c->data, "was", s->facts.transition);
	send(s, c);
	c->again_ms = now_ms + AGAIN_MS;
}

void obs_panic_send_again(struct obs_session *s, struct obs_call *c,
			  int64_t now_ms)
{
	c->again_ms = now_ms + AGAIN_MS;
	if (!obs_calls_are_held(s))
		send(s, c);
}

/* The transition that the house had chosen. */
void obs_panic_end(struct obs_session *s, const struct obs_call *c)
{
	const char *was = json_get_str(c->data, "was", NULL);
	if (!was || s->state < OBS_READING)
		return;
	json_object *data = named("transitionName", was);
	obs_call(s, NULL, "SetCurrentSceneTransition", &data, s->now_ms);
	json_object_put(data);
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
