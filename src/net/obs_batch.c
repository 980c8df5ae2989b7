/*
 * obs_batch: several requests as one message: macros of the show file, and what
 * is asked about every input. Serial, so that one is done before the next, and
 * a macro ends at its first failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/obs_priv.h"

enum { OP_BATCH = 8, SERIAL_REALTIME = 0, SERIAL_FRAME = 1 };

/* Pauses that a batch makes by itself; whole ones of a macro add to the time
 * that it may take. */
static int64_t pause_ms(json_object *data)
{
	int64_t ms = json_get_int(data, "sleepMillis", 0);
	int64_t frames = json_get_int(data, "sleepFrames", 0);
	return (ms > 0 && ms < 50000 ? ms : 0) +
	       (frames > 0 && frames < 10000 ? frames * 1000 / 10 : 0);
}

json_object *obs_batch_add(json_object *requests, const char *type,
			   json_object *data)
{
	json_object *r = json_object_new_object();
	json_add_str(r, "requestType", type);
	if (data)
		json_add(r, "requestData", &data);
	json_object_array_add(requests, r);
	return r;
}

void obs_batch_send(struct obs_session *s, uint64_t number,
		    json_object *requests, bool halt)
{
	char id[32];
	size_t n = json_object_array_length(requests);
	bool frames = false;
	for (size_t i = 0; i < n; i++) {
		json_object *r = json_object_array_get_idx(requests, i);
		frames |= json_get(json_get_object(r, "requestData"),
				   "sleepFrames") != NULL;
	}
	snprintf(id, sizeof id, "b%llu", (unsigned long long)number);
	json_object *o = json_object_new_object();
	json_object *d = json_object_new_object();
	json_add_str(d, "requestId", id);
	json_add_bool(d, "haltOnFailure", halt);
	json_add_int(d, "executionType",
		     frames ? SERIAL_FRAME : SERIAL_REALTIME);
	json_object *list = json_object_get(requests);
	json_add(d, "requests", &list);
	json_add_int(o, "op", OP_BATCH);
	json_add(o, "d", &d);
	s->sink.send(s->sink.who, json_text(o));
	json_object_put(o);
}

/* --- macros --------------------------------------------------------------- */

void obs_macro_fail(struct obs_session *s, struct obs_call *c, const char *text)
{
	uint64_t number = c->number;
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *step = &s->calls[i];
		if (!step->used || step->parent != number)
			continue;
		step->parent = 0; /* nobody asks for it any more */
		free(step->id);
		step->id = NULL;
		obs_call_finish(s, step, false, "");
	}
	obs_call_finish(s, c, false, text);
}

/* The step's name by which OBS knows it; NULL and why not. */
static const char *step_known(json_object *step, json_object **data,
			      const char **why)
{
	json_object_object_foreach(step, name, v)
	{
		*data = json_clone(v);
		const char *known = obs_request_known(name, data, why);
		const struct obs_command *c =
			known ? obs_command_of(known) : NULL;
		if (c && (c->arg == OBS_ARG_MACRO || c->arg == OBS_ARG_SOURCE ||
			  c->action == ACTION_OBS)) {
			*why = "that is no request of OBS";
			return NULL;
		}
		return known;
	}
	*why = "an empty step";
	return NULL;
}

/* What has to be confirmed before the next step may be sent: a preview before
 * the take, and whatever changes all of OBS. */
static bool ends_part(const char *type, const char *next)
{
	return !strcmp(type, "SetCurrentSceneCollection") ||
	       !strcmp(type, "SetCurrentProfile") ||
	       (next && !strcmp(type, "SetCurrentPreviewScene") &&
		!strcmp(next, "TriggerStudioModeTransition"));
}

