#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/archive.h"
#include "store/entry.h"
#include "store/feed_in.h"
#include "store/keys.h"
#include "store/link.h"
#include "store/refusal.h"
#include "store/snapshot.h"

#define CHUNK	       "500"
#define MANY	       32
#define CHECK_MS       1000 /* the leader is looked at so often, and... */
#define LEASE_OVER_MS  5    /* ...so long after its lease would be over */
#define PATIENCE_MS    5000 /* without any answer the link is dead */
#define LIVE_MAX_BYTES (64 * 1024)

/* What the next answer on the log's link is to. */
enum want { WANT_LEADER, WANT_LEASE, WANT_TIP, WANT_EVENTS };
#define WANTS_MAX 8

struct reader {
	struct feed *f;
	char *name, *key_events, *key_leader, *key_live, *key_meters;
	bool hears_meters;
	struct link *log, *live;
	uint64_t asked;	 /* the last event that a read was asked behind */
	uint64_t posted; /* the last event that was posted */
	uint64_t target; /* what the log held at the start */
	bool caught_up, lost, broken;
	bool gap;      /* what came last did not follow */
	char why[256]; /* while lost */
	char *leader;  /* NULL: not known yet */
	enum want wants[WANTS_MAX];
	int want_count;
	int64_t heard_ms, check_ms; /* when the leader is looked at next */
	int64_t heard_show_ms;
};

static void post(struct reader *r, enum feed_kind kind, const char *text)
{
	struct feed_item *item = feed_item_new(kind, text);
	if (kind == FEED_LOST && r->heard_show_ms)
		item->at_ms = r->heard_show_ms;
	feed_post(r->f, &item);
}

static void break_off(struct reader *r, const char *why)
{
	r->broken = true;
	post(r, FEED_BROKEN, why);
}

/* --- asking ------------------------------------------------------------- */

static void want(struct reader *r, enum want what)
{
	REQUIRE(r->want_count < WANTS_MAX);
	r->wants[r->want_count++] = what;
}

static bool ask_leader(struct reader *r, struct err *err)
{
	link_add(r->log, "GET", r->key_leader, (char *)NULL);
	want(r, WANT_LEADER);
	link_add(r->log, "PTTL", r->key_leader, (char *)NULL);
	want(r, WANT_LEASE);
	/* A reader that blocks on a stream that was emptied hears nothing. */
	link_add(r->log, "XREVRANGE", r->key_events, "+", "-", "COUNT", "1",
		 (char *)NULL);
	want(r, WANT_TIP);
	r->check_ms = clock_mono_ms() + CHECK_MS;
	return link_flush(r->log, err);
}

/* For events or, when it is time, for the leader first: how long its lease
 * lasts says how long the read may wait. */
static bool ask_events(struct reader *r, struct err *err)
{
	char from[32], block[32];
	int64_t left = r->check_ms - clock_mono_ms();
	if (left <= 0)
		return ask_leader(r, err);
	snprintf(block, sizeof block, "%lld", (long long)left);
	snprintf(from, sizeof from, "%llu-0", (unsigned long long)r->asked);
	link_add(r->log, "XREAD", "COUNT", CHUNK, "BLOCK", block, "STREAMS",
		 r->key_events, from, (char *)NULL);
	want(r, WANT_EVENTS);
	return link_flush(r->log, err);
}

/* --- answers ------------------------------------------------------------ */

static void take_leader(struct reader *r, const char *leader)
{
	if (r->leader && strcmp(r->leader, leader) == 0)
		return;
	free(r->leader);
	r->leader = xstrdup(leader);
	post(r, FEED_LEADER, leader);
}

/* A leader that ended is known of when its lease is over. */
static void take_lease(struct reader *r, const redisReply *reply)
{
	int64_t over = clock_mono_ms() + reply->integer + LEASE_OVER_MS;
	if (reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 &&
	    over < r->check_ms)
		r->check_ms = over;
}

static void leader_event(struct reader *r, const struct event *e)
{
	char text[192];
	snprintf(text, sizeof text, "%lld %s %lld",
		 (long long)event_int(e, "epoch", 0), event_str(e, "host", ""),
		 (long long)event_int(e, "pid", 0));
	take_leader(r, text);
}

static void take_tip(struct reader *r, const redisReply *reply)
{
	uint64_t tip = reply->elements ? entry_seq(reply->element[0]) : 0;
	char why[160];
	if (tip >= r->asked)
		return;
	snprintf(why, sizeof why,
		 "Redis lost data: its log ends at event %llu, and %llu was "
		 "already read",
		 (unsigned long long)tip, (unsigned long long)r->asked);
	break_off(r, why);
}

static void look_caught_up(struct reader *r)
{
	if (!r->caught_up && r->posted >= r->target) {
		r->caught_up = true;
		post(r, FEED_CAUGHT_UP, NULL);
	}
}

