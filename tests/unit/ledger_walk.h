/*
 * ledger_walk: a core that is asked for leases at random: lease, extend, use,
 * return, settle, answer, expire, approve, deny, cancel, a new day, a new run,
 * the same thing again, a crash before or after the commit. After every step
 * the ledger's identity holds and nothing is overspent.
 */
#ifndef TESTS_LEDGER_WALK_H
#define TESTS_LEDGER_WALK_H

#include <stdbool.h>
#include <stdint.h>

struct ledger_walk_result {
	int64_t steps, events, leases, held, crashes, repeats, runs;
	char broken[400]; /* "": it held */
};

/* `honest`: nobody uses more than was leased; then nothing is ever over. */
void ledger_walk(uint64_t seed, int64_t steps, bool honest,
		 struct ledger_walk_result *result);

#endif
