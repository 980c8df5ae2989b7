#include "jobs/relay_in.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define CALLS_MAX     4096
#define SWEEP_MS      250
#define FULL_RETRY_MS 20
#define READY_BATCH   64

/* What the engine asks. */
struct letter {
	struct relay_call *call; /* NULL: an end */
	char id[64];
	char code[32];
};

static void letter_drop(void *p)
{
	struct letter *letter = p;
	relay_call_free(&letter->call);
	free(letter);
}

void relay_call_free(struct relay_call **callp)
{
	struct relay_call *call = *callp;
	*callp = NULL;
	if (!call)
		return;
	free(call->lease);
	free(call->version);
	free(call->beta);
	json_object_put(call->body);
	flow_unref(&call->flow);
	free(call);
}

void relay_deliver(struct relay *r, struct input **in)
{
	if (r->late_count == 0 && mailbox_post(r->engine, in))
		return;
	GROW(r->late, r->late_count, r->late_cap);
	r->late[r->late_count++] = *in;
	*in = NULL;
}

static void deliver_late(struct relay *r)
{
	size_t n = 0;
	if (r->late_count == 0)
		return;
	while (n < r->late_count && mailbox_post(r->engine, &r->late[n]))
		n++;
	memmove(r->late, r->late + n, (r->late_count - n) * sizeof *r->late);
	r->late_count -= n;
}

void relay_stream_free(struct stream *s)
{
	struct relay *r = s->relay;
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	r->stream_count--;
	flow_set_bell(s->call->flow, NULL, NULL);
	if (s->easy) {
		curl_multi_remove_handle(r->multi, s->easy);
		curl_easy_cleanup(s->easy);
	}
	curl_rules_free_headers(&s->headers);
	meter_free(&s->meter);
	buf_release(&s->whole);
	buf_release(&s->out);
	relay_call_free(&s->call);
	llm_key_free(&s->secret);
	free(s->url);
	free(s->request);
	free(s);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
			void *known)
{
	struct relay *r = ctx;
	struct epoll_event ev = {.data.fd = fd};
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		ev.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		ev.events |= EPOLLOUT;
	epoll_ctl(r->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
	if (!known)
		curl_multi_assign(r->multi, fd, r);
	return 0;
}

static int set_timer(CURLM *multi, long ms, void *ctx)
{
	struct relay *r = ctx;
	(void)multi;
	r->timer_ms = ms < 0 ? 0 : clock_mono_ms() + ms;
	return 0;
}

/* --- the thread ----------------------------------------------------------- */

static void end_stream(struct stream *s, const char *code)
{
	if (!s->code[0])
		snprintf(s->code, sizeof s->code, "%s", code);
	relay_finish(s, CURLE_ABORTED_BY_CALLBACK);
}

static void take_letters(struct relay *r)
{
	struct letter *letter;
	while ((letter = mailbox_take(r->box))) {
		struct stream *s = r->streams;
		if (letter->call) {
			relay_begin(r, &letter->call);
		} else {
			while (s && strcmp(s->call->id, letter->id) != 0)
				s = s->next;
			if (s)
				end_stream(s, letter->code);
		}
		letter_drop(letter);
	}
}

/* Somebody has read, or left. */
static void take_bell(struct relay *r)
{
	atomic_store(&r->rung, false);
	for (struct stream *s = r->streams, *next; s; s = next) {
		next = s->next;
		if (flow_is_left(s->call->flow)) {
			end_stream(s, "gone");
		} else if (s->paused && flow_has_room(s->call->flow)) {
			s->paused = false;
			s->heard_ms = clock_mono_ms();
			curl_easy_pause(s->easy, CURLPAUSE_CONT);
		}
	}
}

static void take_finished(struct relay *r)
{
	CURLMsg *m;
	int left;
	while ((m = curl_multi_info_read(r->multi, &left))) {
		struct stream *s = NULL;
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode rc = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s);
		relay_finish(s, rc);
	}
}

static void sweep(struct relay *r, int64_t now_ms)
{
	for (struct stream *s = r->streams, *next; s; s = next) {
		next = s->next;
		const struct show_agent *a = &r->show->agents[s->call->agent];
		if (!s->paused && now_ms - s->heard_ms > a->timeout_ms)
			end_stream(s, "timeout");
	}
}

static int wait_ms(const struct relay *r, int64_t now_ms)
{
	int64_t wait = r->stream_count ? SWEEP_MS : -1;
	if (r->late_count)
		wait = FULL_RETRY_MS;
	if (r->timer_ms && (wait < 0 || r->timer_ms - now_ms < wait))
		wait = r->timer_ms > now_ms ? r->timer_ms - now_ms : 0;
	return (int)wait;
}

