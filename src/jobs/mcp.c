#include "config.h"

#include "jobs/mcp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "jobs/mcp_in.h"

#define META	       "io.modelcontextprotocol/"
#define TEXT_BYTES     400
#define NO_SUCH_METHOD (-32601)
#define DISCOVER_MS    1000 /* a program may pass over what it does not know */
#define NAME_BYTES     200

/* Those with a handshake, the newest first. */
static const char *const revisions[] = {MCP_NEWEST, "2025-06-18", "2025-03-26",
					MCP_OLDEST, NULL};

static bool is_known(const char *revision)
{
	for (size_t i = 0; revisions[i]; i++)
		if (strcmp(revisions[i], revision) == 0)
			return true;
	return false;
}

enum mcp_sent mcp_fail(struct mcp_answer *out, const char *code, bool reached,
		       const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *raw = xvasprintf(fmt, ap);
	va_end(ap);
	json_object_put(out->result);
	out->result = NULL;
	free(out->text);
	out->text = text_clean_str(raw, TEXT_BYTES);
	snprintf(out->code, sizeof out->code, "%s", code);
	out->reached = reached;
	free(raw);
	return MCP_FAILED;
}

/* --- what comes --------------------------------------------------------- */

static void tell(struct mcp *m, json_object **o, const char *method)
{
	struct mcp_message message = {
		.text = xstrdup(json_text(*o)),
		.method = method,
	};
	json_object_put(*o);
	*o = NULL;
	m->wire->tell(m, &message);
	free(message.text);
}

/* A ping is answered. Nobody here can choose a model's words, fill in forms or
 * show folders, and it was told so: our capabilities are empty. */
static void refuse(struct mcp *m, json_object *id, const char *method)
{
	json_object *o = json_object_new_object(), *id_copy = json_clone(id);
	json_add_str(o, "jsonrpc", "2.0");
	json_object_object_add(o, "id", id_copy);
	if (strcmp(method, "ping") == 0) {
		json_object *nothing = json_object_new_object();
		json_add(o, "result", &nothing);
	} else {
		json_object *error = json_object_new_object();
		char *text = text_clean_str(method, 60);
		char *says = xasprintf("this client offers no %s", text);
		json_add_int(error, "code", NO_SUCH_METHOD);
		json_add_str(error, "message", says);
		json_add(o, "error", &error);
		free(says);
		free(text);
		m->facts.refused++;
	}
	tell(m, &o, "");
}

static void take_progress(struct mcp *m, json_object *params)
{
	json_object *total = json_get(params, "total");
	const char *message = json_get_str(params, "message", "");
	m->facts.progress++;
	if (!m->s.progress)
		return;
	char *raw =
		total ? xasprintf("%g of %g %s",
				  json_get_num(params, "progress", 0),
				  json_object_get_double(total), message)
		      : xasprintf("%g %s", json_get_num(params, "progress", 0),
				  message);
	char *clean = text_clean_str(raw, TEXT_BYTES);
	m->s.progress(m->s.ctx, clean);
	free(clean);
	free(raw);
}

static bool is_ours(const struct mcp *m, json_object *o)
{
	json_object *id = json_get(o, "id");
	bool answers = json_get(o, "result") || json_get(o, "error");
	return m->in_hand && answers &&
	       json_object_is_type(id, json_type_int) &&
	       json_object_get_int64(id) == m->last_id;
}

static bool take_one(struct mcp *m, json_object *o)
{
	const char *method = json_get_str(o, "method", NULL);
	json_object *id = json_get(o, "id");
	if (!json_object_is_type(o, json_type_object)) {
		m->facts.noise++;
	} else if (method && id) {
		refuse(m, id, method);
	} else if (method) {
		if (strcmp(method, "notifications/progress") == 0)
			take_progress(m, json_get_object(o, "params"));
	} else if (is_ours(m, o)) {
		json_object_put(m->response);
		m->response = json_object_get(o);
		return true;
	}
	return false;
}

bool mcp_take(struct mcp *m, const char *text, size_t bytes)
{
	struct json_limits limits = json_limits_answer;
	limits.max_bytes = m->s.max_bytes;
	json_object *o = json_read(text, bytes, &limits, NULL);
	bool there = false;
	if (!o) {
		m->facts.noise++;
	} else if (json_object_is_type(o, json_type_array)) {
		/* revision 2025-03-26 has batches */
		for (size_t i = 0; i < json_object_array_length(o); i++)
			there |= take_one(m, json_object_array_get_idx(o, i));
	} else {
		there = take_one(m, o);
	}
	json_object_put(o);
	return there;
}

