#include "sim/random_show.h"

#include <stdio.h>

#include "base/mem.h"
#include "sim/dice.h"

static const char *pick(struct dice *d, const char *const *words, size_t n)
{
	return words[dice_roll(d, n)];
}
#define PICK(d, ...)                                                           \
	pick(d, (const char *const[]){__VA_ARGS__},                            \
	     COUNT_OF(((const char *const[]){__VA_ARGS__})))

static int number(struct dice *d, int from, int to)
{
	return from + (int)dice_roll(d, (uint64_t)(to - from + 1));
}

static struct dice stage_dice(uint64_t seed, int i)
{
	return dice_of(dice_mix(seed, 77), (uint64_t)i);
}

/* The first roll of a stage: others have to know it for their `when`. */
static bool is_poll(uint64_t seed, int i)
{
	struct dice d = stage_dice(seed, i);
	return dice_one_in(&d, 6);
}

static bool is_out(uint64_t without, int i)
{
	return (without >> i) & 1;
}

int random_show_stages(uint64_t seed)
{
	struct dice d = dice_of(seed, 1);
	return dice_one_in(&d, 8) ? number(&d, 1, RANDOM_SHOW_STAGES)
				  : number(&d, 1, 14);
}

static void add_inputs(struct buf *b, struct dice *d, uint64_t seed,
		       uint64_t without, int i)
{
	int last = -1, n = 0, gate = -1;
	for (int k = 0; k < 3; k++) {
		int from = (int)dice_roll(d, (uint64_t)i);
		if (from <= last)
			continue;
		last = from;
		if (is_out(without, from))
			continue;
		buf_addf(b, n++ ? ", s%d" : "    inputs: [s%d", from);
		if (is_poll(seed, from))
			gate = from;
	}
	if (n)
		buf_adds(b, "]\n");
	if (dice_one_in(d, 2) && gate >= 0)
		buf_addf(b, "    when: { s%d: x }\n", gate);
}

/* Prices have dice of their own, so that the rest stays. */
static void add_poll(struct buf *b, struct dice *d, uint64_t seed, int i)
{
	struct dice price = dice_of(dice_mix(seed, 83), (uint64_t)i);
	buf_addf(b,
		 "    poll: { question: Q, options: [ { id: x }, { id: y%s }%s "
		 "],"
		 " open_ms: %d, min_votes: %d, min_delta: %s, undecided: %s, "
		 "extend_ms: %d, max_extensions: %d, default: x }\n",
		 PICK(&price, "", ", requires_extra: 500",
		      ", requires_extra: 9000"),
		 PICK(d, "", ", { id: z }"), number(d, 1000, 6000),
		 number(d, 0, 10), PICK(d, "0", "0", "0.2"),
		 PICK(d, "extend", "default", "ask"), number(d, 1000, 4000),
		 number(d, 1, 3));
}

static void add_work(struct buf *b, struct dice *d, struct dice *money, int i)
{
	buf_addf(b, "    agents: [%s]\n",
		 PICK(d, "a", "b", "a, b", "a, b, c", "c", "d", "d", "d"));
	buf_addf(b, "    adjudicate: %s\n",
		 PICK(d, "first", "confidence", "cheapest"));
	if (dice_roll(d, 5)) {
		buf_addf(b, "    budget: { token_cap: %d, time_cap_ms: %d",
			 number(d, 1, 4000), number(d, 1000, 6000));
		buf_addf(b, "%s }\n",
			 PICK(money, "", ", cost_cap: \"0.05\"",
			      ", cost_cap: \"0.4\""));
	}
	buf_addf(b,
		 "    retry: { max_attempts: %d, backoff_ms: %d, "
		 "multiplier: %d }\n",
		 number(d, 1, 3), number(d, 1, 900), number(d, 1, 2));
	if (dice_one_in(d, 4))
		buf_addf(b, "    outputs: [o%d]\n", i);
	else if (dice_one_in(d, 12))
		buf_addf(b, "    outputs: [p%d, q%d]\n", i, i);
}

static void add_stage(struct buf *b, uint64_t seed, uint64_t without, int i)
{
	struct dice d = stage_dice(seed, i);
	struct dice money = dice_of(dice_mix(seed, 81), (uint64_t)i);
	bool poll = dice_one_in(&d, 6);
	buf_addf(b, "  - id: s%d\n", i);
	/* Rolled in any case, so that the rest of the stage stays. */
	struct dice links = dice_of(dice_mix(seed, 78), (uint64_t)i);
	if (i > 0 && dice_roll(&links, 4))
		add_inputs(b, &links, seed, without, i);
	if (poll)
		add_poll(b, &d, seed, i);
	else
		add_work(b, &d, &money, i);
	buf_addf(b, "    on_failure: %s\n",
		 PICK(&d, "ask", "continue", "skip_dependents", "ask",
		      "continue", "skip_dependents", "ask", "fail_run"));
	if (dice_one_in(&d, 5))
		buf_adds(b, "    go: manual\n");
	if (dice_one_in(&d, 6))
		buf_adds(b, "    finale: true\n");
}

