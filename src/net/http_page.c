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

#include "base/text.h"
#include "core/status.h"
#include "net/page.h"
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

static void add_option(struct buf *b, struct request *r, int stage, size_t i,
		       bool can_vote)
{
	const struct show_poll *poll = poll_def(r->web->model, stage);
	const struct show_option *o = &poll->options[i];
	int64_t total, votes = votes_of(r, stage, i, &total);
	const struct poll_run *p = vote_run_of(r, stage);
	bool won = p && p->state == POLL_RESOLVED && p->winner == (int)i;
	buf_adds(b, "<li data-option=\"");
	page_escape(b, o->id);
	buf_adds(b, won ? "\" class=\"won\">" : "\">");
	if (can_vote) {
		buf_adds(b, "<button type=\"submit\" name=\"option\" value=\"");
		page_escape(b, o->id);
		buf_adds(b, "\">");
		page_escape(b, o->label);
		buf_adds(b, "</button>");
	} else {
		buf_addf(b, "<span class=\"label\" id=\"o%zu\">", i);
		page_escape(b, o->label);
		buf_adds(b, won ? " <b>(chosen)</b></span>" : "</span>");
	}
	if (is_hidden(r, stage)) {
		buf_adds(b, "</li>");
		return;
	}
	buf_adds(b, "<progress aria-label=\"");
	page_escape(b, o->label);
	buf_addf(b,
		 "\" max=\"%" PRId64 "\" value=\"%" PRId64 "\"></progress>"
		 "<span class=\"votes\">%" PRId64 "</span></li>",
		 total > 0 ? total : 1, votes, votes);
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
	case NOTE_OTHER:
		return text;
	default:
		return "";
	}
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
	char count[32];
	snprintf(count, sizeof count, "%" PRId64, total);
	const struct page_field fields[] = {
		{"title", show->title},
		{"poll", s->id},
		{"question", poll->question},
		{"state",
		 can_vote || !voted || !is_open(p) ? vote_state_words(p) : ""},
		{"note", vote_note_words(note, text)},
		{"options", buf_str(&options)},
		{"total", count},
		/* As the tally says it: vote.js compares the two. */
		{"open", vote_is_taken(p)      ? "yes"
			 : is_hidden(r, stage) ? "hidden"
					       : "no"},
	};
	char *html = page_fill(asset_find("vote.html")->text, fields,
			       COUNT_OF(fields));
	buf_release(&options);
	http_respond_page(r, status, &html);
}

void vote_page(struct request *r)
{
	int stage = vote_find_poll(r);
	if (stage >= 0)
		vote_respond_page(r, 200, stage, NOTE_NONE, NULL);
}

void vote_list(struct request *r)
{
	const struct show *show = r->web->net->show;
	struct buf items = {0};
	int open = 0, last = -1;
	for (size_t i = 0; i < r->web->poll_count; i++) {
		int stage = r->web->tallies[i].stage;
		const struct poll_run *p = vote_run_of(r, stage);
		if (!vote_is_taken(p))
			continue;
		open++;
		last = stage;
		buf_adds(&items, "<li><a href=\"/vote/");
		page_escape(&items, show->stages[stage].id);
		buf_adds(&items, "\">");
		page_escape(&items, poll_def(r->web->model, stage)->question);
		buf_adds(&items, "</a></li>");
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
		char *html = page_fill(asset_find("list.html")->text, fields,
				       COUNT_OF(fields));
		http_respond_page(r, 200, &html);
	}
	buf_release(&items);
}

void vote_overlay(struct request *r)
{
	const struct page_field fields[] = {
		{"title", r->web->net->show->title},
	};
	char *html = page_fill(asset_find("overlay.html")->text, fields,
			       COUNT_OF(fields));
	http_respond_page(r, 200, &html);
}

void vote_asset(struct request *r)
{
	const struct asset *a = asset_find(r->args[0]);
	if (!a || !strncmp(a->type, "text/html", 9)) {
		http_error(r, 404, "not_found", "there is nothing here");
		return;
	}
	struct MHD_Response *response = MHD_create_response_from_buffer(
		a->bytes, (void *)(uintptr_t)a->text, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Content-Type", a->type);
	MHD_add_response_header(response, "Cache-Control", "max-age=300");
	http_queue(r, 200, &response);
}