/* --- what is asked ------------------------------------------------------ */

/* Revision 2026-07-28: each request says what a handshake used to. */
static void add_meta(struct mcp *m, json_object *params, bool wants_progress)
{
	json_object *meta = json_clone(json_get_object(params, "_meta"));
	if (!meta)
		meta = json_object_new_object();
	if (wants_progress)
		json_add_int(meta, "progressToken", m->last_id);
	if (m->facts.stateless) {
		json_object *info = json_object_new_object();
		json_object *nothing = json_object_new_object();
		json_add_str(info, "name", "showcaller");
		json_add_str(info, "version", PACKAGE_VERSION);
		json_add_str(meta, META "protocolVersion", m->facts.protocol);
		json_add(meta, META "clientInfo", &info);
		json_add(meta, META "clientCapabilities", &nothing);
	}
	if (json_object_object_length(meta))
		json_add(params, "_meta", &meta);
	json_object_put(meta);
}

static void cancel(struct mcp *m, const char *why)
{
	json_object *o = json_object_new_object();
	json_object *params = json_object_new_object();
	json_add_str(o, "jsonrpc", "2.0");
	json_add_str(o, "method", "notifications/cancelled");
	json_add_int(params, "requestId", m->last_id);
	json_add_str(params, "reason", why);
	json_add(o, "params", &params);
	tell(m, &o, "notifications/cancelled");
}

/* One request, sent once. */
static enum mcp_sent ask_once(struct mcp *m, const char *method,
			      json_object *params, struct mcp_answer *out)
{
	json_object *o = json_object_new_object();
	json_object *copy =
		params ? json_clone(params) : json_object_new_object();
	bool begins = strcmp(method, "initialize") == 0;
	m->last_id++;
	json_add_str(o, "jsonrpc", "2.0");
	json_add_int(o, "id", m->last_id);
	json_add_str(o, "method", method);
	add_meta(m, copy,
		 m->s.progress && !begins &&
			 strcmp(method, "server/discover") != 0);
	const char *name = json_get_str(copy, "name", NULL);
	if (!name)
		name = json_get_str(copy, "uri", NULL);
	char *held = xstrdup(name);
	json_add(o, "params", &copy);
	struct mcp_message message = {
		.text = xstrdup(json_text(o)),
		.method = method,
		.name = held,
		.begins = begins,
	};
	json_object_put(o);
	json_object_put(m->response);
	m->response = NULL;
	m->in_hand = true;
	enum mcp_sent sent = m->wire->ask(m, &message, out);
	m->in_hand = false;
	/* The end of the connection is what cancels a request that has no
	 * session; a handshake must not be cancelled. */
	if (sent == MCP_FAILED && out->reached && !begins &&
	    !m->facts.stateless &&
	    (strcmp(out->code, "timeout") == 0 ||
	     strcmp(out->code, "cancelled") == 0))
		cancel(m, out->code);
	free(message.text);
	free(held);
	return sent;
}

/* The response becomes a result or an error of `out`. */
static bool read_response(struct mcp *m, struct mcp_answer *out)
{
	json_object *error = json_get(m->response, "error");
	out->reached = true;
	if (error) {
		out->error = json_object_get(error);
		mcp_fail(out, "mcp_error", true,
			 "the server refuses it (%lld): %s",
			 (long long)json_get_int(error, "code", 0),
			 json_get_str(error, "message", "it does not say why"));
		return false;
	}
	out->result = json_object_get(json_get(m->response, "result"));
	const char *type = json_get_str(out->result, "resultType", "complete");
	if (strcmp(type, "complete") == 0)
		return true;
	json_object_put(out->result);
	out->result = NULL;
	mcp_fail(out, "needs_input", true,
		 "the server asks for input that a show cannot give (%.60s)",
		 type);
	return false;
}

/* --- how it begins ------------------------------------------------------ */

static void keep_server(struct mcp *m, json_object *info)
{
	char *text = xasprintf("%s %s", json_get_str(info, "name", ""),
			       json_get_str(info, "version", ""));
	char *clean = text_clean_str(text, NAME_BYTES - 1);
	snprintf(m->facts.server, sizeof m->facts.server, "%s", clean);
	free(clean);
	free(text);
}

/* Of the revisions that a list names, the newest with a handshake; NULL. */
static const char *best_of(json_object *list)
{
	size_t n = list ? json_object_array_length(list) : 0;
	for (size_t i = 0; revisions[i]; i++)
		for (size_t k = 0; k < n; k++)
			if (strcmp(json_item_str(list, k), revisions[i]) == 0)
				return revisions[i];
	return NULL;
}

