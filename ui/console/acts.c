#include "console/acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "console/fmt.h"

#define FIRST_WORDS_MS 60000 /* a console that was started with it looks */
#define BEHIND_MS      1000  /* answers and events come on two ways */
#define NAME_BYTES     24
#define PART_BYTES     80

/* {stage}, {agent}, {amount} and members of the data, with what stands there
 * when there is none: "{agent|all agents}". Of the rows of a type the first
 * that fits. */
static const struct {
	enum event_type type;
	const char *member, *value; /* NULL: fits always */
	const char *words;
} acts[] = {
	{EVENT_RUN_PAUSE, "panic", "true", "PANIC"},
	{EVENT_RUN_PAUSE, NULL, NULL, "paused the run"},
	{EVENT_RUN_RESUME, NULL, NULL, "resumed the run"},
	{EVENT_RUN_CANCEL, NULL, NULL, "cancelled the run"},
	{EVENT_RUN_COMPLETE, NULL, NULL, "gave up: {why}"},
	{EVENT_STAGE_PROGRESS, NULL, NULL, "tries {stage} again"},
	{EVENT_STAGE_COMPLETE, NULL, NULL, "completed {stage} by hand"},
	{EVENT_STAGE_ERROR, NULL, NULL, "cancelled {stage}"},
	{EVENT_STAGE_SKIP, NULL, NULL, "skipped {stage}"},
	{EVENT_STAGE_GO, NULL, NULL, "GO for {stage}"},
	{EVENT_STAGE_RESET, "why", "rollback",
	 "took the story back to version {to}"},
	{EVENT_STAGE_RESET, NULL, NULL, "runs {stage} again"},
	{EVENT_POLL_PROPOSE, NULL, NULL, "proposes poll {stage}: {question}"},
	{EVENT_POLL_CREATE, NULL, NULL, "asks the audience: {question}"},
	{EVENT_POLL_EXTEND, NULL, NULL, "gave poll {stage} more time"},
	{EVENT_POLL_FREEZE, NULL, NULL, "froze poll {stage}"},
	{EVENT_POLL_UNFREEZE, NULL, NULL, "lets poll {stage} go on"},
	{EVENT_POLL_CLOSE, NULL, NULL, "closed poll {stage}"},
	{EVENT_POLL_RESOLVE, NULL, NULL, "decided poll {stage}: {winner}"},
	{EVENT_POLL_VOID, NULL, NULL, "voided poll {stage}"},
	{EVENT_POLL_EXCLUDE, NULL, NULL,
	 "took burst {burst} out of poll {stage}"},
	{EVENT_POLL_INCLUDE, NULL, NULL, "lets burst {burst} of {stage} count"},
	{EVENT_BUDGET_APPROVE, "choice", "raise",
	 "raised {stage|the episode} by {amount}"},
	{EVENT_BUDGET_APPROVE, "choice", "borrow",
	 "lent {stage} {amount} of {from}"},
	{EVENT_BUDGET_APPROVE, "choice", "cheaper",
	 "gave {stage} to a cheaper agent"},
	{EVENT_BUDGET_APPROVE, "choice", "continue", "lets the run go on"},
	{EVENT_BUDGET_APPROVE, "choice", "pause", "paused the run"},
	{EVENT_BUDGET_APPROVE, NULL, NULL, "approved {amount} for {stage}"},
	{EVENT_BUDGET_DENY, NULL, NULL, "denied {stage} more tokens"},
	{EVENT_PROPOSAL_LATE, NULL, NULL,
	 "wants the late answer of {agent} for {stage}"},
	{EVENT_PROPOSAL_ADOPT, NULL, NULL,
	 "adopted the late answer of {agent} for {stage}"},
	{EVENT_PROPOSAL_DISCARD, NULL, NULL,
	 "discarded the late answer of {agent} for {stage}"},
	{EVENT_AGENT_KILL, NULL, NULL, "killed {agent|all agents}"},
	{EVENT_AGENT_REVIVE, NULL, NULL, "revived {agent|all agents}"},
	{EVENT_OBS_HOLD, "state", "released", "lets rules switch scenes"},
	{EVENT_OBS_HOLD, "why", "asked to wait", "lets rules wait"},
	{EVENT_OBS_HOLD, NULL, NULL, "chose {why}: rules wait"},
	{EVENT_OBS_COMMAND, NULL, NULL, "told OBS: {what}"},
	{EVENT_RULE_OFF, NULL, NULL, "switched off {rule|all rules}"},
	{EVENT_RULE_ON, NULL, NULL, "switched on {rule|the rules}"},
	{EVENT_CHECK_OVERRIDE, NULL, NULL,
	 "goes on without pre-flight: {reason}"},
	{EVENT_ALARM_ACK, NULL, NULL, "acknowledged {id}"},
	{EVENT_NOTE, NULL, NULL, "noted: {text}"},
};

