/*
 * obs: a session with OBS by obs-websocket 5 (protocol.md, RPC version 1),
 * without a socket: text in, text out, time given. So it is tested word by
 * word; obs_link.c gives it the connection. One thread, the ws thread.
 *
 * The session knows OBS only after it has identified and read everything
 * again; until then, and whenever the link is lost, nothing is said to be
 * known. A request is confirmed by the event that shows it happened, not by
 * the answer that it was understood: StartStream is answered "ok" for an
 * ingest that is dead, and a scene is on air only when its transition ends.
 */
#ifndef NET_OBS_H
#define NET_OBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/input.h"
#include "show/show.h"

#define OBS_REQUEST_MS	   4500	 /* a request's outcome is told within 5 s */
#define OBS_SLOW_MS	   10000 /* of streams, recordings, macros */
#define OBS_PANIC_MS	   1500
#define OBS_BRAKE_MS	   200
#define OBS_CHANGE_MS	   20000 /* of a collection or profile */
#define OBS_SOFT_MS	   100
#define OBS_HANDSHAKE_MS   5000
#define OBS_FIGURES_MS	   1000
#define OBS_LEAVE_MS	   500 /* at most, for what OBS still answers */
#define OBS_MAX_REQUESTS   256
#define OBS_MAX_TEXT_BYTES (16 * 1024 * 1024)

enum obs_phase {
	OBS_DOWN,	 /* no link */
	OBS_HELLO,	 /* the link is up; waits for Hello */
	OBS_IDENTIFYING, /* waits for Identified */
	OBS_READING,	 /* asks for everything */
	OBS_READY,
};

/* What a session does to the world. */
struct obs_sink {
	void *who;
	void (*send)(void *who, const char *text);
	/* What OBS is now; lent. Only when it differs from the last. */
	void (*facts)(void *who, const struct obs_facts *facts);
	/* Figures for `live`, a JSON text; lent. */
	void (*figures)(void *who, const char *json);
	/* The outcome of a request with our caller's id. */
	void (*done)(void *who, const char *id, bool ok, const char *text);
	/* A picture of `source` ("" is the program) as OBS sends it, a data
	 * URL. "saved FILE", or why not; the session frees. */
	char *(*picture)(void *who, const char *source, const char *url);
	/* This link is of no use: hang up, and try again later unless `stop`
	 * (the password is wrong: no hammering). */
	void (*give_up)(void *who, const char *why, bool stop);
	/* See obs_watch.h; NULL: nobody listens. */
	void (*alarm)(void *who, const char *id, bool up, const char *text);
	void (*meters)(void *who, const char *json);
};

struct obs_session;

struct obs_session *obs_new(const struct obs_sink *sink);
void obs_free(struct obs_session **s);
/* Copied; NULL: none. */
void obs_set_password(struct obs_session *s, const char *password);

/* What is expected of OBS; lent for as long as the session lives. NULL (as at
 * first): nothing. */
void obs_expect(struct obs_session *s, const struct show_obs *show);
/* Whether the link may be closed. An OBS that loses a client while it changes
 * what it sends it (obs-websocket 5.1, Reidentify) counts the listeners of its
 * levels wrong, and sends them to nobody any more. */
bool obs_may_leave(const struct obs_session *s, int64_t now_ms);
/* Whether somebody looks at the meters. */
void obs_show_meters(struct obs_session *s, bool shown, int64_t now_ms);

void obs_opened(struct obs_session *s, int64_t now_ms);
void obs_received(struct obs_session *s, const char *text, size_t bytes,
		  int64_t now_ms);
/* The link is gone. `why` is for people; every request that waits fails. */
void obs_lost(struct obs_session *s, const char *why, int64_t now_ms);
/* After that: nobody tries again unasked. Who asked to connect is told. */
void obs_stopped(struct obs_session *s, const char *why);
/* `data`: JSON text, or NULL. */
void obs_request(struct obs_session *s, const char *id, const char *type,
		 const char *data, int64_t now_ms);
void obs_tick(struct obs_session *s, int64_t now_ms);
/* When obs_tick() has to be called; 0: never. */
int64_t obs_next_ms(const struct obs_session *s);
/* What a close code means, and whether to try again is of no use (`*stop`).
 * `reason` is OBS's own, clean. Caller frees. */
char *obs_close_text(unsigned code, const char *reason, bool *stop);
enum obs_phase obs_phase_of(const struct obs_session *s);

#endif
