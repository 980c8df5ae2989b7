/* obs_calls: requests to OBS, from "sent" to "confirmed". */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/obs_priv.h"

enum { OP_REQUEST = 6, OBS_LAST_ASK_MS = 400 };

static void call_release(struct obs_call *c)
{
	free(c->id);
	free(c->type);
	json_object_put(c->data);
	*c = (struct obs_call){0};
}

void obs_calls_free(struct obs_session *s)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++)
		call_release(&s->calls[i]);
}

void obs_call_finish(struct obs_session *s, struct obs_call *c, bool ok,
		     const char *text)
{
	struct obs_call gone = *c;
	*c = (struct obs_call){0};
	if (gone.parent)
		obs_macro_step(s, &gone, ok, text);
	else if (gone.id)
		s->sink.done(s->sink.who, gone.id, ok, text);
	if (!strcmp(gone.type, "panic"))
		obs_panic_end(s, &gone);
	call_release(&gone);
}

struct obs_call *obs_call_number(struct obs_session *s, uint64_t number)
{
	for (size_t i = 0; number && i < OBS_MAX_REQUESTS; i++)
		if (s->calls[i].used && s->calls[i].number == number)
			return &s->calls[i];
	return NULL;
}

/* --- sending -------------------------------------------------------------- */

static bool is(const struct obs_call *c, const char *type)
{
	return !strcmp(c->type, type);
}

static bool changes_obs(const struct obs_call *c)
{
	return is(c, "SetCurrentSceneCollection") || is(c, "SetCurrentProfile");
}

bool obs_calls_are_held(const struct obs_session *s)
{
	if (s->facts.changing)
		return true;
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++)
		if (s->calls[i].used && s->calls[i].sent &&
		    !s->calls[i].asked && changes_obs(&s->calls[i]))
			return true;
	return false;
}

/* A take right behind a new preview was seen to take the old one. */
static bool preview_is_awaited(const struct obs_session *s)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++)
		if (s->calls[i].used && s->calls[i].sent &&
		    is(&s->calls[i], "SetCurrentPreviewScene"))
			return true;
	return false;
}

/* OBS takes each message in a thread of its own, and does two of them in any
 * order: what moves the picture goes one by one. */
static bool moves_picture(const struct obs_call *c)
{
	static const char *const types[] = {
		"SetCurrentProgramScene",
		"SetCurrentPreviewScene",
		"SetCurrentSceneTransition",
		"SetCurrentSceneTransitionDuration",
		"SetStudioModeEnabled",
		"TriggerStudioModeTransition",
		"panic",
	};
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (is(c, types[i]))
			return true;
	return false;
}

static bool picture_moves(const struct obs_session *s)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		const struct obs_call *c = &s->calls[i];
		if (c->used && c->sent && !c->answered && !c->parent &&
		    moves_picture(c))
			return true;
	}
	return false;
}

static bool may_be_sent(const struct obs_session *s, const struct obs_call *c)
{
	return !obs_calls_are_held(s) &&
	       !(moves_picture(c) && picture_moves(s)) &&
	       !(is(c, "TriggerStudioModeTransition") && preview_is_awaited(s));
}

static void send_call(struct obs_session *s, struct obs_call *c, int64_t now_ms)
{
	char number[32];
	c->sent = true;
	if (is(c, "macro")) {
		obs_macro_begin(s, c, now_ms);
		return;
	}
	if (is(c, "panic")) {
		obs_panic_begin(s, c, now_ms);
		return;
	}
	snprintf(number, sizeof number, "r%llu", (unsigned long long)c->number);
	json_object *o = json_object_new_object();
	json_object *d = json_object_new_object();
	json_add_str(d, "requestType", c->type);
	json_add_str(d, "requestId", number);
	if (c->data) {
		json_object *copy = json_clone(c->data);
		json_add(d, "requestData", &copy);
	}
	json_add_int(o, "op", OP_REQUEST);
	json_add(o, "d", &d);
	s->sink.send(s->sink.who, json_text(o));
	json_object_put(o);
}

/* A scene that another one waits behind need not be shown any more. */
static bool is_overtaken(const struct obs_session *s, const struct obs_call *c)
{
	if (!is(c, "SetCurrentProgramScene") || c->parent)
		return false;
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		const struct obs_call *o = &s->calls[i];
		if (o->used && !o->sent && o->number > c->number &&
		    is(o, "SetCurrentProgramScene"))
			return true;
	}
	return false;
}

