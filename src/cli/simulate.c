/* simulate: the core under seeded faults. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/cli.h"
#include "sim/sim.h"

#define SEEDS	     1000
#define EVENTS	     1000
#define CHECK_EVERY  1000
#define SHRINK_TRIES 3000
#define MOST_SEEDS   1000000000
#define MOST_EVENTS  10000000

struct asked {
	struct sim_plan plan;
	int64_t seeds;
	bool json, verbose;
};

struct outcome {
	struct sim_result sum, why;
	uint64_t failed;
	double cpu_s;
	bool ok;
	char *story; /* of the one that failed */
};

static const struct {
	const char *name;
	size_t at;
} counts[] = {
#define COUNT(name, member)                                                    \
	{                                                                      \
		name, offsetof(struct sim_result, member)                      \
	}
	COUNT("events", events),
	COUNT("runs", runs),
	COUNT("crashes", crashes),
	COUNT("takeovers", takeovers),
	COUNT("restores", restores),
	COUNT("fenced", fenced),
	COUNT("outages", away),
	COUNT("cuts", cuts),
	COUNT("jumps", jumps),
	COUNT("commands", commands),
	COUNT("answers", answers),
	COUNT("votes", votes),
	COUNT("bursts_excluded", bursts),
	COUNT("calls_repeated", repeats),
	COUNT("whole_checks", checks),
#undef COUNT
};

static int64_t count_of(const struct sim_result *r, size_t i)
{
	int64_t n;
	memcpy(&n, (const char *)r + counts[i].at, sizeof n);
	return n;
}

/* --- what is asked ------------------------------------------------------ */

static bool read_number(const struct cli_args *args, const char *name,
			int64_t most, int64_t *out)
{
	const char *text = cli_option_value(args, name);
	char *end;
	if (!text)
		return true;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || n < 1 || n > most) {
		cli_usage("simulate", "--%s takes a number from 1 to %" PRId64,
			  name, most);
		return false;
	}
	*out = n;
	return true;
}

static bool read_plant(const struct cli_args *args, struct sim_plan *plan)
{
	const char *names[PLANTS];
	const char *name = cli_option_value(args, "plant");
	if (!name)
		return true;
	plan->plant = sim_plant_find(name);
	if (plan->plant != PLANTS)
		return true;
	for (int i = 1; i < PLANTS; i++)
		names[i - 1] = sim_plant_name((enum sim_plant)i);
	names[PLANTS - 1] = NULL;
	const char *near = text_nearest(name, names);
	cli_usage("simulate", "no defect `%s`%s%s", name,
		  near ? ": did you mean " : "; they stand below",
		  near ? near : "");
	for (int i = 0; names[i] && !near; i++)
		fprintf(stderr, "  %s\n", names[i]);
	return false;
}

static bool read_args(const struct cli_args *args, struct asked *a)
{
	int64_t seed = 1;
	*a = (struct asked){
		.plan = {.events = EVENTS, .check_every = CHECK_EVERY},
		.seeds = SEEDS};
	if (cli_option_value(args, "seed"))
		a->seeds = 1;
	if (cli_option_value(args, "plain"))
		a->plan.without_faults = ~0u;
	if (cli_option_value(args, "strict"))
		a->plan.check_every = 1;
	a->json = cli_option_value(args, "json") != NULL;
	a->verbose = cli_option_value(args, "verbose") != NULL;
	bool ok = read_number(args, "seeds", MOST_SEEDS, &a->seeds) &&
		  read_number(args, "seed", INT64_MAX / 2, &seed) &&
		  read_number(args, "events", MOST_EVENTS, &a->plan.events) &&
		  read_number(args, "check-every", MOST_EVENTS,
			      &a->plan.check_every) &&
		  read_plant(args, &a->plan);
	a->plan.seed = (uint64_t)seed;
	return ok;
}

/* --- what came ---------------------------------------------------------- */

static void print_seed(void *arg, uint64_t seed, const struct sim_result *r)
{
	(void)arg;
	printf("seed %" PRIu64 ": %" PRId64 " events, %" PRId64
	       " runs, %" PRId64 " crashes%s%s\n",
	       seed, r->events, r->runs, r->crashes, r->ok ? "" : ": BROKEN ",
	       r->ok ? "" : r->broken);
}

