#include "engine/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/flow.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/conductor.h"
#include "jobs/meter.h"
#include "jobs/relay.h"

#define ASKS_MAX	1024
#define CHOICES_MAX	16
#define ANSWER_TOKENS	1024 /* asked for where a request names no limit */
#define ANSWER_AT_LEAST 16   /* with less a request does not begin */
#define WISH_MAX	(INT64_C(1) << 32)

enum ask_state {
	ASK_WAITS,   /* for others of its lease to end */
	ASK_EXTENDS, /* for the core, or a person */
	ASK_RUNS,
	ASK_BOOKS, /* for its spending to be stored */
};

/* A request, from its coming to the last byte of its answer. */
struct ask {
	struct ask *next;
	enum ask_state state;
	char id[64]; /* the ticket of the web thread */
	char *lease;
	enum show_api api;
	bool stream, usage_wanted;
	int agent; /* whose model it is */
	int choices;
	int64_t prompt_tokens;
	int64_t wish_tokens;	 /* a choice; 0: it names none */
	int64_t reserved_tokens; /* while it runs */
	int64_t more_tokens;	 /* asked for, beyond what the lease had */
	json_object *body;	 /* until it runs */
	char *version, *beta;
	struct flow *flow;
	char *denied; /* why there is no more for it */
	char *tail;   /* the end of the answer, while it is booked */
	enum flow_end how;
};

struct gateway {
	struct relay *relay;
	char *token;
	char *base_url;
	char boot[17]; /* chance: ids of requests differ from core to core */
	uint64_t booked;
	struct ask *asks; /* oldest first */
	size_t ask_count;
};

/* --- its parts ------------------------------------------------------------ */

static bool has_models(const struct show *show)
{
	for (size_t i = 0; i < show->agent_count; i++)
		if (show->agents[i].via == VIA_LLM)
			return true;
	return false;
}

/* Where agents of this machine reach us. */
static char *own_url(const char *addr)
{
	const char *port = strrchr(addr, ':');
	if (!strncmp(addr, "0.0.0.0:", 8) || !strncmp(addr, "[::]:", 5))
		return xasprintf("http://127.0.0.1%s/llm/v1", port);
	return xasprintf("http://%s/llm/v1", addr);
}

struct gateway *gateway_new(struct engine *e, const char *token,
			    struct err *err)
{
	if (!e->net || e->rehearse || !has_models(e->show))
		return NULL;
	struct relay *relay = relay_new(e->show, e->box, err);
	if (!relay)
		return NULL;
	struct gateway *g = xcalloc(1, sizeof *g);
	g->relay = relay;
	g->token = xstrdup(token);
	g->base_url = own_url(net_operator_addr(e->net));
	hash_random_hex(g->boot, 8);
	return g;
}

static void ask_free(struct ask *a)
{
	json_object_put(a->body);
	flow_unref(&a->flow);
	free(a->lease);
	free(a->version);
	free(a->beta);
	free(a->denied);
	free(a->tail);
	free(a);
}

void gateway_free(struct gateway **gateway)
{
	struct gateway *g = *gateway;
	*gateway = NULL;
	if (!g)
		return;
	relay_free(&g->relay);
	for (struct ask *a = g->asks, *next; a; a = next) {
		next = a->next;
		flow_finish(a->flow, FLOW_CUT);
		ask_free(a);
	}
	explicit_bzero(g->token, strlen(g->token));
	free(g->token);
	free(g->base_url);
	free(g);
}

static struct ask *find_ask(const struct gateway *g, const char *id)
{
	struct ask *a = g->asks;
	while (a && strcmp(a->id, id) != 0)
		a = a->next;
	return a;
}

static void drop_ask(struct gateway *g, struct ask *ask)
{
	struct ask **at = &g->asks;
	while (*at != ask)
		at = &(*at)->next;
	*at = ask->next;
	g->ask_count--;
	ask_free(ask);
}

static void say_error(struct flow *flow, enum show_api api, int status,
		      const char *code, const char *text)
{
	struct flow_head head = {.status = status, .type = "application/json"};
	char *body = meter_error_body(api, status, code, text);
	flow_begin(flow, &head);
	flow_put(flow, body, strlen(body));
	flow_finish(flow, FLOW_WHOLE);
	free(body);
}

static void fail(struct gateway *g, struct ask *a, int status, const char *code,
		 const char *text)
{
	say_error(a->flow, a->api, status, code, text);
	drop_ask(g, a);
}

