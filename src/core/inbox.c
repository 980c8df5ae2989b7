#include "core/inbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"
#include "core/money.h"

static const char *const kind_names[INBOX_KINDS] = {
	"overage", "failed",  "poll",  "warning",
	"conflict", "propose", "burst",
};

static const char *const choice_names[INBOX_CHOICES] = {
	[CHOICE_APPROVE] = "approve",
	[CHOICE_APPROVE_STAGE] = "approve-stage",
	[CHOICE_CONTINUE] = "continue",
	[CHOICE_PAUSE] = "pause",
	[CHOICE_RAISE] = "raise",
	[CHOICE_BORROW] = "borrow",
	[CHOICE_CHEAPER] = "cheaper",
	[CHOICE_ADOPT_ANYWAY] = "adopt-anyway",
	[CHOICE_DENY] = "deny",
	[CHOICE_DISCARD] = "discard",
	[CHOICE_EXCLUDE] = "exclude",
	[CHOICE_KEEP] = "keep",
};

const char *inbox_kind_name(enum inbox_kind kind)
{
	return kind_names[kind];
}

const char *inbox_choice_name(enum inbox_choice choice)
{
	return choice_names[choice];
}

int inbox_choice_find(const char *name)
{
	for (int i = 0; i < INBOX_CHOICES; i++)
		if (strcmp(choice_names[i], name) == 0)
			return i;
	return -1;
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

const struct inbox_item *inbox_of_stage(const struct model *m, int stage)
{
	uint64_t seq = m->stages[stage].item_seq;
	return seq ? &m->inbox.items[place_of(&m->inbox, seq)] : NULL;
}

bool inbox_in_money(const struct inbox_item *item)
{
	if (item->kind == INBOX_WARNING)
		return item->reason && strcmp(item->reason, "cost") == 0;
	return item->kind == INBOX_OVERAGE && item->agent < 0 &&
	       !item->tokens && item->cost_micros > 0;
}

bool inbox_offers(const struct inbox_item *item, const char *choice)
{
	for (size_t i = 0; item->choices[i]; i++)
		if (strcmp(item->choices[i], choice) == 0)
			return true;
	return false;
}

/* --- folding ------------------------------------------------------------ */

/* The one question of a stage: it stands as long as the stage is in the state
 * that asks. The others end only with their answer, or with the run. */
static bool is_of_stage(const struct inbox_item *item)
{
	return item->kind == INBOX_FAILED || item->kind == INBOX_POLL ||
	       item->kind == INBOX_OVERAGE;
}

static int take_slot(struct inbox *in, uint64_t seq)
{
	size_t i = in->slot_free;
	while (i < in->slot_count && in->slots[i])
		i++;
	if (i == in->slot_count) {
		size_t cap = in->slot_count ? in->slot_count * 2 : 8;
		in->slots = xreallocarray(in->slots, cap, sizeof *in->slots);
		memset(in->slots + in->slot_count, 0,
		       (cap - in->slot_count) * sizeof *in->slots);
		in->slot_count = cap;
	}
	in->slots[i] = seq;
	in->slot_free = i + 1;
	return (int)i;
}

static void item_release(struct model *m, struct inbox_item *item)
{
	if (is_of_stage(item))
		m->stages[item->stage].item_seq = 0;
	if (item->slot >= 0) {
		timers_set(&m->timers, TIMER_INBOX, item->slot, 0);
		m->inbox.slots[item->slot] = 0;
		if ((size_t)item->slot < m->inbox.slot_free)
			m->inbox.slot_free = (size_t)item->slot;
	}
	free(item->text);
	free(item->reason);
	free(item->choices);
}

void inbox_reset(struct model *m)
{
	for (size_t i = 0; i < m->inbox.count; i++)
		item_release(m, &m->inbox.items[i]);
	m->inbox.count = 0;
}

static void close_item(struct model *m, uint64_t seq)
{
	struct inbox *in = &m->inbox;
	size_t i = place_of(in, seq);
	if (i == in->count || in->items[i].seq != seq)
		return;
	item_release(m, &in->items[i]);
	in->count--;
	memmove(&in->items[i], &in->items[i + 1],
		(in->count - i) * sizeof *in->items);
}

void inbox_close(struct model *m, int stage)
{
	if (m->stages[stage].item_seq)
		close_item(m, m->stages[stage].item_seq);
}

static void set_words(struct inbox_item *item)
{
	size_t n = 0;
	item->choices = xcalloc(INBOX_CHOICES + 1, sizeof *item->choices);
	for (int i = 0; i < INBOX_CHOICES; i++)
		if (item->offers & OFFER(i))
			item->choices[n++] = choice_names[i];
}

/* What an item of this kind may be answered. */
static void set_choices(const struct model *m, struct inbox_item *item)
{
	static const char *const failed[] = {"retry", "skip", "fail", NULL};
	bool pays = m->show->budget.approval_default == ANSWER_APPROVE;
	size_t n = 0;
	if (item->kind == INBOX_FAILED) {
		item->choices = xcalloc(COUNT_OF(failed), sizeof(char *));
		memcpy(item->choices, failed, sizeof failed);
	} else if (item->kind == INBOX_POLL) {
		const struct show_poll *poll = poll_def(m, item->stage);
		item->choices = xcalloc(poll->option_count + 2, sizeof(char *));
		for (; n < poll->option_count; n++)
			item->choices[n] = poll->options[n].id;
		item->choices[n] = "extend";
	} else {
		set_words(item);
	}
	if (item->kind == INBOX_OVERAGE)
		item->fallback = pays ? "approve" : "deny";
	else if (item->kind == INBOX_WARNING)
		item->fallback = "continue";
	else if (item->kind == INBOX_PROPOSAL)
		item->fallback = "deny";
}

void inbox_offer(struct model *m, const struct inbox_item *offered)
{
	struct inbox *in = &m->inbox;
	GROW(in->items, in->count, in->cap);
	struct inbox_item *item = &in->items[in->count++];
	*item = *offered;
	set_choices(m, item);
	if (is_of_stage(item))
		m->stages[item->stage].item_seq = item->seq;
	item->slot = -1;
	if (!item->deadline_ms)
		return;
	item->slot = take_slot(in, item->seq);
	timers_set_order(&m->timers, TIMER_INBOX, item->slot, item->seq,
			 item->deadline_ms);
}

static struct inbox_item new_item(const struct model *m, const struct event *e,
				  int stage, enum inbox_kind kind)
{
	struct inbox_item item = {
		.kind = kind,
		.stage = stage,
		.agent = -1,
		.seq = m->seq,
		.opened_ms = e->at_ms,
		.deadline_ms = event_int(e, "deadline", 0),
	};
	text_int(item.id, "i", (long long)m->seq);
	return item;
}

/* What is always offered: one of them is the answer at the deadline. */
unsigned inbox_always(enum inbox_kind kind)
{
	switch (kind) {
	case INBOX_OVERAGE:
	case INBOX_PROPOSAL:
		return OFFER(CHOICE_APPROVE) | OFFER(CHOICE_DENY);
	case INBOX_WARNING:
		return OFFER(CHOICE_CONTINUE);
	case INBOX_CONFLICT:
		return OFFER(CHOICE_DISCARD);
	case INBOX_BURST:
		return OFFER(CHOICE_EXCLUDE) | OFFER(CHOICE_KEEP);
	default:
		return 0;
	}
}

/* A log of an earlier version does not say what it offered. */
static unsigned offers_of(const struct event *e, enum inbox_kind kind)
{
	unsigned offers = inbox_always(kind);
	json_node_each(n, event_array(e, "offers"))
	{
		int choice = inbox_choice_find(json_node_text(n));
		if (choice >= 0)
			offers |= OFFER(choice);
	}
	return offers;
}

static void open_overage(struct model *m, const struct event *e, int stage,
			 int agent)
{
	struct inbox_item item = new_item(m, e, stage, INBOX_OVERAGE);
	item.tokens = event_int(e, "tokens", 0);
	item.cost_micros = event_int(e, "cost_micros", 0);
	item.wanted = event_int(e, "wanted", event_int(e, "asked", 0));
	item.left = event_int(e, "left", 0);
	item.rest = event_int(e, "rest", 0);
	item.reason = xstrdup(event_str(e, "reason", ""));
	item.offers = offers_of(e, INBOX_OVERAGE);
	item.agent = agent;
	inbox_close(m, stage);
	item.text = inbox_overage_text(
		m, &item,
		&(struct inbox_figures){item.tokens, item.cost_micros,
					item.wanted, item.reason, item.left,
					item.rest, false});
	inbox_offer(m, &item);
}

static void open_failed(struct model *m, const struct event *e, int stage)
{
	struct inbox_item item = new_item(m, e, stage, INBOX_FAILED);
	char *error = text_clean_str(event_str(e, "message", ""), 200);
	item.deadline_ms = 0;
	item.text = xconcat(m->show->stages[stage].id, " failed: ",
			    event_str(e, "code", "error"), *error ? ": " : "",
			    error, NULL);
	inbox_close(m, stage);
	inbox_offer(m, &item);
	free(error);
}

/* "route is undecided (40 votes, too close to call: a lead of 2.5% +-15.3%):
 * Which way?" */
static char *undecided_text(const struct model *m, int stage)
{
	const struct show_poll *def = poll_def(m, stage);
	const struct poll_run *p = m->stages[stage].poll;
	struct poll_count c = poll_judge(def, p->counts);
	char why[120], votes[40];
	if (c.lacks == POLL_LACKS_VOTES)
		snprintf(why, sizeof why, "needs %lld",
			 def->min_votes ? (long long)def->min_votes : 1LL);
	else if (c.lacks == POLL_LACKS_TIE)
		snprintf(why, sizeof why, "a tie");
	else
		snprintf(why, sizeof why, "%sa lead of %d.%d%% +-%d.%d%%",
			 c.too_few     ? "too few to tell: "
			 : c.too_close ? "too close to call: "
				       : "",
			 c.margin_permille / 10, c.margin_permille % 10,
			 c.uncertainty_permille / 10,
			 c.uncertainty_permille % 10);
	return xasprintf("%s is undecided (%s, %s): %s",
			 m->show->stages[stage].id,
			 text_counted(votes, sizeof votes, c.total, "vote"),
			 why, def->question);
}

static void open_poll(struct model *m, const struct event *e, int stage)
{
	struct inbox_item item = new_item(m, e, stage, INBOX_POLL);
	item.deadline_ms = 0;
	item.text = undecided_text(m, stage);
	inbox_close(m, stage);
	inbox_offer(m, &item);
}

static void open_warning(struct model *m, const struct event *e)
{
	struct inbox_item item = new_item(m, e, -1, INBOX_WARNING);
	item.reason = xstrdup(event_str(e, "reason", ""));
	item.offers = offers_of(e, INBOX_WARNING);
	item.left = event_int(e, "left", 0);
	item.rest = event_int(e, "rest", 0);
	item.text = text_clean_str(event_str(e, "text", ""), 400);
	inbox_offer(m, &item);
}

static void open_conflict(struct model *m, const struct event *e, int stage)
{
	struct inbox_item item = new_item(m, e, stage, INBOX_CONFLICT);
	item.deadline_ms = 0;
	item.late = (uint64_t)event_int(e, "late", 0);
	item.offers = offers_of(e, INBOX_CONFLICT);
	item.text = text_clean_str(event_str(e, "text", ""), 400);
	inbox_offer(m, &item);
}

/* "audience_whisperer proposes a poll: Whose hat? (hers, his)" */
static void open_proposal(struct model *m, const struct event *e, int place,
			  int agent)
{
	const struct show_poll *def = poll_def(m, place);
	struct buf b = {0};
	if (agent < 0 || !def || !m->stages[place].poll->proposed)
		return;
	struct inbox_item item = new_item(m, e, place, INBOX_PROPOSAL);
	item.agent = agent;
	item.offers = inbox_always(INBOX_PROPOSAL);
	buf_addf(&b, "%s proposes a poll: %s (", m->show->agents[agent].id,
		 def->question);
	for (size_t i = 0; i < def->option_count; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", def->options[i].label);
	buf_adds(&b, ")");
	item.text = text_clean_str(buf_str(&b), 400);
	buf_release(&b);
	inbox_offer(m, &item);
}

static void close_proposal(struct model *m, int place)
{
	for (size_t i = m->inbox.count; i > 0; i--)
		if (m->inbox.items[i - 1].kind == INBOX_PROPOSAL &&
		    m->inbox.items[i - 1].stage == place)
			close_item(m, m->inbox.items[i - 1].seq);
}

static void apply_proposed(struct model *m, const struct event *e, int agent)
{
	int place = show_find_poll(m->show, e->stage);
	if (place < (int)m->show->stage_count)
		return;
	if (e->type == EVENT_POLL_PROPOSE || e->type == EVENT_POLL_CREATE ||
	    e->type == EVENT_POLL_VOID)
		close_proposal(m, place);
	if (e->type == EVENT_POLL_PROPOSE)
		open_proposal(m, e, place, agent);
}

static void open_burst(struct model *m, const struct event *e, int stage)
{
	struct inbox_item item = new_item(m, e, stage, INBOX_BURST);
	const struct poll_run *p = m->stages[stage].poll;
	item.burst = (int)event_int(e, "burst", 0);
	if (item.burst != p->burst_count)
		return;
	char *text = poll_burst_text(m, stage, item.burst);
	item.deadline_ms = 0;
	item.offers = inbox_always(INBOX_BURST);
	item.text = xasprintf("%s: %s", m->show->stages[stage].id, text);
	free(text);
	inbox_offer(m, &item);
}

/* It is decided, or nothing can be decided about it any more. */
static void close_bursts(struct model *m, int stage, int burst)
{
	for (size_t i = m->inbox.count; i > 0; i--) {
		const struct inbox_item *item = &m->inbox.items[i - 1];
		if (item->kind == INBOX_BURST && item->stage == stage &&
		    (!burst || item->burst == burst))
			close_item(m, item->seq);
	}
}

static void apply_burst(struct model *m, const struct event *e, int stage)
{
	int n = (int)event_int(e, "burst", 0);
	const struct poll_run *p = m->stages[stage].poll;
	if (!p || (e->type != EVENT_POLL_CREATE && !poll_def(m, stage)))
		return;
	if (e->type == EVENT_POLL_BURST && n)
		open_burst(m, e, stage);
	else if ((e->type == EVENT_POLL_EXCLUDE ||
		  e->type == EVENT_POLL_INCLUDE) &&
		 n)
		close_bursts(m, stage, n);
	else if (!p->burst_count || p->state == POLL_RESOLVED ||
		 p->state == POLL_VOID)
		close_bursts(m, stage, 0);
}

static void close_conflict(struct model *m, uint64_t late)
{
	for (size_t i = m->inbox.count; late && i > 0; i--)
		if (m->inbox.items[i - 1].late == late)
			close_item(m, m->inbox.items[i - 1].seq);
}

/* An answer names the item that it closes; there is none when nobody was
 * asked. */
static void close_answered(struct model *m, const struct event *e)
{
	const char *id = event_str(e, "item", NULL);
	const struct inbox_item *item = id ? inbox_find(m, id) : NULL;
	/* What a stage asks ends when it leaves the state that asks. */
	if (item && !is_of_stage(item))
		close_item(m, item->seq);
}

/* Calls of it that go on ask for more: one question at a time, the others wait
 * behind it. */
static void apply_to_asks(struct model *m, const struct event *e, int stage,
			  int agent)
{
	const struct inbox_item *item = inbox_of_stage(m, stage);
	if (e->type == EVENT_BUDGET_REQUEST && event_bool(e, "call", false) &&
	    !event_bool(e, "queued", false))
		open_overage(m, e, stage, agent);
	else if (item && !asks_find(m, item->seq))
		inbox_close(m, stage);
	else if (item && e->type == EVENT_BUDGET_APPROVE)
		inbox_close(m, stage);
}

void inbox_apply(struct model *m, const struct event *e, int stage, int agent)
{
	if (e->type == EVENT_RUN_COMPLETE || e->type == EVENT_RUN_CANCEL) {
		inbox_reset(m);
		return;
	}
	if (e->type == EVENT_BUDGET_REQUEST && stage < 0)
		open_warning(m, e);
	if (e->type == EVENT_PROPOSAL_LATE && event_int(e, "late", 0))
		open_conflict(m, e, stage);
	if (e->type == EVENT_PROPOSAL_ADOPT ||
	    e->type == EVENT_PROPOSAL_DISCARD)
		close_conflict(m, (uint64_t)event_int(e, "late", 0));
	if (e->type == EVENT_BUDGET_APPROVE || e->type == EVENT_BUDGET_DENY)
		close_answered(m, e);
	int place = stage < 0 && *e->stage ? show_find_poll(m->show, e->stage)
					   : stage;
	if (place >= 0)
		apply_burst(m, e, place);
	if (stage < 0 && *e->stage)
		apply_proposed(m, e, agent);
	if (stage < 0 || (e->type == EVENT_STAGE_ERROR && agent >= 0))
		return;
	const struct stage_run *s = &m->stages[stage];
	if (s->asks && s->state == STAGE_RUNNING) {
		apply_to_asks(m, e, stage, agent);
		return;
	}
	if (e->type == EVENT_BUDGET_REQUEST && s->state == STAGE_HELD)
		open_overage(m, e, stage, -1);
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
		struct json_out *data = decide_data(d);
		json_add_str(data, "state", "waiting");
		json_add_bool(data, "fresh", true);
		answer(d, "trying %s again", id);
		emit(d, EVENT_STAGE_PROGRESS, stage, -1, &data);
	}
	return true;
}

static void refuse_choice(struct deciding *d, const struct inbox_item *item,
			  const char *choice)
{
	struct buf b = {0};
	bool starts =
		strcmp(choice, inbox_choice_name(CHOICE_CHEAPER)) == 0 ||
		strcmp(choice, inbox_choice_name(CHOICE_APPROVE_STAGE)) == 0;
	for (size_t i = 0; item->choices[i]; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", item->choices[i]);
	refuse(d, "bad_choice", "%s cannot be answered `%s`%s: it takes %s",
	       item->id, choice,
	       starts && asks_find(d->m, item->seq)
		       ? ", which is for the start of a stage, and this call "
			 "is out already"
		       : "",
	       buf_str(&b));
	buf_release(&b);
}

bool inbox_answer(struct deciding *d, const char *id, const char *choice,
		  const char *const *args, const char *by)
{
	const struct inbox_item *found = inbox_find(d->m, id);
	if (!found)
		return refuse(d, "gone",
			      "inbox item %s is gone: it was answered already, "
			      "or its deadline passed",
			      id);
	if (!inbox_offers(found, choice)) {
		refuse_choice(d, found, choice);
		return false;
	}
	if (found->kind == INBOX_FAILED)
		return answer_failed(d, found->stage, choice);
	if (found->kind == INBOX_POLL)
		return polls_answer(d, found->stage, choice);
	struct answer_given given = {
		.item = *found,
		.choice = (enum inbox_choice)inbox_choice_find(choice),
		.args = args,
		.in_money = inbox_in_money(found),
		.by = by,
	};
	/* As it is shown: what was asked may lack less by now, or more. */
	struct inbox_figures now = inbox_figures(d->m, found, NULL);
	given.item.tokens = now.tokens;
	given.item.cost_micros = now.cost_micros;
	/* A copy: what follows closes the item in the model. */
	given.item.text = given.item.reason = NULL;
	given.item.choices = NULL;
	return overage_answer(d, &given);
}

void inbox_timer(struct deciding *d, int slot)
{
	const struct inbox *in = &d->m->inbox;
	size_t i = place_of(in, in->slots[slot]);
	REQUIRE(i < in->count && in->items[i].fallback);
	inbox_default(d, &in->items[i]);
}

void inbox_default(struct deciding *d, const struct inbox_item *item)
{
	static const char *const none[] = {NULL, NULL};
	char id[sizeof item->id];
	memcpy(id, item->id, sizeof id);
	inbox_answer(d, id, item->fallback, none,
		     d->m->run.attended ? "deadline" : "unattended");
}
