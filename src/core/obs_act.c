/*
 * obs_act: what is asked of OBS: by people, by rules, by panic. "Sent" and
 * "confirmed" are two facts of the log; what is not confirmed is an alarm.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"
#include "core/obs_commands.h"

#define ALARM_COMMAND "obs-command"
#define ALARM_PANIC   "obs-panic"

/* --- sent, confirmed, failed ---------------------------------------------- */

static void command_event(struct deciding *d, const char *id, const char *state,
			  const char *what, const char *by, const char *error)
{
	struct json_out *data = json_out_new();
	json_add_str(data, "id", id);
	json_add_str(data, "state", state);
	json_add_str(data, "what", what);
	json_add_str(data, "by", by);
	json_add_str(data, "error", error);
	emit(d, EVENT_OBS_COMMAND, -1, -1, &data);
}

static bool is_panic(const char *what)
{
	return !strncmp(what, "PANIC ", 6);
}

static void alarm_failed(struct deciding *d, const char *what,
			 const char *error)
{
	char *text =
		xasprintf("OBS, %s: %s", *what ? what : "a request", error);
	alarm_raise(d, is_panic(what) ? ALARM_PANIC : ALARM_COMMAND, text);
	free(text);
}

static void told(struct deciding *d, const char *id, bool ok, const char *error)
{
	const struct obs_pending *p = obs_pending_find(d->m, id);
	char *what = xstrdup(p ? p->text : "");
	command_event(d, id, ok ? "confirmed" : "failed", what, NULL,
		      ok ? NULL : error);
	if (!ok)
		alarm_failed(d, what, error);
	else
		alarm_clear(d, is_panic(what) ? ALARM_PANIC : ALARM_COMMAND);
	free(what);
}

void obs_done(struct deciding *d)
{
	told(d, d->in->id, d->in->ok, d->in->text);
}

/* After a restart nobody waits for these answers any more, and asking OBS
 * again could switch what an operator has switched since. */
void obs_again(struct deciding *d)
{
	for (size_t i = 0; i < OBS_MAX_PENDING; i++) {
		char id[sizeof d->m->obs.pending[i].id];
		memcpy(id, d->m->obs.pending[i].id, sizeof id);
		if (*id)
			told(d, id, false,
			     "outcome unknown: the core restarted");
	}
}

/* The safe scene is on, by whatever way; or OBS is back and it is not. */
void obs_panic_look(struct deciding *d, bool came_back)
{
	const struct obs_facts *f = &d->m->obs.facts;
	const char *scene = d->m->show->obs.safe_scene;
	if (!scene || !f->connected || !f->program_scene)
		return;
	if (!strcmp(f->program_scene, scene))
		alarm_clear(d, ALARM_PANIC);
	else if (came_back && d->m->run.panic && alarm_find(d->m, ALARM_PANIC))
		obs_panic(d);
}

void obs_panic_over(struct deciding *d)
{
	alarm_clear(d, ALARM_PANIC);
}

void obs_send(struct deciding *d, const char *request, json_object **data,
	      const char *what, const char *by)
{
	const struct obs_facts *f = &d->m->obs.facts;
	bool link =
		!strcmp(request, "reconnect") || !strcmp(request, "disconnect");
	const char *why = !f->connected && !link ? "OBS is not connected"
			  : !obs_pending_find(d->m, "")
				  ? "too many requests to OBS are not "
				    "confirmed yet"
				  : NULL;
	char id[24];
	snprintf(id, sizeof id, "o%" PRIu64, d->m->seq + 1);
	if (why) {
		command_event(d, id, "failed", what, by, why);
		alarm_failed(d, what, why);
	} else {
		command_event(d, id, "sent", what, by, NULL);
		struct effect *x = effect_add(d, EFFECT_OBS);
		x->key = xstrdup(id);
		x->name = xstrdup(request);
		x->text = *data ? xstrdup(json_text(*data)) : NULL;
	}
	json_object_put(*data);
	*data = NULL;
}

static json_object *with_text(const char *member, const char *text)
{
	json_object *o = json_object_new_object();
	json_add_str(o, member, text);
	return o;
}

void obs_scene(struct deciding *d, const char *scene, const char *by)
{
	char *what = xasprintf("scene %s", scene);
	json_object *data = with_text("sceneName", scene);
	obs_send(d, "SetCurrentProgramScene", &data, what, by);
	free(what);
}

