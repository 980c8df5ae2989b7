/* http_wait: requests that sleep until the engine has answered. */
#include "net/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"

/* Who waits longer may wait for a person. Most are answered before, and cost no
 * look at their connection. */
#define WATCH_AFTER_MS 200

void http_forget(struct request *r)
{
	struct web *web = r->web;
	*r->prev = r->next;
	if (r->next)
		r->next->prev = r->prev;
	else if (!r->patient)
		web->waiting_last = r->prev;
	web->places[r->place] = NULL;
	r->waiting = false;
	if (r->conn->watched != r)
		return;
	r->conn->watched = NULL;
	epoll_ctl(web->epoll_fd, EPOLL_CTL_DEL, r->conn->fd, NULL);
}

static size_t find_place(struct web *web)
{
	/* Few wait at a time and the oldest leave first, so the next place is
	 * mostly free. */
	for (size_t n = 0; n < web->place_count; n++) {
		size_t i = (web->place_next + n) % web->place_count;
		if (!web->places[i]) {
			web->place_next = i + 1;
			return i;
		}
	}
	size_t old = web->place_count;
	web->place_count = old ? old * 2 : 64;
	web->places = xreallocarray(web->places, web->place_count,
				    sizeof(struct request *));
	web->place_uses = xreallocarray(web->place_uses, web->place_count,
					sizeof(uint32_t));
	memset(web->places + old, 0,
	       (web->place_count - old) * sizeof(struct request *));
	memset(web->place_uses + old, 0,
	       (web->place_count - old) * sizeof(uint32_t));
	web->place_next = old + 1;
	return old;
}

static void link_waiting(struct request *r)
{
	struct web *web = r->web;
	if (r->patient) {
		r->deadline_ms = clock_mono_ms() + WATCH_AFTER_MS;
		r->next = web->patient;
		r->prev = &web->patient;
		if (r->next)
			r->next->prev = &r->next;
		web->patient = r;
	} else {
		r->deadline_ms = clock_mono_ms() + WEB_WAIT_MS;
		r->next = NULL;
		r->prev = web->waiting_last;
		*web->waiting_last = r;
		web->waiting_last = &r->next;
	}
}

/* At the end of the round, under the ticket of that place. */
static void post(struct web *web, struct input **in, size_t place)
{
	struct origin *origin = &(*in)->origin;
	origin->kind = ORIGIN_WEB;
	snprintf(origin->id, sizeof origin->id, "w%zu.%u", place,
		 web->place_uses[place]);
	GROW(web->asked, web->asked_count, web->asked_cap);
	web->asked[web->asked_count++] = *in;
	*in = NULL;
}

static void sleep_at(struct request *r, size_t place)
{
	r->place = place;
	r->waiting = true;
	link_waiting(r);
	r->web->places[place] = r;
	r->conn->deadline_ms = 0;
	if (r->conn->mhd)
		MHD_suspend_connection(r->conn->mhd);
}

void http_ask(struct request *r, struct input **in)
{
	struct web *web = r->web;
	size_t place = find_place(web);
	web->place_uses[place]++;
	post(web, in, place);
	sleep_at(r, place);
}

void http_vote(struct request *r, const struct vote *vote)
{
	struct web *web = r->web;
	size_t place = find_place(web);
	web->place_uses[place]++;
	web_vote(web, vote,
		 (uint64_t)place << 32 | web->place_uses[place]);
	sleep_at(r, place);
}

void http_ask_patiently(struct request *r, struct input **in)
{
	r->patient = true;
	http_ask(r, in);
}

static void wake(struct request *r, bool ok, char **code, char **text)
{
	http_forget(r);
	r->done = true;
	r->ok = ok;
	r->code = *code;
	r->reply = *text;
	*code = *text = NULL;
	r->conn->deadline_ms = clock_mono_ms() + WEB_SEND_MS;
	if (!r->conn->mhd) {
		fast_wake(r);
		return;
	}
	MHD_resume_connection(r->conn->mhd);
	r->side->mhd_ready = true;
}

