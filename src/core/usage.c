#include "core/usage.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decide.h"

#define MINUTE_MS     60000
#define RATE_MS	      180000
#define RATE_LEAST_MS 60000

/* --- folding ------------------------------------------------------------ */

/* Makes room for `bucket`; those that were passed over were quiet. */
static void turn_to(struct usage *u, int64_t bucket)
{
	int64_t from = u->newest + 1;
	if (bucket <= u->newest)
		return;
	if (bucket - u->newest >= USAGE_BUCKETS)
		from = bucket - USAGE_BUCKETS + 1;
	for (int64_t i = from > 0 ? from : 0; i <= bucket; i++)
		u->buckets[i % USAGE_BUCKETS] = (struct spending){0};
	u->newest = bucket;
}

static struct usage_model *model_row(struct usage *u, const char *name)
{
	for (size_t i = 0; i < u->model_count; i++)
		if (strcmp(u->models[i].name, name) == 0)
			return &u->models[i];
	if (u->model_count == USAGE_MODELS)
		return &u->models[USAGE_MODELS - 1];
	struct usage_model *row = &u->models[u->model_count++];
	*row = (struct usage_model){0};
	bool last = u->model_count == USAGE_MODELS;
	strncpy(row->name, last ? "others" : name, sizeof row->name - 1);
	return row;
}

static const char *model_name(const struct model *m, const struct event *e,
			      int agent)
{
	const struct show_agent *a = &m->show->agents[agent];
	const char *name = event_str(e, "model", a->model);
	return name ? name : show_via_name(a->via);
}

/* A correction takes back what was assumed before; that may lie in a bucket
 * that is gone, and is then taken from the newest. */
static void book(struct model *m, const struct event *e, int agent, int sign)
{
	struct usage *u = &m->usage;
	int64_t tokens = sign * event_int(e, "tokens", 0);
	int64_t cost = sign * event_int(e, "cost_micros", 0);
	struct usage_model *row = model_row(u, model_name(m, e, agent));
	turn_to(u, e->at_ms / USAGE_BUCKET_MS);
	struct spending *now = &u->buckets[u->newest % USAGE_BUCKETS];
	now->tokens += tokens;
	now->cost_micros += cost;
	row->spent.tokens += tokens;
	row->spent.cost_micros += cost;
	row->reports += sign > 0;
	if (sign < 0 || event_bool(e, "assumed", false))
		row->assumed_tokens += tokens;
}

/* Only now is the last run one of those before. */
static void learn(struct usage_stage *s)
{
	int64_t tokens = s->last_tokens;
	if (!tokens)
		return;
	s->last_tokens = 0;
	s->low_tokens =
		s->runs == 0 || tokens < s->low_tokens ? tokens : s->low_tokens;
	s->high_tokens = tokens > s->high_tokens ? tokens : s->high_tokens;
	s->sum_tokens += tokens;
	s->runs++;
}

static void begin(struct model *m)
{
	struct usage *u = &m->usage;
	u->buckets[0] = (struct spending){0}; /* turn_to() clears the others */
	u->newest = 0;
	u->model_count = 0;
	for (size_t i = 0; i < m->show->stage_count; i++)
		learn(&u->stages[i]);
}

/* After the run's own fold, so its state and time are known. A run that goes on
 * after its end and ends again is the same episode. */
static void end(struct model *m)
{
	struct usage *u = &m->usage;
	size_t n = u->episode_count;
	bool again = n && strcmp(u->episodes[n - 1].run, m->run.id) == 0;
	if (!again && n == USAGE_EPISODES) {
		memmove(u->episodes, u->episodes + 1,
			(USAGE_EPISODES - 1) * sizeof *u->episodes);
		u->episode_count = --n;
	}
	struct usage_episode *e = &u->episodes[again ? n - 1 : n];
	*e = (struct usage_episode){
		.state = (int)m->run.state,
		.started_ms = m->run.started_ms,
		.ended_ms = m->run.ended_ms,
		.spent = {m->ledger.episode.tokens.spent,
			  m->ledger.episode.cost.spent},
	};
	memcpy(e->run, m->run.id, sizeof e->run);
	u->episode_count += !again;
	for (size_t i = 0; i < m->show->stage_count; i++)
		u->stages[i].last_tokens =
			m->stages[i].state == STAGE_DONE
				? m->ledger.stages[i].tokens.spent
				: 0;
}

void usage_apply(struct model *m, const struct event *e, int stage, int agent)
{
	if (e->type == EVENT_RUN_START)
		begin(m);
	else if (e->type == EVENT_RUN_COMPLETE || e->type == EVENT_RUN_CANCEL)
		end(m);
	if (stage < 0 || agent < 0)
		return;
	if (e->type == EVENT_TOKEN_SPEND)
		book(m, e, agent, 1);
	else if (e->type == EVENT_TOKEN_RETURN &&
		 event_bool(e, "corrects", false))
		book(m, e, agent, -1);
}

