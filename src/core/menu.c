/* menu: the answers of a held call, each with what it says and does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/overage.h"

#define EXPIRY_MS_MAX (7 * 24 * 3600 * INT64_C(1000))
#define AMOUNT_MAX    INT64_C(1000000000000) /* as in the show file */
#define AMOUNT_BYTES  32

int64_t budget_read_amount(const char *text)
{
	int64_t n = 0;
	if (!*text)
		return -1;
	for (; *text; text++) {
		if (*text == ',' || *text == '_')
			continue;
		if (*text < '0' || *text > '9')
			return -1;
		n = n * 10 + (*text - '0');
		if (n > AMOUNT_MAX)
			return -1;
	}
	return n;
}

/* An amount of the answer, or what stands for it when none was given. */
static bool take_amount(struct deciding *d, const char *text, int64_t fallback,
			int64_t *tokens)
{
	*tokens = text ? budget_read_amount(text) : fallback;
	if (*tokens > 0)
		return true;
	char *shown = text_clean_str(text ? text : "0", 40);
	refuse(d, "bad_amount",
	       "`%s` is no number of tokens (1 to 1,000,000,000,000)", shown);
	free(shown);
	return false;
}

static struct json_out *answer_data(const struct deciding *d,
				    const struct answer_given *g)
{
	struct json_out *data = decide_data_by(d, g->by);
	json_add_str(data, "item", g->item.id);
	json_add_str(data, "choice", inbox_choice_name(g->choice));
	return data;
}

static const char *stage_id(const struct deciding *d,
			    const struct answer_given *g)
{
	return d->m->show->stages[g->item.stage].id;
}

/* --- the answers -------------------------------------------------------- */

static bool approve(struct deciding *d, const struct answer_given *g)
{
	struct model *m = d->m;
	int stage = g->item.stage;
	int64_t total = overage_total(m, stage);
	int64_t tokens = g->item.tokens;
	if (g->args[0] && !take_amount(d, g->args[0], 0, &tokens))
		return false;
	total += tokens - g->item.tokens;
	if (g->args[0] && total <= 0)
		return refuse(d, "bad_amount",
			      "%lld tokens leave nothing to lease",
			      (long long)tokens);
	int again = 0;
	enum raise_until until = g->choice == CHOICE_APPROVE ? UNTIL_CALL
							     : UNTIL_STAGE;
	char said[AMOUNT_BYTES];
	text_thousands(said, sizeof said, tokens);
	if (g->choice == CHOICE_APPROVE_STAGE)
		again = overage_again(m, stage,
				      m->stages[stage].asked_tokens > 0);
	struct json_out *data = answer_data(d, g);
	json_object *raises = budget_raises(m, stage, total);
	json_add_int(data, "tokens", tokens);
	json_add_int(data, "lease", total);
	json_add(data, "raises", &raises);
	json_add_str(data, "until", raise_until_name(until));
	if (again)
		json_add_int(data, "again", again);
	if (again)
		answer(d,
		       "approved %s tokens for %s, and as many again up "
		       "to %d time%s without asking",
		       said, stage_id(d, g), again, again == 1 ? "" : "s");
	else
		answer(d, "approved %s tokens for %s", said, stage_id(d, g));
	emit(d, EVENT_BUDGET_APPROVE, stage, -1, &data);
	return true;
}

static bool take_expiry(struct deciding *d, const char *text, int64_t *at_ms)
{
	*at_ms = 0;
	if (!text)
		return true;
	int64_t ms = text_read_ms(text);
	if (ms <= 0 || ms > EXPIRY_MS_MAX) {
		char *shown = text_clean_str(text, 40);
		refuse(d, "bad_expiry",
		       "`%s` is no time for a raise: 90s, 10m, 1h, or a number "
		       "of ms; a week at most",
		       shown);
		free(shown);
		return false;
	}
	*at_ms = d->in->now_ms + ms;
	return true;
}

static bool refuse_few(struct deciding *d, const struct answer_given *g,
		       int64_t tokens, int64_t lacks)
{
	char few[AMOUNT_BYTES], most[AMOUNT_BYTES];
	return refuse(d, "bad_amount", "%s tokens are not enough: %s lacks %s",
		      text_thousands(few, sizeof few, tokens), stage_id(d, g),
		      text_thousands(most, sizeof most, lacks));
}

/* Each scope that lacks something gets that much more. */
static json_object *raise_by(const struct model *m, int stage, int64_t total,
			     int64_t tokens)
{
	struct lack l = overage_lack(m, stage, total);
	json_object *raises = budget_raises(m, stage, total);
	json_object *agents = json_get_object(raises, "agents");
	json_add_int(raises, "episode", l.episode ? tokens : 0);
	json_add_int(raises, "stage", l.stage ? tokens : 0);
	json_object_object_foreach(agents, id, lack)
	{
		(void)id;
		json_object_set_int64(lack, tokens);
	}
	return raises;
}

