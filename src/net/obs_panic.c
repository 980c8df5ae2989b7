/*
 * obs_panic: the safe scene, whatever stands in the way. It goes by a cut: a
 * fade of two seconds is no brake; the transition that was chosen is put back
 * afterwards. OBS may answer and do nothing: it is asked again until it is
 * seen.
 */
#include <string.h>

#include "net/obs_priv.h"

/* Not sooner: each time the cut begins anew. */
#define AGAIN_MS   300
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

static void add_studio(json_object *requests, bool on)
{
	json_object *o = json_object_new_object();
	json_add_bool(o, "studioModeEnabled", on);
	obs_batch_add(requests, "SetStudioModeEnabled", o);
}

/* A switch is under way, or asked for. */
static bool switches(const struct obs_session *s)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		const struct obs_call *c = &s->calls[i];
		if (c->used && c->sent &&
		    (!strcmp(c->type, "TriggerStudioModeTransition") ||
		     !strcmp(c->type, "SetCurrentProgramScene")))
			return true;
	}
	return s->transition_runs;
}

/* A transition that runs goes on in its own time when one of its two scenes is
 * asked for, whatever was chosen meanwhile; and in studio mode OBS drops what
 * is asked while it runs. But OBS begins anew, with the cut that is chosen now,
 * when studio mode was entered or left before: the copies of scenes that it
 * works with there are other scenes. So it is, and back, in the same message.
 */
static void send(struct obs_session *s, struct obs_call *c, int64_t now_ms)
{
	json_object *requests = json_object_new_array();
	bool again = c->tries > 0, turns = again || switches(s);
	bool studio = s->facts.studio;
	if (needs_cut(s) || (again && s->cut))
		obs_batch_add(requests, "SetCurrentSceneTransition",
			      named("transitionName", s->cut));
	if (turns)
		add_studio(requests, !studio);
	obs_batch_add(
		requests, "SetCurrentProgramScene",
		named("sceneName", json_get_str(c->data, "sceneName", "")));
	if (turns)
		add_studio(requests, studio);
	obs_batch_send(s, c->number, requests, false);
	json_object_put(requests);
	c->tries++;
	c->again_ms = now_ms + AGAIN_MS;
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
	send(s, c, now_ms);
}

void obs_panic_send_again(struct obs_session *s, struct obs_call *c,
			  int64_t now_ms)
{
	c->again_ms = now_ms + AGAIN_MS;
	if (!obs_calls_are_held(s))
		send(s, c, now_ms);
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

/* Only the last switch counts: the cut may be there already. */
void obs_panic_answer(struct obs_session *s, struct obs_call *c,
		      json_object *results, int64_t now_ms)
{
	size_t n = results ? json_object_array_length(results) : 0;
	json_object *last = NULL;
	for (size_t i = 0; i < n; i++) {
		json_object *r = json_object_array_get_idx(results, i);
		if (!strcmp(json_get_str(r, "requestType", ""),
			    "SetCurrentProgramScene"))
			last = r;
	}
	bool ok = json_get_bool(json_get_object(last, "requestStatus"),
				"result", false);
	if (!c->asked)
		obs_call_answered(s, c, ok, last, now_ms);
}
