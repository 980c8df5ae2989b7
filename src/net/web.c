#include "net/web.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/live.h"
#include "core/snapshot.h"
#include "core/status.h"
#include "net/ws.h"

#define MAIL_ENOUGH 10000 /* letters; live ones are dropped beyond */
#define READY_BATCH 256
#define SWEEP_MS    500

struct web_mail *web_mail_new(enum web_mail_kind kind)
{
	struct web_mail *mail = xcalloc(1, sizeof *mail);
	mail->kind = kind;
	return mail;
}

static void mail_free(struct web_mail *mail)
{
	event_free(&mail->event);
	ballots_free(&mail->ballots);
	free(mail->text);
	free(mail->code);
	free(mail);
}

void web_post(struct web *web, struct web_mail **mailp)
{
	struct web_mail *mail = *mailp, **end = mailp;
	if (!mail)
		return;
	size_t count = 0;
	for (; *end; end = &(*end)->next)
		count++;
	pthread_mutex_lock(&web->lock);
	bool full = mail->kind == WEB_LIVE && web->waiting >= MAIL_ENOUGH;
	bool wake = web->waiting == 0;
	if (!full) {
		*web->last = mail;
		web->last = end;
		web->waiting += count;
	}
	pthread_mutex_unlock(&web->lock);
	*mailp = NULL;
	if (full)
		mail_free(mail);
	else if (wake)
		eventfd_write(web->wake_fd, 1);
}

static struct web_mail *take_all(struct web *web)
{
	pthread_mutex_lock(&web->lock);
	struct web_mail *first = web->first;
	web->first = NULL;
	web->last = &web->first;
	web->waiting = 0;
	pthread_mutex_unlock(&web->lock);
	return first;
}

