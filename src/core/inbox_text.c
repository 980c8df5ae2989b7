/* inbox_text: what a question is about, in figures and in words: as it was when
 * it was asked, and as it is now. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/money.h"
#include "core/overage.h"

#define AMOUNTS_BYTES (MONEY_BYTES + 40)

/* --- figures -------------------------------------------------------------- */

static void lacking(const struct model *m, const struct inbox_item *item,
		    struct inbox_figures *f)
{
	const struct lease_ask *a = asks_find(m, item->seq);
	int64_t asked = m->stages[item->stage].asked_tokens;
	struct lack l;
	if (poll_waits_for_price(m, item->stage))
		return; /* that stays what it was */
	if (a) {
		l = leases_lack(m, a->stage, a->agent, a->tokens,
				a->cost_micros);
	} else if (m->stages[item->stage].state == STAGE_HELD) {
		f->wanted = overage_total(m, item->stage);
		l = overage_lack(m, item->stage, f->wanted);
	} else {
		return;
	}
	f->tokens = l.most > asked ? l.most : asked;
	f->cost_micros = l.cost_most;
	if (!asked && (l.most || l.cost_most))
		f->reason = l.where;
}

struct inbox_figures inbox_figures(const struct model *m,
				   const struct inbox_item *item,
				   const struct usage_rest *rest)
{
	struct inbox_figures f = {
		.tokens = item->tokens,
		.cost_micros = item->cost_micros,
		.wanted = item->wanted,
		.reason = item->reason,
		.left = scope_remaining(&m->ledger.episode.tokens),
		.likely = true,
	};
	if (item->kind == INBOX_OVERAGE)
		lacking(m, item, &f);
	if (rest)
		f.rest = usage_rest_but(m, rest, item->stage);
	return f;
}

/* --- words ---------------------------------------------------------------- */

/* Which limit it is that a lease does not fit: behind "wants 800 more". */
static void limit_text(const struct model *m, const char *why, char *out,
		       size_t bytes)
{
	static const char *const limits[][2] = {
		{"stage", " than its cap"},
		{"agent", " than its agent's quota"},
		{"service", " than its service's quota"},
	};
	const char *zone = m->show->budget.time_zone;
	*out = '\0';
	for (size_t i = 0; i < COUNT_OF(limits); i++)
		if (strcmp(why, limits[i][0]) == 0)
			text_copy(out, bytes, limits[i][1]);
	if (strcmp(why, "day") == 0)
		snprintf(out, bytes, " than it may use until midnight in %s",
			 zone ? zone : "UTC");
}

/* "route: the audience chose Along the ridge (54.1%): 8,000 more". */
static char *price_text(const struct model *m, const struct inbox_item *item,
			const struct inbox_figures *f)
{
	const struct poll_run *p = m->stages[item->stage].poll;
	char more[48], left[32], rest[32], share[24] = "";
	if (!p || p->choice < 0) /* not a log of ours */
		return xstrdup(m->show->stages[item->stage].id);
	int permille = poll_permille(p->counts[p->choice], p->total);
	if (p->total)
		snprintf(share, sizeof share, " (%d.%d%%)", permille / 10,
			 permille % 10);
	return xasprintf(
		"%s: %s %s%s takes %s more  left %s  rest of show %s ~%s",
		m->show->stages[item->stage].id,
		strcmp(p->why, "majority") == 0 ? "the audience's choice"
						: p->why,
		poll_def(m, item->stage)->options[p->choice].label, share,
		text_thousands(more, sizeof more, f->tokens),
		text_thousands(left, sizeof left, f->left),
		f->likely ? "likely" : "needs",
		text_thousands(rest, sizeof rest, f->rest));
}

/* "800", "1.50 GBP" or "800 and 1.50 GBP"; into `out`, AMOUNTS_BYTES. */
static void amounts_text(const struct model *m, bool tokens, int64_t n,
			 bool money, int64_t micros, char *out)
{
	char count[32], sum[MONEY_BYTES];
	if (tokens || !money)
		out = stpcpy(out, text_thousands(count, sizeof count, n));
	if (tokens && money)
		out = stpcpy(out, " and ");
	if (money)
		stpcpy(out, money_text(m, micros, sum));
}

char *inbox_overage_text(const struct model *m, const struct inbox_item *item,
			 const struct inbox_figures *f)
{
	char more[AMOUNTS_BYTES], left[AMOUNTS_BYTES], rest[32], limit[120];
	const struct purse *episode = &m->ledger.episode;
	const char *why = f->reason;
	bool tokens = f->tokens > 0, money = f->cost_micros > 0;
	if (strcmp(why, "poll") == 0)
		return price_text(m, item, f);
	amounts_text(m, tokens, f->tokens, money, f->cost_micros, more);
	amounts_text(m, tokens, f->left, money && episode->cost.limited,
		     scope_remaining(&episode->cost), left);
	text_thousands(rest, sizeof rest, f->rest);
	limit_text(m, why, limit, sizeof limit);
	if (!f->tokens && !f->cost_micros)
		return xconcat(m->show->stages[item->stage].id,
			       " waits for an answer, and lacks nothing by "
			       "now  left ",
			       left, NULL);
	return xconcat(m->show->stages[item->stage].id,
		       item->agent >= 0 ? ": " : "",
		       item->agent >= 0 ? m->show->agents[item->agent].id : "",
		       strcmp(why, "asked") == 0 ? " asks for " : " wants ",
		       more, " more", limit, "  left ", left, "  rest of show ",
		       f->likely ? "likely ~" : "needs ~", rest,
		       money ? " tokens" : "", NULL);
}

struct inbox_behind inbox_behind(const struct model *m,
				 const struct inbox_item *item)
{
	struct inbox_behind b = {0};
	bool any = item->kind == INBOX_OVERAGE && m->stages[item->stage].asks;
	for (size_t i = 0; any && i < m->ledger.ask_count; i++) {
		const struct lease_ask *a = &m->ledger.asks[i];
		if (a->stage != item->stage || a->seq == item->seq)
			continue;
		b.requests++;
		b.tokens += a->tokens;
	}
	return b;
}

/* One request for a lease is asked about at a time. Moves `text`. */
static char *behind(const struct model *m, const struct inbox_item *item,
		    char *text)
{
	struct inbox_behind b = inbox_behind(m, item);
	char sum[32];
	if (!b.requests)
		return text;
	char *more = xasprintf("%s  %d more behind it: %s", text, b.requests,
			       text_thousands(sum, sizeof sum, b.tokens));
	free(text);
	return more;
}

char *inbox_text(const struct model *m, const struct inbox_item *item,
		 const struct usage_rest *rest)
{
	struct inbox_figures f = inbox_figures(m, item, rest);
	if (item->kind == INBOX_OVERAGE)
		return behind(m, item, inbox_overage_text(m, item, &f));
	if (item->kind == INBOX_WARNING)
		return warn_text(m, inbox_in_money(item), f.rest, true);
	return xstrdup(item->text ? item->text : "");
}
