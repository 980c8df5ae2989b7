/* obs_do: what OBS is asked for by name: chosen from what it has, and typed
 * where it has no list. What ends a stream or a recording asks again. */
#include <stdio.h>
#include <string.h>

#include "console/keys.h"
#include "console/operate.h"
#include "core/obs_commands.h"

/* Letters that mean nothing else, so that no key of the table is lost. */
char obs_letter(int scene)
{
	static const char letters[] =
		"bghjnouvwxyzfidaceklmpqrstABCDEFGHIJKLMNOPQRSTUVWXYZ";
	for (const char *c = letters; *c; c++)
		if (!keys_action(*c) && scene-- == 0)
			return *c;
	return 0;
}

static void send_or_confirm(struct view *v, enum action_id action,
			    const char *arg)
{
	char title[64], question[512];
	if (!obs_command_is_danger(v->show, action, arg)) {
		view_ask(v, action, arg, NULL, NULL, NULL);
		return;
	}
	snprintf(title, sizeof title, " %s ", action_table[action].name);
	snprintf(question, sizeof question, "%s %s? It is on air.",
		 action_table[action].name, arg);
	dialog_open(&v->dialog, DIALOG_CONFIRM, action, title, question);
	dialog_add_arg(&v->dialog, arg);
}

static void add_names(struct dialog *d, const struct obs_names *names)
{
	for (int i = 0; i < names->count; i++)
		dialog_add_row(d, "%s", names->items[i]);
}

static void add_inputs(struct dialog *d, const struct obs_facts *f, bool audio)
{
	for (int i = 0; i < f->input_count; i++)
		if (!audio || f->inputs[i].audio)
			dialog_add_row(d, "%s", f->inputs[i].name);
}

static void add_words(struct dialog *d, enum action_id action)
{
	for (size_t i = 0; i < obs_command_count; i++)
		if (obs_commands[i].action == action && obs_commands[i].word)
			dialog_add_row(d, "%s", obs_commands[i].word);
}

static void add_choices(struct view *v, const struct obs_command *c,
			enum action_id action)
{
	const struct obs_facts *f = &v->model->obs.facts;
	struct dialog *d = &v->dialog;
	switch (c ? c->arg : OBS_ARG_NONE) {
	case OBS_ARG_SCENE:
		add_names(d, &f->scenes);
		break;
	case OBS_ARG_PROFILE:
		add_names(d, &f->profiles);
		break;
	case OBS_ARG_COLLECTION:
		add_names(d, &f->collections);
		break;
	case OBS_ARG_TRANSITION:
		add_names(d, &f->transitions);
		break;
	case OBS_ARG_INPUT:
		add_inputs(d, f, true);
		break;
	case OBS_ARG_SOURCE:
		add_names(d, &f->scenes);
		add_inputs(d, f, false);
		break;
	case OBS_ARG_MACRO:
		for (size_t i = 0; i < v->show->obs.macro_count; i++)
			dialog_add_row(d, "%s", v->show->obs.macros[i].name);
		break;
	case OBS_ARG_NONE:
	case OBS_ARG_ANY:
		add_words(d, action);
		break;
	}
}

/* In studio mode nothing goes on air but by a take. */
void obs_do_selected(struct view *v, int scene)
{
	const struct obs_facts *f = &v->model->obs.facts;
	if (!f->connected)
		view_flash(v, STYLE_WAIT, "scene: OBS is not connected");
	else if (scene < f->scenes.count)
		view_ask(v, f->studio ? ACTION_PREVIEW : ACTION_SCENE,
			 f->scenes.items[scene], NULL, NULL, NULL);
}

bool obs_do_letter(struct view *v, int key)
{
	const struct obs_facts *f = &v->model->obs.facts;
	if (v->focus != PANE_OBS || v->rewind.then || !f->connected)
		return false;
	int scene = 0;
	while (scene < f->scenes.count && obs_letter(scene) != key)
		scene++;
	if (scene == f->scenes.count || !key)
		return false;
	if (v->mono_ms - v->scenes_mono_ms < VIEW_TOO_EARLY_MS)
		view_flash(v, STYLE_WAIT,
			   "The scenes just changed: look again");
	else
		obs_do_selected(v, scene);
	return true;
}

void obs_do_open(struct view *v, enum action_id action)
{
	const struct obs_facts *f = &v->model->obs.facts;
	const struct obs_command *c = obs_command_find(action, NULL);
	const char *name = action_table[action].name;
	char title[64];
	if (!f->connected && action != ACTION_OBS) {
		view_flash(v, STYLE_WAIT, "%s: OBS is not connected", name);
		return;
	}
	if (action == ACTION_TAKE) {
		view_ask(v, action, NULL, NULL, NULL, NULL);
		return;
	}
	if (action == ACTION_SCENE && v->focus == PANE_OBS && f->scenes.count) {
		view_ask(v, action, f->scenes.items[v->selected[PANE_OBS]],
			 NULL, NULL, NULL);
		return;
	}
	snprintf(title, sizeof title, " %s ", name);
	if (c && c->arg == OBS_ARG_ANY) {
		dialog_open(&v->dialog, DIALOG_TYPE, action, title,
			    "Its name, as OBS has it:");
		return;
	}
	dialog_open(&v->dialog, DIALOG_CHOOSE, action, title,
		    action_table[action].help);
	add_choices(v, c, action);
	if (!v->dialog.row_count) {
		dialog_close(&v->dialog);
		view_flash(v, STYLE_WAIT, "%s: there is none", name);
	}
}

void obs_do_chosen(struct view *v, const struct dialog *d, int row)
{
	if (d->action != ACTION_VOLUME) {
		send_or_confirm(v, d->action, d->rows[row]);
		return;
	}
	dialog_open(&v->dialog, DIALOG_TYPE, d->action, " volume ",
		    "How loud, in dB? 0 is as it comes, -100 is silent.");
	dialog_add_arg(&v->dialog, d->rows[row]);
}

void obs_do_typed(struct view *v, const struct dialog *d)
{
	if (d->arg_count)
		view_ask(v, d->action, d->args[0], d->input, NULL, NULL);
	else
		send_or_confirm(v, d->action, d->input);
}
