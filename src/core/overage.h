/*
 * overage: a start that does not fit, and what a person may answer. Pure;
 * private to core/.
 */
#ifndef CORE_OVERAGE_H
#define CORE_OVERAGE_H

#include "core/decide.h"

/* What a start would lease in all, or what it was asked for. */
int64_t overage_total(const struct model *m, int stage);
/* What it lacks when the finale's reserve is left alone. */
struct lack overage_lack(const struct model *m, int stage, int64_t total);
/* The stage that has most left of tokens or money, and at least that much; -1:
 * none. */
int overage_lender(const struct model *m, int stage, bool money,
		   int64_t amount);
/* What the cap of the stage lacks when nothing else lacks anything; else 0. */
int64_t overage_cap_alone(const struct lack *lack, bool money);
/* The answers that give more: to raise, and to borrow where the cap alone
 * lacks. */
unsigned overage_offers(const struct model *m, int stage,
			const struct lack *lack);
/* Who could answer each of the calls instead, -1: nobody; how many that are. One
 * that several could go to takes that of an agent whose own quota lacks. */
size_t overage_fallbacks(const struct model *m, int stage, int *to);
/* Whether a start would not fit, as things are. */
bool overage_would_ask(const struct model *m, int stage);
/* How many later starts an `approve-stage` is good for. */
int overage_again(const struct model *m, int stage, bool asked);

#endif
