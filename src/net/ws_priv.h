/* ws_priv: inside the ws thread. One owner: everything here belongs to it. */
#ifndef NET_WS_PRIV_H
#define NET_WS_PRIV_H

#include <libwebsockets.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/mem.h"
#include "net/board.h"
#include "net/ws.h"

#define SESSION_MAX_QUEUE 256 /* messages that wait for a slow follower */

/* One WebSocket of ours. */
struct session {
	struct session *next, **prev; /* in ws->sessions[side] */
	struct lws *wsi;
	enum side_id side;
	bool trusted;
	unsigned topics; /* bits of enum ws_topic */
	int64_t opened_ms;
	int64_t waiting_ms; /* since when it owes us room; 0: it does not */
	bool leaving;	    /* nothing is written any more */
	struct board_seen seen;
	struct note **queue; /* SESSION_MAX_QUEUE, once it is needed */
	size_t head, count;
	struct buf in; /* of a message that comes in pieces */
	int pieces;
	struct guest *guest;
	struct ws_asked *asked; /* votes that wait for their answers */
	char *token;		/* of a voter that was made here, or NULL */
	int64_t rate_ms;	/* start of the second that is counted */
	int rate;
};

struct ws_mail {
	enum ws_mail_kind {
		MAIL_ADOPT,
		MAIL_TALLY,
		MAIL_PUBLISH,
		MAIL_OBS,
		MAIL_VOTES,
		MAIL_METERS, /* trusted: they are wanted */
	} kind;
	int fd; /* -1: none */
	enum side_id side;
	bool trusted;
	enum ws_topic topic;
	char *name, *type, *text;
	char *full; /* of a tally: what the operator is told */
	struct guest *guest;
	struct ballots *ballots;
};
void ws_mail_drop(void *mail);

struct obs_link;
struct chat_link;

struct ws {
	struct net *net;
	uv_loop_t loop; /* what the thread sleeps in */
	struct lws_context *context;
	struct lws_vhost *vhosts[SIDES], *obs_vhost, *chat_vhost;
	/* Audiences sleep their phones: a peer that answers no ping goes. */
	lws_retry_bo_t idle;
	struct mailbox *mail;
	pthread_t thread;
	bool started;
	atomic_bool stopping;
	atomic_size_t clients[SIDES]; /* adopted, the ones on their way too */
	atomic_uint wanted;	      /* topics that anybody follows */

	/* What may be lost by nobody: the newest state, posted outside the
	 * bounded mailbox. */
	pthread_mutex_t polls_lock;
	char *polls_text[SIDES];

	struct session *sessions[SIDES];
	struct board boards[SIDES];
	lws_sorted_usec_list_t flush_timer, sweep_timer;
	struct ballots *box;   /* what was voted in this round */
	struct ws_asked *left; /* votes of sessions that are gone */
	struct obs_link *obs;
	struct chat_link *chat;
};

/* ws_loop.c: the context, and what it sleeps in. False: nothing is left of it.
 */
bool ws_loop_open(struct ws *ws, struct lws_context_creation_info *info);
void ws_loop_turn(struct ws *ws);
void ws_loop_close(struct ws *ws);

/* The server side of both vhosts: callbacks of topics and tallies. */
int session_callback(struct lws *wsi, enum lws_callback_reasons reason,
		     void *user, void *in, size_t len);
/* Asks for room, once. */
void session_want_write(struct session *s);
/* Writes what of the polls it has not seen, if there is room now. */
void session_tell(struct session *s);
/* Queues a message; a follower that is too far behind is dropped. In a callback
 * of its socket. */
void session_queue(struct session *s, struct note *note);
/* The same outside of it: writes it at once, if there is room. */
void session_send(struct session *s, struct note *note);
/* Ends it without waiting for the other side. */
void session_kill(struct session *s);
/* What a client of /ws said. False: close; the reason is set. */
bool session_message(struct session *s, const char *text, size_t bytes);

/* ws_vote.c: what a client of /tally said: a vote. */
void ws_vote_message(struct session *s, const char *text, size_t bytes);
void ws_votes_post(struct ws *ws); /* at the end of a round */
void ws_votes_answered(struct ws *ws, const struct ballots *ballots);
void ws_votes_leave(struct ws *ws, struct session *s);
void ws_votes_forget(struct ws *ws); /* after the last session */

/* tally.c: who follows the polls. */
void tally_set_polls(struct ws *ws, enum side_id side, const char *text);
void tally_set(struct ws *ws, enum side_id side, const char *poll,
	       const char *text);
/* After news: tells them, when it is time. */
void tally_tell(struct ws *ws);
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
void obs_link_meters(struct obs_link *link, bool shown);
/* Not in the middle of what OBS must finish first. */
bool obs_link_may_end(const struct obs_link *link);
int obs_link_callback(struct lws *wsi, enum lws_callback_reasons reason,
		      void *user, void *in, size_t len);

/* chat_link.c: the connection to the chat. */
struct chat_link *chat_link_new(struct ws *ws);
void chat_link_free(struct chat_link **link);
void chat_link_start(struct chat_link *link);
/* Whether the name of its host was found by now. */
void chat_link_look(struct chat_link *link);
/* The polls, as the audience is told of them. */
void chat_link_polls(struct chat_link *link, const char *polls);
int chat_link_callback(struct lws *wsi, enum lws_callback_reasons reason,
		       void *user, void *in, size_t len);

#endif