const char *obs_panic(struct deciding *d)
{
	const struct obs_facts *f = &d->m->obs.facts;
	const char *scene = d->m->show->obs.safe_scene;
	if (!scene)
		return "no safe scene is named";
	char *what = xasprintf("PANIC scene %s", scene);
	json_object *data = with_text("sceneName", scene);
	bool missing = f->connected && f->scenes.count > 0 &&
		       !obs_names_have(&f->scenes, scene) &&
		       f->scenes.count < OBS_MAX_NAMES;
	/* It is sent all the same: nobody knows what OBS has by now. */
	obs_send(d, "panic", &data, what, "panic");
	if (missing)
		alarm_failed(d, what, "OBS has no such scene: switch it there");
	free(what);
	return !f->connected ? "OBS is NOT connected: switch the scene there"
	       : missing     ? "OBS has NO such safe scene: switch it there"
			     : "safe scene sent";
}

/* --- by people ------------------------------------------------------------ */

static bool not_found(struct deciding *d, const char *kind, const char *name,
		      const char *const *names)
{
	const char *near = text_nearest(name, names);
	return refuse(d, "not_found",
		      near ? "OBS has no %s `%s`: did you mean `%s`?"
			   : "OBS has no %s `%s`",
		      kind, name, near);
}

/* Full lists may have lost what is asked for: then OBS says it. */
static bool need_name(struct deciding *d, const char *kind, const char *name,
		      const struct obs_names *names)
{
	const char *all[OBS_MAX_NAMES + 1] = {0};
	char *clean = text_clean_str(name, 200);
	bool have =
		obs_names_have(names, clean) || names->count == OBS_MAX_NAMES;
	free(clean);
	for (int i = 0; i < names->count; i++)
		all[i] = names->items[i];
	return have || not_found(d, kind, name, all);
}

static bool need_input(struct deciding *d, const char *name)
{
	const struct obs_facts *f = &d->m->obs.facts;
	const char *all[OBS_MAX_NAMES + 1] = {0};
	int n = 0;
	for (int i = 0; i < f->input_count; i++)
		if (f->inputs[i].audio)
			all[n++] = f->inputs[i].name;
	const struct obs_source *input = obs_facts_input(f, name);
	if (!input)
		return not_found(d, "input", name, all);
	return input->audio ||
	       refuse(d, "refused", "%s has no sound", input->name);
}

static const struct show_macro *find_macro(const struct show *show,
					   const char *name)
{
	for (size_t i = 0; i < show->obs.macro_count; i++)
		if (!strcmp(show->obs.macros[i].name, name))
			return &show->obs.macros[i];
	return NULL;
}

static bool need_macro(struct deciding *d, const char *name)
{
	const struct show_obs *obs = &d->m->show->obs;
	const char *all[OBS_MAX_NAMES + 1] = {0};
	for (size_t i = 0; i < obs->macro_count && i < OBS_MAX_NAMES; i++)
		all[i] = obs->macros[i].name;
	if (find_macro(d->m->show, name))
		return true;
	const char *near = text_nearest(name, all);
	return refuse(d, "not_found",
		      near ? "the show has no macro `%s`: did you mean `%s`?"
			   : "the show has no macro `%s`",
		      name, near);
}

static bool need_arg(struct deciding *d, const struct obs_command *c,
		     const char *arg)
{
	const struct obs_facts *f = &d->m->obs.facts;
	switch (c->arg) {
	case OBS_ARG_SCENE:
		return need_name(d, "scene", arg, &f->scenes);
	case OBS_ARG_PROFILE:
		return need_name(d, "profile", arg, &f->profiles);
	case OBS_ARG_COLLECTION:
		return need_name(d, "scene collection", arg, &f->collections);
	case OBS_ARG_TRANSITION:
		return need_name(d, "transition", arg, &f->transitions);
	case OBS_ARG_INPUT:
		return need_input(d, arg);
	case OBS_ARG_MACRO:
		return need_macro(d, arg);
	case OBS_ARG_SOURCE:
	case OBS_ARG_ANY:
	case OBS_ARG_NONE:
		break;
	}
	return true;
}

static bool is_ready(struct deciding *d, const struct obs_command *c)
{
	const struct obs_facts *f = &d->m->obs.facts;
	if (c->action == ACTION_OBS)
		return true;
	if (!f->connected)
		return refuse(d, "unavailable", "OBS is not connected%s%s",
			      f->error ? ": " : "", f->error ? f->error : "");
	if (f->changing)
		return refuse(d, "unavailable",
			      "OBS changes its scene collection or profile: "
			      "nothing is sent until it has; try again then");
	if (c->studio && !f->studio)
		return refuse(d, "refused",
			      "studio mode is off in OBS: `studio on` first");
	return true;
}

/* --- what goes with the request ------------------------------------------- */