/* --- asking ------------------------------------------------------------- */

struct spending usage_bucket(const struct usage *u, int64_t n)
{
	bool held = u->newest && n >= 0 && n <= u->newest &&
		    n > u->newest - USAGE_BUCKETS;
	return held ? u->buckets[n % USAGE_BUCKETS] : (struct spending){0};
}

struct spending usage_minute(const struct usage *u, int64_t minute)
{
	int64_t per = MINUTE_MS / USAGE_BUCKET_MS;
	struct spending sum = {0};
	for (int64_t i = minute * per; i < (minute + 1) * per; i++) {
		struct spending s = usage_bucket(u, i);
		sum.tokens += s.tokens;
		sum.cost_micros += s.cost_micros;
	}
	return sum;
}

/* In whole buckets: it is a tendency and need not tremble. Seconds say nothing
 * about a minute. */
double usage_rate(const struct model *m, int64_t now_ms)
{
	int64_t until = m->run.ended_ms ? m->run.ended_ms : now_ms;
	until += USAGE_BUCKET_MS - until % USAGE_BUCKET_MS;
	int64_t from = until - RATE_MS, tokens = 0;
	for (int64_t i = from / USAGE_BUCKET_MS; i < until / USAGE_BUCKET_MS;
	     i++)
		tokens += usage_bucket(&m->usage, i).tokens;
	if (from < m->run.started_ms)
		from = m->run.started_ms;
	int64_t ms = until - from;
	if (ms < RATE_LEAST_MS)
		ms = RATE_LEAST_MS;
	return (double)tokens * MINUTE_MS / (double)ms;
}

/* What an open stage will still spend: as in the episodes before, else up to
 * its cap, and as much of it as the settled stages used of theirs. */
static bool expect_stage(const struct model *m, size_t stage, double used_share,
			 struct usage_outlook *sum)
{
	const struct usage_stage *before = &m->usage.stages[stage];
	const struct scope *s = &m->ledger.stages[stage].tokens;
	if (before->runs) {
		int64_t mean = before->sum_tokens / before->runs;
		sum->low += before->low_tokens > s->spent
				    ? before->low_tokens - s->spent
				    : 0;
		sum->likely += mean > s->spent ? mean - s->spent : 0;
		sum->high += before->high_tokens > s->spent
				     ? before->high_tokens - s->spent
				     : 0;
		return true;
	}
	int64_t cap = m->show->stages[stage].token_cap;
	if (!s->limited || cap <= s->spent)
		return m->show->stages[stage].agent_count == 0 || s->limited;
	sum->likely += (int64_t)((double)(cap - s->spent) * used_share);
	sum->high += cap - s->spent;
	return true;
}

/* How much of their caps the settled stages used; a half while none is. */
static double share_used(const struct model *m)
{
	int64_t used = 0, caps = 0;
	for (size_t i = 0; i < m->show->stage_count; i++) {
		int64_t cap = m->show->stages[i].token_cap;
		if (m->stages[i].state != STAGE_DONE || cap == SHOW_UNSET)
			continue;
		used += m->ledger.stages[i].tokens.spent;
		caps += cap;
	}
	double share = caps ? (double)used / (double)caps : 0.5;
	return share > 1 ? 1 : share;
}

struct usage_outlook usage_outlook(const struct model *m)
{
	int64_t spent = m->ledger.episode.tokens.spent;
	struct usage_outlook sum = {0};
	double share = share_used(m);
	for (size_t i = 0; i < m->show->stage_count; i++)
		if (m->stages[i].outcome == OUTCOME_OPEN &&
		    !run_is_over(m->run.state) &&
		    !expect_stage(m, i, share, &sum))
			sum.guessed++;
	sum.low += spent;
	sum.likely += spent;
	sum.high += spent;
	return sum;
}

static int64_t still_to_lease(const struct model *m, size_t stage, double share)
{
	struct usage_outlook sum = {0};
	if (m->stages[stage].outcome != OUTCOME_OPEN)
		return 0;
	expect_stage(m, stage, share, &sum);
	int64_t n = sum.likely - m->ledger.stages[stage].tokens.leased;
	return n > 0 ? n : 0;
}

struct usage_rest usage_rest(const struct model *m)
{
	struct usage_rest rest = {.share = share_used(m)};
	for (size_t i = 0; i < m->show->stage_count; i++)
		rest.tokens += still_to_lease(m, i, rest.share);
	return rest;
}

