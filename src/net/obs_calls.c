/* obs_calls: requests to OBS, from "sent" to "confirmed". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/obs_priv.h"

enum { OP_REQUEST = 6, STATUS_OK = 100, OBS_LAST_ASK_MS = 400 };

static const struct obs_confirm confirms[] = {
	{"SetCurrentProgramScene", "CurrentProgramSceneChanged", "sceneName",
	 NULL, "sceneName", NULL, NULL, "GetCurrentProgramScene"},
	{"SetCurrentPreviewScene", "CurrentPreviewSceneChanged", "sceneName",
	 NULL, "sceneName", NULL, NULL, "GetCurrentPreviewScene"},
	{"StartStream", "StreamStateChanged", "outputState",
	 "OBS_WEBSOCKET_OUTPUT_STARTED", NULL, "OBS_WEBSOCKET_OUTPUT_STOPPED",
	 "OBS could not start the stream: is the ingest there, and the key "
	 "right?",
	 NULL},
	{"StopStream", "StreamStateChanged", "outputState",
	 "OBS_WEBSOCKET_OUTPUT_STOPPED", NULL, NULL, NULL, NULL},
	{"StartRecord", "RecordStateChanged", "outputState",
	 "OBS_WEBSOCKET_OUTPUT_STARTED", NULL, "OBS_WEBSOCKET_OUTPUT_STOPPED",
	 "OBS could not start the recording: does its folder exist?", NULL},
	{"StopRecord", "RecordStateChanged", "outputState",
	 "OBS_WEBSOCKET_OUTPUT_STOPPED", NULL, NULL, NULL, NULL},
	{"reconnect", "reconnected", NULL, NULL, NULL, NULL, NULL, NULL},
};

static void call_release(struct obs_call *c)
{
	free(c->id);
	free(c->type);
	json_object_put(c->data);
	*c = (struct obs_call){0};
}

/* Ends a call and tells its caller; ours have none. */
static void finish(struct obs_session *s, struct obs_call *c, bool ok,
		   const char *text)
{
	struct obs_call gone = *c;
	*c = (struct obs_call){0};
	if (gone.id)
		s->sink.done(s->sink.who, gone.id, ok, text);
	call_release(&gone);
}

static void send_call(struct obs_session *s, struct obs_call *c)
{
	char number[32];
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
	c->sent = true;
	s->sink.send(s->sink.who, json_text(o));
	json_object_put(o);
}

bool obs_call(struct obs_session *s, const char *id, const char *type,
	      json_object **data, int64_t now_ms)
{
	struct obs_call *c = NULL;
	for (size_t i = 0; i < OBS_MAX_REQUESTS && !c; i++)
		if (!s->calls[i].used)
			c = &s->calls[i];
	if (!c)
		return false;
	/* The name that obs-websocket 4 had, and the blueprints still use. */
	if (!strcmp(type, "SetCurrentScene"))
		type = "SetCurrentProgramScene";
	*c = (struct obs_call){
		.used = true,
		.number = s->next_number++,
		.id = xstrdup(id),
		.type = xstrdup(type),
		.data = *data,
		.deadline_ms = now_ms + OBS_REQUEST_MS,
		.reading = s->asking_all,
	};
	*data = NULL;
	for (size_t i = 0; id && i < COUNT_OF(confirms); i++)
		if (!strcmp(type, confirms[i].request))
			c->confirm = &confirms[i];
	if (!strcmp(type, "reconnect"))
		c->sent = true;
	else if (!s->changing)
		send_call(s, c);
	return true;
}

void obs_calls_flush(struct obs_session *s)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++)
		if (s->calls[i].used && !s->calls[i].sent)
			send_call(s, &s->calls[i]);
}

static struct obs_call *find(struct obs_session *s, const char *request_id)
{
	char *end;
	unsigned long long n =
		*request_id == 'r' ? strtoull(request_id + 1, &end, 10) : 0;
	for (size_t i = 0; n && i < OBS_MAX_REQUESTS; i++)
		if (s->calls[i].used && s->calls[i].number == n)
			return &s->calls[i];
	return NULL;
}

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
		{506, "studio mode is off"},
		{600, "there is no such scene or source"},
		{604, "this OBS cannot do that"},
	};
	int code = (int)json_get_int(status, "code", 0);
	const char *comment = json_get_str(status, "comment", NULL);
	for (size_t i = 0; !comment && i < COUNT_OF(known); i++)
		if (known[i].code == code)
			comment = known[i].words;
	char *raw = xasprintf("OBS refused %s: %s (%d)", c->type,
			      comment ? comment : "no reason given", code);
	char *text = text_clean_str(raw, 300);
	finish(s, c, false, text);
	free(text);
	free(raw);
}