/* In the order in which they were asked for; the brake before all. */
void obs_calls_flush(struct obs_session *s, int64_t now_ms)
{
	for (;;) {
		struct obs_call *next = NULL;
		for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
			struct obs_call *c = &s->calls[i];
			if (!c->used || c->sent || !may_be_sent(s, c))
				continue;
			if (!next || is(c, "panic") ||
			    (c->number < next->number && !is(next, "panic")))
				next = c;
		}
		if (!next)
			return;
		if (is_overtaken(s, next))
			obs_call_finish(s, next, true,
					"overtaken by the next one");
		else
			send_call(s, next, now_ms);
	}
}

/* Whoever hears of a transition's end hears it late. */
static int64_t patience_ms(const struct obs_session *s, const char *type,
			   const struct obs_command *command)
{
	if (!strcmp(type, "panic"))
		return OBS_PANIC_MS;
	if (command &&
	    (!command->event || command->want || !strcmp(type, "macro")))
		return OBS_SLOW_MS;
	bool scene = command && (!strcmp(type, "SetCurrentProgramScene") ||
				 !strcmp(type, "TriggerStudioModeTransition"));
	return OBS_REQUEST_MS + (scene ? s->facts.transition_ms : 0);
}

struct obs_call *obs_call_new(struct obs_session *s, const char *id,
			      const char *type, json_object **data,
			      int64_t now_ms)
{
	struct obs_call *c = NULL;
	for (size_t i = 0; i < OBS_MAX_REQUESTS && !c; i++)
		if (!s->calls[i].used)
			c = &s->calls[i];
	if (!c)
		return NULL;
	*c = (struct obs_call){
		.used = true,
		.number = s->next_number++,
		.id = xstrdup(id),
		.type = xstrdup(type),
		.data = *data,
		.reading = s->asking_all,
	};
	*data = NULL;
	if (id)
		c->command = obs_command_of(type);
	c->deadline_ms = now_ms + patience_ms(s, type, c->command);
	/* The brake does not wait long for what goes before it. */
	if (is(c, "panic"))
		c->again_ms = now_ms + OBS_BRAKE_MS;
	return c;
}

bool obs_call(struct obs_session *s, const char *id, const char *type,
	      json_object **data, int64_t now_ms)
{
	const char *why = NULL;
	if (id)
		type = obs_request_known(type, data, &why);
	if (!type) {
		s->sink.done(s->sink.who, id, false, why);
		return true;
	}
	struct obs_call *c = obs_call_new(s, id, type, data, now_ms);
	if (!c)
		return false;
	if (is(c, "reconnect"))
		c->sent = true;
	else if (may_be_sent(s, c))
		send_call(s, c, now_ms);
	return true;
}

/* --- answers -------------------------------------------------------------- */

static void refused(struct obs_session *s, struct obs_call *c,
		    json_object *status)
{
	static const struct {
		int code;
		const char *words;
	} known[] = {
		{204, "this OBS does not know that request"},
		{500, "it runs already"},
		{501, "it does not run"},
		{503, "it is not paused"},
		{506, "studio mode is off"},
		{600, "there is no such scene or source"},
		{604, "this OBS cannot do that"},
	};
	int code = (int)json_get_int(status, "code", 0);
	if (c->command && c->command->already == code && code) {
		obs_call_finish(s, c, true, "it was so already");
		return;
	}
	const char *comment = json_get_str(status, "comment", NULL);
	for (size_t i = 0; !comment && i < COUNT_OF(known); i++)
		if (known[i].code == code)
			comment = known[i].words;
	char *raw = xasprintf("OBS refused %s: %s (%d)", c->type,
			      comment ? comment : "no reason given", code);
	char *text = text_clean_str(raw, 300);
	obs_call_finish(s, c, false, text);
	free(text);
	free(raw);
}

/* Both set the same thing to something: the program scene, a mute. */
static bool same_target(const struct obs_call *a, const struct obs_call *b)
{
	return a->command && b->command && a->command->so && b->command->so &&
	       !strcmp(a->command->event, b->command->event) &&
	       !strcmp(json_get_str(a->data, "inputName", ""),
		       json_get_str(b->data, "inputName", ""));
}

