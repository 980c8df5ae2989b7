/*
 * conductor: what the files of the engine share. Private to engine/.
 *
 * Everything here belongs to the engine thread. What was decided together is a
 * batch: its events are one commit, its effects wait until that commit is
 * acknowledged, and batches are acknowledged in the order of their decisions.
 */
#ifndef ENGINE_CONDUCTOR_H
#define ENGINE_CONDUCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mailbox.h"
#include "core/core.h"
#include "engine/alerts.h"
#include "engine/bursts.h"
#include "engine/day.h"
#include "engine/engine.h"
#include "engine/gateway.h"
#include "engine/keeper.h"
#include "engine/limits.h"
#include "engine/rehearse.h"
#include "engine/rollback.h"
#include "engine/trim.h"
#include "jobs/pool.h"
#include "net/net.h"
#include "store/server.h"
#include "store/tail.h"
#include "store/writer.h"

#define MAILBOX_ITEMS	  16384
#define HELD_ITEMS	  4096 /* while Redis is away */
#define BATCHES		  64   /* in flight */
#define BATCHES_SPARE	  4    /* kept for a panic while Redis is away */
#define WRITER_ITEMS	  4096 /* more than that unanswered: take nothing new */
#define ROUND_INPUTS	  256  /* taken from the mailbox before a look around */
#define COMMIT_EVENTS	  512  /* a commit is sent when it has that many */
#define RENEW_MS	  250
#define REPORT_MS	  1000
#define TALLY_MS	  100
#define BURSTS_LOOK_MS 250
#define BRAKE_MS	  300  /* a panic waits that long for Redis */
#define LAST_MS		  5000 /* between two writings of last.json */
#define STOP_MS		  5000 /* an orderly stop waits that long for Redis */
#define LINGER_MS	  300  /* readers see the end before Redis goes */
#define LINGER_CONSOLE_MS 1500

/* Where an input stands on the bus; acknowledged once its events are stored. */
struct receipt {
	const char *stream;
	char *entry;
};

struct batch {
	uint64_t tag;	/* of its commit */
	bool sent;	/* it has events; else it waits for those before */
	bool stored;	/* and they are acknowledged */
	bool brake;	/* a panic: see engine_brake() */
	int64_t now_ms; /* show time of the decision */
	struct decision made;
	struct receipt *receipts;
	size_t receipt_count, receipt_cap;
};

enum engine_end {
	END_NOT,
	END_ASKED, /* stop, SIGTERM, SIGINT */
	END_RUN_DONE,
	END_RUN_FAILED,
	END_FENCED,
	END_BROKEN,
};

/* Inputs that wait inside the engine, oldest first. */
struct waiting {
	struct input **items;
	size_t head, count, cap;
};

/* The snapshot made last. */
struct keep {
	bool out; /* the keeper works on the next one */
	char told[sizeof((struct err *)0)->text]; /* the trouble with it */
	uint64_t seq;
	char run[sizeof((struct run *)0)->id];
	size_t bytes;
	int64_t at_ms, not_before_ms; /* mono */
	int64_t flood_not_before_ms;
};

struct engine {
	const struct engine_settings *settings;
	struct show *show; /* of the run: the file's, or the stored one */
	char *state_dir;
	int lock_fd, signal_fd;
	int ready_fd; /* -1: nobody waits for a word any more */
	char host[65];
	int former_pid;	   /* of the core that led from this folder before */
	bool stood_by;	   /* it took over from a core that was alive */
	bool stays_over;   /* a run that is over is not followed by another */
	bool stepped_down; /* it led before, and was fenced */
	bool by_signal;	   /* END_ASKED came as a signal */
	struct redis_server *server; /* NULL: a shared Redis */
	struct address *address;
	struct writer *writer;
	struct model *m;
	struct mailbox *box;
	struct net *net; /* NULL with no_http */
	struct pool *pool;
	struct tail *tail;
	struct rehearse *rehearse; /* NULL: a live run */
	struct rollback *rollback; /* NULL: none was asked for */
	struct trim *trim;
	struct alerts alerts;
	struct gateway *gateway;   /* NULL: no model can be called by us */

	struct batch batches[BATCHES];
	size_t batch_first, batch_count; /* in flight */
	struct batch open;		 /* being decided */
	uint64_t next_tag;
	struct waiting local;	/* answers of the engine itself */
	struct waiting held;	/* what came while Redis was away */
	struct ballots *ballots, **ballots_end; /* on their way through Redis */
	struct limits *limits;
	struct bursts *bursts;
	int64_t bursts_at_ms; /* mono: the next search; 0: nothing was voted */
	bool *tally_stale; /* by stage: votes came since the last look */
	bool any_tally_stale;
	int counts_out; /* polls being counted */

