#include "console/operate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "console/keys.h"
#include "console/poll_choice.h"
#include "console/rewind.h"
#include "core/reset.h"

#define CTRL_C	  3
#define ALL_RULES "(all of them)"

/* --- which stage, check or item is meant --------------------------------- */

static void select_item(struct view *v, const struct inbox_item *item)
{
	snprintf(v->item, sizeof v->item, "%s", item->id);
	/* The operator chose it: no doubt what the next key means. */
	v->item_mono_ms = v->mono_ms - VIEW_TOO_EARLY_MS;
}

/* The selected item, if it is of this kind and has stood there long enough.
 * Else NULL with a flash; an item of the kind elsewhere in the inbox becomes
 * the selected one, so that the same key again means what it says. */
static const struct inbox_item *
item_of_kind(struct view *v, enum inbox_kind kind, const char *verb)
{
	const struct inbox_item *item = view_item(v);
	if (item && !view_item_armed(v)) {
		view_flash(v, STYLE_WAIT, "The inbox just changed: look again");
		return NULL;
	}
	if (item && item->kind == kind)
		return item;
	const struct inbox *inbox = &v->model->inbox;
	for (size_t i = 0; i < inbox->count; i++) {
		if (inbox->items[i].kind != kind)
			continue;
		select_item(v, &inbox->items[i]);
		view_flash(v, STYLE_WAIT, "%s: selected; press again",
			   inbox->items[i].text);
		return NULL;
	}
	view_flash(v, STYLE_WAIT, "%s: nothing in the inbox asks for that",
		   verb);
	return NULL;
}

/* The stage that a stage key is for: the selected one of pane 1 when that has
 * the keys, else the failed one that the inbox asks about. -1 with a flash. */
static int target_stage(struct view *v, enum action_id action)
{
	if (v->focus == PANE_RUN && v->show->stage_count)
		return v->selected[PANE_RUN];
	const struct inbox_item *item =
		item_of_kind(v, INBOX_FAILED, action_table[action].name);
	return item ? item->stage : -1;
}

void operate_confirm(struct view *v, enum action_id action, const char *arg,
		     const char *question)
{
	char title[64];
	snprintf(title, sizeof title, " %s ", action_table[action].name);
	dialog_open(&v->dialog, DIALOG_CONFIRM, action, title, question);
	if (arg)
		dialog_add_arg(&v->dialog, arg);
}

void operate_type(struct view *v, enum action_id action, const char *arg,
		      const char *question)
{
	char title[64];
	snprintf(title, sizeof title, " %s ", action_table[action].name);
	dialog_open(&v->dialog, DIALOG_TYPE, action, title, question);
	if (arg)
		dialog_add_arg(&v->dialog, arg);
}

/* --- one function a kind of action --------------------------------------- */

static void do_go(struct view *v, enum action_id action)
{
	if (v->model->run.state == RUN_PAUSED || view_is_halted(v))
		view_flash(v, STYLE_WAIT, "GO: the run is paused");
	else if (v->standby < 0)
		view_flash(v, STYLE_WAIT, "GO: nothing is in standby");
	else if (!view_standby_armed(v) || view_is_pending(v, action))
		view_flash(v, STYLE_WAIT, "GO: too early, press again");
	else if (view_ask(v, action, v->show->stages[v->standby].id, NULL, NULL,
			  NULL))
		v->standby_mono_ms = v->mono_ms;
}

static void do_panic(struct view *v, enum action_id action)
{
	dialog_close(&v->dialog);
	bool again = v->panic_mono_ms &&
		     v->mono_ms - v->panic_mono_ms < VIEW_TWICE_MS;
	if (!view_ask(v, action, again ? "all" : NULL, NULL, NULL, NULL))
		return;
	v->panic_mono_ms = again ? 0 : v->mono_ms;
	rewind_end(v); /* what is halted now is what matters */
	view_flash(v, STYLE_ALARM,
		   again ? " PANIC: all calls are stopped "
			 : " PANIC: again within 3 s stops "
			   "every call ");
}

