/* Ten million random steps through the ledger, honest and not by turns; prints
 * JSON lines, and ends with 1 when the ledger did not hold. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tests/unit/ledger_walk.h"

#define WALK_STEPS 500000

int main(int argc, char **argv)
{
	int64_t all = argc > 1 ? strtoll(argv[1], NULL, 10) : 10000000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	int64_t began_us = clock_mono_us(), done = 0, leases = 0, crashes = 0;
	for (; done < all; seed++) {
		struct ledger_walk_result r;
		int64_t steps =
			all - done < WALK_STEPS ? all - done : WALK_STEPS;
		ledger_walk(seed, steps, seed % 2, &r);
		if (*r.broken) {
			fprintf(stderr, "ledger_random: seed %" PRIu64 ": %s\n",
				seed, r.broken);
			return 1;
		}
		done += r.steps;
		leases += r.leases;
		crashes += r.crashes;
	}
	double s = (double)(clock_mono_us() - began_us) / 1e6;
	printf("{\"bench\":\"ledger_random\",\"steps\":%" PRId64
	       ",\"leases\":%" PRId64 ",\"crashes\":%" PRId64
	       ",\"steps_per_s\":%.0f,\"overspent\":0}\n",
	       done, leases, crashes, (double)done / s);
	return 0;
}
