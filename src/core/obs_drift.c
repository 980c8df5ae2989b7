#include "core/obs_drift.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

__attribute__((format(printf, 2, 3))) static void say(struct obs_names *out,
						      const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	obs_names_add(out, text);
	free(text);
}

/* "; nearest is 'Polls'", or "". Caller frees. */
static char *nearest(const char *name, const struct obs_names *have)
{
	const char *names[OBS_MAX_NAMES + 1] = {0};
	for (int i = 0; i < have->count; i++)
		names[i] = have->items[i];
	const char *near = text_nearest(name, names);
	return near ? xasprintf("; nearest is '%s'", near) : xstrdup("");
}

/* `what`: "scene". */
static void want(struct obs_names *out, const char *what, const char *name,
		 const struct obs_names *have)
{
	char *clean = text_clean_str(name, 200);
	char *near = nearest(clean, have);
	if (!obs_names_have(have, clean) && have->count == OBS_MAX_NAMES)
		say(out, "%s '%s' is not among the first %d that OBS names",
		    what, clean, OBS_MAX_NAMES);
	else if (!obs_names_have(have, clean))
		say(out, "%s '%s' is missing%s", what, clean, near);
	free(near);
	free(clean);
}

static bool expects(const struct show_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

static void look_at_scenes(struct obs_names *out, const struct model *m)
{
	const struct show *show = m->show;
	const struct obs_names *have = &m->obs.facts.scenes;
	const char *safe = show->obs.safe_scene;
	for (size_t i = 0; i < show->obs.scenes.count; i++)
		want(out, "scene", show->obs.scenes.items[i], have);
	if (safe && !expects(&show->obs.scenes, safe))
		want(out, "the safe scene", safe, have);
	for (size_t i = 0; i < show->rule_count; i++) {
		const struct show_rule *r = &show->rules[i];
		json_object *v =
			json_read_str(r->value, &json_limits_own, NULL);
		const char *scene = json_object_is_type(v, json_type_string)
					    ? json_object_get_string(v)
					    : NULL;
		char *what = xasprintf("rule %s: scene", r->name);
		if (r->enabled && scene && !expects(&show->obs.scenes, scene) &&
		    (!safe || strcmp(safe, scene) != 0))
			want(out, what, scene, have);
		free(what);
		json_object_put(v);
	}
}

/* A scene is a source, too: it may stand in another one. */
static void look_at_sources(struct obs_names *out, const struct model *m)
{
	const struct show_names *wanted = &m->show->obs.sources;
	const struct obs_facts *f = &m->obs.facts;
	struct obs_names have = {0};
	for (int i = 0; i < f->input_count; i++)
		obs_names_add(&have, f->inputs[i].name);
	for (size_t i = 0; i < wanted->count; i++)
		if (!obs_names_have(&f->scenes, wanted->items[i]))
			want(out, "source", wanted->items[i], &have);
	obs_names_clear(&have);
}

static void look_at_one(struct obs_names *out, const char *what,
			const char *wanted, const char *is)
{
	if (wanted && is && strcmp(wanted, is) != 0)
		say(out, "the %s is '%s', not '%s'", what, is, wanted);
}

struct obs_names obs_drift(const struct model *m)
{
	const struct show_obs *obs = &m->show->obs;
	const struct obs_facts *f = &m->obs.facts;
	struct obs_names out = {0};
	if (!obs->given || f->changing)
		return out;
	if (!f->connected) {
		say(&out, "OBS is not connected%s%s", f->error ? ": " : "",
		    f->error ? f->error : "");
		return out;
	}
	look_at_one(&out, "profile", obs->profile, f->profile);
	look_at_one(&out, "scene collection", obs->collection, f->collection);
	look_at_scenes(&out, m);
	look_at_sources(&out, m);
	return out;
}
