/* http_api: what the operator's side reads and asks. */
#include "net/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "core/status.h"

void api_health(struct request *r)
{
	struct web *web = r->web;
	json_object *o = json_object_new_object();
	json_add_bool(o, "ok", web->redis_ok);
	json_add_str(o, "show", web->net->show->id);
	json_add_str(o, "run", run_state_name(web->model->run.state));
	json_add_bool(o, "redis", web->redis_ok);
	if (web->redis_why)
		json_add_str(o, "redis_why", web->redis_why);
	json_add_bool(o, "obs", web->model->obs.facts.connected);
	http_respond_json(r, web->redis_ok ? 200 : 503, &o);
}

static struct status_extra extra_of(const struct web *web)
{
	return (struct status_extra){
		.mode = web->net->rehearsal ? "rehearsal" : "live",
		.redis_url = web->net->redis_url,
		.redis_rtt_us = web->redis_rtt_us,
		.redis_connected = web->redis_ok,
		.redis_why = web->redis_why,
		.redis_fsync = web->net->redis_fsync,
		.obs_figures = web->obs_figures,
		.now_ms = clock_show_ms(),
	};
}

void api_status(struct request *r)
{
	struct status_extra extra = extra_of(r->web);
	struct buf body = {0};
	/* What is told of polls is the newest we know, not the last that was
	 * counted. */
	int stage = polls_now(r->web->model);
	json_object *poll = stage >= 0 ? web_poll_json(r->web, stage) : NULL;
	json_object *polls = web_polls_on_json(r->web);
	status_print(&body, r->web->model, &extra, &poll, &polls);
	buf_addc(&body, '\n');
	size_t bytes = body.len;
	char *text = buf_take(&body);
	http_respond(r, 200, "application/json", &text, bytes);
}

static void respond_list(struct request *r, const char *name, json_object *list)
{
	json_object *o = json_object_new_object();
	json_add(o, name, &list);
	http_respond_json(r, 200, &o);
}

void api_runs(struct request *r)
{
	json_object *list = json_object_new_array();
	if (*r->web->model->run.id)
		json_object_array_add(
			list, status_run(r->web->model, clock_show_ms()));
	respond_list(r, "runs", list);
}

void api_run(struct request *r)
{
	if (strcmp(r->args[0], r->web->model->run.id) || !*r->args[0]) {
		http_error(r, 404, "not_found",
			   "no such run; the last one is \"%s\"",
			   r->web->model->run.id);
		return;
	}
	json_object *o = status_run(r->web->model, clock_show_ms());
	http_respond_json(r, 200, &o);
}

void api_inbox(struct request *r)
{
	respond_list(r, "inbox", status_inbox(r->web->model));
}

void api_late(struct request *r)
{
	respond_list(r, "late", status_late(r->web->model));
}

void api_polls(struct request *r)
{
	respond_list(r, "polls", web_polls_json(r->web, false));
}

void api_checks(struct request *r)
{
	respond_list(r, "checks", status_checks(r->web->model));
}

void api_obs(struct request *r)
{
	struct status_extra extra = extra_of(r->web);
	json_object *o = status_obs(r->web->model, &extra);
	http_respond_json(r, 200, &o);
}

/* --- commands ------------------------------------------------------------- */

/* An id that the core remembers, so that a repeat is answered and not done
 * again: the caller's Idempotency-Key, else one of ours. */
static void command_id(const struct request *r, char out[64])
{
	const char *key = head_get(&r->head, "Idempotency-Key");
	size_t len = key ? strlen(key) : 0;
	if (len && len < 64 &&
	    strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"0123456789_-.") == len)
		memcpy(out, key, len + 1);
	else
		snprintf(out, 64, "%s-%llu", r->web->boot,
			 (unsigned long long)++r->web->command_count);
}

/* NULL when it was refused, and answered. */
static struct input *command_new(struct request *r, const char *action,
				 json_object **args)
{
	char id[64];
	struct err err = {0};
	command_id(r, id);
	json_object *o = json_object_new_object();
	json_add_str(o, "id", id);
	json_add_str(o, "action", action);
	json_add(o, "args", args);
	json_add_str(o, "by", json_get_str(r->json, "by", "web"));
	json_add_str(o, "reason", json_get_str(r->json, "reason", NULL));
	struct input *in = input_command(o, &err);
	json_object_put(o);
	if (!in) {
		bool unknown = !action_find(action);
		http_error(r, unknown ? 404 : 400,
			   unknown ? "unknown_action" : "bad_arguments", "%s",
			   err.text);
	}
	return in;
}

