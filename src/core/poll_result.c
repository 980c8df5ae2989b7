/* poll_result: who has won a poll, how surely, and what the story learns of it.
 * HACKING.md has the formulas. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decide.h"

/* Of a normal distribution, so many thousandths of its deviation to each side
 * hold 95 of 100. */
#define Z_PERMILLE 1960

static const char *const lack_words[] = {
	[POLL_LACKS_NOTHING] = NULL,
	[POLL_LACKS_VOTES] = "votes",
	[POLL_LACKS_TIE] = "tie",
	[POLL_LACKS_LEAD] = "lead",
};

const char *poll_lack_name(enum poll_lack lack)
{
	return lack_words[lack];
}

/* The least whole number whose square is not less. */
static int64_t root(int64_t square)
{
	int64_t low = 0, high = INT64_C(1) << 31;
	while (low < high) {
		int64_t mid = low + (high - low) / 2;
		if (mid * mid < square)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* From the lead down to the lower end of its interval, that of Bonett and
 * Price: as if each of the two had a vote more. In whole numbers: the same on
 * every machine. */
static int uncertainty(int64_t first, int64_t second, int64_t total)
{
	while (total >= INT64_C(1) << 20) { /* so that nothing overflows */
		first >>= 1;
		second >>= 1;
		total >>= 1;
	}
	int64_t lead = first - second, n = total + 2;
	int64_t variance = (first + second + 2) * n - lead * lead;
	int64_t scaled = variance * Z_PERMILLE / n;
	int64_t half = root(scaled * Z_PERMILLE / (n * n));
	int64_t pair = total * n;
	int64_t moved = (2000 * lead + pair - 1) / pair;
	return half + moved < 1000 ? (int)(half + moved) : 1000;
}

int poll_permille(int64_t votes, int64_t total)
{
	while (total > INT64_C(1) << 50) {
		votes >>= 1;
		total >>= 1;
	}
	return total > 0 ? (int)(votes * 1000 / total) : 0;
}

struct poll_count poll_judge(const struct show_poll *poll,
			     const int64_t *counts)
{
	struct poll_count c = {.first = -1, .second = -1, .winner = -1};
	int64_t first = -1, second = -1;
	for (size_t i = 0; i < poll->option_count; i++) {
		c.total += counts[i];
		if (counts[i] > first) {
			c.second = c.first;
			second = first;
			c.first = (int)i;
			first = counts[i];
		} else if (counts[i] > second) {
			c.second = (int)i;
			second = counts[i];
		}
	}
	c.too_few = c.total < POLL_VOTES_TO_TELL;
	if (c.total > 0) {
		c.margin = (double)(first - second) / (double)c.total;
		c.margin_permille = poll_permille(first - second, c.total);
		c.uncertainty_permille = uncertainty(first, second, c.total);
		c.too_close = c.margin_permille <= c.uncertainty_permille;
	}
	if (c.total == 0 || c.total < poll->min_votes)
		c.lacks = POLL_LACKS_VOTES;
	else if (first == second)
		c.lacks = POLL_LACKS_TIE;
	else if (c.margin < poll->min_delta)
		c.lacks = POLL_LACKS_LEAD;
	else
		c.winner = c.first;
	return c;
}

const char *poll_lead_text(char out[POLL_LEAD_BYTES],
			   const struct poll_count *c)
{
	if (!c->total)
		snprintf(out, POLL_LEAD_BYTES, "no votes yet");
	else if (c->too_few)
		snprintf(out, POLL_LEAD_BYTES, "too few votes to tell");
	else
		snprintf(out, POLL_LEAD_BYTES, "lead %d.%d%% +-%d.%d%%%s",
			 c->margin_permille / 10, c->margin_permille % 10,
			 c->uncertainty_permille / 10,
			 c->uncertainty_permille % 10,
			 c->too_close ? ", too close to call" : "");
	return out;
}

int poll_winner(const struct show_poll *poll, const int64_t *counts,
		int64_t *total, double *margin)
{
	struct poll_count c = poll_judge(poll, counts);
	*total = c.total;
	*margin = c.margin;
	return c.winner;
}

/* --- what events and the story say --------------------------------------- */

static json_object *counts_json(const struct show_poll *def,
				const int64_t *counts)
{
	json_object *o = json_object_new_object();
	for (size_t i = 0; i < def->option_count; i++)
		json_add_int(o, def->options[i].id, counts[i]);
	return o;
}

void polls_add_count(struct deciding *d, struct json_out *data,
		     const struct show_poll *def, const int64_t *counts)
{
	struct poll_count c = poll_judge(def, counts);
	json_out_object(data, "counts");
	for (size_t i = 0; i < def->option_count; i++)
		json_add_int(data, def->options[i].id, counts[i]);
	json_out_end(data);
	json_add_int(data, "total", c.total);
	json_add_int(data, "margin_permille", c.margin_permille);
	json_add_int(data, "uncertainty_permille", c.uncertainty_permille);
	json_add_bool(data, "too_close", c.too_close);
	json_add_str(data, "lacks", poll_lack_name(c.lacks));
	/* Only what was just counted: what is known stands in the log. */
	if (d->in->kind == INPUT_TALLY)
		ballots_sum_put(data, &d->in->from);
}

static void add_metadata(json_object *o, const struct show_option *def)
{
	json_object *meta =
		def->metadata
			? json_read_str(def->metadata, &json_limits_own, NULL)
			: NULL;
	if (meta)
		json_add(o, "metadata", &meta);
}

static json_object *options_json(const struct show_poll *def,
				 const int64_t *counts, int64_t total)
{
	json_object *list = json_object_new_array();
	for (size_t i = 0; i < def->option_count; i++) {
		const struct show_option *x = &def->options[i];
		json_object *o = json_object_new_object();
		json_add_str(o, "id", x->id);
		json_add_str(o, "label", x->label);
		json_add_int(o, "votes", counts[i]);
		json_add_int(o, "permille", poll_permille(counts[i], total));
		if (x->requires_extra)
			json_add_int(o, "requires_extra", x->requires_extra);
		json_object_array_add(list, o);
	}
	return list;
}

/* What the story learns of a poll. */
static json_object *result_json(const struct show_poll *def, int winner,
				const char *why, const int64_t *counts,
				const char *denied)
{
	const struct show_option *won = &def->options[winner];
	struct poll_count c = poll_judge(def, counts);
	json_object *percent = json_object_new_object();
	for (size_t i = 0; i < def->option_count; i++)
		json_add_num(percent, def->options[i].id,
			     (double)poll_permille(counts[i], c.total) / 10);
	json_object *r = json_object_new_object();
	json_object *votes = counts_json(def, counts);
	json_object *options = options_json(def, counts, c.total);
	json_add_str(r, "winner", won->id);
	json_add_str(r, "label", won->label);
	json_add_str(r, "why", why);
	json_add_str(r, "denied", denied);
	json_add_int(r, "total", c.total);
	json_add_num(r, "margin", (double)c.margin_permille / 1000);
	json_add_int(r, "margin_permille", c.margin_permille);
	json_add_int(r, "uncertainty_permille", c.uncertainty_permille);
	json_add_bool(r, "too_close", c.too_close);
	json_add(r, "votes", &votes);
	json_add(r, "percent", &percent);
	json_add(r, "options", &options);
	if (won->requires_extra)
		json_add_int(r, "requires_extra", won->requires_extra);
	add_metadata(r, won);
	return r;
}

/* Under its stage's id, and under each output that the stage declares. */
static json_object *result_patch(const struct model *m, int stage,
				 json_object *result)
{
	const struct show_stage *s = &m->show->stages[stage];
	json_object *patch = json_object_new_object();
	for (size_t i = 0; i < s->outputs.count; i++) {
		json_object *copy = json_object_get(result);
		json_add(patch, s->outputs.items[i], &copy);
	}
	json_object *own = json_object_get(result);
	json_add(patch, s->id, &own);
	return patch;
}

/* --- how it ends ---------------------------------------------------------- */

void polls_resolve(struct deciding *d, int stage, int winner, const char *why,
		   const int64_t *counts, const char *denied)
{
	const struct show_poll *def = poll_def(d->m, stage);
	json_object *result = result_json(def, winner, why, counts, denied);
	bool of_stage = stage < (int)d->m->show->stage_count;
	json_object *patch =
		of_stage ? result_patch(d->m, stage, result) : NULL;
	struct json_out *data = decide_data(d);
	json_add_str(data, "winner", def->options[winner].id);
	json_add_str(data, "why", why);
	json_add_str(data, "denied", denied);
	polls_add_count(d, data, def, counts);
	json_add_num(data, "margin", json_get_num(result, "margin", 0));
	json_object_put(result);
	emit(d, EVENT_POLL_RESOLVE, stage, -1, &data);
	if (patch)
		stages_complete(d, stage, -1, &patch);
}

void polls_settle(struct deciding *d, int stage, int winner, const char *why,
		  const int64_t *counts)
{
	if (!polls_hold(d, stage, winner, why, counts))
		polls_resolve(d, stage, winner, why, counts, NULL);
}

void polls_extend(struct deciding *d, int stage, int64_t ms, const char *why,
		  const int64_t *counts)
{
	const struct poll_run *p = d->m->stages[stage].poll;
	bool was_open = poll_is_open(p);
	int64_t from = was_open && p->deadline_ms > d->in->now_ms
			       ? p->deadline_ms
			       : d->in->now_ms;
	struct json_out *data = decide_data(d);
	json_add_str(data, "why", why);
	json_add_bool(data, "counted", counts != NULL);
	json_add_int(data, "deadline", from + ms);
	if (counts)
		polls_add_count(d, data, poll_def(d->m, stage), counts);
	emit(d, EVENT_POLL_EXTEND, stage, -1, &data);
	if (!was_open && !p->frozen)
		polls_effect(d, EFFECT_POLL_OPEN, stage);
}

static void ask(struct deciding *d, int stage, const int64_t *counts)
{
	struct json_out *data = json_out_new();
	json_add_bool(data, "asks", true);
	polls_add_count(d, data, poll_def(d->m, stage), counts);
	emit(d, EVENT_POLL_CLOSE, stage, -1, &data);
}

/* Nothing waits for a poll without a stage, so nobody is asked either. */
static void undecided_own(struct deciding *d, int stage, const int64_t *counts)
{
	struct poll_count c = poll_judge(poll_def(d->m, stage), counts);
	if (c.total)
		polls_resolve(d, stage, c.first, "tie", counts, NULL);
	else
		polls_void(d, stage, "nobody voted");
}

/* Nobody won by the rule: extend, take the default, or ask. */
static void undecided(struct deciding *d, int stage, const int64_t *counts)
{
	const struct show_poll *def = poll_def(d->m, stage);
	const struct poll_run *p = d->m->stages[stage].poll;
	if (def->undecided == UNDECIDED_EXTEND &&
	    p->extensions < def->max_extensions) {
		polls_extend(d, stage, def->extend_ms, "undecided", counts);
		return;
	}
	bool fallback =
		def->default_option >= 0 &&
		(def->undecided != UNDECIDED_ASK || !d->m->run.attended);
	if (fallback)
		polls_settle(d, stage, def->default_option, "default", counts);
	else if (d->m->run.attended)
		ask(d, stage, counts);
	else /* no default and nobody to ask: who leads, of these the first */
		polls_settle(d, stage, poll_judge(def, counts).first,
			     "unattended", counts);
}

void polls_tally(struct deciding *d)
{
	const struct input *in = d->in;
	int stage = show_find_poll(d->m->show, in->stage);
	struct poll_run *p = stage < 0 ? NULL : d->m->stages[stage].poll;
	/* What waits for its price was counted before. */
	if (!p || p->state != POLL_CLOSED || !poll_def(d->m, stage) ||
	    d->m->stages[stage].state == STAGE_HELD)
		return;
	/* It was opened again since, and closed again: votes are missing. */
	if (in->attempt && in->attempt != p->closes)
		return;
	const struct show_poll *def = poll_def(d->m, stage);
	int64_t *counts = xcalloc(def->option_count, sizeof *counts);
	for (size_t i = 0; i < def->option_count && i < (size_t)in->count_count;
	     i++)
		counts[i] = in->counts[i];
	polls_take_out(d->m, stage, counts, in->of_bursts, in->burst_count);
	int winner = poll_judge(def, counts).winner;
	if (p->choice >= 0)
		polls_settle(d, stage, p->choice, "operator", counts);
	else if (winner >= 0)
		polls_settle(d, stage, winner, "majority", counts);
	else if (stage < (int)d->m->show->stage_count)
		undecided(d, stage, counts);
	else
		undecided_own(d, stage, counts);
	free(counts);
}
