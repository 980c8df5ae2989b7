#include "engine/rehearse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "core/obs_commands.h"

#define VOTERS	      100 /* as the default of rehearsal.voters */
#define OBS_ANSWER_MS 40

/* One thing that will happen. A vote carries only its number: the next one is
 * made when this one is taken, so a poll of a million voters is one item. */
struct item {
	int64_t due_ms;
	uint64_t order;
	struct input *input; /* NULL: a vote, or cancelled (ballot < 0) */
	char *key;	     /* of a call, to cancel it; else NULL */
	int agent;
	int stage;
	int64_t ballot;
};

struct electorate {
	char *ids[SHOW_MAX_OPTIONS]; /* of the options; copies */
	int64_t opened_ms, span_ms;
	int64_t voters;
	unsigned char *options; /* by voter */
	bool open;
};

struct rehearse {
	const struct show *show;
	struct item *heap;
	size_t count, cap;
	uint64_t asked;
	struct electorate *polls; /* by stage */
	char *program_scene;
	bool streaming, recording;
};

struct rehearse *rehearse_new(const struct show *show)
{
	struct rehearse *r = xcalloc(1, sizeof *r);
	r->show = show;
	r->polls = xcalloc(show_poll_places(show), sizeof *r->polls);
	return r;
}

static void forget_votes(struct electorate *e)
{
	for (size_t i = 0; i < SHOW_MAX_OPTIONS; i++) {
		free(e->ids[i]);
		e->ids[i] = NULL;
	}
	free(e->options);
	e->options = NULL;
}

void rehearse_free(struct rehearse **r)
{
	if (!*r)
		return;
	for (size_t i = 0; i < (*r)->count; i++) {
		input_free(&(*r)->heap[i].input);
		free((*r)->heap[i].key);
	}
	for (size_t i = 0; i < show_poll_places((*r)->show); i++)
		forget_votes(&(*r)->polls[i]);
	free((*r)->heap);
	free((*r)->polls);
	free((*r)->program_scene);
	free(*r);
	*r = NULL;
}

/* --- the heap: the earliest first, then in the order of asking ---------- */

static bool is_before(const struct item *a, const struct item *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms
				      : a->order < b->order;
}

static void swap(struct item *a, struct item *b)
{
	struct item t = *a;
	*a = *b;
	*b = t;
}

