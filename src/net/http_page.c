/*
 * http_page: what the audience sees. Everything works without JavaScript; with
 * it the numbers move. The texts of polls are hostile: they pass page_fill() or
 * page_escape() and nothing else.
 */
#include "net/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "core/status.h"
#include "net/vote.h"

const struct poll_run *vote_run_of(const struct request *r, int stage)
{
	return r->web->model->stages[stage].poll;
}

bool vote_is_taken(const struct poll_run *p)
{
	return p && (p->state == POLL_OPEN || p->state == POLL_EXTENDED);
}

static bool is_open(const struct poll_run *p)
{
	return vote_is_taken(p) && !p->frozen;
}

/* The stage of the poll in the address; answers 404 when there is none. */
int vote_find_poll(struct request *r)
{
	const struct show *show = r->web->net->show;
	int stage = show_find_poll(show, r->args[0]);
	if (stage >= 0 && poll_def(r->web->model, stage) &&
	    !vote_run_of(r, stage)->proposed)
		return stage;
	http_error(r, 404, "not_found", "this show has no such poll");
	return -1;
}

static int64_t votes_of(struct request *r, int stage, size_t option,
			int64_t *total)
{
	const struct poll_run *p = vote_run_of(r, stage);
	const struct web_tally *t = web_tally(r->web, stage);
	if (t && t->fresh && (vote_is_taken(p) || !p || !p->total)) {
		*total = t->total;
		return t->counts[option];
	}
	*total = p ? p->total : 0;
	return p && p->counts ? p->counts[option] : 0;
}

static bool is_hidden(const struct request *r, int stage)
{
	return status_poll_is_hidden(r->web->model, stage);
}

/* A mark that this browser voted in this very poll: when it was opened. */
static bool has_voted(const struct request *r, int stage)
{
	const struct poll_run *p = vote_run_of(r, stage);
	char *mark = cookie_get(&r->head, "sc_voted");
	char *now = xasprintf("%" PRId64, p ? p->opened_ms : 0);
	bool voted = mark && p && !strcmp(mark, now);
	free(mark);
	free(now);
	return voted;
}

static void add_votes(struct buf *b, const char *label, int64_t votes,
		      int64_t total)
{
	int64_t percent = total > 0 ? (votes * 200 + total) / (total * 2) : 0;
	buf_addf(b, "<span class=\"share\">%" PRId64 "%%</span>", percent);
	buf_adds(b, "<progress aria-label=\"");
	page_escape(b, label);
	buf_addf(b,
		 "\" max=\"%" PRId64 "\" value=\"%" PRId64 "\"></progress>"
		 "<span class=\"votes\">%" PRId64 "</span>",
		 total > 0 ? total : 1, votes, votes);
}

static void add_option(struct buf *b, struct request *r, int stage, size_t i,
		       bool can_vote)
{
	const struct show_poll *poll = poll_def(r->web->model, stage);
	const struct show_option *o = &poll->options[i];
	int64_t total, votes = votes_of(r, stage, i, &total);
	const struct poll_run *p = vote_run_of(r, stage);
	bool won = p && p->state == POLL_RESOLVED && p->winner == (int)i;
	bool mine = r->done && r->ok && r->choice == (int)i;
	buf_adds(b, "<li data-option=\"");
	page_escape(b, o->id);
	buf_adds(b, won	   ? "\" class=\"won\">"
		    : mine ? "\" class=\"mine\">"
			   : "\">");
	if (can_vote) {
		buf_adds(b, "<button type=\"submit\" name=\"option\" value=\"");
		page_escape(b, o->id);
		buf_adds(b, "\">");
		page_escape(b, o->label);
		buf_adds(b, "</button>");
	} else {
		buf_adds(b, "<span class=\"label\">");
		page_escape(b, o->label);
		buf_adds(b, won	   ? " <b>Chosen</b></span>"
			    : mine ? " <b>Your vote</b></span>"
				   : "</span>");
	}
	if (!is_hidden(r, stage))
		add_votes(b, o->label, votes, total);
	buf_adds(b, "</li>");
}

const char *vote_state_words(const struct poll_run *p)
{
	if (!p || p->state == POLL_NONE)
		return "This poll has not been opened yet.";
	if (p->frozen)
		return "Voting is paused.";
	switch (p->state) {
	case POLL_OPEN:
	case POLL_EXTENDED:
		return "Choose one.";
	case POLL_CLOSED:
		return "This poll is closed. The votes are being counted.";
	case POLL_RESOLVED:
		return "This poll is closed.";
	default:
		return "This poll was cancelled.";
	}
}

const char *vote_note_words(enum vote_note note, const char *text)
{
	switch (note) {
	case NOTE_COUNTED:
		return "Your vote is counted. Thank you.";
	case NOTE_DUPLICATE:
		return "You have already voted in this poll.";
	case NOTE_UNSURE:
		return "Your vote may not be counted yet. Please send it "
		       "again: it counts once.";
	case NOTE_OTHER:
		return text;
	default:
		return "";
	}
}

static int open_polls(const struct request *r)
{
	int open = 0;
	for (size_t i = 0; i < r->web->poll_count; i++)
		open += vote_is_taken(vote_run_of(r, r->web->tallies[i].stage));
	return open;
}

