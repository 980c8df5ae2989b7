/* ws_priv: inside the ws thread. One owner: everything here belongs to it. */
#ifndef NET_WS_PRIV_H
#define NET_WS_PRIV_H

#include <libwebsockets.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "net/ws.h"

/* A message for many: printed once, counted, freed with its last reader. */
struct note {
	int refs;
	size_t bytes;
	unsigned char data[]; /* LWS_PRE bytes of room, then the text */
};
struct note *note_new(const char *text);
struct note *note_ref(struct note *note);
void note_unref(struct note **note);
/* Writes it; false when the connection is gone. */
bool note_write(struct lws *wsi, struct note *note);

#define SESSION_MAX_QUEUE 256 /* messages that wait for a slow follower */

/* One WebSocket of ours. */
struct session {
	struct session *next, **prev; /* in ws->sessions[side] */
	struct lws *wsi;
	enum side_id side;
	bool trusted;
	unsigned topics; /* bits of enum ws_topic */
	int64_t opened_ms;
	int64_t waiting_ms;  /* since when it owes us room; 0: it does not */
	uint64_t polls_seen; /* version of the state sent last */
	uint64_t tally_seen;
	struct note *queue[SESSION_MAX_QUEUE];
	size_t head, count;
	struct buf in; /* of a message that comes in pieces */
	int pieces;
	int64_t rate_ms; /* start of the second that is counted */
	int rate;
};

/* The newest tally of one poll. */
struct tally_slot {
	char *poll;
	struct note *note;
	uint64_t version;
};

struct ws_mail {
	enum ws_mail_kind {
		MAIL_ADOPT,
		MAIL_TALLY,
		MAIL_PUBLISH,
		MAIL_OBS,
	} kind;
	int fd; /* -1: none */
	enum side_id side;
	bool trusted;
	enum ws_topic topic;
	char *name, *type, *text;
};
void ws_mail_drop(void *mail);

struct obs_link;

struct ws {
	struct net *net;
	struct lws_context *context;
	struct lws_vhost *vhosts[SIDES], *obs_vhost;
	struct mailbox *mail;
	pthread_t thread;
	bool started;
	atomic_bool stopping;
	atomic_size_t clients[SIDES]; /* adopted, the ones on their way too */
	atomic_uint wanted;	      /* topics that anybody follows */

	/* What may be lost by nobody: the newest state, posted outside the
	 * bounded mailbox. */
	pthread_mutex_t polls_lock;
	char *polls_text;

	struct session *sessions[SIDES];
	struct note *polls;
	uint64_t polls_version;
	struct tally_slot *slots;
	size_t slot_count, slot_cap;
	uint64_t tally_version;
	bool tally_dirty;
	int64_t flushed_ms;
	lws_sorted_usec_list_t flush_timer, sweep_timer;
	struct obs_link *obs;
};

/* The server side of both vhosts: callbacks of topics and tallies. */
int session_callback(struct lws *wsi, enum lws_callback_reasons reason,
		     void *user, void *in, size_t len);
/* Asks for room, once. */
void session_want_write(struct session *s);
/* Queues a message; a follower that is too far behind is dropped. */
void session_queue(struct session *s, struct note *note);
/* Ends it without waiting for the other side. */
void session_kill(struct session *s);
/* What a client of /ws said. False: close; the reason is set. */
bool session_message(struct session *s, const char *text, size_t bytes);

/* tally.c: what audiences see. */
void tally_set_polls(struct ws *ws, const char *text);
void tally_set(struct ws *ws, const char *poll, const char *text);
/* The next message that this session has not seen, or NULL. Lent. */
struct note *tally_next(struct ws *ws, struct session *s);
void tally_release(struct ws *ws);

/* obs_link.c: the connection to OBS. */
struct obs_link *obs_link_new(struct ws *ws);
void obs_link_free(struct obs_link **link);
void obs_link_start(struct obs_link *link);
/* Whether the name of its host was found by now. */
void obs_link_look(struct obs_link *link);
void obs_link_request(struct obs_link *link, const char *id, const char *type,
		      const char *data);
int obs_link_callback(struct lws *wsi, enum lws_callback_reasons reason,
		      void *user, void *in, size_t len);

#endif
