#include "core/input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/flow.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/event.h"

#define NAME_BYTES 200
#define TEXT_BYTES 2000

struct input *input_new(enum input_kind kind)
{
	struct input *in = xcalloc(1, sizeof *in);
	in->kind = kind;
	in->tokens_used = in->input_tokens = in->output_tokens = -1;
	in->confidence = -1;
	return in;
}

void input_free(struct input **input)
{
	struct input *in = *input;
	*input = NULL;
	if (!in)
		return;
	char *owned[] = {in->by,     in->id,	     in->reason,     in->text,
			 in->entry,  in->stage,	     in->agent,	     in->lease,
			 in->choice, in->error_code, in->check.text, in->run,
			 in->key,    in->model,	     in->check.phases,
			 in->check.failed,	     in->check.detail};
	for (size_t i = 0; i < COUNT_OF(owned); i++)
		if (owned[i]) /* most are not */
			free(owned[i]);
	for (int i = 0; i < ACTION_MAX_ARGS; i++)
		free(in->args[i]);
	json_object_put(in->result);
	flow_unref(&in->flow);
	ballots_free(&in->ballots);
	free(in->counts);
	free(in->of_bursts);
	if (in->kind == INPUT_OBS)
		obs_facts_release(&in->obs);
	free(in);
}

void input_drop(void *input)
{
	struct input *in = input;
	input_free(&in);
}

struct input *input_votes(struct ballots **ballots)
{
	struct input *in = input_new(INPUT_VOTE);
	in->ballots = *ballots;
	*ballots = NULL;
	return in;
}

struct input *input_vote(const char *poll, const char *option,
			 const char *voter)
{
	struct ballots *b = ballots_new(poll, BALLOTS_NOBODY);
	ballots_add(b, option, voter, 0, 0);
	return input_votes(&b);
}

static char *clean_member(json_object *o, const char *key, size_t bytes)
{
	const char *s = json_get_str(o, key, NULL);
	return s ? text_clean_str(s, bytes) : NULL;
}

static const struct action *find_action(const char *name, struct err *err)
{
	const struct action *a = action_find(name);
	if (a && a->where != ACTION_VIEW)
		return a;
	const char *names[ACTIONS + 1];
	size_t n = 0;
	for (size_t i = 0; i < ACTIONS; i++)
		if (action_table[i].where != ACTION_VIEW)
			names[n++] = action_table[i].name;
	names[n] = NULL;
	const char *near = text_nearest(name, names);
	char *shown = text_clean_str(name, 64);
	if (near)
		err_set(err, ERR_USAGE,
			"unknown action `%s`: did you mean `%s`?", shown, near);
	else
		err_set(err, ERR_USAGE,
			"unknown action `%s`: see `showcaller do --help`",
			shown);
	free(shown);
	return NULL;
}

static bool read_args(struct input *in, const struct action *a,
		      json_object *args, struct err *err)
{
	size_t n = args ? json_object_array_length(args) : 0;
	if (n < (size_t)a->min_args || n > (size_t)a->max_args)
		return err_set(err, ERR_USAGE, "usage: %s %s", a->name,
			       a->args);
	for (size_t i = 0; i < n; i++) {
		json_object *v = json_object_array_get_idx(args, i);
		if (json_object_is_type(v, json_type_string))
			in->args[i] = xstrdup(json_object_get_string(v));
		else if (v)
			in->args[i] = xstrdup(json_text(v));
		else
			in->args[i] = xstrdup("");
	}
	return true;
}

struct input *input_command(json_object *o, struct err *err)
{
	const struct action *a =
		find_action(json_get_str(o, "action", ""), err);
	if (!a)
		return NULL;
	struct input *in = input_new(INPUT_COMMAND);
	in->action = a->id;
	if (!read_args(in, a, json_get_array(o, "args"), err)) {
		input_free(&in);
		return NULL;
	}
	in->id = clean_member(o, "id", 63);
	in->by = clean_member(o, "by", NAME_BYTES);
	in->reason = clean_member(o, "reason", TEXT_BYTES);
	return in;
}

/* A number of an answer that must be a whole one, not negative. */
static int64_t count_member(json_object *o, const char *key)
{
	int64_t n = json_get_int(o, key, -1);
	return n < 0 || n > INT64_C(1) << 50 ? -1 : n;
}

static double share_member(json_object *o, const char *key)
{
	double d = json_get_num(o, key, -1);
	return d >= 0 && d <= 1 ? d : -1;
}