static void post_events(struct reader *r, const redisReply *list)
{
	struct feed_item *item = feed_item_new(FEED_EVENTS, NULL);
	struct err err = {0};
	size_t posted = 0;
	item->events = xcalloc(list->elements, sizeof *item->events);
	for (size_t i = 0; i < list->elements; i++) {
		struct event *e =
			entry_event(list->element[i], r->posted + 1, &err);
		if (!e)
			break;
		item->events[item->count++] = e;
		r->posted++;
		posted++;
		r->gap = false;
	}
	struct event *last = NULL;
	for (size_t i = 0; r->caught_up && i < item->count; i++)
		if (item->events[i]->type == EVENT_LEADER_TAKE)
			last = item->events[i];
	last = last ? event_clone(last) : NULL;
	if (item->count)
		feed_post(r->f, &item);
	else
		feed_item_free(item);
	if (last)
		leader_event(r, last);
	event_free(&last);
	if (err.code && !r->gap &&
	    entry_seq(list->element[posted]) > r->posted + 1)
		r->gap = true; /* why it is one, is asked on a new link */
	else if (err.code)
		break_off(r, err.text);
	else
		look_caught_up(r);
}

static bool take_events(struct reader *r, const redisReply *reply,
			struct err *err)
{
	const redisReply *list = NULL;
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
	    reply->element[0]->elements == 2)
		list = reply->element[0]->element[1];
	size_t count = list ? list->elements : 0;
	if (count) {
		uint64_t seq = entry_seq(list->element[count - 1]);
		if (seq)
			r->asked = seq;
	}
	/* A few go to the console first: it waits for them. With many, Redis
	 * works on the next ones while we decode. */
	if (count >= MANY && !ask_events(r, err))
		return false;
	if (count)
		post_events(r, list);
	else
		look_caught_up(r);
	if (r->gap)
		return err_set(err, ERR_DATA, "the log has a gap");
	return count >= MANY || ask_events(r, err);
}

static bool take_answer(struct reader *r, const redisReply *reply,
			struct err *err)
{
	if (r->want_count == 0)
		return err_set(err, ERR_UNAVAILABLE,
			       "Redis answered what nobody asked");
	enum want what = r->wants[0];
	r->want_count--;
	memmove(r->wants, r->wants + 1,
		(size_t)r->want_count * sizeof r->wants[0]);
	if (reply->type == REDIS_REPLY_ERROR)
		return refusal_set(err, "reading the log", reply->str);
	switch (what) {
	case WANT_LEADER:
		take_leader(r, reply->str ? reply->str : "");
		return true;
	case WANT_LEASE:
		take_lease(r, reply);
		return true;
	case WANT_TIP:
		take_tip(r, reply);
		if (r->broken)
			return true;
		/* Here, for the read may wait a second for the next event, and
		 * behind a snapshot of all there is that is the first one. */
		look_caught_up(r);
		return ask_events(r, err);
	case WANT_EVENTS:
		return take_events(r, reply, err);
	}
	return true;
}

static void take_live(struct reader *r, const redisReply *reply)
{
	if (strcmp(reply_str(reply, 0), "message") != 0 ||
	    reply->elements != 3 || reply->element[2]->len > LIVE_MAX_BYTES)
		return;
	/* May be lost: a console that does not keep up needs no backlog. */
	struct feed_item *item = feed_item_new(FEED_LIVE, reply_str(reply, 2));
	if (!mailbox_post(r->f->box, &item))
		feed_item_free(item);
}

/* All answers that are complete. */
static bool drain(struct reader *r, struct link *link, struct err *err)
{
	redisReply *reply = NULL;
	bool ok = true;
	while (ok && !r->broken) {
		enum link_got got = link_take(link, -1, 0, &reply, err);
		if (got != LINK_REPLY)
			return got == LINK_NOTHING;
		if (link == r->log)
			ok = take_answer(r, reply, err);
		else
			take_live(r, reply);
		reply_free(reply);
	}
	return ok;
}

/* --- the thread --------------------------------------------------------- */

/* Answers to these come among the messages, which they are none of. */
static bool follow_wishes(struct reader *r, struct err *err)
{
	eventfd_t rung;
	eventfd_read(r->f->wish_fd, &rung);
	bool wanted = atomic_load(&r->f->meters);
	if (wanted == r->hears_meters)
		return true;
	r->hears_meters = wanted;
	link_add(r->live, wanted ? "SUBSCRIBE" : "UNSUBSCRIBE", r->key_meters,
		 (char *)NULL);
	return link_flush(r->live, err);
}

static bool connect_both(struct reader *r, struct err *err)
{
	r->log = link_open(r->f->address, r->name, err);
	r->live = r->log ? link_open(r->f->address, r->name, err) : NULL;
	if (!r->live)
		return false;
	link_add(r->live, "SUBSCRIBE", r->key_live, (char *)NULL);
	redisReply *reply = link_ask(r->live, "subscribing to `live`", err);
	if (!reply)
		return false;
	reply_free(reply);
	link_add(r->log, "XREVRANGE", r->key_events, "+", "-", "COUNT", "1",
		 (char *)NULL);
	reply = link_ask(r->log, r->key_events, err);
	if (!reply)
		return false;
	if (!r->caught_up)
		r->target = reply->elements ? entry_seq(reply->element[0]) : 0;
	reply_free(reply);
	return true;
}