void api_command(struct request *r, const char *action, json_object **args)
{
	struct input *in = command_new(r, action, args);
	if (in)
		http_ask(r, &in);
}

void api_commanded(struct request *r)
{
	int status = http_status_of(r->ok, r->code);
	if (!r->ok) {
		http_error(r, status, r->code, "%s", r->reply);
		return;
	}
	json_object *o = json_object_new_object();
	json_add_bool(o, "ok", true);
	json_add_str(o, "message", r->reply);
	http_respond_json(r, status, &o);
}

static void add_arg(json_object *args, const char *v)
{
	json_object_array_add(args, json_object_new_string(v));
}

/* A member that means nothing here was meant to mean something: GO for a stage
 * that is named in the wrong place must not release another one. */
bool api_has_only(struct request *r, const char *const *known, const char *form)
{
	json_object_object_foreach(r->json, key, value)
	{
		(void)value;
		size_t i = 0;
		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (known[i])
			continue;
		http_error(r, 400, "bad_arguments",
			   "nothing here is called `%.40s`; send %s", key,
			   form);
		return false;
	}
	return true;
}

static void add_number(struct request *r, json_object *args, const char *name)
{
	json_object *v = json_get(r->json, name);
	char text[32];
	if (!v)
		return;
	snprintf(text, sizeof text, "%lld",
		 (long long)json_object_get_int64(v));
	add_arg(args, text);
}

static bool is_whole(struct request *r, const char *name)
{
	json_object *v = json_get(r->json, name);
	return !v || json_object_is_type(v, json_type_int);
}

static bool is_text(struct request *r, const char *name)
{
	json_object *v = json_get(r->json, name);
	return !v || json_object_is_type(v, json_type_string);
}

static bool has(struct request *r, const char *name)
{
	return json_get(r->json, name) != NULL;
}

/* What goes with an answer fits it. */
static bool answer_is_sound(struct request *r, const char *answer)
{
	bool raises = answer && strcmp(answer, "raise") == 0;
	bool borrows = answer && strcmp(answer, "borrow") == 0;
	bool expires = has(r, "expires") || has(r, "expires_ms");
	const char *wrong = NULL;
	if (!answer || !is_text(r, "from") || !is_text(r, "expires") ||
	    (!is_whole(r, "amount") && !is_text(r, "amount")) ||
	    !is_whole(r, "expires_ms"))
		wrong = "`answer`, `from` and `expires` must be strings, "
			"`expires_ms` an integer, `amount` an integer or, of "
			"money, a string";
	else if ((expires && !(raises && has(r, "amount"))) ||
		 (borrows ? !has(r, "from") && has(r, "amount")
			  : has(r, "from")))
		wrong = "`expires` goes with a raise and its amount, `from` "
			"with borrow";
	else if (has(r, "expires") && has(r, "expires_ms"))
		wrong = "`expires` and `expires_ms` say the same: send one";
	if (wrong)
		http_error(r, 400, "bad_arguments", "%s", wrong);
	return !wrong;
}

/* {answer, amount}; a raise may expire, and who borrows may say from whom. */
void api_answer(struct request *r)
{
	static const char *const known[] = {"answer",	  "amount", "expires",
					    "expires_ms", "from",   "reason",
					    NULL};
	if (!api_has_only(r, known,
			  "{\"answer\": \"...\", \"amount\": N}, for a raise "
			  "\"expires\", to borrow \"from\""))
		return;
	const char *answer = json_get_str(r->json, "answer", NULL);
	if (!answer_is_sound(r, answer))
		return;
	json_object *args = json_object_new_array();
	add_arg(args, r->args[0]);
	add_arg(args, answer);
	if (has(r, "from"))
		add_arg(args, json_get_str(r->json, "from", ""));
	if (is_whole(r, "amount"))
		add_number(r, args, "amount");
	else
		add_arg(args, json_get_str(r->json, "amount", ""));
	if (has(r, "expires"))
		add_arg(args, json_get_str(r->json, "expires", ""));
	add_number(r, args, "expires_ms");
	api_command(r, "answer", &args);
}

void api_action(struct request *r)
{
	static const char *const known[] = {"args", "reason", "by", NULL};
	if (!api_has_only(r, known, "{\"args\": [\"...\"]}"))
		return;
	json_object *given = json_get(r->json, "args");
	if (given && !json_object_is_type(given, json_type_array)) {
		http_error(r, 400, "bad_arguments",
			   "`args` must be a list of strings");
		return;
	}
	json_object *args = given ? json_clone(given) : json_object_new_array();
	api_command(r, r->args[0], &args);
}

