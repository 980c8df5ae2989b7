/* votes: what is voted in one round of the web thread. */
#include <string.h>

#include "core/input.h"
#include "net/web.h"

void web_post_votes(struct web *web)
{
	if (!web->box)
		return;
	GROW(web->asked, web->asked_count, web->asked_cap);
	web->asked[web->asked_count++] = input_votes(&web->box);
}

static bool fits(const struct ballots *b, const struct vote *vote)
{
	return b->count < BALLOTS_MOST && b->opened_ms == vote->opened_ms &&
	       !strcmp(b->poll, vote->poll);
}

void web_vote(struct web *web, const struct vote *vote, uint64_t ticket)
{
	if (web->box && !fits(web->box, vote))
		web_post_votes(web);
	if (!web->box) {
		web->box = ballots_new(vote->poll, BALLOTS_WEB);
		web->box->opened_ms = vote->opened_ms;
	}
	ballots_add(web->box, vote->option, vote->voter, vote->source, ticket);
}