/* Tokens or, where it is of money alone, that. */
static char *amount(const struct event *e)
{
	char n[FMT_BYTES];
	int64_t tokens = event_int(e, "tokens", 0);
	int64_t micros = event_int(e, "cost_micros", 0);
	return tokens || !micros
		       ? xasprintf("%s tokens", fmt_count(n, tokens))
		       : xasprintf("%s of money", fmt_money(n, micros));
}

/* As text, "" when there is none. Caller frees. */
static char *member(const struct event *e, const char *name)
{
	char figure[FMT_BYTES];
	if (strcmp(name, "amount") == 0)
		return amount(e);
	if (strcmp(name, "stage") == 0)
		return text_clean_str(e->stage, PART_BYTES);
	if (strcmp(name, "agent") == 0)
		return text_clean_str(e->agent, PART_BYTES);
	json_object *v = event_ref(e, name);
	char *text =
		json_object_is_type(v, json_type_int)
			? xstrdup(fmt_count(figure, json_object_get_int64(v)))
			: text_clean_str(v ? json_object_get_string(v) : "",
					 PART_BYTES);
	json_object_put(v);
	return text;
}

/* From behind its '{'; returns what follows its '}'. */
static const char *put_part(struct buf *b, const struct event *e,
			    const char *part)
{
	const char *end = strchr(part, '}');
	size_t len = strcspn(part, "|}");
	char name[NAME_BYTES];
	REQUIRE(end && len < sizeof name);
	memcpy(name, part, len);
	name[len] = '\0';
	char *text = member(e, name);
	if (*text)
		buf_adds(b, text);
	else if (part[len] == '|')
		buf_add(b, part + len + 1, (size_t)(end - part) - len - 1);
	free(text);
	return end + 1;
}

static bool fits(const struct event *e, size_t row)
{
	if (acts[row].type != e->type)
		return false;
	if (!acts[row].member)
		return true;
	char *has = member(e, acts[row].member);
	bool same = strcmp(has, acts[row].value) == 0;
	free(has);
	return same;
}

const char *acts_words(const struct event *e, char *out, size_t out_bytes)
{
	struct buf b = {0};
	size_t row = 0;
	while (row < COUNT_OF(acts) && !fits(e, row))
		row++;
	const char *words = row < COUNT_OF(acts) ? acts[row].words
						 : event_type_name(e->type);
	while (*words) {
		size_t plain = strcspn(words, "{");
		buf_add(&b, words, plain);
		words += plain;
		if (*words)
			words = put_part(&b, e, words + 1);
	}
	char *clean = text_clean_str(buf_str(&b), out_bytes - 1);
	memcpy(out, clean, strlen(clean) + 1);
	free(clean);
	buf_release(&b);
	return out;
}

/* --- what is kept of them ------------------------------------------------ */

const struct view_act *view_act(const struct view *v, int i)
{
	return &v->acts[(v->act_newest + VIEW_ACTS - i) % VIEW_ACTS];
}

static struct view_act *next_act(struct view *v, const struct event *event)
{
	v->act_newest = (v->act_newest + 1) % VIEW_ACTS;
	v->act_count += v->act_count < VIEW_ACTS;
	struct view_act *act = &v->acts[v->act_newest];
	*act = (struct view_act){.at_ms = event->at_ms};
	return act;
}

static void flash_too_late(struct view *v, const char *asked, const char *other)
{
	view_flash(v, STYLE_BAD, "%s: too late; %s", asked, other);
}

