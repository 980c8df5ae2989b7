/* via: mcp. One tool of a server is called; its session is that of the call. */
#include "jobs/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "jobs/llm.h"
#include "jobs/mcp.h"

static const struct show_mcp *find_server(const struct show *show,
					  const char *id)
{
	for (size_t i = 0; id && i < show->mcp_count; i++)
		if (strcmp(show->mcp[i].id, id) == 0)
			return &show->mcp[i];
	return NULL;
}

/* --- what is asked ------------------------------------------------------ */

/* The agent's `arguments` with their texts filled in as a prompt is; without
 * any the inputs of the stage, by their names. */
static json_object *fill(const struct job_room *room, const struct job *job,
			 json_object *request, json_object *o)
{
	json_object *copy;
	char *text;
	switch (json_object_get_type(o)) {
	case json_type_object:
		copy = json_object_new_object();
		json_object_object_foreach(o, key, value)
		{
			json_object *filled = fill(room, job, request, value);
			json_object_object_add(copy, key, filled);
		}
		return copy;
	case json_type_array:
		copy = json_object_new_array();
		for (size_t i = 0; i < json_object_array_length(o); i++)
			json_object_array_add(
				copy, fill(room, job, request,
					   json_object_array_get_idx(o, i)));
		return copy;
	case json_type_string:
		text = llm_prompt_fill(room->show, job->stage, job->agent,
				       request, json_object_get_string(o));
		copy = json_object_new_string(text);
		free(text);
		return copy;
	default:
		return json_clone(o);
	}
}

static json_object *make_params(const struct job_room *room,
				const struct job *job)
{
	const struct show_agent *agent = &room->show->agents[job->agent];
	json_object *request =
		json_read_str(job->request, &json_limits_own, NULL);
	json_object *template = agent->arguments
					? json_read_str(agent->arguments,
							&json_limits_own, NULL)
					: NULL;
	json_object *arguments;
	if (template)
		arguments = fill(room, job, request, template);
	else
		arguments = json_clone(json_get_object(
			json_get_object(request, "parameters"), "inputs"));
	if (!arguments)
		arguments = json_object_new_object();
	json_object *params = json_object_new_object();
	json_add_str(params, "name", agent->tool);
	json_add(params, "arguments", &arguments);
	json_object_put(template);
	json_object_put(request);
	return params;
}

static void show_progress(void *ctx, const char *text)
{
	const struct job_room *room = ((void **)ctx)[0];
	const struct job *job = ((void **)ctx)[1];
	struct input *in = input_new(INPUT_PROGRESS);
	in->stage = xstrdup(room->show->stages[job->stage].id);
	in->agent = xstrdup(room->show->agents[job->agent].id);
	in->attempt = job->attempt;
	in->text = xstrdup(text);
	room->progress(room->ctx, &in);
}

/* --- what it answers ---------------------------------------------------- */

/* Structured content is the result as it is; of texts it is what they mean for
 * the outputs of the stage. Either may have the form of an agent's answer. */
static struct input *read_result(const struct job_room *room,
				 const struct job *job, json_object *result)
{
	const struct show_stage *stage = &room->show->stages[job->stage];
	const char *who = room->show->agents[job->agent].tool;
	json_object *data = json_get_object(result, "structuredContent");
	char *text = data ? xstrdup(json_text(data)) : mcp_result_text(result);
	struct input *in = NULL;
	struct err err = {0};
	const char *code = "garbage";
	json_object *o = json_read_str(text, &json_limits_answer, NULL);
	if (json_get_bool(result, "isError", false)) {
		in = job_error("tool_error", true, "%s: %s", who, text);
	} else if (json_get(o, "success")) {
		in = job_read_answer(room, job, who, text, strlen(text));
	} else {
		json_object *read =
			data ? json_clone(data)
			     : llm_answer_read(text, strlen(text),
					       &stage->outputs, &code, &err);
		if (read) {
			in = input_new(INPUT_ANSWER);
			in->ok = in->reached = true;
			in->result = read;
			in->confidence = -1;
			in->tokens_used = 0; /* it tells none */
		} else {
			in = job_error(code, true, "%s: %s", who, err.text);
		}
	}
	json_object_put(o);
	free(text);
	return in;
}

static bool read_key(const struct show *show, const struct show_mcp *server,
		     char **key, struct err *err)
{
	*key = NULL;
	if (!server->key_env && !server->key_file)
		return true;
	char *path = server->key_file
			     ? file_beside(show->path ? show->path : "",
					   server->key_file)
			     : NULL;
	*key = file_secret(server->key_env, path, err);
	free(path);
	return *key != NULL;
}

static struct input *call(const struct job_room *room, const struct job *job,
			  const struct show_mcp *server, const char *key)
{
	const void *ctx[] = {room, job};
	struct mcp_settings settings = {
		.show = room->show,
		.url = server->url,
		.argv = &server->argv,
		.key = key,
		.protocol = server->protocol,
		.http = room->http,
		.stop = &room->stop,
		.deadline_ms = job->deadline_ms,
		.max_bytes = room->max_answer_bytes,
		.progress = show_progress,
		.ctx = ctx,
	};
	struct mcp_answer a;
	struct input *in;
	struct mcp *m = mcp_open(&settings, &a);
	json_object *params = make_params(room, job);
	/* What a tool does may not be done twice; an agent's retries are the
	 * show's. */
	if (m && mcp_call(m, "tools/call", params, false, &a))
		in = read_result(room, job, a.result);
	else
		in = job_error(a.code[0] ? a.code : "garbage", m && a.reached,
			       "%s", a.text ? a.text : "no answer");
	json_object_put(params);
	mcp_close(&m);
	mcp_answer_release(&a);
	return in;
}

struct input *job_call_mcp(const struct job_room *room, const struct job *job)
{
	const struct show_agent *agent = &room->show->agents[job->agent];
	const struct show_mcp *server = find_server(room->show, agent->mcp);
	struct err err = {0};
	char *key = NULL;
	struct input *in;
	if (!server || (!server->url && !server->argv.count))
		in = job_error("not_found", false,
			       "no MCP server %s is in the show file",
			       agent->mcp ? agent->mcp : "");
	else if (!read_key(room->show, server, &key, &err))
		in = job_error("no_key", false, "%s", err.text);
	else
		in = call(room, job, server, key);
	if (key)
		explicit_bzero(key, strlen(key));
	free(key);
	return in;
}
