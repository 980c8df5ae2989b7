/*
 * net: the web thread (HTTP by libmicrohttpd), the ws thread (WebSocket by
 * libwebsockets: topics, tallies, and the client of OBS), and the door between
 * them: one port for each listener, and the request line decides who gets the
 * connection.
 *
 * The engine calls these from its own thread; what comes in from outside is
 * posted into the engine's mailbox as inputs: INPUT_COMMAND and INPUT_VOTE with
 * an ORIGIN_WEB ticket, INPUT_OBS, INPUT_OBS_DONE.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mailbox.h"
#include "core/event.h"
#include "core/input.h"
#include "core/model.h"
#include "show/show.h"

/* Of the WebSockets; 0: what the manual says. */
struct net_limits {
	int clients; /* of a listener */
	int slow_ms; /* that a client may take nothing */
	int ping_s;  /* silence before a ping; half as much again: gone */
};

struct net_settings {
	const struct show *show;
	const char *operator_addr, *audience_addr; /* NULL: the show's; port 0:
						      any free one */
	const char *token;     /* bearer token of the operator listener */
	const char *state_dir; /* bound addresses go to <dir>/operator.addr and
				  <dir>/audience.addr, "host:port\n" */
	bool rehearsal;	       /* no OBS is connected then */
	const char *redis_url; /* for status */
	const char *redis_fsync; /* the same; a literal */
	struct net_limits limits;
	const char *voter_secret; /* of all cores of the show; NULL: of this
				     folder */
	const char *snapshot; /* of the engine's model; NULL: all events are
				 given */
};

struct net;

/* Binds both listeners, starts the threads. `m` is the engine's model: the web
 * thread makes its own from the snapshot, by folding what net_events() brings,
 * beginning with `replay` (lent: the newest events, up to the snapshot and
 * behind it; without a snapshot all of them). ERR_UNAVAILABLE when a port is in
 * use, with the address and what to change. */
struct net *net_start(const struct net_settings *settings,
		      struct event *const *replay, size_t replay_count,
		      struct mailbox *engine, struct err *err);
void net_stop(struct net **net);

/* Events that are stored: moved, each becomes NULL. Never blocks and is never
 * refused. */
void net_events(struct net *net, struct event **events, size_t count);
/* A message of `live`, as JSON text; copied. Topic tally goes to the tally
 * WebSockets, all go to the topics. */
void net_live(struct net *net, const char *json);
/* Answers the HTTP request or WebSocket message with that ticket.
 * `code`: "ok", or an error code such as "refused", "duplicate", "closed",
 * "not_found". */
void net_reply(struct net *net, const struct origin *origin, bool ok,
	       const char *code, const char *text);
/* Ballots from BALLOTS_WEB and BALLOTS_WS, with their answers; moved. */
void net_votes(struct net *net, struct ballots **ballots);
/* How far Redis is: for /health, /metrics and status. `why` says for people why
 * it is not connected (else NULL). */
void net_redis(struct net *net, bool connected, int64_t rtt_us,
	       const char *why);

/* An OBS request: `type` as in obs-websocket v5 (the old name SetCurrentScene
 * is mapped), `data` JSON text or NULL. Its outcome comes as INPUT_OBS_DONE
 * with this id: ok after the confirming event or answer, else the reason,
 * within 5 s, also when OBS is not connected. */
void net_obs(struct net *net, const char *id, const char *type,
	     const char *data);

/* Whether OBS is asked for levels: they come as INPUT_PROGRESS of the agent
 * "meters", five a second. Dead air is watched for without. */
void net_obs_meters(struct net *net, bool wanted);

/* For the console and tests: where we really listen. */
const char *net_operator_addr(const struct net *net);
const char *net_audience_addr(const struct net *net);

#endif
