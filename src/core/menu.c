/* menu: the answers of a held call, each with what it says and does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/money.h"
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

static const char *amount_text(const struct deciding *d, bool money, int64_t n,
			       char *out)
{
	if (money)
		return money_text(d->m, n, out);
	text_thousands(out, MONEY_BYTES, n);
	strcat(out, " tokens");
	return out;
}

/* An amount of the answer, or what stands for it when none was given. */
static bool take_amount(struct deciding *d, bool money, const char *text,
			int64_t fallback, int64_t *n)
{
	*n = !text   ? fallback
	     : money ? money_read(text)
		     : budget_read_amount(text);
	if (*n > 0)
		return true;
	char *shown = text_clean_str(text ? text : "0", 40);
	if (money)
		refuse(d, "bad_amount",
		       "`%s` is no amount of money (such as 1.50)", shown);
	else
		refuse(d, "bad_amount",
		       "`%s` is no number of tokens (1 to 1,000,000,000,000)",
		       shown);
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

static bool refuse_few(struct deciding *d, const struct answer_given *g,
		       int64_t amount, int64_t lacks)
{
	char few[MONEY_BYTES], most[MONEY_BYTES];
	amount_text(d, g->in_money, amount, few);
	amount_text(d, g->in_money, lacks, most);
	if (!g->in_money)
		most[strcspn(most, " ")] = '\0';
	return refuse(d, "bad_amount", "%s %s not enough: %s lacks %s", few,
		      g->in_money ? "is" : "are", stage_id(d, g), most);
}

/* Each number in it becomes `n`. */
static void set_all(json_object *o, int64_t n)
{
	if (!o)
		return;
	json_object_object_foreach(o, key, v)
	{
		(void)key;
		if (json_object_is_type(v, json_type_object))
			set_all(v, n);
		else
			json_object_set_int64(v, n);
	}
}

/* What the question is about: the start of a stage, or a lease that a call asks
 * for while it goes on. */
struct wish {
	bool is_ask;
	int stage, agent; /* agent: of an ask */
	int64_t tokens, cost_micros;
	struct lack lack;
};

static struct wish wish_of(const struct model *m, const struct answer_given *g)
{
	const struct lease_ask *a = asks_find(m, g->item.seq);
	struct wish w = {.is_ask = a != NULL, .stage = g->item.stage};
	if (a) {
		w.agent = a->agent;
		w.tokens = a->tokens;
		w.cost_micros = a->cost_micros;
		w.lack = leases_lack(m, w.stage, w.agent, w.tokens,
				     w.cost_micros);
	} else {
		w.tokens = overage_total(m, w.stage);
		w.lack = overage_lack(m, w.stage, w.tokens);
	}
	return w;
}

static void give(struct deciding *d, const struct answer_given *g,
		 const struct wish *w, struct json_out **data)
{
	if (w->is_ask) {
		asks_go_on(d, &g->item, w->tokens, w->cost_micros, data);
		return;
	}
	json_add_int(*data, "lease", w->tokens);
	emit(d, EVENT_BUDGET_APPROVE, w->stage, -1, data);
}

/* What each of its scopes lacks. Caller puts. */
static json_object *wish_raises(const struct model *m, const struct wish *w)
{
	if (!w->is_ask)
		return budget_raises(m, w->stage, w->tokens);
	json_object *raises = json_object_new_object();
	struct need need = {w->agent, w->tokens, w->cost_micros};
	budget_needs(m, w->stage, &need, 1, 0, raises);
	return raises;
}

/* Each scope that lacks something gets that much more. */
static json_object *raise_by(const struct model *m, const struct wish *w,
			     bool money, int64_t n)
{
	json_object *raises = wish_raises(m, w);
	if (money) {
		set_all(json_get_object(raises, "cost"), n);
		return raises;
	}
	json_add_int(raises, "episode", w->lack.episode ? n : 0);
	json_add_int(raises, "stage", w->lack.stage ? n : 0);
	set_all(json_get_object(raises, "agents"), n);
	return raises;
}

/* `n` more than what it was asked for, in tokens: another lease. In money it
 * is what the scopes get; the lease is the same. */
static struct json_out *approve_data(struct deciding *d,
				     const struct answer_given *g, int64_t n)
{
	struct model *m = d->m;
	int stage = g->item.stage;
	int64_t total = overage_total(m, stage);
	struct json_out *data = answer_data(d, g);
	json_object *raises;
	if (g->in_money) {
		struct wish w = wish_of(m, g);
		raises = raise_by(m, &w, true, n);
	} else {
		total += n - g->item.tokens;
		raises = budget_raises(m, stage, total);
	}
	json_add_int(data, "tokens", g->in_money ? 0 : n);
	if (g->item.cost_micros)
		json_add_int(data, "cost_micros",
			     g->in_money ? n : g->item.cost_micros);
	json_add_int(data, "lease", total);
	json_add(data, "raises", &raises);
	return data;
}

/* The amount of an approval, or what lacks. */
static bool take_approved(struct deciding *d, const struct answer_given *g,
			  int64_t *n)
{
	const struct model *m = d->m;
	int64_t total = overage_total(m, g->item.stage);
	int64_t lacks = g->item.tokens;
	if (g->in_money)
		lacks = overage_lack(m, g->item.stage, total).cost_most;
	*n = lacks;
	if (!g->args[0])
		return true;
	if (!take_amount(d, g->in_money, g->args[0], 0, n))
		return false;
	if (g->in_money)
		return *n >= lacks || refuse_few(d, g, *n, lacks);
	return total + *n - lacks > 0 ||
	       refuse(d, "bad_amount", "%lld tokens leave nothing to lease",
		      (long long)*n);
}

static bool approve(struct deciding *d, const struct answer_given *g)
{
	struct model *m = d->m;
	int stage = g->item.stage;
	bool once = g->choice == CHOICE_APPROVE;
	char said[MONEY_BYTES];
	int64_t n;
	if (!take_approved(d, g, &n))
		return false;
	amount_text(d, g->in_money, n, said);
	int again = once ? 0
			 : overage_again(m, stage,
					 m->stages[stage].asked_tokens > 0);
	struct json_out *data = approve_data(d, g, n);
	json_add_str(data, "until",
		     raise_until_name(once ? UNTIL_CALL : UNTIL_STAGE));
	if (again)
		json_add_int(data, "again", again);
	if (again)
		answer(d,
		       "approved %s for %s, and as many again up to %d time%s "
		       "without asking",
		       said, stage_id(d, g), again, again == 1 ? "" : "s");
	else
		answer(d, "approved %s for %s", said, stage_id(d, g));
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

static void tell_raise(struct deciding *d, const char *what, bool money,
		       int64_t n, int64_t expires_ms)
{
	char more[MONEY_BYTES];
	amount_text(d, money, n, more);
	if (expires_ms)
		answer(d,
		       "raised %s by %s for %lld s; what is unused then is "
		       "taken back",
		       what, more,
		       (long long)((expires_ms - d->in->now_ms + 999) / 1000));
	else
		answer(d, "raised %s by %s", what, more);
}

static bool raise(struct deciding *d, const struct answer_given *g)
{
	bool money = g->in_money;
	struct wish w = wish_of(d->m, g);
	int64_t lacks = money ? w.lack.cost_most : w.lack.most, n, expires_ms;
	if (!take_amount(d, money, g->args[0], money ? lacks : g->item.tokens,
			 &n) ||
	    !take_expiry(d, g->args[1], &expires_ms))
		return false;
	if (n < lacks)
		return refuse_few(d, g, n, lacks);
	struct json_out *data = answer_data(d, g);
	json_object *raises = raise_by(d->m, &w, money, n);
	json_add_int(data, "tokens", money ? 0 : n);
	if (money)
		json_add_int(data, "cost_micros", n);
	json_add(data, "raises", &raises);
	if (expires_ms)
		json_add_int(data, "expires_at", expires_ms);
	tell_raise(d, stage_id(d, g), money, n, expires_ms);
	give(d, g, &w, &data);
	return true;
}

/* Who lends: the stage that was named, else the one with most left. */
static int find_lender(struct deciding *d, const struct answer_given *g,
		       int64_t n)
{
	const struct model *m = d->m;
	const char *name = g->args[0];
	int from = name ? show_find_stage(m->show, name)
			: overage_lender(m, g->item.stage, g->in_money, n);
	char *shown = text_clean_str(name ? name : "", 64);
	if (from < 0)
		refuse(d, "not_found",
		       name ? "no stage `%s` to borrow from"
			    : "no stage%s has that much left",
		       shown);
	free(shown);
	if (from < 0)
		return -1;
	const struct purse *purse = &m->ledger.stages[from];
	const struct scope *scope = g->in_money ? &purse->cost : &purse->tokens;
	char left[MONEY_BYTES];
	amount_text(d, g->in_money, scope_remaining(scope), left);
	if (!g->in_money)
		left[strcspn(left, " ")] = '\0';
	if (from == g->item.stage || !scope->limited ||
	    scope_remaining(scope) < n) {
		refuse(d, "refused",
		       from == g->item.stage ? "%s cannot borrow from itself"
		       : !scope->limited     ? "%s has no cap to borrow from"
					     : "%s has only %s left",
		       m->show->stages[from].id, left);
		return -1;
	}
	return from;
}

/* What the one stage gets and the other one loses. */
static json_object *loan(const char *lender, bool money, int64_t n)
{
	json_object *raises = json_object_new_object();
	json_object *lenders = json_object_new_object();
	json_add_int(lenders, lender, -n);
	json_add_int(raises, "stage", n);
	json_add(raises, "stages", &lenders);
	if (!money)
		return raises;
	json_object *all = json_object_new_object();
	json_add(all, "cost", &raises);
	return all;
}

static bool borrow(struct deciding *d, const struct answer_given *g)
{
	struct model *m = d->m;
	bool money = g->in_money;
	struct wish w = wish_of(m, g);
	int64_t lacks = overage_cap_alone(&w.lack, money), n;
	if (!lacks && (w.lack.most || w.lack.cost_most))
		return refuse(d, "refused",
			      "by now it is not only the cap of %s that lacks: "
			      "approve or raise",
			      stage_id(d, g));
	if (!take_amount(d, money, g->args[0] ? g->args[1] : NULL,
			 lacks	 ? lacks
			 : money ? g->item.cost_micros
				 : g->item.tokens,
			 &n))
		return false;
	if (n < lacks)
		return refuse_few(d, g, n, lacks);
	int from = find_lender(d, g, n);
	if (from < 0)
		return false;
	const char *lender = m->show->stages[from].id;
	struct json_out *data = answer_data(d, g);
	json_object *raises = loan(lender, money, n);
	char lent[MONEY_BYTES];
	json_add_int(data, "tokens", money ? 0 : n);
	if (money)
		json_add_int(data, "cost_micros", n);
	json_add_str(data, "from", lender);
	json_add(data, "raises", &raises);
	answer(d, "%s borrows %s from %s", stage_id(d, g),
	       amount_text(d, money, n, lent), lender);
	give(d, g, &w, &data);
	return true;
}

static bool cheaper(struct deciding *d, const struct answer_given *g)
{
	const struct model *m = d->m;
	int stage = g->item.stage;
	size_t count = m->show->stages[stage].agent_count;
	int *to = xcalloc(count + 1, sizeof *to);
	struct buf names = {0};
	bool any = overage_fallbacks(m, stage, to) > 0;
	struct json_out *data = answer_data(d, g);
	json_out_object(data, "agents");
	for (size_t k = 0; k < count; k++) {
		if (to[k] < 0)
			continue;
		const char *id = m->show->agents[to[k]].id;
		json_add_str(data, m->show->agents[stage_agent(m, stage, k)].id,
			     id);
		buf_addf(&names, "%s%s", names.len ? ", " : "", id);
	}
	json_out_end(data);
	if (any) {
		answer(d, "%s goes to %s", stage_id(d, g), buf_str(&names));
		emit(d, EVENT_BUDGET_APPROVE, stage, -1, &data);
	}
	json_out_free(&data);
	buf_release(&names);
	free(to);
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
	const struct purse *purse = &m->ledger.episode;
	bool money = g->in_money;
	int64_t n = 0, expires_ms = 0;
	if (g->choice == CHOICE_RAISE) {
		const struct scope *s = money ? &purse->cost : &purse->tokens;
		if (!take_amount(d, money, g->args[0], s->allocated / 10, &n) ||
		    !take_expiry(d, g->args[1], &expires_ms))
			return false;
	}
	bool pauses = g->choice == CHOICE_PAUSE && m->run.state == RUN_RUNNING;
	struct json_out *data = answer_data(d, g);
	if (n) {
		json_object *raises = json_object_new_object();
		json_object *cost = json_object_new_object();
		json_add_int(money ? cost : raises, "episode", n);
		json_add_int(data, "tokens", money ? 0 : n);
		if (money)
			json_add_int(data, "cost_micros", n);
		if (money)
			json_add(raises, "cost", &cost);
		json_object_put(cost);
		json_add(data, "raises", &raises);
	}
	if (expires_ms)
		json_add_int(data, "expires_at", expires_ms);
	if (n)
		tell_raise(d, "the episode", money, n, expires_ms);
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
	if (approved && g->args[0] &&
	    !take_amount(d, false, g->args[0], 0, &tokens))
		return false;
	struct json_out *data = answer_data(d, g);
	polls_price(d, g->item.stage, approved, tokens, &data);
	return true;
}

static bool approve_ask(struct deciding *d, const struct answer_given *g)
{
	int64_t more = -1;
	return (!g->args[0] || take_amount(d, false, g->args[0], 0, &more)) &&
	       asks_approve(d, &g->item, more, g->by);
}

/* A request for a lease, of a call that goes on. */
static bool answer_ask(struct deciding *d, const struct answer_given *g)
{
	switch (g->choice) {
	case CHOICE_APPROVE:
		return approve_ask(d, g);
	case CHOICE_RAISE:
		return raise(d, g);
	case CHOICE_BORROW:
		return borrow(d, g);
	default:
		answer(d, "denied %s", stage_id(d, g));
		asks_deny(d, &g->item, g->by);
		return true;
	}
}

bool overage_answer(struct deciding *d, const struct answer_given *g)
{
	if (g->item.kind == INBOX_WARNING)
		return warned(d, g);
	if (g->item.kind == INBOX_CONFLICT)
		return late_answer(d, g);
	if (g->item.kind == INBOX_PROPOSAL)
		return polls_allow(d, g);
	if (g->item.kind == INBOX_BURST)
		return polls_burst_answer(d, g);
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
