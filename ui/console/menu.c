/* The lists behind a question of the inbox, the late answers and the agents:
 * what may be answered, in words; then the amount, the lender, the reason. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/money.h"
#include "console/fmt.h"
#include "console/operate.h"

#define LENDERS_MAX 40
#define ANOTHER	    "approve another amount"

/* How much it lacks. */
static const char *more_of(const struct model *m, const struct inbox_item *item,
			   char *out)
{
	struct inbox_figures f = inbox_figures(m, item, NULL);
	return inbox_in_money(item) ? money_text(m, f.cost_micros, out)
				    : fmt_count(out, f.tokens);
}

static const char *words_of(const struct view *v, const struct inbox_item *item,
			    int choice, char *out, size_t bytes)
{
	char n[MONEY_BYTES];
	const struct model *m = v->model;
	more_of(m, item, n);
	switch (choice) {
	case CHOICE_APPROVE:
		if (item->kind == INBOX_PROPOSAL)
			snprintf(out, bytes, "it opens now");
		else
			snprintf(out, bytes, "%s more, for this once", n);
		break;
	case CHOICE_APPROVE_STAGE:
		snprintf(out, bytes,
			 "%s more, and as many again for its later attempts",
			 n);
		break;
	case CHOICE_RAISE:
		snprintf(out, bytes, "an amount, for a while or for good");
		break;
	case CHOICE_BORROW:
		snprintf(out, bytes, "%s from the cap of another stage", n);
		break;
	case CHOICE_CHEAPER: {
		const char *to = "";
		for (size_t k = 0; item->stage >= 0 && !*to &&
				   k < m->show->stages[item->stage].agent_count;
		     k++) {
			const char *other =
				v->show->agents[stage_agent(m, item->stage, k)]
					.fallback_agent;
			to = other ? other : "";
		}
		snprintf(out, bytes, "the call goes to %s", to);
		break;
	}
	case CHOICE_DENY:
		snprintf(out, bytes, "%s",
			 item->kind == INBOX_PROPOSAL ? "it is not opened"
			 : item->agent >= 0 ? "its agent goes on without"
			 : m->stages[item->stage].poll ? "another option wins"
						       : "the stage fails");
		break;
	case CHOICE_CONTINUE:
		snprintf(out, bytes, "and ask no more until a raise");
		break;
	case CHOICE_PAUSE:
		snprintf(out, bytes, "what runs goes on, nothing new starts");
		break;
	case CHOICE_ADOPT_ANYWAY:
		snprintf(out, bytes, "over what is there now");
		break;
	case CHOICE_EXCLUDE:
		snprintf(out, bytes, "its votes do not count; i undoes it");
		break;
	case CHOICE_KEEP:
		snprintf(out, bytes, "its votes count like all others");
		break;
	case CHOICE_DISCARD:
		snprintf(out, bytes, "the log keeps it");
		break;
	default:
		*out = '\0';
	}
	return out;
}

static void add_facts(const struct model *m, const struct inbox_item *item,
		      struct buf *b)
{
	char n[FMT_BYTES];
	struct usage_rest rest = usage_rest(m);
	struct inbox_figures f = inbox_figures(m, item, &rest);
	char *text = inbox_text(m, item, &rest);
	buf_adds(b, text);
	free(text);
	if (item->kind == INBOX_OVERAGE && f.cost_micros && f.tokens)
		buf_addf(b, "  and %s of money", fmt_money(n, f.cost_micros));
}

static void put_title(const struct view *v, const struct inbox_item *item,
		      char *out, size_t bytes)
{
	char left[FMT_BYTES];
	const char *kind = inbox_kind_name(item->kind);
	if (item->fallback && item->deadline_ms)
		snprintf(out, bytes, " %s %s: %s in %s ", kind, item->id,
			 item->fallback,
			 fmt_left(left, item->deadline_ms - v->now_ms));
	else
		snprintf(out, bytes, " %s %s ", kind, item->id);
}

/* The answers of an item, or what follows one of them. */
static bool is_menu(const struct dialog *d)
{
	return d->action == ACTION_ANSWER && d->kind != DIALOG_NONE &&
	       d->arg_count > 0;
}

void menu_open(struct view *v, const struct inbox_item *item)
{
	char title[96], words[120];
	struct buf b = {0};
	put_title(v, item, title, sizeof title);
	add_facts(v->model, item, &b);
	dialog_open(&v->dialog, DIALOG_CHOOSE, ACTION_ANSWER, title,
		    buf_str(&b));
	buf_release(&b);
	dialog_add_arg(&v->dialog, item->id);
	bool worded = item->kind != INBOX_POLL && item->kind != INBOX_FAILED;
	for (int i = 0; item->choices[i]; i++) {
		int choice = inbox_choice_find(item->choices[i]);
		if (worded && choice >= 0)
			dialog_add_row(
				&v->dialog, "%-14s %s", item->choices[i],
				words_of(v, item, choice, words, sizeof words));
		else
			dialog_add_row(&v->dialog, "%s", item->choices[i]);
	}
	if (item->kind == INBOX_OVERAGE)
		dialog_add_row(&v->dialog, ANOTHER);
}