static void add_gear(struct buf *b, struct dice *d)
{
	if (!dice_one_in(d, 2))
		return;
	buf_adds(b, "obs: { url: \"ws://127.0.0.1:4455\", safe_scene: Safe, "
		    "scenes: [Safe, Live, Poll] }\n");
	if (dice_one_in(d, 2))
		buf_adds(b, "rules:\n"
			    "  - { name: r1, on: \"poll:create\", do: "
			    "{ obs_scene: Poll } }\n"
			    "  - { name: r2, on: \"poll:resolve\", do: "
			    "{ obs_scene: Live } }\n");
}

/* Its own dice: older seeds keep the rest of their show. */
static void add_mode(struct buf *b, uint64_t seed)
{
	struct dice d = dice_of(dice_mix(seed, 79), 2);
	if (dice_one_in(&d, 6))
		buf_adds(b, ", mode: warn");
	buf_addf(b, ", warn_at: %s }\n", PICK(&d, "0.3", "0.6", "0.8", "1"));
}

/* Money, days and services have dice of their own, so that a seed's other
 * parts stay as they are. */
static void add_agents(struct buf *b, uint64_t seed, int quota)
{
	struct dice d = dice_of(seed, 79);
	bool money = dice_one_in(&d, 2), day = dice_one_in(&d, 2);
	bool service = dice_one_in(&d, 2);
	char price[96] = "", daily[48] = "";
	const char *runs_on = service ? ", service: gpu" : "";
	if (money)
		snprintf(price, sizeof price,
			 ", price: { input_per_mtok: \"%d\", "
			 "output_per_mtok: \"%d.5\" }",
			 number(&d, 0, 3), number(&d, 0, 9));
	if (day)
		snprintf(daily, sizeof daily, ", quota: { daily: %d }",
			 number(&d, 200, 9000));
	buf_addf(b, "agents:\n  a: { via: bus, fallback_agent: c%s%s%s }\n",
		 price, daily, runs_on);
	buf_addf(b,
		 "  b: { via: bus%s%s, quota: { episode: %d }, "
		 "fallback_agent: c }\n",
		 price, runs_on, quota);
	buf_addf(b, "  c: { via: bus%s, max_concurrent: 2 }\n", price);
	buf_adds(b, "  d: { via: noop }\n");
	if (service)
		buf_addf(b,
			 "services: { gpu: { quota: { episode: %d, daily: %d },"
			 " cost: \"0.0%d\", max_concurrent: %d } }\n",
			 number(&d, 1000, 40000), number(&d, 1000, 40000),
			 number(&d, 10, 99), number(&d, 1, 4));
}

static void add_money(struct buf *b, uint64_t seed)
{
	struct dice d = dice_of(seed, 80);
	if (dice_one_in(&d, 2))
		buf_addf(b, ", cost: \"0.%03d\"", number(&d, 5, 400));
}

/* Of all polls, with dice of their own. */
static void add_limits(struct buf *b, uint64_t seed)
{
	struct dice d = dice_of(dice_mix(seed, 84), 3);
	if (dice_one_in(&d, 3))
		buf_addf(b, ", max_per_episode: %d", number(&d, 0, 3));
	if (dice_one_in(&d, 3))
		buf_addf(b, ", min_interval_ms: %d", number(&d, 1, 9000));
	buf_addf(b, ", proposals: %s }\n",
		 PICK(&d, "ask", "ask", "allow", "refuse"));
}

char *random_show_yaml(uint64_t seed, uint64_t without)
{
	struct buf b = {0};
	struct dice d = dice_of(seed, 2);
	int stages = random_show_stages(seed);
	int tokens = dice_one_in(&d, 3) ? number(&d, 1000, 8000)
					: number(&d, 8000, 80000);
	buf_addf(&b,
		 "show: t\nbudget: { tokens: %d, reserve: %d, "
		 "approval_default: %s, approval_deadline_ms: %d",
		 tokens, number(&d, 0, 999), PICK(&d, "deny", "approve"),
		 number(&d, 1000, 60000));
	add_money(&b, seed);
	add_mode(&b, seed);
	add_agents(&b, seed, number(&d, 1, 20000));
	buf_addf(&b, "polls: { change_vote: %s", PICK(&d, "true", "false"));
	add_limits(&b, seed);
	add_gear(&b, &d);
	buf_adds(&b, "stages:\n");
	for (int i = 0; i < stages; i++)
		if (!is_out(without, i))
			add_stage(&b, seed, without, i);
	return buf_take(&b);
}