static void push(struct rehearse *r, struct item item)
{
	item.order = r->asked++;
	GROW(r->heap, r->count, r->cap);
	size_t i = r->count++;
	r->heap[i] = item;
	while (i > 0 && is_before(&r->heap[i], &r->heap[(i - 1) / 2])) {
		swap(&r->heap[i], &r->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

static struct item pop(struct rehearse *r)
{
	struct item first = r->heap[0];
	r->heap[0] = r->heap[--r->count];
	size_t i = 0;
	for (;;) {
		size_t least = i;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
			if (child < r->count &&
			    is_before(&r->heap[child], &r->heap[least]))
				least = child;
		if (least == i)
			return first;
		swap(&r->heap[i], &r->heap[least]);
		i = least;
	}
}

static void push_input(struct rehearse *r, struct input **input, int64_t due_ms)
{
	push(r, (struct item){.due_ms = due_ms,
			      .input = *input,
			      .agent = -1,
			      .stage = -1,
			      .ballot = -1});
	*input = NULL;
}

/* --- agents ------------------------------------------------------------ */

static json_object *result_of(const struct show_stage *stage)
{
	if (stage->rehearsal.result) {
		json_object *o = json_read_str(stage->rehearsal.result,
					       &json_limits_own, NULL);
		REQUIRE(o); /* canonical text of our own */
		return o;
	}
	json_object *o = json_object_new_object();
	for (size_t i = 0; i < stage->outputs.count; i++) {
		char *text = xasprintf("A rehearsed %s from %s.",
				       stage->outputs.items[i], stage->id);
		json_add_str(o, stage->outputs.items[i], text);
		free(text);
	}
	return o;
}

/* What one agent of the stage says that it used: never more than its lease. */
static int64_t tokens_of(const struct show_stage *stage, int64_t lease_tokens)
{
	int64_t tokens = stage->rehearsal.tokens;
	if (tokens >= 0 && stage->agent_count > 1)
		tokens /= (int64_t)stage->agent_count;
	if (tokens < 0)
		tokens = lease_tokens / 2;
	return tokens < lease_tokens ? tokens : lease_tokens;
}

void rehearse_call(struct rehearse *r, const struct effect *call,
		   int64_t now_ms)
{
	const struct show_stage *stage = &r->show->stages[call->stage];
	const struct show_rehearsal *plan = &stage->rehearsal;
	struct input *input;
	if (call->attempt <= plan->fail_first) {
		char *text =
			xasprintf("rehearsed failure %d of %lld", call->attempt,
				  (long long)plan->fail_first);
		input = input_agent_error("rehearsed", text, true);
		input->tokens_used = 0;
		free(text);
	} else {
		input = input_new(INPUT_ANSWER);
		input->ok = true;
		input->reached = true;
		input->result = result_of(stage);
		input->tokens_used = tokens_of(stage, call->lease_tokens);
		input->cost_micros = plan->cost_micros;
		input->confidence = plan->confidence;
	}
	input->stage = xstrdup(stage->id);
	input->agent = xstrdup(r->show->agents[call->agent].id);
	input->attempt = call->attempt;
	input->lease = xstrdup(call->lease);
	input->key = xstrdup(call->key);
	push(r, (struct item){.due_ms = now_ms + plan->after_ms,
			      .input = input,
			      .key = xstrdup(call->key),
			      .agent = call->agent,
			      .stage = -1,
			      .ballot = -1});
}

void rehearse_cancel_call(struct rehearse *r, const char *key, int agent)
{
	for (size_t i = 0; i < r->count; i++) {
		struct item *item = &r->heap[i];
		if (item->key && strcmp(item->key, key) == 0 &&
		    (agent < 0 || item->agent == agent))
			input_free(&item->input); /* taken as nothing later */
	}
}

/* --- the audience ------------------------------------------------------ */

static void weights_of(const struct show_poll *poll, const char *votes,
		       double *weights)
{
	json_object *o =
		votes ? json_read_str(votes, &json_limits_own, NULL) : NULL;
	for (size_t i = 0; i < poll->option_count; i++) {
		double fallback = o ? 0 : i == 0 ? 1.5 : 1;
		double w = json_get_num(o, poll->options[i].id, fallback);
		weights[i] = w > 0 ? w : 0;
	}
	json_object_put(o);
}

/* How many of `voters` choose each option: `votes` as in the show file
 * ({"option": share or number}, NULL: all alike but the first leads). */
static void share(const struct show_poll *poll, const char *votes,
		  int64_t voters, int64_t *out)
{
	double weights[SHOW_MAX_OPTIONS], rest[SHOW_MAX_OPTIONS], sum = 0;
	int64_t left = voters;
	weights_of(poll, votes, weights);
	for (size_t i = 0; i < poll->option_count; i++)
		sum += weights[i];
	for (size_t i = 0; i < poll->option_count; i++) {
		double exact = sum > 0 ? (double)voters * weights[i] / sum : 0;
		out[i] = (int64_t)exact;
		rest[i] = exact - (double)out[i];
		left -= out[i];
	}
	/* What rounding left over goes to the largest remainders. */
	while (left > 0 && sum > 0) {
		size_t best = 0;
		for (size_t i = 1; i < poll->option_count; i++)
			if (rest[i] > rest[best])
				best = i;
		out[best]++;
		rest[best] = -1;
		left--;
	}
}

/* Who votes what, so that the tally nears its end from all sides: each voter
 * takes the option that lags most behind its share. */
static void cast(const int64_t *shares, size_t options, int64_t voters,
		 unsigned char *out)
{
	int64_t given[SHOW_MAX_OPTIONS] = {0};
	for (int64_t v = 0; v < voters; v++) {
		size_t best = 0;
		double best_lag = -1;
		for (size_t i = 0; i < options; i++) {
			double lag = (double)shares[i] * (double)(v + 1) /
					     (double)voters -
				     (double)given[i];
			if (given[i] < shares[i] && lag > best_lag) {
				best = i;
				best_lag = lag;
			}
		}
		given[best]++;
		out[v] = (unsigned char)best;
	}
}

static void push_vote(struct rehearse *r, int stage, int64_t ballot)
{
	const struct electorate *e = &r->polls[stage];
	if (ballot >= e->voters)
		return;
	push(r, (struct item){.due_ms = e->opened_ms +
					e->span_ms * (ballot + 1) / e->voters,
			      .stage = stage,
			      .agent = -1,
			      .ballot = ballot});
}

/* The voters' number: the sum of what the file gives in whole votes, else
 * rehearsal.voters. */
static int64_t voters_of(const struct show_stage *stage,
			 const struct show_poll *poll)
{
	double weights[SHOW_MAX_OPTIONS], sum = 0;
	bool numbers = false;
	/* The file says nothing of one that no stage declares. */
	int64_t voters = stage->poll ? stage->rehearsal.voters : VOTERS;
	if (stage->rehearsal.votes) {
		weights_of(poll, stage->rehearsal.votes, weights);
		for (size_t i = 0; i < poll->option_count; i++) {
			sum += weights[i];
			numbers = numbers || weights[i] > 1;
		}
		if (numbers)
			voters = sum < REHEARSE_VOTERS_MAX
					 ? (int64_t)sum
					 : REHEARSE_VOTERS_MAX;
	}
	return voters < REHEARSE_VOTERS_MAX ? voters : REHEARSE_VOTERS_MAX;
}

void rehearse_poll_open(struct rehearse *r, int stage,
			const struct show_poll *poll, int64_t now_ms)
{
	const struct show_stage *s = &r->show->stages[stage];
	struct electorate *e = &r->polls[stage];
	int64_t shares[SHOW_MAX_OPTIONS];
	bool under_way = e->open;
	if (under_way)
		return;
	forget_votes(e);
	for (size_t i = 0; i < poll->option_count; i++)
		e->ids[i] = xstrdup(poll->options[i].id);
	e->voters = voters_of(s, poll);
	e->options = xcalloc((size_t)e->voters + 1, 1);
	e->opened_ms = now_ms;
	e->span_ms = poll->open_ms * 9 / 10;
	e->open = true;
	share(poll, s->rehearsal.votes, e->voters, shares);
	cast(shares, poll->option_count, e->voters, e->options);
	push_vote(r, stage, 0);
}

void rehearse_poll_close(struct rehearse *r, int stage)
{
	r->polls[stage].open = false;
	for (size_t i = 0; i < r->count; i++)
		if (!r->heap[i].input && r->heap[i].stage == stage)
			r->heap[i].ballot = -1;
}

static struct input *vote_of(const struct rehearse *r, const struct item *item)
{
	const struct show_stage *stage = &r->show->stages[item->stage];
	int option = r->polls[item->stage].options[item->ballot];
	char voter[40];
	snprintf(voter, sizeof voter, "rehearsal-%lld",
		 (long long)item->ballot + 1);
	return input_vote(stage->id, r->polls[item->stage].ids[option], voter);
}

/* --- OBS --------------------------------------------------------------- */

static void push_facts(struct rehearse *r, int64_t due_ms)
{
	const struct show_names *scenes = &r->show->obs.scenes;
	struct input *input = input_new(INPUT_OBS);
	struct obs_facts *facts = &input->obs;
	facts->connected = true;
	facts->program_scene = xstrdup(r->program_scene);
	for (size_t i = 0; i < scenes->count; i++)
		obs_names_add(&facts->scenes, scenes->items[i]);
	for (size_t i = 0; i < r->show->obs.sources.count; i++) {
		struct obs_source *s = obs_facts_add_input(
			facts, r->show->obs.sources.items[i]);
		if (s)
			s->active = true;
	}
	facts->profile = xstrdup(r->show->obs.profile);
	facts->collection = xstrdup(r->show->obs.collection);
	facts->streaming = r->streaming;
	facts->recording = r->recording;
	push_input(r, &input, due_ms);
}

void rehearse_obs_connect(struct rehearse *r, int64_t now_ms)
{
	const struct show_obs *obs = &r->show->obs;
	if (!obs->given)
		return;
	if (!r->program_scene)
		r->program_scene =
			xstrdup(obs->scenes.count ? obs->scenes.items[0]
						  : obs->safe_scene);
	push_facts(r, now_ms);
}

static bool has_scene(const struct rehearse *r, const char *name)
{
	const struct show_names *scenes = &r->show->obs.scenes;
	for (size_t i = 0; i < scenes->count; i++)
		if (strcmp(scenes->items[i], name) == 0)
			return true;
	return scenes->count == 0;
}

/* Does it; NULL, or why not. Caller frees. */
static char *obs_do(struct rehearse *r, const char *type, json_object *data)
{
	if (!r->show->obs.given)
		return xstrdup("rehearsal: the show has no obs:");
	if (strcmp(type, "SetCurrentProgramScene") == 0 ||
	    strcmp(type, "panic") == 0) {
		const char *scene = json_get_str(data, "sceneName", "");
		if (!has_scene(r, scene))
			return xasprintf("rehearsal: no scene %s in obs.scenes",
					 scene);
		free(r->program_scene);
		r->program_scene = xstrdup(scene);
	} else if (strcmp(type, "StartStream") == 0) {
		r->streaming = true;
	} else if (strcmp(type, "StopStream") == 0) {
		r->streaming = false;
	} else if (strcmp(type, "ToggleStream") == 0) {
		r->streaming = !r->streaming;
	} else if (strcmp(type, "StartRecord") == 0) {
		r->recording = true;
	} else if (strcmp(type, "StopRecord") == 0) {
		r->recording = false;
	} else if (strcmp(type, "ToggleRecord") == 0) {
		r->recording = !r->recording;
	}
	return NULL;
}

/* A macro is its steps; the first that cannot be done ends it. */
static char *macro_do(struct rehearse *r, json_object *steps)
{
	size_t n = json_object_array_length(steps);
	for (size_t i = 0; i < n; i++) {
		json_object *step = json_object_array_get_idx(steps, i);
		json_object_object_foreach(step, name, v)
		{
			const char *why = NULL;
			json_object *data = json_clone(v);
			const char *type = obs_request_known(name, &data, &why);
			char *why_not =
				type ? obs_do(r, type, data) : xstrdup(why);
			json_object_put(data);
			if (why_not)
				return why_not;
		}
	}
	return NULL;
}

void rehearse_obs(struct rehearse *r, const char *id, const char *type,
		  const char *data, int64_t now_ms)
{
	json_object *o =
		data ? json_read_str(data, &json_limits_own, NULL) : NULL;
	char *why_not = json_object_is_type(o, json_type_array)
				? macro_do(r, o)
				: obs_do(r, type, o);
	json_object_put(o);
	if (!why_not)
		push_facts(r, now_ms + OBS_ANSWER_MS);
	struct input *done = input_new(INPUT_OBS_DONE);
	done->id = xstrdup(id);
	done->ok = why_not == NULL;
	done->text = why_not ? why_not : xstrdup("rehearsed");
	push_input(r, &done, now_ms + OBS_ANSWER_MS);
}

/* --- what is due ------------------------------------------------------- */

int64_t rehearse_next_ms(const struct rehearse *r)
{
	return r->count ? r->heap[0].due_ms : 0;
}

struct input *rehearse_take(struct rehearse *r)
{
	struct item item = pop(r);
	struct input *input = item.input;
	if (!input && item.ballot >= 0) {
		input = vote_of(r, &item);
		push_vote(r, item.stage, item.ballot + 1);
	}
	if (input)
		input->now_ms = item.due_ms;
	free(item.key);
	return input;
}
