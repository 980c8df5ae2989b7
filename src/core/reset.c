#include "core/reset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/overage.h"
#include "core/polls.h"

/* Of one event's data, beside which a hundred bytes more stand. */
#define PART_BYTES  (200 * 1024)
#define NAMED_TOLD  4
#define MAX_PATCHED (EVENT_MAX_BYTES - 4096) /* one member of the story */

/* --- the plan ----------------------------------------------------------- */

/* Nothing has happened to it since its beginning. */
static bool is_clean(const struct stage_run *s)
{
	return s->state == STAGE_WAITING && s->failures == 0 && !s->released &&
	       s->approved_tokens == 0;
}

static bool was_cut_off(const struct stage_run *s)
{
	return s->why && strcmp(s->why, STAGE_WHY_RUN_ENDED) == 0;
}

/* Adds all that depends on what is in the set. */
static void close_downstream(const struct show *show, bool *in)
{
	int *stack = xcalloc(show->stage_count + 1, sizeof *stack);
	size_t n = 0;
	for (size_t i = 0; i < show->stage_count; i++)
		if (in[i])
			stack[n++] = (int)i;
	while (n > 0) {
		const struct show_stage *def = &show->stages[stack[--n]];
		for (size_t i = 0; i < def->dependent_count; i++) {
			if (in[def->dependents[i]])
				continue;
			in[def->dependents[i]] = true;
			stack[n++] = def->dependents[i];
		}
	}
	free(stack);
}

static void add_to_plan(const struct model *m, int stage,
			struct reset_plan *plan)
{
	const struct show_stage *def = &m->show->stages[stage];
	plan->stages[plan->count++] = stage;
	plan->spent_tokens += m->ledger.stages[stage].tokens.spent;
	plan->held_tokens += m->ledger.stages[stage].tokens.leased;
	const struct poll_run *poll = m->stages[stage].poll;
	plan->open_polls += poll && poll_goes_on(poll);
	if (!def->agent_count || def->poll)
		return;
	if (def->token_cap == SHOW_UNSET)
		plan->uncapped++;
	else
		plan->cap_tokens += def->token_cap;
}

/* Which of them will not fit when they start: on purses of its own, as if each
 * spent what it did. */
static void find_asking(const struct model *m, struct reset_plan *plan)
{
	struct model view = *m;
	size_t n = m->show->stage_count;
	view.ledger.stages = xcalloc(n + 1, sizeof *view.ledger.stages);
	view.stages = xcalloc(n + 1, sizeof *view.stages);
	memcpy(view.ledger.stages, m->ledger.stages,
	       n * sizeof *view.ledger.stages);
	memcpy(view.stages, m->stages, n * sizeof *view.stages);
	for (size_t i = 0; i < plan->count; i++) {
		int stage = plan->stages[i];
		const struct show_stage *def = &m->show->stages[stage];
		int64_t spent = m->ledger.stages[stage].tokens.spent;
		int64_t cap = def->token_cap == SHOW_UNSET ? spent
							   : def->token_cap;
		struct call *calls =
			xcalloc(def->agent_count + 1, sizeof *calls);
		for (size_t k = 0; k < def->agent_count; k++)
			calls[k] = (struct call){.agent = def->agents[k],
						 .lease = -1};
		view.stages[stage] = (struct stage_run){.calls = calls};
		ledger_renew(&view, stage);
		if (!def->poll && def->agent_count &&
		    overage_would_ask(&view, stage))
			plan->asking[plan->ask_count++] = stage;
		view.stages[stage].calls = NULL;
		free(calls);
		view.ledger.episode.tokens.spent += spent < cap ? spent : cap;
	}
	free(view.stages);
	free(view.ledger.stages);
}

/* Frees `in`. */
static void make_plan(const struct model *m, bool *in, struct reset_plan *plan)
{
	size_t count = m->show->stage_count;
	*plan = (struct reset_plan){.stages = xcalloc(count + 1, sizeof(int)),
				    .asking = xcalloc(count + 1, sizeof(int))};
	close_downstream(m->show, in);
	bool over = run_is_over(m->run.state);
	for (size_t i = 0; i < count; i++) {
		const struct stage_run *s = &m->stages[i];
		if ((in[i] && !is_clean(s)) || (over && was_cut_off(s)))
			add_to_plan(m, (int)i, plan);
	}
	find_asking(m, plan);
	free(in);
}

void reset_plan_rerun(const struct model *m, int stage, struct reset_plan *plan)
{
	bool *in = xcalloc(m->show->stage_count + 1, sizeof *in);
	in[stage] = true;
	make_plan(m, in, plan);
}

void reset_plan_rollback(const struct model *m, uint64_t version,
			 struct reset_plan *plan)
{
	bool *in = xcalloc(m->show->stage_count + 1, sizeof *in);
	for (size_t i = 0; i < m->show->stage_count; i++)
		in[i] = m->stages[i].outcome != OUTCOME_OPEN &&
			m->stages[i].version > version;
	make_plan(m, in, plan);
}

