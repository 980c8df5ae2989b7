/*
 * budget: what a start may lease, and what a call gives back. Pure.
 */
#ifndef CORE_BUDGET_H
#define CORE_BUDGET_H

#include <stdint.h>

struct model;

/* Tokens that a start of `stage` would lease now, all its agents together. */
int64_t budget_wanted(const struct model *m, int stage);

#endif
