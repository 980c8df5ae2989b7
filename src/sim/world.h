/*
 * world: what the files of the simulator share. Private to sim/.
 *
 * Time is in ms of the virtual clock. Whatever happens later lies in one heap
 * of `due` things, so that a story depends on nothing but its plan. A core in
 * here obeys the order of the real one: decide, remember, act.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/text.h"
#include "core/core.h"
#include "core/snapshot.h"
#include "show/show.h"
#include "sim/dice.h"
#include "sim/sim.h"

#define SIM_BATCHES  64 /* in flight; a few more for a panic while away */
#define SIM_SPARE    4
#define SIM_ROUND    64	 /* events in one commit */
#define SIM_SNAPSHOT 120 /* events between two snapshots */

#define SIM_OPTIONS 4 /* no poll has more */
#define SIM_BURSTS  2 /* of a poll, that votes are marked as */

/* What the store has of a poll. */
struct sim_count {
	int all[SIM_OPTIONS];
	int of_burst[SIM_BURSTS][SIM_OPTIONS]; /* of these */
};

/* --- what comes to a core ---------------------------------------------- */

enum post_kind {
	POST_COMMAND,
	POST_ANSWER,
	POST_VOTE,
	POST_OBS,
	POST_OBS_DONE,
	POST_TALLY,
	POST_BURST, /* the engine found one */
	POST_ALARM,
	POST_LEAD,
	POST_RESUMED,
	POST_BEGIN,
};

/* An input to be. Those from the bus stay until they are acknowledged, and come
 * to the next core if this one dies; the others die with the one they were
 * meant for. */
struct post {
	enum post_kind kind;
	bool bus;
	bool taken; /* by a core that has not acknowledged it */
	bool early; /* panic while the store is away */
	int life;   /* of the core that it is for; -1: of any */
	uint64_t order;
	char id[40], by[24];
	enum action_id action;
	char args[4][72];
	/* Answers. Indices beyond the show are names that it does not know. */
	int stage, agent, attempt;
	int run, call; /* and attempt that it really answers, for its key */
	char lease[100];
	uint64_t mark; /* of the deed */
	bool ok, reached, has_lease;
	char code[16];
	int64_t tokens, needs, cost;
	int confidence; /* percent; -1 */
	int shape;	/* of the result */
	/* Votes and polls. */
	int option;
	struct sim_count count;
	/* OBS. */
	int scene; /* index into sim_scenes; -1: not connected */
	bool attended;
	struct post *next;
};

struct posts { /* a queue */
	struct post *first, *last;
};
void posts_add(struct posts *q, struct post *p);
void posts_push(struct posts *q, struct post *p); /* at the front */
struct post *posts_take(struct posts *q);	  /* or NULL */

/* --- the store ---------------------------------------------------------- */

struct entry {		     /* of a commit on its way */
	const char *text;    /* of its data; the simulator's */
	struct event *event; /* read back from the text */
	int decision;	     /* which one made it */
};

/* One event of the log, as text; the rest is as good as text: small and the
 * same for ever. */
struct line {
	const char *text; /* the simulator's */
	int64_t at_ms;
	int run;
	short type, stage, agent; /* -1: none */
};

struct ballot_box { /* by stage */
	bool open;
	struct sim_count tally;
	signed char *votes;  /* by voter: option, -1 */
	signed char *bursts; /* by voter: that the vote is of; 0: none */
};

#define SIM_VOTERS 40
#define SIM_DAY_MS 20000


struct store {
	struct line *log;
	size_t count, cap;
	int64_t epoch;
	bool away;
	struct ballot_box *boxes;
	uint64_t acked; /* seq that was acknowledged to anybody */
	char *snapshot; /* of the log up to event snapshot_seq; NULL: none */
	uint64_t snapshot_seq;
};

enum op_kind { OP_COMMIT, OP_OPEN, OP_FREEZE, OP_COUNT, OP_VOTE, OP_MARK };
enum op_outcome { OP_OK, OP_FENCED, OP_BROKEN, OP_DOUBLE, OP_CLOSED };