/* NULL: answered by the clock already. */
static struct request *find_waiting(const struct web *web,
				    const struct origin *origin)
{
	size_t place;
	unsigned uses;
	if (sscanf(origin->id, "w%zu.%u", &place, &uses) != 2 ||
	    place >= web->place_count || web->place_uses[place] != uses)
		return NULL;
	return web->places[place];
}

void http_reply(struct web *web, struct web_mail *mail)
{
	struct request *r = find_waiting(web, &mail->origin);
	if (r)
		wake(r, mail->ok, &mail->code, &mail->text);
}

static void voted(struct web *web, const struct ballot *x)
{
	size_t place = (size_t)(x->ticket >> 32);
	struct request *r = place < web->place_count &&
					    web->place_uses[place] ==
						    (uint32_t)x->ticket
				    ? web->places[place]
				    : NULL;
	enum ballot_answer answer = (enum ballot_answer)x->answer;
	char *code = r ? xstrdup(ballot_code(answer)) : NULL;
	char *text = r ? xstrdup(ballot_text(answer)) : NULL;
	if (r)
		wake(r, ballot_ok(answer), &code, &text);
}

void http_voted(struct web *web, const struct ballots *b)
{
	for (size_t i = 0; i < b->count; i++)
		voted(web, &b->items[i]);
}

static void refuse_busy(struct web *web, struct input **in)
{
	struct request *r = find_waiting(web, &(*in)->origin);
	char *code = xstrdup("busy");
	char *text = xstrdup("the engine has too much to do: try again");
	if ((*in)->ballots) {
		ballots_answer((*in)->ballots, BALLOT_BUSY);
		http_voted(web, (*in)->ballots);
	} else if (r) {
		wake(r, false, &code, &text);
	}
	free(code);
	free(text);
	input_free(in);
}

/* All requests of a round at once: the engine is woken once for them, and what
 * it decides together is one commit. */
void http_post(struct web *web)
{
	web_post_votes(web);
	if (!web->asked_count)
		return;
	size_t n = mailbox_post_all(web->net->engine, web->asked,
				    web->asked_count);
	for (; n < web->asked_count; n++)
		refuse_busy(web, &web->asked[n]);
	web->asked_count = 0;
}

int64_t http_next_ms(const struct web *web)
{
	return web->waiting_first ? web->waiting_first->deadline_ms : 0;
}

static void give_up(struct request *r)
{
	char *code = xstrdup("timeout");
	char *text = xstrdup("the engine did not answer in time; what was "
			     "asked may still happen");
	wake(r, false, &code, &text);
}

static void time_out(struct web *web, int64_t now, bool all)
{
	while (web->waiting_first &&
	       (all || web->waiting_first->deadline_ms <= now))
		give_up(web->waiting_first);
	while (all && web->patient)
		give_up(web->patient);
}

void http_expire(struct web *web, int64_t now_ms)
{
	time_out(web, now_ms, false);
}

void http_wake_all(struct web *web)
{
	time_out(web, 0, true);
}

void http_watch(struct web *web, int64_t now_ms)
{
	for (struct request *r = web->patient; r; r = r->next) {
		if (r->conn->watched || now_ms < r->deadline_ms)
			continue;
		if (web_epoll_add(web, r->conn->fd, EPOLLRDHUP | EPOLLONESHOT,
				  READY_GONE, r->conn))
			r->conn->watched = r;
	}
}

void http_gone(struct conn *conn)
{
	struct request *r = conn->watched;
	if (!r)
		return;
	struct input *in = input_new(INPUT_LEFT);
	char *code = xstrdup("gone"), *text = xstrdup("the client left");
	post(r->web, &in, r->place);
	shutdown(conn->fd, SHUT_RDWR);
	wake(r, false, &code, &text);
}