/* Instead of all that is past, once. One that is not good costs only time:
 * then all events come. False: the link is down. */
static bool begin_late(struct reader *r, struct err *err)
{
	struct snapshot s;
	struct err why = {0};
	if (!r->f->show_hash || r->posted)
		return true;
	enum snapshot_got got = snapshot_read(r->log, r->f->show, &s, &why);
	if (got == SNAPSHOT_AWAY) {
		*err = why;
		return false;
	}
	if (got == SNAPSHOT_BAD)
		log_warn("store", "the snapshot is not used: %s", why.text);
	if (got == SNAPSHOT_FOUND && s.seq <= r->target &&
	    strcmp(s.show, r->f->show_hash) == 0) {
		r->asked = r->posted = s.seq;
		post(r, FEED_SNAPSHOT, s.text);
	}
	snapshot_release(&s);
	return true;
}

/* Whether what follows is still there. Where the log was trimmed by its core, a
 * reader that was away for long begins anew, and one that needs a snapshot of
 * its definition waits for one. */
static bool is_there(struct reader *r, struct err *err)
{
	struct archives trimmed = {0};
	link_add(r->log, "XRANGE", r->key_events, "-", "+", "COUNT", "1",
		 (char *)NULL);
	redisReply *reply = link_ask(r->log, r->key_events, err);
	if (!reply)
		return false;
	uint64_t first = reply->elements ? entry_seq(reply->element[0]) : 0;
	reply_free(reply);
	if (first <= r->posted + 1)
		return true;
	if (!archives_read(&trimmed, r->log, r->f->show, err))
		return false;
	bool ours = trimmed.trimmed > r->posted;
	archives_release(&trimmed);
	if (!ours)
		return true; /* then it is found where it is missing */
	if (r->posted == 0)
		return err_set(err, ERR_AGAIN,
			       "the log is trimmed, and there is no snapshot "
			       "of this show's definition yet");
	break_off(r, "the log was trimmed while this reader was behind; it "
		     "begins again with the newest snapshot");
	return false;
}

static bool serve(struct reader *r, struct err *err)
{
	struct pollfd p[] = {{r->f->stop_fd, POLLIN, 0},
			     {r->log->c->fd, POLLIN, 0},
			     {r->live->c->fd, POLLIN, 0},
			     {r->f->wish_fd, POLLIN, 0}};
	int64_t left = r->heard_ms + PATIENCE_MS - clock_mono_ms();
	int n = poll(p, COUNT_OF(p), left > 0 ? (int)left : 0);
	if (p[0].revents || n < 0)
		return n < 0 || !p[0].revents;
	if (n == 0)
		return err_set(err, ERR_UNAVAILABLE,
			       "Redis is away: it answers nothing");
	if (p[1].revents) {
		r->heard_ms = clock_mono_ms();
		r->heard_show_ms = clock_show_ms();
		if (!link_read(r->log, err) || !drain(r, r->log, err))
			return false;
	}
	if (p[3].revents && !follow_wishes(r, err))
		return false;
	return !p[2].revents ||
	       (link_read(r->live, err) && drain(r, r->live, err));
}

static void follow(struct reader *r, struct err *err)
{
	r->want_count = 0;
	r->asked = r->posted;
	if (!connect_both(r, err) || !begin_late(r, err) || !is_there(r, err))
		return;
	if (r->lost)
		post(r, FEED_BACK, NULL);
	r->lost = false;
	r->heard_ms = clock_mono_ms();
	r->heard_show_ms = clock_show_ms();
	r->check_ms = 0;
	r->hears_meters = false;
	if (!follow_wishes(r, err) || !ask_events(r, err))
		return;
	while (!r->broken && !feed_stopping(r->f) && serve(r, err))
		;
}

void *feed_read(void *arg)
{
	struct feed *f = arg;
	struct reader r = {.f = f, .posted = f->after};
	int delay_ms = 0;
	r.name = link_name(f->show, "feed");
	r.key_events = key_of(f->show, "events");
	r.key_leader = key_of(f->show, "leader");
	r.key_live = key_of(f->show, "live");
	r.key_meters = key_of(f->show, "meters");
	while (!r.broken && !feed_stopping(f)) {
		struct err err = {0};
		follow(&r, &err);
		if (r.want_count)
			delay_ms = 0; /* it was there */
		link_close(&r.log);
		link_close(&r.live);
		if (r.broken || feed_stopping(f))
			break;
		const char *why = refusal_brief(err.text);
		if (!r.lost || strcmp(r.why, why) != 0)
			post(&r, FEED_LOST, why);
		snprintf(r.why, sizeof r.why, "%s", why);
		r.lost = true;
		feed_pause(f, link_backoff(&delay_ms));
	}
	free(r.leader);
	free(r.name);
	free(r.key_events);
	free(r.key_leader);
	free(r.key_live);
	free(r.key_meters);
	return NULL;
}