/* No event need come when it is so already: a scene that is on air, or one
 * whose event came before the answer. */
static bool is_so_already(const struct obs_session *s, const struct obs_call *c)
{
	const char *want = json_get_str(c->data, c->confirm->of, "");
	const char *is = strcmp(c->type, "SetCurrentProgramScene")
				 ? s->facts.preview_scene
				 : s->facts.program_scene;
	char *clean = text_clean_str(want, 200);
	bool same = is && !strcmp(is, clean);
	free(clean);
	return same;
}

static void answered(struct obs_session *s, struct obs_call *c, int64_t now_ms)
{
	c->answered = true;
	if (!c->confirm) {
		finish(s, c, true, "done");
		return;
	}
	if (c->confirm->get && is_so_already(s, c)) {
		c->late_event = true;
		json_object *none = NULL;
		obs_call(s, NULL, c->confirm->get, &none, now_ms);
	}
}

/* The Get that was asked because no event need come has been answered. */
static void settle_already(struct obs_session *s, const char *get)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *c = &s->calls[i];
		if (c->used && c->late_event && !strcmp(c->confirm->get, get) &&
		    is_so_already(s, c))
			finish(s, c, true, "it was so already");
	}
}

void obs_calls_answer(struct obs_session *s, json_object *d, int64_t now_ms)
{
	struct obs_call *c = find(s, json_get_str(d, "requestId", ""));
	json_object *status = json_get_object(d, "requestStatus");
	if (!c)
		return;
	bool ok = json_get_bool(status, "result", false);
	char *type = xstrdup(c->type);
	bool ours = !c->id;
	s->reads_left -= c->reading;
	if (ours && ok)
		obs_facts_answer(s, type, json_get_object(d, "responseData"),
				 now_ms);
	if (ours)
		call_release(c);
	else if (ok)
		answered(s, c, now_ms);
	else
		refused(s, c, status);
	if (ours && ok)
		settle_already(s, type);
	free(type);
}

static void try_confirm(struct obs_session *s, struct obs_call *c,
			json_object *data)
{
	const struct obs_confirm *k = c->confirm;
	const char *is = k->member ? json_get_str(data, k->member, "") : "";
	const char *want = k->want ? k->want
			   : k->of ? json_get_str(c->data, k->of, "")
				   : "";
	if (!strcmp(is, want))
		finish(s, c, true, "confirmed");
	else if (k->failed && !strcmp(is, k->failed))
		finish(s, c, false, k->failure);
}

void obs_calls_event(struct obs_session *s, const char *type, json_object *data)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *c = &s->calls[i];
		if (c->used && c->sent && c->confirm &&
		    !strcmp(c->confirm->event, type))
			try_confirm(s, c, data);
	}
}

/* The event that confirms has not come in time: OBS is asked once how it is,
 * because a busy one may lose the end of a transition. */
static bool asks_once_more(struct obs_session *s, struct obs_call *c,
			   int64_t now_ms)
{
	json_object *none = NULL;
	if (!c->answered || !c->confirm || !c->confirm->get || c->late_event)
		return false;
	c->late_event = true;
	c->deadline_ms = now_ms + OBS_LAST_ASK_MS;
	obs_call(s, NULL, c->confirm->get, &none, now_ms);
	return true;
}

void obs_calls_expire(struct obs_session *s, int64_t now_ms)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *c = &s->calls[i];
		if (!c->used || now_ms < c->deadline_ms ||
		    asks_once_more(s, c, now_ms))
			continue;
		bool ours = !c->id;
		finish(s, c, false,
		       c->answered ? "sent, but OBS has not confirmed it in "
				     "5 s"
				   : "OBS did not answer within 4.5 s");
		/* A hung OBS keeps its link: it has to go, or the screen
		 * would call old news true. */
		if (ours && s->state >= OBS_READING) {
			s->sink.give_up(s->sink.who, "OBS no longer answers",
					false);
			return;
		}
	}
}

void obs_calls_fail(struct obs_session *s, const char *why)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *c = &s->calls[i];
		/* A reconnect outlives the link it replaces. */
		if (!c->used || (c->id && !strcmp(c->type, "reconnect")))
			continue;
		char *text = xasprintf("OBS is not connected: %s", why);
		finish(s, c, false, text);
		free(text);
	}
}

int64_t obs_calls_next_ms(const struct obs_session *s)
{
	int64_t next = 0;
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++)
		if (s->calls[i].used &&
		    (!next || s->calls[i].deadline_ms < next))
			next = s->calls[i].deadline_ms;
	return next;
}