static void print_sum(const struct asked *a, const struct outcome *o)
{
	char n[32];
	uint64_t done =
		o->ok ? (uint64_t)a->seeds : o->failed - a->plan.seed + 1;
	printf("%s seed%s", text_thousands(n, sizeof n, (int64_t)done),
	       done == 1 ? "" : "s");
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		char *name = xstrdup(counts[i].name);
		for (char *c = name; *c; c++)
			if (*c == '_')
				*c = ' ';
		printf(", %s %s",
		       text_thousands(n, sizeof n, count_of(&o->sum, i)), name);
		free(name);
	}
	double rate = o->cpu_s > 0 ? (double)o->sum.events / o->cpu_s : 0;
	printf(", %s events/s: %s\n",
	       text_thousands(n, sizeof n, (int64_t)rate),
	       o->ok ? "all hold" : "BROKEN");
}

static void print_failed(const struct asked *a, const struct outcome *o)
{
	if (o->ok)
		return;
	printf("\nThe shortest story that was found:\n\n%s", o->story);
	printf("\nseed %" PRIu64 " breaks `%s` at event %" PRIu64
	       " of that story: %s\nAgain: showcaller simulate --seed %" PRIu64
	       " --events %" PRId64,
	       o->failed, o->why.broken, o->why.seq, o->why.text, o->failed,
	       a->plan.events);
	if (a->plan.plant)
		printf(" --plant %s", sim_plant_name(a->plan.plant));
	if (a->plan.without_faults)
		printf(" --plain");
	if (a->plan.check_every == 1)
		printf(" --strict");
	printf("\n");
}

static void print_json(const struct asked *a, const struct outcome *o)
{
	json_object *j = json_object_new_object();
	json_add_bool(j, "ok", o->ok);
	json_add_int(j, "first_seed", (int64_t)a->plan.seed);
	json_add_int(j, "seeds",
		     o->ok ? a->seeds
			   : (int64_t)(o->failed - a->plan.seed) + 1);
	for (size_t i = 0; i < COUNT_OF(counts); i++)
		json_add_int(j, counts[i].name, count_of(&o->sum, i));
	json_add_num(j, "cpu_s", o->cpu_s);
	json_add_num(j, "events_per_s",
		     o->cpu_s > 0 ? (double)o->sum.events / o->cpu_s : 0);
	if (!o->ok) {
		json_object *f = json_object_new_object();
		json_add_int(f, "seed", (int64_t)o->failed);
		json_add_str(f, "invariant", o->why.broken);
		json_add_str(f, "text", o->why.text);
		json_add_int(f, "event", (int64_t)o->why.seq);
		json_add_str(f, "story", o->story);
		json_add(j, "failed", &f);
	}
	printf("%s\n", json_text(j));
	json_object_put(j);
}

/* --- together ----------------------------------------------------------- */

static void shrink(const struct asked *a, struct outcome *o)
{
	struct sim_plan plan = a->plan;
	plan.seed = o->failed;
	fprintf(stderr,
		"seed %" PRIu64 " breaks `%s`: %s\nlooking for a "
		"shorter story...\n",
		o->failed, o->why.broken, o->why.text);
	sim_shrink(&plan, &o->why, SHRINK_TRIES);
	o->story = sim_story(&plan);
	free(plan.without_steps);
}

int cli_simulate(int argc, char **argv)
{
	struct cli_args args;
	struct asked a;
	bool done;
	int status = cli_parse("simulate", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	if (args.operand_count)
		return cli_usage("simulate", "it takes no operand");
	if (!read_args(&args, &a))
		return ERR_USAGE;
	struct sim_watch watch = {.each = a.verbose ? print_seed : NULL};
	struct outcome o = {0};
	o.ok = sim_do_seeds(&a.plan, (uint64_t)a.seeds, &watch, &o.sum,
			    &o.failed, &o.why, &o.cpu_s);
	if (!o.ok)
		shrink(&a, &o);
	if (a.json) {
		print_json(&a, &o);
	} else {
		print_sum(&a, &o);
		print_failed(&a, &o);
	}
	free(o.story);
	return o.ok ? 0 : ERR_NO;
}
