#include "net/obs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/obs_priv.h"

#define RPC_VERSION 1
/* General, Config, Scenes, Inputs, Transitions, Outputs, MediaInputs, Ui, and
 * InputActiveStateChanged... */
#define EVENTS (1 | 2 | 4 | 8 | 16 | 64 | 256 | 1024 | 1 << 17)
/* ...and the levels of inputs, twenty a second, while they are wanted. */
#define METERS (1u << 16)

enum {
	OP_HELLO,
	OP_IDENTIFY,
	OP_IDENTIFIED,
	OP_REIDENTIFY,
	OP_EVENT = 5,
	OP_ANSWER = 7,
	OP_BATCH_ANSWER = 9,
};

static const struct json_limits obs_limits = {OBS_MAX_TEXT_BYTES, 32, 1000000};

/* Asked after identifying and whenever OBS may be quite another. */
static const char *const reads[] = {
	"GetVersion",
	"GetSceneList",
	"GetStudioModeEnabled",
	"GetStreamStatus",
	"GetRecordStatus",
	"GetReplayBufferStatus",
	"GetProfileList",
	"GetSceneCollectionList",
	"GetSceneTransitionList",
	"GetCurrentSceneTransition",
	"GetInputList",
};

struct obs_session *obs_new(const struct obs_sink *sink)
{
	struct obs_session *s = xcalloc(1, sizeof *s);
	s->sink = *sink;
	s->next_number = 1;
	const struct obs_watch_sink to = {sink->who, sink->alarm, sink->meters};
	obs_watch_init(&s->watch, &to, NULL);
	return s;
}

void obs_expect(struct obs_session *s, const struct show_obs *show)
{
	s->watch.show = show;
}

void obs_free(struct obs_session **sp)
{
	struct obs_session *s = *sp;
	if (!s)
		return;
	*sp = NULL;
	obs_calls_free(s);
	free(s->cut);
	free(s->restore);
	obs_facts_release(&s->facts);
	obs_facts_release(&s->told);
	obs_watch_release(&s->watch);
	free(s->password);
	free(s);
}

void obs_set_password(struct obs_session *s, const char *password)
{
	free(s->password);
	s->password = xstrdup(password);
}

enum obs_phase obs_phase_of(const struct obs_session *s)
{
	return s->state;
}

/* Says what OBS is, once, when it has changed. */
static void tell(struct obs_session *s)
{
	if (s->state == OBS_READING || s->state == OBS_HELLO ||
	    s->state == OBS_IDENTIFYING)
		return;
	if (s->ever_told && obs_facts_equal(&s->facts, &s->told))
		return;
	obs_facts_release(&s->told);
	obs_facts_copy(&s->told, &s->facts);
	s->ever_told = true;
	s->soft_ms = 0;
	s->sink.facts(s->sink.who, &s->facts);
}

/* All is read. */
static void forget_questions(struct obs_session *s)
{
	memset(s->lists, 0, sizeof s->lists);
	s->inputs_ms = 0;
	s->inputs_came = false;
}

void obs_opened(struct obs_session *s, int64_t now_ms)
{
	s->state = OBS_HELLO;
	s->now_ms = now_ms;
	s->transition_runs = false;
	s->mask_ms = 0;
	forget_questions(s);
	s->deadline_ms = now_ms + OBS_HANDSHAKE_MS;
}

void obs_lost(struct obs_session *s, const char *why, int64_t now_ms)
{
	s->state = OBS_DOWN;
	s->deadline_ms = s->figures_ms = s->soft_ms = s->restore_ms = 0;
	obs_facts_release(&s->facts);
	s->facts.error = text_clean_str(why, 200);
	obs_watch_lost(&s->watch, s->facts.error, now_ms);
	/* The facts first: whoever hears that a request failed then knows
	 * why. */
	tell(s);
	obs_calls_fail(s, why);
}

static void identify(struct obs_session *s, json_object *d)
{
	json_object *auth = json_get_object(d, "authentication");
	json_object *o = json_object_new_object();
	json_object *id = json_object_new_object();
	json_add_int(id, "rpcVersion", RPC_VERSION);
	s->mask = EVENTS;
	json_add_int(id, "eventSubscriptions", s->mask);
	if (auth) {
		char *secret =
			hash_sha256_base64(s->password ? s->password : "",
					   json_get_str(auth, "salt", ""));
		char *answer = hash_sha256_base64(
			secret, json_get_str(auth, "challenge", ""));
		json_add_str(id, "authentication", answer);
		free(secret);
		free(answer);
	}
	json_add_int(o, "op", OP_IDENTIFY);
	json_add(o, "d", &id);
	s->sink.send(s->sink.who, json_text(o));
	json_object_put(o);
	s->state = OBS_IDENTIFYING;
}