/* --- the lease ------------------------------------------------------------ */

static const struct lease *held_lease(const struct engine *e, const char *id)
{
	int slot = ledger_find(&e->m->ledger, id);
	const struct lease *l = slot < 0 ? NULL : ledger_lease(e->m, slot);
	return l && l->state == LEASE_HELD ? l : NULL;
}

/* What others of the same lease may still use. */
static int64_t reserved_of(const struct gateway *g, const char *lease)
{
	int64_t sum = 0;
	for (const struct ask *a = g->asks; a; a = a->next) {
		if (a->state != ASK_RUNS || strcmp(a->lease, lease) != 0)
			continue;
		sum += a->reserved_tokens;
	}
	return sum;
}

/* Whether the core gives that much more without asking anybody. It decides;
 * this only keeps a person from being asked where a shorter answer will do. */
static bool is_covered(const struct engine *e, const struct lease *l,
		       int64_t tokens)
{
	struct path p = ledger_path(e->m, l->stage, l->agent, l->day);
	const struct show_stage *stage = &e->show->stages[l->stage];
	int64_t fence = stage->finale ? 0 : e->m->ledger.reserve;
	for (size_t i = 0; i < SCOPE_KINDS; i++) {
		const struct scope *s =
			p.purses[i] ? &p.purses[i]->tokens : NULL;
		int64_t kept = i == SCOPE_EPISODE ? fence : 0;
		if (s && s->limited && scope_remaining(s) - kept < tokens)
			return false;
	}
	return true;
}

/* --- the way of a request ------------------------------------------------- */

static void set_limit(struct ask *a, int64_t tokens)
{
	static const char *const names[] = {"max_completion_tokens",
					    "max_tokens"};
	bool set = false;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (!json_object_object_get_ex(a->body, names[i], NULL))
			continue;
		json_object_object_del(a->body, names[i]);
		json_add_int(a->body, names[i], tokens);
		set = true;
	}
	if (!set)
		json_add_int(a->body, "max_tokens", tokens);
}

/* Without it OpenAI's servers tell no usage of what they stream. */
static void want_usage(struct ask *a)
{
	if (a->api != API_OPENAI || !a->stream)
		return;
	json_object *old = json_get_object(a->body, "stream_options");
	json_object *options = old ? json_clone(old) : json_object_new_object();
	json_object_object_del(options, "include_usage");
	json_add_bool(options, "include_usage", true);
	json_object_object_del(a->body, "stream_options");
	json_add(a->body, "stream_options", &options);
}

static void run(struct gateway *g, struct ask *a, int64_t tokens)
{
	struct relay_call *call = xcalloc(1, sizeof *call);
	set_limit(a, tokens);
	want_usage(a);
	snprintf(call->id, sizeof call->id, "%s", a->id);
	call->agent = a->agent;
	call->api = a->api;
	call->stream = a->stream;
	call->usage_wanted = a->usage_wanted;
	call->choices = a->choices;
	call->prompt_tokens = a->prompt_tokens;
	call->output_tokens = tokens * a->choices;
	call->lease = xstrdup(a->lease);
	call->version = xstrdup(a->version);
	call->beta = xstrdup(a->beta);
	call->body = a->body;
	call->flow = flow_ref(a->flow);
	a->body = NULL;
	a->reserved_tokens = a->prompt_tokens + call->output_tokens;
	a->state = ASK_RUNS;
	if (relay_start(g->relay, &call))
		return;
	relay_call_free(&call);
	fail(g, a, 503, "busy", "too many requests are under way: try again");
}

static void extend(struct engine *e, struct ask *a, int64_t tokens)
{
	struct gateway *g = e->gateway;
	struct input *in = input_new(INPUT_COMMAND);
	in->action = ACTION_LEASE_EXTEND;
	in->origin.kind = ORIGIN_LOCAL;
	snprintf(in->origin.id, sizeof in->origin.id, "%s", a->id);
	in->id = xasprintf("llm-%s-%llu", g->boot,
			   (unsigned long long)++g->booked);
	in->by = xstrdup("gateway");
	in->args[0] = xstrdup(a->lease);
	in->args[1] = xasprintf("%lld", (long long)tokens);
	a->state = ASK_EXTENDS;
	a->more_tokens = tokens;
	waiting_add(&e->local, &in);
}

