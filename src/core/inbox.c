#include "core/inbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

static const char *const kind_names[] = {"overage", "failed", "poll"};

const char *inbox_kind_name(enum inbox_kind kind)
{
	return kind_names[kind];
}

/* Where the item of that event stands or would stand. */
static size_t place_of(const struct inbox *in, uint64_t seq)
{
	size_t low = 0, high = in->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (in->items[mid].seq < seq)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct inbox_item *inbox_find(const struct model *m, const char *id)
{
	const struct inbox *in = &m->inbox;
	uint64_t seq = *id == 'i' ? strtoull(id + 1, NULL, 10) : 0;
	size_t i = place_of(in, seq);
	return i < in->count && strcmp(in->items[i].id, id) == 0 ? &in->items[i]
								 : NULL;
}

static const struct inbox_item *find_stage(const struct model *m, int stage)
{
	uint64_t seq = m->stages[stage].item_seq;
	return seq ? &m->inbox.items[place_of(&m->inbox, seq)] : NULL;
}

/* --- folding ------------------------------------------------------------ */

static void item_release(struct model *m, struct inbox_item *item)
{
	m->stages[item->stage].item_seq = 0;
	free(item->text);
	free(item->choices);
}

void inbox_reset(struct model *m)
{
	for (size_t i = 0; i < m->inbox.count; i++)
		item_release(m, &m->inbox.items[i]);
	m->inbox.count = 0;
}

void inbox_close(struct model *m, int stage)
{
	struct inbox *in = &m->inbox;
	uint64_t seq = m->stages[stage].item_seq;
	if (!seq)
		return;
	size_t i = place_of(in, seq);
	item_release(m, &in->items[i]);
	in->count--;
	memmove(&in->items[i], &in->items[i + 1],
		(in->count - i) * sizeof *in->items);
	timers_set(&m->timers, TIMER_INBOX, stage, 0);
}

/* What an item of this kind may be answered. */
static void set_choices(const struct model *m, struct inbox_item *item)
{
	static const char *const overage[] = {"approve", "deny"};
	static const char *const failed[] = {"retry", "skip", "fail"};
	const struct show_poll *poll = m->show->stages[item->stage].poll;
	bool pays = m->show->budget.approval_default == ANSWER_APPROVE;
	size_t n = 0;
	item->choices = xcalloc((poll ? poll->option_count : 3) + 2,
				sizeof *item->choices);
	switch (item->kind) {
	case INBOX_OVERAGE:
		memcpy(item->choices, overage, sizeof overage);
		item->fallback = pays ? "approve" : "deny";
		break;
	case INBOX_FAILED:
		memcpy(item->choices, failed, sizeof failed);
		break;
	case INBOX_POLL:
		for (; poll && n < poll->option_count; n++)
			item->choices[n] = poll->options[n].id;
		item->choices[n] = "extend";
		break;
	}
}

void inbox_offer(struct model *m, const struct inbox_item *item)
{
	struct inbox *in = &m->inbox;
	GROW(in->items, in->count, in->cap);
	in->items[in->count] = *item;
	set_choices(m, &in->items[in->count]);
	m->stages[item->stage].item_seq = item->seq;
	in->count++;
	timers_set(&m->timers, TIMER_INBOX, item->stage, item->deadline_ms);
}

/* Takes over `text`. */
static void open_item(struct model *m, const struct event *e, int stage,
		      enum inbox_kind kind, char *text)
{
	struct inbox_item item = {
		.kind = kind,
		.stage = stage,
		.seq = m->seq,
		.opened_ms = e->at_ms,
		.text = text,
	};
	if (kind == INBOX_OVERAGE) {
		item.tokens = event_int(e, "tokens", 0);
		item.deadline_ms = event_int(e, "deadline", 0);
	}
	snprintf(item.id, sizeof item.id, "i%" PRIu64, m->seq);
	inbox_close(m, stage);
	inbox_offer(m, &item);
}

static void open_overage(struct model *m, const struct event *e, int stage)
{
	const char *why = event_str(e, "reason", "");
	char more[32], left[32], rest[32];
	text_thousands(more, sizeof more, event_int(e, "tokens", 0));
	text_thousands(left, sizeof left, event_int(e, "left", 0));
	text_thousands(rest, sizeof rest, event_int(e, "rest", 0));
	char *text = xasprintf(
		"%s %s %s more%s  left %s  rest of show needs ~%s",
		*e->agent ? e->agent : m->show->stages[stage].id,
		strcmp(why, "asked") == 0 ? "asks for" : "wants", more,
		strcmp(why, "stage") == 0   ? " than its cap"
		: strcmp(why, "agent") == 0 ? " than its agent's quota"
					    : "",
		left, rest);
	open_item(m, e, stage, INBOX_OVERAGE, text);
}

static void open_failed(struct model *m, const struct event *e, int stage)
{
	char *error = text_clean_str(event_str(e, "message", ""), 200);
	char *text = xasprintf("%s failed: %s%s%s", m->show->stages[stage].id,
			       event_str(e, "code", "error"),
			       *error ? ": " : "", error);
	open_item(m, e, stage, INBOX_FAILED, text);
	free(error);
}

static void open_poll(struct model *m, const struct event *e, int stage)
{
	char *text = xasprintf("%s is undecided (%lld votes): %s",
			       m->show->stages[stage].id,
			       (long long)m->stages[stage].poll->total,
			       m->show->stages[stage].poll->question);
	open_item(m, e, stage, INBOX_POLL, text);
}

/* Calls of it that go on ask for more: one question at a time, the others wait
 * behind it. */
static void apply_to_asks(struct model *m, const struct event *e, int stage)
{
	const struct inbox_item *item = find_stage(m, stage);
	if (e->type == EVENT_BUDGET_REQUEST && event_bool(e, "call", false) &&
	    !event_bool(e, "queued", false))
		open_overage(m, e, stage);
	else if (item && !asks_find(m, item->seq))
		inbox_close(m, stage);
	else if (item && e->type == EVENT_BUDGET_APPROVE)
		inbox_close(m, stage);
}

/* Every question belongs to a stage and stands as long as the stage is in the
 * state that asks. */
void inbox_apply(struct model *m, const struct event *e, int stage, int agent)
{
	if (e->type == EVENT_RUN_COMPLETE || e->type == EVENT_RUN_CANCEL) {
		inbox_reset(m);
		return;
	}
	if (stage < 0 || (e->type == EVENT_STAGE_ERROR && agent >= 0))
		return;
	const struct stage_run *s = &m->stages[stage];
	if (s->asks && s->state == STAGE_RUNNING) {
		apply_to_asks(m, e, stage);
		return;
	}
	if (e->type == EVENT_BUDGET_REQUEST && s->state == STAGE_HELD)
		open_overage(m, e, stage);
	else if (e->type == EVENT_STAGE_ERROR && s->state == STAGE_FAILED &&
		 s->outcome == OUTCOME_OPEN)
		open_failed(m, e, stage);
	else if (e->type == EVENT_POLL_CLOSE && s->poll &&
		 event_bool(e, "asks", false))
		open_poll(m, e, stage);
	else if (s->state != STAGE_HELD && s->state != STAGE_FAILED &&
		 !(s->poll && s->poll->state == POLL_CLOSED))
		inbox_close(m, stage);
	else if (e->type == EVENT_STAGE_ERROR)
		inbox_close(m, stage);
}

/* --- deciding ----------------------------------------------------------- */

static bool answer_overage(struct deciding *d, const struct inbox_item *item,
			   const char *choice, const char *amount,
			   const char *by)
{
	if (strcmp(choice, "approve") == 0)
		return budget_approve(d, item, amount);
	answer(d, "denied %s", d->m->show->stages[item->stage].id);
	budget_deny(d, item, by);
	return true;
}

static bool answer_failed(struct deciding *d, int stage, const char *choice)
{
	const char *id = d->m->show->stages[stage].id;
	if (strcmp(choice, "skip") == 0) {
		answer(d, "skipped %s", id);
		stages_skip(d, stage, "operator", NULL);
	} else if (strcmp(choice, "fail") == 0) {
		char *why = xasprintf("%s failed", id);
		answer(d, "the run fails with %s", id);
		run_fail(d, why);
		free(why);
	} else {
		json_object *data = decide_data(d);
		json_add_str(data, "state", "waiting");
		json_add_bool(data, "fresh", true);
		answer(d, "trying %s again", id);
		emit(d, EVENT_STAGE_PROGRESS, stage, -1, &data);
	}
	return true;
}

static bool offers(const struct inbox_item *item, const char *choice)
{
	for (size_t i = 0; item->choices[i]; i++)
		if (strcmp(item->choices[i], choice) == 0)
			return true;
	return false;
}

static void refuse_choice(struct deciding *d, const struct inbox_item *item,
			  const char *choice)
{
	struct buf b = {0};
	for (size_t i = 0; item->choices[i]; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", item->choices[i]);
	refuse(d, "bad_choice", "%s cannot be answered `%s`: it takes %s",
	       item->id, choice, buf_str(&b));
	buf_release(&b);
}

bool inbox_answer(struct deciding *d, const char *id, const char *choice,
		  const char *amount, const char *by)
{
	const struct inbox_item *found = inbox_find(d->m, id);
	if (!found)
		return refuse(d, "gone",
			      "inbox item %s is gone: it was answered already, "
			      "or its deadline passed",
			      id);
	if (!offers(found, choice)) {
		refuse_choice(d, found, choice);
		return false;
	}
	/* A copy: what follows closes the item in the model. */
	struct inbox_item item = *found;
	item.text = NULL;
	item.choices = NULL;
	if (item.kind == INBOX_OVERAGE)
		return answer_overage(d, &item, choice, amount, by);
	if (item.kind == INBOX_FAILED)
		return answer_failed(d, item.stage, choice);
	return polls_answer(d, item.stage, choice);
}

void inbox_timer(struct deciding *d, int stage)
{
	const struct inbox_item *item = find_stage(d->m, stage);
	REQUIRE(item && item->fallback);
	char id[sizeof item->id];
	memcpy(id, item->id, sizeof id);
	inbox_answer(d, id, item->fallback, NULL,
		     d->m->run.attended ? "deadline" : "unattended");
}
