/*
 * web: the web thread. It owns everything in struct web: both listeners, the
 * door, both libmicrohttpd daemons, its own model, and the requests that wait
 * for the engine. It waits in one epoll; what others want of it comes as mail.
 */
#ifndef NET_WEB_H
#define NET_WEB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>
#include <netinet/in.h>

#include "base/mem.h"
#include "core/model.h"
#include "net/board.h"
#include "net/head.h"
#include "net/net_priv.h"

#define WEB_WAIT_MS	      5000  /* for the engine's answer, then 504 */
#define WEB_HEAD_MS	      10000 /* for a whole head */
#define WEB_BODY_MS	      20000 /* for a whole body */
#define WEB_SEND_MS	      30000 /* for taking the answer */
#define WEB_IDLE_MS	      15000 /* between two requests of a connection */
#define WEB_MAX_STREAMS	      64
#define WEB_MAX_TALLY_STREAMS 1000 /* the other connections are for votes */
#define WEB_KEPT_EVENTS	      2048 /* for those who come back with an id */

struct web_mail {
	enum web_mail_kind {
		WEB_EVENT,
		WEB_LIVE,
		WEB_REPLY,
		WEB_REDIS,
		WEB_VOTES,
		WEB_FLOW, /* origin: something came through its flow */
	} kind;
	struct web_mail *next;
	struct event *event;
	struct ballots *ballots;
	char *text, *code;
	struct origin origin;
	bool ok;
	int64_t rtt_us;
};

/* Any thread. Takes one letter or a chain of them (by `next`). Posting never
 * fails and never blocks: events are not lost. Live messages are dropped while
 * thousands of letters lie unread. */
struct web_mail *web_mail_new(enum web_mail_kind kind);
void web_post(struct web *web, struct web_mail **mail);

struct web *web_new(struct net *net, const char *const want[SIDES],
		    const char *snapshot, struct event *const *replay,
		    size_t replay_count, struct err *err);
bool web_start(struct web *web, struct err *err);
void web_stop(struct web **web); /* also one that never started */

/* --- from here on: the web thread's own ----------------------------------- */

/* The live tally of a poll, newer than the model's. */
struct web_tally {
	int stage;
	int64_t *counts;
	int64_t total, at_ms;
	struct ballots_sum from;
	bool fresh; /* since the poll was opened */
};

struct llm;

/* What epoll tells: who is ready. */
enum web_ready {
	READY_MAIL,
	READY_LISTENER,
	READY_HTTP,
	READY_DOOR,
	READY_GONE, /* the client of a sleeping connection has left */
	READY_FAST,
	READY_MASK = 7,
};

/* A connection that is past the door. */
struct conn {
	struct conn *next, **prev;
	struct MHD_Connection *mhd; /* NULL: it is on the fast path */
	struct side *side;
	int fd;
	struct sockaddr_in6 from; /* or a sockaddr_in */
	uint64_t source;	  /* what `from` is as a source, see peer.h */
	int64_t deadline_ms;	 /* then it is cut; 0: never */
	struct llm *llm;	 /* the gateway's request on it, or NULL */
	struct request *watched; /* that waits for a person, or NULL */

	/* Of the fast path. */
	struct request *request; /* that is not answered yet, or NULL */
	struct conn *woken;	 /* the next one of web->woken */
	struct buf rest;	 /* of an answer that the socket did not take */
	bool unread;		 /* epoll told of something meanwhile */
	bool left;		 /* the other side is done, or gone */
};

/* One listener. */
struct side {
	struct web *web;
	enum side_id id;
	int fd;	    /* listening, -1 when closed */
	char *host; /* as configured, without the port */
	struct MHD_Daemon *mhd;
	int mhd_fd;	/* its epoll */
	bool mhd_ready; /* has to run */
	struct conn *conns;
	size_t conn_count, conn_max;
	uint64_t requests[6]; /* by hundreds of the status */
};

struct input;
struct request;
struct stream;
struct knock;

struct web {
	struct net *net;
	int epoll_fd, wake_fd;
	pthread_t thread;
	bool started;
	atomic_bool stopping;

	pthread_mutex_t lock; /* of the mail */
	struct web_mail *first, **last;
	size_t waiting;

	struct side sides[SIDES];
	struct knock *knocks; /* at the door, oldest first */
	struct knock **knocks_end;
	struct knock *buried; /* to be freed after the batch */
	size_t knock_count;
	int64_t listen_again_ms; /* after running out of descriptors; 0 */