/* It changes nothing that somebody else could have asked for. */
static bool is_harmless(enum event_type type)
{
	return type == EVENT_NOTE || type == EVENT_ALARM_ACK;
}

/* A human did something: who, and what. What follows from it in the same
 * decision is not told, nor what a reset has to end before. */
static void keep_person(struct view *v, const struct event *event)
{
	char words[160];
	const char *by = event_str(event, "by", "");
	if (!strchr(by, '@') && strcmp(by, "web") != 0)
		return;
	char *clean = text_clean_str(by, 100);
	size_t len = strlen(clean);
	struct view_act *act = &v->acts[v->act_newest];
	bool same = v->act_count && event->at_ms == act->at_ms &&
		    strncmp(act->text, clean, len) == 0 &&
		    act->text[len] == ':';
	if (same && event->type != EVENT_STAGE_RESET) {
		free(clean);
		return;
	}
	if (!same)
		act = next_act(v, event);
	act->heard = v->link.caught_up && *v->by && strcmp(by, v->by) != 0;
	act->other = act->heard && !is_harmless(event->type);
	snprintf(act->text, sizeof act->text, "%s: %s", clean,
		 acts_words(event, words, sizeof words));
	free(clean);
	if (!act->heard)
		return;
	if (act->other)
		v->other_mono_ms = v->mono_ms;
	if (act->other && *v->refused &&
	    v->mono_ms - v->refused_mono_ms < BEHIND_MS)
		flash_too_late(v, v->refused, act->text);
	/* What waited for a new leader comes right behind it. */
	else if (v->mono_ms >= v->link.told_until_mono_ms)
		view_flash(v, STYLE_WAIT, "%s", act->text);
}

/* What another one did so lately that it may be why we are refused; NULL. */
static const char *lately(const struct view *v)
{
	for (int i = 0; i < v->act_count; i++)
		if (view_act(v, i)->other)
			return v->other_mono_ms &&
					       v->mono_ms - v->other_mono_ms <
						       VIEW_TWICE_MS
				       ? view_act(v, i)->text
				       : NULL;
	return NULL;
}

void acts_refused(struct view *v, const char *asked, const char *why,
		  int64_t sent_mono_ms)
{
	const char *other = lately(v);
	if (other) {
		flash_too_late(v, asked, other);
		if (v->other_mono_ms >= sent_mono_ms)
			return;
	} else {
		view_flash(v, STYLE_BAD, "%s: %s", asked, why);
	}
	snprintf(v->refused, sizeof v->refused, "%s", asked);
	v->refused_mono_ms = v->mono_ms;
}

/* Nobody wished it, so nobody looks for it. */
static void keep_void(struct view *v, const struct event *event)
{
	const char *why = event_str(event, "why", NULL);
	if (!why)
		return;
	struct view_act *act = next_act(v, event);
	char *question = text_clean_str(event_str(event, "question", ""), 120);
	char *clean = text_clean_str(why, 60);
	snprintf(act->text, sizeof act->text, "poll %s is void, %s: %s",
		 event->stage, clean, question);
	free(clean);
	free(question);
	act->heard = v->link.caught_up;
	if (act->heard)
		view_flash(v, STYLE_WAIT, "%s", act->text);
}

/* What a core says as it begins: that the show file has changed, or what its
 * Redis may lose. Whoever started it has to see that. */
static void keep_first_words(struct view *v, const struct event *event)
{
	if (event->at_ms != v->led_ms ||
	    strcmp(event_str(event, "by", ""), "showcaller") != 0)
		return;
	struct view_act *act = next_act(v, event);
	char *clean = text_clean_str(event_str(event, "text", ""),
				     sizeof act->text - 1);
	snprintf(act->text, sizeof act->text, "%s", clean);
	free(clean);
	act->heard = v->now_ms - event->at_ms < FIRST_WORDS_MS;
	if (act->heard)
		view_flash(v, STYLE_WAIT, "%s", act->text);
}

void acts_keep(struct view *v, const struct event *event)
{
	keep_person(v, event);
	if (event->type == EVENT_POLL_VOID)
		keep_void(v, event);
	if (event->type == EVENT_LEADER_TAKE)
		v->led_ms = event->at_ms;
	if (event->type == EVENT_NOTE)
		keep_first_words(v, event);
}