static bool add_step(struct obs_session *s, struct obs_call *c,
		     json_object *requests, int64_t now_ms, bool *ends)
{
	int at = c->next_step++;
	size_t n = json_object_array_length(c->data);
	const char *why = NULL, *next = NULL;
	json_object *data = NULL, *next_data = NULL;
	const char *type = step_known(
		json_object_array_get_idx(c->data, (size_t)at), &data, &why);
	if (type && (size_t)at + 1 < n)
		next = step_known(
			json_object_array_get_idx(c->data, (size_t)at + 1),
			&next_data, &why);
	json_object_put(next_data);
	if (!type) {
		char *text = xasprintf("step %d: %s", at + 1, why);
		json_object_put(data);
		obs_macro_fail(s, c, text);
		free(text);
		return false;
	}
	c->deadline_ms += pause_ms(data);
	*ends = ends_part(type, next);
	obs_batch_add(requests, type, json_clone(data));
	struct obs_call *step = obs_call_new(s, "", type, &data, now_ms);
	json_object_put(data);
	if (!step) {
		obs_macro_fail(s, c, "too many requests to OBS are waiting");
		return false;
	}
	step->parent = c->number;
	step->step = at;
	step->sent = true;
	step->deadline_ms = c->deadline_ms + 60000; /* the macro's counts */
	c->steps_left++;
	return true;
}

/* What a step sleeps by: 'f'rames, 'm'illiseconds, 0: it does not. OBS takes
 * one of them in a batch, and refuses the other. */
static char sleeps_by(json_object *step)
{
	json_object *data = json_get_object(step, "Sleep");
	return json_get(data, "sleepFrames")   ? 'f'
	       : json_get(data, "sleepMillis") ? 'm'
					       : 0;
}

/* All steps up to one that has to be confirmed first. */
static void send_part(struct obs_session *s, struct obs_call *c, int64_t now_ms)
{
	char by = 0;
	json_object *requests = json_object_new_array();
	size_t n = json_object_array_length(c->data);
	uint64_t number = c->number;
	bool ends = false, ok = true;
	while (ok && !ends && (size_t)c->next_step < n) {
		char how = sleeps_by(json_object_array_get_idx(
			c->data, (size_t)c->next_step));
		if (how && by && how != by)
			break;
		by = how ? how : by;
		ok = add_step(s, c, requests, now_ms, &ends);
	}
	if (ok)
		obs_batch_send(s, number, requests, true);
	json_object_put(requests);
}

/* Every step is known before the first is sent. */
static const char *macro_why_not(json_object *steps, int *at)
{
	size_t n = json_object_array_length(steps);
	for (size_t i = 0; i < n; i++) {
		const char *why = NULL;
		json_object *data = NULL;
		bool known = step_known(json_object_array_get_idx(steps, i),
					&data, &why);
		json_object_put(data);
		*at = (int)i + 1;
		if (!known)
			return why;
	}
	return n ? NULL : "it has no steps";
}

void obs_macro_begin(struct obs_session *s, struct obs_call *c, int64_t now_ms)
{
	int at = 0;
	const char *why = json_object_is_type(c->data, json_type_array)
				  ? macro_why_not(c->data, &at)
				  : "it is no list";
	if (!why) {
		send_part(s, c, now_ms);
		return;
	}
	char *text = xasprintf("not sent: step %d: %s", at, why);
	obs_call_finish(s, c, false, text);
	free(text);
}

void obs_macro_expire(struct obs_session *s, struct obs_call *c)
{
	const struct obs_call *first = NULL;
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		const struct obs_call *step = &s->calls[i];
		if (step->used && step->parent == c->number &&
		    (!first || step->step < first->step))
			first = step;
	}
	char *text =
		first ? xasprintf("step %d, %s: OBS has not confirmed it in "
				  "time",
				  first->step + 1, first->type)
		      : xstrdup("OBS has not confirmed it in time");
	obs_macro_fail(s, c, text);
	free(text);
}

void obs_macro_step(struct obs_session *s, const struct obs_call *step, bool ok,
		    const char *text)
{
	struct obs_call *c = obs_call_number(s, step->parent);
	if (!c)
		return;
	c->steps_left--;
	if (ok)
		return; /* obs_macros_go_on() looks */
	char *why = xasprintf("step %d of %d: %s", step->step + 1,
			      (int)json_object_array_length(c->data), text);
	obs_macro_fail(s, c, why);
	free(why);
}

void obs_macros_go_on(struct obs_session *s, int64_t now_ms)
{
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *c = &s->calls[i];
		if (!c->used || !c->sent || strcmp(c->type, "macro") ||
		    c->steps_left || obs_calls_are_held(s) ||
		    s->state != OBS_READY)
			continue;
		if ((size_t)c->next_step < json_object_array_length(c->data))
			send_part(s, c, now_ms);
		else
			obs_call_finish(s, c, true, "confirmed");
	}
}