static bool older_waits(const struct obs_session *s, const struct obs_call *c)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		const struct obs_call *o = &s->calls[i];
		if (o->used && o->sent && o->number < c->number &&
		    same_target(o, c))
			return true;
	}
	return false;
}

/* It happened; what was asked before it for the same thing has been, and OBS
 * need not have said so. */
static void confirm(struct obs_session *s, struct obs_call *c, const char *text)
{
	struct obs_call now = *c;
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *o = &s->calls[i];
		if (o->used && o->sent && o->number < now.number &&
		    same_target(o, &now))
			obs_call_finish(s, o, true,
					"overtaken by the next one");
	}
	obs_call_finish(s, c, true, text);
}

static void ask_get(struct obs_session *s, struct obs_call *c, int64_t now_ms)
{
	json_object *data = c->data && json_get(c->data, "inputName")
				    ? json_clone(c->data)
				    : NULL;
	const char *get = c->command->get;
	c->asked = true;
	obs_call(s, NULL, get, &data, now_ms);
	json_object_put(data);
}

static void understood(struct obs_session *s, struct obs_call *c,
		       json_object *data, int64_t now_ms)
{
	c->answered = true;
	if (is(c, "GetSourceScreenshot") && c->id) {
		char *text = s->sink.picture(
			s->sink.who, json_get_str(c->data, "sourceName", ""),
			json_get_str(data, "imageData", ""));
		bool ok = !strncmp(text, "saved ", 6);
		obs_call_finish(s, c, ok, text);
		free(text);
	} else if (!c->command || !c->command->event) {
		obs_call_finish(s, c, true, "done");
	} else if (c->command->so && c->command->so(&s->facts, c->data) &&
		   !older_waits(s, c)) {
		ask_get(s, c, now_ms);
	}
}

/* The Get that was asked because no event need come has been answered. */
static void settle_already(struct obs_session *s, const char *get)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *c = &s->calls[i];
		if (c->used && c->asked && !strcmp(c->command->get, get) &&
		    c->command->so(&s->facts, c->data))
			confirm(s, c, "it was so already");
	}
}

void obs_call_answered(struct obs_session *s, struct obs_call *c, bool ok,
		       json_object *answer, int64_t now_ms)
{
	json_object *data = json_get_object(answer, "responseData");
	bool ours = !c->id;
	char *type = xstrdup(c->type);
	s->reads_left -= c->reading;
	if (ours) {
		struct obs_call gone = *c;
		*c = (struct obs_call){0};
		s->answered = gone.number;
		if (!ok)
			obs_facts_refused(s, type, now_ms);
		if (ok) {
			obs_facts_answer(s, type, gone.data, data, now_ms);
			obs_watch_answer(&s->watch, type, gone.data, data,
					 now_ms);
		}
		if (ok && !strcmp(type, "GetStats"))
			obs_figures(s);
		call_release(&gone);
		if (ok)
			settle_already(s, type);
	} else if (ok) {
		understood(s, c, data, now_ms);
	} else {
		refused(s, c, json_get_object(answer, "requestStatus"));
	}
	free(type);
}

void obs_calls_answer(struct obs_session *s, json_object *d, int64_t now_ms)
{
	const char *id = json_get_str(d, "requestId", "");
	struct obs_call *c =
		*id == 'r' ? obs_call_number(s, strtoull(id + 1, NULL, 10))
			   : NULL;
	if (c)
		obs_call_answered(
			s, c,
			json_get_bool(json_get_object(d, "requestStatus"),
				      "result", false),
			d, now_ms);
	obs_macros_go_on(s, now_ms);
	obs_calls_flush(s, now_ms);
}

/* --- events --------------------------------------------------------------- */

static bool member_equal(json_object *a, json_object *b)
{
	if (json_object_is_type(a, json_type_string) ||
	    json_object_is_type(a, json_type_boolean))
		return json_object_equal(a, b);
	return fabs(json_object_get_double(a) - json_object_get_double(b)) <
	       0.06;
}

/* What request and event both name is the same in both. */
static bool agree(json_object *asked, json_object *event)
{
	if (!asked || json_object_is_type(asked, json_type_array))
		return true;
	json_object_object_foreach(asked, key, v)
	{
		json_object *is = json_get(event, key);
		if (is && !member_equal(v, is))
			return false;
	}
	return true;
}

