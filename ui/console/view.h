/*
 * view: all that one console knows and shows: its own model, folded from the
 * events of the feed; what came over `live`; how old each of these is; and what
 * the operator has selected, opened and asked for.
 *
 * No terminal, no Redis and no clock here: time is passed in, commands to the
 * core are left in the outbox, and the app carries both. So all of it runs in
 * tests. One thread.
 */
#ifndef CONSOLE_VIEW_H
#define CONSOLE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "console/dialog.h"
#include "console/layout.h"
#include "core/actions.h"
#include "core/model.h"
#include "store/feed.h"

#define VIEW_SILENT_MS 3000 /* no word from the core: no longer trusted */
#define VIEW_AWAY_MS                                                           \
	10000 /* the same when its last word was that it lost                  \
		 Redis: it speaks at each try to come back */
#define VIEW_TOO_EARLY_MS                                                      \
	300		      /* a key so soon after a change was meant for    \
				 what stood there before */
#define VIEW_TWICE_MS	 3000 /* for keys that are pressed twice */
#define VIEW_PENDING_MAX 16

enum view_end { VIEW_GOES_ON, VIEW_LEFT, VIEW_STOPPED };

/* Whether a core of the show is alive, as far as this machine can tell. */
enum view_alive {
	ALIVE_UNKNOWN, /* none here; elsewhere one may be */
	ALIVE_HERE,
	ALIVE_NOWHERE, /* none here, and no other can lead */
};

/* Show time, carried on between the core's own statements of it. */
struct view_pace {
	bool known;
	int64_t mono_ms, show_ms;
	double rate; /* 1; a rehearsal may run faster */
};

struct view_link {
	bool caught_up, lost, broken;
	bool no_snapshot; /* one did not fit: read all events */
	int64_t lost_mono_ms;
	char *why; /* lost or broken: for people */
	bool leader_known;
	char leader[128];	    /* "" when nobody leads... */
	int64_t leaderless_mono_ms; /* ...since then */
	char led_last[128];	    /* the last one that did */
	int64_t told_until_mono_ms; /* that another one does */
	enum view_alive alive;	    /* while it is not heard of */
};

struct view_core { /* live `core` */
	bool known;
	int64_t mono_ms, at_ms;
	int64_t events_per_s, queue, redis_away_ms, rss_kb;
	char redis_why[64];   /* while it is away from Redis */
	char redis_fsync[16]; /* "": not known */
	double redis_rtt_ms;  /* smoothed */
	double shown_rtt_ms;  /* follows only what is worth a look */
};

#define VIEW_FIGURES_MS 3000 /* they come once a second */
struct view_obs {	     /* live `obs` */
	bool known;
	int64_t mono_ms;
	int64_t stream_ms, record_ms, kbps, dropped, total, skipped, free_mb;
	int64_t late; /* frames drawn too late, since the figures before */
	double congestion, fps;
};

#define VIEW_METERS 32
struct view_meters { /* live `meters` */
	int64_t mono_ms;
	int count;
	struct {
		char name[64];
		int db;
	} items[VIEW_METERS];
};

struct view_chat { /* live `chat` */
	bool known;
	int64_t lines_per_s, votes_per_s;
};

#define VIEW_VOTE_SECONDS 120
#define VIEW_VOTE_SAMPLES 8
struct view_tally { /* live `tally` of a poll */
	int stage;
	int64_t opened_ms; /* which opening of it */
	int64_t mono_ms;
	int64_t total, counts[SHOW_MAX_OPTIONS];
	struct ballots_sum from;
	struct {
		int64_t mono_ms, total;
	} samples[VIEW_VOTE_SAMPLES];
	int sample_count;
	int64_t second;			       /* of the newest here, mono */
	int64_t per_second[VIEW_VOTE_SECONDS]; /* a ring, by second */
};

struct view_polls {		  /* poll_choice.h */
	int chosen;		  /* by a key, -1: none... */
	int64_t chosen_opened_ms; /* ...in that opening */
	int shown;		  /* -1: none */
	int64_t shown_mono_ms;	  /* since when, if by itself; else 0 */
};

