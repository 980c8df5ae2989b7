/* obs: what OBS says it is, and what was asked of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decide.h"

/* --- folding ------------------------------------------------------------ */

static void set_text(char **where, const char *text)
{
	free(*where);
	*where = xstrdup(text);
}

static void apply_status(struct model *m, const struct event *e)
{
	json_object *o = event_tree(e);
	m->obs.at_ms = e->at_ms;
	obs_facts_read(&m->obs.facts, o);
	json_object_put(o);
}

struct obs_pending *obs_pending_find(struct model *m, const char *id)
{
	for (size_t i = 0; i < OBS_MAX_PENDING; i++)
		if (strcmp(m->obs.pending[i].id, id) == 0)
			return &m->obs.pending[i];
	return NULL;
}

static void apply_command(struct model *m, const struct event *e)
{
	const char *id = event_str(e, "id", "");
	const char *state = event_str(e, "state", "");
	bool sent = strcmp(state, "sent") == 0;
	struct obs_pending *p = obs_pending_find(m, sent ? "" : id);
	if (p && strcmp(state, "confirmed") == 0) {
		set_text(&m->obs.last_done, p->text);
		m->obs.last_ms = e->at_ms - p->sent_ms;
	}
	if (sent && p) {
		snprintf(p->id, sizeof p->id, "%s", id);
		p->sent_ms = e->at_ms;
		set_text(&p->text, event_str(e, "what", ""));
	} else if (!sent && p && *id) {
		p->id[0] = '\0';
	}
	if (strcmp(state, "failed") == 0)
		set_text(&m->obs.last_error, event_str(e, "error", "failed"));
	else if (strcmp(state, "confirmed") == 0)
		set_text(&m->obs.last_error, NULL);
}

void obs_apply(struct model *m, const struct event *e, int stage, int agent)
{
	(void)stage;
	(void)agent;
	if (e->type == EVENT_OBS_STATUS)
		apply_status(m, e);
	else if (e->type == EVENT_OBS_COMMAND)
		apply_command(m, e);
}

/* --- deciding ----------------------------------------------------------- */

/* Whether something under way may have put that scene on: a scene that was
 * asked for, or what may switch to any. */
static bool is_ours(const struct model *m, const char *scene)
{
	bool ours = false;
	char *asked = xasprintf("scene %s", scene);
	for (size_t i = 0; i < OBS_MAX_PENDING && !ours; i++) {
		const struct obs_pending *p = &m->obs.pending[i];
		bool other = p->text && strncmp(p->text, "scene ", 6) != 0;
		ours = *p->id && p->text &&
		       (other || strcmp(p->text, asked) == 0);
	}
	free(asked);
	return ours;
}

/* Who switches in OBS itself is an operator, too. */
static void look_whose_scene(struct deciding *d)
{
	const struct obs_facts *was = &d->m->obs.facts, *is = &d->in->obs;
	if (!was->connected || !is->connected || !was->program_scene ||
	    !is->program_scene ||
	    strcmp(was->program_scene, is->program_scene) == 0 ||
	    is_ours(d->m, is->program_scene))
		return;
	rules_scene_chosen(d, is->program_scene, "OBS");
}

void obs_input(struct deciding *d)
{
	look_whose_scene(d);
	struct json_out *data = json_out_new();
	bool away = !d->m->obs.facts.connected;
	obs_facts_put(data, &d->in->obs, &d->m->obs.facts);
	emit(d, EVENT_OBS_STATUS, -1, -1, &data);
	obs_panic_look(d, away && d->m->obs.facts.connected);
}