/* What its lease was extended by goes back: its client left meanwhile. */
static void give_back(struct engine *e, const struct ask *a)
{
	struct gateway *g = e->gateway;
	struct input *in = input_new(INPUT_COMMAND);
	in->action = ACTION_LEASE_RETURN;
	in->id = xasprintf("llm-%s-%llu", g->boot,
			   (unsigned long long)++g->booked);
	in->by = xstrdup("gateway");
	in->args[0] = xstrdup(a->lease);
	in->args[1] = xasprintf("%lld", (long long)a->more_tokens);
	waiting_add(&e->local, &in);
}

static void deny(struct gateway *g, struct ask *a, int64_t left, int64_t needs)
{
	char *text = xasprintf(
		"lease %s has %lld tokens left for this request, which needs "
		"at least %lld%s%s",
		a->lease, (long long)(left > 0 ? left : 0), (long long)needs,
		a->denied ? "; more was not given: " : "",
		a->denied ? a->denied : "");
	fail(g, a, 402, "insufficient_quota", text);
	free(text);
}

/* Begins a request, or finds out what it has to wait for. May free it. */
static void look(struct engine *e, struct ask *a)
{
	struct gateway *g = e->gateway;
	const struct lease *l = held_lease(e, a->lease);
	if (flow_is_left(a->flow)) {
		drop_ask(g, a);
		return;
	}
	if (!l) {
		fail(g, a, 403, "lease_not_held",
		     "this lease is over: its call was answered, cancelled, or "
		     "has run out of time");
		return;
	}
	if (e->m->killed[a->agent]) {
		fail(g, a, 403, "agent_killed",
		     "the agent whose model this is was switched off by the "
		     "operator");
		return;
	}
	int64_t n = a->choices;
	int64_t reserved = reserved_of(g, a->lease);
	int64_t left = l->tokens - l->spent - reserved;
	int64_t wish = a->wish_tokens ? a->wish_tokens : ANSWER_TOKENS;
	int64_t least = wish < ANSWER_AT_LEAST ? wish : ANSWER_AT_LEAST;
	int64_t room = (left - a->prompt_tokens) / n; /* for each choice */
	int64_t lacks = a->prompt_tokens + wish * n - left;
	bool may_ask = !a->denied;
	if (lacks <= 0)
		run(g, a, a->wish_tokens ? a->wish_tokens : room);
	else if (may_ask && is_covered(e, l, lacks))
		extend(e, a, lacks);
	else if (room >= least)
		run(g, a, room);
	else if (room + reserved / n >= least && reserved)
		a->state = ASK_WAITS; /* others may give it back */
	else if (may_ask)
		extend(e, a, lacks);
	else
		deny(g, a, left, a->prompt_tokens + least * n);
}

/* Something was given back to a lease: who waits for that looks again. */
static void look_again(struct engine *e, const char *lease)
{
	char *id = xstrdup(lease);
	for (struct ask *a = e->gateway->asks, *next; a; a = next) {
		next = a->next;
		if (a->state == ASK_WAITS && !strcmp(a->lease, id))
			look(e, a);
	}
	free(id);
}

/* --- what comes in -------------------------------------------------------- */

/* The agent whose model is asked for; -1 and a sentence if there is none. */
static int find_model(const struct show *show, const char *model,
		      enum show_api api, char **why)
{
	struct buf names = {0};
	int other = -1;
	for (size_t i = 0; i < show->agent_count; i++) {
		const struct show_agent *a = &show->agents[i];
		if (a->via != VIA_LLM || !a->model)
			continue;
		if (strcmp(a->model, model) == 0 && a->api == api) {
			buf_release(&names);
			return (int)i;
		}
		if (strcmp(a->model, model) == 0)
			other = (int)i;
		buf_addf(&names, "%s%s", names.len ? ", " : "", a->model);
	}
	char *shown = text_clean_str(model, 100);
	*why = other >= 0
		       ? xasprintf("the model `%s` speaks the other API: use "
				   "/llm/v1/%s",
				   shown,
				   api == API_OPENAI ? "messages"
						     : "chat/completions")
		       : xasprintf("no agent of this show has the model `%s`; "
				   "there are: %s",
				   shown, buf_str(&names));
	free(shown);
	buf_release(&names);
	return -1;
}

/* A member that counts something. False when it is there and no such count. */
static bool read_count(json_object *body, const char *key, int64_t max,
		       int64_t *out)
{
	json_object *v = json_get(body, key);
	if (!v)
		return true;
	int64_t n = json_object_is_type(v, json_type_int)
			    ? json_object_get_int64(v)
			    : 0;
	if (n < 1 || n > max)
		return false;
	*out = n;
	return true;
}