void menu_refresh(struct view *v)
{
	struct dialog *d = &v->dialog;
	if (!is_menu(d))
		return;
	const struct inbox_item *item = inbox_find(v->model, d->args[0]);
	int selected = d->selected, top = d->top;
	if (item && d->arg_count == 1) {
		menu_open(v, item);
		d->selected = selected;
		d->top = top;
	} else if (!item) {
		snprintf(d->title, sizeof d->title,
			 " %.24s is answered already ", d->args[0]);
	}
}

static void ask_for(struct view *v, enum action_id action, const char *title,
		    const char *one, const char *two, const char *question)
{
	dialog_open(&v->dialog, DIALOG_TYPE, action, title, question);
	dialog_add_arg(&v->dialog, one);
	if (two)
		dialog_add_arg(&v->dialog, two);
}

static void choose_lender(struct view *v, const char *id,
			  const struct inbox_item *item)
{
	const struct model *m = v->model;
	char n[MONEY_BYTES];
	int rows = 0;
	bool money = inbox_in_money(item);
	struct inbox_figures f = inbox_figures(m, item, NULL);
	int64_t lacks = money ? f.cost_micros : f.tokens;
	dialog_open(&v->dialog, DIALOG_CHOOSE, ACTION_ANSWER, " borrow ",
		    "From which stage?");
	dialog_add_arg(&v->dialog, id);
	dialog_add_arg(&v->dialog, "borrow");
	for (size_t i = 0; i < v->show->stage_count && rows < LENDERS_MAX;
	     i++) {
		const struct purse *purse = &m->ledger.stages[i];
		const struct scope *s = money ? &purse->cost : &purse->tokens;
		int64_t left = scope_remaining(s);
		if ((int)i == item->stage || !s->limited || left < lacks)
			continue;
		dialog_add_row(
			&v->dialog, "%-20s %s left", v->show->stages[i].id,
			money ? money_text(m, left, n) : fmt_count(n, left));
		rows++;
	}
}

/* The first word of a row. */
static char *first_word(const char *row)
{
	return xstrndup(row, strcspn(row, " "));
}

void menu_chosen(struct view *v, const struct dialog *d, int row)
{
	const char *id = d->args[0];
	char *word = first_word(d->rows[row]);
	const struct inbox_item *item = inbox_find(v->model, id);
	bool money = item && inbox_in_money(item);
	if (d->arg_count == 2) { /* who lends */
		view_ask(v, ACTION_ANSWER, id, d->args[1], word, NULL);
	} else if (strcmp(d->rows[row], ANOTHER) == 0) {
		ask_for(v, ACTION_APPROVE, " approve ", id, NULL,
			money ? "How much money? 1.50 is an amount."
			      : "How many tokens?");
	} else if (strcmp(word, "raise") == 0) {
		ask_for(v, ACTION_ANSWER, " raise ", id, "raise",
			money ? "By how much money, and for how long? 1.50 is "
				"for good; 1.50 10m is taken back after ten "
				"minutes (ms, s, m, h)."
			      : "By how many tokens, and for how long? 5000 is "
				"for good; 5000 10m is taken back after ten "
				"minutes (ms, s, m, h).");
	} else if (strcmp(word, "borrow") == 0 && item) {
		choose_lender(v, id, item);
	} else if (item && item->kind == INBOX_POLL) {
		view_ask(v, ACTION_ANSWER, id, d->rows[row], NULL, NULL);
	} else {
		view_ask(v, ACTION_ANSWER, id, word, NULL, NULL);
	}
	free(word);
}

void menu_typed(struct view *v, const struct dialog *d)
{
	const char *text = d->input + strspn(d->input, " ");
	char *amount = xstrndup(text, strcspn(text, " "));
	text += strlen(amount);
	text += strspn(text, " ");
	const char *const args[] = {d->args[0], d->args[1], amount,
				    *text ? text : NULL, NULL};
	view_ask_all(v, ACTION_ANSWER, args, NULL);
	free(amount);
}

/* --- late answers --------------------------------------------------------- */

static const char *fit_of(const struct view *v, const struct late_proposal *l)
{
	if (!l->result)
		return l->bytes ? "in the log" : "no result";
	return late_fits(v->model, l) ? "fits" : "changed";
}

