/* ws_vote: votes that come over the WebSocket of the audience. What came in one
 * round of the thread goes to the engine together; the answers come back as
 * mail and go to those of the sessions that are still there. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "core/ballots.h"
#include "net/head.h"
#include "net/ws_priv.h"

/* A vote that waits for its answer, in the list of its session or of ws->left.
 */
struct ws_asked {
	struct ws_asked *next, **prev;
	struct session *s; /* NULL: it left */
	int64_t id;
	bool new_voter;
};

static struct ws *ws_of(const struct session *s)
{
	return lws_context_user(lws_get_context(s->wsi));
}

static void say(struct session *s, const struct ballots *b, int64_t id,
		enum ballot_answer answer, bool new_voter)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "voted", b->poll);
	if (id >= 0)
		json_add_int(o, "id", id);
	json_add_bool(o, "ok", ballot_ok(answer));
	json_add_str(o, "code", ballot_code(answer));
	json_add_str(o, "message", ballot_text(answer));
	if (new_voter)
		json_add_str(o, "token", s->token);
	struct note *note = note_new(json_text(o));
	session_send(s, note);
	note_unref(&note);
	json_object_put(o);
}

static void refuse(struct session *s, const char *code, const char *text)
{
	json_object *o = refusal_json(code, text);
	struct note *note = note_new(json_text(o));
	session_queue(s, note);
	note_unref(&note);
	json_object_put(o);
}

/* Who votes: the token in the message, else that of the cookie which the
 * handshake brought, else somebody new, who is told the token. */
static bool find_voter(struct session *s, json_object *o, char *voter,
		       bool *fresh)
{
	const char *secret = ws_of(s)->net->voter_secret;
	const char *token = json_get_str(o, "token", NULL);
	*fresh = false;
	if (token)
		return voter_read(secret, token, voter);
	if (!*s->guest->voter) {
		s->token = xmalloc(VOTER_TOKEN_BYTES);
		voter_new(secret, s->guest->voter, s->token);
	}
	/* Until a vote of its was answered it may not know it. */
	*fresh = s->token != NULL;
	strcpy(voter, s->guest->voter);
	return true;
}

void ws_votes_post(struct ws *ws)
{
	if (!ws->box)
		return;
	struct input *in = input_votes(&ws->box);
	if (mailbox_post(ws->net->engine, &in))
		return;
	ballots_answer(in->ballots, BALLOT_BUSY);
	ws_votes_answered(ws, in->ballots);
	input_free(&in);
}

static void link_asked(struct ws_asked *a, struct ws_asked **list)
{
	a->next = *list;
	a->prev = list;
	if (a->next)
		a->next->prev = &a->next;
	*list = a;
}

static void unlink_asked(struct ws_asked *a)
{
	*a->prev = a->next;
	if (a->next)
		a->next->prev = a->prev;
}

static void ask(struct session *s, json_object *o, const char *voter,
		bool fresh)
{
	struct ws *ws = ws_of(s);
	const char *poll = json_get_str(o, "vote", "");
	int64_t opened_ms = json_get_int(o, "opened", 0);
	if (ws->box &&
	    (strcmp(ws->box->poll, poll) || ws->box->opened_ms != opened_ms ||
	     ws->box->count == BALLOTS_MOST))
		ws_votes_post(ws);
	if (!ws->box) {
		ws->box = ballots_new(poll, BALLOTS_WS);
		ws->box->opened_ms = opened_ms;
	}
	struct ws_asked *a = xcalloc(1, sizeof *a);
	a->s = s;
	a->id = json_get_int(o, "id", -1);
	a->new_voter = fresh;
	link_asked(a, &s->asked);
	ballots_add(ws->box, json_get_str(o, "option", ""), voter,
		    s->guest->source, (uint64_t)(uintptr_t)a);
}

void ws_vote_message(struct session *s, const char *text, size_t bytes)
{
	struct err err = {0};
	char voter[VOTER_ID_BYTES];
	bool fresh;
	json_object *o = json_read(text, bytes, &json_limits_answer, &err);
	if (!o)
		refuse(s, "bad_json", err.text);
	else if (!json_get_str(o, "vote", NULL) ||
		 !json_get_str(o, "option", NULL))
		refuse(s, "bad_request",
		       "a vote has the members `vote`, the poll, and `option`");
	else if (s->guest->foreign)
		refuse(s, "forbidden",
		       "votes are taken from the show's own pages alone");
	else if (!find_voter(s, o, voter, &fresh))
		refuse(s, "forged", "this voter token is not of this show");
	else
		ask(s, o, voter, fresh);
	json_object_put(o);
}

void ws_votes_answered(struct ws *ws, const struct ballots *b)
{
	(void)ws;
	for (size_t i = 0; i < b->count; i++) {
		struct ws_asked *a =
			(struct ws_asked *)(uintptr_t)b->items[i].ticket;
		unlink_asked(a);
		if (a->s)
			say(a->s, b, a->id,
			    (enum ballot_answer)b->items[i].answer,
			    a->new_voter);
		free(a);
	}
}

/* Their answers come all the same, for nobody. */
void ws_votes_leave(struct ws *ws, struct session *s)
{
	for (struct ws_asked *a; (a = s->asked);) {
		unlink_asked(a);
		a->s = NULL;
		link_asked(a, &ws->left);
	}
	free(s->token);
	s->token = NULL;
}

void ws_votes_forget(struct ws *ws)
{
	for (struct ws_asked *a; (a = ws->left);) {
		unlink_asked(a);
		free(a);
	}
	ballots_free(&ws->box);
}