static bool read_body(struct ask *a)
{
	int64_t choices = 1;
	json_object *options = json_get_object(a->body, "stream_options");
	a->stream = json_get_bool(a->body, "stream", false);
	a->usage_wanted = json_get_bool(options, "include_usage", false);
	bool good =
		read_count(a->body, "max_tokens", WISH_MAX, &a->wish_tokens);
	if (a->api == API_OPENAI)
		good = good &&
		       read_count(a->body, "max_completion_tokens", WISH_MAX,
				  &a->wish_tokens) &&
		       read_count(a->body, "n", CHOICES_MAX, &choices);
	a->choices = (int)choices;
	a->prompt_tokens = meter_guess_prompt(a->body);
	return good;
}

static struct ask *ask_new(struct gateway *g, struct input *in,
			   enum show_api api)
{
	struct ask *a = xcalloc(1, sizeof *a), **end = &g->asks;
	snprintf(a->id, sizeof a->id, "%s", in->origin.id);
	a->api = api;
	a->lease = in->lease;
	a->version = in->text;
	a->beta = in->reason;
	a->body = in->result;
	a->flow = in->flow;
	in->lease = in->text = in->reason = NULL;
	in->result = NULL;
	in->flow = NULL;
	while (*end)
		end = &(*end)->next;
	*end = a;
	g->ask_count++;
	return a;
}

static void take_request(struct engine *e, struct input *in)
{
	struct gateway *g = e->gateway;
	enum show_api api =
		strcmp(in->choice, "anthropic") ? API_OPENAI : API_ANTHROPIC;
	if (!g) {
		say_error(in->flow, api, 403, "no_models",
			  e->rehearse ? "this is a rehearsal: no model is "
					"called"
				      : "this show has no agent via llm");
		return;
	}
	if (g->ask_count >= ASKS_MAX) {
		say_error(in->flow, api, 503, "busy",
			  "too many requests are under way: try again");
		return;
	}
	struct ask *a = ask_new(g, in, api);
	char *why = NULL;
	a->agent = find_model(e->show, json_get_str(a->body, "model", ""), api,
			      &why);
	if (a->agent < 0)
		fail(g, a, 404, "model_not_found", why);
	else if (!read_body(a))
		fail(g, a, 400, "bad_request",
		     "max_tokens and n must be positive integers, n at most "
		     "16");
	else
		look(e, a);
	free(why);
}

static int64_t cost_of(const struct show_agent *agent, int64_t input_tokens,
		       int64_t output_tokens)
{
	int64_t in = agent->price_input_micros;
	int64_t out = agent->price_output_micros;
	__int128 sum = 0;
	if (in != SHOW_UNSET)
		sum += (__int128)in * input_tokens;
	if (out != SHOW_UNSET)
		sum += (__int128)out * output_tokens;
	return (int64_t)((sum + 999999) / 1000000);
}

/* The end of the answer goes out, and the request is over. */
static void close_ask(struct engine *e, struct ask *a)
{
	char *lease = xstrdup(a->lease);
	if (a->tail)
		flow_put(a->flow, a->tail, strlen(a->tail));
	flow_finish(a->flow, a->how);
	drop_ask(e->gateway, a);
	look_again(e, lease);
	free(lease);
}

static void book(struct engine *e, struct ask *a, const struct input *done)
{
	struct gateway *g = e->gateway;
	struct input *in = input_new(INPUT_USAGE);
	in->input_tokens = done->input_tokens;
	in->output_tokens = done->output_tokens;
	in->tokens_used = done->tokens_used;
	in->assumed = !done->reached;
	if (in->tokens_used < 0) {
		/* Nobody says: then it is all that it may have been. */
		in->tokens_used = a->reserved_tokens;
		in->input_tokens = a->prompt_tokens;
		in->output_tokens = a->reserved_tokens - a->prompt_tokens;
	}
	in->cost_micros = cost_of(&e->show->agents[a->agent], in->input_tokens,
				  in->output_tokens);
	in->lease = xstrdup(a->lease);
	in->id = xasprintf("llm-%s-%llu", g->boot,
			   (unsigned long long)++g->booked);
	in->by = xstrdup("gateway");
	in->model = xstrdup(e->show->agents[a->agent].model);
	in->origin.kind = ORIGIN_LOCAL;
	snprintf(in->origin.id, sizeof in->origin.id, "%s", a->id);
	a->state = ASK_BOOKS;
	a->reserved_tokens = 0;
	engine_decide(e, &in, engine_now_ms(e));
}