void obs_read_all(struct obs_session *s, int64_t now_ms)
{
	if (s->state == OBS_IDENTIFYING)
		s->deadline_ms = now_ms + OBS_HANDSHAKE_MS;
	s->state = OBS_READING;
	s->reads_left = 0;
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++)
		s->calls[i].reading = false; /* of a reading before this one */
	s->asking_all = true;
	for (size_t i = 0; i < COUNT_OF(reads); i++) {
		json_object *none = NULL;
		s->reads_left += obs_call(s, NULL, reads[i], &none, now_ms);
	}
	s->asking_all = false;
}

static void read_done(struct obs_session *s, int64_t now_ms)
{
	s->state = OBS_READY;
	s->deadline_ms = 0;
	s->figures_ms = now_ms;
	s->facts.connected = true;
	obs_facts_set(&s->facts.error, NULL);
	obs_watch_ready(&s->watch, now_ms);
	obs_calls_event(s, "reconnected", NULL);
	obs_macros_go_on(s, now_ms);
}

/* Between "changing" and "changed" nothing may be sent; a crash of OBS there
 * is one of its old weaknesses. */
static void changing(struct obs_session *s, int64_t now_ms)
{
	s->facts.changing = true;
	s->deadline_ms = now_ms + OBS_CHANGE_MS;
}

static void changed(struct obs_session *s, const char *type, json_object *data,
		    int64_t now_ms)
{
	s->facts.changing = false;
	s->deadline_ms = 0;
	forget_questions(s);
	/* Whoever asked for the change holds the line: that ends here. */
	obs_calls_event(s, type, data);
	obs_read_all(s, now_ms);
	obs_calls_flush(s, now_ms);
}

static void take_event(struct obs_session *s, json_object *d, int64_t now_ms)
{
	const char *type = json_get_str(d, "eventType", "");
	json_object *data = json_get_object(d, "eventData");
	obs_watch_event(&s->watch, type, data, now_ms);
	if (!strcmp(type, "InputVolumeMeters"))
		return;
	if (!strcmp(type, "CurrentSceneCollectionChanging") ||
	    !strcmp(type, "CurrentProfileChanging")) {
		changing(s, now_ms);
	} else if (!strcmp(type, "CurrentSceneCollectionChanged") ||
		   !strcmp(type, "CurrentProfileChanged")) {
		changed(s, type, data, now_ms);
		return;
	} else if (!strcmp(type, "ExitStarted")) {
		s->sink.give_up(s->sink.who, "OBS is closing", false);
		return;
	}
	/* While it changes all it has comes and goes: it is read anew then. */
	if (!s->facts.changing)
		obs_facts_event(s, type, data, now_ms);
	if (!obs_facts_is_soft(type))
		tell(s);
	else if (!s->soft_ms)
		s->soft_ms = now_ms + OBS_SOFT_MS;
	obs_calls_event(s, type, data);
	obs_macros_go_on(s, now_ms);
	obs_calls_flush(s, now_ms);
}

void obs_received(struct obs_session *s, const char *text, size_t bytes,
		  int64_t now_ms)
{
	struct err err;
	json_object *o = json_read(text, bytes, &obs_limits, &err);
	json_object *d = json_get_object(o, "d");
	int64_t op = json_get_int(o, "op", -1);
	s->now_ms = now_ms;
	if (!d) {
		s->sink.give_up(s->sink.who,
				"what answers there is no obs-websocket",
				false);
	} else if (op == OP_HELLO && s->state == OBS_HELLO) {
		identify(s, d);
	} else if (op == OP_IDENTIFIED && s->state == OBS_IDENTIFYING) {
		obs_read_all(s, now_ms);
	} else if (op == OP_IDENTIFIED) {
		s->mask_ms = 0;
		obs_tick(s, now_ms);
	} else if (op == OP_EVENT && s->state >= OBS_READING) {
		take_event(s, d, now_ms);
	} else if ((op == OP_ANSWER || op == OP_BATCH_ANSWER) &&
		   s->state >= OBS_READING) {
		if (op == OP_ANSWER)
			obs_calls_answer(s, d, now_ms);
		else
			obs_batch_answer(s, d, now_ms);
		if (s->state == OBS_READING && s->reads_left == 0)
			read_done(s, now_ms);
		if (!s->soft_ms)
			tell(s);
	}
	json_object_put(o);
}

static void ask_figures(struct obs_session *s, int64_t now_ms)
{
	static const char *const asked[] = {"GetRecordStatus",
					    "GetStreamStatus", "GetStats"};
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		json_object *none = NULL;
		obs_call(s, NULL, asked[i], &none, now_ms);
	}
	s->figures_ms = now_ms + OBS_FIGURES_MS;
}