static void do_answer(struct view *v, enum action_id action)
{
	const struct inbox_item *item = view_item(v);
	if (action != ACTION_ANSWER) {
		bool proposed = item && item->kind == INBOX_PROPOSAL;
		item = item_of_kind(v,
				    proposed ? INBOX_PROPOSAL : INBOX_OVERAGE,
				    action_table[action].name);
		if (item)
			view_ask(v, action, item->id, NULL, NULL, NULL);
	} else if (!item) {
		view_flash(v, STYLE_WAIT, "The inbox is empty");
	} else { /* nothing is decided yet: the list says what it is about */
		menu_open(v, item);
	}
}

static void do_pause(struct view *v, enum action_id action)
{
	const struct run *run = &v->model->run;
	if (v->mono_ms - v->run_state_mono_ms < VIEW_TOO_EARLY_MS)
		/* The key means the other thing now: whoever pressed it when
		 * another one did meant the same. */
		view_flash(v, STYLE_WAIT, "pause: the run is %s since just now",
			   run_state_name(run->state));
	else if (run->state == RUN_RUNNING)
		view_ask(v, action, NULL, NULL, NULL, NULL);
	else if (run->state == RUN_PAUSED && run->panic)
		view_flash(v, STYLE_WAIT, "After a panic: R twice resumes");
	else if (run->state == RUN_PAUSED)
		view_ask(v, ACTION_RESUME, NULL, NULL, NULL, NULL);
	else
		view_flash(v, STYLE_WAIT, "pause: the run is %s",
			   run_state_name(run->state));
}

static void do_resume(struct view *v, enum action_id action)
{
	bool again = v->resume_mono_ms &&
		     v->mono_ms - v->resume_mono_ms < VIEW_TWICE_MS;
	v->resume_mono_ms = 0;
	if (v->model->run.state != RUN_PAUSED) {
		view_flash(v, STYLE_WAIT, "resume: the run is %s",
			   run_state_name(v->model->run.state));
	} else if (again) {
		view_ask(v, action, NULL, NULL, NULL, NULL);
	} else {
		v->resume_mono_ms = v->mono_ms;
		view_flash(v, STYLE_WAIT, "R again within 3 s resumes the run");
	}
}

static void do_stage(struct view *v, enum action_id action)
{
	int stage = target_stage(v, action);
	if (stage < 0)
		return;
	const char *id = v->show->stages[stage].id;
	if (!action_table[action].danger) {
		view_ask(v, action, id, NULL, NULL, NULL);
		return;
	}
	char question[512];
	snprintf(question, sizeof question, "%s %s? %s",
		 action_table[action].name, id, action_table[action].help);
	operate_confirm(v, action, id, question);
}

/* The question says what it costs: the core will say the same. */
static void do_rerun(struct view *v, enum action_id action)
{
	int stage = target_stage(v, action);
	if (stage < 0)
		return;
	struct reset_plan plan;
	reset_plan_rerun(v->model, stage, &plan);
	char *text = reset_plan_text(v->model, &plan, 6);
	char *question = xasprintf("Run again %s?", text);
	operate_confirm(v, action, v->show->stages[stage].id, question);
	free(question);
	free(text);
	reset_plan_release(&plan);
}

static void do_rollback(struct view *v, enum action_id action)
{
	char question[160];
	snprintf(
		question, sizeof question,
		"The story is at version %llu. Back to which version? What was "
		"done since runs again.",
		(unsigned long long)v->model->story.version);
	operate_type(v, action, NULL, question);
}