void late_open(struct view *v, enum action_id action)
{
	const struct model *m = v->model;
	char ago[FMT_BYTES];
	(void)action;
	if (!m->late_count) {
		view_flash(v, STYLE_WAIT, "No answer came too late");
		return;
	}
	dialog_open(&v->dialog, DIALOG_CHOOSE, ACTION_LATE, " late answers ",
		    "They run only when you adopt them.");
	for (size_t i = m->late_count; i > 0; i--) {
		const struct late_proposal *l = &m->late[i - 1];
		dialog_add_row(&v->dialog,
			       "l%-6" PRIu64 " %-9s %s by %s, %s, "
			       "%s ago  %.200s",
			       l->seq, fit_of(v, l), l->stage, l->agent,
			       l->verdict,
			       fmt_elapsed(ago, v->now_ms - l->at_ms),
			       l->result ? json_text(l->result) : "");
	}
}

static void late_page(struct view *v, const struct late_proposal *l)
{
	struct dialog *d = &v->dialog;
	char title[64], n[FMT_BYTES];
	snprintf(title, sizeof title, " l%" PRIu64 " ", l->seq);
	dialog_open(d, DIALOG_PAGE, ACTION_LATE, title, "");
	d->indent = 13;
	dialog_add_row(d, "%-12s %s by %s, attempt %d", "answer", l->stage,
		       l->agent, l->attempt);
	dialog_add_row(d, "%-12s %s", "why late", l->verdict);
	dialog_add_row(d, "%-12s %s", "base",
		       late_fits(v->model, l)
			       ? "inputs and outputs are as they were"
			       : "inputs or outputs have changed since");
	if (l->tokens >= 0)
		dialog_add_row(d, "%-12s %s", "tokens",
			       fmt_count(n, l->tokens));
	dialog_add_row(d, "%-12s %s", "result",
		       l->result ? json_text(l->result)
				 : "not kept here: see the log");
}

void late_chosen(struct view *v, const struct dialog *d, int row)
{
	char *word = first_word(d->rows[row]);
	const char *id = d->arg_count ? d->args[0] : word;
	const struct late_proposal *l = late_find(v->model, id);
	if (!l) {
		view_flash(v, STYLE_WAIT, "%s is gone by now", id);
	} else if (!d->arg_count) {
		dialog_open(&v->dialog, DIALOG_CHOOSE, ACTION_LATE, " late ",
			    d->rows[row]);
		dialog_add_arg(&v->dialog, id);
		dialog_add_row(&v->dialog, "look     all of it");
		dialog_add_row(&v->dialog, "adopt    into the story%s",
			       late_fits(v->model, l)
				       ? ""
				       : ": what it was made on has changed, "
					 "you will be asked");
		dialog_add_row(&v->dialog, "discard  with a reason");
	} else if (strcmp(word, "look") == 0) {
		late_page(v, l);
	} else if (strcmp(word, "adopt") == 0) {
		view_ask(v, ACTION_ADOPT, id, NULL, NULL, NULL);
	} else {
		ask_for(v, ACTION_DISCARD, " discard ", id, NULL, "Why?");
	}
	free(word);
}

/* --- the switch ----------------------------------------------------------- */

void kill_open(struct view *v, enum action_id action)
{
	bool kills = action == ACTION_KILL;
	size_t killed = 0;
	for (size_t i = 0; i < v->show->agent_count; i++)
		killed += v->model->killed[i];
	size_t fit = kills ? v->show->agent_count - killed : killed;
	if (!fit) {
		view_flash(v, STYLE_WAIT,
			   kills ? "kill: no agent is left"
				 : "revive: no agent is killed");
		return;
	}
	dialog_open(&v->dialog, DIALOG_CHOOSE, action,
		    kills ? " kill " : " revive ",
		    kills ? "Whose calls are stopped, and who gets nothing "
			    "until revived?"
			  : "Who may work again?");
	for (size_t i = 0; i < v->show->agent_count; i++)
		if (v->model->killed[i] != kills)
			dialog_add_row(
				&v->dialog, "%-20s %d call%s out",
				v->show->agents[i].id, v->model->agent_calls[i],
				v->model->agent_calls[i] == 1 ? "" : "s");
	dialog_add_row(&v->dialog, "all of them");
}

void kill_chosen(struct view *v, const struct dialog *d, int row)
{
	bool all = (size_t)row + 1 == d->row_count;
	char *word = first_word(d->rows[row]);
	char question[200], title[32];
	const char *name = action_table[d->action].name;
	snprintf(question, sizeof question, "%c%s %s?", name[0] - 'a' + 'A',
		 name + 1, all ? "all agents" : word);
	snprintf(title, sizeof title, " %s ", name);
	dialog_open(&v->dialog, DIALOG_CONFIRM, d->action, title, question);
	if (!all)
		dialog_add_arg(&v->dialog, word);
	free(word);
}