/* --- answers -------------------------------------------------------------- */

static bool is_ok(json_object *result)
{
	return json_get_bool(json_get_object(result, "requestStatus"), "result",
			     false);
}

/* The steps in the order in which they were sent; those behind a failure were
 * not done, and have no result. */
static struct obs_call *next_step(struct obs_session *s, uint64_t parent)
{
	struct obs_call *first = NULL;
	for (size_t i = 0; i < OBS_MAX_REQUESTS; i++) {
		struct obs_call *c = &s->calls[i];
		if (c->used && c->parent == parent && !c->answered &&
		    (!first || c->step < first->step))
			first = c;
	}
	return first;
}

static void macro_answer(struct obs_session *s, uint64_t number,
			 json_object *results, int64_t now_ms)
{
	size_t n = results ? json_object_array_length(results) : 0;
	for (size_t i = 0; i < n; i++) {
		json_object *r = json_object_array_get_idx(results, i);
		const char *type = json_get_str(r, "requestType", "");
		struct obs_call *step = next_step(s, number);
		/* A step whose event came before this answer has gone. */
		if (!step || (strcmp(step->type, type) && is_ok(r)))
			continue;
		obs_call_answered(s, step, is_ok(r), r, now_ms);
	}
}

static void inputs_answer(struct obs_session *s, json_object *asked,
			  json_object *results, int64_t now_ms)
{
	size_t n = results ? json_object_array_length(results) : 0;
	for (size_t i = 0; i < n; i++) {
		json_object *r = json_object_array_get_idx(results, i);
		json_object *q = json_object_array_get_idx(asked, i);
		if (is_ok(r))
			obs_facts_answer(s, json_get_str(r, "requestType", ""),
					 json_get_object(q, "requestData"),
					 json_get_object(r, "responseData"),
					 now_ms);
	}
}

void obs_batch_answer(struct obs_session *s, json_object *d, int64_t now_ms)
{
	const char *id = json_get_str(d, "requestId", "");
	struct obs_call *c =
		*id == 'b' ? obs_call_number(s, strtoull(id + 1, NULL, 10))
			   : NULL;
	json_object *results = json_get_array(d, "results");
	if (c && !strcmp(c->type, "panic")) {
		obs_panic_answer(s, c, results, now_ms);
	} else if (c && !strcmp(c->type, "macro")) {
		macro_answer(s, c->number, results, now_ms);
	} else if (c && !strcmp(c->type, "inputs")) {
		json_object *asked = json_object_get(c->data);
		s->reads_left -= c->reading;
		c->reading = false;
		obs_call_finish(s, c, true, "");
		inputs_answer(s, asked, results, now_ms);
		json_object_put(asked);
	}
	obs_macros_go_on(s, now_ms);
	obs_calls_flush(s, now_ms);
}

/* --- inputs --------------------------------------------------------------- */

bool obs_inputs_read(struct obs_session *s, int64_t now_ms)
{
	static const char *const gets[] = {"GetInputMute", "GetInputVolume",
					   "GetSourceActive"};
	static const char *const members[] = {"inputName", "inputName",
					      "sourceName"};
	json_object *requests = json_object_new_array();
	for (int i = 0; i < s->facts.input_count; i++)
		for (size_t k = 0; k < COUNT_OF(gets); k++) {
			json_object *data = json_object_new_object();
			json_add_str(data, members[k], s->facts.inputs[i].name);
			obs_batch_add(requests, gets[k], data);
		}
	json_object *kept = json_object_get(requests);
	bool any = json_object_array_length(requests) > 0;
	struct obs_call *c =
		any ? obs_call_new(s, NULL, "inputs", &kept, now_ms) : NULL;
	if (c) {
		/* What a reading asks for is part of it. */
		c->reading = s->state == OBS_READING;
		s->reads_left += c->reading;
		c->sent = true;
		obs_batch_send(s, c->number, requests, false);
	}
	json_object_put(kept);
	json_object_put(requests);
	return c || !any;
}
