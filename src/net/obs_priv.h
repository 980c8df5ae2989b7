/* obs_priv: inside an OBS session. */
#ifndef NET_OBS_PRIV_H
#define NET_OBS_PRIV_H

#include "base/json.h"
#include "net/obs.h"

/* What a request asks OBS for; ours carry no caller's id. */
struct obs_call {
	bool used, sent;
	uint64_t number; /* our requestId, "r<number>" */
	char *id;	 /* of the caller; NULL: one of our own */
	char *type;
	json_object *data; /* NULL: none */
	int64_t deadline_ms;
	const struct obs_confirm *confirm; /* NULL: the answer is enough */
	bool answered;	 /* OBS understood; the event is awaited */
	bool reading;	 /* one of the answers OBS_READING waits for */
	bool late_event; /* no event may come: see scene_is_current() */
};

/* How a request shows that it happened. */
struct obs_confirm {
	const char *request, *event;
	const char *member; /* of the event that must equal `want`, or the
			       request's member `of` when want is NULL */
	const char *want, *of;
	const char *failed;  /* a value that means it did not work */
	const char *failure; /* what to tell people then */
	const char *get;     /* asked after the answer, when no event need
				come because it was so already */
};

struct obs_session {
	struct obs_sink sink;
	enum obs_phase state;
	char *password;
	struct obs_facts facts, told;
	bool ever_told;
	bool changing; /* a scene collection or profile changes:
			  requests wait */
	struct obs_call calls[OBS_MAX_REQUESTS];
	uint64_t next_number;
	int reads_left;	     /* answers that OBS_READING waits for */
	bool list_asked;     /* GetSceneList is under way because of an event */
	bool list_stale;     /* and another such event came since */
	bool asking_all;     /* calls made now are such reads */
	int64_t deadline_ms; /* of the handshake */
	int64_t figures_ms;  /* when to ask for figures next */

	/* Figures, put together of three answers. */
	int64_t stream_ms, record_ms, bytes, bytes_at_ms, kbps;
	int64_t skipped, total, dropped;
	double congestion, fps, free_mb;
};

/* obs_calls.c */
bool obs_call(struct obs_session *s, const char *id, const char *type,
	      json_object **data, int64_t now_ms);
void obs_calls_answer(struct obs_session *s, json_object *d, int64_t now_ms);
void obs_calls_event(struct obs_session *s, const char *type,
		     json_object *data);
void obs_calls_expire(struct obs_session *s, int64_t now_ms);
void obs_calls_fail(struct obs_session *s, const char *why);
void obs_calls_flush(struct obs_session *s);
int64_t obs_calls_next_ms(const struct obs_session *s);

/* obs_facts.c: what OBS said, put into facts and figures. */
void obs_facts_answer(struct obs_session *s, const char *type,
		      json_object *data, int64_t now_ms);
void obs_facts_event(struct obs_session *s, const char *type,
		     json_object *data);
void obs_facts_set(char **place, const char *text);
void obs_figures(struct obs_session *s);

/* obs.c: asks for everything once more. */
void obs_read_all(struct obs_session *s, int64_t now_ms);

#endif