static void tell_raise(struct deciding *d, const char *what, int64_t tokens,
		       int64_t expires_ms)
{
	char more[AMOUNT_BYTES];
	text_thousands(more, sizeof more, tokens);
	if (expires_ms)
		answer(d,
		       "raised %s by %s tokens for %lld s; what is unused "
		       "then is taken back",
		       what, more,
		       (long long)((expires_ms - d->in->now_ms + 999) / 1000));
	else
		answer(d, "raised %s by %s tokens", what, more);
}

static bool raise(struct deciding *d, const struct answer_given *g)
{
	struct model *m = d->m;
	int stage = g->item.stage;
	int64_t total = overage_total(m, stage);
	struct lack l = overage_lack(m, stage, total);
	int64_t tokens, expires_ms;
	if (!take_amount(d, g->args[0], g->item.tokens, &tokens) ||
	    !take_expiry(d, g->args[1], &expires_ms))
		return false;
	if (tokens < l.most)
		return refuse_few(d, g, tokens, l.most);
	struct json_out *data = answer_data(d, g);
	json_object *raises = raise_by(m, stage, total, tokens);
	json_add_int(data, "tokens", tokens);
	json_add_int(data, "lease", total);
	json_add(data, "raises", &raises);
	if (expires_ms)
		json_add_int(data, "expires_at", expires_ms);
	tell_raise(d, stage_id(d, g), tokens, expires_ms);
	emit(d, EVENT_BUDGET_APPROVE, stage, -1, &data);
	return true;
}

/* Who lends: the stage that was named, else the one with most left. */
static int find_lender(struct deciding *d, const struct answer_given *g,
		       int64_t tokens)
{
	const struct model *m = d->m;
	const char *name = g->args[0];
	int from = name ? show_find_stage(m->show, name)
			: overage_lender(m, g->item.stage, tokens);
	char *shown = text_clean_str(name ? name : "", 64);
	if (from < 0)
		refuse(d, "not_found",
		       name ? "no stage `%s` to borrow from"
			    : "no stage%s has that much left",
		       shown);
	free(shown);
	if (from < 0)
		return -1;
	const struct scope *scope = &m->ledger.stages[from].tokens;
	const char *id = m->show->stages[from].id;
	char left[AMOUNT_BYTES];
	text_thousands(left, sizeof left, scope_remaining(scope));
	if (from == g->item.stage || !scope->limited ||
	    scope_remaining(scope) < tokens) {
		refuse(d, "refused",
		       from == g->item.stage ? "%s cannot borrow from itself"
		       : !scope->limited     ? "%s has no cap to borrow from"
					     : "%s has only %s left",
		       id, left);
		return -1;
	}
	return from;
}

static bool borrow(struct deciding *d, const struct answer_given *g)
{
	struct model *m = d->m;
	int stage = g->item.stage;
	int64_t total = overage_total(m, stage);
	struct lack l = overage_lack(m, stage, total);
	int64_t tokens;
	if (l.episode || l.agents || l.cost_most)
		return refuse(d, "refused",
			      "by now it is not only the cap of %s that lacks: "
			      "approve or raise",
			      stage_id(d, g));
	if (!take_amount(d, g->args[0] ? g->args[1] : NULL,
			 l.stage ? l.stage : g->item.tokens, &tokens))
		return false;
	if (tokens < l.stage)
		return refuse_few(d, g, tokens, l.stage);
	int from = find_lender(d, g, tokens);
	if (from < 0)
		return false;
	const char *lender = m->show->stages[from].id;
	struct json_out *data = answer_data(d, g);
	json_object *raises = json_object_new_object();
	json_object *lenders = json_object_new_object();
	json_add_int(lenders, lender, -tokens);
	json_add_int(raises, "stage", tokens);
	json_add(raises, "stages", &lenders);
	json_add_int(data, "tokens", tokens);
	json_add_int(data, "lease", total);
	json_add_str(data, "from", lender);
	json_add(data, "raises", &raises);
	char lent[AMOUNT_BYTES];
	answer(d, "%s borrows %s tokens from %s", stage_id(d, g),
	       text_thousands(lent, sizeof lent, tokens), lender);
	emit(d, EVENT_BUDGET_APPROVE, stage, -1, &data);
	return true;
}

/* Whether one of the calls goes to it already. */
static bool is_taken(json_object *agents, const char *id)
{
	json_object_object_foreach(agents, from, to)
	{
		(void)from;
		if (strcmp(json_object_get_string(to), id) == 0)
			return true;
	}
	return false;
}