static json_object *greeting(const char *revision)
{
	json_object *o = json_object_new_object();
	json_object *info = json_object_new_object();
	json_object *nothing = json_object_new_object();
	json_add_str(o, "protocolVersion", revision);
	json_add(o, "capabilities", &nothing);
	json_add_str(info, "name", "showcaller");
	json_add_str(info, "version", PACKAGE_VERSION);
	json_add(o, "clientInfo", &info);
	return o;
}

/* `*other`: what the server would rather speak, or NULL. */
static bool greet_once(struct mcp *m, const char *revision, const char **other,
		       struct mcp_answer *out)
{
	json_object *params = greeting(revision);
	enum mcp_sent sent = ask_once(m, "initialize", params, out);
	json_object_put(params);
	*other = NULL;
	if (sent == MCP_NO_SESSION)
		mcp_fail(out, "garbage", true,
			 "the server wants a session before there is one");
	if (sent != MCP_ANSWERED)
		return false;
	if (!read_response(m, out)) {
		json_object *data = json_get_object(out->error, "data");
		*other = best_of(json_get_array(data, "supported"));
		if (*other && strcmp(*other, revision) == 0)
			*other = NULL;
		return false;
	}
	const char *theirs = json_get_str(out->result, "protocolVersion", "");
	if (!is_known(theirs)) {
		mcp_fail(out, "mcp_version", true,
			 "the server speaks MCP %.20s; this version speaks %s "
			 "to "
			 "%s and " MCP_STATELESS,
			 theirs, MCP_OLDEST, MCP_NEWEST);
		return false;
	}
	snprintf(m->facts.protocol, sizeof m->facts.protocol, "%s", theirs);
	keep_server(m, json_get_object(out->result, "serverInfo"));
	m->facts.begun++;
	return true;
}

static void clear_answer(struct mcp_answer *out)
{
	mcp_answer_release(out);
	out->dns_ms = out->connect_ms = out->tls_ms = out->first_byte_ms = -1;
}

static bool greet(struct mcp *m, struct mcp_answer *out)
{
	const char *other;
	const char *revision = m->s.protocol ? m->s.protocol : MCP_NEWEST;
	m->facts.protocol[0] = '\0';
	bool ok = greet_once(m, revision, &other, out);
	if (!ok && other) {
		clear_answer(out);
		ok = greet_once(m, other, &other, out);
	}
	if (!ok)
		return false;
	clear_answer(out);
	json_object *o = json_object_new_object();
	json_add_str(o, "jsonrpc", "2.0");
	json_add_str(o, "method", "notifications/initialized");
	tell(m, &o, "notifications/initialized");
	return true;
}

/* Whether the server speaks the revision without a handshake. Whatever it says
 * otherwise, the handshake will tell more of it. */
static bool discover(struct mcp *m, struct mcp_answer *out)
{
	bool has = false;
	m->facts.stateless = true;
	snprintf(m->facts.protocol, sizeof m->facts.protocol, "%s",
		 MCP_STATELESS);
	/* A program that passes over it must not take all the time there is:
	 * it may know the handshake. */
	if (m->wire == &mcp_stdio && !m->s.protocol &&
	    m->due_ms > clock_mono_ms() + DISCOVER_MS)
		m->due_ms = clock_mono_ms() + DISCOVER_MS;
	if (ask_once(m, "server/discover", NULL, out) == MCP_ANSWERED &&
	    read_response(m, out)) {
		json_object *list =
			json_get_array(out->result, "supportedVersions");
		size_t n = list ? json_object_array_length(list) : 0;
		for (size_t i = 0; i < n; i++)
			has = has || strcmp(json_item_str(list, i),
					    MCP_STATELESS) == 0;
		json_object *meta = json_get_object(out->result, "_meta");
		json_object *info = json_get_object(meta, META "serverInfo");
		keep_server(m,
			    info ? info
				 : json_get_object(out->result, "serverInfo"));
	}
	m->due_ms = m->s.deadline_ms;
	if (!has)
		m->facts.stateless = false;
	return has;
}

/* Whether a greeting would fare no better. A program that did not bear to be
 * asked what it does not know, or that passed over it, is greeted. */