/* It says what it throws away before anything is. */
static void rollback_typed(struct view *v, const char *typed)
{
	const struct model *m = v->model;
	const char *digits = typed + (*typed == 'v');
	uint64_t to = strtoull(digits, NULL, 10);
	if (!*digits || digits[strspn(digits, "0123456789")] ||
	    to >= m->story.version) { /* the core says what is wrong with it */
		view_ask(v, ACTION_ROLLBACK, typed, NULL, NULL, NULL);
		return;
	}
	struct reset_plan plan;
	reset_plan_rollback(m, to, &plan);
	char *text = reset_plan_text(m, &plan, 6);
	char *question =
		xasprintf("Back from version %llu to %llu? Running again %s.",
			  (unsigned long long)m->story.version,
			  (unsigned long long)to, text);
	operate_confirm(v, ACTION_ROLLBACK, typed, question);
	free(question);
	free(text);
	reset_plan_release(&plan);
}

static void do_supply(struct view *v, enum action_id action)
{
	int stage = target_stage(v, action);
	if (stage >= 0)
		operate_type(v, action, v->show->stages[stage].id,
			     "The result of this stage, as a JSON object:");
}

/* Which of those that are as they should not be, or all of them. */
static void do_rule(struct view *v, enum action_id action)
{
	const struct model *m = v->model;
	bool off = action == ACTION_RULE_OFF;
	char title[64];
	if (!v->show->rule_count) {
		view_flash(v, STYLE_WAIT, "%s: this show has no rules",
			   action_table[action].name);
		return;
	}
	snprintf(title, sizeof title, " %s ", action_table[action].name);
	dialog_open(&v->dialog, DIALOG_CHOOSE, action, title,
		    off ? "Which rule is to do nothing any more?"
			: "Which rule is to act again?");
	if (m->rules_off != off)
		dialog_add_row(&v->dialog, ALL_RULES);
	for (size_t i = 0; i < v->show->rule_count; i++)
		if (m->rule_off[i] != off)
			dialog_add_row(&v->dialog, "%s",
				       v->show->rules[i].name);
	if (v->dialog.row_count)
		return;
	dialog_close(&v->dialog);
	view_flash(v, STYLE_WAIT, "%s: all of them are",
		   action_table[action].name);
}

static void do_note(struct view *v, enum action_id action)
{
	operate_type(v, action, NULL, "A note for the log of the show:");
}

/* What needs no more than the key. */
static void do_plain(struct view *v, enum action_id action)
{
	view_ask(v, action, NULL, NULL, NULL, NULL);
}

static void do_cancel_run(struct view *v, enum action_id action)
{
	operate_confirm(v, action, NULL,
			"Cancel the whole run? Every stage that is not done is "
			"cancelled.");
}

static void do_stop(struct view *v, enum action_id action)
{
	operate_type(v, action, NULL,
		  "This ends the show for everybody; its log stays. Type yes "
		  "to stop it.");
	v->dialog.must_type = "yes";
}

static void do_focus(struct view *v, enum action_id action)
{
	enum pane pane = (enum pane)(action - ACTION_FOCUS_1);
	if (action == ACTION_FOCUS_NEXT)
		pane = (v->focus + 1) % PANES_AND_INBOX;
	else if (v->focus == pane)
		v->zoom = !v->zoom;
	int active = view_active_stage(v);
	if (pane == PANE_RUN && v->focus != pane && active >= 0)
		v->selected[pane] = active;
	v->focus = pane;
	if (pane < PANES)
		v->shown = pane;
}

static void do_zoom(struct view *v, enum action_id action)
{
	(void)action;
	v->zoom = !v->zoom;
}

static void do_open(struct view *v, enum action_id action)
{
	(void)action;
	if (!v->past) /* of a view of the past nothing is asked */
		details_open(v);
	else if (v->focus == PANE_OBS)
		obs_do_selected(v, v->selected[PANE_OBS]);
	else if (v->focus == PANE_INBOX && !v->model->inbox.count)
		history_open(v, ACTION_HISTORY);
	else if (v->focus == PANE_INBOX)
		do_answer(v, ACTION_ANSWER);
	else
		details_open(v);
}

static void do_back(struct view *v, enum action_id action)
{
	(void)action;
	if (v->rewind.then)
		rewind_end(v);
	else if (v->zoom)
		v->zoom = false;
	else
		v->focus = PANE_INBOX;
}

