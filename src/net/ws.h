/*
 * ws: the ws thread: one libwebsockets context for the topics of the operator
 * (/ws), the tallies of the audience (/tally), and the client of OBS.
 *
 * libwebsockets 4.1.6 never sees a request that the door has not checked, and
 * never serves HTTP: two pipelined requests wedge it for ever. Everything below
 * may be called from any thread; it goes through a mailbox, because of lws only
 * lws_cancel_service() may be called from outside.
 */
#ifndef NET_WS_H
#define NET_WS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/ballots.h"
#include "net/net_priv.h"

enum ws_topic {
	WS_EVENTS,
	WS_TALLIES,
	WS_CHECKS,
	WS_LOG,
	WS_OBS,
	WS_TOPICS,
};
extern const char *const ws_topic_names[WS_TOPICS];

#define WS_MAX_CLIENTS	     10000
#define WS_SLOW_MS	     10000 /* that takes nothing for so long goes */
#define WS_PING_S	     30
#define WS_MAX_MESSAGE_BYTES (256 * 1024)

struct ws *ws_start(struct net *net, struct err *err);
void ws_stop(struct ws **ws);

/* Takes over a connection whose handshake the door has read and checked; lws
 * reads it again. `trusted`: it brought the token. False when there are too
 * many, and then the socket stays with the caller. */
struct guest { /* what the door knows of it */
	enum side_id side;
	bool trusted;
	bool foreign;		    /* a page of somebody else opened it */
	uint64_t source;	    /* see peer.h */
	char voter[VOTER_ID_BYTES]; /* by its cookie, or "" */
};
bool ws_adopt(struct ws *ws, int fd, const struct guest *guest);
/* BALLOTS_WS with their answers; moved. */
void ws_votes(struct ws *ws, struct ballots **ballots);

/* Newest wins. `*text` is moved. */
void ws_polls(struct ws *ws, enum side_id side, char **text); /* all of them */
/* A tally as each side is told it; in one letter, so one wake. */
void ws_tally(struct ws *ws, const char *poll, char *texts[SIDES]);
/* To all who follow the topic; may be lost when the thread cannot keep up. */
void ws_publish(struct ws *ws, enum ws_topic topic, char **text);
/* True if anybody follows the topic, so that nothing is printed for nobody. */
bool ws_wanted(struct ws *ws, enum ws_topic topic);

/* A request to OBS; see net_obs(). */
void ws_obs(struct ws *ws, const char *id, const char *type, const char *data);
void ws_obs_meters(struct ws *ws, bool wanted);

/* No more of them are taken. */
bool ws_is_full(struct ws *ws, enum side_id side);
size_t ws_clients(struct ws *ws, enum side_id side);

#endif
