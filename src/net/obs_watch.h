/*
 * obs_watch: what a session with OBS keeps an eye on: figures once a second,
 * levels of its inputs, and what of them is an alarm by the show file
 * (`obs.alarms`). Part of a session, on its thread; no socket, time given.
 *
 * An alarm is told when it comes, when it goes, and once at each connection
 * how it is; while it is up it is told again and again, for the core forgets
 * alarms with a new run. The core takes each once. Nothing is said of what is
 * not known: while OBS is away its alarms stay as they were, and that it is
 * away is an alarm of its own.
 */
#ifndef NET_OBS_WATCH_H
#define NET_OBS_WATCH_H

#include "base/json.h"
#include "core/obs_facts.h"
#include "show/show.h"

#define OBS_METERS_MAX	  64
#define OBS_LOOK_MS	  2000	 /* at picture and sources, on air */
#define OBS_LEVEL_LEAST	  (-100) /* dB: silent */
#define OBS_DROPS_SECONDS 10

enum obs_alarm {
	OBS_ALARM_LINK,
	OBS_ALARM_STREAM,     /* reconnecting, or ended by itself */
	OBS_ALARM_CONGESTION, /* or frames that the network drops */
	OBS_ALARM_DISK,
	OBS_ALARM_SILENCE,
	OBS_ALARM_BLACK,
	OBS_ALARM_SOURCES,
	OBS_ALARMS,
};

/* Where it speaks to. */
struct obs_watch_sink {
	void *who;
	void (*alarm)(void *who, const char *id, bool up, const char *text);
	void (*meters)(void *who, const char *json);
};

struct obs_figures {
	int64_t stream_ms, record_ms, kbps, dropped, total;
	int64_t skipped, encoder_skipped;
	double congestion, fps, free_mb, cpu, memory_mb;
};

struct obs_level {
	char *name;
	int db, shown_db; /* the peak since they were told last; told last */
	bool heard;	  /* it was among the last samples */
};

struct obs_watch {
	struct obs_watch_sink sink;
	const struct show_obs *show; /* lent; NULL: nothing is an alarm */
	bool ready, was_ready;
	struct obs_figures f;
	/* The bitrate is between two answers, some time apart. */
	int64_t bytes, bytes_at_ms;
	struct {
		int64_t dropped, total;
	} drops[OBS_DROPS_SECONDS];
	int drop_count;
	int congested; /* answers in a row; negative: clear in a row */
	bool streaming, reconnecting, stopping, broke, recording;

	bool meters_shown; /* somebody looks */
	struct obs_level levels[OBS_METERS_MAX];
	int level_count;
	int64_t sound_at_ms; /* the last that was not silent, or air began */
	int64_t heard_at_ms; /* the last samples, whatever they say */
	int64_t told_at_ms;  /* of the meters */

	int64_t look_at_ms; /* when next; 0: not on air */
	int64_t lit_at_ms;  /* when the picture was last not black */
	bool black_known;
	struct obs_names hidden; /* sources in the program that are not shown */
	struct obs_still {	 /* media that are to play */
		char *name;
		int64_t cursor_ms, moved_at_ms;
		bool playing;
	} stills[8];
	int still_count;
	int64_t sources_at_ms; /* since when one of them does not feed; 0 */

	struct {
		bool known, up;
		int64_t told_at_ms;
		char *text;
	} alarms[OBS_ALARMS];
};

void obs_watch_init(struct obs_watch *w, const struct obs_watch_sink *sink,
		    const struct show_obs *show);
void obs_watch_release(struct obs_watch *w);

void obs_watch_ready(struct obs_watch *w, int64_t now_ms);
void obs_watch_lost(struct obs_watch *w, const char *why, int64_t now_ms);
/* `request`: what was asked with, NULL: nothing. */
void obs_watch_answer(struct obs_watch *w, const char *type,
		      json_object *request, json_object *data, int64_t now_ms);
void obs_watch_event(struct obs_watch *w, const char *type, json_object *data,
		     int64_t now_ms);
void obs_watch_tick(struct obs_watch *w, const struct obs_facts *facts,
		    int64_t now_ms);

bool obs_watch_on_air(const struct obs_watch *w);
/* Whether OBS should send levels: only while somebody looks, or dead air is
 * watched for. */
bool obs_watch_wants_meters(const struct obs_watch *w);
/* The figures as live `obs`, without `topic` and `at`. */
void obs_watch_put(const struct obs_watch *w, json_object *o);

/* obs_meters.c */
void obs_meters_take(struct obs_watch *w, json_object *data, int64_t now_ms);
void obs_meters_forget(struct obs_watch *w);
bool obs_meters_silent(const struct obs_watch *w, int64_t now_ms);

/* obs_look.c: the picture and the sources; what is asked for them is a request
 * type with its data (the caller puts), one at each call until it is NULL. */
struct obs_look {
	const char *type;
	json_object *data;
};
struct obs_look obs_look_next(struct obs_watch *w,
			      const struct obs_facts *facts, int *step);
void obs_look_answer(struct obs_watch *w, const char *type,
		     json_object *request, json_object *data, int64_t now_ms);
/* What does not feed, in words; "": all do. Caller frees. */
char *obs_look_sources(const struct obs_watch *w, const struct obs_facts *facts,
		       int64_t now_ms);
void obs_look_forget(struct obs_watch *w);
/* -1: no picture that can be read; else its brightest part, 0..255. */
int obs_look_brightest(const char *data_url);

#endif