static int selected_row(const struct view *v)
{
	if (v->focus < PANES)
		return v->selected[v->focus];
	const struct inbox_item *item = view_item(v);
	return item ? (int)(item - v->model->inbox.items) : 0;
}

static void move_to(struct view *v, int row)
{
	int rows = view_rows(v, v->focus);
	if (!rows)
		return;
	row = row < 0 ? 0 : row >= rows ? rows - 1 : row;
	if (v->focus < PANES)
		v->selected[v->focus] = row;
	else
		select_item(v, &v->model->inbox.items[row]);
}

static void do_move(struct view *v, enum action_id action)
{
	move_to(v, selected_row(v) + (action == ACTION_UP ? -1 : 1));
}

static void do_help(struct view *v, enum action_id action)
{
	(void)action;
	help_open(v);
}

static void do_palette(struct view *v, enum action_id action)
{
	dialog_open(&v->dialog, DIALOG_PALETTE, action, " : ", "");
	for (size_t i = 0; i < ACTIONS; i++)
		dialog_add_row(&v->dialog, "%-20s %-6s %s",
			       action_table[i].name,
			       action_table[i].key ? action_table[i].key : "",
			       action_table[i].help);
}

static void do_leave(struct view *v, enum action_id action)
{
	(void)action;
	v->end = VIEW_LEFT;
}

static void (*const table[ACTIONS])(struct view *, enum action_id) = {
	[ACTION_GO] = do_go,
	[ACTION_PANIC] = do_panic,
	[ACTION_APPROVE] = do_answer,
	[ACTION_DENY] = do_answer,
	[ACTION_ANSWER] = do_answer,
	[ACTION_PAUSE] = do_pause,
	[ACTION_RESUME] = do_resume,
	[ACTION_RETRY] = do_stage,
	[ACTION_SKIP] = do_stage,
	[ACTION_CANCEL] = do_stage,
	[ACTION_FAIL] = do_stage,
	[ACTION_SUPPLY] = do_supply,
	[ACTION_RERUN] = do_rerun,
	[ACTION_ROLLBACK] = do_rollback,
	[ACTION_CANCEL_RUN] = do_cancel_run,
	[ACTION_CHECK] = check_do,
	[ACTION_CHECK_ALL] = check_do,
	[ACTION_SCENE] = obs_do_open,
	[ACTION_PREVIEW] = obs_do_open,
	[ACTION_TAKE] = obs_do_open,
	[ACTION_STUDIO] = obs_do_open,
	[ACTION_STREAM] = obs_do_open,
	[ACTION_RECORD] = obs_do_open,
	[ACTION_REPLAY] = obs_do_open,
	[ACTION_HOTKEY] = obs_do_open,
	[ACTION_MACRO] = obs_do_open,
	[ACTION_MUTE] = obs_do_open,
	[ACTION_VOLUME] = obs_do_open,
	[ACTION_PROFILE] = obs_do_open,
	[ACTION_COLLECTION] = obs_do_open,
	[ACTION_TRANSITION] = obs_do_open,
	[ACTION_SCREENSHOT] = obs_do_open,
	[ACTION_OBS] = obs_do_open,
	[ACTION_PREFLIGHT] = do_plain,
	[ACTION_LISTEN] = check_do_listen,
	[ACTION_OVERRIDE] = check_do_override,
	[ACTION_RULES_HOLD] = do_plain,
	[ACTION_RULES_RELEASE] = do_plain,
	[ACTION_POLL] = poll_do_new,
	[ACTION_POLL_EXTEND] = poll_do,
	[ACTION_POLL_FREEZE] = poll_do,
	[ACTION_POLL_UNFREEZE] = poll_do,
	[ACTION_POLL_CLOSE] = poll_do,
	[ACTION_POLL_RESOLVE] = poll_do_resolve,
	[ACTION_POLL_VOID] = poll_do,
	[ACTION_POLL_EXCLUDE] = poll_do_exclude,
	[ACTION_POLL_INCLUDE] = poll_do,
	[ACTION_POLL_NEXT] = poll_choice_next,
	[ACTION_ACK] = alarm_do_ack,
	[ACTION_NOTE] = do_note,
	[ACTION_STOP] = do_stop,
	[ACTION_FOCUS_1] = do_focus,
	[ACTION_FOCUS_2] = do_focus,
	[ACTION_FOCUS_3] = do_focus,
	[ACTION_FOCUS_4] = do_focus,
	[ACTION_FOCUS_5] = do_focus,
	[ACTION_FOCUS_NEXT] = do_focus,
	[ACTION_ZOOM] = do_zoom,
	[ACTION_OPEN] = do_open,
	[ACTION_BACK] = do_back,
	[ACTION_UP] = do_move,
	[ACTION_DOWN] = do_move,
	[ACTION_REWIND_BACK] = rewind_do,
	[ACTION_REWIND_FORWARD] = rewind_do,
	[ACTION_REWIND_BACK_STAGE] = rewind_do,
	[ACTION_REWIND_FORWARD_STAGE] = rewind_do,
	[ACTION_LIVE] = rewind_do,
	[ACTION_RULE_OFF] = do_rule,
	[ACTION_RULE_ON] = do_rule,
	[ACTION_KILL] = kill_open,
	[ACTION_REVIVE] = kill_open,
	[ACTION_ADOPT] = late_open,
	[ACTION_DISCARD] = late_open,
	[ACTION_LATE] = late_open,
	[ACTION_HISTORY] = history_open,
	[ACTION_HELP] = do_help,
	[ACTION_PALETTE] = do_palette,
	[ACTION_LEAVE] = do_leave,
};

