/*
 * Kind agent: a canned beat for an agent, over the very transport that a stage
 * would use. Its run is called "check": no stage of the show is asked, no lease
 * is held for it, and its answer goes to nobody but this check.
 */
#include "jobs/probe.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

#define TOKENS	   256 /* that an llm may make of it */
#define ANSWER_MAX (1024 * 1024)

/* The first stage that it works on, or any: it says what the agent does. */
static int stage_of(const struct show *show, int agent)
{
	for (size_t i = 0; i < show->stage_count; i++)
		for (size_t k = 0; k < show->stages[i].agent_count; k++)
			if (show->stages[i].agents[k] == agent)
				return (int)i;
	return show->stage_count ? 0 : -1;
}

static void add_parameters(struct probe *p, json_object *o, int stage)
{
	const struct show_stage *def = &p->show->stages[stage];
	json_object *given = json_get_object(p->payload, "parameters");
	json_object *all = given ? json_clone(given) : json_object_new_object();
	json_object *inputs = json_clone(json_get_object(p->payload, "inputs"));
	json_object *outputs = json_object_new_array();
	if (!inputs)
		inputs = json_object_new_object();
	for (size_t i = 0; i < def->outputs.count; i++)
		json_object_array_add(
			outputs, json_object_new_string(def->outputs.items[i]));
	json_add_str(all, "show", p->show->id);
	json_add_str(all, "run", CHECK_RUN);
	json_add_str(all, "stage", CHECK_RUN);
	json_add_int(all, "attempt", 1);
	json_add_str(all, "description", def->description);
	json_add(all, "inputs", &inputs);
	json_add(all, "outputs", &outputs);
	json_add_bool(all, "check", true);
	json_add(o, "parameters", &all);
}

static char *make_request(struct probe *p, int stage, const char *agent,
			  const char *key, int64_t limit_ms)
{
	char at[32];
	json_object *o = json_object_new_object();
	const char *capability = json_get_str(p->payload, "capability",
					      p->show->stages[stage].id);
	json_add_str(o, "id", key);
	json_add_str(o, "timestamp",
		     clock_rfc3339(at, sizeof at, clock_show_ms()));
	json_add_str(o, "capability", capability);
	json_add_str(o, "agent", agent);
	add_parameters(p, o, stage);
	json_add_int(o, "timeout", limit_ms);
	json_add_str(o, "correlationId", key);
	char *text = xstrdup(json_text(o));
	json_object_put(o);
	return text;
}

/* --- calling ------------------------------------------------------------ */

static void drop_progress(void *ctx, struct input **in)
{
	(void)ctx;
	input_free(in);
}

static struct input *call_bus(struct probe *p, const char *agent,
			      const char *key, const char *request)
{
	if (!p->room || !p->room->ask_bus)
		return job_error("no_core", false,
				 "it works on the bus: start the show, and run "
				 "this check in it");
	return p->room->ask_bus(p->room->ctx, agent, key, request,
				p->deadline_ms);
}

static struct input *call_agent(struct probe *p, int agent, int stage,
				char *key, char *request, int64_t limit_ms)
{
	static struct input *(*const call[])(const struct job_room *,
					     const struct job *) = {
		[VIA_HTTP] = job_call_http,
		[VIA_LLM] = job_call_llm,
		[VIA_EXEC] = job_call_exec,
		[VIA_MCP] = job_call_mcp,
	};
	const struct show_agent *def = &p->show->agents[agent];
	char *state = file_state_dir(p->show->id);
	char *folder = xasprintf("%s/previews", state);
	struct job_room room = {
		.show = p->show,
		.http = p->client,
		.stop = {.fd = -1},
		.max_answer_bytes = ANSWER_MAX,
		.output_dir = folder,
		.progress = drop_progress,
	};
	if (p->stop)
		room.stop = *p->stop;
	struct job job = {
		.check = -1,
		.stage = stage,
		.agent = agent,
		.attempt = 1,
		.key = key,
		.request = request,
		.lease_tokens = json_get_int(p->payload, "tokens", TOKENS),
		.limit_ms = limit_ms,
		.deadline_ms = p->deadline_ms,
	};
	struct input *in;
	if (def->via == VIA_BUS) {
		in = call_bus(p, def->id, key, request);
	} else if (def->via == VIA_NOOP) {
		in = input_new(INPUT_ANSWER);
		in->ok = in->reached = true;
		in->result = json_object_new_object();
	} else {
		in = call[def->via](&room, &job);
	}
	free(folder);
	free(state);
	return in;
}

/* --- what it answers ---------------------------------------------------- */

static json_object *answer_json(const struct input *in)
{
	json_object *o = json_object_new_object();
	json_object *result = in->result ? json_clone(in->result) : NULL;
	json_add_bool(o, "success", in->ok);
	if (result)
		json_add(o, "result", &result);
	if (!in->ok) {
		json_object *error = json_object_new_object();
		json_add_str(error, "code", in->error_code);
		json_add_str(error, "message", in->text);
		json_add(o, "error", &error);
	}
	if (in->tokens_used >= 0)
		json_add_int(o, "tokens_used", in->tokens_used);
	if (in->confidence >= 0)
		json_add_num(o, "confidence", in->confidence);
	return o;
}

static bool wants_failure(const struct probe *p)
{
	return json_get(p->expected, "/success") ||
	       json_get(p->expected, "/error/code");
}

static bool judge(struct probe *p, const char *agent, const struct input *in)
{
	p->json = answer_json(in);
	p->measured.json = p->json;
	json_object *answer = json_object_new_object();
	probe_keep_tree(p, answer, "answer", p->json);
	probe_keep(p, "answer", &answer);
	if (!in->ok && !(in->reached && wants_failure(p)))
		return probe_fail(p, "%s: %s", agent,
				  in->text ? in->text : "it failed");
	probe_fine(p, "%s answered in %lld ms", agent, (long long)p->total_ms);
	return true;
}

bool probe_agent(struct probe *p)
{
	static atomic_int count;
	const char *id = p->endpoint + strlen("agent:");
	int agent = strncmp(p->endpoint, "agent:", 6) == 0
			    ? show_find_agent(p->show, id)
			    : -1;
	int stage = agent < 0 ? -1 : stage_of(p->show, agent);
	int64_t limit_ms = p->deadline_ms - clock_mono_ms();
	int64_t began_us = clock_mono_us();
	if (agent < 0 || stage < 0)
		return probe_fail(p,
				  "%s: no such agent; name the show's file, "
				  "not that of its checks",
				  p->endpoint);
	char *key = xasprintf("%s/%s/%d-%lld", CHECK_RUN, id,
			      atomic_fetch_add(&count, 1) + 1,
			      (long long)clock_show_ms());
	char *request = make_request(p, stage, id, key, limit_ms);
	struct input *in = call_agent(p, agent, stage, key, request, limit_ms);
	probe_took(p, began_us);
	json_object *kept = json_object_new_object();
	json_add_str(kept, "agent", id);
	json_add_str(kept, "via", show_via_name(p->show->agents[agent].via));
	probe_keep_text(p, kept, "request", request, strlen(request));
	probe_keep(p, "request", &kept);
	bool fine = judge(p, id, in);
	input_free(&in);
	free(request);
	free(key);
	return fine;
}