/* As vote.js says it. */
static void other_polls(struct request *r, const struct poll_run *shown,
			char *out, size_t bytes)
{
	int others = open_polls(r) - vote_is_taken(shown);
	*out = '\0';
	if (others == 1)
		snprintf(out, bytes, "Another poll is open.");
	else if (others > 1)
		snprintf(out, bytes, "%d other polls are open.", others);
}

/* As tally.js says it, which looks for a change. */
static const char *phase_of(const struct poll_run *p)
{
	return !p		  ? poll_state_name(POLL_NONE)
	       : p->frozen	  ? "frozen"
	       : vote_is_taken(p) ? poll_state_name(POLL_OPEN)
				  : poll_state_name(p->state);
}

void vote_respond_page(struct request *r, int status, int stage,
		       enum vote_note note, const char *text)
{
	const struct show *show = r->web->net->show;
	const struct show_stage *s = &show->stages[stage];
	const struct poll_run *p = vote_run_of(r, stage);
	const struct show_poll *poll = poll_def(r->web->model, stage);
	bool change = show->polls.change_vote;
	bool voted = note == NOTE_COUNTED || note == NOTE_DUPLICATE;
	if (!voted && note == NOTE_NONE && is_open(p) && has_voted(r, stage)) {
		voted = true;
		note = NOTE_DUPLICATE;
	}
	bool can_vote = is_open(p) && (!voted || change);
	struct buf options = {0};
	for (size_t i = 0; i < poll->option_count; i++)
		add_option(&options, r, stage, i, can_vote);
	int64_t total;
	votes_of(r, stage, 0, &total);
	char count[32], now[32], deadline[32];
	snprintf(count, sizeof count, "%" PRId64, total);
	snprintf(now, sizeof now, "%" PRId64, clock_show_ms());
	snprintf(deadline, sizeof deadline, "%" PRId64, p ? p->deadline_ms : 0);
	char opened[32], others[64];
	other_polls(r, p, others, sizeof others);
	snprintf(opened, sizeof opened, "%" PRId64, p ? p->opened_ms : 0);
	const struct page_field fields[] = {
		{"title", show->title},
		{"poll", s->id},
		{"question", poll->question},
		{"state", can_vote || !is_open(p) ? vote_state_words(p)
			  : is_hidden(r, stage)	  ? "The result is told when "
						    "the poll has ended."
						  : ""},
		{"note", vote_note_words(note, text)},
		{"options", buf_str(&options)},
		{"total", count},
		{"unit", total == 1 ? "vote" : "votes"},
		{"now", now},
		{"deadline", deadline},
		{"phase", phase_of(p)},
		{"opened", opened},
		{"others", others},
	};
	http_respond_page(r, status, "vote.html", fields, COUNT_OF(fields));
	buf_release(&options);
}

void vote_page(struct request *r)
{
	int stage = vote_find_poll(r);
	if (stage < 0)
		return;
	vote_greet(r);
	vote_respond_page(r, 200, stage, NOTE_NONE, NULL);
}

/* For whoever has the choice. */
static void add_how_it_goes(struct buf *b, struct request *r, int stage)
{
	const struct poll_run *p = vote_run_of(r, stage);
	int64_t total, left_ms = p->deadline_ms - clock_show_ms();
	char left[24], count[40];
	votes_of(r, stage, 0, &total);
	text_counted(count, sizeof count, total, "vote");
	text_duration(left, sizeof left, left_ms > 0 ? left_ms : 0);
	buf_addf(b, "<span class=\"state\">%s, %s%s</span>", count,
		 p->frozen ? "voting is paused" : left,
		 p->frozen ? "" : " left");
}

void vote_list(struct request *r)
{
	const struct show *show = r->web->net->show;
	struct buf items = {0};
	int open = open_polls(r), last = -1;
	for (size_t i = 0; i < r->web->poll_count; i++) {
		int stage = r->web->tallies[i].stage;
		const struct poll_run *p = vote_run_of(r, stage);
		if (!vote_is_taken(p))
			continue;
		last = stage;
		buf_adds(&items, "<li><a href=\"/vote/");
		page_escape(&items, show->stages[stage].id);
		buf_adds(&items, "\">");
		page_escape(&items, poll_def(r->web->model, stage)->question);
		buf_adds(&items, "</a>");
		add_how_it_goes(&items, r, stage);
		buf_adds(&items, "</li>");
	}
	if (open == 1) {
		char *where = xasprintf("/vote/%s", show->stages[last].id);
		http_redirect(r, where);
		free(where);
	} else {
		const struct page_field fields[] = {
			{"title", show->title},
			{"items", buf_str(&items)},
			{"state", open ? "Choose a poll."
				       : "No poll is open. This page looks "
					 "again every five seconds."},
		};
		http_respond_page(r, 200, "list.html", fields,
				  COUNT_OF(fields));
	}
	buf_release(&items);
}

void vote_overlay(struct request *r)
{
	char now[32];
	snprintf(now, sizeof now, "%" PRId64, clock_show_ms());
	const struct page_field fields[] = {
		{"title", r->web->net->show->title},
		{"now", now},
	};
	http_respond_page(r, 200, "overlay.html", fields, COUNT_OF(fields));
}