/* What only looks at the panes: at those that are shown. */
static bool looks_at_panes(enum action_id action)
{
	return (action >= ACTION_FOCUS_1 && action <= ACTION_OPEN) ||
	       action == ACTION_UP || action == ACTION_DOWN ||
	       action == ACTION_POLL_NEXT;
}

void operate_action(struct view *v, enum action_id action)
{
	if (rewind_refuses(v, action))
		return;
	if (!table[action]) { /* it needs more than a key can say */
		view_flash(v, STYLE_WAIT,
			   "%s: only by `showcaller do SHOW %s %s`",
			   action_table[action].name, action_table[action].name,
			   action_table[action].args);
		return;
	}
	struct view *on = looks_at_panes(action) ? rewind_lend(v) : v;
	table[action](on, action);
	rewind_return(v, on);
}

/* --- dialogs that came to an end ----------------------------------------- */

static void typed(struct view *v, const struct dialog *d)
{
	const char *arg = d->arg_count ? d->args[0] : NULL;
	if (d->action == ACTION_ANSWER)
		menu_typed(v, d);
	else if (d->action == ACTION_POLL)
		poll_do_typed(v, d);
	else if (d->action >= ACTION_SCENE && d->action <= ACTION_OBS)
		obs_do_typed(v, d);
	else if (d->action == ACTION_STOP)
		view_ask(v, d->action, NULL, NULL, NULL, NULL);
	else if (d->action == ACTION_ROLLBACK)
		rollback_typed(v, d->input);
	else if (arg)
		view_ask(v, d->action, arg, d->input, NULL, NULL);
	else
		view_ask(v, d->action, d->input, NULL, NULL, NULL);
}

static void chosen(struct view *v, const struct dialog *d, int row)
{
	if (d->kind == DIALOG_PALETTE) {
		operate_action(v, (enum action_id)row);
		return;
	}
	const char *choice = d->rows[row];
	if (d->action >= ACTION_SCENE && d->action <= ACTION_OBS)
		obs_do_chosen(v, d, row);
	else if ((d->action == ACTION_RULE_OFF ||
		  d->action == ACTION_RULE_ON) &&
		 strcmp(choice, ALL_RULES) == 0)
		view_ask(v, d->action, NULL, NULL, NULL, NULL);
	else if (d->action == ACTION_RULE_OFF || d->action == ACTION_RULE_ON)
		view_ask(v, d->action, choice, NULL, NULL, NULL);
	else if (d->action == ACTION_POLL_RESOLVE)
		view_ask(v, d->action, d->args[0], choice, NULL, NULL);
	else if (d->action == ACTION_LATE)
		late_chosen(v, d, row);
	else if (d->action == ACTION_KILL || d->action == ACTION_REVIVE)
		kill_chosen(v, d, row);
	else
		menu_chosen(v, d, row);
}