	struct model *model;
	struct event *kept[WEB_KEPT_EVENTS]; /* by seq % WEB_KEPT_EVENTS */
	uint64_t kept_from;		     /* the oldest kept; 0: none */
	struct web_tally *tallies;
	size_t poll_count;
	struct board board; /* of the audience, for event streams */
	bool polls_changed;
	bool redis_ok;
	char *redis_why; /* NULL: connected */
	int64_t redis_rtt_us;
	char *obs_figures; /* the newest; NULL: none came */

	/* Requests that wait for the engine, oldest first; found by place. */
	struct request **places;
	uint32_t *place_uses;
	size_t place_count, place_next;
	char boot[17]; /* chance: begins the ids that we give commands */
	uint64_t command_count;
	struct request *waiting_first, **waiting_last;
	struct request *patient; /* those that wait without a deadline */
	struct input **asked;	 /* for the engine, once the round is over */
	size_t asked_count, asked_cap;
	struct ballots *box;	 /* the same for votes: of the newest poll */
	struct request *spare; /* to be used again */
	size_t spare_count;
	struct stream *streams;
	size_t stream_count, tally_streams;
	struct conn *woken, **woken_last; /* of the fast path: answers are due */
	struct buf fast_out;
	char date[64]; /* the line of an answer, of the second `date_s` */
	int64_t date_s;
	struct llm *llms; /* requests of the gateway */
	uint64_t llm_count;
	int64_t swept_ms;
};

/* votes.c: what is voted in a round goes to the engine together. */
struct vote {
	const char *poll, *option, *voter;
	int64_t opened_ms; /* the opening that we know of */
	uint64_t source;
};
void web_vote(struct web *web, const struct vote *vote, uint64_t ticket);
void web_post_votes(struct web *web); /* what is there, among `asked` */

bool web_epoll_add(struct web *web, int fd, uint32_t events,
		   enum web_ready kind, void *who);
/* web_tally.c. The live tally of a stage's poll, or NULL. */
struct web_tally *web_tally(struct web *web, int stage);
/* A poll as JSON with its newest counts; NULL if the stage has none. */
json_object *web_poll_json(struct web *web, int stage);
json_object *web_polls_json(struct web *web, bool open_only);
json_object *web_polls_on_json(struct web *web); /* by when they were opened */
void web_find_polls(struct web *web);
/* Tells everybody who follows them. */
void web_tell_polls(struct web *web);
/* A tally of the engine's; `o` may be changed. */
void web_take_tally(struct web *web, json_object *o);

/* door.c */
bool door_listen(struct side *side, const char *addr, struct err *err);
void door_accept(struct side *side);
void door_ready(struct web *web, struct knock *knock, uint32_t events);
void door_sweep(struct web *web, int64_t now_ms);
void door_bury(struct web *web);
void door_close(struct web *web);

/* http.c */
bool http_start(struct side *side, struct err *err);
void http_stop(struct side *side);
void http_release(struct web *web); /* after both were stopped */
void http_run(struct side *side);
void http_take(struct side *side, int fd); /* a connection from the door */
void http_sweep(struct web *web, int64_t now_ms);
struct conn *conn_new(struct side *side, int fd);
void conn_free(struct conn *conn); /* its descriptor is not closed */

/* fast.c: votes of the audience that need nothing of libmicrohttpd. */
bool fast_suits(const struct head *h);
void fast_take(struct side *side, int fd); /* a connection from the door */
void fast_ready(struct conn *conn, uint32_t events);
void fast_run(struct web *web); /* what was woken is answered */
void fast_stop(struct web *web);

/* http_wait.c */
void http_post(struct web *web); /* what the round asks of the engine */
void http_reply(struct web *web, struct web_mail *mail);
void http_voted(struct web *web, const struct ballots *ballots);
void http_expire(struct web *web, int64_t now_ms); /* 504 for whom waits */
void http_wake_all(struct web *web);		   /* the same, all of them */
int64_t http_next_ms(const struct web *web);	   /* 0: nothing to wait for */
void http_watch(struct web *web, int64_t now_ms);  /* whether they leave */
void http_gone(struct conn *conn);

/* sse.c */
void sse_news(struct web *web);			/* there are events */
void sse_tell(struct web *web, int64_t now_ms); /* the polls, when due */
void sse_sweep(struct web *web, int64_t now_ms);
void sse_stop(struct web *web);

/* llm.c */
void llm_rung(struct web *web, const char *id);
void llm_gone(struct conn *conn);
void llm_sweep(struct web *web, int64_t now_ms);
void llm_stop(struct web *web);

#endif