/* One thing asked of the store, in order; sent again when the link broke. */
struct op {
	enum op_kind kind;
	uint64_t tag;
	int stage, option, voter;
	bool may_change;
	int close; /* of a count */
	int burst; /* that a vote or a mark is of; 0: none */
	struct origin origin;
};

/* --- the core ----------------------------------------------------------- */

struct batch {
	uint64_t tag, first_seq;
	bool sent;
	struct entry *entries;
	size_t count, cap;
	struct effect *effects;
	size_t effect_count, effect_cap;
	struct posts receipts;
	char *digest; /* snapshot of the model after it; NULL: none is made */
	bool compare; /* it with what is folded from the log */
	int64_t epoch;
};

struct sim_core {
	int life;
	bool alive;  /* has a model and decides */
	bool frozen; /* SIGSTOP */
	bool knows_away;
	int64_t epoch;
	struct model *m;
	struct decision made;
	int64_t clock_off, last_ms; /* show time - virtual time */
	struct batch ring[SIM_BATCHES];
	size_t first, count;
	struct batch open;
	struct posts local;
	struct op *ops; /* asked and not answered, oldest first */
	size_t op_first, op_count, op_cap;
	uint64_t next_tag;
	int conn;		   /* of its link: what is older is lost */
	int64_t there_ms, back_ms; /* newest arrival each way: order is kept */
};

/* --- agents ------------------------------------------------------------- */

/* What an agent did for one attempt, and remembers. */
struct deed {
	int run, stage, agent, attempt;
	uint64_t mark;
	int calls, last_life;
	bool cancelled;
	struct post answer; /* its one answer to whoever asks */
	struct deed *next;
};

/* --- time --------------------------------------------------------------- */

enum due_kind {
	DUE_POST,   /* a post is there */
	DUE_ARRIVE, /* an op is at the store */
	DUE_ANSWER, /* its outcome is at the core */
	DUE_LINK,   /* a core tries to connect */
	DUE_BACK,   /* the store is back */
	DUE_LEAD,   /* somebody takes the lead */
	DUE_WAKE,   /* an old leader wakes up */
};

struct due {
	int64_t at_ms;
	uint64_t order;
	enum due_kind kind;
	int life, conn;
	uint64_t tag;
	enum op_outcome outcome;
	struct sim_count count;
	struct post *post;
};

extern const char *const sim_scenes[3];

struct audit;

struct sim {
	const struct sim_plan *plan;
	struct sim_result *result;
	struct show *show;
	int64_t now_ms;
	uint64_t next_order, next_mark;
	struct due *heap;
	size_t due_count, due_cap;
	struct store store;
	struct sim_core **cores; /* by life; those that are over stay */
	size_t core_count, core_cap;
	size_t first_alive;	/* no core below it is alive */
	struct sim_core *lead;	/* NULL: nobody */
	struct posts mail;	/* waits for a core */
	struct post *spare;	/* memory */
	struct model *follower; /* folded from the log alone */
	struct audit *audit;
	struct deed **deeds; /* by stage and agent, newest first */
	bool calm;	     /* everybody helps */
	uint32_t faults;     /* of this seed, by enum sim_fault */
	int decision, runs, next_command;
	int crash_in;	   /* moments until the core dies; 0: it does not */
	int scene;	   /* of OBS; -1: not connected */
	bool planted;	   /* the defect is in */
	struct dice thumb; /* when to put it in */
	char old_items[8][24];
	bool *told; /* by command: it was answered */
	size_t told_cap;
	int64_t since_check, since_snapshot;
	struct arena texts; /* of all events */
	struct buf print;   /* one of them, while it is made */
};

/* Dice for the weather: the same at the same moment, whatever else is left out
 * of the story. */
