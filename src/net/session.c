/* session: one WebSocket of ours, of the operator or of the audience. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "net/head.h"
#include "net/ws_priv.h"

/* More pieces than this, or more messages a second, is no client of ours. */
#define MAX_PIECES     1024
#define MAX_PER_SECOND 200

/* Servers do not mask, so the same bytes may go to everybody: the frame's head
 * that lws puts into the room before them is the same each time. */
static bool note_write(struct lws *wsi, struct note *note)
{
	_Static_assert(LWS_PRE <= NOTE_ROOM, "lws writes before the text");
	return lws_write(wsi, note->data + NOTE_ROOM, note->bytes,
			 LWS_WRITE_TEXT) >= (int)note->bytes;
}

static struct ws *ws_of(struct lws *wsi)
{
	return lws_context_user(lws_get_context(wsi));
}

void session_want_write(struct session *s)
{
	if (s->waiting_ms)
		return;
	s->waiting_ms = clock_mono_ms();
	lws_callback_on_writable(s->wsi);
}

void session_kill(struct session *s)
{
	lws_set_timeout(s->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

static bool put(struct session *s, struct note *note)
{
	if (s->count == SESSION_MAX_QUEUE) {
		session_kill(s);
		return false;
	}
	if (!s->queue)
		s->queue = xcalloc(SESSION_MAX_QUEUE, sizeof(struct note *));
	s->queue[(s->head + s->count++) % SESSION_MAX_QUEUE] = note_ref(note);
	return true;
}

void session_queue(struct session *s, struct note *note)
{
	if (put(s, note))
		session_want_write(s);
}

void session_send(struct session *s, struct note *note)
{
	if (put(s, note))
		session_tell(s);
}

static void count_wanted(struct ws *ws)
{
	unsigned wanted = 0;
	for (struct session *s = ws->sessions[SIDE_OPERATOR]; s; s = s->next)
		wanted |= s->topics;
	atomic_store(&ws->wanted, wanted);
}

static void opened(struct ws *ws, struct session *s, struct lws *wsi)
{
	memset(s, 0, sizeof *s);
	s->wsi = wsi;
	s->guest = lws_get_opaque_user_data(wsi);
	s->side = s->guest->side;
	s->trusted = s->guest->trusted;
	s->opened_ms = clock_mono_ms();
	struct session **list = &ws->sessions[s->side];
	s->next = *list;
	s->prev = list;
	if (s->next)
		s->next->prev = &s->next;
	*list = s;
	if (s->side == SIDE_AUDIENCE)
		session_want_write(s);
}

static void closed(struct ws *ws, struct session *s)
{
	if (!s->wsi)
		return;
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	for (; s->count;
	     s->count--, s->head = (s->head + 1) % SESSION_MAX_QUEUE)
		note_unref(&s->queue[s->head]);
	free(s->queue);
	s->queue = NULL;
	buf_release(&s->in);
	ws_votes_leave(ws, s);
	s->wsi = NULL;
	count_wanted(ws);
}

static int close_with(struct session *s, enum lws_close_status code,
		      const char *why)
{
	s->leaving = true;
	lws_close_reason(s->wsi, code, (unsigned char *)(uintptr_t)why,
			 strlen(why));
	return -1;
}

/* The next that it gets; the caller's. */
static struct note *next_note(struct ws *ws, struct session *s)
{
	if (!s->count)
		return note_ref(tally_next(ws, s));
	struct note *note = s->queue[s->head];
	s->queue[s->head] = NULL;
	s->head = (s->head + 1) % SESSION_MAX_QUEUE;
	s->count--;
	return note;
}

/* Writes until there is nothing or no room; what did not fit is kept by lws,
 * one message at most. False: the connection is gone. */
static bool write_all(struct ws *ws, struct session *s)
{
	struct note *note = NULL;
	bool ok = true;
	while (ok && !lws_partial_buffered(s->wsi) &&
	       (note = next_note(ws, s))) {
		ok = note_write(s->wsi, note);
		note_unref(&note);
	}
	if (ok && lws_partial_buffered(s->wsi))
		session_want_write(s);
	return ok;
}

static int writable(struct ws *ws, struct session *s)
{
	s->waiting_ms = 0;
	if (s->leaving || write_all(ws, s))
		return 0;
	s->leaving = true;
	return -1;
}

void session_tell(struct session *s)
{
	if (s->leaving || s->waiting_ms)
		return;
	if (!write_all(ws_of(s->wsi), s)) {
		s->leaving = true;
		session_kill(s);
	}
}

static bool too_often(struct session *s)
{
	int64_t now = clock_mono_ms();
	if (now - s->rate_ms >= 1000) {
		s->rate_ms = now;
		s->rate = 0;
	}
	return ++s->rate > MAX_PER_SECOND;
}

static int received(struct session *s, const char *in, size_t len)
{
	size_t whole = s->in.len + len + lws_remaining_packet_payload(s->wsi);
	if (whole > WS_MAX_MESSAGE_BYTES)
		return close_with(s, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE,
				  "more than 256 KiB");
	if (++s->pieces > MAX_PIECES)
		return close_with(s, LWS_CLOSE_STATUS_POLICY_VIOLATION,
				  "too many pieces");
	buf_add(&s->in, in, len);
	if (!lws_is_final_fragment(s->wsi) ||
	    lws_remaining_packet_payload(s->wsi))
		return 0;
	s->pieces = 0;
	if (too_often(s))
		return close_with(s, LWS_CLOSE_STATUS_POLICY_VIOLATION,
				  "too many messages");
	bool ok = true;
	if (s->side == SIDE_AUDIENCE)
		ws_vote_message(s, buf_str(&s->in), s->in.len);
	else
		ok = session_message(s, buf_str(&s->in), s->in.len);
	buf_clear(&s->in);
	return ok ? 0 : -1;
}

static void tell(struct session *s, json_object *o)
{
	struct note *note = note_new(json_text(o));
	session_queue(s, note);
	note_unref(&note);
	json_object_put(o);
}

static void tell_error(struct session *s, const char *code, const char *text)
{
	tell(s, refusal_json(code, text));
}

static void subscribe(struct session *s, json_object *list)
{
	unsigned topics = 0;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *name = json_item_str(list, i);
		int found = -1;
		for (int t = 0; t < WS_TOPICS; t++)
			if (!strcmp(name, ws_topic_names[t]))
				found = t;
		if (found < 0) {
			tell_error(s, "unknown_topic",
				   "topics are events, tallies, checks, log "
				   "and obs");
			return;
		}
		topics |= 1u << found;
	}
	s->topics = topics;
	json_object *o = json_object_new_object();
	json_object *a = json_object_new_array();
	for (int t = 0; t < WS_TOPICS; t++)
		if (topics & 1u << t)
			json_object_array_add(
				a, json_object_new_string(ws_topic_names[t]));
	json_add(o, "subscribed", &a);
	tell(s, o);
}

bool session_message(struct session *s, const char *text, size_t bytes)
{
	struct err err = {0};
	struct ws *ws = ws_of(s->wsi);
	json_object *o = json_read(text, bytes, &json_limits_answer, &err);
	if (!s->trusted) {
		const char *token = json_get_str(o, "token", "");
		if (!*token || !hash_equal_secret(token, ws->net->token)) {
			json_object_put(o);
			close_with(s, LWS_CLOSE_STATUS_POLICY_VIOLATION,
				   "the token is missing or wrong");
			return false;
		}
		s->trusted = true;
	}
	json_object *list = json_get_array(o, "subscribe");
	if (!o)
		tell_error(s, "bad_json", err.text);
	else if (list)
		subscribe(s, list);
	else if (!json_get(o, "token"))
		tell_error(s, "bad_request", "a member `subscribe` is needed");
	json_object_put(o);
	count_wanted(ws);
	return true;
}

int session_callback(struct lws *wsi, enum lws_callback_reasons reason,
		     void *user, void *in, size_t len)
{
	struct session *s = user;
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		opened(ws_of(wsi), s, wsi);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return writable(ws_of(wsi), s);
	case LWS_CALLBACK_RECEIVE:
		return received(s, in, len);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		s->leaving = true;
		return 0;
	case LWS_CALLBACK_CLOSED:
		closed(ws_of(wsi), s);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY: {
		struct guest *guest = lws_get_opaque_user_data(wsi);
		if (guest)
			atomic_fetch_sub(&ws_of(wsi)->clients[guest->side], 1);
		free(guest);
		lws_set_opaque_user_data(wsi, NULL);
		return 0;
	}
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		/* 0 goes on, -1 hangs up: nothing but websocket, no h2c. */
		return strcmp(in ? in : "", "websocket") ? -1 : 0;
	case LWS_CALLBACK_HTTP:
	case LWS_CALLBACK_HTTP_BODY:
		return -1; /* HTTP is libmicrohttpd's */
	default:
		return 0;
	}
}