static void take_done(struct engine *e, struct input *in)
{
	struct ask *a = e->gateway ? find_ask(e->gateway, in->id) : NULL;
	if (!a)
		return;
	bool cap = in->error_code && !strcmp(in->error_code, "cap");
	struct flow_head head;
	bool whole = in->ok || cap || !flow_read_head(a->flow, &head) ||
		     !head.piecewise;
	a->tail = in->text;
	in->text = NULL;
	a->how = whole ? FLOW_WHOLE : FLOW_CUT;
	if (in->error_code)
		log_info("engine", "gateway: a request of %s ended: %s",
			 a->lease, in->error_code);
	if (in->tokens_used == 0) {
		a->reserved_tokens = 0;
		close_ask(e, a);
	} else {
		book(e, a, in);
	}
}

/* Its client has left. What runs is ended by the relay, which sees it. */
static void take_left(struct engine *e, const char *id)
{
	struct ask *a = e->gateway ? find_ask(e->gateway, id) : NULL;
	if (a && a->state == ASK_WAITS) {
		drop_ask(e->gateway, a);
	} else if (a && a->state == ASK_EXTENDS) {
		struct input *in = input_new(INPUT_LEFT);
		in->origin.kind = ORIGIN_LOCAL;
		snprintf(in->origin.id, sizeof in->origin.id, "%s", id);
		waiting_add(&e->local, &in);
	}
}

bool gateway_is_for(const struct input *in)
{
	return in->kind == INPUT_LLM || in->kind == INPUT_LLM_DONE ||
	       in->kind == INPUT_LLM_LEFT;
}

void gateway_take(struct engine *e, struct input **input)
{
	if ((*input)->kind == INPUT_LLM)
		take_request(e, *input);
	else if ((*input)->kind == INPUT_LLM_DONE)
		take_done(e, *input);
	else
		take_left(e, (*input)->id);
	input_free(input);
}

void gateway_replied(struct engine *e, const struct origin *origin, bool ok,
		     const char *text)
{
	struct ask *a = e->gateway ? find_ask(e->gateway, origin->id) : NULL;
	if (!a)
		return;
	if (a->state == ASK_BOOKS) {
		if (!ok)
			log_warn("engine", "gateway: %s is not booked: %s",
				 a->lease, text);
		close_ask(e, a);
	} else if (a->state == ASK_EXTENDS) {
		if (!ok)
			a->denied = xstrdup(text);
		else if (flow_is_left(a->flow))
			give_back(e, a);
		look(e, a);
	}
}

/* Whether the event takes from a request what it stands on: its lease, or the
 * agent whose model it asks. */
static bool ends_by(const struct engine *e, const struct ask *a,
		    const struct event *event)
{
	if (event->type == EVENT_AGENT_KILL)
		return e->m->killed[a->agent];
	const char *lease = event_str(event, "lease", "");
	return !strcmp(a->lease, lease) && !held_lease(e, lease);
}

void gateway_event(struct engine *e, const struct event *event)
{
	struct gateway *g = e->gateway;
	if (!g || !g->asks ||
	    (event->type != EVENT_TOKEN_SPEND &&
	     event->type != EVENT_TOKEN_RETURN &&
	     event->type != EVENT_AGENT_KILL))
		return;
	for (struct ask *a = g->asks, *next; a; a = next) {
		next = a->next;
		if (!ends_by(e, a, event))
			continue;
		if (a->state == ASK_RUNS)
			relay_end(g->relay, a->id, "revoked");
		else if (a->state != ASK_BOOKS)
			look(e, a);
	}
}

/* --- what an agent is told ------------------------------------------------ */

char *gateway_request(const struct engine *e, const struct effect *call)
{
	const struct gateway *g = e->gateway;
	char sum[HASH_HEX_BYTES];
	if (!g || !call->lease || !call->text)
		return NULL;
	json_object *o = json_read_str(call->text, &json_limits_own, NULL);
	json_object *lease = json_get_object(o, "lease");
	char *text = NULL;
	if (lease) {
		hash_hmac_hex(sum, g->token, call->lease);
		char *key = xasprintf("%s.%.16s", call->lease, sum);
		json_add_str(lease, "key", key);
		json_add_str(lease, "base_url", g->base_url);
		text = xstrdup(json_text(o));
		free(key);
	}
	json_object_put(o);
	return text;
}