bool web_epoll_add(struct web *web, int fd, uint32_t events,
		   enum web_ready kind, void *who)
{
	struct epoll_event ev = {.events = events};
	/* Pointers are aligned: the kind fits into their low bits. */
	ev.data.u64 = (uint64_t)(uintptr_t)who | (uint64_t)kind;
	return epoll_ctl(web->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

/* --- the model ------------------------------------------------------------ */

static void keep_event(struct web *web, struct event **eventp)
{
	struct event *event = *eventp;
	struct event **place = &web->kept[event->seq % WEB_KEPT_EVENTS];
	event_free(place);
	*place = event;
	*eventp = NULL;
	if (!web->kept_from)
		web->kept_from = event->seq;
	if (event->seq - web->kept_from >= WEB_KEPT_EVENTS)
		web->kept_from = event->seq - WEB_KEPT_EVENTS + 1;
}

static bool is_of_polls(enum event_type type)
{
	return (type >= EVENT_POLL_CREATE && type <= EVENT_POLL_INCLUDE) ||
	       type == EVENT_RUN_START || type == EVENT_RUN_PAUSE ||
	       type == EVENT_RUN_RESUME;
}

static void fold(struct web *web, struct event **event)
{
	struct event *e = *event;
	model_apply(web->model, e);
	if (e->type == EVENT_POLL_CREATE) {
		int stage = show_find_poll(web->net->show, e->stage);
		struct web_tally *t = web_tally(web, stage);
		if (t)
			t->fresh = false;
	}
	web->polls_changed |= is_of_polls(e->type);
	keep_event(web, event);
}

static void publish_event(struct web *web, const struct event *event)
{
	struct ws *ws = web->net->ws;
	const struct {
		enum ws_topic topic;
		bool about;
	} to[] = {
		{WS_EVENTS, true},
		{WS_CHECKS, event->type == EVENT_CHECK_RESULT},
		{WS_OBS, event->type == EVENT_OBS_STATUS ||
				 event->type == EVENT_OBS_COMMAND ||
				 event->type == EVENT_OBS_HOLD},
	};
	for (size_t i = 0; i < COUNT_OF(to); i++) {
		if (!to[i].about || !ws_wanted(ws, to[i].topic))
			continue;
		json_object *o = json_object_new_object();
		json_object *e = event_json(event);
		json_add_str(o, "topic", ws_topic_names[to[i].topic]);
		json_add(o, "event", &e);
		char *text = xstrdup(json_text(o));
		json_object_put(o);
		ws_publish(ws, to[i].topic, &text);
	}
}

static void take_event(struct web *web, struct web_mail *mail)
{
	publish_event(web, mail->event);
	fold(web, &mail->event);
}

static void take_live(struct web *web, struct web_mail *mail)
{
	json_object *o = json_read_str(mail->text, &json_limits_answer, NULL);
	const char *topic = json_get_str(o, "topic", "");
	if (!strcmp(topic, LIVE_OBS)) {
		free(web->obs_figures);
		web->obs_figures = xstrdup(mail->text);
	}
	if (!strcmp(topic, LIVE_TALLY))
		web_take_tally(web, o);
	else if (!strcmp(topic, LIVE_LOG) && ws_wanted(web->net->ws, WS_LOG))
		ws_publish(web->net->ws, WS_LOG, &mail->text);
	else if (!strcmp(topic, LIVE_OBS) && ws_wanted(web->net->ws, WS_OBS))
		ws_publish(web->net->ws, WS_OBS, &mail->text);
	else if ((!strcmp(topic, LIVE_PROGRESS) || !strcmp(topic, LIVE_CORE) ||
		  !strcmp(topic, LIVE_BELL)) &&
		 ws_wanted(web->net->ws, WS_EVENTS))
		ws_publish(web->net->ws, WS_EVENTS, &mail->text);
	json_object_put(o);
}

static void take_mail(struct web *web)
{
	eventfd_t n;
	eventfd_read(web->wake_fd, &n);
	bool events = false;
	for (struct web_mail *mail = take_all(web), *next; mail; mail = next) {
		next = mail->next;
		switch (mail->kind) {
		case WEB_EVENT:
			take_event(web, mail);
			events = true;
			break;
		case WEB_LIVE:
			take_live(web, mail);
			break;
		case WEB_REPLY:
			http_reply(web, mail);
			break;
		case WEB_VOTES:
			http_voted(web, mail->ballots);
			break;
		case WEB_FLOW:
			llm_rung(web, mail->origin.id);
			break;
		case WEB_REDIS:
			web->redis_ok = mail->ok;
			web->redis_rtt_us = mail->rtt_us;
			free(web->redis_why);
			web->redis_why = mail->text;
			mail->text = NULL;
			break;
		}
		mail_free(mail);
	}
	if (web->polls_changed)
		web_tell_polls(web);
	if (events)
		sse_news(web);
}

/* --- the loop ------------------------------------------------------------- */

static bool anything_open(const struct web *web)
{
	return web->knock_count || web->stream_count ||
	       web->sides[SIDE_OPERATOR].conn_count ||
	       web->sides[SIDE_AUDIENCE].conn_count || web->listen_again_ms;
}

/* Sleeps for ever while nobody is connected. */
static int wait_ms(const struct web *web, int64_t now)
{
	if (web->woken)
		return 0;
	int64_t until = anything_open(web) ? now + SWEEP_MS : 0;
	int64_t next = http_next_ms(web);
	if (next && (!until || next < until))
		until = next;
	if (web->tally_streams && web->board.dirty &&
	    (!until || web->board.due_ms < until))
		until = web->board.due_ms;
	for (int i = 0; i < SIDES; i++) {
		MHD_UNSIGNED_LONG_LONG ms;
		if (web->sides[i].mhd_ready)
			return 0;
		if (MHD_get_timeout(web->sides[i].mhd, &ms) == MHD_YES &&
		    (!until || now + (int64_t)ms < until))
			until = now + (int64_t)ms;
	}
	if (!until)
		return -1;
	return until <= now ? 0 : (int)(until - now);
}

static void dispatch(struct web *web, const struct epoll_event *ev)
{
	enum web_ready kind = (enum web_ready)(ev->data.u64 & READY_MASK);
	void *who = (void *)(uintptr_t)(ev->data.u64 & ~(uint64_t)READY_MASK);
	switch (kind) {
	case READY_MAIL:
		take_mail(web);
		break;
	case READY_LISTENER:
		door_accept(who);
		break;
	case READY_HTTP:
		((struct side *)who)->mhd_ready = true;
		break;
	case READY_DOOR:
		door_ready(web, who, ev->events);
		break;
	case READY_GONE:
		llm_gone(who);
		http_gone(who);
		break;
	case READY_FAST:
		fast_ready(who, ev->events);
		break;
	case READY_MASK:
		break;
	}
}

static void sweep(struct web *web, int64_t now)
{
	if (now - web->swept_ms < SWEEP_MS)
		return;
	web->swept_ms = now;
	door_sweep(web, now);
	http_sweep(web, now);
	http_watch(web, now);
	sse_sweep(web, now);
	llm_sweep(web, now);
}

static void *run(void *arg)
{
	struct web *web = arg;
	struct epoll_event ready[READY_BATCH];
	web_tell_polls(web);
	while (!atomic_load(&web->stopping)) {
		int n = epoll_wait(web->epoll_fd, ready, READY_BATCH,
				   wait_ms(web, clock_mono_ms()));
		for (int i = 0; i < n; i++)
			dispatch(web, &ready[i]);
		door_bury(web);
		http_expire(web, clock_mono_ms());
		sse_tell(web, clock_mono_ms());
		sweep(web, clock_mono_ms());
		for (int i = 0; i < SIDES; i++)
			http_run(&web->sides[i]);
		fast_run(web);
		http_post(web);
	}
	return NULL;
}

static bool open_side(struct web *web, enum side_id id, const char *addr,
		      struct err *err)
{
	struct side *side = &web->sides[id];
	*side = (struct side){.web = web, .id = id, .fd = -1};
	return door_listen(side, addr, err) && http_start(side, err);
}

struct web *web_new(struct net *net, const char *const want[SIDES],
		    const char *snapshot, struct event *const *replay,
		    size_t replay_count, struct err *err)
{
	struct web *web = xcalloc(1, sizeof *web);
	web->net = net;
	web->last = &web->first;
	web->waiting_last = &web->waiting_first;
	web->knocks_end = &web->knocks;
	web->woken_last = &web->woken;
	web->redis_rtt_us = -1;
	hash_random_hex(web->boot, 8);
	web->sides[0].fd = web->sides[1].fd = -1;
	pthread_mutex_init(&web->lock, NULL);
	web->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	web->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	web->model = snapshot ? model_restore(net->show, snapshot,
					      strlen(snapshot), err)
			      : model_new(net->show);
	if (!web->model)
		goto failed;
	web_find_polls(web);
	for (size_t i = 0; i < replay_count; i++) {
		struct event *copy = event_clone(replay[i]);
		if (copy->seq && copy->seq <= web->model->seq)
			keep_event(web, &copy);
		else
			fold(web, &copy);
	}
	if (web->epoll_fd < 0 || web->wake_fd < 0) {
		err_set(err, ERR_UNAVAILABLE, "epoll: %s", strerror(errno));
		goto failed;
	}
	web_epoll_add(web, web->wake_fd, EPOLLIN, READY_MAIL, NULL);
	if (open_side(web, SIDE_OPERATOR, want[SIDE_OPERATOR], err) &&
	    open_side(web, SIDE_AUDIENCE, want[SIDE_AUDIENCE], err))
		return web;
failed:
	web_stop(&web);
	return NULL;
}

bool web_start(struct web *web, struct err *err)
{
	web->started = net_thread(&web->thread, "web", run, web, err);
	return web->started;
}

void web_stop(struct web **webp)
{
	struct web *web = *webp;
	if (!web)
		return;
	*webp = NULL;
	atomic_store(&web->stopping, true);
	if (web->started) {
		eventfd_write(web->wake_fd, 1);
		pthread_join(web->thread, NULL);
	}
	door_close(web);
	sse_stop(web);
	llm_stop(web);
	fast_stop(web);
	for (int i = 0; i < SIDES; i++)
		http_stop(&web->sides[i]);
	http_release(web);
	for (struct web_mail *mail = take_all(web), *next; mail; mail = next) {
		next = mail->next;
		mail_free(mail);
	}
	for (size_t i = 0; i < WEB_KEPT_EVENTS; i++)
		event_free(&web->kept[i]);
	for (size_t i = 0; i < web->poll_count; i++)
		free(web->tallies[i].counts);
	free(web->tallies);
	board_release(&web->board);
	free(web->places);
	free(web->place_uses);
	free(web->obs_figures);
	free(web->redis_why);
	model_free(&web->model);
	if (web->epoll_fd >= 0)
		close(web->epoll_fd);
	if (web->wake_fd >= 0)
		close(web->wake_fd);
	pthread_mutex_destroy(&web->lock);
	free(web);
}
