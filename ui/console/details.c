/* The page behind Enter: everything that is known of what is selected. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "console/fmt.h"
#include "console/operate.h"
#include "console/panes.h"
#include "console/poll_choice.h"

#define LABEL_COLUMNS 13

static void add_names(struct dialog *d, const char *label,
		      const struct show_names *names)
{
	struct buf b = {0};
	for (size_t i = 0; i < names->count; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", names->items[i]);
	if (b.len)
		dialog_add_row(d, "%-12s %s", label, buf_str(&b));
	buf_release(&b);
}

static void add_text(struct dialog *d, const char *label, const char *text)
{
	if (text && *text)
		dialog_add_row(d, "%-12s %s", label, text);
}

static const char *call_state_name(enum call_state state)
{
	static const char *const names[] = {
		[CALL_NONE] = "not called",
		[CALL_OUT] = "called",
		[CALL_ANSWERED] = "answered",
		[CALL_FAILED] = "failed",
	};
	return names[state];
}

static void add_call(struct dialog *d, const struct view *v, int agent,
		     const struct call *call)
{
	char tokens[FMT_BYTES], took[FMT_BYTES];
	const struct show_agent *def = &v->show->agents[agent];
	dialog_add_row(d, " ");
	dialog_add_row(d, "%-12s %s via %s: %s", "agent", def->id,
		       show_via_name(def->via), call_state_name(call->state));
	add_text(d, "  role", def->role);
	if (call->ended_ms)
		dialog_add_row(
			d, "%-12s %s, %s tokens", "  took",
			fmt_elapsed(took, call->ended_ms - call->started_ms),
			fmt_count(tokens, call->tokens));
	else if (call->lease_tokens)
		dialog_add_row(d, "%-12s %s tokens", "  leased",
			       fmt_count(tokens, call->lease_tokens));
	if (call->state == CALL_ANSWERED && call->confidence >= 0)
		dialog_add_row(d, "%-12s %.2f", "  confidence",
			       call->confidence);
	add_text(d, "  error", call->error);
	if (call->result)
		add_text(d, "  result", json_text(call->result));
}

static void add_scope(struct dialog *d, const struct scope *s)
{
	char spent[FMT_BYTES], all[FMT_BYTES], leased[FMT_BYTES];
	dialog_add_row(d, "%-12s %s spent, %s leased%s%s", "tokens",
		       fmt_count(spent, s->spent), fmt_count(leased, s->leased),
		       s->limited ? " of " : "",
		       s->limited ? fmt_count(all, s->allocated) : "");
}

static void stage_page(struct view *v, int stage)
{
	const struct show_stage *def = &v->show->stages[stage];
	const struct stage_run *run = &v->model->stages[stage];
	struct dialog *d = &v->dialog;
	char title[128], waits[512];
	snprintf(title, sizeof title, " %s ", def->id);
	dialog_open(d, DIALOG_PAGE, ACTION_OPEN, title, "");
	d->indent = LABEL_COLUMNS;
	dialog_add_row(d, "%-12s %s", "state", stage_state_name(run->state));
	stage_waits_for(v->model, stage, waits, sizeof waits);
	add_text(d, "waits for", waits);
	add_text(d, "why", run->why);
	add_text(d, "error", run->error);
	add_text(d, "group", def->group);
	add_text(d, "about", def->description);
	add_text(d, "notes", def->notes);
	add_names(d, "inputs", &def->inputs);
	add_names(d, "outputs", &def->outputs);
	if (run->attempt)
		dialog_add_row(d, "%-12s %d of %lld", "attempt", run->attempt,
			       (long long)def->retry.max_attempts);
	dialog_add_row(d, "%-12s %s", "if it fails",
		       show_on_failure_name(def->on_failure));
	add_scope(d, &v->model->ledger.stages[stage].tokens);
	for (size_t i = 0; i < def->agent_count; i++)
		add_call(d, v, run->calls[i].agent, &run->calls[i]);
}

static void poll_page(struct view *v)
{
	int stage = poll_choice(v);
	struct dialog *d = &v->dialog;
	if (stage < 0)
		return;
	const struct show_poll *def = poll_def(v->model, stage);
	char text[FMT_BYTES];
	int64_t total;
	const int64_t *counts = view_counts(v, stage, &total);
	dialog_open(d, DIALOG_PAGE, ACTION_OPEN, " Poll ", "");
	dialog_add_row(d, "%s", def->question);
	for (size_t i = 0; i < def->option_count; i++)
		dialog_add_row(d, "%-12s %8s  %s", def->options[i].id,
			       fmt_count(text, counts[i]),
			       def->options[i].label);
	dialog_add_row(d, "%-12s %s, a lead of %.1f%%", "needs",
		       fmt_votes(text, def->min_votes), def->min_delta * 100);
	dialog_add_row(d, "%-12s %s", "undecided",
		       show_undecided_name(def->undecided));
}

static void agent_page(struct view *v, int agent)
{
	const struct show_agent *def = &v->show->agents[agent];
	struct dialog *d = &v->dialog;
	char title[128];
	snprintf(title, sizeof title, " %s ", def->id);
	dialog_open(d, DIALOG_PAGE, ACTION_OPEN, title, "");
	d->indent = LABEL_COLUMNS;
	add_text(d, "role", def->role);
	add_text(d, "via", show_via_name(def->via));
	add_text(d, "url", def->url);
	add_text(d, "mcp", def->mcp);
	add_text(d, "model", def->model);
	add_names(d, "argv", &def->argv);
	add_scope(d, &v->model->ledger.agents[agent].tokens);
	dialog_add_row(d, "%-12s %d", "calls out",
		       v->model->agent_calls[agent]);
}

void details_open(struct view *v)
{
	if (v->focus >= PANES || !view_rows(v, v->focus)) {
		view_flash(v, STYLE_WAIT, "There is nothing to open here");
		return;
	}
	int row = v->selected[v->focus];
	switch (v->focus) {
	case PANE_RUN:
		stage_page(v, row);
		break;
	case PANE_POLL:
		poll_page(v);
		break;
	case PANE_TOKENS:
		agent_page(v, row);
		break;
	case PANE_CHECKS:
		check_page_open(v, row);
		break;
	default:
		break;
	}
}

void history_open(struct view *v, enum action_id action)
{
	const struct run *run = &v->model->run;
	struct dialog *d = &v->dialog;
	char clock[FMT_BYTES];
	dialog_open(d, DIALOG_PAGE, action, " What people did ", "");
	d->indent = 10;
	for (int i = 0; i < v->act_count; i++) {
		const struct view_act *act = view_act(v, i);
		bool now = act->at_ms >= run->started_ms;
		dialog_add_row(d, "%-9s %s",
			       now ? fmt_clock(clock,
					       act->at_ms - run->started_ms)
				   : "earlier",
			       act->text);
	}
	if (d->row_count)
		dialog_add_row(d, " ");
	dialog_add_row(d, "All of it: showcaller events %s, where it says by=",
		       v->show->id);
}