void reset_plan_release(struct reset_plan *plan)
{
	free(plan->stages);
	free(plan->asking);
	*plan = (struct reset_plan){0};
}

static void put_names(const struct model *m, const int *stages, size_t count,
		      size_t names, struct buf *b)
{
	for (size_t i = 0; i < count && i < names; i++)
		buf_addf(b, "%s%s", i ? ", " : "",
			 m->show->stages[stages[i]].id);
	if (count > names)
		buf_addf(b, " and %zu more", count - names);
}

char *reset_plan_text(const struct model *m, const struct reset_plan *plan,
		      size_t names)
{
	struct buf b = {0};
	char spent[32], cap[32];
	put_names(m, plan->stages, plan->count, names, &b);
	if (plan->count == 0)
		buf_adds(&b, "no stage");
	buf_addf(&b, ": %s tokens are thrown away, up to %s may be spent again",
		 text_thousands(spent, sizeof spent, plan->spent_tokens),
		 text_thousands(cap, sizeof cap, plan->cap_tokens));
	if (plan->uncapped)
		buf_addf(&b, ", and %zu of them %s no cap", plan->uncapped,
			 plan->uncapped == 1 ? "has" : "have");
	if (plan->held_tokens)
		buf_addf(&b, "; calls with %s are stopped",
			 text_thousands(cap, sizeof cap, plan->held_tokens));
	if (plan->open_polls)
		buf_addf(&b, "; %zu open poll%s from no vote on",
			 plan->open_polls,
			 plan->open_polls == 1 ? " begins" : "s begin");
	if (plan->ask_count) {
		buf_adds(&b, "; ");
		put_names(m, plan->asking, plan->ask_count, names, &b);
		buf_adds(&b, m->show->budget.mode == MODE_WARN
				     ? " will need more than there is"
				     : " will ask for more");
	}
	return buf_take(&b);
}

/* --- the patch ---------------------------------------------------------- */

json_object *reset_patch(json_object *from, json_object *to)
{
	json_object *patch = json_object_new_object();
	json_object_object_foreach(from, gone, old)
	{
		(void)old;
		if (!json_object_object_get_ex(to, gone, NULL))
			json_object_object_add(patch, gone, NULL);
	}
	json_object_object_foreach(to, key, value)
	{
		json_object *now = NULL;
		bool there = json_object_object_get_ex(from, key, &now);
		if (there && json_equal(now, value))
			continue;
		bool both = there &&
			    json_object_is_type(now, json_type_object) &&
			    json_object_is_type(value, json_type_object);
		json_object_object_add(patch, key,
				       both ? reset_patch(now, value)
					    : json_clone(value));
	}
	return patch;
}

/* --- folding ------------------------------------------------------------ */

void reset_apply(struct model *m, const struct event *e)
{
	struct json_node *list = event_array(e, "stages");
	json_node_each(n, list)
	{
		int stage = show_find_stage(m->show, json_node_text(n));
		if (stage < 0)
			continue;
		inbox_close(m, stage);
		stages_again(m, stage);
		ledger_renew(m, stage);
	}
	/* Only now every outcome is what it will be. */
	json_node_each(n, list)
	{
		int stage = show_find_stage(m->show, json_node_text(n));
		if (stage < 0)
			continue;
		const struct show_stage *def = &m->show->stages[stage];
		stages_relink(m, stage);
		for (size_t k = 0; k < def->dependent_count; k++)
			stages_relink(m, def->dependents[k]);
	}
}

/* --- deciding ----------------------------------------------------------- */

/* What is still to be said, in as many events as it takes. */
struct rest {
	const struct reset_plan *plan;
	size_t stage;	    /* the next one of the plan */
	json_object *patch; /* what is left of it */
	const char *why;
	uint64_t to; /* of a rollback: the version */
	int of;	     /* of a rerun: the stage, else -1 */
};

static json_object *take_stages(struct rest *r, const struct show *show,
				size_t *bytes)
{
	json_object *a = json_object_new_array();
	while (r->stage < r->plan->count && *bytes < PART_BYTES) {
		const char *id = show->stages[r->plan->stages[r->stage++]].id;
		json_object_array_add(a, json_object_new_string(id));
		*bytes += strlen(id) + 3;
	}
	return a;
}

static size_t member_bytes(const char *key, json_object *value)
{
	return strlen(key) + strlen(json_text(value)) + 4;
}

/* Members of the patch while they fit; each of them does alone. */
static json_object *take_patch(struct rest *r, size_t *bytes)
{
	json_object *part = json_object_new_object();
	json_object_object_foreach(r->patch, key, value)
	{
		size_t more = member_bytes(key, value);
		if (*bytes && *bytes + more > PART_BYTES)
			break;
		json_object_object_add(part, key, json_object_get(value));
		*bytes += more;
	}
	json_object_object_foreach(part, taken, nothing)
	{
		(void)nothing;
		json_object_object_del(r->patch, taken);
	}
	return part;
}