struct dice sim_air(const struct sim *s, uint64_t what);
bool sim_has(const struct sim *s, enum sim_fault fault);
/* Says what broke; the first counts. */
void sim_fail(struct sim *s, const char *invariant, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool sim_failed(const struct sim *s);
/* A line of the story. */
void sim_say(struct sim *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
#define SAY(s, ...)                                                            \
	do {                                                                   \
		if ((s)->plan->story_fd)                                       \
			sim_say(s, __VA_ARGS__);                               \
	} while (0)

/* time.c */
struct due *due_add(struct sim *s, enum due_kind kind, int64_t at_ms);
void time_pass(struct sim *s, int64_t ms);
void time_jump(struct sim *s, int64_t ms); /* everything is late by that */
void time_drain(struct sim *s);		   /* till nothing is under way */
struct post *post_new(struct sim *s, enum post_kind kind);
void post_free(struct sim *s, struct post *p);
void post_send(struct sim *s, struct post *p, int64_t after_ms);
/* The idempotency key of a call, as its agents expect it. Caller frees. */
char *key_of(int run, const char *stage, int attempt);
struct input *post_input(const struct sim *s, const struct post *p);

/* Votes of a burst come from few addresses, each of which has some voters. */
static inline bool sim_is_of_burst(int voter, int burst)
{
	return voter % 4 == burst;
}

/* store.c */
void store_init(struct sim *s);
void store_release(struct sim *s);
/* Event `i` + 1 of the log, read again. Caller frees. */
struct event *store_read(const struct sim *s, size_t i);
void store_arrive(struct sim *s, const struct due *due);
void store_ask(struct sim *s, struct sim_core *c, struct op op);
void store_resend(struct sim *s, struct sim_core *c);
void store_leave(struct sim *s, int64_t for_ms);
void store_back(struct sim *s);
void link_cut(struct sim *s, struct sim_core *c);

/* lives.c, conduct.c: the simulated engine */
void core_take_lead(struct sim *s);
void core_die(struct sim *s, struct sim_core *c);
void core_freeze(struct sim *s, struct sim_core *c, int64_t for_ms);
void core_wake(struct sim *s, struct sim_core *c);
bool core_can_decide(const struct sim_core *c);
void core_decide_post(struct sim *s, struct sim_core *c, struct post *p);
void core_tick(struct sim *s, struct sim_core *c);
void core_commit(struct sim *s, struct sim_core *c);
void core_answered(struct sim *s, const struct due *due);
void core_pump(struct sim *s); /* mail to the leader, as far as it takes it */
/* The day of quotas at a time of the show: they are short here; 0 when the show
 * counts none. */
int32_t sim_day(const struct sim *s, int64_t now_ms);
int64_t core_now_ms(const struct sim *s, const struct sim_core *c);
void core_release(struct sim *s, struct sim_core *c);
/* What it took from the bus and did not acknowledge goes to the next one. */
void core_return_mail(struct sim *s, struct batch *b);
void core_fold_anew(struct sim *s, struct sim_core *c);
void core_batch_clear(struct sim *s, struct batch *b);
/* A moment at which the leader may die. True when it did. */
bool core_moment(struct sim *s, struct sim_core *c);

/* agents.c, people.c */
void agent_called(struct sim *s, struct sim_core *c, const struct effect *x);
void agent_cancelled(struct sim *s, const struct effect *x);
void agents_forget(struct sim *s);
const struct deed *agent_deed(const struct sim *s, uint64_t mark, int stage,
			      int agent);
void obs_asked(struct sim *s, struct sim_core *c, const struct effect *x,
	       bool early);
void people_told(struct sim *s, const struct effect *x);
/* Every command that was sent has been answered. */
void people_all_told(struct sim *s);
void people_step(struct sim *s, struct dice *d);
void people_help(struct sim *s);
void stray_step(struct sim *s, struct dice *d);

/* plant.c */
/* Tampers with what was decided; true when the log will differ from what the
 * core thinks, and its model has to be folded anew. */
bool plant_decided(struct sim *s, struct sim_core *c);
bool plant_now(struct sim *s, enum sim_plant plant);
/* The same, more than once in a story. */
bool plant_is(const struct sim *s, enum sim_plant plant);

#endif