static bool cheaper(struct deciding *d, const struct answer_given *g)
{
	struct model *m = d->m;
	int stage = g->item.stage;
	size_t count = m->show->stages[stage].agent_count;
	json_object *agents = json_object_new_object();
	struct buf names = {0};
	for (size_t k = 0; k < count; k++) {
		int other = overage_fallback(m, stage, k);
		const char *id = other < 0 ? "" : m->show->agents[other].id;
		if (other < 0 || is_taken(agents, id))
			continue;
		json_add_str(agents,
			     m->show->agents[stage_agent(m, stage, k)].id, id);
		buf_addf(&names, "%s%s", names.len ? ", " : "", id);
	}
	bool any = names.len > 0;
	if (any) {
		struct json_out *data = answer_data(d, g);
		json_add(data, "agents", &agents);
		answer(d, "%s goes to %s", stage_id(d, g), buf_str(&names));
		emit(d, EVENT_BUDGET_APPROVE, stage, -1, &data);
	}
	json_object_put(agents);
	buf_release(&names);
	return any ||
	       refuse(d, "refused", "%s has no cheaper agent", stage_id(d, g));
}

static bool deny(struct deciding *d, const struct answer_given *g)
{
	int stage = g->item.stage;
	struct json_out *data = answer_data(d, g);
	answer(d, "denied %s", stage_id(d, g));
	emit(d, EVENT_BUDGET_DENY, stage, -1, &data);
	stages_fail_final(d, stage, "budget", "more tokens were denied");
	return true;
}

/* --- the warning of the episode ----------------------------------------- */

static bool warned(struct deciding *d, const struct answer_given *g)
{
	struct model *m = d->m;
	int64_t tokens = 0, expires_ms = 0;
	if (g->choice == CHOICE_RAISE) {
		int64_t fallback = m->ledger.episode.tokens.allocated / 10;
		if (!take_amount(d, g->args[0], fallback, &tokens) ||
		    !take_expiry(d, g->args[1], &expires_ms))
			return false;
	}
	bool pauses = g->choice == CHOICE_PAUSE && m->run.state == RUN_RUNNING;
	struct json_out *data = answer_data(d, g);
	if (tokens) {
		json_add_int(data, "tokens", tokens);
		json_out_object(data, "raises");
		json_add_int(data, "episode", tokens);
		json_out_end(data);
	}
	if (expires_ms)
		json_add_int(data, "expires_at", expires_ms);
	if (tokens)
		tell_raise(d, "the episode", tokens, expires_ms);
	else
		answer(d, "the run %s",
		       g->choice == CHOICE_PAUSE ? "is paused" : "goes on");
	emit(d, EVENT_BUDGET_APPROVE, -1, -1, &data);
	if (pauses)
		run_pause(d);
	return true;
}

/* The price of what a poll decided. */
static bool answer_price(struct deciding *d, const struct answer_given *g)
{
	bool approved = g->choice == CHOICE_APPROVE;
	int64_t tokens = g->item.tokens;
	if (approved && g->args[0] && !take_amount(d, g->args[0], 0, &tokens))
		return false;
	struct json_out *data = answer_data(d, g);
	polls_price(d, g->item.stage, approved, tokens, &data);
	return true;
}

/* A request for a lease, of a call that goes on. */
static bool answer_ask(struct deciding *d, const struct answer_given *g)
{
	int64_t more = -1;
	if (g->choice == CHOICE_DENY) {
		answer(d, "denied %s", stage_id(d, g));
		asks_deny(d, &g->item, g->by);
		return true;
	}
	return (!g->args[0] || take_amount(d, g->args[0], 0, &more)) &&
	       asks_approve(d, &g->item, more, g->by);
}

bool overage_answer(struct deciding *d, const struct answer_given *g)
{
	if (g->item.kind == INBOX_WARNING)
		return warned(d, g);
	if (g->item.kind == INBOX_CONFLICT)
		return late_answer(d, g);
	if (poll_waits_for_price(d->m, g->item.stage))
		return answer_price(d, g);
	if (asks_find(d->m, g->item.seq))
		return answer_ask(d, g);
	switch (g->choice) {
	case CHOICE_APPROVE:
	case CHOICE_APPROVE_STAGE:
		return approve(d, g);
	case CHOICE_RAISE:
		return raise(d, g);
	case CHOICE_BORROW:
		return borrow(d, g);
	case CHOICE_CHEAPER:
		return cheaper(d, g);
	case CHOICE_DENY:
		return deny(d, g);
	default:
		return refuse(d, "bad_choice", "%s cannot be answered so",
			      g->item.id);
	}
}