	int64_t clock_real_ms, clock_show_ms; /* where the show clock began */
	int64_t last_ms; /* newest show time given to the core */
	bool meters; /* of OBS are wanted */
	int64_t renew_at_ms, report_at_ms, tally_at_ms, last_at_ms; /* mono */
	uint64_t last_seq, report_seq; /* what last.json and the report saw */
	bool away, away_told;
	char away_why[64]; /* writer_brief_away() when it was told */
	struct keep keep;
	struct keeper *keeper;
	uint64_t mended; /* what was told of writer_mended() */
	uint64_t brake_tag;  /* a panic's commit in flight; 0: none */
	int64_t brake_at_ms; /* mono: when it acts all the same */
	bool brake_insists;  /* the newest was a second press */
	bool opened;	     /* all of engine_open() was done */
	bool said_ready;
	int64_t pages_at_ms; /* mono: when pages are given back; 0: they were */
	int64_t run_began_us; /* mono, for settings->run_us */

	enum engine_end end;
	int64_t end_at_ms;	 /* mono: when the stop stops waiting */
	int64_t linger_until_ms; /* mono */
	int signals;
	char end_text[200];
};

/* clock and loop, engine.c */
int64_t engine_now_ms(const struct engine *e);
void engine_end(struct engine *e, enum engine_end end, const char *text);

/* start.c: everything that a live core holds */
bool engine_open(struct engine *e, struct err *err);
void engine_close(struct engine *e);
/* One line to whoever started this core, the first time. */
void engine_say(struct engine *e, const char *line);
void engine_say_ready(struct engine *e);
void engine_say_error(struct engine *e, const struct err *err);

/* stand_by.c */
/* Waits for the lease. False with err: it cannot be had; without: told to stop,
 * or the show was stopped (e->end). */
bool engine_take_lead(struct engine *e, int64_t *epoch, struct err *err);

/* batch.c */
/* Decides one input (moved in) at that show time; its events and effects join
 * the open batch. */
void engine_decide(struct engine *e, struct input **input, int64_t now_ms);
/* Sends the open batch to the store, if it holds anything. */
void engine_commit(struct engine *e);
/* Takes what the store has answered; acts on what is acknowledged. */
void engine_take_outcomes(struct engine *e);
/* Acts on what is stored, as long as nobody else can lead. */
void engine_finish_stored(struct engine *e);
bool engine_can_decide(const struct engine *e);
bool engine_at_rest(const struct engine *e); /* nothing is under way */
void engine_drop_batches(struct engine *e);
/* The brake. Decides a panic and sends it to the store; what has to happen now
 * (the safe scene, the end of calls) does not wait longer than BRAKE_MS for
 * Redis, and not at all while it is known to be away. Once another core may
 * lead (a shared Redis that has been away for longer than a lease lasts) only
 * our own calls are ended: OBS may be that core's by now. Whoever asked is told
 * so, and a second press (`panic all`) acts on OBS all the same. */
void engine_brake(struct engine *e, struct input **input);
/* Checks that call agents over the bus. */
bool engine_check_is_for(const struct input *in);
void engine_check_take(struct engine *e, struct input **input);
void brake_tick(struct engine *e, int64_t mono_ms);

void waiting_add(struct waiting *w, struct input **input);
struct input *waiting_take(struct waiting *w); /* or NULL */
void waiting_drop(struct waiting *w);

/* act.c */
void engine_act(struct engine *e, struct effect *effect, int64_t now_ms);
void engine_reply(struct engine *e, const struct origin *origin, bool ok,
		  const char *code, const char *text);
/* Takes `*message`, gives it topic and time, and sends it on `live`. */
void engine_live(struct engine *e, const char *topic, json_object **message);

/* tally.c */
void tally_vote(struct engine *e, struct effect *effect);
void tally_voted(struct engine *e, const struct writer_done *done);
void tally_drop(struct engine *e); /* what is on its way, at the end */
/* That burst has its number: its votes are marked. */
void tally_burst(struct engine *e, const struct effect *effect);
/* `close` says which closing of the poll it is for. */
void tally_count(struct engine *e, int stage, int close);
void tally_counted(struct engine *e, const struct writer_done *done);
void tally_look(struct engine *e, int stage); /* show it soon */
void tally_report(struct engine *e); /* once a second: the open ones again */
void tally_tick(struct engine *e, int64_t mono_ms);

/* keep.c */
void keep_tick(struct engine *e, int64_t mono_ms);
int64_t keep_due_ms(const struct engine *e); /* mono; -1: nothing to keep */
void keep_last(struct engine *e); /* at an orderly stop */

/* report.c */
void report_tick(struct engine *e, int64_t mono_ms);
void report_write_last(struct engine *e, const char *mode);
void report_link(struct engine *e); /* Redis went away, or came back */

#endif
