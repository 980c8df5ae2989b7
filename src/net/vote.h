/*
 * vote: what the pages of the audience (http_page.c) and the votes that come
 * over HTTP (http_vote.c) share. Web thread.
 */
#ifndef NET_VOTE_H
#define NET_VOTE_H

#include "core/polls.h"
#include "net/request.h"

/* What a page says above the options. */
enum vote_note {
	NOTE_NONE,
	NOTE_COUNTED,
	NOTE_DUPLICATE,
	NOTE_UNSURE, /* nobody knows whether it is counted */
	NOTE_OTHER,
};

/* The poll in the address, by its stage; -1: there is none, and that was
 * answered. */
int vote_find_poll(struct request *r);
const struct poll_run *vote_run_of(const struct request *r, int stage);
/* Open, though it may be frozen. */
bool vote_is_taken(const struct poll_run *p);

/* Gives who has none a token, with the page. */
void vote_greet(struct request *r);

/* For people. */
const char *vote_state_words(const struct poll_run *p);
const char *vote_note_words(enum vote_note note, const char *text);

/* Answers with the page of the poll. `text`: what NOTE_OTHER says. */
void vote_respond_page(struct request *r, int status, int stage,
		       enum vote_note note, const char *text);

#endif
