/* rules: what an event of the show switches, and who may be stronger. What an
 * operator chose holds for a while, and so does what a panic did; a rule that
 * would have switched meanwhile says so and is not made up for: nobody expects
 * a scene for a poll that is over. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

#define HOLD_MS_LEAST 1000
#define HOLD_MS_MOST  (24 * 3600 * 1000)

/* --- folding ------------------------------------------------------------ */

static void set_text(char **where, const char *text)
{
	free(*where);
	*where = xstrdup(text);
}

static void apply_hold(struct rules_hold *h, const struct event *e)
{
	h->on = strcmp(event_str(e, "state", ""), "held") == 0;
	h->until_ms = event_int(e, "until", 0);
	h->missed_count = 0;
	set_text(&h->why, event_str(e, "why", NULL));
	set_text(&h->missed, NULL);
}

void rules_apply(struct model *m, const struct event *e, int stage, int agent)
{
	struct rules_hold *h = &m->obs.hold;
	(void)stage;
	(void)agent;
	if (e->type == EVENT_OBS_HOLD) {
		apply_hold(h, e);
	} else if (e->type == EVENT_OBS_COMMAND &&
		   strcmp(event_str(e, "state", ""), "held back") == 0) {
		char *text = xasprintf("%s: %s", event_str(e, "by", "rule"),
				       event_str(e, "what", ""));
		h->missed_count++;
		set_text(&h->missed, text);
		free(text);
	}
}

/* --- asking ------------------------------------------------------------- */

bool rules_are_held(const struct model *m, int64_t now_ms)
{
	const struct rules_hold *h = &m->obs.hold;
	return m->run.panic ||
	       (h->on && (!h->until_ms || now_ms < h->until_ms));
}

/* --- deciding ----------------------------------------------------------- */

static void hold(struct deciding *d, int64_t ms, const char *why,
		 const char *by)
{
	struct json_out *data = json_out_new();
	json_add_str(data, "state", "held");
	if (ms)
		json_add_int(data, "until", d->in->now_ms + ms);
	json_add_str(data, "why", why);
	json_add_str(data, "by", by);
	emit(d, EVENT_OBS_HOLD, -1, -1, &data);
}

void rules_chosen(struct deciding *d, const char *what, const char *by)
{
	const struct show *show = d->m->show;
	const struct rules_hold *h = &d->m->obs.hold;
	if (!show->rule_count || !show->obs.operator_hold_ms)
		return;
	if (h->on && !h->until_ms)
		return; /* until somebody lets them, which is longer */
	hold(d, show->obs.operator_hold_ms, what, by);
}

void rules_scene_chosen(struct deciding *d, const char *scene, const char *by)
{
	char *what = xasprintf("scene %s", scene);
	rules_chosen(d, what, by);
	free(what);
}

bool rules_hold(struct deciding *d, const char *time)
{
	long long ms = time ? text_read_ms(time) : 0;
	if (!d->m->show->rule_count)
		return refuse(d, "refused", "the show has no rules");
	if (time && (ms < HOLD_MS_LEAST || ms > HOLD_MS_MOST))
		return refuse(d, "bad_amount",
			      "rules wait for 1s to 24h: 30s, 5m, or a number "
			      "of ms");
	hold(d, ms, "asked to wait", decide_by(d));
	if (ms)
		answer(d, "the rules wait for %lld s", ms / 1000);
	else
		answer(d, "the rules wait until they are released");
	return true;
}

bool rules_release(struct deciding *d)
{
	struct model *m = d->m;
	if (!rules_are_held(m, d->in->now_ms))
		return refuse(d, "refused", "nothing holds the rules back");
	if (m->run.panic)
		return refuse(d, "refused",
			      "the rules wait for the run: resume it");
	struct json_out *data = decide_data(d);
	json_add_str(data, "state", "released");
	emit(d, EVENT_OBS_HOLD, -1, -1, &data);
	answer(d, "the rules switch scenes again");
	return true;
}

static void hold_back(struct deciding *d, const char *scene, const char *by)
{
	char id[24];
	struct json_out *data = json_out_new();
	char *what = xasprintf("scene %s", scene);
	snprintf(id, sizeof id, "o%" PRIu64, d->m->seq + 1);
	json_add_str(data, "id", id);
	json_add_str(data, "state", "held back");
	json_add_str(data, "what", what);
	json_add_str(data, "by", by);
	json_add_str(data, "error",
		     d->m->run.panic ? "after a panic the rules wait"
				     : "the operator's choice holds");
	emit(d, EVENT_OBS_COMMAND, -1, -1, &data);
	free(what);
}

static void fire(struct deciding *d, const struct show_rule *r)
{
	json_object *v = json_read_str(r->value, &json_limits_own, NULL);
	char *by = xasprintf("rule %s", r->name);
	const char *scene = json_object_is_type(v, json_type_string)
				    ? json_object_get_string(v)
				    : NULL;
	if (scene && rules_are_held(d->m, d->in->now_ms))
		hold_back(d, scene, by);
	else if (scene)
		obs_scene(d, scene, by);
	free(by);
	json_object_put(v);
}

void rules_fire(struct deciding *d, enum event_type type)
{
	const struct show *show = d->m->show;
	/* What OBS does never fires a rule: it would fire itself. */
	if (type == EVENT_OBS_COMMAND || type == EVENT_OBS_STATUS ||
	    type == EVENT_OBS_HOLD)
		return;
	for (size_t i = 0; i < show->rule_count; i++) {
		const struct show_rule *r = &show->rules[i];
		if (!rules_are_off(d->m, i) &&
		    strcmp(r->action, "obs_scene") == 0 &&
		    strcmp(r->on, event_type_name(type)) == 0)
			fire(d, r);
	}
}