int64_t usage_rest_but(const struct model *m, const struct usage_rest *rest,
		       int stage)
{
	/* A poll that no stage declares leases nothing. */
	bool any = stage >= 0 && (size_t)stage < m->show->stage_count;
	return !any ? rest->tokens
		    : rest->tokens -
			       still_to_lease(m, (size_t)stage, rest->share);
}

/* --- as JSON ------------------------------------------------------------ */

static void put_spending(struct json_out *o, const struct spending *s)
{
	json_add_int(o, "tokens", s->tokens);
	json_add_int(o, "cost_micros", s->cost_micros);
}

static void put_row(struct json_out *o, int64_t at_ms, const struct spending *s)
{
	if (!s->tokens && !s->cost_micros)
		return;
	json_out_object(o, NULL);
	json_add_int(o, "at", at_ms);
	put_spending(o, s);
	json_out_end(o);
}

static void put_minutes(struct json_out *o, const struct usage *u)
{
	int64_t newest = u->newest * USAGE_BUCKET_MS / MINUTE_MS;
	int64_t count = (int64_t)USAGE_BUCKETS * USAGE_BUCKET_MS / MINUTE_MS;
	json_out_array(o, "minutes");
	for (int64_t i = newest - count; i <= newest; i++) {
		struct spending s = usage_minute(u, i);
		put_row(o, i * MINUTE_MS, &s);
	}
	json_out_end(o);
}

static void put_buckets(struct json_out *o, const struct usage *u)
{
	json_out_array(o, "buckets");
	for (int64_t i = u->newest - USAGE_BUCKETS + 1; i <= u->newest; i++) {
		struct spending s = usage_bucket(u, i);
		put_row(o, i * USAGE_BUCKET_MS, &s);
	}
	json_out_end(o);
}