struct view_flash {
	char text[256];
	enum style style;
	int64_t until_mono_ms;
};

/* A command that the app has yet to send. */
struct view_command {
	enum action_id action;
	char *args[ACTION_MAX_ARGS];
	int arg_count;
	char *reason; /* NULL: none */
};

#define VIEW_ACTS 32
struct view_act {	/* what a person did, or what ended by itself */
	int64_t at_ms;	/* show time */
	bool heard;	/* it came while this console looked */
	bool other;	/* and it was another person */
	char text[280]; /* who, and what; clean */
};

struct view_pending {
	char id[64];   /* "" is a free place */
	char text[64]; /* "approve i12" */
	enum action_id action;
	int arg_count;
	bool around; /* the bus, or that was tried */
	int64_t sent_mono_ms;
};

struct past; /* past.h */
struct view;

/* Where the operator looks back to; rewind.h. */
struct view_rewind {
	struct view *then; /* the show as it was; NULL: the show is live */
	uint64_t target;   /* the event that is to be shown */
	uint64_t missing;  /* an event that must be fetched for that, 0 */
	bool failed;	   /* it could not be */
	uint64_t seek_from; /* the stage nearest to that event is looked for, */
	bool seek_back;	    /* before it or behind it; 0: none is */
};

struct view {
	const struct show *show; /* lent by the model */
	char run_hash[72];	 /* of the show that the newest run is of; not
				    that of `show`: it was changed since */
	struct model *model;
	int64_t mono_ms, now_ms; /* of this frame; now_ms is show time */
	int64_t start_mono_ms;
	bool read_only;
	char by[160];	       /* who we are; "": not known */
	struct view_act acts[VIEW_ACTS]; /* a ring; view_act() */
	int act_count, act_newest;
	int64_t other_mono_ms; /* when we heard what another one did; 0: never */
	/* What the last answer refused, while who came first may yet be heard of;
	 * "": nothing. */
	char refused[64];
	int64_t refused_mono_ms;
	int64_t led_ms;	       /* show time: since when the core leads; 0 */
	char *vote_base;       /* "http://host:port" of the vote page, NULL */
	char *redis_url;       /* NULL: not known */

	int wants_check; /* its last result is to be read, -1: none */
	int check_page;  /* whose page was opened last */
	int player;      /* process that plays a sound, 0: none */
	bool listens;    /* what is read is to be heard, not shown */

	struct past *past; /* NULL in a view that is itself of the past */
	struct view_rewind rewind;
	uint64_t oldest; /* nothing before that event can be shown; 0:
			    all can, as far as is known */

	struct view_pace pace;
	struct view_link link;
	struct view_core core;
	struct view_obs obs;
	struct view_meters meters;
	bool meters_seen;	/* by the last picture: they are wanted */
	uint64_t scenes_hash;	/* of the names and the order of OBS's */
	int64_t scenes_mono_ms; /* since when that is so */
	struct view_chat chat;
	struct view_tally *tallies; /* of polls that go on, in any order */
	size_t tally_count, tally_cap;
	struct view_polls polls;
	char *progress; /* newest word of an agent, NULL */
	int progress_stage;

	enum pane focus; /* also PANE_INBOX */
	enum pane shown; /* the one pane, where only one has room */
	bool zoom;
	int selected[PANES];
	int top[PANES_AND_INBOX]; /* first row shown; kept by the panes */
	char item[24];		  /* selected inbox item, "" none */
	int64_t item_mono_ms;	  /* since when, for VIEW_TOO_EARLY_MS */
	int standby;		  /* stage that GO would release, -1 */
	int64_t standby_mono_ms;  /* since when, or of the last GO */
	int run_state;		  /* enum run_state; since when, */
	int64_t run_state_mono_ms; /* for VIEW_TOO_EARLY_MS */
	int64_t panic_mono_ms;	  /* of the last `!`; 0: none */
	int64_t ahead_mono_ms;	  /* the core took it, and as late as then the
				     log could not tell; 0: no such */
	int64_t resume_mono_ms;	  /* of the last `R`; 0: none */
	struct dialog dialog;
	struct view_flash flash;