static bool fill_mute(struct deciding *d, json_object *data,
		      const char *const *args)
{
	const struct obs_source *input =
		obs_facts_input(&d->m->obs.facts, args[0]);
	bool on = !args[1] ? !(input && input->muted) : !strcmp(args[1], "on");
	if (args[1] && !on && strcmp(args[1], "off"))
		return refuse(d, "usage", "mute takes on or off, not `%s`",
			      args[1]);
	json_add_bool(data, "inputMuted", on);
	return true;
}

static bool fill_volume(struct deciding *d, json_object *data,
			const char *const *args)
{
	char *end;
	double db = strtod(args[1], &end);
	if (end == args[1] || *end || !(db >= -100 && db <= 26))
		return refuse(d, "usage",
			      "a volume is -100 to 26 (dB), not `%s`", args[1]);
	json_add_num(data, "inputVolumeDb", db);
	return true;
}

static bool fill(struct deciding *d, const struct obs_command *c,
		 json_object *data, const char *const *args)
{
	if (c->action == ACTION_MUTE)
		return fill_mute(d, data, args);
	if (c->action == ACTION_VOLUME)
		return fill_volume(d, data, args);
	if (c->action == ACTION_STUDIO)
		json_add_bool(data, c->member, !strcmp(args[0], "on"));
	return true;
}

static void add_step(json_object *batch, const char *request, json_object *data)
{
	json_object *step = json_object_new_object();
	json_add(step, request, &data);
	json_object_array_add(batch, step);
}

/* A transition and its length are two requests, made as one. */
static bool send_transition(struct deciding *d, const char *const *args,
			    const char *what)
{
	char *end;
	long ms = strtol(args[1], &end, 10);
	if (end == args[1] || *end || ms < 50 || ms > 20000)
		return refuse(d, "usage",
			      "a transition takes 50 to 20000 ms, not `%s`",
			      args[1]);
	json_object *batch = json_object_new_array();
	json_object *length = json_object_new_object();
	json_add_int(length, "transitionDuration", ms);
	add_step(batch, "SetCurrentSceneTransition",
		 with_text("transitionName", args[0]));
	add_step(batch, "SetCurrentSceneTransitionDuration", length);
	obs_send(d, "macro", &batch, what, decide_by(d));
	return true;
}

static bool send_command(struct deciding *d, const struct obs_command *c,
			 const char *const *args, const char *what)
{
	if (c->action == ACTION_TRANSITION && args[1])
		return send_transition(d, args, what);
	json_object *data = json_object_new_object();
	if (c->arg == OBS_ARG_MACRO) {
		json_object_put(data);
		data = json_read_str(find_macro(d->m->show, args[0])->batch,
				     &json_limits_own, NULL);
	} else if (c->arg != OBS_ARG_NONE && args[0]) {
		json_add_str(data, c->member, args[0]);
	}
	if (!fill(d, c, data, args)) {
		json_object_put(data);
		return false;
	}
	obs_send(d, c->request, &data, what, decide_by(d));
	return true;
}

/* "volume Voice -6": as it was asked for, cleaned. */
static char *what_of(enum action_id action, const char *const *args)
{
	struct buf b = {0};
	buf_adds(&b, action_table[action].name);
	for (int i = 0; i < ACTION_MAX_ARGS && args[i]; i++) {
		buf_addc(&b, ' ');
		buf_adds(&b, args[i]);
	}
	char *clean = text_clean_str(buf_str(&b), 200);
	buf_release(&b);
	return clean;
}

/* Whoever puts a scene on air by hand means it, for a while. */
static void chosen(struct deciding *d, const char *arg)
{
	const char *preview = d->m->obs.facts.preview_scene;
	if (d->in->action == ACTION_SCENE)
		rules_scene_chosen(d, arg, decide_by(d));
	else if (d->in->action == ACTION_TAKE && preview)
		rules_scene_chosen(d, preview, decide_by(d));
}

bool obs_act(struct deciding *d, const char *const *args)
{
	enum action_id action = d->in->action;
	const struct obs_command *c = obs_command_find(action, args[0]);
	if (!c)
		return refuse(d, "usage", "usage: %s %s",
			      action_table[action].name,
			      action_table[action].args);
	if (!d->m->show->obs.given)
		return refuse(d, "unavailable", "this show uses no OBS");
	if (!is_ready(d, c) || !need_arg(d, c, args[0]))
		return false;
	char *what = what_of(action, args);
	if (obs_command_goes_live(d->m->show, action, args[0]) &&
	    !preflight_allows(d, what)) {
		free(what);
		return false;
	}
	bool sent = send_command(d, c, args, what);
	if (sent) {
		chosen(d, args[0]);
		answer(d, "%s: sent to OBS", what);
	}
	free(what);
	return sent;
}