/* On air it is looked at, too. */
static void look(struct obs_session *s, int64_t now_ms)
{
	struct obs_look ask;
	int step = 0;
	if (!s->watch.look_at_ms || now_ms < s->watch.look_at_ms)
		return;
	while ((ask = obs_look_next(&s->watch, &s->facts, &step)).type) {
		obs_call(s, NULL, ask.type, &ask.data, now_ms);
		json_object_put(ask.data);
	}
	s->watch.look_at_ms = now_ms + OBS_LOOK_MS;
}

/* OBS is told which events are wanted when that has changed; once at a time,
 * for it does two messages in any order. */
static void follow_mask(struct obs_session *s)
{
	unsigned mask =
		EVENTS | (obs_watch_wants_meters(&s->watch) ? METERS : 0);
	if (mask == s->mask || s->mask_ms)
		return;
	s->mask = mask;
	s->mask_ms = s->now_ms;
	json_object *o = json_object_new_object();
	json_object *d = json_object_new_object();
	json_add_int(d, "eventSubscriptions", mask);
	json_add_int(o, "op", OP_REIDENTIFY);
	json_add(o, "d", &d);
	s->sink.send(s->sink.who, json_text(o));
	json_object_put(o);
}

bool obs_may_leave(const struct obs_session *s, int64_t now_ms)
{
	return s->state != OBS_READY || !s->mask_ms ||
	       now_ms - s->mask_ms >= OBS_LEAVE_MS;
}

void obs_show_meters(struct obs_session *s, bool shown, int64_t now_ms)
{
	s->watch.meters_shown = shown;
	if (s->state == OBS_READY)
		obs_tick(s, now_ms);
}

static void watch(struct obs_session *s, int64_t now_ms)
{
	if (now_ms >= s->figures_ms) {
		ask_figures(s, now_ms);
		obs_facts_look(s, now_ms);
	}
	look(s, now_ms);
	obs_watch_tick(&s->watch, &s->facts, now_ms);
	follow_mask(s);
}

void obs_tick(struct obs_session *s, int64_t now_ms)
{
	s->now_ms = now_ms;
	if (s->deadline_ms && now_ms >= s->deadline_ms) {
		s->deadline_ms = 0;
		s->sink.give_up(
			s->sink.who,
			s->facts.changing
				? "OBS has been changing its collection "
				  "or profile for 20 s"
				: "OBS took the connection and said "
				  "nothing for 5 s",
			false);
		return;
	}
	obs_calls_expire(s, now_ms);
	obs_panic_restore(s, now_ms);
	if (s->state == OBS_READY && !obs_calls_are_held(s))
		watch(s, now_ms);
	if (!s->soft_ms || now_ms >= s->soft_ms)
		tell(s);
	if (now_ms >= s->soft_ms)
		s->soft_ms = 0;
}

static void earlier(int64_t *next, int64_t when)
{
	if (when && (!*next || when < *next))
		*next = when;
}

int64_t obs_next_ms(const struct obs_session *s)
{
	int64_t next = obs_calls_next_ms(s);
	earlier(&next, s->deadline_ms);
	earlier(&next, s->soft_ms);
	if (!obs_calls_are_held(s))
		earlier(&next, s->restore_ms);
	if (s->state == OBS_READY && !obs_calls_are_held(s))
		earlier(&next, s->figures_ms);
	return next;
}

/* What is on air, when nothing is named. */
static void name_picture(struct obs_session *s, json_object **data)
{
	const char *source = json_get_str(*data, "sourceName", NULL);
	json_object *o = json_object_new_object();
	json_add_str(o, "sourceName",
		     source		      ? source
		     : s->facts.program_scene ? s->facts.program_scene
					      : "");
	json_add_str(o, "imageFormat", "png");
	json_object_put(*data);
	*data = o;
}

void obs_request(struct obs_session *s, const char *id, const char *type,
		 const char *data, int64_t now_ms)
{
	struct err err;
	json_object *o = NULL;
	if (data && *data) {
		o = json_read_str(data, &obs_limits, &err);
		if (!o) {
			s->sink.done(s->sink.who, id, false, err.text);
			return;
		}
	}
	s->now_ms = now_ms;
	if (!strcmp(type, "screenshot")) {
		name_picture(s, &o);
		type = "GetSourceScreenshot";
	}
	bool waits_for_link = !strcmp(type, "reconnect");
	if (s->state != OBS_READY && !waits_for_link &&
	    !(s->state == OBS_READING && s->facts.connected)) {
		char *why = xasprintf("OBS is not connected%s%s",
				      s->facts.error ? ": " : "",
				      s->facts.error ? s->facts.error : "");
		s->sink.done(s->sink.who, id, false, why);
		free(why);
	} else if (!obs_call(s, id, type, &o, now_ms)) {
		s->sink.done(s->sink.who, id, false,
			     "too many requests to OBS are waiting");
	}
	json_object_put(o);
}