/* {} runs all, {"card"} a card, {"card", "test"} one test. */
void api_checks_run(struct request *r)
{
	static const char *const known[] = {"card", "test", "reason", NULL};
	if (!api_has_only(r, known, "{\"card\": \"...\", \"test\": \"...\"}"))
		return;
	const char *card = json_get_str(r->json, "card", NULL);
	const char *test = json_get_str(r->json, "test", NULL);
	json_object *args = json_object_new_array();
	if (card) {
		char *what =
			test ? xasprintf("%s/%s", card, test) : xstrdup(card);
		add_arg(args, what);
		free(what);
	}
	api_command(r, card ? "check" : "check-all", &args);
}

/* As on the bus: it is taken, and what became of it is an event. */
void api_proposal(struct request *r)
{
	struct err err = {0};
	struct input *in = input_bus_proposal(r->json, &err);
	if (!in) {
		http_error(r, 422, "bad_proposal", "%s", err.text);
		return;
	}
	if (!mailbox_post(r->web->net->engine, &in)) {
		input_free(&in);
		http_error(r, 503, "busy",
			   "the engine has too much to do: try again");
		return;
	}
	json_object *o = json_object_new_object();
	json_add_bool(o, "accepted", true);
	http_respond_json(r, 202, &o);
}

/* --- leases --------------------------------------------------------------- */

static bool is_count(json_object *v)
{
	return json_object_is_type(v, json_type_int) &&
	       json_object_get_int64(v) >= 0;
}

static void add_count(json_object *args, json_object *v)
{
	char text[32];
	snprintf(text, sizeof text, "%lld",
		 (long long)json_object_get_int64(v));
	add_arg(args, text);
}

static void command_patiently(struct request *r, const char *action,
			      json_object **args)
{
	struct input *in = command_new(r, action, args);
	if (in)
		http_ask_patiently(r, &in);
}

/* {stage, agent, tokens}: one more lease for a call that is out. */
void api_lease(struct request *r)
{
	static const char *const known[] = {"stage", "agent", "tokens",
					    "reason", NULL};
	static const char form[] = "{\"stage\": \"...\", \"agent\": \"...\", "
				   "\"tokens\": N}";
	if (!api_has_only(r, known, form))
		return;
	const char *stage = json_get_str(r->json, "stage", NULL);
	const char *agent = json_get_str(r->json, "agent", NULL);
	json_object *tokens = json_get(r->json, "tokens");
	if (!stage || !agent || !is_count(tokens)) {
		http_error(r, 400, "bad_arguments", "send %s", form);
		return;
	}
	json_object *args = json_object_new_array();
	add_arg(args, stage);
	add_arg(args, agent);
	add_count(args, tokens);
	command_patiently(r, "lease", &args);
}

static char *lease_id(const struct request *r)
{
	struct buf id = {0};
	for (int i = 0; i < HTTP_MAX_ARGS && r->args[i]; i++) {
		if (i)
			buf_addc(&id, '/');
		buf_adds(&id, r->args[i]);
	}
	return buf_take(&id);
}

/* {tokens}, and for settle {cost} in the show's currency, as a string. */
void api_lease_change(struct request *r)
{
	static const char *const known[] = {"tokens", "cost", "reason", NULL};
	bool settles = !strcmp(r->route->name, "lease-settle");
	if (!api_has_only(r, known, "{\"tokens\": N}"))
		return;
	json_object *tokens = json_get(r->json, "tokens");
	json_object *cost = json_get(r->json, "cost");
	if (!is_count(tokens) ||
	    (cost &&
	     (!settles || !json_object_is_type(cost, json_type_string)))) {
		http_error(r, 400, "bad_arguments",
			   "`tokens` must be a whole number; settle takes a "
			   "`cost` as well, as a string such as \"0.0125\"");
		return;
	}
	json_object *args = json_object_new_array();
	char *id = lease_id(r);
	add_arg(args, id);
	free(id);
	add_count(args, tokens);
	if (cost)
		add_arg(args, json_object_get_string(cost));
	command_patiently(r, r->route->name, &args);
}

/* The core tells a lease as one JSON object. */
void api_leased(struct request *r)
{
	if (!r->ok) {
		api_commanded(r);
		return;
	}
	char *body = xasprintf("%s\n", r->reply);
	http_respond(r, 200, "application/json", &body, strlen(body));
}