static void dialog_taken(struct view *v)
{
	/* What follows may open the next dialog in its place. */
	struct dialog d = v->dialog;
	v->dialog = (struct dialog){0};
	if (d.kind == DIALOG_CONFIRM)
		view_ask(v, d.action, d.arg_count ? d.args[0] : NULL, NULL,
			 NULL, NULL);
	else if (d.kind == DIALOG_TYPE)
		typed(v, &d);
	else
		chosen(v, &d, dialog_choice(&d));
	dialog_close(&d);
}

/* Enter did nothing. */
static void say_what_is_wanted(struct view *v)
{
	const struct dialog *d = &v->dialog;
	const char *name = action_table[d->action].name;
	bool why = d->action == ACTION_ACK || d->action == ACTION_OVERRIDE ||
		   d->action == ACTION_DISCARD;
	if (d->must_type)
		view_flash(v, STYLE_WAIT, "%s: type %s, then Enter; Esc gives up",
			   name, d->must_type);
	else
		view_flash(v, STYLE_WAIT,
			   "%s: %s is wanted, then Enter; Esc gives up", name,
			   why ? "a reason" : "a text");
}

static void key_in_dialog(struct view *v, int key)
{
	switch (dialog_key(&v->dialog, key)) {
	case DIALOG_TAKEN:
		dialog_taken(v);
		break;
	case DIALOG_CLOSED:
		dialog_close(&v->dialog);
		break;
	case DIALOG_STAYS:
		if (key == KEYS_ENTER && v->dialog.kind == DIALOG_TYPE)
			say_what_is_wanted(v);
		break;
	}
}

/* --- keys ---------------------------------------------------------------- */

/* Keys of a list that no action stands for. */
static bool move_by_key(struct view *v, int key)
{
	int row = selected_row(v);
	switch (key) {
	case KEYS_PAGE_UP:
		move_to(v, row - 10);
		return true;
	case KEYS_PAGE_DOWN:
		move_to(v, row + 10);
		return true;
	case KEYS_HOME:
		move_to(v, 0);
		return true;
	case KEYS_END:
		move_to(v, view_rows(v, v->focus) - 1);
		return true;
	case KEYS_BACKTAB:
		v->focus = (v->focus + PANES_AND_INBOX - 1) % PANES_AND_INBOX;
		if (v->focus < PANES)
			v->shown = v->focus;
		return true;
	default:
		return false;
	}
}

static void move_in_panes(struct view *v, int key)
{
	struct view *on = rewind_lend(v);
	move_by_key(on, key);
	rewind_return(v, on);
}

void operate_key(struct view *v, int key)
{
	/* The brake comes before everything that may lie over the panes. */
	const struct action *action = keys_action(key);
	if (action && action->id == ACTION_PANIC) {
		operate_action(v, ACTION_PANIC);
		return;
	}
	if (v->dialog.kind != DIALOG_NONE) {
		key_in_dialog(v, key);
		return;
	}
	if (key == KEYS_PASTE)
		view_flash(v, STYLE_WAIT, "What was pasted is ignored");
	else if (key == CTRL_C)
		view_flash(v, STYLE_WAIT,
			   "q leaves (the show goes on), Q stops the show");
	else if (action && action->pane && (int)v->focus != action->pane - 1)
		view_flash(v, STYLE_WAIT, "%s: focus pane %d first",
			   action->name, action->pane);
	else if (action)
		operate_action(v, action->id);
	else if (!obs_do_letter(v, key))
		move_in_panes(v, key);
}
