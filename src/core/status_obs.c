/* OBS as people and programs ask for it: what it is, what was asked of it, what
 * rules may do, what is otherwise than expected, and its newest figures. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/obs_drift.h"
#include "core/status.h"

static void add_text(json_object *o, const char *key, const char *text)
{
	if (text && *text)
		json_add_str(o, key, text);
	else
		json_object_object_add(o, key, NULL);
}

/* Null where nothing holds the rules back now. */
static void add_hold(json_object *o, const struct model *m, int64_t now_ms)
{
	const struct rules_hold *h = &m->obs.hold;
	if (!rules_are_held(m, now_ms)) {
		json_object_object_add(o, "rules_wait", NULL);
		return;
	}
	json_object *wait = json_object_new_object();
	add_text(wait, "why", m->run.panic ? "panic" : h->why);
	if (m->run.panic || !h->until_ms)
		json_object_object_add(wait, "until", NULL);
	else
		json_add_int(wait, "until", h->until_ms);
	json_add_int(wait, "held_back", h->missed_count);
	add_text(wait, "last", h->missed);
	json_add(o, "rules_wait", &wait);
}

static void add_drift(json_object *o, const struct model *m)
{
	struct obs_names drift = obs_drift(m);
	json_object *a = json_object_new_array();
	for (int i = 0; i < drift.count; i++)
		json_object_array_add(a,
				      json_object_new_string(drift.items[i]));
	json_add(o, "drift", &a);
	obs_names_clear(&drift);
}

/* With how old they are; null when there are none. */
static void add_figures(json_object *o, const struct model *m,
			const struct status_extra *extra)
{
	json_object *f = m->obs.facts.connected && extra->obs_figures
				 ? json_read_str(extra->obs_figures,
						 &json_limits_own, NULL)
				 : NULL;
	if (f) {
		int64_t at_ms = json_get_int(f, "at", 0);
		json_object_object_del(f, "topic");
		json_add_int(f, "age_ms",
			     extra->now_ms > at_ms ? extra->now_ms - at_ms : 0);
	}
	json_object_object_add(o, "figures", f);
}

json_object *status_obs(const struct model *m, const struct status_extra *extra)
{
	const struct obs_facts *f = &m->obs.facts;
	struct json_out *out = json_out_new();
	obs_facts_put(out, f, NULL);
	json_object *o = json_out_read(&out);
	if (!f->error)
		add_text(o, "error", NULL);
	if (!f->program_scene)
		add_text(o, "program_scene", NULL);
	if (!f->preview_scene)
		add_text(o, "preview_scene", NULL);
	add_text(o, "last_error", m->obs.last_error);
	add_text(o, "last_done", m->obs.last_done);
	json_add_int(o, "last_ms", m->obs.last_ms);
	add_hold(o, m, extra->now_ms);
	add_drift(o, m);
	add_figures(o, m, extra);
	return o;
}
