/* shrink: the shortest story that still breaks the same. */
#include <stdlib.h>
#include <string.h>

#include "sim/random_show.h"
#include "sim/sim.h"

struct shrinking {
	struct sim_plan *plan;
	struct sim_result *result;
	int tries;
	char broken[32];
};

static bool fails_still(struct shrinking *sh)
{
	struct sim_result r;
	if (sh->tries-- <= 0)
		return false;
	sim_do_apart(sh->plan, &r);
	if (r.ok || strcmp(r.broken, sh->broken) != 0)
		return false;
	*sh->result = r;
	return true;
}

/* Steps in ever smaller pieces, from the end: what came last matters least. */
static bool leave_out(struct shrinking *sh, size_t from, size_t n)
{
	unsigned char *out = sh->plan->without_steps + from;
	unsigned char *old = xmalloc(n);
	bool any = false;
	memcpy(old, out, n);
	for (size_t i = 0; i < n; i++)
		any |= !out[i];
	memset(out, 1, n);
	bool good = any && fails_still(sh);
	if (!good)
		memcpy(out, old, n);
	free(old);
	return good;
}

static bool fewer_steps(struct shrinking *sh)
{
	bool any = false;
	for (size_t n = sh->plan->steps / 2 + 1;; n /= 2) {
		for (size_t end = sh->plan->steps; end > 0 && sh->tries > 0;) {
			size_t from = end > n ? end - n : 0;
			any |= leave_out(sh, from, end - from);
			end = from;
		}
		if (n == 1)
			return any;
	}
}

static bool fewer_faults(struct shrinking *sh)
{
	bool any = false;
	for (int i = 0; i < SIM_FAULTS; i++) {
		uint32_t old = sh->plan->without_faults;
		if ((old >> i) & 1)
			continue;
		sh->plan->without_faults |= 1u << i;
		if (fails_still(sh))
			any = true;
		else
			sh->plan->without_faults = old;
	}
	return any;
}

static bool fewer_stages(struct shrinking *sh)
{
	int n = random_show_stages(sh->plan->seed);
	uint64_t all = (UINT64_C(1) << n) - 1;
	bool any = false;
	for (int i = n - 1; i >= 0; i--) {
		uint64_t old = sh->plan->without_stages;
		uint64_t less = old | UINT64_C(1) << i;
		if (less == old || less == all)
			continue;
		sh->plan->without_stages = less;
		if (fails_still(sh))
			any = true;
		else
			sh->plan->without_stages = old;
	}
	return any;
}

/* What no step is left of behind the last one need not be counted. */
static void cut_tail(struct sim_plan *plan)
{
	while (plan->steps > 1 && plan->without_steps[plan->steps - 1])
		plan->steps--;
}

void sim_shrink(struct sim_plan *plan, struct sim_result *result, int tries)
{
	struct shrinking sh = {.plan = plan, .result = result, .tries = tries};
	memcpy(sh.broken, result->broken, sizeof sh.broken);
	int64_t before = plan->check_every;
	plan->check_every = 1;
	if (!fails_still(&sh)) {
		plan->check_every = before;
		return; /* it breaks something else first: leave it whole */
	}
	plan->steps = result->steps ? result->steps : 1;
	plan->without_steps = xcalloc(plan->steps + 1, 1);
	if (!fails_still(&sh)) {
		free(plan->without_steps);
		plan->without_steps = NULL;
		plan->steps = 0;
		return;
	}
	bool any = true;
	while (any && sh.tries > 0) {
		any = fewer_steps(&sh);
		cut_tail(plan);
		any |= fewer_faults(&sh);
		any |= fewer_stages(&sh);
	}
}