static void emit_part(struct deciding *d, struct rest *r)
{
	const struct story *story = &d->m->story;
	char after[HASH_HEX_BYTES];
	size_t bytes = 0;
	json_object *stages = take_stages(r, d->m->show, &bytes);
	json_object *patch = take_patch(r, &bytes);
	struct json_out *data = decide_data(d);
	bool changes = json_object_object_length(patch) > 0;
	story_hash_after(story, patch, after);
	json_add_str(data, "why", r->why);
	if (r->of < 0)
		json_add_int(data, "to", (int64_t)r->to);
	json_add(data, "stages", &stages);
	json_add(data, "patch", &patch);
	json_add_str(data, "pre_state_hash", story_hash(story));
	json_add_str(data, "post_state_hash", after);
	json_add_int(data, "version",
		     (int64_t)story->version + (changes ? 1 : 0));
	emit(d, EVENT_STAGE_RESET, r->of, -1, &data);
}

/* First all that is under way ends: its leases are written off, its calls are
 * cancelled, its poll is void. Then it never happened. */
static void carry_out(struct deciding *d, struct rest *r)
{
	for (size_t i = 0; i < r->plan->count; i++)
		stages_drop_work(d, r->plan->stages[i]);
	do
		emit_part(d, r);
	while (r->stage < r->plan->count ||
	       json_object_object_length(r->patch) > 0);
}

static void tell(struct deciding *d, const char *what, char **plan_text)
{
	answer(d, "%s: %s%s", what, *plan_text,
	       d->m->run.state == RUN_PAUSED ? "; the run is paused" : "");
	free(*plan_text);
	*plan_text = NULL;
}

static bool has_run(struct deciding *d)
{
	return d->m->run.state != RUN_NONE ||
	       refuse(d, "refused", "there is no run yet");
}

bool reset_rerun(struct deciding *d, int stage)
{
	const char *id = d->m->show->stages[stage].id;
	struct reset_plan plan;
	if (!has_run(d))
		return false;
	if (is_clean(&d->m->stages[stage]))
		return refuse(d, "refused", "%s has not run yet", id);
	reset_plan_rerun(d->m, stage, &plan);
	char *text = reset_plan_text(d->m, &plan, NAMED_TOLD);
	struct rest rest = {.plan = &plan,
			    .patch = json_object_new_object(),
			    .why = "rerun",
			    .of = stage};
	carry_out(d, &rest);
	tell(d, "running again", &text);
	json_object_put(rest.patch);
	reset_plan_release(&plan);
	return true;
}

/* The version that `text` means: "7" or "v7". */
static bool read_version(struct deciding *d, const char *text, uint64_t *to)
{
	char *end;
	const char *digits = *text == 'v' ? text + 1 : text;
	errno = 0;
	*to = strtoull(digits, &end, 10);
	if (*digits < '0' || *digits > '9' || *end || errno)
		return refuse(d, "usage", "`%.40s` is no version of the story",
			      text);
	if (*to >= d->m->story.version)
		return refuse(d, "refused", "the story is at version %llu",
			      (unsigned long long)d->m->story.version);
	return true;
}

static bool is_found(struct deciding *d)
{
	const struct input *in = d->in;
	if (in->error_code)
		return refuse(d, in->error_code, "%s", in->text);
	if (!in->result || !in->run)
		return refuse(d, "unavailable",
			      "nobody looked for that version in the log");
	if (strcmp(in->run, d->m->run.id) != 0)
		return refuse(d, "refused", "another run has begun");
	return true;
}

/* A member that no event could carry: nothing is done by halves. */
static bool patch_fits(struct deciding *d, json_object *patch)
{
	json_object_object_foreach(patch, key, value)
	{
		if (member_bytes(key, value) > MAX_PATCHED)
			return refuse(d, "too_large",
				      "%.60s of that version is larger than an "
				      "event may be",
				      key);
	}
	return true;
}

/* What the patch leads to has the hash of what it should be. */
static bool patch_leads_to(struct deciding *d, json_object *patch,
			   json_object *old)
{
	char after[HASH_HEX_BYTES];
	struct story was;
	story_init(&was);
	story_patch(&was, old);
	story_hash_after(&d->m->story, patch, after);
	bool same = strcmp(after, story_hash(&was)) == 0;
	story_release(&was);
	return same || refuse(d, "refused",
			      "that version holds what no patch can bring "
			      "back");
}

bool reset_rollback(struct deciding *d, const char *version)
{
	struct reset_plan plan;
	struct rest rest = {.plan = &plan, .why = "rollback", .of = -1};
	if (!has_run(d) || !read_version(d, version, &rest.to) || !is_found(d))
		return false;
	rest.patch = reset_patch(d->m->story.doc, d->in->result);
	bool ok = patch_fits(d, rest.patch) &&
		  patch_leads_to(d, rest.patch, d->in->result);
	if (ok) {
		reset_plan_rollback(d->m, rest.to, &plan);
		char *text = reset_plan_text(d->m, &plan, NAMED_TOLD);
		char *what = xasprintf("back to version %llu, running again",
				       (unsigned long long)rest.to);
		carry_out(d, &rest);
		tell(d, what, &text);
		free(what);
		reset_plan_release(&plan);
	}
	json_object_put(rest.patch);
	return ok;
}