static void *run(void *ctx)
{
	struct relay *r = ctx;
	struct epoll_event ready[READY_BATCH];
	int64_t swept_ms = 0;
	int running, box_fd = mailbox_fd(r->box);
	while (!atomic_load(&r->over)) {
		int n = epoll_wait(r->epoll_fd, ready, READY_BATCH,
				   wait_ms(r, clock_mono_ms()));
		int64_t now_ms = clock_mono_ms();
		for (int i = 0; i < n; i++) {
			int fd = ready[i].data.fd;
			uint32_t what = ready[i].events;
			if (fd == r->bell_fd)
				eventfd_read(fd, &(eventfd_t){0});
			if (fd == r->bell_fd || fd == box_fd)
				continue;
			curl_multi_socket_action(
				r->multi, fd,
				(what & EPOLLIN ? CURL_CSELECT_IN : 0) |
					(what & EPOLLOUT ? CURL_CSELECT_OUT
							 : 0) |
					(what & (EPOLLERR | EPOLLHUP)
						 ? CURL_CSELECT_ERR
						 : 0),
				&running);
		}
		take_letters(r);
		if (atomic_load(&r->rung))
			take_bell(r);
		if (r->timer_ms && r->timer_ms <= clock_mono_ms()) {
			r->timer_ms = 0;
			curl_multi_socket_action(r->multi, CURL_SOCKET_TIMEOUT,
						 0, &running);
		}
		take_finished(r);
		deliver_late(r);
		if (now_ms - swept_ms >= SWEEP_MS) {
			swept_ms = now_ms;
			sweep(r, now_ms);
		}
	}
	for (struct stream *s = r->streams, *next; s; s = next) {
		next = s->next;
		flow_finish(s->call->flow, FLOW_CUT);
		relay_stream_free(s);
	}
	return NULL;
}

static bool watch(struct relay *r, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
	return epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

static bool start_thread(struct relay *r)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r->started = pthread_create(&r->thread, NULL, run, r) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r->started;
}

struct relay *relay_new(const struct show *show, struct mailbox *engine,
			struct err *err)
{
	struct relay *r = xcalloc(1, sizeof *r);
	curl_rules_init();
	r->show = show_ref((struct show *)(uintptr_t)show);
	r->engine = engine;
	r->box = mailbox_new(CALLS_MAX, letter_drop);
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->multi = curl_multi_init();
	if (r->multi) {
		curl_multi_setopt(r->multi, CURLMOPT_SOCKETFUNCTION,
				  watch_socket);
		curl_multi_setopt(r->multi, CURLMOPT_SOCKETDATA, r);
		curl_multi_setopt(r->multi, CURLMOPT_TIMERFUNCTION, set_timer);
		curl_multi_setopt(r->multi, CURLMOPT_TIMERDATA, r);
	}
	if (r->multi && r->epoll_fd >= 0 && r->bell_fd >= 0 &&
	    watch(r, r->bell_fd) && watch(r, mailbox_fd(r->box)) &&
	    start_thread(r))
		return r;
	err_set(err, ERR_UNAVAILABLE,
		"the relay to models: %s; raise ulimit -n", strerror(errno));
	relay_free(&r);
	return NULL;
}

void relay_free(struct relay **relay)
{
	struct relay *r = *relay;
	*relay = NULL;
	if (!r)
		return;
	if (r->started) {
		atomic_store(&r->over, true);
		eventfd_write(r->bell_fd, 1);
		pthread_join(r->thread, NULL);
	}
	if (r->multi)
		curl_multi_cleanup(r->multi);
	for (size_t i = 0; i < r->late_count; i++)
		input_free(&r->late[i]);
	free(r->late);
	mailbox_free(&r->box);
	if (r->epoll_fd >= 0)
		close(r->epoll_fd);
	if (r->bell_fd >= 0)
		close(r->bell_fd);
	show_unref(&r->show);
	free(r);
}

bool relay_start(struct relay *r, struct relay_call **call)
{
	struct letter *letter = xcalloc(1, sizeof *letter);
	letter->call = *call;
	*call = NULL;
	if (mailbox_post(r->box, &letter))
		return true;
	*call = letter->call;
	free(letter);
	return false;
}

void relay_end(struct relay *r, const char *id, const char *code)
{
	struct letter *letter = xcalloc(1, sizeof *letter);
	snprintf(letter->id, sizeof letter->id, "%s", id);
	snprintf(letter->code, sizeof letter->code, "%s", code);
	if (!mailbox_post(r->box, &letter))
		letter_drop(letter);
}