	struct view_command *outbox;
	size_t out_count, out_cap;
	struct view_pending pending[VIEW_PENDING_MAX];
	uint64_t bell_seq; /* inbox items up to this one have rung */
	bool bell;	   /* ring once; the app clears it */
	char bell_text[160]; /* what for; clean */
	enum view_end end;
};

/* Takes a reference to `show`. */
struct view *view_new(const struct show *show, int64_t mono_ms);
void view_free(struct view **view);
/* Forgets what was folded, to read the log again from its start; with another
 * show when `show` is not NULL (takes a reference). */
void view_restart(struct view *v, const struct show *show);
/* The newest run is of another show file than the one that is folded with. */
bool view_is_outdated(const struct view *v);

/* Sets the time of what follows. `wall_ms` is this machine's show clock, used
 * until the core has said its own. */
void view_tick(struct view *v, int64_t mono_ms, int64_t wall_ms);
/* Takes in one item of the feed (which stays with the caller). */
void view_take(struct view *v, const struct feed_item *item);
/* After a batch of items: selections, standby, bell. */
void view_settle(struct view *v);
/* Monotonic ms at which the view changes by itself; never 0. */
int64_t view_next_change(const struct view *v);

/* A live message, already taken apart. live.c. */
void view_take_live(struct view *v, json_object *o);

/* What is wrong with the way from the core to us, for people; "" when nothing
 * is. Not "" means: values are old, draw them so. */
const char *view_trouble(const struct view *v, char *out, size_t out_bytes);
bool view_is_stale(const struct view *v);
/* No core leads, and none has taken over by now. */
bool view_has_no_core(const struct view *v);
/* The brake is on: as the log has it, or as the core has said. */
bool view_is_halted(const struct view *v);

/* The selected inbox item, or NULL. */
const struct inbox_item *view_item(const struct view *v);
/* False while a key could have been meant for the item before it. */
bool view_item_armed(const struct view *v);
bool view_standby_armed(const struct view *v);
/* The stage that asks most for a look: failed, held, standby, running, next to
 * come; -1 when none is left. */
int view_active_stage(const struct view *v);
/* Rows that a pane has for its selection. */
int view_rows(const struct view *v, enum pane pane);
/* Keeps row `row` of `rows` in sight, changing *top as little as possible. */
int view_keep_in_sight(int *top, int row, int rows, int room);

/* Figures of OBS that are not too old; false: they say nothing of now. */
bool view_has_figures(const struct view *v);

/* What came live of a poll as it is open now; NULL: nothing. */
const struct view_tally *view_tally(const struct view *v, int stage);
/* Votes of a poll, newest first-hand knowledge: live while it is open, else
 * what the log says. */
const int64_t *view_counts(const struct view *v, int stage, int64_t *total);
double view_votes_per_s(const struct view *v, int stage);
/* Votes that came in the second that was so many ago. */
int64_t view_votes_in(const struct view *v, const struct view_tally *tally,
		      int seconds_ago);
/* Tokens a minute over the last minutes; 0: nothing was spent. */

/* What people did, 0 is the newest of act_count. */
const struct view_act *view_act(const struct view *v, int i);

void view_flash(struct view *v, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Leaves a command in the outbox; NULL arguments end the list. Refused with a
 * flash in a read-only console. */
bool view_ask(struct view *v, enum action_id action, const char *arg1,
	      const char *arg2, const char *arg3, const char *reason);
/* The same with as many arguments as an action may have, ended by NULL. */
bool view_ask_all(struct view *v, enum action_id action,
		  const char *const *args, const char *reason);
/* The app has sent outbox[0], which got this id; moves it to `pending`. */
struct view_pending *view_sent(struct view *v, const char *id);
bool view_is_pending(const struct view *v, enum action_id action);

#endif
