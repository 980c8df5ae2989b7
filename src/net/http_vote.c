/* http_vote: votes that come over HTTP, from forms and as JSON. */
#include "net/request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "net/vote.h"
#include "net/voter.h"

#define VOTER_MAX_BYTES (BALLOT_VOTER_MOST - 2)
#define COOKIE_AGE_S	(30 * 24 * 3600)

static void set_voter_cookie(struct request *r, const char *token)
{
	char *v = xasprintf("sc_voter=%s; Path=/; Max-Age=%d; HttpOnly; "
			    "SameSite=Lax",
			    token, *token ? COOKIE_AGE_S : 0);
	http_set_cookie(r, &v);
}

/* A page gives its voter a token, so that a vote that is sent again, because
 * its answer was lost, is of the same voter. */
void vote_greet(struct request *r)
{
	char id[VOTER_ID_BYTES], token[VOTER_TOKEN_BYTES];
	char *had = cookie_get(&r->head, "sc_voter");
	if (!voter_read(r->web->net->voter_secret, had, id)) {
		voter_new(r->web->net->voter_secret, id, token);
		set_voter_cookie(r, token);
	}
	free(had);
}

/* A bridge names its people itself, and shows the operator's token for that:
 * else anybody could vote as often as there are names. */
static bool find_named(struct request *r, const char *named, char **voter)
{
	if (!head_has_bearer(&r->head, r->web->net->token)) {
		http_error(r, 403, "forbidden",
			   "who names its voters sends Authorization: Bearer "
			   "with the token of the operator; else leave `voter` "
			   "out");
		return false;
	}
	if (!*named || strlen(named) > VOTER_MAX_BYTES) {
		http_error(r, 400, "bad_voter",
			   "`voter` must be 1 to %d bytes long",
			   VOTER_MAX_BYTES);
		return false;
	}
	*voter = xasprintf("v:%s", named);
	return true;
}

/* Who votes: the `voter` that a bridge names, else who holds the token in the
 * body or the cookie, else somebody new. False: answered. */
static bool find_voter(struct request *r, char **voter)
{
	const char *named = json_get_str(r->json, "voter", NULL);
	const char *secret = r->web->net->voter_secret;
	char id[VOTER_ID_BYTES], fresh[VOTER_TOKEN_BYTES];
	if (named)
		return find_named(r, named, voter);
	char *cookie = cookie_get(&r->head, "sc_voter");
	const char *token = json_get_str(r->json, "token", cookie);
	bool ok = !token || voter_read(secret, token, id);
	if (!token) {
		voter_new(secret, id, fresh);
		set_voter_cookie(r, fresh);
	} else if (!ok) {
		set_voter_cookie(r, "");
		http_error(r, 403, "forged",
			   "this voter token is not of this show: load the "
			   "page again, then vote");
	}
	free(cookie);
	*voter = ok ? xstrdup(id) : NULL;
	return ok;
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
			      : status == 504		   ? NOTE_UNSURE
							   : NOTE_OTHER;
	vote_respond_page(r, status, stage, note, text);
}

/* A ballot that says of which opening it is, as our page does, counts in no
 * other one: neither a page that was left open nor one that is sent again. */
static bool is_of_this_opening(const struct request *r,
			       const struct poll_run *p)
{
	char *said = r->json ? NULL : form_get(buf_str(&r->body), "opened");
	int64_t opened = r->json ? json_get_int(r->json, "opened", 0)
			 : said	 ? strtoll(said, NULL, 10)
				 : 0;
	free(said);
	return !opened || opened == p->opened_ms;
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
	if (!is_of_this_opening(r, p)) {
		respond_vote(r, 409, stage, ballot_code(BALLOT_STALE),
			     ballot_text(BALLOT_STALE));
		return;
	}
	if (!find_voter(r, &voter))
		return;
	const struct vote vote = {
		.poll = r->web->net->show->stages[stage].id,
		.option = poll->options[r->choice].id,
		.voter = voter,
		.opened_ms = p->opened_ms,
		/* A bridge's people have no address of their own. */
		.source = json_get(r->json, "voter") ? 0 : http_source(r),
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
