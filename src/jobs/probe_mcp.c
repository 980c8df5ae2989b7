/* Kind mcp: a tool of a server is called, or any of its methods. */
#include "jobs/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "jobs/mcp.h"

/* {tool, arguments} or {method, params}. */
static json_object *make_params(const struct probe *p, const char **method)
{
	const char *tool = json_get_str(p->payload, "tool", NULL);
	json_object *params = json_clone(json_get_object(p->payload, "params"));
	*method = json_get_str(p->payload, "method", "tools/call");
	if (!tool)
		return params;
	json_object *arguments =
		json_clone(json_get_object(p->payload, "arguments"));
	json_object_put(params);
	params = json_object_new_object();
	if (!arguments)
		arguments = json_object_new_object();
	json_add_str(params, "name", tool);
	json_add(params, "arguments", &arguments);
	return params;
}

static bool wants(const struct probe *p, const char *pointer)
{
	size_t bytes = strlen(pointer);
	json_object_object_foreach(p->expected, name, value)
	{
		(void)value;
		if (strncmp(name, pointer, bytes) == 0)
			return true;
	}
	return false;
}

static bool wants_error(const struct probe *p)
{
	return wants(p, "/error");
}

/* What went over the wire, and how. */
static void keep(struct probe *p, const char *method, json_object *params,
		 const struct mcp_facts *f, const struct mcp_answer *a)
{
	json_object *request = json_object_new_object();
	json_object *answer = json_object_new_object();
	char *where = http_url_for_people(p->endpoint);
	json_add_str(request, "server", where);
	free(where);
	if (p->secret)
		json_add_str(request, "authorization", "***");
	json_add_str(request, "method", method);
	probe_keep_tree(p, request, "params", params);
	probe_keep(p, "request", &request);
	if (f) {
		json_add_str(answer, "protocol", f->protocol);
		json_add_str(answer, "server", f->server);
		json_add_bool(answer, "stateless", f->stateless);
		json_add_int(answer, "progress", f->progress);
		json_add_int(answer, "resumed", f->resumed);
		json_add_int(answer, "noise", f->noise);
		json_add_int(answer, "refused", f->refused);
	}
	probe_keep_tree(p, answer, "result", a->result);
	probe_keep_tree(p, answer, "error", a->error);
	probe_keep(p, "answer", &answer);
}

static bool judge(struct probe *p, struct mcp_answer *a,
		  const struct mcp_facts *f)
{
	if (a->error && wants_error(p)) {
		p->json = json_object_new_object();
		json_add(p->json, "error", &a->error);
	} else if (!a->result) {
		return probe_fail(p, "%s", a->text ? a->text : "no answer");
	} else {
		p->json = json_object_get(a->result);
	}
	p->measured.json = p->json;
	if (json_get_bool(p->json, "isError", false) && !wants(p, "/isError")) {
		char *text = mcp_result_text(p->json);
		probe_fail(p, "the tool says: %.300s", text);
		free(text);
		return false;
	}
	probe_fine(p, "%s in %lld ms",
		   f && f->server[0] ? f->server : "answered",
		   (long long)p->total_ms);
	return true;
}

static bool talk(struct probe *p, const struct mcp_settings *settings)
{
	struct mcp_answer a;
	const char *method;
	json_object *params = make_params(p, &method);
	int64_t began_us = clock_mono_us();
	struct mcp *m = mcp_open(settings, &a);
	struct mcp_facts facts = {0};
	if (m) {
		mcp_call(m, method, params, true, &a);
		facts = *mcp_facts(m);
	}
	p->dns_ms = a.dns_ms;
	p->connect_ms = p->measured.connect_ms = a.connect_ms;
	p->tls_ms = a.tls_ms;
	p->first_byte_ms = a.first_byte_ms;
	probe_took(p, began_us);
	keep(p, method, params, m ? &facts : NULL, &a);
	bool fine = judge(p, &a, m ? &facts : NULL);
	mcp_close(&m);
	mcp_answer_release(&a);
	json_object_put(params);
	return fine;
}

static const struct show_mcp *find(const struct show *show, const char *id)
{
	for (size_t i = 0; i < show->mcp_count; i++)
		if (strcmp(show->mcp[i].id, id) == 0)
			return &show->mcp[i];
	return NULL;
}

bool probe_mcp(struct probe *p)
{
	struct mcp_settings settings = {
		.show = p->show,
		.protocol = json_get_str(p->payload, "protocol", NULL),
		.http = p->client,
		.stop = p->stop,
		.deadline_ms = p->deadline_ms,
		.max_bytes = PROBE_BODY_BYTES,
	};
	if (strncmp(p->endpoint, "mcp:", 4) == 0) {
		const struct show_mcp *server = find(p->show, p->endpoint + 4);
		if (!server || (!server->url && !server->argv.count))
			return probe_fail(
				p,
				"%s: no MCP server of that name has a "
				"url or argv in the show file; name "
				"the show's file, not that of its "
				"checks",
				p->endpoint);
		settings.url = server->url;
		settings.argv = &server->argv;
		if (!settings.protocol)
			settings.protocol = server->protocol;
		if (!probe_read_secret(p, server->key_env, server->key_file))
			return false;
	} else {
		settings.url = p->endpoint;
	}
	if (!probe_read_key(p))
		return false;
	settings.key = p->secret;
	return talk(p, &settings);
}
