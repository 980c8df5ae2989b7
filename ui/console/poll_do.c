/* What is done with polls. */
#include <stdio.h>

#include "console/operate.h"
#include "console/poll_choice.h"

void poll_do(struct view *v, enum action_id action)
{
	const char *id = poll_choice_of_key(v, action);
	if (!id)
		return;
	int stage = poll_choice(v);
	if (action == ACTION_POLL_FREEZE &&
	    v->model->stages[stage].poll->frozen)
		action = ACTION_POLL_UNFREEZE;
	char question[512];
	snprintf(question, sizeof question, "%s %s: %.200s - %s",
		 action_table[action].name, id,
		 poll_def(v->model, stage)->question,
		 action_table[action].help);
	if (action_table[action].danger)
		operate_confirm(v, action, id, question);
	else
		view_ask(v, action, id, NULL, NULL, NULL);
}

/* The burst that the inbox asks about, unless pane 2 has the keys. That pane
 * shows its poll from then on: `i` takes back what was just done. */
void poll_do_exclude(struct view *v, enum action_id action)
{
	const struct inbox_item *item = view_item(v);
	if (!poll_choice_asked(v)) {
		poll_do(v, action);
		return;
	}
	if (!view_item_armed(v)) {
		view_flash(v, STYLE_WAIT, "The inbox just changed: look again");
		return;
	}
	char burst[16];
	snprintf(burst, sizeof burst, "%d", item->burst);
	poll_choice_pick(v, item->stage);
	view_ask(v, action, v->show->stages[item->stage].id, burst, NULL, NULL);
}

/* Question, options and time, one after the other. */
void poll_do_new(struct view *v, enum action_id action)
{
	operate_type(v, action, NULL, "What is the audience asked?");
}

void poll_do_typed(struct view *v, const struct dialog *d)
{
	static const char *const next[] = {
		"What may they choose? hers|his, or a=Her hat|b=His hat",
		"For how long? 30s, 5m or the like",
	};
	if (d->arg_count == 2) {
		view_ask(v, d->action, d->args[0], d->args[1], d->input, NULL);
		return;
	}
	operate_type(v, d->action, d->arg_count ? d->args[0] : d->input,
		     next[d->arg_count]);
	if (!d->arg_count)
		return;
	struct dialog *time = &v->dialog;
	dialog_add_arg(time, d->input);
	time->input_len =
		(size_t)snprintf(time->input, sizeof time->input, "30s");
}

/* Which option: of the list, and whoever chooses there means it. */
void poll_do_resolve(struct view *v, enum action_id action)
{
	char title[96], question[320];
	const char *id = poll_choice_of_key(v, action);
	if (!id)
		return;
	const struct show_poll *def = poll_def(v->model, poll_choice(v));
	snprintf(title, sizeof title, " %s %s ", action_table[action].name, id);
	snprintf(question, sizeof question,
		 "%.200s - What wins, whatever was voted?", def->question);
	dialog_open(&v->dialog, DIALOG_CHOOSE, action, title, question);
	dialog_add_arg(&v->dialog, id);
	for (size_t i = 0; i < def->option_count; i++)
		dialog_add_row(&v->dialog, "%s", def->options[i].id);
}