/* Money comes as a number or a decimal string of whole units. */
static int64_t money_member(json_object *o, const char *key)
{
	double units = json_get_num(o, key, 0);
	const char *s = json_get_str(o, key, NULL);
	if (s) {
		char *end;
		units = strtod(s, &end);
		if (*end)
			units = 0;
	}
	if (!(units > 0) || units > 1e9)
		return 0;
	return (int64_t)llround(units * 1e6);
}

static json_object *clean_result(json_object *o, const char *key)
{
	json_object *r = json_clone(json_get(o, key));
	if (r)
		json_clean(&r, EVENT_RESULT_BYTES);
	return r;
}

static void read_error(struct input *in, json_object *o)
{
	json_object *e = json_get_object(o, "error");
	in->error_code = clean_member(e, "code", 64);
	if (!in->error_code)
		in->error_code = xstrdup("failed");
	in->text = clean_member(e, "message", TEXT_BYTES);
	if (strcmp(in->error_code, "budget") == 0) {
		json_object *d = json_get_object(e, "details");
		int64_t n = count_member(d, "tokens_needed");
		in->needs_tokens = n > 0 ? n : 0;
	}
}

struct input *input_agent_answer(json_object *o, struct err *err)
{
	json_object *success = json_get(o, "success");
	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_is_type(success, json_type_boolean)) {
		err_set(err, ERR_DATA,
			"the answer is no {success, result, ...} object");
		return NULL;
	}
	struct input *in = input_new(INPUT_ANSWER);
	in->reached = true;
	in->ok = json_object_get_boolean(success);
	in->tokens_used = count_member(o, "tokens_used");
	in->cost_micros = money_member(o, "cost");
	in->confidence = share_member(o, "confidence");
	if (in->ok)
		in->result = clean_result(o, "result");
	else
		read_error(in, o);
	return in;
}

/* A poll that an agent proposes: the action of that name. Its options go as
 * JSON, see poll_own_options(). */
static struct input *poll_proposal(json_object *o, struct err *err)
{
	json_object *poll = json_get_object(o, "poll");
	const char *agent = json_get_str(o, "agent_id", NULL);
	json_object *options = json_get_array(poll, "options");
	int64_t open_ms = json_get_int(poll, "open_ms", 0);
	if (!agent || !options) {
		err_set(err, ERR_DATA,
			"a poll that is proposed needs agent_id and "
			"poll.options");
		return NULL;
	}
	struct input *in = input_new(INPUT_COMMAND);
	in->action = ACTION_POLL_PROPOSE;
	in->by = text_clean_str(agent, NAME_BYTES);
	in->id = clean_member(o, "correlationId", 63);
	in->args[0] = text_clean_str(agent, NAME_BYTES);
	in->args[1] = xstrdup(json_get_str(poll, "question", ""));
	in->args[2] = xstrdup(json_text(options));
	if (open_ms)
		in->args[3] = xasprintf("%lld", (long long)open_ms);
	return in;
}

struct input *input_bus_proposal(json_object *o, struct err *err)
{
	if (json_get_object(o, "poll"))
		return poll_proposal(o, err);
	const char *stage = json_get_str(o, "stage_id", NULL);
	const char *agent = json_get_str(o, "agent_id", NULL);
	if (!stage || !agent) {
		err_set(err, ERR_DATA,
			"a proposal needs stage_id and agent_id");
		return NULL;
	}
	struct input *in = input_new(INPUT_ANSWER);
	in->reached = true;
	in->stage = text_clean_str(stage, NAME_BYTES);
	in->agent = text_clean_str(agent, NAME_BYTES);
	in->attempt = (int)count_member(o, "attempt");
	in->lease = clean_member(o, "lease", NAME_BYTES * 2);
	in->key = clean_member(o, "correlationId", NAME_BYTES);
	in->tokens_used = count_member(o, "tokens_used");
	in->cost_micros = money_member(o, "cost_estimate");
	in->confidence = share_member(o, "confidence");
	in->ok = json_get_object(o, "error") == NULL;
	if (in->ok)
		in->result = clean_result(o, "payload");
	else
		read_error(in, o);
	return in;
}

struct input *input_agent_error(const char *code, const char *text,
				bool reached)
{
	struct input *in = input_new(INPUT_ANSWER);
	in->reached = reached;
	in->error_code = xstrdup(code);
	in->text = text_clean_str(text, TEXT_BYTES);
	return in;
}
