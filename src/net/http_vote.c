/* http_vote: votes that come over HTTP, from forms and as JSON. */
#include "net/request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "net/vote.h"
#include "net/voter.h"

#define VOTER_MAX_BYTES 128
#define COOKIE_AGE_S	(30 * 24 * 3600)

static void set_voter_cookie(struct request *r, const char *cookie)
{
	char *v = xasprintf("sc_voter=%s; Path=/; Max-Age=%d; HttpOnly; "
			    "SameSite=Lax",
			    cookie, COOKIE_AGE_S);
	http_set_cookie(r, &v);
}

/* Who votes: the `voter` of the JSON body (a bridge from a chat names its
 * people), else our cookie, else somebody new. False: answered. */
static bool find_voter(struct request *r, char **voter)
{
	const char *named = json_get_str(r->json, "voter", NULL);
	if (named) {
		if (!*named || strlen(named) > VOTER_MAX_BYTES) {
			http_error(r, 400, "bad_voter",
				   "`voter` must be 1 to %d bytes long",
				   VOTER_MAX_BYTES);
			return false;
		}
		*voter = xasprintf("v:%s", named);
		return true;
	}
	char id[VOTER_ID_BYTES], fresh[VOTER_COOKIE_BYTES];
	char *cookie = cookie_get(&r->head, "sc_voter");
	if (!voter_read(r->web->net->voter_secret, cookie, id)) {
		voter_new(r->web->net->voter_secret, id, fresh);
		set_voter_cookie(r, fresh);
	}
	free(cookie);
	*voter = xstrdup(id);
	return true;
}

static void respond_vote(struct request *r, int status, int stage,
			 const char *code, const char *text)
{
	bool ok = status < 300;
	if (r->json) {
		if (!ok) {
			http_error(r, status, code, "%s", text);
			return;
		}
		json_object *o = json_object_new_object();
		json_add_bool(o, "ok", true);
		json_add_str(o, "message", vote_note_words(NOTE_COUNTED, NULL));
		http_respond_json(r, status, &o);
		return;
	}
	enum vote_note note = ok			   ? NOTE_COUNTED
			      : !strcmp(code, "duplicate") ? NOTE_DUPLICATE
							   : NOTE_OTHER;
	vote_respond_page(r, status, stage, note, text);
}

void vote_cast(struct request *r)
{
	int stage = vote_find_poll(r);
	if (stage < 0)
		return;
	const struct show_poll *poll = poll_def(r->web->model, stage);
	char *option = r->json ? xstrdup(json_get_str(r->json, "option", NULL))
			       : form_get(buf_str(&r->body), "option");
	char *voter = NULL;
	r->choice = option ? show_find_option(poll, option) : -1;
	free(option);
	if (r->choice < 0) {
		respond_vote(r, 400, stage, "unknown_option",
			     "This poll has no such option.");
		return;
	}
	/* The model may lag a moment, so only what it is sure of is refused
	 * here; the core has the last word. */
	const struct poll_run *p = vote_run_of(r, stage);
	if (!p || p->state > POLL_EXTENDED) {
		respond_vote(r, 409, stage, "closed", vote_state_words(p));
		return;
	}
	if (!find_voter(r, &voter))
		return;
	const struct vote vote = {
		.poll = r->web->net->show->stages[stage].id,
		.option = poll->options[r->choice].id,
		.voter = voter,
		.opened_ms = p->opened_ms,
	};
	http_vote(r, &vote);
	free(voter);
}

void vote_counted(struct request *r)
{
	int stage = show_find_poll(r->web->net->show, r->args[0]);
	int status = http_status_of(r->ok, r->code);
	const struct poll_run *p = vote_run_of(r, stage);
	if (p && (r->ok || !strcmp(r->code, "duplicate")) && !r->json) {
		char *v = xasprintf("sc_voted=%" PRId64 "; Path=/vote/%s; "
				    "Max-Age=%d; HttpOnly; SameSite=Lax",
				    p->opened_ms, r->args[0], COOKIE_AGE_S);
		http_set_cookie(r, &v);
	}
	respond_vote(r, status, stage, r->code, r->reply);
}