static bool is_final(const struct mcp *m, const struct mcp_answer *out)
{
	static const char *const codes[] = {
		"refused", "dns",      "tls",	   "bad_url",	  "blocked",
		"timeout", "http_401", "http_403", "not_started", "cancelled"};
	if (stop_raised(m->s.stop) || clock_mono_ms() >= m->s.deadline_ms)
		return true;
	if (m->wire == &mcp_stdio && strcmp(out->code, "timeout") == 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(codes); i++)
		if (strcmp(codes[i], out->code) == 0)
			return true;
	return strncmp(out->code, "http_3", 6) == 0;
}

/* A program that was slow to start reads only now what it was asked first. If
 * it did not bear that and ended, another one is started and greeted alone; if
 * it takes no greeting, it is asked again. */
static bool begin_late(struct mcp *m, struct mcp_answer *out)
{
	if (stop_raised(m->s.stop) || clock_mono_ms() >= m->s.deadline_ms)
		return false;
	if (strcmp(out->code, "exit_status") == 0 ||
	    strcmp(out->code, "killed") == 0) {
		clear_answer(out);
		return greet(m, out);
	}
	if (strcmp(out->code, "mcp_error") != 0)
		return false;
	struct mcp_answer refusal = *out;
	*out = (struct mcp_answer){0};
	bool has = discover(m, out);
	if (has) {
		clear_answer(out);
		mcp_answer_release(&refusal);
	} else {
		mcp_answer_release(out);
		*out = refusal;
	}
	return has;
}

static bool begin(struct mcp *m, struct mcp_answer *out)
{
	const char *wanted = m->s.protocol;
	bool stateless = wanted && strcmp(wanted, MCP_STATELESS) == 0;
	if (wanted && !stateless && !is_known(wanted)) {
		mcp_fail(out, "mcp_version", false,
			 "this version does not speak MCP %.20s", wanted);
		return false;
	}
	if ((!wanted || stateless) && discover(m, out)) {
		clear_answer(out);
		return true;
	}
	if (out->code[0] && is_final(m, out))
		return false;
	if (stateless) {
		if (!out->code[0])
			mcp_fail(
				out, "mcp_version", true,
				"the server does not speak MCP " MCP_STATELESS);
		return false;
	}
	bool late = strcmp(out->code, "timeout") == 0;
	clear_answer(out);
	return greet(m, out) || (late && begin_late(m, out));
}

/* --- the client --------------------------------------------------------- */

struct mcp *mcp_open(const struct mcp_settings *settings,
		     struct mcp_answer *out)
{
	struct mcp *m = xcalloc(1, sizeof *m);
	m->s = *settings;
	m->due_ms = settings->deadline_ms;
	m->wire = settings->url ? &mcp_http : &mcp_stdio;
	m->child = (struct child){.pid = -1, .pidfd = -1, -1, -1, -1};
	*out = (struct mcp_answer){0};
	clear_answer(out);
	if (!begin(m, out))
		mcp_close(&m);
	return m;
}

bool mcp_call(struct mcp *m, const char *method, json_object *params,
	      bool again, struct mcp_answer *out)
{
	clear_answer(out);
	enum mcp_sent sent = ask_once(m, method, params, out);
	if (sent == MCP_NO_SESSION) {
		if (!greet(m, out))
			return false;
		if (!again) {
			mcp_fail(out, "session_lost", true,
				 "the server has forgotten the session, and "
				 "what "
				 "was asked may not be asked twice");
			return false;
		}
		clear_answer(out);
		sent = ask_once(m, method, params, out);
		if (sent == MCP_NO_SESSION)
			mcp_fail(out, "session_lost", true,
				 "the server forgets each session at once");
	}
	return sent == MCP_ANSWERED && read_response(m, out);
}

const struct mcp_facts *mcp_facts(const struct mcp *m)
{
	return &m->facts;
}

void mcp_close(struct mcp **mcp)
{
	struct mcp *m = *mcp;
	*mcp = NULL;
	if (!m)
		return;
	m->wire->close(m);
	json_object_put(m->response);
	free(m);
}

void mcp_answer_release(struct mcp_answer *a)
{
	json_object_put(a->result);
	json_object_put(a->error);
	free(a->text);
	*a = (struct mcp_answer){0};
}

char *mcp_result_text(json_object *result)
{
	json_object *content = json_get_array(result, "content");
	size_t n = content ? json_object_array_length(content) : 0;
	struct buf b = {0};
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(content, i);
		const char *text = json_get_str(o, "text", NULL);
		if (text && b.len)
			buf_addc(&b, '\n');
		if (text)
			buf_adds(&b, text);
	}
	return buf_take(&b);
}