static struct obs_call *oldest_awaiting(struct obs_session *s, const char *type,
					json_object *data, bool fails)
{
	const char *state = json_get_str(data, "outputState", "");
	struct obs_call *oldest = NULL;
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *c = &s->calls[i];
		const struct obs_command *k = c->command;
		if (!c->used || !c->sent || !k || !k->event ||
		    strcmp(k->event, type) || !agree(c->data, data))
			continue;
		const char *want = fails ? k->failed : k->want;
		if ((fails && !want) || (want && strcmp(want, state)))
			continue;
		if (!oldest || c->number < oldest->number)
			oldest = c;
	}
	return oldest;
}

void obs_calls_event(struct obs_session *s, const char *type, json_object *data)
{
	struct obs_call *c = oldest_awaiting(s, type, data, true);
	if (c)
		obs_call_finish(s, c, false, c->command->failure);
	c = oldest_awaiting(s, type, data, false);
	if (c)
		confirm(s, c, "confirmed");
}

/* --- what does not come --------------------------------------------------- */

/* The event that confirms has not come in time: OBS is asked once how it is,
 * because a busy one may lose the end of a transition. */
static bool asks_once_more(struct obs_session *s, struct obs_call *c,
			   int64_t now_ms)
{
	/* Of a brake, what Get says in the middle of a fade is no proof. */
	if (is(c, "panic") || !c->answered || !c->command || !c->command->get ||
	    c->asked || obs_calls_are_held(s))
		return false;
	c->deadline_ms = now_ms + OBS_LAST_ASK_MS;
	ask_get(s, c, now_ms);
	return true;
}

static const char *why_expired(const struct obs_call *c)
{
	if (!c->sent)
		return "not sent: OBS was changing its scene collection or "
		       "profile, or busy with what was asked before";
	if (!strcmp(c->type, "panic"))
		return "OBS has NOT confirmed the safe scene within 1.5 s: "
		       "switch it there";
	if (c->command && c->command->failure && c->answered)
		return c->command->failure;
	return c->answered ? "sent, but OBS has not confirmed it in time"
			   : "OBS did not answer in time";
}

void obs_calls_expire(struct obs_session *s, int64_t now_ms)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *c = &s->calls[i];
		if (c->used && c->again_ms && now_ms >= c->again_ms) {
			c->again_ms = now_ms + OBS_BRAKE_MS;
			if (c->sent)
				obs_panic_send_again(s, c, now_ms);
			else if (!obs_calls_are_held(s))
				send_call(s, c, now_ms);
		}
		if (!c->used || now_ms < c->deadline_ms ||
		    asks_once_more(s, c, now_ms))
			continue;
		bool ours = !c->id && !c->parent && c->sent;
		if (is(c, "macro") && c->sent)
			obs_macro_expire(s, c);
		else
			obs_call_finish(s, c, false, why_expired(c));
		/* A hung OBS keeps its link: it has to go, or the screen
		 * would call old news true. */
		if (ours && s->state >= OBS_READING) {
			s->sink.give_up(s->sink.who, "OBS no longer answers",
					false);
			return;
		}
	}
	obs_calls_flush(s, now_ms);
}

void obs_calls_fail(struct obs_session *s, const char *why)
{
	char *text = xasprintf("OBS is not connected: %s", why);
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *c = &s->calls[i];
		/* A reconnect outlives the link it replaces; steps end with
		 * their macro. */
		if (c->used && !c->parent && !(c->id && is(c, "reconnect")))
			obs_call_finish(s, c, false, text);
	}
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++)
		if (s->calls[i].used && s->calls[i].parent)
			call_release(&s->calls[i]);
	free(text);
}

void obs_stopped(struct obs_session *s, const char *why)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++)
		if (s->calls[i].used)
			obs_call_finish(s, &s->calls[i], false, why);
}

int64_t obs_calls_next_ms(const struct obs_session *s)
{
	int64_t next = 0;
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		const struct obs_call *c = &s->calls[i];
		if (c->used && (!next || c->deadline_ms < next))
			next = c->deadline_ms;
		if (c->used && c->again_ms && c->again_ms < next)
			next = c->again_ms;
	}
	return next;
}
