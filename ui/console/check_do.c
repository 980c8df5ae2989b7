/* What is done with checks, pre-flight and alarms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "console/operate.h"
#include "core/preflight.h"

void check_do(struct view *v, enum action_id action)
{
	if (action == ACTION_CHECK_ALL) {
		view_ask(v, action, NULL, NULL, NULL, NULL);
		return;
	}
	if (v->focus != PANE_CHECKS || !v->show->check_count) {
		view_flash(v, STYLE_WAIT,
			   "check: select one in pane 4 first; "
			   "C runs all");
		return;
	}
	const struct show_check *check =
		&v->show->checks[v->selected[PANE_CHECKS]];
	char *name = xasprintf("%s/%s", check->card, check->name);
	view_ask(v, action, name, NULL, NULL, NULL);
	free(name);
}

/* With what is open said in full: whoever goes on without it has read it. */
void check_do_override(struct view *v, enum action_id action)
{
	struct open_item items[3];
	size_t count =
		preflight_open(v->model, v->now_ms, items, COUNT_OF(items));
	if (!count) {
		view_flash(v, STYLE_GOOD, "override: pre-flight is all green");
		return;
	}
	struct buf b = {0};
	for (size_t i = 0; i < count && i < COUNT_OF(items); i++) {
		char *words = preflight_words(v->model, &items[i], v->now_ms);
		buf_addf(&b, "%s%s", i ? "; " : "", words);
		free(words);
	}
	if (count > COUNT_OF(items))
		buf_addf(&b, "; and %zu more", count - COUNT_OF(items));
	buf_adds(&b, ". Why go on without?");
	operate_type(v, action, NULL, buf_str(&b));
	buf_release(&b);
}

/* The alarm of the check that is selected, if it has one. */
static const struct alarm *alarm_of_check(const struct view *v)
{
	const struct alarm *found = NULL;
	if (v->focus != PANE_CHECKS || !v->show->check_count)
		return NULL;
	const struct show_check *c = &v->show->checks[v->selected[PANE_CHECKS]];
	char *id = xasprintf(CHECK_ID "%s/%s", c->card, c->name);
	for (size_t i = 0; !found && i < v->model->alarm_count; i++)
		if (strcmp(v->model->alarms[i].id, id) == 0 &&
		    !v->model->alarms[i].acked)
			found = &v->model->alarms[i];
	free(id);
	return found;
}

static void ask_why(struct view *v, enum action_id action,
		    const struct alarm *alarm)
{
	char question[512];
	snprintf(question, sizeof question, "%s. Why is that all right?",
		 alarm->text ? alarm->text : alarm->id);
	operate_type(v, action, alarm->id, question);
}

void alarm_do_ack(struct view *v, enum action_id action)
{
	const struct alarm *its = alarm_of_check(v);
	if (its) {
		ask_why(v, action, its);
		return;
	}
	for (size_t i = 0; i < v->model->alarm_count; i++) {
		const struct alarm *alarm = &v->model->alarms[i];
		if (alarm->acked || strlen(alarm->id) >= DIALOG_ARG_BYTES)
			continue;
		ask_why(v, action, alarm);
		return;
	}
	view_flash(v, STYLE_WAIT, "ack: there is no new alarm");
}