static void put_models(struct json_out *o, const struct usage *u)
{
	json_out_array(o, "models");
	for (size_t i = 0; i < u->model_count; i++) {
		json_out_object(o, NULL);
		json_add_str(o, "model", u->models[i].name);
		put_spending(o, &u->models[i].spent);
		json_add_int(o, "reports", u->models[i].reports);
		json_add_int(o, "assumed", u->models[i].assumed_tokens);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_episodes(struct json_out *o, const struct usage *u)
{
	json_out_array(o, "episodes");
	for (size_t i = 0; i < u->episode_count; i++) {
		const struct usage_episode *e = &u->episodes[i];
		json_out_object(o, NULL);
		json_add_str(o, "run", e->run);
		json_add_str(o, "state",
			     run_state_name((enum run_state)e->state));
		json_add_int(o, "started", e->started_ms);
		json_add_int(o, "ended", e->ended_ms);
		put_spending(o, &e->spent);
		json_out_end(o);
	}
	json_out_end(o);
}

/* The members of what a purse tells; the object stays open. */
static void begin_purse(struct json_out *o, const char *key, const char *id,
			const struct purse *p)
{
	json_out_object(o, NULL);
	json_add_str(o, key, id);
	json_add_int(o, "tokens", p->tokens.spent);
	json_add_int(o, "cost_micros", p->cost.spent);
	json_add_int(o, "leased", p->tokens.leased);
	if (p->tokens.limited)
		json_add_int(o, "allocated", p->tokens.allocated);
}

static void put_stages(struct json_out *o, const struct model *m)
{
	json_out_array(o, "stages");
	for (size_t i = 0; i < m->show->stage_count; i++) {
		const struct usage_stage *s = &m->usage.stages[i];
		const struct purse *p = &m->ledger.stages[i];
		if (!s->runs && !p->tokens.spent && !p->tokens.leased &&
		    !p->cost.spent)
			continue;
		begin_purse(o, "stage", m->show->stages[i].id, p);
		if (s->runs) {
			json_add_int(o, "before", s->sum_tokens / s->runs);
			json_add_int(o, "before_low", s->low_tokens);
			json_add_int(o, "before_high", s->high_tokens);
		}
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_outlook(struct json_out *o, const struct model *m)
{
	struct usage_outlook sum = usage_outlook(m);
	json_out_object(o, "outlook");
	json_add_int(o, "low", sum.low);
	json_add_int(o, "likely", sum.likely);
	json_add_int(o, "high", sum.high);
	json_add_int(o, "unknown_stages", (int64_t)sum.guessed);
	json_out_end(o);
}

static struct json_out *report(const struct model *m)
{
	const struct usage *u = &m->usage;
	struct json_out *o = json_out_new();
	json_add_str(o, "show", m->show->id);
	json_add_str(o, "run", m->run.id);
	json_add_str(o, "currency", m->show->budget.currency);
	put_outlook(o, m);
	put_stages(o, m);
	json_out_array(o, "agents");
	for (size_t i = 0; i < m->show->agent_count; i++) {
		begin_purse(o, "agent", m->show->agents[i].id,
			    &m->ledger.agents[i]);
		json_out_end(o);
	}
	json_out_end(o);
	put_models(o, u);
	put_minutes(o, u);
	put_episodes(o, u);
	return o;
}

json_object *usage_report(const struct model *m)
{
	struct json_out *o = report(m);
	return json_out_read(&o);
}

void usage_print(struct buf *out, const struct model *m)
{
	struct json_out *o = report(m);
	const struct buf *text = json_out_text(o);
	buf_add(out, text->data, text->len);
	json_out_free(&o);
}

void usage_put(struct json_out *o, const struct model *m)
{
	const struct usage *u = &m->usage;
	json_out_object(o, "usage");
	json_add_int(o, "newest", u->newest);
	put_buckets(o, u);
	put_models(o, u);
	put_episodes(o, u);
	json_out_object(o, "stages");
	for (size_t i = 0; i < m->show->stage_count; i++) {
		const struct usage_stage *s = &u->stages[i];
		if (!s->runs && !s->last_tokens)
			continue;
		json_out_object(o, m->show->stages[i].id);
		json_add_int(o, "runs", s->runs);
		json_add_int(o, "sum", s->sum_tokens);
		json_add_int(o, "low", s->low_tokens);
		json_add_int(o, "high", s->high_tokens);
		json_add_int(o, "last", s->last_tokens);
		json_out_end(o);
	}
	json_out_end(o);
	json_out_end(o);
}

/* --- and back ----------------------------------------------------------- */

static struct spending read_spending(struct json_node *o)
{
	return (struct spending){json_node_int(o, "tokens", 0),
				 json_node_int(o, "cost_micros", 0)};
}

static size_t rows_of(struct json_node *a, size_t most)
{
	size_t n = json_node_count(a);
	return n < most ? n : most;
}

static void read_buckets(struct usage *u, struct json_node *o)
{
	struct json_node *a = json_node_array(o, "buckets");
	size_t n = rows_of(a, USAGE_BUCKETS);
	u->newest = json_node_int(o, "newest", 0);
	struct json_node *row = json_node_first(a);
	for (size_t i = 0; i < n; i++, row = json_node_next(a, row)) {
		int64_t at = json_node_int(row, "at", -1);
		if (at >= 0)
			u->buckets[at / USAGE_BUCKET_MS % USAGE_BUCKETS] =
				read_spending(row);
	}
}

static void read_models(struct usage *u, struct json_node *a)
{
	u->model_count = rows_of(a, USAGE_MODELS);
	struct json_node *row = json_node_first(a);
	for (size_t i = 0; i < u->model_count;
	     i++, row = json_node_next(a, row)) {
		struct usage_model *to = &u->models[i];
		*to = (struct usage_model){
			.spent = read_spending(row),
			.reports = json_node_int(row, "reports", 0),
			.assumed_tokens = json_node_int(row, "assumed", 0),
		};
		strncpy(to->name, json_node_str(row, "model", ""),
			sizeof to->name - 1);
	}
}

static void read_episodes(struct usage *u, struct json_node *a)
{
	u->episode_count = rows_of(a, USAGE_EPISODES);
	struct json_node *row = json_node_first(a);
	for (size_t i = 0; i < u->episode_count;
	     i++, row = json_node_next(a, row)) {
		struct usage_episode *to = &u->episodes[i];
		const char *state = json_node_str(row, "state", "");
		*to = (struct usage_episode){
			.started_ms = json_node_int(row, "started", 0),
			.ended_ms = json_node_int(row, "ended", 0),
			.spent = read_spending(row),
		};
		for (int s = RUN_NONE; s <= RUN_CANCELLED; s++)
			if (strcmp(run_state_name((enum run_state)s), state) ==
			    0)
				to->state = s;
		strncpy(to->run, json_node_str(row, "run", ""),
			sizeof to->run - 1);
	}
}

void usage_read(struct model *m, struct json_node *o)
{
	struct usage *u = &m->usage;
	struct json_node *stages = json_node_object(o, "stages");
	read_buckets(u, o);
	read_models(u, json_node_array(o, "models"));
	read_episodes(u, json_node_array(o, "episodes"));
	for (size_t i = 0; stages && i < m->show->stage_count; i++) {
		struct json_node *row =
			json_node_object(stages, m->show->stages[i].id);
		u->stages[i] = (struct usage_stage){
			.runs = json_node_int(row, "runs", 0),
			.sum_tokens = json_node_int(row, "sum", 0),
			.low_tokens = json_node_int(row, "low", 0),
			.high_tokens = json_node_int(row, "high", 0),
			.last_tokens = json_node_int(row, "last", 0),
		};
	}
}
